/* Many ordinary segments as one row for each direction. */
#include "ladder_fold.h"

#include "ladder_segment.h"

#include <stdio.h>

/* More than the largest MTU in use carries: the device joined or will split it. */
#define LARGEST_SEGMENT 9216
/* A rate is worth stating from here on. */
#define RATE_BYTES 100000

char *print_bytes(uint64_t bytes, char text[16])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    unsigned unit = 0;
    double value = (double)bytes;
    for (; value >= 999.5 && unit < 4; unit++)
        value /= 1000;
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(text, 16, "%.*f %s", decimals, value, units[unit]);
    return text;
}

void fold_add(struct fold *fold, const struct hf_note *note, const struct row *row)
{
    struct flow *flow = note->kind == HF_NOTE_IN ? &fold->in : &fold->out;
    if (fold->count++ == 0) {
        fold->first = *row;
        fold->first_at = note->at;
    }
    fold->last_at = note->at;
    flow->again += row->look == LOOK_AGAIN;
    flow->dropped += row->look == LOOK_DROPPED;
    if (note->len == 0) {
        flow->acks++;
        return;
    }
    flow->segments++;
    flow->bytes += note->len;
    if (note->len > flow->largest)
        flow->largest = note->len;
}

/* ---- rows ---- */

static void label_flow(const struct flow *flow, struct row *row)
{
    char bytes[16];
    if (flow->segments == 0) {
        snprintf(row->label, sizeof row->label, "%u ACK%s", flow->acks, flow->acks == 1 ? "" : "s");
        return;
    }
    const char *unit = flow->largest > LARGEST_SEGMENT ? "frame" : "segment";
    snprintf(row->label, sizeof row->label, "%u %s%s, %s", flow->segments, unit, flow->segments == 1 ? "" : "s",
             print_bytes(flow->bytes, bytes));
}

static void say_pace(const struct fold *fold, const struct flow *flow, struct row *row)
{
    char text[80];
    hf_ns took = hf_time_since(fold->last_at, fold->first_at);
    double ms = (double)took / HF_MS;
    if (flow->bytes < RATE_BYTES || took < HF_MS)
        snprintf(text, sizeof text, "in %.*f ms", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
    else if ((double)flow->bytes * 8 / (double)took >= 1)
        snprintf(text, sizeof text, "in %.0f ms, %.1f Gbit/s", ms, (double)flow->bytes * 8 / (double)took);
    else
        snprintf(text, sizeof text, "in %.0f ms, %.1f Mbit/s", ms, (double)flow->bytes * 8000 / (double)took);
    row_say(row, NO_STATE, INK_FAINT, text);
}

static void say_trouble(const struct flow *flow, struct row *row)
{
    char text[80];
    if (flow->again > 0) {
        snprintf(text, sizeof text, "%u sent again", flow->again);
        row_say(row, NO_STATE, INK_AGAIN, text);
    }
    if (flow->dropped > 0) {
        snprintf(text, sizeof text, "%u dropped", flow->dropped);
        row_say(row, NO_STATE, INK_BAD, text);
    }
}

static void make_row(const struct fold *fold, const struct flow *flow, enum arrow arrow, struct row *row)
{
    *row = (struct row){.at = fold->first_at, .arrow = arrow, .look = LOOK_FOLD, .left = NO_STATE};
    row->lasts = hf_time_since(fold->last_at, fold->first_at);
    label_flow(flow, row);
    if (flow->segments > 0)
        say_pace(fold, flow, row);
    say_trouble(flow, row);
}

unsigned fold_rows(const struct fold *fold, struct row rows[FOLD_ROWS])
{
    if (fold->count == 1)
        rows[0] = fold->first;
    if (fold->count <= 1)
        return fold->count;
    unsigned count = 0;
    bool in_leads = fold->in.bytes >= fold->out.bytes;
    for (unsigned i = 0; i < 2; i++) {
        bool is_in = (i == 0) == in_leads;
        const struct flow *flow = is_in ? &fold->in : &fold->out;
        if (flow->segments + flow->acks > 0)
            make_row(fold, flow, is_in ? ARROW_RIGHT : ARROW_LEFT, &rows[count++]);
    }
    return count;
}

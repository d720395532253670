/* How `handfast ss` says it. */
#define _GNU_SOURCE
#include "ss_print.h"

#include "ladder_fold.h"
#include "ladder_row.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GRID_COLUMNS = 4, STATE_WIDTH = 12, COUNT_WIDTH = 6 };

static void write_line(FILE *out, struct line *line)
{
    line_end(line);
    fwrite(line->text, 1, line->len, out);
}

/* ---- words ---- */

char *ss_print_age(int64_t ms, char text[16])
{
    long long s = ms / 1000;
    if (ms < 0)
        snprintf(text, 16, "-");
    else if (s < 60)
        snprintf(text, 16, "%lld.%llds", s, (long long)(ms % 1000 / 100));
    else if (s < 3600)
        snprintf(text, 16, "%lldm%02llds", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, 16, "%lldh%02lldm", s / 3600, s / 60 % 60);
    else
        snprintf(text, 16, "%lldd%02lldh", s / 86400 % 100000, s / 3600 % 24);
    return text;
}

struct note {
    char *text;
    size_t cap, len;
};

static void add_note(struct note *note, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_note(struct note *note, const char *format, ...)
{
    va_list arguments;
    if (note->len >= note->cap)
        return;
    if (note->len > 0)
        note->len += (size_t)snprintf(note->text + note->len, note->cap - note->len, "; ");
    if (note->len >= note->cap)
        return;
    va_start(arguments, format);
    note->len += (size_t)vsnprintf(note->text + note->len, note->cap - note->len, format, arguments);
    va_end(arguments);
}

static void note_ending(struct note *note, const struct socket_row *row)
{
    char bytes[16];
    if (row->error[0] != '\0')
        add_note(note, "%s", error_text_of_name(row->error));
    if (row->why[0] != '\0')
        add_note(note, "%s (%s)", reason_text_of_name(row->why), row->why);
    if (row->bytes_lost > 0)
        add_note(note, "%s never acknowledged", print_bytes(row->bytes_lost, bytes));
    if (row->state == HF_CLOSED && row->bytes_unread > 0)
        add_note(note, "%s never read", print_bytes(row->bytes_unread, bytes));
}

static void note_closing(struct note *note, const struct socket_row *row)
{
    if (row->closed_first == CLOSED_BY_US)
        add_note(note, "we closed first");
    if (row->closed_first == CLOSED_BY_PEER)
        add_note(note, "the peer closed first");
    if (row->state == HF_CLOSE_WAIT && row->age_ms >= 0 && !row->is_app_closed)
        add_note(note, "the application has not closed");
}

static void note_timer(struct note *note, const struct socket_row *row)
{
    char age[16];
    if (row->timer[0] == '\0')
        return;
    ss_print_age((int64_t)row->timer_ms, age);
    if (row->state == HF_TIME_WAIT)
        add_note(note, "%s left", age);
    else if (row->timer_tries > 0)
        add_note(note, "timer %s in %s, try %u", row->timer, age, row->timer_tries);
    else
        add_note(note, "timer %s in %s", row->timer, age);
}

char *ss_print_note(const struct socket_row *row, char *text, size_t cap)
{
    struct note note = {.text = text, .cap = cap};
    text[0] = '\0';
    note_closing(&note, row);
    note_timer(&note, row);
    note_ending(&note, row);
    if (row->advice[0] != '\0')
        add_note(&note, "%s", reason_text_of_name(row->advice));
    return text;
}

/* ---- counts and reasons ---- */

void ss_print_counts(FILE *out, const uint64_t counts[HF_STATE_COUNT], const struct terminal *terminal)
{
    struct line line;
    line_begin(&line, terminal);
    for (int i = 0; i < HF_STATE_COUNT; i++) {
        bool has_any = counts[i] > 0;
        int column = i % GRID_COLUMNS * (STATE_WIDTH + COUNT_WIDTH + 2);
        if (i > 0 && column == 0) {
            write_line(out, &line);
            line_begin(&line, terminal);
        }
        line_pad(&line, column);
        line_put(&line, has_any ? state_ink((enum hf_state)i) : INK_FAINT, hf_state_text((enum hf_state)i));
        line_pad(&line, column + STATE_WIDTH);
        line_print(&line, has_any ? INK_STRONG : INK_FAINT, "%*llu", COUNT_WIDTH, (unsigned long long)counts[i]);
    }
    write_line(out, &line);
}

static void print_reasons(FILE *out, const struct ss_source *source, const struct ss_style *style)
{
    json_t *reasons = json_object_get(source->process, "reasons");
    const char *name;
    json_t *count;
    struct line line;
    line_begin(&line, &style->terminal);
    line_put(&line, INK_FAINT, "     Count  Reason                        In words");
    write_line(out, &line);
    json_object_foreach(reasons, name, count)
    {
        line_begin(&line, &style->terminal);
        line_print(&line, INK_PLAIN, "%10lld  ", (long long)json_integer_value(count));
        line_print(&line, strncmp(name, "DROP_", 5) == 0 ? INK_AGAIN : INK_PLAIN, "%-28s  ", name);
        line_put(&line, INK_FAINT, reason_text_of_name(name));
        write_line(out, &line);
    }
}

/* ---- rows ---- */

/* The port of a listener's peer is any. */
char *ss_print_endpoint(const struct hf_endpoint *end, char text[SS_ENDPOINT_LEN])
{
    char addr[HF_ADDR_TEXT_LEN], port[8] = "*";
    hf_addr_print(&end->addr, addr);
    if (end->port != 0)
        snprintf(port, sizeof port, "%u", end->port);
    if (hf_addr_is_any(&end->addr))
        strcpy(addr, "*");
    bool is_v6 = strchr(addr, ':') != NULL;
    snprintf(text, SS_ENDPOINT_LEN, is_v6 ? "[%s]:%s" : "%s:%s", addr, port);
    return text;
}

struct widths {
    int local, remote;
};

static struct widths measure(const struct ss_source *source)
{
    struct widths widths = {.local = 18, .remote = 17};
    for (size_t i = 0; i < source->count; i++) {
        char text[SS_ENDPOINT_LEN];
        int local = text_columns(ss_print_endpoint(&source->rows[i].local, text));
        int remote = text_columns(ss_print_endpoint(&source->rows[i].remote, text));
        if (local > widths.local)
            widths.local = local;
        if (remote > widths.remote)
            widths.remote = remote;
    }
    return widths;
}

static void print_heading(FILE *out, const struct widths *widths, const struct terminal *terminal)
{
    struct line line;
    line_begin(&line, terminal);
    line_print(&line, INK_FAINT, "%-12s %6s %6s  %-*s  %-*s %7s %8s  %s", "State", "Recv-Q", "Send-Q",
               widths->local, "Local Address:Port", widths->remote, "Peer Address:Port", "Age", "In State",
               "Notes");
    write_line(out, &line);
}

enum { INFO_INDENT = 13 };

/* On a terminal, a note that does not fit goes on below; a pipe gets one line for each connection. */
static void put_note(FILE *out, struct line *line, enum ink ink, const char *note)
{
    if (line->terminal->is_live && line->columns + text_columns(note) > line->terminal->width) {
        write_line(out, line);
        line_begin(line, line->terminal);
        line_pad(line, INFO_INDENT);
    }
    line_put(line, ink, note);
}

static void print_row(FILE *out, const struct socket_row *row, const struct widths *widths,
                      const struct terminal *terminal)
{
    char local[SS_ENDPOINT_LEN], remote[SS_ENDPOINT_LEN], age[16], state_age[16], note[256];
    struct line line;
    line_begin(&line, terminal);
    line_print(&line, state_ink(row->state), "%-12s", hf_state_text(row->state));
    line_print(&line, INK_PLAIN, " %6llu %6llu  %-*s  %-*s %7s %8s  ", (unsigned long long)row->receive_queue,
               (unsigned long long)row->send_queue, widths->local, ss_print_endpoint(&row->local, local),
               widths->remote, ss_print_endpoint(&row->remote, remote), ss_print_age(row->age_ms, age),
               ss_print_age(row->state_age_ms, state_age));
    put_note(out, &line, row->error[0] != '\0' ? INK_BAD : INK_FAINT, ss_print_note(row, note, sizeof note));
    write_line(out, &line);
}

/* Appends a piece of information; what does not fit goes on below. */
static void add_info(FILE *out, struct line *line, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add_info(FILE *out, struct line *line, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (line->columns + 2 + text_columns(text) > line->terminal->width) {
        write_line(out, line);
        line_begin(line, line->terminal);
    }
    line_pad(line, line->columns == 0 ? INFO_INDENT : line->columns + 2);
    line_put(line, INK_FAINT, text);
}

static void print_info(FILE *out, const struct socket_row *row, const struct terminal *terminal)
{
    char bytes[16];
    struct line line;
    if (!row->has_info)
        return;
    line_begin(&line, terminal);
    add_info(out, &line, "rtt %.3f/%.3f ms", row->srtt_us / 1000.0, row->rttvar_us / 1000.0);
    add_info(out, &line, "rto %u ms", row->rto_ms);
    add_info(out, &line, "mss %u", row->mss);
    add_info(out, &line, "cwnd %u", row->cwnd);
    add_info(out, &line, "in flight %u", row->in_flight);
    add_info(out, &line, "sent %s", print_bytes(row->bytes_sent, bytes));
    add_info(out, &line, "received %s", print_bytes(row->bytes_received, bytes));
    add_info(out, &line, "retransmitted %u", row->retransmits);
    write_line(out, &line);
}

static void print_rows(FILE *out, const struct ss_source *source, const struct ss_style *style)
{
    struct widths widths = measure(source);
    if (!style->is_bare)
        print_heading(out, &widths, &style->terminal);
    for (size_t i = 0; i < source->count; i++) {
        print_row(out, &source->rows[i], &widths, &style->terminal);
        if (style->has_info)
            print_info(out, &source->rows[i], &style->terminal);
    }
}

/* ---- a whole ---- */

static long long number_of(const json_t *json, const char *key)
{
    return (long long)json_integer_value(json_object_get(json, key));
}

static void print_title(FILE *out, const struct ss_source *source, const struct terminal *terminal)
{
    struct line line;
    char age[16];
    line_begin(&line, terminal);
    if (source->process == NULL) {
        line_put(&line, INK_STRONG, "the kernel's TCP");
    } else {
        const json_t *usage = json_object_get(source->process, "usage");
        line_print(&line, INK_STRONG, "handfast %s", json_string_value(json_object_get(source->process, "verb")));
        line_print(&line, INK_FAINT, "  pid %lld  up %s  %lld of %lld connections in use, %lld at most so far",
                   number_of(source->process, "pid"), ss_print_age(number_of(source->process, "uptime_ms"), age),
                   number_of(usage, "connections"), number_of(usage, "connections_limit"),
                   number_of(usage, "connections_peak"));
    }
    write_line(out, &line);
}

static void print_source(FILE *out, const struct ss_source *source, const struct ss_style *style)
{
    if (style->is_bare) {
        print_rows(out, source, style);
        return;
    }
    print_title(out, source, &style->terminal);
    ss_print_counts(out, source->counts, &style->terminal);
    if (style->has_reasons && source->process != NULL) {
        fputc('\n', out);
        print_reasons(out, source, style);
    }
    if (style->has_funnel && source->process != NULL)
        ss_print_funnels(out, source, style);
    if (style->has_history)
        ss_print_history(out, source, style);
    else if (style->has_peers)
        ss_print_peers(out, source, style);
    else if (!style->is_summary) {
        fputc('\n', out);
        print_rows(out, source, style);
    }
}

void ss_print_text(FILE *out, const struct ss_sources *sources, const struct ss_style *style)
{
    for (unsigned i = 0; i < sources->count; i++) {
        if (i > 0 && !style->is_bare)
            fputc('\n', out);
        print_source(out, &sources->at[i], style);
    }
}

/* ---- JSON ---- */

static json_t *source_to_json(const struct ss_source *source)
{
    if (source->process != NULL)
        return json_deep_copy(source->process);
    json_t *json = json_pack("{s:s}", "type", "kernel"), *states = json_object();
    for (int i = 0; i < HF_STATE_COUNT; i++)
        json_object_set_new(states, hf_state_text((enum hf_state)i), json_integer((json_int_t)source->counts[i]));
    json_object_set_new(json, "states", states);
    return json;
}

static json_t *rows_to_json(const struct ss_source *source)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < source->count; i++)
        if (json_array_append_new(rows, socket_row_to_json(&source->rows[i])) < 0) {
            json_decref(rows);
            return NULL;
        }
    return rows;
}

static bool print_json(FILE *out, json_t *json, size_t flags)
{
    bool done = json != NULL && json_dumpf(json, out, flags) == 0;
    fputc('\n', out);
    json_decref(json);
    return done;
}

bool ss_print_json(FILE *out, const struct ss_sources *sources)
{
    json_t *whole = json_object(), *processes = json_array();
    bool is_kernel = sources->count == 1 && sources->at[0].process == NULL;
    for (unsigned i = 0; i < sources->count; i++) {
        json_t *json = source_to_json(&sources->at[i]);
        json_object_set_new(json, "connections", rows_to_json(&sources->at[i]));
        json_object_set_new(json, "peers", ss_peers_to_json(&sources->at[i]));
        if (is_kernel)
            json_object_set_new(whole, "kernel", json);
        else
            json_array_append_new(processes, json);
    }
    if (is_kernel)
        json_decref(processes);
    else
        json_object_set_new(whole, "processes", processes);
    return print_json(out, whole, JSON_INDENT(2));
}

bool ss_print_ndjson(FILE *out, const struct ss_sources *sources)
{
    bool done = true;
    for (unsigned i = 0; i < sources->count && done; i++) {
        const struct ss_source *source = &sources->at[i];
        done = print_json(out, source_to_json(source), JSON_COMPACT);
        for (size_t j = 0; j < source->count && done; j++) {
            json_t *row = socket_row_to_json(&source->rows[j]);
            if (source->process != NULL)
                json_object_set(row, "pid", json_object_get(source->process, "pid"));
            done = print_json(out, row, JSON_COMPACT);
        }
    }
    return done;
}

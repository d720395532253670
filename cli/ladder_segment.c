/* A segment of the history as a row of a ladder. */
#include "ladder_segment.h"

#include <stdio.h>

/* ---- numbers ---- */

static void learn_from_nobodys(struct numbers *n, const struct hf_note *note)
{
    bool is_in = note->kind == HF_NOTE_IN;
    if (is_in && !n->has_irs) {
        n->irs = note->seq;
        n->has_irs = true;
    }
    if (!n->has_iss && (!is_in || (note->flags & TCP_ACK))) {
        n->iss = is_in ? note->ack : note->seq;
        n->has_iss = true;
    }
}

/* A segment for no connection has numbers too: relative to what the first of them carried. What was learned stays: a
 * TIME-WAIT record has forgotten where it began. */
void numbers_learn(struct numbers *n, const struct hf_note *note)
{
    if (note_is_nobodys(note)) {
        learn_from_nobodys(n, note);
        return;
    }
    if (!n->has_iss)
        n->iss = note->iss;
    n->has_iss = true;
    if (!n->has_irs)
        n->irs = note->irs;
    n->has_irs = n->has_irs || note->irs != 0; /* not known before the peer's SYN */
}

/* The end of a segment in sequence space, SYN and FIN counted. */
static uint32_t end_of(const struct hf_note *note)
{
    return note->seq + note->len + !!(note->flags & TCP_SYN) + !!(note->flags & TCP_FIN);
}

/* What the peer sends a second time lies, with all it carries, before the end of what came. */
static bool came_before(struct numbers *n, const struct hf_note *note)
{
    uint32_t end = end_of(note);
    if (note->flags & TCP_RST)
        return false;
    if (n->has_in_end && (int32_t)(end - n->in_end) <= 0)
        return end != note->seq;
    n->in_end = end;
    n->has_in_end = true;
    n->has_in_fin = note->flags & TCP_FIN;
    return false;
}

/* ---- kinds ---- */

bool segment_was_dropped(const struct hf_note *note)
{
    return note->kind == HF_NOTE_IN && note->why != HF_ACCEPTED && note->why != HF_REASON_NONE;
}

static bool is_retransmission(const struct hf_note *note)
{
    return note->why == HF_WHY_SYN_AGAIN || note->why == HF_WHY_RETRANSMIT_TIMEOUT ||
           note->why == HF_WHY_RETRANSMIT_FAST || note->why == HF_WHY_LOSS_PROBE;
}

static enum look look_of(struct numbers *n, const struct hf_note *note)
{
    bool is_again = note->kind == HF_NOTE_IN ? came_before(n, note) : is_retransmission(note);
    if (segment_was_dropped(note))
        return LOOK_DROPPED;
    if (note->flags & TCP_RST)
        return LOOK_RESET;
    return is_again ? LOOK_AGAIN : LOOK_PLAIN;
}

bool segment_is_ordinary(const struct hf_note *note, const struct row *row)
{
    if (row->look != LOOK_PLAIN || note->wnd == 0 || segment_is_marked(note))
        return false;
    switch (note->why) {
    case HF_ACCEPTED:
    case HF_WHY_DATA:
    case HF_WHY_ACK_EVERY_SECOND:
    case HF_WHY_ACK_QUICK:
    case HF_WHY_ACK_DELAYED:
    case HF_WHY_ACK_NOW:
    case HF_WHY_WINDOW_UPDATE:
    case HF_WHY_LIMITED_TRANSMIT:
        return true;
    default:
        return false;
    }
}

/* ---- the label ---- */

static void add_flags(char *text, uint8_t flags)
{
    static const char letters[] = "FSRP.UEW";
    for (unsigned bit = 0; bit < 8; bit++)
        if (flags & (1u << bit))
            *text++ = letters[bit];
    if (flags == 0)
        *text++ = '-';
    *text = '\0';
}

/* Packetdrill's notation. A window tells a reader something where it is unscaled, or closed. */
static void label_segment(const struct numbers *n, const struct hf_note *note, bool has_window, struct row *row)
{
    bool is_in = note->kind == HF_NOTE_IN;
    uint32_t seq = note->seq - (is_in ? n->irs : n->iss);
    char flags[16], ack[32] = "";
    add_flags(flags, note->flags);
    if (note->flags & TCP_ACK)
        snprintf(ack, sizeof ack, " ack %u", note->ack - (is_in ? n->iss : n->irs));
    bool is_closed = note->wnd == 0 && !(note->flags & TCP_RST);
    const char *window = is_closed ? " win 0" : "";
    snprintf(row->label, sizeof row->label, "%s %u:%u(%u)%s%s", flags, seq, seq + note->len, note->len, ack,
             window);
    snprintf(row->brief, sizeof row->brief, "%s %u(%u)%s%s", flags, seq, note->len, ack, window);
    if (!is_closed && ((note->flags & TCP_SYN) || (has_window && !(note->flags & TCP_RST))))
        snprintf(row->more, sizeof row->more, " win %u", note->wnd);
}

static enum ink label_ink(const struct hf_note *note)
{
    if (note->flags & TCP_RST)
        return INK_BAD;
    if (note->flags & TCP_SYN)
        return INK_OPENING;
    return note->flags & TCP_FIN ? INK_CLOSING : INK_PLAIN;
}

/* ---- the words ---- */

/* In the engine one reason covers all that is acknowledged at once, and a FIN may ride on the last data. */
static const char *why_text(const struct numbers *n, const struct hf_note *note)
{
    if (note->why == HF_WHY_ACK_NOW)
        return n->has_in_fin && note->ack == n->in_end ? "acknowledges the FIN" : "hole opened or filled";
    if (note->why == HF_WHY_DATA && (note->flags & TCP_FIN))
        return "last data, and close";
    return hf_reason_text(note->why);
}

static void say_why(const struct numbers *n, const struct hf_note *note, struct row *row)
{
    char text[128];
    if (segment_was_dropped(note)) {
        snprintf(text, sizeof text, "dropped: %s", hf_reason_text(note->why));
        row_say(row, NO_STATE, INK_BAD, text);
    } else if (note->kind == HF_NOTE_OUT) {
        enum ink ink = note->flags & TCP_RST ? INK_BAD : INK_FAINT;
        row_say(row, NO_STATE, is_retransmission(note) ? INK_AGAIN : ink, why_text(n, note));
    } else if (row->look == LOOK_AGAIN) {
        row_say(row, NO_STATE, INK_AGAIN, "sent again");
    }
}

void segment_row(struct numbers *n, const struct hf_note *note, bool has_window, struct row *row)
{
    row->at = note->at;
    row->arrow = note->kind == HF_NOTE_IN ? ARROW_RIGHT : ARROW_LEFT;
    row->look = look_of(n, note);
    row->ink = label_ink(note);
    row->left = NO_STATE;
    label_segment(n, note, has_window, row);
    say_why(n, note, row);
}

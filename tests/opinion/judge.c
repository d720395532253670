/* What two answers have in common. See opinion.h. */
#include "opinion.h"

#include <errno.h>
#include <string.h>

/* ---- what is free ---- */

/* One challenge ACK in half a second for each connection; the kernel's own limits are off. */
static bool is_limited(const struct point *at)
{
    return at->ours->was_limited && !at->ours->has_answered;
}

/* ---- departures: docs/departures.md ---- */

static bool is_segment(const struct point *at, enum hf_reason why)
{
    return at->step->kind == STEP_SEGMENT && at->ours->why == why;
}

static bool is_without_timestamp(const struct point *at)
{
    return is_segment(at, HF_DROP_NO_TIMESTAMP);
}

/* The end of a step's segment, SYN and FIN counted. */
static uint32_t end_of(const struct step *step)
{
    return step->seq + step->len + ((step->flags & HF_TCP_SYN) != 0) + ((step->flags & HF_TCP_FIN) != 0);
}

/* Our answer to the script's first step. */
static const struct answer *answers_of(const struct point *at)
{
    return at->ours - (at->step - at->script->step);
}

/* Whether an earlier step was such a call. */
static bool has_called(const struct point *at, enum step_kind kind)
{
    for (const struct step *step = at->script->step; step < at->step; step++)
        if (step->kind == kind)
            return true;
    return false;
}

/* In a simultaneous open the kernel says its SYN's options again, whether the peer's SYN had them or not. */
static bool repeats_options(const struct point *at)
{
    return at->ours->syn == (HF_TCP_SYN | HF_TCP_ACK) && at->theirs->syn == at->ours->syn &&
           at->script->role == ACTIVE && (at->ours->syn_options & ~at->theirs->syn_options) == 0;
}

/* The kernel wants the echo of its SYN,ACK, though it has sent newer timestamps since. */
static bool wants_echo_of_syn(const struct point *at)
{
    return at->before->state == HF_SYN_RECEIVED && at->theirs->state == HF_SYN_RECEIVED &&
           at->ours->why == HF_ACCEPTED && (at->step->options & HF_OPT_TIMESTAMPS);
}

/* What had arrived can still be read from the kernel after a reset. */
static bool is_unread_after_reset(const struct point *at)
{
    bool has_read = at->step->kind == STEP_READ && at->ours->result < 0 && at->theirs->result >= 0;
    return at->ours->is_dead && at->ours->unread == 0 &&
           (has_read || at->theirs->unread > 0 || at->step->kind == STEP_READ);
}

/* A connection that was reset before it was accepted is still there to be accepted. */
static bool accepts_the_dead(const struct point *at)
{
    bool had_one = false;
    const struct answer *first = answers_of(at);
    for (const struct answer *next = first + 1; next < at->ours; next++)
        had_one |= next[-1].state >= HF_ESTABLISHED && (next->state == HF_CLOSED || next->state == HF_SYN_RECEIVED);
    return at->step->kind == STEP_ACCEPT && had_one;
}

static bool is_refused_text(const struct point *at)
{
    return is_segment(at, HF_DROP_DATA_AFTER_CLOSE) && at->ours->reset == (HF_TCP_RST | HF_TCP_ACK) &&
           at->theirs->reset == HF_TCP_RST;
}

/* Text from before RCV.NXT to beyond the FIN. */
static bool crosses_fin(const struct point *at)
{
    uint32_t beyond = at->step->seq + at->step->len - at->ours->acked;
    return is_segment(at, HF_DROP_DATA_AFTER_FIN) && (int32_t)beyond > 0 &&
           (int32_t)(at->step->seq - at->ours->acked) < 0;
}

/* The kernel's small record of TIME-WAIT answers whatever takes a number, and nothing else. */
static bool is_in_time_wait(const struct point *at)
{
    return at->step->kind == STEP_SEGMENT && at->before->state == HF_TIME_WAIT && !(at->step->flags & HF_TCP_RST);
}

/* A segment that ends where the window begins. */
static bool ends_at_left_edge(const struct point *at)
{
    return is_segment(at, HF_DROP_OUT_OF_WINDOW) && end_of(at->step) == at->before->acked;
}

/* The kernel's header prediction takes the expected segment without asking how old its ACK is. */
static bool has_old_ack_predicted(const struct point *at)
{
    return is_segment(at, HF_DROP_ACK_TOO_OLD) && at->step->seq == at->before->acked &&
           at->before->state == HF_ESTABLISHED;
}

/* Of an active open the kernel counts the SYN among what was acknowledged, and takes an ACK of the ISS. */
static bool has_acked_iss(const struct point *at)
{
    const struct answer *answer = answers_of(at);
    for (const struct step *step = at->script->step; step <= at->step; step++, answer++)
        if (step->kind == STEP_SEGMENT && step->ack == 0 && answer->why == HF_DROP_ACK_TOO_OLD)
            return true;
    return false;
}

static bool has_text_in_syn_ack(const struct point *at)
{
    return at->before->state == HF_SYN_SENT && at->step->kind == STEP_SEGMENT && (at->step->flags & HF_TCP_SYN) &&
           (at->step->len > 0 || (at->step->flags & HF_TCP_FIN));
}

/* In a simultaneous open the kernel takes any ACK that is not beyond its SYN for the ACK of it. */
static bool is_old_ack_in_syn_received(const struct point *at)
{
    return is_segment(at, HF_DROP_ACK_OF_SYN) && at->script->role == ACTIVE;
}

/* Whose peer had closed learns of a reset once from Handfast, and not from the kernel: end of the stream, or EPIPE. */
static bool is_reset_after_fin(const struct point *at)
{
    bool had_fin = false;
    for (const struct answer *answer = answers_of(at); answer < at->ours; answer++)
        had_fin |= answer->state == HF_CLOSE_WAIT || answer->state >= HF_CLOSING;
    bool is_told = at->ours->result == -ECONNRESET && (at->theirs->result == -EPIPE || at->theirs->result == 0);
    return had_fin && at->ours->is_dead && is_told;
}

static bool is_syn_in_syn_received(const struct point *at)
{
    return is_segment(at, HF_DROP_SYN_IN_WINDOW) && at->before->state == HF_SYN_RECEIVED;
}

/* Without ACK, SYN and RST the kernel does not look at anything else. */
static bool lacks_ack(const struct point *at)
{
    return at->step->kind == STEP_SEGMENT && !(at->step->flags & (HF_TCP_ACK | HF_TCP_SYN | HF_TCP_RST)) &&
           !at->theirs->has_answered;
}

static bool aborts_time_wait(const struct point *at)
{
    return at->step->kind == STEP_ABORT && at->before->state == HF_TIME_WAIT;
}

static bool resets_time_wait(const struct point *at)
{
    return is_segment(at, HF_DROP_TIME_WAIT_RST);
}

/* The kernel holds a FIN back as if it were text. */
static bool has_fin_for_closed_window(const struct point *at)
{
    return at->ours->has_sent_fin && !at->theirs->has_sent_fin && at->ours->sent_to == at->theirs->sent_to + 1;
}

/* A read of the kernel's ends before the urgent byte. */
static bool stops_at_urgent(const struct point *at)
{
    return at->step->kind == STEP_READ && at->theirs->result > 0 && at->theirs->result < at->ours->result;
}

static bool is_half_closed_in_syn_sent(const struct point *at)
{
    return at->step->kind == STEP_SHUTDOWN && at->before->state == HF_SYN_SENT && at->theirs->state == HF_CLOSED;
}

static bool is_closed_in_syn_received(const struct point *at)
{
    return (at->step->kind == STEP_SHUTDOWN || at->step->kind == STEP_CLOSE) &&
           at->before->state == HF_SYN_RECEIVED;
}

/* The number of the peer's FIN. */
static bool resets_at_fin(const struct point *at)
{
    bool had_fin =
        at->before->state == HF_CLOSE_WAIT || at->before->state == HF_LAST_ACK || at->before->state == HF_CLOSING;
    return at->step->kind == STEP_SEGMENT && at->step->flags & HF_TCP_RST && had_fin &&
           at->step->seq + 1 == at->before->acked && at->theirs->state == HF_CLOSED;
}

/* The kernel's small record of an orphan in FIN-WAIT-2 knows numbers of one direction only. */
static bool is_orphan(const struct point *at)
{
    return at->step->kind == STEP_SEGMENT && has_called(at, STEP_CLOSE) &&
           (at->before->state == HF_FIN_WAIT_1 || at->before->state == HF_FIN_WAIT_2);
}

/* In SYN-RECEIVED the kernel looks at the ACK before the sequence number. */
static bool resets_by_ack_first(const struct point *at)
{
    bool is_dropped_before = at->ours->why == HF_DROP_OUT_OF_WINDOW || at->ours->why == HF_DROP_PAWS;
    return at->before->state == HF_SYN_RECEIVED && at->step->flags & HF_TCP_ACK &&
           at->theirs->reset == HF_TCP_RST && is_dropped_before;
}

/* A reset of ours stays within a window that has shrunk, as everything without text does. */
static bool stays_in_window(const struct point *at)
{
    bool is_call = at->step->kind == STEP_CLOSE || at->step->kind == STEP_ABORT;
    return is_call && at->ours->reset == at->theirs->reset && at->ours->reset_seq < at->theirs->reset_seq;
}

enum { SMALL_WINDOW = 3000 };

/* The send window as two rules have it, in the peer's units. */
struct windows {
    uint32_t wl1, wl2, una; /* una: the kernel's rule takes whatever acknowledges something new */
    uint32_t rfc, kernel;
    uint32_t kernel_wl1;
};

static void take_windows(struct windows *w, const struct step *step)
{
    bool is_syn = step->flags & HF_TCP_SYN;
    bool newer = (int32_t)(step->seq - w->wl1) > 0 || (step->seq == w->wl1 && (int32_t)(step->ack - w->wl2) >= 0);
    bool newer_there = (int32_t)(step->ack - w->una) > 0 || (int32_t)(step->seq - w->kernel_wl1) > 0 ||
                       (step->seq == w->kernel_wl1 && step->win > w->kernel);
    if (is_syn || newer) {
        w->wl1 = step->seq;
        w->wl2 = step->ack;
        w->rfc = step->win;
    }
    if (is_syn || newer_there) {
        w->kernel_wl1 = step->seq;
        w->kernel = step->win;
    }
    if (is_syn || (int32_t)(step->ack - w->una) > 0)
        w->una = step->ack;
}

static struct windows windows_of(const struct point *at)
{
    struct windows w = {0};
    const struct answer *answer = answers_of(at);
    for (const struct step *step = at->script->step; step <= at->step; step++, answer++) {
        bool is_taken = answer->why == HF_ACCEPTED || answer->why == HF_DROP_DATA_AFTER_FIN;
        if (step->kind == STEP_SEGMENT && is_taken && !(step->flags & HF_TCP_RST))
            take_windows(&w, step);
    }
    return w;
}

/* RFC 9293 lets WL1 and WL2 alone decide. The kernel takes any window that comes with a new ACK, and of segments with
 * the same number only a larger one. */
static bool has_other_window(const struct point *at)
{
    struct windows w = windows_of(at);
    return w.rfc != w.kernel;
}

/* Into a small window the kernel sends whatever fills it, but no part of a segment that is short itself; and once it
 * has seen small windows only, its segments are half of them. */
static bool has_small_window(const struct point *at)
{
    const struct answer *answer = answers_of(at);
    for (const struct step *step = at->script->step; step <= at->step; step++, answer++)
        if (step->kind == STEP_SEGMENT && answer->why == HF_ACCEPTED && step->win <= SMALL_WINDOW)
            return true;
    return false;
}

/* Ours counts bytes, the kernel's counts segments, and both begin with ten, of which the kernel may wait for the last. */
static bool is_cwnd_full(const struct point *at)
{
    return (at->ours->is_cwnd_full || at->theirs->in_flight >= 9) && at->ours->queued > 0;
}

static bool takes_less(const struct point *at)
{
    return at->step->kind >= STEP_WRITE && at->step->kind <= STEP_WRITE_URGENT && at->ours->result > 0 &&
           at->theirs->result > 0;
}

/* ---- peers that contradict themselves ---- */

static bool is_taken(const struct point *at, const struct step *step)
{
    enum hf_reason why = answers_of(at)[step - at->script->step].why;
    return step->kind == STEP_SEGMENT && (why == HF_ACCEPTED || why == HF_DROP_DATA_AFTER_FIN) &&
           !(step->flags & (HF_TCP_SYN | HF_TCP_RST));
}

/* Text, or another FIN, that was said to lie behind the end of the stream. */
static bool has_text_beyond_fin(const struct point *at)
{
    for (const struct step *fin = at->script->step; fin <= at->step; fin++)
        for (const struct step *text = at->script->step; text <= at->step; text++)
            if ((fin->flags & HF_TCP_FIN) && is_taken(at, fin) && is_taken(at, text) &&
                ((int32_t)(end_of(text) - end_of(fin)) > 0 ||
                 (text->len > 0 && text->seq + text->len == end_of(fin) && !(text->flags & HF_TCP_FIN))))
                return true;
    return false;
}

/* A SYN that is sent again, and when. */
static bool repeats_syn(const struct point *at)
{
    return at->before->state == HF_SYN_SENT && at->theirs->syn == HF_TCP_SYN;
}

/* RFC 9293 calls it refused when a reset ends an active OPEN in SYN-RECEIVED. */
static bool is_refused(const struct point *at)
{
    return at->ours->result == -ECONNREFUSED && at->theirs->result == -ECONNRESET;
}

static bool ate_nothing(const struct point *at)
{
    return at->ours->result == -EPIPE && at->theirs->result == -ECONNRESET && has_called(at, STEP_SHUTDOWN);
}

/* The kernel's TS.Recent is not set by an ACK that is older than SND.UNA. */
static bool has_older_ack(const struct point *at)
{
    uint32_t newest = 0;
    bool is_older = false;
    for (const struct step *step = at->script->step; step <= at->step; step++)
        if (step->kind == STEP_SEGMENT && (step->flags & HF_TCP_ACK)) {
            if (step->tsval == at->ours->echoed)
                is_older = (int32_t)(step->ack - newest) < 0;
            newest = (int32_t)(step->ack - newest) > 0 && step->ack < INT32_MAX ? step->ack : newest;
        }
    return is_older;
}

static bool is_disordered_ack(const struct point *at)
{
    return is_segment(at, HF_DROP_PAWS) && at->step->len == 0 && !at->theirs->has_answered;
}

/* The kernel reports the FIN beyond a hole as if it were text. */
static bool sacks_fin(const struct point *at)
{
    for (const struct step *step = at->script->step; step <= at->step; step++)
        if (step->kind == STEP_SEGMENT && (step->flags & HF_TCP_FIN))
            for (unsigned i = 0; i < at->theirs->sack_count; i++)
                if (at->theirs->sack[i][1] == end_of(step))
                    return true;
    return false;
}

static bool sacks_beyond_fin(const struct point *at)
{
    return at->ours->sack_count == 0 && (at->ours->state == HF_CLOSE_WAIT || at->ours->state >= HF_CLOSING);
}

static bool closes_unread_after_fin(const struct point *at)
{
    return (at->step->kind == STEP_CLOSE || at->step->kind == STEP_ABORT) && at->theirs->reset &&
           at->before->unread > 0 && at->before->state >= HF_CLOSING;
}

static bool is_syn_ack_in_syn_received(const struct point *at)
{
    return at->step->kind == STEP_SEGMENT && at->before->state == HF_SYN_RECEIVED && at->script->role == PASSIVE &&
           (at->step->flags & (HF_TCP_SYN | HF_TCP_ACK)) == (HF_TCP_SYN | HF_TCP_ACK);
}

static bool is_syn_fin_in_time_wait(const struct point *at)
{
    return at->step->kind == STEP_SEGMENT && at->before->state == HF_TIME_WAIT &&
           (at->step->flags & (HF_TCP_SYN | HF_TCP_FIN)) == (HF_TCP_SYN | HF_TCP_FIN);
}

static bool says_urgent_early(const struct point *at)
{
    return has_called(at, STEP_WRITE_URGENT) && at->ours->urgent_to == 0 && at->theirs->urgent_to > 0;
}

static bool closes_beyond_hole(const struct point *at)
{
    return at->step->kind == STEP_CLOSE && at->ours->reset && !at->theirs->reset;
}

enum {
    REPLY = DIFFERS_ANSWERED | DIFFERS_RESET | DIFFERS_ECHO | DIFFERS_SACK,
    SENDING = DIFFERS_ANSWERED | DIFFERS_SENT | DIFFERS_QUEUED | DIFFERS_URGENT,
    READING = DIFFERS_RESULT | DIFFERS_UNREAD | DIFFERS_TEXT,
    ANYTHING = ~0
};

#define NOT_COMPARED 0, false, NULL

static const struct law laws[] = {
    /* Free. What is not compared is not in struct answer, or was put aside in peer.c. */
    {"isn", true, "RFC 9293, 3.4.1", NOT_COMPARED},
    {"window", true, "RFC 9293, 3.8.6; RFC 7323, 2", NOT_COMPARED},
    {"delayed-ack", true, "RFC 9293, 3.8.6.3", NOT_COMPARED},
    {"segmentation", true, "RFC 9293, 3.7.1, 3.9.1.2", NOT_COMPARED},
    {"sent-again", true, "RFC 6298; RFC 5681, 3.2; RFC 8985", NOT_COMPARED},
    {"option-order", true, "RFC 9293, 3.1", NOT_COMPARED},
    {"timestamp-clock", true, "RFC 7323, 4.1", NOT_COMPARED},
    {"duplicate-report", true, "RFC 2883, 4", NOT_COMPARED},
    {"challenge-limit", true, "RFC 5961, 7", DIFFERS_ANSWERED, false, is_limited},
    {"congestion-window", true, "RFC 5681, 3.1", SENDING, true, is_cwnd_full},
    {"send-buffer", true, "RFC 9293, 3.10.2", DIFFERS_RESULT | DIFFERS_QUEUED, true, takes_less},
    {"syn-again", true, "RFC 6298, 2", DIFFERS_SYN | DIFFERS_ANSWERED, false, repeats_syn},
    /* Handshake */
    {"simultaneous-options", false, "RFC 7323, 2.2", DIFFERS_SYN, false, repeats_options},
    {"handshake-echo", false, "RFC 7323, 4.3", ANYTHING, true, wants_echo_of_syn},
    {"text-in-syn-ack", false, "RFC 9293, 3.10.7.3", DIFFERS_UNREAD | DIFFERS_ACKED | DIFFERS_ECHO, true,
     has_text_in_syn_ack},
    {"old-ack-syn-received", false, "RFC 9293, 3.10.7.4", ANYTHING, true, is_old_ack_in_syn_received},
    {"syn-received-ack-first", false, "RFC 9293, 3.5.2", REPLY, false, resets_by_ack_first},
    {"syn-in-syn-received", false, "RFC 9293, 3.10.7.4", ANYTHING, true, is_syn_in_syn_received},
    {"syn-ack-syn-received", false, "RFC 9293, 3.10.7.4", ANYTHING, true, is_syn_ack_in_syn_received},
    {"refused-syn-received", false, "RFC 9293, 3.10.7.4", DIFFERS_RESULT, false, is_refused},
    {"half-close-syn-sent", false, "RFC 9293, 3.10.4", ANYTHING, true, is_half_closed_in_syn_sent},
    {"close-syn-received", false, "RFC 9293, 3.10.4", ANYTHING, true, is_closed_in_syn_received},
    /* What is looked at, and in which order */
    {"no-timestamp", false, "RFC 7323, 3.2", ANYTHING, true, is_without_timestamp},
    {"no-ack-flag", false, "RFC 9293, 3.10.7.4", REPLY, false, lacks_ack},
    {"left-edge", false, "RFC 9293, 3.4", ANYTHING, true, ends_at_left_edge},
    {"disordered-ack", false, "RFC 7323, 5.3", DIFFERS_ANSWERED, false, is_disordered_ack},
    {"ack-of-iss", false, "RFC 5961, 5.2", ANYTHING, true, has_acked_iss},
    {"predicted-old-ack", false, "RFC 5961, 5.2", ANYTHING, true, has_old_ack_predicted},
    {"echo-of-old-ack", false, "RFC 7323, 4.3", DIFFERS_ECHO, false, has_older_ack},
    /* Resets */
    {"unread-after-reset", false, "RFC 9293, 3.10.7.4", READING, false, is_unread_after_reset},
    {"reset-before-accept", false, "RFC 9293, 3.10.7.4", ANYTHING, true, accepts_the_dead},
    {"reset-after-fin", false, "RFC 9293, 3.10.7.4", DIFFERS_RESULT, false, is_reset_after_fin},
    {"reset-last-ack", false, "RFC 9293, 3.10.7.4", DIFFERS_RESULT, false, ate_nothing},
    {"reset-at-fin", false, "RFC 5961, 3.2", ANYTHING, true, resets_at_fin},
    {"reset-time-wait", false, "RFC 1337, 3", DIFFERS_STATE, true, resets_time_wait},
    {"abort-time-wait", false, "RFC 9293, 3.10.5", DIFFERS_STATE, true, aborts_time_wait},
    {"refusing-reset", false, "RFC 9293, 3.10.7.4", DIFFERS_RESET, false, is_refused_text},
    {"close-beyond-hole", false, "RFC 1122, 4.2.2.13", ANYTHING, true, closes_beyond_hole},
    {"close-unread-after-fin", false, "RFC 9293, 3.10.4", ANYTHING, true, closes_unread_after_fin},
    /* The end of a stream */
    {"sacked-fin", false, "RFC 2018, 3", DIFFERS_SACK | DIFFERS_SENT, false, sacks_fin},
    {"sack-beyond-fin", false, "RFC 2018, 3", DIFFERS_SACK, false, sacks_beyond_fin},
    {"text-across-fin", false, "RFC 9293, 3.10.7.4", ANYTHING, true, crosses_fin},
    {"orphan", false, "RFC 9293, 3.10.7.4", ANYTHING, true, is_orphan},
    {"time-wait-answers", false, "RFC 9293, 3.10.7.4", REPLY, false, is_in_time_wait},
    {"syn-fin-time-wait", false, "RFC 9293, 3.10.7.4", ANYTHING, true, is_syn_fin_in_time_wait},
    {"text-beyond-fin", false, "RFC 9293, 3.10.7.4", ANYTHING, true, has_text_beyond_fin},
    /* Sending */
    {"urgent-early", false, "RFC 9293, 3.10.2", DIFFERS_URGENT, false, says_urgent_early},
    {"urgent-mark", false, "RFC 6093, 3.2", READING, true, stops_at_urgent},
    {"fin-closed-window", false, "RFC 9293, 3.8.6", DIFFERS_ANSWERED | DIFFERS_SENT, true,
     has_fin_for_closed_window},
    {"other-window", false, "RFC 9293, 3.10.7.4", SENDING, true, has_other_window},
    {"reset-at-edge", false, "RFC 9293, A.2", DIFFERS_RESET, false, stays_in_window},
    {"small-window", false, "RFC 9293, 3.8.6.2.1", SENDING, true, has_small_window},
    {NULL},
};

const struct law *judge_law(unsigned index)
{
    return laws[index].id ? &laws[index] : NULL;
}

/* ---- differences ---- */

static unsigned compare_sacks(const struct answer *ours, const struct answer *theirs)
{
    return ours->sack_count != theirs->sack_count ||
           memcmp(ours->sack, theirs->sack, ours->sack_count * sizeof ours->sack[0]) != 0;
}

static unsigned compare(const struct answer *ours, const struct answer *theirs)
{
    unsigned differs = 0;
    if (ours->result != theirs->result)
        differs |= DIFFERS_RESULT;
    if (ours->state != theirs->state)
        differs |= DIFFERS_STATE;
    if (ours->unread != theirs->unread)
        differs |= DIFFERS_UNREAD;
    if (ours->queued != theirs->queued)
        differs |= DIFFERS_QUEUED;
    if (ours->has_answered != theirs->has_answered)
        differs |= DIFFERS_ANSWERED;
    if (ours->acked != theirs->acked)
        differs |= DIFFERS_ACKED;
    if (ours->sent_to != theirs->sent_to || ours->has_sent_fin != theirs->has_sent_fin)
        differs |= DIFFERS_SENT;
    if (ours->syn != theirs->syn || ours->syn_options != theirs->syn_options)
        differs |= DIFFERS_SYN;
    if (ours->reset != theirs->reset || ours->reset_seq != theirs->reset_seq ||
        ours->reset_ack != theirs->reset_ack)
        differs |= DIFFERS_RESET;
    if (ours->urgent_to != theirs->urgent_to)
        differs |= DIFFERS_URGENT;
    if (ours->has_answered && theirs->has_answered && ours->echoed != theirs->echoed)
        differs |= DIFFERS_ECHO;
    if (ours->has_answered && theirs->has_answered && compare_sacks(ours, theirs))
        differs |= DIFFERS_SACK;
    if (ours->digest != theirs->digest || ours->is_corrupt || theirs->is_corrupt)
        differs |= DIFFERS_TEXT;
    return differs;
}

/* Notes which entries explain a difference. False when all of them together do not explain all of it. */
static bool explain(const struct point *at, unsigned differs, struct judgement *judgement, bool *parts)
{
    unsigned left = differs;
    for (unsigned i = 0; laws[i].id && left != 0; i++) {
        if ((left & laws[i].may_differ) == 0 || !laws[i].explains(at)) /* what is not compared explains nothing */
            continue;
        left &= ~laws[i].may_differ;
        judgement->used[i]++;
        *parts |= laws[i].parts;
    }
    return left == 0;
}

/* What may differ once without making the rest another story. */
enum {
    PASSES = DIFFERS_ANSWERED | DIFFERS_ECHO | DIFFERS_SACK | DIFFERS_RESULT | DIFFERS_SYN | DIFFERS_RESET |
             DIFFERS_URGENT
};

/* The kernel took what we dropped, and that will show later: both were silent, or both answered. */
static bool parts_unseen(const struct point *at)
{
    return is_without_timestamp(at) || has_old_ack_predicted(at);
}

void judge(const struct script *script, const struct answer *ours, const struct answer *theirs,
           struct judgement *judgement)
{
    static const struct answer nothing;
    *judgement = (struct judgement){.is_explained = true};
    for (unsigned i = 0; i < script->count && judgement->is_explained; i++) {
        const struct point at = {script, &script->step[i], i > 0 ? &ours[i - 1] : &nothing, &ours[i], &theirs[i]};
        unsigned differs = compare(&ours[i], &theirs[i]);
        judgement->compared++;
        if (differs == 0 && parts_unseen(&at))
            return;
        if (differs == 0)
            continue;
        judgement->at = i;
        judgement->differs = differs;
        bool parts = (differs & ~(unsigned)PASSES) || parts_unseen(&at);
        judgement->is_explained = explain(&at, differs, judgement, &parts);
        if (parts)
            return;
    }
}

void judge_print(FILE *out, unsigned differs)
{
    static const char *const names[] = {"result", "state", "unread", "queued", "answered", "acked", "sent",
                                        "syn",    "reset", "urgent", "echo",   "sack",     "text"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (differs & 1u << i)
            fprintf(out, " %s", names[i]);
}

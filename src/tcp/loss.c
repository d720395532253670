/*
 * Which of what was sent is lost, and when an episode of loss begins and ends (RFC 5681, 3.2; RFC 6582; RFC 6675).
 *
 * With SACK a run is lost when more than two segments' worth of bytes above it have arrived; without, three
 * duplicate ACKs condemn the first run and every partial ACK the next. A run marked lost leaves the count of what
 * is in flight, and the plan sends it again as cwnd allows. The time-out condemns everything, the left edge even if
 * it was SACKed (RFC 2018, 5).
 *
 * Read first: sent.c. Read next: cc/cc.h, plan.c.
 */
#include "steps.h"

#define DUP_THRESH 3

/* RFC 6675, IsLost(), over the list: bytes SACKed above a run are all SACKed bytes less those passed on the way. Runs
 * already repaired in this episode are left to the timer. */
static bool mark_by_sacks(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    uint32_t above = s->sacked, threshold = (DUP_THRESH - 1) * hf_effective_mss(sh, c);
    bool any = false;
    for (uint32_t index = s->first; index != HF_NONE && above > threshold;) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        if (run->flags & HF_SENT_SACKED) {
            above -= (uint32_t)hf_seq_diff(run->to, run->from);
        } else if (!(run->flags & (HF_SENT_LOST | HF_SENT_AGAIN))) {
            hf_sent_lost(sh, s, index, HF_WHY_RETRANSMIT_FAST);
            any = true;
        }
        index = run->next;
    }
    return any;
}

/* The first run, unless it was sent again already: what a third duplicate or a partial ACK condemns. */
static void mark_first(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    if (s->first != HF_NONE && !(hf_sent_at(sh, s->first)->flags & (HF_SENT_SACKED | HF_SENT_AGAIN)))
        hf_sent_lost(sh, s, s->first, HF_WHY_RETRANSMIT_FAST);
}

static void begin_recovery(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    uint32_t flight = (uint32_t)hf_seq_diff(c->snd.nxt, c->snd.una);
    s->recovery = HF_RECOVERY;
    s->recover = c->snd.nxt;
    s->repair_due = true;
    hf_cc_signal(&c->cc, &s->work, HF_CC_LOSS, flight, sh->now);
}

static void end_recovery(struct hf_tcp_sending *s)
{
    s->recovery = HF_OPEN;
    s->repair_due = false;
    s->dup_acks = 0;
    s->guessed = 0;
}

/* Without SACK, each duplicate ACK tells that one segment has left the network (RFC 5681, 3.2 step 4, said as RFC 6675
 * would: the pipe shrinks rather than the window growing). */
static void count_duplicate(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    s->dup_acks += s->dup_acks < 255;
    if (c->flags & HF_TF_SACK)
        return;
    uint32_t out = (uint32_t)hf_seq_diff(c->snd.nxt, c->snd.una);
    s->guessed = HF_MIN(s->guessed + hf_effective_mss(sh, c), out);
}

static void count_progress(struct hf_tcp_sending *s, uint32_t acked)
{
    s->guessed = s->guessed > acked ? s->guessed - acked : 0;
    if (s->recovery == HF_OPEN) {
        s->dup_acks = 0;
        s->guessed = 0;
    }
}

static void in_open(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    /* RFC 6582, 3.2 and 6: after a time-out, duplicate ACKs for what was sent before it prove nothing. */
    if (hf_seq_lt(c->snd.una, s->recover))
        return;
    bool marked = mark_by_sacks(sh, c, s);
    if (!marked && s->dup_acks < DUP_THRESH)
        return;
    if (!marked)
        mark_first(sh, s);
    begin_recovery(sh, c, s);
}

static void in_recovery(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t acked)
{
    if (hf_seq_ge(c->snd.una, s->recover)) {
        end_recovery(s);
        return;
    }
    if (c->flags & HF_TF_SACK)
        (void)mark_by_sacks(sh, c, s);
    if (acked > 0 && s->recovery == HF_RECOVERY && s->lost == 0)
        mark_first(sh, s); /* a partial ACK: the next hole begins here (RFC 6582, 3.2 step 5) */
}

void hf_loss_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, uint32_t acked, uint32_t sacked, bool duplicate)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL)
        return;
    if (acked > 0)
        count_progress(s, acked);
    /* With SACK only an ACK that tells of something new counts as a duplicate (RFC 6675, 2). */
    if (c->flags & HF_TF_SACK ? sacked > 0 : duplicate)
        count_duplicate(sh, c, s);
    if (s->first == HF_NONE)
        end_recovery(s);
    else if (s->recovery == HF_OPEN)
        in_open(sh, c, s);
    else
        in_recovery(sh, c, s, acked);
}

void hf_loss_resend_all(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL)
        return;
    s->guessed = 0;
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next)
        hf_sent_lost(sh, s, index, why);
}

void hf_loss_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    uint32_t flight = hf_in_flight(c, s);
    /* ssthresh is set by the first time-out for this data only (RFC 5681, 3.1). */
    if (s->recovery != HF_LOSS_TIMEOUT)
        hf_cc_signal(&c->cc, &s->work, HF_CC_TIMEOUT, HF_MAX(flight, s->lost), sh->now);
    c->cc.cwnd = c->cc.mss;
    s->recovery = HF_LOSS_TIMEOUT;
    s->recover = c->snd.nxt;
    s->dup_acks = 0;
    s->repair_due = true;
    if (s->first != HF_NONE && (hf_sent_at(sh, s->first)->flags & HF_SENT_SACKED))
        hf_sent_forget_sacks(sh, s); /* it holds what it says it lacks: it reneged (RFC 2018, 8) */
    hf_loss_resend_all(sh, c, HF_WHY_RETRANSMIT_TIMEOUT);
}

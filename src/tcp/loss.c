/*
 * Which of what was sent is lost, and when an episode of loss begins and ends (RFC 8985; RFC 5681, 3.2; RFC 6582).
 *
 *               something is overdue, or three duplicates         SND.UNA reaches `recover`
 *     HF_OPEN ------------------------------------> HF_RECOVERY ----------------------------> HF_OPEN
 *        \                                              | time-out                              ^
 *         `------- time-out -----> HF_LOSS_TIMEOUT <----'                                       |
 *                                        `------------------------------------------------------'
 *
 * With SACK, time decides what is lost (rack.c); without, three duplicate ACKs condemn the first run and every partial ACK
 * the next. A run marked lost leaves the count of what is in flight, and the plan sends it again as cwnd allows, which in
 * recovery PRR sets anew at each ACK (RFC 6937). What turns out not to have been lost is spurious.c's.
 *
 * Read first: sent.c, rack.c. Read next: spurious.c, cc/cc.h, plan.c.
 */
#include "steps.h"

static bool has_sack(const struct hf_tcp *c) { return c->flags & HF_TF_SACK; }

/* ---- episodes ---- */

static uint32_t flight_size(const struct hf_tcp *c) { return (uint32_t)hf_seq_diff(c->snd.nxt, c->snd.una); }

static void begin_recovery(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    s->recovery = HF_RECOVERY;
    s->recover = c->snd.nxt;
    s->repair_due = true;
    s->tlp.is_out = false; /* RFC 8985, 7.1 */
    c->owed &= (uint8_t)~HF_OWE_LOSS_PROBE;
    hf_spurious_watch(sh, c, s, false);
    hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_LOSS, flight_size(c), sh->now);
}

static void end_recovery(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    if (s->recovery != HF_OPEN) {
        hf_rack_recovered(c);
        hf_spurious_over(c, s);
    }
    if (s->recovery == HF_RECOVERY)
        hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_RECOVERED, hf_in_flight(c, s), sh->now);
    s->recovery = HF_OPEN;
    s->repair_due = false;
    s->dup_acks = 0;
    s->guessed = 0;
}

/* ---- without SACK (RFC 5681, 3.2; RFC 6582) ---- */

/* The first segment, unless it was sent again already: what a third duplicate or a partial ACK condemns. */
static bool mark_first(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    if (s->first == HF_NONE || (hf_sent_at(sh, s->first)->flags & (HF_SENT_SACKED | HF_SENT_AGAIN)))
        return false;
    hf_sent_lost_first(sh, s, HF_WHY_RETRANSMIT_FAST);
    return true;
}

/* How much duplicate ACKs can tell of: all that is out, but after a time-out only what was sent for the first time since.
 * What was sent before it left the count of what is in flight already, and its ACKs must not drive the retransmissions
 * (RFC 5681, 3.1 and 3.2): each would fill the place in the queue that the one segment that is missing needs. */
static uint32_t guesses_at_most(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (s->recovery != HF_LOSS_TIMEOUT)
        return flight_size(c);
    return hf_seq_gt(c->snd.nxt, s->recover) ? (uint32_t)hf_seq_diff(c->snd.nxt, s->recover) : 0;
}

/* Each duplicate ACK tells that one segment has left the network (RFC 5681, 3.2 step 4, said as RFC 6675 would: the pipe
 * shrinks rather than the window growing). */
static void count_duplicate(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    s->dup_acks += s->dup_acks < 255;
    if (!has_sack(c))
        s->guessed = HF_MIN(s->guessed + hf_effective_mss(sh, c), guesses_at_most(c, s));
}

static void count_progress(struct hf_tcp_sending *s, uint32_t acked)
{
    s->guessed = s->guessed > acked ? s->guessed - acked : 0;
    if (s->recovery == HF_OPEN) {
        s->dup_acks = 0;
        s->guessed = 0;
    }
}

static bool duplicates_condemn(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    /* RFC 6582, 3.2 and 4: after a time-out, duplicate ACKs for what was sent before it prove nothing. */
    if (s->dup_acks < HF_DUP_THRESH || hf_seq_lt(c->snd.una, s->recover))
        return false;
    (void)mark_first(sh, s);
    return true;
}

/* ---- an ACK ---- */

/* True when something was newly found lost. */
static bool detect(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool progress)
{
    if (has_sack(c))
        return hf_rack_detect(sh, c, s);
    if (s->recovery == HF_OPEN)
        return duplicates_condemn(sh, c, s);
    if (!progress || s->recovery != HF_RECOVERY || s->lost > 0 || !mark_first(sh, s))
        return false;
    s->repair_due = true; /* a partial ACK: the next hole begins here, and is repaired at once (RFC 6582, 3.2 step 5) */
    return true;
}

/* What the network delivered, as far as this ACK tells (RFC 6937, 2: DeliveredData). */
static uint32_t delivered_data(const struct hf_tcp *c, const struct hf_tcp_sending *s, uint32_t guessed_before,
                               const struct hf_sent_facts *facts)
{
    if (has_sack(c))
        return facts->delivered;
    int64_t delivered = (int64_t)facts->delivered + s->guessed - guessed_before;
    return (uint32_t)HF_MAX(delivered, 0);
}

/* What this ACK condemns begins an episode, or it is part of one; in recovery it sets how much may go. */
static void judge(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t delivered, bool progress)
{
    bool any = detect(sh, c, s, progress);
    if (any && s->recovery == HF_OPEN)
        begin_recovery(sh, c, s);
    if (s->recovery == HF_RECOVERY)
        hf_cc_recover(&c->cc, &s->work, delivered, hf_in_flight(c, s), progress && !any);
}

void hf_loss_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                   const struct hf_sent_facts *facts)
{
    uint32_t guessed = s->guessed;
    if (ack->progress)
        count_progress(s, ack->acked);
    /* With SACK only an ACK that tells of something new counts as a duplicate (RFC 6675, 2). */
    if (has_sack(c) ? facts->sacked > 0 : ack->duplicate)
        count_duplicate(sh, c, s);
    if (has_sack(c)) {
        hf_rack_acked(sh, c, s, ack, facts);
        hf_tlp_acked(sh, c, s, ack, facts);
    }
    bool undone = hf_spurious_acked(sh, c, s, ack, facts);
    bool over = s->recovery != HF_OPEN && hf_seq_ge(c->snd.una, s->recover);
    if (s->first == HF_NONE || over)
        end_recovery(sh, c, s);
    if (s->first != HF_NONE && !undone)
        judge(sh, c, s, delivered_data(c, s, guessed, facts), ack->progress);
    if (ack->progress || s->sacked > 0 || s->recovery != HF_OPEN)
        c->owed &= (uint8_t)~HF_OWE_LOSS_PROBE;
}

/* ---- time ---- */

void hf_loss_reordering_is_over(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    judge(sh, c, hf_tcp_sending_of(sh, c), 0, false);
}

void hf_loss_resend_all(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL)
        return;
    s->guessed = 0;
    hf_sent_lost_all(sh, s, why);
}

/* RFC 8985, 6.3: what is oldest, and what else was sent longer ago than RACK's patience. The left edge goes again even if
 * it was SACKed: then the peer holds what it says it lacks, it reneged (RFC 2018, 5 and 8). */
static void condemn_by_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    if (s->first == HF_NONE)
        return;
    bool reneged = hf_sent_at(sh, s->first)->flags & HF_SENT_SACKED;
    if (reneged) {
        hf_sent_reneged(sh, s, HF_WHY_RETRANSMIT_TIMEOUT);
    } else if (has_sack(c)) {
        hf_sent_lost(sh, s, s->first, HF_WHY_RETRANSMIT_TIMEOUT);
        hf_rack_timeout(sh, c, s);
        hf_sent_oldest_first(sh, s);
    } else {
        hf_loss_resend_all(sh, c, HF_WHY_RETRANSMIT_TIMEOUT);
    }
}

void hf_loss_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    uint32_t flight = HF_MAX(hf_in_flight(c, s), s->lost);
    /* ssthresh is set once for this data, by the first time-out (RFC 5681, 3.1) or by the recovery that it ends. */
    if (s->recovery == HF_OPEN) {
        hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_TIMEOUT, flight, sh->now);
        hf_spurious_watch(sh, c, s, true);
    } else {
        s->undo.frto = HF_FRTO_OFF; /* RFC 5682, 2.1, step 1 */
    }
    if (s->probe_mtu != 0)
        hf_mtu_probe_failed(sh, c, s, true);
    c->cc.cwnd = c->cc.mss;
    s->recovery = HF_LOSS_TIMEOUT;
    s->recover = c->snd.nxt;
    s->dup_acks = 0;
    s->guessed = 0;
    s->repair_due = true;
    s->tlp.is_out = false;
    c->owed &= (uint8_t)~HF_OWE_LOSS_PROBE;
    condemn_by_timeout(sh, c, s);
}

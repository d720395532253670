/*
 * Episodes of loss that were none: what was thought lost arrives after all, late. Then the congestion window comes back and
 * what was not sent again yet is not. Four ways to tell, the surest first:
 *
 *   - the left edge arrives before anything was sent again
 *   - the ACK that moves SND.UNA echoes a timestamp from before the first retransmission (Eifel: RFC 3522)
 *   - all that was retransmitted is reported to have arrived twice (D-SACK: RFC 2883, RFC 3708)
 *   - after a time-out nothing but the first segment is sent again until two ACKs have come; when the second
 *     acknowledges what was sent only once, it cannot have been lost (F-RTO: RFC 5682)
 *
 * Read first: loss.c.
 */
#include "steps.h"

/* Is the left edge under way once more already, from an episode that is over? Then the ACK that moves SND.UNA answers that
 * copy, is older than what this episode sends again, and tells nothing of it. */
static bool edge_was_sent_again(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s)
{
    return s->first != HF_NONE && (hf_sent_at(sh, s->first)->flags & HF_SENT_AGAIN);
}

void hf_spurious_watch(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool timeout)
{
    s->undo.from = c->snd.una;
    s->undo.until = c->snd.nxt;
    s->undo.again = 0;
    s->undo.may = true;
    s->undo.stamped = false;
    s->undo.any = edge_was_sent_again(sh, s);
    s->undo.frto = timeout ? HF_FRTO_FIRST_ACK : HF_FRTO_OFF;
}

/* RFC 3522, 3.2, steps 1 and 2 */
void hf_spurious_sent_again(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t segments)
{
    s->undo.again += segments;
    if (s->undo.any || !s->undo.may)
        return;
    s->undo.any = true;
    s->undo.stamped = c->flags & HF_TF_TIMESTAMPS;
    s->undo.stamp = hf_tcp_ms(sh) + c->ts_offset;
}

void hf_spurious_over(struct hf_tcp *c, struct hf_tcp_sending *s)
{
    s->undo.until = c->snd.nxt;
    s->undo.frto = HF_FRTO_OFF;
}

/* ---- the three signs ---- */

/* RFC 3522, 3.2, steps 3 to 5: the first ACK that moves SND.UNA decides. */
static bool eifel_says_so(struct hf_tcp_sending *s, const struct hf_ack *ack)
{
    if (!s->undo.stamped || !ack->progress || !(ack->seg->opts.present & HF_OPT_TIMESTAMPS))
        return false;
    s->undo.stamped = false;
    return (int32_t)(ack->seg->opts.tsecr - s->undo.stamp) < 0;
}

static bool duplicates_say_so(const struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_sent_facts *facts)
{
    struct hf_sack_block twice = facts->duplicate;
    bool of_this_episode = hf_seq_lt(twice.from, twice.to) && hf_seq_ge(twice.from, s->undo.from);
    if (!of_this_episode || s->undo.again == 0)
        return false;
    uint32_t segments = ((uint32_t)hf_seq_diff(twice.to, twice.from) + c->cc.mss - 1) / c->cc.mss;
    s->undo.again -= HF_MIN(segments, s->undo.again);
    return s->undo.again == 0;
}

/* May new data be sent while the second ACK is awaited? RFC 5682, 2.1, step 2b: otherwise F-RTO is not used. */
static bool has_new_data(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    return hf_unsent(c, s) > 0 && hf_seq_lt(c->snd.nxt, hf_seq_add(c->snd.una, c->snd.wnd));
}

/* RFC 5682, 2.1 and 3.1: the steps 2 and 3. */
static bool frto_says_so(const struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                         const struct hf_sent_facts *facts)
{
    if (s->undo.frto == HF_FRTO_OFF)
        return false;
    bool is_second = s->undo.frto == HF_FRTO_SECOND_ACK;
    bool goes_on = ack->progress && hf_seq_lt(c->snd.una, s->recover);
    if (!is_second && !goes_on && !ack->duplicate && facts->sacked == 0)
        return false; /* neither new nor a duplicate: the first ACK is still to come */
    s->undo.frto = !is_second && goes_on && has_new_data(c, s) ? HF_FRTO_SECOND_ACK : HF_FRTO_OFF;
    return is_second && facts->original && (goes_on || facts->sacked > 0);
}

/* The left edge arrived before anything of this episode was sent again: it was only late. */
static bool nothing_went_again(const struct hf_tcp_sending *s, const struct hf_ack *ack)
{
    return s->recovery == HF_RECOVERY && ack->progress && !s->undo.any && s->undo.again == 0;
}

/* ---- undo (RFC 4015, 3.2) ---- */

static void undo(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    hf_count(sh, HF_ADVICE_SPURIOUS);
    hf_sent_not_lost(sh, s);
    s->undo.may = false;
    s->undo.frto = HF_FRTO_OFF;
    s->recovery = HF_OPEN;
    s->repair_due = false;
    s->recover = c->snd.una;
    s->dup_acks = 0;
    s->guessed = 0;
    c->backoff = 0;
    hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_SPURIOUS, hf_in_flight(c, s), sh->now);
}

bool hf_spurious_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                       const struct hf_sent_facts *facts)
{
    if (!s->undo.may)
        return false;
    if (s->recovery == HF_OPEN && hf_seq_gt(c->snd.una, s->undo.until)) {
        s->undo.may = false; /* what is said now is said of later things */
        return false;
    }
    bool is_spurious = eifel_says_so(s, ack) || duplicates_say_so(c, s, facts) || nothing_went_again(s, ack);
    if (s->recovery == HF_LOSS_TIMEOUT)
        is_spurious |= frto_says_so(c, s, ack, facts);
    if (is_spurious)
        undo(sh, c, s);
    return is_spurious;
}

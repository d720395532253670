/*
 * Tail loss probes (RFC 8985, 7): when nothing was heard for two round trips, one more segment goes out, new or the
 * last one again. Its ACK shows RACK what is missing, a time-out's wait earlier than the time-out would.
 * SACK is needed (RFC 8985, 4).
 *
 * Read first: rack.c. Read next: timeouts.c, plan.c.
 */
#include "steps.h"

#define MAX_ACK_DELAY (200 * HF_MS) /* TLP.max_ack_delay: what receivers wait at most, by custom */
#define LEAST_WAIT (10 * HF_MS)     /* ... and, beyond two round trips, for whoever is slow to answer */

/* RFC 8985, 7.2 */
hf_ns hf_tlp_interval(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (c->srtt_us == 0)
        return HF_SECOND;
    hf_ns interval = 2 * (hf_ns)c->srtt_us * HF_US;
    bool is_single = s->first == s->last && hf_sent_at(sh, s->first)->segments == 1;
    return interval + (is_single ? MAX_ACK_DELAY : LEAST_WAIT);
}

/* RFC 8985, 7.3: one probe at a time, and a round trip measured since the last. A probe of the path MTU cannot go again
 * as it was. */
bool hf_tlp_may_probe(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    bool has_sample = s->tlp.has_sample && c->srtt_us != 0;
    return !s->tlp.is_out && has_sample && s->recovery == HF_OPEN && s->sacked == 0 && s->first != HF_NONE &&
           !(hf_sent_at(sh, s->last)->flags & HF_SENT_SIZE_PROBE);
}

void hf_tlp_sent(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool again)
{
    c->owed &= (uint8_t)~HF_OWE_LOSS_PROBE;
    s->tlp.from = c->snd.una;
    s->tlp.end = c->snd.nxt;
    s->tlp.is_out = true;
    s->tlp.is_retrans = again;
    s->tlp.has_sample = false;
    s->tlp.stamp = hf_tcp_ms(sh) + c->ts_offset;
}

static void repaired_a_loss(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    s->tlp.is_out = false;
    s->undo.may = false;
    hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_LOSS, (uint32_t)hf_seq_diff(s->tlp.end, s->tlp.from), sh->now);
}

/* What would tell of a double delivery comes too late, so the loss is assumed, unless the timestamp echoed is older than
 * the probe: then the first copy had arrived. */
void hf_tlp_over(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_segment *seg)
{
    bool stamped = (c->flags & HF_TF_TIMESTAMPS) && (seg->opts.present & HF_OPT_TIMESTAMPS);
    bool was_first_copy = stamped && (int32_t)(seg->opts.tsecr - s->tlp.stamp) < 0;
    if (s->tlp.is_out && s->tlp.is_retrans && !was_first_copy)
        repaired_a_loss(sh, c, s);
}

/* RFC 8985, 7.4: was the probe itself the repair of a loss that nobody else saw? Not when it arrived beside what it
 * repeated. */
void hf_tlp_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                  const struct hf_sent_facts *facts)
{
    hf_seq end = s->tlp.end;
    if (!s->tlp.is_out || hf_seq_lt(ack->seg->ack, end))
        return;
    bool was_double = hf_seq_lt(facts->duplicate.from, facts->duplicate.to) && hf_seq_eq(facts->duplicate.to, end);
    bool no_sack = !(ack->seg->opts.present & HF_OPT_SACK);
    if (!s->tlp.is_retrans || was_double) {
        s->tlp.is_out = false;
    } else if (hf_seq_gt(ack->seg->ack, end)) {
        repaired_a_loss(sh, c, s);
    } else if (ack->duplicate && no_sack) {
        s->tlp.is_out = false;
    }
}

/*
 * Explicit congestion notification (RFC 3168, 6.1; SHLD-8): a router marks instead of dropping, the receiver echoes the
 * mark until it hears that the sender has slowed down.
 *
 *     SYN with ECE and CWR  ->             both sides agree: ECT stands in the IP header of new data from now on
 *     <-  SYN,ACK with ECE
 *     data, marked CE       ->
 *     <-  ACKs with ECE ...                HF_TF_ECN_ECHO at the receiver
 *     data with CWR         ->             once a window, and the window is reduced; the echo ends
 *
 * Read first: tcb.h. Read next: acked.c, output.c.
 */
#include "steps.h"

#define ECT_0 2
#define CE 3
#define BOTH (HF_TCP_ECE | HF_TCP_CWR)

static bool is_spoken(const struct hf_tcp *c) { return c->flags & HF_TF_ECN; }

/* ---- agreement (RFC 3168, 6.1.1) ---- */

uint8_t hf_ecn_offer(struct hf_tcp *c)
{
    if (c->state == HF_SYN_SENT && (c->flags & HF_TF_SYN_AGAIN))
        c->flags &= ~(uint32_t)HF_TF_ECN; /* perhaps it was that which got the first SYN lost: 6.1.1.1 */
    if (!is_spoken(c))
        return 0;
    return c->state == HF_SYN_SENT ? BOTH : HF_TCP_ECE;
}

void hf_ecn_accept(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    uint8_t said = seg->flags & BOTH;
    bool is_answer = seg->flags & HF_TCP_ACK;
    bool agreed = is_answer ? is_spoken(c) && said == HF_TCP_ECE : said == BOTH && sh->config.ecn != HF_ECN_OFF;
    c->flags = agreed ? c->flags | HF_TF_ECN : c->flags & ~(uint32_t)HF_TF_ECN;
}

/* ---- the receiver (RFC 3168, 6.1.3) ---- */

void hf_ecn_text_arrives(struct hf_tcp *c, const struct hf_segment *seg)
{
    if (!is_spoken(c))
        return;
    if (seg->flags & HF_TCP_CWR)
        c->flags &= ~(uint32_t)HF_TF_ECN_ECHO;
    if ((seg->traffic_class & CE) == CE)
        c->flags |= HF_TF_ECN_ECHO;
}

/* ---- the sender (RFC 3168, 6.1.2) ---- */

/* Once a window: what was sent before the last reduction tells nothing new. A loss of the same window reduces for both. */
void hf_ecn_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_segment *seg)
{
    if (!is_spoken(c) || !(seg->flags & HF_TCP_ECE) || (seg->flags & HF_TCP_SYN))
        return;
    if (s->recovery != HF_OPEN || hf_seq_lt(c->snd.una, s->ecn_until))
        return;
    hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_ECN, (uint32_t)hf_seq_diff(c->snd.nxt, c->snd.una), sh->now);
    s->undo.may = false; /* a mark is no mistake */
    s->ecn_until = c->snd.nxt;
    s->owes_cwr = true;
}

/* ECT and CWR stand on new data only: not on what is sent again, not on probes, not on ACKs (RFC 3168, 6.1.4 to 6.1.6;
 * BUG-45). ECE stands on everything that acknowledges. */
void hf_ecn_mark(struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_tcp_plan *plan, struct hf_segment *seg)
{
    if (!is_spoken(c))
        return;
    seg->flags |= c->flags & HF_TF_ECN_ECHO ? HF_TCP_ECE : 0;
    if (plan->what != HF_SEND_DATA || plan->again || plan->len == 0)
        return;
    seg->traffic_class |= ECT_0;
    if (s->owes_cwr)
        seg->flags |= HF_TCP_CWR;
    s->owes_cwr = false;
}

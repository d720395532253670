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
 * Both sides may agree to count marks instead: accurate_ecn.c. Here is what they have in common.
 *
 * Read first: tcb.h. Read next: accurate_ecn.c, acked.c, output.c.
 */
#include "steps.h"

#define ECT_0 2
#define CE 3
#define BOTH (HF_TCP_ECE | HF_TCP_CWR)
#define ALL (HF_TCP_AE | BOTH)

static bool is_spoken(const struct hf_tcp *c) { return c->flags & HF_TF_ECN; }
static bool is_accurate(const struct hf_tcp *c) { return is_spoken(c) && c->ecn.is_accurate; }
static bool is_classic(const struct hf_tcp *c) { return is_spoken(c) && !c->ecn.is_accurate; }

/* ---- agreement (RFC 3168, 6.1.1; RFC 9768, 3.1) ---- */

/* A SYN that gets no answer is sent again without the bits: perhaps it was they that got it lost. Those of AccECN get a
 * second chance (RFC 3168, 6.1.1.1; RFC 9768, 3.1.4.1), and the answer to the first SYN still counts. */
static uint16_t ask(struct hf_tcp *c)
{
    if (is_accurate(c))
        return c->retries < 2 ? ALL : 0;
    if (c->flags & HF_TF_SYN_AGAIN)
        c->flags &= ~(uint32_t)HF_TF_ECN;
    return is_spoken(c) ? BOTH : 0;
}

uint16_t hf_ecn_offer(struct hf_tcp *c)
{
    if (c->state == HF_SYN_SENT)
        return ask(c);
    if (is_accurate(c))
        return hf_accurate_answer(c);
    return is_spoken(c) ? HF_TCP_ECE : 0;
}

static void speak(struct hf_tcp *c, bool agreed)
{
    c->flags = agreed ? c->flags | HF_TF_ECN : c->flags & ~(uint32_t)HF_TF_ECN;
}

/* The peer's SYN. What is neither nothing nor RFC 3168's request is AccECN's, now or in future (RFC 9768, 3.1.3). */
static void accept_request(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    uint16_t asked = seg->flags & ALL;
    c->ecn = (struct hf_ecn_state){0};
    speak(c, asked != 0 && sh->config.ecn != HF_ECN_OFF);
    if (is_spoken(c) && asked != BOTH)
        hf_accurate_begin(c, seg);
}

/* Of the answers to AccECN's request one means RFC 3168, and a mere reflection means nothing (RFC 9768, 3.1.2). */
static void accept_answer(struct hf_tcp *c, const struct hf_segment *seg)
{
    if (is_accurate(c) && hf_accurate_agreed(c, seg))
        return;
    c->ecn = (struct hf_ecn_state){0};
    speak(c, is_spoken(c) && (seg->flags & ALL) == HF_TCP_ECE);
}

void hf_ecn_accept(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (seg->flags & HF_TCP_ACK)
        accept_answer(c, seg);
    else
        accept_request(sh, c, seg);
}

/* The mode stays that of the first SYN; one that asks for the other has to be refused, since nobody could tell which answer
 * the peer has heard (RFC 9768, 3.1.5). */
bool hf_ecn_syn_again(struct hf_tcp *c, const struct hf_segment *seg)
{
    uint16_t asked = seg->flags & ALL;
    if (!is_spoken(c))
        return true;
    if (asked == 0) {
        c->ecn.no_ect |= c->ecn.is_accurate;
        return true;
    }
    if ((asked != BOTH) != is_accurate(c))
        return false;
    c->ecn.ip_ecn = is_accurate(c) ? seg->traffic_class & CE : 0u;
    return true;
}

/* ---- the receiver (RFC 3168, 6.1.3) ---- */

void hf_ecn_text_arrives(struct hf_tcp *c, const struct hf_segment *seg)
{
    if (!is_classic(c))
        return;
    if (seg->flags & HF_TCP_CWR)
        c->flags &= ~(uint32_t)HF_TF_ECN_ECHO;
    if ((seg->traffic_class & CE) == CE)
        c->flags |= HF_TF_ECN_ECHO;
}

/* ---- the sender (RFC 3168, 6.1.2) ---- */

bool hf_ecn_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_segment *seg,
                  uint32_t delivered)
{
    if (!is_spoken(c) || (seg->flags & HF_TCP_SYN))
        return false;
    return is_accurate(c) ? hf_accurate_acked(sh, c, s, seg, delivered) > 0 : seg->flags & HF_TCP_ECE;
}

/* Once a window: what was sent before the last reduction tells nothing new. A loss of the same window reduces for both. */
void hf_ecn_slow_down(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t delivered)
{
    if (s->recovery != HF_OPEN || hf_seq_lt(c->snd.una, s->ecn_until))
        return;
    uint32_t in_flight = hf_in_flight(c, s) + delivered; /* when the marks were set */
    hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_ECN, in_flight, sh->now);
    s->undo.may = false; /* a mark is no mistake */
    s->ecn_until = c->snd.nxt;
    s->owes_cwr = is_classic(c); /* RFC 9768, 3.1.5 */
}

/* ECT and CWR stand on new data only: not on what is sent again, not on probes, not on ACKs (RFC 3168, 6.1.4 to 6.1.6;
 * BUG-45). What tells of marks stands on everything that acknowledges. */
void hf_ecn_mark(struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_tcp_plan *plan, struct hf_segment *seg)
{
    if (!is_spoken(c))
        return;
    bool is_new = plan->what == HF_SEND_DATA && !plan->again && plan->len > 0;
    if (is_new && !c->ecn.no_ect)
        seg->traffic_class |= ECT_0;
    if (is_accurate(c)) {
        hf_accurate_mark(c, plan, seg);
        return;
    }
    if (plan->what == HF_SEND_RST)
        return;
    seg->flags |= c->flags & HF_TF_ECN_ECHO ? HF_TCP_ECE : 0;
    if (!is_new)
        return;
    if (s->owes_cwr)
        seg->flags |= HF_TCP_CWR;
    s->owes_cwr = false;
}

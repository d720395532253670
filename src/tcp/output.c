/*
 * A plan becomes a segment (RFC 9293, 3.1), and the debts it pays are struck out. SND.NXT moves here and nowhere else.
 *
 * Read first: plan.c.
 */
#include "../base/sum.h"
#include "steps.h"

/* The fields every segment has. MUST-2: the checksum follows in the engine; every segment after the SYN carries ACK. */
static void begin(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_plan *plan,
                  struct hf_segment *seg)
{
    seg->src_port = c->local_port;
    seg->dst_port = c->remote_port;
    seg->seq = plan->seq;
    seg->ack = c->rcv.nxt;
    seg->data = NULL;
    seg->data_len = plan->len;
    seg->len = plan->len + plan->fin;
    seg->up = 0;
    seg->flags = HF_TCP_ACK;
    seg->traffic_class = c->traffic_class;
    seg->coalesced = 1;
    seg->at = sh->now;
    seg->wnd = hf_window_field(sh, c, false);
    hf_options_fill(sh, c, &seg->opts);
}

static void fill_syn(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_segment *seg)
{
    seg->len = 1 + seg->data_len;
    seg->flags = (uint16_t)(HF_TCP_SYN | hf_ecn_offer(c));
    seg->wnd = hf_window_field(sh, c, true);
    if (c->state == HF_SYN_SENT)
        seg->ack = hf_seq_of(0);
    else
        seg->flags |= HF_TCP_ACK;
    hf_options_offer(sh, c, &seg->opts);
}

static void fill_urgent(const struct hf_tcp *c, const struct hf_tcp_sending *s, struct hf_segment *seg)
{
    if (!(c->flags & HF_TF_URGENT) || s == NULL || !hf_seq_gt(s->up, seg->seq))
        return;
    seg->flags |= HF_TCP_URG;
    /* MUST-62; further away than the field can say is said as far as it can: MUST-31 */
    seg->up = (uint16_t)HF_MIN((uint32_t)hf_seq_diff(s->up, seg->seq), 65535u);
}

static void fill_data(const struct hf_tcp *c, const struct hf_tcp_sending *s, const struct hf_tcp_plan *plan,
                      struct hf_segment *seg)
{
    seg->flags |= (uint16_t)((plan->psh ? HF_TCP_PSH : 0) | (plan->fin ? HF_TCP_FIN : 0));
    fill_urgent(c, s, seg);
}

/* ---- debts ---- */

/* Everything that carries ACK says all there is to say about what was received. Where the field, in granules, says less
 * than was promised before, the promise is still kept: RFC 7323, 2.4. */
static void pay_ack(struct hf_tcp *c, const struct hf_segment *seg)
{
    bool syn = seg->flags & HF_TCP_SYN;
    c->rcv.wnd = HF_MAX(c->rcv.wnd, (uint32_t)seg->wnd << (syn ? 0 : c->rcv_scale));
    c->last_ack_sent = c->rcv.nxt;
    hf_timers_ack_paid(c);
}

static void pay_syn(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_plan *plan)
{
    hf_seq text = hf_seq_add(c->iss, 1);
    c->owed &= (uint8_t)~HF_OWE_SYN;
    if (hf_seq_eq(c->snd.nxt, c->iss))
        c->snd.nxt = hf_seq_add(text, plan->len);
    if (plan->len > 0) {
        struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
        (void)hf_sent_add(sh, s, text, c->snd.nxt, plan->len); /* Fast Open saw that there is room */
        if (hf_seq_lt_le(text, s->push, c->snd.nxt)) /* a SYN shows no PSH, but its text sent again does: MUST-61 */
            hf_sent_at(sh, s->last)->flags |= HF_SENT_PUSHED;
        if (hf_rates_are_wanted(sh))
            hf_rate_sent(sh, c, s, plan->len);
    }
    c->retransmits += (c->flags & HF_TF_SYN_AGAIN) != 0;
    hf_timers_transmitted(sh, c);
}

/* Was it cwnd, rather than the application or the peer, that set the limit (RFC 7661, 4.2)? */
static bool cwnd_was_the_limit(const struct hf_tcp *c, const struct hf_tcp_sending *s, uint32_t mss)
{
    uint32_t in_flight = hf_in_flight(c, s);
    if (c->cc.cwnd < c->cc.ssthresh && in_flight * 2 >= c->cc.cwnd && c->cc.algorithm != HF_CC_BBR)
        return true;
    return hf_unsent(c, s) > 0 && in_flight + mss > c->cc.cwnd;
}

static void sent_first_time(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                            const struct hf_tcp_plan *plan, uint32_t mss)
{
    hf_seq end = hf_seq_add(plan->seq, plan->len + plan->fin);
    if (hf_seq_eq(c->snd.una, c->snd.nxt))
        hf_cc_resume(&c->cc, hf_work_of(sh, s), sh->now, (hf_ns)c->srtt_us * HF_US);
    (void)hf_sent_add(sh, s, plan->seq, end, mss); /* the plan saw that there is room */
    if (plan->psh)
        hf_sent_at(sh, s->last)->flags |= HF_SENT_PUSHED;
    if (plan->why == HF_WHY_SIZE_PROBE)
        hf_mtu_probe_sent(sh, c, s);
    c->snd.nxt = end;
    if (plan->len % mss != 0)
        s->small = end;
    if (plan->fin)
        c->flags |= HF_TF_FIN_SENT;
    if (cwnd_was_the_limit(c, s, mss))
        c->flags |= HF_TF_CWND_LIMITED;
    else
        c->flags &= ~(uint32_t)HF_TF_CWND_LIMITED;
}

static void sent_again(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                       const struct hf_tcp_plan *plan, uint32_t mss)
{
    uint32_t segments = 1 + plan->len / (mss + 1);
    c->retransmits += segments;
    if (plan->what == HF_SEND_PROBE) {
        hf_sent_probed(sh, s);
        return;
    }
    hf_spurious_sent_again(sh, c, s, segments);
    if (plan->why == HF_WHY_LOSS_PROBE) {
        hf_sent_tail_again(sh, s);
        return;
    }
    s->repair_due = false;
    if (s->repairs.first == s->first && plan->why == HF_WHY_RETRANSMIT_FAST)
        hf_timers_repaired(sh, c);
    hf_sent_again(sh, s, plan->len + plan->fin, mss);
    if (s->repairs.first != HF_NONE)
        c->flags |= HF_TF_CWND_LIMITED;
}

/* `mss` is what the segments have that left: those of the next ACK may be another. */
static void pay_data(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                     const struct hf_tcp_plan *plan, uint32_t mss)
{
    c->owed &= (uint8_t)~HF_OWE_PROBE; /* whatever leaves asks for an answer as well as a probe does */
    if (plan->what == HF_SEND_PROBE)
        s->probing = c->snd.wnd == 0;
    if (plan->again)
        sent_again(sh, c, s, plan, mss);
    else
        sent_first_time(sh, c, s, plan, mss);
    if (plan->why == HF_WHY_LOSS_PROBE)
        hf_tlp_sent(sh, c, s, plan->again);
    hf_cc_sent(hf_work_of(sh, s), plan->len, plan->again);
    if (hf_rates_are_wanted(sh) && !(plan->again && plan->what == HF_SEND_PROBE))
        hf_rate_sent(sh, c, s, plan->len + plan->fin);
    if (c->cc.pacing_rate != 0)
        hf_pace_sent(sh, c, s, plan->len);
    hf_timers_transmitted(sh, c);
    if (!plan->again && plan->why != HF_WHY_LOSS_PROBE)
        hf_timers_probe_later(sh, c, s);
}

/* ---- bytes ---- */

static void write_bytes(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint8_t *out,
                        bool skip_sum, struct hf_tcp_written *written)
{
    const struct hf_segment *seg = &written->seg;
    written->header_len = hf_tcp_write(seg, out);
    written->len = written->header_len + seg->data_len;
    written->sum = 0;
    uint8_t *payload = out + written->header_len;
    hf_seq text = hf_seq_add(seg->seq, (seg->flags & HF_TCP_SYN) != 0);
    uint64_t at = seg->data_len > 0 ? hf_snd_offset(c, text) : 0;
    if (skip_sum) {
        if (seg->data_len > 0)
            hf_stream_read(&s->stream, &sh->blocks, at, payload, seg->data_len);
        return;
    }
    written->sum = hf_sum_fold(hf_sum_words(0, out, written->header_len / 4));
    if (seg->data_len > 0)
        written->sum = hf_sum_add(written->sum,
                                  hf_stream_read_sum(&s->stream, &sh->blocks, at, payload, seg->data_len));
}

void hf_tcp_output(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_plan *plan, uint8_t *out,
                   bool skip_sum, struct hf_tcp_written *written)
{
    struct hf_segment *seg = &written->seg;
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    bool data = plan->what == HF_SEND_DATA || plan->what == HF_SEND_PROBE;
    uint32_t mss = data ? hf_effective_mss(sh, c) : 0;
    if (plan->why == HF_WHY_SIZE_PROBE)
        mss = plan->len;
    begin(sh, c, plan, seg);
    if (data && s == NULL)
        s = hf_attach_sending(sh, c); /* a FIN with nothing before it; the plan saw that there is room */
    if (plan->what == HF_SEND_SYN)
        fill_syn(sh, c, seg);
    else if (plan->what == HF_SEND_RST)
        seg->flags |= HF_TCP_RST;
    else if (data)
        fill_data(c, s, plan, seg);
    if (plan->what != HF_SEND_SYN)
        hf_ecn_mark(c, s, plan, seg);
    write_bytes(sh, c, s, out, skip_sum, written);
    bool is_split = data && plan->len > mss; /* a SYN's text was measured for its one segment: RFC 7413, 4.2.1 */
    written->gso_size = is_split ? (uint16_t)mss : 0;

    if (plan->what == HF_SEND_RST) {
        c->flags &= ~(uint32_t)HF_TF_OWE_RST;
        hf_count(sh, plan->why);
        return;
    }
    pay_ack(c, seg);
    if (plan->what == HF_SEND_SYN)
        pay_syn(sh, c, plan);
    else if (data)
        pay_data(sh, c, s, plan, mss);
    if (plan->why == HF_WHY_KEEP_ALIVE)
        c->owed &= (uint8_t)~HF_OWE_KEEP_ALIVE;
    if (plan->what != HF_SEND_ACK)
        hf_timers_review(sh, c);
    hf_count(sh, plan->why);
}

/*
 * SYN-SENT (RFC 9293, 3.10.7.3): first the ACK, second the RST, (third, security, is no more,) fourth the SYN, with
 * simultaneous open (MUST-10); fifth, whatever is left is dropped.
 *
 * Read first: segment_arrives.c. Read next: synchronized.c.
 */
#include "steps.h"

/* First: does it acknowledge our SYN? True unless there is an ACK of something else. */
static bool ack_is_acceptable(const struct hf_tcp *c, const struct hf_segment *seg)
{
    return !(seg->flags & HF_TCP_ACK) || hf_seq_lt_le(c->iss, seg->ack, c->snd.nxt);
}

static void take_syn(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    c->irs = seg->seq;
    c->rcv.nxt = hf_seq_add(seg->seq, 1);
    c->rcv.up = c->rcv.nxt;
    c->last_ack_sent = c->rcv.nxt;
    hf_options_accept(sh, c, seg);
    hf_take_window(c, seg);
}

/* Their SYN acknowledges ours: the connection is open, and what stands beside it goes on to the sixth check. */
static struct hf_verdict handshake_completes(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    struct hf_verdict v = {.why = HF_ACCEPTED};
    c->snd.una = hf_seq_add(c->iss, 1);
    c->owed &= (uint8_t)~HF_OWE_SYN;
    if (!(c->flags & HF_TF_SYN_AGAIN))
        hf_rtt_sample(sh, c, hf_time_since(sh->now, c->opened_at));
    hf_timers_progress(sh, c);
    hf_owe_ack(c, HF_WHY_ACK_HANDSHAKE);
    hf_tcp_established(sh, c, HF_EDGE_SYN_ACK);
    hf_fast_open_answered(sh, c, seg);
    hf_from_sixth_check(sh, c, seg, &v);
    return v;
}

struct hf_verdict hf_syn_sent_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    bool acks = seg->flags & HF_TCP_ACK;
    if (!ack_is_acceptable(c, seg)) {
        bool reset = !(seg->flags & HF_TCP_RST);
        return (struct hf_verdict){.why = HF_DROP_SYN_SENT_ACK, .reset = reset ? HF_WHY_RST_BAD_ACK : HF_REASON_NONE};
    }
    if (seg->flags & HF_TCP_RST) {
        if (!acks)
            return (struct hf_verdict){.why = HF_DROP_SYN_SENT_RST};
        hf_tcp_end(sh, c, HF_EDGE_REFUSED, HF_ERR_REFUSED);
        return (struct hf_verdict){.why = HF_ACCEPTED};
    }
    if (!(seg->flags & HF_TCP_SYN))
        return (struct hf_verdict){.why = HF_DROP_SYN_SENT_NO_SYN};
    take_syn(sh, c, seg);
    struct hf_verdict v = {.why = HF_ACCEPTED};
    if (acks) {
        v = handshake_completes(sh, c, seg);
    } else {
        c->owed |= HF_OWE_SYN; /* simultaneous open: our SYN again, with the ACK of theirs */
        hf_tcp_enter(sh, c, HF_SYN_RECEIVED, HF_EDGE_SYN);
    }
    hf_timers_review(sh, c);
    return v;
}

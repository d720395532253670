/*
 * SEGMENT ARRIVES (RFC 9293, 3.10.7): which page of the RFC a segment belongs to; CLOSED (3.10.7.1); and the reset that
 * answers what belongs nowhere (3.5.2).
 *
 * Read next: listen.c (3.10.7.2), syn_sent.c (3.10.7.3), synchronized.c (3.10.7.4).
 */
#include "steps.h"

struct hf_verdict hf_segment_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (c->state == HF_CLOSED)
        return hf_segment_to_nobody(seg);
    if (c->state == HF_SYN_SENT)
        return hf_syn_sent_arrives(sh, c, seg);
    return hf_synchronized_arrives(sh, c, seg);
}

/* Everything it carries is discarded; a RST is left unanswered,
 * anything else earns a reset. */
struct hf_verdict hf_segment_to_nobody(const struct hf_segment *seg)
{
    if (seg->flags & HF_TCP_RST)
        return (struct hf_verdict){.why = HF_DROP_RST_NO_CONNECTION};
    return (struct hf_verdict){.why = HF_DROP_NO_CONNECTION, .reset = HF_WHY_RST_NO_CONNECTION};
}

bool hf_reset_for(const struct hf_segment *seg, struct hf_segment *rst)
{
    if (seg->flags & HF_TCP_RST)
        return false;
    *rst = (struct hf_segment){.src_port = seg->dst_port, .dst_port = seg->src_port, .at = seg->at, .coalesced = 1};
    if (seg->flags & HF_TCP_ACK) {
        rst->seq = seg->ack;
        rst->flags = HF_TCP_RST;
    } else {
        rst->ack = hf_seq_add(seg->seq, seg->len);
        rst->flags = HF_TCP_RST | HF_TCP_ACK;
    }
    return true;
}

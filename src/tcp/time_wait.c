/*
 * TIME-WAIT (RFC 9293, 3.6.1; RFC 1337; RFC 6191): old segments harm nobody, and still a new connection need not wait
 * for 2 MSL when it provably is one.
 */
#include "steps.h"

bool hf_time_wait_may_reopen(const struct hf_tcp *c, const struct hf_segment *seg)
{
    const uint8_t control = HF_TCP_SYN | HF_TCP_ACK | HF_TCP_RST | HF_TCP_FIN;
    if ((seg->flags & control) != HF_TCP_SYN)
        return false;
    bool both_stamp = (c->flags & HF_TF_TIMESTAMPS) && (seg->opts.present & HF_OPT_TIMESTAMPS);
    if (both_stamp && seg->opts.tsval != c->ts_recent)
        return (int32_t)(seg->opts.tsval - c->ts_recent) > 0;
    return hf_seq_gt(seg->seq, c->rcv.nxt);
}

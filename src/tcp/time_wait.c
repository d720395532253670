/*
 * TIME-WAIT (RFC 9293, 3.6.1; RFC 1337; RFC 6191, 2): old segments harm nobody, and still a new connection need not
 * wait for 2 MSL when it provably is one (MAY-2, SHLD-4).
 */
#include "steps.h"

/* Further than what is in flight, and than the window, could reach: RFC 1122, 4.2.2.13 (b). */
#define BEYOND 65537u

bool hf_time_wait_may_reopen(const struct hf_tcp *c, const struct hf_segment *seg)
{
    const uint8_t control = HF_TCP_SYN | HF_TCP_ACK | HF_TCP_RST | HF_TCP_FIN;
    if (c->state != HF_TIME_WAIT || (seg->flags & control) != HF_TCP_SYN)
        return false;
    bool both_stamp = (c->flags & HF_TF_TIMESTAMPS) && (seg->opts.present & HF_OPT_TIMESTAMPS);
    if (both_stamp && seg->opts.tsval != c->ts_recent)
        return (int32_t)(seg->opts.tsval - c->ts_recent) > 0;
    return hf_seq_gt(seg->seq, c->rcv.nxt);
}

void hf_time_wait_reopen(struct hf_tcp_shared *sh, struct hf_tcp *c) { hf_tcp_end(sh, c, HF_EDGE_REUSED, HF_OK); }

void hf_time_wait_give_way(struct hf_tcp_shared *sh, struct hf_tcp *c) { hf_tcp_end(sh, c, HF_EDGE_GAVE_WAY, HF_OK); }

void hf_begin_beyond(struct hf_tcp *c, hf_seq old_nxt)
{
    hf_seq beyond = hf_seq_add(old_nxt, BEYOND);
    if (hf_seq_ge(c->iss, beyond))
        return; /* the clock of RFC 6528 has gone far enough by itself */
    c->iss = beyond;
    c->snd.una = c->snd.nxt = c->iss;
}

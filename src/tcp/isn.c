/*
 * Initial sequence numbers (RFC 6528, 3): ISN = M + F(tuple, secret), with M a clock of 4 us and F a keyed hash.
 * Nobody off the path can predict one, and a tuple's numbers still grow monotonically, which is what TIME-WAIT
 * reuse needs. MUST-8, MUST-9, SHLD-1. Timestamps get an offset of the same kind, per address pair (RFC 7323, 7.1;
 * RFC 6191 needs it monotonic).
 */
#include "steps.h"

#define TICK (4 * HF_US) /* RFC 9293, 3.4.1 */

static uint32_t keyed(const struct hf_key *key, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    uint8_t pair[HF_PAIR_BYTES];
    return (uint32_t)hf_siphash(key, pair, hf_pair_bytes(local, remote, pair));
}

hf_seq hf_isn(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_endpoint local = {c->local_addr, c->local_port}, remote = {c->remote_addr, c->remote_port};
    int64_t clock = hf_ticks_of(sh->now, TICK) + sh->config.isn_clock_ns / TICK;
    return hf_seq_of((uint32_t)clock + keyed(&sh->isn_key, &local, &remote));
}

/* The last pair's is kept: a record is unfolded more than once, and many connections run between two hosts. */
uint32_t hf_timestamp_offset(struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    struct hf_stamp_pair *last = &sh->last_stamps;
    if (hf_addr_equal(&last->remote, &c->remote_addr) && hf_addr_equal(&last->local, &c->local_addr))
        return last->offset;
    const struct hf_endpoint local = {.addr = c->local_addr}, remote = {.addr = c->remote_addr};
    *last = (struct hf_stamp_pair){local.addr, remote.addr, keyed(&sh->timestamp_key, &local, &remote)};
    return last->offset;
}

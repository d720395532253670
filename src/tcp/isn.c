/*
 * Initial sequence numbers (RFC 6528, 3): ISN = M + F(tuple, secret), with M a clock of 4 us and F a keyed hash.
 * Nobody off the path can predict one, and a tuple's numbers still grow monotonically, which is what TIME-WAIT
 * reuse needs. MUST-8, MUST-9, SHLD-1. Timestamps get an offset of the same kind, per address pair (RFC 7323, 7.1;
 * RFC 6191 needs it monotonic).
 */
#include "../base/bytes.h"
#include "steps.h"

hf_seq hf_isn(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    uint8_t tuple[36];
    memcpy(tuple, c->local_addr.bytes, 16);
    memcpy(tuple + 16, c->remote_addr.bytes, 16);
    hf_put16(tuple + 32, c->local_port);
    hf_put16(tuple + 34, c->remote_port);
    uint64_t clock = ((uint64_t)sh->now.ns + (uint64_t)sh->config.isn_clock_ns) / 4000;
    return hf_seq_of((uint32_t)clock + (uint32_t)hf_siphash(&sh->isn_key, tuple, sizeof tuple));
}

uint32_t hf_timestamp_offset(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    uint8_t pair[32];
    memcpy(pair, c->local_addr.bytes, 16);
    memcpy(pair + 16, c->remote_addr.bytes, 16);
    return (uint32_t)hf_siphash(&sh->timestamp_key, pair, sizeof pair);
}

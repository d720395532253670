/*
 * Advice from ICMP (RFC 9293, 3.9.2.2; RFC 5927; RFC 5461). Advice about a synchronized connection is remembered and ends
 * nothing: it cannot be authenticated (MUST-56, BUG-15). Before that, what says "nobody there" ends the attempt.
 * Source quench is ignored (MUST-55).
 */
#include "steps.h"

#define LEAST_MTU_V4 552 /* 512 of text; a smaller path is worked through fragment by fragment, not believed */
#define LEAST_MTU_V6 1280
#define SUSPICIOUS 2     /* time-outs in a row */

/* RFC 5927, 4.1: the quoted number must be of something in flight. */
static bool is_plausible(const struct hf_tcp *c, hf_seq seq)
{
    return hf_seq_le_lt(c->snd.una, seq, c->snd.nxt);
}

/* What RFC 1122 calls hard; it ends attempts only (RFC 5927, 5.2). */
static bool is_hard(enum hf_reason advice)
{
    return advice == HF_ADVICE_PORT_UNREACHABLE || advice == HF_ADVICE_PROTOCOL_UNREACHABLE ||
           advice == HF_ADVICE_PROHIBITED;
}

/* MUST-47, SHLD-25: the application is told, and may well not listen (SHLD-20). */
void hf_tcp_advise(struct hf_tcp *c, enum hf_reason advice)
{
    c->advice = (uint8_t)advice;
    c->own.news |= HF_EV_SOFT_ERROR;
}

enum hf_reason hf_tcp_icmp(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_icmp_quote *quote)
{
    if (c->state == HF_CLOSED || !is_plausible(c, quote->seq))
        return HF_DROP_ICMP_BAD;
    hf_count(sh, quote->advice);
    if (quote->advice == HF_ADVICE_SOURCE_QUENCH)
        return HF_ACCEPTED;
    if (quote->advice == HF_ADVICE_PACKET_TOO_BIG) {
        hf_tcp_set_mtu(sh, c, quote->mtu);
        return HF_ACCEPTED;
    }
    hf_tcp_advise(c, quote->advice);
    if (c->state == HF_SYN_SENT && is_hard(quote->advice)) {
        bool port = quote->advice == HF_ADVICE_PORT_UNREACHABLE;
        hf_tcp_end(sh, c, HF_EDGE_ICMP, port ? HF_ERR_REFUSED : HF_ERR_UNREACHABLE);
    }
    return HF_ACCEPTED;
}

/* ---- path MTU ---- */

void hf_mtu_use(struct hf_tcp_shared *sh, struct hf_tcp *c, uint16_t mtu)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    c->path_mtu = mtu;
    hf_tcp_update_mss(c);
    if (!hf_is_synchronized(c->state))
        return;
    c->cc.mss = (uint16_t)hf_effective_mss(sh, c);
    if (s != NULL)
        hf_cc_signal(&c->cc, hf_work_of(sh, s), HF_CC_MSS, hf_in_flight(c, s), sh->now);
}

/* A path that takes less than the least is worked through in fragments, and not sought to take more. */
static bool lower_mtu(struct hf_tcp_shared *sh, struct hf_tcp *c, uint16_t said)
{
    uint16_t least = hf_addr_is_v4(&c->remote_addr) ? LEAST_MTU_V4 : LEAST_MTU_V6;
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    uint16_t mtu = HF_MAX(said, least);
    if (mtu < c->path_mtu) {
        c->mtu_most = said < least ? 0 : HF_MAX(c->mtu_most, c->path_mtu);
        c->mtu_tries = 0;
        hf_mtu_use(sh, c, mtu);
    } else if (s == NULL || mtu >= s->probe_mtu) {
        return false; /* no news; but a probe may have been too large */
    }
    if (s == NULL || !hf_is_synchronized(c->state))
        return true;
    s->probe_mtu = 0;
    hf_sent_too_large(sh, s, hf_effective_mss(sh, c), HF_WHY_RETRANSMIT_FAST); /* cut anew: RFC 1191, 6.4 */
    return true;
}

void hf_tcp_set_mtu(struct hf_tcp_shared *sh, struct hf_tcp *c, uint16_t mtu)
{
    if (lower_mtu(sh, c, mtu))
        hf_mtu_rest(sh, c, HF_MTU_LASTS);
}

/*
 * Black holes (RFC 4821, 7.7; RFC 8899, 4.3): routers that drop what is too large and say nothing, or whose word is dropped.
 * What timed out twice in a row goes in segments that almost every path takes, then in such as every path must. BUG-42
 */
void hf_mtu_suspect(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL || s->first == HF_NONE || c->retries < SUSPICIOUS)
        return;
    uint16_t mtu = c->path_mtu > LEAST_MTU_V6 ? LEAST_MTU_V6 : LEAST_MTU_V4;
    const struct hf_sent *run = hf_sent_at(sh, s->first);
    uint32_t segment = HF_MIN((uint32_t)hf_seq_diff(run->to, run->from), (uint32_t)run->mss);
    if (mtu >= c->path_mtu || segment + hf_header_overhead(c) <= mtu)
        return; /* it is not its size that keeps it from arriving */
    hf_count(sh, HF_ADVICE_BLACK_HOLE);
    if (lower_mtu(sh, c, mtu))
        hf_mtu_rest(sh, c, 0);
}

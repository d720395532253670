/* Round-trip time and the retransmission time-out (RFC 6298, 2). Times are kept in microseconds. MUST-18. */
#include "steps.h"

void hf_rtt_sample(struct hf_tcp_shared *sh, struct hf_tcp *c, hf_ns rtt)
{
    uint32_t r = rtt < HF_US ? 1 : (uint32_t)HF_MIN(rtt / HF_US, 1000000 * 600);
    if (c->srtt_us == 0) {
        c->srtt_us = r;
        c->rttvar_us = r / 2;
    } else {
        uint32_t deviation = c->srtt_us > r ? c->srtt_us - r : r - c->srtt_us;
        c->rttvar_us = c->rttvar_us - c->rttvar_us / 4 + deviation / 4;
        c->srtt_us = HF_MAX(c->srtt_us - c->srtt_us / 8 + r / 8, 1u);
    }
    /* G, the clock's granularity, is 1 ms: a variance of zero must not make the timer exactly one round trip. */
    uint32_t rto = c->srtt_us + HF_MAX(4 * c->rttvar_us, 1000u);
    uint32_t low = (uint32_t)(sh->config.rto_min_ns / HF_US), high = (uint32_t)(sh->config.rto_max_ns / HF_US);
    c->rto_us = HF_MIN(HF_MAX(rto, low), high);
    c->backoff = 0; /* RFC 6298, 5.7 and Karn: back-off stays until a new sample */
}

hf_ns hf_rto(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    hf_ns rto = (hf_ns)c->rto_us * HF_US << HF_MIN(c->backoff, 16);
    return HF_MIN(rto, sh->config.rto_max_ns);
}

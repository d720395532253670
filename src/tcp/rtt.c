/* Round-trip time and the retransmission time-out (RFC 6298, 2). Times are kept in microseconds. MUST-18. */
#include "steps.h"

#define MIN_RTT_LASTS 64 /* in units of 4 s: about four minutes */

/* RFC 8985, 6.2, step 1: the least of the last minutes. */
static void keep_least(const struct hf_tcp_shared *sh, struct hf_tcp *c, uint32_t rtt_us)
{
    uint8_t now = (uint8_t)(hf_tcp_ms(sh) >> 12);
    bool is_old = (uint8_t)(now - c->min_rtt_age) > MIN_RTT_LASTS;
    if (c->min_rtt_us != 0 && rtt_us > c->min_rtt_us && !is_old)
        return;
    c->min_rtt_us = rtt_us;
    c->min_rtt_age = now;
}

void hf_rtt_sample(struct hf_tcp_shared *sh, struct hf_tcp *c, hf_ns rtt)
{
    uint32_t r = rtt < HF_US ? 1 : (uint32_t)HF_MIN(rtt / HF_US, 1000000 * 600);
    keep_least(sh, c, r);
    if (c->srtt_us == 0) {
        c->srtt_us = r;
        c->rttvar_us = r / 2;
    } else {
        uint32_t deviation = c->srtt_us > r ? c->srtt_us - r : r - c->srtt_us;
        c->rttvar_us = c->rttvar_us - c->rttvar_us / 4 + deviation / 4;
        c->srtt_us = HF_MAX(c->srtt_us - c->srtt_us / 8 + r / 8, 1u);
    }
    /* The least time-out counts beyond the round trip: on a long and steady path whose variance is nothing, a peer's
     * delayed ACK must not look like a loss. */
    uint32_t low = (uint32_t)(sh->config.rto_min_ns / HF_US), high = (uint32_t)(sh->config.rto_max_ns / HF_US);
    uint32_t rto = c->srtt_us + HF_MAX(4 * c->rttvar_us, HF_MAX(low, 1000u));
    c->rto_us = HF_MIN(rto, high);
    c->backoff = 0; /* RFC 6298, 5.7 and Karn: back-off stays until a new sample */
}

hf_ns hf_rto(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    hf_ns rto = (hf_ns)c->rto_us * HF_US << HF_MIN(c->backoff, 16);
    return HF_MIN(rto, sh->config.rto_max_ns);
}

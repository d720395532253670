/*
 * HyStart++ (RFC 9406, which grew out of draft-ietf-tcpm-hystartplusplus): slow start that ends before the queue overflows.
 * When the least round trip of a round exceeds the last round's by an eighth, at least 4 and at most 16 ms, growth goes on
 * at a quarter of its speed for five rounds; when the round trip falls back meanwhile, it was a false alarm.
 *
 * A round is what it takes to deliver what was in flight when it began. Thresholds of milliseconds keep the jitter of short
 * paths from looking like a queue.
 */
#include "controllers.h"

#define SAMPLES 8       /* N_RTT_SAMPLE */
#define CSS_ROUNDS 5
#define GROWTH_DIVISOR 4 /* CSS_GROWTH_DIVISOR */
#define LEAST_RISE_US 4000u
#define MOST_RISE_US 16000u

static uint32_t threshold(uint32_t last_us)
{
    return HF_MIN(HF_MAX(last_us / 8, LEAST_RISE_US), MOST_RISE_US);
}

static void begin_round(struct hf_cc *cc, struct hf_hystart *h, uint32_t in_flight)
{
    h->last_us = h->this_us;
    h->this_us = 0;
    h->samples = 0;
    h->left = in_flight;
    if (h->css_rounds > 0 && ++h->css_rounds > CSS_ROUNDS)
        cc->ssthresh = cc->cwnd; /* the queue is there: congestion avoidance */
}

static void judge(struct hf_hystart *h)
{
    if (h->samples < SAMPLES || h->last_us == 0)
        return;
    if (h->css_rounds == 0 && h->this_us >= h->last_us + threshold(h->last_us)) {
        h->css_rounds = 1;
        h->baseline_us = h->this_us;
    } else if (h->css_rounds > 0 && h->this_us < h->baseline_us) {
        h->css_rounds = 0;
    }
}

uint32_t hf_hystart(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack)
{
    struct hf_hystart *h = &work->hystart;
    if (ack->rtt > 0) {
        uint32_t us = (uint32_t)HF_MIN(ack->rtt / HF_US + 1, (hf_ns)UINT32_MAX);
        h->this_us = h->this_us == 0 ? us : HF_MIN(h->this_us, us);
        h->samples += h->samples < UINT8_MAX;
        judge(h);
    }
    h->left = h->left > ack->acked ? h->left - ack->acked : 0;
    if (h->left == 0)
        begin_round(cc, h, ack->in_flight);
    return h->css_rounds > 0 ? ack->acked / GROWTH_DIVISOR : ack->acked;
}

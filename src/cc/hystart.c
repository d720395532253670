/*
 * HyStart++ (RFC 9406), and the ACK trains of the first HyStart (Ha and Rhee, "Taming the elephants"): slow start that ends
 * before the queue overflows. Growth goes on at a quarter of its speed for at most five rounds
 *
 *   - when the least round trip of a round exceeds the last round's by an eighth, at least 4 and at most 16 ms; should it
 *     fall back meanwhile, it was a false alarm
 *   - when ACKs come without a gap for half the least round trip: then the window fills the path by half already, and the
 *     growth of this very round fills it. The round trip tells of a queue a round later, when the window has doubled again.
 *
 * In slow growth a round trip that rises by that much once more, or at all if it had not yet, shows the queue to be ours,
 * and congestion avoidance begins; the five rounds are for who sees nothing.
 *
 * A round is what it takes to deliver what was in flight when it began. Thresholds of milliseconds keep the jitter of short
 * paths from looking like a queue, and no train is looked for on these. L, which limits what one ACK counts for, is
 * infinite: an ACK that covers much is what receive offload makes.
 */
#include "controllers.h"

#define SAMPLES 8       /* N_RTT_SAMPLE */
#define CSS_ROUNDS 5
#define GROWTH_DIVISOR 4 /* CSS_GROWTH_DIVISOR */
#define RISE_DIVISOR 8   /* MIN_RTT_DIVISOR */
#define LEAST_RISE_US 4000u  /* MIN_RTT_THRESH */
#define MOST_RISE_US 16000u  /* MAX_RTT_THRESH */
#define LEAST_GAP (2 * HF_MS)
#define TRAIN_SEGMENTS 16u /* in a smaller window nothing is a train */

static uint32_t risen(uint32_t us)
{
    return us + HF_MIN(HF_MAX(us / RISE_DIVISOR, LEAST_RISE_US), MOST_RISE_US);
}

static void begin_round(struct hf_cc *cc, struct hf_hystart *h, const struct hf_cc_ack *ack)
{
    h->last_us = h->this_us;
    h->this_us = 0;
    h->samples = 0;
    h->left = ack->in_flight;
    h->round_at = h->train_at = ack->at;
    if (h->css_rounds > 0 && ++h->css_rounds > CSS_ROUNDS)
        cc->ssthresh = cc->cwnd; /* the queue is there: congestion avoidance */
}

static void begin_slow_growth(struct hf_hystart *h, uint32_t baseline_us, uint32_t queue_us)
{
    h->css_rounds = 1;
    h->baseline_us = baseline_us;
    h->queue_us = queue_us;
}

static void judge_round_trip(struct hf_cc *cc, struct hf_hystart *h)
{
    if (h->samples < SAMPLES || h->last_us == 0)
        return;
    if (h->css_rounds > 0 && h->this_us < h->baseline_us)
        h->css_rounds = 0; /* RFC9406-4.2.resume */
    else if (h->css_rounds > 0 && h->this_us >= h->queue_us)
        cc->ssthresh = cc->cwnd;
    else if (h->css_rounds == 0 && h->this_us >= risen(h->last_us)) /* RFC9406-4.2.enter */
        begin_slow_growth(h, h->this_us, risen(h->this_us));
}

/* Pacing spreads a window over half a round trip by itself. */
static void judge_train(const struct hf_cc *cc, struct hf_hystart *h, hf_time at)
{
    hf_ns least = (hf_ns)h->least_us * HF_US;
    if (hf_time_since(at, h->train_at) > HF_MAX(least / 16, LEAST_GAP))
        return;
    h->train_at = at;
    bool is_long = hf_time_since(at, h->round_at) > (cc->is_paced ? least : least / 2);
    if (is_long && h->least_us >= LEAST_RISE_US && h->css_rounds == 0 && cc->cwnd >= TRAIN_SEGMENTS * cc->mss)
        begin_slow_growth(h, 0, risen(h->least_us));
}

uint32_t hf_hystart(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack)
{
    struct hf_hystart *h = &work->hystart;
    if (ack->acked > h->left) /* the first beyond what was in flight when the round began */
        begin_round(cc, h, ack);
    else
        h->left -= ack->acked;
    if (ack->rtt > 0) {
        uint32_t us = (uint32_t)HF_MIN(ack->rtt / HF_US + 1, (hf_ns)UINT32_MAX);
        h->this_us = h->this_us == 0 ? us : HF_MIN(h->this_us, us);
        h->least_us = h->least_us == 0 ? us : HF_MIN(h->least_us, us);
        h->samples += h->samples < UINT8_MAX;
        judge_round_trip(cc, h);
    }
    judge_train(cc, h, ack->at);
    return h->css_rounds > 0 ? ack->acked / GROWTH_DIVISOR : ack->acked; /* RFC9406-4.2.grow */
}

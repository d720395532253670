/*
 * BBR's model of the path: how fast it delivers, how long a round trip takes without a queue, how much may be in flight,
 * and what recent losses say (draft-ietf-ccwg-bbr, "Updating Network Path Model Parameters").
 *
 * Two time scales. Over cycles of probing: max_bw and inflight_long, what was once delivered and how much in flight was
 * once too much. Within a cycle: bw_short and inflight_short, which follow what is delivered down, round by round, when
 * there are losses, and are forgotten when bandwidth is probed anew.
 *
 * Read first: bbr.h. Read next: bbr_state.c.
 */
#include "bbr_parts.h"

#define MOST_RTT_US 60000000u
#define MOST_QUANTUM 65536u
#define EXTRA_ROUNDS 5u /* in each of two bins: ExtraAckedFilterLen, ten */
#define FULL_ROUNDS 3
#define MIN_RTT_LASTS (10 * HF_SECOND) /* MinRTTFilterLen */
#define PROBE_RTT_AFTER (5 * HF_SECOND) /* ProbeRTTInterval */

/* ---- volumes ---- */

uint32_t hf_bbr_product(const struct hf_cc *cc, const struct hf_bbr *b, uint64_t bw, uint32_t percent)
{
    if (b->min_rtt_us == UINT32_MAX)
        return cc->initial_window * (uint32_t)cc->mss;
    uint64_t product = HF_MIN(bw, UINT64_MAX / MOST_RTT_US) * HF_MIN(b->min_rtt_us, MOST_RTT_US) / 1000000u;
    return (uint32_t)HF_MIN(HF_MIN(product, (uint64_t)HF_CC_CWND_MAX) * percent / 100, (uint64_t)HF_CC_CWND_MAX);
}

/* Three quanta: one leaving, one being cut, one being gathered at the receiver. */
uint32_t hf_bbr_with_budget(const struct hf_cc *cc, const struct hf_bbr *b, uint32_t volume)
{
    uint32_t quantum = HF_MAX((uint32_t)HF_MIN(cc->pacing_rate / 1000, (uint64_t)MOST_QUANTUM), 2u * cc->mss);
    volume = HF_MAX(HF_MAX(volume, 3 * quantum), hf_bbr_least_cwnd(cc));
    return b->state == HF_BBR_UP ? volume + 2u * cc->mss : volume;
}

uint32_t hf_bbr_with_headroom(const struct hf_cc *cc, const struct hf_bbr *b)
{
    if (b->inflight_long == HF_BBR_NO_LIMIT)
        return HF_BBR_NO_LIMIT;
    uint32_t headroom = HF_MAX((uint32_t)((uint64_t)b->inflight_long * 15 / 100), (uint32_t)cc->mss);
    uint32_t volume = b->inflight_long > headroom ? b->inflight_long - headroom : 0;
    return HF_MAX(volume, hf_bbr_least_cwnd(cc));
}

uint32_t hf_bbr_target(const struct hf_cc *cc, const struct hf_bbr *b)
{
    return HF_MIN(hf_bbr_product(cc, b, b->bw, 100), cc->cwnd);
}

/* ---- beginnings ---- */

void hf_bbr_start_round(struct hf_bbr *b, uint64_t delivered) { b->round_end = delivered; }

void hf_bbr_reset_congestion(struct hf_bbr *b)
{
    b->loss_in_round = false;
    b->bw_latest = 0;
    b->inflight_latest = 0;
}

void hf_bbr_reset_short(struct hf_bbr *b)
{
    b->bw_short = HF_BBR_NO_RATE;
    b->inflight_short = HF_BBR_NO_LIMIT;
}

void hf_bbr_reset_full(struct hf_bbr *b)
{
    b->full_bw = 0;
    b->full_count = 0;
    b->full_now = false;
}

/* ---- how fast it delivers ---- */

static void count_rounds(struct hf_bbr *b, const struct hf_cc_rate *rate)
{
    b->round_start = rate->prior_total >= b->round_end;
    if (!b->round_start)
        return;
    hf_bbr_start_round(b, rate->total);
    b->rounds++;
    b->rounds_since_probe++;
}

/* A rate that the application held back may raise the estimate but says nothing when it is lower. */
static void take_rate(struct hf_bbr *b, const struct hf_cc_rate *rate)
{
    if (rate->rate > 0 && (rate->rate >= hf_bbr_max_bw(b) || !rate->is_app_limited))
        b->max_bw[b->cycle] = HF_MAX(b->max_bw[b->cycle], rate->rate);
}

static bool is_accelerating(const struct hf_bbr *b)
{
    return b->state == HF_BBR_STARTUP || b->state == HF_BBR_REFILL || b->state == HF_BBR_UP;
}

/* A round with losses is over, and none of it was a probe: down towards what was delivered, by three tenths at most. */
static void follow_down(const struct hf_cc *cc, struct hf_bbr *b)
{
    uint64_t bw = b->bw_short == HF_BBR_NO_RATE ? hf_bbr_max_bw(b) : b->bw_short;
    uint64_t volume = b->inflight_short == HF_BBR_NO_LIMIT ? cc->cwnd : b->inflight_short;
    b->bw_short = HF_MAX(b->bw_latest, bw * HF_BBR_BETA / 10);
    b->inflight_short = HF_MAX(b->inflight_latest, (uint32_t)(volume * HF_BBR_BETA / 10));
}

void hf_bbr_learn_delivery(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    const struct hf_cc_rate *rate = ack->rate;
    b->loss_round_start = false;
    b->bw_latest = HF_MAX(b->bw_latest, rate->rate);
    b->inflight_latest = HF_MAX(b->inflight_latest, rate->delivered);
    if (rate->prior_total >= b->loss_round_end) {
        b->loss_round_end = rate->total;
        b->loss_round_start = true;
    }
    count_rounds(b, rate);
    take_rate(b, rate);
    if (!b->loss_round_start)
        return;
    if (b->loss_in_round && !is_accelerating(b))
        follow_down(cc, b);
    b->loss_in_round = false;
}

/* ---- how uneven the ACKs are ---- */

static void keep_extra(struct hf_bbr *b, uint32_t extra)
{
    if (b->rounds - b->extra_since >= (b->full_reached ? EXTRA_ROUNDS : 1)) {
        b->extra[1] = b->extra[0];
        b->extra[0] = 0;
        b->extra_since = b->rounds;
    }
    b->extra[0] = HF_MAX(b->extra[0], extra);
}

void hf_bbr_learn_aggregation(const struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    hf_ns interval = HF_MIN(HF_MAX(hf_time_since(ack->at, b->extra_at), 0), HF_SECOND);
    uint64_t expected = HF_MIN(b->bw, (uint64_t)1 << 33) * (uint64_t)(interval / HF_US) / 1000000u;
    if (b->extra_delivered <= expected) {
        b->extra_delivered = 0;
        b->extra_at = ack->at;
        expected = 0;
    }
    b->extra_delivered += ack->acked;
    keep_extra(b, (uint32_t)HF_MIN(b->extra_delivered - expected, (uint64_t)cc->cwnd));
}

/* ---- is there more to be had? ---- */

/* Three round trips in which the rate, though pushed, grew by less than a quarter: no. */
void hf_bbr_learn_fullness(struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    const struct hf_cc_rate *rate = ack->rate;
    if (b->full_now || !b->round_start || rate->is_app_limited)
        return;
    if (rate->rate >= b->full_bw + b->full_bw / 4) {
        hf_bbr_reset_full(b);
        b->full_bw = rate->rate;
        return;
    }
    b->full_now = ++b->full_count >= FULL_ROUNDS;
    b->full_reached |= b->full_now;
}

/* ---- how long a round trip takes ---- */

void hf_bbr_learn_min_rtt(struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    b->rtt_expired = hf_time_before(hf_time_add(b->probe_rtt_at, PROBE_RTT_AFTER), ack->at);
    uint32_t us = (uint32_t)HF_MIN(ack->rtt / HF_US + 1, (hf_ns)MOST_RTT_US);
    if (ack->rtt > 0 && (us < b->probe_rtt_us || b->rtt_expired)) {
        b->probe_rtt_us = us;
        b->probe_rtt_at = ack->at;
    }
    bool is_old = hf_time_before(hf_time_add(b->min_rtt_at, MIN_RTT_LASTS), ack->at);
    if (b->probe_rtt_us < b->min_rtt_us || is_old) {
        b->min_rtt_us = b->probe_rtt_us;
        b->min_rtt_at = b->probe_rtt_at;
    }
}

void hf_bbr_learn_end(struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (b->loss_round_start) {
        b->bw_latest = ack->rate->rate;
        b->inflight_latest = ack->rate->delivered;
    }
    b->bw = HF_MIN(hf_bbr_max_bw(b), b->bw_short);
}

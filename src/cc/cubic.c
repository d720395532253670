/*
 * CUBIC (RFC 8312, its successor draft; MAY-18): after a reduction the window follows W(t) = C (t - K)^3 + W_max,
 * flat where the last loss happened, and is never below what Reno would have reached.
 *
 * Everything is in integers: windows in bytes, times in milliseconds, C = 0.4 segments per second cubed, beta = 0.7.
 */
#include "controllers.h"

#define BETA_1024 717u /* 0.7 */

/* The largest r with r^3 =< x. */
static uint32_t cube_root(uint64_t x)
{
    uint32_t low = 0, high = 2642245; /* 2642245^3 < 2^64 */
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if ((uint64_t)middle * middle * middle <= x)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* K = cbrt((W_max - cwnd) / C), in milliseconds: with C = 0.4 per s^3, t_ms^3 = segments * 2.5e9. */
static void begin_epoch(struct hf_cc *cc, struct hf_cc_work *work, hf_time at)
{
    work->epoch_at = at.ns == 0 ? (hf_time){1} : at;
    work->w_est = cc->cwnd;
    work->counted = 0;
    work->est_counted = 0;
    work->origin = HF_MAX(cc->w_max, cc->cwnd);
    work->k_ms = cube_root((uint64_t)(work->origin - cc->cwnd) * 2500000000u / cc->mss);
}

/* The window the curve wants at time t of the epoch, bytes; at most half as much again as now (RFC 8312bis, 4.2). */
static uint32_t curve(const struct hf_cc *cc, const struct hf_cc_work *work, uint64_t t_ms)
{
    uint64_t distance = t_ms > work->k_ms ? t_ms - work->k_ms : work->k_ms - t_ms;
    distance = HF_MIN(distance, 1000000u);
    uint64_t offset = distance * distance * distance / 2500000u * cc->mss / 1000u;
    uint64_t target = work->origin;
    if (t_ms >= work->k_ms)
        target += offset;
    else
        target = target > offset ? target - offset : 0;
    return (uint32_t)HF_MAX(HF_MIN(target, (uint64_t)cc->cwnd + cc->cwnd / 2), cc->cwnd);
}

/* Reno's window with the same beta (RFC 8312bis, 4.3): alpha = 3 (1 - beta) / (1 + beta) = 0.53 segments per round, 1 past
 * W_max. */
static void advance_estimate(const struct hf_cc *cc, struct hf_cc_work *work, uint32_t acked)
{
    uint64_t alpha_1024 = work->w_est >= cc->w_max ? 1024 : 542;
    uint64_t grow = alpha_1024 * cc->mss * acked + work->est_counted, unit = (uint64_t)cc->cwnd * 1024;
    work->w_est += (uint32_t)(grow / unit);
    work->est_counted = grow % unit; /* kept: in a large window one ACK is worth less than a byte */
}

void hf_cubic_avoid(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack, uint32_t acked)
{
    if (work->epoch_at.ns == 0)
        begin_epoch(cc, work, ack->at);
    advance_estimate(cc, work, acked);
    uint64_t t_ms = (uint64_t)(hf_time_since(ack->at, work->epoch_at) + ack->srtt) / 1000000u;
    uint32_t target = curve(cc, work, t_ms);
    if (target > cc->cwnd) {
        /* (target - cwnd) / cwnd bytes for each byte acknowledged, remainders kept in `counted`. */
        uint64_t grow = (uint64_t)(target - cc->cwnd) * acked + work->counted;
        cc->cwnd += (uint32_t)(grow / cc->cwnd);
        work->counted = (uint32_t)(grow % cc->cwnd);
    }
    cc->cwnd = HF_MIN(HF_MAX(cc->cwnd, work->w_est), HF_CC_CWND_MAX);
}

void hf_cubic_reduce(struct hf_cc *cc, struct hf_cc_work *work)
{
    uint32_t window = cc->cwnd;
    /* Fast convergence: who was reduced below his last maximum leaves room for others (RFC 8312bis, 4.7). */
    cc->w_max = window < cc->w_max ? (uint32_t)((uint64_t)window * (1024 + BETA_1024) / 2048) : window;
    cc->ssthresh = HF_MAX((uint32_t)((uint64_t)window * BETA_1024 / 1024), 2u * cc->mss); /* RFC 8312bis, 4.6 */
    work->epoch_at = (hf_time){0};
}

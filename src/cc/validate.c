/*
 * Congestion window validation (RFC 7661, 4.4): a window says what the path took when it was last filled. An application
 * that sends less, or nothing for a while, keeps it, but it is not proven any more:
 *
 *     proven   a round trip of the last second or so (pipeACK) acknowledged at least half of it, or it is what limits now
 *     unproven it grows only when it is filled; what leaves of it is paced; a loss counts from what was used, not from it;
 *              and after five minutes it is halved, again and again
 *
 * Read first: cc.c.
 */
#include "controllers.h"

#include "../base/clock.h"

#define UNPROVEN_MS 300000u /* NVP: RFC 7661, 4.4 and 5.1 */
#define UNDEFINED UINT32_MAX

/* pipeACK: the greatest of the sampling period, of which pipe[0] holds this half and pipe[1] the last. */
static uint32_t pipe_ack(const struct hf_cc *cc) { return HF_MAX(cc->pipe[0], cc->pipe[1]); }

void hf_cc_forget_pipe(struct hf_cc *cc)
{
    cc->pipe[0] = cc->pipe[1] = UNDEFINED;
    cc->unproven_ms = 0;
}

/* RFC 7661, 4.2: the period is three round trips, at least a second. */
static void turn(struct hf_cc *cc, uint32_t now_ms, hf_ns srtt)
{
    uint32_t half_ms = (uint32_t)(HF_MAX(3 * srtt, HF_SECOND) / (2 * HF_MS)), passed_ms = now_ms - cc->pipe_ms;
    if (passed_ms < half_ms)
        return;
    cc->pipe_ms = now_ms;
    if (cc->pipe[0] == UNDEFINED)
        return;
    cc->pipe[1] = passed_ms < 2 * half_ms ? cc->pipe[0] : 0;
    cc->pipe[0] = 0;
}

/* RFC 7661, 4.4.3: what is not used for so long is given back by halves. */
static void expire(struct hf_cc *cc, struct hf_cc_work *work, uint32_t now_ms, uint32_t initial)
{
    while (now_ms - cc->unproven_ms >= UNPROVEN_MS) {
        cc->ssthresh = HF_MAX(cc->ssthresh, (uint32_t)((uint64_t)cc->cwnd * 3 / 4));
        cc->cwnd = HF_MIN(cc->cwnd, HF_MAX(cc->cwnd / 2, initial));
        cc->unproven_ms += UNPROVEN_MS;
        work->epoch_at = (hf_time){0};
    }
}

void hf_cc_validate(struct hf_cc *cc, struct hf_cc_work *work, hf_time now, hf_ns srtt, uint32_t initial)
{
    uint32_t now_ms = hf_ms_of(now);
    turn(cc, now_ms, srtt);
    if (pipe_ack(cc) >= cc->cwnd / 2)
        cc->unproven_ms = 0;
    else if (cc->unproven_ms == 0)
        cc->unproven_ms = HF_MAX(now_ms, 1u);
    else
        expire(cc, work, now_ms, initial);
}

/* RFC 7661, 4.5.1: what a round trip acknowledges, as far as it has come. */
void hf_cc_count_pipe(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack)
{
    turn(cc, hf_ms_of(ack->at), ack->srtt);
    if (hf_time_reached(ack->at, work->pipe_until)) {
        work->pipe_counted = 0;
        work->pipe_until = hf_time_add(ack->at, ack->srtt);
    }
    work->pipe_counted += ack->acked;
    if (cc->pipe[0] == UNDEFINED)
        cc->pipe[0] = cc->pipe[1] = 0;
    cc->pipe[0] = HF_MAX(cc->pipe[0], work->pipe_counted);
}

uint32_t hf_cc_used(const struct hf_cc *cc, uint32_t in_flight)
{
    uint32_t used = HF_MAX(pipe_ack(cc), in_flight);
    return cc->unproven_ms != 0 && used < cc->cwnd / 2 ? HF_MAX(used, (uint32_t)cc->mss) : 0;
}

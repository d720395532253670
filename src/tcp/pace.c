/*
 * Pacing: a controller that states a rate has its window spread over time instead of leaving in bursts, as far as quanta
 * are worth it.
 *
 *     pace_at is when, at the rate, all that was sent would have left. What is due waits while pace_at lies ahead; each
 *     frame moves it on by what it takes at the rate. It lags behind the clock by a quantum at most, so that after silence,
 *     or when a timer is late, that much leaves at once and no more.
 *
 * The plan asks; what must not wait (the first repair of an episode, probes, FIN, ACKs) never asks.
 *
 * Read first: plan.c. Read next: cc/cc.h.
 */
#include "steps.h"

#define MOST_QUANTUM 65536u
#define MOST_WAIT HF_SECOND /* a rate so low that a segment takes longer is a matter for the window */

/* What may leave at once: a millisecond's worth, at least two segments. */
static uint32_t quantum(const struct hf_tcp *c)
{
    uint64_t worth = HF_MIN(c->cc.pacing_rate / 1000, (uint64_t)MOST_QUANTUM);
    return HF_MAX((uint32_t)worth, 2u * c->cc.mss);
}

static hf_ns takes(const struct hf_tcp *c, uint32_t len)
{
    return (hf_ns)HF_MIN((uint64_t)len * HF_SECOND / c->cc.pacing_rate, (uint64_t)MOST_WAIT);
}

uint32_t hf_pace_frame(const struct hf_tcp *c, uint32_t most)
{
    return HF_MIN(most, quantum(c));
}

hf_time hf_pace_release(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    return hf_time_add(s->pace_at, takes(c, quantum(c) / 2)); /* half a quantum is worth waking up for */
}

void hf_pace_sent(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t len)
{
    hf_time earliest = hf_time_add(sh->now, -takes(c, quantum(c)));
    hf_time from = hf_time_before(s->pace_at, earliest) ? earliest : s->pace_at;
    s->pace_at = hf_time_first(hf_time_add(from, takes(c, len)), hf_time_add(sh->now, MOST_WAIT));
}

const char *hf_pace_check(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s)
{
    return hf_time_before(hf_time_add(sh->now, MOST_WAIT), s->pace_at) ? "pacing holds back for too long" : NULL;
}

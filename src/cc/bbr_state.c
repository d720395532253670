/*
 * BBR's state machine (draft-ietf-ccwg-bbr, "State Machine Operation"): when to push, when to hold back, when to look how
 * long a round trip takes without a queue.
 *
 * Read first: bbr_model.c. Read next: bbr.c.
 */
#include "bbr_parts.h"

#define STARTUP_LOSSES 6 /* BBRStartupFullLossCnt: ACKs of a round that brought news of losses */
#define DRAIN_ROUNDS 3
#define MOST_WAIT_ROUNDS 63
#define PROBE_WAIT (2 * HF_SECOND) /* ... and up to a second more */
#define PROBE_RTT_LASTS (200 * HF_MS)
#define MOST_UP_ROUNDS 30

/* ---- into each state ---- */

void hf_bbr_enter_startup(struct hf_bbr *b) { b->state = HF_BBR_STARTUP; }

/* Flows that share a bottleneck must not probe in step; nothing here is secret, so the instant and the stream's position,
 * well mixed, are chance enough. */
static uint32_t chance(const struct hf_bbr *b, hf_time now)
{
    uint64_t z = (uint64_t)now.ns ^ (b->round_end << 20) ^ b->bw;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

static void pick_wait(struct hf_bbr *b, hf_time now)
{
    uint32_t draw = chance(b, now);
    b->rounds_since_probe = draw & 1;
    b->probe_at = hf_time_add(now, PROBE_WAIT + (hf_ns)(draw >> 2) % HF_SECOND);
}

static void start_down(struct hf_bbr *b, hf_time now, uint64_t delivered)
{
    hf_bbr_reset_congestion(b);
    b->up_per_step = HF_BBR_NO_LIMIT;
    pick_wait(b, now);
    b->acks = HF_BBR_ACKS_STOPPING;
    hf_bbr_start_round(b, delivered);
    b->state = HF_BBR_DOWN;
}

void hf_bbr_enter_cruise(struct hf_bbr *b, hf_time now, uint64_t delivered)
{
    start_down(b, now, delivered);
    b->state = HF_BBR_CRUISE;
}

void hf_bbr_start_refill(struct hf_bbr *b, uint64_t delivered)
{
    hf_bbr_reset_short(b);
    b->up_rounds = 0;
    b->up_acked = 0;
    b->prev_careful = false;
    b->acks = HF_BBR_ACKS_REFILLING;
    hf_bbr_start_round(b, delivered);
    b->state = HF_BBR_REFILL;
}

/* Each round trip twice as many steps. */
static void raise_slope(const struct hf_cc *cc, struct hf_bbr *b)
{
    uint32_t per_step = cc->cwnd >> b->up_rounds;
    b->up_rounds += b->up_rounds < MOST_UP_ROUNDS;
    b->up_per_step = HF_MAX(per_step, (uint32_t)cc->mss);
}

static void start_up(const struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_rate *rate)
{
    b->acks = HF_BBR_ACKS_STARTING;
    b->is_probe_sample = true;
    hf_bbr_start_round(b, rate->total);
    hf_bbr_reset_full(b);
    b->full_bw = rate->rate;
    b->state = HF_BBR_UP;
    raise_slope(cc, b);
}

/* ---- too much in flight ---- */

/* Losses of more than 2 %; without SACK, of which a round trip shows one at most, any. */
static bool loses_too_much(const struct hf_cc_ack *ack)
{
    const struct hf_cc_rate *rate = ack->rate;
    return (uint64_t)rate->lost * 100 > (uint64_t)rate->in_flight * HF_BBR_LOSS_PERCENT ||
           (rate->lost > 0 && !ack->has_sack);
}

void hf_bbr_was_too_high(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    b->too_high = false;
    b->prev_too_high = true;
    b->is_probe_sample = false; /* once for each probe */
    if (!b->too_high_limited) {
        uint32_t least = (uint32_t)((uint64_t)hf_bbr_target(cc, b) * HF_BBR_BETA / 10);
        b->inflight_long = HF_MAX(HF_MAX(b->too_high_at, least), hf_bbr_least_cwnd(cc));
    }
    if (b->state == HF_BBR_UP) {
        b->undo_state = HF_BBR_UP;
        start_down(b, ack->at, ack->rate->total);
    }
}

/* Also because of losses Startup is over: in recovery, at the end of a round that lost too much in many places. */
static void judge_startup_losses(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (b->loss_new && b->loss_events < UINT8_MAX)
        b->loss_events++;
    bool many = b->loss_events >= STARTUP_LOSSES || (b->loss_events > 0 && !ack->has_sack);
    if (!b->full_reached && b->loss_round_start && ack->is_recovering && many && loses_too_much(ack)) {
        b->undo_state = HF_BBR_STARTUP;
        b->full_reached = true;
        b->inflight_long = HF_MAX(hf_bbr_product(cc, b, hf_bbr_max_bw(b), 100), b->inflight_latest);
    }
    if (b->loss_round_start)
        b->loss_events = 0;
}

/* ---- out of Startup and Drain ---- */

static void leave_startup(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    judge_startup_losses(cc, b, ack);
    if (b->state != HF_BBR_STARTUP || !b->full_reached)
        return;
    b->state = HF_BBR_DRAIN;
    b->extra_since = b->rounds; /* the bins are longer from now on */
    b->rounds_since_probe = 0;  /* here: since Drain began */
}

static bool has_drained(const struct hf_cc *cc, const struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    uint32_t product = hf_bbr_product(cc, b, hf_bbr_max_bw(b), 100);
    return ack->in_flight <= hf_bbr_with_budget(cc, b, product);
}

static void leave_drain(const struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (b->state == HF_BBR_DRAIN && (has_drained(cc, b, ack) || b->rounds_since_probe > DRAIN_ROUNDS))
        start_down(b, ack->at, ack->rate->total);
}

/* ---- ProbeBW ---- */

/* inflight_long grows while the window it sets is used to the full: slowly at first, then faster. */
static void probe_upward(const struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (!ack->cwnd_limited || cc->cwnd < b->inflight_long)
        return;
    b->up_acked += ack->acked;
    if (b->up_acked >= b->up_per_step) {
        uint32_t steps = b->up_acked / b->up_per_step;
        b->up_acked -= steps * b->up_per_step;
        uint64_t volume = (uint64_t)b->inflight_long + (uint64_t)steps * cc->mss;
        b->inflight_long = (uint32_t)HF_MIN(volume, (uint64_t)HF_CC_CWND_MAX);
    }
    if (b->round_start)
        raise_slope(cc, b);
}

/* The last ACKs of a probe have come: its rates are of the cycle before now. */
static bool ends_feedback(struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    b->is_probe_sample = false;
    b->acks = HF_BBR_ACKS_INIT;
    if (hf_bbr_is_probing_bw(b) && !ack->rate->is_app_limited) {
        b->cycle ^= 1;
        b->max_bw[b->cycle] = 0;
    }
    if (!hf_bbr_is_probing_bw(b) || !b->prev_careful || b->prev_too_high)
        return false;
    hf_bbr_start_refill(b, ack->rate->total); /* it ended early, and without need: again, and not so careful */
    return true;
}

/* True when the state has changed. */
static bool adapt_long(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (b->acks == HF_BBR_ACKS_STARTING && b->round_start)
        b->acks = HF_BBR_ACKS_FEEDBACK;
    if (b->acks == HF_BBR_ACKS_STOPPING && b->round_start && ends_feedback(b, ack))
        return true;
    if (loses_too_much(ack) || b->rounds < b->marked_until || b->inflight_long == HF_BBR_NO_LIMIT)
        return false;
    b->inflight_long = HF_MAX(b->inflight_long, ack->rate->in_flight);
    if (b->state == HF_BBR_UP)
        probe_upward(cc, b, ack);
    return false;
}

/* By the clock, or after as many round trips as Reno would take to the next loss, so that it finds its share. */
static bool is_time_to_probe(const struct hf_cc *cc, const struct hf_bbr *b, hf_time now)
{
    uint32_t rounds = HF_MIN(hf_bbr_target(cc, b) / cc->mss, MOST_WAIT_ROUNDS);
    return hf_time_before(b->probe_at, now) || b->rounds_since_probe >= rounds;
}

static bool is_time_to_cruise(const struct hf_cc *cc, const struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    return ack->in_flight <= hf_bbr_with_headroom(cc, b) && has_drained(cc, b, ack);
}

static bool is_time_to_go_down(const struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (b->prev_too_high && ack->in_flight >= b->inflight_long) {
        b->prev_careful = true;
        return true;
    }
    if (ack->cwnd_limited && cc->cwnd >= b->inflight_long) { /* no wonder that the rate does not grow */
        hf_bbr_reset_full(b);
        b->full_bw = ack->rate->rate;
        return false;
    }
    return b->full_now;
}

static void cycle(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    bool waits = b->state == HF_BBR_DOWN || b->state == HF_BBR_CRUISE;
    if (waits && is_time_to_probe(cc, b, ack->at)) {
        hf_bbr_start_refill(b, ack->rate->total);
    } else if (b->state == HF_BBR_DOWN && is_time_to_cruise(cc, b, ack)) {
        b->state = HF_BBR_CRUISE;
    } else if (b->state == HF_BBR_REFILL && b->round_start) {
        start_up(cc, b, ack->rate);
    } else if (b->state == HF_BBR_UP && is_time_to_go_down(cc, b, ack)) {
        b->prev_too_high = false; /* not yet: what was sent last is still out */
        start_down(b, ack->at, ack->rate->total);
    }
}

void hf_bbr_advance(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (b->too_high)
        hf_bbr_was_too_high(cc, b, ack);
    leave_startup(cc, b, ack);
    leave_drain(cc, b, ack);
    if (b->full_reached && !adapt_long(cc, b, ack))
        cycle(cc, b, ack);
    b->loss_new = false;
}

/* ---- ProbeRTT ---- */

void hf_bbr_leave_probe_rtt(struct hf_cc *cc, struct hf_bbr *b, hf_time now, uint64_t delivered)
{
    if (!hf_time_before(b->rtt_done_at, now))
        return;
    b->probe_rtt_at = now; /* the next in five seconds */
    hf_bbr_restore_cwnd(cc, b);
    hf_bbr_reset_short(b);
    if (b->full_reached)
        hf_bbr_enter_cruise(b, now, delivered);
    else
        hf_bbr_enter_startup(b);
}

/* The flight has to become small, then stay so for 200 ms and a round trip. */
static void hold_small(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (hf_time_is_never(b->rtt_done_at)) {
        if (ack->in_flight > hf_bbr_probe_rtt_cwnd(cc, b))
            return;
        b->rtt_done_at = hf_time_add(ack->at, PROBE_RTT_LASTS);
        b->rtt_round_done = false;
        hf_bbr_start_round(b, ack->rate->total);
        return;
    }
    b->rtt_round_done |= b->round_start;
    if (b->rtt_round_done)
        hf_bbr_leave_probe_rtt(cc, b, ack->at, ack->rate->total);
}

void hf_bbr_probe_rtt(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (b->state != HF_BBR_PROBE_RTT && b->rtt_expired && !b->is_restart) {
        hf_bbr_save_cwnd(cc, b);
        b->state = HF_BBR_PROBE_RTT;
        b->rtt_done_at = HF_NEVER;
        b->acks = HF_BBR_ACKS_STOPPING;
        hf_bbr_start_round(b, ack->rate->total);
    }
    if (b->state == HF_BBR_PROBE_RTT)
        hold_small(cc, b, ack);
    b->is_restart = false;
}

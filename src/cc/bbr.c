/*
 * BBR's controls: from the model and the state a pacing rate and a window, and what cc.c asks of a controller
 * (draft-ietf-ccwg-bbr, "Updating Control Parameters").
 *
 * Where the draft lets SRTT, loss recovery and the connection's flags be looked at, they come with the ACK. Recovery is not
 * proportional rate reduction's: the model says what may go.
 *
 * Read first: bbr_state.c.
 */
#include "bbr_parts.h"

#define MARGIN_PERCENT 99 /* PacingMarginPercent: a hundredth below, so that queues drain */

static const struct {
    uint16_t pacing, cwnd; /* percent */
} gains[] = {
    [HF_BBR_STARTUP] = {277, 200}, [HF_BBR_DRAIN] = {50, 200},   [HF_BBR_DOWN] = {90, 200},
    [HF_BBR_CRUISE] = {100, 200},  [HF_BBR_REFILL] = {100, 200}, [HF_BBR_UP] = {125, 225},
    [HF_BBR_PROBE_RTT] = {100, 50},
};

/* ---- the window, remembered ---- */

void hf_bbr_save_cwnd(const struct hf_cc *cc, struct hf_bbr *b)
{
    bool modulated = b->was_recovering || b->state == HF_BBR_PROBE_RTT;
    b->prior_cwnd = modulated ? HF_MAX(b->prior_cwnd, cc->cwnd) : cc->cwnd;
}

void hf_bbr_restore_cwnd(struct hf_cc *cc, const struct hf_bbr *b) { cc->cwnd = HF_MAX(cc->cwnd, b->prior_cwnd); }

uint32_t hf_bbr_probe_rtt_cwnd(const struct hf_cc *cc, const struct hf_bbr *b)
{
    return HF_MAX(hf_bbr_product(cc, b, b->bw, gains[HF_BBR_PROBE_RTT].cwnd), hf_bbr_least_cwnd(cc));
}

/* ---- the rate ---- */

/* Before the pipe was ever full it does not fall: until then the samples are those of a flow that had little to send. */
static void set_rate(struct hf_cc *cc, const struct hf_bbr *b, uint32_t gain)
{
    uint64_t rate = HF_MIN(b->bw, UINT64_MAX >> 16) * gain / 100 * MARGIN_PERCENT / 100;
    if (rate > 0 && (b->full_reached || rate > cc->pacing_rate))
        cc->pacing_rate = rate;
}

static void set_first_rate(struct hf_cc *cc, hf_ns srtt)
{
    uint64_t window = (uint64_t)cc->initial_window * cc->mss * gains[HF_BBR_STARTUP].pacing / 100;
    cc->pacing_rate = window * HF_SECOND / (uint64_t)HF_MAX(srtt, HF_MS);
}

/* ---- the window ---- */

static void bound_by_model(struct hf_cc *cc, const struct hf_bbr *b)
{
    uint32_t cap = HF_BBR_NO_LIMIT;
    if (b->state == HF_BBR_CRUISE || b->state == HF_BBR_PROBE_RTT)
        cap = hf_bbr_with_headroom(cc, b);
    else if (hf_bbr_is_probing_bw(b))
        cap = b->inflight_long;
    cap = HF_MIN(cap, b->inflight_short);
    cc->cwnd = HF_MIN(cc->cwnd, HF_MAX(cap, hf_bbr_least_cwnd(cc)));
}

static void set_window(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    uint32_t most = hf_bbr_product(cc, b, b->bw, gains[b->state].cwnd) + HF_MAX(b->extra[0], b->extra[1]);
    b->max_inflight = HF_MIN(hf_bbr_with_budget(cc, b, most), HF_CC_CWND_MAX);
    uint32_t grown = HF_MIN(cc->cwnd, HF_CC_CWND_MAX) + ack->acked;
    if (b->full_reached)
        cc->cwnd = HF_MIN(grown, b->max_inflight);
    else if (cc->cwnd < b->max_inflight || ack->rate->total < (uint64_t)cc->initial_window * cc->mss)
        cc->cwnd = HF_MIN(grown, HF_CC_CWND_MAX);
    cc->cwnd = HF_MAX(cc->cwnd, hf_bbr_least_cwnd(cc));
    if (b->state == HF_BBR_PROBE_RTT)
        cc->cwnd = HF_MIN(cc->cwnd, hf_bbr_probe_rtt_cwnd(cc, b));
    bound_by_model(cc, b);
}

/* ---- beginnings ---- */

static void begin(struct hf_bbr *b, hf_time now)
{
    b->is_begun = true;
    b->undo_state = HF_BBR_NONE;
    b->inflight_long = HF_BBR_NO_LIMIT;
    b->up_per_step = HF_BBR_NO_LIMIT;
    b->min_rtt_us = b->probe_rtt_us = UINT32_MAX;
    b->min_rtt_at = b->probe_rtt_at = b->extra_at = now;
    b->rtt_done_at = HF_NEVER;
    hf_bbr_reset_short(b);
    hf_bbr_enter_startup(b);
}

/* The window stays as it was, and leaves at exactly the rate that is known. */
static void restart_after_idle(struct hf_cc *cc, struct hf_bbr *b, hf_time now, uint64_t delivered)
{
    b->is_restart = true;
    b->extra_at = now;
    if (hf_bbr_is_probing_bw(b))
        set_rate(cc, b, 100);
    else if (b->state == HF_BBR_PROBE_RTT)
        hf_bbr_leave_probe_rtt(cc, b, now, delivered);
}

/* ---- what cc.c calls ---- */

void hf_bbr_sending(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_departure *departure)
{
    if (!b->is_begun)
        begin(b, departure->at);
    if (departure->is_restart)
        restart_after_idle(cc, b, departure->at, departure->total);
    if (cc->pacing_rate == 0 && departure->srtt > 0)
        set_first_rate(cc, departure->srtt);
}

static void follow_recovery(struct hf_cc *cc, struct hf_bbr *b, bool is_recovering)
{
    if (b->was_recovering && !is_recovering)
        hf_bbr_restore_cwnd(cc, b);
    b->was_recovering = is_recovering;
}

void hf_bbr_acked(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack)
{
    if (!b->is_begun)
        begin(b, ack->at);
    if (cc->pacing_rate == 0 && ack->srtt > 0)
        set_first_rate(cc, ack->srtt);
    follow_recovery(cc, b, ack->is_recovering);
    if (ack->rate->is_known) {
        hf_bbr_learn_delivery(cc, b, ack);
        hf_bbr_learn_aggregation(cc, b, ack);
        hf_bbr_learn_fullness(b, ack);
        hf_bbr_advance(cc, b, ack);
        hf_bbr_learn_min_rtt(b, ack);
        hf_bbr_probe_rtt(cc, b, ack);
        hf_bbr_learn_end(b, ack);
        set_rate(cc, b, gains[b->state].pacing);
    }
    set_window(cc, b, ack);
    cc->ssthresh = b->inflight_long; /* what status tells */
}

/* How much of what was in flight when a lost run left was not too much yet: it lies somewhere within the run, which may be
 * many segments. */
static uint32_t flight_at_loss(const struct hf_cc_loss *loss)
{
    int64_t before = (int64_t)loss->in_flight - loss->len, lost_before = (int64_t)loss->lost - loss->len;
    int64_t prefix = (before * HF_BBR_LOSS_PERCENT - lost_before * 100) / (100 - HF_BBR_LOSS_PERCENT);
    return (uint32_t)HF_MAX(before + HF_MAX(prefix, 0), 0);
}

void hf_bbr_lost(struct hf_bbr *b, const struct hf_cc_loss *loss)
{
    if (!b->is_begun)
        return;
    if (!b->loss_in_round)
        b->loss_round_end = loss->total;
    b->loss_in_round = true;
    b->loss_new = true;
    bool too_much = (uint64_t)loss->lost * 100 > (uint64_t)loss->in_flight * HF_BBR_LOSS_PERCENT;
    if (!b->is_probe_sample || b->too_high || !too_much)
        return;
    b->too_high = true;
    b->too_high_at = flight_at_loss(loss);
    b->too_high_limited = loss->is_app_limited;
}

static void save_all(const struct hf_cc *cc, struct hf_bbr *b)
{
    hf_bbr_save_cwnd(cc, b);
    b->undo_state = HF_BBR_NONE;
    b->undo_bw_short = b->bw_short;
    b->undo_inflight_short = b->inflight_short;
    b->undo_inflight_long = b->inflight_long;
}

static void undo(struct hf_cc *cc, struct hf_bbr *b)
{
    hf_bbr_restore_cwnd(cc, b);
    b->loss_in_round = b->too_high = false;
    hf_bbr_reset_full(b);
    b->bw_short = HF_MAX(b->bw_short, b->undo_bw_short);
    b->inflight_short = HF_MAX(b->inflight_short, b->undo_inflight_short);
    b->inflight_long = HF_MAX(b->inflight_long, b->undo_inflight_long);
    if (b->undo_state == HF_BBR_STARTUP && b->state != HF_BBR_STARTUP) {
        b->full_reached = false;
        if (b->state != HF_BBR_PROBE_RTT)
            hf_bbr_enter_startup(b);
    } else if (b->undo_state == HF_BBR_UP && b->state != HF_BBR_UP && b->state != HF_BBR_PROBE_RTT) {
        hf_bbr_start_refill(b, b->round_end);
    }
    b->undo_state = HF_BBR_NONE;
}

/* A mark is a loss that cost nothing (RFC 3168, 6.1.2): in Startup and while probing it says that this was too much. */
static void take_mark(struct hf_bbr *b, uint32_t in_flight)
{
    b->loss_in_round = b->loss_new = true;
    b->marked_until = b->rounds + 2;
    if (b->state == HF_BBR_STARTUP)
        b->full_reached = true;
    if (!b->is_probe_sample && b->state != HF_BBR_STARTUP)
        return;
    b->too_high = true;
    b->too_high_at = in_flight;
    b->too_high_limited = false;
}

void hf_bbr_signal(struct hf_cc *cc, struct hf_bbr *b, enum hf_cc_signal signal, uint32_t in_flight, hf_time now)
{
    if (!b->is_begun)
        begin(b, now);
    switch (signal) {
    case HF_CC_LOSS:
        save_all(cc, b);
        b->loss_in_round = true;
        break;
    case HF_CC_TIMEOUT:
        save_all(cc, b);
        cc->cwnd = cc->mss;
        break;
    case HF_CC_ECN:
        take_mark(b, in_flight);
        break;
    case HF_CC_SPURIOUS:
        undo(cc, b);
        break;
    case HF_CC_MSS:
        cc->cwnd = HF_MAX(cc->cwnd, hf_bbr_least_cwnd(cc));
        break;
    case HF_CC_RECOVERED: /* the next ACK says so as well */
        break;
    }
}

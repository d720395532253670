/*
 * Which controller answers, and what all of them share: the initial window, what a timeout does, undo.
 *
 * Read first: cc.h. Read next: newreno.c, cubic.c, bbr.c, validate.c.
 */
#include "controllers.h"

/* RFC 6928, 2: at most ten segments and at most 14,600 bytes, but never below two segments. */
static uint32_t initial_window(uint16_t mss, uint16_t segments)
{
    uint32_t most = HF_MAX(2u * mss, segments * 1460u);
    return HF_MIN((uint32_t)segments * mss, most);
}

void hf_cc_init(struct hf_cc *cc, enum hf_cc_algorithm algorithm, uint16_t mss, uint16_t initial_window_segments)
{
    *cc = (struct hf_cc){
        .cwnd = initial_window(mss, initial_window_segments),
        .ssthresh = UINT32_MAX,
        .mss = mss,
        .algorithm = (uint8_t)algorithm,
        .initial_window = (uint8_t)HF_MIN(initial_window_segments, UINT8_MAX),
    };
    hf_cc_forget_pipe(cc); /* RFC 7661, 4.1 */
}

/* MUST-19: slow start with byte counting: an ACK that covers a whole burst counts for all of it, since receive offload makes
 * such ACKs normal; the window still at most doubles in a round (RFC 5681, 3.1; RFC 3465, 2.1). Returns the bytes
 * not used up when ssthresh was reached. */
static uint32_t slow_start(struct hf_cc *cc, uint32_t acked)
{
    uint32_t room = HF_MIN(cc->ssthresh, HF_CC_CWND_MAX) - cc->cwnd;
    uint32_t used = HF_MIN(acked, room);
    cc->cwnd += used;
    return acked - used;
}

static struct hf_bbr *bbr_of(struct hf_cc_work *work) { return &((struct hf_cc_wide_work *)work)->bbr; }

/* An unproven window leaves paced (RFC 7661, 4.4.2), unless it is none that might not begin with a burst (RFC 6928). */
static bool is_to_be_paced(const struct hf_cc *cc)
{
    return cc->is_paced || (cc->unproven_ms != 0 && cc->cwnd > initial_window(cc->mss, cc->initial_window));
}

/* Faster than a window in a round trip, so that pacing takes the bursts away and not the growth: twice in slow start, which
 * doubles the window in that time, and a fifth more beyond. */
static void set_rate(struct hf_cc *cc, hf_ns srtt)
{
    uint64_t percent = cc->cwnd < cc->ssthresh / 2 ? 200 : 120;
    if (srtt > 0)
        cc->pacing_rate = HF_MAX(cc->cwnd * percent / 100 * HF_SECOND / (uint64_t)srtt, 1u);
}

static void grow(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack)
{
    if (!ack->cwnd_limited || cc->cwnd >= HF_CC_CWND_MAX)
        return; /* RFC 7661, 4.2: a window that was not used proves nothing and does not grow */
    uint32_t acked = ack->acked;
    if (cc->algorithm == HF_CC_CUBIC && cc->ssthresh == UINT32_MAX)
        acked = hf_hystart(cc, work, ack); /* RFC 8312bis, 4.10 */
    if (cc->cwnd < cc->ssthresh)
        acked = slow_start(cc, acked);
    if (acked == 0)
        return;
    if (cc->algorithm == HF_CC_NEWRENO)
        hf_newreno_avoid(cc, work, acked);
    else
        hf_cubic_avoid(cc, work, ack, acked);
}

void hf_cc_acked(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack)
{
    if (cc->algorithm == HF_CC_BBR) {
        hf_bbr_acked(cc, bbr_of(work), ack);
        return;
    }
    hf_cc_count_pipe(cc, work, ack);
    grow(cc, work, ack);
    bool was_unproven = cc->unproven_ms != 0;
    if (ack->cwnd_limited)
        cc->unproven_ms = 0; /* it is being used */
    else
        hf_cc_validate(cc, work, ack->at, ack->srtt, initial_window(cc->mss, cc->initial_window));
    if (is_to_be_paced(cc))
        set_rate(cc, ack->srtt);
    else if (was_unproven)
        cc->pacing_rate = 0;
}

void hf_cc_resume(struct hf_cc *cc, struct hf_cc_work *work, hf_time now, hf_ns srtt)
{
    if (cc->algorithm == HF_CC_BBR)
        return; /* its model knows */
    hf_cc_validate(cc, work, now, srtt, initial_window(cc->mss, cc->initial_window));
    if (is_to_be_paced(cc))
        set_rate(cc, srtt);
}

void hf_cc_sending(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_departure *departure)
{
    hf_bbr_sending(cc, bbr_of(work), departure);
}

void hf_cc_lost(struct hf_cc_work *work, const struct hf_cc_loss *loss) { hf_bbr_lost(bbr_of(work), loss); }

bool hf_cc_is_limited(struct hf_cc_work *work) { return bbr_of(work)->state == HF_BBR_PROBE_RTT; }

static void remember(const struct hf_cc *cc, struct hf_cc_work *work)
{
    work->undo_cwnd = cc->cwnd;
    work->undo_ssthresh = cc->ssthresh;
    work->undo_w_max = cc->w_max;
}

/* RFC 7661, 4.4.1: of a window that was not used only what was used is halved. */
static void reduce(struct hf_cc *cc, struct hf_cc_work *work, uint32_t in_flight)
{
    remember(cc, work);
    work->used = hf_cc_used(cc, in_flight);
    work->again = 0;
    if (work->used != 0)
        cc->cwnd = work->used;
    if (cc->algorithm == HF_CC_NEWRENO)
        hf_newreno_reduce(cc, in_flight);
    else
        hf_cubic_reduce(cc, work);
    if (work->used != 0)
        cc->ssthresh = HF_MAX(work->used / 2, 2u * cc->mss);
    hf_cc_forget_pipe(cc);
}

/* RFC 6937, 3: where the reduction was to end; an unproven window by as much less as was lost of it (RFC 7661, 4.4.1). */
static void recovered(struct hf_cc *cc, struct hf_cc_work *work)
{
    if (work->used != 0)
        cc->ssthresh = HF_MAX((work->used - HF_MIN(work->again, work->used)) / 2, 2u * cc->mss);
    work->used = 0;
    cc->cwnd = cc->ssthresh;
}

/* The window comes back, but not as a burst: what is in flight and an initial window at once, the rest by slow start
 * (RFC 4015, 3.2). CUBIC's last maximum comes back with it (RFC 8312bis, 4.9). */
static void undo(struct hf_cc *cc, struct hf_cc_work *work, uint32_t in_flight)
{
    uint32_t at_once = in_flight + initial_window(cc->mss, cc->initial_window);
    cc->ssthresh = HF_MAX(work->undo_ssthresh, work->undo_cwnd);
    cc->cwnd = HF_MAX(cc->cwnd, HF_MIN(work->undo_cwnd, at_once));
    if (cc->cwnd >= work->undo_cwnd)
        cc->ssthresh = work->undo_ssthresh;
    cc->w_max = work->undo_w_max;
    work->undo_cwnd = 0;
    work->used = 0;
    work->epoch_at = (hf_time){0};
}

void hf_cc_signal(struct hf_cc *cc, struct hf_cc_work *work, enum hf_cc_signal signal, uint32_t in_flight, hf_time now)
{
    if (cc->algorithm == HF_CC_BBR) {
        hf_bbr_signal(cc, bbr_of(work), signal, in_flight, now);
        return;
    }
    switch (signal) {
    case HF_CC_LOSS:
    case HF_CC_ECN:
        reduce(cc, work, in_flight);
        cc->cwnd = cc->ssthresh;
        hf_prr_begin(work, in_flight);
        break;
    case HF_CC_RECOVERED:
        recovered(cc, work);
        break;
    case HF_CC_TIMEOUT:
        reduce(cc, work, in_flight);
        cc->cwnd = cc->mss; /* the loss window, RFC 5681, 3.1; RFC 8312bis, 4.8 */
        break;
    case HF_CC_SPURIOUS:
        if (work->undo_cwnd != 0)
            undo(cc, work, in_flight);
        break;
    case HF_CC_MSS:
        cc->cwnd = HF_MAX(cc->cwnd, 2u * cc->mss);
        break;
    }
}

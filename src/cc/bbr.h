/*
 * BBR, version 3 (draft-ietf-ccwg-bbr): instead of filling the queue until it overflows, it measures how fast the path
 * delivers and how long a round trip takes when nothing waits, and keeps about their product in flight.
 *
 *     STARTUP --no more rate to be had, or too much lost--> DRAIN --queue gone--.
 *                                                                               v
 *             .--- headroom there --- DOWN <-------- enough seen, too much lost -----.
 *             v                        |                                             |
 *           CRUISE --time to probe--> REFILL ---one round trip---> UP ---------------'
 *
 *     any --five seconds without a shorter round trip--> PROBE_RTT --200 ms--> CRUISE, or STARTUP
 *
 * Three files: bbr_model.c learns what the path is, bbr_state.c decides what to do next, bbr.c turns both into a rate and a
 * window and is what cc.c calls. Rates are bytes a second, volumes bytes, gains percent.
 *
 * Read first: cc.h. Read next: bbr_model.c.
 */
#ifndef HF_CC_BBR_H
#define HF_CC_BBR_H

#include "../base/base.h"

enum hf_bbr_state {
    HF_BBR_STARTUP,
    HF_BBR_DRAIN,
    HF_BBR_DOWN, /* ProbeBW_DOWN to ProbeBW_UP */
    HF_BBR_CRUISE,
    HF_BBR_REFILL,
    HF_BBR_UP,
    HF_BBR_PROBE_RTT,
    HF_BBR_NONE, /* no state to go back to */
};

/* What the ACKs that arrive now tell of the last probe for bandwidth. */
enum hf_bbr_acks {
    HF_BBR_ACKS_INIT,
    HF_BBR_ACKS_REFILLING,
    HF_BBR_ACKS_STARTING,
    HF_BBR_ACKS_FEEDBACK,
    HF_BBR_ACKS_STOPPING,
};

#define HF_BBR_NO_LIMIT UINT32_MAX /* of a volume */
#define HF_BBR_NO_RATE UINT64_MAX  /* no bound on a rate */

/* It stays while nothing is outstanding: a model of the path is worth most after silence. */
struct hf_bbr {
    uint8_t is_begun;
    uint8_t state; /* enum hf_bbr_state */
    uint8_t acks;  /* enum hf_bbr_acks */

    /* Round trips, counted in data: one ends when what was sent after its beginning arrives. */
    uint8_t round_start;
    uint32_t rounds;
    uint64_t round_end; /* total delivered */

    /* How fast: the greatest rate of this and the last cycle; and what losses since allow. */
    uint64_t max_bw[2];
    uint64_t bw_latest, bw_short, bw;
    uint8_t cycle; /* which of the two is the present one's */

    /* Is there more to be had? */
    uint8_t full_reached, full_now, full_count;
    uint64_t full_bw;

    /* How much: the limit that probing found, and what losses since allow. */
    uint32_t inflight_latest, inflight_short, inflight_long;
    uint32_t max_inflight;

    /* How long: the least of ten seconds, and of five. */
    uint32_t min_rtt_us, probe_rtt_us; /* UINT32_MAX: no sample */
    hf_time min_rtt_at, probe_rtt_at;
    uint8_t rtt_expired, is_restart, rtt_round_done;
    hf_time rtt_done_at; /* when PROBE_RTT may end; HF_NEVER: the flight is not small yet */

    /* How uneven the ACKs are: the most that arrived beyond the rate, of this and the last five rounds or so. */
    uint32_t extra[2];
    uint32_t extra_since; /* rounds */
    uint64_t extra_delivered;
    hf_time extra_at;

    /* Losses. */
    uint64_t loss_round_end;
    uint8_t loss_in_round, loss_round_start, loss_new, loss_events;
    uint8_t is_probe_sample; /* what arrives was sent while probing, and nothing was concluded from it yet */
    uint8_t too_high;        /* it was too much: found since the last ACK */
    uint8_t too_high_limited;/* ... though the application held back */
    uint32_t too_high_at;    /* bytes in flight at which it was */
    uint32_t marked_until;   /* until that round what arrives was under way when a mark told of too much */

    /* The present probe, and the next. */
    uint8_t prev_too_high, prev_careful; /* the last one lost too much; the last one ended early for that reason */
    uint8_t up_rounds;
    uint32_t up_acked, up_per_step; /* bytes acknowledged, and for how many inflight_long grows by a segment */
    uint32_t rounds_since_probe;
    hf_time probe_at;

    /* Before the loss, and should it turn out to be none. */
    uint8_t was_recovering, undo_state;
    uint32_t prior_cwnd, undo_inflight_short, undo_inflight_long;
    uint64_t undo_bw_short;
};

#endif

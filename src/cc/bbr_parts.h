/* What the three files of BBR offer each other. Read first: bbr.h. */
#ifndef HF_CC_BBR_PARTS_H
#define HF_CC_BBR_PARTS_H

#include "controllers.h"

#define HF_BBR_LOSS_PERCENT 2 /* LossThresh */
#define HF_BBR_BETA 7         /* in tenths: what a round with losses leaves at least */

/* ---- bbr_model.c ---- */

static inline bool hf_bbr_is_probing_bw(const struct hf_bbr *b) /* in one of the four states of ProbeBW */
{
    return b->state >= HF_BBR_DOWN && b->state <= HF_BBR_UP;
}
static inline uint64_t hf_bbr_max_bw(const struct hf_bbr *b) { return HF_MAX(b->max_bw[0], b->max_bw[1]); }

/* `percent` of what is in flight when `bw` is kept up for the least round trip. */
uint32_t hf_bbr_product(const struct hf_cc *cc, const struct hf_bbr *b, uint64_t bw, uint32_t percent);
/* Raised to what senders and receivers that batch need, and pipelining. */
uint32_t hf_bbr_with_budget(const struct hf_cc *cc, const struct hf_bbr *b, uint32_t volume);
static inline uint32_t hf_bbr_least_cwnd(const struct hf_cc *cc) { return 4u * cc->mss; } /* MinPipeCwnd */
/* The volume below inflight_long that leaves room for others. */
uint32_t hf_bbr_with_headroom(const struct hf_cc *cc, const struct hf_bbr *b);
uint32_t hf_bbr_target(const struct hf_cc *cc, const struct hf_bbr *b); /* the product, or less if congestion cut cwnd */

void hf_bbr_start_round(struct hf_bbr *b, uint64_t delivered);
void hf_bbr_reset_congestion(struct hf_bbr *b);
void hf_bbr_reset_short(struct hf_bbr *b);
void hf_bbr_reset_full(struct hf_bbr *b);

/* Of each ACK, in this order; the state machine moves between the third and the fourth. */
void hf_bbr_learn_delivery(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack);
void hf_bbr_learn_aggregation(const struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack);
void hf_bbr_learn_fullness(struct hf_bbr *b, const struct hf_cc_ack *ack);
void hf_bbr_learn_min_rtt(struct hf_bbr *b, const struct hf_cc_ack *ack);
void hf_bbr_learn_end(struct hf_bbr *b, const struct hf_cc_ack *ack);

/* ---- bbr_state.c ---- */

void hf_bbr_enter_startup(struct hf_bbr *b);
/* ProbeBW begins, behind whatever queue there was. */
void hf_bbr_enter_cruise(struct hf_bbr *b, hf_time now, uint64_t delivered);
void hf_bbr_start_refill(struct hf_bbr *b, uint64_t delivered);
/* What was in flight while probing was too much. */
void hf_bbr_was_too_high(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack);
/* Of each ACK: on to the next state, if it is time. */
void hf_bbr_advance(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack);
void hf_bbr_probe_rtt(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack);
/* ProbeRTT is over, if its time has passed. */
void hf_bbr_leave_probe_rtt(struct hf_cc *cc, struct hf_bbr *b, hf_time now, uint64_t delivered);

/* ---- bbr.c ---- */

uint32_t hf_bbr_probe_rtt_cwnd(const struct hf_cc *cc, const struct hf_bbr *b);
/* The window unmodulated by loss or PROBE_RTT is remembered, and comes back. */
void hf_bbr_save_cwnd(const struct hf_cc *cc, struct hf_bbr *b);
void hf_bbr_restore_cwnd(struct hf_cc *cc, const struct hf_bbr *b);

#endif

/* What cc.c asks of each controller. */
#ifndef HF_CC_CONTROLLERS_H
#define HF_CC_CONTROLLERS_H

#include "cc.h"

#define HF_CC_CWND_MAX (1u << 30) /* RFC 7323, 2.3: no window exceeds 2^30 */

/* Congestion avoidance: `acked` bytes count towards growth. */
void hf_newreno_avoid(struct hf_cc *cc, struct hf_cc_work *work, uint32_t acked);
void hf_cubic_avoid(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack, uint32_t acked);

/* Sets ssthresh (and what the controller remembers of the reduction); cwnd is the caller's. */
void hf_newreno_reduce(struct hf_cc *cc, uint32_t in_flight);
void hf_cubic_reduce(struct hf_cc *cc, struct hf_cc_work *work);

/* BBR: of each departure, ACK, loss and signal (bbr.c). */
void hf_bbr_sending(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_departure *departure);
void hf_bbr_acked(struct hf_cc *cc, struct hf_bbr *b, const struct hf_cc_ack *ack);
void hf_bbr_lost(struct hf_bbr *b, const struct hf_cc_loss *loss);
void hf_bbr_signal(struct hf_cc *cc, struct hf_bbr *b, enum hf_cc_signal signal, uint32_t in_flight, hf_time now);

/* Window validation (validate.c), of the controllers that have windows. pipeACK is undefined again. */
void hf_cc_forget_pipe(struct hf_cc *cc);
void hf_cc_count_pipe(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack);
/* Is the window proven at this time, and if it has not been for long, what is left of it? Not less than `initial`. */
void hf_cc_validate(struct hf_cc *cc, struct hf_cc_work *work, hf_time now, hf_ns srtt, uint32_t initial);
/* What was used of an unproven window; 0: it is proven, or more than half of it is in flight. */
uint32_t hf_cc_used(const struct hf_cc *cc, uint32_t in_flight);

/* Recovery begins with `flight` bytes outstanding (prr.c). */
void hf_prr_begin(struct hf_cc_work *work, uint32_t flight);

/* Slow start before the first loss: how many of the bytes that this ACK acknowledged count (hystart.c). May set ssthresh. */
uint32_t hf_hystart(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack);

#endif

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

/* Recovery begins with `flight` bytes outstanding (prr.c). */
void hf_prr_begin(struct hf_cc_work *work, uint32_t flight);

/* Slow start before the first loss: how many of the bytes that this ACK acknowledged count (hystart.c). May set ssthresh. */
uint32_t hf_hystart(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack);

#endif

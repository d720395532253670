/* The reset that a host without that port would have sent: what "answer first SYN with RST" puts on the wire. */
#ifndef HF_DRIVERS_FAULT_ANSWER_H
#define HF_DRIVERS_FAULT_ANSWER_H

#include "look.h"

#define FAULT_ANSWER_CAP 80 /* Ethernet, IPv6 and TCP headers, and some room */

/* Writes the frame that answers `data`, which `look` (is_tcp) describes. Returns its length. RFC 9293, 3.10.7.1 */
uint32_t hf_fault_answer(const uint8_t *data, const struct hf_look *look, uint8_t out[FAULT_ANSWER_CAP]);

#endif

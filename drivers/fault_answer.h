/*
 * Segments that nobody sent: the reset of a host without that port, which "answer first SYN with RST" puts on the wire,
 * and what "reset after 512 bytes" makes of the segment with the last of these bytes.
 */
#ifndef HF_DRIVERS_FAULT_ANSWER_H
#define HF_DRIVERS_FAULT_ANSWER_H

#include "look.h"

#define FAULT_ANSWER_CAP 80 /* Ethernet, IPv6 and TCP headers, and some room */

/* Writes the frame that answers `data`, which `look` (is_tcp) describes. Returns its length. RFC 9293, 3.10.7.1 */
uint32_t hf_fault_answer(const uint8_t *data, const struct hf_look *look, uint8_t out[FAULT_ANSWER_CAP]);

/* Cuts the segment off behind `kept` bytes of its data, and its FIN with them. Returns the frame's length now. */
uint32_t hf_fault_cut(uint8_t *data, const struct hf_look *look, uint32_t kept);

/* Writes the reset that the sender of that segment could have sent next, behind these bytes. */
uint32_t hf_fault_give_up(const uint8_t *data, const struct hf_look *look, uint32_t kept,
                          uint8_t out[FAULT_ANSWER_CAP]);

#endif

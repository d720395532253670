/*
 * What stands in a path and looks into segments: routers that mark or refuse them, middleboxes that take options away or
 * rewrite numbers. Checksums are amended (RFC 1624), not made anew: a segment that was damaged before stays damaged.
 *
 * Read first: look.h, fault_spec.h.
 */
#ifndef HF_DRIVERS_PATH_BOX_H
#define HF_DRIVERS_PATH_BOX_H

#include "fault_spec.h"
#include "look.h"

#define PATH_BOX_ICMP_CAP 640 /* room for the ICMP message, with an Ethernet header */

/* Sets Congestion Experienced where the sender allows it (RFC 3168, 5). False when it does not. */
bool hf_path_box_mark(uint8_t *data, const struct hf_look *look);

/* Takes away what `what` (FAULT_STRIP_...) names: options become NOPs. */
void hf_path_box_strip(uint8_t *data, const struct hf_look *look, uint64_t what);

/* Adds to the sequence number, and to the acknowledgement number if there is one. */
void hf_path_box_shift(uint8_t *data, const struct hf_look *look, uint32_t seq, uint32_t ack);

/* Changes a byte of the text and makes the checksum right. False when there is no text. */
bool hf_path_box_forge(uint8_t *data, const struct hf_look *look, uint32_t drawn);

/* Does a datagram of this length meet a hop of that MTU, and may no router fragment it? */
bool hf_path_box_is_too_long(const uint8_t *data, const struct hf_look *look, uint64_t mtu);

/* Writes "fragmentation needed" or "packet too big" (RFC 1191, 4; RFC 4443, 3.2) to out, from the far end. Returns its
 * length. */
uint32_t hf_path_box_too_long(const uint8_t *data, const struct hf_look *look, uint16_t mtu,
                              uint8_t out[PATH_BOX_ICMP_CAP]);

#endif

/* What every ICMP message we make has in common: the last step, its checksum. */
#ifndef HF_ICMP_MESSAGE_H
#define HF_ICMP_MESSAGE_H

#include "echo.h"

#define HF_ICMP_HEADER_LEN 8 /* of every kind of message read or made here */

/* Sets reply->protocol by the family of its addresses and the checksum of the reply->len bytes at `message`: over the
 * message alone for ICMP (RFC 792), with the pseudo-header for ICMPv6 (RFC 4443, 2.3). */
void hf_icmp_seal(struct hf_icmp_reply *reply, uint8_t *message);

#endif

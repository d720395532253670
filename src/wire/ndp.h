/* Neighbour solicitation and advertisement (RFC 4861, 4.3, 4.4 and 7.1). Checksums are the caller's. */
#ifndef HF_WIRE_NDP_H
#define HF_WIRE_NDP_H

#include "../../include/handfast/reasons.h"
#include "../../include/handfast/types.h"

#define HF_NDP_LEN 32 /* of what we write: header, target, one link-layer address option */

enum { HF_NDP_SOLICITATION = 135, HF_NDP_ADVERTISEMENT = 136 };

struct hf_ndp {
    uint8_t type;
    bool is_solicited, is_override; /* advertisement flags */
    bool has_mac;                   /* its source (solicitation) or target (advertisement) link-layer address is known */
    uint8_t mac[6];
    struct hf_addr target;
};

/* True for the two types above, by the first byte of an ICMPv6 message. */
bool hf_ndp_is(const uint8_t *message, uint32_t len);

/* Reads a message whose checksum was verified. HF_ACCEPTED, or HF_DROP_NEIGHBOUR when the hop limit is not 255 (it came
 * through a router), the code is not 0, or an option has length 0 or passes the end (BUG-07). */
enum hf_reason hf_ndp_parse(const uint8_t *message, uint32_t len, uint8_t hop_limit, struct hf_ndp *ndp);

/* Writes the message with checksum 0. */
void hf_ndp_write(const struct hf_ndp *ndp, uint8_t out[HF_NDP_LEN]);

#endif

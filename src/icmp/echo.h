/*
 * The answer to an echo request (RFC 792; RFC 1122, 3.2.2.6; RFC 4443, 4.2).
 *
 * A request to an IPv4 broadcast or multicast address is not answered (RFC 1122 lets us, and it makes us no amplifier);
 * one to an IPv6 group is, from a unicast address of ours, as RFC 4443 wants. The request's data comes back whole, or,
 * when it has no room, not at all.
 */
#ifndef HF_ICMP_ECHO_H
#define HF_ICMP_ECHO_H

#include "../../include/handfast/reasons.h"
#include "../../include/handfast/types.h"

struct hf_echo {
    struct hf_addr src, dst; /* of the request */
    bool is_group;           /* dst is broadcast or multicast, or the frame came as link broadcast */
    struct hf_addr ours;     /* with is_group over IPv6: the address to answer from */
    const uint8_t *message;  /* borrows: the ICMP message from its type on, its checksum verified */
    uint32_t len;
};

struct hf_icmp_reply {
    struct hf_addr src, dst;
    uint32_t len;      /* bytes of ICMP message written, checksum included */
    uint8_t protocol;  /* 1 or 58 */
    enum hf_reason why;
};

/* True when the message is an echo request of its family. */
bool hf_echo_is_request(const struct hf_echo *in);

/* Writes the reply at `out` (cap bytes). False, with nothing written, when none is due or it does not fit. */
bool hf_echo_reply(const struct hf_echo *in, uint8_t *out, uint32_t cap, struct hf_icmp_reply *reply);

#endif

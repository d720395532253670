/*
 * IPv4 and IPv6 headers <-> struct hf_ip (RFC 791; RFC 8200): one record for both, since nothing above asks which.
 *
 * Parsing checks every length once; afterwards `payload` is a checked view that ends where the IP header says, so that
 * padding of a short frame is never taken for data (BUG-05).
 */
#ifndef HF_WIRE_IP_H
#define HF_WIRE_IP_H

#include "../../include/handfast/reasons.h"
#include "../../include/handfast/types.h"

enum {
    HF_PROTOCOL_ICMP = 1,
    HF_PROTOCOL_TCP = 6,
    HF_PROTOCOL_ICMP6 = 58,
};

struct hf_ip {
    struct hf_addr src, dst;
    uint8_t protocol;      /* of the payload, behind all extension headers */
    uint8_t hop_limit;     /* TTL */
    uint8_t traffic_class; /* TOS; its low two bits are ECN */
    bool is_v4;
    bool dont_fragment;    /* IPv4 only */
    bool is_fragment;      /* a part of a datagram; with IPv6 also one that is the whole (RFC 6946) */
    bool more;             /* more fragments follow */
    uint32_t offset;       /* of a fragment, bytes */
    uint32_t id;           /* identification; when writing IPv6: the flow label */
    uint32_t header_len;   /* everything before the payload */
    uint32_t protocol_at;  /* where the header says what the payload is: for ICMPv6 parameter problem */
    const uint8_t *payload;
    uint32_t payload_len;
};

/* Reads a datagram of either version. HF_ACCEPTED or HF_DROP_SHORT, _IP_VERSION, _IP_HEADER, _IP_CHECKSUM,
 * _SOURCE_ROUTE. */
enum hf_reason hf_ip_parse(const uint8_t *data, uint32_t len, struct hf_ip *ip);

#define HF_IPV4_LEN 20
#define HF_IPV6_LEN 40

static inline uint32_t hf_ip_header_len(bool is_v4) { return is_v4 ? HF_IPV4_LEN : HF_IPV6_LEN; }

/* Writes the header (no options, no extensions) for `payload_len` bytes; returns hf_ip_header_len(ip->is_v4). */
uint32_t hf_ip_write(const struct hf_ip *ip, uint32_t payload_len, uint8_t *out);

#endif

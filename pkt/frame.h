/*
 * Frames for a raw IP link, made from plain fields, and judged: code of its own, so that the engine's arithmetic is
 * not its own witness.
 */
#ifndef HF_PKT_FRAME_H
#define HF_PKT_FRAME_H

#include <handfast/engine.h>

enum { PKT_FRAME_MAX = HF_FRAME_MAX };

struct pkt_tcp_fields {
    struct hf_endpoint src, dst;
    uint8_t traffic_class, ttl;
    uint16_t flags;
    uint32_t seq, ack;
    uint16_t win, urg;
    const uint8_t *options; /* padded to four bytes */
    uint32_t options_len;
    const uint8_t *data;
    uint32_t data_len;
};

struct pkt_icmp_fields {
    struct hf_addr src, dst;
    uint8_t type, code;
    uint32_t mtu;
    struct hf_endpoint quoted_src, quoted_dst; /* of the segment quoted */
    uint32_t quoted_seq, quoted_len;
};

/* Each writes to out[PKT_FRAME_MAX] and returns the length. */
uint32_t pkt_frame_tcp(uint8_t *out, const struct pkt_tcp_fields *fields);
uint32_t pkt_frame_icmp(uint8_t *out, const struct pkt_icmp_fields *fields);

/* NULL when lengths and checksums of a TCP or ICMP frame are right, else what is wrong. */
const char *pkt_frame_fault(const struct hf_frame *frame);

#endif

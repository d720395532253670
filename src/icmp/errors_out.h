/*
 * ICMP errors we send (RFC 792; RFC 1122, 3.2.2; RFC 4443, 2.4 and 3).
 *
 * Never about an ICMP error, a fragment other than the first, a datagram to a group or as a link broadcast, or one whose
 * source is not a single host; and not more than HF_ICMP_RATE a second with bursts of HF_ICMP_BURST (RFC 4443, 2.4 (f);
 * RFC 1812, 4.3.2.8). An IPv4 error quotes up to 548 bytes (RFC 1812, 4.3.2.3), an IPv6 one as much as fits 1280.
 */
#ifndef HF_ICMP_ERRORS_OUT_H
#define HF_ICMP_ERRORS_OUT_H

#include "echo.h"

#define HF_ICMP_RATE 100 /* errors a second */
#define HF_ICMP_BURST 50

/* Longest message hf_icmp_error_write makes. */
#define HF_ICMP_ERROR_MAX 1240

struct hf_icmp_limit {
    hf_time filled_at;
    uint32_t tokens;
};

void hf_icmp_limit_init(struct hf_icmp_limit *limit, hf_time now);

enum hf_icmp_cause_kind {
    HF_ICMP_PORT,       /* nobody at that port of a protocol we know (not for TCP, which answers with RST) */
    HF_ICMP_PROTOCOL,   /* protocol not spoken here; IPv6: parameter problem, unrecognized next header */
    HF_ICMP_REASSEMBLY, /* fragments missing when the time was over */
    HF_ICMP_HOST,       /* the application says so of a host it stands for (hf_tcp_answer) */
    HF_ICMP_NETWORK,
    HF_ICMP_PROHIBITED,
};

struct hf_icmp_cause {
    enum hf_icmp_cause_kind kind;
    struct hf_addr src, dst; /* of the offending datagram; src MUST have passed hf_links_source */
    struct hf_addr from;     /* who complains; any: dst itself */
    const uint8_t *packet;   /* borrows: it, from its IP header on */
    uint32_t len;
    uint32_t pointer; /* HF_ICMP_PROTOCOL over IPv6: offset of the next header field that was not understood */
    bool is_group;    /* dst is broadcast or multicast, or the frame came as link broadcast or multicast */
};

/* Writes the error at `out`, which has room for HF_ICMP_ERROR_MAX. False when none may be sent. */
bool hf_icmp_error_write(struct hf_icmp_limit *limit, hf_time now, const struct hf_icmp_cause *cause, uint8_t *out,
                         struct hf_icmp_reply *reply);

#endif

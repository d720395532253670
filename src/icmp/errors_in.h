/*
 * ICMP errors we get: which connection is meant, and what is the advice (RFC 792; RFC 4443, 3; RFC 1122, 3.2.2 and
 * 4.2.3.9).
 *
 * Anybody can send these, so nothing here acts: the engine looks the quoted tuple up and TCP weighs the quoted sequence
 * number against what is in flight (RFC 5927; BUG-15). Source quench is recognised so that it can be counted, and
 * ignored (MUST-55; RFC 6633). Redirects change nothing: our routes are configured (RFC 6274, 4.4).
 */
#ifndef HF_ICMP_ERRORS_IN_H
#define HF_ICMP_ERRORS_IN_H

#include "../../include/handfast/reasons.h"
#include "../../include/handfast/types.h"

struct hf_icmp_error {
    enum hf_reason advice;             /* HF_ADVICE_... */
    struct hf_endpoint local, remote;  /* of the quoted segment: its source and its destination */
    uint32_t seq;                      /* quoted sequence number */
    uint16_t mtu;                      /* with HF_ADVICE_PACKET_TOO_BIG, never 0 */
    uint8_t protocol;                  /* quoted: 6, or nothing of ours */
};

/*
 * Reads an ICMP (protocol 1) or ICMPv6 (58) message, its checksum verified. Returns HF_ACCEPTED with *error filled for an
 * error about a TCP segment; HF_DROP_ICMP for what is no error, or not about TCP; HF_DROP_ICMP_BAD for one whose
 * quotation is malformed, too short for the ports and sequence number, or of a fragment other than the first.
 */
enum hf_reason hf_icmp_error_read(uint8_t protocol, const uint8_t *message, uint32_t len, struct hf_icmp_error *error);

#endif

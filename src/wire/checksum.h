/*
 * The pseudo-header that transport checksums cover (RFC 9293, 3.1; RFC 8200, 8.1). The sums themselves are base/sum.h.
 */
#ifndef HF_WIRE_CHECKSUM_H
#define HF_WIRE_CHECKSUM_H

#include "../../include/handfast/types.h"
#include "../base/sum.h"

/* `len` is that of the transport header and data. IPv4 and IPv6 are told apart by the addresses. */
uint32_t hf_sum_pseudo(const struct hf_addr *src, const struct hf_addr *dst, uint8_t protocol, uint32_t len);

#endif

/*
 * A datagram as an ICMP error quotes it: whole or cut off anywhere behind its header (RFC 1122, 3.2.2; RFC 4443, 3).
 *
 * The reader of arriving datagrams may insist on every length field; this one may not, since what follows the first
 * bytes is missing by design. Nothing beyond `len` is touched.
 */
#ifndef HF_ICMP_QUOTE_H
#define HF_ICMP_QUOTE_H

#include "../../include/handfast/types.h"

struct hf_quote {
    struct hf_addr src, dst;
    uint8_t protocol;         /* behind all extension headers that were there to read */
    uint32_t fragment_offset; /* bytes; 0: whole, or the first fragment */
    uint32_t total_len;       /* of the datagram, by its own header */
    const uint8_t *payload;
    uint32_t payload_len;     /* bytes of payload quoted */
};

/* Reads the quotation. False when it is not a header of that version, or the chain of headers is malformed or cut. */
bool hf_quote_read(const uint8_t *packet, uint32_t len, bool is_v4, struct hf_quote *quote);

/* True when it quotes an ICMP message that is an error, or that is too short to say, or of unknown kind. */
bool hf_quote_is_icmp_error(const struct hf_quote *quote, bool is_v4);

#endif

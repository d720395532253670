/*
 * What a driver may know of a frame without being a protocol: where its headers lie, and the TCP fields by which a
 * person names a segment ("the second FIN"). Everything is checked against the frame's length once, here.
 *
 * Read first: include/handfast/engine.h, struct hf_frame. Read next: split.h.
 */
#ifndef HF_DRIVERS_LOOK_H
#define HF_DRIVERS_LOOK_H

#include <handfast/engine.h>

enum {
    LOOK_FIN = 1,
    LOOK_SYN = 2,
    LOOK_RST = 4,
    LOOK_PSH = 8,
    LOOK_ACK = 16,
    LOOK_URG = 32,
    LOOK_ECE = 64,
    LOOK_CWR = 128,
    LOOK_AE = 256,
};

#define LOOK_PROTOCOL_TCP 6

struct hf_look {
    uint8_t version;      /* 4 or 6; 0: no IP here that can be read */
    uint8_t protocol;     /* of the payload, behind IPv6 extension headers */
    bool is_tcp;          /* a whole TCP header is there and the datagram is no fragment: the fields below hold */
    uint16_t flags;       /* LOOK_..., as on the wire */
    uint32_t ip;          /* offsets from data: the IP header, */
    uint32_t transport;   /* what it carries, */
    uint32_t payload;     /* TCP's data, */
    uint32_t end;         /* the datagram's end; a frame may be longer (padding), never shorter */
    uint32_t payload_len; /* end - payload */
    uint32_t seq, ack;
    uint16_t src_port, dst_port;
    struct hf_addr src, dst;
};

/* Fills all of *look. False (and version 0) when the frame holds no well-formed IP header. */
bool hf_look(const uint8_t *data, uint32_t len, enum hf_link_kind kind, struct hf_look *look);

/* The folded 16-bit ones'-complement sum of `len` bytes in native byte order, added to the sum of what came before.
 */
uint32_t hf_look_sum(const uint8_t *data, uint32_t len, uint32_t before);

/* The sum of the pseudo-header for a transport header and data of `len` bytes (RFC 9293, 3.1; RFC 8200, 8.1). */
uint32_t hf_look_pseudo(const uint8_t *data, const struct hf_look *look, uint32_t len);

/* Complements a sum and stores it. */
void hf_look_store(uint8_t *field, uint32_t sum);

/* Writes the IPv4 header checksum anew, and the length; for IPv6 only the length. `len` is that of the datagram. */
void hf_look_set_ip_len(uint8_t *data, const struct hf_look *look, uint32_t len);

#endif

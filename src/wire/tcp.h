/*
 * The TCP header and its options <-> struct hf_segment (RFC 9293, 3.1 and 3.2; RFC 7323; RFC 2018; RFC 7413).
 *
 * Parsing checks everything once; after it the fields are plain values and `data` is a checked view of the payload.
 */
#ifndef HF_WIRE_TCP_H
#define HF_WIRE_TCP_H

#include "../../include/handfast/observe.h"
#include "../../include/handfast/types.h"
#include "../base/seq.h"

enum {
    HF_TCP_FIN = 1,
    HF_TCP_SYN = 2,
    HF_TCP_RST = 4,
    HF_TCP_PSH = 8,
    HF_TCP_ACK = 16,
    HF_TCP_URG = 32,
    HF_TCP_ECE = 64,
    HF_TCP_CWR = 128,
    HF_TCP_AE = 256, /* RFC 9768, once the nonce's */
};

#define HF_TCP_HEADER_LEN 20
#define HF_TCP_OPTIONS_MAX 40
#define HF_TCP_SACK_MAX 4

enum {
    HF_OPT_MSS = 1,
    HF_OPT_WSCALE = 2,
    HF_OPT_SACK_OK = 4,
    HF_OPT_TIMESTAMPS = 8,
    HF_OPT_SACK = 16,
    HF_OPT_FAST_OPEN = 32,
};

struct hf_sack_block {
    hf_seq from, to;
};

struct hf_tcp_opts {
    uint8_t present; /* HF_OPT_... */
    uint8_t wscale;  /* as on the wire; above 14 is the reader's to clamp (RFC 7323, 2.3) */
    uint16_t mss;
    uint32_t tsval, tsecr;
    uint8_t sack_count;
    uint8_t cookie_len; /* Fast Open; 0 is a request */
    uint8_t cookie[16];
    struct hf_sack_block sack[HF_TCP_SACK_MAX];
};

/* One segment, as RFC 9293 speaks of it. */
struct hf_segment {
    uint16_t src_port, dst_port;
    hf_seq seq, ack;
    uint32_t len;      /* SEG.LEN: data, SYN and FIN counted */
    uint32_t data_len; /* bytes of payload */
    const uint8_t *data;
    uint16_t wnd;      /* as on the wire, unscaled */
    uint16_t up;
    uint16_t flags;    /* HF_TCP_... */
    uint8_t traffic_class; /* of the IP header: its low two bits are ECN */
    uint16_t coalesced;    /* how many wire segments this is (receive offload); 1 normally */
    struct hf_tcp_opts opts;
    hf_time at;        /* when it arrived */
};

/*
 * Reads the header, options and payload of `len` bytes at `data` (the whole transport payload). The checksum is not
 * looked at. Fills every field but `at`, `traffic_class` and `coalesced` (set to 1). Returns HF_ACCEPTED, or the reason
 * for dropping it: HF_DROP_TCP_SHORT, _OFFSET, _OPTION (a length below 2 or past the end), _PORT_ZERO. Options of
 * unknown kind are skipped (MUST-6); a known option with the wrong length, or out of place is ignored.
 */
enum hf_reason hf_tcp_parse(const uint8_t *data, uint32_t len, struct hf_segment *seg);

/*
 * Writes the header with its options (padded to 4 bytes) at out[60], with checksum zero. Returns its length. Payload is
 * the caller's.
 * Order on the wire: MSS, SACK-permitted, timestamps, NOP + window scale on a SYN; NOP NOP timestamps, NOP NOP SACK
 * otherwise (as Linux sends them). SACK blocks that would exceed 40 bytes are left out.
 */
uint32_t hf_tcp_write(const struct hf_segment *seg, uint8_t *out);

/* The length hf_tcp_write will give. */
uint32_t hf_tcp_write_len(const struct hf_tcp_opts *opts, bool syn);

#endif

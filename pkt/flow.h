/*
 * One flow of a script: how the script's numbers and the wire's belong together, and what was written to it.
 *
 *     sequence numbers    the script counts from numbers of its own; a SYN shows which is which
 *     timestamps          the first of ours shows the distance; an echo is looked up among those the script has
 * named ports               the script need not name them
 *
 * Read first: script.h.
 */
#ifndef HF_PKT_FLOW_H
#define HF_PKT_FLOW_H

#include "../drivers/line.h"
#include "script.h"

enum { PKT_STAMPS_MAX = 64 };

struct pkt_flow {
    struct hf_endpoint ours, theirs;
    uint32_t our_isn, our_script_isn; /* of our last SYN, on the wire and in the script */
    uint32_t their_script_isn;        /* of the peer's last SYN that was taken */
    uint32_t their_shift;             /* added to the peer's numbers on their way to the wire */
    bool has_our_isn;
    bool shows_ports;    /* there is another flow */
    bool may_begin_anew; /* our next SYN may have a number of its own */
    uint16_t win;        /* of the packet received last */
    bool has_stamp;
    uint32_t live_stamp, script_stamp; /* the first of ours that the script named */
    struct {
        uint32_t live, script;
    } stamp[PKT_STAMPS_MAX];
    unsigned stamp_count;
    uint8_t *written; /* everything the application wrote in this life */
    size_t written_len;
};

/* The wire's number of what the script calls `script`, and back. */
static inline uint32_t pkt_flow_our_shift(const struct pkt_flow *flow)
{
    return flow->has_our_isn ? flow->our_isn - flow->our_script_isn : 0;
}

/* The byte the peer sends at a place of the script's counting. */
uint8_t pkt_flow_their_byte(uint32_t script_seq);
/* The byte the application writes at an offset of its stream. */
uint8_t pkt_flow_our_byte(size_t offset);

void pkt_flow_written(struct pkt_flow *flow, const uint8_t *data, size_t len);
void pkt_flow_close(struct pkt_flow *flow);

/* Rewrites the numbers inside options (SACK edges, timestamps' echoes) from the script's to the wire's. */
void pkt_flow_options_to_wire(const struct pkt_flow *flow, uint8_t *options, uint32_t len);

/* The other way: the options of a segment of ours, or of the peer's, as the script would have them. */
void pkt_flow_options_to_script(const struct pkt_flow *flow, uint8_t *options, uint32_t len,
                                enum hf_line_direction direction);

/* Where the timestamps option's value stands in options, or -1. */
int pkt_options_find(const uint8_t *options, uint32_t len, uint8_t kind);

/* The script has named a timestamp of ours. */
void pkt_flow_name_stamp(struct pkt_flow *flow, uint32_t live, uint32_t script);

#endif

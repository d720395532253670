/*
 * A frame as a line of packetdrill's language, without allocation:
 *
 *     < S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
 *
 * What is printed can be run: pkt/ reads the same notation. Sequence numbers count from a base for each side; the
 * flow table finds the bases, each side's SYN, as frames pass by.
 *
 * Read first: look.h. Read next: trace.c.
 */
#ifndef HF_DRIVERS_LINE_H
#define HF_DRIVERS_LINE_H

#include "look.h"

#define HF_LINE_MAX 1024 /* room that the longest line with its terminating zero fits into */

enum hf_line_direction { HF_LINE_IN, HF_LINE_OUT };

/* What a line's numbers count from. All zero: absolute numbers, no ports. */
struct hf_line_base {
    uint32_t ours, theirs; /* sequence numbers that are printed as 0 */
    bool ports;            /* print the ports, because there is more than one flow */
};

/*
 * Writes the line, without time and without end of line, to text[HF_LINE_MAX]. What packetdrill has no words for
 * (ARP, fragments, UDP ...) becomes a comment. Returns `text`.
 */
char *hf_line_write(char *text, const struct hf_line_base *base, const uint8_t *data, uint32_t len,
                    enum hf_link_kind kind, enum hf_line_direction direction);

/*
 * The mark that says what the engine thought of a frame, as a comment: "//! drop PAWS", "//! why CHALLENGE", or ""
 * when there is nothing to say. Returns `text`.
 */
#define HF_LINE_MARK_MAX 64
char *hf_line_mark(char text[HF_LINE_MARK_MAX], uint16_t why, enum hf_line_direction direction);

#define HF_LINE_FLOWS 64

struct hf_line_flow {
    uint64_t used_at;           /* the count of frames at its last use; 0: never used */
    struct hf_endpoint side[2]; /* ours, and the peer's */
    bool knows_isn[2];
    uint32_t isn[2];
};

/* Zero-filled at first. Bounded: the flow that was quiet longest is forgotten first. */
struct hf_line_flows {
    uint64_t clock;
    uint64_t begun; /* flows ever entered */
    struct hf_line_flow flow[HF_LINE_FLOWS];
};

/*
 * Takes note of a TCP frame and sets *base for its line. A SYN of a side whose number was not known yet, or one
 * that was not dropped, sets that side's base. Returns the flow when the table did not hold it before, else NULL.
 */
const struct hf_line_flow *hf_line_note(struct hf_line_flows *flows, const struct hf_look *look,
                                        enum hf_line_direction direction, bool was_dropped,
                                        struct hf_line_base *base);

#endif

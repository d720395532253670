/*
 * Packetdrill counts what follows a SYN from that SYN, whatever number the SYN itself is given:
 *
 *     < S 999000:999040(40)        > S. 1234:1234(0) ack 999001        < . 1:1(0) ack 1
 *
 * Scripts with additions of ours count on from the SYN's number instead, because they speak of the RFC's variables
 * (//! given rcv.nxt). Here a script without additions is brought into that counting. Read first: parser.h.
 */
#include "parser.h"

#include "../drivers/look.h"

#include <string.h>

enum { FLOWS_MAX = 64, OPTION_SACK = 5 };

/* The numbers of both sides' last SYNs in one flow, which the ports tell. */
struct origin {
    uint16_t our_port, their_port;
    uint32_t ours, theirs;
};

struct origins {
    struct origin item[FLOWS_MAX];
    unsigned count;
};

/* NULL when there are more flows than anybody writes by hand. */
static struct origin *origin_of(struct origins *origins, uint16_t our_port, uint16_t their_port)
{
    for (unsigned i = 0; i < origins->count; i++)
        if (origins->item[i].our_port == our_port && origins->item[i].their_port == their_port)
            return &origins->item[i];
    if (origins->count == FLOWS_MAX)
        return NULL;
    origins->item[origins->count] = (struct origin){our_port, their_port, 0, 0};
    return &origins->item[origins->count++];
}

/* The edges of SACK blocks, wherever they stand among the options. */
static void shift_sacks(struct pkt_segment *s, uint32_t by)
{
    for (unsigned at = 0; at + 1 < s->options_len;) {
        uint8_t kind = s->options[at], len = kind <= 1 ? 1 : s->options[at + 1];
        if (kind == 0 || len == 0 || at + len > s->options_len)
            return;
        for (unsigned edge = at + 2; kind == OPTION_SACK && edge + 4 <= at + len; edge += 4) {
            uint8_t *b = s->options + edge;
            uint32_t n = ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) + by;
            b[0] = (uint8_t)(n >> 24);
            b[1] = (uint8_t)(n >> 16);
            b[2] = (uint8_t)(n >> 8);
            b[3] = (uint8_t)n;
        }
        at += len;
    }
}

static void count_on(struct pkt_segment *s, uint32_t seq_by, uint32_t ack_by)
{
    s->seq += seq_by;
    if (s->flags & LOOK_ACK)
        s->ack += ack_by;
    shift_sacks(s, ack_by);
}

static void renumber_segment(struct origins *origins, struct pkt_segment *s, bool is_out)
{
    struct origin *origin =
        is_out ? origin_of(origins, s->src_port, s->dst_port) : origin_of(origins, s->dst_port, s->src_port);
    if (!origin)
        return;
    if (s->flags & LOOK_SYN)
        *(is_out ? &origin->ours : &origin->theirs) = s->seq;
    else if (is_out)
        count_on(s, origin->ours, origin->theirs);
    else
        count_on(s, origin->theirs, origin->ours);
}

void pkt_count_from_syns(struct pkt_script *script)
{
    struct origins origins = {.count = 0};
    for (unsigned i = 0; i < script->count; i++)
        if (script->event[i].kind == PKT_MARK)
            return;
    for (unsigned i = 0; i < script->count && !script->fixture; i++) {
        struct pkt_event *event = &script->event[i];
        if (event->kind == PKT_SEGMENT_IN || event->kind == PKT_SEGMENT_OUT)
            renumber_segment(&origins, &event->segment, event->kind == PKT_SEGMENT_OUT);
        else if (event->kind == PKT_ICMP_IN && origins.count > 0)
            event->icmp.seq += origins.item[origins.count - 1].ours;
    }
}

/*
 * The in-memory benchmarks: two ends of one kind joined by a wire (wire.h), in one thread, MTU 1500, IPv4,
 * checksums computed and verified. A "kind" is Handfast, lwIP, or null: a peer that has no protocol, only what no
 * TCP can do without (a send and a receive buffer, checksums, frames, an ACK for every second one); it is the limit
 * of the set-up.
 *
 * Time is CPU time of the thread. What the stacks take for the time of day advances by WIRE_DELAY a turn: no side
 * reads a clock.
 */
#ifndef HF_BENCH_MEMORY_H
#define HF_BENCH_MEMORY_H

#include "bench.h"
#include "wire.h"

#define WIRE_DELAY HF_US
#define WIRE_DEPTH 64   /* frames that fit on it; for bulk, a window more */
#define WIRE_CAP   1600 /* bytes of a frame's buffer */
#define BATCH      16   /* frames an end takes in before it sends, as hf_pump does */
#define MESSAGE    64   /* bytes of a request, an answer, a ping */

/* One direction, as fast as it goes; value in Gbit/s of payload. */
struct bulk {
    uint32_t window; /* bytes: send and receive buffer of each end, and so what is in flight */
    bool large;      /* a link that takes 64 KB frames and finishes checksums by itself (TSO) */
};

/* One message there and back, then the next connection's, over `connections` open ones; round trips a second. */
struct ping {
    unsigned connections;
};

/* Open, request, answer, four-way close, one after the other; per second. */
struct cycle {
    unsigned time_wait; /* most TIME-WAIT records kept by a stack that cannot keep them all (lwIP); 0: all */
};

/* Frames that hold a window of this kind of traffic. */
static inline uint32_t bulk_depth(const struct bulk *bulk)
{
    return bulk->window / (bulk->large ? 32768 : 1448) + (bulk->large ? 8 : WIRE_DEPTH);
}
static inline uint32_t bulk_cap(const struct bulk *bulk)
{
    return bulk->large ? HF_FRAME_MAX : WIRE_CAP;
}

bool handfast_bulk(const void *bulk, double seconds, struct bench_sample *sample);
bool handfast_ping(const void *ping, double seconds, struct bench_sample *sample);
bool handfast_cycle(const void *cycle, double seconds, struct bench_sample *sample);

bool null_bulk(const void *bulk, double seconds, struct bench_sample *sample);
bool null_ping(const void *ping, double seconds, struct bench_sample *sample);

bool lwip_bulk(const void *bulk, double seconds, struct bench_sample *sample);
bool lwip_ping(const void *ping, double seconds, struct bench_sample *sample);
bool lwip_cycle(const void *cycle, double seconds, struct bench_sample *sample);

/* Bytes of one record: of the engine's block, and of the pages or the heap that making many of them takes. */
enum record { RECORD_IDLE, RECORD_HALF_OPEN, RECORD_TIME_WAIT };
bool handfast_record_size(const void *record, double seconds, struct bench_sample *sample);
bool handfast_record_pages(const void *record, double seconds, struct bench_sample *sample);
bool lwip_record_heap(const void *record, double seconds, struct bench_sample *sample);

#endif

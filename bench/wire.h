/*
 * A wire in memory between two ends that share a thread: what one end puts in, the other finds, in order, where it
 * lies. Every side of the in-memory benchmarks uses it, so that what differs is the TCP and not the way to it.
 */
#ifndef HF_BENCH_WIRE_H
#define HF_BENCH_WIRE_H

#include <handfast/engine.h>

#include <stddef.h>

/* A ring: frame number n lies in slot n & mask. */
struct lane {
    struct hf_frame *frames; /* each with a buffer of its own */
    uint32_t mask;
    uint32_t sent, taken; /* how many, since the lane was last empty */
    uint64_t total;       /* frames ever sent */
};

struct wire {
    struct lane lane[2]; /* [i]: what end i sends */
    uint8_t *buffers;
};

/* Room for at least `depth` frames of `cap` bytes each way. */
void wire_open(struct wire *wire, uint32_t depth, uint32_t cap);
void wire_close(struct wire *wire);

/* The next free frame, NULL when the lane is full; wire_send passes it on. */
static inline struct hf_frame *wire_room(struct lane *lane)
{
    return lane->sent - lane->taken <= lane->mask ? &lane->frames[lane->sent & lane->mask] : NULL;
}

static inline void wire_send(struct lane *lane)
{
    lane->sent++;
    lane->total++;
}

/* The oldest frame not yet taken, NULL when there is none; wire_took gives it back. */
static inline struct hf_frame *wire_next(struct lane *lane)
{
    return lane->taken != lane->sent ? &lane->frames[lane->taken & lane->mask] : NULL;
}

/* An empty lane begins again at its first buffer, which is still in the cache. */
static inline void wire_took(struct lane *lane)
{
    if (++lane->taken == lane->sent)
        lane->taken = lane->sent = 0;
}

/* What is on the way is lost. */
static inline void wire_clear(struct wire *wire)
{
    for (unsigned i = 0; i < 2; i++)
        wire->lane[i].sent = wire->lane[i].taken = 0;
}

static inline bool wire_is_idle(const struct wire *wire)
{
    return wire->lane[0].sent == 0 && wire->lane[1].sent == 0;
}

#endif

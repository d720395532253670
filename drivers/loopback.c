/*
 * Two drivers joined back to back in memory.
 *
 * Each direction is a ring of `depth` slots with one buffer each. A sender writes into the slots it reserved and
 * the receiver reads them where they lie, so a frame is never copied. One thread may sit at each end: `sent` is
 * written by the sending end only, `taken` by the receiving end only.
 */
#include <handfast/driver.h>
#include <handfast/observe.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    struct hf_frame frame;
    hf_time at; /* when it was submitted */
};

struct ring {
    struct slot *slots;
    uint8_t *buffers;
    _Atomic uint32_t sent;  /* frames ever submitted; the low bits number the slot */
    _Atomic uint32_t taken; /* frames ever released */
};

struct wire {
    struct ring ring[2]; /* [i]: what end i submits */
    uint32_t depth;      /* frames that may wait each way */
    uint32_t mask;       /* slots - 1: a power of two, so that numbers may wrap */
    uint32_t cap;        /* bytes of room for a frame */
    uint32_t stride;     /* from one buffer to the next */
    atomic_int ends;     /* that are still open */
};

struct end {
    struct hf_driver driver;
    struct wire *wire;
    struct ring *out, *in;
};

static struct end *end_of(struct hf_driver *d)
{
    return (struct end *)d;
}

static struct slot *slot_at(const struct end *end, struct ring *ring, uint32_t number)
{
    return &ring->slots[number & end->wire->mask];
}

static int loopback_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    (void)now;
    struct end *end = end_of(d);
    uint32_t taken = atomic_load_explicit(&end->in->taken, memory_order_relaxed);
    uint32_t ready = atomic_load_explicit(&end->in->sent, memory_order_acquire) - taken;
    uint32_t count = ready < max ? ready : max;
    for (uint32_t i = 0; i < count; i++)
        frames[i] = slot_at(end, end->in, taken + i)->frame;
    return (int)count;
}

static void loopback_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    (void)now, (void)frames;
    struct ring *in = end_of(d)->in;
    uint32_t taken = atomic_load_explicit(&in->taken, memory_order_relaxed);
    atomic_store_explicit(&in->taken, taken + count, memory_order_release);
}

static int loopback_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct end *end = end_of(d);
    struct wire *wire = end->wire;
    uint32_t sent = atomic_load_explicit(&end->out->sent, memory_order_relaxed);
    uint32_t free_slots = wire->depth - (sent - atomic_load_explicit(&end->out->taken, memory_order_acquire));
    uint32_t count = free_slots < max ? free_slots : max;
    for (uint32_t i = 0; i < count; i++) {
        size_t place = (sent + i) & wire->mask;
        frames[i] = (struct hf_frame){.data = end->out->buffers + place * wire->stride, .cap = wire->cap};
    }
    return (int)count;
}

/* Why it was sent and for whom is the sender's knowledge; a wire does not carry it. */
static int loopback_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct end *end = end_of(d);
    uint32_t sent = atomic_load_explicit(&end->out->sent, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        struct slot *slot = slot_at(end, end->out, sent + i);
        slot->frame = frames[i];
        slot->frame.why = HF_REASON_NONE;
        slot->frame.conn = (hf_conn){0};
        slot->at = now;
    }
    atomic_store_explicit(&end->out->sent, sent + count, memory_order_release);
    return 0;
}

/* A frame that waits was due when it was sent. */
static hf_time loopback_deadline(struct hf_driver *d)
{
    struct end *end = end_of(d);
    uint32_t taken = atomic_load_explicit(&end->in->taken, memory_order_relaxed);
    if (atomic_load_explicit(&end->in->sent, memory_order_acquire) == taken)
        return HF_NEVER;
    return slot_at(end, end->in, taken)->at;
}

static void delete_wire(struct wire *wire)
{
    for (unsigned i = 0; i < 2; i++) {
        free(wire->ring[i].slots);
        free(wire->ring[i].buffers);
    }
    free(wire);
}

static void loopback_close(struct hf_driver *d)
{
    struct end *end = end_of(d);
    if (atomic_fetch_sub(&end->wire->ends, 1) == 1)
        delete_wire(end->wire);
    free(end);
}

static const struct hf_driver_ops loopback_ops = {
    .receive = loopback_receive,
    .release = loopback_release,
    .reserve = loopback_reserve,
    .submit = loopback_submit,
    .deadline = loopback_deadline,
    .close = loopback_close,
};

static uint32_t cap_for(const struct hf_link_config *link)
{
    uint32_t one_segment = link->mtu + 64u;
    if ((link->offload & (HF_LINK_TSO4 | HF_LINK_TSO6)) || one_segment > HF_FRAME_MAX)
        return HF_FRAME_MAX;
    return one_segment < HF_FRAME_MIN_CAP ? HF_FRAME_MIN_CAP : one_segment;
}

static uint32_t slots_for(uint32_t depth)
{
    uint32_t slots = 1;
    while (slots < depth)
        slots *= 2;
    return slots;
}

static struct wire *make_wire(const struct hf_link_config *link, unsigned depth)
{
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        return NULL;
    uint32_t slots = slots_for(depth);
    wire->depth = depth;
    wire->mask = slots - 1;
    wire->cap = cap_for(link);
    wire->stride = (wire->cap + 63u) / 64 * 64;
    atomic_init(&wire->ends, 2);
    for (unsigned i = 0; i < 2; i++) {
        wire->ring[i].slots = calloc(slots, sizeof *wire->ring[i].slots);
        wire->ring[i].buffers = aligned_alloc(64, (size_t)slots * wire->stride);
        if (!wire->ring[i].slots || !wire->ring[i].buffers) {
            delete_wire(wire);
            return NULL;
        }
    }
    return wire;
}

static struct end *make_end(struct wire *wire, const struct hf_link_config *link, unsigned side)
{
    struct end *end = calloc(1, sizeof *end);
    if (!end)
        return NULL;
    end->driver = (struct hf_driver){.ops = &loopback_ops, .link = *link, .fd = -1, .name = "loopback"};
    if (link->kind == HF_LINK_ETHERNET)
        end->driver.link.mac[5] ^= (uint8_t)side; /* two stations */
    end->wire = wire;
    end->out = &wire->ring[side];
    end->in = &wire->ring[1 - side];
    return end;
}

int hf_loopback_open(const struct hf_link_config *link, unsigned depth, struct hf_driver *pair[2])
{
    if (depth == 0 || depth > 1u << 20)
        return -EINVAL;
    struct wire *wire = make_wire(link, depth);
    struct end *first = wire ? make_end(wire, link, 0) : NULL;
    struct end *second = wire ? make_end(wire, link, 1) : NULL;
    if (!first || !second) {
        free(first);
        free(second);
        if (wire)
            delete_wire(wire);
        return -ENOMEM;
    }
    pair[0] = &first->driver;
    pair[1] = &second->driver;
    return 0;
}

/* A wire in memory. See wire.h. */
#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* Buffers begin 64 bytes apart from a power of two, so that they do not all meet in the same sets of the cache. */
static uint32_t stride_for(uint32_t cap)
{
    return (cap + 63u) / 64 * 64 + 64;
}

static void *allocate(size_t len)
{
    void *memory = aligned_alloc(64, (len + 63) / 64 * 64);
    if (memory == NULL)
        abort();
    memset(memory, 0, len);
    return memory;
}

static uint32_t slots_for(uint32_t depth)
{
    uint32_t slots = 1;
    while (slots < depth)
        slots *= 2;
    return slots;
}

void wire_open(struct wire *wire, uint32_t depth, uint32_t cap)
{
    uint32_t stride = stride_for(cap), slots = slots_for(depth);
    *wire = (struct wire){.buffers = allocate(2 * (size_t)slots * stride)};
    for (unsigned end = 0; end < 2; end++) {
        struct lane *lane = &wire->lane[end];
        lane->frames = allocate(slots * sizeof *lane->frames);
        lane->mask = slots - 1;
        for (uint32_t i = 0; i < slots; i++)
            lane->frames[i] =
                (struct hf_frame){.data = wire->buffers + ((size_t)end * slots + i) * stride, .cap = cap};
    }
}

void wire_close(struct wire *wire)
{
    free(wire->lane[0].frames);
    free(wire->lane[1].frames);
    free(wire->buffers);
}

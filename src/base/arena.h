/*
 * The engine's block, carved once: a cursor over one piece of memory. With base NULL it only measures, so that the
 * size asked for and the size used come from the same code.
 */
#ifndef HF_BASE_ARENA_H
#define HF_BASE_ARENA_H

#include "base.h"

struct hf_arena {
    uint8_t *base; /* NULL: measuring */
    size_t used;
};

/* Carves `size` bytes aligned to 64. Returns NULL when measuring. Overflow of size_t makes `used` SIZE_MAX. */
void *hf_arena_carve(struct hf_arena *arena, size_t count, size_t item_size);

#endif

/* The engine's block, carved once. See arena.h. */
#include "arena.h"

#define ALIGNMENT 64

void *hf_arena_carve(struct hf_arena *arena, size_t count, size_t item_size)
{
    if (item_size != 0 && count > (SIZE_MAX - ALIGNMENT) / item_size) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    size_t size = (count * item_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (arena->used > SIZE_MAX - size) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    void *carved = arena->base == NULL ? NULL : arena->base + arena->used;
    arena->used += size;
    return carved;
}

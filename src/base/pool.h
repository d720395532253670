/*
 * A pool: `capacity` items of one size in the engine's block, named by index.
 *
 * The items are found by a distance from the pool record itself, never by a pointer, so that a copied block is whole.
 * Free items are chained through their first four bytes, last in first out; items never taken lie beyond `fresh` and
 * are not touched, so that a large limit costs nothing unused. A taken item's content is whatever was there before.
 */
#ifndef HF_BASE_POOL_H
#define HF_BASE_POOL_H

#include "arena.h"

struct hf_pool {
    ptrdiff_t items; /* distance in bytes from this record to item 0 */
    uint32_t item_size, capacity;
    uint32_t used, peak;
    uint32_t free; /* first of the chain, or HF_NONE */
    uint32_t fresh;
};

/* Carves the pool's items (item_size >= 4, rounded up to 8). Call on a measuring arena too. */
void hf_pool_init(struct hf_pool *pool, struct hf_arena *arena, uint32_t capacity, uint32_t item_size);

/* The index of an item now taken, or HF_NONE. */
uint32_t hf_pool_take(struct hf_pool *pool);
void hf_pool_give(struct hf_pool *pool, uint32_t index);

static inline void *hf_pool_at(const struct hf_pool *pool, uint32_t index)
{
    hf_assert(index < pool->fresh);
    /* In integers: the items lie outside the pool record, which compilers that follow pointers would call an overflow. */
    return (void *)((uintptr_t)pool + (uintptr_t)pool->items + (uintptr_t)index * pool->item_size);
}
/* The index of an item by its address. */
static inline uint32_t hf_pool_index(const struct hf_pool *pool, const void *item)
{
    return (uint32_t)((size_t)((const uint8_t *)item - ((const uint8_t *)pool + pool->items)) / pool->item_size);
}
static inline uint32_t hf_pool_available(const struct hf_pool *pool) { return pool->capacity - pool->used; }

#endif

/* Pools of equal items. See pool.h. */
#include "pool.h"

void hf_pool_init(struct hf_pool *pool, struct hf_arena *arena, uint32_t capacity, uint32_t item_size)
{
    item_size = (item_size + 7) / 8 * 8;
    uint8_t *items = hf_arena_carve(arena, capacity, item_size);
    *pool = (struct hf_pool){
        .items = items == NULL ? 0 : items - (uint8_t *)pool,
        .item_size = item_size,
        .capacity = capacity,
        .free = HF_NONE,
    };
}

uint32_t hf_pool_take(struct hf_pool *pool)
{
    uint32_t index = pool->free;
    if (index != HF_NONE)
        memcpy(&pool->free, hf_pool_at(pool, index), sizeof pool->free);
    else if (pool->fresh < pool->capacity)
        index = pool->fresh++;
    else
        return HF_NONE;
    pool->used++;
    if (pool->used > pool->peak)
        pool->peak = pool->used;
    return index;
}

void hf_pool_give(struct hf_pool *pool, uint32_t index)
{
    hf_assert(pool->used > 0);
    memcpy(hf_pool_at(pool, index), &pool->free, sizeof pool->free);
    pool->free = index;
    pool->used--;
}

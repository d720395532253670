/*
 * The open-addressed table and a pool, as the engine uses them together, against arrays: items are taken and found by a
 * hash of few values, so that chains are long. Held true: what was added is found, once for each time, and nothing else;
 * a full table or pool says so; no item is given out twice; what was never taken is untouched.
 */
#include "../src/base/pool.h"
#include "../src/base/table.h"
#include "fuzz.h"

#define CAPACITY 40
#define ITEM     24u

static struct world {
    struct hf_table table;
    struct hf_pool pool;
    bool is_taken[CAPACITY];
    uint64_t hash[CAPACITY];
    uint32_t fresh;
} * w;

static _Alignas(64) uint8_t memory[8192];

/* Few different homes, some of them at the table's end; few different tags for each. */
static uint64_t hash_of(uint8_t choice)
{
    uint32_t home = (choice & 3) == 3 ? 62 + (choice >> 2 & 1) : choice & 3;
    return (uint64_t)(home | (uint32_t)(choice >> 3 & 3) << 16) << 32;
}

static uint8_t stamp(uint32_t index)
{
    return (uint8_t)(0x40 + index);
}

static void take(uint8_t choice)
{
    uint32_t index = hf_pool_take(&w->pool);
    if (index == HF_NONE) {
        require(hf_pool_available(&w->pool) == 0);
        require(!hf_table_add(&w->table, hash_of(choice), 0));
        return;
    }
    require(index < CAPACITY && !w->is_taken[index]);
    uint8_t *item = hf_pool_at(&w->pool, index);
    require(hf_pool_index(&w->pool, item) == index);
    w->fresh = index >= w->fresh ? index + 1 : w->fresh;
    w->is_taken[index] = true;
    w->hash[index] = hash_of(choice);
    memset(item, stamp(index), ITEM);
    require(hf_table_add(&w->table, w->hash[index], index));
}

static void give(uint32_t index)
{
    index %= CAPACITY;
    require(hf_table_remove(&w->table, w->hash[index], index) == w->is_taken[index]);
    if (!w->is_taken[index])
        return;
    w->is_taken[index] = false;
    hf_pool_give(&w->pool, index);
}

static void look_up(uint8_t choice)
{
    struct hf_probe probe;
    bool found[CAPACITY] = {false};
    uint64_t hash = hash_of(choice);
    for (uint32_t v = hf_table_find(&w->table, hash, &probe); v != HF_NONE; v = hf_table_next(&w->table, &probe)) {
        require(v < CAPACITY && !found[v]);
        found[v] = true;
    }
    for (uint32_t i = 0; i < CAPACITY; i++)
        require(found[i] == (w->is_taken[i] && w->hash[i] == hash));
}

static void check(void)
{
    uint32_t used = 0;
    require_sound(hf_table_check(&w->table));
    for (uint32_t i = 0; i < CAPACITY; i++) {
        used += w->is_taken[i];
        const uint8_t *item = (const uint8_t *)&w->pool + w->pool.items + i * ITEM;
        for (uint32_t k = 0; k < ITEM && w->is_taken[i]; k++)
            require(item[k] == stamp(i));
        for (uint32_t k = 0; k < ITEM && i >= w->fresh; k++)
            require(item[k] == 0);
    }
    require(used == w->pool.used && used == w->table.used && w->pool.peak >= used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct hf_arena arena = {.base = memory};
    memset(memory, 0, sizeof memory);
    w = hf_arena_carve(&arena, 1, sizeof *w);
    hf_table_init(&w->table, &arena, CAPACITY);
    hf_pool_init(&w->pool, &arena, CAPACITY, ITEM);
    require(arena.used <= sizeof memory);
    for (unsigned i = 0; in.left > 0 && i < 1000; i++) {
        uint8_t choice = in8(&in);
        switch (choice & 3) {
        case 0:
            give(choice >> 2);
            break;
        case 1:
            look_up(choice >> 2);
            break;
        default:
            take(choice >> 2);
            break;
        }
        check();
    }
    return 0;
}

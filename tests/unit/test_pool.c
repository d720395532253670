/* src/base/arena.c and pool.c: the engine's block, carved once, and the items in it. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/pool.h"

static struct hf_pool *fresh_pool(uint32_t capacity, uint32_t item_size)
{
    struct hf_arena arena;
    struct hf_pool *pool = fresh_block(sizeof *pool, &arena);
    hf_pool_init(pool, &arena, capacity, item_size);
    return pool;
}

static void carves_aligned_pieces(void **state)
{
    /* Pieces are aligned to 64 bytes, do not overlap, and measuring gives the same size as carving. */
    (void)state;
    static const size_t sizes[] = {1, 63, 64, 65, 0, 1000, 7};
    struct hf_arena measured = {0}, carved;
    fresh_block(0, &carved);
    uint8_t *end = carved.base;
    for (size_t i = 0; i < HF_COUNT_OF(sizes); i++) {
        assert_null(hf_arena_carve(&measured, sizes[i], 3));
        uint8_t *piece = hf_arena_carve(&carved, sizes[i], 3);
        assert_int_equal((uintptr_t)piece % 64, 0);
        assert_true(piece >= end);
        end = piece + sizes[i] * 3;
    }
    assert_int_equal(measured.used, carved.used);
}

static void overflow_is_said(void **state)
{
    /* A size that no size_t holds makes the whole measure SIZE_MAX, whatever is carved afterwards. */
    (void)state;
    struct hf_arena arena = {0};
    hf_arena_carve(&arena, SIZE_MAX / 2, 3);
    assert_int_equal(arena.used, SIZE_MAX);
    hf_arena_carve(&arena, 1, 1);
    assert_int_equal(arena.used, SIZE_MAX);
    arena = (struct hf_arena){.used = SIZE_MAX - 100};
    hf_arena_carve(&arena, 1000, 1);
    assert_int_equal(arena.used, SIZE_MAX);
}

static void gives_each_item_once(void **state)
{
    /* Every item is given out once, then there is none; a returned one is given again. */
    (void)state;
    enum { CAPACITY = 10 };
    struct hf_pool *pool = fresh_pool(CAPACITY, 20);
    bool taken[CAPACITY] = {false};
    for (unsigned i = 0; i < CAPACITY; i++) {
        uint32_t index = hf_pool_take(pool);
        assert_true(index < CAPACITY && !taken[index]);
        taken[index] = true;
        memset(hf_pool_at(pool, index), 0xff, 20);
        assert_int_equal(hf_pool_index(pool, hf_pool_at(pool, index)), index);
    }
    assert_int_equal(hf_pool_available(pool), 0);
    assert_int_equal(hf_pool_take(pool), HF_NONE);
    hf_pool_give(pool, 3);
    hf_pool_give(pool, 7);
    assert_int_equal(hf_pool_take(pool), 7);
    assert_int_equal(hf_pool_take(pool), 3);
    assert_int_equal(hf_pool_take(pool), HF_NONE);
    assert_int_equal(pool->peak, CAPACITY);
}

static void unused_stays_untouched(void **state)
{
    /* Items that were never taken are not written, so that a large limit costs nothing unused. */
    (void)state;
    struct hf_pool *pool = fresh_pool(100, 64);
    uint8_t *items = (uint8_t *)pool + pool->items;
    for (int i = 0; i < 5; i++)
        hf_pool_take(pool);
    for (uint32_t i = 0; i < 5; i++)
        hf_pool_give(pool, i);
    for (size_t i = 5 * 64; i < 100 * 64; i++)
        assert_int_equal(items[i], 0);
}

static void empty_pool_gives_nothing(void **state)
{
    /* A pool of capacity 0 is a pool: it is always out. */
    (void)state;
    struct hf_pool *pool = fresh_pool(0, 8);
    assert_int_equal(hf_pool_take(pool), HF_NONE);
    assert_int_equal(hf_pool_available(pool), 0);
}

static void copy_is_whole(void **state)
{
    /* A copied block works by itself: there are only distances inside. */
    (void)state;
    static _Alignas(64) uint8_t copy[8192];
    struct hf_pool *pool = fresh_pool(10, 20);
    uint32_t index = hf_pool_take(pool);
    memcpy(hf_pool_at(pool, index), "original", 8);
    memcpy(copy, pool, sizeof copy);
    struct hf_pool *twin = (struct hf_pool *)(void *)copy;
    memcpy(hf_pool_at(twin, index), "the copy", 8);
    assert_memory_equal(hf_pool_at(pool, index), "original", 8);
    assert_int_equal(hf_pool_take(twin), hf_pool_take(pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carves_aligned_pieces),    cmocka_unit_test(overflow_is_said),
        cmocka_unit_test(gives_each_item_once),     cmocka_unit_test(unused_stays_untouched),
        cmocka_unit_test(empty_pool_gives_nothing), cmocka_unit_test(copy_is_whole),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}

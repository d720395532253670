/* src/base/table.c: the open-addressed table behind the demultiplexer. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/table.h"

static struct hf_table *table;

static void fresh(uint32_t capacity)
{
    struct hf_arena arena;
    table = fresh_block(sizeof *table, &arena);
    hf_table_init(table, &arena, capacity);
}

static uint64_t hash_of(uint32_t tag)
{
    return (uint64_t)tag << 32 | 0x1234;
}

/* Whether `value` is among what the hash finds. */
static bool finds(uint32_t tag, uint32_t value)
{
    struct hf_probe probe;
    for (uint32_t v = hf_table_find(table, hash_of(tag), &probe); v != HF_NONE; v = hf_table_next(table, &probe))
        if (v == value)
            return true;
    return false;
}

static void finds_what_was_added(void **state)
{
    /* Every value is found by its hash until it is removed, value 0 and hash 0 too. */
    (void)state;
    fresh(64);
    for (uint32_t i = 0; i < 64; i++)
        assert_true(hf_table_add(table, hash_of(i * 0x9e3779b9u), i));
    assert_null(hf_table_check(table));
    for (uint32_t i = 0; i < 64; i++)
        assert_true(finds(i * 0x9e3779b9u, i));
    assert_false(finds(12345, 1));
    for (uint32_t i = 0; i < 64; i += 2)
        assert_true(hf_table_remove(table, hash_of(i * 0x9e3779b9u), i));
    assert_null(hf_table_check(table));
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(finds(i * 0x9e3779b9u, i), i % 2 == 1);
}

static void equal_hashes_live_together(void **state)
{
    /* Values whose whole hash is equal are all found, and removed one by one (BUG-16). */
    (void)state;
    fresh(16);
    for (uint32_t i = 0; i < 16; i++)
        assert_true(hf_table_add(table, hash_of(7), 100 + i));
    for (uint32_t i = 0; i < 16; i++)
        assert_true(finds(7, 100 + i));
    for (uint32_t i = 0; i < 16; i += 3)
        assert_true(hf_table_remove(table, hash_of(7), 100 + i));
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(finds(7, 100 + i), i % 3 != 0);
}

static void full_is_said(void **state)
{
    /* A full table refuses, and takes again when there is room. */
    (void)state;
    fresh(6);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(hf_table_add(table, hash_of(i), i));
    assert_false(hf_table_add(table, hash_of(6), 6));
    assert_false(finds(6, 6));
    assert_true(hf_table_remove(table, hash_of(2), 2));
    assert_true(hf_table_add(table, hash_of(6), 6));
    assert_true(finds(6, 6));
}

static void gaps_close_across_the_end(void **state)
{
    /* Removal closes the gap, also where probing runs past the last slot to the first: nothing becomes unreachable.
     */
    (void)state;
    fresh(6); /* eight slots */
    static const uint32_t tags[] = {7, 7, 15, 6, 0, 14};
    for (uint32_t gone = 0; gone < 6; gone++) {
        fresh(6);
        for (uint32_t i = 0; i < 6; i++)
            assert_true(hf_table_add(table, hash_of(tags[i]), i));
        assert_true(hf_table_remove(table, hash_of(tags[gone]), gone));
        assert_null(hf_table_check(table));
        for (uint32_t i = 0; i < 6; i++)
            assert_int_equal(finds(tags[i], i), i != gone);
    }
}

static void removing_nothing_is_said(void **state)
{
    /* Removing what is not there says so, whether the hash or the value is strange. */
    (void)state;
    fresh(6);
    hf_table_add(table, hash_of(1), 1);
    assert_false(hf_table_remove(table, hash_of(1), 2));
    assert_false(hf_table_remove(table, hash_of(9), 1));
    assert_int_equal(table->used, 1);
}

static void an_entry_changes_hands(void **state)
{
    /* A renamed entry is found under the same hash by its new value alone; what is not there cannot be renamed. */
    (void)state;
    fresh(6);
    hf_table_add(table, hash_of(1), 1);
    hf_table_add(table, hash_of(1), 2);
    assert_true(hf_table_rename(table, hash_of(1), 2, 5));
    assert_false(hf_table_rename(table, hash_of(1), 2, 4));
    assert_true(finds(1, 1));
    assert_true(finds(1, 5));
    assert_false(finds(1, 2));
    assert_int_equal(table->used, 2);
    assert_null(hf_table_check(table));
}

static void searching_ends(void **state)
{
    /* Even full, with every value in one chain, a search for something else comes to an end. */
    (void)state;
    fresh(100);
    for (uint32_t i = 0; i < 100; i++)
        assert_true(hf_table_add(table, hash_of(0), i));
    assert_false(finds(1, 0));
    assert_false(finds(0, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(equal_hashes_live_together),
        cmocka_unit_test(full_is_said),
        cmocka_unit_test(gaps_close_across_the_end),
        cmocka_unit_test(removing_nothing_is_said),
        cmocka_unit_test(an_entry_changes_hands),
        cmocka_unit_test(searching_ends),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}

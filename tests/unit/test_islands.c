/* src/base/islands.c: what has arrived of a stream beyond a hole. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/islands.h"

#define ROOM 1200

static struct {
    struct hf_pool pool;
    _Alignas(64) uint8_t memory[ROOM * sizeof(struct hf_island) + 64];
} space;
static struct hf_islands islands;

static int empty(void **state)
{
    (void)state;
    struct hf_arena arena = {.base = space.memory};
    hf_pool_init(&space.pool, &arena, ROOM, sizeof(struct hf_island));
    hf_islands_init(&islands);
    return 0;
}

static struct hf_island *island_at(uint32_t index)
{
    return hf_pool_at(&space.pool, index);
}

/* Asserts that the set is exactly these ranges. */
static void expect(const struct hf_range *expected, uint32_t count)
{
    assert_null(hf_islands_check(&islands, &space.pool));
    assert_int_equal(islands.count, count);
    assert_int_equal(space.pool.used, count);
    uint32_t index = islands.first;
    for (uint32_t i = 0; i < count; i++, index = island_at(index)->next) {
        assert_int_equal(island_at(index)->range.from, expected[i].from);
        assert_int_equal(island_at(index)->range.to, expected[i].to);
    }
}

static void joins_what_touches(void **state)
{
    /* A range that touches or overlaps others becomes one with them; what does not touch stays apart (BUG-36). */
    (void)state;
    assert_true(hf_islands_add(&islands, &space.pool, 10, 20));
    assert_true(hf_islands_add(&islands, &space.pool, 30, 40));
    assert_true(hf_islands_add(&islands, &space.pool, 50, 60));
    assert_true(hf_islands_add(&islands, &space.pool, 41, 49));
    expect((struct hf_range[]){{10, 20}, {30, 40}, {41, 49}, {50, 60}}, 4);
    assert_true(hf_islands_add(&islands, &space.pool, 20, 30));
    expect((struct hf_range[]){{10, 40}, {41, 49}, {50, 60}}, 3);
    assert_true(hf_islands_add(&islands, &space.pool, 35, 55));
    expect((struct hf_range[]){{10, 60}}, 1);
    assert_true(hf_islands_add(&islands, &space.pool, 0, 100));
    expect((struct hf_range[]){{0, 100}}, 1);
    assert_true(hf_islands_add(&islands, &space.pool, 20, 30));
    expect((struct hf_range[]){{0, 100}}, 1);
}

static void same_start_but_longer(void **state)
{
    /* A range with the same start and a later end replaces the shorter one (BUG-36). */
    (void)state;
    hf_islands_add(&islands, &space.pool, 10, 20);
    hf_islands_add(&islands, &space.pool, 10, 25);
    hf_islands_add(&islands, &space.pool, 5, 25);
    expect((struct hf_range[]){{5, 25}}, 1);
}

static void nothing_is_nothing(void **state)
{
    /* Adding an empty range succeeds and changes nothing. */
    (void)state;
    assert_true(hf_islands_add(&islands, &space.pool, 7, 7));
    expect(NULL, 0);
}

static void full_refuses_only_new_islands(void **state)
{
    /* None may hold more than are left for all others: then a new island is refused and nothing changes, but what joins
     * others is still taken (BUG-37). */
    (void)state;
    for (uint64_t i = 0; i < ROOM / 2; i++)
        assert_true(hf_islands_add(&islands, &space.pool, 10 * i, 10 * i + 5));
    assert_false(hf_islands_add(&islands, &space.pool, 100000, 100001));
    assert_false(hf_islands_add(&islands, &space.pool, 7, 8));
    assert_int_equal(islands.count, ROOM / 2);
    assert_true(hf_islands_add(&islands, &space.pool, 5, 10));
    assert_int_equal(islands.count, ROOM / 2 - 1);
    assert_true(hf_islands_add(&islands, &space.pool, 100000, 100001));
    assert_null(hf_islands_check(&islands, &space.pool));
}

static void searches_from_the_ends_and_from_the_last(void **state)
{
    /* However many there are, the ends and the neighbourhood of what came last are near; what is far from all of them is
     * refused (BUG-37), and nothing changes. */
    (void)state;
    for (uint64_t i = 1; i < ROOM / 2; i++)
        assert_true(hf_islands_add(&islands, &space.pool, 10 * i, 10 * i + 5));
    assert_true(hf_islands_add(&islands, &space.pool, 0, 1));
    assert_false(hf_islands_add(&islands, &space.pool, 3005, 3006));
    assert_true(hf_islands_add(&islands, &space.pool, 2505, 2506));
    assert_true(hf_islands_add(&islands, &space.pool, 3005, 3006));
    struct hf_range part;
    assert_true(hf_islands_overlap(&islands, &space.pool, 3004, 3100, &part));
    assert_int_equal(part.from, 3004);
    assert_int_equal(part.to, 3006);
    assert_null(hf_islands_check(&islands, &space.pool));
}

static void tells_what_overlaps(void **state)
{
    /* The first part that is there is told, and only of what was asked. */
    (void)state;
    struct hf_range part;
    assert_false(hf_islands_overlap(&islands, &space.pool, 0, 100, &part));
    hf_islands_add(&islands, &space.pool, 10, 20);
    hf_islands_add(&islands, &space.pool, 30, 40);
    assert_false(hf_islands_overlap(&islands, &space.pool, 0, 10, &part));
    assert_false(hf_islands_overlap(&islands, &space.pool, 20, 30, &part));
    assert_false(hf_islands_overlap(&islands, &space.pool, 40, 50, &part));
    assert_false(hf_islands_overlap(&islands, &space.pool, 15, 15, &part)); /* an empty stretch */
    assert_true(hf_islands_overlap(&islands, &space.pool, 15, 35, &part));
    assert_int_equal(part.from, 15);
    assert_int_equal(part.to, 20);
    assert_true(hf_islands_overlap(&islands, &space.pool, 20, 35, &part));
    assert_int_equal(part.from, 30);
    assert_int_equal(part.to, 35);
}

static void removes_from_both_ends(void **state)
{
    /* What lies below or above a point is forgotten, and a range across it is cut there. */
    (void)state;
    hf_islands_add(&islands, &space.pool, 10, 20);
    hf_islands_add(&islands, &space.pool, 30, 40);
    hf_islands_add(&islands, &space.pool, 50, 60);
    hf_islands_remove_below(&islands, &space.pool, 20);
    expect((struct hf_range[]){{30, 40}, {50, 60}}, 2);
    hf_islands_remove_below(&islands, &space.pool, 35);
    expect((struct hf_range[]){{35, 40}, {50, 60}}, 2);
    hf_islands_remove_above(&islands, &space.pool, 55);
    expect((struct hf_range[]){{35, 40}, {50, 55}}, 2);
    hf_islands_remove_above(&islands, &space.pool, 50);
    expect((struct hf_range[]){{35, 40}}, 1);
    hf_islands_remove_above(&islands, &space.pool, 0);
    expect(NULL, 0);
    hf_islands_remove_below(&islands, &space.pool, 100);
    expect(NULL, 0);
}

static void reports_the_newest_first(void **state)
{
    /* The range that grew last is reported first, then the one before it (RFC 2018, 4; BUG-39). */
    (void)state;
    struct hf_range out[4];
    hf_islands_add(&islands, &space.pool, 10, 20);
    hf_islands_add(&islands, &space.pool, 50, 60);
    hf_islands_add(&islands, &space.pool, 30, 40);
    hf_islands_add(&islands, &space.pool, 70, 80);
    hf_islands_add(&islands, &space.pool, 15, 22); /* the oldest grows, and is now the newest */
    assert_int_equal(hf_islands_recent(&islands, &space.pool, out, 3), 3);
    assert_int_equal(out[0].from, 10);
    assert_int_equal(out[1].from, 70);
    assert_int_equal(out[2].from, 30);
    assert_int_equal(hf_islands_recent(&islands, &space.pool, out, 4), 4);
    assert_int_equal(out[3].from, 50);
    assert_int_equal(hf_islands_recent(&islands, &space.pool, out, 0), 0);
}

static void order_survives_removal(void **state)
{
    /* The order of growth stays with the ranges that remain when others go. */
    (void)state;
    struct hf_range out[4];
    hf_islands_add(&islands, &space.pool, 70, 80);
    hf_islands_add(&islands, &space.pool, 10, 20);
    hf_islands_add(&islands, &space.pool, 50, 60);
    hf_islands_add(&islands, &space.pool, 30, 40);
    hf_islands_remove_below(&islands, &space.pool, 25);
    assert_int_equal(hf_islands_recent(&islands, &space.pool, out, 4), 3);
    assert_int_equal(out[0].from, 30);
    assert_int_equal(out[1].from, 50);
    assert_int_equal(out[2].from, 70);
}

static void works_at_the_end_of_numbers(void **state)
{
    /* Offsets near 2^32 and 2^64 are numbers like any other (BUG-19). */
    (void)state;
    hf_islands_add(&islands, &space.pool, UINT32_MAX, (uint64_t)UINT32_MAX + 2);
    hf_islands_add(&islands, &space.pool, UINT64_MAX - 5, UINT64_MAX);
    expect((struct hf_range[]){{UINT32_MAX, (uint64_t)UINT32_MAX + 2}, {UINT64_MAX - 5, UINT64_MAX}}, 2);
    hf_islands_remove_below(&islands, &space.pool, UINT64_MAX - 1);
    expect((struct hf_range[]){{UINT64_MAX - 1, UINT64_MAX}}, 1);
}

static void check_finds_disorder(void **state)
{
    /* Empty, touching and unsorted ranges, and broken lists, are named by the check. */
    (void)state;
    hf_islands_add(&islands, &space.pool, 10, 20);
    hf_islands_add(&islands, &space.pool, 30, 40);
    struct hf_island *second = island_at(islands.last);
    second->range.from = 20;
    assert_non_null(hf_islands_check(&islands, &space.pool));
    second->range = (struct hf_range){25, 25};
    assert_non_null(hf_islands_check(&islands, &space.pool));
    second->range = (struct hf_range){25, 26};
    assert_null(hf_islands_check(&islands, &space.pool));
    islands.newest = islands.first;
    assert_non_null(hf_islands_check(&islands, &space.pool));
    islands.newest = islands.last;
    islands.count = 3;
    assert_non_null(hf_islands_check(&islands, &space.pool));
}

#define FRESH(test) cmocka_unit_test_setup(test, empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(joins_what_touches),     FRESH(same_start_but_longer),
        FRESH(nothing_is_nothing),     FRESH(full_refuses_only_new_islands),
        FRESH(tells_what_overlaps),    FRESH(searches_from_the_ends_and_from_the_last),
        FRESH(removes_from_both_ends), FRESH(reports_the_newest_first),
        FRESH(order_survives_removal), FRESH(works_at_the_end_of_numbers),
        FRESH(check_finds_disorder),
    };
    return cmocka_run_group_tests_name("islands", tests, NULL, NULL);
}

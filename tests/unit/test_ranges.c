/* src/base/ranges.c: which bytes of a datagram are there. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/ranges.h"

static struct hf_ranges ranges;

static int empty(void **state)
{
    (void)state;
    memset(&ranges, 0xaa, sizeof ranges);
    hf_ranges_init(&ranges);
    return 0;
}

/* Asserts that the set is exactly these ranges. */
static void expect(const struct hf_range *expected, uint32_t count)
{
    assert_null(hf_ranges_check(&ranges));
    assert_int_equal(ranges.count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(ranges.item[i].from, expected[i].from);
        assert_int_equal(ranges.item[i].to, expected[i].to);
    }
}

static void joins_what_touches(void **state)
{
    /* A range that touches or overlaps others becomes one with them; what does not touch stays apart (BUG-36). */
    (void)state;
    assert_true(hf_ranges_add(&ranges, 10, 20));
    assert_true(hf_ranges_add(&ranges, 30, 40));
    assert_true(hf_ranges_add(&ranges, 50, 60));
    assert_true(hf_ranges_add(&ranges, 41, 49));
    expect((struct hf_range[]){{10, 20}, {30, 40}, {41, 49}, {50, 60}}, 4);
    assert_true(hf_ranges_add(&ranges, 20, 30));
    expect((struct hf_range[]){{10, 40}, {41, 49}, {50, 60}}, 3);
    assert_true(hf_ranges_add(&ranges, 35, 55));
    expect((struct hf_range[]){{10, 60}}, 1);
    assert_true(hf_ranges_add(&ranges, 0, 100));
    expect((struct hf_range[]){{0, 100}}, 1);
    assert_true(hf_ranges_add(&ranges, 20, 30));
    expect((struct hf_range[]){{0, 100}}, 1);
}

static void same_start_but_longer(void **state)
{
    /* A range with the same start and a later end replaces the shorter one (BUG-36). */
    (void)state;
    hf_ranges_add(&ranges, 10, 20);
    hf_ranges_add(&ranges, 10, 25);
    hf_ranges_add(&ranges, 5, 25);
    expect((struct hf_range[]){{5, 25}}, 1);
}

static void nothing_is_nothing(void **state)
{
    /* Adding an empty range, or asking for one, succeeds and changes nothing. */
    (void)state;
    assert_true(hf_ranges_add(&ranges, 7, 7));
    assert_true(hf_ranges_has(&ranges, 7, 7));
    expect(NULL, 0);
}

static void full_refuses_only_new_islands(void **state)
{
    /* With the array full a new island is refused and nothing changes, but what joins others is still taken
     * (BUG-37). */
    (void)state;
    for (uint64_t i = 0; i < HF_RANGES_CAP; i++)
        assert_true(hf_ranges_add(&ranges, 10 * i, 10 * i + 5));
    assert_false(hf_ranges_add(&ranges, 10000, 10001));
    assert_false(hf_ranges_add(&ranges, 7, 8));
    assert_int_equal(ranges.count, HF_RANGES_CAP);
    assert_true(hf_ranges_add(&ranges, 5, 10));
    assert_int_equal(ranges.count, HF_RANGES_CAP - 1);
    assert_true(hf_ranges_add(&ranges, 10000, 10001));
    assert_null(hf_ranges_check(&ranges));
}

static void has_needs_every_byte(void **state)
{
    /* has() is true only when no byte of the asked range is missing. */
    (void)state;
    hf_ranges_add(&ranges, 10, 20);
    hf_ranges_add(&ranges, 21, 30);
    assert_true(hf_ranges_has(&ranges, 10, 20));
    assert_true(hf_ranges_has(&ranges, 19, 20));
    assert_true(hf_ranges_has(&ranges, 21, 30));
    assert_false(hf_ranges_has(&ranges, 9, 11));
    assert_false(hf_ranges_has(&ranges, 19, 22));
    assert_false(hf_ranges_has(&ranges, 20, 21));
    assert_false(hf_ranges_has(&ranges, 29, 31));
    assert_false(hf_ranges_has(&ranges, 40, 41));
}

static void works_at_the_end_of_numbers(void **state)
{
    /* Offsets near 2^32 and 2^64 are numbers like any other (BUG-19). */
    (void)state;
    hf_ranges_add(&ranges, UINT32_MAX, (uint64_t)UINT32_MAX + 2);
    hf_ranges_add(&ranges, UINT64_MAX - 5, UINT64_MAX);
    expect((struct hf_range[]){{UINT32_MAX, (uint64_t)UINT32_MAX + 2}, {UINT64_MAX - 5, UINT64_MAX}}, 2);
    assert_true(hf_ranges_has(&ranges, UINT64_MAX - 1, UINT64_MAX));
}

static void check_finds_disorder(void **state)
{
    /* Empty, touching and unsorted ranges are named by the check. */
    (void)state;
    ranges.count = 2;
    ranges.item[0] = (struct hf_range){10, 20};
    ranges.item[1] = (struct hf_range){20, 30};
    assert_non_null(hf_ranges_check(&ranges));
    ranges.item[1] = (struct hf_range){25, 25};
    assert_non_null(hf_ranges_check(&ranges));
    ranges.count = HF_RANGES_CAP + 1;
    assert_non_null(hf_ranges_check(&ranges));
}

#define FRESH(test) cmocka_unit_test_setup(test, empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(joins_what_touches),   FRESH(same_start_but_longer),
        FRESH(nothing_is_nothing),   FRESH(full_refuses_only_new_islands),
        FRESH(has_needs_every_byte), FRESH(works_at_the_end_of_numbers),
        FRESH(check_finds_disorder),
    };
    return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}

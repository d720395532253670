/* src/base/seq.h: sequence numbers at the edges where 32 bits wrap (BUG-19). */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/seq.h"

static const uint32_t edges[] = {0,           1,           2,           0x7ffffffe,  0x7fffffff, 0x80000000,
                                 0x80000001u, 0xc0000000u, 0xfffffffeu, 0xffffffffu, 0x12345678};

static hf_seq at(uint32_t n)
{
    return hf_seq_of(n);
}

static void compares_by_distance(void **state)
{
    /* Wherever the numbering stands, up to 2^31 - 1 ahead is later and up to 2^31 - 1 behind is earlier (BUG-19).
     */
    (void)state;
    static const uint32_t distances[] = {1, 2, 1000, 65535, 0x40000000, 0x7ffffffe, 0x7fffffff};
    for (size_t i = 0; i < HF_COUNT_OF(edges); i++)
        for (size_t j = 0; j < HF_COUNT_OF(distances); j++) {
            hf_seq a = at(edges[i]), b = hf_seq_add(a, distances[j]);
            assert_true(hf_seq_lt(a, b) && hf_seq_le(a, b) && hf_seq_gt(b, a) && hf_seq_ge(b, a));
            assert_false(hf_seq_gt(a, b) || hf_seq_ge(a, b) || hf_seq_lt(b, a) || hf_seq_le(b, a) ||
                         hf_seq_eq(a, b));
            assert_int_equal(hf_seq_diff(b, a), distances[j]);
            assert_int_equal(hf_seq_diff(a, b), -(int64_t)distances[j]);
            assert_true(hf_seq_eq(hf_seq_max(a, b), b) && hf_seq_eq(hf_seq_min(a, b), a));
            assert_true(hf_seq_eq(hf_seq_sub(b, distances[j]), a));
        }
}

static void equals_itself(void **state)
{
    /* A number is neither before nor after itself, also at 2^31 and at 2^32 (BUG-19). */
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(edges); i++) {
        hf_seq a = at(edges[i]);
        assert_true(hf_seq_eq(a, a) && hf_seq_le(a, a) && hf_seq_ge(a, a));
        assert_false(hf_seq_lt(a, a) || hf_seq_gt(a, a));
    }
}

/* The chains by plain 64-bit numbers: low is 2^32 + its number, so that nothing wraps. */
static void check_chains(uint32_t low, uint64_t span, uint64_t offset)
{
    uint64_t l = ((uint64_t)1 << 32) + low, x = l + offset, h = l + span;
    hf_seq ls = at(low), xs = at((uint32_t)x), hs = at((uint32_t)h);
    assert_int_equal(hf_seq_lt_le(ls, xs, hs), l < x && x <= h);
    assert_int_equal(hf_seq_le_lt(ls, xs, hs), l <= x && x < h);
    assert_int_equal(hf_seq_le_le(ls, xs, hs), l <= x && x <= h);
}

static void chains_hold_for_any_span(void **state)
{
    /* low < x =< high and its kin are right for every span below 2^32, wherever it lies (BUG-19). */
    (void)state;
    static const uint32_t spans[] = {0, 1, 2, 1460, 0x3fffffff, 0x7fffffff, 0x80000000, 0x80000001u, 0xfffffffeu};
    for (size_t i = 0; i < HF_COUNT_OF(edges); i++)
        for (size_t j = 0; j < HF_COUNT_OF(spans); j++) {
            static const int64_t around[] = {-1, 0, 1};
            for (size_t k = 0; k < 3; k++) {
                uint64_t beyond = (uint64_t)spans[j] + (uint64_t)around[k];
                if (beyond <= UINT32_MAX)
                    check_chains(edges[i], spans[j], beyond);
            }
            check_chains(edges[i], spans[j], 0);
            check_chains(edges[i], spans[j], spans[j] / 2);
            check_chains(edges[i], spans[j], UINT32_MAX); /* one before low */
        }
}

static void empty_chain_holds_nothing(void **state)
{
    /* low < x =< low and low =< x < low are false for every x; low =< x =< low only for low itself. */
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(edges); i++)
        for (size_t j = 0; j < HF_COUNT_OF(edges); j++) {
            hf_seq low = at(edges[i]), x = at(edges[j]);
            assert_false(hf_seq_lt_le(low, x, low) || hf_seq_le_lt(low, x, low));
            assert_int_equal(hf_seq_le_le(low, x, low), i == j);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_by_distance),
        cmocka_unit_test(equals_itself),
        cmocka_unit_test(chains_hold_for_any_span),
        cmocka_unit_test(empty_chain_holds_nothing),
    };
    return cmocka_run_group_tests_name("seq", tests, NULL, NULL);
}

/* base/clock.h: coarse clocks do not jump where time passes zero. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/base/clock.h"

static void ticks_are_rounded_down(void **state)
{
    (void)state;
    assert_int_equal(hf_ticks_of((hf_time){0}, 10), 0);
    assert_int_equal(hf_ticks_of((hf_time){9}, 10), 0);
    assert_int_equal(hf_ticks_of((hf_time){10}, 10), 1);
    assert_int_equal(hf_ticks_of((hf_time){-1}, 10), -1);
    assert_int_equal(hf_ticks_of((hf_time){-10}, 10), -1);
    assert_int_equal(hf_ticks_of((hf_time){-11}, 10), -2);
}

static void clocks_count_on_through_zero(void **state)
{
    (void)state;
    const hf_time before = {-3 * HF_SECOND}, after = {2 * HF_SECOND};
    assert_int_equal(hf_ms_of(after) - hf_ms_of(before), 5000);
    assert_int_equal(hf_us_of(after) - hf_us_of(before), 5000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_rounded_down),
        cmocka_unit_test(clocks_count_on_through_zero),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}

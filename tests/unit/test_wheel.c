/* src/base/wheel.c: timers that fire never early, and no later than a tick. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/wheel.h"

#define CAPACITY 16
#define TICK     ((hf_ns)1 << HF_WHEEL_TICK_BITS)
#define DAY      (86400 * HF_SECOND)

static struct hf_wheel *wheel;

static void fresh(hf_time now)
{
    struct hf_arena arena;
    wheel = fresh_block(sizeof *wheel, &arena);
    hf_wheel_init(wheel, &arena, CAPACITY, now);
}

static hf_time plus(hf_time at, hf_ns by)
{
    return (hf_time){at.ns + by};
}

/* Asserts that timer 0, armed at `now` for `wait` later, fires then: never early, at most a tick late, announced.
 */
static void check_wait(hf_time now, hf_ns wait)
{
    hf_time at = plus(now, wait);
    hf_wheel_arm(wheel, 0, at);
    while (true) {
        hf_time next = hf_wheel_next(wheel);
        assert_true(hf_time_before(next, plus(at, TICK)));
        if (!hf_time_before(next, at))
            break;
        assert_int_equal(hf_wheel_fire(wheel, next), HF_NONE);
        assert_true(hf_time_before(next, hf_wheel_next(wheel)));
    }
    assert_int_equal(hf_wheel_fire(wheel, plus(at, -1)), HF_NONE);
    assert_int_equal(hf_wheel_fire(wheel, plus(at, TICK)), 0);
    assert_int_equal(hf_wheel_fire(wheel, plus(at, TICK)), HF_NONE);
    assert_true(hf_time_is_never(hf_wheel_next(wheel)));
    assert_null(hf_wheel_check(wheel));
}

static const hf_ns waits[] = {
    1,        TICK - 1,   TICK,        TICK + 1,   63 * TICK,      64 * TICK,        65 * TICK,
    HF_MS,    40 * HF_MS, 200 * HF_MS, HF_SECOND,  60 * HF_SECOND, 7200 * HF_SECOND, 30 * DAY,
    50 * DAY, 400 * DAY,  5000 * DAY,  20000 * DAY};

static void fires_on_time_from_anywhere(void **state)
{
    /* From any instant, for any wait: never early, at most a tick late, and next() announces it in time (BUG-48).
     */
    (void)state;
    static const hf_ns origins[] = {0,        1,           TICK - 1,   64 * TICK - 1, 4096 * TICK - 1,
                                    50 * DAY, 20000 * DAY, 26000 * DAY};
    for (size_t i = 0; i < HF_COUNT_OF(origins); i++)
        for (size_t j = 0; j < HF_COUNT_OF(waits); j++) {
            fresh((hf_time){origins[i]});
            check_wait((hf_time){origins[i]}, waits[j]);
        }
}

static void any_origin_will_do(void **state)
{
    /* A clock that starts below zero, or crosses zero, or stands where a day's clock will in 2043, keeps timers
     * whole (BUG-48). */
    (void)state;
    static const hf_ns origins[] = {INT64_MIN / 2,
                                    -DAY,
                                    -1,
                                    -TICK,
                                    ((hf_ns)1 << 61) - 1,
                                    ((hf_ns)1 << 61) - HF_SECOND,
                                    ((hf_ns)1 << 62) - 30 * HF_SECOND};
    for (size_t i = 0; i < HF_COUNT_OF(origins); i++)
        for (size_t j = 0; j < HF_COUNT_OF(waits); j++) {
            fresh((hf_time){origins[i]});
            check_wait((hf_time){origins[i]}, waits[j]);
        }
}

static void past_is_due_at_once(void **state)
{
    /* A timer armed for an instant that has passed fires at once. */
    (void)state;
    fresh(at_ms(1000));
    hf_wheel_arm(wheel, 3, at_ms(0));
    assert_true(hf_time_reached(at_ms(1000), hf_wheel_next(wheel)));
    assert_int_equal(hf_wheel_fire(wheel, at_ms(1000)), 3);
    assert_int_equal(hf_wheel_fire(wheel, at_ms(1000)), HF_NONE);
}

static void disarmed_is_silent(void **state)
{
    /* A disarmed timer never fires, disarming twice is harmless, and it can be armed again. */
    (void)state;
    fresh(at_ms(0));
    hf_wheel_arm(wheel, 1, at_ms(10));
    assert_true(hf_wheel_is_armed(wheel, 1));
    hf_wheel_disarm(wheel, 1);
    hf_wheel_disarm(wheel, 1);
    assert_false(hf_wheel_is_armed(wheel, 1));
    assert_true(hf_time_is_never(hf_wheel_next(wheel)));
    assert_int_equal(hf_wheel_fire(wheel, at_ms(100)), HF_NONE);
    hf_wheel_arm(wheel, 1, at_ms(200));
    assert_int_equal(hf_wheel_fire(wheel, at_ms(201)), 1);
    assert_false(hf_wheel_is_armed(wheel, 1));
}

static void rearming_moves(void **state)
{
    /* Arming an armed timer moves it, later or earlier; it fires once. */
    (void)state;
    fresh(at_ms(0));
    hf_wheel_arm(wheel, 1, at_ms(10));
    hf_wheel_arm(wheel, 1, at_ms(5000));
    assert_int_equal(hf_wheel_fire(wheel, at_ms(4999)), HF_NONE);
    hf_wheel_arm(wheel, 1, at_ms(100000));
    hf_wheel_arm(wheel, 1, at_ms(6000));
    assert_int_equal(hf_wheel_fire(wheel, at_ms(6001)), 1);
    assert_int_equal(hf_wheel_fire(wheel, at_ms(200000)), HF_NONE);
}

static void a_jump_fires_all_once(void **state)
{
    /* After a jump of the clock over many timers each fires once, in the order of their instants (BUG-48). */
    (void)state;
    fresh(at_ms(0));
    for (uint32_t i = 0; i < CAPACITY; i++)
        hf_wheel_arm(wheel, i, at_ms(1 << (CAPACITY - i)));
    assert_null(hf_wheel_check(wheel));
    for (uint32_t i = CAPACITY; i-- > 0;)
        assert_int_equal(hf_wheel_fire(wheel, at_ms(1000000)), i);
    assert_int_equal(hf_wheel_fire(wheel, at_ms(1000000)), HF_NONE);
    assert_int_equal(wheel->armed, 0);
}

static void never_never_fires(void **state)
{
    /* A timer armed for HF_NEVER is armed, and does not fire in a lifetime. */
    (void)state;
    fresh(at_ms(0));
    hf_wheel_arm(wheel, 0, HF_NEVER);
    assert_true(hf_wheel_is_armed(wheel, 0));
    assert_int_equal(hf_wheel_fire(wheel, (hf_time){20000 * DAY}), HF_NONE);
    assert_null(hf_wheel_check(wheel));
}

static void armed_while_firing(void **state)
{
    /* A timer armed between two calls of fire, for now or later, neither is lost nor loops in the same tick for
     * ever. */
    (void)state;
    fresh(at_ms(0));
    hf_wheel_arm(wheel, 0, at_ms(10));
    hf_wheel_arm(wheel, 1, at_ms(10));
    uint32_t first = hf_wheel_fire(wheel, at_ms(11));
    hf_wheel_arm(wheel, first, at_ms(12));
    assert_int_equal(hf_wheel_fire(wheel, at_ms(11)), 1 - first);
    hf_wheel_arm(wheel, 1 - first, at_ms(11));
    assert_int_equal(hf_wheel_fire(wheel, at_ms(11)), HF_NONE);
    assert_int_equal(hf_wheel_fire(wheel, plus(at_ms(11), TICK)), 1 - first);
    assert_int_equal(hf_wheel_fire(wheel, plus(at_ms(12), TICK)), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_on_time_from_anywhere),
        cmocka_unit_test(any_origin_will_do),
        cmocka_unit_test(past_is_due_at_once),
        cmocka_unit_test(disarmed_is_silent),
        cmocka_unit_test(rearming_moves),
        cmocka_unit_test(a_jump_fires_all_once),
        cmocka_unit_test(never_never_fires),
        cmocka_unit_test(armed_while_firing),
    };
    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}

/* The path MTU cache: it only lowers, it has floors, and it forgets. */
#include "ip_fixture.h"

#include "../../src/ip/path_mtu.h"

#define CAPACITY 4
#define LINK_MTU 1500

static struct hf_paths *paths;
static hf_time now;

static int set_up(void **state)
{
    (void)state;
    struct hf_arena arena;
    paths = fresh_block(sizeof *paths, &arena);
    hf_paths_init(paths, &arena, CAPACITY, (struct hf_key){3, 4});
    now = at_ms(5000);
    return 0;
}

static int sound(void **state)
{
    (void)state;
    const char *broken = hf_paths_check(paths);
    if (broken != NULL)
        fail_msg("%s", broken);
    return 0;
}

static uint16_t mtu(const char *dst_text)
{
    struct hf_addr dst = addr(dst_text);
    return hf_paths_find(paths, &dst, LINK_MTU, now).mtu;
}

static bool may_fragment(const char *dst_text)
{
    struct hf_addr dst = addr(dst_text);
    return hf_paths_find(paths, &dst, LINK_MTU, now).may_fragment;
}

static bool lower(const char *dst_text, uint16_t reported)
{
    struct hf_addr dst = addr(dst_text);
    return hf_paths_lower(paths, &dst, reported, LINK_MTU, now);
}

static void a_report_lowers_its_destination_only(void **state)
{
    /* What a router reports holds for the destination it reported it of. */
    (void)state;
    assert_true(lower("192.0.2.1", 1400));
    assert_true(lower("2001:db8::1", 1280));
    assert_int_equal(mtu("192.0.2.1"), 1400);
    assert_int_equal(mtu("2001:db8::1"), 1280);
    assert_int_equal(mtu("192.0.2.2"), LINK_MTU);
    assert_false(may_fragment("192.0.2.1"));
}

static void reports_only_lower(void **state)
{
    /* A report of as much as is known, or more, changes nothing (RFC 1191, 3; RFC 8201, 4). */
    (void)state;
    assert_false(lower("192.0.2.1", 1500));
    assert_false(lower("192.0.2.1", 9000));
    assert_int_equal(paths->pool.used, 0);
    assert_true(lower("192.0.2.1", 1400));
    assert_false(lower("192.0.2.1", 1400));
    assert_false(lower("192.0.2.1", 1450));
    assert_true(lower("192.0.2.1", 1300));
    assert_int_equal(mtu("192.0.2.1"), 1300);
}

static void tiny_reports_meet_the_floor(void **state)
{
    /* BUG-15: a report below 552 stops there over IPv4 and allows fragmenting instead; over IPv6 below 1280 it is void. */
    (void)state;
    assert_true(lower("192.0.2.1", 68));
    assert_int_equal(mtu("192.0.2.1"), 552);
    assert_true(may_fragment("192.0.2.1"));
    assert_false(lower("192.0.2.1", 0));
    assert_false(lower("192.0.2.1", 552));
    assert_true(may_fragment("192.0.2.1"));
    assert_false(lower("2001:db8::1", 1279));
    assert_false(lower("2001:db8::1", 0));
    assert_int_equal(mtu("2001:db8::1"), LINK_MTU);
}

static void reports_are_forgotten(void **state)
{
    /* Ten minutes after the last report the link's MTU is tried again (RFC 1191, 6.3). */
    (void)state;
    lower("192.0.2.1", 1400);
    now = hf_time_add(now, 600 * HF_SECOND - 1);
    assert_int_equal(mtu("192.0.2.1"), 1400);
    now = hf_time_add(now, 1);
    assert_int_equal(mtu("192.0.2.1"), LINK_MTU);
    assert_true(lower("192.0.2.1", 1450));
    assert_int_equal(mtu("192.0.2.1"), 1450);
    now = hf_time_add(now, 600 * HF_SECOND);
    assert_true(lower("192.0.2.2", 1450));
    assert_int_equal(paths->pool.used, 1);
}

static void the_longest_without_a_report_gives_way(void **state)
{
    /* A full cache forgets the destination whose last report is the oldest, and counts it. */
    (void)state;
    static const char *const dst[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"};
    for (int i = 0; i < CAPACITY; i++) {
        lower(dst[i], 1400);
        now = hf_time_add(now, HF_SECOND);
    }
    lower(dst[0], 1400);
    lower(dst[4], 1400);
    assert_int_equal(paths->evicted, 1);
    assert_int_equal(mtu(dst[0]), 1400);
    assert_int_equal(mtu(dst[1]), LINK_MTU);
    assert_int_equal(mtu(dst[4]), 1400);
}

static void the_link_bounds_the_path(void **state)
{
    /* A path over a link of less than what was reported takes what the link takes. */
    (void)state;
    struct hf_addr dst = addr("192.0.2.1");
    lower("192.0.2.1", 1400);
    assert_int_equal(hf_paths_find(paths, &dst, 1300, now).mtu, 1300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_report_lowers_its_destination_only, set_up, sound),
        cmocka_unit_test_setup_teardown(reports_only_lower, set_up, sound),
        cmocka_unit_test_setup_teardown(tiny_reports_meet_the_floor, set_up, sound),
        cmocka_unit_test_setup_teardown(reports_are_forgotten, set_up, sound),
        cmocka_unit_test_setup_teardown(the_longest_without_a_report_gives_way, set_up, sound),
        cmocka_unit_test_setup_teardown(the_link_bounds_the_path, set_up, sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

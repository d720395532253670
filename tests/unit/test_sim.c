/* sim/: the simulator itself. That its oracle sees what is wrong matters as much as that seeds pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../sim/explore.h"

static struct sim_scenario scenario;
static struct sim_result result, again;
static const struct sim_options plain;

static void parse(const char *text)
{
    char error[256] = "";
    if (!sim_scenario_parse(text, &scenario, error))
        fail_msg("%s: %s", text, error);
}

static void passes_seeds(void **state)
{
    /* Seeds pass. */
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        sim_scenario_draw(&scenario, seed, false);
        if (!sim_run(&scenario, &plain, &result))
            fail_msg("seed %llu: %s", (unsigned long long)seed, result.what);
    }
}

static void repeats_itself(void **state)
{
    /* One seed, one trace: every frame at the same instant, bit for bit; and another seed gives another. */
    (void)state;
    uint64_t last = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        sim_scenario_draw(&scenario, seed, false);
        sim_run(&scenario, &plain, &result);
        sim_run(&scenario, &plain, &again);
        assert_true(result.frames > 0);
        assert_int_equal(result.digest, again.digest);
        assert_int_equal(result.frames, again.frames);
        assert_int_equal(result.at.ns, again.at.ns);
        assert_int_not_equal(result.digest, last);
        last = result.digest;
    }
}

static void prints_what_it_reads(void **state)
{
    /* A scenario printed and read again is the same. */
    (void)state;
    static struct sim_scenario read;
    static char text[SIM_SCENARIO_TEXT];
    char error[256];
    for (uint64_t seed = 1; seed <= 300; seed++) {
        sim_scenario_draw(&scenario, seed, seed % 2);
        sim_scenario_print(&scenario, text, sizeof text);
        if (!sim_scenario_parse(text, &read, error))
            fail_msg("%s: %s", text, error);
        for (unsigned i = 0; i < FAULT_DIRECTIONS; i++)
            if (scenario.path[i].value[FAULT_BURST] == 0)
                scenario.path[i].value[FAULT_BURST_LEN] = 0;
        if (memcmp(&read, &scenario, sizeof read) != 0)
            fail_msg("not the same: %s", text);
    }
}

static void notices_forged_text(void **state)
{
    /* A path that changes text and makes the checksum right deceives every TCP, but not the oracle. */
    (void)state;
    parse("seed=3; path forge 100%; talk wants0=3000");
    assert_false(sim_run(&scenario, &plain, &result));
    assert_non_null(strstr(result.what, "is not what was written"));
    assert_int_equal(result.host, 1);
}

static void notices_what_is_stuck(void **state)
{
    /* A path that carries nothing for longer than anything may take is a connection that is stuck. */
    (void)state;
    parse("seed=3; path in rate 1kbit; talk wants0=3000000 slow1=1");
    assert_false(sim_run(&scenario, &plain, &result));
    assert_non_null(strstr(result.what, "is stuck"));
}

static void corruption_is_caught_by_checksums(void **state)
{
    /* Bits turned over without a new checksum reach nobody. */
    (void)state;
    parse("seed=3 heal_ms=100000; path corrupt 20%, delay 1ms; talk wants0=300000 wants1=200000");
    if (!sim_run(&scenario, &plain, &result))
        fail_msg("%s", result.what);
    assert_true(result.path[FAULT_OUT].corrupted > 0);
}

static void loses_segments_by_number(void **state)
{
    /* drop_from and drop_count lose exactly these segments with text, which are then sent again. */
    (void)state;
    parse("seed=3 drop_from=5 drop_count=2; path delay 10ms; talk wants0=30000");
    assert_true(sim_run(&scenario, &plain, &result));
    assert_int_equal(result.sent_again, 2 * 1448);
}

static void short_of_room_the_oldest_goes_first(void **state)
{
    /* A receiver whose blocks are all taken prunes what lies beyond a hole, again and again; only the oldest segment, which
     * a time-out has to send before any other, brings it on (RFC 6298, 5.4; RFC 2018, 8). */
    (void)state;
    parse("seed=991; path out jitter 18738us; host 1 small_pools=1; talk wants0=43492; talk wants0=18914 slow1=1");
    if (!sim_run(&scenario, &plain, &result))
        fail_msg("%s", result.what);
    parse("seed=1713 hosts=3; path in loss 20.6619%; host 2 small_pools=1; talk from=2 wants0=1; talk from=2 "
          "wants1=37346");
    if (!sim_run(&scenario, &plain, &result))
        fail_msg("%s", result.what);
}

static void a_time_out_is_not_locked_out(void **state)
{
    /* Where each ACK lets a segment go, the queue is full at all other times, and what the timers send is dropped for ever:
     * the one segment that is missing, and the SYN of a neighbour. After a time-out without SACK, ACKs of what was sent
     * before it let nothing go. */
    (void)state;
    parse("seed=2245; path rate 66kbit; host 1 no_sack=1; talk start_ms=16; talk wants0=757937 chunk0=3399");
    if (!sim_run(&scenario, &plain, &result))
        fail_msg("%s", result.what);
    assert_true(result.sent_again * 10 < result.sent);
}

static void measures(void **state)
{
    /* A rate of 10 Mbit/s without loss carries nearly that, and the queue is no longer than it may be. */
    (void)state;
    parse("seed=3; path delay 10ms, rate 10Mbit, queue 50kB; talk wants0=3000000");
    assert_true(sim_run(&scenario, &plain, &result));
    hf_ns took = hf_time_since(result.talk[0].read_at[1], result.begun_at);
    assert_in_range(took, 2400 * HF_MS, 3200 * HF_MS);
    assert_true(result.waited_most[FAULT_OUT] <= 40 * HF_MS);
}

static void overflowing_a_queue_is_never_thought_spurious(void **state)
{
    /* Losses of an overflowing queue come in episodes close behind each other. The ACK that answers a retransmission of the
     * last one echoes a time before the first of this one, and yet nothing was spurious (RFC 3522, 3.2): were it undone,
     * the window would never shrink. */
    (void)state;
    parse("seed=1; path delay 5ms, out rate 100Mbit, out queue 125kB; talk wants0=12000000");
    const struct sim_options unchecked = {.is_unchecked = true};
    assert_true(sim_run(&scenario, &unchecked, &result));
    assert_true(result.sent_again * 100 < result.sent * 5);
}

static void shrinks(void **state)
{
    /* What is left of a failure is one connection and the fault that matters. */
    (void)state;
    parse("seed=3 hosts=4 v6=1 mtu=1400; path forge 100%, loss 2%, delay 20ms, reorder 3%; host 0 no_sack=1; "
          "talk wants0=3000; talk from=2 to=3 wants0=4000 wants1=777; talk wants1=100 end=2");
    assert_true(sim_shrink(&scenario, 500) < 500);
    assert_int_equal(scenario.talks, 1);
    assert_int_equal(scenario.hosts, 2);
    for (unsigned i = 0; i < FAULT_DIRECTIONS; i++) {
        assert_int_equal(scenario.path[i].value[FAULT_LOSS], 0);
        assert_int_equal(scenario.path[i].value[FAULT_DELAY], 0);
        assert_int_equal(scenario.path[i].value[FAULT_REORDER], 0);
    }
    static struct sim_report report;
    assert_false(sim_run_apart(&scenario, true, &report));
    assert_non_null(strstr(report.result.what, "is not what was written"));
    assert_true(report.line_count > 0);
}

static void explores(void **state)
{
    /* Processes share the seeds among themselves, none left out. */
    (void)state;
    struct sim_exploration x = {.first = 10, .last = 31, .jobs = 3};
    assert_true(sim_explore(&x));
    assert_int_equal(x.passed, 22);
    assert_int_equal(x.failed, 0);
    assert_true(x.frames > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_seeds),
        cmocka_unit_test(repeats_itself),
        cmocka_unit_test(prints_what_it_reads),
        cmocka_unit_test(notices_forged_text),
        cmocka_unit_test(notices_what_is_stuck),
        cmocka_unit_test(corruption_is_caught_by_checksums),
        cmocka_unit_test(loses_segments_by_number),
        cmocka_unit_test(short_of_room_the_oldest_goes_first),
        cmocka_unit_test(a_time_out_is_not_locked_out),
        cmocka_unit_test(measures),
        cmocka_unit_test(overflowing_a_queue_is_never_thought_spurious),
        cmocka_unit_test(shrinks),
        cmocka_unit_test(explores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Two engines that have lost agreement about a connection say so a few times, and fall silent: no storm (BUG-13, BUG-33). */
#include "pair.h"

static struct pair pair;
static hf_conn listener, a, b;

static int set_up(void **state)
{
    (void)state;
    pair_open(&pair);
    listener = a = b = (hf_conn){0, 0};
    pair_connect(&pair, "192.0.2.2", &listener, &a, &b);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

/* b is what it was before the two spoke of `len` bytes each way: a machine restored from a copy. */
static void put_b_back(size_t len)
{
    static uint8_t text[4096];
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 16;
    config.max_blocks = 1024;
    config.max_history = 256;
    size_t size = hf_engine_size(&config);
    void *kept = malloc(size);
    assert_non_null(kept);
    memcpy(kept, pair.b.memory, size);
    assert_int_equal(hf_tcp_send(pair.a.e, a, text, len, 0), (int64_t)len);
    assert_int_equal(hf_tcp_send(pair.b.e, b, text, len, 0), (int64_t)len);
    pair_run(&pair, HF_SECOND);
    memcpy(pair.b.memory, kept, size);
    free(kept);
}

static unsigned frames_in(hf_ns time)
{
    unsigned before = pair.frames;
    pair_run(&pair, time);
    return pair.frames - before;
}

static void a_probe_into_disagreement_ends_soon(void **state)
{
    (void)state;
    put_b_back(1000);
    assert_int_equal(hf_tcp_send(pair.b.e, b, "x", 1, 0), 1); /* old to a, whose answer b never earned */
    assert_true(frames_in(10 * HF_SECOND) < 60);
}

static void both_speak_and_neither_believes(void **state)
{
    (void)state;
    put_b_back(3000);
    assert_int_equal(hf_tcp_send(pair.b.e, b, "x", 1, 0), 1);
    assert_int_equal(hf_tcp_send(pair.a.e, a, "y", 1, 0), 1);
    assert_true(frames_in(10 * HF_SECOND) < 120);
}

static void closing_in_disagreement_is_bounded(void **state)
{
    (void)state;
    put_b_back(1000);
    hf_tcp_release(pair.a.e, a);
    hf_tcp_release(pair.b.e, b);
    assert_true(frames_in(600 * HF_SECOND) < 300);
    struct hf_event event;
    while (hf_event(pair.a.e, &event) || hf_event(pair.b.e, &event))
        ;
    struct hf_stats stats;
    hf_stats(pair.a.e, &stats);
    assert_int_equal(stats.connections_used, 0);
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.connections_used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_probe_into_disagreement_ends_soon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_speak_and_neither_believes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_in_disagreement_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* src/tcp/rate.c: delivery rates as a controller is told of them, and what of it outlives the sending state. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

#define MSS 1460u

static int with_rates(void **state)
{
    tcp_defaults(state);
    config.cc = HF_CC_BBR;
    return 0;
}

static struct hf_rated *rated(void)
{
    return (struct hf_rated *)hf_pool_at(&shared->rated, hf_rate_place(shared, conn));
}

static uint64_t bw(void)
{
    const struct hf_bbr *b = &rated()->wide.bbr;
    return HF_MAX(b->max_bw[0], b->max_bw[1]);
}

/* Established, ten segments sent without pacing. */
static void send_ten(void)
{
    open_established();
    conn->cc.pacing_rate = 0;
    queue(10 * MSS, 0);
    while (sends())
        conn->cc.pacing_rate = 0;
}

static void a_rate_is_what_arrived_by_the_time_it_took(void **state)
{
    /* Ten segments in 20 ms, whether their ACKs come one by one or at once. */
    (void)state;
    send_ten();
    passes(20 * HF_MS);
    acks(1 + 10 * MSS, 1000);
    assert_int_equal(bw(), 10 * MSS * 50);
}

static void bunched_acks_make_no_path_faster(void **state)
{
    /* The second half comes a millisecond after the first: both left at once, so the time is that since they left. */
    (void)state;
    send_ten();
    passes(20 * HF_MS);
    acks(1 + 5 * MSS, 1000);
    passes(HF_MS);
    acks(1 + 10 * MSS, 1000);
    assert_int_equal(bw(), (uint64_t)10 * MSS * HF_SECOND / (21 * HF_MS));
}

static void what_was_all_there_was_to_send_is_marked(void **state)
{
    /* A rate that the application held back does not lower the estimate, and what follows a queue that never ran dry is not
     * marked any more. */
    (void)state;
    send_ten();
    struct hf_tcp_sending *s = hf_tcp_sending_of(shared, conn);
    assert_true(((struct hf_sent_rate *)hf_pool_at(&shared->rates, s->first))->is_app_limited);
    queue(40 * MSS, 0); /* the window is not full: still the application's limit */
    conn->cc.cwnd = 20 * MSS;
    conn->cc.pacing_rate = 0;
    while (sends())
        conn->cc.pacing_rate = 0;
    passes(20 * HF_MS);
    acks(1 + 20 * MSS, 1000);
    conn->cc.pacing_rate = 0;
    assert_true(sends());
    assert_false(((struct hf_sent_rate *)hf_pool_at(&shared->rates, s->last))->is_app_limited);
}

static void what_is_known_of_the_path_outlives_silence(void **state)
{
    (void)state;
    send_ten();
    passes(20 * HF_MS);
    acks(1 + 10 * MSS, 1000);
    assert_int_equal(conn->sending, HF_NONE);
    uint64_t before = bw();
    passes(3 * HF_SECOND);
    queue(MSS, 0);
    (void)sends_all();
    passes(20 * HF_MS);
    acks(1 + 11 * MSS, 1000);
    assert_int_equal(bw(), before);
    assert_int_equal(rated()->rate.delivered, 11 * MSS);
}

static void a_predecessors_path_is_forgotten(void **state)
{
    (void)state;
    send_ten();
    passes(20 * HF_MS);
    acks(1 + 10 * MSS, 1000);
    hf_rate_begin(shared, conn);
    assert_int_equal(bw(), 0);
    assert_int_equal(rated()->rate.delivered, 0);
}

static void losses_are_counted_from_departure_on(void **state)
{
    (void)state;
    send_ten();
    passes(20 * HF_MS);
    for (uint32_t i = 1; i <= 3; i++)
        arrives((struct in){.seq = 1,
                            .ack = 1,
                            .flags = HF_TCP_ACK,
                            .wnd = 1000,
                            .sacks = 1,
                            .sack = {{hf_seq_of(1 + MSS), hf_seq_of(1 + (1 + i) * MSS)}}});
    assert_int_equal(rated()->rate.lost, MSS);
    assert_true(rated()->wide.bbr.loss_in_round);
}

static void nobody_else_carries_any_of_it(void **state)
{
    (void)state;
    config.cc = HF_CC_CUBIC;
    open_established();
    assert_int_equal(shared->rates.capacity, 0);
    assert_int_equal(shared->rated.capacity, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_rate_is_what_arrived_by_the_time_it_took, with_rates),
        cmocka_unit_test_setup(bunched_acks_make_no_path_faster, with_rates),
        cmocka_unit_test_setup(what_was_all_there_was_to_send_is_marked, with_rates),
        cmocka_unit_test_setup(what_is_known_of_the_path_outlives_silence, with_rates),
        cmocka_unit_test_setup(a_predecessors_path_is_forgotten, with_rates),
        cmocka_unit_test_setup(losses_are_counted_from_departure_on, with_rates),
        cmocka_unit_test_setup(nobody_else_carries_any_of_it, with_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

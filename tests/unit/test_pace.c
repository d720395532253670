/* src/tcp/pace.c: what a controller's rate holds back, until when, and what it must not hold back. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

#define MSS  1460u
#define RATE 1460000u /* a segment a millisecond */

static struct hf_tcp_sending *sending(void)
{
    return hf_tcp_sending_of(shared, conn);
}

/* Established, a window of fifty segments, paced. */
static void open_paced(uint64_t rate)
{
    open_established();
    conn->cc.cwnd = 50 * MSS;
    conn->cc.pacing_rate = rate;
}

/* Asks as an engine would, at the instants the plan names, for so long. Returns how many segments left. */
static unsigned sends_for(hf_ns time)
{
    hf_time until = hf_time_add(shared->now, time);
    unsigned count = sends_all();
    while (!hf_time_is_never(plan.ask_at) && !hf_time_before(until, plan.ask_at)) {
        assert_true(hf_time_before(shared->now, plan.ask_at)); /* what is due now is sent now */
        passes(hf_time_since(plan.ask_at, shared->now));
        count += sends_all();
    }
    passes(hf_time_since(until, shared->now));
    return count;
}

static void a_quantum_leaves_at_once_and_the_rest_at_the_rate(void **state)
{
    /* Two segments at least, and one more that makes the pace lie ahead; then as many as the rate says, however often
     * anybody asks. */
    (void)state;
    open_paced(RATE);
    queue(100 * MSS, 0);
    assert_int_equal(sends_all(), 3);
    assert_int_equal(plan.what, HF_SEND_NOTHING);
    assert_false(hf_time_is_never(plan.ask_at));
    assert_in_range(sends_for(20 * HF_MS), 19, 20);
    assert_in_range(sends_for(10 * HF_MS), 9, 11);
}

static void asking_more_often_sends_no_more(void **state)
{
    /* Each ACK makes the engine ask. */
    (void)state;
    open_paced(RATE);
    queue(100 * MSS, 0);
    unsigned count = sends_all();
    for (unsigned i = 0; i < 200; i++) {
        passes(100 * HF_US);
        count += sends_all();
    }
    assert_in_range(count, 22, 23);
}

static void lateness_is_made_up_for_within_a_quantum(void **state)
{
    /* A timer that is late by less than half a quantum costs no goodput; silence of a second earns one quantum. */
    (void)state;
    open_paced(RATE);
    queue(100 * MSS, 0);
    unsigned count = sends_all();
    for (unsigned i = 0; i < 10; i++) {
        passes(hf_time_since(plan.ask_at, shared->now) + 900 * HF_US);
        count += sends_all();
    }
    hf_ns passed = hf_time_since(shared->now, at_ms(1000));
    assert_in_range(count, (unsigned)(passed / HF_MS), (unsigned)(passed / HF_MS) + 4);
    sending()->probe_at = HF_NEVER; /* a loss probe would go as well */
    passes(100 * HF_MS);
    assert_int_equal(sends_all(), 3);
}

static void without_a_rate_nothing_waits(void **state)
{
    (void)state;
    open_paced(0);
    queue(50 * MSS, 0);
    assert_int_equal(sends_all(), 50);
}

static void the_first_repair_does_not_wait(void **state)
{
    /* RFC 5681, 3.2: whatever holds back new data, what was found lost first goes at once; so does what a time-out found. */
    (void)state;
    open_paced(RATE / 1000);
    conn->rto_us = 300000;
    queue(10 * MSS, 0);
    (void)sends_all();
    sending()->probe_at = HF_NEVER;
    passes(hf_time_since(conn->rexmt_at, shared->now));
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_RETRANSMIT_TIMEOUT);
    assert_int_equal(sends_all(), 0);
}

static void acks_and_the_fin_do_not_wait(void **state)
{
    (void)state;
    open_paced(RATE / 100);
    queue(3 * MSS, 0);
    assert_int_equal(sends_all(), 3);
    assert_true(hf_pace_holds(shared, conn, sending()));
    text_arrives(1, 100);
    text_arrives(101, 100);
    assert_true(sends());
    assert_int_equal(plan.what, HF_SEND_ACK);
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_FIN);
}

static void a_loss_probe_waits_for_what_is_paced_out(void **state)
{
    /* RFC 8985, 7.2: the timer starts anew whenever new data leaves. Data that only waits for its time is about to, so
     * nothing is probed; the time-out is as it was. */
    (void)state;
    open_paced(RATE);
    conn->srtt_us = 2000;
    conn->rto_us = 400000;
    conn->cc.pacing_rate = RATE / 200; /* a segment in 200 ms */
    queue(20 * MSS, 0);
    assert_int_equal(sends_all(), 3);
    hf_time timeout = conn->rexmt_at, probe = sending()->probe_at;
    assert_true(hf_time_before(probe, timeout));
    passes(hf_time_since(probe, shared->now));
    assert_int_equal(conn->owed & HF_OWE_LOSS_PROBE, 0);
    assert_false(hf_time_is_never(sending()->probe_at));
    assert_int_equal(conn->rexmt_at.ns, timeout.ns);
    conn->cc.pacing_rate = 0;
    conn->cc.cwnd = 3 * MSS; /* now it is the window that holds, and the probe is due */
    passes(hf_time_since(sending()->probe_at, shared->now));
    assert_true(conn->owed & HF_OWE_LOSS_PROBE);
}

static void frames_of_a_device_that_splits_hold_a_quantum(void **state)
{
    (void)state;
    path.burst = 40 * MSS;
    open_paced(10000 * MSS);
    queue(100 * MSS, 0);
    assert_true(sends());
    assert_int_equal(sent.seg.data_len, 10 * MSS); /* a millisecond's worth */
    conn->cc.pacing_rate = 1000;
    passes(HF_SECOND);
    assert_true(sends());
    assert_int_equal(sent.seg.data_len, 2 * MSS);
}

static void no_rate_is_so_low_that_anything_waits_for_ever(void **state)
{
    (void)state;
    open_paced(1);
    queue(10 * MSS, 0);
    (void)sends_all();
    assert_true(hf_time_since(plan.ask_at, shared->now) <= 3 * HF_SECOND);
}

static void windows_spread_over_the_round_trip_when_that_is_asked_for(void **state)
{
    /* Twice the window in a round trip in slow start, a fifth more than it in congestion avoidance; without the option no
     * rate is stated. */
    (void)state;
    struct hf_cc cc;
    struct hf_cc_work work = {0};
    const struct hf_cc_ack ack = {.at = at_ms(1), .acked = 1000, .srtt = 100 * HF_MS, .cwnd_limited = true};
    hf_cc_init(&cc, HF_CC_NEWRENO, 1000, 10);
    hf_cc_acked(&cc, &work, &ack);
    assert_int_equal(cc.pacing_rate, 0);
    cc.is_paced = true;
    hf_cc_acked(&cc, &work, &ack);
    assert_int_equal(cc.cwnd, 12000);
    assert_int_equal(cc.pacing_rate, 240000);
    cc.ssthresh = 12000;
    hf_cc_acked(&cc, &work, &(struct hf_cc_ack){.at = at_ms(1), .acked = 1, .srtt = 100 * HF_MS});
    assert_int_equal(cc.pacing_rate, 144000);
    hf_cc_acked(&cc, &work, &(struct hf_cc_ack){.at = at_ms(1), .acked = 1}); /* no round trip is known */
    assert_int_equal(cc.pacing_rate, 144000);
}

static void the_option_reaches_the_connection(void **state)
{
    (void)state;
    config.pacing = true;
    open_established();
    queue(10 * MSS, 0);
    assert_int_equal(sends_all(), 10); /* no ACK yet: no rate */
    passes(10 * HF_MS);
    acks(1 + 2 * MSS, 1000);
    assert_true(conn->cc.pacing_rate > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_quantum_leaves_at_once_and_the_rest_at_the_rate, tcp_defaults),
        cmocka_unit_test_setup(asking_more_often_sends_no_more, tcp_defaults),
        cmocka_unit_test_setup(lateness_is_made_up_for_within_a_quantum, tcp_defaults),
        cmocka_unit_test_setup(without_a_rate_nothing_waits, tcp_defaults),
        cmocka_unit_test_setup(the_first_repair_does_not_wait, tcp_defaults),
        cmocka_unit_test_setup(acks_and_the_fin_do_not_wait, tcp_defaults),
        cmocka_unit_test_setup(a_loss_probe_waits_for_what_is_paced_out, tcp_defaults),
        cmocka_unit_test_setup(frames_of_a_device_that_splits_hold_a_quantum, tcp_defaults),
        cmocka_unit_test_setup(no_rate_is_so_low_that_anything_waits_for_ever, tcp_defaults),
        cmocka_unit_test_setup(windows_spread_over_the_round_trip_when_that_is_asked_for, tcp_defaults),
        cmocka_unit_test_setup(the_option_reaches_the_connection, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Numbers that are drawn or computed: initial sequence numbers, round-trip times, the retransmission time-out. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

/* ---- initial sequence numbers ---- */

static uint32_t isn_after(hf_ns time)
{
    make_connection();
    shared->now = hf_time_add(shared->now, time);
    return hf_isn(shared, conn).n;
}

static void isn_has_a_clock(void **state)
{
    /* One tuple's ISN grows by one in four microseconds, so that it does not repeat within an MSL. MUST-8; RFC 6528, 3. */
    (void)state;
    uint32_t first = isn_after(0);
    assert_int_equal(isn_after(4000) - first, 1);
    assert_int_equal(isn_after(HF_SECOND) - first, 250000);
    assert_int_equal(isn_after(30 * HF_SECOND) - first, 30 * 250000);
}

static void isn_cannot_be_told_from_outside(void **state)
{
    /* BUG-11: who knows the ISN of one connection at some moment does not know that of any other tuple, nor that of the
     * same tuple in an engine with another seed. MUST-9, SHLD-1; RFC 6528, 3. */
    (void)state;
    uint32_t own = isn_after(0), changed[5];
    path.remote.port++;
    changed[0] = isn_after(0);
    path.remote.port--;
    path.local.port++;
    changed[1] = isn_after(0);
    path.local.port--;
    path.remote.addr.bytes[15]++;
    changed[2] = isn_after(0);
    path.remote.addr.bytes[15]--;
    path.local.addr.bytes[15]++;
    changed[3] = isn_after(0);
    path.local.addr.bytes[15]--;
    config.seed[7] = 1;
    changed[4] = isn_after(0);
    for (unsigned i = 0; i < 5; i++) {
        int32_t distance = (int32_t)(changed[i] - own);
        assert_true(distance > 1000000 || distance < -1000000);
    }
}

static void isn_goes_on_in_the_next_engine(void **state)
{
    /* An engine that is given its predecessor's seed and clock continues its sequence numbers (RFC 6528, 3). */
    (void)state;
    uint32_t old = isn_after(10 * HF_SECOND);
    config.isn_clock_ns = 11 * HF_SECOND;
    assert_int_equal(isn_after(0) - old, 250000);
}

/* ---- round-trip times (RFC 6298, 2) ---- */

static void the_time_out_follows_the_formulas(void **state)
{
    /* First sample: SRTT = R, RTTVAR = R/2. Then RTTVAR before SRTT, with 1/4 and 1/8; RTO = SRTT + 4 RTTVAR. MUST-18;
     * RFC 6298, 2. */
    (void)state;
    make_connection();
    assert_int_equal(hf_rto(shared, conn), HF_SECOND); /* RFC 6298, 2.1 */
    hf_rtt_sample(shared, conn, 800 * HF_MS);
    assert_int_equal(conn->srtt_us, 800000);
    assert_int_equal(conn->rttvar_us, 400000);
    assert_int_equal(hf_rto(shared, conn), 2400 * HF_MS);
    hf_rtt_sample(shared, conn, 400 * HF_MS);
    assert_int_equal(conn->rttvar_us, 300000 + 100000); /* 3/4 of 400 and 1/4 of |800 - 400| */
    assert_int_equal(conn->srtt_us, 750000);
    assert_int_equal(hf_rto(shared, conn), 2350 * HF_MS);
}

static void the_time_out_has_bounds(void **state)
{
    /* BUG-30: microseconds of round trip do not make a time-out of zero, nor minutes one of hours. */
    (void)state;
    make_connection();
    for (unsigned i = 0; i < 100; i++)
        hf_rtt_sample(shared, conn, 20 * HF_US);
    assert_int_equal(hf_rto(shared, conn), 200 * HF_MS + 20 * HF_US);
    hf_rtt_sample(shared, conn, 500 * HF_SECOND);
    assert_int_equal(hf_rto(shared, conn), 120 * HF_SECOND);
}

static void no_sample_from_what_was_sent_twice(void **state)
{
    /* Karn: the ACK of a retransmitted segment measures nothing, and the backed-off time-out stays until something sent
     * once is acknowledged. MUST-18; RFC 6298, 3. */
    (void)state;
    config.sack = false; /* without loss probes, which go before the time-out */
    open_established();
    queue(100, 0);
    (void)sends_all();
    shared->now = hf_time_add(shared->now, 10 * HF_MS);
    acks(101, 1000);
    uint32_t srtt = conn->srtt_us;
    queue(100, 0);
    (void)sends_all();
    passes(300 * HF_MS);
    assert_int_equal(sends_all(), 1);
    hf_ns backed_off = hf_rto(shared, conn);
    assert_in_range(backed_off, 400 * HF_MS, 410 * HF_MS);
    passes(250 * HF_MS);
    acks(201, 1000);
    assert_int_equal(conn->srtt_us, srtt);
    assert_int_equal(hf_rto(shared, conn), backed_off);
    queue(100, 0);
    (void)sends_all();
    shared->now = hf_time_add(shared->now, 10 * HF_MS);
    acks(301, 1000);
    assert_in_range(hf_rto(shared, conn), 200 * HF_MS, 210 * HF_MS);
}

static void no_sample_from_what_waited_behind_a_hole(void **state)
{
    /* One ACK for a retransmitted segment and for one that was sent once and lay behind the hole measures nothing either:
     * it waited for the repair. MUST-18; RFC 6298, 3. */
    (void)state;
    open_established();
    queue(2920, 0);
    assert_int_equal(sends_all(), 2);
    shared->now = hf_time_add(shared->now, HF_SECOND);
    (void)hf_tcp_timeout(shared, conn);
    assert_true(sends());
    uint32_t srtt = conn->srtt_us;
    acks(2921, 1000);
    assert_int_equal(conn->srtt_us, srtt);
}

static void after_a_lost_syn_data_begins_with_three_seconds(void **state)
{
    /* The SYN had to be sent again, so its answer measures nothing and one second may be too short: RFC 6298, 5.7. */
    (void)state;
    open_syn_sent();
    passes(HF_SECOND);
    (void)sends_all();
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK, .wnd = 65535});
    assert_int_equal(hf_rto(shared, conn), 3 * HF_SECOND);
    assert_int_equal(conn->cc.cwnd, 1460); /* RFC 5681, 3.1 */
}

static void the_timer_begins_anew_with_progress_only(void **state)
{
    /* BUG-29: a duplicate ACK does not put the time-out off, an ACK of something new does, and the ACK of everything stops
     * it. RFC 6298, 5. */
    (void)state;
    open_established();
    queue(2000, 0);
    assert_int_equal(sends_all(), 2);
    hf_time at = conn->rexmt_at;
    shared->now = hf_time_add(shared->now, 50 * HF_MS);
    acks(1, 1000);
    assert_int_equal(conn->rexmt_at.ns, at.ns);
    acks(1461, 1000);
    assert_true(conn->rexmt_at.ns > at.ns);
    acks(2001, 1000);
    assert_true(hf_time_is_never(conn->rexmt_at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(isn_has_a_clock, tcp_defaults),
        cmocka_unit_test_setup(isn_cannot_be_told_from_outside, tcp_defaults),
        cmocka_unit_test_setup(isn_goes_on_in_the_next_engine, tcp_defaults),
        cmocka_unit_test_setup(the_time_out_follows_the_formulas, tcp_defaults),
        cmocka_unit_test_setup(the_time_out_has_bounds, tcp_defaults),
        cmocka_unit_test_setup(no_sample_from_what_was_sent_twice, tcp_defaults),
        cmocka_unit_test_setup(no_sample_from_what_waited_behind_a_hole, tcp_defaults),
        cmocka_unit_test_setup(after_a_lost_syn_data_begins_with_three_seconds, tcp_defaults),
        cmocka_unit_test_setup(the_timer_begins_anew_with_progress_only, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the plan does when a pool is empty, when nothing moves, and when an answer overtakes a timer: none of it is to be
 * seen from the wire alone. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

#define LOOK_AGAIN (10 * HF_MS)

/* A round trip of 10 ms is known, so that loss probes may go. */
static void open_with_a_round_trip(void)
{
    open_syn_sent();
    passes(10 * HF_MS);
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK, .wnd = 65535});
    (void)sends_all();
    acks(1, 1000);
}

/* Somebody else holds all of it; returns one, to be given back. */
static uint32_t exhaust(struct hf_pool *pool)
{
    uint32_t index, last = HF_NONE;
    while ((index = hf_pool_take(pool)) != HF_NONE)
        last = index;
    return last;
}

/* Nothing is to be sent now; when is to be asked again? */
static hf_ns asks_again_in(void)
{
    assert_false(sends());
    return hf_time_is_never(plan.ask_at) ? -1 : hf_time_since(plan.ask_at, shared->now);
}

static hf_ns next_timer_in(void)
{
    return hf_time_since(hf_timers_next(shared, conn), shared->now);
}

/* ---- how much ---- */

static void with_nothing_in_flight_a_full_segment_may_go(void **state)
{
    /* However small a congestion window has become, it stops nobody for ever. RFC 5681, 3.1: at least one segment. */
    (void)state;
    open_established();
    conn->cc.cwnd = 1;
    queue(5000, 0);
    assert_true(sends());
    assert_int_equal(plan.len, 1460);
    assert_false(sends());
}

static void the_tail_goes_in_the_same_frame(void **state)
{
    /* What ends the queue leaves with the whole segments before it, in one frame of a device that splits it. */
    (void)state;
    path.burst = 64000;
    open_established();
    queue(3500, 0);
    assert_true(sends());
    assert_int_equal(plan.len, 3500);
}

/* ---- empty pools ---- */

static void a_fin_waits_for_a_record(void **state)
{
    /* What was sent must be remembered, or it could not be sent again. */
    (void)state;
    open_established();
    uint32_t record = exhaust(&shared->sent);
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    assert_int_equal(asks_again_in(), LOOK_AGAIN);
    hf_pool_give(&shared->sent, record);
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_FIN);
}

static void a_fin_waits_for_a_queue_of_its_own_only(void **state)
{
    /* Whoever sends already needs no other queue for the FIN; whoever does not looks again soon. */
    (void)state;
    open_established();
    queue(100, 0);
    assert_int_equal(sends_all(), 1);
    uint32_t record = exhaust(&shared->sending);
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_FIN);
    open_established();
    record = exhaust(&shared->sending);
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    assert_int_equal(asks_again_in(), LOOK_AGAIN);
    hf_pool_give(&shared->sending, record);
    assert_true(sends());
}

static void a_loss_probe_without_a_record_repeats_the_last(void **state)
{
    /* New data would have to be remembered. RFC 8985, 7.3. */
    (void)state;
    open_with_a_round_trip();
    conn->cc.cwnd = 1460;
    queue(5000, 0);
    assert_int_equal(sends_all(), 1);
    exhaust(&shared->sent);
    passes(next_timer_in());
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_LOSS_PROBE);
    assert_true(plan.again);
    assert_int_equal(sent_seq(), 1);
}

static void a_window_probe_waits_for_a_record(void **state)
{
    /* The first one does; the same byte again has its record already. */
    (void)state;
    open_established();
    acks(1, 0);
    queue(10, 0);
    uint32_t record = exhaust(&shared->sent);
    passes(HF_SECOND);
    assert_int_equal(asks_again_in(), LOOK_AGAIN);
    hf_pool_give(&shared->sent, record);
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_WINDOW_PROBE);
    assert_int_equal(hf_pool_available(&shared->sent), 0);
    passes(HF_SECOND);
    assert_true(sends());
    assert_true(plan.again);
}

static void only_who_lacks_something_looks_again_soon(void **state)
{
    /* An empty pool is no reason to wake for those who want nothing of it: thousands of idle connections would. */
    (void)state;
    open_established();
    exhaust(&shared->sending);
    assert_int_equal(asks_again_in(), -1); /* nothing to send */
    open_established();
    queue(100, 0);
    (void)sends_all();
    assert_int_equal(asks_again_in(), next_timer_in()); /* all of it in flight, and nobody else wants anything */
    exhaust(&shared->sending);
    assert_int_equal(asks_again_in(), next_timer_in()); /* with a queue of its own */
}

static void a_fin_that_waits_for_the_handshake_lacks_nothing(void **state)
{
    (void)state;
    open_syn_sent();
    arrives((struct in){.flags = HF_TCP_SYN, .wnd = 65535});
    assert_int_equal(conn->state, HF_SYN_RECEIVED);
    assert_int_equal(sends_all(), 1);
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    assert_int_equal(asks_again_in(), next_timer_in());
    assert_true(next_timer_in() > LOOK_AGAIN);
}

/* ---- an answer overtakes a timer ---- */

static void a_probe_that_was_owed_is_not_when_its_byte_was_taken(void **state)
{
    /* The timer asks for another probe, but before it leaves the first is acknowledged: there is nothing left to probe with,
     * and what is queued next begins with a clean slate. */
    (void)state;
    open_established();
    acks(1, 0);
    queue(1, 0);
    passes(HF_SECOND);
    assert_int_equal(sends_all(), 1);
    acks(1, 0);
    passes(10 * HF_SECOND);
    acks(2, 0);
    assert_false(sends());
    queue(10, 0);
    assert_false(sends()); /* not before one RTO: SHLD-29 */
    passes(next_timer_in());
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_WINDOW_PROBE);
}

static void a_probe_that_was_owed_is_not_when_the_window_opens(void **state)
{
    /* What the window lets go asks as well as the probe would have. */
    (void)state;
    open_established();
    acks(1, 0);
    queue(10, 0);
    passes(HF_SECOND);
    acks(1, 100);
    assert_int_equal(sends_all(), 1);
    assert_int_equal(sent.seg.data_len, 10);
}

/* ---- who has nothing to say ---- */

static bool is_silent(void)
{
    hf_time at;
    bool silent = hf_tcp_is_silent(shared, conn, &at);
    if (silent)
        assert_int_equal(at.ns, hf_timers_next(shared, conn).ns);
    return silent;
}

static void who_waits_is_silent(void **state)
{
    /* The engine need not ask whoever has nothing to say, before as behind the FIN. */
    (void)state;
    open_established();
    assert_true(is_silent());
    queue(100, 0);
    (void)sends_all();
    assert_true(is_silent());
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    (void)sends_all();
    assert_true(is_silent());
}

static void who_owes_something_is_not_silent(void **state)
{
    (void)state;
    peer_offers.present &= (uint8_t)~HF_OPT_SACK_OK;
    open_established();
    text_arrives(1, 1460);
    text_arrives(1461, 1460);
    assert_false(is_silent()); /* an ACK */
    (void)sends_all();
    queue(100, 0);
    assert_false(is_silent()); /* text */
    (void)sends_all();
    passes(10 * HF_SECOND);
    assert_int_equal(conn->owed, 0);
    assert_false(is_silent()); /* the same text again */
    (void)sends_all();
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    assert_false(is_silent()); /* a FIN */
    (void)sends_all();
    hf_call_abort(shared, conn, HF_EDGE_ABORT);
    assert_false(is_silent()); /* a reset */
}

static void who_lacks_a_record_is_not_silent(void **state)
{
    (void)state;
    open_established();
    exhaust(&shared->sent);
    assert_false(is_silent());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(with_nothing_in_flight_a_full_segment_may_go, tcp_defaults),
        cmocka_unit_test_setup(the_tail_goes_in_the_same_frame, tcp_defaults),
        cmocka_unit_test_setup(a_fin_waits_for_a_record, tcp_defaults),
        cmocka_unit_test_setup(a_fin_waits_for_a_queue_of_its_own_only, tcp_defaults),
        cmocka_unit_test_setup(a_loss_probe_without_a_record_repeats_the_last, tcp_defaults),
        cmocka_unit_test_setup(a_window_probe_waits_for_a_record, tcp_defaults),
        cmocka_unit_test_setup(only_who_lacks_something_looks_again_soon, tcp_defaults),
        cmocka_unit_test_setup(a_fin_that_waits_for_the_handshake_lacks_nothing, tcp_defaults),
        cmocka_unit_test_setup(a_probe_that_was_owed_is_not_when_its_byte_was_taken, tcp_defaults),
        cmocka_unit_test_setup(a_probe_that_was_owed_is_not_when_the_window_opens, tcp_defaults),
        cmocka_unit_test_setup(who_waits_is_silent, tcp_defaults),
        cmocka_unit_test_setup(who_owes_something_is_not_silent, tcp_defaults),
        cmocka_unit_test_setup(who_lacks_a_record_is_not_silent, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

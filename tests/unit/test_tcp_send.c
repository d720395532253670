/* Sending: closed windows, streams longer than half the sequence space, urgent data, patience. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

static void acks_stay_in_the_window_while_it_is_probed(void **state)
{
    /* The byte of a window probe was refused, so the peer still expects its number. An ACK with SND.NXT would lie
     * beyond the peer's closed window and be dropped, and two full sides would never hear of each other's room
     * (BUG-33). */
    (void)state;
    open_established();
    queue(100, 0);
    acks(1, 0);
    passes(HF_SECOND);
    assert_true(sends());
    assert_int_equal(plan.why, HF_WHY_WINDOW_PROBE);
    assert_int_equal(sent.seg.data_len, 1);
    acks(1, 0);
    text_arrives(1, 1000);
    text_arrives(1001, 1000);
    assert_true(sends());
    assert_int_equal(sent.seg.data_len, 0);
    assert_int_equal(sent_seq(), 1);
    assert_int_equal(sent_ack(), 2001);
}

static void acks_stay_in_a_window_that_shrank(void **state)
{
    /* The peer took back part of its window: SND.NXT is beyond its right edge, where ACKs are not looked at. */
    (void)state;
    open_established();
    queue(10000, 0);
    (void)sends_all();
    acks(1, 10); /* 1280 bytes */
    text_arrives(1, 1000);
    text_arrives(1001, 1000);
    assert_true(sends());
    assert_int_equal(sent.seg.data_len, 0);
    assert_int_equal(sent_seq(), 1 + 1280);
}

/* Keeps half a megabyte queued, of whatever the blocks hold. */
static void refill(void)
{
    uint8_t *room;
    int64_t lent;
    while (hf_tcp_sending_of(shared, conn) == NULL ||
           hf_tcp_sending_of(shared, conn)->end - conn->snd_base < 500000) {
        assert_true((lent = hf_call_lend_send(shared, conn, &room)) > 0);
        assert_int_equal(hf_call_sent(shared, conn, (size_t)lent, 0), HF_OK);
    }
}

/* Sends more than half the sequence space in full segments and frames of a device that splits them, each
 * acknowledged, the queue never empty. */
static void a_long_stream_passes(void)
{
    while (conn->snd_base < 5ull << 29) {
        refill();
        plan = hf_tcp_plan(shared, conn);
        assert_int_equal(plan.what, HF_SEND_DATA);
        hf_tcp_output(shared, conn, &plan, sent_bytes, true, &sent);
        assert_int_equal(sent.seg.data_len % 1460, 0);
        if (conn->snd_base > 0)
            shared->now = hf_time_add(shared->now, HF_MS);
        acks((uint32_t)hf_seq_diff(conn->snd.nxt, conn->iss), 65535);
        refill();
    }
}

static void the_tail_of_a_long_stream_is_sent(void **state)
{
    /* Gigabytes of full segments, then a part-filled one: Nagle's algorithm must not take a segment of long ago for
     * one in flight (BUG-19, BUG-35). */
    (void)state;
    path.burst = 65000;
    open_established();
    a_long_stream_passes();
    queue(1, 0); /* the blocks hold a number of bytes that no number of segments does */
    while (sends_all() > 0)
        acks((uint32_t)hf_seq_diff(conn->snd.nxt, conn->iss), 65535);
    assert_int_equal(conn->sending, HF_NONE);
}

static void loss_in_a_long_stream_is_repaired_fast(void **state)
{
    /* Gigabytes without a loss, then one: three duplicate ACKs still bring a fast retransmit (BUG-19). */
    (void)state;
    path.burst = 65000;
    peer_offers.present &= (uint8_t)~HF_OPT_SACK_OK;
    open_established();
    a_long_stream_passes();
    (void)sends_all();
    uint32_t una = (uint32_t)hf_seq_diff(conn->snd.una, conn->iss);
    for (int i = 0; i < 3; i++) {
        acks(una, 65535);
        (void)sends();
    }
    assert_int_equal(shared->reasons[HF_WHY_RETRANSMIT_FAST], 1);
}

static void urgent_data_goes_in_single_segments(void **state)
{
    /* A device that splits a frame copies the urgent pointer into each segment, where it would point too far. */
    (void)state;
    path.burst = 65000;
    open_established();
    queue(5000, HF_SEND_URGENT);
    for (uint32_t at = 0; sends(); at += sent.seg.data_len) {
        assert_true(sent.seg.data_len <= 1460);
        assert_int_equal(sent.gso_size, 0);
        assert_true(sent.seg.flags & HF_TCP_URG);
        assert_int_equal(sent.seg.up, 5000 - at);
    }
}

static void the_user_timeout_is_the_connections_own_r2(void **state)
{
    /* An application may be more patient than the engine: with a user timeout the count of retransmissions does not
     * end the connection, the time does. MUST-21. */
    (void)state;
    config.rto_max_ns = 60 * HF_SECOND;
    options.user_timeout_ms = 3600 * 1000;
    open_established();
    queue(100, 0);
    for (int64_t s = 0; s < 3599; s++) {
        (void)sends_all();
        passes(HF_SECOND);
    }
    assert_int_equal(conn->state, HF_ESTABLISHED);
    passes(2 * HF_SECOND);
    assert_int_equal(conn->state, HF_CLOSED);
    assert_int_equal(conn->ended, HF_EDGE_USER_TIMEOUT);
}

static void three_retransmissions_unanswered_are_told(void **state)
{
    /* R1: the application hears of the trouble and may read its name, the engine is to doubt the next hop, and an
     * ACK of something new ends it. MUST-20, MUST-47, SHLD-9, SHLD-10. */
    (void)state;
    open_established();
    queue(100, 0);
    (void)sends_all();
    unsigned advised = 0;
    while (shared->reasons[HF_WHY_RETRANSMIT_TIMEOUT] < 3) {
        shared->now = hf_time_add(shared->now, 100 * HF_MS);
        advised += hf_tcp_timeout(shared, conn);
        (void)sends_all();
        bool third = shared->reasons[HF_WHY_RETRANSMIT_TIMEOUT] == 3;
        assert_int_equal((hf_tcp_events(shared, conn) & HF_EV_SOFT_ERROR) != 0, third);
    }
    assert_int_equal(advised, 1);
    assert_true(conn->own.news & HF_EV_SOFT_ERROR);
    struct hf_tcp_info info;
    hf_call_status(shared, conn, &info);
    assert_int_equal(info.soft_error, HF_ADVICE_SILENCE);
    acks(101, 1000);
    assert_false(hf_tcp_events(shared, conn) & HF_EV_SOFT_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(acks_stay_in_the_window_while_it_is_probed, tcp_defaults),
        cmocka_unit_test_setup(acks_stay_in_a_window_that_shrank, tcp_defaults),
        cmocka_unit_test_setup(the_tail_of_a_long_stream_is_sent, tcp_defaults),
        cmocka_unit_test_setup(loss_in_a_long_stream_is_repaired_fast, tcp_defaults),
        cmocka_unit_test_setup(urgent_data_goes_in_single_segments, tcp_defaults),
        cmocka_unit_test_setup(the_user_timeout_is_the_connections_own_r2, tcp_defaults),
        cmocka_unit_test_setup(three_retransmissions_unanswered_are_told, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

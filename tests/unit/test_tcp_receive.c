/* Receiving: overlaps, windows without scaling, urgent marks. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

static void one_text_may_fill_a_hole_and_reach_into_what_lies_beyond(void **state)
{
    /* A retransmission cut anew covers one range and ends inside the next: all that is now in order counts
     * (BUG-36). */
    (void)state;
    open_established();
    text_arrives(101, 100);
    text_arrives(301, 100);
    text_arrives(1, 350);
    (void)sends_all();
    assert_int_equal(sent_ack(), 401);
    assert_int_equal(reads(1000), 400);
}

static void all_that_waits_is_looked_at_before_an_ack_leaves(void **state)
{
    /* A series of segments that arrives at once earns one ACK, for all of it. MUST-58, MUST-59. */
    (void)state;
    open_established();
    text_arrives(2001, 1000);
    text_arrives(1, 1000);
    text_arrives(1001, 1000);
    text_arrives(3001, 1000);
    assert_int_equal(sends_all(), 1);
    assert_int_equal(sent_ack(), 4001);
}

static void what_was_once_in_the_window_stays_in_it(void **state)
{
    /* The window field counts in granules, so that after a few bytes it may say less than was promised. The promise
     * still counts: a peer that fills the window it was offered loses nothing (RFC 7323, 2.4). */
    (void)state;
    config.receive_buffer = 1 << 17;
    open_established();
    uint32_t edge = sent_ack() + ((uint32_t)sent.seg.wnd << conn->rcv_scale);
    uint32_t at = 1;
    for (; at < 20; at++) {
        text_arrives(at, 1);
        passes(50 * HF_MS);
        assert_int_equal(sends_all(), 1);
        uint32_t seen = sent_ack() + ((uint32_t)sent.seg.wnd << conn->rcv_scale);
        edge = seen > edge ? seen : edge;
    }
    while (at < edge) {
        uint32_t len = edge - at < 1460 ? edge - at : 1460;
        text_arrives(at, len);
        at += len;
    }
    (void)sends_all();
    assert_int_equal(sent_ack(), edge);
}

static void without_scaling_window_updates_end(void **state)
{
    /* No window scale and a segment size so large that 65,535 bytes count as few: what cannot be offered is no
     * update that is owed. */
    (void)state;
    peer_offers.present &= (uint8_t)~HF_OPT_WSCALE;
    peer_offers.mss = 32000;
    path.mtu = 40000;
    open_syn_sent();
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK, .wnd = 65535});
    assert_int_equal(sends_all(), 1);
}

/* Text of `len` bytes with the urgent pointer behind its first `up` ones. */
static void urgent_arrives(uint32_t seq, uint32_t len, uint16_t up)
{
    arrives((struct in){.seq = seq, .ack = 1, .len = len, .flags = HF_TCP_ACK | HF_TCP_URG, .wnd = 1000, .up = up});
}

static bool urgent_is_ahead(void)
{
    return hf_tcp_events(shared, conn) & HF_EV_URGENT;
}

static void reading_past_the_urgent_mark_ends_urgent_mode(void **state)
{
    /* The application can tell whether urgent data remains to be read, whatever lies behind it. MUST-33. */
    (void)state;
    open_established();
    urgent_arrives(1, 100, 5);
    assert_true(urgent_is_ahead());
    assert_int_equal(reads(4), 4);
    assert_true(urgent_is_ahead());
    assert_int_equal(reads(1), 1);
    assert_false(urgent_is_ahead());
    assert_int_equal(reads(200), 95);
}

static void urgent_text_that_waits_to_be_read_is_still_told(void **state)
{
    /* The pointer comes after the text it is about, in an empty segment: what counts is what was read. MUST-32. */
    (void)state;
    open_established();
    text_arrives(1, 100);
    urgent_arrives(51, 0, 10);
    assert_false(urgent_is_ahead()); /* before RCV.NXT: not acceptable */
    urgent_arrives(51, 51, 30);
    assert_true(urgent_is_ahead());
}

static void urgent_data_is_told_after_gigabytes(void **state)
{
    /* An urgent pointer is new when it lies ahead of what was read, not when it compares higher than the last one,
     * which may be half the sequence space behind (BUG-19). */
    (void)state;
    open_established();
    urgent_arrives(1, 1, 1);
    assert_int_equal(reads(10), 1);
    uint32_t at = 2;
    for (; at < 3u << 30; at += 60000) {
        text_arrives(at, 60000);
        assert_int_equal(hf_call_received(shared, conn, 60000), HF_OK);
        (void)sends_all();
    }
    urgent_arrives(at, 1, 1);
    assert_true(urgent_is_ahead());
}

static void a_forged_ack_does_not_set_ts_recent(void **state)
{
    /* Who guesses a sequence number in the window, but not what we sent, must not be able to set TS.Recent so that
     * everything the peer sends later looks old (RFC 7323, 5.3; RFC 5961, 5). */
    (void)state;
    config.timestamps = true;
    peer_offers.present |= HF_OPT_TIMESTAMPS;
    peer_offers.tsval = 100;
    open_syn_sent();
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK, .wnd = 65535});
    (void)sends_all();
    arrives((struct in){.seq = 1, .ack = 5000, .len = 10, .flags = HF_TCP_ACK, .wnd = 1000, .tsval = 0x70000000});
    (void)sends_all();
    arrives((struct in){.seq = 1, .ack = 1, .len = 10, .flags = HF_TCP_ACK, .wnd = 1000, .tsval = 200});
    assert_int_equal(reads(100), 10);
    assert_int_equal(conn->ts_recent, 200);
}

/* ---- autotuning ---- */

/* Rounds of 10 ms in which the peer fills the window and the application reads `most` bytes of it. */
static void rounds(unsigned count, uint32_t most)
{
    for (unsigned i = 0; i < count; i++) {
        while (conn->rcv.wnd > 0) {
            text_arrives((uint32_t)hf_seq_diff(conn->rcv.nxt, conn->irs), HF_MIN(conn->rcv.wnd, 1460u));
            (void)sends_all();
        }
        (void)reads(most);
        (void)sends_all();
        passes(10 * HF_MS);
    }
}

static void open_tuned(void)
{
    config.receive_buffer = 20000;
    config.receive_buffer_max = 100000;
    open_established();
    conn->srtt_us = 10000;
}

static void the_buffer_grows_with_the_path(void **state)
{
    /* A buffer whose size the application did not choose follows what the path delivers and the application reads, up to the
     * configured limit; the window scale was chosen for that. */
    (void)state;
    open_tuned();
    assert_true(65535u << conn->rcv_scale >= 100000);
    rounds(10, 1 << 20);
    assert_int_equal(conn->receive_limit, 100000);
    assert_true(conn->rcv.wnd > 90000);
}

static void the_buffer_does_not_grow_for_nothing(void **state)
{
    /* Neither for an application that reads slowly, nor beyond the size that it chose. */
    (void)state;
    open_tuned();
    rounds(10, 2000);
    assert_int_equal(conn->receive_limit, 20000);
    tcp_defaults(NULL);
    options.receive_buffer = 30000;
    open_tuned();
    rounds(10, 1 << 20);
    assert_int_equal(conn->receive_limit, 30000);
}

static void the_send_buffer_holds_two_windows(void **state)
{
    /* What may be queued follows the congestion window, up to the configured limit. */
    (void)state;
    config.send_buffer = 20000;
    config.send_buffer_max = 100000;
    open_established();
    static uint8_t text[200000];
    assert_int_equal(hf_call_send(shared, conn, text, sizeof text, 0), 2 * conn->cc.cwnd);
    conn->cc.cwnd = 1 << 20;
    assert_int_equal(hf_call_send(shared, conn, text, sizeof text, 0), 100000 - 2 * 14600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_text_may_fill_a_hole_and_reach_into_what_lies_beyond, tcp_defaults),
        cmocka_unit_test_setup(all_that_waits_is_looked_at_before_an_ack_leaves, tcp_defaults),
        cmocka_unit_test_setup(what_was_once_in_the_window_stays_in_it, tcp_defaults),
        cmocka_unit_test_setup(without_scaling_window_updates_end, tcp_defaults),
        cmocka_unit_test_setup(reading_past_the_urgent_mark_ends_urgent_mode, tcp_defaults),
        cmocka_unit_test_setup(urgent_text_that_waits_to_be_read_is_still_told, tcp_defaults),
        cmocka_unit_test_setup(urgent_data_is_told_after_gigabytes, tcp_defaults),
        cmocka_unit_test_setup(a_forged_ack_does_not_set_ts_recent, tcp_defaults),
        cmocka_unit_test_setup(the_buffer_grows_with_the_path, tcp_defaults),
        cmocka_unit_test_setup(the_buffer_does_not_grow_for_nothing, tcp_defaults),
        cmocka_unit_test_setup(the_send_buffer_holds_two_windows, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

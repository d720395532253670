/* What an engine does when a pool is short: it waits, it tells, and it never waits for itself. */
#include "pair.h"

static struct pair pair;
static hf_conn listener, a, b;
static uint8_t text[100000], got[100000];

static void open_with(uint32_t max_blocks)
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 8;
    config.block_len = 256;
    config.max_blocks = max_blocks;
    config.receive_buffer_max = 0; /* a window of 1 MiB, whose scale is 5 */
    pair_open_link(&pair, &config, HF_LINK_IP);
    listener = a = b = (hf_conn){0, 0};
    pair_connect(&pair, "192.0.2.2", &listener, &a, &b);
}

static int tear_down(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

/* Takes what the engine has for this side; returns how much. */
static uint32_t read_all(struct side *side, hf_conn conn)
{
    uint32_t sum = 0;
    int64_t len;
    while ((len = hf_tcp_receive(side->e, conn, got, sizeof got)) > 0)
        sum += (uint32_t)len;
    return sum;
}

static void full_senders_leave_room_to_receive(void **state)
{
    /* Two sides that queue all their engine takes still hear each other: sending may not use the last blocks
     * (BUG-18). */
    (void)state;
    open_with(48);
    int64_t from_a = hf_tcp_send(pair.a.e, a, text, sizeof text, 0);
    int64_t from_b = hf_tcp_send(pair.b.e, b, text, sizeof text, 0);
    assert_true(from_a > 0 && from_b > 0);
    uint32_t at_a = 0, at_b = 0;
    for (int turn = 0; turn < 100; turn++) {
        pair_run(&pair, 100 * HF_MS);
        at_a += read_all(&pair.a, a);
        at_b += read_all(&pair.b, b);
    }
    assert_int_equal(at_a, from_b);
    assert_int_equal(at_b, from_a);
}

/* Loses the second frame with data from a, once. */
static unsigned data_frames;
static bool lose_second(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p;
    return !from_a || frame->len < 500 || ++data_frames != 2;
}

static void what_is_in_order_is_never_pruned(void **state)
{
    /* When the pool runs out amid text in order, what lies beyond a hole gives way, but not the text itself
     * (BUG-37). */
    (void)state;
    for (uint32_t max_blocks = 8; max_blocks < 64; max_blocks++) {
        open_with(max_blocks);
        data_frames = 0;
        pair.fate = lose_second;
        uint32_t sent = 0, read = 0;
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (uint8_t)(i * 7 + i / 256);
        for (int turn = 0; turn < 2000 && read < 20000; turn++) {
            int64_t len = hf_tcp_send(pair.a.e, a, text + sent, 20000 - sent, 0);
            sent += len > 0 ? (uint32_t)len : 0;
            pair_run(&pair, 10 * HF_MS);
            if (turn % 7 != 6)
                continue;
            while ((len = hf_tcp_receive(pair.b.e, b, got, sizeof got)) > 0) {
                assert_memory_equal(got, text + read, (size_t)len);
                read += (uint32_t)len;
            }
        }
        assert_int_equal(read, 20000);
        if (max_blocks < 63)
            pair_close(&pair);
    }
}

static bool lose_all(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p, (void)from_a, (void)frame;
    return false;
}

static bool hears_of_room(hf_conn conn)
{
    struct hf_event event;
    bool heard = false;
    while (hf_event(pair.a.e, &event))
        heard |= hf_conn_equal(event.conn, conn) && (event.fresh & HF_EV_WRITABLE);
    return heard;
}

static void who_found_no_block_hears_of_room(void **state)
{
    /* A connection that could send nothing because another had all the blocks is told when there are some again, though
     * that takes longer than its first look. */
    (void)state;
    hf_conn other = {0, 0}, other_far = {0, 0};
    open_with(48);
    pair_connect(&pair, "192.0.2.2", &listener, &other, &other_far);
    assert_true(hf_tcp_send(pair.a.e, a, text, sizeof text, 0) > 0);
    assert_int_equal(hf_tcp_send(pair.a.e, other, text, 1, 0), HF_ERR_AGAIN);
    hears_of_room(other);
    pair.fate = lose_all;
    pair_run(&pair, 300 * HF_MS);
    assert_false(hears_of_room(other));
    pair.fate = NULL;
    for (int turn = 0; turn < 50; turn++) {
        pair_run(&pair, 100 * HF_MS);
        (void)read_all(&pair.b, b);
    }
    assert_true(hears_of_room(other));
}

static void no_more_is_taken_than_was_lent(void **state)
{
    /* hf_tcp_sent with more bytes than were lent, or without a lend, is refused: nobody wrote them. */
    (void)state;
    uint8_t *room;
    open_with(256);
    assert_int_equal(hf_tcp_sent(pair.a.e, a, 10, 0), HF_ERR_INVALID);
    assert_int_equal(hf_tcp_lend_send(pair.a.e, a, &room), 256);
    assert_int_equal(hf_tcp_sent(pair.a.e, a, 257, 0), HF_ERR_INVALID);
    assert_int_equal(hf_tcp_sent(pair.a.e, a, 256, 0), HF_OK);
    assert_int_equal(hf_tcp_sent(pair.a.e, a, 1, 0), HF_ERR_INVALID);
    pair_settle(&pair);
    assert_int_equal(read_all(&pair.b, b), 256);
}

static void unread_bytes_are_lent_in_pieces(void **state)
{
    (void)state;
    struct hf_span spans[4];
    unsigned count = 4;
    open_with(256);
    assert_int_equal(hf_tcp_lend_received_spans(pair.b.e, b, spans, &count), HF_ERR_AGAIN);
    assert_int_equal(count, 0);
    assert_int_equal(hf_tcp_lend_received_spans(pair.b.e, b, spans, &count), HF_ERR_INVALID);
    assert_int_equal(hf_tcp_send(pair.a.e, a, text, 600, 0), 600);
    pair_settle(&pair);
    count = 2;
    assert_int_equal(hf_tcp_lend_received_spans(pair.b.e, b, spans, &count), 512);
    assert_int_equal(count, 2);
    assert_int_equal(hf_tcp_received(pair.b.e, b, 300), HF_OK);
    count = 4;
    assert_int_equal(hf_tcp_lend_received_spans(pair.b.e, b, spans, &count), 300);
    assert_int_equal(count, 2);
    assert_int_equal(spans[0].len, 212);
    assert_memory_equal(spans[0].data, text + 300, 212);
    assert_int_equal(spans[1].len, 88);
    assert_memory_equal(spans[1].data, text + 512, 88);
}

static bool lose_acks_of_a(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p, (void)frame;
    return !from_a || frame->why != HF_WHY_ACK_HANDSHAKE;
}

static bool lose_everything(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p, (void)from_a, (void)frame;
    return false;
}

static void closing_what_is_over_gives_its_blocks_back(void **state)
{
    /* What a time-out left unread is kept for the application, until it closes: not until it releases. */
    (void)state;
    struct hf_tcp_options impatient = {.user_timeout_ms = 2000};
    struct hf_stats stats;
    open_with(256);
    assert_int_equal(hf_tcp_send(pair.b.e, b, text, 1000, 0), 1000);
    pair_run(&pair, HF_SECOND);
    assert_int_equal(hf_tcp_set_options(pair.a.e, a, &impatient), HF_OK);
    pair.fate = lose_everything;
    assert_int_equal(hf_tcp_send(pair.a.e, a, text, 100, 0), 100);
    pair_run(&pair, 10 * HF_SECOND);
    assert_int_equal(pair_state(&pair.a, a), HF_CLOSED);
    hf_stats(pair.a.e, &stats);
    assert_true(stats.blocks_used > 0);
    assert_int_equal(hf_tcp_close(pair.a.e, a), HF_OK);
    hf_stats(pair.a.e, &stats);
    assert_int_equal(stats.blocks_used, 0);
    assert_int_equal(hf_tcp_received(pair.a.e, a, 5), HF_ERR_INVALID);
}

static void who_waits_for_accept_is_nobodys_yet(void **state)
{
    /* A handle that hf_tcp_next shows before it is accepted may be looked at, and answers nothing else (BUG-46). */
    (void)state;
    struct hf_tcp_info info = {.is_passive = false};
    hf_conn child = {0, 0};
    open_with(256);
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    while (!info.is_passive || hf_conn_equal(child, b)) {
        assert_true(hf_tcp_next(pair.b.e, &child));
        assert_int_equal(hf_tcp_status(pair.b.e, child, &info), HF_OK);
    }
    assert_int_equal(info.state, HF_ESTABLISHED);
    assert_int_equal(hf_tcp_send(pair.b.e, child, "x", 1, 0), HF_ERR_STALE);
    assert_int_equal(hf_tcp_shutdown(pair.b.e, child), HF_ERR_STALE);
    assert_int_equal(hf_tcp_abort(pair.b.e, child), HF_ERR_STALE);
    assert_int_equal(hf_tcp_release(pair.b.e, child), HF_ERR_STALE);
    hf_conn accepted;
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &accepted), HF_OK);
    assert_true(hf_conn_equal(accepted, child));
    assert_int_equal(hf_tcp_send(pair.b.e, child, "x", 1, 0), 1);
    assert_int_equal(hf_tcp_release(pair.b.e, child), HF_OK);
}

static void a_fin_waits_for_its_turn(void **state)
{
    /* A FIN that finds max_sending used up goes out as soon as another connection has done sending. */
    (void)state;
    struct hf_config config;
    hf_conn other = {0, 0}, other_b = {0, 0};
    hf_config_defaults(&config);
    config.max_connections = 8;
    config.max_sending = 1;
    pair_open_link(&pair, &config, HF_LINK_IP);
    listener = (hf_conn){0, 0};
    pair_connect(&pair, "192.0.2.2", &listener, &a, &b);
    pair_connect(&pair, "192.0.2.2", &listener, &other, &other_b);
    pair.fate = lose_everything;
    assert_int_equal(hf_tcp_send(pair.a.e, a, text, 100, 0), 100);
    assert_int_equal(hf_tcp_shutdown(pair.a.e, other), HF_OK);
    pair_run(&pair, 50 * HF_MS);
    assert_int_equal(pair_state(&pair.a, other), HF_FIN_WAIT_1);
    pair.fate = NULL;
    pair_run(&pair, 5 * HF_SECOND);
    assert_int_equal(pair_state(&pair.a, other), HF_FIN_WAIT_2);
}

static void patience_may_change_during_the_handshake(void **state)
{
    /* A user timeout set, or taken back, while the SYN is unanswered counts from the OPEN, or no more (MUST-21). */
    (void)state;
    struct hf_tcp_options impatient = {.user_timeout_ms = 5000}, patient = {0};
    struct hf_tcp_info info;
    open_with(256);
    pair.fate = lose_everything;
    for (int i = 0; i < 2; i++) {
        struct hf_endpoint to = pair_end("192.0.2.2", 80);
        assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, i == 0 ? &patient : &impatient, &a), HF_OK);
        pair_run(&pair, 2 * HF_SECOND);
        assert_int_equal(hf_tcp_set_options(pair.a.e, a, i == 0 ? &impatient : &patient), HF_OK);
        pair_run(&pair, 4 * HF_SECOND);
        assert_int_equal(hf_tcp_status(pair.a.e, a, &info), HF_OK);
        assert_int_equal(info.state, i == 0 ? HF_CLOSED : HF_SYN_SENT);
        pair_run(&pair, 1000 * HF_SECOND);
        assert_int_equal(hf_tcp_status(pair.a.e, a, &info), HF_OK);
        assert_int_equal(info.ended_why, i == 0 ? HF_EDGE_USER_TIMEOUT : HF_EDGE_SYN_TIMED_OUT);
    }
}

/* Loses everything from a but its SYN and keep-alive probes; remembers the largest window that b offers, unscaled. */
static uint32_t largest_window;
static bool only_probes(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p;
    if (!from_a && !(frame->data[20 + 13] & 2))
        largest_window = (uint32_t)(frame->data[20 + 14] << 8 | frame->data[20 + 15]) << 5;
    return !from_a || frame->why == HF_WHY_SYN || frame->why == HF_WHY_KEEP_ALIVE;
}

static void a_half_open_connection_offers_no_more_than_its_syn(void **state)
{
    /* An ACK out of SYN-RECEIVED offers what the SYN,ACK did: the small record would not remember more (SHLD-14). */
    (void)state;
    struct hf_tcp_options probing = {.keep_alive = true, .keep_idle_s = 1, .keep_interval_s = 1};
    struct hf_tcp_info at_a;
    open_with(8192);
    pair.fate = only_probes;
    largest_window = 0;
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, &probing, &a), HF_OK);
    pair_run(&pair, 3 * HF_SECOND);
    assert_int_equal(hf_tcp_status(pair.a.e, a, &at_a), HF_OK);
    assert_int_equal(at_a.state, HF_ESTABLISHED);
    assert_in_range(largest_window, 65535 - 32, 65535 + 32);
}

static void a_window_means_what_its_scale_said(void **state)
{
    /* The scale announced in the SYN,ACK holds, though the listener's buffer changes before the handshake is over
     * (BUG-41). */
    (void)state;
    struct hf_tcp_info at_a, at_b;
    struct hf_tcp_options small = {.receive_buffer = 4000};
    open_with(1024);
    pair.fate = lose_acks_of_a;
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_set_options(pair.b.e, listener, &small), HF_OK);
    pair.fate = NULL;
    assert_int_equal(hf_tcp_send(pair.a.e, a, text, 10, 0), 10);
    pair_run(&pair, HF_SECOND);
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    assert_int_equal(hf_tcp_status(pair.a.e, a, &at_a), HF_OK);
    assert_int_equal(hf_tcp_status(pair.b.e, b, &at_b), HF_OK);
    assert_in_range(at_a.send_window, 3000, 4032);
    assert_in_range(at_b.receive_window, 3000, 4032);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(full_senders_leave_room_to_receive, tear_down),
        cmocka_unit_test_teardown(what_is_in_order_is_never_pruned, tear_down),
        cmocka_unit_test_teardown(closing_what_is_over_gives_its_blocks_back, tear_down),
        cmocka_unit_test_teardown(who_waits_for_accept_is_nobodys_yet, tear_down),
        cmocka_unit_test_teardown(a_fin_waits_for_its_turn, tear_down),
        cmocka_unit_test_teardown(patience_may_change_during_the_handshake, tear_down),
        cmocka_unit_test_teardown(a_half_open_connection_offers_no_more_than_its_syn, tear_down),
        cmocka_unit_test_teardown(a_window_means_what_its_scale_said, tear_down),
        cmocka_unit_test_teardown(who_found_no_block_hears_of_room, tear_down),
        cmocka_unit_test_teardown(no_more_is_taken_than_was_lent, tear_down),
        cmocka_unit_test_teardown(unread_bytes_are_lent_in_pieces, tear_down),
    };
    return cmocka_run_group_tests_name("engine limits", tests, NULL, NULL);
}

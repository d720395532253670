/* Two engines on a wire: connections open, carry data and close, and nothing is left behind. */
#include "pair.h"

static struct pair pair;
static hf_conn listener, a, b;

static int set_up(void **state)
{
    (void)state;
    pair_open(&pair);
    listener = a = b = (hf_conn){0, 0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

static void connect_pair(void)
{
    pair_connect(&pair, "192.0.2.2", &listener, &a, &b);
}

static struct hf_tcp_info info_of(struct side *side, hf_conn conn)
{
    struct hf_tcp_info info;
    assert_int_equal(hf_tcp_status(side->e, conn, &info), HF_OK);
    return info;
}

/* Every handle released and every record gone, given time. */
static void assert_nothing_is_left(struct side *side)
{
    struct hf_stats stats;
    hf_conn conn = {0, 0};
    hf_stats(side->e, &stats);
    assert_int_equal(stats.connections_used, 0);
    assert_int_equal(stats.blocks_used, 0);
    assert_int_equal(stats.sending_used, 0);
    assert_int_equal(stats.receiving_used, 0);
    assert_int_equal(stats.sent_used, 0);
    for (int i = 0; i < HF_STATE_COUNT; i++)
        assert_int_equal(stats.states[i], 0);
    assert_false(hf_tcp_next(side->e, &conn));
}

static void drain_events(void)
{
    struct hf_event event;
    while (hf_event(pair.a.e, &event) || hf_event(pair.b.e, &event))
        ;
}

static void finish(void)
{
    hf_tcp_release(pair.a.e, a);
    hf_tcp_release(pair.b.e, b);
    hf_tcp_release(pair.b.e, listener);
    pair_run(&pair, 300 * HF_SECOND);
    drain_events();
    pair_run(&pair, HF_SECOND);
    assert_nothing_is_left(&pair.a);
    assert_nothing_is_left(&pair.b);
}

static void both_directions_end_by_themselves(void **state)
{
    /* Four-way close: a half-closes, b goes on sending, then closes; a waits 2 MSL (RFC 9293, 3.6). */
    (void)state;
    char text[16];
    connect_pair();
    assert_int_equal(hf_tcp_send(pair.a.e, a, "question", 8, 0), 8);
    assert_int_equal(hf_tcp_shutdown(pair.a.e, a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.a, a), HF_FIN_WAIT_2);
    assert_int_equal(pair_state(&pair.b, b), HF_CLOSE_WAIT);
    assert_int_equal(hf_tcp_receive(pair.b.e, b, text, sizeof text), 8);
    assert_int_equal(hf_tcp_receive(pair.b.e, b, text, sizeof text), 0);
    assert_int_equal(hf_tcp_send(pair.b.e, b, "the answer", 10, 0), 10);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_receive(pair.a.e, a, text, sizeof text), 10);
    assert_memory_equal(text, "the answer", 10);
    assert_int_equal(hf_tcp_close(pair.b.e, b), HF_OK);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.a, a), HF_TIME_WAIT);
    assert_int_equal(pair_state(&pair.b, b), HF_CLOSED);
    assert_true(info_of(&pair.a, a).we_closed_first);
    pair_run(&pair, 61 * HF_SECOND);
    assert_int_equal(pair_state(&pair.a, a), HF_CLOSED);
    assert_int_equal(info_of(&pair.a, a).error, HF_OK);
    finish();
}

static void a_port_without_listener_answers_with_a_reset(void **state)
{
    (void)state;
    struct hf_endpoint to = pair_end("192.0.2.2", 81);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(info_of(&pair.a, a).error, HF_ERR_REFUSED);
    assert_int_equal(info_of(&pair.a, a).ended_why, HF_EDGE_REFUSED);
    finish();
}

static void both_families_and_ethernet_carry_a_connection(void **state)
{
    /* The neighbour is found by ARP (RFC 826), or by solicitation over IPv6 (RFC 4861, 7.2.4), while the SYN waits
     * (RFC 1122, 2.3.2.2). */
    (void)state;
    const char *const addrs[] = {"192.0.2.2", "2001:db8::2"};
    struct hf_config config;
    hf_config_defaults(&config);
    for (unsigned i = 0; i < 2; i++) {
        pair_close(&pair);
        pair_open_link(&pair, &config, HF_LINK_ETHERNET);
        listener = (hf_conn){0, 0};
        pair_connect(&pair, addrs[i], &listener, &a, &b);
        finish();
    }
}

static void an_absent_neighbour_is_a_host_that_cannot_be_reached(void **state)
{
    (void)state;
    struct hf_config config;
    hf_config_defaults(&config);
    pair_close(&pair);
    pair_open_link(&pair, &config, HF_LINK_ETHERNET);
    struct hf_endpoint to = pair_end("192.0.2.9", 80);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_run(&pair, 400 * HF_SECOND);
    assert_int_equal(info_of(&pair.a, a).error, HF_ERR_UNREACHABLE);
    finish();
}

static void an_engine_can_call_itself(void **state)
{
    /* What goes to its own address goes on no wire. */
    (void)state;
    char text[8];
    struct hf_endpoint any = {.port = 80}, to = pair_end("192.0.2.1", 80);
    assert_int_equal(hf_tcp_listen(pair.a.e, &any, NULL, &listener), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_accept(pair.a.e, listener, &b), HF_OK);
    assert_int_equal(hf_tcp_send(pair.a.e, a, "hello", 5, 0), 5);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_receive(pair.a.e, b, text, sizeof text), 5);
    assert_int_equal(pair.frames, 0);
    hf_tcp_release(pair.a.e, b);
    hf_tcp_release(pair.a.e, listener);
    finish();
}

static void the_new_connection_takes_the_tuple_of_a_time_wait(void **state)
{
    /* MAY-2, SHLD-4; RFC 6191, 2: a SYN that provably is new reopens, and its numbers lie beyond the old ones. */
    (void)state;
    connect_pair();
    struct hf_endpoint from = info_of(&pair.a, a).local, to = info_of(&pair.a, a).remote;
    hf_tcp_release(pair.b.e, b);
    pair_settle(&pair);
    hf_tcp_release(pair.a.e, a);
    pair_settle(&pair);
    struct hf_stats stats;
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.states[HF_TIME_WAIT], 1);
    pair_run(&pair, 10 * HF_MS);
    assert_int_equal(hf_tcp_connect(pair.a.e, &from, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.a, a), HF_ESTABLISHED);
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.states[HF_TIME_WAIT], 0);
    assert_int_equal(stats.reasons[HF_EDGE_REUSED], 1);
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    finish();
}

static void a_full_table_lets_the_oldest_time_wait_go(void **state)
{
    (void)state;
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 4;
    config.max_time_wait = 16;
    pair_close(&pair);
    pair_open_link(&pair, &config, HF_LINK_IP);
    for (unsigned i = 0; i < 40; i++) {
        connect_pair();
        hf_tcp_release(pair.b.e, b);
        pair_settle(&pair);
        hf_tcp_release(pair.a.e, a);
        pair_run(&pair, HF_MS);
        drain_events();
    }
    pair_settle(&pair);
    struct hf_stats stats;
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.states[HF_TIME_WAIT], 16);
    assert_int_equal(stats.reasons[HF_EDGE_GAVE_WAY], 24);
    finish();
}

static unsigned lottery;

static bool lose_some(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p, (void)from_a, (void)frame;
    lottery = lottery * 1103515245 + 12345;
    return lottery >> 16 & 7 || (lottery >> 20 & 1);
}

static void a_megabyte_arrives_whole_though_every_tenth_frame_is_lost(void **state)
{
    (void)state;
    enum { WHOLE = 1 << 20 };
    static uint8_t out[4096], in[4096];
    uint32_t sent = 0, read = 0;
    connect_pair();
    pair.fate = lose_some;
    for (unsigned turn = 0; turn < 100000 && read < WHOLE; turn++) {
        while (sent < WHOLE) {
            for (uint32_t i = 0; i < sizeof out; i++)
                out[i] = (uint8_t)((sent + i) * 31 >> 3);
            int64_t n = hf_tcp_send(pair.a.e, a, out, sizeof out, 0);
            if (n < 0)
                break;
            sent += (uint32_t)n;
        }
        pair_run(&pair, HF_MS);
        int64_t n;
        while ((n = hf_tcp_receive(pair.b.e, b, in, sizeof in)) > 0)
            for (int64_t i = 0; i < n; i++, read++)
                assert_int_equal(in[i], (uint8_t)(read * 31 >> 3));
    }
    assert_int_equal(read, WHOLE);
    pair.fate = NULL;
    finish();
}

static void a_released_handle_is_stale(void **state)
{
    (void)state;
    connect_pair();
    hf_conn old = a;
    assert_int_equal(hf_tcp_release(pair.a.e, a), HF_OK);
    assert_int_equal(hf_tcp_send(pair.a.e, old, "x", 1, 0), HF_ERR_STALE);
    assert_int_equal(hf_tcp_release(pair.a.e, old), HF_ERR_STALE);
    finish();
}

static void closing_a_listener_resets_who_was_not_accepted(void **state)
{
    (void)state;
    struct hf_endpoint any = {.port = 80}, to = pair_end("192.0.2.2", 80);
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, NULL, &listener), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_close(pair.b.e, listener), HF_OK);
    pair_settle(&pair);
    assert_int_equal(info_of(&pair.a, a).error, HF_ERR_RESET);
    finish();
}

static void each_event_is_told_once(void **state)
{
    (void)state;
    struct hf_event event;
    struct hf_endpoint any = {.port = 80}, to = pair_end("192.0.2.2", 80);
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, &(struct hf_tcp_options){.user = 7}, &listener), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_true(hf_event(pair.a.e, &event));
    assert_true(event.fresh & HF_EV_CONNECTED);
    assert_true(event.fresh & HF_EV_WRITABLE);
    assert_false(hf_event(pair.a.e, &event));
    assert_true(hf_event(pair.b.e, &event));
    assert_int_equal(event.fresh, HF_EV_ACCEPTABLE);
    assert_int_equal(event.user, 7);
    assert_false(hf_event(pair.b.e, &event));
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    assert_true(hf_event(pair.b.e, &event));
    assert_true(event.fresh & HF_EV_CONNECTED);
    assert_int_equal(hf_tcp_send(pair.a.e, a, "x", 1, 0), 1);
    pair_settle(&pair);
    assert_true(hf_event(pair.b.e, &event));
    assert_int_equal(event.fresh, HF_EV_READABLE);
    hf_tcp_abort(pair.a.e, a);
    pair_settle(&pair);
    assert_true(hf_event(pair.b.e, &event));
    assert_true(event.fresh & HF_EV_CLOSED);
    finish();
}

static uint32_t news_of(struct side *side, hf_conn conn)
{
    struct hf_event event;
    uint32_t bits = 0;
    while (hf_event(side->e, &event))
        bits |= hf_conn_equal(event.conn, conn) ? event.bits : 0;
    return bits;
}

static void urgent_data_is_told(void **state)
{
    /* The event comes when urgent data is announced, again when more of it is while the first is unread, and with nothing
     * else that happens. MUST-32. */
    (void)state;
    connect_pair();
    drain_events();
    assert_int_equal(hf_tcp_send(pair.a.e, a, "plain", 5, 0), 5);
    pair_settle(&pair);
    assert_false(news_of(&pair.b, b) & HF_EV_URGENT);
    assert_int_equal(hf_tcp_send(pair.a.e, a, "now!", 4, HF_SEND_URGENT), 4);
    pair_settle(&pair);
    assert_true(news_of(&pair.b, b) & HF_EV_URGENT);
    assert_int_equal(info_of(&pair.b, b).urgent_ahead, 9);
    assert_int_equal(hf_tcp_send(pair.a.e, a, "now!", 4, HF_SEND_URGENT), 4);
    pair_settle(&pair);
    assert_true(news_of(&pair.b, b) & HF_EV_URGENT);
    assert_int_equal(info_of(&pair.b, b).urgent_ahead, 13);
}

static void who_finds_the_queue_full_is_counted(void **state)
{
    /* Two calls were half-open when one place was left. The last ACK of the second is left unheard and asked for again; the
     * listener tells how often that was. */
    (void)state;
    struct hf_endpoint any = {.port = 81}, to = pair_end("192.0.2.2", 81);
    const struct hf_tcp_options narrow = {.backlog = 1};
    struct hf_listener_info info;
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, &narrow, &listener), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &b), HF_OK);
    pair_settle(&pair);
    assert_int_equal(hf_listener_status(pair.b.e, listener, &info), HF_OK);
    assert_int_equal(info.funnel.queue_full, 1);
    assert_int_equal(info.waiting, 1);
    assert_int_equal(info.half_open, 1);
}

static void a_copied_block_is_an_engine_of_its_own(void **state)
{
    /* Only offsets inside: the copy goes on where the original stood, and the original does not notice. */
    (void)state;
    struct hf_stats stats;
    connect_pair();
    hf_stats(pair.a.e, &stats);
    size_t size = (stats.engine_size + 63) / 64 * 64;
    uint8_t *copy = aligned_alloc(64, size);
    memcpy(copy, pair.a.memory, stats.engine_size);
    struct hf_engine *twin = (struct hf_engine *)(void *)copy;
    assert_int_equal(hf_tcp_abort(twin, a), HF_OK);
    struct hf_tcp_info info;
    assert_int_equal(hf_tcp_status(twin, a, &info), HF_OK);
    assert_int_equal(info.state, HF_CLOSED);
    assert_int_equal(pair_state(&pair.a, a), HF_ESTABLISHED);
    free(copy);
    finish();
}

static void the_history_tells_the_segment_before_what_it_caused(void **state)
{
    (void)state;
    struct hf_note note;
    uint64_t after = 0;
    connect_pair();
    assert_true(hf_history_next(pair.b.e, &after, &note));
    assert_int_equal(note.kind, HF_NOTE_IN);
    assert_int_equal(note.from, HF_LISTEN);
    assert_int_equal(note.to, HF_SYN_RECEIVED);
    assert_true(hf_history_next(pair.b.e, &after, &note));
    assert_int_equal(note.kind, HF_NOTE_STATE);
    assert_int_equal(note.why, HF_EDGE_SYN);
    assert_true(hf_history_next(pair.b.e, &after, &note));
    assert_int_equal(note.kind, HF_NOTE_OUT);
    assert_int_equal(note.why, HF_WHY_SYN_ACK);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_directions_end_by_themselves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_without_listener_answers_with_a_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_families_and_ethernet_carry_a_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_absent_neighbour_is_a_host_that_cannot_be_reached, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_engine_can_call_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_new_connection_takes_the_tuple_of_a_time_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_table_lets_the_oldest_time_wait_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_megabyte_arrives_whole_though_every_tenth_frame_is_lost, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_released_handle_is_stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_a_listener_resets_who_was_not_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_event_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(urgent_data_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_finds_the_queue_full_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copied_block_is_an_engine_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_history_tells_the_segment_before_what_it_caused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

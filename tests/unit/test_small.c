/* Half-open and TIME-WAIT connections kept small: what a peer sees is the same, and a flood has nothing to fill. */
#include "pair.h"

#include "../../src/tcp/small.h"
#include "../../src/wire/checksum.h"
#include "../../src/wire/ip.h"
#include "../../src/wire/tcp.h"

static struct pair pair;
static hf_conn listener, a, b;

static struct hf_config config_with(uint32_t half_open, uint8_t cookies)
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 64;
    config.max_blocks = 1024;
    config.max_half_open = half_open;
    config.syn_cookies = cookies;
    return config;
}

static void open_config(const struct hf_config *config)
{
    if (pair.a.memory != NULL)
        pair_close(&pair);
    pair_open_link(&pair, config, HF_LINK_IP);
    struct hf_endpoint any = {.port = 80};
    const struct hf_tcp_options options = {.backlog = 32};
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, &options, &listener), HF_OK);
}

static void open_with(uint32_t half_open, uint8_t cookies)
{
    const struct hf_config config = config_with(half_open, cookies);
    open_config(&config);
}

static int set_up(void **state)
{
    (void)state;
    memset(&pair, 0, sizeof pair);
    open_with(8, HF_SYN_COOKIES_UNDER_PRESSURE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

static struct hf_stats stats_of(struct side *side)
{
    struct hf_stats stats;
    hf_stats(side->e, &stats);
    return stats;
}

/* A segment written by hand, from anybody, is given to b. Returns the verdict. */
static enum hf_reason inject(const char *from, const struct hf_segment *seg)
{
    uint8_t packet[120];
    struct hf_ip ip = {.src = pair_addr(from), .protocol = HF_PROTOCOL_TCP, .hop_limit = 64};
    ip.is_v4 = hf_addr_is_v4(&ip.src);
    ip.dst = ip.is_v4 ? pair_addr("192.0.2.2") : pair_addr("2001:db8::2");
    uint32_t at = hf_ip_header_len(ip.is_v4), len = hf_tcp_write(seg, packet + at);
    uint16_t sum =
        hf_sum_finish(hf_sum_add(hf_sum(packet + at, len), hf_sum_pseudo(&ip.src, &ip.dst, HF_PROTOCOL_TCP, len)));
    memcpy(packet + at + 16, &sum, sizeof sum);
    hf_ip_write(&ip, len, packet);
    struct hf_frame frame = {.data = packet, .len = at + len, .link = pair.b.link};
    hf_input(pair.b.e, pair.now, &frame);
    return frame.why;
}

/* What b sends next, read; false when it is silent. */
static bool next_from_b(struct hf_segment *seg)
{
    static uint8_t data[HF_FRAME_MAX];
    struct hf_frame frame = {.data = data, .cap = sizeof data};
    struct hf_ip ip;
    if (!hf_output(pair.b.e, pair.now, &frame))
        return false;
    assert_int_equal(hf_ip_parse(frame.data, frame.len, &ip), HF_ACCEPTED);
    assert_int_equal(hf_tcp_parse(ip.payload, ip.payload_len, seg), HF_ACCEPTED);
    return true;
}

static struct hf_segment syn_from(uint16_t port)
{
    return (struct hf_segment){
        .src_port = port,
        .dst_port = 80,
        .seq = hf_seq_of(1000),
        .flags = HF_TCP_SYN,
        .wnd = 64000,
        .opts = {.present = HF_OPT_MSS | HF_OPT_WSCALE | HF_OPT_SACK_OK, .mss = 1460, .wscale = 7},
    };
}

static void small_records_keep_their_budget(void **state)
{
    (void)state;
    assert_true(hf_small_size(sizeof(struct hf_half_open), true) <= 64);
    assert_true(hf_small_size(sizeof(struct hf_half_open), false) <= 96);
    assert_true(hf_small_size(sizeof(struct hf_time_wait), true) <= 64);
    assert_true(hf_small_size(sizeof(struct hf_time_wait), false) <= 96);
}

static void a_half_open_connection_takes_no_record(void **state)
{
    (void)state;
    struct hf_segment answer, syn = syn_from(5000);
    assert_int_equal(inject("192.0.2.77", &syn), HF_ACCEPTED);
    struct hf_stats stats = stats_of(&pair.b);
    assert_int_equal(stats.connections_used, 0);
    assert_int_equal(stats.half_open_used, 1);
    assert_int_equal(stats.states[HF_SYN_RECEIVED], 1);
    assert_true(next_from_b(&answer));
    assert_int_equal(answer.flags, HF_TCP_SYN | HF_TCP_ACK);
    assert_int_equal(answer.ack.n, 1001);
    hf_conn conn = {0, 0};
    struct hf_tcp_info info = {0};
    while (hf_tcp_next(pair.b.e, &conn) && info.state != HF_SYN_RECEIVED)
        assert_int_equal(hf_tcp_status(pair.b.e, conn, &info), HF_OK);
    assert_int_equal(info.remote.port, 5000);
}

static void its_syn_ack_is_sent_again_and_then_given_up(void **state)
{
    /* 1 s, then doubled; five times (LIFECYCLE). */
    (void)state;
    struct hf_segment answer, syn = syn_from(5000);
    assert_int_equal(inject("192.0.2.77", &syn), HF_ACCEPTED);
    unsigned sent = 0;
    for (unsigned s = 0; s < 70; s++) {
        while (next_from_b(&answer))
            sent++;
        pair.now = hf_time_add(pair.now, HF_SECOND);
        hf_advance(pair.b.e, pair.now);
    }
    assert_int_equal(sent, 6);
    struct hf_stats stats = stats_of(&pair.b);
    assert_int_equal(stats.half_open_used, 0);
    assert_int_equal(stats.states[HF_SYN_RECEIVED], 0);
    assert_int_equal(stats.reasons[HF_EDGE_SYN_TIMED_OUT], 1);
}

static void resets_and_twins_of_the_syn_meet_the_same_rules(void **state)
{
    (void)state;
    struct hf_segment answer, syn = syn_from(5000);
    assert_int_equal(inject("192.0.2.77", &syn), HF_ACCEPTED);
    assert_true(next_from_b(&answer));
    hf_seq iss = answer.seq;
    assert_int_equal(inject("192.0.2.77", &syn), HF_DROP_SYN_DUPLICATE);
    assert_true(next_from_b(&answer));
    assert_true(hf_seq_eq(answer.seq, iss));
    struct hf_segment rst = {.src_port = 5000, .dst_port = 80, .seq = hf_seq_of(1500), .flags = HF_TCP_RST};
    assert_int_equal(inject("192.0.2.77", &rst), HF_DROP_RST_NOT_EXACT);
    assert_true(next_from_b(&answer));
    assert_int_equal(answer.flags, HF_TCP_ACK);
    rst.seq = hf_seq_of(1001);
    assert_int_equal(inject("192.0.2.77", &rst), HF_ACCEPTED);
    assert_int_equal(stats_of(&pair.b).half_open_used, 0);
    assert_int_equal(stats_of(&pair.b).states[HF_SYN_RECEIVED], 0);
}

static void flood(unsigned count)
{
    struct hf_segment answer;
    for (unsigned i = 0; i < count; i++) {
        struct hf_segment syn = syn_from((uint16_t)(10000 + i));
        (void)inject("192.0.2.66", &syn);
        while (next_from_b(&answer))
            ;
    }
}

/* Completes a handshake by hand from the answer to `syn`, with data; b accepts it. */
static struct hf_tcp_info complete(const char *from, const struct hf_segment *syn, const struct hf_segment *answer)
{
    struct hf_segment ack = {
        .src_port = syn->src_port,
        .dst_port = 80,
        .seq = hf_seq_add(syn->seq, 1),
        .ack = hf_seq_add(answer->seq, 1),
        .flags = HF_TCP_ACK,
        .wnd = 1000,
    };
    if (answer->opts.present & HF_OPT_TIMESTAMPS)
        ack.opts = (struct hf_tcp_opts){
            .present = HF_OPT_TIMESTAMPS, .tsval = syn->opts.tsval + 5, .tsecr = answer->opts.tsval};
    struct hf_tcp_info info;
    assert_int_equal(inject(from, &ack), HF_ACCEPTED);
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    assert_int_equal(hf_tcp_status(pair.b.e, b, &info), HF_OK);
    assert_int_equal(info.state, HF_ESTABLISHED);
    return info;
}

static void cookies_answer_when_all_records_are_taken_and_keep_the_options(void **state)
{
    /* RFC 4987, 3.6; LIFECYCLE: MSS, window scale and SACK survive, with the peer's timestamps and without. BUG-17 */
    (void)state;
    const char *const peers[] = {"192.0.2.77", "2001:db8::77"};
    flood(20);
    assert_int_equal(stats_of(&pair.b).half_open_used, 8);
    assert_int_equal(stats_of(&pair.b).reasons[HF_WHY_SYN_COOKIE], 12);
    open_with(1, HF_SYN_COOKIES_ALWAYS);
    for (unsigned i = 0; i < 4; i++) {
        struct hf_segment answer, syn = syn_from((uint16_t)(5000 + i));
        if (i >= 2) {
            syn.opts.present |= HF_OPT_TIMESTAMPS;
            syn.opts.tsval = 77777;
            syn.opts.wscale = 9;
        }
        assert_int_equal(inject(peers[i % 2], &syn), HF_ACCEPTED);
        assert_int_equal(stats_of(&pair.b).half_open_used, 0);
        assert_true(next_from_b(&answer));
        struct hf_tcp_info info = complete(peers[i % 2], &syn, &answer);
        assert_int_equal(info.send_scale, i >= 2 ? 9 : 7);
        assert_true(info.sack);
        assert_int_equal(info.timestamps, i >= 2);
        assert_int_equal(info.mss, (i % 2 ? 1440 : 1460) - (i >= 2 ? 12 : 0));
        assert_int_equal(info.send_window, 1000u << info.send_scale);
    }
    assert_int_equal(stats_of(&pair.b).reasons[HF_EDGE_SYN_COOKIE], 4);
}

static void a_forged_or_old_cookie_is_reset(void **state)
{
    (void)state;
    struct hf_segment answer, syn = syn_from(5000);
    open_with(1, HF_SYN_COOKIES_ALWAYS);
    assert_int_equal(inject("192.0.2.77", &syn), HF_ACCEPTED);
    assert_true(next_from_b(&answer));
    struct hf_segment ack = {.src_port = 5000, .dst_port = 80, .seq = hf_seq_of(1001), .flags = HF_TCP_ACK};
    ack.ack = hf_seq_add(answer.seq, 1 + 512);
    assert_int_equal(inject("192.0.2.77", &ack), HF_DROP_LISTEN_ACK);
    assert_true(next_from_b(&answer));
    assert_int_equal(answer.flags, HF_TCP_RST);
    pair.now = hf_time_add(pair.now, 65 * HF_SECOND);
    ack.ack = hf_seq_sub(ack.ack, 512);
    assert_int_equal(inject("192.0.2.77", &ack), HF_DROP_LISTEN_ACK);
    assert_int_equal(stats_of(&pair.b).reasons[HF_EDGE_SYN_COOKIE], 0);
}

static void a_real_client_connects_during_the_flood(void **state)
{
    (void)state;
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    flood(50);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
        flood(3);
        pair_settle(&pair);
        assert_int_equal(pair_state(&pair.a, a), HF_ESTABLISHED);
        assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    }
}

static void without_cookies_the_oldest_that_never_answers_gives_way(void **state)
{
    (void)state;
    open_with(8, HF_SYN_COOKIES_OFF);
    struct hf_segment answer, syn = syn_from(5000);
    flood(8);
    assert_int_equal(inject("192.0.2.77", &syn), HF_DROP_BACKLOG_FULL);
    pair.now = hf_time_add(pair.now, 1500 * HF_MS);
    hf_advance(pair.b.e, pair.now);
    while (next_from_b(&answer))
        ;
    assert_int_equal(inject("192.0.2.77", &syn), HF_ACCEPTED);
    assert_true(next_from_b(&answer));
    (void)complete("192.0.2.77", &syn, &answer);
    assert_true(stats_of(&pair.b).reasons[HF_LIMIT_HALF_OPEN] > 0);
}

static void time_wait_at_rest_answers_like_a_whole_record(void **state)
{
    /* A FIN sent again is acknowledged and restarts the 2 MSL; RST does nothing (RFC 1337). BUG-27 */
    (void)state;
    struct hf_segment answer, syn = syn_from(5000);
    assert_int_equal(inject("192.0.2.77", &syn), HF_ACCEPTED);
    assert_true(next_from_b(&answer));
    hf_seq iss = answer.seq;
    (void)complete("192.0.2.77", &syn, &answer);
    hf_tcp_release(pair.b.e, b);
    assert_true(next_from_b(&answer));
    assert_true(answer.flags & HF_TCP_FIN);
    struct hf_segment fin = {
        .src_port = 5000,
        .dst_port = 80,
        .seq = hf_seq_of(1001),
        .ack = hf_seq_add(iss, 2),
        .len = 1,
        .flags = HF_TCP_FIN | HF_TCP_ACK,
        .wnd = 1000,
    };
    assert_int_equal(inject("192.0.2.77", &fin), HF_ACCEPTED);
    struct hf_event event;
    while (hf_event(pair.b.e, &event))
        ;
    assert_true(next_from_b(&answer));
    assert_false(next_from_b(&answer));
    assert_int_equal(stats_of(&pair.b).time_wait_used, 1);
    assert_int_equal(stats_of(&pair.b).connections_used, 0);
    pair.now = hf_time_add(pair.now, 50 * HF_SECOND);
    hf_advance(pair.b.e, pair.now);
    assert_int_equal(inject("192.0.2.77", &fin), HF_DROP_OUT_OF_WINDOW);
    assert_true(next_from_b(&answer));
    assert_int_equal(answer.ack.n, 1002);
    struct hf_segment rst = {.src_port = 5000, .dst_port = 80, .seq = hf_seq_of(1002), .flags = HF_TCP_RST};
    assert_int_equal(inject("192.0.2.77", &rst), HF_DROP_TIME_WAIT_RST);
    pair.now = hf_time_add(pair.now, 59 * HF_SECOND);
    hf_advance(pair.b.e, pair.now);
    assert_int_equal(stats_of(&pair.b).states[HF_TIME_WAIT], 1);
    pair.now = hf_time_add(pair.now, 2 * HF_SECOND);
    hf_advance(pair.b.e, pair.now);
    assert_int_equal(stats_of(&pair.b).states[HF_TIME_WAIT], 0);
    assert_int_equal(stats_of(&pair.b).time_wait_used, 0);
    assert_true(hf_time_is_never(hf_deadline(pair.b.e)));
}

static void connect_takes_a_tuple_in_time_wait_after_a_second(void **state)
{
    /* LIFECYCLE, active reuse: timestamps make it safe. */
    (void)state;
    struct hf_endpoint from = pair_end("192.0.2.1", 4000), to = pair_end("192.0.2.2", 80);
    struct hf_event event;
    assert_int_equal(hf_tcp_connect(pair.a.e, &from, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    hf_tcp_release(pair.a.e, a);
    pair_settle(&pair);
    hf_tcp_release(pair.b.e, b);
    pair_settle(&pair);
    while (hf_event(pair.a.e, &event) || hf_event(pair.b.e, &event))
        ;
    pair_settle(&pair);
    assert_int_equal(stats_of(&pair.a).time_wait_used, 1);
    assert_int_equal(hf_tcp_connect(pair.a.e, &from, &to, NULL, &a), HF_ERR_IN_USE);
    pair_run(&pair, 1100 * HF_MS);
    assert_int_equal(hf_tcp_connect(pair.a.e, &from, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.a, a), HF_ESTABLISHED);
    assert_int_equal(stats_of(&pair.a).time_wait_used, 0);
}

static void many_lives_leave_nothing_behind(void **state)
{
    /* Whoever closes first, and however many connections there were before: the next one is open to both. */
    (void)state;
    struct hf_config config = config_with(8, HF_SYN_COOKIES_OFF);
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    struct hf_event event;
    config.max_time_wait = 4;
    open_config(&config);
    for (unsigned life = 0; life < 300; life++) {
        assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
        pair_settle(&pair);
        assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
        bool a_first = life % 2 == 0;
        hf_tcp_release(a_first ? pair.a.e : pair.b.e, a_first ? a : b);
        pair_settle(&pair);
        hf_tcp_release(a_first ? pair.b.e : pair.a.e, a_first ? b : a);
        pair_settle(&pair);
        while (hf_event(pair.a.e, &event) || hf_event(pair.b.e, &event))
            ;
        pair_settle(&pair);
    }
    assert_int_equal(stats_of(&pair.a).time_wait_used, 4);
    assert_int_equal(stats_of(&pair.b).time_wait_used, 4);
}

static void a_listener_that_closes_forgets_its_half_open_children(void **state)
{
    (void)state;
    flood(6);
    assert_int_equal(hf_tcp_release(pair.b.e, listener), HF_OK);
    assert_int_equal(stats_of(&pair.b).half_open_used, 0);
    assert_int_equal(stats_of(&pair.b).states[HF_SYN_RECEIVED], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_records_keep_their_budget),
        cmocka_unit_test_setup_teardown(a_half_open_connection_takes_no_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_syn_ack_is_sent_again_and_then_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resets_and_twins_of_the_syn_meet_the_same_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cookies_answer_when_all_records_are_taken_and_keep_the_options, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_forged_or_old_cookie_is_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_real_client_connects_during_the_flood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_cookies_the_oldest_that_never_answers_gives_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(time_wait_at_rest_answers_like_a_whole_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connect_takes_a_tuple_in_time_wait_after_a_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_lives_leave_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_listener_that_closes_forgets_its_half_open_children, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Data in the SYN (RFC 7413): the round trip it saves, and every way in which it falls back without losing a byte. */
#include "pair.h"

#include "../../src/wire/ip.h"
#include "../../src/wire/tcp.h"

static struct pair pair;
static hf_conn listener, a, b;
static unsigned syns;

static int set_up(void **state)
{
    (void)state;
    struct hf_config config;
    a = b = (hf_conn){0, 0};
    hf_config_defaults(&config);
    config.max_connections = 32;
    config.max_blocks = 256;
    config.fast_open = true;
    pair_open_link(&pair, &config, HF_LINK_IP);
    struct hf_endpoint any = {.port = 80};
    const struct hf_tcp_options options = {.fast_open = 4};
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, &options, &listener), HF_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

static struct hf_tcp_info info_of(struct side *side, hf_conn conn)
{
    struct hf_tcp_info info;
    assert_int_equal(hf_tcp_status(side->e, conn, &info), HF_OK);
    return info;
}

static void call_with(const char *text)
{
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    const struct hf_tcp_options options = {.fast_open = 1};
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, &options, &a), HF_OK);
    assert_int_equal(hf_tcp_send(pair.a.e, a, text, strlen(text), 0), (int64_t)strlen(text));
}

/* b has the text, once and whole; both close. */
static void assert_arrived(const char *text)
{
    char got[128] = {0};
    if (hf_conn_is_none(b))
        assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    assert_int_equal(hf_tcp_receive(pair.b.e, b, got, sizeof got), (int64_t)strlen(text));
    assert_string_equal(got, text);
    assert_int_equal(hf_tcp_receive(pair.b.e, b, got, sizeof got), HF_ERR_AGAIN);
    hf_tcp_release(pair.a.e, a);
    pair_run(&pair, HF_SECOND);
    hf_tcp_release(pair.b.e, b);
    pair_run(&pair, HF_SECOND);
    struct hf_event event;
    while (hf_event(pair.a.e, &event) || hf_event(pair.b.e, &event))
        ;
    b = (hf_conn){0, 0};
}

/* The first meeting: a cookie is asked for and granted, the text goes after the handshake. */
static void meet(void)
{
    call_with("first");
    pair_settle(&pair);
    assert_false(info_of(&pair.a, a).fast_open);
    assert_arrived("first");
}

static void the_second_meeting_saves_the_round_trip(void **state)
{
    /* One frame each way, and the server has the question and its answer is under way. RFC 7413, 4.2 */
    (void)state;
    char got[16];
    meet();
    call_with("question");
    assert_true(pair_move(&pair, true));
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    assert_int_equal(pair_state(&pair.b, b), HF_SYN_RECEIVED);
    assert_int_equal(hf_tcp_receive(pair.b.e, b, got, sizeof got), 8);
    assert_memory_equal(got, "question", 8);
    assert_int_equal(hf_tcp_send(pair.b.e, b, "answer", 6, 0), 6);
    assert_true(pair_move(&pair, false)); /* SYN,ACK */
    assert_true(pair_move(&pair, false)); /* the answer, without waiting */
    assert_int_equal(hf_tcp_receive(pair.a.e, a, got, sizeof got), 6);
    assert_true(info_of(&pair.a, a).fast_open);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.b, b), HF_ESTABLISHED);
    assert_true(info_of(&pair.b, b).fast_open);
}

static void without_the_switch_nothing_is_asked_and_nothing_granted(void **state)
{
    (void)state;
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
        assert_int_equal(hf_tcp_send(pair.a.e, a, "plain", 5, 0), 5);
        pair_settle(&pair);
        assert_false(info_of(&pair.a, a).fast_open);
        assert_arrived("plain");
    }
}

static bool is_syn(const struct hf_frame *frame, bool *has_option)
{
    struct hf_ip ip;
    struct hf_segment seg;
    if (hf_ip_parse(frame->data, frame->len, &ip) != HF_ACCEPTED ||
        hf_tcp_parse(ip.payload, ip.payload_len, &seg) != HF_ACCEPTED)
        return false;
    *has_option = seg.opts.present & HF_OPT_FAST_OPEN;
    return (seg.flags & (HF_TCP_SYN | HF_TCP_ACK)) == HF_TCP_SYN;
}

/* A middlebox that knows no such option. */
static bool eat(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    bool has_option;
    (void)p;
    if (!from_a || !is_syn(frame, &has_option))
        return true;
    syns++;
    return !has_option;
}

static void a_syn_is_never_split(void **state)
{
    /* The cookie came with the peer's MSS, so a SYN may carry more than the default one; a device that splits large frames
     * must leave it whole, or its pieces were SYNs with other text. */
    (void)state;
    static uint8_t data[HF_FRAME_MAX];
    char text[801];
    meet();
    memset(text, 'x', 800);
    text[800] = '\0';
    call_with(text);
    struct hf_frame frame = {.data = data, .cap = sizeof data};
    assert_true(hf_output(pair.a.e, pair.now, &frame));
    assert_true(frame.len > 20 + 20 + 800);
    assert_int_equal(frame.gso_size, 0);
}

static void a_path_that_eats_the_syn_costs_one_retransmission_once(void **state)
{
    /* RFC 7413, 4.1.3: then the destination is left alone for a while. */
    (void)state;
    meet();
    pair.fate = eat;
    syns = 0;
    call_with("question");
    pair_run(&pair, 2 * HF_SECOND);
    assert_int_equal(syns, 2);
    assert_arrived("question");
    for (unsigned i = 0; i < 3; i++) {
        syns = 0;
        call_with("again");
        pair_settle(&pair);
        assert_int_equal(syns, 1);
        assert_arrived("again");
    }
    struct hf_stats stats;
    hf_stats(pair.a.e, &stats);
    assert_int_equal(stats.reasons[HF_ADVICE_FAST_OPEN_EATEN], 1);
}

static void what_an_engine_remembers_the_next_one_may_be_told(void **state)
{
    (void)state;
    struct hf_fast_open_memory memory, other;
    uint32_t index = 0;
    meet();
    assert_true(hf_fast_open_next(pair.a.e, &index, &memory));
    assert_int_equal(memory.cookie_len, 8);
    assert_false(hf_fast_open_next(pair.a.e, &index, &other));
    assert_int_equal(hf_fast_open_remember(pair.b.e, &memory), HF_OK);
    index = 0;
    assert_true(hf_fast_open_next(pair.b.e, &index, &other));
    assert_memory_equal(&memory, &other, offsetof(struct hf_fast_open_memory, cookie) + sizeof memory.cookie);
    assert_int_equal(memory.rests_ns, other.rests_ns);
    memory.cookie_len = 3;
    assert_int_equal(hf_fast_open_remember(pair.b.e, &memory), HF_ERR_INVALID);
}

static void after_an_hour_it_is_tried_again(void **state)
{
    (void)state;
    meet();
    pair.fate = eat;
    call_with("question");
    pair_run(&pair, 2 * HF_SECOND);
    assert_arrived("question");
    pair.fate = NULL;
    pair_run(&pair, 3601 * HF_SECOND);
    call_with("later"); /* with a cookie of the key before the present one */
    pair_settle(&pair);
    assert_true(info_of(&pair.a, a).fast_open);
    assert_arrived("later");
}

static void a_cookie_that_is_no_longer_good_costs_nothing(void **state)
{
    /* The server's key went: text in the SYN is not taken, and goes again at once. RFC 7413, 4.2.2 */
    (void)state;
    meet();
    pair_run(&pair, 3 * 3600 * HF_SECOND);
    call_with("question");
    pair_settle(&pair);
    assert_false(info_of(&pair.a, a).fast_open);
    assert_arrived("question");
    call_with("question");
    pair_settle(&pair);
    assert_true(info_of(&pair.a, a).fast_open);
    assert_arrived("question");
}

static bool lose_the_syn_ack(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)frame;
    if (from_a)
        return true;
    p->fate = NULL;
    return false;
}

static void a_lost_syn_ack_delivers_the_data_once(void **state)
{
    (void)state;
    meet();
    call_with("question");
    pair.fate = lose_the_syn_ack;
    pair_run(&pair, 3 * HF_SECOND);
    assert_int_equal(pair_state(&pair.a, a), HF_ESTABLISHED);
    assert_arrived("question");
}

static void the_listener_takes_only_so_many_at_once(void **state)
{
    /* RFC 7413, 5.1: beyond the limit a SYN is an ordinary one. */
    (void)state;
    hf_conn calls[6];
    meet();
    for (unsigned i = 0; i < 6; i++) {
        call_with("question");
        calls[i] = a;
        assert_true(pair_move(&pair, true));
    }
    struct hf_stats stats;
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.connections_used, 4);
    assert_int_equal(stats.half_open_used, 2);
    pair_settle(&pair);
    for (unsigned i = 0; i < 6; i++) {
        char got[16];
        assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
        assert_int_equal(hf_tcp_receive(pair.b.e, b, got, sizeof got), 8);
        hf_tcp_abort(pair.a.e, calls[i]);
        pair_settle(&pair);
    }
    b = (hf_conn){0, 0};
    call_with("question");
    pair_settle(&pair);
    assert_true(info_of(&pair.a, a).fast_open); /* the others are over, so there is room again */
    assert_int_equal(hf_tcp_release(pair.b.e, listener), HF_OK);
}

static void closing_at_once_still_delivers(void **state)
{
    (void)state;
    char got[16];
    meet();
    call_with("question");
    hf_tcp_shutdown(pair.a.e, a);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    assert_int_equal(hf_tcp_receive(pair.b.e, b, got, sizeof got), 8);
    assert_int_equal(hf_tcp_receive(pair.b.e, b, got, sizeof got), 0);
    assert_int_equal(pair_state(&pair.b, b), HF_CLOSE_WAIT);
    b = (hf_conn){0, 0};
}

static void who_waits_to_be_accepted_already_needs_no_other_place(void **state)
{
    /* The text of the SYN has put the call into the accept queue, which holds one: its last ACK finds the queue full with
     * nobody but itself, and completes the handshake. */
    (void)state;
    struct hf_endpoint any = {.port = 81}, to = pair_end("192.0.2.2", 81);
    const struct hf_tcp_options narrow = {.fast_open = 4, .backlog = 1}, wanted = {.fast_open = 1};
    hf_conn few;
    meet();
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, &narrow, &few), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, &wanted, &a), HF_OK);
    assert_int_equal(hf_tcp_send(pair.a.e, a, "question", 8, 0), 8);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_accept(pair.b.e, few, &b), HF_OK);
    assert_true(info_of(&pair.b, b).fast_open);
    assert_int_equal(pair_state(&pair.b, b), HF_ESTABLISHED);
    b = (hf_conn){0, 0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_meeting_saves_the_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_switch_nothing_is_asked_and_nothing_granted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_syn_is_never_split, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_eats_the_syn_costs_one_retransmission_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_an_engine_remembers_the_next_one_may_be_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_an_hour_it_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cookie_that_is_no_longer_good_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_syn_ack_delivers_the_data_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_listener_takes_only_so_many_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_at_once_still_delivers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_to_be_accepted_already_needs_no_other_place, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

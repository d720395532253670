/* Every pool in turn holds one item only. Connections may then be refused, wait or be slow, but each refusal has a counted
 * reason, one connection at least carries its text whole, and nothing is left behind. */
#include "pair.h"

#define CALLS 3
#define LEN   3000

static struct pair pair;
static uint8_t text[LEN], got[CALLS][2][LEN];

struct life {
    hf_conn a, b;
    uint32_t sent[2], read[2];
    bool is_open, has_ended;
};

static struct life lives[CALLS];
static hf_conn listener;

static void open_with(const struct hf_config *config)
{
    memset(lives, 0, sizeof lives);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7 + i / 256);
    pair_open_link(&pair, config, HF_LINK_IP);
    struct hf_endpoint any = {.port = 80};
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, NULL, &listener), HF_OK);
}

static void move(struct side *side, hf_conn conn, struct life *life, unsigned which)
{
    uint32_t index = (uint32_t)(life - lives);
    int64_t n = hf_tcp_send(side->e, conn, text + life->sent[which], LEN - life->sent[which], 0);
    life->sent[which] += n > 0 ? (uint32_t)n : 0;
    n = hf_tcp_receive(side->e, conn, got[index][which] + life->read[which], LEN - life->read[which]);
    life->read[which] += n > 0 ? (uint32_t)n : 0;
}

static struct hf_tcp_info info_of(struct side *side, hf_conn conn)
{
    struct hf_tcp_info info;
    assert_int_equal(hf_tcp_status(side->e, conn, &info), HF_OK);
    return info;
}

/* Whoever is accepted belongs to the call from its port. */
static void accept_all(void)
{
    hf_conn conn;
    while (hf_tcp_accept(pair.b.e, listener, &conn) == HF_OK) {
        uint16_t port = info_of(&pair.b, conn).remote.port;
        for (unsigned i = 0; i < CALLS; i++)
            if (lives[i].is_open && !lives[i].has_ended && info_of(&pair.a, lives[i].a).local.port == port)
                lives[i].b = conn;
    }
}

static bool is_over(struct side *side, hf_conn conn)
{
    struct hf_tcp_info info;
    return hf_tcp_status(side->e, conn, &info) != HF_OK || info.state == HF_CLOSED;
}

static void take_turn(struct life *life)
{
    if (life->has_ended || !life->is_open)
        return;
    move(&pair.a, life->a, life, 0);
    if (!hf_conn_is_none(life->b))
        move(&pair.b, life->b, life, 1);
    bool is_done = life->read[0] == LEN && life->read[1] == LEN;
    if (!is_done && !is_over(&pair.a, life->a))
        return;
    life->has_ended = true;
    hf_tcp_release(pair.a.e, life->a);
    if (!hf_conn_is_none(life->b))
        hf_tcp_release(pair.b.e, life->b);
}

static void drain_events(void)
{
    struct hf_event event;
    while (hf_event(pair.a.e, &event) || hf_event(pair.b.e, &event))
        ;
}

/* Three calls at once; whichever cannot be made is left alone. */
static void live(void)
{
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    for (unsigned i = 0; i < CALLS; i++)
        lives[i].is_open = hf_tcp_connect(pair.a.e, NULL, &to, NULL, &lives[i].a) == HF_OK;
    for (unsigned turn = 0; turn < 3000; turn++) {
        accept_all();
        for (unsigned i = 0; i < CALLS; i++)
            take_turn(&lives[i]);
        pair_run(&pair, 100 * HF_MS);
        drain_events();
    }
}

static unsigned whole_lives(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CALLS; i++)
        if (lives[i].read[0] == LEN && lives[i].read[1] == LEN) {
            assert_memory_equal(got[i][0], text, LEN);
            assert_memory_equal(got[i][1], text, LEN);
            count++;
        }
    return count;
}

static void assert_nothing_left(struct side *side, uint32_t listeners)
{
    struct hf_stats stats;
    hf_stats(side->e, &stats);
    for (unsigned s = 0; s < HF_STATE_COUNT; s++)
        assert_int_equal(stats.states[s], s == HF_LISTEN ? listeners : 0);
    assert_int_equal(stats.connections_used, 0);
    assert_int_equal(stats.half_open_used + stats.time_wait_used + stats.orphans_used, 0);
    assert_int_equal(stats.blocks_used + stats.sending_used + stats.receiving_used + stats.sent_used, 0);
}

/* The first SYN,ACK is lost: its half-open record is still there when the other SYNs come. */
static unsigned lost;
static bool lose_one(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p;
    return from_a || frame->why != HF_WHY_SYN_ACK || lost++ != 0;
}

/* `reason`: what must have been counted, on either side, or HF_REASON_NONE. */
static void one_of(size_t field, uint32_t least, enum hf_reason reason)
{
    struct hf_config config;
    struct hf_stats a, b;
    hf_config_defaults(&config);
    config.max_connections = 8;
    config.max_blocks = 256;
    config.block_len = 256;
    *(uint32_t *)(void *)((uint8_t *)&config + field) = least;
    open_with(&config);
    pair.fate = lose_one;
    lost = 0;
    live();
    assert_true(whole_lives() > 0);
    hf_stats(pair.a.e, &a);
    hf_stats(pair.b.e, &b);
    if (reason != HF_REASON_NONE)
        assert_true(a.reasons[reason] + b.reasons[reason] > 0);
    assert_nothing_left(&pair.a, 0);
    assert_nothing_left(&pair.b, 1);
    pair_close(&pair);
}

#define ONE(name, field, reason)                                                                                   \
    static void name(void **state)                                                                                 \
    {                                                                                                              \
        (void)state;                                                                                               \
        one_of(offsetof(struct hf_config, field), 1, reason);                                                      \
    }

ONE(one_connection, max_connections, HF_LIMIT_CONNECTIONS)
ONE(one_half_open, max_half_open, HF_WHY_SYN_COOKIE)
ONE(one_time_wait, max_time_wait, HF_EDGE_GAVE_WAY)
ONE(one_orphan, max_orphans, HF_REASON_NONE)
ONE(one_sending, max_sending, HF_LIMIT_SENDING)
ONE(one_receiving, max_receiving, HF_LIMIT_RECEIVING)
ONE(one_sent, max_sent, HF_LIMIT_SENT)
ONE(one_reply, max_replies, HF_REASON_NONE)
ONE(one_note, max_history, HF_LIMIT_HISTORY)
ONE(one_path, max_paths, HF_REASON_NONE)
ONE(one_neighbour, max_neighbours, HF_REASON_NONE)

/* One to send, one to receive: with less an engine could wait for itself. */
static void two_blocks(void **state)
{
    (void)state;
    one_of(offsetof(struct hf_config, max_blocks), 2, HF_LIMIT_BLOCKS);
}

static bool is_told_of_room(hf_conn conn)
{
    struct hf_event event;
    bool is_told = false;
    while (hf_event(pair.a.e, &event))
        is_told |= hf_conn_equal(event.conn, conn) && (event.fresh & HF_EV_WRITABLE);
    return is_told;
}

static void room_that_comes_before_its_turn_is_told(void **state)
{
    /* One connection is refused for want of a pool's item; before it is asked whether it has something to send, another
     * gives that item back. Nothing will wake it later, so it is told then. */
    (void)state;
    static uint8_t data[HF_FRAME_MAX];
    struct hf_config config;
    struct hf_frame ack = {.data = data, .cap = sizeof data};
    hf_config_defaults(&config);
    config.max_sending = 1;
    open_with(&config);
    struct hf_endpoint to = pair_end("192.0.2.2", 80);
    hf_conn first, second;
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &first), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &second), HF_OK);
    pair_run(&pair, 100 * HF_MS);
    assert_true(is_told_of_room(second));
    assert_int_equal(hf_tcp_send(pair.a.e, first, text, 100, 0), 100);
    while (pair_move(&pair, true))
        ;
    for (unsigned i = 0; i < 100 && !hf_output(pair.b.e, pair.now, &ack); i++) {
        pair.now = hf_time_add(pair.now, HF_MS);
        hf_advance(pair.b.e, pair.now);
    }
    assert_int_equal(hf_tcp_send(pair.a.e, second, text, 100, 0), HF_ERR_AGAIN);
    assert_false(is_told_of_room(second));
    ack.link = pair.a.link;
    hf_input(pair.a.e, pair.now, &ack);
    while (pair_move(&pair, true))
        ;
    assert_true(is_told_of_room(second));
    pair_close(&pair);
}

static void one_listener(void **state)
{
    (void)state;
    struct hf_config config;
    struct hf_stats stats;
    hf_conn second;
    struct hf_endpoint other = {.port = 81};
    hf_config_defaults(&config);
    config.max_listeners = 1;
    open_with(&config);
    assert_int_equal(hf_tcp_listen(pair.b.e, &other, NULL, &second), HF_ERR_LIMIT);
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.reasons[HF_LIMIT_LISTENERS], 1);
    assert_int_equal(hf_tcp_release(pair.b.e, listener), HF_OK);
    assert_int_equal(hf_tcp_listen(pair.b.e, &other, NULL, &second), HF_OK);
    pair_close(&pair);
}

/* ---- what the listener tells of it ---- */

static void the_funnel_adds_up(void **state)
{
    (void)state;
    struct hf_config config;
    struct hf_listener_info info;
    hf_config_defaults(&config);
    config.max_half_open = 1;
    open_with(&config);
    pair.fate = lose_one;
    lost = 0;
    live();
    assert_int_equal(hf_listener_status(pair.b.e, listener, &info), HF_OK);
    assert_int_equal(info.funnel.syns, CALLS);
    assert_int_equal(info.funnel.cookies_sent, CALLS - 1);
    assert_int_equal(info.funnel.cookies_returned, CALLS - 1);
    assert_int_equal(info.funnel.established, CALLS);
    assert_int_equal(info.funnel.accepted, CALLS);
    assert_int_equal(info.half_open + info.waiting, 0);
    assert_int_equal(info.backlog, 128);
    pair_close(&pair);
}

static void who_closed_first_is_counted(void **state)
{
    (void)state;
    struct hf_config config;
    struct hf_stats a, b;
    hf_config_defaults(&config);
    open_with(&config);
    live(); /* a releases first, b in the same instant: both FINs cross */
    hf_stats(pair.a.e, &a);
    hf_stats(pair.b.e, &b);
    assert_int_equal(a.closed_first[HF_WHO_US] + a.closed_first[HF_WHO_PEER] + a.closed_first[HF_WHO_BOTH], CALLS);
    assert_int_equal(b.closed_first[HF_WHO_US] + b.closed_first[HF_WHO_PEER] + b.closed_first[HF_WHO_BOTH], CALLS);
    assert_int_equal(a.entered[HF_ESTABLISHED], CALLS);
    assert_int_equal(a.time_in_ns[HF_TIME_WAIT] / HF_SECOND, 60 * a.entered[HF_TIME_WAIT]);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection),
        cmocka_unit_test(one_half_open),
        cmocka_unit_test(one_time_wait),
        cmocka_unit_test(one_orphan),
        cmocka_unit_test(one_sending),
        cmocka_unit_test(one_receiving),
        cmocka_unit_test(two_blocks),
        cmocka_unit_test(one_sent),
        cmocka_unit_test(one_reply),
        cmocka_unit_test(one_note),
        cmocka_unit_test(one_path),
        cmocka_unit_test(one_neighbour),
        cmocka_unit_test(room_that_comes_before_its_turn_is_told),
        cmocka_unit_test(one_listener),
        cmocka_unit_test(the_funnel_adds_up),
        cmocka_unit_test(who_closed_first_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

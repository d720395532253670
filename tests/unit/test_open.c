/* OPEN and what IP does for TCP: listeners, addresses, ports, header fields, checksums, and who is not answered. */
#include <stdio.h>

#include "pair.h"

#include "../../src/base/bytes.h"
#include "../../src/base/sum.h"
#include "../../src/wire/checksum.h"

#define TOS_AT 1
#define TTL_AT 8
#define SRC_AT 12
#define TCP_AT 20

static struct pair pair;
static hf_conn listener, a, b;
static uint8_t seen[16][HF_FRAME_MIN_CAP]; /* the first frames of a's */
static unsigned seen_count;

static int set_up(void **state)
{
    (void)state;
    pair_open(&pair);
    listener = a = b = (hf_conn){0, 0};
    seen_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

static uint64_t reason(const struct side *side, enum hf_reason why)
{
    struct hf_stats stats;
    hf_stats(side->e, &stats);
    return stats.reasons[why];
}

static bool keep_frames_of_a(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p;
    if (from_a && seen_count < 16)
        memcpy(seen[seen_count++], frame->data, frame->len);
    return true;
}

static bool lose_all(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p;
    (void)from_a;
    (void)frame;
    return false;
}

/* ---- listeners ---- */

static void a_second_listener_changes_nothing(void **state)
{
    /* A passive OPEN for a taken port is refused, and the listener and its connections go on as if nothing had been.
     * MUST-41. */
    (void)state;
    pair_connect(&pair, "192.0.2.2", &listener, &a, &b);
    struct hf_endpoint any = {.port = 80};
    hf_conn second = {0, 0}, a2, b2;
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, NULL, &second), HF_ERR_IN_USE);
    assert_int_equal(hf_tcp_send(pair.a.e, a, "still here", 10, 0), 10);
    pair_settle(&pair);
    char text[16];
    assert_int_equal(hf_tcp_receive(pair.b.e, b, text, sizeof text), 10);
    pair_connect(&pair, "192.0.2.2", &listener, &a2, &b2);
}

static void one_may_listen_where_one_calls_from(void **state)
{
    /* Connections in SYN-SENT and SYN-RECEIVED with the same local port do not keep a listener from it. MUST-42. */
    (void)state;
    struct hf_endpoint from = pair_end("192.0.2.1", 5000), to = pair_end("192.0.2.2", 5000);
    pair.fate = lose_all;
    assert_int_equal(hf_tcp_connect(pair.a.e, &from, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.a, a), HF_SYN_SENT);
    struct hf_endpoint any = {.port = 5000};
    assert_int_equal(hf_tcp_listen(pair.a.e, &any, NULL, &listener), HF_OK);
    struct hf_stats stats;
    pair.fate = NULL;
    pair_settle(&pair);
    hf_stats(pair.a.e, &stats);
    assert_int_equal(stats.states[HF_LISTEN], 1);
    assert_int_equal(hf_tcp_connect(pair.b.e, &to, &from, NULL, &b), HF_OK); /* simultaneous open with `a` */
    assert_true(pair_move(&pair, false));
    assert_int_equal(pair_state(&pair.a, a), HF_SYN_RECEIVED);
    assert_int_equal(hf_tcp_release(pair.a.e, listener), HF_OK);
    assert_int_equal(hf_tcp_listen(pair.a.e, &any, NULL, &listener), HF_OK);
}

/* ---- addresses ---- */

static void the_local_address_is_the_one_asked_for_or_chosen_and_stays(void **state)
{
    /* Of two addresses OPEN takes the one it is given, or IP chooses one before the first SYN, and every segment of the
     * connection then has it. MUST-43, MUST-44, MUST-45. */
    (void)state;
    struct hf_addr second = hf_addr_v4(192, 0, 2, 77);
    assert_int_equal(hf_address_add(pair.a.e, pair.a.link, &second, 24), HF_OK);
    struct hf_endpoint any = {.port = 80}, to = pair_end("192.0.2.2", 80), from = {.addr = second};
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, NULL, &listener), HF_OK);
    for (unsigned i = 0; i < 2; i++) {
        seen_count = 0;
        pair.fate = keep_frames_of_a;
        assert_int_equal(hf_tcp_connect(pair.a.e, i == 0 ? &from : NULL, &to, NULL, &a), HF_OK);
        pair_settle(&pair);
        hf_tcp_send(pair.a.e, a, "x", 1, 0);
        hf_tcp_close(pair.a.e, a);
        pair_settle(&pair);
        assert_true(seen_count >= 3);
        for (unsigned f = 0; f < seen_count; f++)
            assert_memory_equal(seen[f] + SRC_AT, ((const uint8_t[]){192, 0, 2, i == 0 ? 77 : 1}), 4);
    }
}

static void a_listener_with_an_address_hears_that_one_only(void **state)
{
    /* MUST-43: a passive OPEN with a local address awaits requests to it, and to no other. */
    (void)state;
    struct hf_addr second = hf_addr_v4(192, 0, 2, 77);
    assert_int_equal(hf_address_add(pair.b.e, pair.b.link, &second, 24), HF_OK);
    struct hf_endpoint at = {second, 80}, other = pair_end("192.0.2.2", 80);
    assert_int_equal(hf_tcp_listen(pair.b.e, &at, NULL, &listener), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &other, NULL, &a), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &at, NULL, &b), HF_OK);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.a, a), HF_CLOSED);
    assert_int_equal(pair_state(&pair.a, b), HF_ESTABLISHED);
}

static void nobody_calls_a_group(void **state)
{
    /* OPEN to a broadcast, multicast or impossible address is an error at once. MUST-46. */
    (void)state;
    static const char *const bad[] = {"255.255.255.255", "192.0.2.255", "192.0.2.0", "224.0.0.1", "239.1.2.3",
                                      "0.0.0.0",         "0.1.2.3",     "127.0.0.1", "::",        "::1",
                                      "ff02::1",         "ff0e::1234"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct hf_endpoint to = pair_end(bad[i], 80);
        int error = hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a);
        if (error != HF_ERR_INVALID)
            fail_msg("%s: %s", bad[i], hf_error_text(error));
    }
}

/* Hands b a SYN from `src` to `dst` by hand, its checksums right. */
static void syn_arrives(const char *src, const char *dst)
{
    struct hf_addr from = pair_addr(src), to = pair_addr(dst);
    uint8_t packet[40] = {0x45, [3] = 40, [TTL_AT] = 64, [9] = 6};
    memcpy(packet + SRC_AT, from.bytes + 12, 4);
    memcpy(packet + SRC_AT + 4, to.bytes + 12, 4);
    uint16_t sum = hf_sum_finish(hf_sum(packet, 20));
    memcpy(packet + 10, &sum, 2);
    hf_put16(packet + TCP_AT, 40000);
    hf_put16(packet + TCP_AT + 2, 80);
    packet[TCP_AT + 12] = 0x50;
    packet[TCP_AT + 13] = 2;
    sum = hf_sum_finish(hf_sum_add(hf_sum(packet + TCP_AT, 20), hf_sum_pseudo(&from, &to, 6, 20)));
    memcpy(packet + TCP_AT + 16, &sum, 2);
    struct hf_frame frame = {.data = packet, .len = sizeof packet, .cap = sizeof packet, .link = pair.b.link};
    hf_input(pair.b.e, pair.now, &frame);
}

static void a_syn_to_or_from_a_group_is_not_heard(void **state)
{
    /* BUG-10: not answered, neither by SYN,ACK nor by RST, and no record made: a SYN to a broadcast or multicast address
     * (MUST-57), and one from an address that cannot be one host's (MUST-63). The same SYN between hosts is answered. */
    (void)state;
    static const char *const ends[][2] = {
        {"192.0.2.1", "192.0.2.255"}, {"192.0.2.1", "255.255.255.255"}, {"192.0.2.1", "224.0.0.1"},
        {"192.0.2.255", "192.0.2.2"}, {"255.255.255.255", "192.0.2.2"}, {"224.0.0.5", "192.0.2.2"},
        {"0.0.0.0", "192.0.2.2"},     {"127.0.0.1", "192.0.2.2"},       {"192.0.2.2", "192.0.2.2"},
        {"192.0.2.1", "192.0.2.2"},
    };
    struct hf_endpoint any = {.port = 80};
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, NULL, &listener), HF_OK);
    unsigned last = sizeof ends / sizeof ends[0] - 1;
    for (unsigned i = 0; i <= last; i++) {
        syn_arrives(ends[i][0], ends[i][1]);
        if (pair_move(&pair, false) != (i == last))
            fail_msg("%s to %s", ends[i][0], ends[i][1]);
    }
}

/* ---- header fields ---- */

static void the_header_says_what_was_configured(void **state)
{
    /* TTL is the engine's (MUST-49), the Diffserv field the connection's, in the SYN already, and passed on unchanged
     * (MUST-48, SHLD-22) until the application changes it (SHLD-21). */
    (void)state;
    struct hf_config config;
    hf_config_defaults(&config);
    config.ip_ttl = 17;
    pair_close(&pair);
    pair_open_link(&pair, &config, HF_LINK_IP);
    pair.fate = keep_frames_of_a;
    struct hf_tcp_options options = {.traffic_class = 0xb8};
    struct hf_endpoint any = {.port = 80}, to = pair_end("192.0.2.2", 80);
    assert_int_equal(hf_tcp_listen(pair.b.e, &any, NULL, &listener), HF_OK);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, &options, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(seen_count, 2);
    options.traffic_class = 0x28;
    assert_int_equal(hf_tcp_set_options(pair.a.e, a, &options), HF_OK);
    hf_tcp_send(pair.a.e, a, "x", 1, 0);
    pair_settle(&pair);
    static const uint8_t expected[] = {0xb8, 0xb8, 0x28};
    assert_int_equal(seen_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(seen[i][TOS_AT], expected[i]);
        assert_int_equal(seen[i][TTL_AT], 17);
    }
}

static bool flip_a_bit(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p;
    if (from_a)
        frame->data[frame->len - 1] ^= 4;
    return true;
}

static void a_wrong_checksum_is_not_heard(void **state)
{
    /* Every segment leaves with a checksum that the other end verifies (MUST-2), and one that does not match is dropped
     * before anything in it is believed, a RST for nobody included (MUST-3). */
    (void)state;
    pair_connect(&pair, "192.0.2.2", &listener, &a, &b);
    assert_int_equal(reason(&pair.a, HF_DROP_TCP_CHECKSUM) + reason(&pair.b, HF_DROP_TCP_CHECKSUM), 0);
    pair.fate = flip_a_bit;
    hf_tcp_send(pair.a.e, a, "x", 1, 0);
    assert_true(pair_move(&pair, true));
    assert_int_equal(reason(&pair.b, HF_DROP_TCP_CHECKSUM), 1);
    assert_false(pair_move(&pair, false));
    struct hf_endpoint nobody = pair_end("192.0.2.2", 81);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &nobody, NULL, &b), HF_OK);
    assert_true(pair_move(&pair, true));
    assert_int_equal(reason(&pair.b, HF_DROP_TCP_CHECKSUM), 2);
    assert_false(pair_move(&pair, false));
}

/* ---- the next hop ---- */

static unsigned questions; /* ARP requests of a's to b's own link address */

static bool lose_all_and_count_questions(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p;
    bool is_arp = frame->data[12] == 0x08 && frame->data[13] == 0x06;
    questions += from_a && is_arp && !(frame->data[0] & 1);
    return false;
}

static void a_silent_next_hop_is_asked_whether_it_is_there(void **state)
{
    /* When nothing comes back for three retransmissions, IP is advised that the next hop may be gone, and asks it, long
     * before its time is over. MUST-20; RFC 9293, 3.8.3. */
    (void)state;
    struct hf_config config;
    hf_config_defaults(&config);
    pair_close(&pair);
    pair_open_link(&pair, &config, HF_LINK_ETHERNET);
    pair_connect(&pair, "192.0.2.2", &listener, &a, &b);
    pair.fate = lose_all_and_count_questions;
    questions = 0;
    hf_tcp_send(pair.a.e, a, "x", 1, 0);
    pair_run(&pair, HF_SECOND);
    assert_int_equal(questions, 0);
    pair_run(&pair, 4 * HF_SECOND);
    assert_int_equal(questions, 3);
}

/* ---- ports ---- */

static uint16_t port_towards(const char *addr)
{
    struct hf_endpoint to = pair_end(addr, 80);
    struct hf_tcp_info info;
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    assert_int_equal(hf_tcp_status(pair.a.e, a, &info), HF_OK);
    return info.local.port;
}

static void ports_do_not_repeat_and_tell_nothing(void **state)
{
    /* Ports to one destination differ while they are in use, and one's own destination does not tell what another's
     * will be (RFC 6056, 3.3; BUG-16). */
    (void)state;
    uint16_t first = port_towards("192.0.2.2"), second = port_towards("192.0.2.2");
    assert_int_not_equal(first, second);
    unsigned alike = 0;
    for (unsigned i = 0; i < 8; i++) {
        char other[16];
        snprintf(other, sizeof other, "192.0.2.%u", 10 + i);
        int distance = port_towards(other) - second;
        alike += distance > -16 && distance < 16;
    }
    assert_true(alike <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_listener_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_may_listen_where_one_calls_from, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_local_address_is_the_one_asked_for_or_chosen_and_stays, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_listener_with_an_address_hears_that_one_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_calls_a_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_syn_to_or_from_a_group_is_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_header_says_what_was_configured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_checksum_is_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_next_hop_is_asked_whether_it_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ports_do_not_repeat_and_tell_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

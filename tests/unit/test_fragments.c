/* Reassembly: whole datagrams from any order of fragments, and no lie believed. */
#include "ip_fixture.h"

#include "../../src/ip/fragments.h"

#define CAPACITY 3
#define UDP      17
#define TCP      6

static struct hf_fragments *fragments;
static hf_time now;
static struct hf_datagram whole;
static uint8_t text[65536]; /* what the honest sender sends */

static int set_up(void **state)
{
    (void)state;
    struct hf_arena arena;
    fragments = fresh_block(sizeof *fragments, &arena);
    hf_fragments_init(fragments, &arena, CAPACITY);
    now = at_ms(1000);
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
    return 0;
}

static int sound(void **state)
{
    (void)state;
    const char *broken = hf_fragments_check(fragments);
    if (broken != NULL)
        fail_msg("%s", broken);
    return 0;
}

/* The header of each packet: its bytes are recognisable, its meaning is the wire layer's. */
static const uint8_t header[200] = {0x45, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

static struct hf_fragment part_v4(uint32_t id, uint32_t offset, uint32_t len, bool more)
{
    return (struct hf_fragment){
        .src = hf_addr_v4(192, 0, 2, 7),
        .dst = hf_addr_v4(192, 0, 2, 1),
        .id = id,
        .offset = offset,
        .more = more,
        .protocol = UDP,
        .packet = header,
        .header_len = 20,
        .data = text + offset,
        .len = len,
    };
}

static struct hf_fragment part_v6(uint32_t id, uint32_t offset, uint32_t len, bool more)
{
    struct hf_fragment in = part_v4(id, offset, len, more);
    in.src = addr("2001:db8::7");
    in.dst = addr("2001:db8::1");
    in.header_len = 48;
    return in;
}

static enum hf_reason arrives(struct hf_fragment in)
{
    return hf_fragments_add(fragments, &in, now, &whole);
}

static void assert_whole(uint32_t len)
{
    assert_int_equal(whole.len, len);
    assert_memory_equal(whole.data, text, len);
}

static void fragments_in_order_make_a_datagram(void **state)
{
    /* Fragments that arrive in order are kept until the last completes them, with the first one's protocol. */
    (void)state;
    assert_int_equal(arrives(part_v4(1, 0, 1480, true)), HF_DROP_FRAGMENT);
    assert_int_equal(arrives(part_v4(1, 1480, 1480, true)), HF_DROP_FRAGMENT);
    assert_int_equal(arrives(part_v4(1, 2960, 41, false)), HF_ACCEPTED);
    assert_whole(3001);
    assert_int_equal(whole.protocol, UDP);
    assert_int_equal(fragments->pool.used, 0);
    assert_true(hf_time_is_never(hf_fragments_deadline(fragments)));
}

static void fragments_make_a_datagram_in_every_order(void **state)
{
    /* Whatever the order of four fragments, the same datagram comes out. */
    (void)state;
    static const struct {
        uint32_t offset, len;
        bool more;
    } part[4] = {{0, 8, true}, {8, 16, true}, {24, 8, true}, {32, 3, false}};
    for (unsigned order = 0; order < 256; order++) {
        unsigned pick[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        if ((1u << pick[0] | 1u << pick[1] | 1u << pick[2] | 1u << pick[3]) != 15)
            continue;
        for (unsigned i = 0; i < 4; i++) {
            enum hf_reason wanted = i == 3 ? HF_ACCEPTED : HF_DROP_FRAGMENT;
            assert_int_equal(arrives(part_v6(order, part[pick[i]].offset, part[pick[i]].len, part[pick[i]].more)),
                             wanted);
        }
        assert_whole(35);
    }
}

static void datagrams_are_told_apart(void **state)
{
    /* Source, destination and identification name a datagram, over IPv4 the protocol too (RFC 791, 3.2). */
    (void)state;
    struct hf_fragment other = part_v4(1, 8, 8, false);
    arrives(part_v4(1, 0, 8, true));
    other.protocol = 1;
    assert_int_equal(arrives(other), HF_DROP_FRAGMENT);
    other = part_v4(2, 8, 8, false);
    assert_int_equal(arrives(other), HF_DROP_FRAGMENT);
    assert_int_equal(arrives(part_v4(1, 8, 8, false)), HF_ACCEPTED);
    assert_int_equal(arrives(part_v4(2, 0, 8, true)), HF_ACCEPTED);
}

static void ipv6_takes_the_next_header_of_the_first_fragment(void **state)
{
    /* Over IPv6 the first fragment says what the datagram is, whatever the others say (RFC 8200, 4.5). */
    (void)state;
    struct hf_fragment last = part_v6(1, 8, 8, false);
    last.protocol = 99;
    assert_int_equal(arrives(last), HF_DROP_FRAGMENT);
    assert_int_equal(arrives(part_v6(1, 0, 8, true)), HF_ACCEPTED);
    assert_int_equal(whole.protocol, UDP);
}

static void a_repeated_fragment_is_harmless(void **state)
{
    /* BUG-06: a fragment that the network duplicated is dropped, and its datagram still completes. */
    (void)state;
    arrives(part_v4(1, 0, 16, true));
    assert_int_equal(arrives(part_v4(1, 0, 16, true)), HF_DROP_FRAGMENT);
    arrives(part_v4(1, 24, 8, false));
    assert_int_equal(arrives(part_v4(1, 24, 8, false)), HF_DROP_FRAGMENT);
    assert_int_equal(arrives(part_v4(1, 16, 8, true)), HF_ACCEPTED);
    assert_whole(32);
}

static void an_overlap_damns_the_datagram(void **state)
{
    /* BUG-06: partly overlapping, or repeated with other bytes: the datagram is lost with all its fragments to come
     * (RFC 5722, 4). */
    (void)state;
    uint8_t forged[16] = {0};
    struct hf_fragment again = part_v4(1, 0, 16, true);
    arrives(part_v4(1, 0, 16, true));
    again.data = forged;
    assert_int_equal(arrives(again), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(arrives(part_v4(1, 16, 8, false)), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(arrives(part_v4(1, 0, 16, true)), HF_DROP_FRAGMENT_BAD);
    arrives(part_v6(2, 0, 16, true));
    assert_int_equal(arrives(part_v6(2, 8, 16, true)), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(arrives(part_v6(2, 16, 16, false)), HF_DROP_FRAGMENT_BAD);
}

static void a_second_end_damns_the_datagram(void **state)
{
    /* BUG-06: two fragments that claim to be last, data beyond the end, or an end before what is there: refused. */
    (void)state;
    arrives(part_v4(1, 16, 8, false));
    assert_int_equal(arrives(part_v4(1, 32, 8, false)), HF_DROP_FRAGMENT_BAD);
    arrives(part_v4(2, 16, 8, false));
    assert_int_equal(arrives(part_v4(2, 24, 8, true)), HF_DROP_FRAGMENT_BAD);
    arrives(part_v4(3, 32, 8, true));
    assert_int_equal(arrives(part_v4(3, 16, 8, false)), HF_DROP_FRAGMENT_BAD);
    set_up(NULL);
    arrives(part_v4(4, 16, 8, false));
    assert_int_equal(arrives(part_v4(4, 16, 8, true)), HF_DROP_FRAGMENT_BAD);
}

static void more_than_65535_bytes_are_refused(void **state)
{
    /* BUG-06: no fragment may end beyond the largest datagram, header counted (the ping of death). */
    (void)state;
    assert_int_equal(arrives(part_v4(1, 65512, 4, false)), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(arrives(part_v4(2, 65528, 8, true)), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(arrives(part_v4(3, 65512, 3, false)), HF_DROP_FRAGMENT);
    assert_int_equal(arrives(part_v6(4, 65528, 7, false)), HF_DROP_FRAGMENT);
    assert_int_equal(arrives(part_v6(5, 65528, 8, false)), HF_DROP_FRAGMENT_BAD);
}

static void the_largest_datagram_passes(void **state)
{
    /* 65,515 bytes over IPv4 and 65,535 over IPv6 are reassembled whole, from whatever came first. */
    (void)state;
    for (uint32_t offset = 64000; offset > 0; offset -= 1280)
        arrives(part_v4(1, offset, offset == 64000 ? 1515 : 1280, offset != 64000));
    assert_int_equal(arrives(part_v4(1, 0, 1280, true)), HF_ACCEPTED);
    assert_whole(65515);
    for (uint32_t offset = 0; offset < 64000; offset += 1280)
        arrives(part_v6(1, offset, 1280, true));
    assert_int_equal(arrives(part_v6(1, 64000, 1535, false)), HF_ACCEPTED);
    assert_whole(65535);
}

static void odd_lengths_belong_to_the_last(void **state)
{
    /* BUG-06: every fragment but the last is a multiple of eight bytes, and none is empty. */
    (void)state;
    assert_int_equal(arrives(part_v4(1, 0, 12, true)), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(arrives(part_v4(2, 8, 0, true)), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(arrives(part_v4(3, 8, 0, false)), HF_DROP_FRAGMENT_BAD);
    assert_int_equal(fragments->pool.used, 0);
}

static void tiny_first_fragments_are_refused(void **state)
{
    /* BUG-06: a TCP header cut in two is an attack on filters (RFC 1858, 3; RFC 3128). */
    (void)state;
    struct hf_fragment in = part_v4(1, 0, 16, true);
    in.protocol = TCP;
    assert_int_equal(arrives(in), HF_DROP_FRAGMENT_BAD);
    in = part_v4(2, 8, 64, false);
    in.protocol = TCP;
    assert_int_equal(arrives(in), HF_DROP_FRAGMENT_BAD);
    in = part_v4(3, 0, 24, true);
    in.protocol = TCP;
    assert_int_equal(arrives(in), HF_DROP_FRAGMENT);
}

static void atomic_fragments_stand_alone(void **state)
{
    /* BUG-06: an IPv6 fragment that is the whole datagram is delivered and leaves a namesake alone (RFC 6946, 4). */
    (void)state;
    arrives(part_v6(1, 0, 16, true));
    assert_int_equal(arrives(part_v6(1, 0, 40, false)), HF_ACCEPTED);
    assert_whole(40);
    assert_int_equal(arrives(part_v6(1, 16, 8, false)), HF_ACCEPTED);
    assert_whole(24);
}

static void too_many_holes_damn_the_datagram(void **state)
{
    /* BUG-06: work per fragment is bounded: who sends every second 8 bytes is refused before it is quadratic. */
    (void)state;
    unsigned kept = 0;
    while (kept < 4000 && arrives(part_v4(1, 16 * kept, 8, true)) == HF_DROP_FRAGMENT)
        kept++;
    assert_in_range(kept, 32, 128);
    assert_int_equal(arrives(part_v4(1, 8, 8, true)), HF_DROP_FRAGMENT_BAD);
}

static void the_oldest_gives_way(void **state)
{
    /* BUG-06: with every buffer taken a new datagram replaces the one that began first, and that is counted. */
    (void)state;
    for (uint32_t id = 1; id <= CAPACITY + 1; id++)
        assert_int_equal(arrives(part_v4(id, 0, 8, true)), HF_DROP_FRAGMENT);
    assert_int_equal(fragments->evicted, 1);
    assert_int_equal(fragments->pool.used, CAPACITY);
    assert_int_equal(arrives(part_v4(2, 8, 8, false)), HF_ACCEPTED);
    assert_int_equal(arrives(part_v4(1, 8, 8, false)), HF_DROP_FRAGMENT);
}

static void congestion_is_not_lost(void **state)
{
    /* Congestion experienced on one fragment is the datagram's; next to a fragment without ECN it is a lie. */
    (void)state;
    struct hf_fragment first = part_v4(1, 0, 8, true), last = part_v4(1, 8, 8, false);
    first.traffic_class = 0xba; /* expedited forwarding, ECT(0) */
    last.traffic_class = 0xbb;
    arrives(last);
    assert_int_equal(arrives(first), HF_ACCEPTED);
    assert_int_equal(whole.traffic_class, 0xbb);
    first.id = last.id = 2;
    first.traffic_class = 0;
    arrives(last);
    assert_int_equal(arrives(first), HF_DROP_FRAGMENT_BAD);
}

static void an_incomplete_datagram_expires(void **state)
{
    /* After 30 s over IPv4 and 60 s over IPv6 a datagram is given up, quoting its first fragment if it came (RFC 1122,
     * 3.3.2). */
    (void)state;
    struct hf_expired gone;
    hf_time began = now;
    arrives(part_v6(1, 8, 8, true));
    arrives(part_v4(2, 0, 16, true));
    assert_int_equal(hf_time_since(hf_fragments_deadline(fragments), began), 30 * HF_SECOND);
    now = hf_time_add(began, 30 * HF_SECOND - 1);
    assert_false(hf_fragments_expire(fragments, now, &gone));
    now = hf_time_add(now, 1);
    assert_true(hf_fragments_expire(fragments, now, &gone));
    assert_int_equal(gone.len, 36);
    assert_memory_equal(gone.packet, header, 20);
    assert_memory_equal(gone.packet + 20, text, 16);
    assert_false(hf_fragments_expire(fragments, now, &gone));
    assert_int_equal(hf_time_since(hf_fragments_deadline(fragments), began), 60 * HF_SECOND);
    now = hf_time_add(began, 60 * HF_SECOND);
    assert_true(hf_fragments_expire(fragments, now, &gone));
    assert_null(gone.packet);
    assert_true(hf_time_is_never(hf_fragments_deadline(fragments)));
}

static void a_damned_datagram_expires_in_silence(void **state)
{
    /* Overlapping fragments are discarded without an error to anybody (RFC 8200, 4.5). */
    (void)state;
    struct hf_expired gone;
    arrives(part_v6(1, 0, 16, true));
    arrives(part_v6(1, 8, 16, true));
    now = hf_time_add(now, 60 * HF_SECOND);
    assert_true(hf_fragments_expire(fragments, now, &gone));
    assert_null(gone.packet);
}

static void an_overlong_header_is_not_quoted(void **state)
{
    /* Headers that exceed the room kept for quoting cost the error message, nothing else. */
    (void)state;
    struct hf_expired gone;
    struct hf_fragment in = part_v6(1, 0, 16, true);
    in.header_len = 136;
    assert_int_equal(arrives(in), HF_DROP_FRAGMENT);
    now = hf_time_add(now, 60 * HF_SECOND);
    assert_true(hf_fragments_expire(fragments, now, &gone));
    assert_null(gone.packet);
}

static void without_buffers_fragments_are_refused(void **state)
{
    /* An engine with max_fragments 0 counts the limit and keeps nothing. */
    (void)state;
    struct hf_arena arena;
    fragments = fresh_block(sizeof *fragments, &arena);
    hf_fragments_init(fragments, &arena, 0);
    assert_int_equal(arrives(part_v4(1, 0, 8, true)), HF_LIMIT_FRAGMENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fragments_in_order_make_a_datagram, set_up, sound),
        cmocka_unit_test_setup_teardown(fragments_make_a_datagram_in_every_order, set_up, sound),
        cmocka_unit_test_setup_teardown(datagrams_are_told_apart, set_up, sound),
        cmocka_unit_test_setup_teardown(ipv6_takes_the_next_header_of_the_first_fragment, set_up, sound),
        cmocka_unit_test_setup_teardown(a_repeated_fragment_is_harmless, set_up, sound),
        cmocka_unit_test_setup_teardown(an_overlap_damns_the_datagram, set_up, sound),
        cmocka_unit_test_setup_teardown(a_second_end_damns_the_datagram, set_up, sound),
        cmocka_unit_test_setup_teardown(more_than_65535_bytes_are_refused, set_up, sound),
        cmocka_unit_test_setup_teardown(the_largest_datagram_passes, set_up, sound),
        cmocka_unit_test_setup_teardown(odd_lengths_belong_to_the_last, set_up, sound),
        cmocka_unit_test_setup_teardown(tiny_first_fragments_are_refused, set_up, sound),
        cmocka_unit_test_setup_teardown(atomic_fragments_stand_alone, set_up, sound),
        cmocka_unit_test_setup_teardown(too_many_holes_damn_the_datagram, set_up, sound),
        cmocka_unit_test_setup_teardown(the_oldest_gives_way, set_up, sound),
        cmocka_unit_test_setup_teardown(congestion_is_not_lost, set_up, sound),
        cmocka_unit_test_setup_teardown(an_incomplete_datagram_expires, set_up, sound),
        cmocka_unit_test_setup_teardown(a_damned_datagram_expires_in_silence, set_up, sound),
        cmocka_unit_test_setup_teardown(an_overlong_header_is_not_quoted, set_up, sound),
        cmocka_unit_test_setup_teardown(without_buffers_fragments_are_refused, set_up, sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

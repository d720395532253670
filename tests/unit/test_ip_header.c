/* src/wire/ip.c: IPv4 and IPv6 headers, each length checked once. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/bytes.h"
#include "../../src/base/sum.h"
#include "../../src/wire/ip.h"

static uint8_t guarded[512], *packet;
static struct hf_ip ip;

/* Makes room for a datagram of `len` bytes that ends where the memory does, so that reads past it are seen. */
static void room_for(uint32_t len)
{
    memset(guarded, 0, sizeof guarded);
    packet = guarded + sizeof guarded - len;
}

static void seal_v4(void)
{
    uint32_t header_len = (packet[0] & 15u) * 4;
    hf_put16(packet + 10, 0);
    uint16_t checksum = hf_sum_finish(hf_sum(packet, header_len));
    memcpy(packet + 10, &checksum, 2);
}

/* A datagram with `options_len` bytes of options (zero) and `payload_len` bytes behind them. */
static uint32_t make_v4(uint32_t options_len, uint32_t payload_len)
{
    uint32_t len = HF_IPV4_LEN + options_len + payload_len;
    room_for(len);
    packet[0] = (uint8_t)(0x45 + options_len / 4);
    packet[1] = 0xb9;
    hf_put16(packet + 2, (uint16_t)len);
    hf_put16(packet + 4, 0x1234);
    packet[8] = 63;
    packet[9] = HF_PROTOCOL_TCP;
    memcpy(packet + 12, "\xc0\x00\x02\x07\xc6\x33\x64\x03", 8);
    seal_v4();
    return len;
}

static uint32_t make_v6(uint8_t next, uint32_t payload_len)
{
    room_for(HF_IPV6_LEN + payload_len);
    hf_put32(packet, 6u << 28 | 0xb9u << 20 | 0x54321);
    hf_put16(packet + 4, (uint16_t)payload_len);
    packet[6] = next;
    packet[7] = 63;
    packet[8] = packet[24] = 0x20;
    packet[23] = 7;
    packet[39] = 1;
    return HF_IPV6_LEN + payload_len;
}

/* ---- IPv4 ---- */

static void reads_v4(void **state)
{
    /* Every field of an IPv4 header has its value. */
    (void)state;
    uint32_t len = make_v4(0, 33);
    struct hf_addr src = addr("192.0.2.7"), dst = addr("198.51.100.3");
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_ACCEPTED);
    assert_true(ip.is_v4 && !ip.is_fragment && !ip.dont_fragment && !ip.more);
    assert_true(hf_addr_equal(&ip.src, &src) && hf_addr_equal(&ip.dst, &dst));
    assert_int_equal(ip.protocol, HF_PROTOCOL_TCP);
    assert_int_equal(ip.hop_limit, 63);
    assert_int_equal(ip.traffic_class, 0xb9);
    assert_int_equal(ip.id, 0x1234);
    assert_int_equal(ip.header_len, 20);
    assert_ptr_equal(ip.payload, packet + 20);
    assert_int_equal(ip.payload_len, 33);
}

static void padding_is_no_payload(void **state)
{
    /* What lies behind the total length is the link's padding and not the datagram's data (BUG-05). */
    (void)state;
    make_v4(0, 46);
    hf_put16(packet + 2, 23);
    seal_v4();
    assert_int_equal(hf_ip_parse(packet, 66, &ip), HF_ACCEPTED);
    assert_int_equal(ip.payload_len, 3);
    make_v6(HF_PROTOCOL_TCP, 26);
    hf_put16(packet + 4, 3);
    assert_int_equal(hf_ip_parse(packet, 66, &ip), HF_ACCEPTED);
    assert_int_equal(ip.payload_len, 3);
}

static void lying_lengths_are_refused(void **state)
{
    /* A header length below five words or beyond the total, a total beyond the frame: all refused (BUG-05). */
    (void)state;
    for (uint8_t words = 0; words < 5; words++) {
        uint32_t len = make_v4(0, 20);
        packet[0] = (uint8_t)(0x40 | words);
        assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_HEADER);
    }
    for (uint16_t total = 0; total < 60; total++) {
        uint32_t len = make_v4(40, 0);
        hf_put16(packet + 2, total);
        assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_HEADER);
    }
    uint32_t len = make_v4(0, 20);
    hf_put16(packet + 2, 41);
    seal_v4();
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_SHORT);
    hf_put16(packet + 2, 0xffff);
    seal_v4();
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_SHORT);
}

static void cut_frames_are_refused(void **state)
{
    /* A frame cut anywhere is refused, and not read beyond its end (BUG-05). */
    (void)state;
    uint8_t whole[80];
    uint32_t len = make_v4(12, 8);
    memcpy(whole, packet, len);
    for (uint32_t cut = 0; cut < len; cut++) {
        room_for(cut);
        memcpy(packet, whole, cut);
        assert_int_equal(hf_ip_parse(packet, cut, &ip), HF_DROP_SHORT);
    }
    len = make_v6(HF_PROTOCOL_TCP, 8);
    memcpy(whole, packet, len);
    for (uint32_t cut = 0; cut < len; cut++) {
        room_for(cut);
        memcpy(packet, whole, cut);
        assert_int_equal(hf_ip_parse(packet, cut, &ip), HF_DROP_SHORT);
    }
}

static void other_versions_are_refused(void **state)
{
    /* Only versions 4 and 6 are read. */
    (void)state;
    for (unsigned version = 0; version < 16; version++) {
        uint32_t len = make_v4(0, 20);
        packet[0] = (uint8_t)(version << 4 | 5);
        if (version != 4 && version != 6)
            assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_VERSION);
    }
}

static void bad_checksums_are_refused(void **state)
{
    /* Any flipped bit of an IPv4 header is found (BUG-08). */
    (void)state;
    for (unsigned bit = 0; bit < 8 * HF_IPV4_LEN; bit++) {
        uint32_t len = make_v4(0, 1000 % 200);
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(hf_ip_parse(packet, len, &ip), HF_ACCEPTED);
    }
}

static void options_are_walked(void **state)
{
    /* Options mean nothing (MUST-50), but their lengths must lead to the header's end (BUG-07). */
    (void)state;
    static const struct {
        uint8_t options[8];
        enum hf_reason why;
    } cases[] = {
        {{1, 1, 1, 1, 1, 1, 1, 1}, HF_ACCEPTED},
        {{0, 7, 200, 0, 0, 0, 0, 0}, HF_ACCEPTED},     /* behind the end of the list */
        {{148, 4, 0, 0, 0, 0, 0, 0}, HF_ACCEPTED},     /* router alert */
        {{7, 8, 4, 0, 0, 0, 0, 0}, HF_ACCEPTED},       /* record route */
        {{7, 9, 4, 0, 0, 0, 0, 0}, HF_DROP_IP_HEADER}, /* past the end */
        {{7, 0, 4, 0, 0, 0, 0, 0}, HF_DROP_IP_HEADER}, /* endless */
        {{7, 1, 4, 0, 0, 0, 0, 0}, HF_DROP_IP_HEADER},
        {{1, 1, 1, 1, 1, 1, 1, 7}, HF_DROP_IP_HEADER}, /* no room for its length */
        {{131, 7, 4, 1, 2, 3, 4, 0}, HF_DROP_SOURCE_ROUTE},
        {{137, 7, 4, 1, 2, 3, 4, 0}, HF_DROP_SOURCE_ROUTE},
        {{1, 131, 3, 4, 0, 0, 0, 0}, HF_DROP_SOURCE_ROUTE},
    };
    for (size_t i = 0; i < HF_COUNT_OF(cases); i++) {
        uint32_t len = make_v4(8, 5);
        memcpy(packet + 20, cases[i].options, 8);
        seal_v4();
        assert_int_equal(hf_ip_parse(packet, len, &ip), cases[i].why);
        if (cases[i].why == HF_ACCEPTED)
            assert_int_equal(ip.payload_len, 5);
    }
}

static void reads_v4_fragments(void **state)
{
    /* Fragments carry their offset in bytes, and the last one is known by its offset alone (BUG-06). */
    (void)state;
    static const struct {
        uint16_t field;
        bool is_fragment, more, dont_fragment;
        uint32_t offset;
    } cases[] = {
        {0x0000, false, false, false, 0}, {0x4000, false, false, true, 0}, {0x2000, true, true, false, 0},
        {0x0001, true, false, false, 8},  {0x2001, true, true, false, 8},  {0x1fff, true, false, false, 65528},
    };
    for (size_t i = 0; i < HF_COUNT_OF(cases); i++) {
        uint32_t len = make_v4(0, 16);
        hf_put16(packet + 6, cases[i].field);
        seal_v4();
        assert_int_equal(hf_ip_parse(packet, len, &ip), HF_ACCEPTED);
        assert_int_equal(ip.is_fragment, cases[i].is_fragment);
        assert_int_equal(ip.more, cases[i].more);
        assert_int_equal(ip.dont_fragment, cases[i].dont_fragment);
        assert_int_equal(ip.offset, cases[i].offset);
    }
}

/* ---- IPv6 ---- */

static void reads_v6(void **state)
{
    /* Every field of an IPv6 header has its value; there is no checksum and no fragmenting on the way. */
    (void)state;
    uint32_t len = make_v6(HF_PROTOCOL_TCP, 33);
    struct hf_addr src = addr("2000::7"), dst = addr("2000::1");
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_ACCEPTED);
    assert_true(!ip.is_v4 && !ip.is_fragment && ip.dont_fragment && !ip.more);
    assert_true(hf_addr_equal(&ip.src, &src) && hf_addr_equal(&ip.dst, &dst));
    assert_int_equal(ip.protocol, HF_PROTOCOL_TCP);
    assert_int_equal(ip.protocol_at, 6);
    assert_int_equal(ip.hop_limit, 63);
    assert_int_equal(ip.traffic_class, 0xb9);
    assert_int_equal(ip.header_len, 40);
    assert_ptr_equal(ip.payload, packet + 40);
    assert_int_equal(ip.payload_len, 33);
}

static void mapped_addresses_never_travel(void **state)
{
    /* ::ffff:a.b.c.d in an IPv6 header would name an IPv4 connection: refused (RFC 4942, 2.2). */
    (void)state;
    for (int at = 8; at <= 24; at += 16) {
        uint32_t len = make_v6(HF_PROTOCOL_TCP, 20);
        memset(packet + at, 0, 16);
        memset(packet + at + 10, 0xff, 2);
        packet[at + 15] = 1;
        assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_HEADER);
    }
}

static void walks_extensions(void **state)
{
    /* Extension headers are stepped over, and the place that names the payload is known (BUG-07). */
    (void)state;
    uint32_t len = make_v6(0, 8 + 16 + 8 + 5);
    uint8_t *at = packet + 40;
    at[0] = 60; /* hop-by-hop, then destination options of 16 bytes */
    at[2] = 1;
    at[3] = 4; /* PadN over the rest */
    at[8] = 43;
    at[9] = 1;
    at[8 + 2] = 1;
    at[8 + 3] = 12;
    at[24] = HF_PROTOCOL_TCP; /* routing, no segments left */
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_ACCEPTED);
    assert_int_equal(ip.protocol, HF_PROTOCOL_TCP);
    assert_int_equal(ip.protocol_at, 40 + 24);
    assert_int_equal(ip.header_len, 72);
    assert_int_equal(ip.payload_len, 5);
}

static void cut_extensions_are_refused(void **state)
{
    /* An extension header cut off, or longer than the datagram, is refused (BUG-07). */
    (void)state;
    static const uint8_t kinds[] = {0, 43, 44, 60};
    for (size_t i = 0; i < sizeof kinds; i++)
        for (uint32_t room = 0; room < 8; room++) {
            uint32_t len = make_v6(kinds[i], room);
            assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_HEADER);
        }
    for (size_t i = 0; i < sizeof kinds; i++) {
        uint32_t len = make_v6(kinds[i], 24);
        packet[41] = 255;
        packet[40] = HF_PROTOCOL_TCP;
        enum hf_reason why = hf_ip_parse(packet, len, &ip);
        assert_int_equal(why, kinds[i] == 44 ? HF_ACCEPTED : HF_DROP_IP_HEADER);
    }
}

static void endless_chains_are_refused(void **state)
{
    /* More extension headers than any traffic has are an attack on the walker's time (BUG-07). */
    (void)state;
    for (uint32_t count = 1; count <= 12; count++) {
        uint32_t len = make_v6(60, count * 8 + 4);
        for (uint32_t i = 0; i < count; i++) {
            packet[40 + 8 * i] = i + 1 < count ? 60 : HF_PROTOCOL_TCP;
            packet[40 + 8 * i + 2] = 1;
            packet[40 + 8 * i + 3] = 4;
        }
        assert_int_equal(hf_ip_parse(packet, len, &ip), count <= 8 ? HF_ACCEPTED : HF_DROP_IP_HEADER);
    }
}

static void hop_by_hop_comes_first(void **state)
{
    /* A hop-by-hop header anywhere but first is refused (RFC 8200, 4.1; BUG-07). */
    (void)state;
    uint32_t len = make_v6(60, 20);
    packet[40] = 0;
    packet[42] = packet[50] = 1;
    packet[43] = packet[51] = 4;
    packet[48] = HF_PROTOCOL_TCP;
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_HEADER);
}

static void extension_options_are_walked(void **state)
{
    /* Options with an impossible length, or that ask to be understood or dropped, drop the packet (BUG-07). */
    (void)state;
    static const struct {
        uint8_t options[6];
        enum hf_reason why;
    } cases[] = {
        {{0, 0, 0, 0, 0, 0}, HF_ACCEPTED}, /* Pad1 */
        {{1, 4, 0, 0, 0, 0}, HF_ACCEPTED}, /* PadN */
        {{1, 0, 1, 0, 1, 0}, HF_ACCEPTED}, /* PadN of nothing comes to an end */
        {{5, 2, 0, 0, 1, 0}, HF_ACCEPTED}, /* router alert: may be skipped */
        {{0x1e, 4, 0, 0, 0, 0}, HF_ACCEPTED},
        {{0x5e, 4, 0, 0, 0, 0}, HF_DROP_IP_HEADER}, /* drop */
        {{0x9e, 4, 0, 0, 0, 0}, HF_DROP_IP_HEADER}, /* drop and complain */
        {{0xc2, 4, 0, 1, 0, 0}, HF_DROP_IP_HEADER}, /* jumbo payload */
        {{1, 5, 0, 0, 0, 0}, HF_DROP_IP_HEADER},    /* past the end */
        {{1, 255, 0, 0, 0, 0}, HF_DROP_IP_HEADER},
        {{0, 0, 0, 0, 0, 1}, HF_DROP_IP_HEADER}, /* no room for its length */
    };
    static const uint8_t kinds[] = {0, 60};
    for (size_t i = 0; i < HF_COUNT_OF(cases); i++)
        for (size_t k = 0; k < 2; k++) {
            uint32_t len = make_v6(kinds[k], 12);
            packet[40] = HF_PROTOCOL_TCP;
            memcpy(packet + 42, cases[i].options, 6);
            assert_int_equal(hf_ip_parse(packet, len, &ip), cases[i].why);
        }
}

static void jumbograms_are_refused(void **state)
{
    /* Payload length 0 is no way to a longer datagram here: a jumbo option is refused (RFC 2675; BUG-07). */
    (void)state;
    uint32_t len = make_v6(0, 100);
    hf_put16(packet + 4, 0);
    packet[40] = HF_PROTOCOL_TCP;
    packet[42] = 0xc2;
    packet[43] = 4;
    hf_put32(packet + 44, 100);
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_HEADER);
}

static void routing_is_refused(void **state)
{
    /* A routing header with segments left is a source route (RFC 5095). */
    (void)state;
    uint32_t len = make_v6(43, 28);
    packet[40] = HF_PROTOCOL_TCP;
    packet[43] = 1;
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_SOURCE_ROUTE);
}

static void reads_v6_fragments(void **state)
{
    /* A fragment's offset, flag and identification are read; a whole datagram in a fragment header is one too
     * (RFC 6946; BUG-06). */
    (void)state;
    uint32_t len = make_v6(44, 24);
    packet[40] = 60;
    hf_put16(packet + 42, 0x1230 | 1);
    hf_put32(packet + 44, 0xdeadbeef);
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_ACCEPTED);
    assert_true(ip.is_fragment && ip.more);
    assert_int_equal(ip.offset, 0x1230);
    assert_int_equal(ip.id, 0xdeadbeef);
    assert_int_equal(ip.protocol, 60); /* what follows is read when the datagram is whole */
    assert_int_equal(ip.payload_len, 16);
    hf_put16(packet + 42, 0);
    packet[40] = HF_PROTOCOL_TCP;
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_ACCEPTED);
    assert_true(ip.is_fragment && !ip.more);
    packet[40] = 44; /* two of them */
    packet[48] = HF_PROTOCOL_TCP;
    assert_int_equal(hf_ip_parse(packet, len, &ip), HF_DROP_IP_HEADER);
}

/* ---- writing ---- */

static void written_is_read_back(void **state)
{
    /* What is written is read back the same, of both versions, checksum included. */
    (void)state;
    for (int v4 = 0; v4 < 2; v4++) {
        struct hf_ip out = {.src = addr(v4 ? "10.1.2.3" : "fd00::3"),
                            .dst = addr(v4 ? "10.3.2.1" : "fd00::1"),
                            .protocol = 6,
                            .hop_limit = 64,
                            .traffic_class = 0x2e << 2 | 2,
                            .is_v4 = v4,
                            .dont_fragment = true,
                            .id = 0xabcde};
        room_for(hf_ip_header_len(v4) + 11);
        assert_int_equal(hf_ip_write(&out, 11, packet), hf_ip_header_len(v4));
        assert_int_equal(hf_ip_parse(packet, hf_ip_header_len(v4) + 11, &ip), HF_ACCEPTED);
        assert_true(hf_addr_equal(&ip.src, &out.src) && hf_addr_equal(&ip.dst, &out.dst));
        assert_int_equal(ip.protocol, 6);
        assert_int_equal(ip.hop_limit, 64);
        assert_int_equal(ip.traffic_class, out.traffic_class);
        assert_true(ip.dont_fragment && !ip.is_fragment);
        assert_int_equal(ip.payload_len, 11);
        if (v4)
            assert_int_equal(ip.id, 0xbcde);
        else
            assert_int_equal(hf_get32(packet) & 0xfffff, 0xabcde);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_v4),
        cmocka_unit_test(padding_is_no_payload),
        cmocka_unit_test(lying_lengths_are_refused),
        cmocka_unit_test(cut_frames_are_refused),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(bad_checksums_are_refused),
        cmocka_unit_test(options_are_walked),
        cmocka_unit_test(reads_v4_fragments),
        cmocka_unit_test(reads_v6),
        cmocka_unit_test(mapped_addresses_never_travel),
        cmocka_unit_test(walks_extensions),
        cmocka_unit_test(cut_extensions_are_refused),
        cmocka_unit_test(endless_chains_are_refused),
        cmocka_unit_test(hop_by_hop_comes_first),
        cmocka_unit_test(extension_options_are_walked),
        cmocka_unit_test(jumbograms_are_refused),
        cmocka_unit_test(routing_is_refused),
        cmocka_unit_test(reads_v6_fragments),
        cmocka_unit_test(written_is_read_back),
    };
    return cmocka_run_group_tests_name("ip header", tests, NULL, NULL);
}

/* src/wire/tcp.c: the TCP header, read and written. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/bytes.h"
#include "../../src/wire/tcp.h"

/* A segment with options NOP NOP timestamps and five bytes of data. */
static const uint8_t segment[] = {
    0x9c, 0x40, 0x00, 0x50, /* ports 40000, 80 */
    0xff, 0xff, 0xff, 0xfe, /* sequence number */
    0x01, 0x02, 0x03, 0x04, /* acknowledgment number */
    0x80, 0x18, 0x01, 0xf6, /* 32 bytes of header, PSH ACK, window 502 */
    0xab, 0xcd, 0x00, 0x07, /* checksum, urgent pointer */
    1,    1,    8,    10,   /* timestamps */
    0x11, 0x22, 0x33, 0x44, /* TSval */
    0x55, 0x66, 0x77, 0x88, /* TSecr */
    'h',  'e',  'l',  'l',  'o',
};

static struct hf_segment seg;
static uint8_t bytes[128];

/* The good segment, with one byte changed. */
static enum hf_reason parse_with(uint32_t at, uint8_t value, uint32_t len)
{
    memcpy(bytes, segment, sizeof segment);
    bytes[at] = value;
    return hf_tcp_parse(bytes, len, &seg);
}

static void reads_every_field(void **state)
{
    /* Every field of the header has its value, and the data is what lies behind the options. */
    (void)state;
    assert_int_equal(hf_tcp_parse(segment, sizeof segment, &seg), HF_ACCEPTED);
    assert_int_equal(seg.src_port, 40000);
    assert_int_equal(seg.dst_port, 80);
    assert_int_equal(seg.seq.n, 0xfffffffe);
    assert_int_equal(seg.ack.n, 0x01020304);
    assert_int_equal(seg.flags, HF_TCP_PSH | HF_TCP_ACK);
    assert_int_equal(seg.wnd, 502);
    assert_int_equal(seg.up, 7);
    assert_int_equal(seg.data_len, 5);
    assert_int_equal(seg.len, 5);
    assert_memory_equal(seg.data, "hello", 5);
    assert_int_equal(seg.coalesced, 1);
    assert_int_equal(seg.opts.present, HF_OPT_TIMESTAMPS);
    assert_int_equal(seg.opts.tsval, 0x11223344);
    assert_int_equal(seg.opts.tsecr, 0x55667788);
}

static void syn_and_fin_count(void **state)
{
    /* SEG.LEN counts SYN and FIN beside the data (RFC 9293, 3.4; BUG-21, BUG-23). */
    (void)state;
    static const struct {
        uint8_t flags;
        uint32_t len;
    } cases[] = {{0, 5},          {HF_TCP_ACK | HF_TCP_URG, 5}, {HF_TCP_SYN, 6},
                 {HF_TCP_FIN, 6}, {HF_TCP_SYN | HF_TCP_FIN, 7}, {HF_TCP_RST, 5},
                 {0xff, 7}};
    for (size_t i = 0; i < HF_COUNT_OF(cases); i++) {
        assert_int_equal(parse_with(13, cases[i].flags, sizeof segment), HF_ACCEPTED);
        assert_int_equal(seg.flags, cases[i].flags);
        assert_int_equal(seg.len, cases[i].len);
        assert_int_equal(seg.data_len, 5);
    }
}

static void short_segments_are_refused(void **state)
{
    /* A segment shorter than twenty bytes is no segment (BUG-01). */
    (void)state;
    for (uint32_t len = 0; len < HF_TCP_HEADER_LEN; len++)
        assert_int_equal(hf_tcp_parse(segment, len, &seg), HF_DROP_TCP_SHORT);
}

static void offset_below_five_is_refused(void **state)
{
    /* A data offset below five words would put data inside the header (BUG-01). */
    (void)state;
    for (uint8_t words = 0; words < 5; words++)
        assert_int_equal(parse_with(12, (uint8_t)(words << 4), sizeof segment), HF_DROP_TCP_OFFSET);
}

static void offset_beyond_segment_is_refused(void **state)
{
    /* A data offset beyond the segment would make the data's length negative (BUG-01). */
    (void)state;
    for (uint8_t words = 10; words < 16; words++)
        assert_int_equal(parse_with(12, (uint8_t)(words << 4), sizeof segment), HF_DROP_TCP_OFFSET);
    for (uint32_t len = HF_TCP_HEADER_LEN; len < 32; len++)
        assert_int_equal(parse_with(12, 8 << 4, len), HF_DROP_TCP_OFFSET);
    assert_int_equal(parse_with(12, 8 << 4, 32), HF_ACCEPTED);
    assert_int_equal(seg.data_len, 0);
}

static void reserved_bits_mean_nothing(void **state)
{
    /* The reserved bits beside the data offset are ignored (RFC 9293, 3.1). */
    (void)state;
    assert_int_equal(parse_with(12, 0x8f, sizeof segment), HF_ACCEPTED);
    assert_int_equal(seg.data_len, 5);
}

static void port_zero_is_refused(void **state)
{
    /* Port 0 is nobody's, on either side (BUG-10). */
    (void)state;
    memcpy(bytes, segment, sizeof segment);
    hf_put16(bytes, 0);
    assert_int_equal(hf_tcp_parse(bytes, sizeof segment, &seg), HF_DROP_TCP_PORT_ZERO);
    memcpy(bytes, segment, sizeof segment);
    hf_put16(bytes + 2, 0);
    assert_int_equal(hf_tcp_parse(bytes, sizeof segment, &seg), HF_DROP_TCP_PORT_ZERO);
}

static void bad_options_spoil_the_segment(void **state)
{
    /* Options that run past the header's end drop the segment, even though data follows there (BUG-02). */
    (void)state;
    assert_int_equal(parse_with(23, 11, sizeof segment), HF_DROP_TCP_OPTION);
    assert_int_equal(parse_with(23, 255, sizeof segment), HF_DROP_TCP_OPTION);
}

static void urgent_pointer_is_only_read(void **state)
{
    /* The urgent pointer may be anything, 0 or far beyond the data: the parser does no arithmetic with it (BUG-04).
     */
    (void)state;
    static const uint16_t pointers[] = {0, 1, 5, 6, 0x7fff, 0xffff};
    for (size_t i = 0; i < HF_COUNT_OF(pointers); i++) {
        memcpy(bytes, segment, sizeof segment);
        bytes[13] = HF_TCP_URG | HF_TCP_ACK;
        hf_put16(bytes + 18, pointers[i]);
        assert_int_equal(hf_tcp_parse(bytes, sizeof segment, &seg), HF_ACCEPTED);
        assert_int_equal(seg.up, pointers[i]);
        assert_int_equal(seg.data_len, 5);
    }
}

static void writes_what_it_reads(void **state)
{
    /* A header written from what was read is the same header, its checksum zero, in the length foretold. */
    (void)state;
    assert_int_equal(hf_tcp_parse(segment, sizeof segment, &seg), HF_ACCEPTED);
    memset(bytes, 0xee, sizeof bytes);
    assert_int_equal(hf_tcp_write_len(&seg.opts, false), 32);
    assert_int_equal(hf_tcp_write(&seg, bytes), 32);
    assert_memory_equal(bytes, segment, 16);
    assert_int_equal(hf_get16(bytes + 16), 0);
    assert_memory_equal(bytes + 18, segment + 18, 14);
    assert_int_equal(bytes[32], 0xee);
}

static void writes_no_reserved_bits(void **state)
{
    /* The bits between data offset and control bits are sent as zero (RFC 9293, 3.1), whatever the header's length. */
    (void)state;
    for (uint8_t present = 0; present < 64; present++) {
        struct hf_segment out = {
            .src_port = 1, .dst_port = 2, .flags = 0xff, .opts = {.present = present, .sack_count = 3}};
        uint32_t len = hf_tcp_write(&out, bytes);
        assert_int_equal(bytes[12] & 15, 0);
        assert_int_equal((bytes[12] >> 4) * 4u, len);
        assert_int_equal(hf_tcp_write_len(&out.opts, true), len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(syn_and_fin_count),
        cmocka_unit_test(short_segments_are_refused),
        cmocka_unit_test(offset_below_five_is_refused),
        cmocka_unit_test(offset_beyond_segment_is_refused),
        cmocka_unit_test(reserved_bits_mean_nothing),
        cmocka_unit_test(port_zero_is_refused),
        cmocka_unit_test(bad_options_spoil_the_segment),
        cmocka_unit_test(urgent_pointer_is_only_read),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writes_no_reserved_bits),
    };
    return cmocka_run_group_tests_name("tcp header", tests, NULL, NULL);
}

/* src/base/sum.c and wire/checksum.c: the Internet checksum (RFC 1071; BUG-08). */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/bytes.h"
#include "../../src/wire/checksum.h"

static uint8_t data[70000], copy[70000];

static void fill(uint32_t seed)
{
    for (size_t i = 0; i < sizeof data; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
}

/* By the book: big-endian words, a carry at a time. */
static uint16_t plain(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* The checksum as a reader of the wire sees it. */
static uint16_t on_wire(uint32_t sum)
{
    uint16_t stored = hf_sum_finish(sum);
    return hf_get16((const uint8_t *)&stored);
}

static void agrees_with_the_book(void **state)
{
    /* Every length, odd ones too, and every alignment give the checksum of RFC 1071's plain loop (BUG-08). */
    (void)state;
    fill(1);
    for (size_t len = 0; len < 300; len++)
        for (size_t at = 0; at < 8; at++)
            assert_int_equal(on_wire(hf_sum(data + at, len)), plain(data + at, len, 0));
    static const size_t large[] = {1460, 4095, 4096, 4097, 8192, 9001, 65535, 65536};
    for (size_t i = 0; i < HF_COUNT_OF(large); i++)
        assert_int_equal(on_wire(hf_sum(data, large[i])), plain(data, large[i], 0));
}

static void example_of_rfc_1071(void **state)
{
    /* The worked example of RFC 1071, section 3: its words sum to ddf2. */
    (void)state;
    static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(on_wire(hf_sum(example, sizeof example)), 0xffff & ~0xddf2u);
}

static void survives_all_ones(void **state)
{
    /* The largest words in the longest datagram overflow nothing. */
    (void)state;
    memset(data, 0xff, sizeof data);
    assert_int_equal(on_wire(hf_sum(data, 65536)), 0);
    assert_int_equal(on_wire(hf_sum(data, 65535)), plain(data, 65535, 0));
    memset(data, 0, sizeof data);
    assert_int_equal(on_wire(hf_sum(data, 65536)), 0xffff);
}

static void copy_sums_the_same(void **state)
{
    /* Summing while copying copies every byte and gives the same sum. */
    (void)state;
    fill(2);
    static const size_t lens[] = {0, 1, 2, 3, 63, 64, 65, 1447, 4096, 4097, 8193, 65535};
    for (size_t i = 0; i < HF_COUNT_OF(lens); i++) {
        memset(copy, 0, sizeof copy);
        assert_int_equal(on_wire(hf_sum_copy(copy, data + 1, lens[i])), plain(data + 1, lens[i], 0));
        assert_memory_equal(copy, data + 1, lens[i]);
        assert_int_equal(copy[lens[i]], 0);
    }
}

static void parts_add_up(void **state)
{
    /* The sum of a whole is that of its parts, in any order, a part at an odd position swapped (BUG-08). */
    (void)state;
    fill(3);
    for (size_t cut = 0; cut <= 101; cut++) {
        uint32_t head = hf_sum(data, cut), tail = hf_sum(data + cut, 101 - cut);
        uint32_t whole = hf_sum_add(cut % 2 ? hf_sum_odd(tail) : tail, head);
        assert_int_equal(on_wire(whole), plain(data, 101, 0));
    }
}

static void whole_with_checksum_sums_to_zero(void **state)
{
    /* Data with its checksum in place finishes to zero; a stored ffff counts as well as a stored 0000 would
     * (BUG-08). */
    (void)state;
    uint8_t message[12] = {1, 2, 3, 4, 5, 6};
    uint16_t stored = hf_sum_finish(hf_sum(message, sizeof message));
    memcpy(message + 10, &stored, 2);
    assert_int_equal(hf_sum_finish(hf_sum(message, sizeof message)), 0);
    message[0] ^= 1;
    assert_int_not_equal(hf_sum_finish(hf_sum(message, sizeof message)), 0);
    uint8_t zero_sum[6] = {0x12, 0x34, 0xed, 0xcb, 0, 0};
    assert_int_equal(hf_sum_finish(hf_sum(zero_sum, 6)), 0);
    zero_sum[4] = zero_sum[5] = 0xff;
    assert_int_equal(hf_sum_finish(hf_sum(zero_sum, 6)), 0);
}

static void every_flipped_bit_is_seen(void **state)
{
    /* Any single wrong bit is found out, wherever it is (BUG-08). */
    (void)state;
    fill(4);
    uint32_t len = 77;
    uint16_t right = hf_sum_finish(hf_sum(data, len));
    for (uint32_t bit = 0; bit < len * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(hf_sum_finish(hf_sum(data, len)), right);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void pseudo_header_v4(void **state)
{
    /* Over IPv4 the pseudo-header is source, destination, zero, protocol, length in 12 bytes (RFC 9293, 3.1). */
    (void)state;
    static const uint8_t header[12] = {192, 0, 2, 7, 198, 51, 100, 3, 0, 6, 0x05, 0xb4};
    struct hf_addr src = addr("192.0.2.7"), dst = addr("198.51.100.3");
    assert_int_equal(on_wire(hf_sum_pseudo(&src, &dst, 6, 0x5b4)), plain(header, 12, 0));
}

static void pseudo_header_v6(void **state)
{
    /* Over IPv6 it is source, destination, length in 32 bits, zeros, next header in 40 bytes (RFC 8200, 8.1). */
    (void)state;
    struct hf_addr src = addr("2001:db8::7"), dst = addr("fd00:1:2:3:4:5:6:7");
    uint8_t header[40] = {0};
    memcpy(header, src.bytes, 16);
    memcpy(header + 16, dst.bytes, 16);
    hf_put32(header + 32, 0x12345);
    header[39] = 58;
    assert_int_equal(on_wire(hf_sum_pseudo(&src, &dst, 58, 0x12345)), plain(header, 40, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_book),
        cmocka_unit_test(example_of_rfc_1071),
        cmocka_unit_test(survives_all_ones),
        cmocka_unit_test(copy_sums_the_same),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(whole_with_checksum_sums_to_zero),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(pseudo_header_v4),
        cmocka_unit_test(pseudo_header_v6),
    };
    return cmocka_run_group_tests_name("sum", tests, NULL, NULL);
}

/* src/wire/tcp_options.c: options as they should be, and every way in which they lie. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/bytes.h"
#include "../../src/wire/tcp_options.h"

static struct hf_tcp_opts opts;

/* Parses a copy that ends with its last byte, so that the sanitizer sees a read past the end. */
static enum hf_reason parse(const uint8_t *options, uint32_t len)
{
    static uint8_t guarded[64];
    uint8_t *copy = guarded + sizeof guarded - len;
    memcpy(copy, options, len);
    memset(&opts, 0xff, sizeof opts);
    return hf_tcp_options_parse(copy, len, &opts);
}

#define PARSE(...) parse((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void none_are_fine(void **state)
{
    /* No options, padding only, and everything behind end-of-list mean nothing (MUST-4). */
    (void)state;
    assert_int_equal(parse((const uint8_t *)"", 0), HF_ACCEPTED);
    assert_int_equal(opts.present, 0);
    assert_int_equal(PARSE(1, 1, 1, 1), HF_ACCEPTED);
    assert_int_equal(opts.present, 0);
    assert_int_equal(PARSE(0, 2, 255, 9), HF_ACCEPTED);
    assert_int_equal(opts.present, 0);
}

static void reads_a_syn(void **state)
{
    /* The options of a usual SYN: MSS, SACK permitted, timestamps, window scale, in any order, unaligned too (MUST-14,
     * MUST-64). */
    (void)state;
    assert_int_equal(PARSE(2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7), HF_ACCEPTED);
    assert_int_equal(opts.present, HF_OPT_MSS | HF_OPT_SACK_OK | HF_OPT_TIMESTAMPS | HF_OPT_WSCALE);
    assert_int_equal(opts.mss, 1460);
    assert_int_equal(opts.wscale, 7);
    assert_int_equal(opts.tsval, 0x01020304);
    assert_int_equal(opts.tsecr, 0x05060708);
    assert_int_equal(PARSE(3, 3, 14, 4, 2, 1, 2, 4, 2, 24, 0, 0), HF_ACCEPTED);
    assert_int_equal(opts.present, HF_OPT_MSS | HF_OPT_SACK_OK | HF_OPT_WSCALE);
    assert_int_equal(opts.mss, 536);
}

static void lengths_below_two_are_refused(void **state)
{
    /* A length of 0 or 1 would never come to an end (BUG-02; MUST-7). */
    (void)state;
    for (unsigned kind = 2; kind < 256; kind++) {
        assert_int_equal(PARSE((uint8_t)kind, 0, 0, 0), HF_DROP_TCP_OPTION);
        assert_int_equal(PARSE((uint8_t)kind, 1, 0, 0), HF_DROP_TCP_OPTION);
        assert_int_equal(PARSE(1, 1, (uint8_t)kind, 1), HF_DROP_TCP_OPTION);
    }
}

static void lengths_past_the_end_are_refused(void **state)
{
    /* A length past the end is refused and nothing behind the end is read, not even the length itself (BUG-02). */
    (void)state;
    for (unsigned kind = 2; kind < 256; kind++) {
        uint8_t k = (uint8_t)kind;
        assert_int_equal(PARSE(1, 1, 1, k), HF_DROP_TCP_OPTION);
        assert_int_equal(PARSE(1, 1, k, 3), HF_DROP_TCP_OPTION);
        assert_int_equal(PARSE(k, 5, 0, 0), HF_DROP_TCP_OPTION);
        assert_int_equal(PARSE(k, 255, 0, 0), HF_DROP_TCP_OPTION);
        assert_int_equal(PARSE(k, 4, 0, 0), HF_ACCEPTED);
    }
}

static void unknown_kinds_are_skipped(void **state)
{
    /* Options nobody here knows are stepped over, and what follows them is read (MUST-6, MUST-68). */
    (void)state;
    static const uint8_t unknown[] = {6, 7, 9, 19, 28, 29, 30, 100, 253, 254, 255};
    for (size_t i = 0; i < sizeof unknown; i++) {
        assert_int_equal(PARSE(unknown[i], 5, 2, 4, 9, 2, 4, 5, 180, 0, 0, 0), HF_ACCEPTED);
        assert_int_equal(opts.present, HF_OPT_MSS);
        assert_int_equal(opts.mss, 1460);
    }
}

static void known_kinds_of_wrong_length_are_ignored(void **state)
{
    /* A known option with another length than its own is stepped over and not half read (BUG-02, BUG-41). */
    (void)state;
    static const uint8_t right[][2] = {{2, 4}, {3, 3}, {4, 2}, {8, 10}};
    for (size_t i = 0; i < HF_COUNT_OF(right); i++)
        for (uint8_t len = 2; len <= 36; len++) {
            uint8_t options[40] = {right[i][0], len};
            assert_int_equal(parse(options, sizeof options), HF_ACCEPTED);
            assert_int_equal(opts.present != 0, len == right[i][1]);
        }
}

static void sack_blocks_of_wrong_length_are_ignored(void **state)
{
    /* SACK blocks are eight bytes each, one to four of them; any other length is no SACK (BUG-02, BUG-38). */
    (void)state;
    for (uint8_t len = 2; len <= 38; len++) {
        uint8_t options[40] = {5, len};
        hf_put32(options + 2, 1000);
        hf_put32(options + 6, 2000);
        memset(options + len, 1, sizeof options - len);
        assert_int_equal(parse(options, sizeof options), HF_ACCEPTED);
        bool is_right = len > 2 && (len - 2) % 8 == 0;
        assert_int_equal(opts.present, is_right ? HF_OPT_SACK : 0);
        assert_int_equal(opts.sack_count, is_right ? (len - 2) / 8 : 0);
        if (is_right) {
            assert_int_equal(opts.sack[0].from.n, 1000);
            assert_int_equal(opts.sack[0].to.n, 2000);
        }
    }
}

static void sack_blocks_are_passed_as_they_are(void **state)
{
    /* Inverted, empty and wrapping blocks are passed on unjudged: only the connection knows its window (BUG-38). */
    (void)state;
    assert_int_equal(PARSE(1, 1, 5, 18, 0, 0, 0, 9, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 16), HF_ACCEPTED);
    assert_int_equal(opts.sack_count, 2);
    assert_int_equal(opts.sack[0].from.n, 9);
    assert_int_equal(opts.sack[0].to.n, 3);
    assert_int_equal(opts.sack[1].from.n, 0xfffffff0);
    assert_int_equal(opts.sack[1].to.n, 16);
}

static void scale_above_14_is_passed_on(void **state)
{
    /* A shift count above 14 is told as it stood; the connection logs and clamps it (RFC 7323, 2.3; BUG-41). */
    (void)state;
    assert_int_equal(PARSE(3, 3, 15, 0), HF_ACCEPTED);
    assert_int_equal(opts.wscale, 15);
    assert_int_equal(PARSE(3, 3, 255, 0), HF_ACCEPTED);
    assert_int_equal(opts.present, HF_OPT_WSCALE);
    assert_int_equal(opts.wscale, 255);
}

static void tiny_mss_is_passed_on(void **state)
{
    /* MSS 0 and 1 are told as they stood: the connection has the floor (BUG-03). */
    (void)state;
    assert_int_equal(PARSE(2, 4, 0, 0), HF_ACCEPTED);
    assert_int_equal(opts.present, HF_OPT_MSS);
    assert_int_equal(opts.mss, 0);
}

static void repeated_option_counts_last(void **state)
{
    /* An option that stands twice has the value of the last, and is there once. */
    (void)state;
    assert_int_equal(PARSE(2, 4, 1, 0, 2, 4, 2, 0), HF_ACCEPTED);
    assert_int_equal(opts.mss, 512);
    assert_int_equal(opts.present, HF_OPT_MSS);
}

static void cookies_of_wrong_length_are_ignored(void **state)
{
    /* A Fast Open cookie has 4 to 16 bytes, an even number, or none when it is a request (RFC 7413, 2.1; BUG-02).
     */
    (void)state;
    for (uint8_t len = 0; len <= 20; len++) {
        uint8_t options[40] = {34, (uint8_t)(2 + len), 0xc0, 0x0c};
        memset(options + 2 + len, 1, sizeof options - 2 - len);
        assert_int_equal(parse(options, sizeof options), HF_ACCEPTED);
        bool is_right = len == 0 || (len >= 4 && len <= 16 && len % 2 == 0);
        assert_int_equal(opts.present, is_right ? HF_OPT_FAST_OPEN : 0);
        if (is_right)
            assert_int_equal(opts.cookie_len, len);
    }
}

static void usual_timestamps_equal_unusual(void **state)
{
    /* The short way for NOP NOP timestamps reads what the long way reads, and leaves nothing of the last segment.
     */
    (void)state;
    assert_int_equal(PARSE(1, 1, 8, 10, 9, 8, 7, 6, 5, 4, 3, 2), HF_ACCEPTED);
    struct hf_tcp_opts quick = opts;
    assert_int_equal(PARSE(8, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), HF_ACCEPTED);
    assert_int_equal(quick.present, opts.present);
    assert_int_equal(quick.tsval, opts.tsval);
    assert_int_equal(quick.tsecr, opts.tsecr);
    assert_int_equal(quick.sack_count, 0);
}

static void any_bytes_end_in_bounds(void **state)
{
    /* Whatever three bytes say, parsing ends within them, with a verdict. */
    (void)state;
    for (uint32_t n = 0; n < 1u << 16; n++) {
        uint8_t options[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n * 7), (uint8_t)(n >> 5)};
        enum hf_reason why = parse(options, 4);
        assert_true(why == HF_ACCEPTED || why == HF_DROP_TCP_OPTION);
    }
}

/* ---- writing ---- */

static struct hf_tcp_opts all(uint8_t present, uint8_t sacks, uint8_t cookie_len)
{
    struct hf_tcp_opts o = {.present = present,
                            .wscale = 7,
                            .mss = 1460,
                            .tsval = 0xa1b2c3d4,
                            .tsecr = 0x01020304,
                            .sack_count = sacks,
                            .cookie_len = cookie_len};
    for (unsigned i = 0; i < HF_TCP_SACK_MAX; i++)
        o.sack[i] = (struct hf_sack_block){hf_seq_of(1000 * i), hf_seq_of(1000 * i + 500)};
    memset(o.cookie, 0xcc, sizeof o.cookie);
    return o;
}

static void writes_a_syn_as_linux_does(void **state)
{
    /* MSS, SACK permitted, timestamps, NOP and window scale: twenty bytes in Linux's order. */
    (void)state;
    uint8_t out[60];
    struct hf_tcp_opts o = all(HF_OPT_MSS | HF_OPT_SACK_OK | HF_OPT_TIMESTAMPS | HF_OPT_WSCALE, 0, 0);
    static const uint8_t expected[20] = {2, 4, 5, 180, 4, 2, 8, 10, 0xa1, 0xb2, 0xc3, 0xd4, 1, 2, 3, 4, 1, 3, 3, 7};
    assert_int_equal(hf_tcp_options_write(&o, true, out), 20);
    assert_memory_equal(out, expected, 20);
}

static void writes_sack_in_the_space_there_is(void **state)
{
    /* With timestamps three blocks fit into 40 bytes, without them four; more are left out (RFC 2018, 3; BUG-39). */
    (void)state;
    uint8_t out[60];
    for (uint8_t sacks = 0; sacks <= 4; sacks++)
        for (int stamps = 0; stamps < 2; stamps++) {
            struct hf_tcp_opts o = all((uint8_t)(HF_OPT_SACK | (stamps ? HF_OPT_TIMESTAMPS : 0)), sacks, 0);
            unsigned fit = stamps ? HF_MIN(sacks, 3u) : sacks;
            uint32_t len = hf_tcp_options_write(&o, false, out);
            assert_int_equal(len, (stamps ? 12 : 0) + (fit ? 4 + 8 * fit : 0));
            assert_int_equal(parse(out, len), HF_ACCEPTED);
            assert_int_equal(opts.sack_count, fit);
            for (unsigned i = 0; i < fit; i++)
                assert_int_equal(opts.sack[i].to.n, 1000 * i + 500);
        }
}

static void everything_written_fits(void **state)
{
    /* No combination exceeds 40 bytes, every one is a multiple of four, as long as foretold, and is read back. */
    (void)state;
    for (unsigned present = 0; present < 64; present++)
        for (uint8_t n = 0; n <= 16; n += 2)
            for (int syn = 0; syn < 2; syn++) {
                uint8_t out[60];
                struct hf_tcp_opts o = all((uint8_t)present, n % 5, n == 2 ? 0 : n);
                memset(out, 0xee, sizeof out);
                uint32_t len = hf_tcp_options_write(&o, syn, out);
                assert_true(len <= HF_TCP_OPTIONS_MAX && len % 4 == 0);
                assert_int_equal(len, hf_tcp_options_len(&o, syn));
                assert_int_equal(out[len], 0xee);
                assert_int_equal(parse(out, len), HF_ACCEPTED);
                assert_int_equal(opts.present & HF_OPT_TIMESTAMPS, present & HF_OPT_TIMESTAMPS);
                assert_int_equal(opts.present & HF_OPT_FAST_OPEN, syn ? present & HF_OPT_FAST_OPEN : 0);
            }
}

static void only_zeros_follow_an_end(void **state)
{
    /* The list written is padded without an end of list, or nothing but zeros stands behind one (MUST-69), and every
     * option in it but that and NOP has a length (MUST-68). */
    (void)state;
    for (unsigned present = 0; present < 64; present++)
        for (int syn = 0; syn < 2; syn++) {
            uint8_t out[60];
            struct hf_tcp_opts o = all((uint8_t)present, 1, 5);
            uint32_t len = hf_tcp_options_write(&o, syn, out), at = 0;
            while (at < len && out[at] != 0)
                at += out[at] == 1 ? 1u : out[at + 1];
            assert_true(at <= len);
            for (; at < len; at++)
                assert_int_equal(out[at], 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_are_fine),
        cmocka_unit_test(reads_a_syn),
        cmocka_unit_test(lengths_below_two_are_refused),
        cmocka_unit_test(lengths_past_the_end_are_refused),
        cmocka_unit_test(unknown_kinds_are_skipped),
        cmocka_unit_test(known_kinds_of_wrong_length_are_ignored),
        cmocka_unit_test(sack_blocks_of_wrong_length_are_ignored),
        cmocka_unit_test(sack_blocks_are_passed_as_they_are),
        cmocka_unit_test(scale_above_14_is_passed_on),
        cmocka_unit_test(tiny_mss_is_passed_on),
        cmocka_unit_test(repeated_option_counts_last),
        cmocka_unit_test(cookies_of_wrong_length_are_ignored),
        cmocka_unit_test(usual_timestamps_equal_unusual),
        cmocka_unit_test(any_bytes_end_in_bounds),
        cmocka_unit_test(writes_a_syn_as_linux_does),
        cmocka_unit_test(writes_sack_in_the_space_there_is),
        cmocka_unit_test(everything_written_fits),
        cmocka_unit_test(only_zeros_follow_an_end),
    };
    return cmocka_run_group_tests_name("tcp options", tests, NULL, NULL);
}

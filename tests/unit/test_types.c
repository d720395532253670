/* src/base/types.c and errors.c: addresses and their text; the words for errors, states and reasons. */
#include "ip_fixture.h"

#include "../../include/handfast/errors.h"
#include "../../include/handfast/observe.h"
#include "../../src/base/base.h"

#include <arpa/inet.h>

static void parses_what_is_an_address(void **state)
{
    /* Every form that RFC 4291, 2.2 allows, and the dotted quad, is read as inet_pton reads it. */
    (void)state;
    static const char *const texts[] = {
        "::",
        "::1",
        "1::",
        "2001:db8::1",
        "2001:DB8:0:0:8:800:200C:417A",
        "ff01::101",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::8",
        "::ffff:192.0.2.1",
        "::192.0.2.1",
        "64:ff9b::192.0.2.33",
        "1:2:3:4:5:6:192.0.2.1",
        "fe80::ABCD:0001",
        "0:0:0:0:0:0:0:0",
        "::0.0.0.0",
    };
    for (size_t i = 0; i < HF_COUNT_OF(texts); i++) {
        uint8_t expected[16];
        assert_int_equal(inet_pton(AF_INET6, texts[i], expected), 1);
        assert_memory_equal(addr(texts[i]).bytes, expected, 16);
    }
    static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, 0, 2, 255};
    assert_memory_equal(addr("192.0.2.255").bytes, v4, 16);
    assert_true(hf_addr_is_any(&(struct hf_addr){{0}}));
}

static void refuses_what_is_none(void **state)
{
    /* Anything else is refused, and leaves the address as it was. */
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2..4",
        ".1.2.3.4",
        "1.2.3.4.",
        "-1.2.3.4",
        "1.2.3.1000",
        "0x1.2.3.4",
        ":",
        ":::",
        "1:::2",
        "::1::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8:",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "12345::",
        "g::",
        "::1%lo",
        "::1/64",
        "[::1]",
        "::1.2.3",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::fffff",
        "::1 ",
        "1:",
        ":1",
        "1:2:3:4:5:6:7:",
        "::1:",
    };
    for (size_t i = 0; i < HF_COUNT_OF(texts); i++) {
        struct hf_addr out;
        memset(&out, 0x55, sizeof out);
        if (hf_addr_parse(texts[i], &out))
            fail_msg("'%s' was taken for an address", texts[i]);
        assert_int_equal(out.bytes[0], 0x55);
        assert_int_equal(out.bytes[15], 0x55);
    }
}

static void refuses_leading_zeros(void **state)
{
    /* A dotted quad with leading zeros is octal to some readers and decimal to others: refused, as by inet_pton
     * (RFC 6943, 3.1.1). */
    (void)state;
    struct hf_addr out;
    assert_false(hf_addr_parse("010.0.0.1", &out));
    assert_false(hf_addr_parse("10.0.0.01", &out));
    assert_false(hf_addr_parse("::ffff:10.00.0.1", &out));
    assert_true(hf_addr_parse("10.0.0.1", &out));
}

static void prints_by_rfc_5952(void **state)
{
    /* IPv6 text is lower case, without leading zeros, with the longest run of zeros shortened, the first of equals.
     */
    (void)state;
    static const char *const pairs[][2] = {
        {"2001:0DB8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:1:0:0:0:0:0:0", "0:1::"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"10.0.200.3", "10.0.200.3"},
    };
    for (size_t i = 0; i < HF_COUNT_OF(pairs); i++) {
        char text[HF_ADDR_TEXT_LEN];
        struct hf_addr a = addr(pairs[i][0]);
        assert_string_equal(hf_addr_print(&a, text), pairs[i][1]);
    }
}

static void printed_text_parses_back(void **state)
{
    /* Whatever groups are zero, the printed text is read back as the same address. */
    (void)state;
    for (unsigned zeros = 0; zeros < 256; zeros++) {
        struct hf_addr a = {{0}}, back;
        char text[HF_ADDR_TEXT_LEN];
        for (unsigned group = 0; group < 8; group++)
            if (!(zeros >> group & 1))
                a.bytes[2 * group + group % 2] = (uint8_t)(0x1d * (group + 1));
        assert_true(hf_addr_parse(hf_addr_print(&a, text), &back));
        assert_true(hf_addr_equal(&a, &back));
    }
}

static void knows_its_kind(void **state)
{
    /* Dotted quads are IPv4, and only they; both families have their any. */
    (void)state;
    struct hf_addr v4 = addr("10.1.2.3"), v6 = addr("fd00::1"), any4 = addr("0.0.0.0"), any6 = addr("::");
    struct hf_addr compatible = addr("::10.1.2.3"), made = hf_addr_v4(10, 1, 2, 3);
    assert_true(hf_addr_is_v4(&v4) && hf_addr_is_v4(&any4) && hf_addr_equal(&v4, &made));
    assert_false(hf_addr_is_v4(&v6) || hf_addr_is_v4(&any6) || hf_addr_is_v4(&compatible));
    assert_true(hf_addr_is_any(&any4) && hf_addr_is_any(&any6));
    assert_false(hf_addr_is_any(&v4) || hf_addr_is_any(&v6) || hf_addr_equal(&any4, &any6));
}

static void every_word_is_there(void **state)
{
    /* Each error, state and reason has a name and a text, no two reasons the same name, and strangers are
     * "unknown". */
    (void)state;
    for (int reason = 0; reason < HF_REASON_COUNT; reason++) {
        assert_true(strlen(hf_reason_name((enum hf_reason)reason)) > 0);
        assert_true(strlen(hf_reason_text((enum hf_reason)reason)) > 0);
        for (int other = 0; other < reason; other++)
            assert_string_not_equal(hf_reason_name((enum hf_reason)reason), hf_reason_name((enum hf_reason)other));
    }
    for (int s = 0; s < HF_STATE_COUNT; s++)
        assert_string_not_equal(hf_state_text((enum hf_state)s), "unknown");
    assert_string_equal(hf_state_text((enum hf_state)HF_STATE_COUNT), "unknown");
    for (int error = HF_ERR_NOT_LISTENING; error <= HF_OK; error++) {
        assert_string_not_equal(hf_error_text(error), "unknown");
        assert_string_not_equal(hf_error_name(error), "unknown");
    }
    assert_string_equal(hf_error_text(1), "unknown");
    assert_string_equal(hf_error_name(-1000), "unknown");
    assert_string_equal(hf_reason_name((enum hf_reason)HF_REASON_COUNT), "NONE");
}

static void time_does_not_wrap(void **state)
{
    /* An instant plus a duration past the end of time is never (BUG-48). */
    (void)state;
    assert_true(hf_time_is_never(hf_time_add((hf_time){INT64_MAX - 5}, 6)));
    assert_true(hf_time_is_never(hf_time_add(HF_NEVER, HF_SECOND)));
    assert_int_equal(hf_time_add((hf_time){INT64_MAX - 5}, 4).ns, INT64_MAX - 1);
    assert_int_equal(hf_time_add((hf_time){-10}, 4).ns, -6);
    assert_int_equal(hf_time_add((hf_time){10}, -4).ns, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_is_an_address), cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(refuses_leading_zeros),     cmocka_unit_test(prints_by_rfc_5952),
        cmocka_unit_test(printed_text_parses_back),  cmocka_unit_test(knows_its_kind),
        cmocka_unit_test(every_word_is_there),       cmocka_unit_test(time_does_not_wrap),
    };
    return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}

/* src/wire/ethernet.c and ndp.c: Ethernet, ARP and neighbour discovery messages. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/bytes.h"
#include "../../src/wire/ethernet.h"
#include "../../src/wire/ndp.h"

static uint8_t bytes[128];

/* ---- Ethernet and ARP ---- */

static void ethernet_there_and_back(void **state)
{
    /* A header written is read back; one cut short is refused. */
    (void)state;
    struct hf_ethernet out = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, HF_ETHERTYPE_IPV6}, in;
    hf_ethernet_write(&out, bytes);
    assert_int_equal(hf_ethernet_parse(bytes, HF_ETHERNET_LEN, &in), HF_ACCEPTED);
    assert_memory_equal(&in, &out, sizeof in);
    for (uint32_t len = 0; len < HF_ETHERNET_LEN; len++)
        assert_int_equal(hf_ethernet_parse(bytes, len, &in), HF_DROP_SHORT);
}

static void group_bit_is_the_first(void **state)
{
    /* Broadcast and multicast link addresses are known by one bit. */
    (void)state;
    assert_true(hf_mac_is_group((const uint8_t *)"\xff\xff\xff\xff\xff\xff"));
    assert_true(hf_mac_is_group((const uint8_t *)"\x33\x33\x00\x00\x00\x01"));
    assert_false(hf_mac_is_group((const uint8_t *)"\x02\xff\xff\xff\xff\xff"));
}

static struct hf_arp question(void)
{
    return (struct hf_arp){.operation = HF_ARP_REQUEST,
                           .sender_mac = {2, 0, 0, 0, 0, 9},
                           .sender = addr("10.0.0.9"),
                           .target = addr("10.0.0.1")};
}

static void arp_there_and_back(void **state)
{
    /* A request and a reply written are read back, byte for byte. */
    (void)state;
    struct hf_arp out = question(), in;
    for (uint16_t operation = HF_ARP_REQUEST; operation <= HF_ARP_REPLY; operation++) {
        out.operation = operation;
        hf_arp_write(&out, bytes);
        assert_int_equal(hf_arp_parse(bytes, HF_ARP_LEN, &in), HF_ACCEPTED);
        assert_int_equal(in.operation, operation);
        assert_memory_equal(in.sender_mac, out.sender_mac, 6);
        assert_memory_equal(in.target_mac, out.target_mac, 6);
        assert_true(hf_addr_equal(&in.sender, &out.sender) && hf_addr_equal(&in.target, &out.target));
    }
    for (uint32_t len = 0; len < HF_ARP_LEN; len++)
        assert_int_equal(hf_arp_parse(bytes, len, &in), HF_DROP_SHORT);
}

static void only_arp_is_arp(void **state)
{
    /* Reverse ARP and other operations, other hardware, protocols and lengths are refused (BUG-48). */
    (void)state;
    static const struct {
        uint8_t at, value;
    } changes[] = {{1, 6}, {0, 1}, {2, 0x86}, {4, 8}, {4, 0}, {5, 16}, {5, 0}, {7, 0}, {7, 3}, {7, 4}, {6, 1}};
    struct hf_arp out = question(), in;
    for (size_t i = 0; i < HF_COUNT_OF(changes); i++) {
        hf_arp_write(&out, bytes);
        bytes[changes[i].at] = changes[i].value;
        assert_int_equal(hf_arp_parse(bytes, HF_ARP_LEN, &in), HF_DROP_ARP);
    }
}

static void group_sender_is_refused(void **state)
{
    /* Nobody's link address is a group: believing it would send every frame to everyone (BUG-48). */
    (void)state;
    struct hf_arp out = question(), in;
    out.sender_mac[0] |= 1;
    hf_arp_write(&out, bytes);
    assert_int_equal(hf_arp_parse(bytes, HF_ARP_LEN, &in), HF_DROP_ARP);
}

/* ---- neighbour discovery ---- */

static struct hf_ndp ndp;

static void write_ndp(uint8_t type)
{
    struct hf_ndp out = {.type = type,
                         .is_solicited = true,
                         .is_override = true,
                         .mac = {2, 0, 0, 0, 0, 5},
                         .target = addr("fd00::5")};
    hf_ndp_write(&out, bytes);
}

static void ndp_there_and_back(void **state)
{
    /* A solicitation and an advertisement written are read back, with the link address each carries. */
    (void)state;
    struct hf_addr target = addr("fd00::5");
    for (uint8_t type = HF_NDP_SOLICITATION; type <= HF_NDP_ADVERTISEMENT; type++) {
        write_ndp(type);
        bool flags = type == HF_NDP_ADVERTISEMENT;
        assert_true(hf_ndp_is(bytes, HF_NDP_LEN));
        assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 255, &ndp), HF_ACCEPTED);
        assert_int_equal(ndp.type, type);
        assert_int_equal(ndp.is_solicited, flags);
        assert_int_equal(ndp.is_override, flags);
        assert_true(ndp.has_mac && hf_addr_equal(&ndp.target, &target));
        assert_memory_equal(ndp.mac, "\2\0\0\0\0\5", 6);
    }
    bytes[0] = 133;
    assert_false(hf_ndp_is(bytes, HF_NDP_LEN));
    assert_false(hf_ndp_is(bytes, 0));
}

static void routed_messages_are_refused(void **state)
{
    /* A hop limit below 255 means that it came through a router: not from a neighbour (RFC 4861, 7.1). */
    (void)state;
    write_ndp(HF_NDP_ADVERTISEMENT);
    assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 254, &ndp), HF_DROP_NEIGHBOUR);
    assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 0, &ndp), HF_DROP_NEIGHBOUR);
    bytes[1] = 1;
    assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 255, &ndp), HF_DROP_NEIGHBOUR);
}

static void ndp_options_are_walked(void **state)
{
    /* An option of length 0, or past the end, drops the message; unknown ones are stepped over (BUG-07). */
    (void)state;
    write_ndp(HF_NDP_ADVERTISEMENT);
    bytes[25] = 0;
    assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 255, &ndp), HF_DROP_NEIGHBOUR);
    bytes[25] = 2;
    assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 255, &ndp), HF_DROP_NEIGHBOUR);
    for (uint32_t len = 25; len < HF_NDP_LEN; len++) {
        write_ndp(HF_NDP_ADVERTISEMENT);
        assert_int_equal(hf_ndp_parse(bytes, len, 255, &ndp), HF_DROP_NEIGHBOUR);
    }
    write_ndp(HF_NDP_ADVERTISEMENT);
    memmove(bytes + 40, bytes + 24, 8);
    memset(bytes + 24, 0, 16);
    bytes[24] = 14;
    bytes[25] = 2;
    assert_int_equal(hf_ndp_parse(bytes, 48, 255, &ndp), HF_ACCEPTED);
    assert_true(ndp.has_mac);
}

static void messages_cut_short_are_refused(void **state)
{
    /* A message shorter than its target's end is refused; one without options has no link address. */
    (void)state;
    write_ndp(HF_NDP_SOLICITATION);
    for (uint32_t len = 0; len < 24; len++)
        assert_int_equal(hf_ndp_parse(bytes, len, 255, &ndp), HF_DROP_NEIGHBOUR);
    assert_int_equal(hf_ndp_parse(bytes, 24, 255, &ndp), HF_ACCEPTED);
    assert_false(ndp.has_mac);
}

static void only_its_own_address_option_counts(void **state)
{
    /* A solicitation's source option in an advertisement, another length, or a group address, tell nothing. */
    (void)state;
    write_ndp(HF_NDP_ADVERTISEMENT);
    bytes[24] = 1;
    assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 255, &ndp), HF_ACCEPTED);
    assert_false(ndp.has_mac);
    write_ndp(HF_NDP_ADVERTISEMENT);
    bytes[26] |= 1;
    assert_int_equal(hf_ndp_parse(bytes, HF_NDP_LEN, 255, &ndp), HF_ACCEPTED);
    assert_false(ndp.has_mac);
    write_ndp(HF_NDP_ADVERTISEMENT);
    bytes[25] = 2;
    assert_int_equal(hf_ndp_parse(bytes, 40, 255, &ndp), HF_ACCEPTED);
    assert_false(ndp.has_mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet_there_and_back),
        cmocka_unit_test(group_bit_is_the_first),
        cmocka_unit_test(arp_there_and_back),
        cmocka_unit_test(only_arp_is_arp),
        cmocka_unit_test(group_sender_is_refused),
        cmocka_unit_test(ndp_there_and_back),
        cmocka_unit_test(routed_messages_are_refused),
        cmocka_unit_test(ndp_options_are_walked),
        cmocka_unit_test(messages_cut_short_are_refused),
        cmocka_unit_test(only_its_own_address_option_counts),
    };
    return cmocka_run_group_tests_name("ethernet", tests, NULL, NULL);
}

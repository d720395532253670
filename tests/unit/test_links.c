/* Links and addresses: what is ours, what can be a source, and which address the engine speaks from. */
#include "ip_fixture.h"

#include "../../include/handfast/errors.h"
#include "../../src/ip/links.h"

static struct hf_links *links;
static hf_link ether, other, tun;

static int add_address(hf_link link, const char *text, uint8_t prefix_len)
{
    struct hf_addr a = addr(text);
    return hf_links_add_address(links, link, &a, prefix_len);
}

static enum hf_address_kind kind(hf_link link, const char *text)
{
    struct hf_addr a = addr(text);
    return hf_links_kind(links, link, &a);
}

static enum hf_reason source(hf_link link, const char *text)
{
    struct hf_addr a = addr(text);
    return hf_links_source(links, link, &a, false);
}

static const char *chosen(hf_link link, const char *dst_text, const char *next_text)
{
    static char text[HF_ADDR_TEXT_LEN];
    struct hf_addr dst = addr(dst_text), next = addr(next_text), src;
    if (!hf_links_choose_source(links, link, &dst, &next, &src))
        return "none";
    return hf_addr_print(&src, text);
}

static int set_up(void **state)
{
    (void)state;
    struct hf_arena arena;
    links = fresh_block(sizeof *links, &arena);
    const struct hf_link_config ethernet = {.kind = HF_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
    const struct hf_link_config second = {.kind = HF_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 2}};
    const struct hf_link_config raw = {.kind = HF_LINK_IP, .mtu = 1400};
    hf_links_init(links, &arena, 3, 8);
    assert_int_equal(hf_links_add(links, &ethernet, &ether), HF_OK);
    assert_int_equal(hf_links_add(links, &second, &other), HF_OK);
    assert_int_equal(hf_links_add(links, &raw, &tun), HF_OK);
    assert_int_equal(add_address(ether, "192.0.2.1", 24), HF_OK);
    assert_int_equal(add_address(ether, "2001:db8::1:2345", 64), HF_OK);
    assert_int_equal(add_address(other, "198.51.100.1", 31), HF_OK);
    assert_int_equal(add_address(tun, "10.1.0.1", 16), HF_OK);
    return 0;
}

static void bad_sources_are_refused(void **state)
{
    /* BUG-10: a datagram whose source cannot be one host elsewhere is dropped, whatever it carries (MUST-57, MUST-63). */
    (void)state;
    static const char *const bad[] = {
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.0.9", "224.0.0.1", "239.1.2.3",   "255.255.255.255",
        "::",      "::1",     "ff02::1",   "ff0e::1234",  "192.0.2.0", "192.0.2.255", "10.1.255.255",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (source(ether, bad[i]) != HF_DROP_IP_SOURCE)
            fail_msg("%s was taken for a source", bad[i]);
    }
    assert_int_equal(source(ether, "192.0.2.7"), HF_ACCEPTED);
    assert_int_equal(source(ether, "203.0.113.255"), HF_ACCEPTED);
    assert_int_equal(source(ether, "2001:db8::2"), HF_ACCEPTED);
}

static void our_own_source_is_refused_unless_looped(void **state)
{
    /* BUG-10: a datagram from ourselves that arrives from outside is a forgery (LAND), one turned round inside is not. */
    (void)state;
    struct hf_addr ours = addr("192.0.2.1");
    assert_int_equal(hf_links_source(links, ether, &ours, false), HF_DROP_IP_SOURCE);
    assert_int_equal(hf_links_source(links, tun, &ours, false), HF_DROP_IP_SOURCE);
    assert_int_equal(hf_links_source(links, ether, &ours, true), HF_ACCEPTED);
}

static void an_address_is_ours_on_every_link(void **state)
{
    /* The weak host model: an address is ours on whichever link a datagram to it arrives (RFC 1122, 3.3.4.2). */
    (void)state;
    bool is_group = true;
    struct hf_addr ours = addr("192.0.2.1"), not_ours = addr("192.0.2.2");
    assert_int_equal(hf_links_destination(links, tun, &ours, &is_group), HF_ACCEPTED);
    assert_false(is_group);
    assert_int_equal(hf_links_destination(links, ether, &not_ours, &is_group), HF_DROP_IP_DESTINATION);
    assert_int_equal(hf_links_owner(links, &ours), ether);
    assert_int_equal(hf_links_owner(links, &not_ours), HF_LINK_NONE);
}

static void ipv6_gives_ethernet_a_link_local_address(void **state)
{
    /* The first IPv6 address of an Ethernet link brings fe80:: with the MAC's EUI-64, ours on that link alone. */
    (void)state;
    assert_int_equal(kind(ether, "fe80::ff:fe00:1"), HF_ADDRESS_OURS);
    assert_int_equal(kind(other, "fe80::ff:fe00:1"), HF_ADDRESS_UNICAST);
    assert_int_equal(kind(other, "fe80::ff:fe00:2"), HF_ADDRESS_UNICAST);
    assert_int_equal(add_address(other, "2001:db8:1::1", 64), HF_OK);
    assert_int_equal(kind(other, "fe80::ff:fe00:2"), HF_ADDRESS_OURS);
}

static void only_our_groups_are_heard(void **state)
{
    /* All-nodes and the solicited-node groups of the link's own addresses are heard, no other multicast. */
    (void)state;
    assert_int_equal(kind(ether, "ff02::1"), HF_ADDRESS_HEARD);
    assert_int_equal(kind(ether, "ff02::1:ff01:2345"), HF_ADDRESS_HEARD);
    assert_int_equal(kind(ether, "ff02::1:ff00:1"), HF_ADDRESS_HEARD); /* of the link-local address */
    assert_int_equal(kind(ether, "ff02::1:ff01:2346"), HF_ADDRESS_MULTICAST);
    assert_int_equal(kind(other, "ff02::1:ff01:2345"), HF_ADDRESS_MULTICAST);
    assert_int_equal(kind(other, "ff02::1"), HF_ADDRESS_MULTICAST); /* a link without IPv6 */
    assert_int_equal(kind(ether, "ff02::2"), HF_ADDRESS_MULTICAST);
    assert_int_equal(kind(ether, "224.0.0.1"), HF_ADDRESS_HEARD);
    assert_int_equal(kind(ether, "224.0.0.251"), HF_ADDRESS_MULTICAST);
    assert_int_equal(kind(HF_LINK_NONE, "ff02::1"), HF_ADDRESS_MULTICAST);
}

static void broadcasts_are_groups(void **state)
{
    /* A prefix's last and first address and 255.255.255.255 are broadcasts; a prefix of 31 bits has none (RFC 3021). */
    (void)state;
    bool is_group = false;
    struct hf_addr limited = addr("255.255.255.255");
    assert_int_equal(hf_links_destination(links, ether, &limited, &is_group), HF_ACCEPTED);
    assert_true(is_group);
    assert_int_equal(kind(ether, "192.0.2.255"), HF_ADDRESS_BROADCAST);
    assert_int_equal(kind(ether, "192.0.2.0"), HF_ADDRESS_BROADCAST);
    assert_int_equal(kind(ether, "192.0.2.127"), HF_ADDRESS_UNICAST);
    assert_int_equal(kind(ether, "198.51.100.0"), HF_ADDRESS_UNICAST);
    assert_int_equal(kind(ether, "198.51.100.1"), HF_ADDRESS_OURS);
}

static void bad_links_and_addresses_are_refused(void **state)
{
    /* What cannot be a link or an address of ours is HF_ERR_INVALID, one too many is HF_ERR_LIMIT. */
    (void)state;
    hf_link link;
    const struct hf_link_config narrow = {.kind = HF_LINK_IP, .mtu = 575};
    const struct hf_link_config group_mac = {.kind = HF_LINK_ETHERNET, .mtu = 1500, .mac = {1, 0, 0, 0, 0, 1}};
    const struct hf_link_config fourth = {.kind = HF_LINK_IP, .mtu = 1500};
    assert_int_equal(hf_links_add(links, &narrow, &link), HF_ERR_INVALID);
    assert_int_equal(hf_links_add(links, &group_mac, &link), HF_ERR_INVALID);
    assert_int_equal(hf_links_add(links, &fourth, &link), HF_ERR_LIMIT);
    assert_int_equal(add_address(3, "192.0.2.9", 24), HF_ERR_INVALID);
    assert_int_equal(add_address(ether, "192.0.2.9", 33), HF_ERR_INVALID);
    assert_int_equal(add_address(ether, "2001:db8::9", 129), HF_ERR_INVALID);
    assert_int_equal(add_address(ether, "0.0.0.0", 0), HF_ERR_INVALID);
    assert_int_equal(add_address(ether, "224.0.0.5", 24), HF_ERR_INVALID);
    assert_int_equal(add_address(ether, "192.0.2.255", 24), HF_ERR_INVALID);
    assert_int_equal(add_address(ether, "ff02::1", 128), HF_ERR_INVALID);
    assert_int_equal(add_address(ether, "192.0.2.1", 24), HF_ERR_INVALID); /* ours already */
    for (int i = 0; i < 4; i++) {
        char text[] = "203.0.113.1";
        text[sizeof text - 2] = (char)('1' + i);
        assert_int_equal(add_address(tun, text, 32), HF_OK);
    }
    assert_int_equal(add_address(tun, "203.0.113.9", 32), HF_ERR_LIMIT);
}

static void ipv6_needs_1280_bytes(void **state)
{
    /* A link that cannot carry 1280 bytes takes no IPv6 address (RFC 8200, 5). */
    (void)state;
    struct hf_arena arena;
    links = fresh_block(sizeof *links, &arena);
    const struct hf_link_config narrow = {.kind = HF_LINK_IP, .mtu = 1279};
    hf_link link;
    hf_links_init(links, &arena, 1, 1);
    assert_int_equal(hf_links_add(links, &narrow, &link), HF_OK);
    assert_int_equal(add_address(link, "2001:db8::1", 64), HF_ERR_INVALID);
    assert_int_equal(add_address(link, "192.0.2.1", 24), HF_OK);
}

static void the_source_is_the_links_own(void **state)
{
    /* We speak from an address of the link we speak over, and of its several from the one that shares a prefix. */
    (void)state;
    assert_int_equal(add_address(ether, "203.0.113.1", 24), HF_OK);
    assert_string_equal(chosen(ether, "192.0.2.7", "192.0.2.7"), "192.0.2.1");
    assert_string_equal(chosen(ether, "203.0.113.7", "203.0.113.7"), "203.0.113.1");
    assert_string_equal(chosen(ether, "8.8.8.8", "203.0.113.254"), "203.0.113.1"); /* the gateway's prefix */
    assert_string_equal(chosen(ether, "8.8.8.8", "192.0.2.254"), "192.0.2.1");
    assert_string_equal(chosen(tun, "8.8.8.8", "8.8.8.8"), "10.1.0.1");
    assert_string_equal(chosen(other, "10.1.0.9", "10.1.0.9"), "198.51.100.1");
    assert_string_equal(chosen(ether, "192.0.2.1", "192.0.2.1"), "192.0.2.1"); /* to ourselves */
}

static void the_source_has_the_destinations_scope(void **state)
{
    /* Link-local speaks to link-local, global to global, and never a link-local address of another link. */
    (void)state;
    assert_string_equal(chosen(ether, "fe80::9", "fe80::9"), "fe80::ff:fe00:1");
    assert_string_equal(chosen(ether, "2001:db8:9::9", "fe80::9"), "2001:db8::1:2345");
    assert_string_equal(chosen(tun, "2001:db8:9::9", "2001:db8:9::9"),
                        "2001:db8::1:2345"); /* the only global one */
    assert_string_equal(chosen(tun, "fe80::9", "fe80::9"), "2001:db8::1:2345");
}

static void without_an_address_of_the_family_there_is_no_source(void **state)
{
    /* An engine without IPv6 addresses has nothing to speak IPv6 from. */
    (void)state;
    struct hf_arena arena;
    links = fresh_block(sizeof *links, &arena);
    const struct hf_link_config raw = {.kind = HF_LINK_IP, .mtu = 1500};
    hf_link link;
    hf_links_init(links, &arena, 1, 2);
    assert_int_equal(hf_links_add(links, &raw, &link), HF_OK);
    assert_int_equal(add_address(link, "127.0.0.1", 8), HF_OK);
    assert_string_equal(chosen(link, "2001:db8::1", "2001:db8::1"), "none");
    assert_string_equal(chosen(link, "192.0.2.1", "192.0.2.1"), "none"); /* nor a loopback address for elsewhere */
    assert_string_equal(chosen(link, "127.0.0.1", "127.0.0.1"), "127.0.0.1");
}

static void groups_have_ethernet_addresses(void **state)
{
    /* Multicast maps to Ethernet groups: 23 bits over IPv4 (RFC 1112, 6.4), 32 bits over IPv6 (RFC 2464, 7). */
    (void)state;
    uint8_t mac[6];
    struct hf_addr v4 = addr("224.129.2.3"), v6 = addr("2001:db8::1:2345");
    hf_addr_group_mac(&v4, mac);
    assert_memory_equal(mac, "\x01\x00\x5e\x01\x02\x03", 6);
    struct hf_addr group = hf_addr_solicited_node(&v6), wanted = addr("ff02::1:ff01:2345");
    assert_true(hf_addr_equal(&group, &wanted));
    hf_addr_group_mac(&group, mac);
    assert_memory_equal(mac, "\x33\x33\xff\x01\x23\x45", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bad_sources_are_refused, set_up),
        cmocka_unit_test_setup(our_own_source_is_refused_unless_looped, set_up),
        cmocka_unit_test_setup(an_address_is_ours_on_every_link, set_up),
        cmocka_unit_test_setup(ipv6_gives_ethernet_a_link_local_address, set_up),
        cmocka_unit_test_setup(only_our_groups_are_heard, set_up),
        cmocka_unit_test_setup(broadcasts_are_groups, set_up),
        cmocka_unit_test_setup(bad_links_and_addresses_are_refused, set_up),
        cmocka_unit_test_setup(ipv6_needs_1280_bytes, set_up),
        cmocka_unit_test_setup(the_source_is_the_links_own, set_up),
        cmocka_unit_test_setup(the_source_has_the_destinations_scope, set_up),
        cmocka_unit_test_setup(without_an_address_of_the_family_there_is_no_source, set_up),
        cmocka_unit_test_setup(groups_have_ethernet_addresses, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

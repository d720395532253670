/* Routes: the longest prefix decides where a datagram goes next. */
#include "ip_fixture.h"

#include "../../include/handfast/errors.h"
#include "../../src/ip/routes.h"

static struct hf_links *links;
static struct hf_routes *routes;
static hf_link ether, tun;

static int add_route(const char *prefix_text, uint8_t prefix_len, const char *gateway_text, hf_link link)
{
    struct hf_addr prefix = addr(prefix_text), gateway = addr(gateway_text);
    return hf_routes_add(routes, links, &prefix, prefix_len, &gateway, link);
}

/* "LINK via NEXT", "local LINK" or "none". */
static const char *way_on(const char *dst_text, hf_link on)
{
    static char text[16 + HF_ADDR_TEXT_LEN];
    char next[HF_ADDR_TEXT_LEN];
    struct hf_addr dst = addr(dst_text);
    struct hf_hop hop;
    if (!hf_routes_find(routes, links, &dst, on, &hop))
        return "none";
    strcpy(text, hop.link == ether ? "ether" : "tun");
    strcat(text, hop.is_local ? " local" : " via ");
    return hop.is_local ? text : strcat(text, hf_addr_print(&hop.next, next));
}

static const char *way(const char *dst_text)
{
    return way_on(dst_text, HF_LINK_NONE);
}

static int set_up(void **state)
{
    (void)state;
    struct hf_arena arena;
    struct {
        struct hf_links links;
        struct hf_routes routes;
    } *tables = fresh_block(sizeof *tables, &arena);
    links = &tables->links;
    routes = &tables->routes;
    const struct hf_link_config ethernet = {.kind = HF_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
    const struct hf_link_config raw = {.kind = HF_LINK_IP, .mtu = 1500};
    struct hf_addr v4 = addr("192.0.2.1"), v6 = addr("2001:db8::1"), on_tun = addr("10.0.0.1");
    hf_links_init(links, &arena, 2, 8);
    hf_routes_init(routes, &arena, 4);
    assert_int_equal(hf_links_add(links, &ethernet, &ether), HF_OK);
    assert_int_equal(hf_links_add(links, &raw, &tun), HF_OK);
    assert_int_equal(hf_links_add_address(links, ether, &v4, 24), HF_OK);
    assert_int_equal(hf_links_add_address(links, ether, &v6, 64), HF_OK);
    assert_int_equal(hf_links_add_address(links, tun, &on_tun, 8), HF_OK);
    return 0;
}

static void a_prefix_of_ours_is_on_its_link(void **state)
{
    /* A destination within the prefix of an address is reached over that link, with nobody in between. */
    (void)state;
    assert_string_equal(way("192.0.2.77"), "ether via 192.0.2.77");
    assert_string_equal(way("2001:db8::77"), "ether via 2001:db8::77");
    assert_string_equal(way("10.200.1.1"), "tun via 10.200.1.1");
    assert_string_equal(way("203.0.113.1"), "none");
}

static void the_longest_prefix_wins(void **state)
{
    /* Of several prefixes that hold the destination the longest decides, whatever was added first. */
    (void)state;
    assert_int_equal(add_route("0.0.0.0", 0, "192.0.2.254", ether), HF_OK);
    assert_int_equal(add_route("10.2.0.0", 16, "192.0.2.253", ether), HF_OK);
    assert_int_equal(add_route("10.2.3.0", 24, "0.0.0.0", tun), HF_OK);
    assert_int_equal(add_route("10.2.3.4", 32, "192.0.2.252", ether), HF_OK);
    assert_string_equal(way("203.0.113.1"), "ether via 192.0.2.254");
    assert_string_equal(way("10.1.0.9"), "tun via 10.1.0.9");
    assert_string_equal(way("10.2.0.9"), "ether via 192.0.2.253");
    assert_string_equal(way("10.2.3.9"), "tun via 10.2.3.9");
    assert_string_equal(way("10.2.3.4"), "ether via 192.0.2.252");
    assert_int_equal(add_route("10.2.3.5", 32, "0.0.0.0", tun), HF_ERR_LIMIT);
}

static void a_default_route_serves_its_family_only(void **state)
{
    /* ::/0 carries no IPv4 and 0.0.0.0/0 no IPv6, though both families share one form. */
    (void)state;
    assert_int_equal(add_route("::", 0, "fe80::99", ether), HF_OK);
    assert_string_equal(way("203.0.113.1"), "none");
    assert_string_equal(way("2001:db8:9::1"), "ether via fe80::99");
    set_up(NULL);
    assert_int_equal(add_route("0.0.0.0", 0, "0.0.0.0", tun), HF_OK);
    assert_string_equal(way("203.0.113.1"), "tun via 203.0.113.1");
    assert_string_equal(way("2001:db8:9::1"), "none");
}

static void equal_prefixes_prefer_on_link_then_the_first(void **state)
{
    /* Equally long: on-link before a gateway, the earlier before the later, and the link asked for before both. */
    (void)state;
    assert_int_equal(add_route("192.0.2.0", 24, "10.0.0.9", tun), HF_OK);
    assert_int_equal(add_route("0.0.0.0", 0, "192.0.2.254", ether), HF_OK);
    assert_int_equal(add_route("0.0.0.0", 0, "10.0.0.254", tun), HF_OK);
    assert_string_equal(way("192.0.2.9"), "ether via 192.0.2.9");
    assert_string_equal(way("203.0.113.1"), "ether via 192.0.2.254");
    assert_string_equal(way_on("203.0.113.1", tun), "tun via 10.0.0.254");
    assert_string_equal(way_on("192.0.2.9", tun), "tun via 10.0.0.9");
    assert_string_equal(way_on("10.9.9.9", ether), "tun via 10.9.9.9");
}

static void link_local_stays_on_its_link(void **state)
{
    /* A link-local destination goes out where the question came from; a link without IPv6 has none. */
    (void)state;
    assert_string_equal(way_on("fe80::9", ether), "ether via fe80::9");
    assert_string_equal(way_on("fe80::9", tun), "none");
    assert_string_equal(way("fe80::9"), "ether via fe80::9");
}

static void our_own_addresses_are_local(void **state)
{
    /* A datagram to ourselves goes on no wire. */
    (void)state;
    assert_string_equal(way("192.0.2.1"), "ether local");
    assert_string_equal(way("10.0.0.1"), "tun local");
}

static void groups_have_no_route(void **state)
{
    /* No next hop exists for any, broadcast, multicast and loopback destinations (MUST-46). */
    (void)state;
    assert_int_equal(add_route("0.0.0.0", 0, "192.0.2.254", ether), HF_OK);
    assert_int_equal(add_route("::", 0, "fe80::99", ether), HF_OK);
    static const char *const groups[] = {"0.0.0.0",   "::",      "255.255.255.255", "192.0.2.255",
                                         "224.0.0.1", "ff02::1", "127.0.0.1",       "::1"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        assert_string_equal(way(groups[i]), "none");
}

static void bad_routes_are_refused(void **state)
{
    /* A route needs a link, a prefix of its family's length, and a gateway that is somebody else. */
    (void)state;
    assert_int_equal(add_route("0.0.0.0", 0, "192.0.2.254", 2), HF_ERR_INVALID);
    assert_int_equal(add_route("10.0.0.0", 33, "192.0.2.254", ether), HF_ERR_INVALID);
    assert_int_equal(add_route("10.0.0.0", 8, "fe80::1", ether), HF_ERR_INVALID);
    assert_int_equal(add_route("2001:db8::", 32, "192.0.2.254", ether), HF_ERR_INVALID);
    assert_int_equal(add_route("10.0.0.0", 8, "192.0.2.1", ether), HF_ERR_INVALID);
    assert_int_equal(add_route("10.0.0.0", 8, "192.0.2.255", ether), HF_ERR_INVALID);
    assert_int_equal(add_route("10.0.0.0", 8, "224.0.0.1", ether), HF_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_prefix_of_ours_is_on_its_link, set_up),
        cmocka_unit_test_setup(the_longest_prefix_wins, set_up),
        cmocka_unit_test_setup(a_default_route_serves_its_family_only, set_up),
        cmocka_unit_test_setup(equal_prefixes_prefer_on_link_then_the_first, set_up),
        cmocka_unit_test_setup(link_local_stays_on_its_link, set_up),
        cmocka_unit_test_setup(our_own_addresses_are_local, set_up),
        cmocka_unit_test_setup(groups_have_no_route, set_up),
        cmocka_unit_test_setup(bad_routes_are_refused, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

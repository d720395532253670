/* What a program under `handfast run` may reach, and what its resolver becomes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../run/resolver.h"
#include "../../run/rules.h"

static struct rules rules;
static struct hf_endpoint onward;

static int set_up(void **state)
{
    (void)state;
    rules_defaults(&rules);
    rules.gateway[0] = hf_addr_v4(10, 77, 0, 1);
    assert_true(hf_addr_parse("fd77::1", &rules.gateway[1]));
    return 0;
}

static bool may(const char *addr, uint16_t port)
{
    struct hf_endpoint to = {.port = port};
    if (!hf_addr_parse(addr, &to.addr))
        fail_msg("%s is not an address", addr);
    return rules_allow(&rules, &to, &onward);
}

static void private_networks_and_this_machine_are_out_of_reach(void **state)
{
    static const char *const denied[] = {
        "127.0.0.1", "10.1.2.3",        "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::1",        "fe80::1",        "fd00::1",     "ff02::1",     "0.0.0.0"};
    static const char *const allowed[] = {"172.15.0.1", "172.32.0.1", "100.128.0.1", "203.0.113.1", "2001:db8::1"};
    (void)state;
    for (unsigned i = 0; i < sizeof denied / sizeof denied[0]; i++)
        assert_false(may(denied[i], 80));
    for (unsigned i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        assert_true(may(allowed[i], 80));
}

static void the_longest_prefix_decides_then_the_port_then_the_later(void **state)
{
    (void)state;
    assert_true(rules_add(&rules, "10.1.0.0/16", true));
    assert_true(rules_add(&rules, "10.1.2.0/24", false));
    assert_true(rules_add(&rules, "10.1.2.0/24:443", true));
    assert_true(may("10.1.1.1", 80));
    assert_false(may("10.1.2.3", 80));
    assert_true(may("10.1.2.3", 443));
    assert_false(may("10.2.0.1", 443));
    assert_true(rules_add(&rules, "10.1.0.0/16", false));
    assert_false(may("10.1.1.1", 80));
}

static void all_is_everything_but_gives_way_to_what_is_longer(void **state)
{
    (void)state;
    assert_true(rules_add(&rules, "all", false));
    assert_false(may("203.0.113.1", 80));
    assert_true(rules_add(&rules, "[2001:db8::]/32", true));
    assert_true(may("2001:db8::7", 80));
}

static void all_that_is_allowed_forgets_what_was_denied_before(void **state)
{
    (void)state;
    assert_true(rules_add(&rules, "all", true));
    assert_true(may("127.0.0.1", 80));
    assert_true(may("10.1.2.3", 80));
    assert_true(rules_add(&rules, "10.1.2.3", false));
    assert_false(may("10.1.2.3", 80));
    assert_true(may("10.1.2.4", 80));
}

static void what_is_no_prefix_is_refused(void **state)
{
    static const char *const wrong[] = {"",        "example.org", "10.0.0.0/33", "10.0.0.1:0", "10.0.0.1:65536",
                                        "::1/129", "10.0.0.1:x"};
    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(rules_add(&rules, wrong[i], true));
}

static void the_gateway_is_the_hosts_loopback_only_when_asked_for(void **state)
{
    (void)state;
    assert_false(may("10.77.0.1", 8080));
    rules.host_loopback = true;
    assert_true(may("10.77.0.1", 8080));
    assert_int_equal(onward.port, 8080);
    struct hf_addr loopback = hf_addr_v4(127, 0, 0, 1);
    assert_true(hf_addr_equal(&onward.addr, &loopback));
    assert_true(may("fd77::1", 1));
    rules.no_outbound = true;
    assert_false(may("10.77.0.1", 8080));
}

static void questions_to_the_gateway_go_to_the_hosts_resolver(void **state)
{
    char path[] = "/tmp/resolv-XXXXXX", text[RESOLVER_TEXT_CAP];
    (void)state;
    int fd = mkstemp(path);
    static const char file[] =
        "# comment\nnameserver 198.51.100.53\nnameserver 198.51.100.54\nsearch a.example\noptions ndots:2\n";
    assert_int_equal(write(fd, file, sizeof file - 1), (ssize_t)sizeof file - 1);
    close(fd);
    resolver_read(path, &rules.gateway[0], &rules.resolver, text);
    unlink(path);
    assert_string_equal(text, "nameserver 10.77.0.1\nsearch a.example\noptions ndots:2\n");
    assert_true(may("10.77.0.1", 53));
    struct hf_addr first = hf_addr_v4(198, 51, 100, 53);
    assert_true(hf_addr_equal(&onward.addr, &first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(private_networks_and_this_machine_are_out_of_reach, set_up),
        cmocka_unit_test_setup(the_longest_prefix_decides_then_the_port_then_the_later, set_up),
        cmocka_unit_test_setup(all_is_everything_but_gives_way_to_what_is_longer, set_up),
        cmocka_unit_test_setup(all_that_is_allowed_forgets_what_was_denied_before, set_up),
        cmocka_unit_test_setup(what_is_no_prefix_is_refused, set_up),
        cmocka_unit_test_setup(the_gateway_is_the_hosts_loopback_only_when_asked_for, set_up),
        cmocka_unit_test_setup(questions_to_the_gateway_go_to_the_hosts_resolver, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

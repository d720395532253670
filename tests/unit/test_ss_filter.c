/* cli/ss_filter.c: the filters of `handfast ss`, in the words of ss(8). */
#define _GNU_SOURCE
#include "../../cli/ss_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Four connections and a listener; a filter is told by which of them it lets through. */
static const struct {
    char letter;
    enum hf_state state;
    const char *local, *remote;
    uint16_t local_port, remote_port;
} sockets[] = {
    {'L', HF_LISTEN, "::ffff:0.0.0.0", "::ffff:0.0.0.0", 80, 0},
    {'e', HF_ESTABLISHED, "10.77.0.2", "10.77.0.1", 80, 40000},
    {'t', HF_TIME_WAIT, "10.77.0.2", "192.0.2.7", 80, 50000},
    {'s', HF_SYN_SENT, "10.77.0.2", "10.77.0.1", 50123, 443},
    {'6', HF_CLOSE_WAIT, "fd77::2", "fd77::1", 8080, 40001},
};

static const char *passes(unsigned states, const char *text)
{
    static char letters[8];
    static struct filter f;
    char error[256], copy[512], *words[64];
    int count = 0;
    size_t len = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        words[count++] = word;
    if (!filter_parse(&f, words, count, states, error)) {
        print_message("%s\n", error);
        fail();
    }
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
        struct socket_row row = {.state = sockets[i].state};
        assert_true(hf_addr_parse(sockets[i].local, &row.local.addr));
        assert_true(hf_addr_parse(sockets[i].remote, &row.remote.addr));
        row.local.port = sockets[i].local_port;
        row.remote.port = sockets[i].remote_port;
        if (filter_matches(&f, &row))
            letters[len++] = sockets[i].letter;
    }
    letters[len] = '\0';
    return letters;
}

static void states_are_named_as_in_ss(void **state)
{
    (void)state;
    assert_string_equal(passes(STATES_ALL, ""), "Lets6");
    assert_string_equal(passes(STATES_CONNECTED, ""), "ets6");
    assert_string_equal(passes(STATES_ALL, "state established"), "e");
    assert_string_equal(passes(STATES_CONNECTED, "state all"), "Lets6");
    assert_string_equal(passes(STATES_ALL, "state synchronized"), "et6");
    assert_string_equal(passes(STATES_ALL, "state bucket"), "t");
    assert_string_equal(passes(STATES_ALL, "state big"), "Les6");
    assert_string_equal(passes(STATES_ALL, "state listening"), "L");
    assert_string_equal(passes(STATES_ALL, "state Time-Wait state close-wait"), "t6");
    assert_string_equal(passes(STATES_ALL, "exclude time-wait exclude listen"), "es6");
    assert_string_equal(passes(STATES_ALL, "state connected exclude syn-sent"), "et6");
}

static void all_eleven_states_have_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < HF_STATE_COUNT; i++)
        assert_int_equal(filter_states(hf_state_text((enum hf_state)i)), 1u << i);
    assert_int_equal(filter_states("syn-recv"), 1u << HF_SYN_RECEIVED);
    assert_int_equal(filter_states("asleep"), 0);
}

static void ports_are_compared(void **state)
{
    (void)state;
    assert_string_equal(passes(STATES_ALL, "sport = :80"), "Let");
    assert_string_equal(passes(STATES_ALL, "sport = 80"), "Let");
    assert_string_equal(passes(STATES_ALL, "sport=:80"), "Let");
    assert_string_equal(passes(STATES_ALL, "sport != :80"), "s6");
    assert_string_equal(passes(STATES_ALL, "dport >= :40001"), "t6");
    assert_string_equal(passes(STATES_ALL, "dport lt 443"), "L");
    assert_string_equal(passes(STATES_ALL, "sport gt 1024 dport < 1024"), "s");
}

static void addresses_are_matched_with_lengths_and_ports(void **state)
{
    (void)state;
    assert_string_equal(passes(STATES_ALL, "dst 10.77.0.1"), "es");
    assert_string_equal(passes(STATES_ALL, "dst 10.0.0.0/8"), "es");
    assert_string_equal(passes(STATES_ALL, "dst 0.0.0.0/0"), "Lets");
    assert_string_equal(passes(STATES_ALL, "dst ::/0"), "6");
    assert_string_equal(passes(STATES_ALL, "dst != 10.0.0.0/8"), "Lt6");
    assert_string_equal(passes(STATES_ALL, "src 10.77.0.2:80"), "et");
    assert_string_equal(passes(STATES_ALL, "src :80"), "Let");
    assert_string_equal(passes(STATES_ALL, "src *:80"), "Let");
    assert_string_equal(passes(STATES_ALL, "dst fd77::1"), "6");
    assert_string_equal(passes(STATES_ALL, "dst fd77::/16"), "6");
    assert_string_equal(passes(STATES_ALL, "dst [fd77::1]:40001"), "6");
    assert_string_equal(passes(STATES_ALL, "dst [fd77::]/17:40001"), "6");
    assert_string_equal(passes(STATES_ALL, "dst [fd77::1]:1"), "");
    assert_string_equal(passes(STATES_ALL, "dst 10.77.0.0/31"), "es");
    assert_string_equal(passes(STATES_ALL, "dst 192.0.2.6/32"), "");
    assert_string_equal(passes(STATES_ALL, "dst 192.0.2.6/31"), "t");
}

static void and_binds_closer_than_or_and_not_closest(void **state)
{
    (void)state;
    assert_string_equal(passes(STATES_ALL, "sport = :80 and dport = :40000 or dport = :443"), "es");
    assert_string_equal(passes(STATES_ALL, "dport = :443 or sport = :80 dport = :40000"), "es");
    assert_string_equal(passes(STATES_ALL, "not sport = :80 and dst 10.0.0.0/8"), "s");
    assert_string_equal(passes(STATES_ALL, "not ( sport = :80 and dst 10.0.0.0/8 )"), "Lts6");
    assert_string_equal(passes(STATES_ALL, "( dport = :443 or dst fd77::1 ) and sport > :8080"), "s");
    assert_string_equal(passes(STATES_ALL, "!sport=:80&&dst 10.0.0.0/8||dst 192.0.2.7"), "ts");
    assert_string_equal(passes(STATES_ALL, "not not sport = :80"), "Let");
    assert_string_equal(passes(STATES_ALL, "state connected ( sport = :80 )"), "et");
}

static void refuses(const char *text, const char *because)
{
    static struct filter f;
    char error[256], copy[8192], *words[2] = {copy, NULL};
    snprintf(copy, sizeof copy, "%s", text);
    if (filter_parse(&f, words, 1, STATES_ALL, error))
        print_message("taken: %s\n", text);
    else if (strstr(error, because) == NULL)
        print_message("%s\n", error);
    assert_false(filter_parse(&f, words, 1, STATES_ALL, error));
    assert_non_null(strstr(error, because));
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    refuses("state asleep", "a state is wanted");
    refuses("state", "at the end");
    refuses("sport", "a comparison");
    refuses("sport 80", "a comparison (= != < <= > >=) is wanted after a port, not '80'");
    refuses("sport = 65536", "a port is wanted");
    refuses("sport =", "at the end");
    refuses("dst nowhere.example", "names are not looked up");
    refuses("dst 10.0.0.0/33", "an address is wanted");
    refuses("dst 10.0.0.0/x", "an address is wanted");
    refuses("dst > 10.0.0.1", "an address is wanted");
    refuses("dst [fd77::1", "an address is wanted");
    refuses("( sport = 80", "a ')' is wanted");
    refuses("sport = 80 )", "nothing more is wanted");
    refuses("sport = 80 or", "one of state");
    refuses("and sport = 80", "not 'and'");
    refuses("weather = good", "not 'weather'");
}

static void a_filter_too_long_or_deep_is_refused(void **state)
{
    (void)state;
    static char text[8192];
    memset(text, '(', 200);
    text[200] = '\0';
    refuses(text, "simpler");
    text[0] = '\0';
    for (unsigned i = 0; i < 60; i++)
        strcat(text, "sport = 80 or ");
    strcat(text, "sport = 80");
    refuses(text, "simpler");
    memset(text, 'x', 8000);
    text[8000] = '\0';
    refuses(text, "shorter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_named_as_in_ss),
        cmocka_unit_test(all_eleven_states_have_a_name),
        cmocka_unit_test(ports_are_compared),
        cmocka_unit_test(addresses_are_matched_with_lengths_and_ports),
        cmocka_unit_test(and_binds_closer_than_or_and_not_closest),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_filter_too_long_or_deep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

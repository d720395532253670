/* SYNs whose answer the application gives: for its own ports, and for every destination on a link. */
#include "pair.h"

static struct pair pair;
static hf_conn listener, a, b;

static int set_up(void **state)
{
    (void)state;
    pair_open(&pair);
    listener = a = b = (hf_conn){0, 0};
    struct hf_addr none = {{0}}, any_v4 = hf_addr_v4(0, 0, 0, 0);
    assert_int_equal(hf_route_add(pair.a.e, &any_v4, 0, &none, pair.a.link), HF_OK);
    assert_int_equal(hf_route_add(pair.a.e, &none, 0, &none, pair.a.link), HF_OK);
    const struct hf_tcp_options options = {.defer = true, .backlog = 4};
    assert_int_equal(hf_tcp_intercept(pair.b.e, pair.b.link, &options, &listener), HF_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

static struct hf_tcp_info info_of(struct side *side, hf_conn conn)
{
    struct hf_tcp_info info;
    assert_int_equal(hf_tcp_status(side->e, conn, &info), HF_OK);
    return info;
}

/* a calls a host that is not there; b has the SYN in hand. */
static void call(const char *host)
{
    struct hf_endpoint to = pair_end(host, 443);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    struct hf_tcp_info info = info_of(&pair.b, b);
    assert_int_equal(info.state, HF_SYN_RECEIVED);
    assert_true(hf_addr_equal(&info.local.addr, &to.addr));
    assert_int_equal(info.local.port, 443);
}

static void an_offer_is_answered_only_when_the_application_says_so(void **state)
{
    (void)state;
    const char *const hosts[] = {"203.0.113.9", "2001:db8:1::9"};
    for (unsigned i = 0; i < 2; i++) {
        call(hosts[i]);
        pair_run(&pair, 5 * HF_SECOND);
        assert_int_equal(pair_state(&pair.a, a), HF_SYN_SENT);
        assert_int_equal(hf_tcp_send(pair.b.e, b, "x", 1, 0), HF_ERR_NOT_CONNECTED);
        assert_int_equal(hf_tcp_answer(pair.b.e, b, HF_ANSWER_ACCEPT), HF_OK);
        pair_settle(&pair);
        assert_int_equal(pair_state(&pair.a, a), HF_ESTABLISHED);
        assert_int_equal(pair_state(&pair.b, b), HF_ESTABLISHED);
        assert_int_equal(hf_tcp_answer(pair.b.e, b, HF_ANSWER_ACCEPT), HF_ERR_INVALID);
        hf_tcp_abort(pair.a.e, a);
        pair_settle(&pair);
    }
}

static unsigned from_b;
static bool count_from_b(struct pair *p, bool from_a, const struct hf_frame *frame)
{
    (void)p, (void)frame;
    from_b += !from_a;
    return true;
}

static void before_the_answer_nothing_is_said(void **state)
{
    /* A segment that would earn an ACK, another SYN on the tuple, gets none: an ACK would say that somebody is there. */
    (void)state;
    struct hf_endpoint from = {.port = 5000}, to = pair_end("203.0.113.9", 443);
    pair.fate = count_from_b;
    from_b = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hf_tcp_connect(pair.a.e, &from, &to, NULL, &a), HF_OK);
        pair_run(&pair, HF_MS);
        hf_tcp_abort(pair.a.e, a);
        hf_tcp_release(pair.a.e, a);
    }
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &b), HF_OK);
    assert_int_equal(pair_state(&pair.b, b), HF_SYN_RECEIVED);
    assert_int_equal(from_b, 0);
}

static void each_kind_of_no_reaches_the_caller(void **state)
{
    (void)state;
    const struct {
        enum hf_answer answer;
        enum hf_error error;
    } cases[] = {
        {HF_ANSWER_REFUSE, HF_ERR_REFUSED},
        {HF_ANSWER_PROHIBITED, HF_ERR_UNREACHABLE},
    };
    for (unsigned i = 0; i < 2; i++) {
        call("203.0.113.9");
        assert_int_equal(hf_tcp_answer(pair.b.e, b, cases[i].answer), HF_OK);
        pair_settle(&pair);
        assert_int_equal(info_of(&pair.a, a).error, cases[i].error);
        assert_int_equal(info_of(&pair.b, b).ended_why, HF_EDGE_DECLINED);
    }
}

static void unreachable_is_advice_until_the_attempts_are_over(void **state)
{
    /* RFC 1122, 4.2.3.9: a soft error; the caller goes on trying, and then knows why. */
    (void)state;
    call("2001:db8:1::9");
    assert_int_equal(hf_tcp_answer(pair.b.e, b, HF_ANSWER_UNREACHABLE), HF_OK);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair.a, a), HF_SYN_SENT);
    assert_int_equal(info_of(&pair.a, a).soft_error, HF_ADVICE_HOST_UNREACHABLE);
}

static void silence_is_silence_for_the_syn_that_comes_again(void **state)
{
    (void)state;
    call("203.0.113.9");
    assert_int_equal(hf_tcp_answer(pair.b.e, b, HF_ANSWER_SILENCE), HF_OK);
    pair_run(&pair, 100 * HF_SECOND);
    assert_int_equal(pair_state(&pair.a, a), HF_SYN_SENT);
    hf_conn again;
    assert_int_equal(hf_tcp_accept(pair.b.e, listener, &again), HF_ERR_AGAIN);
    pair_run(&pair, 90 * HF_SECOND);
    assert_int_equal(info_of(&pair.b, b).ended_why, HF_EDGE_OFFER);
}

static void closing_the_handle_of_an_offer_refuses_it(void **state)
{
    (void)state;
    call("203.0.113.9");
    hf_tcp_release(pair.b.e, b);
    pair_settle(&pair);
    assert_int_equal(info_of(&pair.a, a).error, HF_ERR_REFUSED);
}

static void offers_are_bounded_by_the_backlog(void **state)
{
    (void)state;
    struct hf_endpoint to = pair_end("203.0.113.9", 1);
    for (unsigned i = 0; i < 8; i++, to.port++)
        assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    struct hf_stats stats;
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.connections_used, 4);
    assert_int_equal(stats.reasons[HF_DROP_BACKLOG_FULL], 4);
    assert_int_equal(hf_tcp_close(pair.b.e, listener), HF_OK);
    pair_settle(&pair);
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.connections_used, 0);
}

static void without_an_interceptor_foreign_destinations_are_dropped(void **state)
{
    (void)state;
    assert_int_equal(hf_tcp_release(pair.b.e, listener), HF_OK);
    struct hf_endpoint to = pair_end("203.0.113.9", 443);
    assert_int_equal(hf_tcp_connect(pair.a.e, NULL, &to, NULL, &a), HF_OK);
    pair_settle(&pair);
    struct hf_stats stats;
    hf_stats(pair.b.e, &stats);
    assert_int_equal(stats.reasons[HF_DROP_IP_DESTINATION], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_offer_is_answered_only_when_the_application_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(before_the_answer_nothing_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_kind_of_no_reaches_the_caller, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unreachable_is_advice_until_the_attempts_are_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silence_is_silence_for_the_syn_that_comes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_the_handle_of_an_offer_refuses_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offers_are_bounded_by_the_backlog, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_an_interceptor_foreign_destinations_are_dropped, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

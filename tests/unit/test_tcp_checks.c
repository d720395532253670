/* The checks of an arriving segment where their order in time matters: debts that were not paid yet, news that was told. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

static void a_syn_that_was_owed_is_not_when_it_was_acknowledged(void **state)
{
    /* The timer asks for our SYN,ACK again, but before it leaves the first one is acknowledged. */
    (void)state;
    open_syn_sent();
    arrives((struct in){.flags = HF_TCP_SYN, .wnd = 65535});
    assert_int_equal(sends_all(), 1);
    passes(10 * HF_SECOND);
    assert_true(conn->owed & HF_OWE_SYN);
    arrives((struct in){.seq = 1, .ack = 1, .flags = HF_TCP_ACK, .wnd = 65535});
    assert_int_equal(conn->state, HF_ESTABLISHED);
    assert_false(sends());
}

/* ---- urgent data ---- */

/* Text of `len` bytes with the urgent pointer behind its first `up` ones. */
static void urgent_arrives(uint32_t seq, uint32_t len, uint16_t up)
{
    arrives((struct in){.seq = seq, .ack = 1, .len = len, .flags = HF_TCP_ACK | HF_TCP_URG, .wnd = 1000, .up = up});
}

static uint32_t urgent_ahead(void)
{
    struct hf_tcp_info info;
    hf_call_status(shared, conn, &info);
    bool told = hf_tcp_events(shared, conn) & HF_EV_URGENT;
    assert_int_equal(told, info.urgent_ahead > 0);
    return info.urgent_ahead;
}

static bool is_news(void)
{
    bool news = conn->own.news & HF_EV_URGENT;
    conn->own.news = 0;
    return news;
}

static void the_application_is_told_of_each_urgent_pointer_that_moves_on(void **state)
{
    /* Of the first, and of each that lies further ahead; not of one that says the same again. MUST-32. */
    (void)state;
    open_established();
    assert_false(is_news());
    urgent_arrives(1, 100, 40);
    assert_true(is_news());
    assert_int_equal(urgent_ahead(), 40);
    urgent_arrives(11, 91, 30);
    assert_false(is_news());
    urgent_arrives(101, 100, 50);
    assert_true(is_news());
    assert_int_equal(urgent_ahead(), 150);
}

static void an_older_urgent_pointer_does_not_take_the_mark_back(void **state)
{
    /* Segments arrive out of order; the urgent data that was announced is still to come. RFC 9293, 3.10.7.4, sixth:
     * RCV.UP <- max(RCV.UP, SEG.UP). */
    (void)state;
    open_established();
    urgent_arrives(101, 100, 90);
    assert_int_equal(urgent_ahead(), 190);
    assert_true(is_news());
    urgent_arrives(1, 100, 20);
    assert_int_equal(urgent_ahead(), 190);
    assert_false(is_news());
}

static void an_urgent_pointer_into_what_was_read_is_no_news(void **state)
{
    /* A retransmission that reaches a little further announces what is over. MUST-32, MUST-33. */
    (void)state;
    open_established();
    urgent_arrives(1, 100, 50);
    assert_true(is_news());
    assert_int_equal(reads(100), 100);
    urgent_arrives(51, 100, 50);
    assert_int_equal(urgent_ahead(), 0);
    assert_false(is_news());
}

static void an_urgent_pointer_counts_with_its_flag_only(void **state)
{
    /* Without URG the field says nothing, and zero points before the segment's own text. BUG-04 */
    (void)state;
    open_established();
    arrives((struct in){.seq = 1, .ack = 1, .len = 100, .flags = HF_TCP_ACK, .wnd = 1000, .up = 50});
    urgent_arrives(101, 100, 0);
    assert_int_equal(urgent_ahead(), 0);
    assert_false(is_news());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_syn_that_was_owed_is_not_when_it_was_acknowledged, tcp_defaults),
        cmocka_unit_test_setup(the_application_is_told_of_each_urgent_pointer_that_moves_on, tcp_defaults),
        cmocka_unit_test_setup(an_older_urgent_pointer_does_not_take_the_mark_back, tcp_defaults),
        cmocka_unit_test_setup(an_urgent_pointer_into_what_was_read_is_no_news, tcp_defaults),
        cmocka_unit_test_setup(an_urgent_pointer_counts_with_its_flag_only, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

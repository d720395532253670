/* Closing at awkward moments: before the handshake is over, with a hole in what was received, and half of it only.
 */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

static void shutdown_in_syn_sent_waits_for_the_handshake(void **state)
{
    /* Half a close in SYN-SENT is kept until the SYN is answered; then the FIN goes out from FIN-WAIT-1. */
    (void)state;
    open_syn_sent();
    assert_int_equal(hf_call_shutdown(shared, conn), HF_OK);
    assert_int_equal(conn->state, HF_SYN_SENT);
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK, .wnd = 65535});
    assert_int_equal(conn->state, HF_FIN_WAIT_1);
    assert_true(sends());
    assert_int_equal(sent.seg.flags, HF_TCP_FIN | HF_TCP_ACK);
    assert_int_equal(sent_seq(), 1);
    assert_int_equal(shared->reasons[HF_EDGE_CLOSE], 1);
}

static void a_fin_beside_the_syn_ack_meets_our_own(void **state)
{
    /* SYN,ACK and FIN in one segment while half a close waits: both directions are closing. */
    (void)state;
    open_syn_sent();
    (void)hf_call_shutdown(shared, conn);
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK | HF_TCP_FIN, .wnd = 65535});
    assert_int_equal(conn->state, HF_CLOSING);
}

static void an_answered_syn_is_not_sent_again(void **state)
{
    /* The SYN is due again, and before it leaves its answer arrives: it stays unsent. */
    (void)state;
    open_syn_sent();
    passes(HF_SECOND);
    assert_true(conn->owed & HF_OWE_SYN);
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK, .wnd = 65535});
    assert_true(sends());
    assert_int_equal(sent.seg.flags, HF_TCP_ACK);
    assert_false(sends());
}

static void close_in_syn_received_waits_for_the_handshake(void **state)
{
    /* CLOSE in SYN-RECEIVED: FIN-WAIT-1 begins when our SYN is acknowledged, with a congestion window to send from.
     */
    (void)state;
    open_syn_sent();
    arrives((struct in){.flags = HF_TCP_SYN, .wnd = 65535});
    assert_int_equal(conn->state, HF_SYN_RECEIVED);
    assert_int_equal(hf_call_close(shared, conn), HF_OK);
    assert_int_equal(sends_all(), 1); /* SYN,ACK */
    acks(1, 512);
    assert_int_equal(conn->state, HF_FIN_WAIT_1);
    assert_true(conn->cc.cwnd > 0);
    assert_true(sends());
    assert_int_equal(sent.seg.flags, HF_TCP_FIN | HF_TCP_ACK);
}

static void half_a_close_lasts_whatever_the_user_timeout(void **state)
{
    /* The user timeout is about what the peer does not acknowledge. In FIN-WAIT-2 there is nothing of the kind, and
     * a half-closed connection that the application still reads lasts as long as it likes. */
    (void)state;
    options.user_timeout_ms = 5000;
    open_established();
    (void)hf_call_shutdown(shared, conn);
    assert_int_equal(sends_all(), 1);
    acks(2, 1000);
    assert_int_equal(conn->state, HF_FIN_WAIT_2);
    passes(HF_SECOND * 86400);
    assert_int_equal(conn->state, HF_FIN_WAIT_2);
}

static void close_with_a_fin_beyond_a_hole_refuses_the_text(void **state)
{
    /* The peer's FIN has arrived, text before it has not, and the application closes: the FIN does not take the
     * place of the text, and the text, when it comes, is refused with a RST (SHLD-3). */
    (void)state;
    open_established();
    arrives((struct in){.seq = 101, .ack = 1, .flags = HF_TCP_FIN | HF_TCP_ACK, .wnd = 1000});
    (void)hf_call_close(shared, conn);
    (void)sends_all();
    acks(2, 1000);
    assert_int_equal(conn->state, HF_FIN_WAIT_2);
    assert_int_equal(hf_seq_diff(conn->rcv.nxt, conn->irs), 1);
    text_arrives(1, 100);
    assert_int_equal(conn->state, HF_CLOSED);
    assert_true(sends());
    assert_true(sent.seg.flags & HF_TCP_RST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shutdown_in_syn_sent_waits_for_the_handshake, tcp_defaults),
        cmocka_unit_test_setup(a_fin_beside_the_syn_ack_meets_our_own, tcp_defaults),
        cmocka_unit_test_setup(an_answered_syn_is_not_sent_again, tcp_defaults),
        cmocka_unit_test_setup(close_in_syn_received_waits_for_the_handshake, tcp_defaults),
        cmocka_unit_test_setup(half_a_close_lasts_whatever_the_user_timeout, tcp_defaults),
        cmocka_unit_test_setup(close_with_a_fin_beyond_a_hole_refuses_the_text, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

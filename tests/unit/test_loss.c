/* src/tcp/sent.c, rack.c, loss.c: what receivers that lie can make the sender do, and what it costs. */
#include "tcp_fixture.h"

#include "../../src/tcp/steps.h"

#define MSS      1000u
#define SEGMENTS 200u

static struct hf_tcp_sending *sending(void)
{
    return hf_tcp_sending_of(shared, conn);
}

/* SEGMENTS segments are in flight, in frames of `frame` segments. */
static void fly(uint32_t frame)
{
    config.max_sent = 512;
    peer_offers.mss = MSS;
    path.burst = frame > 1 ? frame * MSS : 0;
    open_established();
    acks(1, 10000);
    conn->cc.cwnd = SEGMENTS * MSS;
    queue(SEGMENTS * MSS, 0);
    assert_int_equal(sends_all(), SEGMENTS / frame);
    passes(20 * HF_MS);
}

static void sacks(uint32_t from, uint32_t to)
{
    arrives((struct in){.seq = 1,
                        .ack = 1,
                        .flags = HF_TCP_ACK,
                        .wnd = 10000,
                        .sacks = 1,
                        .sack = {{hf_seq_of(from), hf_seq_of(to)}}});
}

/* ---- the cost ---- */

static void a_sack_block_costs_a_bounded_search(void **state)
{
    /* However far apart the blocks of an ACK lie, no more than HF_SACK_SEARCH runs are looked at in vain, and what was not
     * found is found when it is reported again. BUG-38 */
    (void)state;
    config.max_blocks = 1200;
    config.max_sent = 4096;
    config.send_buffer = 2 << 20;
    peer_offers.mss = MSS;
    open_established();
    acks(1, 10000);
    conn->cc.cwnd = 2000 * MSS;
    queue(1000 * MSS, 0);
    queue(280 * MSS, 0);
    assert_int_equal(sends_all(), 1280);
    struct hf_tcp_sending *s = sending();
    struct hf_sent_facts facts = {.once.at = HF_NEVER, .again.at = HF_NEVER};
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t at = 1 + (i % 2 ? 20 + i : 620 + i) * MSS;
        hf_sent_sacked(shared, s,
                       (struct hf_sack_block){hf_seq_add(conn->iss, at), hf_seq_add(conn->iss, at + MSS)}, &facts);
    }
    assert_true(facts.searched <= HF_SACK_SEARCH);
    assert_true(shared->reasons[HF_LIMIT_SACK_SEARCH] > 0);
    sound();
    uint32_t at = 1 + 640 * MSS;
    for (unsigned again = 0; again < 4; again++) {
        facts.searched = 0;
        hf_sent_sacked(shared, s,
                       (struct hf_sack_block){hf_seq_add(conn->iss, at), hf_seq_add(conn->iss, at + MSS)}, &facts);
        assert_true(facts.searched <= HF_SACK_SEARCH);
    }
    assert_true(s->sacked >= MSS);
    sound();
}

static void sacking_everything_is_one_record(void **state)
{
    /* What has arrived in one stretch is one record, however many reports it took. BUG-38 */
    (void)state;
    fly(1);
    for (uint32_t i = 1; i < SEGMENTS; i += 2)
        sacks(1 + i * MSS, 1 + (i + 1) * MSS);
    assert_int_equal(sending()->sacked_segments, SEGMENTS / 2);
    for (uint32_t i = 2; i < SEGMENTS; i += 2)
        sacks(1 + i * MSS, 1 + (i + 1) * MSS);
    assert_int_equal(sending()->sacked_segments, SEGMENTS - 1);
    assert_int_equal(sending()->runs, 2);
}

static void odd_bytes_make_no_records(void **state)
{
    /* Blocks that begin and end within segments are worth the whole segments in them: a receiver that reports single bytes
     * makes no records at all, and never more than there are segments. BUG-38 */
    (void)state;
    fly(20);
    assert_int_equal(sending()->runs, SEGMENTS / 20);
    for (uint32_t at = 501; at < SEGMENTS * MSS; at += 1003)
        sacks(at, at + 1);
    assert_int_equal(sending()->runs, SEGMENTS / 20);
    assert_int_equal(sending()->sacked, 0);
    sacks(501, 4501);
    assert_int_equal(sending()->sacked, 3 * MSS);
    for (uint32_t i = 1; i < SEGMENTS; i += 2)
        sacks(1 + i * MSS, 1 + (i + 1) * MSS);
    assert_true(sending()->runs <= SEGMENTS);
}

static void no_connection_takes_all_records(void **state)
{
    /* A peer whose segments are tiny makes many records of a window: a connection holds no more than are left for the
     * others. BUG-37, BUG-03 */
    (void)state;
    config.max_sent = 256;
    peer_offers.mss = 48;
    open_established();
    acks(1, 10000);
    conn->cc.cwnd = 1 << 20;
    queue(200000, 0);
    (void)sends_all();
    assert_true(hf_pool_available(&shared->sent) >= 127);
    assert_true(sending()->runs >= 127);
}

/* ---- what lies gain ---- */

static void ack_division_gains_nothing(void **state)
{
    /* A segment acknowledged byte by byte is worth one segment of window: bytes are counted, not ACKs (RFC 3465, 1;
     * BUG-14). */
    (void)state;
    config.cc = HF_CC_NEWRENO;
    peer_offers.mss = MSS;
    open_established();
    queue(10 * MSS, 0);
    (void)sends_all();
    uint32_t before = conn->cc.cwnd;
    for (uint32_t ack = 2; ack <= 1 + MSS; ack++)
        acks(ack, 1000);
    assert_int_equal(conn->cc.cwnd, before + MSS);
}

static void sacks_for_what_was_not_sent_gain_nothing(void **state)
{
    /* Reports of what was never sent change nothing, and an ACK of it is no ACK (BUG-14, BUG-38). */
    (void)state;
    fly(1);
    uint32_t cwnd = conn->cc.cwnd;
    sacks(1 + SEGMENTS * MSS, 1 + (SEGMENTS + 5) * MSS);
    sacks(1 + 5 * MSS, 1 + (SEGMENTS + 5) * MSS);
    acks(1 + (SEGMENTS + 1) * MSS, 10000);
    assert_int_equal(sending()->sacked, 0);
    assert_int_equal(conn->cc.cwnd, cwnd);
}

static void what_was_sacked_counts_once(void **state)
{
    /* Bytes that were SACKed and are then acknowledged were delivered once, not twice (RFC 6937, 2). */
    (void)state;
    config.cc = HF_CC_NEWRENO;
    peer_offers.mss = MSS;
    open_established();
    acks(1, 10000);
    queue(10 * MSS, 0);
    (void)sends_all();
    uint32_t before = conn->cc.cwnd;
    sacks(1 + MSS, 1 + 2 * MSS);
    acks(1 + 2 * MSS, 10000);
    assert_int_equal(conn->cc.cwnd, before + 2 * MSS);
}

static void recovery_is_no_burst(void **state)
{
    /* A peer that SACKs almost everything at once, or little by little, gets at most what it said arrived, and a segment
     * (RFC 6937, 3). BUG-43 */
    (void)state;
    for (unsigned step = 1; step <= 64; step *= 8) {
        tcp_defaults(NULL);
        fly(1);
        assert_int_equal(hf_call_send(shared, conn, sent_bytes, 60000, 0), 60000);
        for (uint32_t i = 100; i + step <= SEGMENTS; i += step) {
            sacks(1 + 100 * MSS, 1 + (i + step) * MSS);
            uint32_t bytes = 0;
            while (sends())
                bytes += sent.seg.data_len;
            assert_true(bytes <= (step + 1) * MSS);
        }
    }
}

static void what_left_again_at_one_instant_is_not_lost_at_once(void **state)
{
    /* Where a round trip takes no time, what was sent before a retransmission may be reported at the instant at which that
     * left: it is no reason to send it yet again (RFC 8985, 6.2). BUG-30 */
    (void)state;
    fly(1);
    conn->cc.cwnd = conn->cc.ssthresh = 2 * SEGMENTS * MSS;
    queue(10 * MSS, 0);
    (void)sends_all(); /* new, at this instant */
    sacks(1 + MSS, 1 + 5 * MSS);
    assert_true(sends()); /* again, at this instant */
    assert_true(plan.again);
    (void)sends_all();
    sacks(1 + (SEGMENTS + 5) * MSS, 1 + (SEGMENTS + 10) * MSS);
    while (sends())
        assert_false(plan.again && hf_seq_eq(plan.seq, conn->snd.una));
}

static void reneging_loses_nothing(void **state)
{
    /* A receiver that gives up what it SACKed is sent all of it again (RFC 2018, 8). BUG-38 */
    (void)state;
    fly(1);
    sacks(1 + MSS, 1 + SEGMENTS * MSS);
    (void)sends_all();
    acks(1 + MSS, 10000);
    for (unsigned i = 0; i < 10 && sending() != NULL; i++) {
        passes(2 * HF_SECOND);
        while (sends())
            acks((uint32_t)hf_seq_diff(sent.seg.seq, conn->iss) + sent.seg.data_len, 10000);
    }
    assert_null(sending());
    assert_int_equal(conn->snd_base, SEGMENTS * MSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sack_block_costs_a_bounded_search, tcp_defaults),
        cmocka_unit_test_setup(sacking_everything_is_one_record, tcp_defaults),
        cmocka_unit_test_setup(odd_bytes_make_no_records, tcp_defaults),
        cmocka_unit_test_setup(no_connection_takes_all_records, tcp_defaults),
        cmocka_unit_test_setup(ack_division_gains_nothing, tcp_defaults),
        cmocka_unit_test_setup(sacks_for_what_was_not_sent_gain_nothing, tcp_defaults),
        cmocka_unit_test_setup(what_was_sacked_counts_once, tcp_defaults),
        cmocka_unit_test_setup(recovery_is_no_burst, tcp_defaults),
        cmocka_unit_test_setup(what_left_again_at_one_instant_is_not_lost_at_once, tcp_defaults),
        cmocka_unit_test_setup(reneging_loses_nothing, tcp_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

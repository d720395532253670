/* src/cc/bbr*.c: what BBR learns from ACKs, and from which state it goes to which. A path of 100 segments a round trip of
 * 100 ms, told to the controller a round trip at a time. */
#include "ip_fixture.h"

#include "../../src/cc/bbr_parts.h"

#define MSS 1000u
#define BW  1000000u /* bytes a second: the path's */
#define RTT (100 * HF_MS)
#define BDP 100000u

static struct hf_cc cc;
static struct hf_cc_wide_work wide;
static struct hf_cc_rate rate;
static hf_time now;
static uint32_t in_flight;
static hf_ns shorter;
static bool recovers, cwnd_limited, lacks_sack;

static struct hf_bbr *bbr(void)
{
    return &wide.bbr;
}

static int fresh(void **state)
{
    (void)state;
    wide = (struct hf_cc_wide_work){.bbr.is_begun = 0};
    rate = (struct hf_cc_rate){.is_known = true};
    now = (hf_time){50 * HF_SECOND};
    in_flight = 2 * BDP;
    shorter = 0;
    recovers = cwnd_limited = lacks_sack = false;
    hf_cc_init(&cc, HF_CC_BBR, MSS, 10);
    hf_cc_sending(&cc, &wide.work, &(struct hf_cc_departure){.at = now, .srtt = RTT});
    return 0;
}

/* An ACK of `acked` bytes that left when the round began; `rtt` 0: no sample. */
static void ack(uint64_t bw, uint32_t acked, hf_ns rtt)
{
    rate.prior_total = rate.total;
    rate.total += acked;
    rate.rate = bw;
    rate.delivered = acked;
    if (rate.in_flight == 0)
        rate.in_flight = in_flight;
    hf_cc_acked(&cc, &wide.work,
                &(struct hf_cc_ack){.at = now,
                                    .acked = acked,
                                    .in_flight = in_flight,
                                    .rtt = rtt,
                                    .srtt = RTT,
                                    .cwnd_limited = cwnd_limited,
                                    .is_recovering = recovers,
                                    .has_sack = !lacks_sack,
                                    .rate = &rate});
    rate.lost = 0;
}

/* A round trip in which the path delivered at `bw`, a microsecond shorter than any before: nothing calls for ProbeRTT. */
static void round_trip(uint64_t bw)
{
    assert_true(hf_time_since(now, (hf_time){0}) < 200 * HF_SECOND); /* a state that nothing ends */
    now = hf_time_add(now, RTT);
    ack(bw, (uint32_t)(bw / 10), RTT - shorter++ * HF_US);
}

/* `len` bytes are found lost of what left with `flight` in flight, `lost` since then. */
static void lose(uint32_t len, uint32_t lost, uint32_t flight)
{
    hf_cc_lost(&wide.work,
               &(struct hf_cc_loss){.total = rate.total, .len = len, .lost = lost, .in_flight = flight});
}

static void fill_the_pipe(void)
{
    for (uint64_t bw = BW / 8; bw < BW; bw *= 2)
        round_trip(bw);
    for (unsigned i = 0; i < 4; i++)
        round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_DRAIN);
}

static void cruise(void)
{
    fill_the_pipe();
    in_flight = BDP / 2;
    round_trip(BW);
    round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_CRUISE);
}

static void probe(void)
{
    in_flight = BDP;
    for (unsigned i = 0; bbr()->state != HF_BBR_UP; i++) {
        assert_true(i < 40);
        round_trip(BW);
    }
}

/* ---- Startup and Drain ---- */

static void the_first_rate_is_the_initial_window_in_a_round_trip(void **state)
{
    (void)state;
    assert_int_equal(cc.pacing_rate, 10 * MSS * 10 * 277 / 100);
}

static void startup_doubles_what_is_delivered(void **state)
{
    (void)state;
    round_trip(BW / 8);
    assert_int_equal(cc.pacing_rate, BW / 8 * 277 / 100 * 99 / 100);
    round_trip(BW / 4);
    assert_int_equal(cc.pacing_rate, BW / 4 * 277 / 100 * 99 / 100);
    assert_int_equal(bbr()->state, HF_BBR_STARTUP);
}

static void startup_ends_when_three_round_trips_bring_no_more(void **state)
{
    (void)state;
    for (uint64_t bw = BW / 8; bw <= BW; bw *= 2)
        round_trip(bw);
    round_trip(BW + BW / 5);
    round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_STARTUP);
    round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_DRAIN);
    assert_int_equal(cc.pacing_rate, (BW + BW / 5) / 2 * 99 / 100);
}

static void an_application_with_little_to_send_ends_no_startup(void **state)
{
    /* Its rates are its own: they may raise the estimate, but neither lower the rate nor end anything. */
    (void)state;
    round_trip(BW / 2);
    uint64_t before = cc.pacing_rate;
    rate.is_app_limited = true;
    for (unsigned i = 0; i < 20; i++)
        round_trip(BW / 100);
    assert_int_equal(bbr()->state, HF_BBR_STARTUP);
    assert_int_equal(cc.pacing_rate, before);
    round_trip(BW);
    assert_int_equal(hf_bbr_max_bw(bbr()), BW);
}

static void startup_ends_when_much_is_lost_in_many_places(void **state)
{
    (void)state;
    round_trip(BW);
    recovers = true;
    for (unsigned i = 0; i < 6; i++) {
        lose(MSS, 10 * MSS, BDP);
        rate.prior_total = 0;
        hf_cc_acked(
            &cc, &wide.work,
            &(struct hf_cc_ack){
                .at = now, .acked = MSS, .in_flight = BDP, .is_recovering = true, .has_sack = true, .rate = &rate});
    }
    assert_int_equal(bbr()->state, HF_BBR_STARTUP);
    rate.lost = 10 * MSS;
    ack(2 * BW, MSS, RTT);
    assert_int_not_equal(bbr()->state, HF_BBR_STARTUP);
    assert_true(bbr()->inflight_long >= BDP);
    assert_true(bbr()->inflight_long != HF_BBR_NO_LIMIT);
}

static void few_losses_do_not_end_startup(void **state)
{
    (void)state;
    recovers = true;
    for (uint64_t bw = BW / 16; bw <= BW; bw *= 2) {
        lose(MSS, MSS, BDP);
        rate.lost = MSS;
        round_trip(bw);
    }
    assert_int_equal(bbr()->state, HF_BBR_STARTUP);
}

static void drain_ends_when_the_queue_is_gone(void **state)
{
    (void)state;
    fill_the_pipe();
    in_flight = 2 * BDP;
    ack(BW, MSS, RTT);
    assert_int_equal(bbr()->state, HF_BBR_DRAIN);
    in_flight = BDP - MSS;
    ack(BW, MSS, RTT);
    assert_int_equal(bbr()->state, HF_BBR_CRUISE);
    assert_int_equal(cc.pacing_rate, BW * 99 / 100);
}

static void drain_ends_after_three_round_trips(void **state)
{
    /* The rate was overestimated: the next cycles correct it. */
    (void)state;
    fill_the_pipe();
    in_flight = 3 * BDP;
    for (unsigned i = 0; i < 4; i++)
        round_trip(BW / 2);
    assert_int_equal(bbr()->state, HF_BBR_DOWN);
}

/* ---- ProbeBW ---- */

static void bandwidth_is_probed_every_two_to_three_seconds(void **state)
{
    (void)state;
    cruise();
    hf_time began = now;
    in_flight = BDP;
    while (bbr()->state == HF_BBR_CRUISE)
        round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_REFILL);
    assert_in_range(hf_time_since(now, began), 18 * RTT, 32 * RTT);
    round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_UP);
    assert_int_equal(cc.pacing_rate, BW * 125 / 100 * 99 / 100);
}

static void probing_ends_when_it_brings_no_more(void **state)
{
    (void)state;
    cruise();
    probe();
    round_trip(BW * 5 / 4);
    round_trip(BW * 25 / 16);
    assert_int_equal(bbr()->state, HF_BBR_UP);
    for (unsigned i = 0; i < 3; i++)
        round_trip(BW * 25 / 16);
    assert_int_equal(bbr()->state, HF_BBR_DOWN);
    assert_int_equal(hf_bbr_max_bw(bbr()), BW * 25 / 16);
}

static void probing_ends_when_two_percent_are_lost(void **state)
{
    /* The limit is what was in flight when 2 % were reached, which lies within the lost run. */
    (void)state;
    cruise();
    probe();
    lose(10 * MSS, 10 * MSS, 2 * BDP);
    in_flight = 2 * BDP;
    rate.lost = 10 * MSS;
    ack(BW, MSS, RTT);
    assert_int_equal(bbr()->state, HF_BBR_DOWN);
    uint32_t before = 2 * BDP - 10 * MSS;
    assert_int_equal(bbr()->inflight_long, before + before * 2 / 98);
    assert_true(cc.cwnd <= bbr()->inflight_long);
}

static void fewer_losses_do_not_end_probing(void **state)
{
    (void)state;
    cruise();
    probe();
    lose(MSS, MSS, 2 * BDP);
    ack(BW, MSS, RTT);
    assert_int_equal(bbr()->state, HF_BBR_UP);
    assert_int_equal(bbr()->inflight_long, HF_BBR_NO_LIMIT);
}

/* A probe that lost more than the limit, and the next one. */
static void probe_after_too_much(void)
{
    cruise();
    probe();
    lose(10 * MSS, 10 * MSS, 2 * BDP);
    ack(BW, MSS, RTT);
    probe();
}

static void after_too_much_the_next_probe_is_short_and_then_goes_again(void **state)
{
    (void)state;
    probe_after_too_much();
    in_flight = bbr()->inflight_long;
    round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_DOWN);
    in_flight = BDP;
    round_trip(BW); /* all that was sent has arrived, and little was lost */
    assert_int_equal(bbr()->state, HF_BBR_REFILL);
    round_trip(BW);
    in_flight = bbr()->inflight_long;
    round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_UP);
}

static void the_limit_grows_faster_and_faster_while_it_is_used(void **state)
{
    (void)state;
    probe_after_too_much();
    bbr()->prev_too_high = false;
    uint32_t last = bbr()->inflight_long, step = 0;
    cwnd_limited = true;
    for (unsigned i = 0; i < 2; i++) {
        cc.cwnd = last;
        rate.in_flight = BDP;
        now = hf_time_add(now, RTT);
        ack(BW, last, RTT);
        assert_int_equal(bbr()->state, HF_BBR_UP);
        assert_true(bbr()->inflight_long > last + step);
        step = bbr()->inflight_long - last;
        last = bbr()->inflight_long;
    }
}

static void cruising_follows_losses_down_by_three_tenths_at_most(void **state)
{
    (void)state;
    cruise();
    lose(MSS, MSS, BDP);
    round_trip(BW * 9 / 10);
    lose(MSS, MSS, BDP);
    round_trip(BW * 9 / 10);
    assert_int_equal(bbr()->bw, BW * 9 / 10);
    lose(MSS, MSS, BDP);
    round_trip(BW / 10); /* the best of the round before counts */
    assert_int_equal(bbr()->bw, BW * 9 / 10);
    lose(MSS, MSS, BDP);
    round_trip(BW / 10);
    assert_int_equal(bbr()->bw, BW * 9 / 10 * 7 / 10);
    probe();
    assert_int_equal(bbr()->bw, BW); /* forgotten */
}

static void a_rate_is_forgotten_after_two_cycles(void **state)
{
    (void)state;
    cruise();
    probe();
    assert_int_equal(hf_bbr_max_bw(bbr()), BW);
    for (unsigned cycles = 0; cycles < 3; cycles++) {
        while (bbr()->state != HF_BBR_REFILL)
            round_trip(BW / 2);
        while (bbr()->state != HF_BBR_DOWN)
            round_trip(BW / 2);
    }
    round_trip(BW / 2);
    assert_int_equal(hf_bbr_max_bw(bbr()), BW / 2);
}

/* ---- ProbeRTT ---- */

static void after_five_seconds_the_flight_becomes_small_for_a_while(void **state)
{
    (void)state;
    cruise();
    uint32_t window = cc.cwnd;
    unsigned rounds = 0;
    while (bbr()->state != HF_BBR_PROBE_RTT) {
        assert_true(++rounds < 60);
        now = hf_time_add(now, RTT);
        ack(BW, BDP, RTT + HF_MS);
    }
    assert_true(rounds >= 40);
    assert_true(cc.cwnd <= BDP / 2 + MSS);
    in_flight = BDP / 2 - MSS;
    ack(BW, MSS, RTT);
    hf_time began = now;
    while (bbr()->state == HF_BBR_PROBE_RTT)
        round_trip(BW / 2);
    assert_in_range(hf_time_since(now, began), 2 * RTT, 4 * RTT);
    assert_int_equal(bbr()->state, HF_BBR_CRUISE);
    assert_true(cc.cwnd >= window - window / 10);
}

static void a_shorter_round_trip_puts_that_off(void **state)
{
    (void)state;
    cruise();
    for (hf_ns rtt = RTT; rtt > RTT / 2; rtt -= HF_MS) {
        now = hf_time_add(now, RTT);
        ack(BW, BDP, rtt);
        assert_true(bbr()->state != HF_BBR_PROBE_RTT);
    }
}

static void silence_spares_it_and_keeps_the_rate(void **state)
{
    /* An idle flow has an empty queue: its next ACK tells the round trip. What it knows of the path it keeps, and sends at
     * exactly that rate. */
    (void)state;
    cruise();
    uint32_t window = cc.cwnd;
    now = hf_time_add(now, 8 * HF_SECOND);
    hf_cc_sending(&cc, &wide.work,
                  &(struct hf_cc_departure){.at = now, .srtt = RTT, .total = rate.total, .is_restart = true});
    assert_int_equal(cc.pacing_rate, BW * 99 / 100);
    assert_int_equal(cc.cwnd, window);
    round_trip(BW);
    assert_true(bbr()->state != HF_BBR_PROBE_RTT);
    assert_int_equal(bbr()->probe_rtt_at.ns, now.ns);
}

/* ---- signals ---- */

static void a_loss_that_was_none_gives_everything_back(void **state)
{
    (void)state;
    cruise();
    probe();
    hf_cc_signal(&cc, &wide.work, HF_CC_LOSS, BDP, now);
    lose(10 * MSS, 10 * MSS, 2 * BDP);
    in_flight = 2 * BDP;
    ack(BW, MSS, RTT);
    assert_int_equal(bbr()->state, HF_BBR_DOWN);
    hf_cc_signal(&cc, &wide.work, HF_CC_SPURIOUS, BDP, now);
    assert_int_equal(bbr()->state, HF_BBR_REFILL);
    assert_int_equal(bbr()->inflight_long, HF_BBR_NO_LIMIT);
}

static void a_timeout_leaves_one_segment_and_recovery_gives_the_window_back(void **state)
{
    (void)state;
    cruise();
    uint32_t window = cc.cwnd;
    hf_cc_signal(&cc, &wide.work, HF_CC_TIMEOUT, BDP, now);
    assert_int_equal(cc.cwnd, MSS);
    recovers = true;
    ack(BW, MSS, 0);
    assert_true(cc.cwnd < window / 2);
    recovers = false;
    ack(BW, MSS, 0);
    assert_true(cc.cwnd >= window);
}

static void a_mark_is_taken_for_a_loss(void **state)
{
    (void)state;
    round_trip(BW);
    hf_cc_signal(&cc, &wide.work, HF_CC_ECN, BDP, now);
    round_trip(BW);
    assert_int_equal(bbr()->state, HF_BBR_DRAIN);
    assert_int_equal(bbr()->inflight_long, BDP); /* though more arrives that was under way by then */
}

static void the_window_is_never_below_four_segments(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 30; i++)
        round_trip(5000);
    for (unsigned i = 0; i < 100; i++) {
        lose(MSS, 100 * MSS, MSS);
        round_trip(100);
        assert_true(cc.cwnd >= 4 * MSS);
        assert_true(cc.pacing_rate > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_rate_is_the_initial_window_in_a_round_trip, fresh),
        cmocka_unit_test_setup(startup_doubles_what_is_delivered, fresh),
        cmocka_unit_test_setup(startup_ends_when_three_round_trips_bring_no_more, fresh),
        cmocka_unit_test_setup(an_application_with_little_to_send_ends_no_startup, fresh),
        cmocka_unit_test_setup(startup_ends_when_much_is_lost_in_many_places, fresh),
        cmocka_unit_test_setup(few_losses_do_not_end_startup, fresh),
        cmocka_unit_test_setup(drain_ends_when_the_queue_is_gone, fresh),
        cmocka_unit_test_setup(drain_ends_after_three_round_trips, fresh),
        cmocka_unit_test_setup(bandwidth_is_probed_every_two_to_three_seconds, fresh),
        cmocka_unit_test_setup(probing_ends_when_it_brings_no_more, fresh),
        cmocka_unit_test_setup(probing_ends_when_two_percent_are_lost, fresh),
        cmocka_unit_test_setup(fewer_losses_do_not_end_probing, fresh),
        cmocka_unit_test_setup(after_too_much_the_next_probe_is_short_and_then_goes_again, fresh),
        cmocka_unit_test_setup(the_limit_grows_faster_and_faster_while_it_is_used, fresh),
        cmocka_unit_test_setup(cruising_follows_losses_down_by_three_tenths_at_most, fresh),
        cmocka_unit_test_setup(a_rate_is_forgotten_after_two_cycles, fresh),
        cmocka_unit_test_setup(after_five_seconds_the_flight_becomes_small_for_a_while, fresh),
        cmocka_unit_test_setup(a_shorter_round_trip_puts_that_off, fresh),
        cmocka_unit_test_setup(silence_spares_it_and_keeps_the_rate, fresh),
        cmocka_unit_test_setup(a_loss_that_was_none_gives_everything_back, fresh),
        cmocka_unit_test_setup(a_timeout_leaves_one_segment_and_recovery_gives_the_window_back, fresh),
        cmocka_unit_test_setup(a_mark_is_taken_for_a_loss, fresh),
        cmocka_unit_test_setup(the_window_is_never_below_four_segments, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* src/cc: how the congestion window grows, shrinks and comes back (BUG-43). */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/cc/cc.h"

#define MSS 1000u

static struct hf_cc cc;
static struct hf_cc_work work;
static hf_time now;

static void begin(enum hf_cc_algorithm algorithm)
{
    hf_cc_init(&cc, algorithm, MSS, 10);
    memset(&work, 0, sizeof work);
    now = at_ms(5000);
}

static void ack(uint32_t acked)
{
    hf_cc_acked(&cc, &work,
                &(struct hf_cc_ack){
                    .at = now, .acked = acked, .in_flight = cc.cwnd, .srtt = 100 * HF_MS, .cwnd_limited = true});
}

/* One round trip: a window's worth acknowledged, two segments an ACK. */
static void round_trip(void)
{
    uint32_t window = cc.cwnd;
    for (uint32_t acked = 0; acked < window; acked += 2 * MSS)
        ack(2 * MSS);
    now = hf_time_add(now, 100 * HF_MS);
}

static void signal(enum hf_cc_signal what, uint32_t in_flight)
{
    hf_cc_signal(&cc, &work, what, in_flight, now);
}

/* ---- what both share ---- */

static void initial_window_by_rfc_6928(void **state)
{
    /* min(10 MSS, max(2 MSS, 14600)): ten segments, fewer of large ones, never fewer than two (RFC 6928, 2). */
    (void)state;
    static const struct {
        uint16_t mss, segments;
        uint32_t cwnd;
    } cases[] = {
        {1460, 10, 14600}, {1448, 10, 14480}, {536, 10, 5360},     {1220, 10, 12200},
        {4000, 10, 14600}, {8960, 10, 17920}, {65495, 10, 130990}, {1460, 2, 2920},
        {1460, 1, 1460},   {1460, 4, 5840},   {1, 10, 10},
    };
    for (size_t i = 0; i < HF_COUNT_OF(cases); i++) {
        hf_cc_init(&cc, HF_CC_CUBIC, cases[i].mss, cases[i].segments);
        assert_int_equal(cc.cwnd, cases[i].cwnd);
        assert_int_equal(cc.ssthresh, UINT32_MAX);
    }
}

static void slow_start_doubles(void **state)
{
    /* Until the first loss the window grows by what is acknowledged: it doubles in a round trip, and no faster (MUST-19;
     * RFC 5681, 3.1). */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++) {
        begin((enum hf_cc_algorithm)algorithm);
        for (uint32_t expected = 20 * MSS; expected <= 160 * MSS; expected *= 2) {
            round_trip();
            assert_int_equal(cc.cwnd, expected);
        }
    }
}

static void ack_division_gains_nothing(void **state)
{
    /* Many ACKs of little grow the window no more than one ACK of all of it (RFC 3465, 2.1; BUG-14). */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++) {
        begin((enum hf_cc_algorithm)algorithm);
        for (int i = 0; i < 1000; i++)
            ack(1);
        assert_int_equal(cc.cwnd, 11 * MSS);
        begin((enum hf_cc_algorithm)algorithm);
        cc.ssthresh = cc.cwnd;
        for (uint32_t i = 0; i < 10 * MSS; i++)
            ack(1);
        assert_in_range(cc.cwnd, 10 * MSS, 11 * MSS);
    }
}

static void unused_window_does_not_grow(void **state)
{
    /* A window that the application did not fill proves nothing (RFC 7661; BUG-43). */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++) {
        begin((enum hf_cc_algorithm)algorithm);
        for (int i = 0; i < 100; i++)
            hf_cc_acked(&cc, &work, &(struct hf_cc_ack){.at = now, .acked = MSS, .srtt = HF_MS});
        assert_int_equal(cc.cwnd, 10 * MSS);
    }
}

static void timeout_leaves_one_segment(void **state)
{
    /* A retransmission timeout leaves one segment, and slow start up to the reduced threshold (RFC 5681, 3.1;
     * RFC 8312bis, 4.8; BUG-43). */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++) {
        begin((enum hf_cc_algorithm)algorithm);
        cc.cwnd = 40 * MSS;
        signal(HF_CC_TIMEOUT, 40 * MSS);
        assert_int_equal(cc.cwnd, MSS);
        assert_in_range(cc.ssthresh, 20 * MSS, 29 * MSS);
        ack(MSS);
        assert_int_equal(cc.cwnd, 2 * MSS);
    }
}

static void threshold_has_a_floor(void **state)
{
    /* However small the window was, ssthresh is at least two segments (RFC 5681, equation 4). */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++)
        for (int what = HF_CC_LOSS; what <= HF_CC_TIMEOUT; what++) {
            begin((enum hf_cc_algorithm)algorithm);
            cc.cwnd = MSS;
            signal((enum hf_cc_signal)what, MSS);
            assert_int_equal(cc.ssthresh, 2 * MSS);
        }
}

static void spurious_is_undone_once(void **state)
{
    /* A reduction that turns out to be for nothing is undone, whole, and only once (RFC 4015, 3.2;
     * RFC 8312bis, 4.9; BUG-43). */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++)
        for (int what = HF_CC_LOSS; what <= HF_CC_TIMEOUT; what++) {
            begin((enum hf_cc_algorithm)algorithm);
            cc.cwnd = 50 * MSS;
            cc.ssthresh = 30 * MSS;
            signal((enum hf_cc_signal)what, 50 * MSS);
            signal(HF_CC_SPURIOUS, 45 * MSS);
            assert_int_equal(cc.cwnd, 50 * MSS);
            assert_int_equal(cc.ssthresh, 30 * MSS);
            cc.cwnd = 5 * MSS;
            signal(HF_CC_SPURIOUS, 10 * MSS);
            assert_int_equal(cc.cwnd, 5 * MSS);
        }
}

static void undo_is_no_burst(void **state)
{
    /* With little in flight the window comes back by an initial window at once and the rest in slow start (RFC 4015,
     * 3.2). */
    (void)state;
    begin(HF_CC_NEWRENO);
    cc.cwnd = 50 * MSS;
    cc.ssthresh = 30 * MSS;
    signal(HF_CC_TIMEOUT, 50 * MSS);
    signal(HF_CC_SPURIOUS, 15 * MSS);
    assert_int_equal(cc.cwnd, 25 * MSS);
    assert_int_equal(cc.ssthresh, 50 * MSS);
}

/* ---- proportional rate reduction (RFC 6937) ---- */

/* An ACK in recovery: returns how many segments may go, and sends them. */
static uint32_t recovers(uint32_t *in_flight, uint32_t delivered, bool goes_well)
{
    hf_cc_recover(&cc, &work, delivered, *in_flight, goes_well);
    uint32_t room = (cc.cwnd - *in_flight) / MSS;
    hf_cc_sent(&work, room * MSS, false);
    *in_flight += room * MSS;
    return room;
}

static void reduction_is_spread_over_a_round(void **state)
{
    /* RFC 6937, 3.1, first example: of 20 segments one is lost, the threshold is 10. Every second ACK lets one go. */
    (void)state;
    begin(HF_CC_NEWRENO);
    cc.cwnd = 20 * MSS;
    signal(HF_CC_LOSS, 20 * MSS);
    uint32_t in_flight = 16 * MSS, sent = 0; /* three have arrived, one is lost */
    hf_cc_recover(&cc, &work, MSS, in_flight, false);
    hf_cc_sent(&work, MSS, true); /* the fast retransmit, whatever the window */
    in_flight += MSS;
    for (unsigned i = 0; i < 12; i++) {
        in_flight -= MSS;
        uint32_t now_sent = recovers(&in_flight, MSS, false);
        assert_true(now_sent <= 1);
        sent += now_sent;
    }
    assert_in_range(sent, 5, 6);
    assert_in_range(in_flight, 10 * MSS, 11 * MSS);
}

static void reduction_has_a_bound(void **state)
{
    /* RFC 6937, 3.1, second example: 15 of 20 are lost at once. What arrives may be replaced, not more; one segment more
     * while SND.UNA moves. */
    (void)state;
    begin(HF_CC_NEWRENO);
    cc.cwnd = 20 * MSS;
    signal(HF_CC_LOSS, 20 * MSS);
    uint32_t in_flight = 4 * MSS;
    assert_int_equal(recovers(&in_flight, MSS, false), 1);
    in_flight -= MSS;
    assert_int_equal(recovers(&in_flight, MSS, false), 1);
    in_flight -= MSS;
    assert_int_equal(recovers(&in_flight, MSS, true), 2);
    in_flight = 9 * MSS;
    assert_int_equal(recovers(&in_flight, 5 * MSS, true), 1); /* never past ssthresh */
    signal(HF_CC_RECOVERED, in_flight);
    assert_int_equal(cc.cwnd, 10 * MSS);
}

static void spurious_without_reduction_is_nothing(void **state)
{
    /* News of a spurious retransmission changes nothing where nothing was reduced. */
    (void)state;
    begin(HF_CC_CUBIC);
    signal(HF_CC_SPURIOUS, 10 * MSS);
    assert_int_equal(cc.cwnd, 10 * MSS);
    assert_int_equal(cc.ssthresh, UINT32_MAX);
}

/* ---- windows that are not used (RFC 7661) ---- */

/* A window of 40 segments, of which `used` were acknowledged in the last round trip of 100 ms; now nothing is in flight. */
static void leave_unused(enum hf_cc_algorithm algorithm, uint32_t used)
{
    begin(algorithm);
    cc.cwnd = 40 * MSS;
    cc.ssthresh = 20 * MSS;
    hf_cc_acked(&cc, &work, &(struct hf_cc_ack){.at = now, .acked = used * MSS, .srtt = 100 * HF_MS});
}

static void resumes_after(hf_ns silence)
{
    now = hf_time_add(now, silence);
    hf_cc_resume(&cc, &work, now, 100 * HF_MS);
}

static void an_idle_window_is_kept_and_paced_out(void **state)
{
    /* RFC 7661, 4.4 and 4.4.2, in place of RFC 5681, 4.1. */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++) {
        leave_unused((enum hf_cc_algorithm)algorithm, 40);
        assert_int_equal(cc.pacing_rate, 0); /* it was used: RFC 7661, 4.3 */
        resumes_after(10 * HF_SECOND);
        assert_int_equal(cc.cwnd, 40 * MSS);
        assert_int_equal(cc.ssthresh, 20 * MSS);
        assert_int_equal(cc.pacing_rate, 40 * MSS * 12);
        hf_cc_acked(&cc, &work, &(struct hf_cc_ack){.at = now, .acked = 25 * MSS, .srtt = 100 * HF_MS});
        assert_int_equal(cc.pacing_rate, 0); /* more than half of it went through */
    }
}

static void a_short_pause_proves_nothing(void **state)
{
    /* The sampling period is a second at least (RFC 7661, 4.2). */
    (void)state;
    leave_unused(HF_CC_NEWRENO, 40);
    resumes_after(400 * HF_MS);
    assert_int_equal(cc.pacing_rate, 0);
}

static void an_initial_window_needs_no_pacing(void **state)
{
    (void)state;
    begin(HF_CC_NEWRENO);
    hf_cc_acked(&cc, &work, &(struct hf_cc_ack){.at = now, .acked = MSS, .srtt = 100 * HF_MS});
    resumes_after(10 * HF_SECOND);
    assert_int_equal(cc.pacing_rate, 0);
    assert_int_equal(cc.cwnd, 10 * MSS);
}

static void an_unused_window_is_halved_every_five_minutes(void **state)
{
    /* RFC 7661, 4.4.3: not below the initial window; ssthresh remembers three quarters. */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++) {
        leave_unused((enum hf_cc_algorithm)algorithm, 10);
        resumes_after(299 * HF_SECOND);
        assert_int_equal(cc.cwnd, 40 * MSS);
        resumes_after(2 * HF_SECOND);
        assert_int_equal(cc.cwnd, 20 * MSS);
        assert_int_equal(cc.ssthresh, 30 * MSS);
        resumes_after(3000 * HF_SECOND);
        assert_int_equal(cc.cwnd, 10 * MSS);
    }
}

static void a_loss_counts_from_what_was_used(void **state)
{
    /* RFC 7661, 4.4.1: half of the greater of pipeACK and the flight, and at the end by half of what was lost less. */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++) {
        leave_unused((enum hf_cc_algorithm)algorithm, 12);
        signal(HF_CC_LOSS, 4 * MSS);
        assert_int_equal(cc.ssthresh, 6 * MSS);
        hf_cc_sent(&work, 2 * MSS, true);
        hf_cc_sent(&work, 3 * MSS, false);
        signal(HF_CC_RECOVERED, 0);
        assert_int_equal(cc.cwnd, 5 * MSS);
        assert_int_equal(cc.ssthresh, 5 * MSS);
        assert_int_equal(cc.pipe[0], UINT32_MAX); /* undefined: what comes is judged as usual */
    }
}

static void a_loss_in_a_full_flight_counts_from_the_window(void **state)
{
    /* Nothing is unproven about a window that more than half of is in flight. */
    (void)state;
    leave_unused(HF_CC_NEWRENO, 12);
    signal(HF_CC_LOSS, 30 * MSS);
    assert_int_equal(cc.ssthresh, 15 * MSS);
    hf_cc_sent(&work, 2 * MSS, true);
    signal(HF_CC_RECOVERED, 0);
    assert_int_equal(cc.cwnd, 15 * MSS);
}

static void new_mss_keeps_two_segments(void **state)
{
    /* When the path's MTU grows the window holds at least two of the larger segments (BUG-42). */
    (void)state;
    begin(HF_CC_CUBIC);
    cc.cwnd = MSS;
    cc.mss = 8960;
    signal(HF_CC_MSS, 0);
    assert_int_equal(cc.cwnd, 2 * 8960);
    cc.mss = 536;
    signal(HF_CC_MSS, 0);
    assert_int_equal(cc.cwnd, 2 * 8960);
}

static void growth_has_an_end(void **state)
{
    /* No window grows past 2^30 (RFC 7323, 2.3), whatever is acknowledged at once (BUG-19). */
    (void)state;
    for (int algorithm = HF_CC_CUBIC; algorithm <= HF_CC_NEWRENO; algorithm++)
        for (int avoiding = 0; avoiding < 2; avoiding++) {
            begin((enum hf_cc_algorithm)algorithm);
            cc.cwnd = (1u << 30) - 100 * MSS;
            if (avoiding)
                cc.ssthresh = cc.cwnd;
            for (int i = 0; i < 3000; i++) {
                uint32_t before = cc.cwnd;
                ack(1u << 28);
                assert_true(cc.cwnd >= before && cc.cwnd < (1u << 30) + MSS);
                now = hf_time_add(now, 100 * HF_MS);
            }
            assert_true(cc.cwnd >= 1u << 30);
        }
}

/* ---- HyStart++ (RFC 9406) ---- */

/* A round of slow start in which every round trip takes `rtt`. */
static void slow_round(hf_ns rtt)
{
    uint32_t window = cc.cwnd;
    for (uint32_t acked = 0; acked < window; acked += MSS)
        hf_cc_acked(
            &cc, &work,
            &(struct hf_cc_ack){
                .at = now, .acked = MSS, .in_flight = window, .rtt = rtt, .srtt = rtt, .cwnd_limited = true});
    now = hf_time_add(now, rtt);
}

static void slow_start_ends_before_the_queue_overflows(void **state)
{
    /* When the least round trip of a round rises by more than an eighth, growth slows down at once and five rounds later is
     * congestion avoidance (RFC9406-4.2.enter, RFC9406-4.2.grow; RFC 8312bis, 4.10). */
    (void)state;
    begin(HF_CC_CUBIC);
    cc.ssthresh = UINT32_MAX;
    slow_round(100 * HF_MS);
    slow_round(100 * HF_MS);
    slow_round(100 * HF_MS);
    uint32_t before = cc.cwnd;
    assert_in_range(before, 79 * MSS, 81 * MSS);
    slow_round(120 * HF_MS);
    slow_round(120 * HF_MS);
    assert_true(cc.cwnd < before * 2);
    for (unsigned i = 0; i < 5; i++)
        slow_round(120 * HF_MS);
    assert_true(cc.ssthresh <= cc.cwnd);
}

/* An ACK each millisecond, so many times, and the window's growth, in percent of what was acknowledged. */
static uint32_t train(unsigned acks, hf_ns rtt)
{
    uint32_t before = cc.cwnd;
    for (unsigned i = 0; i < acks; i++) {
        hf_cc_acked(&cc, &work,
                    &(struct hf_cc_ack){.at = now,
                                        .acked = 2 * MSS,
                                        .in_flight = acks * 2 * MSS,
                                        .rtt = rtt,
                                        .srtt = rtt,
                                        .cwnd_limited = true});
        now = hf_time_add(now, HF_MS);
    }
    return (cc.cwnd - before) * 100 / (acks * 2 * MSS);
}

static void a_long_train_of_acks_fills_the_path(void **state)
{
    /* ACKs that come without a gap for half the least round trip show that the window fills the path: growth slows down
     * then, and ends when the round trip rises. Pacing makes such trains by itself, and only a whole round trip counts. */
    (void)state;
    begin(HF_CC_CUBIC);
    slow_round(100 * HF_MS);
    assert_in_range(train(45, 100 * HF_MS), 99, 100);
    now = hf_time_add(now, 55 * HF_MS);
    assert_in_range(train(90, 100 * HF_MS), 55, 70);
    now = hf_time_add(now, 10 * HF_MS);
    assert_in_range(train(20, 101 * HF_MS), 24, 25);
    assert_int_equal(cc.ssthresh, UINT32_MAX);
    now = hf_time_add(now, 100 * HF_MS);
    train(90, 115 * HF_MS);
    assert_true(cc.ssthresh <= cc.cwnd);
    begin(HF_CC_CUBIC);
    cc.is_paced = true;
    slow_round(100 * HF_MS);
    assert_in_range(train(90, 100 * HF_MS), 99, 100);
}

static void short_paths_have_no_trains(void **state)
{
    /* Where a round trip takes less than four milliseconds, ACKs always come without a gap. */
    (void)state;
    begin(HF_CC_CUBIC);
    slow_round(HF_MS);
    assert_in_range(train(90, HF_MS), 99, 100);
}

static void jitter_is_no_queue(void **state)
{
    /* On a path of microseconds the round trip may double without a word: less than four milliseconds is no queue. A
     * rise that goes away again was a false alarm (RFC9406-4.2.resume). */
    (void)state;
    begin(HF_CC_CUBIC);
    for (unsigned i = 0; i < 6; i++)
        slow_round((20 + 200 * (i % 2)) * HF_US);
    assert_in_range(cc.cwnd, 630 * MSS, 650 * MSS);
    begin(HF_CC_CUBIC);
    slow_round(100 * HF_MS);
    slow_round(100 * HF_MS);
    slow_round(120 * HF_MS);
    slow_round(100 * HF_MS);
    uint32_t before = cc.cwnd;
    slow_round(100 * HF_MS);
    assert_true(cc.cwnd > before * 2 - 20 * MSS);
    assert_int_equal(cc.ssthresh, UINT32_MAX);
}

/* ---- NewReno ---- */

/* RFC 2525, 2.6: a segment, and not a fraction of one on top */
static void newreno_adds_a_segment_a_round(void **state)
{
    /* In congestion avoidance a round trip adds one segment (MUST-19; RFC 5681, 3.1). */
    (void)state;
    begin(HF_CC_NEWRENO);
    cc.ssthresh = cc.cwnd;
    for (uint32_t expected = 11; expected < 30; expected++) {
        uint32_t window = cc.cwnd;
        for (uint32_t acked = 0; acked < window; acked += MSS)
            ack(MSS);
        assert_int_equal(cc.cwnd, expected * MSS);
    }
}

static void newreno_halves_the_flight(void **state)
{
    /* A loss halves what was in flight, not the window that was allowed (RFC 5681, equation 4; BUG-43). */
    (void)state;
    begin(HF_CC_NEWRENO);
    cc.cwnd = 100 * MSS;
    signal(HF_CC_LOSS, 40 * MSS);
    assert_int_equal(cc.ssthresh, 20 * MSS);
    assert_int_equal(cc.cwnd, 20 * MSS);
    signal(HF_CC_ECN, 20 * MSS);
    assert_int_equal(cc.cwnd, 10 * MSS);
}

static void crossing_the_threshold_is_exact(void **state)
{
    /* An ACK that crosses ssthresh is slow start up to it and congestion avoidance beyond. */
    (void)state;
    begin(HF_CC_NEWRENO);
    cc.ssthresh = 12 * MSS;
    ack(10 * MSS);
    assert_int_equal(cc.cwnd, 12 * MSS);
    ack(4 * MSS);
    assert_int_equal(cc.cwnd, 13 * MSS);
}

/* ---- CUBIC ---- */

static void cubic_keeps_seven_tenths(void **state)
{
    /* A loss leaves beta = 0.7 of the window (MAY-18; RFC 8312bis, 4.6). */
    (void)state;
    begin(HF_CC_CUBIC);
    cc.cwnd = 1000 * MSS;
    signal(HF_CC_LOSS, 1000 * MSS);
    assert_in_range(cc.cwnd, 699 * MSS, 701 * MSS);
    assert_int_equal(cc.ssthresh, cc.cwnd);
    assert_int_equal(cc.w_max, 1000 * MSS);
}

static void cubic_converges_fast(void **state)
{
    /* Reduced again below the last maximum, it remembers less than it had, leaving room for others (RFC 8312bis, 4.7). */
    (void)state;
    begin(HF_CC_CUBIC);
    cc.cwnd = 1000 * MSS;
    signal(HF_CC_LOSS, 1000 * MSS);
    cc.cwnd = 800 * MSS;
    signal(HF_CC_LOSS, 800 * MSS);
    assert_in_range(cc.w_max, 679 * MSS, 681 * MSS);
}

static void cubic_follows_its_curve(void **state)
{
    /* After a loss at W the window comes back to W after K = cbrt(0.3 W / 0.4) seconds: steep, flat there, then
     * steep (RFC 8312bis, 4.2). */
    (void)state;
    begin(HF_CC_CUBIC);
    cc.cwnd = 1000 * MSS;
    signal(HF_CC_LOSS, 1000 * MSS);
    uint32_t at_half = 0, at_k = 0, last = cc.cwnd;
    for (int tenths = 1; tenths <= 130; tenths++) { /* K is 9.09 s */
        round_trip();
        assert_true(cc.cwnd >= last);
        last = cc.cwnd;
        if (tenths == 45)
            at_half = cc.cwnd;
        if (tenths == 91)
            at_k = cc.cwnd;
    }
    assert_in_range(at_half, 950 * MSS, 975 * MSS); /* 1000 - 0.4 (9.09 - 4.5)^3 = 961 */
    assert_in_range(at_k, 990 * MSS, 1005 * MSS);
    assert_in_range(last, 1015 * MSS, 1035 * MSS); /* 1000 + 0.4 (13 - 9.09)^3 = 1024 */
}

static void cubic_is_no_slower_than_reno(void **state)
{
    /* Where the curve is slower than Reno would be, on short paths, Reno's estimate leads, large windows too
     * (RFC 8312bis, 4.3). */
    (void)state;
    static const uint32_t windows[] = {20, 200, 2000, 20000};
    for (size_t i = 0; i < HF_COUNT_OF(windows); i++) {
        begin(HF_CC_CUBIC);
        cc.cwnd = windows[i] * MSS;
        signal(HF_CC_LOSS, cc.cwnd);
        uint32_t from = cc.cwnd;
        now = hf_time_add(now, HF_MS);
        for (int trip = 0; trip < 10; trip++) {
            uint32_t window = cc.cwnd;
            for (uint32_t acked = 0; acked < window; acked += 2 * MSS)
                hf_cc_acked(
                    &cc, &work,
                    &(struct hf_cc_ack){.at = now, .acked = 2 * MSS, .srtt = 10 * HF_US, .cwnd_limited = true});
            now = hf_time_add(now, 10 * HF_US);
        }
        /* alpha = 0.53 segments a round below the last maximum */
        assert_in_range(cc.cwnd - from, 5 * MSS - MSS / 2, 6 * MSS);
    }
}

static void cubic_growth_is_bounded_in_a_round(void **state)
{
    /* However long nothing was heard, one window of ACKs grows the window by at most half (RFC 8312bis, 4.2). */
    (void)state;
    begin(HF_CC_CUBIC);
    cc.cwnd = 100 * MSS;
    signal(HF_CC_LOSS, 100 * MSS);
    ack(MSS);
    now = hf_time_add(now, 3600 * HF_SECOND);
    uint32_t before = cc.cwnd;
    for (uint32_t acked = 0; acked < before; acked += MSS)
        ack(MSS);
    assert_true(cc.cwnd <= before + before / 2 + before / 4);
}

static void cubic_at_time_zero(void **state)
{
    /* An epoch may begin at the clock's zero, or before it, without being taken for none (BUG-48). */
    (void)state;
    for (int64_t origin = -1; origin <= 0; origin++) {
        begin(HF_CC_CUBIC);
        now = (hf_time){origin * 5 * HF_SECOND};
        cc.cwnd = 1000 * MSS;
        signal(HF_CC_LOSS, 1000 * MSS);
        for (int tenths = 1; tenths <= 91; tenths++)
            round_trip();
        assert_in_range(cc.cwnd, 990 * MSS, 1005 * MSS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_window_by_rfc_6928),
        cmocka_unit_test(slow_start_doubles),
        cmocka_unit_test(ack_division_gains_nothing),
        cmocka_unit_test(unused_window_does_not_grow),
        cmocka_unit_test(timeout_leaves_one_segment),
        cmocka_unit_test(threshold_has_a_floor),
        cmocka_unit_test(spurious_is_undone_once),
        cmocka_unit_test(slow_start_ends_before_the_queue_overflows),
        cmocka_unit_test(a_long_train_of_acks_fills_the_path),
        cmocka_unit_test(short_paths_have_no_trains),
        cmocka_unit_test(jitter_is_no_queue),
        cmocka_unit_test(undo_is_no_burst),
        cmocka_unit_test(reduction_is_spread_over_a_round),
        cmocka_unit_test(reduction_has_a_bound),
        cmocka_unit_test(spurious_without_reduction_is_nothing),
        cmocka_unit_test(an_idle_window_is_kept_and_paced_out),
        cmocka_unit_test(a_short_pause_proves_nothing),
        cmocka_unit_test(an_initial_window_needs_no_pacing),
        cmocka_unit_test(an_unused_window_is_halved_every_five_minutes),
        cmocka_unit_test(a_loss_counts_from_what_was_used),
        cmocka_unit_test(a_loss_in_a_full_flight_counts_from_the_window),
        cmocka_unit_test(new_mss_keeps_two_segments),
        cmocka_unit_test(growth_has_an_end),
        cmocka_unit_test(newreno_adds_a_segment_a_round),
        cmocka_unit_test(newreno_halves_the_flight),
        cmocka_unit_test(crossing_the_threshold_is_exact),
        cmocka_unit_test(cubic_keeps_seven_tenths),
        cmocka_unit_test(cubic_converges_fast),
        cmocka_unit_test(cubic_follows_its_curve),
        cmocka_unit_test(cubic_is_no_slower_than_reno),
        cmocka_unit_test(cubic_growth_is_bounded_in_a_round),
        cmocka_unit_test(cubic_at_time_zero),
    };
    return cmocka_run_group_tests_name("cc", tests, NULL, NULL);
}

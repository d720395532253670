/* drivers/fault.c and its parts: the language, the names, the fate of each segment. */
#include "driver_frames.h"

#include "../../drivers/fault_flows.h"
#include "../../drivers/fault_spec.h"

#include <stdlib.h>

static const struct hf_link_config link_config = {
    .kind = HF_LINK_IP, .mtu = 1500, .offload = HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6};

static uint8_t buffer[HF_FRAME_MAX];

/* An engine's side behind a fault driver, and the network's side. */
struct bench {
    struct hf_driver *fault, *far;
};

static struct bench open_bench(const char *spec, uint64_t seed)
{
    struct hf_driver *pair[2];
    char error[256] = "";
    assert_int_equal(hf_loopback_open(&link_config, 256, pair), 0);
    struct hf_driver *fault = hf_fault_open(pair[0], spec, seed, error);
    assert_string_equal(error, "");
    assert_non_null(fault);
    return (struct bench){fault, pair[1]};
}

static void close_bench(struct bench bench)
{
    bench.fault->ops->close(bench.fault);
    bench.far->ops->close(bench.far);
}

/* Lets the fault driver send what is due. */
static void tick(struct bench bench, hf_time now)
{
    struct hf_frame frame;
    assert_false(receive_frame(bench.fault, now, &frame, buffer));
}

/* The numbers of the segments that arrive at `d` now, in order. */
static unsigned arrivals(struct hf_driver *d, hf_time now, uint32_t *seqs, unsigned max)
{
    struct hf_frame frame;
    unsigned count = 0;
    while (receive_frame(d, now, &frame, buffer)) {
        assert_true(count < max);
        seqs[count++] = seq_of(&frame);
    }
    return count;
}

/* ---- the language ---- */

static void reads_properties(void **state)
{
    /* Properties of the path are read with their units and directions; a direction holds for its item only. */
    (void)state;
    struct fault_spec spec;
    char error[256];
    assert_true(hf_fault_spec_parse("in loss 1.5%, out delay 20ms,jitter 250us , reorder 3%, out rate 2.5Mbit, "
                                    "duplicate 0.0001%, corrupt 100%",
                                    &spec, error));
    assert_int_equal(spec.path[FAULT_IN].value[FAULT_LOSS], 15000);
    assert_int_equal(spec.path[FAULT_OUT].value[FAULT_LOSS], 0);
    assert_int_equal(spec.path[FAULT_IN].value[FAULT_DELAY], 0);
    assert_int_equal(spec.path[FAULT_OUT].value[FAULT_DELAY], 20 * HF_MS);
    assert_int_equal(spec.path[FAULT_IN].value[FAULT_JITTER], 250 * HF_US);
    assert_int_equal(spec.path[FAULT_OUT].value[FAULT_REORDER], 30000);
    assert_int_equal(spec.path[FAULT_OUT].value[FAULT_RATE], 2500000);
    assert_int_equal(spec.path[FAULT_IN].value[FAULT_DUPLICATE], 1);
    assert_int_equal(spec.path[FAULT_OUT].value[FAULT_CORRUPT], 1000000);
    assert_int_equal(spec.named_count, 0);
}

static void reads_what_stands_in_a_path(void **state)
{
    /* Bursts, queues, marks, narrow hops and middleboxes are read with their directions; strips add up. */
    (void)state;
    struct fault_spec spec;
    char error[256];
    assert_true(
        hf_fault_spec_parse("burst 2% of 8, rate 10Mbit, in queue 64kB, out queue 50ms, mark 1%, in mark 5ms, "
                            "mtu 1400, out mtu 1300 silent, strip sack, in strip ecn, out shift sequence, "
                            "forge 0.5%",
                            &spec, error));
    const uint64_t *in = spec.path[FAULT_IN].value, *out = spec.path[FAULT_OUT].value;
    assert_int_equal(in[FAULT_BURST], 20000);
    assert_int_equal(out[FAULT_BURST_LEN], 8);
    assert_int_equal(in[FAULT_QUEUE], 64000);
    assert_int_equal(out[FAULT_QUEUE_TIME], 50 * HF_MS);
    assert_int_equal(in[FAULT_MARK], 10000);
    assert_int_equal(in[FAULT_MARK_AT], 5 * HF_MS);
    assert_int_equal(out[FAULT_MARK_AT], 0);
    assert_int_equal(in[FAULT_MTU], 1400);
    assert_int_equal(in[FAULT_SILENT], 0);
    assert_int_equal(out[FAULT_MTU], 1300);
    assert_int_equal(out[FAULT_SILENT], 1);
    assert_int_equal(in[FAULT_STRIP], FAULT_STRIP_SACK | FAULT_STRIP_ECN);
    assert_int_equal(out[FAULT_STRIP], FAULT_STRIP_SACK);
    assert_int_equal(in[FAULT_SHIFT], 0);
    assert_int_not_equal(out[FAULT_SHIFT], 0);
    assert_int_equal(out[FAULT_FORGE], 5000);
}

static void reads_names(void **state)
{
    /* Faults by name are read with ordinal and name, "SYN,ACK" with its comma, in any case of letters. */
    (void)state;
    static const struct {
        const char *text;
        struct fault_named named;
    } examples[] = {
        {"drop second FIN", {FAULT_DO_LOSE, FAULT_FIN, 2, 0, {true, true}}},
        {"in lose last ACK", {FAULT_DO_LOSE, FAULT_LAST_ACK, 1, 0, {true, false}}},
        {"drop last FIN", {FAULT_DO_LOSE, FAULT_LAST_FIN, 1, 0, {true, true}}},
        {"drop last handshake ACK", {FAULT_DO_LOSE, FAULT_HANDSHAKE_ACK, 1, 0, {true, true}}},
        {"drop handshake ACK", {FAULT_DO_LOSE, FAULT_HANDSHAKE_ACK, 1, 0, {true, true}}},
        {"out reset after 512 bytes", {FAULT_DO_RESET, FAULT_DATA, 512, 0, {false, true}}},
        {"out duplicate 3rd data", {FAULT_DO_DUPLICATE, FAULT_DATA, 3, 0, {false, true}}},
        {"delay 1.5s first syn,ack", {FAULT_DO_DELAY, FAULT_SYN_ACK, 1, 1500 * HF_MS, {true, true}}},
        {"CORRUPT every RST", {FAULT_DO_CORRUPT, FAULT_RST, FAULT_EVERY, 0, {true, true}}},
        {"answer first SYN with RST", {FAULT_DO_ANSWER, FAULT_SYN, 1, 0, {true, true}}},
        {"drop 4th ACK, loss 1%", {FAULT_DO_LOSE, FAULT_ACK, 4, 0, {true, true}}},
        {"corrupt 2nd data, corrupt 2%", {FAULT_DO_CORRUPT, FAULT_DATA, 2, 0, {true, true}}},
    };
    for (unsigned i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct fault_spec spec;
        char error[256];
        const struct fault_named *want = &examples[i].named, *got = &spec.named[0];
        assert_true(hf_fault_spec_parse(examples[i].text, &spec, error));
        assert_int_equal(spec.named_count, 1);
        assert_int_equal(got->act, want->act);
        assert_int_equal(got->what, want->what);
        assert_int_equal(got->nth, want->nth);
        assert_int_equal(got->delay, want->delay);
        assert_int_equal(got->applies[FAULT_IN], want->applies[FAULT_IN]);
        assert_int_equal(got->applies[FAULT_OUT], want->applies[FAULT_OUT]);
    }
}

static void refuses_nonsense(void **state)
{
    /* What is not understood is refused with a sentence that quotes it; nothing is guessed. */
    (void)state;
    static const char *const wrong[][2] = {
        {"lose 1%", "'1%'"},
        {"loss 1", "'1'"},
        {"loss 101%", "'101%'"},
        {"loss", "probability"},
        {"delay 20", "'20'"},
        {"delay 2h", "'2h'"},
        {"delay -1ms", "'-1ms'"},
        {"rate 10", "'10'"},
        {"drop FIN", "'fin'"},
        {"drop first", "SYN"},
        {"drop last data", "'data'"},
        {"drop 0th FIN", "'0th'"},
        {"drop first handshake", "handshake"},
        {"reset first SYN", "'first'"},
        {"reset after 0 bytes", "'0'"},
        {"reset after 5", "bytes"},
        {"answer first SYN", "RST"},
        {"loss 1% duplicate 2%", "'duplicate'"},
        {"burst 1%", "'of'"},
        {"burst 1% of many", "'many'"},
        {"burst 95% of 2", "90%"},
        {"queue 10ms", "without a rate"},
        {"mark 5ms", "without a rate"},
        {"in rate 1Mbit, out queue 10kB", "without a rate"},
        {"mtu 12", "'12'"},
        {"mtu 1400 quiet", "'quiet'"},
        {"strip everything", "'everything'"},
        {"shift 3", "'3'"},
        {"loss 1%,", "missing"},
        {", loss 1%", "missing"},
        {"both loss 1%", "'both'"},
        {"delay 99999999999999999999s", "'99999999999999999999s'"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaa"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fault_spec spec;
        char error[256] = "";
        assert_false(hf_fault_spec_parse(wrong[i][0], &spec, error));
        if (!strstr(error, wrong[i][1]))
            fail_msg("'%s' gave: %s", wrong[i][0], error);
    }
}

static void refusal_keeps_inner(void **state)
{
    /* A spec that is refused leaves the inner driver with the caller. */
    (void)state;
    struct hf_driver *pair[2];
    char error[256];
    assert_int_equal(hf_loopback_open(&link_config, 4, pair), 0);
    assert_null(hf_fault_open(pair[0], "lots of loss", 1, error));
    assert_int_equal(send_made(pair[0], at_ms(0), (struct made){.flags = SYN}), 0);
    pair[0]->ops->close(pair[0]);
    pair[1]->ops->close(pair[1]);
}

/* ---- chance ---- */

static unsigned survivors_of(const char *spec, uint64_t seed, uint32_t *seqs, unsigned sent)
{
    struct bench bench = open_bench(spec, seed);
    unsigned count = 0;
    for (uint32_t i = 0; i < sent; i++) {
        assert_int_equal(send_made(bench.fault, at_ms(i), (struct made){.seq = i, .flags = ACK, .len = 10}), 0);
        count += arrivals(bench.far, at_ms(i), seqs + count, 2 * sent - count);
    }
    close_bench(bench);
    return count;
}

static void repeats_by_seed(void **state)
{
    /* The same seed gives the same losses, another seed others. */
    (void)state;
    uint32_t first[2000], again[2000], other[2000];
    unsigned count = survivors_of("loss 10%, duplicate 5%", 42, first, 1000);
    assert_int_equal(survivors_of("loss 10%, duplicate 5%", 42, again, 1000), count);
    assert_memory_equal(first, again, count * sizeof first[0]);
    unsigned other_count = survivors_of("loss 10%, duplicate 5%", 43, other, 1000);
    assert_true(other_count != count || memcmp(first, other, count * sizeof first[0]) != 0);
}

static void loses_about_as_many(void **state)
{
    /* A loss of 10 % loses about a tenth, and the counts say exactly how many. */
    (void)state;
    struct bench bench = open_bench("out loss 10%", 7);
    uint32_t seqs[4];
    unsigned arrived = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        send_made(bench.fault, at_ms(0), (struct made){.seq = i, .flags = ACK});
        arrived += arrivals(bench.far, at_ms(0), seqs, 4);
    }
    struct hf_fault_counts counts;
    hf_fault_counts(bench.fault, true, &counts);
    assert_int_equal(counts.seen, 10000);
    assert_int_equal(counts.lost + arrived, 10000);
    assert_in_range(counts.lost, 850, 1150);
    hf_fault_counts(bench.fault, false, &counts);
    assert_int_equal(counts.seen, 0);
    close_bench(bench);
}

static void rules_do_not_disturb_each_other(void **state)
{
    /* Adding another rule does not change which segments are lost. */
    (void)state;
    static uint32_t alone[2000], beside[4000];
    unsigned count = survivors_of("loss 20%", 9, alone, 1000);
    unsigned more = survivors_of("loss 20%, duplicate 30%, corrupt 0.0001%", 9, beside, 1000);
    assert_true(more > count);
    for (unsigned i = 0, j = 0; i < count; i++) {
        while (j < more && beside[j] != alone[i])
            j++;
        assert_true(j < more);
    }
}

static void large_frames_lose_segments(void **state)
{
    /* A coalesced frame counts as its segments: some are lost, not all or none. */
    (void)state;
    struct bench bench = open_bench("out loss 30%", 3);
    uint32_t seqs[64];
    struct made large = {.seq = 0, .flags = ACK, .len = 44 * 1448, .gso = 1448};
    assert_int_equal(send_made(bench.fault, at_ms(0), large), 0);
    unsigned arrived = arrivals(bench.far, at_ms(0), seqs, 64);
    assert_in_range(arrived, 20, 40);
    for (unsigned i = 0; i < arrived; i++)
        assert_int_equal(seqs[i] % 1448, 0);
    struct hf_fault_counts counts;
    hf_fault_counts(bench.fault, true, &counts);
    assert_int_equal(counts.seen, 44);
    close_bench(bench);
}

static void in_lane_splits_too(void **state)
{
    /* What the network coalesced reaches the engine as single sound segments, without offload facts. */
    (void)state;
    struct bench bench = open_bench("in loss 0.0001%", 3);
    struct hf_frame frame;
    struct made large = {.back = true, .seq = 0, .flags = ACK, .len = 20 * 1448, .gso = 1448};
    assert_int_equal(send_made(bench.far, at_ms(0), large), 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(receive_frame(bench.fault, at_ms(0), &frame, buffer));
        assert_int_equal(seq_of(&frame), i * 1448);
        assert_true(is_sound(&frame, false));
        assert_int_equal(frame.flags | frame.gso_size, 0);
    }
    tick(bench, at_ms(0));
    close_bench(bench);
}

static void corrupts_one_bit(void **state)
{
    /* A corrupted segment differs in one bit, no longer claims to be verified, and its checksums tell. */
    (void)state;
    struct bench bench = open_bench("in corrupt 100%", 11);
    for (uint32_t n = 0; n < 50; n++) {
        static uint8_t sent_bytes[HF_FRAME_MAX];
        struct hf_frame got,
            sent = make_tcp(sent_bytes, (struct made){.back = true, .seq = n, .flags = ACK, .len = 99});
        sent.flags = HF_FRAME_CSUM_VERIFIED;
        send_frame(bench.far, at_ms(0), &sent);
        assert_true(receive_frame(bench.fault, at_ms(0), &got, buffer));
        unsigned bits = 0;
        for (uint32_t i = 0; i < sent.len; i++)
            for (unsigned b = 0; b < 8; b++)
                bits += ((sent_bytes[i] ^ buffer[i]) >> b) & 1;
        assert_int_equal(bits, 1);
        assert_int_equal(got.flags, 0);
    }
    close_bench(bench);
}

/* ---- time ---- */

static void delays(void **state)
{
    /* A delayed frame is due exactly then: deadline() names the instant, and nothing comes before it. */
    (void)state;
    struct bench bench = open_bench("in delay 20ms, out delay 5ms", 1);
    struct hf_frame frame;
    send_made(bench.far, at_ms(100), (struct made){.back = true, .flags = SYN | ACK, .seq = 8});
    assert_false(receive_frame(bench.fault, at_ms(100), &frame, buffer));
    assert_int_equal(bench.fault->ops->deadline(bench.fault).ns, at_ms(120).ns);
    send_made(bench.fault, at_ms(101), (struct made){.flags = ACK, .seq = 9});
    assert_int_equal(bench.fault->ops->deadline(bench.fault).ns, at_ms(106).ns);
    assert_false(receive_frame(bench.far, at_ms(105), &frame, buffer));
    tick(bench, at_ms(106));
    assert_true(receive_frame(bench.far, at_ms(106), &frame, buffer));
    assert_int_equal(seq_of(&frame), 9);
    assert_false(receive_frame(bench.fault, (hf_time){at_ms(120).ns - 1}, &frame, buffer));
    assert_true(receive_frame(bench.fault, at_ms(120), &frame, buffer));
    assert_int_equal(seq_of(&frame), 8);
    assert_true(hf_time_is_never(bench.fault->ops->deadline(bench.fault)));
    close_bench(bench);
}

static void jitter_keeps_order(void **state)
{
    /* Jitter spreads the instants but keeps the order. */
    (void)state;
    struct bench bench = open_bench("out delay 10ms, out jitter 8ms", 5);
    uint32_t seqs[200], next = 0;
    unsigned instants = 0;
    for (uint32_t i = 0; i < 100; i++)
        send_made(bench.fault, (hf_time){i * HF_MS / 10}, (struct made){.seq = i, .flags = ACK});
    for (hf_time now; next < 100;) {
        now = bench.fault->ops->deadline(bench.fault);
        assert_in_range(now.ns, 10 * HF_MS, 28 * HF_MS);
        tick(bench, now);
        unsigned count = arrivals(bench.far, now, seqs, 200);
        assert_true(count > 0);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(seqs[i], next++);
        instants++;
    }
    assert_true(instants > 5);
    close_bench(bench);
}

static void reorders_nearby(void **state)
{
    /* A reordered segment comes one to three places later, and none is lost. */
    (void)state;
    struct bench bench = open_bench("out reorder 20%", 2);
    static uint32_t seqs[1100];
    unsigned count = 0, moved = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        send_made(bench.fault, at_ms(0), (struct made){.seq = i, .flags = ACK});
        count += arrivals(bench.far, at_ms(0), seqs + count, 1100 - count);
    }
    tick(bench, at_ms(10));
    count += arrivals(bench.far, at_ms(10), seqs + count, 1100 - count);
    assert_int_equal(count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        moved += seqs[i] != i;
        assert_in_range(seqs[i] + 8, i, i + 16);
    }
    assert_in_range(moved, 150, 800);
    close_bench(bench);
}

static void lone_late_segment_comes(void **state)
{
    /* A segment held back for others to overtake is not held for ever when none comes. */
    (void)state;
    struct bench bench = open_bench("out reorder 100%", 2);
    struct hf_frame frame;
    send_made(bench.fault, at_ms(50), (struct made){.flags = SYN});
    assert_false(receive_frame(bench.far, at_ms(50), &frame, buffer));
    assert_int_equal(bench.fault->ops->deadline(bench.fault).ns, at_ms(60).ns);
    tick(bench, at_ms(60));
    assert_true(receive_frame(bench.far, at_ms(60), &frame, buffer));
    close_bench(bench);
}

static void rate_spaces_segments(void **state)
{
    /* At 12 Mbit/s a 1500-byte segment takes a millisecond, one after the other, and the queue before it is
     * bounded. */
    (void)state;
    struct bench bench = open_bench("out rate 12Mbit", 1);
    uint32_t seqs[300];
    for (uint32_t i = 0; i < 200; i++)
        send_made(bench.fault, at_ms(0), (struct made){.seq = i, .flags = ACK, .len = 1460});
    for (uint32_t i = 0; i < 101; i++) {
        assert_int_equal(bench.fault->ops->deadline(bench.fault).ns, at_ms(1 + i).ns);
        tick(bench, at_ms(1 + i));
        assert_int_equal(arrivals(bench.far, at_ms(1 + i), seqs, 300), 1);
        assert_int_equal(seqs[0], i);
    }
    struct hf_fault_counts counts;
    hf_fault_counts(bench.fault, true, &counts);
    assert_int_equal(counts.overflowed, 99);
    close_bench(bench);
}

static void held_frames_are_bounded(void **state)
{
    /* However long the delay, the frames held are bounded; what does not fit is lost and counted. */
    (void)state;
    struct bench bench = open_bench("out delay 1000s", 1);
    for (uint32_t i = 0; i < 30000; i++)
        assert_int_equal(send_made(bench.fault, at_ms(0), (struct made){.seq = i, .flags = ACK}), 0);
    struct hf_fault_counts counts;
    hf_fault_counts(bench.fault, true, &counts);
    assert_int_equal(counts.seen, 30000);
    assert_in_range(counts.overflowed, 10000, 29000);
    close_bench(bench);
}

/* ---- names ---- */

/* A whole connection as both sides would send it; `out` is the client. */
struct step {
    struct made made;
    const char *name;
};

static const struct step life[] = {
    {{.flags = SYN, .seq = 100}, "SYN"},
    {{.back = true, .flags = SYN | ACK, .seq = 500, .ack = 101}, "SYN,ACK"},
    {{.flags = ACK, .seq = 101, .ack = 501}, "handshake ACK"},
    {{.flags = ACK | PSH, .seq = 101, .ack = 501, .len = 10}, "data 1"},
    {{.back = true, .flags = ACK, .seq = 501, .ack = 111}, "ACK"},
    {{.back = true, .flags = ACK | PSH, .seq = 501, .ack = 111, .len = 20}, "data 2"},
    {{.flags = ACK, .seq = 111, .ack = 521}, "ACK"},
    {{.flags = ACK | FIN, .seq = 111, .ack = 521}, "first FIN"},
    {{.back = true, .flags = ACK, .seq = 521, .ack = 112}, "ACK of first FIN"},
    {{.back = true, .flags = ACK | FIN, .seq = 521, .ack = 112}, "second FIN"},
    {{.flags = ACK, .seq = 112, .ack = 522}, "last ACK"},
};

/* Plays the life through a fault driver; returns the name of the only step that did not arrive, or "none". */
static const char *missing_from_life(const char *spec, uint16_t port)
{
    struct bench bench = open_bench(spec, 1);
    const char *missing = "none";
    for (unsigned i = 0; i < sizeof life / sizeof life[0]; i++) {
        struct made made = life[i].made;
        struct hf_frame frame;
        made.port = port;
        send_made(made.back ? bench.far : bench.fault, at_ms(i), made);
        bool arrived = receive_frame(made.back ? bench.fault : bench.far, at_ms(i), &frame, buffer);
        if (!arrived && strcmp(missing, "none") != 0)
            missing = "several";
        else if (!arrived)
            missing = life[i].name;
    }
    close_bench(bench);
    return missing;
}

static void finds_each_by_name(void **state)
{
    /* Each name drops exactly the segment that a person would call so, whichever end has the lower port. */
    (void)state;
    static const char *const cases[][2] = {
        {"drop first SYN", "SYN"},
        {"drop first SYN,ACK", "SYN,ACK"},
        {"drop last handshake ACK", "handshake ACK"},
        {"drop first handshake ACK", "handshake ACK"},
        {"drop handshake ACK", "handshake ACK"},
        {"drop first ACK", "handshake ACK"},
        {"drop second ACK", "ACK"},
        {"drop first data", "data 1"},
        {"in drop first data", "data 2"},
        {"drop second data", "data 2"},
        {"drop first FIN", "first FIN"},
        {"drop second FIN", "second FIN"},
        {"drop last FIN", "second FIN"},
        {"in drop first FIN", "second FIN"},
        {"lose last ACK", "last ACK"},
        {"out lose last ACK", "last ACK"},
        {"in lose last ACK", "none"},
        {"drop third FIN", "none"},
        {"drop first RST", "none"},
        {"drop every data", "several"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(missing_from_life(cases[i][0], 40000), cases[i][1]);
        assert_string_equal(missing_from_life(cases[i][0], 79), cases[i][1]);
    }
}

static void counts_each_connection(void **state)
{
    /* Names are counted for each connection, and a tuple's next connection starts anew. */
    (void)state;
    struct bench bench = open_bench("drop first SYN", 1);
    uint32_t seqs[4];
    for (uint16_t port = 1000; port < 1100; port++) {
        send_made(bench.fault, at_ms(0), (struct made){.port = port, .flags = SYN, .seq = 10});
        assert_int_equal(arrivals(bench.far, at_ms(0), seqs, 4), 0);
        send_made(bench.fault, at_ms(1), (struct made){.port = port, .flags = SYN, .seq = 10});
        assert_int_equal(arrivals(bench.far, at_ms(1), seqs, 4), 1);
        send_made(bench.fault, at_ms(2), (struct made){.port = port, .flags = SYN, .seq = 99});
        assert_int_equal(arrivals(bench.far, at_ms(2), seqs, 4), 0);
    }
    close_bench(bench);
}

static void forgets_the_oldest(void **state)
{
    /* More connections than are remembered cost no memory: the quietest is forgotten. */
    (void)state;
    struct bench bench = open_bench("out drop second data", 1);
    uint32_t seqs[4];
    for (uint32_t port = 1; port < 20000; port++) {
        send_made(bench.fault, at_ms(0), (struct made){.port = (uint16_t)port, .flags = ACK, .len = 1});
        assert_int_equal(arrivals(bench.far, at_ms(0), seqs, 4), 1);
    }
    send_made(bench.fault, at_ms(0), (struct made){.port = 19999, .flags = ACK, .len = 1, .seq = 1});
    assert_int_equal(arrivals(bench.far, at_ms(0), seqs, 4), 0);
    close_bench(bench);
}

static void duplicates_by_name(void **state)
{
    /* "duplicate first data" gives the first data segment twice and the others once, out of one coalesced frame. */
    (void)state;
    struct bench bench = open_bench("out duplicate first data", 1);
    uint32_t seqs[8];
    send_made(bench.fault, at_ms(0), (struct made){.flags = ACK, .len = 3000, .gso = 1000});
    assert_int_equal(arrivals(bench.far, at_ms(0), seqs, 8), 4);
    assert_int_equal(seqs[0], 0);
    assert_int_equal(seqs[1], 0);
    assert_int_equal(seqs[2], 1000);
    assert_int_equal(seqs[3], 2000);
    close_bench(bench);
}

static void delays_by_name(void **state)
{
    /* A frame delayed by name is overtaken by the others. */
    (void)state;
    struct bench bench = open_bench("out delay 30ms first data", 1);
    uint32_t seqs[8];
    send_made(bench.fault, at_ms(0), (struct made){.flags = ACK, .len = 1, .seq = 1});
    send_made(bench.fault, at_ms(1), (struct made){.flags = ACK, .len = 1, .seq = 2});
    assert_int_equal(arrivals(bench.far, at_ms(1), seqs, 8), 1);
    assert_int_equal(seqs[0], 2);
    tick(bench, at_ms(30));
    assert_int_equal(arrivals(bench.far, at_ms(30), seqs, 8), 1);
    assert_int_equal(seqs[0], 1);
    close_bench(bench);
}

static void answers_with_reset(void **state)
{
    /* "answer first SYN with RST" keeps the SYN from the far side and answers as a closed port would (RFC
     * 9293 3.10.7.1). */
    (void)state;
    struct bench bench = open_bench("answer first SYN with RST", 1);
    for (int v6 = 0; v6 < 2; v6++) {
        struct hf_frame frame;
        send_made(bench.fault, at_ms(0), (struct made){.v6 = v6 == 1, .flags = SYN, .seq = 700});
        assert_false(receive_frame(bench.far, at_ms(0), &frame, buffer));
        assert_true(receive_frame(bench.fault, at_ms(0), &frame, buffer));
        assert_true(is_sound(&frame, false));
        assert_int_equal(flags_of(&frame), RST | ACK);
        assert_int_equal(seq_of(&frame), 0);
        assert_int_equal(ack_of(&frame), 701);
        assert_int_equal(get_be16(tcp_of(&frame, false)), 80);
        assert_int_equal(get_be16(tcp_of(&frame, false) + 2), 40000);
        send_made(bench.fault, at_ms(1), (struct made){.v6 = v6 == 1, .flags = SYN, .seq = 700});
        assert_true(receive_frame(bench.far, at_ms(1), &frame, buffer));
    }
    close_bench(bench);
}

static void refuses_first_attempt_only(void **state)
{
    /* The first attempt towards a place is answered with RST; the next one, from another port, passes. */
    (void)state;
    struct bench bench = open_bench("answer first SYN with RST", 1);
    uint32_t seqs[4];
    send_made(bench.fault, at_ms(0), (struct made){.port = 1000, .flags = SYN, .seq = 700});
    assert_int_equal(arrivals(bench.far, at_ms(0), seqs, 4), 0);
    assert_int_equal(arrivals(bench.fault, at_ms(0), seqs, 4), 1);
    for (uint16_t port = 1001; port < 1010; port++) {
        send_made(bench.fault, at_ms(1), (struct made){.port = port, .flags = SYN, .seq = 700});
        assert_int_equal(arrivals(bench.far, at_ms(1), seqs, 4), 1);
    }
    send_made(bench.fault, at_ms(2), (struct made){.v6 = true, .port = 1010, .flags = SYN, .seq = 700});
    assert_int_equal(arrivals(bench.far, at_ms(2), seqs, 4), 0);
    close_bench(bench);
}

static void answers_towards_the_network(void **state)
{
    /* An arriving segment with ACK is answered with a reset at that number, towards the network. */
    (void)state;
    struct bench bench = open_bench("in answer first data with RST", 1);
    struct hf_frame frame;
    send_made(bench.far, at_ms(0), (struct made){.back = true, .flags = ACK, .seq = 5, .ack = 77, .len = 10});
    assert_false(receive_frame(bench.fault, at_ms(0), &frame, buffer));
    tick(bench, at_ms(0));
    assert_true(receive_frame(bench.far, at_ms(0), &frame, buffer));
    assert_true(is_sound(&frame, false));
    assert_int_equal(flags_of(&frame), RST);
    assert_int_equal(seq_of(&frame), 77);
    close_bench(bench);
}

static void resets_after_bytes(void **state)
{
    /* "reset after 700 bytes" lets exactly these pass, then tells each side that the other has reset it. */
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        struct bench bench = open_bench("out reset after 700 bytes", 1);
        struct hf_frame frame;
        uint32_t seqs[4];
        send_made(bench.fault, at_ms(0), (struct made){.v6 = v6 == 1, .flags = SYN, .seq = 99});
        send_made(bench.fault, at_ms(0),
                  (struct made){.v6 = v6 == 1, .flags = ACK, .seq = 100, .ack = 5, .len = 500});
        assert_int_equal(arrivals(bench.far, at_ms(0), seqs, 4), 2);
        send_made(bench.fault, at_ms(1),
                  (struct made){.v6 = v6 == 1, .flags = ACK | FIN, .seq = 600, .ack = 5, .len = 500});
        assert_true(receive_frame(bench.far, at_ms(1), &frame, buffer));
        assert_true(is_sound(&frame, false));
        assert_int_equal(seq_of(&frame), 600);
        assert_int_equal(frame.len, (v6 ? 60 : 40) + 200);
        assert_int_equal(flags_of(&frame), ACK);
        assert_true(receive_frame(bench.far, at_ms(1), &frame, buffer));
        assert_true(is_sound(&frame, false));
        assert_int_equal(flags_of(&frame), RST | ACK);
        assert_int_equal(seq_of(&frame), 800);
        assert_int_equal(get_be16(tcp_of(&frame, false) + 2), 80);
        assert_true(receive_frame(bench.fault, at_ms(1), &frame, buffer));
        assert_true(is_sound(&frame, false));
        assert_int_equal(flags_of(&frame), RST);
        assert_int_equal(seq_of(&frame), 5);
        close_bench(bench);
    }
}

static void stays_reset(void **state)
{
    /* Once a connection is reset by name, neither side's segments pass; the next life of its tuple is a new one. */
    (void)state;
    struct bench bench = open_bench("reset after 10 bytes", 1);
    struct hf_frame frame;
    uint32_t seqs[4];
    send_made(bench.fault, at_ms(0), (struct made){.flags = SYN, .seq = 99});
    send_made(bench.fault, at_ms(0), (struct made){.flags = ACK, .seq = 100, .ack = 5, .len = 10});
    assert_int_equal(arrivals(bench.far, at_ms(0), seqs, 4), 3);
    assert_true(receive_frame(bench.fault, at_ms(0), &frame, buffer));

    send_made(bench.far, at_ms(1), (struct made){.back = true, .flags = ACK, .seq = 5, .ack = 110});
    assert_false(receive_frame(bench.fault, at_ms(1), &frame, buffer));
    tick(bench, at_ms(1));
    assert_true(receive_frame(bench.far, at_ms(1), &frame, buffer));
    assert_int_equal(flags_of(&frame), RST);
    assert_int_equal(seq_of(&frame), 110);
    send_made(bench.far, at_ms(2), (struct made){.back = true, .flags = RST, .seq = 5});
    assert_int_equal(arrivals(bench.fault, at_ms(2), seqs, 4), 0);
    assert_int_equal(arrivals(bench.far, at_ms(2), seqs, 4), 0);

    send_made(bench.fault, at_ms(3), (struct made){.flags = SYN, .seq = 5000});
    assert_int_equal(arrivals(bench.far, at_ms(3), seqs, 4), 1);
    close_bench(bench);
}

static void untouched_direction_stays_whole(void **state)
{
    /* A direction without a rule is passed through: a coalesced frame stays coalesced. */
    (void)state;
    struct bench bench = open_bench("in drop second FIN", 1);
    struct hf_frame frame;
    send_made(bench.fault, at_ms(0), (struct made){.flags = ACK, .len = 30000, .gso = 1448});
    assert_true(receive_frame(bench.far, at_ms(0), &frame, buffer));
    assert_int_equal(frame.gso_size, 1448);
    assert_int_equal(frame.len, 30040);
    close_bench(bench);
}

static void empty_spec_disturbs_nothing(void **state)
{
    /* An empty spec is a driver that does nothing. */
    (void)state;
    assert_string_equal(missing_from_life("  ", 40000), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_properties),
        cmocka_unit_test(reads_what_stands_in_a_path),
        cmocka_unit_test(reads_names),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(refusal_keeps_inner),
        cmocka_unit_test(repeats_by_seed),
        cmocka_unit_test(loses_about_as_many),
        cmocka_unit_test(rules_do_not_disturb_each_other),
        cmocka_unit_test(large_frames_lose_segments),
        cmocka_unit_test(in_lane_splits_too),
        cmocka_unit_test(corrupts_one_bit),
        cmocka_unit_test(delays),
        cmocka_unit_test(jitter_keeps_order),
        cmocka_unit_test(reorders_nearby),
        cmocka_unit_test(lone_late_segment_comes),
        cmocka_unit_test(rate_spaces_segments),
        cmocka_unit_test(held_frames_are_bounded),
        cmocka_unit_test(finds_each_by_name),
        cmocka_unit_test(counts_each_connection),
        cmocka_unit_test(forgets_the_oldest),
        cmocka_unit_test(duplicates_by_name),
        cmocka_unit_test(delays_by_name),
        cmocka_unit_test(answers_with_reset),
        cmocka_unit_test(refuses_first_attempt_only),
        cmocka_unit_test(answers_towards_the_network),
        cmocka_unit_test(resets_after_bytes),
        cmocka_unit_test(stays_reset),
        cmocka_unit_test(untouched_direction_stays_whole),
        cmocka_unit_test(empty_spec_disturbs_nothing),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}

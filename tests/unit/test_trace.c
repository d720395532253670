/* drivers/line.c and drivers/trace.c: frames in packetdrill's notation. */
#include "driver_frames.h"

#include "../../drivers/line.h"

#include <stdio.h>

#define LINES_MAX 16

/* What the trace wrote. */
struct log {
    char line[LINES_MAX][HF_LINE_MAX];
    unsigned count;
};

static void take_line(void *arg, const char *line)
{
    struct log *log = arg;
    assert_true(log->count < LINES_MAX);
    snprintf(log->line[log->count++], HF_LINE_MAX, "%s", line);
}

static uint8_t buffer[HF_FRAME_MAX];

/* Puts options behind the TCP header of a frame without payload. */
static void add_options(struct hf_frame *frame, const uint8_t *options, uint32_t len)
{
    memcpy(frame->data + frame->len, options, len);
    frame->data[20 + 12] = (uint8_t)((20 + len) / 4 << 4);
    frame->len += len;
    put_be16(frame->data + 2, frame->len);
}

static const char *line_of(const struct hf_frame *frame, struct hf_line_base base, enum hf_line_direction direction)
{
    static char text[HF_LINE_MAX];
    return hf_line_write(text, &base, frame->data, frame->len, HF_LINK_IP, direction);
}

static void writes_a_segment(void **state)
{
    /* Direction, flags, numbers from their bases, acknowledgment and window stand where packetdrill has them. */
    (void)state;
    struct hf_frame frame = make_tcp(buffer, (struct made){.seq = 1001, .ack = 501, .flags = PSH | ACK, .len = 10});
    assert_string_equal(line_of(&frame, (struct hf_line_base){0}, HF_LINE_OUT),
                        "> P. 1001:1011(10) ack 501 win 1000");
    struct hf_line_base base = {.ours = 1000, .theirs = 500};
    assert_string_equal(line_of(&frame, base, HF_LINE_OUT), "> P. 1:11(10) ack 1 win 1000");
    base = (struct hf_line_base){.ours = 500, .theirs = 1000, .ports = true};
    assert_string_equal(line_of(&frame, base, HF_LINE_IN), "< 40000 > 80 P. 1:11(10) ack 1 win 1000");
}

static void writes_every_flag(void **state)
{
    /* Each control bit has its letter, the ACK is a dot at the end, and none at all is a dash. */
    (void)state;
    struct hf_frame frame = make_tcp(buffer, (struct made){.flags = 0xff});
    put_be16(frame.data + 20 + 18, 7);
    assert_string_equal(line_of(&frame, (struct hf_line_base){0}, HF_LINE_IN),
                        "< FSRPEWU. 0:0(0) ack 0 win 1000 urg 7");
    frame = make_tcp(buffer, (struct made){.flags = 0});
    assert_string_equal(line_of(&frame, (struct hf_line_base){0}, HF_LINE_IN), "< - 0:0(0) win 1000");
}

static void writes_options(void **state)
{
    /* Options are written as packetdrill writes them, in the order of the wire; SACK counts from the other side's
     * base. */
    (void)state;
    static const uint8_t syn[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 100, 0, 0, 0, 0, 1, 3, 3, 7};
    static const uint8_t sack[] = {1, 1, 5, 18, 0, 0, 7, 209, 0, 0, 11, 185, 0, 0, 15, 161, 0, 0, 19, 137};
    struct hf_frame frame = make_tcp(buffer, (struct made){.flags = SYN});
    add_options(&frame, syn, sizeof syn);
    assert_string_equal(line_of(&frame, (struct hf_line_base){0}, HF_LINE_IN),
                        "< S 0:0(0) win 1000 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    frame = make_tcp(buffer, (struct made){.seq = 5, .ack = 1001, .flags = ACK});
    add_options(&frame, sack, sizeof sack);
    assert_string_equal(line_of(&frame, (struct hf_line_base){.theirs = 1000}, HF_LINE_OUT),
                        "> . 5:5(0) ack 1 win 1000 <nop,nop,sack 1001:2001 3001:4001>");
}

static void survives_malformed_options(void **state)
{
    /* An option of a length that cannot be ends the list, an unknown one is a comment; both keep their length. */
    (void)state;
    static const uint8_t unknown[] = {30, 4, 0, 0, 2, 1, 0, 0};
    struct hf_frame frame = make_tcp(buffer, (struct made){.flags = ACK});
    add_options(&frame, unknown, sizeof unknown);
    assert_string_equal(
        line_of(&frame, (struct hf_line_base){0}, HF_LINE_IN),
        "< . 0:0(0) ack 0 win 1000 </* kind 30 length 4 */ nop,nop,nop,nop,/* malformed */ nop,nop,nop,nop>");
}

static void fits_the_longest_line(void **state)
{
    /* Forty bytes of options that each take the longest text still end in the room a line has. */
    (void)state;
    uint8_t options[40];
    for (unsigned i = 0; i < sizeof options; i += 2)
        memcpy(options + i, "\x1e\x02", 2);
    struct hf_frame frame = make_tcp(buffer, (struct made){.seq = 4294967295u, .ack = 4294967295u, .flags = 0xff});
    add_options(&frame, options, sizeof options);
    const char *line = line_of(&frame, (struct hf_line_base){.ports = true}, HF_LINE_IN);
    assert_true(strlen(line) < HF_LINE_MAX - 1);
    assert_int_equal(line[strlen(line) - 1], '>');
}

static void writes_ecn(void **state)
{
    /* The ECN field of the IP header stands in front. */
    (void)state;
    struct hf_frame frame = make_tcp(buffer, (struct made){.flags = ACK});
    frame.data[1] = 2;
    assert_string_equal(line_of(&frame, (struct hf_line_base){0}, HF_LINE_OUT), "> [ect0] . 0:0(0) ack 0 win 1000");
    frame = make_tcp(buffer, (struct made){.v6 = true, .flags = ACK});
    frame.data[1] = 0x30;
    assert_string_equal(line_of(&frame, (struct hf_line_base){0}, HF_LINE_OUT), "> [ce] . 0:0(0) ack 0 win 1000");
}

static void writes_icmp(void **state)
{
    /* An ICMP error is named and shows the quoted segment, counted from the base of whoever sent it. */
    (void)state;
    uint8_t packet[20 + 8 + 28] = {0x45, 0, 0, sizeof packet, 0, 0, 0, 0, 64, 1};
    put_be16(packet + 20, 3 << 8 | 4);
    put_be16(packet + 20 + 6, 1200);
    struct hf_frame quoted = make_tcp(buffer, (struct made){.seq = 1001, .flags = ACK, .len = 1460});
    memcpy(packet + 28, quoted.data, 28);
    struct hf_frame frame = {.data = packet, .len = sizeof packet};
    assert_string_equal(line_of(&frame, (struct hf_line_base){.ours = 1000}, HF_LINE_IN),
                        "< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]");
}

static void comments_on_the_rest(void **state)
{
    /* What packetdrill has no words for is a comment, so that a trace can be run as it is. */
    (void)state;
    uint8_t arp[42] = {[12] = 8, [13] = 6};
    char text[HF_LINE_MAX];
    struct hf_line_base base = {0};
    assert_string_equal(hf_line_write(text, &base, arp, sizeof arp, HF_LINK_ETHERNET, HF_LINE_IN),
                        "// < ARP, 42 bytes");
    struct hf_frame frame = make_tcp(buffer, (struct made){.flags = ACK, .len = 100});
    frame.data[6] = 0x20;
    assert_string_equal(line_of(&frame, base, HF_LINE_IN), "// < IPv4, TCP in part 6, 140 bytes");
}

/* A trace on one end of a loopback, whose other end plays the peer. */
struct bench {
    struct hf_driver *pair[2], *trace;
    struct log log;
};

static void open_bench(struct bench *bench)
{
    static const struct hf_link_config plain = {.kind = HF_LINK_IP, .mtu = 1500};
    bench->log.count = 0;
    assert_int_equal(hf_loopback_open(&plain, 8, bench->pair), 0);
    bench->trace = hf_trace_open(bench->pair[0], take_line, &bench->log);
    assert_non_null(bench->trace);
}

static void close_bench(struct bench *bench)
{
    bench->trace->ops->close(bench->trace);
    bench->pair[1]->ops->close(bench->pair[1]);
}

/* The trace's side receives one frame and finds `why`. */
static void receive_and_judge(struct bench *bench, hf_time now, enum hf_reason why)
{
    struct hf_frame frame;
    assert_int_equal(bench->trace->ops->receive(bench->trace, now, &frame, 1), 1);
    frame.why = why;
    bench->trace->ops->release(bench->trace, now, &frame, 1);
}

/* The trace's side sends one segment for `why`. */
static void send_for(struct bench *bench, hf_time now, struct made made, enum hf_reason why)
{
    struct hf_frame frame = make_tcp(buffer, made);
    frame.why = why;
    assert_int_equal(send_frame(bench->trace, now, &frame), 0);
}

static void traces_a_handshake(void **state)
{
    /* A flow is named once, its numbers count from its SYNs, times are those since the line before, and what was
     * sent or dropped says why. */
    (void)state;
    struct bench bench;
    open_bench(&bench);
    send_made(bench.pair[1], at_ms(0), (struct made){.seq = 7000, .flags = SYN});
    receive_and_judge(&bench, at_ms(5), HF_ACCEPTED);
    send_for(&bench, (hf_time){5 * HF_MS + 12 * HF_US},
             (struct made){.back = true, .seq = 90, .ack = 7001, .flags = SYN | ACK}, HF_WHY_SYN_ACK);
    send_made(bench.pair[1], at_ms(0), (struct made){.seq = 7001, .ack = 91, .flags = ACK});
    receive_and_judge(&bench, at_ms(6), HF_ACCEPTED);
    send_made(bench.pair[1], at_ms(0), (struct made){.seq = 7501, .flags = RST});
    receive_and_judge(&bench, at_ms(1006), HF_DROP_RST_NOT_EXACT);
    assert_int_equal(bench.log.count, 5);
    assert_string_equal(bench.log.line[0], "// 10.0.0.2 port 80 and 10.0.0.1 port 40000");
    assert_string_equal(bench.log.line[1], "+0.000000 < S 0:0(0) win 1000");
    assert_string_equal(bench.log.line[2], "+0.000012 > S. 0:0(0) ack 1 win 1000  //! why SYN_ACK");
    assert_string_equal(bench.log.line[3], "+0.000988 < . 1:1(0) ack 1 win 1000");
    assert_string_equal(bench.log.line[4], "+1.000000 < R 501:501(0) win 1000  //! drop RST_NOT_EXACT");
    close_bench(&bench);
}

static void tells_flows_apart(void **state)
{
    /* As soon as there is a second flow, lines show ports, and each counts from its own SYN. */
    (void)state;
    struct bench bench;
    open_bench(&bench);
    for (uint16_t port = 1; port <= 2; port++) {
        send_made(bench.pair[1], at_ms(0), (struct made){.port = port, .seq = 100u * port, .flags = SYN});
        receive_and_judge(&bench, at_ms(0), HF_ACCEPTED);
    }
    send_made(bench.pair[1], at_ms(0), (struct made){.port = 1, .seq = 101, .flags = ACK});
    receive_and_judge(&bench, at_ms(0), HF_ACCEPTED);
    assert_string_equal(bench.log.line[3], "+0.000000 < 2 > 80 S 0:0(0) win 1000");
    assert_string_equal(bench.log.line[4], "+0.000000 < 1 > 80 . 1:1(0) ack 0 win 1000");
    close_bench(&bench);
}

static void counts_a_new_life_anew(void **state)
{
    /* A SYN that was taken begins the tuple's next life; one that was dropped does not move the numbers. */
    (void)state;
    struct bench bench;
    open_bench(&bench);
    static const struct {
        uint32_t seq;
        enum hf_reason why;
        const char *line;
    } syns[] = {{1000, HF_ACCEPTED, "+0.000000 < S 0:0(0) win 1000"},
                {1500, HF_DROP_SYN_IN_WINDOW, "+0.000000 < S 500:500(0) win 1000  //! drop SYN_IN_WINDOW"},
                {9000, HF_ACCEPTED, "+0.000000 < S 0:0(0) win 1000"}};
    for (unsigned i = 0; i < 3; i++) {
        send_made(bench.pair[1], at_ms(0), (struct made){.seq = syns[i].seq, .flags = SYN});
        receive_and_judge(&bench, at_ms(0), syns[i].why);
        assert_string_equal(bench.log.line[i + 1], syns[i].line);
    }
    close_bench(&bench);
}

static void forgets_the_quietest_flow(void **state)
{
    /* However many flows there are, the table is bounded; a forgotten flow is named again and its numbers are
     * absolute. */
    (void)state;
    static struct hf_line_flows flows;
    struct hf_look look;
    struct hf_line_base base;
    for (uint32_t port = 1; port <= HF_LINE_FLOWS + 1; port++) {
        struct hf_frame frame = make_tcp(buffer, (struct made){.port = (uint16_t)port, .seq = port, .flags = SYN});
        assert_true(hf_look(frame.data, frame.len, HF_LINK_IP, &look));
        assert_non_null(hf_line_note(&flows, &look, HF_LINE_IN, false, &base));
        assert_int_equal(base.theirs, port);
    }
    struct hf_frame frame = make_tcp(buffer, (struct made){.port = 1, .seq = 2, .flags = ACK});
    assert_true(hf_look(frame.data, frame.len, HF_LINK_IP, &look));
    assert_non_null(hf_line_note(&flows, &look, HF_LINE_IN, false, &base));
    assert_int_equal(base.theirs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_segment),
        cmocka_unit_test(writes_every_flag),
        cmocka_unit_test(writes_options),
        cmocka_unit_test(survives_malformed_options),
        cmocka_unit_test(fits_the_longest_line),
        cmocka_unit_test(writes_ecn),
        cmocka_unit_test(writes_icmp),
        cmocka_unit_test(comments_on_the_rest),
        cmocka_unit_test(traces_a_handshake),
        cmocka_unit_test(tells_flows_apart),
        cmocka_unit_test(counts_a_new_life_anew),
        cmocka_unit_test(forgets_the_quietest_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

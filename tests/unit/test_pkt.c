/* pkt/: packetdrill's language, read and run. Scenarios say what TCP does; here is what the language does. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "../../pkt/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pkt_script script;
static struct pkt_outcome outcome;

static bool reads(const char *text)
{
    return pkt_parse(&script, "test.pkt", text, strlen(text));
}

/* Reads a script that has to be good. */
static void read_good(const char *text)
{
    bool is_good = reads(text);
    if (!is_good)
        print_error("line %u: %s\n", script.error_line, script.error);
    assert_true(is_good);
}

/* Runs a script; true when it passed. */
static bool runs(const char *text)
{
    const struct pkt_run_options options = {.trace = NULL};
    read_good(text);
    bool passed = pkt_run_everywhere(&script, &options, &outcome);
    pkt_script_close(&script);
    return passed;
}

static void run_good(const char *text)
{
    bool passed = runs(text);
    if (!passed)
        print_error("line %u: %s\n", outcome.line, outcome.what);
    assert_true(passed);
    pkt_outcome_close(&outcome);
}

/* Runs a script that has to fail at a line, and say something. */
static void run_bad(const char *text, unsigned line, const char *what)
{
    assert_false(runs(text));
    if (strstr(outcome.what, what) == NULL || outcome.line != line)
        print_error("line %u: %s\n", outcome.line, outcome.what);
    assert_int_equal(outcome.line, line);
    assert_non_null(strstr(outcome.what, what));
    pkt_outcome_close(&outcome);
}

/* ---- reading ---- */

static void reads_packets(void **state)
{
    /* Every part of a packet finds its place. */
    (void)state;
    read_good("0 < [ect0] 40000 > 8080 PU. 1:1001(1000) ack 5 win 257 urg 7 <nop,nop,TS val 100 ecr 50>\n");
    const struct pkt_segment *s = &script.event[0].segment;
    assert_int_equal(script.event[0].kind, PKT_SEGMENT_IN);
    assert_int_equal(s->ecn, PKT_ECN_ECT0);
    assert_int_equal(s->src_port, 40000);
    assert_int_equal(s->dst_port, 8080);
    assert_int_equal(s->flags, 8 | 32 | 16);
    assert_int_equal(s->seq, 1);
    assert_int_equal(s->len, 1000);
    assert_int_equal(s->ack, 5);
    assert_int_equal(s->win, 257);
    assert_int_equal(s->urg, 7);
    assert_int_equal(s->options_len, 12);
    assert_memory_equal(s->options, "\1\1\10\12\0\0\0\144\0\0\0\62", 12);
    pkt_script_close(&script);
}

static void reads_options(void **state)
{
    /* Options become the bytes of the wire, in the script's order. */
    (void)state;
    read_good("0 > S 0:0(0) <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>\n"
              "+0 > . 1:1(0) ack 1 <nop,nop,sack 2001:3001 4001:5001>\n"
              "+0 > S 0:0(0) <mss 1460,FO 01020304,eol,eol>\n"
              "+0 > . 1:1(0) ack 1 <...>\n");
    assert_int_equal(script.count, 4);
    assert_memory_equal(script.event[0].segment.options, "\2\4\5\264\4\2\10\12\0\0\0\1\0\0\0\0\1\3\3\7", 20);
    assert_memory_equal(script.event[1].segment.options, "\1\1\5\22\0\0\7\321\0\0\13\271\0\0\17\241\0\0\23\211",
                        20);
    assert_memory_equal(script.event[2].segment.options, "\2\4\5\264\42\6\1\2\3\4\0\0", 12);
    assert_true(script.event[3].segment.any_options);
    pkt_script_close(&script);
}

static void reads_icmp(void **state)
{
    /* ICMP has its words for types and codes, an MTU, and the segment it quotes. */
    (void)state;
    read_good("0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]\n");
    const struct pkt_icmp *icmp = &script.event[0].icmp;
    assert_int_equal(icmp->type, 3);
    assert_int_equal(icmp->code, 4);
    assert_int_equal(icmp->mtu, 1200);
    assert_int_equal(icmp->seq, 1);
    assert_int_equal(icmp->len, 1460);
    pkt_script_close(&script);
    read_good("--ip_version=ipv6\n0 < icmp packet_too_big mtu 1280 [1:1(0)]\n");
    assert_int_equal(script.event[0].icmp.type, 2);
    pkt_script_close(&script);
}

static void reads_times(void **state)
{
    /* Times are absolute, relative, any, or ranges, to the nanosecond; a blocking call has two. */
    (void)state;
    read_good("0.25 > . 1:1(0) ack 1\n"
              "+.1 > . 1:1(0) ack 1\n"
              "* > . 1:1(0) ack 1\n"
              "1~1.5 > . 1:1(0) ack 1\n"
              "+0.1~+0.3 > . 1:1(0) ack 1\n"
              "+0...0.200 accept(3, ..., ...) = 4\n");
    assert_int_equal(script.event[0].time.kind, PKT_ABSOLUTE);
    assert_int_equal(script.event[0].time.from, 250 * HF_MS);
    assert_int_equal(script.event[1].time.kind, PKT_RELATIVE);
    assert_int_equal(script.event[1].time.from, 100 * HF_MS);
    assert_int_equal(script.event[2].time.kind, PKT_ANY_TIME);
    assert_int_equal(script.event[3].time.to, 1500 * HF_MS);
    assert_int_equal(script.event[4].time.to, 300 * HF_MS);
    assert_true(script.event[5].call.blocks);
    assert_int_equal(script.event[5].call.end, 200 * HF_MS);
    pkt_script_close(&script);
}

static void reads_calls(void **state)
{
    /* Arguments are numbers, symbols joined by bars, strings, lists and structs; the result may be an errno. */
    (void)state;
    read_good(
        "0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
        "+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0\n"
        "+0 read(4, ..., 100) = -1 EAGAIN (Resource temporarily unavailable)\n"
        "+0 write(4, \"ab\" \"c\\n\", 4) = 4\n"
        "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1\n"
        "+0 bind(3, {sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr(\"1.2.3.4\")}, ...) = 0\n"
        "+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)\n");
    assert_int_equal(script.event[0].call.argument[2].number, 04002);
    assert_int_equal(script.event[1].call.argument[3].item[1].number, 5);
    assert_string_equal(script.event[1].call.argument[3].item[1].name, "linger");
    assert_int_equal(script.event[2].call.error, 11);
    assert_int_equal(script.event[3].call.argument[1].len, 4);
    assert_memory_equal(script.event[3].call.argument[1].text, "abc\n", 4);
    assert_int_equal(script.event[4].call.argument[0].item[0].count, 3);
    assert_string_equal(script.event[5].call.argument[1].item[2].text, "1.2.3.4");
    assert_int_equal(script.event[6].call.result.number, 2);
    pkt_script_close(&script);
}

static void passes_over_comments(void **state)
{
    /* Comments of all three kinds, code and commands do nothing. */
    (void)state;
    read_good("// one\n# two\n/* three\n four */ `init`\n"
              "0 socket(..., SOCK_STREAM, IPPROTO_TCP) /* five */ = 3\n"
              "+0 %{ assert tcpi_state == 1 }%\n"
              "+0 `sysctl`\n");
    assert_int_equal(script.count, 3);
    assert_true(script.has_skipped);
    assert_int_equal(script.event[0].line, 5);
    assert_string_equal(script.event[0].action, "socket(..., SOCK_STREAM, IPPROTO_TCP) /* five */ = 3");
    pkt_script_close(&script);
}

static void reads_script_options(void **state)
{
    /* Options at the top set the scene; those for packetdrill's own machine are passed over; definitions are words.
     */
    (void)state;
    read_good("--mtu=1400 --tolerance_usecs=100\n--wire_client\n--define=LEN=1000\n--local_ip=10.0.0.1\n"
              "0 read(4, ..., LEN) = LEN\n");
    assert_int_equal(script.settings.mtu, 1400);
    assert_int_equal(script.settings.tolerance_ns, 100 * HF_US);
    assert_int_equal(script.event[0].call.argument[2].number, 1000);
    pkt_script_close(&script);
}

static void reads_additions(void **state)
{
    /* Each addition is read with its names, short or long. */
    (void)state;
    read_good("//! config msl 1s\n//! config timestamps off\n//! given established sack\n"
              "+0 < R 500:500(0)\n"
              "//! drop RST_NOT_EXACT\n"
              "//! why WHY_CHALLENGE   // because\n"
              "//! state CLOSED error RESET ended EDGE_RST\n"
              "//! sends nothing until +1.5\n");
    assert_int_equal(script.config.msl_ns, HF_SECOND);
    assert_false(script.config.timestamps);
    const struct pkt_event *event = &script.event[script.count - 4];
    assert_int_equal(event[0].mark.reason, HF_DROP_RST_NOT_EXACT);
    assert_int_equal(event[1].mark.reason, HF_WHY_CHALLENGE);
    assert_int_equal(event[2].mark.state, HF_CLOSED);
    assert_int_equal(event[2].mark.error, HF_ERR_RESET);
    assert_int_equal(event[2].mark.ended, HF_EDGE_RST);
    assert_int_equal(event[3].mark.until.from, 1500 * HF_MS);
    pkt_script_close(&script);
}

static void says_what_is_wrong(void **state)
{
    /* Whatever is wrong is said once, with its line. */
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
        const char *what;
    } bad[] = {
        {"", 1, "no event"},
        {"0 socket(..., SOCK_STREAM, 0) = 3\nsocket() = 4", 2, "begins with its time"},
        {"0 < X 0:0(0)", 1, "'X' is no TCP flag"},
        {"0 < S 0:1(0)", 1, "0:1(0) does not add up"},
        {"0 < S 0:0(0) ack 1", 1, "without the ACK flag"},
        {"0 < S 0:0(0) win 70000", 1, "a window 70000 is out of range"},
        {"0 < S 0:0(0) win 1 <mss 1460,nop>", 1, "no multiple of four"},
        {"0 < S 0:0(0) win 1 <...>", 1, "packets that are sent"},
        {"0 < S 0:0(0) win 1 <mss>", 1, "expected an MSS"},
        {"0 > . 1:1(0) ack 1 <sack 1:2 3:4 5:6 7:8 9:10>", 1, "longer than 40 bytes"},
        {"0 < icmp unreachable nonsense [1:1(0)]", 1, "'nonsense' is no code"},
        {"0~1 read(3, ..., 1) = 1", 1, "only a packet that is sent"},
        {"0...1 < S 0:0(0)", 1, "only a call may take a while"},
        {"123456789 < S 0:0(0)", 1, "expected a time in seconds"},
        {"0 < S 0:0(0) <FO 0g>", 1, "pairs of hexadecimal digits"},
        {"0 read(3, ..., WHAT) = 1", 1, "'WHAT' is not a symbol"},
        {"0 read(3, ..., 1) = 1 EAGAIN", 1, "returns -1"},
        {"0 read(3, ..., 1 = 1", 1, "expected ')'"},
        {"0 write(3, \"abc", 1, "closing quote"},
        {"0 close(3) = 0 /* open", 1, "a comment without its end"},
        {"--speed=1\n--colour=red\n", 2, "--colour is no option"},
        {"--mtu=5\n", 1, "'5' is no value for --mtu"},
        {"//! given nowhere\n", 1, "there is no state 'nowhere'"},
        {"\n//! given listen rcv.nxt 1\n", 2, "no RCV.NXT yet"},
        {"//! given established closed\n", 1, "has not closed"},
        {"//! given established\n//! given listen\n", 2, "stands once"},
        {"//! why NONSENSE\n", 1, "no reason WHY_NONSENSE"},
        {"//! config speed fast\n", 1, "no configuration key 'speed'"},
        {"//! config msl soon\n", 1, "'soon' is no value for msl"},
        {"//! says what\n", 1, "expected given, why, drop"},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(reads(bad[i].text));
        if (strstr(script.error, bad[i].what) == NULL || script.error_line != bad[i].line)
            print_error("%s\n  gives line %u: %s\n", bad[i].text, script.error_line, script.error);
        assert_non_null(strstr(script.error, bad[i].what));
        assert_int_equal(script.error_line, bad[i].line);
        pkt_script_close(&script);
    }
}

static void survives_cut_scripts(void **state)
{
    /* A script cut off anywhere is read without harm. */
    (void)state;
    static const char text[] =
        "--mtu=1400\n//! config msl 1\n//! given established sack wscale 3\n"
        "0 < [ce] 1 > 2 P. 1:3(2) ack 1 win 9 urg 1 <nop,nop,sack 1:2,TS val 1 ecr 2,nop,nop>\n"
        "+0...1 write(3, \"a\\n\"..., [{a=1|2, ...}], 0x1f) = -1 EPIPE (Broken pipe)\n"
        "//! state CLOSED error RESET\n%{ code }% `command` /* end */";
    for (size_t len = 0; len < sizeof text; len++) {
        char *copy = malloc(len + 1);
        memcpy(copy, text, len);
        (void)pkt_parse(&script, "cut.pkt", copy, len);
        free(copy);
        pkt_script_close(&script);
    }
}

/* ---- the stock form ---- */

static void prints_stock(void **state)
{
    /* The fixture is spelled out behind its line, missing windows are filled in, all else stays as it is. */
    (void)state;
    read_good("// A claim.\n//! given syn-received rcv.nxt 11, snd.nxt 1\n+0 < . 11:11(0) ack 1 // here\n"
              "//! state ESTABLISHED\n");
    char *text = pkt_script_stock(&script);
    assert_string_equal(text, "// A claim.\n//! given syn-received rcv.nxt 11, snd.nxt 1\n"
                              "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                              "+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0\n"
                              "+0 bind(3, ..., ...) = 0\n"
                              "+0 listen(3, 1) = 0\n"
                              "+0 < S 10:10(0) win 65535 <mss 1460>\n"
                              "+0 > S. 0:0(0) ack 11 <mss 1460>\n"
                              "+0 < . 11:11(0) ack 1 win 65535 // here\n"
                              "//! state ESTABLISHED\n");
    free(text);
    pkt_script_close(&script);
}

static void stock_form_runs(void **state)
{
    /* What is printed is a script again, and says the same. */
    (void)state;
    read_good("//! given close-wait active sack timestamps wscale 7\n"
              "+0 close(3) = 0\n+0 > F. 1:1(0) ack 2 <nop,nop,TS val 100 ecr 1000>\n");
    char *text = pkt_script_stock(&script);
    pkt_script_close(&script);
    char *plain = strchr(text, '\n') + 1;
    run_good(plain);
    free(text);
}

/* ---- running ---- */

#define ESTABLISHED "//! given established\n"

static void reaches_every_state(void **state)
{
    /* Each fixture brings its connection into the state it names, opened by either side, closed either way. */
    (void)state;
    static const char *const states[] = {"syn-sent",   "syn-received", "established", "fin-wait-1", "fin-wait-2",
                                         "close-wait", "closing",      "last-ack",    "time-wait"};
    static const char *const ways[] = {"",
                                       "active",
                                       "sack timestamps wscale 7",
                                       "active sack",
                                       "closed",
                                       "active closed timestamps",
                                       "mss 500 window 1000 rcv.nxt 77, snd.nxt 99"};
    char text[256];
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (unsigned j = 0; j < sizeof ways / sizeof ways[0]; j++) {
            bool cannot_be_closed = strstr(ways[j], "closed") && (i < 3 || i == 5);
            if (cannot_be_closed || (i == 0 && strstr(ways[j], "rcv.nxt")))
                continue;
            snprintf(text, sizeof text, "//! given %s %s\n//! state %s\n", states[i], ways[j], states[i]);
            run_good(text);
        }
    }
    run_good("//! given listen\n//! state LISTEN\n");
    run_good("//! given closed\n0 < S 0:0(0) win 9\n+0 > R. 0:0(0) ack 1\n//! why RST_NO_CONNECTION\n//! state "
             "CLOSED\n");
}

static void compares_packets(void **state)
{
    /* A packet that is sent must be the one expected, field by field, and at its time. */
    (void)state;
    static const struct {
        const char *expected, *what;
    } bad[] = {
        {"+.04 > . 1:1(0) ack 1000", "the acknowledgment number is 1001 instead of 1000"},
        {"+.04 > . 2:2(0) ack 1001", "the sequence number is 1 instead of 2"},
        {"+.04 > P. 1:1(0) ack 1001", "the flags differ"},
        {"+.04 > . 1:2(1) ack 1001", "the length is 0 instead of 1"},
        {"+.04 > . 1:1(0) ack 1001 win 5", "instead of 5"},
        {"+.04 > . 1:1(0) ack 1001 <nop,nop,TS val 1 ecr 2>", "the options differ"},
        {"+.04 > [ect0] . 1:1(0) ack 1001", "the ECN field"},
        {"+.04 > 8080 > 1 . 1:1(0) ack 1001", "the ports are 8080 > 40000"},
        {"+.1 > . 1:1(0) ack 1001", "happened  at 0.04"},
        {"+.01 > . 1:1(0) ack 1001", "nothing until 0.04"},
        {"+.04 > icmp echo_reply", "not that ICMP message"},
        {"+.04 > . 1:1(0) ack 1001\n+0 > . 1:1(0) ack 1001", "nothing, for"},
    };
    char text[256];
    run_good(ESTABLISHED "+0 < P. 1:1001(1000) ack 1\n+.04 > . 1:1(0) ack 1001\n//! why ACK_DELAYED\n");
    run_good(ESTABLISHED "+0 < P. 1:1001(1000) ack 1\n* > . 1:1(0) ack 1001 <...>\n");
    run_good(ESTABLISHED "+0 < P. 1:1001(1000) ack 1\n+0~+.1 > [noecn] . 1:1(0) ack 1001\n");
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, ESTABLISHED "+0 < P. 1:1001(1000) ack 1\n%s\n", bad[i].expected);
        run_bad(text, strchr(bad[i].expected, '\n') ? 4 : 3, bad[i].what);
    }
}

static void wants_every_packet_expected(void **state)
{
    /* What was sent and nobody expected is a failure, at the latest at the end. */
    (void)state;
    run_bad(ESTABLISHED "+0 close(4) = 0\n", 2, "a packet was sent that nobody expected");
}

static void checks_marks(void **state)
{
    /* Each addition fails when it does not hold. */
    (void)state;
    run_bad(ESTABLISHED "+0 < R 500:500(0)\n+0 > . 1:1(0) ack 1\n//! why ACK_NOW\n", 4, "sent for WHY_CHALLENGE");
    run_bad(ESTABLISHED "+0 < R 500:500(0)\n//! drop nothing\n", 3, "dropped for DROP_RST_NOT_EXACT");
    run_bad(ESTABLISHED "+0 < . 1:1(0) ack 1\n//! drop PAWS\n", 3, "the packet was accepted");
    run_bad(ESTABLISHED "+0 < R 1:1(0)\n//! state ESTABLISHED\n", 3, "happened  CLOSED");
    run_bad(ESTABLISHED "+0 < R 1:1(0)\n//! state CLOSED error TIMED_OUT\n", 3, "error ERR_RESET");
    run_bad(ESTABLISHED "+0 < R 1:1(0)\n//! state CLOSED ended FIN\n", 3, "ended EDGE_RST");
    run_bad(ESTABLISHED "+0 < P. 1:2(1) ack 1\n//! sends nothing until +1\n", 3, "happened  0.04");
    run_good(
        ESTABLISHED
        "+0 < R 1:1(0)\n//! drop nothing\n//! state CLOSED error RESET ended RST\n//! sends nothing until +9\n");
}

static void compares_calls(void **state)
{
    /* A call must return what the script says, fail as it says, and return when it says. */
    (void)state;
    run_bad(ESTABLISHED "+0 write(4, ..., 10) = 11\n", 2, "it returned 10");
    run_bad(ESTABLISHED "+0 recv(4, ..., 10, MSG_DONTWAIT) = 1\n", 2, "returned -1 EAGAIN");
    run_bad(ESTABLISHED "+0 read(4, ..., 10) = 1\n", 2, "would block");
    run_bad(ESTABLISHED "+0 read(9, ..., 10) = 1\n", 2, "EBADF");
    run_bad(ESTABLISHED "+0...0.5 read(4, ..., 10) = 1\n+.1 < P. 1:2(1) ack 1\n+.04 > . 1:1(0) ack 2\n", 2,
            "should have returned at 0.5");
    run_good(ESTABLISHED "+0...0.1 read(4, ..., 10) = 1\n+.1 < P. 1:2(1) ack 1\n+.04 > . 1:1(0) ack 2\n");
    run_bad(ESTABLISHED "+0 select(4) = 1\n", 2, "no call known here");
    run_bad("//! given established\n+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [111], [4]) = 0\n", 2,
            "argument 4 is 0");
}

static void blocks_in_connect(void **state)
{
    /* A blocking connect returns when the handshake is complete, while the packets go on. */
    (void)state;
    run_good("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
             "+0...0.2 connect(3, ..., ...) = 0\n"
             "+0 > S 0:0(0) <...>\n"
             "+.2 < S. 0:0(0) ack 1 win 9 <mss 1000>\n"
             "+0 > . 1:1(0) ack 1\n");
}

static void maps_numbers(void **state)
{
    /* Scripts count from numbers of their own: sequence numbers, SACK edges and timestamps, both ways. */
    (void)state;
    run_good("//! given established sack timestamps  rcv.nxt 1001, snd.nxt 5001\n"
             "+0 < . 2001:3001(1000) ack 5001 <nop,nop,TS val 1000 ecr 100>\n"
             "+0 > . 5001:5001(0) ack 1001 <nop,nop,TS val 100 ecr 1000,nop,nop,sack 2001:3001>\n"
             "+0 send(4, ..., 100, 0) = 100\n"
             "+0 > P. 5001:5101(100) ack 1001 <nop,nop,TS val 100 ecr 1000,nop,nop,sack 2001:3001>\n"
             "+.01 < . 1001:1001(0) ack 5101 <nop,nop,TS val 1010 ecr 100>\n");
    run_bad("--tcp_ts_tick_usecs=1000\n//! given established timestamps\n"
            "+.1 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 <nop,nop,TS val 100 ecr 1000>\n",
            4, "the options differ");
    run_good("--tcp_ts_tick_usecs=1000\n//! given established timestamps\n"
             "+.1 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 <nop,nop,TS val 200 ecr 1000>\n");
}

static void runs_at_the_edges(void **state)
{
    /* The two further runs begin where they say, just before 2^31 and 2^32. */
    (void)state;
    const struct pkt_run_options plain = {.trace = NULL};
    read_good("//! given established active\n");
    assert_true(pkt_run(&script, &plain, &outcome));
    assert_true(outcome.has_isn);
    const struct pkt_run_options edge = {
        .chooses_our_isn = true, .known_isn = outcome.isn, .our_isn = 0xffffff00u, .their_shift = 0x7fffff00u};
    pkt_outcome_close(&outcome);
    assert_true(pkt_run(&script, &edge, &outcome));
    assert_int_equal(outcome.isn, 0xffffff00u);
    pkt_outcome_close(&outcome);
    pkt_script_close(&script);
}

static void speaks_ipv6(void **state)
{
    /* The same script runs over IPv6. */
    (void)state;
    run_good("--ip_version=ipv6\n//! given established\n+0 write(4, ..., 5000) = 5000\n"
             "+0 > . 1:1441(1440) ack 1\n+0 > . 1441:2881(1440) ack 1\n+0 > . 2881:4321(1440) ack 1\n"
             "+0 > P. 4321:5001(680) ack 1\n");
}

static void tells_flows_by_ports(void **state)
{
    /* Packets that name ports belong to flows of their own. */
    (void)state;
    run_good("//! given listen\n"
             "+0 < 1 > 8080 S 0:0(0) win 9 <mss 1000>\n+0 > 8080 > 1 S. 0:0(0) ack 1 <mss 1460>\n"
             "+0 < 2 > 8080 S 5:5(0) win 9 <mss 1000>\n+0 > 8080 > 2 S. 0:0(0) ack 6 <mss 1460>\n"
             "+0 < 1 > 8080 R 1:1(0)\n//! state CLOSED ended REFUSED\n"
             "+0 < 2 > 8080 . 6:6(0) ack 1\n//! state ESTABLISHED\n+0 accept(3, ..., ...) = 4\n");
}

/* What a trace wrote, a line after the other. */
struct written {
    char text[16384];
    size_t len;
};

static void append_line(void *arg, const char *line)
{
    struct written *written = arg;
    int len = snprintf(written->text + written->len, sizeof written->text - written->len, "%s\n", line);
    written->len += (size_t)len;
    assert_true(written->len < sizeof written->text);
}

static void traces_what_can_be_run(void **state)
{
    /* What a run prints is a script again that passes: packets, calls, times, numbers and reasons. */
    (void)state;
    static const char *const scripts[] = {
        "//! given time-wait active closed sack timestamps wscale 7  rcv.nxt 77, snd.nxt 99\n",
        ("//! given established\n+0...0.3 read(4, ..., 10) = 10\n+.3 < P. 1:11(10) ack 1\n+.04 > . 1:1(0) ack 11\n"
         "+1 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 11\n+.2 > P. 1:10(9) ack 11\n+0 < R 5:5(0)\n"
         "+0 < icmp unreachable host_unreachable [1:10(9)]\n+0 < . 11:11(0) ack 10\n"),
        ("//! given listen\n+0 < 1 > 8080 S 0:0(0) win 9\n+0 > 8080 > 1 S. 0:0(0) ack 1 <mss 1460>\n"
         "+0 < 2 > 8080 . 5:5(0) ack 3\n+0 > 8080 > 2 R 3:3(0)\n"),
    };
    static struct written written;
    const struct pkt_run_options options = {.trace = append_line, .arg = &written};
    for (unsigned i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        written.len = 0;
        read_good(scripts[i]);
        assert_true(pkt_run(&script, &options, &outcome));
        pkt_script_close(&script);
        run_good(written.text);
    }
}

/* Without additions a script counts from its SYNs, as packetdrill does; with them it counts on from the SYNs' numbers. */
static void counts_as_packetdrill_does(void **state)
{
    (void)state;
    static const char opening[] =
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
        "+0 < S 999000:999000(0) win 1000 <mss 1460,sackOK,nop,nop>\n"
        "+0 > S. 1234:1234(0) ack 999001 <...>\n";
    static const char stock[] =
        "+0 < . 1:1(0) ack 1\n+0 < P. 11:21(10) ack 1\n+0 > . 1:1(0) ack 1 <nop,nop,sack 11:21>\n";
    static const char ours[] = "+0 < . 999001:999001(0) ack 1235\n//! state ESTABLISHED\n";
    char text[1024];
    snprintf(text, sizeof text, "%s%s", opening, stock);
    assert_true(runs(text));
    snprintf(text, sizeof text, "%s%s", opening, ours);
    assert_true(runs(text));
}

/* With the profile linux, what a script's commands set by sysctl holds, though they are not run. */
static void hears_sysctls(void **state)
{
    (void)state;
    static const char *const linux_profile[] = {"profile=linux"};
    static const char text[] = "`../defaults.sh\nsysctl -q net.ipv4.tcp_sack=0\n"
                               "sysctl -q net.ipv4.tcp_rmem=\"4096 5000 9000\" net.ipv4.tcp_ecn=2`\n"
                               "0 socket(..., SOCK_STREAM, 0) = 3\n";
    assert_true(pkt_parse_with(&script, linux_profile, 1, "test.pkt", text, strlen(text)));
    assert_false(script.config.sack);
    assert_int_equal(script.config.receive_buffer, 5000);
    assert_int_equal(script.config.receive_buffer_max, 9000);
    assert_int_equal(script.config.ecn, HF_ECN_ACCEPT);
    pkt_script_close(&script);
    read_good(text);
    assert_true(script.config.sack);
    pkt_script_close(&script);
}

/* One event may stand for what packetdrill would see as several segments, but not for more than it says. */
static void adds_up_a_burst(void **state)
{
    (void)state;
    assert_true(
        runs("//! given established mss 1000\n+0 write(4, ..., 3000) = 3000\n+0 > P. 1:3001(3000) ack 1\n"));
    assert_false(
        runs("//! given established mss 1000\n+0 write(4, ..., 3000) = 3000\n+0 > P. 1:2501(2500) ack 1\n"));
    pkt_outcome_close(&outcome);
    assert_true(runs("//! config profile linux\n//! given established mss 1000\n+0 write(4, ..., 3000) = 3000\n"
                     "+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:3001(2000) ack 1\n"));
}

/* epoll tells level-triggered what is so, and edge-triggered what has changed. */
static void tells_events(void **state)
{
    (void)state;
    static const char level[] = "//! given established\n"
                                "+0 epoll_create(1) = 5\n"
                                "+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0\n"
                                "+0 epoll_wait(5, {events=0, ptr=0}, 1, 0) = 0\n"
                                "+0 < P. 1:11(10) ack 1\n"
                                "+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1\n"
                                "+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1\n"
                                "+0.04 > . 1:1(0) ack 11\n"
                                "+0 close(5) = 0\n";
    static const char edge[] = "//! given established\n"
                               "+0 epoll_create(1) = 5\n"
                               "+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLOUT|EPOLLET, fd=4}) = 0\n"
                               "+0 epoll_wait(5, {events=EPOLLOUT, fd=4}, 1, 0) = 1\n"
                               "+0...0.1 epoll_wait(5, {events=EPOLLIN|EPOLLOUT, fd=4}, 1, 500) = 1\n"
                               "+0.1 < P. 1:11(10) ack 1\n"
                               "+0 epoll_wait(5, {events=0, ptr=0}, 1, 0) = 0\n"
                               "+0.04 > . 1:1(0) ack 11\n"
                               "+0...0.2 epoll_wait(5, {events=0, ptr=0}, 1, 200) = 0\n"
                               "+0.3 epoll_ctl(5, EPOLL_CTL_DEL, 4, {events=0, fd=4}) = 0\n"
                               "+0 epoll_ctl(5, EPOLL_CTL_MOD, 4, {events=EPOLLIN, fd=4}) = -1 ENOENT\n";
    assert_true(runs(level));
    assert_true(runs(edge));
}

/* What --config says comes before what the script says, and a wrong key is told. */
static void takes_settings(void **state)
{
    (void)state;
    static const char text[] = "//! config msl 2\n0 socket(..., SOCK_STREAM, 0) = 3\n";
    static const char *const good[] = {"profile=linux", "msl=1"}, *const bad[] = {"speed=9"};
    assert_true(pkt_parse_with(&script, good, 2, "test.pkt", text, strlen(text)));
    assert_int_equal(script.config.quick_acks, 16);
    assert_int_equal(script.config.msl_ns, 2 * HF_SECOND);
    pkt_script_close(&script);
    assert_false(pkt_parse_with(&script, bad, 1, "test.pkt", text, strlen(text)));
    pkt_script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_packets),
        cmocka_unit_test(reads_options),
        cmocka_unit_test(reads_icmp),
        cmocka_unit_test(reads_times),
        cmocka_unit_test(reads_calls),
        cmocka_unit_test(passes_over_comments),
        cmocka_unit_test(reads_script_options),
        cmocka_unit_test(reads_additions),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(survives_cut_scripts),
        cmocka_unit_test(prints_stock),
        cmocka_unit_test(stock_form_runs),
        cmocka_unit_test(reaches_every_state),
        cmocka_unit_test(compares_packets),
        cmocka_unit_test(wants_every_packet_expected),
        cmocka_unit_test(checks_marks),
        cmocka_unit_test(compares_calls),
        cmocka_unit_test(blocks_in_connect),
        cmocka_unit_test(maps_numbers),
        cmocka_unit_test(runs_at_the_edges),
        cmocka_unit_test(speaks_ipv6),
        cmocka_unit_test(tells_flows_by_ports),
        cmocka_unit_test(traces_what_can_be_run),
        cmocka_unit_test(adds_up_a_burst),
        cmocka_unit_test(tells_events),
        cmocka_unit_test(takes_settings),
        cmocka_unit_test(counts_as_packetdrill_does),
        cmocka_unit_test(hears_sysctls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * cli/ladder*.c: notes in, text out. Each test tells a conversation as notes and shows the picture it must give.
 */
#define _GNU_SOURCE
#include "../../cli/ladder.h"
#include "../../cli/ladder_peer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
#define ISS 5000u
#define IRS 4294967290u /* the numbers of the peer wrap after six */

struct drawing {
    struct ladder *ladder;
    struct ladder_options options;
    uint64_t number;
    uint32_t slot; /* of the connection that notes are about */
    uint16_t port; /* of its peer */
    size_t len;
    char text[65536];
};

static void keep(void *arg, const char *text, size_t len)
{
    struct drawing *d = arg;
    assert_true(d->len + len < sizeof d->text);
    memcpy(d->text + d->len, text, len);
    d->len += len;
    d->text[d->len] = '\0';
}

static void begin(struct drawing *d, int width)
{
    d->number = 0;
    d->slot = 1;
    d->port = 51234;
    d->len = 0;
    d->text[0] = '\0';
    d->options = (struct ladder_options){
        .terminal = {.width = width},
        .left = "kernel",
        .is_peer_read = true,
        .write = keep,
        .arg = d,
    };
    d->ladder = NULL;
}

static hf_time at_ms(double ms)
{
    return (hf_time){(int64_t)(ms * 1e6 + 0.5)};
}

static struct ladder *ladder_of(struct drawing *d)
{
    if (d->ladder == NULL)
        d->ladder = ladder_new(&d->options);
    assert_non_null(d->ladder);
    return d->ladder;
}

static struct hf_note note_of(struct drawing *d, double ms, enum hf_note_kind kind, enum hf_reason why)
{
    return (struct hf_note){
        .at = at_ms(ms),
        .number = ++d->number,
        .conn = {d->slot, 1},
        .local = {hf_addr_v4(10, 77, 0, 2), 80},
        .remote = {hf_addr_v4(10, 77, 0, 1), d->port},
        .kind = (uint8_t)kind,
        .why = (uint16_t)why,
        .wnd = 502,
        .iss = ISS,
        .irs = IRS,
    };
}

struct said {
    uint8_t flags;
    uint32_t seq, ack, len; /* relative */
    enum hf_state from, to;
    uint16_t wnd;   /* 0 = 502 */
    bool is_closed; /* the window is */
};

static void segment(struct drawing *d, double ms, enum hf_note_kind kind, enum hf_reason why, struct said said)
{
    struct hf_note note = note_of(d, ms, kind, why);
    bool is_in = kind == HF_NOTE_IN;
    note.flags = said.flags;
    note.seq = said.seq + (is_in ? IRS : ISS);
    note.ack = said.flags & ACK ? said.ack + (is_in ? ISS : IRS) : 0;
    note.len = said.len;
    note.from = (uint8_t)said.from;
    note.to = (uint8_t)(said.to == HF_CLOSED && !(said.flags & RST) ? said.from : said.to);
    if (said.wnd != 0)
        note.wnd = said.wnd;
    if (said.is_closed)
        note.wnd = 0;
    ladder_note(ladder_of(d), &note);
}

static void enter(struct drawing *d, double ms, enum hf_state from, enum hf_state to, enum hf_reason why)
{
    struct hf_note note = note_of(d, ms, HF_NOTE_STATE, why);
    note.from = (uint8_t)from;
    note.to = (uint8_t)to;
    ladder_note(ladder_of(d), &note);
}

/* The peer was asked, and is in this state; what waits is drawn. */
static bool reads(struct drawing *d, double ms, unsigned number, enum hf_state state)
{
    bool is_open = ladder_peer(ladder_of(d), number, state, at_ms(ms));
    ladder_flush(d->ladder, at_ms(ms));
    return is_open;
}

static void flush(struct drawing *d, double ms)
{
    ladder_flush(ladder_of(d), at_ms(ms));
}

/* Compares what was drawn since the last time. */
static void drew(struct drawing *d, const char *picture)
{
    if (strcmp(d->text, picture) != 0)
        printf("drawn:\n%s\nwanted:\n%s\n", d->text, picture); /* print_message cuts at 1 KiB */
    assert_string_equal(d->text, picture);
    d->len = 0;
    d->text[0] = '\0';
}

static void forget(struct drawing *d)
{
    d->len = 0;
    d->text[0] = '\0';
}

static void end(struct drawing *d)
{
    ladder_free(d->ladder);
    d->ladder = NULL;
}

/* ---- the beginning all tests share ---- */

static void hear_syn(struct drawing *d)
{
    segment(d, 0, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = SYN, .from = HF_LISTEN, .to = HF_SYN_RECEIVED, .wnd = 64240});
    enter(d, 0, HF_LISTEN, HF_SYN_RECEIVED, HF_EDGE_SYN);
}

static void send_syn_ack(struct drawing *d)
{
    segment(d, 0.041, HF_NOTE_OUT, HF_WHY_SYN_ACK,
            (struct said){.flags = SYN | ACK, .ack = 1, .from = HF_SYN_RECEIVED, .wnd = 65535});
}

static void hear_last_ack(struct drawing *d)
{
    segment(d, 0.08, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = ACK, .seq = 1, .ack = 1, .from = HF_SYN_RECEIVED, .to = HF_ESTABLISHED});
    enter(d, 0.08, HF_SYN_RECEIVED, HF_ESTABLISHED, HF_EDGE_ACK_OF_SYN);
}

/* Opens without a word from the peer, and forgets the picture. */
static void open_quietly(struct drawing *d)
{
    hear_syn(d);
    send_syn_ack(d);
    hear_last_ack(d);
    flush(d, 0.1);
    forget(d);
}

static struct said data(uint32_t seq, uint32_t len)
{
    return (struct said){.flags = ACK, .seq = seq, .ack = 1, .len = len, .from = HF_ESTABLISHED};
}

static struct said ack_of(uint32_t ack)
{
    return (struct said){.flags = ACK, .seq = 1, .ack = ack, .from = HF_ESTABLISHED};
}

/* ---- opening ---- */

static void a_handshake_shows_both_states_read(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    hear_syn(&d);
    assert_false(reads(&d, 0, 1, HF_SYN_SENT));
    send_syn_ack(&d);
    assert_false(reads(&d, 0.041, 1, HF_ESTABLISHED));
    hear_last_ack(&d);
    flush(&d, 0.1);
    drew(&d, "STATE of the kernel is read from it; (STATE) is inferred from the segments.\n"
             "\n"
             "   kernel 10.77.0.1:51234                                 Handfast 10.77.0.2:80\n"
             "      ms       (CLOSED) ┬                                 ┬ LISTEN\n"
             "   0.000      SYN-SENT  ├─ S 0:0(0) win 64240 ───────────►│ SYN-RECEIVED  SYN received\n"
             "   0.041   ESTABLISHED  │◄──── S. 0:0(0) ack 1 win 65535 ─┤               answer to SYN\n"
             "   0.080                ├─ . 1:1(0) ack 1 ───────────────►│ ESTABLISHED   our SYN acknowledged\n");
    end(&d);
}

static void what_nobody_read_stands_in_parentheses(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    d.options.left = "peer";
    d.options.is_peer_read = false;
    hear_syn(&d);
    send_syn_ack(&d);
    hear_last_ack(&d);
    ladder_end(d.ladder);
    drew(&d, "(STATE) of the peer is inferred from the segments.\n"
             "\n"
             "     peer 10.77.0.1:51234                                 Handfast 10.77.0.2:80\n"
             "      ms       (CLOSED) ┬                                 ┬ LISTEN\n"
             "   0.000     (SYN-SENT) ├─ S 0:0(0) win 64240 ───────────►│ SYN-RECEIVED  SYN received\n"
             "   0.041  (ESTABLISHED) │◄──── S. 0:0(0) ack 1 win 65535 ─┤               answer to SYN\n"
             "   0.080                ├─ . 1:1(0) ack 1 ───────────────►│ ESTABLISHED   our SYN acknowledged\n"
             "                        ┴                                 ┴\n");
    end(&d);
}

static void a_narrow_terminal_puts_words_below_and_ascii_draws_without_boxes(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 80);
    d.options.terminal.is_ascii = true;
    hear_syn(&d);
    send_syn_ack(&d);
    hear_last_ack(&d);
    ladder_end(d.ladder);
    drew(&d, "STATE of the kernel is read from it; (STATE) is inferred from the segments.\n"
             "\n"
             "   kernel 10.77.0.1:51234                               Handfast 10.77.0.2:80\n"
             "      ms       (CLOSED) +                               + LISTEN\n"
             "   0.000     (SYN-SENT) +- S 0:0(0) win 64240 --------->| SYN-RECEIVED\n"
             "                        |                               | SYN received\n"
             "   0.041  (ESTABLISHED) |<-- S. 0:0(0) ack 1 win 65535 -+ answer to SYN\n"
             "   0.080                +- . 1:1(0) ack 1 ------------->| ESTABLISHED\n"
             "                        |                               | our SYN acknowledged\n"
             "                        +                               +\n");
    end(&d);
}

static void an_active_open_joins_its_syn(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    enter(&d, 0, HF_CLOSED, HF_SYN_SENT, HF_EDGE_OPEN_ACTIVE);
    flush(&d, 0.001);
    drew(&d, "");
    segment(&d, 0.02, HF_NOTE_OUT, HF_WHY_SYN, (struct said){.flags = SYN, .from = HF_SYN_SENT, .wnd = 65535});
    segment(&d, 0.1, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = RST | ACK, .ack = 1, .from = HF_SYN_SENT, .to = HF_CLOSED});
    enter(&d, 0.1, HF_SYN_SENT, HF_CLOSED, HF_EDGE_REFUSED);
    flush(&d, 0.2);
    drew(&d, "STATE of the kernel is read from it; (STATE) is inferred from the segments.\n"
             "\n"
             "   kernel 10.77.0.1:51234                                 Handfast 10.77.0.2:80\n"
             "      ms                ┬                                 ┬ CLOSED\n"
             "   0.000                │◄─────────── S 0:0(0) win 65535 ─┤ SYN-SENT      open\n"
             "   0.080       (CLOSED) ├━ R. 0:0(0) ack 1 ━━━━━━━━━━━━━━►│ CLOSED        RST answered our SYN\n");
    end(&d);
}

/* ---- closing ---- */

static void a_close_by_the_peer_shows_states_that_last_only_until_the_answer(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    (void)reads(&d, 0.2, 1, HF_ESTABLISHED);
    segment(&d, 3, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = FIN | ACK, .seq = 1, .ack = 1, .from = HF_ESTABLISHED, .to = HF_CLOSE_WAIT});
    enter(&d, 3, HF_ESTABLISHED, HF_CLOSE_WAIT, HF_EDGE_FIN);
    (void)reads(&d, 3, 1, HF_FIN_WAIT_1);
    segment(&d, 3.01, HF_NOTE_OUT, HF_WHY_ACK_NOW,
            (struct said){.flags = ACK, .seq = 1, .ack = 2, .from = HF_CLOSE_WAIT});
    flush(&d, 3.02);
    enter(&d, 3.1, HF_CLOSE_WAIT, HF_LAST_ACK, HF_EDGE_CLOSE);
    segment(&d, 3.11, HF_NOTE_OUT, HF_WHY_FIN,
            (struct said){.flags = FIN | ACK, .seq = 1, .ack = 2, .from = HF_LAST_ACK});
    (void)reads(&d, 3.11, 1, HF_TIME_WAIT);
    segment(&d, 3.2, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = ACK, .seq = 2, .ack = 2, .from = HF_LAST_ACK, .to = HF_CLOSED});
    enter(&d, 3.2, HF_LAST_ACK, HF_CLOSED, HF_EDGE_ACK_OF_FIN);
    ladder_end(d.ladder);
    drew(&d, "   3.000    FIN-WAIT-1  ├─ F. 1:1(0) ack 1 ──────────────►│ CLOSE-WAIT    FIN received\n"
             "   3.010   (FIN-WAIT-2) │◄─────────────── . 1:1(0) ack 2 ─┤               acknowledges the FIN\n"
             "   3.110     TIME-WAIT  │◄────────────── F. 1:1(0) ack 2 ─┤ LAST-ACK      close\n"
             "   3.200                ├─ . 2:2(0) ack 2 ───────────────►│ CLOSED        our FIN acknowledged\n"
             "                        ┴                                 ┴\n");
    end(&d);
}

static void time_wait_ends_after_a_pause(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    enter(&d, 1, HF_ESTABLISHED, HF_FIN_WAIT_1, HF_EDGE_CLOSE);
    segment(&d, 1.01, HF_NOTE_OUT, HF_WHY_FIN,
            (struct said){.flags = FIN | ACK, .seq = 1, .ack = 1, .from = HF_FIN_WAIT_1});
    segment(&d, 1.1, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = FIN | ACK, .seq = 1, .ack = 2, .from = HF_FIN_WAIT_1, .to = HF_TIME_WAIT});
    enter(&d, 1.1, HF_FIN_WAIT_1, HF_TIME_WAIT, HF_EDGE_FIN_AND_ACK);
    segment(&d, 1.11, HF_NOTE_OUT, HF_WHY_ACK_NOW,
            (struct said){.flags = ACK, .seq = 2, .ack = 2, .from = HF_TIME_WAIT});
    enter(&d, 4001.1, HF_TIME_WAIT, HF_CLOSED, HF_EDGE_MSL_2);
    ladder_end(d.ladder);
    drew(&d,
         "   1.010   (CLOSE-WAIT) │◄────────────── F. 1:1(0) ack 1 ─┤ FIN-WAIT-1    close\n"
         "   1.100     (LAST-ACK) ├─ F. 1:1(0) ack 2 ──────────────►│ TIME-WAIT     FIN received, with the ACK\n"
         "                        │                                 │               of ours\n"
         "   1.110       (CLOSED) │◄─────────────── . 2:2(0) ack 2 ─┤               acknowledges the FIN\n"
         "                        │       · · ·  4.0 s  · · ·       │\n"
         "4001.100                │                                 │ CLOSED        2 MSL over\n"
         "                        ┴                                 ┴\n");
    end(&d);
}

static void a_close_with_data_queued_is_a_row_of_its_own(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    enter(&d, 1, HF_ESTABLISHED, HF_FIN_WAIT_1, HF_EDGE_CLOSE);
    segment(&d, 1.01, HF_NOTE_OUT, HF_WHY_DATA, data(1, 1448));
    segment(&d, 1.02, HF_NOTE_OUT, HF_WHY_FIN,
            (struct said){.flags = FIN | ACK, .seq = 1449, .ack = 1, .from = HF_FIN_WAIT_1});
    flush(&d, 60);
    drew(&d, "   1.000                │                                 │ FIN-WAIT-1    CLOSE call\n"
             "   1.010                │◄───────── . 1:1449(1448) ack 1 ─┤               new data\n"
             "   1.020   (CLOSE-WAIT) │◄──────── F. 1449:1449(0) ack 1 ─┤               close\n");
    end(&d);
}

static void giving_up_says_why_and_what_was_sent(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    enter(&d, 1, HF_ESTABLISHED, HF_CLOSED, HF_EDGE_R2);
    segment(&d, 1.01, HF_NOTE_OUT, HF_WHY_RST_TIMED_OUT,
            (struct said){.flags = RST | ACK, .seq = 1, .ack = 1, .from = HF_CLOSED});
    flush(&d, 60);
    drew(&d, "   1.010       (CLOSED) │◄━━━━━━━━━━━━━━ R. 1:1(0) ack 1 ━┤ CLOSED        retransmissions exhausted\n"
             "                        │                                 │               gave up\n");
    end(&d);
}

/* ---- what stands out ---- */

static void what_is_sent_again_dropped_or_reset_stands_out(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    segment(&d, 1, HF_NOTE_IN, HF_ACCEPTED, data(1, 77));
    segment(&d, 2, HF_NOTE_OUT, HF_WHY_DATA, data(1, 1448));
    segment(&d, 202, HF_NOTE_OUT, HF_WHY_RETRANSMIT_TIMEOUT, data(1, 1448));
    segment(&d, 203, HF_NOTE_IN, HF_ACCEPTED, data(1, 77));
    segment(&d, 204, HF_NOTE_IN, HF_DROP_PAWS, ack_of(1449));
    struct said closed = ack_of(1449);
    closed.is_closed = true;
    segment(&d, 205, HF_NOTE_IN, HF_ACCEPTED, closed);
    segment(&d, 206, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = RST, .seq = 78, .from = HF_ESTABLISHED, .to = HF_CLOSED});
    enter(&d, 206, HF_ESTABLISHED, HF_CLOSED, HF_EDGE_RST);
    ladder_end(d.ladder);
    drew(&d, "   1.000                ├─ . 1:78(77) ack 1 ─────────────►│\n"
             "   2.000                │◄───────── . 1:1449(1448) ack 1 ─┤               new data\n"
             " 202.000                │◄═════════ . 1:1449(1448) ack 1 ═┤               retransmission timer\n"
             " 203.000                ├═ . 1:78(77) ack 1 ═════════════►│               sent again\n"
             " 204.000                ├─ . 1:1(0) ack 1449 ───────────╳ │               dropped: older timestamp\n"
             "                        │                                 │               than the last one\n"
             " 205.000                ├─ . 1:1(0) ack 1449 win 0 ──────►│\n"
             " 206.000       (CLOSED) ├━ R 78:78(0) ━━━━━━━━━━━━━━━━━━━►│ CLOSED        RST received\n"
             "                        ┴                                 ┴\n");
    end(&d);
}

static void a_segment_for_nobody_is_shown_with_its_reset(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    struct hf_note note = note_of(&d, 0, HF_NOTE_IN, HF_DROP_NO_CONNECTION);
    note.conn = (hf_conn){0, 0};
    note.flags = SYN;
    note.seq = 123456;
    note.iss = note.irs = 0;
    ladder_note(ladder_of(&d), &note);
    note.kind = HF_NOTE_OUT;
    note.why = HF_WHY_RST_NO_CONNECTION;
    note.flags = RST | ACK;
    note.seq = 0;
    note.ack = 123457;
    ladder_note(d.ladder, &note);
    ladder_end(d.ladder);
    drew(&d,
         "STATE of the kernel is read from it; (STATE) is inferred from the segments.\n"
         "\n"
         "   kernel 10.77.0.1:51234                                 Handfast 10.77.0.2:80\n"
         "      ms       (CLOSED) ┬                                 ┬ CLOSED\n"
         "   0.000     (SYN-SENT) ├─ S 0:0(0) win 502 ────────────╳ │               dropped: no connection and\n"
         "                        │                                 │               no listener\n"
         "   0.000       (CLOSED) │◄━━━━━━━━━━━━━━ R. 0:0(0) ack 1 ━┤               nobody there\n"
         "                        ┴                                 ┴\n");
    end(&d);
}

/* A half-open or TIME-WAIT record has no handle: the initial numbers tell whose it is. */
static void a_connection_keeps_its_ladder_when_its_handle_changes(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    struct hf_note note = note_of(&d, 0, HF_NOTE_IN, HF_ACCEPTED);
    note.conn = (hf_conn){0, 0};
    note.flags = SYN;
    note.seq = IRS;
    note.from = HF_LISTEN;
    note.to = HF_SYN_RECEIVED;
    ladder_note(ladder_of(&d), &note);
    hear_last_ack(&d);
    note = note_of(&d, 1, HF_NOTE_IN, HF_DROP_NO_CONNECTION);
    note.conn = (hf_conn){0, 0};
    note.iss = note.irs = 0;
    note.flags = ACK;
    note.seq = IRS + 1;
    note.ack = ISS + 1;
    ladder_note(d.ladder, &note);
    flush(&d, 2);
    drew(&d,
         "STATE of the kernel is read from it; (STATE) is inferred from the segments.\n"
         "\n"
         "   kernel 10.77.0.1:51234                                 Handfast 10.77.0.2:80\n"
         "      ms       (CLOSED) ┬                                 ┬ LISTEN\n"
         "   0.000     (SYN-SENT) ├─ S 0:0(0) win 502 ─────────────►│\n"
         "   0.080  (ESTABLISHED) ├─ . 1:1(0) ack 1 ───────────────►│ ESTABLISHED   our SYN acknowledged\n"
         "   1.000                ├─ . 1:1(0) ack 1 ──────────────╳ │               dropped: no connection and\n"
         "                        │                                 │               no listener\n");
    end(&d);
}

/* ---- bulk ---- */

static void stream(struct drawing *d, double from_ms, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        segment(d, from_ms + i * 0.05, HF_NOTE_OUT, HF_WHY_DATA, data(1 + i * 1448, 1448));
        if (i % 2)
            segment(d, from_ms + i * 0.05, HF_NOTE_IN, HF_ACCEPTED, ack_of(1 + i * 1448));
        flush(d, from_ms + i * 0.05);
    }
}

static void bulk_is_folded_so_that_open_and_close_stay_in_sight(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    stream(&d, 1, 314);
    segment(
        &d, 20, HF_NOTE_IN, HF_ACCEPTED,
        (struct said){.flags = FIN | ACK, .seq = 1, .ack = 454673, .from = HF_ESTABLISHED, .to = HF_CLOSE_WAIT});
    enter(&d, 20, HF_ESTABLISHED, HF_CLOSE_WAIT, HF_EDGE_FIN);
    ladder_end(d.ladder);
    drew(&d, "   1.000                │◄───────── . 1:1449(1448) ack 1 ─┤               new data\n"
             "   1.050                │◄────── . 1449:2897(1448) ack 1 ─┤               new data\n"
             "   1.050                ├─ . 1:1(0) ack 1449 ────────────►│\n"
             "   1.100                │◄────── . 2897:4345(1448) ack 1 ─┤               new data\n"
             "   1.150                │◄┄┄┄┄┄┄┄┄┄ 311 segments, 450 kB ┄┤               in 16 ms, 232.4 Mbit/s\n"
             "   1.150                ├┄ 156 ACKs ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄►│\n"
             "  20.000   (FIN-WAIT-1) ├─ F. 1:1(0) ack 454673 ─────────►│ CLOSE-WAIT    FIN received\n"
             "                        ┴                                 ┴\n");
    end(&d);
}

static void segments_far_apart_are_not_bulk(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    for (unsigned i = 0; i < 6; i++)
        segment(&d, 1 + i * 300, HF_NOTE_IN, HF_ACCEPTED, data(1 + i * 10, 10));
    flush(&d, 5000);
    drew(&d, "   1.000                ├─ . 1:11(10) ack 1 ─────────────►│\n"
             " 301.000                ├─ . 11:21(10) ack 1 ────────────►│\n"
             " 601.000                ├─ . 21:31(10) ack 1 ────────────►│\n"
             " 901.000                ├─ . 31:41(10) ack 1 ────────────►│\n"
             "1201.000                ├─ . 41:51(10) ack 1 ────────────►│\n"
             "1501.000                ├─ . 51:61(10) ack 1 ────────────►│\n");
    end(&d);
}

static void one_folded_segment_is_drawn_as_itself(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    for (unsigned i = 0; i < 5; i++)
        segment(&d, 1 + i, HF_NOTE_IN, HF_ACCEPTED, data(1 + i * 10, 10));
    flush(&d, 5);
    forget(&d);
    flush(&d, 500);
    drew(&d, "   5.000                ├─ . 41:51(10) ack 1 ────────────►│\n");
    end(&d);
}

static void a_fold_counts_what_was_sent_again(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    stream(&d, 1, 8);
    for (unsigned i = 0; i < 20; i++)
        segment(&d, 2 + i, HF_NOTE_OUT, HF_WHY_RETRANSMIT_FAST, data(1 + i * 1448, 1448));
    forget(&d);
    flush(&d, 500);
    drew(&d, "   1.150                │◄┄┄┄┄┄┄┄┄┄┄ 5 segments, 7.24 kB ┄┤               in 0.20 ms\n"
             "   1.150                ├┄ 3 ACKs ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄►│\n"
             "   2.000                │◄═════════ . 1:1449(1448) ack 1 ═┤               fast retransmit\n"
             "   3.000                │◄══════ . 1449:2897(1448) ack 1 ═┤               fast retransmit\n"
             "   4.000                │◄══════ . 2897:4345(1448) ack 1 ═┤               fast retransmit\n"
             "   5.000                │◄══════ . 4345:5793(1448) ack 1 ═┤               fast retransmit\n"
             "   6.000                │◄══════ . 5793:7241(1448) ack 1 ═┤               fast retransmit\n"
             "   7.000                │◄══════ . 7241:8689(1448) ack 1 ═┤               fast retransmit\n"
             "   8.000                │◄═════ . 8689:10137(1448) ack 1 ═┤               fast retransmit\n"
             "   9.000                │◄════ . 10137:11585(1448) ack 1 ═┤               fast retransmit\n"
             "  10.000                │◄┄┄┄┄┄┄┄┄┄ 12 segments, 17.4 kB ┄┤               in 11.0 ms\n"
             "                        │                                 │               12 sent again\n");
    end(&d);
}

/* On a terminal the line of a fold is drawn over while it grows; what is left in the end is as without. */
static void a_fold_that_goes_on_is_drawn_over(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    d.options.terminal.is_live = true;
    open_quietly(&d);
    stream(&d, 1, 4);
    forget(&d);
    segment(&d, 150, HF_NOTE_OUT, HF_WHY_DATA, data(5793, 1448));
    segment(&d, 151, HF_NOTE_OUT, HF_WHY_DATA, data(7241, 1448));
    flush(&d, 151);
    drew(&d, "   1.150                │◄┄┄┄┄┄┄┄┄┄┄ 3 segments, 4.34 kB ┄┤               in 150 ms");
    flush(&d, 400);
    assert_memory_equal(d.text, "\r\033[K", 4);
    end(&d);
}

/* ---- the peer's word ---- */

static void a_state_read_ahead_waits_for_its_segment(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    (void)reads(&d, 0.2, 1, HF_ESTABLISHED);
    segment(&d, 1, HF_NOTE_OUT, HF_WHY_DATA, data(1, 10));
    assert_true(reads(&d, 1, 1, HF_FIN_WAIT_1));
    segment(&d, 1.1, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = FIN | ACK, .seq = 1, .ack = 11, .from = HF_ESTABLISHED, .to = HF_CLOSE_WAIT});
    enter(&d, 1.1, HF_ESTABLISHED, HF_CLOSE_WAIT, HF_EDGE_FIN);
    flush(&d, 1.2);
    drew(&d, "   1.000                │◄───────────── . 1:11(10) ack 1 ─┤               new data\n"
             "   1.100    FIN-WAIT-1  ├─ F. 1:1(0) ack 11 ─────────────►│ CLOSE-WAIT    FIN received\n");
    end(&d);
}

static void a_segment_that_has_not_arrived_changes_nothing(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    open_quietly(&d);
    (void)reads(&d, 0.2, 1, HF_ESTABLISHED);
    enter(&d, 1, HF_ESTABLISHED, HF_FIN_WAIT_1, HF_EDGE_CLOSE);
    segment(&d, 1, HF_NOTE_OUT, HF_WHY_FIN,
            (struct said){.flags = FIN | ACK, .seq = 1, .ack = 1, .from = HF_FIN_WAIT_1});
    assert_true(reads(&d, 1, 1, HF_ESTABLISHED));
    (void)reads(&d, 3, 1, HF_CLOSE_WAIT);
    drew(&d, "   1.000                │◄────────────── F. 1:1(0) ack 1 ─┤ FIN-WAIT-1    close\n"
             "   3.000    CLOSE-WAIT  │                                 │\n");
    end(&d);
}

/* The answer to a SYN may be noted long before it is handed over: meanwhile the peer is not asked about what it has not
 * got, and the row waits. */
static void what_is_still_on_its_way_waits(void **state)
{
    (void)state;
    static struct drawing d;
    struct ladder_question question;
    begin(&d, 100);
    ladder_hold(ladder_of(&d), true);
    hear_syn(&d);
    assert_true(ladder_asks(d.ladder, &question));
    assert_false(reads(&d, 0, question.number, HF_SYN_SENT));
    forget(&d);
    send_syn_ack(&d);
    assert_false(ladder_asks(d.ladder, &question));
    flush(&d, 0.1);
    drew(&d, "");
    ladder_hold(d.ladder, false);
    assert_true(ladder_asks(d.ladder, &question));
    assert_int_equal(question.remote.port, 51234);
    assert_false(reads(&d, 0.1, question.number, HF_ESTABLISHED));
    assert_false(ladder_asks(d.ladder, &question));
    assert_non_null(strstr(d.text, "  ESTABLISHED  │◄"));
    end(&d);
}

/* A peer behind a router is not this machine's kernel, which knows no such connection. */
static void a_reader_that_never_knew_the_connection_is_not_believed(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    hear_syn(&d);
    assert_false(reads(&d, 0, 1, HF_CLOSED));
    assert_non_null(strstr(d.text, "(SYN-SENT)"));
    end(&d);
}

struct step {
    enum hf_note_kind kind;
    uint8_t flags;
    uint32_t seq, ack, len;
    enum hf_state then;
};

static void infers(enum hf_state first, const struct step *steps, unsigned count)
{
    struct hf_note note = {.from = (uint8_t)first, .iss = 1, .irs = 1};
    struct peer peer;
    peer_begin(&peer, &note);
    for (unsigned i = 0; i < count; i++) {
        note.kind = (uint8_t)steps[i].kind;
        note.flags = steps[i].flags;
        note.seq = steps[i].seq;
        note.ack = steps[i].ack;
        note.len = steps[i].len;
        peer_note(&peer, &note);
        if (peer.state != steps[i].then)
            print_message("step %u: %s\n", i, hf_state_text(peer.state));
        assert_int_equal(peer.state, steps[i].then);
    }
}

/* RFC 9293, figure 7. */
static void a_simultaneous_open_is_inferred(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {HF_NOTE_OUT, SYN, 100, 0, 0, HF_LISTEN},
        {HF_NOTE_IN, SYN, 300, 0, 0, HF_SYN_SENT},
        {HF_NOTE_OUT, SYN | ACK, 100, 301, 0, HF_ESTABLISHED},
        {HF_NOTE_IN, SYN | ACK, 300, 101, 0, HF_SYN_RECEIVED},
        {HF_NOTE_IN, ACK, 301, 101, 5, HF_ESTABLISHED},
    };
    infers(HF_SYN_SENT, steps, sizeof steps / sizeof *steps);
}

/* RFC 9293, figure 13. */
static void a_simultaneous_close_is_inferred(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {HF_NOTE_OUT, FIN | ACK, 100, 300, 0, HF_CLOSE_WAIT},
        {HF_NOTE_IN, FIN | ACK, 300, 100, 0, HF_FIN_WAIT_1},
        {HF_NOTE_OUT, ACK, 101, 301, 0, HF_TIME_WAIT},
        {HF_NOTE_IN, ACK, 301, 101, 0, HF_TIME_WAIT},
    };
    infers(HF_ESTABLISHED, steps, sizeof steps / sizeof *steps);
}

/* RFC 9293, figure 12, from both sides; and with the two middle segments in one. */
static void a_close_in_turn_is_inferred(void **state)
{
    (void)state;
    static const struct step it_first[] = {
        {HF_NOTE_IN, FIN | ACK, 300, 100, 0, HF_FIN_WAIT_1},
        {HF_NOTE_OUT, ACK, 100, 301, 0, HF_FIN_WAIT_2},
        {HF_NOTE_OUT, ACK, 100, 301, 50, HF_FIN_WAIT_2},
        {HF_NOTE_OUT, FIN | ACK, 150, 301, 0, HF_TIME_WAIT},
    };
    static const struct step we_first[] = {
        {HF_NOTE_OUT, FIN | ACK, 100, 300, 0, HF_CLOSE_WAIT},
        {HF_NOTE_IN, ACK, 300, 101, 50, HF_CLOSE_WAIT},
        {HF_NOTE_IN, FIN | ACK, 350, 101, 0, HF_LAST_ACK},
        {HF_NOTE_OUT, ACK, 101, 351, 0, HF_CLOSED},
    };
    static const struct step merged[] = {
        {HF_NOTE_IN, FIN | ACK, 300, 100, 0, HF_FIN_WAIT_1},
        {HF_NOTE_OUT, FIN | ACK, 100, 301, 0, HF_TIME_WAIT},
    };
    infers(HF_ESTABLISHED, it_first, sizeof it_first / sizeof *it_first);
    infers(HF_ESTABLISHED, we_first, sizeof we_first / sizeof *we_first);
    infers(HF_ESTABLISHED, merged, sizeof merged / sizeof *merged);
}

/* What was taken to have arrived had not: the SYN comes again. */
static void an_inference_is_corrected_by_what_comes(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {HF_NOTE_IN, SYN, 300, 0, 0, HF_SYN_SENT},
        {HF_NOTE_OUT, SYN | ACK, 100, 301, 0, HF_ESTABLISHED},
        {HF_NOTE_IN, SYN, 300, 0, 0, HF_SYN_SENT},
    };
    infers(HF_LISTEN, steps, sizeof steps / sizeof *steps);
}

/* ---- several connections ---- */

static void rows_of_several_connections_say_whose_they_are(void **state)
{
    (void)state;
    static struct drawing d;
    begin(&d, 100);
    d.options.is_numbered = true;
    open_quietly(&d);
    d.slot = 2;
    d.port = 51235;
    segment(&d, 5, HF_NOTE_IN, HF_ACCEPTED,
            (struct said){.flags = SYN, .from = HF_LISTEN, .to = HF_SYN_RECEIVED, .wnd = 64240});
    enter(&d, 5, HF_LISTEN, HF_SYN_RECEIVED, HF_EDGE_SYN);
    d.slot = 1;
    d.port = 51234;
    segment(&d, 6, HF_NOTE_IN, HF_ACCEPTED, data(1, 77));
    d.slot = 2;
    d.port = 51235;
    segment(&d, 7, HF_NOTE_IN, HF_DROP_NO_ACK,
            (struct said){.flags = PSH, .seq = 1, .len = 3, .from = HF_SYN_RECEIVED});
    ladder_end(d.ladder);
    drew(&d, "\n"
             " 2    kernel 10.77.0.1:51235                               Handfast 10.77.0.2:80\n"
             "         ms       (CLOSED) ┬                               ┬ LISTEN\n"
             " 2    5.000     (SYN-SENT) ├─ S 0:0(0) win 64240 ─────────►│ SYN-RECEIVED  SYN received\n"
             " 1    6.000  (ESTABLISHED) ├─ . 1:78(77) ack 1 ───────────►│ ESTABLISHED\n"
             " 2    7.000     (SYN-SENT) ├─ P 1:4(3) ──────────────────╳ │ SYN-RECEIVED  dropped: no ACK bit\n"
             "                           ┴                               ┴\n");
    end(&d);
}

/* ---- anything ---- */

static uint32_t next_random(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33);
}

static struct hf_note random_note(struct drawing *d, uint64_t *random, double ms)
{
    struct hf_note note = note_of(d, ms, (enum hf_note_kind)(next_random(random) % 3), HF_ACCEPTED);
    uint32_t which = next_random(random) % 5;
    note.why = (uint16_t)(next_random(random) % HF_REASON_COUNT);
    note.remote.port = (uint16_t)(which + 1);
    note.conn.slot = which;
    note.iss = which * 1000;
    note.irs = which == 1 ? 0 : which * 77;
    note.flags = (uint8_t)next_random(random);
    note.from = (uint8_t)(next_random(random) % HF_STATE_COUNT);
    note.to = (uint8_t)(next_random(random) % HF_STATE_COUNT);
    note.seq = next_random(random) << next_random(random) % 8;
    note.ack = next_random(random);
    note.len = next_random(random) % 3 == 0 ? next_random(random) % 70000 : 0;
    note.wnd = (uint16_t)next_random(random);
    return note;
}

static void no_line_is_wider_than_the_terminal(struct drawing *d, int width)
{
    for (char *line = d->text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (text_columns(line) > width)
            printf("%d columns: %s\n", text_columns(line), line);
        assert_true(text_columns(line) <= width);
    }
    forget(d);
}

/* Whatever an engine might note, and whenever: the picture stays within its columns. */
static void any_notes_at_all_are_drawn_within_the_width(void **state)
{
    (void)state;
    static struct drawing d;
    uint64_t random = 1;
    for (int width = 80; width < 180; width += 7) {
        double ms = 0;
        begin(&d, width);
        d.options.is_numbered = width % 2;
        for (unsigned i = 0; i < 2000; i++) {
            ms += next_random(&random) % 50 == 0 ? 1500 : 0.01;
            struct hf_note note = random_note(&d, &random, ms);
            ladder_note(ladder_of(&d), &note);
            if (next_random(&random) % 3 == 0)
                ladder_peer(d.ladder, next_random(&random) % 6,
                            (enum hf_state)(next_random(&random) % HF_STATE_COUNT), at_ms(ms));
            if (next_random(&random) % 7 == 0)
                ladder_hold(d.ladder, next_random(&random) % 2);
            if (next_random(&random) % 4 == 0)
                flush(&d, ms);
            no_line_is_wider_than_the_terminal(&d, width);
        }
        ladder_end(d.ladder);
        no_line_is_wider_than_the_terminal(&d, width);
        end(&d);
    }
}

/* ---- terminals ---- */

static void a_terminal_tells_its_width_and_colours_unless_told_not_to(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        skip();
    int fd = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_row = 30, .ws_col = 111};
    assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("NO_COLOR");
    struct terminal t = terminal_of(fd, false);
    assert_int_equal(t.width, 111);
    assert_true(t.has_colour && t.is_live && !t.is_ascii);
    setenv("NO_COLOR", "1", 1);
    assert_false(terminal_of(fd, false).has_colour);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    assert_false(terminal_of(fd, false).has_colour);
    setenv("LC_ALL", "de_DE.ISO-8859-1", 1);
    assert_true(terminal_of(fd, false).is_ascii);
    close(fd);
    close(master);
}

static void a_pipe_is_drawn_without_colours_80_wide(void **state)
{
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C", 1);
    unsetenv("COLUMNS");
    struct terminal t = terminal_of(pipes[1], false);
    assert_int_equal(t.width, 80);
    assert_false(t.has_colour || t.is_live || t.is_ascii);
    assert_true(terminal_of(pipes[1], true).is_ascii);
    setenv("COLUMNS", "100", 1);
    assert_int_equal(terminal_of(pipes[1], false).width, 100);
    close(pipes[0]);
    close(pipes[1]);
}

static void colours_take_no_columns(void **state)
{
    (void)state;
    struct terminal t = {.width = 80, .has_colour = true};
    struct line line;
    line_begin(&line, &t);
    line_put(&line, INK_BAD, "no");
    line_pad(&line, 4);
    line_put(&line, INK_PLAIN, "→ yes  ");
    line_end(&line);
    assert_string_equal(line.text, "\033[1;31mno\033[0m  → yes\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_shows_both_states_read),
        cmocka_unit_test(what_nobody_read_stands_in_parentheses),
        cmocka_unit_test(a_narrow_terminal_puts_words_below_and_ascii_draws_without_boxes),
        cmocka_unit_test(an_active_open_joins_its_syn),
        cmocka_unit_test(a_close_by_the_peer_shows_states_that_last_only_until_the_answer),
        cmocka_unit_test(time_wait_ends_after_a_pause),
        cmocka_unit_test(a_close_with_data_queued_is_a_row_of_its_own),
        cmocka_unit_test(giving_up_says_why_and_what_was_sent),
        cmocka_unit_test(what_is_sent_again_dropped_or_reset_stands_out),
        cmocka_unit_test(a_segment_for_nobody_is_shown_with_its_reset),
        cmocka_unit_test(a_connection_keeps_its_ladder_when_its_handle_changes),
        cmocka_unit_test(bulk_is_folded_so_that_open_and_close_stay_in_sight),
        cmocka_unit_test(segments_far_apart_are_not_bulk),
        cmocka_unit_test(one_folded_segment_is_drawn_as_itself),
        cmocka_unit_test(a_fold_counts_what_was_sent_again),
        cmocka_unit_test(a_fold_that_goes_on_is_drawn_over),
        cmocka_unit_test(a_state_read_ahead_waits_for_its_segment),
        cmocka_unit_test(a_segment_that_has_not_arrived_changes_nothing),
        cmocka_unit_test(what_is_still_on_its_way_waits),
        cmocka_unit_test(a_reader_that_never_knew_the_connection_is_not_believed),
        cmocka_unit_test(a_simultaneous_open_is_inferred),
        cmocka_unit_test(a_simultaneous_close_is_inferred),
        cmocka_unit_test(a_close_in_turn_is_inferred),
        cmocka_unit_test(an_inference_is_corrected_by_what_comes),
        cmocka_unit_test(rows_of_several_connections_say_whose_they_are),
        cmocka_unit_test(any_notes_at_all_are_drawn_within_the_width),
        cmocka_unit_test(a_terminal_tells_its_width_and_colours_unless_told_not_to),
        cmocka_unit_test(a_pipe_is_drawn_without_colours_80_wide),
        cmocka_unit_test(colours_take_no_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

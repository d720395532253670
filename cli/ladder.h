/*
 * A ladder diagram, drawn while it happens: the peer on the left rail, Handfast on the right, each with its state,
 * and between them the segments in packetdrill's notation, each with its reason. As in figures 6 to 13 of RFC 9293.
 *
 *          ms            CLOSED ┬                                         ┬ LISTEN
 *       0.000          SYN-SENT ├─ S 0:0(0) win 64240 ───────────────────▶│ SYN-RECEIVED  SYN received
 *       0.041       ESTABLISHED │◀─────────── S. 0:0(0) ack 1 win 65535 ──┤               answer to SYN
 *       0.080                   ├─ . 1:1(0) ack 1 ───────────────────────▶│ ESTABLISHED   our SYN acknowledged
 *
 * Our states are the engine's own. The peer's are what somebody read from it (ladder_peer), or, where nobody could
 * or it went through one too quickly, what the segments imply: those stand in parentheses. Bulk data is folded into
 * one line, so that opening and closing stay in sight; what was sent again, dropped or reset stands out.
 *
 * Rows wait until ladder_flush, so that a state read after a batch of segments still lands on its row.
 *
 * Read next: ladder_row.h, watch.h (what feeds a ladder from a running engine).
 */
#ifndef CLI_LADDER_H
#define CLI_LADDER_H

#include "terminal.h"

#include <handfast/observe.h>

struct ladder;

struct ladder_options {
    struct terminal terminal;
    const char *left, *right; /* what the rails are called; borrows for the ladder's life; NULL = peer, Handfast */
    bool is_peer_read;        /* ladder_peer will be called: the legend says so */
    bool is_numbered;         /* several connections: each row says which */
    void (*write)(void *arg, const char *text, size_t len); /* gets whole lines, but see terminal.is_live */
    void *arg;
};

/* NULL when there is no memory. */
struct ladder *ladder_new(const struct ladder_options *options);
void ladder_free(struct ladder *l);

/* One thing that happened; in the order of the history. */
void ladder_note(struct ladder *l, const struct hf_note *note);

/*
 * While it is held, segments noted as sent are still on their way: their rows wait, and their peers are not asked about.
 * Releasing it says that all of them have been handed over.
 */
void ladder_hold(struct ladder *l, bool holds);

/* `count` notes were overwritten before they could be drawn. */
void ladder_gap(struct ladder *l, uint64_t count);

/* A connection whose peer ought to be asked for its state now, since it may have changed. */
struct ladder_question {
    unsigned number; /* for ladder_peer */
    struct hf_endpoint local, remote;
};

/* The next such connection, each once. False when there is none. */
bool ladder_asks(struct ladder *l, struct ladder_question *question);

/*
 * The peer was asked at `now`, and this is its state; CLOSED when it knows no such connection. Returns true when
 * that may not be the last word, because a segment is still on its way: worth asking again soon.
 */
bool ladder_peer(struct ladder *l, unsigned number, enum hf_state state, hf_time now);

/* Draws what waits. Folded data stays folded until something else happens or nothing has for a while. */
void ladder_flush(struct ladder *l, hf_time now);

/* When ladder_flush is wanted if nothing else happens. */
hf_time ladder_deadline(const struct ladder *l);

/* Draws everything, and the lower end of the rails, once. */
void ladder_end(struct ladder *l);

#endif

/*
 * The relay: every TCP connection that PROGRAM opens or is sent, joined with a socket of the host's.
 *
 *     SYN arrives -> rules -> connect onward -> the far side's answer becomes ours (hf_tcp_answer)
 *     host's client -> hf_tcp_connect towards PROGRAM                              (publish.c)
 *     then data, half-close, reset and urgent marks both ways, each as it came     (carry.c)
 *
 * A call is one such connection. Sockets are registered once, edge-triggered, and what they last said is
 * remembered, so that nothing is asked of the kernel while data waits for room. Data goes from the socket into the
 * engine's buffers and from there to the socket, without a copy of ours; back-pressure is what those buffers hold.
 */
#ifndef HF_RUN_RELAY_H
#define HF_RUN_RELAY_H

#include "loop.h"
#include "rules.h"

#include <handfast/handfast.h>

enum call_phase {
    CALL_ASKING,    /* PROGRAM's SYN waits; the host's socket is connecting */
    CALL_ANSWERING, /* the handshake with PROGRAM is under way, either way round */
    CALL_OPEN,
    CALL_OVER, /* the engine's record has ended or is in TIME-WAIT; freed when the turn is over */
};

struct relay;

struct call {
    struct loop_source source; /* the host's socket */
    struct relay *relay;
    hf_conn conn;
    enum call_phase phase;
    bool is_published;        /* came from the host */
    bool can_read, can_write; /* what the socket last said */
    bool has_failed;          /* ... that it was reset: its end is no FIN */
    bool has_hung_up;         /* ... that its end lies ahead */
    bool has_urgent;          /* ... and that a mark lies ahead */
    bool host_ended;          /* the far side's FIN was passed on */
    bool inside_ended;        /* PROGRAM's FIN was passed on */
    bool is_aborting;         /* the far side reset it; PROGRAM hears of that once the data before it is there */
    hf_time abort_by;
    struct hf_endpoint inside, outside; /* PROGRAM's end; the other, as PROGRAM knows it */
    struct call *previous, *next;
    void *record; /* the watcher's own */
};

/* Who wants to know. `info` is the engine's view at that instant; borrows. Functions may be NULL. */
struct relay_watcher {
    void (*opened)(void *arg, struct call *call, const struct hf_tcp_info *info); /* the handshake is complete */
    void (*denied)(void *arg, const struct hf_endpoint *inside, const struct hf_endpoint *outside);
    void (*refused)(void *arg, const struct call *call, int error); /* errno of the far side, or PROGRAM's own */
    void (*peer_ended)(void *arg, struct call *call);               /* the far side's FIN was passed on */
    void (*inside_ended)(void *arg, struct call *call);             /* PROGRAM's FIN arrived */
    void (*wrote)(void *arg, struct call *call);                    /* PROGRAM sent data */
    void (*over)(void *arg, struct call *call, const struct hf_tcp_info *info); /* for good, or but for TIME-WAIT */
    void *arg;
};

/* Borrows engine, rules and watcher. NULL with errno set. */
struct relay *relay_open(struct hf_engine *e, hf_link link, int epoll, const struct rules *rules,
                         const struct relay_watcher *watcher);
void relay_close(struct relay *relay);

void relay_event(struct relay *relay, const struct hf_event *event);

/* Once a turn, after the events: takes new calls, and looks at what has waited too long. */
void relay_turn(struct relay *relay, hf_time now);
hf_time relay_deadline(const struct relay *relay);

/* Calls that are not over, newest first, through ->next. */
struct call *relay_calls(const struct relay *relay);
unsigned relay_count(const struct relay *relay);

/* PROGRAM has ended: no more calls in either direction. */
void relay_stop(struct relay *relay);

/* ---- publish.c ---- */

/* Connections to `host` go to `inside`. Returns 0 or -1 with errno set. */
int relay_publish(struct relay *relay, const struct hf_endpoint *host, const struct hf_endpoint *inside);

/* ---- for the relay's own files ---- */

struct publication {
    struct loop_source source;
    struct relay *relay;
    struct hf_endpoint inside;
    struct publication *next;
};

struct relay {
    struct hf_engine *e;
    hf_conn listener;
    int epoll;
    const struct rules *rules;
    const struct relay_watcher *watcher;
    struct call *calls;
    unsigned count;
    struct call *gone;
    struct publication *publications;
    unsigned aborting;
    hf_time now;
    bool is_stopped;
};

struct call *call_new(struct relay *relay);
int call_watch_socket(struct call *call);
/* Moves what can be moved, in both directions. */
void call_carry(struct call *call);
/* The host's socket has failed: PROGRAM's side is reset, behind the data that came before. */
void call_host_failed(struct call *call);
/* Both sides: over. The socket is closed, by RST if `by_reset`. */
void call_end(struct call *call, bool by_reset);
void call_abort_inside(struct call *call);

#endif

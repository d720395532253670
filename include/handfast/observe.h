/*
 * Seeing: the eleven states, the reasons, counters, and the history.
 *
 * Everything that happens carries one member of enum hf_reason: each dropped packet, each sent segment, each state
 * change, each limit met. A reason is at once a counter, a word of the trace, a column of `handfast ss` and a mark of
 * test coverage.
 */
#ifndef HANDFAST_OBSERVE_H
#define HANDFAST_OBSERVE_H

#include "reasons.h"
#include "types.h"

struct hf_engine;

/* RFC 9293, 3.3.2, in the order of its list. */
#define HF_STATES(X)                                                                                          \
    X(CLOSED, "CLOSED")                                                                                      \
    X(LISTEN, "LISTEN")                                                                                      \
    X(SYN_SENT, "SYN-SENT")                                                                                  \
    X(SYN_RECEIVED, "SYN-RECEIVED")                                                                          \
    X(ESTABLISHED, "ESTABLISHED")                                                                            \
    X(FIN_WAIT_1, "FIN-WAIT-1")                                                                              \
    X(FIN_WAIT_2, "FIN-WAIT-2")                                                                              \
    X(CLOSE_WAIT, "CLOSE-WAIT")                                                                              \
    X(CLOSING, "CLOSING")                                                                                    \
    X(LAST_ACK, "LAST-ACK")                                                                                  \
    X(TIME_WAIT, "TIME-WAIT")

enum hf_state {
#define X(name, text) HF_##name,
    HF_STATES(X)
#undef X
    HF_STATE_COUNT
};

/* "FIN-WAIT-1"; lends a static string. */
const char *hf_state_text(enum hf_state state);

/* Whose FIN left first, of connections closed gracefully: whoever it was waits in TIME-WAIT. */
enum hf_who { HF_WHO_US, HF_WHO_PEER, HF_WHO_BOTH, HF_WHO_COUNT };

struct hf_stats {
    uint32_t states[HF_STATE_COUNT];     /* live records in each state; CLOSED: ended and not yet released */
    uint64_t entered[HF_STATE_COUNT];    /* how often each was entered */
    uint64_t time_in_ns[HF_STATE_COUNT]; /* how long it lasted, summed over those that have left it */
    uint64_t closed_first[HF_WHO_COUNT];
    uint64_t reasons[HF_REASON_COUNT];   /* how often each reason occurred */
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint32_t connections_used, connections_peak, connections_limit; /* whole records */
    uint32_t half_open_used, time_wait_used;                        /* small ones beside them (config.h) */
    uint32_t orphans_used;                                          /* of the whole ones (config.max_orphans) */
    uint32_t blocks_used, blocks_peak, blocks_limit;
    uint32_t sending_used, receiving_used, sent_used, islands_used, replies_used, neighbours_used, fragments_used;
    size_t engine_size;
};

/* Fills *stats with what is true now; counters count from the engine's creation. */
void hf_stats(const struct hf_engine *e, struct hf_stats *stats);

/*
 * What became of the SYNs of one listener, from its beginning: each number is a step of the way, or a way out of it.
 *
 *     syns ---> half-open records ---> established ---> accepted
 *          `--> cookies_sent -> cookies_returned -^
 */
struct hf_funnel {
    uint64_t syns;
    uint64_t queue_full;       /* SYNs and last ACKs met by a full accept queue; or SYNs by full half-open queues */
    uint64_t evicted;          /* half-open records that gave way to a newer SYN */
    uint64_t timed_out;        /* half-open records that were never acknowledged */
    uint64_t reset;            /* ... or ended otherwise: a RST, most likely */
    uint64_t cookies_sent, cookies_returned;
    uint64_t cookies_failed;   /* ACKs that brought none back */
    uint64_t fast_opens;       /* SYNs whose text was taken */
    uint64_t established;
    uint64_t accepted;
    uint64_t abandoned;        /* established, but the listener was closed before they were accepted */
};

struct hf_listener_info {
    struct hf_endpoint local;
    hf_link link; /* intercepted, or HF_LINK_NONE */
    uint32_t backlog, half_open, waiting;
    struct hf_funnel funnel;
};

/* Walks the listeners alone, as hf_tcp_next (tcp.h) walks everything: start with all zero; false at the end. */
bool hf_listener_next(const struct hf_engine *e, hf_conn *listener);
/* Of a listener; HF_ERR_NOT_LISTENING for a connection, HF_ERR_STALE. */
int hf_listener_status(const struct hf_engine *e, hf_conn listener, struct hf_listener_info *info);

/* ---- history ---- */

enum hf_note_kind {
    HF_NOTE_IN,    /* a segment arrived; why = HF_ACCEPTED or the reason it was dropped */
    HF_NOTE_OUT,   /* a segment was sent; why says what for */
    HF_NOTE_STATE, /* from -> to; why says what caused it */
};

/* One thing that happened. Sequence numbers are absolute; iss and irs of the connection are in each note. */
struct hf_note {
    hf_time at;
    uint64_t number;      /* 1, 2, 3 ... over the engine's life */
    hf_conn conn;         /* none: belonged to no connection, or to one that has no record of its own yet or any more */
    struct hf_endpoint local, remote;
    uint8_t kind;         /* enum hf_note_kind */
    uint8_t from, to;     /* states; for segments: before and after it */
    uint8_t flags;        /* HF_TCP_... of wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128; without AE */
    uint16_t why;         /* enum hf_reason */
    uint16_t wnd;         /* as on the wire, unscaled */
    uint32_t seq, ack, len;
    uint32_t iss, irs;
};

/*
 * The note after number *after, the oldest still held if that one was overwritten. Returns false when there is none.
 * Start with 0. On true, *after is the note's number: a gap tells how many were lost.
 */
bool hf_history_next(const struct hf_engine *e, uint64_t *after, struct hf_note *note);

/* The same for one connection only. */
bool hf_history_of(const struct hf_engine *e, hf_conn conn, uint64_t *after, struct hf_note *note);

#endif

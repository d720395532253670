/*
 * The user calls of RFC 9293, 3.10.1 to 3.10.6: OPEN, SEND, RECEIVE, CLOSE, ABORT, STATUS.
 *
 * No call blocks and none sends by itself: each changes the record, and hf_output() then says what goes on the wire.
 * Calls that can fail return a negative enum hf_error. Every call answers HF_ERR_STALE for a released handle.
 */
#ifndef HANDFAST_TCP_H
#define HANDFAST_TCP_H

#include "engine.h"
#include "observe.h"

/* What a connection may be opened with; zero-filled means the defaults. A listener's options pass to what it accepts. */
struct hf_tcp_options {
    uint32_t backlog;          /* listener: most connections waiting for hf_tcp_accept, 0 = 128; twice as many may be
                                  half-open */
    bool no_delay;             /* Nagle's algorithm off (MUST-17, RFC 9293 3.7.4) */
    bool keep_alive;           /* off by default (MUST-25) */
    uint32_t keep_idle_s;      /* 0 = 7200 (MUST-28) */
    uint32_t keep_interval_s;  /* 0 = 75 */
    uint8_t keep_count;        /* 0 = 9 probes unanswered end the connection */
    uint32_t user_timeout_ms;  /* 0 = R2 decides: data unacknowledged for this long ends the connection (RFC 9293 3.8.3) */
    uint32_t send_buffer;      /* 0 = the engine's; bytes */
    uint32_t receive_buffer;   /* 0 = the engine's; bytes */
    uint16_t mss;              /* 0 = what the path takes; else no more in a segment, sent or asked for in the SYN; 48 at
                                  least. A change after the handshake counts when the path's MTU changes */
    uint8_t syn_retries;       /* active: 0 = config.syn_retries */
    bool urgent_inline;        /* always true in effect (RFC 6093, 6); kept so that the choice is visible */
    uint8_t traffic_class;     /* DSCP in the upper six bits; best set once (SHLD-23) */
    uint16_t fast_open;        /* with config.fast_open. Listener: most connections at once that carry data before their
                                  handshake is over, 0 = none. Active: not 0 = what is queued before the first hf_output
                                  goes with the SYN. A duplicated SYN may deliver its data twice (RFC 7413, 2.1) */
    bool defer;                /* listener: a SYN is not answered before hf_tcp_answer says how */
    uint64_t user;             /* the application's own word, returned with each event */
};

/*
 * Passive OPEN. `local` may leave the address any, and the port 0 for one of the engine's choice (see hf_tcp_status).
 * Errors: HF_ERR_IN_USE, HF_ERR_NO_ADDRESS, HF_ERR_LIMIT (max_listeners), HF_ERR_NO_PORT.
 */
int hf_tcp_listen(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_tcp_options *options,
                  hf_conn *listener);

/* Takes the oldest established connection of a listener. HF_ERR_AGAIN when none waits, HF_ERR_NOT_LISTENING. */
int hf_tcp_accept(struct hf_engine *e, hf_conn listener, hf_conn *conn);

/*
 * Passive OPEN for every unicast destination and port: whatever SYN arrives on `link` for an address and port that no
 * other listener has, the engine answers as if it were that host. What a tunnel, proxy or sandbox needs; usually with
 * options->defer. The connection's local end is the destination that was meant. ICMP to such addresses is heard as well.
 * Errors: HF_ERR_INVALID (no such link), HF_ERR_IN_USE (the link is intercepted already), HF_ERR_LIMIT (max_listeners).
 */
int hf_tcp_intercept(struct hf_engine *e, hf_link link, const struct hf_tcp_options *options, hf_conn *listener);

/* What to answer to a SYN. */
enum hf_answer {
    HF_ANSWER_ACCEPT,       /* SYN,ACK */
    HF_ANSWER_REFUSE,       /* RST */
    HF_ANSWER_UNREACHABLE,  /* ICMP: host unreachable */
    HF_ANSWER_NO_NETWORK,   /* ICMP: network unreachable */
    HF_ANSWER_PROHIBITED,   /* ICMP: administratively prohibited */
    HF_ANSWER_SILENCE,      /* nothing; the SYN, sent again, gets nothing either, for as long as offer_ns */
};

/*
 * With options->defer, hf_tcp_accept hands out a connection in SYN-RECEIVED whose SYN is not answered yet; this answers
 * it. HF_EV_CONNECTED or HF_EV_CLOSED follows. A SYN unanswered for config.offer_ns is forgotten (EDGE_OFFER); closing
 * the handle refuses. Not accepted SYNs wait in the listener's queue, bounded by its backlog.
 * Errors: HF_ERR_INVALID when no answer is awaited (any more), or the peer gave up meanwhile (HF_EV_CLOSED says so).
 */
int hf_tcp_answer(struct hf_engine *e, hf_conn conn, enum hf_answer answer);

/*
 * Active OPEN. `local` may be NULL, or leave address or port open. Returns at once; HF_EV_CONNECTED or HF_EV_CLOSED
 * tells how it went. Data may be queued before that.
 * Errors: HF_ERR_NO_ROUTE, HF_ERR_NO_ADDRESS, HF_ERR_NO_PORT, HF_ERR_IN_USE (that exact tuple), HF_ERR_LIMIT,
 * HF_ERR_INVALID (multicast, broadcast or any destination, port 0: MUST-46).
 */
int hf_tcp_connect(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote,
                   const struct hf_tcp_options *options, hf_conn *conn);

enum {
    HF_SEND_MORE = 1,   /* more follows at once: hold a part-filled segment, set no PSH */
    HF_SEND_URGENT = 2, /* the last byte of this call is the last byte of urgent data (RFC 6093). Nothing new should need
                           it (SHLD-13). */
};

/*
 * SEND: copies up to `len` bytes into the send buffer. Returns how many were taken (less than len when the buffer or a
 * pool is full; HF_EV_WRITABLE follows when there is room), or HF_ERR_AGAIN when none could be, HF_ERR_CLOSING after
 * hf_tcp_shutdown or hf_tcp_close, or the error that ended the connection. With `len` 0 nothing is copied, and without
 * HF_SEND_MORE what an earlier HF_SEND_MORE held back goes out.
 */
int64_t hf_tcp_send(struct hf_engine *e, hf_conn conn, const void *data, size_t len, unsigned flags);

/*
 * The same without copying: lends room of the send buffer at *data (returns its length, HF_ERR_AGAIN when there is
 * none); fill it, then tell how many bytes with hf_tcp_sent before any other call on this engine.
 */
int64_t hf_tcp_lend_send(struct hf_engine *e, hf_conn conn, uint8_t **data);
int hf_tcp_sent(struct hf_engine *e, hf_conn conn, size_t len, unsigned flags);

/*
 * RECEIVE: copies up to `len` bytes out. Returns how many; 0 at the end of the stream (the peer's FIN, everything
 * read); HF_ERR_AGAIN when nothing is there yet; or the error that ended the connection, once everything that had
 * arrived in order was read (after a reset what is unread is discarded, RFC 9293 3.10.7.4).
 */
int64_t hf_tcp_receive(struct hf_engine *e, hf_conn conn, void *data, size_t len);

/* The same without copying: lends the next unread bytes; return them with hf_tcp_received before the next lend. */
int64_t hf_tcp_lend_received(struct hf_engine *e, hf_conn conn, const uint8_t **data);

struct hf_span {
    const uint8_t *data;
    size_t len; /* bytes */
};

/*
 * The same for a call that takes many pieces at once, as writev does: lends the next unread bytes in up to *count spans,
 * in order, and says in *count how many they are. Returns the bytes in all of them, or what hf_tcp_lend_received returns
 * when there is nothing to lend, with *count 0. HF_ERR_INVALID when *count was 0.
 */
int64_t hf_tcp_lend_received_spans(struct hf_engine *e, hf_conn conn, struct hf_span *spans, unsigned *count);
int hf_tcp_received(struct hf_engine *e, hf_conn conn, size_t len);

/* Closes the sending direction: FIN after everything queued. Receiving goes on (half-close). */
int hf_tcp_shutdown(struct hf_engine *e, hf_conn conn);

/*
 * CLOSE, both directions: what is queued and the FIN are still delivered; what arrives later is refused with RST.
 * With unread data a reset is sent at once instead (RFC 1122 4.2.2.13; RFC 2525 2.17). On a listener: stops listening,
 * and resets what was waiting to be accepted. The handle stays valid until hf_tcp_release.
 */
int hf_tcp_close(struct hf_engine *e, hf_conn conn);

/* ABORT: one RST where the state calls for it (RFC 9293 3.10.5), everything queued is discarded. */
int hf_tcp_abort(struct hf_engine *e, hf_conn conn);

/* The application needs the handle no more. An open connection is closed as by hf_tcp_close and freed when over. */
int hf_tcp_release(struct hf_engine *e, hf_conn conn);

/* Nothing is missing; something was found lost, by SACKs or duplicate ACKs; the retransmission timer went off. */
enum hf_repair { HF_REPAIR_NONE, HF_REPAIR_LOSS, HF_REPAIR_TIMEOUT };

/* STATUS (RFC 9293 3.10.6) and more. */
struct hf_tcp_info {
    struct hf_endpoint local, remote;
    enum hf_state state;
    bool is_listener;
    bool is_passive;           /* came from a listener */
    bool app_closed;           /* the application called close or release */
    bool fin_sent, fin_received;
    bool we_closed_first;      /* our FIN left before the peer's arrived */
    uint64_t user;
    hf_time opened_at;
    hf_time state_at;          /* since when in this state */
    enum hf_error error;       /* how it ended or HF_OK */
    enum hf_reason ended_why;  /* with state CLOSED: what ended it */
    enum hf_reason soft_error; /* HF_ADVICE_..., the last that did not end it and since which nothing new was
                                  acknowledged; or HF_REASON_NONE */
    uint64_t bytes_sent;       /* acknowledged by the peer */
    uint64_t bytes_received;   /* in order */
    uint64_t bytes_lost;       /* when reset: queued or in flight, never acknowledged */
    uint64_t bytes_unread;     /* arrived, not read by the application (when reset: discarded) */
    uint32_t urgent_ahead;     /* unread bytes up to and with the last urgent one; 0: no urgent data lies ahead */
    uint32_t send_queue;       /* listener: backlog */
    uint32_t receive_queue;    /* listener: connections waiting for accept */
    uint32_t unacked;          /* bytes sent and not acknowledged; of those: */
    uint32_t sacked, lost;     /* reported as arrived (RFC 2018), and taken for lost */
    enum hf_repair repair;     /* what is being repaired */
    uint32_t in_flight, cwnd, ssthresh, mss, send_window, receive_window, rto_ms, srtt_us, rttvar_us, retransmits;
    uint64_t pacing_rate;      /* bytes a second; 0 = windows are not paced */
    uint8_t send_scale, receive_scale;
    bool timestamps, sack, ecn;
    bool accurate_ecn; /* with `ecn`: AccECN (RFC 9768) */
    bool fast_open;            /* data went with the SYN and was taken */
    hf_link link;
};

/* Fills *info, for as long as the handle is not released: also after the connection has ended, to tell how. */
int hf_tcp_status(struct hf_engine *e, hf_conn conn, struct hf_tcp_info *info);

/* Changes options of a live connection; the fields are those of struct hf_tcp_options. backlog only for listeners. */
int hf_tcp_set_options(struct hf_engine *e, hf_conn conn, const struct hf_tcp_options *options);
int hf_tcp_get_options(struct hf_engine *e, hf_conn conn, struct hf_tcp_options *options);
int hf_tcp_set_user(struct hf_engine *e, hf_conn conn, uint64_t user);

/*
 * A destination of active Fast Opens as the engine remembers it (config.max_fast_open). An application that wants the next
 * engine to know it too keeps these and gives them back.
 */
struct hf_fast_open_memory {
    struct hf_addr addr;
    uint16_t mss;       /* as the peer told it with the cookie */
    uint8_t eaten;      /* times in a row that the path ate a SYN with the option */
    uint8_t cookie_len; /* 0: none yet; 4..16 */
    uint8_t cookie[16];
    hf_ns rests_ns;     /* the option stays away for this long; 0: it may be used */
};

/* The destination after number *index, counted from 0; false when there is none. */
bool hf_fast_open_next(const struct hf_engine *e, uint32_t *index, struct hf_fast_open_memory *memory);
/* Remembers it, in place of what was known of that address. HF_ERR_LIMIT when config.max_fast_open is 0,
 * HF_ERR_INVALID on a cookie of impossible length. */
int hf_fast_open_remember(struct hf_engine *e, const struct hf_fast_open_memory *memory);

/* Walks every record in slot order: listeners, half-open connections and TIME-WAITs too, of which only hf_tcp_status may
 * be asked when the application was never given, or has released, their handle. Start with *conn all zero; false at the
 * end. */
bool hf_tcp_next(struct hf_engine *e, hf_conn *conn);

/* Checks every invariant of one connection and of what it shares; NULL when all hold, else the broken one, in words. */
const char *hf_tcp_check(struct hf_engine *e, hf_conn conn);

#endif

/*
 * TCP as the engine sees it: records the engine found or made go in, verdicts, plans and segments come out.
 *
 * After any of these the engine settles the record: it asks hf_tcp_events, gives it a turn to send, files it under its
 * new deadline, and takes it out of the table when its state is CLOSED.
 */
#ifndef HF_TCP_TCP_FOR_ENGINE_H
#define HF_TCP_TCP_FOR_ENGINE_H

#include "small.h"
#include "tcb.h"

/* Carves the pools TCP needs and draws its secrets. Call on a measuring arena too (then only the carving counts). */
void hf_tcp_shared_init(struct hf_tcp_shared *sh, struct hf_arena *arena, const struct hf_config *config, hf_time now);

/* ---- 3.10.1 to 3.10.6: the user calls (calls.c) ---- */

/* What the engine knows of the way to the peer. */
struct hf_tcp_path {
    struct hf_endpoint local, remote;
    hf_link link;
    uint16_t mtu;   /* bytes of IP datagram: the route's or the path's */
    uint32_t burst; /* most payload bytes of one frame with TSO; 0 = one segment a frame */
    bool may_fragment; /* IPv4: DF stays clear; of no concern to TCP */
};

/* Makes `c` (of sh->connections, or a record about to be unfolded onto; own.* is left alone but news) a CLOSED record
 * for this path. */
void hf_tcp_prepare(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_path *path,
                    const struct hf_tcp_options *options);
/* Chooses its initial sequence number. A record that is unfolded has one already. */
void hf_tcp_begin(const struct hf_tcp_shared *sh, struct hf_tcp *c);
/* The record has just been taken from its pool: forgets what was known of its predecessor's path. */
void hf_rate_begin(const struct hf_tcp_shared *sh, const struct hf_tcp *c);
/* Active OPEN: SYN-SENT, a SYN is owed. */
void hf_call_open(struct hf_tcp_shared *sh, struct hf_tcp *c, bool fast_open);
int64_t hf_call_send(struct hf_tcp_shared *sh, struct hf_tcp *c, const uint8_t *data, size_t len, unsigned flags);
int64_t hf_call_lend_send(struct hf_tcp_shared *sh, struct hf_tcp *c, uint8_t **data);
int hf_call_sent(struct hf_tcp_shared *sh, struct hf_tcp *c, size_t len, unsigned flags);
int64_t hf_call_receive(struct hf_tcp_shared *sh, struct hf_tcp *c, uint8_t *data, size_t len);
int64_t hf_call_lend_received(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_span *spans, unsigned max,
                              unsigned *count);
int hf_call_received(struct hf_tcp_shared *sh, struct hf_tcp *c, size_t len);
int hf_call_shutdown(struct hf_tcp_shared *sh, struct hf_tcp *c);
int hf_call_close(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* `why` is HF_EDGE_ABORT, or HF_EDGE_LISTENER_CLOSED for children of a closed listener. Where the state calls for a RST
 * the record stays, CLOSED but owing it: hf_tcp_plan says so, and the engine keeps its route until that is paid. */
int hf_call_abort(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why);
/* Fills everything but is_listener. */
void hf_call_status(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_info *info);
void hf_tcp_apply_options(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_options *options);
void hf_tcp_read_options(const struct hf_tcp *c, struct hf_tcp_options *options);
/* The connection is over: CLOSED, timers stopped, buffers given back; what cannot be delivered is counted. */
void hf_tcp_end(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why, enum hf_error error);
/* Gives back everything attached, whatever the state: the record may then be given back to its pool. */
void hf_tcp_forget(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* HF_EV_ level bits of the record now. */
uint32_t hf_tcp_events(const struct hf_tcp_shared *sh, const struct hf_tcp *c);

/* ---- 3.10.7: segments ---- */

/* For a record in any state but LISTEN. */
struct hf_verdict hf_segment_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* No record, no listener (3.10.7.1): never changes anything. */
struct hf_verdict hf_segment_to_nobody(const struct hf_segment *seg);
/* LISTEN (3.10.7.2). HF_ACCEPTED: it is a SYN to answer; the engine takes and prepares a record (options from the
 * listener), enters it in the table, sets c->listener, and calls hf_listen_spawn. */
struct hf_verdict hf_listen_arrives(struct hf_tcp_shared *sh, struct hf_listener *listener, const struct hf_segment *seg);
/* What a SYN tells goes into the prepared record; a SYN,ACK is owed. It is nobody's child yet. */
void hf_listen_take_syn(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* Makes the prepared record the SYN-RECEIVED child of its listener; counts listener->half_open. */
void hf_listen_spawn(struct hf_tcp_shared *sh, struct hf_listener *listener, struct hf_tcp *c,
                     const struct hf_segment *seg);
/* A listener's record is about to take this SYN: is its Fast Open cookie good? Notes whether a new one is to be given. */
bool hf_fast_open_syn(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* Then, after hf_listen_spawn: the SYN's text is taken, and the application need not wait for the handshake. */
void hf_fast_open_accept(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* What hf_fast_open_next and hf_fast_open_remember (tcp.h) do. */
bool hf_fast_open_tell(const struct hf_tcp_shared *sh, uint32_t index, struct hf_fast_open_memory *memory);
int hf_fast_open_learn(struct hf_tcp_shared *sh, const struct hf_fast_open_memory *memory);
/* A record that has taken a SYN gets the ISS that is a cookie (syn_cookie.c): its SYN,ACK says all there is to remember. */
void hf_syn_cookie_bake(const struct hf_tcp_shared *sh, struct hf_tcp *c);
/* Does this ACK bring a cookie of ours back? Then the record, just prepared, with its listener set, is the SYN-RECEIVED
 * child that was not kept. The caller counts it. */
bool hf_syn_cookie_taste(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* A child whose SYN waits for the application's answer (struct hf_tcp_options, defer), and the two kinds of answer. */
bool hf_listen_is_offer(const struct hf_tcp *c);
/* A child of a Fast Open whose handshake is not over. */
bool hf_listen_is_fast_open(const struct hf_tcp *c);
void hf_listen_accept_offer(struct hf_tcp_shared *sh, struct hf_tcp *c);
void hf_listen_decline_offer(struct hf_tcp_shared *sh, struct hf_tcp *c, bool with_rst);
/* TIME-WAIT: may this SYN reopen the tuple (RFC 6191; RFC 1122, 4.2.2.13)? The engine asks before it hands the record the
 * segment; when a listener takes the SYN, the old record ends and the child's numbers begin beyond the old ones. */
bool hf_time_wait_may_reopen(const struct hf_tcp *c, const struct hf_segment *seg);
void hf_time_wait_reopen(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* A record in TIME-WAIT gives way to a new one. */
void hf_time_wait_give_way(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* Called on the prepared child: its ISS is moved beyond `old_nxt`, SND.NXT of the record that it replaces. */
void hf_begin_beyond(struct hf_tcp *c, hf_seq old_nxt);
/* The reset that answers `seg` (3.10.7.1, 3.5.2); false when none may (it is a RST itself). Ports already swapped. */
bool hf_reset_for(const struct hf_segment *seg, struct hf_segment *rst);

/* ---- 3.10.8: time ---- */

/* Fires whatever of the record's timers is due at sh->now. True when what was sent has just gone unanswered R1 times: the
 * advice to IP that the next hop may be dead (RFC 9293, 3.8.3; MUST-20). */
bool hf_tcp_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c);

/* ---- what to send ---- */

enum hf_plan_what { HF_SEND_NOTHING, HF_SEND_RST, HF_SEND_SYN, HF_SEND_DATA, HF_SEND_PROBE, HF_SEND_ACK };

struct hf_tcp_plan {
    enum hf_plan_what what;
    enum hf_reason why;
    hf_seq seq;
    uint32_t len;  /* payload bytes; may be more than one segment's when the link splits */
    bool fin, psh, again; /* again: these bytes were sent before */
    hf_time ask_at; /* with HF_SEND_NOTHING: the record's earliest timer, HF_NEVER when none runs */
};

/* True when the plan is certainly to send nothing: a few flags instead of the whole ladder, right after a segment left.
 * *ask_at is set as the plan would. */
bool hf_tcp_is_silent(const struct hf_tcp_shared *sh, const struct hf_tcp *c, hf_time *ask_at);
/* Decides; changes nothing. */
struct hf_tcp_plan hf_tcp_plan(const struct hf_tcp_shared *sh, const struct hf_tcp *c);

struct hf_tcp_written {
    struct hf_segment seg; /* header fields as sent */
    uint32_t len;          /* TCP header and payload */
    uint32_t header_len;
    uint32_t sum;          /* folded sum of header (checksum zero) and payload, unless skip_sum */
    uint16_t gso_size;     /* 0, or bytes of payload per segment */
};

/*
 * Executes a plan: writes TCP header and payload at `out` (room for plan.len + 60 bytes), pays the debts. `skip_sum`: the
 * device will finish the checksum. The engine then adds IP and link headers and the checksum.
 */
void hf_tcp_output(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_plan *plan, uint8_t *out,
                   bool skip_sum, struct hf_tcp_written *written);

/* ---- advice from ICMP (icmp_advice.c; RFC 5927, RFC 1122 4.2.3.9) ---- */

struct hf_icmp_quote {
    enum hf_reason advice; /* HF_ADVICE_... */
    hf_seq seq;            /* of the quoted segment */
    uint16_t mtu;          /* with HF_ADVICE_PACKET_TOO_BIG */
};

/* Returns HF_ACCEPTED when the quoted sequence number is plausible and the advice was taken, else HF_DROP_ICMP_BAD. */
enum hf_reason hf_tcp_icmp(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_icmp_quote *quote);
/* Trouble that ends nothing: kept for status, told as HF_EV_SOFT_ERROR. */
void hf_tcp_advise(struct hf_tcp *c, enum hf_reason advice);
/* The path's MTU is now known to be this. */
void hf_tcp_set_mtu(struct hf_tcp_shared *sh, struct hf_tcp *c, uint16_t mtu);

/* A segment that came or went. The ends are those of the connection when there is one. */
struct hf_passed {
    const struct hf_segment *seg;
    struct hf_endpoint local, remote;
    enum hf_note_kind kind; /* HF_NOTE_IN or HF_NOTE_OUT */
    enum hf_reason why;
    uint8_t from; /* state before */
};

/* Notes a segment in the history, when there is one. `c` may be NULL. TCP itself notes changes of state. Returns the
 * note's number, or 0; hf_note_verdict then adds what became of the segment. */
uint64_t hf_note_segment(struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_passed *passed);
void hf_note_verdict(struct hf_tcp_shared *sh, uint64_t number, const struct hf_tcp *c, enum hf_reason why);

/* Every invariant of tcb.h; NULL or the broken one in words. */
const char *hf_tcp_check_record(const struct hf_tcp_shared *sh, const struct hf_tcp *c);

#endif

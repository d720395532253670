/*
 * The engine: one block of memory, and the lists that say whose turn it is.
 *
 *     frame -> input.c -> demux.c -> tcp/ -> settle.c -> turn list -> output.c -> frame
 *                                              |-> event list -> hf_event
 *                                              `-> the wheel -> hf_advance
 *
 * Whatever touched a record calls hf_settle: it alone files the record where it now belongs. Everything in the block is
 * found by index or by distance, so a copy of the block is an engine of its own.
 *
 * Read first: include/handfast/engine.h. Read next: engine.c, settle.c, input.c, output.c.
 */
#ifndef HF_ENGINE_ENGINE_H
#define HF_ENGINE_ENGINE_H

#include "../../include/handfast/engine.h"
#include "../../include/handfast/observe.h"
#include "../../include/handfast/tcp.h"
#include "../base/table.h"
#include "../base/wheel.h"
#include "../icmp/errors_out.h"
#include "../ip/fragments.h"
#include "../ip/links.h"
#include "../ip/neighbours.h"
#include "../ip/path_mtu.h"
#include "../ip/resolve.h"
#include "../ip/routes.h"
#include "../tcp/tcp_for_engine.h"
#include "../wire/ethernet.h"
#include "../wire/ip.h"

/* A singly linked list through records of one kind. */
struct hf_queue {
    uint32_t first, last;
};

/* A stateless answer: a whole frame, waiting for hf_output. */
#define HF_REPLY_CAP 1536
struct hf_reply {
    uint32_t next;
    uint32_t len;
    hf_link link;
    uint16_t why;
    uint8_t data[HF_REPLY_CAP];
};

/* What the engine keeps of the way to a connection's peer, beside the record. */
struct hf_way {
    struct hf_addr next; /* next hop, on an Ethernet link */
    bool may_fragment;   /* IPv4: DF stays clear */
    bool is_local;       /* the peer is in this engine: nothing goes on a wire */
    uint32_t tag;        /* of the tuple's hash: what the table keeps of it */
};

/* The tuple that was hashed last. One segment asks for the same more than once, when its record moves. */
struct hf_hashed {
    struct hf_endpoint local, remote;
    uint64_t hash;
};

/* The way that was found last (RFC 1122, 3.3.1.2: a route cache, of one). */
struct hf_last_way {
    struct hf_addr dst;
    hf_link on;
    bool is_known;
    bool has_source;
    struct hf_hop hop;
    struct hf_addr source; /* chosen for it, of our addresses */
};

/* own.on_turn: in which list the record is. */
enum { HF_AT_REST, HF_ON_TURN, HF_PARKED };

/*
 * Where the record of a slot lives: each kind has a range of slots, in this order. The table, the queues and the handles
 * speak of slots.
 */
enum hf_place {
    HF_AT_CONNECTION,
    HF_AT_LISTENER,
    HF_AT_HALF_OPEN_V4, /* small records, tcp/small.h */
    HF_AT_HALF_OPEN_V6,
    HF_AT_TIME_WAIT_V4,
    HF_AT_TIME_WAIT_V6,
    HF_PLACES,
    HF_AT_NOWHERE = HF_PLACES,
};
#define HF_SMALL_PLACES (HF_PLACES - HF_AT_HALF_OPEN_V4)

/* Half-open records wait in a queue for each number of SYN,ACKs sent again: all in one queue wait equally long. */
#define HF_HALF_OPEN_QUEUES 8

struct hf_engine {
    struct hf_tcp_shared tcp;
    struct hf_links links;
    struct hf_routes routes;
    struct hf_neighbours neighbours;
    struct hf_paths paths;
    struct hf_fragments fragments;
    struct hf_table table; /* connections by tuple, listeners by their own end */
    struct hf_wheel wheel; /* a timer per connection, by slot */
    uint32_t first_slot[HF_PLACES + 1];
    struct hf_pool small[HF_SMALL_PLACES];
    struct hf_queue half_open[HF_HALF_OPEN_QUEUES]; /* oldest first */
    struct hf_queue time_wait[2];                   /* IPv4, IPv6; oldest first */
    struct hf_tcp unfolded;   /* a small record while its segment or its time is dealt with */
    hf_time half_open_due, time_wait_due; /* none of these is due before */
    hf_time cookies_until;    /* SYN cookies sent lately may still come back */
    struct hf_pool replies;
    struct hf_pool ways; /* struct hf_way, by slot */
    struct hf_icmp_limit icmp_limit;
    struct hf_key tuple_key, port_key;
    struct hf_queue turn;   /* connections that may have something to send */
    struct hf_queue parked; /* ... and wait for the next hop's link address */
    struct hf_queue events; /* connections and listeners with news */
    struct hf_queue reply_queue;
    uint32_t last_found;    /* connection of the last segment, or HF_NONE */
    uint32_t last_listener; /* of the last SYN, or HF_NONE */
    struct hf_hashed hashed;
    struct hf_last_way last_way;
    uint32_t interceptors;  /* listeners that take every destination on a link */
    uint32_t sent_in_turn;  /* frames the first of the turn list has sent in a row */
    uint32_t port_counters[16];
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint32_t ip_id;
    size_t size;
};

/* ---- records ---- */

static inline struct hf_tcp *hf_record(const struct hf_engine *e, uint32_t slot)
{
    return (struct hf_tcp *)hf_pool_at(&e->tcp.connections, slot);
}
static inline uint32_t hf_slot(const struct hf_tcp *c) { return c->own.slot; }
static inline struct hf_listener *hf_listener_at(const struct hf_engine *e, uint32_t index)
{
    return (struct hf_listener *)hf_pool_at(&e->tcp.listeners, index);
}
static inline struct hf_way *hf_way_of(const struct hf_engine *e, uint32_t slot)
{
    return (struct hf_way *)hf_pool_at(&e->ways, slot);
}
static inline hf_conn hf_handle(const struct hf_tcp *c) { return (hf_conn){hf_slot(c), c->own.generation}; }
static inline enum hf_place hf_place_of(const struct hf_engine *e, uint32_t slot)
{
    unsigned place = HF_AT_CONNECTION;
    while (place < HF_PLACES && slot >= e->first_slot[place + 1])
        place++;
    return (enum hf_place)place;
}
static inline uint32_t hf_listener_slot(const struct hf_engine *e, uint32_t index)
{
    return e->first_slot[HF_AT_LISTENER] + index;
}
/* The record or listener of a handle; NULL when the handle is stale or of the other kind. */
struct hf_tcp *hf_connection_of(const struct hf_engine *e, hf_conn conn);
struct hf_listener *hf_listener_of(const struct hf_engine *e, hf_conn conn);

/* ---- demux.c: whose segment is it ---- */

/* Slot of the connection of this tuple, small records included, or HF_NONE. */
uint32_t hf_demux_find(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote);
/* The same for a segment that arrives. Segments come in runs: the connection of the last one is tried first. */
uint32_t hf_demux_find_next(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote);
void hf_demux_add_small(struct hf_engine *e, uint32_t slot);
void hf_demux_remove_small(struct hf_engine *e, uint32_t slot);
void hf_demux_add(struct hf_engine *e, struct hf_tcp *c);
void hf_demux_remove(struct hf_engine *e, struct hf_tcp *c);
/* The small record takes the connection's entry. */
void hf_demux_hand_over(struct hf_engine *e, struct hf_tcp *c, uint32_t slot);
/* Index of the listener for segments to `local`: the one with that address, else the one with any; HF_NONE. */
uint32_t hf_demux_listener(struct hf_engine *e, const struct hf_endpoint *local);
/* The same, or else the one that intercepts what arrives on `link`. */
uint32_t hf_demux_taker(struct hf_engine *e, hf_link link, const struct hf_endpoint *local);
/* The one that intercepts `link`, or HF_NONE. */
uint32_t hf_demux_interceptor(const struct hf_engine *e, hf_link link);
/* The one with exactly this local end. */
uint32_t hf_demux_listener_exact(const struct hf_engine *e, const struct hf_endpoint *local);
void hf_demux_add_listener(struct hf_engine *e, uint32_t index);
void hf_demux_remove_listener(struct hf_engine *e, uint32_t index);

/* ---- ports.c: local ports (RFC 6056) ---- */

/* A port for this connection, or 0 when none is free. It may be that of a TIME-WAIT that hf_time_wait_may_be_taken. */
bool hf_tuple_is_free(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote);
uint16_t hf_port_for(struct hf_engine *e, const struct hf_addr *local, const struct hf_endpoint *remote);
uint16_t hf_port_to_listen(struct hf_engine *e, const struct hf_addr *local);

/* ---- small.c: where small records are kept ---- */

/* How many more may be kept: the limit is that of both families together. */
uint32_t hf_small_available(const struct hf_engine *e, enum hf_place place);
/* A record of this place, or HF_NONE. */
uint32_t hf_small_new(struct hf_engine *e, enum hf_place place);
/* Takes it out of the table and gives it back. It MUST be in no queue. */
void hf_small_free(struct hf_engine *e, uint32_t slot);
struct hf_small *hf_small_at(const struct hf_engine *e, uint32_t slot);
/* Its handle, good for hf_tcp_status; none when nothing lives there. */
hf_conn hf_small_handle(const struct hf_engine *e, uint32_t slot);
void hf_small_ends_of(const struct hf_engine *e, uint32_t slot, struct hf_endpoint *local, struct hf_endpoint *remote);
void hf_small_push(struct hf_engine *e, struct hf_queue *queue, uint32_t slot);
void hf_small_remove(struct hf_engine *e, struct hf_queue *queue, uint32_t slot);
/* The record unfolded: e->unfolded, until the next call. Only to be looked at, or folded again by its keeper. */
struct hf_tcp *hf_small_unfold(struct hf_engine *e, uint32_t slot);
/* e->unfolded, prepared for a path whose ends and link are known. */
struct hf_tcp *hf_unfold_onto(struct hf_engine *e, struct hf_tcp_path *path, const struct hf_tcp_options *options);

/* ---- half_open.c, time_wait.c ---- */

struct hf_arrival;

/* A SYN to answer: a half-open record, or a cookie. `old_nxt`: SND.NXT of the TIME-WAIT that it reopens, or NULL. */
enum hf_reason hf_half_open_begin(struct hf_engine *e, uint32_t listener, const struct hf_arrival *in,
                                  const struct hf_segment *seg, const hf_seq *old_nxt);
enum hf_reason hf_half_open_arrives(struct hf_engine *e, uint32_t slot, const struct hf_arrival *in,
                                    const struct hf_segment *seg);
/* An ACK to a listener: does it bring a cookie back? Then the connection lives. */
bool hf_cookie_arrives(struct hf_engine *e, uint32_t listener, const struct hf_arrival *in,
                       const struct hf_segment *seg, enum hf_reason *why);
void hf_half_open_forget(struct hf_engine *e, uint32_t listener);
void hf_half_open_advance(struct hf_engine *e);
hf_time hf_half_open_deadline(const struct hf_engine *e);

/* May the record be kept small from now on? */
bool hf_time_wait_is_ready(const struct hf_tcp *c);
void hf_time_wait_keep(struct hf_engine *e, struct hf_tcp *c);
enum hf_reason hf_time_wait_arrives(struct hf_engine *e, uint32_t slot, const struct hf_arrival *in,
                                    const struct hf_segment *seg);
/* Active reuse: may connect take this tuple (LIFECYCLE: timestamps, and a second has passed)? */
bool hf_time_wait_may_be_taken(const struct hf_engine *e, uint32_t slot);
/* Ends it for a new connection, whose numbers begin beyond the value returned. */
hf_seq hf_time_wait_take(struct hf_engine *e, uint32_t slot);
void hf_time_wait_advance(struct hf_engine *e);
hf_time hf_time_wait_deadline(const struct hf_engine *e);

/* ---- settle.c ---- */

/* Takes a record for this path from the pool, prepares and enters it. NULL, counted, when the pool is empty. */
struct hf_tcp *hf_connection_new(struct hf_engine *e, const struct hf_tcp_path *path, const struct hf_hop *hop,
                                 const struct hf_tcp_options *options);
/* A record of the pool for what e->unfolded has become; its small record MUST be freed. NULL, counted, as above. */
struct hf_tcp *hf_connection_unfolded(struct hf_engine *e, const struct hf_hop *hop, bool may_fragment);
/* The record was touched: files it where it belongs, and frees it when it is over and nobody wants it. */
void hf_settle(struct hf_engine *e, struct hf_tcp *c);
/* The same when nothing has changed but what the application was told. */
void hf_settle_told(struct hf_engine *e, struct hf_tcp *c);
void hf_settle_listener(struct hf_engine *e, uint32_t index);
/* Takes the first of the turn list off it, to rest until its timer; or to wait for its next hop, with all it has to
 * send (RFC 1122, 2.3.2.2). */
void hf_turn_rest(struct hf_engine *e, hf_time ask_at);
void hf_turn_park(struct hf_engine *e);
/* The first has had its share: the others' turn. */
void hf_turn_rotate(struct hf_engine *e);
/* Nothing comes back over the connection's next hop: is it still there (MUST-20)? */
void hf_doubt_neighbour(struct hf_engine *e, const struct hf_tcp *c);
/* All that are parked try again. */
void hf_unpark(struct hf_engine *e);
/* The next child waiting for accept, taken out of the queue, or NULL. */
struct hf_tcp *hf_accept_next(struct hf_engine *e, struct hf_listener *listener);
/* Resets everything a listener that closes has not handed out. */
void hf_listener_abandon(struct hf_engine *e, uint32_t index);

/* ---- way.c: the way to a destination, and back ---- */

/* The way to `dst`, as hf_routes_find. */
bool hf_way_to(struct hf_engine *e, const struct hf_addr *dst, hf_link on, struct hf_hop *hop);
/* Which of our addresses such a datagram comes from; `hop` is what hf_way_to said. */
bool hf_way_source(struct hf_engine *e, const struct hf_addr *dst, const struct hf_hop *hop, hf_link link,
                   struct hf_addr *source);
/* Links, addresses or routes changed. */
static inline void hf_way_forget(struct hf_engine *e) { e->last_way.is_known = false; }
/* The way back to who sent a datagram. False when there is none. */
bool hf_way_back(struct hf_engine *e, const struct hf_arrival *in, struct hf_hop *hop);

/* ---- replies.c: stateless answers ---- */

/* The frame being answered. */
struct hf_arrival {
    const struct hf_frame *frame;
    hf_link link;  /* HF_LINK_NONE: it never left the engine */
    bool is_group; /* the frame or the datagram was addressed to a group */
    struct hf_ethernet ethernet;
    struct hf_ip ip;
    const uint8_t *packet; /* the datagram, from its IP header on */
    uint32_t packet_len;
    uint32_t slot; /* a TCP segment's connection, or HF_NONE */
};

/* An unfolded record pays what it owes, each segment a reply: to where `in` came from, or, with `in` NULL, to the next hop
 * as far as it is known. */
void hf_reply_debts(struct hf_engine *e, struct hf_tcp *c, const struct hf_arrival *in);
/* The same for one segment, whose plan is made elsewhere. */
void hf_reply_plan(struct hf_engine *e, struct hf_tcp *c, const struct hf_arrival *in, const struct hf_tcp_plan *plan);
void hf_reply_reset(struct hf_engine *e, const struct hf_arrival *in, const struct hf_segment *seg, enum hf_reason why);
/* Answers an echo request. */
void hf_reply_echo(struct hf_engine *e, const struct hf_arrival *in);
void hf_reply_error(struct hf_engine *e, const struct hf_arrival *in, enum hf_icmp_cause_kind kind);
void hf_reply_resolve(struct hf_engine *e, const struct hf_resolve *answer);
/* Answers the SYN of a connection that is declined as a router would: unreachable, prohibited. */
void hf_reply_decline(struct hf_engine *e, const struct hf_tcp *c, enum hf_icmp_cause_kind kind);
/* Tells the source of a datagram that it stayed incomplete. */
void hf_reply_expired(struct hf_engine *e, const struct hf_expired *expired);
/* Turns the neighbour cache's debts into frames. */
void hf_reply_solicit(struct hf_engine *e);
/* Fills the frame with the oldest reply; false when there is none. */
bool hf_reply_next(struct hf_engine *e, struct hf_frame *frame);

/* ---- input.c, output.c ---- */

/* What becomes of a frame. With frame->link HF_LINK_NONE it is a datagram of the engine's own to itself. */
enum hf_reason hf_frame_arrives(struct hf_engine *e, struct hf_frame *frame);
bool hf_connection_output(struct hf_engine *e, struct hf_frame *frame);
/* Fills the rest of a path whose ends and link are known. */
void hf_path_facts(const struct hf_engine *e, struct hf_tcp_path *path);

/* No offload, no connection: what every frame to be sent begins with. */
static inline void hf_frame_clear(struct hf_frame *frame)
{
    frame->flags = 0;
    frame->csum_start = frame->csum_offset = 0;
    frame->gso_size = frame->gso_header = 0;
    frame->conn = (hf_conn){0, 0};
}

static inline bool hf_is_noting(const struct hf_engine *e)
{
    return e->tcp.history.capacity > 0 && !e->tcp.config.history_of_states;
}

/* Notes an arriving segment before it is dealt with, if there is a history; returns the note's number or 0. */
uint64_t hf_write_arrival(struct hf_engine *e, const struct hf_tcp *c, const struct hf_arrival *in,
                          const struct hf_segment *seg, uint8_t state);
static inline uint64_t hf_note_arrival(struct hf_engine *e, const struct hf_tcp *c, const struct hf_arrival *in,
                                       const struct hf_segment *seg, uint8_t state)
{
    return hf_is_noting(e) ? hf_write_arrival(e, c, in, seg, state) : 0;
}

#endif

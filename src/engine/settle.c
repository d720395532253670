/*
 * After anything touched a record it is filed anew, here and only here: with its listener, in the event list, in the
 * turn list, or back in its pool.
 *
 *     a passive child:  HALF_OPEN --handshake done, or deferred--> WAITING --hf_tcp_accept--> OURS
 *     the turn list:    whoever was touched may have something to send; output.c asks its plan and lets it rest
 *     freeing:          over, given up, and in no list
 *
 * Read first: engine.h. Read next: output.c.
 */
#include "engine.h"

/* ---- lists: `next` of a slot lives in its record ---- */

static void turn_push(struct hf_engine *e, struct hf_queue *queue, struct hf_tcp *c, uint8_t where)
{
    uint32_t slot = hf_slot(c);
    c->own.turn_next = HF_NONE;
    c->own.on_turn = where;
    if (queue->first == HF_NONE)
        queue->first = slot;
    else
        hf_record(e, queue->last)->own.turn_next = slot;
    queue->last = slot;
}

static struct hf_tcp *turn_pop(struct hf_engine *e, struct hf_queue *queue)
{
    struct hf_tcp *c = hf_record(e, queue->first);
    queue->first = c->own.turn_next;
    if (queue->first == HF_NONE)
        queue->last = HF_NONE;
    c->own.on_turn = HF_AT_REST;
    return c;
}

static uint32_t *event_next_of(struct hf_engine *e, uint32_t slot)
{
    uint32_t connections = e->tcp.connections.capacity;
    if (slot >= connections)
        return &hf_listener_at(e, slot - connections)->event_next;
    return &hf_record(e, slot)->own.event_next;
}

static void event_push(struct hf_engine *e, uint32_t slot)
{
    *event_next_of(e, slot) = HF_NONE;
    if (e->events.first == HF_NONE)
        e->events.first = slot;
    else
        *event_next_of(e, e->events.last) = slot;
    e->events.last = slot;
}

/* ---- listeners and their children ---- */

void hf_settle_listener(struct hf_engine *e, uint32_t index)
{
    struct hf_listener *listener = hf_listener_at(e, index);
    if (listener->on_events)
        return;
    if (!listener->in_use) {
        hf_pool_give(&e->tcp.listeners, index);
        return;
    }
    if (listener->news != 0 && listener->waiting > 0 && listener->is_open) {
        listener->on_events = true;
        event_push(e, hf_listener_slot(e, index));
    }
}

static void enqueue_for_accept(struct hf_engine *e, struct hf_listener *listener, struct hf_tcp *c)
{
    uint32_t slot = hf_slot(c);
    listener->half_open--;
    listener->waiting++;
    listener->news |= HF_EV_ACCEPTABLE;
    c->own.phase = HF_PHASE_WAITING;
    c->own.accept_next = HF_NONE;
    if (listener->accept_first == HF_NONE)
        listener->accept_first = slot;
    else
        hf_record(e, listener->accept_last)->own.accept_next = slot;
    listener->accept_last = slot;
    hf_settle_listener(e, c->listener);
}

struct hf_tcp *hf_accept_next(struct hf_engine *e, struct hf_listener *listener)
{
    if (listener->accept_first == HF_NONE)
        return NULL;
    struct hf_tcp *c = hf_record(e, listener->accept_first);
    listener->accept_first = c->own.accept_next;
    if (listener->accept_first == HF_NONE)
        listener->accept_last = HF_NONE;
    listener->waiting--;
    c->own.phase = HF_PHASE_OURS;
    if (!hf_listen_is_fast_open(c))
        c->listener = HF_NONE;
    return c;
}

/* Where a child stands with its listener. One that ends half-open vanishes, one that ends waiting is still accepted:
 * the application learns how it ended (BUG-47). */
static void settle_child(struct hf_engine *e, struct hf_tcp *c)
{
    bool is_early = hf_listen_is_offer(c) || hf_listen_is_fast_open(c); /* handed out before its handshake is over */
    if (c->own.phase != HF_PHASE_HALF_OPEN || (c->state == HF_SYN_RECEIVED && !is_early))
        return;
    struct hf_listener *listener = hf_listener_at(e, c->listener);
    if (c->state != HF_CLOSED) {
        enqueue_for_accept(e, listener, c);
        return;
    }
    listener->half_open--;
    c->own.phase = HF_PHASE_OURS;
    c->listener = HF_NONE;
    c->flags |= HF_TF_RELEASED;
}

/* The handshake of a Fast Open is over: its listener may have another one (RFC 7413, 5.1). */
static void settle_fast_open(struct hf_engine *e, struct hf_tcp *c)
{
    const uint32_t both = HF_TF_FAST_OPEN | HF_TF_PASSIVE;
    if ((c->flags & both) != both || c->state == HF_SYN_RECEIVED)
        return;
    c->flags &= ~(uint32_t)HF_TF_FAST_OPEN;
    if (c->listener == HF_NONE)
        return;
    hf_listener_at(e, c->listener)->fast_opens--;
    if (c->own.phase == HF_PHASE_OURS)
        c->listener = HF_NONE;
}

static void abandon(struct hf_engine *e, struct hf_tcp *c)
{
    c->flags |= HF_TF_RELEASED;
    hf_call_abort(&e->tcp, c, HF_EDGE_LISTENER_CLOSED);
    hf_settle(e, c);
}

void hf_listener_abandon(struct hf_engine *e, uint32_t index)
{
    struct hf_listener *listener = hf_listener_at(e, index);
    struct hf_tcp *c;
    while ((c = hf_accept_next(e, listener)) != NULL) {
        listener->funnel.abandoned += c->state != HF_CLOSED;
        abandon(e, c);
    }
    hf_half_open_forget(e, index);
    for (uint32_t slot = 0; slot < e->tcp.connections.fresh; slot++) {
        if (listener->half_open == 0 && listener->fast_opens == 0)
            return;
        c = hf_record(e, slot);
        if (c->own.generation == 0 || c->listener != index)
            continue;
        if (c->own.phase == HF_PHASE_HALF_OPEN) {
            abandon(e, c);
        } else {
            c->listener = HF_NONE; /* a Fast Open that was handed out already is the application's */
            listener->fast_opens--;
        }
    }
}

/* ---- records ---- */

/* A record of the pool with its generation and nothing else, or NULL, counted. */
static struct hf_tcp *take_record(struct hf_engine *e)
{
    uint32_t slot = hf_pool_take(&e->tcp.connections);
    if (slot == HF_NONE) {
        hf_count(&e->tcp, HF_LIMIT_CONNECTIONS);
        return NULL;
    }
    if (slot >= e->ways.fresh)
        e->ways.fresh = slot + 1; /* one way per slot: the pools move in step */
    struct hf_tcp *c = hf_record(e, slot);
    uint32_t generation = c->own.accept_next + 1; /* see free_record */
    memset(&c->own, 0, sizeof c->own);
    c->own.slot = slot;
    c->own.generation = generation != 0 ? generation : 1;
    hf_rate_begin(&e->tcp, c);
    return c;
}

static void enter_record(struct hf_engine *e, struct hf_tcp *c, const struct hf_hop *hop, bool may_fragment)
{
    *hf_way_of(e, hf_slot(c)) = (struct hf_way){.next = hop->next, .may_fragment = may_fragment, .is_local = hop->is_local};
    hf_demux_add(e, c);
}

struct hf_tcp *hf_connection_new(struct hf_engine *e, const struct hf_tcp_path *path, const struct hf_hop *hop,
                                 const struct hf_tcp_options *options)
{
    struct hf_tcp *c = take_record(e);
    if (c == NULL)
        return NULL;
    hf_tcp_prepare(&e->tcp, c, path, options);
    hf_tcp_begin(&e->tcp, c);
    enter_record(e, c, hop, path->may_fragment);
    return c;
}

struct hf_tcp *hf_connection_unfolded(struct hf_engine *e, const struct hf_hop *hop, bool may_fragment)
{
    struct hf_tcp *c = take_record(e);
    if (c == NULL)
        return NULL;
    uint32_t generation = c->own.generation, slot = hf_slot(c);
    *c = e->unfolded;
    c->own.slot = slot;
    c->own.generation = generation;
    c->own.phase = HF_PHASE_HALF_OPEN;
    enter_record(e, c, hop, may_fragment);
    return c;
}

/* The record goes back. Its generation is kept for the next who gets the slot; own.generation 0 says it is free. */
static void free_record(struct hf_engine *e, struct hf_tcp *c)
{
    uint32_t generation = c->own.generation, slot = hf_slot(c);
    hf_tcp_forget(&e->tcp, c);
    if (c->own.in_table)
        hf_demux_remove(e, c);
    hf_wheel_disarm(&e->wheel, slot);
    memset(&c->own, 0, sizeof c->own);
    c->own.accept_next = generation;
    hf_pool_give(&e->tcp.connections, slot);
}

static bool is_done(const struct hf_tcp *c)
{
    return c->state == HF_CLOSED && (c->flags & HF_TF_RELEASED) && !(c->flags & HF_TF_OWE_RST) &&
           c->own.on_turn == HF_AT_REST && !c->own.on_events && c->own.phase == HF_PHASE_OURS;
}

/* The application hears only of what it was handed. */
static void settle_events(struct hf_engine *e, struct hf_tcp *c)
{
    if (c->own.on_events || c->own.phase != HF_PHASE_OURS || (c->flags & HF_TF_RELEASED))
        return;
    uint32_t bits = hf_tcp_events(&e->tcp, c);
    uint32_t fresh = (bits & ~(uint32_t)c->own.told) | (bits & c->own.news);
    c->own.told &= (uint16_t)bits;
    if (fresh == 0)
        return;
    c->own.on_events = true;
    event_push(e, hf_slot(c));
}

void hf_settle(struct hf_engine *e, struct hf_tcp *c)
{
    settle_child(e, c);
    settle_fast_open(e, c);
    settle_events(e, c);
    if (c->state == HF_CLOSED) {
        if (c->own.in_table)
            hf_demux_remove(e, c);
        hf_wheel_disarm(&e->wheel, hf_slot(c));
    }
    if (is_done(c))
        free_record(e, c);
    else if (c->own.on_turn == HF_AT_REST && (c->state != HF_CLOSED || (c->flags & HF_TF_OWE_RST)))
        turn_push(e, &e->turn, c, HF_ON_TURN);
}

/* Wants to write, and has not been told that it can. */
static bool waits_for_room(const struct hf_tcp *c)
{
    return (c->flags & HF_TF_SOUGHT_ROOM) && !(c->own.told & HF_EV_WRITABLE);
}

void hf_settle_told(struct hf_engine *e, struct hf_tcp *c)
{
    if (is_done(c) || hf_time_wait_is_ready(c) || waits_for_room(c))
        hf_settle(e, c);
}

/* ---- turns ---- */

void hf_turn_rest(struct hf_engine *e, hf_time ask_at)
{
    struct hf_tcp *c = turn_pop(e, &e->turn);
    e->sent_in_turn = 0;
    if (waits_for_room(c)) /* another may have given some back meanwhile, and nothing would wake it later */
        settle_events(e, c);
    if (hf_time_wait_is_ready(c)) {
        hf_time_wait_keep(e, c);
        free_record(e, c);
    } else if (is_done(c))
        free_record(e, c);
    else if (hf_time_is_never(ask_at))
        hf_wheel_disarm(&e->wheel, hf_slot(c));
    else
        hf_wheel_arm(&e->wheel, hf_slot(c), ask_at);
}

/* RFC 1122, 2.3.2.2 */
void hf_turn_park(struct hf_engine *e)
{
    e->sent_in_turn = 0;
    turn_push(e, &e->parked, turn_pop(e, &e->turn), HF_PARKED);
}

void hf_turn_rotate(struct hf_engine *e)
{
    e->sent_in_turn = 0;
    turn_push(e, &e->turn, turn_pop(e, &e->turn), HF_ON_TURN);
}

void hf_unpark(struct hf_engine *e)
{
    while (e->parked.first != HF_NONE)
        turn_push(e, &e->turn, turn_pop(e, &e->parked), HF_ON_TURN);
}

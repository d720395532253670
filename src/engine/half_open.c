/*
 * Half-open connections (RFC 4987): a listener's SYN-RECEIVED children, kept small until the last ACK of the handshake;
 * and SYN cookies, for when they are too many.
 *
 * Their number is bounded for each listener, by twice its backlog, and for the engine. Beyond that a cookie answers the
 * SYN, and nothing is kept; with cookies off, the oldest whose SYN,ACK went unanswered longest gives way.
 *
 * All records whose SYN,ACK was sent the same number of times wait equally long, so a queue for each number is ordered by
 * time by itself, and no timer is needed.
 *
 * Read first: engine.h, tcp/small.h, tcp/syn_cookie.c.
 */
#include "engine.h"

#define COOKIE_LIFE (64 * HF_SECOND) /* two epochs of syn_cookie.c */

static struct hf_half_open *half_open_at(const struct hf_engine *e, uint32_t slot)
{
    return (struct hf_half_open *)(void *)hf_small_at(e, slot);
}

static struct hf_queue *queue_of(struct hf_engine *e, const struct hf_half_open *h)
{
    return &e->half_open[HF_MIN(h->head.retries, HF_HALF_OPEN_QUEUES - 1)];
}

/* ---- keeping and forgetting ---- */

static uint64_t patience_us(const struct hf_engine *e, unsigned retries)
{
    return (uint64_t)(hf_half_open_patience(&e->tcp, retries) / HF_US);
}

/* At the end of its queue, from now on. Instants are known to the microsecond, so its time may be over one earlier than it
 * seems. */
static void wait_for_answer(struct hf_engine *e, uint32_t slot)
{
    struct hf_half_open *h = half_open_at(e, slot);
    h->sent_us = hf_tcp_us(&e->tcp);
    hf_small_push(e, queue_of(e, h), slot);
    hf_time due = hf_time_add(e->tcp.now, (hf_ns)(patience_us(e, h->head.retries) - 1) * HF_US);
    e->half_open_due = hf_time_first(e->half_open_due, due);
}

static void keep(struct hf_engine *e, uint32_t slot, const struct hf_tcp *c)
{
    struct hf_half_open *h = half_open_at(e, slot);
    hf_half_open_fold(c, h);
    h->head.retries = 0;
    hf_demux_add_small(e, slot);
    wait_for_answer(e, slot);
}

static void leave(struct hf_engine *e, uint32_t slot)
{
    hf_small_remove(e, queue_of(e, half_open_at(e, slot)), slot);
    hf_small_free(e, slot);
}

/* It ends without ever having been established. */
static void end(struct hf_engine *e, uint32_t slot, enum hf_reason why, enum hf_error error)
{
    struct hf_tcp *c = hf_small_unfold(e, slot);
    struct hf_listener *listener = hf_listener_at(e, c->listener);
    listener->half_open--;
    listener->funnel.evicted += why == HF_EDGE_EVICTED;
    listener->funnel.timed_out += why == HF_EDGE_SYN_TIMED_OUT;
    hf_tcp_end(&e->tcp, c, why, error);
    hf_tcp_forget(&e->tcp, c);
    leave(e, slot);
}

void hf_half_open_forget(struct hf_engine *e, uint32_t listener)
{
    for (unsigned place = HF_AT_HALF_OPEN_V4; place <= HF_AT_HALF_OPEN_V6; place++) {
        uint32_t fresh = e->small[place - HF_AT_HALF_OPEN_V4].fresh;
        for (uint32_t slot = e->first_slot[place]; slot < e->first_slot[place] + fresh; slot++)
            if (!hf_conn_is_none(hf_small_handle(e, slot)) && half_open_at(e, slot)->listener == listener)
                end(e, slot, HF_EDGE_LISTENER_CLOSED, HF_ERR_ABORTED);
    }
}

/* ---- the SYN ---- */

static bool has_room(const struct hf_engine *e, const struct hf_listener *listener)
{
    return listener->half_open < 2 * listener->backlog && hf_small_available(e, HF_AT_HALF_OPEN_V4) > 0;
}

/* The oldest of those that were asked most often and did not answer makes room: no real client is that slow. */
static void evict_one(struct hf_engine *e, const struct hf_listener *listener)
{
    hf_count(&e->tcp, HF_LIMIT_HALF_OPEN);
    for (unsigned i = HF_HALF_OPEN_QUEUES - 1; i > 0; i--) {
        uint32_t slot = e->half_open[i].first;
        if (slot == HF_NONE || (listener->half_open >= 2 * listener->backlog &&
                                hf_listener_at(e, half_open_at(e, slot)->listener) != listener))
            continue;
        end(e, slot, HF_EDGE_EVICTED, HF_ERR_TIMED_OUT);
        return;
    }
}

static void answer_with_cookie(struct hf_engine *e, uint32_t index, struct hf_tcp *c, const struct hf_arrival *in,
                               const struct hf_segment *seg)
{
    hf_listener_at(e, index)->funnel.cookies_sent++;
    uint64_t note = hf_note_arrival(e, NULL, in, seg, HF_LISTEN);
    hf_listen_take_syn(&e->tcp, c, seg);
    hf_syn_cookie_bake(&e->tcp, c);
    hf_reply_plan(e, c, in, &(struct hf_tcp_plan){HF_SEND_SYN, HF_WHY_SYN_COOKIE, c->iss, .ask_at = HF_NEVER});
    hf_tcp_forget(&e->tcp, c);
    hf_note_verdict(&e->tcp, note, NULL, HF_ACCEPTED);
    e->cookies_until = hf_time_add(e->tcp.now, COOKIE_LIFE);
}

/* RFC 7413, 4.2.2 and 5.1: a good cookie, text, and not too many of these at once. */
static bool is_fast_open(struct hf_engine *e, const struct hf_listener *listener, struct hf_tcp *c,
                         const struct hf_segment *seg)
{
    return listener->options.fast_open > 0 && hf_fast_open_syn(&e->tcp, c, seg) && seg->data_len > 0 &&
           listener->fast_opens < listener->options.fast_open && listener->waiting < listener->backlog &&
           hf_pool_available(&e->tcp.connections) > 0;
}

/* Such a child is whole from the start: its listener hands it out at once. */
static void begin_fast(struct hf_engine *e, const struct hf_hop *hop, bool may_fragment,
                       const struct hf_segment *seg)
{
    struct hf_tcp *c = hf_connection_unfolded(e, hop, may_fragment);
    hf_fast_open_accept(&e->tcp, c, seg);
    struct hf_listener *listener = hf_listener_at(e, c->listener);
    listener->fast_opens++;
    listener->funnel.fast_opens++;
    hf_settle(e, c);
}

enum hf_reason hf_half_open_begin(struct hf_engine *e, uint32_t index, const struct hf_arrival *in,
                                  const struct hf_segment *seg, const hf_seq *old_nxt)
{
    struct hf_listener *listener = hf_listener_at(e, index);
    enum hf_place place = in->ip.is_v4 ? HF_AT_HALF_OPEN_V4 : HF_AT_HALF_OPEN_V6;
    struct hf_hop hop;
    if (!hf_way_back(e, in, &hop))
        return HF_DROP_IP_SOURCE;
    uint8_t mode = e->tcp.config.syn_cookies;
    bool cookie = mode == HF_SYN_COOKIES_ALWAYS;
    if (!cookie && !has_room(e, listener)) {
        cookie = mode == HF_SYN_COOKIES_UNDER_PRESSURE;
        if (!cookie)
            evict_one(e, listener);
    }
    if (!cookie && !has_room(e, listener)) {
        listener->funnel.queue_full++;
        return HF_DROP_BACKLOG_FULL;
    }
    struct hf_tcp_path path = {{in->ip.dst, seg->dst_port}, {in->ip.src, seg->src_port}, .link = hop.link};
    struct hf_tcp *c = hf_unfold_onto(e, &path, &listener->options);
    if (cookie) {
        answer_with_cookie(e, index, c, in, seg);
        return HF_ACCEPTED;
    }
    hf_tcp_begin(&e->tcp, c);
    if (old_nxt != NULL)
        hf_begin_beyond(c, *old_nxt);
    c->listener = index;
    bool fast = is_fast_open(e, listener, c, seg);
    uint64_t note = hf_note_arrival(e, c, in, seg, HF_LISTEN);
    hf_listen_spawn(&e->tcp, listener, c, seg);
    hf_note_verdict(&e->tcp, note, c, HF_ACCEPTED);
    if (fast) {
        begin_fast(e, &hop, path.may_fragment, seg);
        return HF_ACCEPTED;
    }
    hf_reply_debts(e, c, in);
    keep(e, hf_small_new(e, place), c);
    return HF_ACCEPTED;
}

/* ---- what comes next ---- */

/* What was unfolded is no longer half-open: it gets a record of its own, and its listener a connection to hand out. */
static struct hf_tcp *become_whole(struct hf_engine *e, const struct hf_arrival *in, bool may_fragment)
{
    struct hf_hop hop;
    if (!hf_way_back(e, in, &hop))
        hop = (struct hf_hop){.next = in->ip.src, .link = e->unfolded.link};
    return hf_connection_unfolded(e, &hop, may_fragment);
}

static bool may_fragment_to(const struct hf_engine *e, const struct hf_tcp *c)
{
    struct hf_tcp_path path = {.remote = {c->remote_addr, c->remote_port}, .link = c->link};
    hf_path_facts(e, &path);
    return path.may_fragment;
}

enum hf_reason hf_half_open_arrives(struct hf_engine *e, uint32_t slot, const struct hf_arrival *in,
                                    const struct hf_segment *seg)
{
    if ((seg->flags & HF_TCP_ACK) && hf_pool_available(&e->tcp.connections) == 0) {
        hf_count(&e->tcp, HF_LIMIT_CONNECTIONS);
        return HF_LIMIT_CONNECTIONS; /* as a lost ACK: our SYN,ACK asks again */
    }
    struct hf_tcp *c = hf_small_unfold(e, slot);
    uint64_t note = hf_note_arrival(e, c, in, seg, c->state);
    struct hf_verdict verdict = hf_segment_arrives(&e->tcp, c, seg);
    if (verdict.reset != HF_REASON_NONE)
        hf_reply_reset(e, in, seg, verdict.reset);
    if (c->state == HF_SYN_RECEIVED) {
        hf_reply_debts(e, c, in);
        hf_half_open_fold(c, half_open_at(e, slot));
    } else if (c->state == HF_CLOSED) {
        struct hf_listener *listener = hf_listener_at(e, c->listener);
        listener->half_open--;
        listener->funnel.reset++;
        hf_tcp_forget(&e->tcp, c);
        leave(e, slot);
    } else {
        leave(e, slot);
        c = become_whole(e, in, may_fragment_to(e, c));
    }
    hf_note_verdict(&e->tcp, note, c, verdict.why);
    if (c != &e->unfolded)
        hf_settle(e, c);
    return verdict.why;
}

/* The connection that a cookie stands for begins its life, as a child whose half-open record was not kept. */
static enum hf_reason open_by_cookie(struct hf_engine *e, uint32_t index, const struct hf_arrival *in,
                                     const struct hf_segment *seg, const struct hf_hop *hop, bool may_fragment)
{
    struct hf_listener *listener = hf_listener_at(e, index);
    hf_count(&e->tcp, HF_EDGE_SYN_COOKIE);
    listener->half_open++;
    listener->funnel.cookies_returned++;
    struct hf_tcp *c = hf_connection_unfolded(e, hop, may_fragment);
    uint64_t note = hf_note_arrival(e, c, in, seg, HF_SYN_RECEIVED);
    struct hf_verdict verdict = hf_segment_arrives(&e->tcp, c, seg);
    hf_note_verdict(&e->tcp, note, c, verdict.why);
    if (verdict.reset != HF_REASON_NONE)
        hf_reply_reset(e, in, seg, verdict.reset);
    hf_settle(e, c);
    return verdict.why;
}

/* Whoever brings no cookie back has none, and gets the RST that LISTEN says; but text, or a FIN, may have overtaken
 * the ACK that does, or that ACK was lost: it will come again from the beginning, and a RST would end an honest
 * connection. */
static bool no_cookie(struct hf_engine *e, struct hf_listener *listener, const struct hf_segment *seg,
                      enum hf_reason *why)
{
    bool may_be_early = seg->data_len > 0 || (seg->flags & HF_TCP_FIN);
    listener->funnel.cookies_failed++;
    *why = HF_DROP_SYN_COOKIE;
    if (!may_be_early)
        hf_count(&e->tcp, HF_DROP_SYN_COOKIE); /* the verdict will be LISTEN's */
    return may_be_early;
}

bool hf_cookie_arrives(struct hf_engine *e, uint32_t index, const struct hf_arrival *in,
                       const struct hf_segment *seg, enum hf_reason *why)
{
    struct hf_listener *listener = hf_listener_at(e, index);
    struct hf_hop hop;
    bool expected = e->tcp.config.syn_cookies != HF_SYN_COOKIES_OFF && hf_time_before(e->tcp.now, e->cookies_until);
    if (!expected || (seg->flags & (HF_TCP_ACK | HF_TCP_SYN | HF_TCP_RST)) != HF_TCP_ACK ||
        !hf_way_back(e, in, &hop))
        return false;
    struct hf_tcp_path path = {{in->ip.dst, seg->dst_port}, {in->ip.src, seg->src_port}, .link = hop.link};
    struct hf_tcp *c = hf_unfold_onto(e, &path, &listener->options);
    c->listener = index;
    if (!hf_syn_cookie_taste(&e->tcp, c, seg)) {
        hf_tcp_forget(&e->tcp, c);
        return no_cookie(e, listener, seg, why);
    }
    e->tcp.states[HF_SYN_RECEIVED]++;
    bool is_queue_full = listener->waiting >= listener->backlog;
    if (is_queue_full || hf_pool_available(&e->tcp.connections) == 0) {
        *why = is_queue_full ? HF_DROP_BACKLOG_FULL : HF_LIMIT_CONNECTIONS;
        listener->funnel.queue_full += is_queue_full;
        hf_tcp_forget(&e->tcp, c);
        return true;
    }
    *why = open_by_cookie(e, index, in, seg, &hop, path.may_fragment);
    return true;
}

/* ---- time ---- */

static uint64_t waited_us(const struct hf_engine *e, const struct hf_half_open *h)
{
    return hf_tcp_us(&e->tcp) - h->sent_us;
}

static void ask_again(struct hf_engine *e, uint32_t slot)
{
    struct hf_half_open *h = half_open_at(e, slot);
    hf_small_remove(e, queue_of(e, h), slot);
    struct hf_tcp *c = hf_small_unfold(e, slot);
    c->flags |= HF_TF_SYN_AGAIN;
    c->owed |= HF_OWE_SYN;
    c->retries++;
    hf_reply_debts(e, c, NULL);
    hf_half_open_fold(c, h);
    h->head.retries++;
    wait_for_answer(e, slot);
}

hf_time hf_half_open_deadline(const struct hf_engine *e)
{
    hf_time first = HF_NEVER;
    for (unsigned i = 0; i < HF_HALF_OPEN_QUEUES; i++) {
        if (e->half_open[i].first == HF_NONE)
            continue;
        const struct hf_half_open *h = half_open_at(e, e->half_open[i].first);
        uint64_t waited = waited_us(e, h), patience = patience_us(e, h->head.retries);
        hf_ns left = waited >= patience ? 0 : (hf_ns)(patience - waited) * HF_US;
        first = hf_time_first(first, hf_time_add(e->tcp.now, left));
    }
    return first;
}

void hf_half_open_advance(struct hf_engine *e)
{
    if (!hf_time_reached(e->tcp.now, e->half_open_due))
        return;
    for (unsigned i = 0; i < HF_HALF_OPEN_QUEUES; i++) {
        uint32_t slot;
        while ((slot = e->half_open[i].first) != HF_NONE) {
            const struct hf_half_open *h = half_open_at(e, slot);
            if (waited_us(e, h) < patience_us(e, h->head.retries))
                break;
            if (h->head.retries >= e->tcp.config.syn_ack_retries)
                end(e, slot, HF_EDGE_SYN_TIMED_OUT, HF_ERR_TIMED_OUT);
            else
                ask_again(e, slot);
        }
    }
    hf_time next = hf_half_open_deadline(e);
    e->half_open_due = hf_time_is_never(next) ? next : (hf_time){next.ns - HF_US};
}

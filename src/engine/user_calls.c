/*
 * The calls of include/handfast/tcp.h: finding and naming the record, and what TCP leaves to its host (addresses, ports,
 * routes, listeners). What a call means to a connection is tcp/calls.c.
 *
 * Read first: engine.h, tcp/calls.c.
 */
#include "engine.h"

#define DEFAULT_BACKLOG 128

/* ---- handles ---- */

struct hf_tcp *hf_connection_of(const struct hf_engine *e, hf_conn conn)
{
    if (conn.slot >= e->tcp.connections.fresh || conn.generation == 0)
        return NULL;
    struct hf_tcp *c = hf_record(e, conn.slot);
    return c->own.generation == conn.generation ? c : NULL;
}

struct hf_listener *hf_listener_of(const struct hf_engine *e, hf_conn conn)
{
    uint32_t first = e->first_slot[HF_AT_LISTENER];
    if (conn.slot < first || conn.slot - first >= e->tcp.listeners.fresh)
        return NULL;
    struct hf_listener *listener = hf_listener_at(e, conn.slot - first);
    return listener->in_use && listener->generation == conn.generation ? listener : NULL;
}

/* The record of a handle that the application still holds: not one that hf_tcp_next showed it before hf_tcp_accept. */
static struct hf_tcp *held(const struct hf_engine *e, hf_conn conn)
{
    struct hf_tcp *c = hf_connection_of(e, conn);
    bool is_ours = c != NULL && c->own.phase == HF_PHASE_OURS && !(c->flags & HF_TF_RELEASED);
    return is_ours ? c : NULL;
}

/* What a connection's call answers when there is no connection behind the handle. */
static int not_held(const struct hf_engine *e, hf_conn conn)
{
    return hf_listener_of(e, conn) != NULL ? HF_ERR_NOT_CONNECTED : HF_ERR_STALE;
}

/* ---- passive OPEN ---- */

static bool may_listen_at(const struct hf_engine *e, const struct hf_addr *addr)
{
    return hf_addr_is_any(addr) || hf_links_owner(&e->links, addr) != HF_LINK_NONE;
}

/* A fresh record keeps its generation, one more than its last life's, so that old handles are stale. */
static void init_listener(struct hf_listener *listener, const struct hf_endpoint *local,
                          const struct hf_tcp_options *options, hf_time now)
{
    uint32_t generation = listener->generation + 1;
    *listener = (struct hf_listener){
        .local = *local,
        .options = *options,
        .generation = generation != 0 ? generation : 1,
        .backlog = options->backlog != 0 ? options->backlog : DEFAULT_BACKLOG,
        .accept_first = HF_NONE,
        .accept_last = HF_NONE,
        .event_next = HF_NONE,
        .link = HF_LINK_NONE,
        .in_use = true,
        .is_open = true,
        .opened_at = now,
    };
}

static int no_listener_left(struct hf_engine *e)
{
    hf_count(&e->tcp, HF_LIMIT_LISTENERS);
    return HF_ERR_LIMIT;
}

/* MUST-41: a listener more, or an error, and nothing else is touched. MUST-42: connections that have the same port
 * at our end, in whatever state, do not matter. */
int hf_tcp_listen(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_tcp_options *options,
                  hf_conn *listener_out)
{
    static const struct hf_tcp_options defaults;
    struct hf_endpoint at = *local;
    if (!may_listen_at(e, &at.addr))
        return HF_ERR_NO_ADDRESS;
    if (at.port == 0 && (at.port = hf_port_to_listen(e, &at.addr)) == 0)
        return HF_ERR_NO_PORT;
    if (hf_demux_listener_exact(e, &at) != HF_NONE)
        return HF_ERR_IN_USE;
    uint32_t index = hf_pool_take(&e->tcp.listeners);
    if (index == HF_NONE)
        return no_listener_left(e);
    struct hf_listener *listener = hf_listener_at(e, index);
    init_listener(listener, &at, options != NULL ? options : &defaults, e->tcp.now);
    hf_demux_add_listener(e, index);
    e->tcp.states[HF_LISTEN]++;
    *listener_out = (hf_conn){hf_listener_slot(e, index), listener->generation};
    return HF_OK;
}

int hf_tcp_intercept(struct hf_engine *e, hf_link link, const struct hf_tcp_options *options, hf_conn *listener_out)
{
    static const struct hf_tcp_options defaults;
    static const struct hf_endpoint everybody;
    if (link >= hf_links_count(&e->links))
        return HF_ERR_INVALID;
    if (hf_demux_interceptor(e, link) != HF_NONE)
        return HF_ERR_IN_USE;
    uint32_t index = hf_pool_take(&e->tcp.listeners);
    if (index == HF_NONE)
        return no_listener_left(e);
    struct hf_listener *listener = hf_listener_at(e, index);
    init_listener(listener, &everybody, options != NULL ? options : &defaults, e->tcp.now);
    listener->link = link;
    e->interceptors++;
    e->tcp.states[HF_LISTEN]++;
    *listener_out = (hf_conn){hf_listener_slot(e, index), listener->generation};
    return HF_OK;
}

int hf_tcp_accept(struct hf_engine *e, hf_conn listener_handle, hf_conn *conn)
{
    struct hf_listener *listener = hf_listener_of(e, listener_handle);
    if (listener == NULL)
        return held(e, listener_handle) != NULL ? HF_ERR_NOT_LISTENING : HF_ERR_STALE;
    if (!listener->is_open)
        return HF_ERR_NOT_LISTENING;
    struct hf_tcp *c = hf_accept_next(e, listener);
    if (c == NULL)
        return HF_ERR_AGAIN;
    listener->funnel.accepted++;
    *conn = hf_handle(c);
    hf_settle(e, c);
    return HF_OK;
}

/* LISTEN ends at CLOSE (RFC 9293, 3.10.4): whoever waits to be accepted is reset. */
static void close_listener(struct hf_engine *e, struct hf_listener *listener)
{
    uint32_t index = hf_pool_index(&e->tcp.listeners, listener);
    if (!listener->is_open)
        return;
    listener->is_open = false;
    if (listener->link == HF_LINK_NONE)
        hf_demux_remove_listener(e, index);
    else
        e->interceptors--;
    e->tcp.states[HF_LISTEN]--;
    hf_listener_abandon(e, index);
}

static void release_listener(struct hf_engine *e, struct hf_listener *listener)
{
    close_listener(e, listener);
    listener->in_use = false;
    hf_settle_listener(e, hf_pool_index(&e->tcp.listeners, listener));
}

/* ---- active OPEN ---- */

/* MUST-46: nobody connects to a group or to nobody. */
static bool may_be_called(const struct hf_engine *e, const struct hf_addr *remote)
{
    enum hf_address_kind kind = hf_links_kind(&e->links, HF_LINK_NONE, remote);
    return kind == HF_ADDRESS_OURS || kind == HF_ADDRESS_UNICAST;
}

/* Our own end: as asked for (MUST-43), as far as that was left open chosen (MUST-44), or an error. It stays
 * (MUST-45). */
static int choose_local(struct hf_engine *e, const struct hf_endpoint *wanted, const struct hf_hop *hop,
                        struct hf_tcp_path *path)
{
    const struct hf_endpoint *remote = &path->remote;
    bool given = wanted != NULL && !hf_addr_is_any(&wanted->addr);
    if (given && hf_addr_is_v4(&wanted->addr) != hf_addr_is_v4(&remote->addr))
        return HF_ERR_INVALID;
    if (given && hf_links_owner(&e->links, &wanted->addr) == HF_LINK_NONE)
        return HF_ERR_NO_ADDRESS;
    if (given)
        path->local.addr = wanted->addr;
    else if (!hf_way_source(e, &remote->addr, hop, path->link, &path->local.addr))
        return HF_ERR_NO_ADDRESS;
    path->local.port = wanted != NULL ? wanted->port : 0;
    if (path->local.port == 0)
        path->local.port = hf_port_for(e, &path->local.addr, remote);
    else if (!hf_tuple_is_free(e, &path->local, remote))
        return HF_ERR_IN_USE;
    return path->local.port != 0 ? HF_OK : HF_ERR_NO_PORT;
}

int hf_tcp_connect(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote,
                   const struct hf_tcp_options *options, hf_conn *conn)
{
    static const struct hf_tcp_options defaults;
    struct hf_hop hop;
    if (remote->port == 0)
        return HF_ERR_INVALID;
    if (!hf_way_to(e, &remote->addr, HF_LINK_NONE, &hop))
        return may_be_called(e, &remote->addr) ? HF_ERR_NO_ROUTE : HF_ERR_INVALID;
    struct hf_tcp_path path = {.remote = *remote, .link = hop.link};
    if (hop.is_local)
        path.link = hf_links_owner(&e->links, &remote->addr);
    int error = choose_local(e, local, &hop, &path);
    if (error != HF_OK)
        return error;
    hf_path_facts(e, &path);
    if (hf_pool_available(&e->tcp.connections) == 0) {
        hf_count(&e->tcp, HF_LIMIT_CONNECTIONS);
        return HF_ERR_LIMIT;
    }
    uint32_t taken = hf_demux_find(e, &path.local, remote);
    hf_seq old_nxt = taken != HF_NONE ? hf_time_wait_take(e, taken) : hf_seq_of(0);
    struct hf_tcp *c = hf_connection_new(e, &path, &hop, options != NULL ? options : &defaults);
    if (taken != HF_NONE)
        hf_begin_beyond(c, old_nxt);
    hf_call_open(&e->tcp, c, options != NULL && options->fast_open > 0);
    *conn = hf_handle(c);
    hf_settle(e, c);
    return HF_OK;
}

/* ---- the answer to a SYN that waits for it ---- */

int hf_tcp_answer(struct hf_engine *e, hf_conn conn, enum hf_answer answer)
{
    static const enum hf_icmp_cause_kind kinds[] = {
        [HF_ANSWER_UNREACHABLE] = HF_ICMP_HOST,
        [HF_ANSWER_NO_NETWORK] = HF_ICMP_NETWORK,
        [HF_ANSWER_PROHIBITED] = HF_ICMP_PROHIBITED,
    };
    struct hf_tcp *c = held(e, conn);
    if (c == NULL)
        return not_held(e, conn);
    if (c->state != HF_SYN_RECEIVED || !hf_listen_is_offer(c))
        return HF_ERR_INVALID;
    switch (answer) {
    case HF_ANSWER_ACCEPT:
        hf_listen_accept_offer(&e->tcp, c);
        break;
    case HF_ANSWER_REFUSE:
        hf_listen_decline_offer(&e->tcp, c, true);
        break;
    case HF_ANSWER_UNREACHABLE:
    case HF_ANSWER_NO_NETWORK:
    case HF_ANSWER_PROHIBITED:
        hf_reply_decline(e, c, kinds[answer]);
        hf_listen_decline_offer(&e->tcp, c, false);
        break;
    case HF_ANSWER_SILENCE:
        break; /* the record stays until its time is over, and swallows the SYN when it comes again */
    }
    hf_settle(e, c);
    return HF_OK;
}

/* ---- SEND and RECEIVE ---- */

/* Whoever got less room than was wanted is told anew when there is some. */
static void settle_sender(struct hf_engine *e, struct hf_tcp *c)
{
    if (c->flags & HF_TF_SOUGHT_ROOM)
        c->own.told &= (uint16_t)~HF_EV_WRITABLE;
    hf_settle(e, c);
}

int64_t hf_tcp_send(struct hf_engine *e, hf_conn conn, const void *data, size_t len, unsigned flags)
{
    struct hf_tcp *c = held(e, conn);
    if (c == NULL)
        return not_held(e, conn);
    int64_t taken = hf_call_send(&e->tcp, c, data, len, flags);
    settle_sender(e, c);
    return taken;
}

int64_t hf_tcp_lend_send(struct hf_engine *e, hf_conn conn, uint8_t **data)
{
    struct hf_tcp *c = held(e, conn);
    if (c == NULL)
        return not_held(e, conn);
    int64_t room = hf_call_lend_send(&e->tcp, c, data);
    settle_sender(e, c);
    return room;
}

int hf_tcp_sent(struct hf_engine *e, hf_conn conn, size_t len, unsigned flags)
{
    struct hf_tcp *c = held(e, conn);
    if (c == NULL)
        return not_held(e, conn);
    int error = hf_call_sent(&e->tcp, c, len, flags);
    hf_settle(e, c);
    return error;
}

int64_t hf_tcp_receive(struct hf_engine *e, hf_conn conn, void *data, size_t len)
{
    struct hf_tcp *c = held(e, conn);
    if (c == NULL)
        return not_held(e, conn);
    int64_t taken = hf_call_receive(&e->tcp, c, data, len);
    hf_settle(e, c);
    return taken;
}

int64_t hf_tcp_lend_received_spans(struct hf_engine *e, hf_conn conn, struct hf_span *spans, unsigned *count)
{
    struct hf_tcp *c = held(e, conn);
    unsigned max = *count;
    *count = 0;
    if (max == 0)
        return HF_ERR_INVALID;
    return c == NULL ? not_held(e, conn) : hf_call_lend_received(&e->tcp, c, spans, max, count);
}

int64_t hf_tcp_lend_received(struct hf_engine *e, hf_conn conn, const uint8_t **data)
{
    struct hf_span span = {NULL, 0};
    unsigned count = 1;
    int64_t len = hf_tcp_lend_received_spans(e, conn, &span, &count);
    if (len > 0)
        *data = span.data;
    return len;
}

int hf_tcp_received(struct hf_engine *e, hf_conn conn, size_t len)
{
    struct hf_tcp *c = held(e, conn);
    if (c == NULL)
        return not_held(e, conn);
    int error = hf_call_received(&e->tcp, c, len);
    hf_settle(e, c);
    return error;
}

/* ---- CLOSE and ABORT ---- */

int hf_tcp_shutdown(struct hf_engine *e, hf_conn conn)
{
    struct hf_tcp *c = held(e, conn);
    if (c == NULL)
        return not_held(e, conn);
    int error = hf_call_shutdown(&e->tcp, c);
    hf_settle(e, c);
    return error;
}

int hf_tcp_close(struct hf_engine *e, hf_conn conn)
{
    struct hf_listener *listener = hf_listener_of(e, conn);
    struct hf_tcp *c = held(e, conn);
    if (listener != NULL)
        close_listener(e, listener);
    if (c == NULL)
        return listener != NULL ? HF_OK : HF_ERR_STALE;
    int error = hf_call_close(&e->tcp, c);
    hf_settle(e, c);
    return error;
}

int hf_tcp_abort(struct hf_engine *e, hf_conn conn)
{
    struct hf_listener *listener = hf_listener_of(e, conn);
    struct hf_tcp *c = held(e, conn);
    if (listener != NULL)
        close_listener(e, listener);
    if (c == NULL)
        return listener != NULL ? HF_OK : HF_ERR_STALE;
    int error = hf_call_abort(&e->tcp, c, HF_EDGE_ABORT);
    hf_settle(e, c);
    return error;
}

int hf_tcp_release(struct hf_engine *e, hf_conn conn)
{
    struct hf_listener *listener = hf_listener_of(e, conn);
    struct hf_tcp *c = held(e, conn);
    if (listener != NULL)
        release_listener(e, listener);
    if (c == NULL)
        return listener != NULL ? HF_OK : HF_ERR_STALE;
    (void)hf_call_close(&e->tcp, c);
    c->flags |= HF_TF_RELEASED;
    hf_settle(e, c);
    return HF_OK;
}

/* ---- STATUS and options ---- */

/* A small record can be looked at, and nothing else. */
static bool is_small(const struct hf_engine *e, hf_conn conn)
{
    return !hf_conn_is_none(conn) && hf_conn_equal(hf_small_handle(e, conn.slot), conn);
}

static void listener_status(const struct hf_listener *listener, struct hf_tcp_info *info)
{
    *info = (struct hf_tcp_info){
        .local = listener->local,
        .state = listener->is_open ? HF_LISTEN : HF_CLOSED,
        .is_listener = true,
        .app_closed = !listener->is_open,
        .user = listener->options.user,
        .opened_at = listener->opened_at,
        .state_at = listener->opened_at,
        .send_queue = listener->backlog,
        .receive_queue = listener->waiting,
        .link = HF_LINK_NONE,
    };
}

int hf_tcp_status(struct hf_engine *e, hf_conn conn, struct hf_tcp_info *info)
{
    const struct hf_tcp *c = hf_connection_of(e, conn);
    const struct hf_listener *listener = hf_listener_of(e, conn);
    if (c == NULL && is_small(e, conn))
        c = hf_small_unfold(e, conn.slot);
    if (c != NULL)
        hf_call_status(&e->tcp, c, info);
    else if (listener != NULL)
        listener_status(listener, info);
    return c != NULL || listener != NULL ? HF_OK : HF_ERR_STALE;
}

int hf_tcp_set_options(struct hf_engine *e, hf_conn conn, const struct hf_tcp_options *options)
{
    struct hf_listener *listener = hf_listener_of(e, conn);
    struct hf_tcp *c = held(e, conn);
    if (listener != NULL) {
        listener->options = *options;
        listener->backlog = options->backlog != 0 ? options->backlog : DEFAULT_BACKLOG;
        return HF_OK;
    }
    if (c == NULL)
        return HF_ERR_STALE;
    hf_tcp_apply_options(&e->tcp, c, options);
    hf_settle(e, c);
    return HF_OK;
}

int hf_tcp_get_options(struct hf_engine *e, hf_conn conn, struct hf_tcp_options *options)
{
    const struct hf_listener *listener = hf_listener_of(e, conn);
    const struct hf_tcp *c = held(e, conn);
    if (listener != NULL)
        *options = listener->options;
    else if (c != NULL)
        hf_tcp_read_options(c, options);
    return listener != NULL || c != NULL ? HF_OK : HF_ERR_STALE;
}

int hf_tcp_set_user(struct hf_engine *e, hf_conn conn, uint64_t user)
{
    struct hf_listener *listener = hf_listener_of(e, conn);
    struct hf_tcp *c = held(e, conn);
    if (listener != NULL)
        listener->options.user = user;
    else if (c != NULL)
        c->user = user;
    return listener != NULL || c != NULL ? HF_OK : HF_ERR_STALE;
}

/* ---- Fast Open's memory ---- */

bool hf_fast_open_next(const struct hf_engine *e, uint32_t *index, struct hf_fast_open_memory *memory)
{
    return hf_fast_open_tell(&e->tcp, (*index)++, memory);
}

int hf_fast_open_remember(struct hf_engine *e, const struct hf_fast_open_memory *memory)
{
    return hf_fast_open_learn(&e->tcp, memory);
}

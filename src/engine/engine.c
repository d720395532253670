/*
 * The five calls, and the making of the block they work on. Nothing here knows TCP: frames go to input.c and come from
 * output.c, time goes to the wheel.
 *
 * Read first: engine.h.
 */
#include "engine.h"

#include "config.h"

/* ---- making ---- */

/* Each kind of record has its range of slots, and each slot may be in the table. */
static void carve_slots(struct hf_engine *e, struct hf_arena *arena, const struct hf_config *config)
{
    const uint32_t counts[HF_PLACES] = {
        [HF_AT_CONNECTION] = config->max_connections,
        [HF_AT_LISTENER] = config->max_listeners,
        [HF_AT_HALF_OPEN_V4] = config->max_half_open,
        [HF_AT_HALF_OPEN_V6] = config->max_half_open,
        [HF_AT_TIME_WAIT_V4] = config->max_time_wait,
        [HF_AT_TIME_WAIT_V6] = config->max_time_wait,
    };
    for (unsigned place = 0; place < HF_PLACES; place++)
        e->first_slot[place + 1] = e->first_slot[place] + counts[place];
    hf_table_init(&e->table, arena, config->max_connections + config->max_listeners + config->max_half_open +
                                        config->max_time_wait);
    for (unsigned i = 0; i < HF_SMALL_PLACES; i++) {
        unsigned place = HF_AT_HALF_OPEN_V4 + i;
        uint32_t fixed_len = place < HF_AT_TIME_WAIT_V4 ? sizeof(struct hf_half_open) : sizeof(struct hf_time_wait);
        bool is_v4 = place == HF_AT_HALF_OPEN_V4 || place == HF_AT_TIME_WAIT_V4;
        hf_pool_init(&e->small[i], arena, counts[place], hf_small_size(fixed_len, is_v4));
    }
    e->half_open_due = e->time_wait_due = HF_NEVER;
    for (unsigned i = 0; i < HF_HALF_OPEN_QUEUES; i++)
        e->half_open[i] = (struct hf_queue){HF_NONE, HF_NONE};
    e->time_wait[0] = e->time_wait[1] = (struct hf_queue){HF_NONE, HF_NONE};
}

/* One function carves the block, be it to measure or to make, so the two cannot disagree. Records are at their place in
 * `e` in both cases; when measuring `e` is a stack copy that is thrown away. */
static void carve(struct hf_engine *e, struct hf_arena *arena, const struct hf_config *config, hf_time now)
{
    hf_tcp_shared_init(&e->tcp, arena, config, now);
    struct hf_random *random = &e->tcp.random;
    hf_links_init(&e->links, arena, config->max_links, config->max_addresses);
    hf_routes_init(&e->routes, arena, config->max_routes);
    hf_neighbours_init(&e->neighbours, arena, config->max_neighbours, hf_random_key(random));
    hf_paths_init(&e->paths, arena, config->max_paths, hf_random_key(random));
    hf_fragments_init(&e->fragments, arena, config->max_fragments);
    carve_slots(e, arena, config);
    hf_wheel_init(&e->wheel, arena, config->max_connections, now);
    hf_pool_init(&e->replies, arena, config->max_replies, sizeof(struct hf_reply));
    hf_pool_init(&e->ways, arena, config->max_connections, sizeof(struct hf_way));
    hf_icmp_limit_init(&e->icmp_limit, now);
    e->tuple_key = hf_random_key(random);
    e->port_key = hf_random_key(random);
    e->ip_id = (uint32_t)hf_random_next(random);
    e->last_found = e->last_listener = HF_NONE;
    e->turn = e->parked = e->events = e->reply_queue = (struct hf_queue){HF_NONE, HF_NONE};
}

static size_t size_of(const struct hf_config *config)
{
    struct hf_engine measured = {.size = 0};
    struct hf_arena arena = {.base = NULL};
    (void)hf_arena_carve(&arena, 1, sizeof measured);
    carve(&measured, &arena, config, (hf_time){0});
    return arena.used == SIZE_MAX ? 0 : arena.used;
}

size_t hf_engine_size(const struct hf_config *config)
{
    return hf_config_is_acceptable(config) ? size_of(config) : 0;
}

struct hf_engine *hf_engine_create(void *memory, size_t size, const struct hf_config *config, hf_time now)
{
    size_t needed = hf_engine_size(config);
    if (needed == 0 || size < needed || memory == NULL || (uintptr_t)memory % 64 != 0)
        return NULL;
    struct hf_arena arena = {.base = memory};
    struct hf_engine *e = hf_arena_carve(&arena, 1, sizeof *e);
    carve(e, &arena, config, now);
    e->size = needed;
    return e;
}

void hf_reseed(struct hf_engine *e, const uint8_t seed[16]) { hf_random_mix(&e->tcp.random, seed); }

/* ---- time ---- */

/* Time as told; it never runs backwards, whatever the caller says (BUG-48). */
static void set_time(struct hf_engine *e, hf_time now)
{
    if (hf_time_before(e->tcp.now, now))
        e->tcp.now = now;
}

/* Whoever waited for a neighbour tries again, be it to send or to learn that there is none. */
static void hear_of_neighbours(struct hf_engine *e)
{
    struct hf_neighbour_news news;
    bool any = false;
    while (hf_neighbours_news(&e->neighbours, &news))
        any = true;
    if (any)
        hf_unpark(e);
}

static void forget_fragments(struct hf_engine *e)
{
    struct hf_expired expired;
    while (hf_fragments_expire(&e->fragments, e->tcp.now, &expired)) {
        hf_count(&e->tcp, HF_DROP_FRAGMENT_TIMEOUT);
        hf_reply_expired(e, &expired);
    }
}

void hf_advance(struct hf_engine *e, hf_time now)
{
    set_time(e, now);
    uint32_t slot;
    while ((slot = hf_wheel_fire(&e->wheel, e->tcp.now)) != HF_NONE) {
        struct hf_tcp *c = hf_record(e, slot);
        if (hf_tcp_timeout(&e->tcp, c))
            hf_doubt_neighbour(e, c);
        hf_settle(e, c);
    }
    hf_half_open_advance(e);
    hf_time_wait_advance(e);
    if (hf_time_reached(e->tcp.now, hf_neighbours_deadline(&e->neighbours))) {
        hf_neighbours_advance(&e->neighbours, e->tcp.now);
        hear_of_neighbours(e);
    }
    if (hf_time_reached(e->tcp.now, hf_fragments_deadline(&e->fragments)))
        forget_fragments(e);
}

hf_time hf_deadline(const struct hf_engine *e)
{
    if (e->turn.first != HF_NONE || e->reply_queue.first != HF_NONE)
        return e->tcp.now;
    hf_time next = hf_wheel_next(&e->wheel);
    next = hf_time_first(next, hf_time_first(hf_half_open_deadline(e), hf_time_wait_deadline(e)));
    next = hf_time_first(next, hf_neighbours_deadline(&e->neighbours));
    return hf_time_first(next, hf_fragments_deadline(&e->fragments));
}

/* ---- frames ---- */

void hf_input(struct hf_engine *e, hf_time now, struct hf_frame *frame)
{
    set_time(e, now);
    e->frames_in++;
    e->bytes_in += frame->len;
    frame->conn = (hf_conn){0, 0};
    bool is_known = frame->link < hf_links_count(&e->links);
    enum hf_reason why = is_known ? hf_frame_arrives(e, frame) : HF_DROP_LINK_ADDRESS;
    frame->why = (uint16_t)why;
    hf_count(&e->tcp, why);
    if (e->parked.first != HF_NONE)
        hear_of_neighbours(e);
}

static bool stateless_output(struct hf_engine *e, struct hf_frame *frame)
{
    if (e->neighbours.owed > 0)
        hf_reply_solicit(e);
    return hf_reply_next(e, frame);
}

bool hf_output(struct hf_engine *e, hf_time now, struct hf_frame *frame)
{
    set_time(e, now);
    /* Again while a turn asked for a neighbour, or the engine answered itself. */
    bool is_something;
    do
        is_something = stateless_output(e, frame) || hf_connection_output(e, frame);
    while (!is_something && (e->reply_queue.first != HF_NONE || e->neighbours.owed > 0));
    if (!is_something)
        return false;
    e->frames_out++;
    e->bytes_out += frame->len;
    return true;
}

/* ---- events ---- */

static void event_of_listener(struct hf_engine *e, uint32_t index, struct hf_event *event)
{
    struct hf_listener *listener = hf_listener_at(e, index);
    e->events.first = listener->event_next;
    listener->on_events = false;
    uint32_t bits = listener->in_use && listener->waiting > 0 ? HF_EV_ACCEPTABLE : 0;
    *event = (struct hf_event){
        .conn = {hf_listener_slot(e, index), listener->generation},
        .bits = bits,
        .fresh = bits,
        .user = listener->options.user,
    };
    listener->news = 0;
    if (!listener->in_use)
        hf_settle_listener(e, index);
}

static void event_of_connection(struct hf_engine *e, uint32_t slot, struct hf_event *event)
{
    struct hf_tcp *c = hf_record(e, slot);
    e->events.first = c->own.event_next;
    c->own.on_events = false;
    uint32_t bits = c->flags & HF_TF_RELEASED ? 0 : hf_tcp_events(&e->tcp, c); /* nobody is left to be told */
    *event = (struct hf_event){
        .conn = hf_handle(c),
        .bits = bits,
        .fresh = (bits & ~(uint32_t)c->own.told) | (bits & c->own.news),
        .user = c->user,
    };
    c->own.told = (uint16_t)bits;
    c->own.news = 0;
    hf_settle_told(e, c);
}

bool hf_event(struct hf_engine *e, struct hf_event *event)
{
    while (e->events.first != HF_NONE) {
        uint32_t slot = e->events.first, connections = e->tcp.connections.capacity;
        if (slot >= connections)
            event_of_listener(e, slot - connections, event);
        else
            event_of_connection(e, slot, event);
        if (e->events.first == HF_NONE)
            e->events.last = HF_NONE;
        if (event->fresh != 0)
            return true;
    }
    return false;
}

/* ---- links, addresses, routes ---- */

int hf_link_add(struct hf_engine *e, const struct hf_link_config *config, hf_link *link)
{
    hf_way_forget(e);
    return hf_links_add(&e->links, config, link);
}

int hf_address_add(struct hf_engine *e, hf_link link, const struct hf_addr *addr, uint8_t prefix_len)
{
    hf_way_forget(e);
    return hf_links_add_address(&e->links, link, addr, prefix_len);
}

int hf_route_add(struct hf_engine *e, const struct hf_addr *prefix, uint8_t prefix_len, const struct hf_addr *gateway,
                 hf_link link)
{
    hf_way_forget(e);
    return hf_routes_add(&e->routes, &e->links, prefix, prefix_len, gateway, link);
}

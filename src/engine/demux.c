/*
 * Whose segment is it: connections by their four numbers, listeners by their two, in one keyed table (BUG-16: the key is
 * secret, so nobody can choose tuples that collide). Values are slots (enum hf_place).
 */
#include "engine.h"

static uint64_t hash_ends(const struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    uint8_t tuple[HF_PAIR_BYTES];
    return hf_siphash13(&e->tuple_key, tuple, hf_pair_bytes(local, remote, tuple));
}

static bool is_end(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && hf_addr_equal(&a->addr, &b->addr);
}

static uint64_t hash_tuple(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    struct hf_hashed *last = &e->hashed;
    if (!is_end(&last->remote, remote) || !is_end(&last->local, local))
        *last = (struct hf_hashed){*local, *remote, hash_ends(e, local, remote)};
    return last->hash;
}

/* The table looks at the upper half only. */
static uint64_t hash_record(const struct hf_engine *e, const struct hf_tcp *c)
{
    return (uint64_t)hf_way_of(e, hf_slot(c))->tag << 32;
}

static bool is_record_of(const struct hf_tcp *c, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    return c->local_port == local->port && c->remote_port == remote->port &&
           hf_addr_equal(&c->remote_addr, &remote->addr) && hf_addr_equal(&c->local_addr, &local->addr);
}

static bool is_small_of(const struct hf_engine *e, uint32_t slot, const struct hf_endpoint *local,
                        const struct hf_endpoint *remote)
{
    const struct hf_small *small = hf_small_at(e, slot);
    if (small->local_port != local->port || small->remote_port != remote->port)
        return false;
    struct hf_endpoint its_local, its_remote;
    hf_small_ends_of(e, slot, &its_local, &its_remote);
    return hf_addr_equal(&its_remote.addr, &remote->addr) && hf_addr_equal(&its_local.addr, &local->addr);
}

static bool is_of(const struct hf_engine *e, uint32_t slot, const struct hf_endpoint *local,
                  const struct hf_endpoint *remote)
{
    switch (hf_place_of(e, slot)) {
    case HF_AT_CONNECTION:
        return is_record_of(hf_record(e, slot), local, remote);
    case HF_AT_LISTENER:
        return false;
    default:
        return is_small_of(e, slot, local, remote);
    }
}

uint32_t hf_demux_find(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    struct hf_probe probe;
    uint32_t slot = hf_table_find(&e->table, hash_tuple(e, local, remote), &probe);
    for (; slot != HF_NONE; slot = hf_table_next(&e->table, &probe))
        if (is_of(e, slot, local, remote))
            return slot;
    return HF_NONE;
}

uint32_t hf_demux_find_next(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    if (e->last_found != HF_NONE) {
        const struct hf_tcp *c = hf_record(e, e->last_found);
        if (c->own.in_table && is_record_of(c, local, remote))
            return e->last_found;
    }
    uint32_t slot = hf_demux_find(e, local, remote);
    e->last_found = slot < e->first_slot[HF_AT_CONNECTION + 1] ? slot : HF_NONE;
    return slot;
}

void hf_demux_add(struct hf_engine *e, struct hf_tcp *c)
{
    const struct hf_endpoint local = {c->local_addr, c->local_port}, remote = {c->remote_addr, c->remote_port};
    uint64_t hash = hash_tuple(e, &local, &remote);
    hf_way_of(e, hf_slot(c))->tag = (uint32_t)(hash >> 32);
    (void)hf_table_add(&e->table, hash, hf_slot(c)); /* there is a place for every record */
    c->own.in_table = true;
    e->last_found = hf_slot(c);
}

void hf_demux_remove(struct hf_engine *e, struct hf_tcp *c)
{
    (void)hf_table_remove(&e->table, hash_record(e, c), hf_slot(c));
    c->own.in_table = false;
}

void hf_demux_hand_over(struct hf_engine *e, struct hf_tcp *c, uint32_t slot)
{
    (void)hf_table_rename(&e->table, hash_record(e, c), hf_slot(c), slot);
    c->own.in_table = false;
}

static uint64_t hash_small(struct hf_engine *e, uint32_t slot)
{
    struct hf_endpoint local, remote;
    hf_small_ends_of(e, slot, &local, &remote);
    return hash_tuple(e, &local, &remote);
}

void hf_demux_add_small(struct hf_engine *e, uint32_t slot)
{
    (void)hf_table_add(&e->table, hash_small(e, slot), slot);
}

void hf_demux_remove_small(struct hf_engine *e, uint32_t slot)
{
    (void)hf_table_remove(&e->table, hash_small(e, slot), slot);
}

/* ---- listeners: their remote end is nobody ---- */

static const struct hf_endpoint nobody;

static bool is_listener_at(const struct hf_engine *e, uint32_t index, const struct hf_endpoint *local)
{
    const struct hf_listener *listener = hf_listener_at(e, index);
    return listener->is_open && listener->link == HF_LINK_NONE && is_end(&listener->local, local);
}

uint32_t hf_demux_listener_exact(const struct hf_engine *e, const struct hf_endpoint *local)
{
    struct hf_probe probe;
    uint32_t slot = hf_table_find(&e->table, hash_ends(e, local, &nobody), &probe);
    for (; slot != HF_NONE; slot = hf_table_next(&e->table, &probe)) {
        uint32_t index = slot - e->first_slot[HF_AT_LISTENER];
        if (hf_place_of(e, slot) == HF_AT_LISTENER && is_listener_at(e, index, local))
            return index;
    }
    return HF_NONE;
}

uint32_t hf_demux_listener(struct hf_engine *e, const struct hf_endpoint *local)
{
    if (e->last_listener != HF_NONE && is_listener_at(e, e->last_listener, local))
        return e->last_listener; /* none is nearer than the one with exactly this address */
    uint32_t index = hf_demux_listener_exact(e, local);
    e->last_listener = index;
    if (index != HF_NONE)
        return index;
    struct hf_endpoint any = {.port = local->port};
    if (hf_addr_is_v4(&local->addr)) {
        any.addr = hf_addr_v4(0, 0, 0, 0);
        index = hf_demux_listener_exact(e, &any);
    }
    any.addr = (struct hf_addr){{0}};
    return index != HF_NONE ? index : hf_demux_listener_exact(e, &any); /* :: listens to both families */
}

/* Few links are intercepted, and few engines have many listeners: a scan will do. */
uint32_t hf_demux_interceptor(const struct hf_engine *e, hf_link link)
{
    if (e->interceptors == 0 || link == HF_LINK_NONE)
        return HF_NONE;
    for (uint32_t index = 0; index < e->tcp.listeners.fresh; index++) {
        const struct hf_listener *listener = hf_listener_at(e, index);
        if (listener->in_use && listener->is_open && listener->link == link)
            return index;
    }
    return HF_NONE;
}

uint32_t hf_demux_taker(struct hf_engine *e, hf_link link, const struct hf_endpoint *local)
{
    uint32_t index = hf_demux_listener(e, local);
    return index != HF_NONE ? index : hf_demux_interceptor(e, link);
}

void hf_demux_add_listener(struct hf_engine *e, uint32_t index)
{
    const struct hf_listener *listener = hf_listener_at(e, index);
    (void)hf_table_add(&e->table, hash_ends(e, &listener->local, &nobody), hf_listener_slot(e, index));
}

void hf_demux_remove_listener(struct hf_engine *e, uint32_t index)
{
    const struct hf_listener *listener = hf_listener_at(e, index);
    (void)hf_table_remove(&e->table, hash_ends(e, &listener->local, &nobody), hf_listener_slot(e, index));
}

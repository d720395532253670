/*
 * Whose segment is it: connections by their four numbers, listeners by their two, in one keyed table (BUG-16: the key is
 * secret, so nobody can choose tuples that collide). Values are slots (enum hf_place).
 */
#include "engine.h"

static uint64_t hash_tuple(const struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    uint8_t tuple[HF_PAIR_BYTES];
    return hf_siphash13(&e->tuple_key, tuple, hf_pair_bytes(local, remote, tuple));
}

static uint64_t hash_record(const struct hf_engine *e, const struct hf_tcp *c)
{
    const struct hf_endpoint local = {c->local_addr, c->local_port}, remote = {c->remote_addr, c->remote_port};
    return hash_tuple(e, &local, &remote);
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

uint32_t hf_demux_find(const struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote)
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
    e->last_found = hf_place_of(e, slot) == HF_AT_CONNECTION ? slot : HF_NONE;
    return slot;
}

void hf_demux_add(struct hf_engine *e, struct hf_tcp *c)
{
    (void)hf_table_add(&e->table, hash_record(e, c), hf_slot(c)); /* there is a place for every record */
    c->own.in_table = true;
}

static uint64_t hash_small(const struct hf_engine *e, uint32_t slot)
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

void hf_demux_remove(struct hf_engine *e, struct hf_tcp *c)
{
    (void)hf_table_remove(&e->table, hash_record(e, c), hf_slot(c));
    c->own.in_table = false;
}

/* ---- listeners: their remote end is nobody ---- */

static const struct hf_endpoint nobody;

uint32_t hf_demux_listener_exact(const struct hf_engine *e, const struct hf_endpoint *local)
{
    struct hf_probe probe;
    uint32_t slot = hf_table_find(&e->table, hash_tuple(e, local, &nobody), &probe);
    for (; slot != HF_NONE; slot = hf_table_next(&e->table, &probe)) {
        if (hf_place_of(e, slot) != HF_AT_LISTENER)
            continue;
        uint32_t index = slot - e->first_slot[HF_AT_LISTENER];
        const struct hf_listener *listener = hf_listener_at(e, index);
        if (listener->local.port == local->port && hf_addr_equal(&listener->local.addr, &local->addr))
            return index;
    }
    return HF_NONE;
}

uint32_t hf_demux_listener(const struct hf_engine *e, const struct hf_endpoint *local)
{
    uint32_t index = hf_demux_listener_exact(e, local);
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

uint32_t hf_demux_taker(const struct hf_engine *e, hf_link link, const struct hf_endpoint *local)
{
    uint32_t index = hf_demux_listener(e, local);
    return index != HF_NONE ? index : hf_demux_interceptor(e, link);
}

void hf_demux_add_listener(struct hf_engine *e, uint32_t index)
{
    const struct hf_listener *listener = hf_listener_at(e, index);
    (void)hf_table_add(&e->table, hash_tuple(e, &listener->local, &nobody), hf_listener_slot(e, index));
}

void hf_demux_remove_listener(struct hf_engine *e, uint32_t index)
{
    const struct hf_listener *listener = hf_listener_at(e, index);
    (void)hf_table_remove(&e->table, hash_tuple(e, &listener->local, &nobody), hf_listener_slot(e, index));
}

/*
 * The way to a destination, and back (RFC 1122, 3.3.1). Who opens a connection asks more than once, and so do the many who
 * open one to the same place: the last answer is kept (3.3.1.2) until a link, an address or a route is added.
 *
 * Read first: engine.h. Read next: ip/routes.h.
 */
#include "engine.h"

static bool is_last(const struct hf_engine *e, const struct hf_addr *dst, hf_link on)
{
    const struct hf_last_way *last = &e->last_way;
    return last->is_known && last->on == on && hf_addr_equal(&last->dst, dst);
}

bool hf_way_to(struct hf_engine *e, const struct hf_addr *dst, hf_link on, struct hf_hop *hop)
{
    if (is_last(e, dst, on)) {
        *hop = e->last_way.hop;
        return true;
    }
    if (!hf_routes_find(&e->routes, &e->links, dst, on, hop))
        return false;
    e->last_way = (struct hf_last_way){.dst = *dst, .on = on, .is_known = true, .hop = *hop};
    return true;
}

bool hf_way_source(struct hf_engine *e, const struct hf_addr *dst, const struct hf_hop *hop, hf_link link,
                   struct hf_addr *source)
{
    bool is_kept = is_last(e, dst, HF_LINK_NONE); /* it was just asked for, as a call does */
    if (is_kept && e->last_way.has_source) {
        *source = e->last_way.source;
        return true;
    }
    if (!hf_links_choose_source(&e->links, link, dst, &hop->next, source))
        return false;
    if (is_kept) {
        e->last_way.has_source = true;
        e->last_way.source = *source;
    }
    return true;
}

bool hf_way_back(struct hf_engine *e, const struct hf_arrival *in, struct hf_hop *hop)
{
    if (!hf_way_to(e, &in->ip.src, in->link, hop))
        return false;
    if (hop->is_local)
        hop->link = hf_links_owner(&e->links, &in->ip.src);
    return true;
}

/*
 * Where a datagram goes next: the longest matching prefix among the on-link prefixes of our addresses and the routes
 * that were added (RFC 1122, 3.3.1; RFC 4861, 5.2).
 *
 * A host has few routes, so they are scanned in order of addition; the record fits one cache line half. An on-link
 * prefix wins over an equally long route, and an earlier route over a later one.
 */
#ifndef HF_IP_ROUTES_H
#define HF_IP_ROUTES_H

#include "links.h"

struct hf_route {
    uint32_t spare; /* the pool's */
    hf_link link;
    uint8_t prefix_len; /* of the 128-bit form */
    struct hf_addr prefix;
    struct hf_addr gateway; /* any: on-link */
};

struct hf_routes {
    struct hf_pool pool;
};

void hf_routes_init(struct hf_routes *routes, struct hf_arena *arena, uint32_t max_routes);

/* As hf_route_add of engine.h: HF_OK, HF_ERR_LIMIT, or HF_ERR_INVALID (no such link, a prefix longer than its family
 * allows, a gateway of another family or that is multicast or our own). */
int hf_routes_add(struct hf_routes *routes, const struct hf_links *links, const struct hf_addr *prefix,
                  uint8_t prefix_len, const struct hf_addr *gateway, hf_link link);

struct hf_hop {
    struct hf_addr next; /* whom to ask the neighbour cache for: a gateway, or the destination itself */
    hf_link link;
    bool is_local; /* the destination is the engine's own: turn the datagram round, it goes on no wire */
};

/*
 * The way to the unicast address `dst`. `on` is the link the answer should use where that is open: link-local
 * destinations go there (the link a question arrived on), and of equally good ways one over it is taken; HF_LINK_NONE
 * when there is no preference. False when there is no route, or dst is any, multicast or limited broadcast.
 */
bool hf_routes_find(const struct hf_routes *routes, const struct hf_links *links, const struct hf_addr *dst, hf_link on,
                    struct hf_hop *hop);

#endif

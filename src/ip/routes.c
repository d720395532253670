/*
 * The next hop of a destination (RFC 1122, 3.3.1; RFC 4861, 5.2).
 *
 * Read first: routes.h, links.h.
 */
#include "routes.h"

#include "../../include/handfast/errors.h"

void hf_routes_init(struct hf_routes *routes, struct hf_arena *arena, uint32_t max_routes)
{
    hf_pool_init(&routes->pool, arena, max_routes, sizeof(struct hf_route));
}

static bool is_gateway(const struct hf_links *links, const struct hf_addr *gateway, hf_link link, bool is_v4)
{
    if (hf_addr_is_any(gateway))
        return true;
    return hf_addr_is_v4(gateway) == is_v4 && hf_links_kind(links, link, gateway) == HF_ADDRESS_UNICAST;
}

int hf_routes_add(struct hf_routes *routes, const struct hf_links *links, const struct hf_addr *prefix,
                  uint8_t prefix_len, const struct hf_addr *gateway, hf_link link)
{
    bool is_v4 = hf_addr_is_v4(prefix);
    if (link >= hf_links_count(links) || prefix_len > (is_v4 ? 32 : 128))
        return HF_ERR_INVALID;
    if (!is_gateway(links, gateway, link, is_v4))
        return HF_ERR_INVALID;
    uint32_t index = hf_pool_take(&routes->pool);
    if (index == HF_NONE)
        return HF_ERR_LIMIT;
    struct hf_route *route = hf_pool_at(&routes->pool, index);
    *route = (struct hf_route){
        .link = link,
        .prefix_len = (uint8_t)(is_v4 ? 96 + prefix_len : prefix_len),
        .prefix = *prefix,
        .gateway = *gateway,
    };
    return HF_OK;
}

/* The best way found so far. */
struct choice {
    const struct hf_addr *dst;
    hf_link on;
    bool is_v4;
    int prefix_len; /* -1: none yet */
    struct hf_hop hop;
};

static void consider(struct choice *c, const struct hf_addr *prefix, uint8_t prefix_len, hf_link link,
                     const struct hf_addr *next)
{
    if (prefix_len < c->prefix_len || hf_addr_is_v4(prefix) != c->is_v4)
        return;
    if (prefix_len == c->prefix_len && (link != c->on || c->hop.link == c->on))
        return;
    if (!hf_addr_in_prefix(c->dst, prefix, prefix_len))
        return;
    c->prefix_len = prefix_len;
    c->hop = (struct hf_hop){.next = *next, .link = link};
}

/* Every link with IPv6 has all of fe80::/10 on it, so only the question's link, or there being one, can decide. */
static bool find_link_local(const struct hf_links *links, const struct hf_addr *dst, hf_link on, struct hf_hop *hop)
{
    for (uint32_t i = 0; i < hf_links_count(links); i++) {
        const struct hf_link_record *record = hf_pool_at(&links->links, i);
        if (!record->has_v6 || (on != HF_LINK_NONE && on != i))
            continue;
        *hop = (struct hf_hop){.next = *dst, .link = (hf_link)i};
        return true;
    }
    return false;
}

bool hf_routes_find(const struct hf_routes *routes, const struct hf_links *links, const struct hf_addr *dst, hf_link on,
                    struct hf_hop *hop)
{
    enum hf_address_kind kind = hf_links_kind(links, on, dst);
    if (kind == HF_ADDRESS_OURS) {
        *hop = (struct hf_hop){.next = *dst, .link = hf_links_owner(links, dst), .is_local = true};
        return true;
    }
    if (kind != HF_ADDRESS_UNICAST)
        return false;
    bool is_v4 = hf_addr_is_v4(dst);
    if (!is_v4 && hf_addr_is_link_local(dst))
        return find_link_local(links, dst, on, hop);
    struct choice c = {.dst = dst, .on = on, .is_v4 = is_v4, .prefix_len = -1};
    for (uint32_t i = 0; i < links->addresses.used; i++) {
        const struct hf_address_record *record = hf_pool_at(&links->addresses, i);
        consider(&c, &record->addr, record->prefix_len, record->link, dst);
    }
    for (uint32_t i = 0; i < routes->pool.used; i++) {
        const struct hf_route *route = hf_pool_at(&routes->pool, i);
        consider(&c, &route->prefix, route->prefix_len, route->link,
                 hf_addr_is_any(&route->gateway) ? dst : &route->gateway);
    }
    if (c.prefix_len < 0)
        return false;
    *hop = c.hop;
    return true;
}

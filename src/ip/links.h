/*
 * The links and addresses of an engine, and what an address means to it: is this destination ours, can this be a
 * source, and which address do we send from (RFC 1122, 3.2.1.3 and 3.3.4; RFC 4291; RFC 6724).
 *
 * The engine follows the weak host model: an address is ours on whichever link it arrives, but for link-local
 * addresses, which belong to their link. Prefix lengths in records count bits of the 128-bit form, so that an IPv4
 * prefix of n bits is one of 96 + n and never meets an IPv6 one.
 *
 * Read next: routes.h.
 */
#ifndef HF_IP_LINKS_H
#define HF_IP_LINKS_H

#include "../../include/handfast/engine.h"
#include "../../include/handfast/reasons.h"
#include "../base/pool.h"

struct hf_link_record {
    uint32_t spare; /* the pool's */
    bool has_v6;
    struct hf_addr link_local; /* Ethernet with IPv6: fe80:: and the EUI-64 of the MAC (RFC 4291, 2.8); else any */
    struct hf_link_config config;
};

struct hf_address_record {
    uint32_t spare; /* the pool's */
    hf_link link;
    uint8_t prefix_len; /* of the 128-bit form */
    struct hf_addr addr;
};

struct hf_links {
    struct hf_pool links, addresses; /* never given back, so the indices are 0 .. used - 1 */
};

/* Carves the tables. Call on a measuring arena too. */
void hf_links_init(struct hf_links *links, struct hf_arena *arena, uint32_t max_links, uint32_t max_addresses);

/* As hf_link_add and hf_address_add of engine.h: HF_OK, HF_ERR_LIMIT or HF_ERR_INVALID. */
int hf_links_add(struct hf_links *links, const struct hf_link_config *config, hf_link *link);
int hf_links_add_address(struct hf_links *links, hf_link link, const struct hf_addr *addr, uint8_t prefix_len);

static inline uint32_t hf_links_count(const struct hf_links *links) { return links->links.used; }
/* `link` MUST be below hf_links_count. Lends. */
static inline const struct hf_link_config *hf_links_config(const struct hf_links *links, hf_link link)
{
    return &((const struct hf_link_record *)hf_pool_at(&links->links, link))->config;
}

/* What an address is, seen from `link` (HF_LINK_NONE: from none in particular, where no multicast is heard). */
enum hf_address_kind {
    HF_ADDRESS_ANY,       /* 0.0.0.0 or :: */
    HF_ADDRESS_OURS,      /* a unicast address of the engine's */
    HF_ADDRESS_UNICAST,   /* somebody else's */
    HF_ADDRESS_BROADCAST, /* 255.255.255.255, or the first or last address of a prefix of ours */
    HF_ADDRESS_HEARD,     /* multicast this engine listens to: all-nodes, solicited-node of ours, 224.0.0.1 */
    HF_ADDRESS_MULTICAST, /* any other multicast */
    HF_ADDRESS_LOOPBACK,  /* 127/8 or ::1, not given to the engine: never valid on a link (RFC 1122, 3.2.1.3 (g)) */
    HF_ADDRESS_NONE,      /* cannot be anybody's: 0/8 */
};
enum hf_address_kind hf_links_kind(const struct hf_links *links, hf_link link, const struct hf_addr *addr);

/* The link `addr` was given to, or HF_LINK_NONE when it is not the engine's own. */
hf_link hf_links_owner(const struct hf_links *links, const struct hf_addr *addr);

/*
 * May a datagram that arrived on `link` have this source? HF_ACCEPTED, or HF_DROP_IP_SOURCE for broadcast, multicast,
 * loopback, any and, unless the frame was turned round inside the engine (`looped`), our own address: a datagram from
 * ourselves that comes from outside is a forgery (LAND). The any address is a source only in neighbour discovery
 * (RFC 4862, 5.4), whose reader asks hf_links_kind itself. MUST-57, MUST-63; RFC 1122, 3.2.1.3.
 */
enum hf_reason hf_links_source(const struct hf_links *links, hf_link link, const struct hf_addr *src, bool looped);

/*
 * Is a datagram to `dst` that arrived on `link` for us? HF_ACCEPTED when ours, broadcast or multicast heard (TCP must
 * then refuse all but ours: *is_group tells), else HF_DROP_IP_DESTINATION.
 */
enum hf_reason hf_links_destination(const struct hf_links *links, hf_link link, const struct hf_addr *dst,
                                    bool *is_group);

/*
 * The address to send to `dst` from, over `link` by way of `next` (dst itself when on-link). Preferred, in this order:
 * dst itself if ours; an address of dst's scope; one of the link's; one whose prefix holds `next`; the longest common
 * prefix with dst (RFC 6724, section 5, rules 1, 2, 5, 5.5 and 8). False when the engine has none of that family.
 */
bool hf_links_choose_source(const struct hf_links *links, hf_link link, const struct hf_addr *dst,
                            const struct hf_addr *next, struct hf_addr *src);

/* True when the first `prefix_len` bits of the two are the same. */
bool hf_addr_in_prefix(const struct hf_addr *addr, const struct hf_addr *prefix, uint8_t prefix_len);
/* 224/4 or ff00::/8. */
bool hf_addr_is_multicast(const struct hf_addr *addr);
/* 169.254/16 or fe80::/10. */
bool hf_addr_is_link_local(const struct hf_addr *addr);
/* ff02::1:ffXX:XXXX of an IPv6 unicast address (RFC 4291, 2.7.1), and the Ethernet group of any multicast address
 * (RFC 1112, 6.4; RFC 2464, 7). */
struct hf_addr hf_addr_solicited_node(const struct hf_addr *addr);
void hf_addr_group_mac(const struct hf_addr *group, uint8_t mac[6]);

#endif

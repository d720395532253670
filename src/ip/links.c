/*
 * What addresses mean to the engine (RFC 1122, 3.2.1.3; RFC 4291), and which of its own it speaks from (RFC 6724).
 *
 * Read first: links.h. Read next: routes.c.
 */
#include "links.h"

#include "../../include/handfast/errors.h"
#include "../base/bytes.h"

#define LEAST_MTU 576     /* RFC 1122, 3.3.3 */
#define LEAST_MTU_V6 1280 /* RFC 8200, 5 */

static struct hf_link_record *link_at(const struct hf_links *links, uint32_t index)
{
    return hf_pool_at(&links->links, index);
}

static struct hf_address_record *address_at(const struct hf_links *links, uint32_t index)
{
    return hf_pool_at(&links->addresses, index);
}

/* ---- addresses by themselves ---- */

bool hf_addr_in_prefix(const struct hf_addr *addr, const struct hf_addr *prefix, uint8_t prefix_len)
{
    uint32_t whole = prefix_len / 8, rest = prefix_len % 8;
    if (memcmp(addr->bytes, prefix->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    return (addr->bytes[whole] ^ prefix->bytes[whole]) >> (8 - rest) == 0;
}

bool hf_addr_is_multicast(const struct hf_addr *addr)
{
    if (hf_addr_is_v4(addr))
        return (addr->bytes[12] & 0xf0) == 0xe0;
    return addr->bytes[0] == 0xff;
}

bool hf_addr_is_link_local(const struct hf_addr *addr)
{
    if (hf_addr_is_v4(addr))
        return addr->bytes[12] == 169 && addr->bytes[13] == 254;
    return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

struct hf_addr hf_addr_solicited_node(const struct hf_addr *addr)
{
    struct hf_addr group = {{0xff, 0x02, [11] = 0x01, [12] = 0xff}};
    memcpy(group.bytes + 13, addr->bytes + 13, 3);
    return group;
}

void hf_addr_group_mac(const struct hf_addr *group, uint8_t mac[6])
{
    if (!hf_addr_is_v4(group)) {
        mac[0] = mac[1] = 0x33;
        memcpy(mac + 2, group->bytes + 12, 4);
        return;
    }
    mac[0] = 0x01;
    mac[1] = 0x00;
    mac[2] = 0x5e;
    mac[3] = group->bytes[13] & 0x7f;
    mac[4] = group->bytes[14];
    mac[5] = group->bytes[15];
}

/* 127/8 or ::1. */
static bool is_loopback(const struct hf_addr *addr)
{
    static const struct hf_addr loopback = {{[15] = 1}};
    if (hf_addr_is_v4(addr))
        return addr->bytes[12] == 127;
    return hf_addr_equal(addr, &loopback);
}

/* True when every bit behind an IPv4 prefix (of 96 to 127 bits) is zero, or every bit is one: no host's address (RFC 1122,
 * 3.2.1.3 (e)). */
static bool is_first_or_last(const struct hf_addr *addr, uint8_t prefix_len, bool last_only)
{
    uint32_t mask = UINT32_MAX >> (prefix_len - 96), host = hf_get32(addr->bytes + 12) & mask;
    return host == mask || (host == 0 && !last_only);
}

/* Prefixes of 31 and 32 bits have no broadcast address (RFC 3021). */
static bool has_broadcast(const struct hf_addr *addr, uint8_t prefix_len)
{
    return hf_addr_is_v4(addr) && prefix_len <= 96 + 30;
}

/* ---- the tables ---- */

void hf_links_init(struct hf_links *links, struct hf_arena *arena, uint32_t max_links, uint32_t max_addresses)
{
    hf_pool_init(&links->links, arena, max_links, sizeof(struct hf_link_record));
    hf_pool_init(&links->addresses, arena, max_addresses, sizeof(struct hf_address_record));
}

int hf_links_add(struct hf_links *links, const struct hf_link_config *config, hf_link *link)
{
    static const uint8_t no_mac[6] = {0};
    if (config->mtu < LEAST_MTU)
        return HF_ERR_INVALID;
    if (config->kind != HF_LINK_IP && config->kind != HF_LINK_ETHERNET)
        return HF_ERR_INVALID;
    if (config->kind == HF_LINK_ETHERNET && ((config->mac[0] & 1) != 0 || memcmp(config->mac, no_mac, 6) == 0))
        return HF_ERR_INVALID;
    if (links->links.used >= HF_LINK_NONE)
        return HF_ERR_LIMIT;
    uint32_t index = hf_pool_take(&links->links);
    if (index == HF_NONE)
        return HF_ERR_LIMIT;
    *link_at(links, index) = (struct hf_link_record){.config = *config};
    *link = (hf_link)index;
    return HF_OK;
}

/* The address every IPv6 interface has (RFC 4291, 2.5.6 and appendix A). */
static struct hf_addr link_local_of(const uint8_t mac[6])
{
    struct hf_addr addr = {{0xfe, 0x80}};
    memcpy(addr.bytes + 8, mac, 3);
    addr.bytes[8] ^= 2;
    addr.bytes[11] = 0xff;
    addr.bytes[12] = 0xfe;
    memcpy(addr.bytes + 13, mac + 3, 3);
    return addr;
}

static bool may_be_given(const struct hf_link_record *record, const struct hf_addr *addr, uint8_t prefix_len)
{
    bool is_v4 = hf_addr_is_v4(addr);
    if (prefix_len > (is_v4 ? 32 : 128) || hf_addr_is_any(addr) || hf_addr_is_multicast(addr))
        return false;
    if (!is_v4)
        return record->config.mtu >= LEAST_MTU_V6;
    if (addr->bytes[12] == 0 || is_first_or_last(addr, 96, true))
        return false;
    return !has_broadcast(addr, (uint8_t)(96 + prefix_len)) || !is_first_or_last(addr, (uint8_t)(96 + prefix_len), true);
}

static bool is_on_link(const struct hf_address_record *record, hf_link link)
{
    return record->link == link || !hf_addr_is_link_local(&record->addr);
}

/* The record that makes `addr` ours as seen from `link` (HF_LINK_NONE: from any), or NULL. */
static const struct hf_address_record *find_address(const struct hf_links *links, hf_link link,
                                                    const struct hf_addr *addr)
{
    for (uint32_t i = 0; i < links->addresses.used; i++) {
        const struct hf_address_record *record = address_at(links, i);
        if (hf_addr_equal(&record->addr, addr) && (link == HF_LINK_NONE || is_on_link(record, link)))
            return record;
    }
    return NULL;
}

int hf_links_add_address(struct hf_links *links, hf_link link, const struct hf_addr *addr, uint8_t prefix_len)
{
    if (link >= links->links.used)
        return HF_ERR_INVALID;
    struct hf_link_record *record = link_at(links, link);
    if (!may_be_given(record, addr, prefix_len) || find_address(links, link, addr) != NULL)
        return HF_ERR_INVALID;
    uint32_t index = hf_pool_take(&links->addresses);
    if (index == HF_NONE)
        return HF_ERR_LIMIT;
    bool is_v4 = hf_addr_is_v4(addr);
    *address_at(links, index) = (struct hf_address_record){
        .link = link,
        .prefix_len = (uint8_t)(is_v4 ? 96 + prefix_len : prefix_len),
        .addr = *addr,
    };
    if (!is_v4 && !record->has_v6) {
        record->has_v6 = true;
        if (record->config.kind == HF_LINK_ETHERNET)
            record->link_local = link_local_of(record->config.mac);
    }
    return HF_OK;
}

/* ---- what an address is ---- */

/* The link whose own link-local address this is. */
static hf_link find_link_local(const struct hf_links *links, hf_link link, const struct hf_addr *addr)
{
    if (hf_addr_is_any(addr))
        return HF_LINK_NONE;
    for (uint32_t i = 0; i < links->links.used; i++) {
        if ((link == HF_LINK_NONE || link == i) && hf_addr_equal(&link_at(links, i)->link_local, addr))
            return (hf_link)i;
    }
    return HF_LINK_NONE;
}

static bool is_ours(const struct hf_links *links, hf_link link, const struct hf_addr *addr)
{
    return find_address(links, link, addr) != NULL || find_link_local(links, link, addr) != HF_LINK_NONE;
}

hf_link hf_links_owner(const struct hf_links *links, const struct hf_addr *addr)
{
    const struct hf_address_record *record = find_address(links, HF_LINK_NONE, addr);
    return record != NULL ? record->link : find_link_local(links, HF_LINK_NONE, addr);
}

/* Broadcast of any prefix of ours: such a host cannot be, whichever link it is seen from. */
static bool is_broadcast(const struct hf_links *links, const struct hf_addr *addr)
{
    if (is_first_or_last(addr, 96, true))
        return true;
    for (uint32_t i = 0; i < links->addresses.used; i++) {
        const struct hf_address_record *record = address_at(links, i);
        if (has_broadcast(&record->addr, record->prefix_len) &&
            hf_addr_in_prefix(addr, &record->addr, record->prefix_len) &&
            is_first_or_last(addr, record->prefix_len, false))
            return true;
    }
    return false;
}

static enum hf_address_kind kind_v4(const struct hf_links *links, const struct hf_addr *addr)
{
    static const uint8_t all_hosts[4] = {224, 0, 0, 1};
    if (hf_addr_is_multicast(addr))
        return memcmp(addr->bytes + 12, all_hosts, 4) == 0 ? HF_ADDRESS_HEARD : HF_ADDRESS_MULTICAST;
    if (addr->bytes[12] == 0)
        return HF_ADDRESS_NONE;
    if (is_loopback(addr))
        return HF_ADDRESS_LOOPBACK;
    return is_broadcast(links, addr) ? HF_ADDRESS_BROADCAST : HF_ADDRESS_UNICAST;
}

/* Does this engine listen to the solicited-node group `group` on `link`? */
static bool is_solicited_node(const struct hf_links *links, hf_link link, const struct hf_addr *group)
{
    const struct hf_addr *link_local = &link_at(links, link)->link_local;
    struct hf_addr of = hf_addr_solicited_node(link_local);
    if (!hf_addr_is_any(link_local) && hf_addr_equal(&of, group))
        return true;
    for (uint32_t i = 0; i < links->addresses.used; i++) {
        const struct hf_address_record *record = address_at(links, i);
        of = hf_addr_solicited_node(&record->addr);
        if (record->link == link && !hf_addr_is_v4(&record->addr) && hf_addr_equal(&of, group))
            return true;
    }
    return false;
}

static enum hf_address_kind kind_v6(const struct hf_links *links, hf_link link, const struct hf_addr *addr)
{
    static const struct hf_addr all_nodes = {{0xff, 0x02, [15] = 1}};
    if (!hf_addr_is_multicast(addr))
        return is_loopback(addr) ? HF_ADDRESS_LOOPBACK : HF_ADDRESS_UNICAST;
    if (link >= links->links.used || !link_at(links, link)->has_v6)
        return HF_ADDRESS_MULTICAST;
    if (hf_addr_equal(addr, &all_nodes) || is_solicited_node(links, link, addr))
        return HF_ADDRESS_HEARD;
    return HF_ADDRESS_MULTICAST;
}

enum hf_address_kind hf_links_kind(const struct hf_links *links, hf_link link, const struct hf_addr *addr)
{
    if (hf_addr_is_any(addr))
        return HF_ADDRESS_ANY;
    if (is_ours(links, link, addr))
        return HF_ADDRESS_OURS;
    return hf_addr_is_v4(addr) ? kind_v4(links, addr) : kind_v6(links, link, addr);
}

enum hf_reason hf_links_source(const struct hf_links *links, hf_link link, const struct hf_addr *src, bool looped)
{
    enum hf_address_kind kind = hf_links_kind(links, link, src);
    if (kind == HF_ADDRESS_UNICAST || (kind == HF_ADDRESS_OURS && looped))
        return HF_ACCEPTED;
    return HF_DROP_IP_SOURCE;
}

enum hf_reason hf_links_destination(const struct hf_links *links, hf_link link, const struct hf_addr *dst,
                                    bool *is_group)
{
    enum hf_address_kind kind = hf_links_kind(links, link, dst);
    *is_group = kind == HF_ADDRESS_BROADCAST || kind == HF_ADDRESS_HEARD;
    return kind == HF_ADDRESS_OURS || *is_group ? HF_ACCEPTED : HF_DROP_IP_DESTINATION;
}

/* ---- source address selection ---- */

enum scope { SCOPE_HOST, SCOPE_LINK, SCOPE_GLOBAL };

static enum scope scope_of(const struct hf_addr *addr)
{
    if (is_loopback(addr))
        return SCOPE_HOST;
    return hf_addr_is_link_local(addr) ? SCOPE_LINK : SCOPE_GLOBAL;
}

static uint32_t common_prefix(const struct hf_addr *a, const struct hf_addr *b)
{
    uint32_t bit = 0;
    while (bit < 128 && a->bytes[bit / 8] == b->bytes[bit / 8])
        bit += 8;
    while (bit < 128 && ((a->bytes[bit / 8] ^ b->bytes[bit / 8]) >> (7 - bit % 8) & 1) == 0)
        bit++;
    return bit;
}

struct source_question {
    hf_link link;
    const struct hf_addr *dst, *next;
};

/* The greater the better; 0: not to be used. One digit for each rule, the first rule's the highest. */
static uint32_t source_rank(const struct source_question *q, const struct hf_addr *addr, hf_link link,
                            uint8_t prefix_len)
{
    if (hf_addr_is_v4(addr) != hf_addr_is_v4(q->dst))
        return 0;
    if (hf_addr_is_link_local(addr) && link != q->link)
        return 0;
    enum scope scope = scope_of(addr), wanted = scope_of(q->dst);
    if (scope == SCOPE_HOST && wanted != SCOPE_HOST)
        return 0;
    return 1 + common_prefix(addr, q->dst) + (hf_addr_in_prefix(q->next, addr, prefix_len) ? 256u : 0u) +
           (link == q->link ? 512u : 0u) + (scope == wanted ? 1024u : 0u);
}

bool hf_links_choose_source(const struct hf_links *links, hf_link link, const struct hf_addr *dst,
                            const struct hf_addr *next, struct hf_addr *src)
{
    if (is_ours(links, link, dst)) {
        *src = *dst;
        return true;
    }
    struct source_question q = {.link = link, .dst = dst, .next = next};
    uint32_t best = 0;
    for (uint32_t i = 0; i < links->addresses.used; i++) {
        const struct hf_address_record *record = address_at(links, i);
        uint32_t rank = source_rank(&q, &record->addr, record->link, record->prefix_len);
        if (rank > best) {
            best = rank;
            *src = record->addr;
        }
    }
    if (link >= links->links.used)
        return best > 0;
    const struct hf_addr *own = &link_at(links, link)->link_local;
    if (!hf_addr_is_any(own) && source_rank(&q, own, link, 64) > best) {
        best = 1;
        *src = *own;
    }
    return best > 0;
}

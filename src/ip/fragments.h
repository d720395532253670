/*
 * Reassembly of IPv4 and IPv6 datagrams (RFC 815; RFC 791, 3.2; RFC 8200, 4.5), with every known lie refused
 * (BUG-06).
 *
 * A datagram in progress is one 64 KiB buffer, each byte of which has one possible place, and a set of the ranges
 * that arrived. What overlaps without being a plain repetition damns its whole datagram, the fragments still to
 * come included (RFC 5722, 4; here for IPv4 as well). So do a second, different end, a fragment beyond the end, and
 * more holes than the range set can hold, so that work per fragment is bounded. Tiny first fragments are refused as
 * RFC 1858 and RFC 3128 say. An IPv6 fragment that is the whole datagram is delivered by itself and touches nothing
 * (RFC 6946, 4).
 *
 * The oldest datagram gives way when no buffer is free. Timeouts are 60 s for IPv6 (RFC 8200, 4.5) and 30 s for
 * IPv4: its 16-bit identification repeats too soon for the minute of RFC 1122, 3.3.2 (RFC 4963).
 */
#ifndef HF_IP_FRAGMENTS_H
#define HF_IP_FRAGMENTS_H

#include "../../include/handfast/reasons.h"
#include "../../include/handfast/types.h"
#include "../base/pool.h"
#include "../wire/ip.h"

struct hf_fragments {
    struct hf_pool pool;
    uint32_t oldest, newest; /* by first arrival; HF_NONE when empty */
    uint32_t evicted;        /* datagrams given up for a newer one; the engine counts them as HF_LIMIT_FRAGMENTS */
    hf_time first_at;        /* no datagram expires before this */
};

void hf_fragments_init(struct hf_fragments *f, struct hf_arena *arena, uint32_t max_fragments);

/* One fragment. Borrows everything. */
struct hf_fragment {
    struct hf_addr src, dst;
    uint32_t id;
    uint32_t offset;       /* bytes, a multiple of 8 */
    bool more;
    uint8_t protocol;      /* IPv4 protocol; IPv6: next header of this fragment's fragment header */
    uint8_t traffic_class; /* with its ECN bits */
    const uint8_t *packet; /* the IP header, and behind it ... */
    uint32_t header_len;   /* ... after this many bytes (for IPv6 the fragment header counted) */
    const uint8_t *data;   /* the fragment's payload */
    uint32_t len;
};

/* The fragment that `packet`, read into *ip, is. For those with ip->is_fragment. */
static inline struct hf_fragment hf_fragment_of(const struct hf_ip *ip, const uint8_t *packet)
{
    return (struct hf_fragment){
        .src = ip->src,
        .dst = ip->dst,
        .id = ip->id,
        .offset = ip->offset,
        .more = ip->more,
        .protocol = ip->protocol,
        .traffic_class = ip->traffic_class,
        .packet = packet,
        .header_len = ip->header_len,
        .data = ip->payload,
        .len = ip->payload_len,
    };
}

struct hf_datagram {
    const uint8_t *data;   /* the whole payload: lent until the next call on these fragments */
    uint32_t len;
    uint8_t protocol;      /* that of the first fragment */
    uint8_t traffic_class; /* CE when any fragment was CE (RFC 3168, 5.3) */
};

/*
 * Takes one fragment. HF_ACCEPTED: *whole is complete. HF_DROP_FRAGMENT: kept, or a repetition. HF_DROP_FRAGMENT_BAD:
 * refused, its datagram with it where it belonged to one. HF_LIMIT_FRAGMENTS: max_fragments is 0.
 */
enum hf_reason hf_fragments_add(struct hf_fragments *f, const struct hf_fragment *in, hf_time now,
                                struct hf_datagram *whole);

struct hf_expired {
    struct hf_addr src, dst;
    const uint8_t *packet; /* the first fragment from its IP header on, lent until the next call; NULL: it never came */
    uint32_t len;
};

/*
 * Forgets one datagram whose time is over (HF_DROP_FRAGMENT_TIMEOUT) and says whose it was: when its first fragment is
 * there, a time exceeded is owed to the source (RFC 1122, 3.3.2; RFC 8200, 4.5). False when none is due at `now`.
 */
bool hf_fragments_expire(struct hf_fragments *f, hf_time now, struct hf_expired *out);

/* When to ask hf_fragments_expire: never later than the first one expires; HF_NEVER when nothing is kept. */
hf_time hf_fragments_deadline(const struct hf_fragments *f);

const char *hf_fragments_check(const struct hf_fragments *f);

#endif

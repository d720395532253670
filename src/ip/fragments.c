/*
 * Reassembly: one buffer a datagram, into which each fragment is copied once, at its final place.
 *
 * A datagram that lied is not forgotten but kept as damned until its time is over, so that its later fragments do not
 * begin it anew (RFC 5722, 4).
 *
 * Read first: fragments.h.
 */
#include "fragments.h"

#include "../base/ranges.h"

#define LIFE_V4_NS (30 * HF_SECOND)
#define LIFE_V6_NS (60 * HF_SECOND)
#define LARGEST 65535 /* RFC 791, 3.1: total length; RFC 8200, 3: payload length */
#define PROTOCOL_TCP 6
#define TCP_HEADER_LEN 20
#define V6_HEADERS_LEN 48 /* the IPv6 header and the fragment header do not count towards the payload length */
#define HEADROOM 128      /* for the IP header of the first fragment, which an ICMP error quotes */

#define ECN_MASK 3
#define ECN_CE 3

struct reassembly {
    uint32_t older, newer;
    struct hf_addr src, dst;
    uint32_t id;
    uint8_t protocol; /* part of the name over IPv4; over IPv6 that of the first fragment */
    uint8_t traffic_class;
    bool is_damned;
    bool saw_ce, saw_not_ect;
    bool has_end;
    uint32_t end;        /* length of the whole, with has_end */
    uint32_t header_len; /* bytes in front of data[], 0: the first fragment is not there or its header too long */
    uint32_t first_len;  /* payload of the first fragment */
    hf_time expires_at;
    struct hf_ranges ranges; /* what is there of data[] */
    uint8_t headroom[HEADROOM];
    uint8_t data[LARGEST + 1];
};

void hf_fragments_init(struct hf_fragments *f, struct hf_arena *arena, uint32_t max_fragments)
{
    hf_pool_init(&f->pool, arena, max_fragments, sizeof(struct reassembly));
    f->oldest = f->newest = HF_NONE;
    f->evicted = 0;
    f->first_at = HF_NEVER;
}

static struct reassembly *item_at(const struct hf_fragments *f, uint32_t index)
{
    return hf_pool_at(&f->pool, index);
}

/* ---- which datagram ---- */

/* RFC 791, 3.2: source, destination, protocol and identification. RFC 8200, 4.5: without the protocol. */
static bool is_of(const struct reassembly *r, const struct hf_fragment *in)
{
    if (r->id != in->id || !hf_addr_equal(&r->src, &in->src) || !hf_addr_equal(&r->dst, &in->dst))
        return false;
    return !hf_addr_is_v4(&in->src) || r->protocol == in->protocol;
}

static uint32_t find(const struct hf_fragments *f, const struct hf_fragment *in)
{
    uint32_t index = f->newest;
    while (index != HF_NONE && !is_of(item_at(f, index), in))
        index = item_at(f, index)->older;
    return index;
}

static void forget(struct hf_fragments *f, uint32_t index)
{
    const struct reassembly *r = item_at(f, index);
    if (r->older == HF_NONE)
        f->oldest = r->newer;
    else
        item_at(f, r->older)->newer = r->newer;
    if (r->newer == HF_NONE)
        f->newest = r->older;
    else
        item_at(f, r->newer)->older = r->older;
    hf_pool_give(&f->pool, index);
    if (f->oldest == HF_NONE)
        f->first_at = HF_NEVER;
}

/* Takes a buffer for a new datagram; the oldest gives way, since what could complete it is the least likely to come. */
static uint32_t begin(struct hf_fragments *f, const struct hf_fragment *in, hf_time now)
{
    if (hf_pool_available(&f->pool) == 0 && f->oldest != HF_NONE) {
        forget(f, f->oldest);
        f->evicted++;
    }
    uint32_t index = hf_pool_take(&f->pool);
    if (index == HF_NONE)
        return HF_NONE;
    struct reassembly *r = item_at(f, index);
    memset(r, 0, offsetof(struct reassembly, ranges)); /* not the 64 KiB behind it */
    r->older = f->newest;
    r->newer = HF_NONE;
    r->src = in->src;
    r->dst = in->dst;
    r->id = in->id;
    r->protocol = in->protocol;
    r->traffic_class = in->traffic_class;
    r->expires_at = hf_time_add(now, hf_addr_is_v4(&in->src) ? LIFE_V4_NS : LIFE_V6_NS);
    hf_ranges_init(&r->ranges);
    if (f->newest == HF_NONE)
        f->oldest = index;
    else
        item_at(f, f->newest)->newer = index;
    f->newest = index;
    f->first_at = hf_time_first(f->first_at, r->expires_at);
    return index;
}

/* ---- what a fragment may be ---- */

/* What counts towards the largest length besides the fragmented part. */
static uint32_t overhead(const struct hf_fragment *in)
{
    if (hf_addr_is_v4(&in->src))
        return in->header_len;
    return in->header_len > V6_HEADERS_LEN ? in->header_len - V6_HEADERS_LEN : 0;
}

/* RFC 1858, 3 and RFC 3128: a TCP header cut in two hides its flags or ports from who filters, and no honest sender
 * does it. */
static bool is_tiny(const struct hf_fragment *in)
{
    if (in->protocol != PROTOCOL_TCP)
        return false;
    return in->offset == 0 ? in->len < TCP_HEADER_LEN : in->offset < TCP_HEADER_LEN;
}

static bool is_possible(const struct hf_fragment *in)
{
    if (in->len == 0 || in->offset % 8 != 0 || (in->more && in->len % 8 != 0))
        return false;
    if (in->offset > LARGEST || in->len > LARGEST || in->offset + in->len + overhead(in) > LARGEST)
        return false;
    return !is_tiny(in);
}

static bool overlaps(const struct hf_ranges *ranges, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (ranges->item[i].from < to && from < ranges->item[i].to)
            return true;
    }
    return false;
}

static bool is_repetition(const struct reassembly *r, const struct hf_fragment *in)
{
    return hf_ranges_has(&r->ranges, in->offset, in->offset + in->len) &&
           memcmp(r->data + in->offset, in->data, in->len) == 0;
}

/* Does the fragment agree with what is known of the end? */
static bool fits_end(const struct reassembly *r, const struct hf_fragment *in)
{
    uint32_t to = in->offset + in->len;
    if (r->has_end)
        return in->more ? to < r->end : to == r->end;
    uint32_t count = r->ranges.count;
    return in->more || count == 0 || r->ranges.item[count - 1].to <= to;
}

/* RFC 3168, 5.3: congestion experienced must not be lost, nor be claimed of a sender that does not speak ECN. */
static bool fits_ecn(struct reassembly *r, uint8_t traffic_class)
{
    r->saw_ce = r->saw_ce || (traffic_class & ECN_MASK) == ECN_CE;
    r->saw_not_ect = r->saw_not_ect || (traffic_class & ECN_MASK) == 0;
    return !(r->saw_ce && r->saw_not_ect);
}

/* ---- keeping it ---- */

static void keep_first(struct reassembly *r, const struct hf_fragment *in)
{
    r->protocol = in->protocol;
    r->traffic_class = in->traffic_class;
    r->first_len = in->len;
    if (in->header_len > HEADROOM)
        return;
    r->header_len = in->header_len;
    memcpy(r->headroom + HEADROOM - in->header_len, in->packet, in->header_len);
}

/* False when the datagram is to be damned. */
static bool keep(struct reassembly *r, const struct hf_fragment *in)
{
    uint32_t to = in->offset + in->len;
    if (!fits_end(r, in) || overlaps(&r->ranges, in->offset, to) || !fits_ecn(r, in->traffic_class))
        return false;
    if (!hf_ranges_add(&r->ranges, in->offset, to))
        return false;
    memcpy(r->data + in->offset, in->data, in->len);
    if (in->offset == 0)
        keep_first(r, in);
    if (!in->more) {
        r->has_end = true;
        r->end = to;
    }
    return true;
}

static bool is_whole(const struct reassembly *r)
{
    return r->has_end && r->ranges.count == 1 && r->ranges.item[0].from == 0 && r->ranges.item[0].to == r->end;
}

enum hf_reason hf_fragments_add(struct hf_fragments *f, const struct hf_fragment *in, hf_time now,
                                struct hf_datagram *whole)
{
    if (in->offset == 0 && !in->more) {
        *whole = (struct hf_datagram){in->data, in->len, in->protocol, in->traffic_class};
        return HF_ACCEPTED;
    }
    bool is_good = is_possible(in);
    uint32_t index = find(f, in);
    if (index == HF_NONE && is_good) {
        index = begin(f, in, now);
        if (index == HF_NONE)
            return HF_LIMIT_FRAGMENTS;
    }
    if (index == HF_NONE)
        return HF_DROP_FRAGMENT_BAD;
    struct reassembly *r = item_at(f, index);
    if (is_good && !r->is_damned && fits_end(r, in) && is_repetition(r, in))
        return HF_DROP_FRAGMENT;
    if (!is_good || r->is_damned || !keep(r, in)) {
        r->is_damned = true;
        return HF_DROP_FRAGMENT_BAD;
    }
    if (!is_whole(r))
        return HF_DROP_FRAGMENT;
    uint8_t ecn = r->saw_ce ? ECN_CE : 0;
    *whole = (struct hf_datagram){r->data, r->end, r->protocol, (uint8_t)(r->traffic_class | ecn)};
    forget(f, index);
    return HF_ACCEPTED;
}

/* ---- time ---- */

static hf_time first_expiry(const struct hf_fragments *f)
{
    hf_time first_at = HF_NEVER;
    for (uint32_t index = f->oldest; index != HF_NONE; index = item_at(f, index)->newer)
        first_at = hf_time_first(first_at, item_at(f, index)->expires_at);
    return first_at;
}

bool hf_fragments_expire(struct hf_fragments *f, hf_time now, struct hf_expired *out)
{
    if (!hf_time_reached(now, f->first_at))
        return false;
    uint32_t index = f->oldest;
    while (index != HF_NONE && !hf_time_reached(now, item_at(f, index)->expires_at))
        index = item_at(f, index)->newer;
    if (index == HF_NONE) {
        f->first_at = first_expiry(f);
        return false;
    }
    const struct reassembly *r = item_at(f, index);
    *out = (struct hf_expired){.src = r->src, .dst = r->dst};
    if (r->header_len > 0 && !r->is_damned) {
        out->packet = r->headroom + HEADROOM - r->header_len;
        out->len = r->header_len + r->first_len;
    }
    forget(f, index);
    return true;
}

hf_time hf_fragments_deadline(const struct hf_fragments *f)
{
    return f->first_at;
}

const char *hf_fragments_check(const struct hf_fragments *f)
{
    uint32_t count = 0;
    for (uint32_t index = f->oldest; index != HF_NONE; index = item_at(f, index)->newer) {
        const struct reassembly *r = item_at(f, index);
        if (++count > f->pool.used)
            return "more datagrams are listed than taken";
        const char *broken = hf_ranges_check(&r->ranges);
        if (broken != NULL)
            return broken;
        if (r->ranges.count > 0 && r->ranges.item[r->ranges.count - 1].to > LARGEST)
            return "a datagram exceeds 65,535 bytes";
        if (!r->is_damned && is_whole(r))
            return "a whole datagram was not delivered";
        if (hf_time_before(r->expires_at, f->first_at))
            return "a datagram expires before the first";
    }
    return count == f->pool.used ? NULL : "fewer datagrams are listed than taken";
}

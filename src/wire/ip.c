/* IPv4 and IPv6 headers. See ip.h. */
#include "ip.h"

#include "../base/bytes.h"
#include "../base/sum.h"

/* ---- IPv4 (RFC 791, 3.1) ---- */

#define FLAG_DF 0x4000
#define FLAG_MF 0x2000
#define OFFSET_MASK 0x1fff

static struct hf_addr mapped(const uint8_t *p)
{
    struct hf_addr addr = hf_addr_v4(0, 0, 0, 0);
    memcpy(addr.bytes + 12, p, 4);
    return addr;
}

/* Walks the options. Source routes are refused (RFC 6274, 3.13.2.3), the others mean nothing to a host (MUST-50). */
static enum hf_reason walk_options(const uint8_t *options, uint32_t len)
{
    const uint8_t end = 0, nop = 1, loose_route = 131, strict_route = 137;
    for (uint32_t at = 0; at < len && options[at] != end;) {
        if (options[at] == nop) {
            at++;
            continue;
        }
        if (at + 1 >= len || options[at + 1] < 2 || options[at + 1] > len - at)
            return HF_DROP_IP_HEADER;
        if (options[at] == loose_route || options[at] == strict_route)
            return HF_DROP_SOURCE_ROUTE;
        at += options[at + 1];
    }
    return HF_ACCEPTED;
}

static enum hf_reason parse_v4(const uint8_t *data, uint32_t len, struct hf_ip *ip)
{
    if (len < HF_IPV4_LEN)
        return HF_DROP_SHORT;
    uint32_t header_len = (data[0] & 15u) * 4, total_len = hf_get16(data + 2);
    if (header_len < HF_IPV4_LEN || header_len > total_len)
        return HF_DROP_IP_HEADER;
    if (total_len > len)
        return HF_DROP_SHORT;
    uint64_t sum = hf_sum_words(0, data, HF_IPV4_LEN / 4);
    if (header_len > HF_IPV4_LEN)
        sum = hf_sum_words(sum, data + HF_IPV4_LEN, header_len / 4 - HF_IPV4_LEN / 4);
    if (hf_sum_finish(hf_sum_fold(sum)) != 0)
        return HF_DROP_IP_CHECKSUM;
    uint16_t fragment = hf_get16(data + 6);
    ip->is_v4 = true;
    ip->traffic_class = data[1];
    ip->id = hf_get16(data + 4);
    ip->dont_fragment = fragment & FLAG_DF;
    ip->more = fragment & FLAG_MF;
    ip->offset = (fragment & OFFSET_MASK) * 8u;
    ip->is_fragment = ip->more || ip->offset != 0;
    ip->hop_limit = data[8];
    ip->protocol = data[9];
    ip->protocol_at = 9;
    ip->src = mapped(data + 12);
    ip->dst = mapped(data + 16);
    ip->header_len = header_len;
    ip->payload = data + header_len;
    ip->payload_len = total_len - header_len;
    return header_len > HF_IPV4_LEN ? walk_options(data + HF_IPV4_LEN, header_len - HF_IPV4_LEN) : HF_ACCEPTED;
}

/* In words, so that the checksum need not wait for bytes just written. */
static void write_v4(const struct hf_ip *ip, uint32_t payload_len, uint8_t *out)
{
    uint32_t words[5] = {
        hf_big32(0x45000000u | (uint32_t)ip->traffic_class << 16 | (HF_IPV4_LEN + payload_len)),
        hf_big32(ip->id << 16 | (ip->dont_fragment ? FLAG_DF : 0)),
        hf_big32((uint32_t)ip->hop_limit << 24 | (uint32_t)ip->protocol << 16),
    };
    memcpy(&words[3], ip->src.bytes + 12, 4);
    memcpy(&words[4], ip->dst.bytes + 12, 4);
    uint16_t checksum = hf_sum_finish(hf_sum_fold(hf_sum_words(0, words, 5)));
    memcpy(out, words, sizeof words);
    memcpy(out + 10, &checksum, sizeof checksum);
}

/* ---- IPv6 (RFC 8200, 3 and 4) ---- */

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, NO_NEXT = 59, DESTINATION = 60 };

#define MOST_EXTENSIONS 8 /* more is no traffic but an attack (BUG-07) */

/* Options of a hop-by-hop or destination header: unknown ones may ask that the packet be dropped (RFC 8200, 4.2). */
static bool options_allow(const uint8_t *options, uint32_t len)
{
    for (uint32_t at = 0; at < len;) {
        uint8_t type = options[at];
        if (type == 0) {
            at++;
            continue;
        }
        if (at + 1 >= len || options[at + 1] > len - at - 2)
            return false;
        bool may_skip = type == 1 || type >> 6 == 0;
        if (!may_skip)
            return false;
        at += 2u + options[at + 1];
    }
    return true;
}

/* One extension header at `at`; moves past it. */
static enum hf_reason walk_extension(const uint8_t *data, uint32_t end, uint32_t *at, struct hf_ip *ip)
{
    if (end - *at < 8)
        return HF_DROP_IP_HEADER;
    const uint8_t *header = data + *at;
    uint32_t len = ip->protocol == FRAGMENT ? 8 : (header[1] + 1u) * 8;
    if (len > end - *at)
        return HF_DROP_IP_HEADER;
    if (ip->protocol == ROUTING && header[3] != 0)
        return HF_DROP_SOURCE_ROUTE; /* segments left: we are no router (RFC 5095) */
    if ((ip->protocol == HOP_BY_HOP || ip->protocol == DESTINATION) && !options_allow(header + 2, len - 2))
        return HF_DROP_IP_HEADER;
    if (ip->protocol == FRAGMENT) {
        if (ip->is_fragment)
            return HF_DROP_IP_HEADER;
        ip->is_fragment = true;
        ip->offset = hf_get16(header + 2) & 0xfff8u;
        ip->more = header[3] & 1;
        ip->id = hf_get32(header + 4);
    }
    ip->protocol = header[0];
    ip->protocol_at = *at;
    *at += len;
    return HF_ACCEPTED;
}

static bool is_extension(uint8_t protocol)
{
    return protocol == HOP_BY_HOP || protocol == ROUTING || protocol == FRAGMENT || protocol == DESTINATION;
}

static enum hf_reason parse_v6(const uint8_t *data, uint32_t len, struct hf_ip *ip)
{
    if (len < HF_IPV6_LEN)
        return HF_DROP_SHORT;
    uint32_t end = HF_IPV6_LEN + hf_get16(data + 4);
    if (end > len)
        return HF_DROP_SHORT;
    ip->is_v4 = false;
    ip->dont_fragment = true;
    ip->is_fragment = ip->more = false;
    ip->offset = ip->id = 0;
    ip->traffic_class = (uint8_t)(hf_get16(data) >> 4);
    ip->protocol = data[6];
    ip->protocol_at = 6;
    ip->hop_limit = data[7];
    memcpy(ip->src.bytes, data + 8, 16);
    memcpy(ip->dst.bytes, data + 24, 16);
    if (hf_addr_is_v4(&ip->src) || hf_addr_is_v4(&ip->dst))
        return HF_DROP_IP_HEADER; /* the mapped form never stands on a wire (RFC 4291, 2.5.5.2; RFC 4942, 2.2) */
    uint32_t at = HF_IPV6_LEN;
    for (unsigned count = 0; is_extension(ip->protocol); count++) {
        bool misplaced = ip->protocol == HOP_BY_HOP && count > 0;
        if (misplaced || count == MOST_EXTENSIONS)
            return HF_DROP_IP_HEADER;
        enum hf_reason why = walk_extension(data, end, &at, ip);
        if (why != HF_ACCEPTED)
            return why;
        if (ip->is_fragment && (ip->more || ip->offset != 0))
            break; /* what follows is a piece, to be read when whole */
    }
    ip->header_len = at;
    ip->payload = data + at;
    ip->payload_len = end - at;
    return HF_ACCEPTED;
}

static void write_v6(const struct hf_ip *ip, uint32_t payload_len, uint8_t *out)
{
    hf_put32(out, 6u << 28 | (uint32_t)ip->traffic_class << 20 | (ip->id & 0xfffff));
    hf_put16(out + 4, (uint16_t)payload_len);
    out[6] = ip->protocol;
    out[7] = ip->hop_limit;
    memcpy(out + 8, ip->src.bytes, 16);
    memcpy(out + 24, ip->dst.bytes, 16);
}

/* ---- either ---- */

enum hf_reason hf_ip_parse(const uint8_t *data, uint32_t len, struct hf_ip *ip)
{
    if (len == 0)
        return HF_DROP_SHORT;
    if (data[0] >> 4 == 4)
        return parse_v4(data, len, ip);
    if (data[0] >> 4 == 6)
        return parse_v6(data, len, ip);
    return HF_DROP_IP_VERSION;
}

uint32_t hf_ip_write(const struct hf_ip *ip, uint32_t payload_len, uint8_t *out)
{
    if (ip->is_v4)
        write_v4(ip, payload_len, out);
    else
        write_v6(ip, payload_len, out);
    return hf_ip_header_len(ip->is_v4);
}

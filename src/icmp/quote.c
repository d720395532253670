/*
 * Quotations, read leniently about lengths and strictly about bounds.
 *
 * Read first: quote.h.
 */
#include "quote.h"

#include "../base/base.h"
#include "../base/bytes.h"

#define V4_HEADER_LEN 20
#define V6_HEADER_LEN 40
#define MAX_EXTENSIONS 8

enum next_header { HOP_BY_HOP = 0, ICMP_V4 = 1, ROUTING = 43, FRAGMENT = 44, ICMP_V6 = 58, DESTINATION = 60 };

static bool read_v4(const uint8_t *packet, uint32_t len, struct hf_quote *quote)
{
    if (len < V4_HEADER_LEN || packet[0] >> 4 != 4)
        return false;
    uint32_t header_len = (packet[0] & 15u) * 4;
    if (header_len < V4_HEADER_LEN || header_len > len)
        return false;
    quote->src = hf_addr_v4(packet[12], packet[13], packet[14], packet[15]);
    quote->dst = hf_addr_v4(packet[16], packet[17], packet[18], packet[19]);
    quote->protocol = packet[9];
    quote->fragment_offset = (hf_get16(packet + 6) & 0x1fffu) * 8;
    quote->total_len = hf_get16(packet + 2);
    quote->payload = packet + header_len;
    quote->payload_len = len - header_len;
    return true;
}

static bool is_extension(uint8_t next)
{
    return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == DESTINATION;
}

/* Moves the payload behind one extension header. False when it is cut off. */
static bool skip_extension(struct hf_quote *quote)
{
    if (quote->payload_len < 8)
        return false;
    uint32_t header_len = quote->protocol == FRAGMENT ? 8 : 8 + 8u * quote->payload[1];
    if (header_len > quote->payload_len)
        return false;
    if (quote->protocol == FRAGMENT)
        quote->fragment_offset = hf_get16(quote->payload + 2) & 0xfff8u;
    quote->protocol = quote->payload[0];
    quote->payload += header_len;
    quote->payload_len -= header_len;
    return true;
}

static bool read_v6(const uint8_t *packet, uint32_t len, struct hf_quote *quote)
{
    if (len < V6_HEADER_LEN || packet[0] >> 4 != 6)
        return false;
    memcpy(quote->src.bytes, packet + 8, 16);
    memcpy(quote->dst.bytes, packet + 24, 16);
    if (hf_addr_is_v4(&quote->src) || hf_addr_is_v4(&quote->dst))
        return false; /* mapped addresses never travel (RFC 4291, 2.5.5.2), and would name an IPv4 connection here */
    quote->protocol = packet[6];
    quote->fragment_offset = 0;
    quote->total_len = V6_HEADER_LEN + (uint32_t)hf_get16(packet + 4);
    quote->payload = packet + V6_HEADER_LEN;
    quote->payload_len = len - V6_HEADER_LEN;
    for (int i = 0; is_extension(quote->protocol) && quote->fragment_offset == 0; i++) {
        if (i == MAX_EXTENSIONS || !skip_extension(quote))
            return false;
    }
    return true;
}

bool hf_quote_read(const uint8_t *packet, uint32_t len, bool is_v4, struct hf_quote *quote)
{
    return is_v4 ? read_v4(packet, len, quote) : read_v6(packet, len, quote);
}

/* The queries of RFC 792 and RFC 950; everything else is an error, or may be one. */
static bool is_query_v4(uint8_t type)
{
    return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

/* Informational messages but for the redirect, which RFC 4443, 2.4 (e.2) puts with the errors. */
static bool is_query_v6(uint8_t type)
{
    return type >= 128 && type != 137;
}

bool hf_quote_is_icmp_error(const struct hf_quote *quote, bool is_v4)
{
    if (quote->protocol != (is_v4 ? ICMP_V4 : ICMP_V6))
        return false;
    if (quote->payload_len == 0)
        return true;
    return is_v4 ? !is_query_v4(quote->payload[0]) : !is_query_v6(quote->payload[0]);
}

/*
 * IPv4 and IPv6 headers: parse, write, parse again; and as an ICMP error would quote them. Held true: nothing is read
 * beyond the packet; the payload lies within it and ends where the header says; the lenient reader of quotations agrees
 * with the strict one; what is written reads back the same.
 */
#include "../src/base/sum.h"
#include "../src/icmp/quote.h"
#include "../src/wire/ip.h"
#include "fuzz.h"

#define PACKET_MOST 1024

static void judge_view(const struct hf_ip *ip, const uint8_t *packet, uint32_t len)
{
    require(ip->header_len >= hf_ip_header_len(ip->is_v4));
    require(ip->payload == packet + ip->header_len && ip->header_len + ip->payload_len <= len);
    require(ip->protocol_at < ip->header_len && packet[ip->protocol_at] == ip->protocol);
    require(ip->is_v4 == hf_addr_is_v4(&ip->src) && ip->is_v4 == hf_addr_is_v4(&ip->dst));
    require(ip->is_fragment || (!ip->more && ip->offset == 0));
    require(ip->offset % 8 == 0 && ip->offset <= 65528);
}

/* A quotation is read without looking at lengths: of a whole packet it must tell the same. Of a piece it may read on where
 * the other waits for the rest. */
static void judge_quote(const struct hf_ip *ip, const uint8_t *packet, uint32_t len)
{
    struct hf_quote quote;
    bool is_read = hf_quote_read(packet, len, ip->is_v4, &quote);
    require(is_read || ip->is_fragment);
    if (!is_read)
        return;
    require(hf_addr_equal(&quote.src, &ip->src) && hf_addr_equal(&quote.dst, &ip->dst));
    if (!ip->is_fragment ||
        ip->offset > 0) /* reading on in a first piece, it may come upon a fragment header again */
        require(quote.fragment_offset == ip->offset);
    if (!ip->is_fragment)
        require(quote.protocol == ip->protocol && quote.payload == ip->payload);
    (void)hf_quote_is_icmp_error(&quote, ip->is_v4);
}

static void there_and_back(const struct hf_ip *ip)
{
    uint8_t out[HF_IPV6_LEN + PACKET_MOST];
    struct hf_ip again;
    if (ip->is_fragment || (!ip->is_v4 && ip->header_len > HF_IPV6_LEN))
        return; /* the writer makes neither fragments nor extensions */
    uint32_t len = hf_ip_write(ip, ip->payload_len, out);
    memcpy(out + len, ip->payload, ip->payload_len);
    require(hf_ip_parse(out, len + ip->payload_len, &again) == HF_ACCEPTED);
    require(hf_addr_equal(&again.src, &ip->src) && hf_addr_equal(&again.dst, &ip->dst));
    require(again.protocol == ip->protocol && again.hop_limit == ip->hop_limit && again.is_v4 == ip->is_v4);
    require(again.traffic_class == ip->traffic_class && again.dont_fragment == ip->dont_fragment);
    require(again.payload_len == ip->payload_len && (!ip->is_v4 || again.id == ip->id));
}

/* Few inputs have the right checksum: half of them are given it. */
static void mend_checksum(uint8_t *packet, size_t len)
{
    size_t header_len = (packet[0] & 15u) * 4;
    if (packet[0] >> 4 != 4 || header_len < HF_IPV4_LEN || header_len > len)
        return;
    packet[10] = packet[11] = 0;
    uint16_t checksum = hf_sum_finish(hf_sum(packet, header_len));
    memcpy(packet + 10, &checksum, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct hf_ip ip = {.protocol = 0};
    struct hf_quote quote;
    bool is_mended = in8(&in) & 1;
    size_t len;
    uint8_t *packet = in_exact(&in, PACKET_MOST, &len);
    if (is_mended && len > 0)
        mend_checksum(packet, len);
    (void)hf_quote_read(packet, (uint32_t)len, true, &quote);
    (void)hf_quote_read(packet, (uint32_t)len, false, &quote);
    if (hf_ip_parse(packet, (uint32_t)len, &ip) == HF_ACCEPTED) {
        judge_view(&ip, packet, (uint32_t)len);
        judge_quote(&ip, packet, (uint32_t)len);
        there_and_back(&ip);
    }
    free(packet);
    return 0;
}

/* Finding the headers of a frame. See look.h. */
#include "look.h"

#include "bytes.h"

#include <string.h>

#define ETHERNET_LEN 14
#define IPV4_LEN     20
#define IPV6_LEN     40
#define TCP_LEN      20

enum { IPV6_HOP_BY_HOP = 0, IPV6_ROUTING = 43, IPV6_FRAGMENT = 44, IPV6_DESTINATION = 60 };

static void read_v4_addr(struct hf_addr *addr, const uint8_t *p)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(addr->bytes, mapped, sizeof mapped);
    memcpy(addr->bytes + 12, p, 4);
}

static bool look_v4(const uint8_t *data, uint32_t len, struct hf_look *look, bool *is_fragment)
{
    const uint8_t *ip = data + look->ip;
    uint32_t room = len - look->ip;
    if (room < IPV4_LEN)
        return false;
    uint32_t header = (ip[0] & 15u) * 4;
    uint32_t total = get16(ip + 2);
    if (header < IPV4_LEN || total < header || total > room)
        return false;
    look->protocol = ip[9];
    look->transport = look->ip + header;
    look->end = look->ip + total;
    *is_fragment = (get16(ip + 6) & 0x3fff) != 0;
    read_v4_addr(&look->src, ip + 12);
    read_v4_addr(&look->dst, ip + 16);
    return true;
}

/* Walks the extension headers that may stand before a transport header; anything else ends the walk as the payload.
 */
static void skip_extensions(const uint8_t *data, struct hf_look *look, bool *is_fragment)
{
    for (;;) {
        bool is_extension = look->protocol == IPV6_HOP_BY_HOP || look->protocol == IPV6_ROUTING ||
                            look->protocol == IPV6_DESTINATION || look->protocol == IPV6_FRAGMENT;
        if (!is_extension || look->end - look->transport < 8)
            return;
        const uint8_t *header = data + look->transport;
        bool fragment = look->protocol == IPV6_FRAGMENT;
        uint32_t header_len = fragment ? 8 : (header[1] + 1u) * 8;
        if (header_len > look->end - look->transport)
            return;
        *is_fragment |= fragment && (get16(header + 2) & 0xfff9) != 0;
        look->protocol = header[0];
        look->transport += header_len;
    }
}

static bool look_v6(const uint8_t *data, uint32_t len, struct hf_look *look, bool *is_fragment)
{
    const uint8_t *ip = data + look->ip;
    uint32_t room = len - look->ip;
    if (room < IPV6_LEN || get16(ip + 4) > room - IPV6_LEN)
        return false;
    look->protocol = ip[6];
    look->transport = look->ip + IPV6_LEN;
    look->end = look->transport + get16(ip + 4);
    memcpy(look->src.bytes, ip + 8, 16);
    memcpy(look->dst.bytes, ip + 24, 16);
    skip_extensions(data, look, is_fragment);
    return true;
}

static void look_tcp(const uint8_t *data, struct hf_look *look)
{
    uint32_t room = look->end - look->transport;
    if (room < TCP_LEN)
        return;
    const uint8_t *tcp = data + look->transport;
    uint32_t header = (tcp[12] >> 4) * 4u;
    if (header < TCP_LEN || header > room)
        return;
    look->is_tcp = true;
    look->src_port = get16(tcp);
    look->dst_port = get16(tcp + 2);
    look->seq = get32(tcp + 4);
    look->ack = get32(tcp + 8);
    look->flags = get16(tcp + 12) & (LOOK_AE | 0xff);
    look->payload = look->transport + header;
    look->payload_len = look->end - look->payload;
}

static bool is_ip_ethertype(const uint8_t *data)
{
    uint16_t type = get16(data + 12);
    return type == 0x0800 || type == 0x86dd;
}

bool hf_look(const uint8_t *data, uint32_t len, enum hf_link_kind kind, struct hf_look *look)
{
    memset(look, 0, sizeof *look);
    if (kind == HF_LINK_ETHERNET) {
        if (len < ETHERNET_LEN || !is_ip_ethertype(data))
            return false;
        look->ip = ETHERNET_LEN;
    }
    if (len <= look->ip)
        return false;
    bool is_fragment = false;
    uint8_t version = data[look->ip] >> 4;
    bool readable = version == 4   ? look_v4(data, len, look, &is_fragment)
                    : version == 6 ? look_v6(data, len, look, &is_fragment)
                                   : false;
    if (!readable)
        return false;
    look->version = version;
    if (look->protocol == LOOK_PROTOCOL_TCP && !is_fragment)
        look_tcp(data, look);
    return true;
}

static uint32_t fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    uint32_t s = (uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16);
    return (s & 0xffff) + (s >> 16);
}

uint32_t hf_look_sum(const uint8_t *data, uint32_t len, uint32_t before)
{
    uint64_t sum = before;
    for (; len >= 4; data += 4, len -= 4) {
        uint32_t word;
        memcpy(&word, data, sizeof word);
        sum += word;
    }
    uint8_t rest[4] = {0};
    memcpy(rest, data, len);
    uint32_t word;
    memcpy(&word, rest, sizeof word);
    return fold(sum + word);
}

uint32_t hf_look_pseudo(const uint8_t *data, const struct hf_look *look, uint32_t len)
{
    uint8_t tail[8];
    put32(tail, len);
    put32(tail + 4, look->protocol);
    const uint8_t *ip = data + look->ip;
    uint32_t addresses = look->version == 4 ? hf_look_sum(ip + 12, 8, 0) : hf_look_sum(ip + 8, 32, 0);
    return hf_look_sum(tail, sizeof tail, addresses);
}

void hf_look_store(uint8_t *field, uint32_t sum)
{
    uint16_t complement = (uint16_t)~fold(sum);
    memcpy(field, &complement, sizeof complement);
}

void hf_look_set_ip_len(uint8_t *data, const struct hf_look *look, uint32_t len)
{
    uint8_t *ip = data + look->ip;
    if (look->version == 6) {
        put16(ip + 4, (uint16_t)(len - IPV6_LEN));
        return;
    }
    put16(ip + 2, (uint16_t)len);
    put16(ip + 10, 0);
    hf_look_store(ip + 10, hf_look_sum(ip, (ip[0] & 15u) * 4, 0));
}

/* See frame.h. */
#include "frame.h"

#include "../drivers/bytes.h"
#include "../drivers/look.h"

#include <string.h>

enum { IPV4_LEN = 20, IPV6_LEN = 40, TCP_LEN = 20, ICMP_LEN = 8, QUOTED_TCP_LEN = 8 };
enum { PROTOCOL_ICMP = 1, PROTOCOL_ICMP6 = 58 };

/* The header of either version for `len` bytes behind it; returns its own length. */
static uint32_t write_ip(uint8_t *out, const struct hf_addr *src, const struct hf_addr *dst, uint8_t protocol,
                         uint8_t traffic_class, uint8_t ttl, uint32_t len)
{
    if (!hf_addr_is_v4(src)) {
        memset(out, 0, IPV6_LEN);
        out[0] = (uint8_t)(0x60 | traffic_class >> 4);
        out[1] = (uint8_t)(traffic_class << 4);
        put16(out + 4, (uint16_t)len);
        out[6] = protocol;
        out[7] = ttl;
        memcpy(out + 8, src->bytes, 16);
        memcpy(out + 24, dst->bytes, 16);
        return IPV6_LEN;
    }
    memset(out, 0, IPV4_LEN);
    out[0] = 0x45;
    out[1] = traffic_class;
    put16(out + 2, (uint16_t)(IPV4_LEN + len));
    put16(out + 6, 0x4000); /* do not fragment */
    out[8] = ttl;
    out[9] = protocol;
    memcpy(out + 12, src->bytes + 12, 4);
    memcpy(out + 16, dst->bytes + 12, 4);
    hf_look_store(out + 10, hf_look_sum(out, IPV4_LEN, 0));
    return IPV4_LEN;
}

/* The checksum at `field` over everything behind the IP header, and the pseudo-header where one belongs. */
static void finish_sum(uint8_t *frame, uint32_t len, uint32_t header_len, uint8_t *field, bool has_pseudo)
{
    struct hf_look look;
    uint32_t sum = 0;
    put16(field, 0);
    hf_look(frame, len, HF_LINK_IP, &look);
    if (has_pseudo)
        sum = hf_look_pseudo(frame, &look, len - header_len);
    hf_look_store(field, hf_look_sum(frame + header_len, len - header_len, sum));
}

uint32_t pkt_frame_tcp(uint8_t *out, const struct pkt_tcp_fields *f)
{
    uint32_t tcp_len = TCP_LEN + f->options_len;
    uint32_t ip_len = write_ip(out, &f->src.addr, &f->dst.addr, LOOK_PROTOCOL_TCP, f->traffic_class, f->ttl,
                               tcp_len + f->data_len);
    uint8_t *tcp = out + ip_len;
    put16(tcp, f->src.port);
    put16(tcp + 2, f->dst.port);
    put32(tcp + 4, f->seq);
    put32(tcp + 8, f->ack);
    put16(tcp + 12, (uint16_t)(tcp_len / 4 << 12 | f->flags));
    put16(tcp + 14, f->win);
    put16(tcp + 18, f->urg);
    memcpy(tcp + TCP_LEN, f->options, f->options_len);
    if (f->data_len > 0)
        memcpy(tcp + tcp_len, f->data, f->data_len);
    uint32_t len = ip_len + tcp_len + f->data_len;
    finish_sum(out, len, ip_len, tcp + 16, true);
    return len;
}

/* As much of the segment as RFC 792 promises: its IP header and eight bytes. */
static uint32_t write_quote(uint8_t *out, const struct pkt_icmp_fields *f)
{
    uint32_t ip_len =
        write_ip(out, &f->quoted_src.addr, &f->quoted_dst.addr, LOOK_PROTOCOL_TCP, 0, 63, TCP_LEN + f->quoted_len);
    put16(out + ip_len, f->quoted_src.port);
    put16(out + ip_len + 2, f->quoted_dst.port);
    put32(out + ip_len + 4, f->quoted_seq);
    return ip_len + QUOTED_TCP_LEN;
}

uint32_t pkt_frame_icmp(uint8_t *out, const struct pkt_icmp_fields *f)
{
    bool v4 = hf_addr_is_v4(&f->src);
    uint32_t ip_len = v4 ? IPV4_LEN : IPV6_LEN;
    uint8_t *icmp = out + ip_len;
    uint32_t len = ICMP_LEN + write_quote(icmp + ICMP_LEN, f);
    write_ip(out, &f->src, &f->dst, v4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6, 0, 64, len);
    memset(icmp, 0, ICMP_LEN);
    icmp[0] = f->type;
    icmp[1] = f->code;
    put32(icmp + 4, f->mtu); /* IPv4 has it in the lower half, and 0 above */
    finish_sum(out, ip_len + len, ip_len, icmp + 2, !v4);
    return ip_len + len;
}

static bool sum_is_right(const struct hf_frame *frame, const struct hf_look *look, bool has_pseudo)
{
    uint32_t len = look->end - look->transport;
    uint32_t sum = has_pseudo ? hf_look_pseudo(frame->data, look, len) : 0;
    return hf_look_sum(frame->data + look->transport, len, sum) == 0xffff;
}

const char *pkt_frame_fault(const struct hf_frame *frame)
{
    struct hf_look look;
    if (!hf_look(frame->data, frame->len, HF_LINK_IP, &look))
        return "a frame without a well-formed IP header was sent";
    if (look.end != frame->len)
        return "a frame was sent whose length is not what its IP header says";
    if (look.version == 4 && hf_look_sum(frame->data, (frame->data[0] & 15u) * 4, 0) != 0xffff)
        return "a frame was sent with a bad IP header checksum";
    bool is_left_to_device = frame->flags & HF_FRAME_CSUM_PARTIAL;
    bool is_icmp = look.protocol == (look.version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6);
    if (look.is_tcp && !is_left_to_device && !sum_is_right(frame, &look, true))
        return "a segment was sent with a bad TCP checksum";
    if (is_icmp && !sum_is_right(frame, &look, look.version == 6))
        return "an ICMP message was sent with a bad checksum";
    return NULL;
}

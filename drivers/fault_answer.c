/* Forming resets (RFC 9293, 3.10.7.1), and cutting a segment short. See fault_answer.h. */
#include "fault_answer.h"

#include "bytes.h"

#include <string.h>

#define TCP_LEN   20
#define HOP_LIMIT 64

/* Which way a segment goes, seen from the one it is made from. */
enum way { ONWARD, BACK };

static void write_ethernet(const uint8_t *data, const struct hf_look *look, enum way way, uint8_t *out)
{
    if (look->ip == 0)
        return;
    memcpy(out, data + (way == BACK ? 6 : 0), 6);
    memcpy(out + 6, data + (way == BACK ? 0 : 6), 6);
    memcpy(out + 12, data + 12, 2);
}

/* Writes the IP header, without options. Returns its length. */
static uint32_t write_ip(const uint8_t *ip, uint8_t version, enum way way, uint8_t *out)
{
    uint32_t len = version == 4 ? 20 : 40, addr_len = version == 4 ? 4 : 16;
    const uint8_t *addresses = ip + len - 2 * addr_len;
    memset(out, 0, len);
    if (version == 4) {
        out[0] = 0x45;
        out[6] = 0x40; /* do not fragment */
        out[8] = HOP_LIMIT;
        out[9] = LOOK_PROTOCOL_TCP;
    } else {
        out[0] = 0x60;
        out[6] = LOOK_PROTOCOL_TCP;
        out[7] = HOP_LIMIT;
    }
    memcpy(out + len - 2 * addr_len, addresses + (way == BACK ? addr_len : 0), addr_len);
    memcpy(out + len - addr_len, addresses + (way == BACK ? 0 : addr_len), addr_len);
    return len;
}

static void write_tcp(const struct hf_look *from, uint32_t seq, uint32_t ack, uint8_t flags, enum way way,
                      uint8_t *tcp)
{
    memset(tcp, 0, TCP_LEN);
    put16(tcp, way == BACK ? from->dst_port : from->src_port);
    put16(tcp + 2, way == BACK ? from->src_port : from->dst_port);
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    tcp[12] = (TCP_LEN / 4) << 4;
    tcp[13] = flags;
}

/* Lengths and checksums of a datagram that ends `len` bytes behind its beginning. */
static void finish(uint8_t *data, const struct hf_look *look, uint32_t len)
{
    uint8_t *tcp = data + look->transport;
    uint32_t tcp_len = len - look->transport;
    hf_look_set_ip_len(data, look, len - look->ip);
    put16(tcp + 16, 0);
    hf_look_store(tcp + 16, hf_look_sum(tcp, tcp_len, hf_look_pseudo(data, look, tcp_len)));
}

static uint32_t write_reset(const uint8_t *data, const struct hf_look *look, uint32_t seq, uint32_t ack,
                            uint8_t flags, enum way way, uint8_t *out)
{
    struct hf_look made = {.version = look->version, .protocol = LOOK_PROTOCOL_TCP, .ip = look->ip};
    write_ethernet(data, look, way, out);
    made.transport = made.ip + write_ip(data + look->ip, look->version, way, out + made.ip);
    write_tcp(look, seq, ack, flags, way, out + made.transport);
    finish(out, &made, made.transport + TCP_LEN);
    return made.transport + TCP_LEN;
}

/* A segment with ACK is answered with a reset at that number, any other with one that acknowledges it. */
uint32_t hf_fault_answer(const uint8_t *data, const struct hf_look *look, uint8_t out[FAULT_ANSWER_CAP])
{
    uint32_t segment_len = look->payload_len + ((look->flags & LOOK_SYN) != 0) + ((look->flags & LOOK_FIN) != 0);
    if (look->flags & LOOK_ACK)
        return write_reset(data, look, look->ack, 0, LOOK_RST, BACK, out);
    return write_reset(data, look, 0, look->seq + segment_len, LOOK_RST | LOOK_ACK, BACK, out);
}

uint32_t hf_fault_cut(uint8_t *data, const struct hf_look *look, uint32_t kept)
{
    data[look->transport + 13] &= (uint8_t)~LOOK_FIN;
    finish(data, look, look->payload + kept);
    return look->payload + kept;
}

uint32_t hf_fault_give_up(const uint8_t *data, const struct hf_look *look, uint32_t kept,
                          uint8_t out[FAULT_ANSWER_CAP])
{
    return write_reset(data, look, look->seq + kept, look->ack, LOOK_RST | LOOK_ACK, ONWARD, out);
}

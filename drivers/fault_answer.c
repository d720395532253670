/* Forming a reset in answer to a segment (RFC 9293, 3.10.7.1). See fault_answer.h. */
#include "fault_answer.h"

#include "bytes.h"

#include <string.h>

#define TCP_LEN   20
#define HOP_LIMIT 64

static void turn_ethernet(const uint8_t *data, const struct hf_look *look, uint8_t *out)
{
    if (look->ip == 0)
        return;
    memcpy(out, data + 6, 6);
    memcpy(out + 6, data, 6);
    memcpy(out + 12, data + 12, 2);
}

/* Writes the IP header, without options, from destination to source. Returns its length. */
static uint32_t turn_ip(const uint8_t *ip, uint8_t version, uint8_t *out)
{
    if (version == 4) {
        memset(out, 0, 20);
        out[0] = 0x45;
        out[6] = 0x40; /* do not fragment */
        out[8] = HOP_LIMIT;
        out[9] = LOOK_PROTOCOL_TCP;
        memcpy(out + 12, ip + 16, 4);
        memcpy(out + 16, ip + 12, 4);
        return 20;
    }
    memset(out, 0, 40);
    out[0] = 0x60;
    out[6] = LOOK_PROTOCOL_TCP;
    out[7] = HOP_LIMIT;
    memcpy(out + 8, ip + 24, 16);
    memcpy(out + 24, ip + 8, 16);
    return 40;
}

/* A segment with ACK is answered with a reset at that number, any other with one that acknowledges it. */
static void write_reset(const struct hf_look *look, uint8_t *tcp)
{
    bool has_ack = (look->flags & LOOK_ACK) != 0;
    uint32_t segment_len = look->payload_len + ((look->flags & LOOK_SYN) != 0) + ((look->flags & LOOK_FIN) != 0);
    memset(tcp, 0, TCP_LEN);
    put16(tcp, look->dst_port);
    put16(tcp + 2, look->src_port);
    put32(tcp + 4, has_ack ? look->ack : 0);
    put32(tcp + 8, has_ack ? 0 : look->seq + segment_len);
    tcp[12] = (TCP_LEN / 4) << 4;
    tcp[13] = has_ack ? LOOK_RST : LOOK_RST | LOOK_ACK;
}

uint32_t hf_fault_answer(const uint8_t *data, const struct hf_look *look, uint8_t out[FAULT_ANSWER_CAP])
{
    struct hf_look answer = {.version = look->version, .protocol = LOOK_PROTOCOL_TCP, .ip = look->ip};
    turn_ethernet(data, look, out);
    answer.transport = answer.ip + turn_ip(data + look->ip, look->version, out + answer.ip);
    write_reset(look, out + answer.transport);
    uint32_t len = answer.transport + TCP_LEN;
    hf_look_set_ip_len(out, &answer, len - answer.ip);
    uint32_t sum = hf_look_sum(out + answer.transport, TCP_LEN, hf_look_pseudo(out, &answer, TCP_LEN));
    hf_look_store(out + answer.transport + 16, sum);
    return len;
}

/*
 * Frames made by hand, for tests of drivers: TCP segments between two fixed ends, with checksums made and judged by
 * plain code of their own, so that a driver's arithmetic is not its own witness.
 */
#ifndef TESTS_DRIVER_FRAMES_H
#define TESTS_DRIVER_FRAMES_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <handfast/driver.h>
#include <handfast/observe.h>

#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, CWR = 128 };

struct made {
    bool ethernet, v6;
    bool back;     /* from the server, port 80, to the client, port 40000 */
    uint16_t port; /* of the client; 0: 40000 */
    uint32_t seq, ack;
    uint8_t flags;
    uint32_t len;    /* bytes of payload: their stream offset, seq + i, modulo 251 */
    uint16_t gso;    /* segment size, with the checksum left to the device */
    bool partial;    /* checksum left to the device */
    uint16_t window; /* 0: 1000 */
};

static inline void put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, v >> 16);
    put_be16(p + 2, v & 0xffff);
}
static inline uint32_t get_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}
static inline uint32_t get_be32(const uint8_t *p)
{
    return get_be16(p) << 16 | get_be16(p + 2);
}

/* The ones'-complement sum of big-endian words, by the book (RFC 1071, 1). */
static inline uint32_t plain_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static inline uint32_t plain_pseudo(const uint8_t *ip, uint32_t tcp_len)
{
    uint32_t sum = ip[0] >> 4 == 4 ? plain_sum(ip + 12, 8, 0) : plain_sum(ip + 8, 32, 0);
    uint8_t tail[8] = {0};
    put_be32(tail, tcp_len);
    tail[7] = 6;
    return plain_sum(tail, 8, sum);
}

static inline uint32_t made_ip_at(const struct made *made)
{
    return made->ethernet ? 14 : 0;
}
static inline uint32_t made_tcp_at(const struct made *made)
{
    return made_ip_at(made) + (made->v6 ? 40 : 20);
}

static inline void make_ip(const struct made *made, uint8_t *ip, uint32_t tcp_len)
{
    uint8_t client = made->back ? 2 : 1, server = made->back ? 1 : 2;
    if (made->v6) {
        ip[0] = 0x60;
        put_be16(ip + 4, tcp_len);
        ip[6] = 6;
        ip[7] = 64;
        ip[8] = ip[24] = 0xfd;
        ip[23] = client;
        ip[39] = server;
        return;
    }
    ip[0] = 0x45;
    put_be16(ip + 2, 20 + tcp_len);
    put_be16(ip + 4, 0x1000);
    ip[8] = 64;
    ip[9] = 6;
    ip[12] = ip[16] = 10;
    ip[15] = client;
    ip[19] = server;
    put_be16(ip + 10, 0xffff & ~plain_sum(ip, 20, 0));
}

/* Writes the frame to buffer (HF_FRAME_MAX bytes) and describes it. */
static inline struct hf_frame make_tcp(uint8_t *buffer, struct made made)
{
    uint32_t ip_at = made_ip_at(&made), tcp_at = made_tcp_at(&made), tcp_len = 20 + made.len;
    struct hf_frame frame = {.data = buffer, .len = tcp_at + tcp_len, .cap = HF_FRAME_MAX};
    memset(buffer, 0, tcp_at + 20);
    if (made.ethernet) {
        memcpy(buffer, made.back ? "\2\0\0\0\0\1" : "\2\0\0\0\0\2", 6);
        memcpy(buffer + 6, made.back ? "\2\0\0\0\0\2" : "\2\0\0\0\0\1", 6);
        put_be16(buffer + 12, made.v6 ? 0x86dd : 0x0800);
    }
    make_ip(&made, buffer + ip_at, tcp_len);

    uint8_t *tcp = buffer + tcp_at;
    uint16_t port = made.port ? made.port : 40000;
    put_be16(tcp, made.back ? 80u : port);
    put_be16(tcp + 2, made.back ? port : 80u);
    put_be32(tcp + 4, made.seq);
    put_be32(tcp + 8, made.ack);
    tcp[12] = 5 << 4;
    tcp[13] = made.flags;
    put_be16(tcp + 14, made.window ? made.window : 1000u);
    for (uint32_t i = 0; i < made.len; i++)
        tcp[20 + i] = (uint8_t)((made.seq + i) % 251);

    uint32_t pseudo = plain_pseudo(buffer + ip_at, tcp_len);
    if (!made.partial && !made.gso) {
        put_be16(tcp + 16, 0xffff & ~plain_sum(tcp, tcp_len, pseudo));
        return frame;
    }
    put_be16(tcp + 16, pseudo);
    frame.flags = HF_FRAME_CSUM_PARTIAL;
    frame.csum_start = (uint16_t)tcp_at;
    frame.csum_offset = 16;
    frame.gso_size = made.gso;
    frame.gso_header = made.gso ? (uint16_t)(tcp_at + 20) : 0;
    return frame;
}

/* Where TCP begins in a frame without extension headers. */
static inline const uint8_t *tcp_of(const struct hf_frame *frame, bool ethernet)
{
    const uint8_t *ip = frame->data + (ethernet ? 14 : 0);
    return ip + (ip[0] >> 4 == 4 ? (ip[0] & 15) * 4 : 40);
}
static inline uint32_t seq_of(const struct hf_frame *frame)
{
    return get_be32(tcp_of(frame, false) + 4);
}
static inline uint32_t ack_of(const struct hf_frame *frame)
{
    return get_be32(tcp_of(frame, false) + 8);
}
static inline uint8_t flags_of(const struct hf_frame *frame)
{
    return tcp_of(frame, false)[13];
}

/* True when lengths agree and every checksum is right. */
static inline bool is_sound(const struct hf_frame *frame, bool ethernet)
{
    const uint8_t *ip = frame->data + (ethernet ? 14 : 0);
    const uint8_t *tcp = tcp_of(frame, ethernet);
    uint32_t tcp_len = frame->len - (uint32_t)(tcp - frame->data);
    bool is_v4 = ip[0] >> 4 == 4;
    uint32_t said = is_v4 ? get_be16(ip + 2) - (uint32_t)(tcp - ip) : get_be16(ip + 4);
    bool ip_is_right = !is_v4 || plain_sum(ip, (uint32_t)(tcp - ip), 0) == 0xffff;
    return said == tcp_len && ip_is_right && plain_sum(tcp, tcp_len, plain_pseudo(ip, tcp_len)) == 0xffff;
}

/* Sends a copy of one frame. */
static inline int send_frame(struct hf_driver *d, hf_time now, const struct hf_frame *frame)
{
    struct hf_frame room;
    int count = d->ops->reserve(d, &room, 1);
    if (count != 1)
        return count < 0 ? count : -1;
    struct hf_frame sent = *frame;
    sent.data = room.data;
    sent.cap = room.cap;
    assert_true(frame->len <= room.cap);
    memcpy(sent.data, frame->data, frame->len);
    return d->ops->submit(d, now, &sent, 1);
}

static inline int send_made(struct hf_driver *d, hf_time now, struct made made)
{
    static uint8_t buffer[HF_FRAME_MAX];
    struct hf_frame frame = make_tcp(buffer, made);
    return send_frame(d, now, &frame);
}

/* Receives one frame, with its bytes copied to buffer. False when there is none. */
static inline bool receive_frame(struct hf_driver *d, hf_time now, struct hf_frame *frame, uint8_t *buffer)
{
    if (d->ops->receive(d, now, frame, 1) != 1)
        return false;
    struct hf_frame lent = *frame;
    memcpy(buffer, frame->data, frame->len);
    frame->data = buffer;
    lent.why = HF_ACCEPTED;
    d->ops->release(d, now, &lent, 1);
    return true;
}

static inline hf_time at_ms(int64_t ms)
{
    return (hf_time){ms * HF_MS};
}

#endif

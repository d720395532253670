/* UDP beside the engine: RFC 768 in frames of RFC 791 and 8200. Read first: datagram.h. */
#define _GNU_SOURCE
#include "datagram.h"

#include "../drivers/bytes.h"
#include "../drivers/look.h"

#include <handfast/observe.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16, UDP_LEN = 8, V4_LEN = 20, V6_LEN = 40, V4_ADDR = 12, TTL = 64 };

struct taker {
    struct hf_driver driver;
    struct hf_driver *inner;
    datagram_taker *take;
    void *arg;
    /* received: what the inner driver lent, and which of it the engine got */
    struct hf_frame lent[BATCH];
    unsigned lent_count, next;
    unsigned passed[BATCH];
    unsigned passed_count;
    /* to send */
    struct hf_frame room[BATCH];
    unsigned room_count, filled;
    bool waits_for_news, has_news;
};

static struct taker *taker_of(struct hf_driver *d)
{
    return (struct taker *)d;
}

/* ---- receiving ---- */

static bool is_fragment(const struct hf_frame *frame, const struct hf_look *look)
{
    return look->version == 4 && (get16(frame->data + look->ip + 6) & 0x3fff) != 0;
}

/* True when the frame is a datagram, which then has been taken. */
static bool take_datagram(struct taker *t, hf_time now, struct hf_frame *frame, const struct hf_look *look)
{
    if (look->version == 0 || look->protocol != IPPROTO_UDP || is_fragment(frame, look))
        return false;
    uint32_t room = look->end - look->transport;
    const uint8_t *udp = frame->data + look->transport;
    frame->why = HF_DROP_SHORT;
    if (room < UDP_LEN || get16(udp + 4) < UDP_LEN || get16(udp + 4) > room)
        return true;
    frame->why = HF_ACCEPTED;
    const struct datagram d = {
        .from = {look->src, get16(udp)},
        .to = {look->dst, get16(udp + 2)},
        .data = udp + UDP_LEN,
        .len = get16(udp + 4) - (uint32_t)UDP_LEN,
    };
    if (d.to.port != 0 && d.from.port != 0)
        t->take(t->arg, now, &d);
    return true;
}

static int refill(struct taker *t, hf_time now, unsigned max)
{
    if (t->waits_for_news && !t->has_news)
        return 0;
    unsigned asked = max < BATCH ? max : BATCH;
    int count = t->inner->ops->receive(t->inner, now, t->lent, asked);
    t->lent_count = count > 0 ? (unsigned)count : 0;
    t->has_news = count == (int)asked; /* less: it had no more */
    t->next = 0;
    return count;
}

static int taker_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct taker *t = taker_of(d);
    t->passed_count = 0;
    if (t->next == t->lent_count) {
        int count = refill(t, now, max);
        if (count <= 0)
            return count;
    }
    while (t->next < t->lent_count && t->passed_count < max) {
        struct hf_frame *frame = &t->lent[t->next];
        struct hf_look look;
        bool is_ip = hf_look(frame->data, frame->len, t->driver.link.kind, &look);
        if (is_ip && take_datagram(t, now, frame, &look)) {
            t->next++;
            continue;
        }
        if (is_ip && look.is_tcp && (look.flags & LOOK_RST) && t->passed_count > 0)
            break;
        t->passed[t->passed_count] = t->next++;
        frames[t->passed_count++] = *frame;
    }
    if (t->passed_count == 0) { /* datagrams only: they go back at once, nobody else will return them */
        t->inner->ops->release(t->inner, now, t->lent, t->lent_count);
        t->lent_count = t->next = 0;
    }
    return (int)t->passed_count;
}

static void taker_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct taker *t = taker_of(d);
    for (unsigned i = 0; i < count; i++) {
        t->lent[t->passed[i]].why = frames[i].why;
        t->lent[t->passed[i]].conn = frames[i].conn;
    }
    if (t->next < t->lent_count)
        return; /* the rest of the batch is still to come */
    t->inner->ops->release(t->inner, now, t->lent, t->lent_count);
    t->lent_count = t->next = 0;
}

/* ---- what is passed through ---- */

static int taker_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct hf_driver *inner = taker_of(d)->inner;
    datagram_flush(d, hf_clock_now()); /* one reservation at a time */
    return inner->ops->reserve(inner, frames, max);
}

static int taker_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct taker *t = taker_of(d);
    t->has_news = true; /* PROGRAM's kernel answers while it is written to */
    return t->inner->ops->submit(t->inner, now, frames, count);
}

static hf_time taker_deadline(struct hf_driver *d)
{
    struct taker *t = taker_of(d);
    return t->next < t->lent_count ? (hf_time){0} : t->inner->ops->deadline(t->inner);
}

static void taker_close(struct hf_driver *d)
{
    struct hf_driver *inner = taker_of(d)->inner;
    free(d);
    inner->ops->close(inner);
}

static const struct hf_driver_ops taker_ops = {
    .receive = taker_receive,
    .release = taker_release,
    .reserve = taker_reserve,
    .submit = taker_submit,
    .deadline = taker_deadline,
    .close = taker_close,
};

void datagram_wait_for_news(struct hf_driver *d)
{
    taker_of(d)->waits_for_news = true;
}

void datagram_expect(struct hf_driver *d)
{
    taker_of(d)->has_news = true;
}

struct hf_driver *datagram_open(struct hf_driver *inner, datagram_taker *take, void *arg)
{
    struct taker *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->driver = *inner;
    t->driver.ops = &taker_ops;
    t->inner = inner;
    t->take = take;
    t->arg = arg;
    return &t->driver;
}

/* ---- sending ---- */

static void write_ip(uint8_t *out, const struct hf_addr *from, const struct hf_addr *to, uint8_t protocol,
                     uint32_t len)
{
    if (hf_addr_is_v4(from)) {
        memset(out, 0, V4_LEN);
        out[0] = 0x45;
        put16(out + 2, (uint16_t)(V4_LEN + len));
        put16(out + 6, 0x4000); /* don't fragment */
        out[8] = TTL;
        out[9] = protocol;
        memcpy(out + 12, from->bytes + V4_ADDR, 4);
        memcpy(out + 16, to->bytes + V4_ADDR, 4);
        hf_look_store(out + 10, hf_look_sum(out, V4_LEN, 0));
        return;
    }
    memset(out, 0, V6_LEN);
    out[0] = 0x60;
    put16(out + 4, (uint16_t)len);
    out[6] = protocol;
    out[7] = TTL;
    memcpy(out + 8, from->bytes, 16);
    memcpy(out + 24, to->bytes, 16);
}

static uint32_t ip_len(const struct hf_addr *addr)
{
    return hf_addr_is_v4(addr) ? V4_LEN : V6_LEN;
}

static struct hf_frame *next_room(struct taker *t, hf_time now)
{
    if (t->filled == t->room_count) {
        datagram_flush(&t->driver, now);
        int count = t->inner->ops->reserve(t->inner, t->room, BATCH);
        t->room_count = count > 0 ? (unsigned)count : 0;
    }
    return t->filled < t->room_count ? &t->room[t->filled++] : NULL;
}

/* Finishes the transport checksum of a frame whose headers are written, at `field` behind the IP header. */
static void finish_sum(uint8_t *data, const struct hf_addr *from, const struct hf_addr *to, uint8_t protocol,
                       uint32_t len, uint32_t field)
{
    uint32_t ip = ip_len(from);
    struct hf_look look = {.version = ip == V4_LEN ? 4 : 6, .protocol = protocol, .src = *from, .dst = *to};
    look.transport = ip;
    look.end = ip + len;
    bool has_pseudo = protocol != IPPROTO_ICMP;
    uint32_t sum = has_pseudo ? hf_look_pseudo(data, &look, len) : 0;
    hf_look_store(data + ip + field, hf_look_sum(data + ip, len, sum));
    if (protocol == IPPROTO_UDP && get16(data + ip + field) == 0)
        put16(data + ip + field, 0xffff); /* zero would mean "no checksum" */
}

static void write_udp(uint8_t *udp, const struct hf_endpoint *from, const struct hf_endpoint *to, uint32_t len)
{
    put16(udp, from->port);
    put16(udp + 2, to->port);
    put16(udp + 4, (uint16_t)(UDP_LEN + len));
    put16(udp + 6, 0);
}

void datagram_send(struct hf_driver *d, hf_time now, const struct datagram *datagram)
{
    struct hf_frame *frame = next_room(taker_of(d), now);
    const struct hf_endpoint *from = &datagram->from, *to = &datagram->to;
    uint32_t ip = ip_len(&from->addr), len = UDP_LEN + datagram->len;
    if (!frame)
        return;
    write_ip(frame->data, &from->addr, &to->addr, IPPROTO_UDP, len);
    write_udp(frame->data + ip, from, to, datagram->len);
    memcpy(frame->data + ip + UDP_LEN, datagram->data, datagram->len);
    frame->len = ip + len;
    frame->why = HF_WHY_DATA;
    finish_sum(frame->data, &from->addr, &to->addr, IPPROTO_UDP, len, 6);
}

void datagram_flush(struct hf_driver *d, hf_time now)
{
    struct taker *t = taker_of(d);
    if (t->filled > 0)
        t->inner->ops->submit(t->inner, now, t->room, t->filled);
    t->filled = t->room_count = 0;
}

/* Type and code by RFC 792 and RFC 1812, 5.2.7.1, or RFC 4443, 3.1. */
static void write_icmp_type(uint8_t *icmp, bool is_v4, enum datagram_problem problem)
{
    static const uint8_t v4[] = {[DATAGRAM_PORT] = 3, [DATAGRAM_HOST] = 1, [DATAGRAM_PROHIBITED] = 13};
    static const uint8_t v6[] = {[DATAGRAM_PORT] = 4, [DATAGRAM_HOST] = 3, [DATAGRAM_PROHIBITED] = 1};
    memset(icmp, 0, 8);
    icmp[0] = is_v4 ? 3 : 1;
    icmp[1] = is_v4 ? v4[problem] : v6[problem];
}

void datagram_unreachable(struct hf_driver *d, hf_time now, const struct hf_endpoint *from,
                          const struct hf_endpoint *to, enum datagram_problem problem)
{
    struct hf_frame *frame = next_room(taker_of(d), now);
    if (!frame)
        return;
    bool is_v4 = hf_addr_is_v4(&from->addr);
    uint32_t ip = ip_len(&from->addr), quoted = ip + UDP_LEN, len = 8 + quoted;
    uint8_t protocol = is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, *icmp = frame->data + ip;
    write_ip(frame->data, &to->addr, &from->addr, protocol, len);
    write_icmp_type(icmp, is_v4, problem);
    write_ip(icmp + 8, &from->addr, &to->addr, IPPROTO_UDP, UDP_LEN);
    write_udp(icmp + 8 + ip, from, to, 0);
    frame->len = ip + len;
    frame->why = HF_WHY_UNREACHABLE;
    finish_sum(frame->data, &to->addr, &from->addr, protocol, len, 2);
}

/* UDP flows. Read first: udp.h. */
#define _GNU_SOURCE
#include "udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOWS_MAX  4096 /* the one idle for longest goes first */
#define BUCKETS    4096
#define IDLE_NS    (120 * HF_SECOND) /* RFC 4787, REQ-5 */
#define IDLE_DNS   (15 * HF_SECOND)  /* a question and its answer */
#define SWEEP_NS   HF_SECOND
#define READ_BATCH 32 /* datagrams of one flow before it is another's turn */
#define PORT_TRIES 64

struct port;

/* One pair of endpoints, as PROGRAM sees it. */
struct flow {
    struct loop_source source; /* connected onward; fd -1 for a flow of a published port */
    struct udp *owner;
    struct hf_endpoint inside, outside;
    struct port *port;         /* published: whose socket the answers leave by */
    struct hf_endpoint client; /* ... and to whom */
    hf_time used_at;
    struct flow *chain; /* in its bucket */
    struct flow *older, *newer;
};

struct port {
    struct loop_source source;
    struct udp *owner;
    struct hf_endpoint inside;
    struct port *next;
};

struct udp {
    int epoll;
    const struct rules *rules;
    struct hf_driver *driver;
    struct flow *buckets[BUCKETS];
    struct flow *oldest, *newest;
    struct flow *gone; /* to be freed when the turn is over */
    unsigned count;
    struct port *ports;
    hf_time now, swept_at;
    struct udp_counts counts;
    uint8_t buffer[DATAGRAM_MAX + 1];
};

/* ---- the table ---- */

static struct flow **bucket_of(struct udp *u, const struct hf_endpoint *inside, const struct hf_endpoint *outside)
{
    uint32_t hash = inside->port * 2654435761u ^ outside->port * 40503u;
    for (unsigned i = 12; i < 16; i++)
        hash = (hash ^ outside->addr.bytes[i] ^ inside->addr.bytes[i]) * 16777619u;
    return &u->buckets[hash % BUCKETS];
}

static bool is_same(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && hf_addr_equal(&a->addr, &b->addr);
}

static struct flow *find(struct udp *u, const struct hf_endpoint *inside, const struct hf_endpoint *outside)
{
    struct flow *f = *bucket_of(u, inside, outside);
    while (f && !(is_same(&f->inside, inside) && is_same(&f->outside, outside)))
        f = f->chain;
    return f;
}

static void unlink_age(struct udp *u, struct flow *f)
{
    *(f->older ? &f->older->newer : &u->oldest) = f->newer;
    *(f->newer ? &f->newer->older : &u->newest) = f->older;
}

static void link_newest(struct udp *u, struct flow *f)
{
    f->older = u->newest;
    f->newer = NULL;
    *(u->newest ? &u->newest->newer : &u->oldest) = f;
    u->newest = f;
}

static void touch(struct flow *f)
{
    f->used_at = f->owner->now;
    unlink_age(f->owner, f);
    link_newest(f->owner, f);
}

static void forget(struct flow *f)
{
    struct udp *u = f->owner;
    struct flow **at = bucket_of(u, &f->inside, &f->outside);
    while (*at != f)
        at = &(*at)->chain;
    *at = f->chain;
    unlink_age(u, f);
    loop_close(&f->source);
    u->count--;
    f->chain = u->gone;
    u->gone = f;
}

static struct flow *add(struct udp *u, const struct hf_endpoint *inside, const struct hf_endpoint *outside)
{
    struct flow *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    if (u->count == FLOWS_MAX)
        forget(u->oldest);
    *f = (struct flow){.source.fd = -1, .owner = u, .inside = *inside, .outside = *outside, .used_at = u->now};
    struct flow **bucket = bucket_of(u, inside, outside);
    f->chain = *bucket;
    *bucket = f;
    link_newest(u, f);
    u->count++;
    u->counts.flows++;
    return f;
}

/* ---- outwards ---- */

static enum datagram_problem problem_of(int error)
{
    if (error == ECONNREFUSED)
        return DATAGRAM_PORT;
    return error == EACCES || error == EPERM ? DATAGRAM_PROHIBITED : DATAGRAM_HOST;
}

static void complain_inwards(struct flow *f, int error)
{
    datagram_unreachable(f->owner->driver, f->owner->now, &f->inside, &f->outside, problem_of(error));
}

/* Answers go inwards as they come; an error is what an earlier datagram met. */
static void flow_ready(struct loop_source *source, uint32_t events)
{
    struct flow *f = (struct flow *)source;
    struct udp *u = f->owner;
    (void)events;
    for (unsigned i = 0; i < READ_BATCH; i++) {
        ssize_t n = recv(source->fd, u->buffer, sizeof u->buffer, MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            complain_inwards(f, errno);
        if (n < 0)
            return;
        const struct datagram d = {.from = f->outside, .to = f->inside, .data = u->buffer, .len = (uint32_t)n};
        datagram_send(u->driver, u->now, &d);
        u->counts.datagrams_in++;
        touch(f);
    }
}

static int connect_flow(struct flow *f, const struct hf_endpoint *onward)
{
    struct sockaddr_storage to;
    socklen_t len = rules_sockaddr(onward, &to);
    f->source.ready = flow_ready;
    f->source.fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (f->source.fd < 0 || connect(f->source.fd, (struct sockaddr *)&to, len) < 0)
        return -1;
    int room = 4 << 20; /* a burst at the speed of memory; the kernel gives what it allows */
    setsockopt(f->source.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    return loop_add(f->owner->epoll, &f->source, EPOLLIN);
}

static bool is_group(const struct hf_addr *addr)
{
    return hf_addr_is_v4(addr) ? addr->bytes[12] >= 224 : addr->bytes[0] == 0xff;
}

static struct flow *open_flow(struct udp *u, const struct datagram *d)
{
    struct hf_endpoint onward;
    if (!rules_allow(u->rules, &d->to, &onward)) {
        u->counts.denied++;
        if (!is_group(&d->to.addr))
            datagram_unreachable(u->driver, u->now, &d->from, &d->to, DATAGRAM_PROHIBITED);
        return NULL;
    }
    struct flow *f = add(u, &d->from, &d->to);
    if (f && connect_flow(f, &onward) < 0) {
        complain_inwards(f, errno);
        forget(f);
        return NULL;
    }
    return f;
}

static void answer_client(const struct flow *f, const struct datagram *d)
{
    struct sockaddr_storage to;
    socklen_t len = rules_sockaddr(&f->client, &to);
    sendto(f->port->source.fd, d->data, d->len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, len);
}

void udp_take(void *udp, hf_time now, const struct datagram *d)
{
    struct udp *u = udp;
    u->now = now;
    struct flow *f = find(u, &d->from, &d->to);
    if (!f)
        f = open_flow(u, d);
    if (!f)
        return;
    touch(f);
    u->counts.datagrams_out++;
    if (f->port)
        answer_client(f, d);
    else if (send(f->source.fd, d->data, d->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN &&
             errno != ENOBUFS)
        complain_inwards(f, errno);
}

/* ---- inwards, through a published port ---- */

/* A client has the gateway's address inside, and its own port unless another client has that one already. */
static struct flow *flow_of_client(struct udp *u, struct port *p, const struct hf_endpoint *client)
{
    bool is_v4 = hf_addr_is_v4(&p->inside.addr);
    struct hf_endpoint outside = {u->rules->gateway[is_v4 ? 0 : 1], client->port};
    for (unsigned i = 0; i < PORT_TRIES; i++, outside.port++) {
        struct flow *f = find(u, &p->inside, &outside);
        if (f && f->port == p && is_same(&f->client, client))
            return f;
        if (!f && outside.port != 0) {
            f = add(u, &p->inside, &outside);
            if (f) {
                f->port = p;
                f->client = *client;
            }
            return f;
        }
    }
    return NULL;
}

static void port_ready(struct loop_source *source, uint32_t events)
{
    struct port *p = (struct port *)source;
    struct udp *u = p->owner;
    (void)events;
    for (unsigned i = 0; i < READ_BATCH; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(source->fd, u->buffer, sizeof u->buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
        if (n < 0)
            return;
        struct hf_endpoint client = rules_endpoint(&from);
        struct flow *f = flow_of_client(u, p, &client);
        if (!f)
            continue;
        const struct datagram d = {.from = f->outside, .to = f->inside, .data = u->buffer, .len = (uint32_t)n};
        datagram_send(u->driver, u->now, &d);
        u->counts.datagrams_in++;
        touch(f);
    }
}

int udp_publish(struct udp *u, const struct hf_endpoint *host, const struct hf_endpoint *inside)
{
    struct sockaddr_storage at;
    socklen_t len = rules_sockaddr(host, &at);
    struct port *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    *p = (struct port){.source.ready = port_ready, .owner = u, .inside = *inside, .next = u->ports};
    p->source.fd = socket(at.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->source.fd < 0 || bind(p->source.fd, (struct sockaddr *)&at, len) < 0 ||
        loop_add(u->epoll, &p->source, EPOLLIN) < 0) {
        int error = errno;
        loop_close(&p->source);
        free(p);
        errno = error;
        return -1;
    }
    u->ports = p;
    return 0;
}

/* ---- time ---- */

static hf_ns idle_limit(const struct flow *f)
{
    return f->outside.port == 53 ? IDLE_DNS : IDLE_NS;
}

void udp_turn(struct udp *u, hf_time now)
{
    u->now = now;
    datagram_flush(u->driver, now);
    if (hf_time_since(now, u->swept_at) >= SWEEP_NS) {
        u->swept_at = now;
        struct flow *next;
        for (struct flow *f = u->oldest; f && hf_time_since(now, f->used_at) > IDLE_DNS; f = next) {
            next = f->newer;
            if (hf_time_since(now, f->used_at) > idle_limit(f))
                forget(f);
        }
    }
    while (u->gone) {
        struct flow *f = u->gone;
        u->gone = f->chain;
        free(f);
    }
}

hf_time udp_deadline(const struct udp *u)
{
    return u->oldest ? hf_time_add(u->oldest->used_at, IDLE_NS) : HF_NEVER;
}

struct udp_counts udp_counts(const struct udp *u)
{
    return u->counts;
}

/* ---- opening ---- */

struct udp *udp_open(int epoll, const struct rules *rules)
{
    struct udp *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->epoll = epoll;
    u->rules = rules;
    return u;
}

void udp_set_driver(struct udp *u, struct hf_driver *driver)
{
    u->driver = driver;
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    while (u->oldest)
        forget(u->oldest);
    while (u->gone) {
        struct flow *f = u->gone;
        u->gone = f->chain;
        free(f);
    }
    while (u->ports) {
        struct port *p = u->ports;
        u->ports = p->next;
        loop_close(&p->source);
        free(p);
    }
    free(u);
}

/* Which events hold for a socket, as Linux's tcp_poll has it; poll() and epoll over that. See sockets.h. */
#define _GNU_SOURCE
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>

/* ---- one socket ---- */

/* As Linux: a third of the buffer is free, and of what waits unsent not more than half of what may. */
static bool has_room(struct hf_sockets *s, const struct hf_sock *sock, const struct hf_tcp_info *info)
{
    uint32_t most = sock->options.send_buffer ? sock->options.send_buffer : s->config->send_buffer;
    uint32_t unsent = info->send_queue > info->unacked ? info->send_queue - info->unacked : 0;
    bool is_short = info->send_queue < most && most - info->send_queue >= info->send_queue / 2;
    return is_short && (sock->unsent_most == 0 || (uint64_t)unsent * 2 < sock->unsent_most);
}

static uint32_t ready_to_write(struct hf_sockets *s, const struct hf_sock *sock, const struct hf_tcp_info *info,
                               bool may_send)
{
    return !may_send || has_room(s, sock, info) ? POLLOUT | POLLWRNORM : 0;
}

static uint32_t ready_connection(struct hf_sockets *s, const struct hf_sock *sock)
{
    struct hf_tcp_info info;
    hf_tcp_status(s->engine, sock->conn, &info);
    bool is_over = info.state == HF_CLOSED, may_send = info.state == HF_ESTABLISHED || info.state == HF_CLOSE_WAIT;
    bool opens = info.state == HF_SYN_SENT || info.state == HF_SYN_RECEIVED;
    bool has_end = info.fin_received || is_over || sock->reading_is_shut;
    uint32_t bits = 0;
    if (info.receive_queue >= sock->least || has_end)
        bits |= POLLIN | POLLRDNORM;
    if (!opens)
        bits |= ready_to_write(s, sock, &info, may_send);
    if (has_end)
        bits |= POLLRDHUP;
    if (is_over || (has_end && !may_send && !opens))
        bits |= POLLHUP;
    if (is_over && info.error != HF_OK && !sock->error_was_told)
        bits |= POLLERR;
    if (info.urgent_ahead > 0)
        bits |= POLLPRI;
    return bits;
}

uint32_t hf_sock_ready(struct hf_sockets *s, const struct hf_sock *sock)
{
    struct hf_tcp_info info;
    switch (sock->kind) {
    case HF_SOCK_CONNECTION:
        return ready_connection(s, sock);
    case HF_SOCK_LISTENER:
        hf_tcp_status(s->engine, sock->conn, &info);
        return info.receive_queue > 0 ? POLLIN | POLLRDNORM : 0;
    case HF_SOCK_FRESH:
        return sock->awaits_text ? POLLOUT | POLLWRNORM : POLLOUT | POLLHUP;
    default:
        return 0;
    }
}

/* ---- time ---- */

/* Whether a call that found nothing waits on; sets its deadline. */
static bool waits_on(const struct hf_sockets *s, int timeout_ms, struct hf_wait *wait)
{
    wait->deadline = timeout_ms < 0 ? HF_NEVER : hf_time_add(wait->began, timeout_ms * HF_MS);
    return timeout_ms < 0 || hf_time_before(s->now, wait->deadline);
}

/* ---- poll ---- */

static uint32_t poll_one(struct hf_sockets *s, const struct pollfd *entry)
{
    const struct hf_sock *sock = hf_sock_find(s, entry->fd);
    uint32_t wanted = (uint32_t)(uint16_t)entry->events | POLLERR | POLLHUP;
    if (entry->fd < 0)
        return 0;
    return sock ? hf_sock_ready(s, sock) & wanted : POLLNVAL;
}

int64_t hf_sock_poll(struct hf_sockets *s, struct pollfd *fds, size_t count, int timeout_ms, struct hf_wait *wait)
{
    int64_t ready = 0;
    for (size_t i = 0; i < count; i++) {
        fds[i].revents = (short)poll_one(s, &fds[i]);
        ready += fds[i].revents != 0;
    }
    return ready == 0 && waits_on(s, timeout_ms, wait) ? HF_SOCK_WAITS : ready;
}

/* ---- epoll ---- */

int64_t hf_epoll_open(struct hf_sockets *s, int fd)
{
    int64_t answer = hf_sock_open(s, fd, AF_INET, SOCK_STREAM);
    struct hf_sock *sock = answer < 0 ? NULL : hf_sock_find(s, answer);
    struct hf_epoll *epoll = sock ? calloc(1, sizeof *epoll) : NULL;
    if (!epoll)
        return sock ? -ENOMEM : answer;
    sock->kind = HF_SOCK_EPOLL;
    sock->epoll = epoll;
    return answer;
}

static struct hf_watch *find_watch(struct hf_epoll *epoll, int fd)
{
    for (unsigned i = 0; i < epoll->count; i++)
        if (epoll->watch[i].fd == fd)
            return &epoll->watch[i];
    return NULL;
}

static int64_t add_watch(struct hf_epoll *epoll, int fd, const struct epoll_event *event)
{
    if (epoll->count == HF_WATCHES_MAX)
        return -ENOSPC;
    epoll->watch[epoll->count++] = (struct hf_watch){.fd = fd, .events = event->events, .data = event->data};
    return 0;
}

int64_t hf_epoll_control(struct hf_sockets *s, struct hf_sock *sock, int operation, int fd,
                         const struct epoll_event *event)
{
    struct hf_epoll *epoll = sock->epoll;
    struct hf_watch *watch = epoll ? find_watch(epoll, fd) : NULL;
    if (!epoll || fd == sock->fd)
        return -EINVAL;
    if (!hf_sock_find(s, fd))
        return -EBADF;
    if (operation == EPOLL_CTL_ADD)
        return watch ? -EEXIST : add_watch(epoll, fd, event);
    if (!watch)
        return -ENOENT;
    if (operation == EPOLL_CTL_DEL) {
        *watch = epoll->watch[--epoll->count];
        return 0;
    }
    if (operation != EPOLL_CTL_MOD)
        return -EINVAL;
    *watch = (struct hf_watch){.fd = fd, .events = event->events, .data = event->data};
    return 0;
}

/* What has come for a socket so far: more of it is news though the same bits hold. */
static uint64_t arrived(struct hf_sockets *s, const struct hf_sock *sock)
{
    struct hf_tcp_info info;
    if (sock->kind != HF_SOCK_CONNECTION && sock->kind != HF_SOCK_LISTENER)
        return 0;
    hf_tcp_status(s->engine, sock->conn, &info);
    return sock->kind == HF_SOCK_LISTENER ? info.receive_queue : info.bytes_received;
}

/* Edge-triggered: only what has become true, or has grown, since it was told. */
static bool is_news(struct hf_watch *watch, struct hf_sock *sock, uint32_t bits, uint64_t has_arrived)
{
    bool has_grown = (bits & POLLIN) && has_arrived > watch->arrived;
    bool has_room_again = (bits & POLLOUT) && sock->lacked_room;
    bool is_fresh = (bits & ~watch->seen) != 0;
    watch->seen = bits;
    watch->arrived = has_arrived;
    if (bits & POLLOUT)
        sock->lacked_room = false;
    return has_grown || has_room_again || is_fresh;
}

/* The events of one watch that are to be told now. */
static uint32_t take_events(struct hf_sockets *s, struct hf_watch *watch)
{
    struct hf_sock *sock = hf_sock_find(s, watch->fd);
    if (!sock || watch->has_fired)
        return 0;
    uint32_t bits = hf_sock_ready(s, sock) & (watch->events | EPOLLERR | EPOLLHUP);
    bool is_told = watch->events & EPOLLET ? is_news(watch, sock, bits, arrived(s, sock)) : true;
    if (!is_told || bits == 0)
        return 0;
    watch->has_fired = watch->events & EPOLLONESHOT;
    return bits;
}

int64_t hf_epoll_wait(struct hf_sockets *s, struct hf_sock *sock, struct epoll_event *events, int most,
                      int timeout_ms, struct hf_wait *wait)
{
    int count = 0;
    if (!sock->epoll || most <= 0)
        return -EINVAL;
    for (unsigned i = 0; i < sock->epoll->count && count < most; i++) {
        struct hf_watch *watch = &sock->epoll->watch[i];
        uint32_t bits = take_events(s, watch);
        if (bits != 0)
            events[count++] = (struct epoll_event){.events = bits, .data = watch->data};
    }
    return count == 0 && waits_on(s, timeout_ms, wait) ? HF_SOCK_WAITS : count;
}

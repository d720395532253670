/* From socket() to close(). See sockets.h; read next: options.c, poll.c. */
#define _GNU_SOURCE
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { OPTIONS_MOST = 40, HEADERS_V4 = 40, HEADERS_V6 = 60 };

int hf_errno_of(int error)
{
    switch (error) {
#define X(name, value, text, posix)                                                                                \
    case value:                                                                                                    \
        return posix;
        HF_ERRORS(X)
#undef X
    default:
        return EIO;
    }
}

/* ---- descriptors ---- */

struct hf_sock *hf_sock_find(struct hf_sockets *s, int64_t fd)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->sock[i]->is_open && s->sock[i]->fd == fd)
            return s->sock[i];
    return NULL;
}

static int choose_fd(struct hf_sockets *s, int wanted)
{
    if (wanted >= 0 && !hf_sock_find(s, wanted))
        return wanted;
    int fd = s->first_fd;
    while (hf_sock_find(s, fd))
        fd++;
    return fd;
}

/* NULL when there are too many. */
static struct hf_sock *add_sock(struct hf_sockets *s, int fd, enum hf_sock_kind kind)
{
    struct hf_sock *sock = s->count < HF_SOCKS_MAX ? calloc(1, sizeof *sock) : NULL;
    if (!sock)
        return NULL;
    sock->fd = choose_fd(s, fd);
    sock->is_open = true;
    sock->kind = kind;
    sock->least = 1;
    s->sock[s->count++] = sock;
    return sock;
}

void hf_sockets_close(struct hf_sockets *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        free(s->sock[i]->epoll);
        free(s->sock[i]);
    }
    s->count = 0;
}

/* The call must wait: EAGAIN where the application does not want to. */
static int64_t waits(bool is_nonblocking)
{
    return is_nonblocking ? -EAGAIN : HF_SOCK_WAITS;
}

int hf_sock_errno(const struct hf_sock *sock, int error)
{
    bool was_accepted = sock->remote.port == 0;
    return error == HF_ERR_REFUSED && was_accepted ? ECONNRESET : hf_errno_of(error);
}

/* How a connection ended is reported once; then it is just closed. */
static int64_t fails_with(struct hf_sock *sock, int error, int afterwards)
{
    bool is_end = error != HF_ERR_CLOSING && error != HF_ERR_NOT_CONNECTED;
    if (is_end && !sock->error_was_told) {
        sock->error_was_told = true;
        return -hf_sock_errno(sock, error);
    }
    return -afterwards;
}

/* ---- socket, bind, listen, accept ---- */

int64_t hf_sock_open(struct hf_sockets *s, int fd, int domain, int type)
{
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM)
        return -EPROTONOSUPPORT;
    struct hf_sock *sock = add_sock(s, fd, HF_SOCK_FRESH);
    if (!sock)
        return -EMFILE;
    sock->is_nonblocking = type & SOCK_NONBLOCK;
    sock->is_v6 = domain == AF_INET6;
    return sock->fd;
}

int64_t hf_sock_bind(struct hf_sock *sock, const struct hf_endpoint *local)
{
    if (sock->kind != HF_SOCK_FRESH || sock->local.port != 0)
        return -EINVAL;
    sock->local = *local;
    return 0;
}

int64_t hf_sock_listen(struct hf_sockets *s, struct hf_sock *sock, int backlog)
{
    sock->options.backlog = backlog > 0 ? (uint32_t)backlog : 1;
    if (sock->kind == HF_SOCK_LISTENER) {
        hf_tcp_set_options(s->engine, sock->conn, &sock->options);
        return 0;
    }
    if (sock->kind != HF_SOCK_FRESH)
        return -EINVAL;
    int error = hf_tcp_listen(s->engine, &sock->local, &sock->options, &sock->conn);
    if (error != HF_OK)
        return -hf_errno_of(error);
    sock->kind = HF_SOCK_LISTENER;
    return 0;
}

/* What an accepted socket has from its listener. */
static void inherit(struct hf_sock *sock, const struct hf_sock *listener)
{
    sock->is_v6 = listener->is_v6;
    sock->lingers = listener->lingers;
    sock->linger_s = listener->linger_s;
    sock->is_corked = listener->is_corked;
    sock->least = listener->least;
    sock->unsent_most = listener->unsent_most;
}

int64_t hf_sock_accept(struct hf_sockets *s, struct hf_sock *listener, int fd, int flags)
{
    hf_conn conn;
    if (listener->kind != HF_SOCK_LISTENER)
        return -EINVAL;
    int error = hf_tcp_accept(s->engine, listener->conn, &conn);
    if (error == HF_ERR_AGAIN)
        return waits(listener->is_nonblocking);
    if (error != HF_OK)
        return -hf_errno_of(error);
    struct hf_sock *sock = add_sock(s, fd, HF_SOCK_CONNECTION);
    if (!sock) {
        hf_tcp_abort(s->engine, conn);
        hf_tcp_release(s->engine, conn);
        return -EMFILE;
    }
    sock->conn = conn;
    sock->connect_was_told = true;
    sock->is_nonblocking = flags & SOCK_NONBLOCK;
    inherit(sock, listener);
    hf_tcp_get_options(s->engine, conn, &sock->options);
    return sock->fd;
}

/* ---- connect ---- */

/* Bytes that a SYN to that destination may carry (Linux leaves room for all options there may be), 0 without a cookie. */
static uint32_t text_in_syn(struct hf_sockets *s, const struct hf_addr *addr)
{
    uint32_t index = 0, mss = s->mtu - (hf_addr_is_v4(addr) ? HEADERS_V4 : HEADERS_V6);
    struct hf_fast_open_memory memory;
    while (hf_fast_open_next(s->engine, &index, &memory)) {
        if (!hf_addr_equal(&memory.addr, addr))
            continue;
        uint32_t most = memory.mss < mss ? memory.mss : mss;
        bool is_usable = memory.cookie_len > 0 && memory.rests_ns == 0 && most > OPTIONS_MOST;
        return is_usable ? most - OPTIONS_MOST : 0;
    }
    return 0;
}

static bool may_open_fast(const struct hf_sockets *s)
{
    return s->config->fast_open && !s->may_not_open_fast;
}

static int64_t opens(struct hf_sockets *s, struct hf_sock *sock, const struct hf_endpoint *remote)
{
    bool is_bound = sock->local.port != 0 || !hf_addr_is_any(&sock->local.addr);
    int error = hf_tcp_connect(s->engine, is_bound ? &sock->local : NULL, remote, &sock->options, &sock->conn);
    if (error != HF_OK)
        return -hf_errno_of(error);
    sock->kind = HF_SOCK_CONNECTION;
    sock->remote = *remote;
    return 0;
}

static int64_t begins_connect(struct hf_sockets *s, struct hf_sock *sock, const struct hf_endpoint *remote)
{
    if (sock->opens_with_text) {
        sock->options.fast_open = 1;
        sock->awaits_text = may_open_fast(s) && text_in_syn(s, &remote->addr) > 0;
        sock->remote = *remote;
        if (sock->awaits_text)
            return 0;
    }
    int64_t answer = opens(s, sock, remote);
    return answer < 0 ? answer : sock->is_nonblocking ? -EINPROGRESS : HF_SOCK_WAITS;
}

int64_t hf_sock_connect(struct hf_sockets *s, struct hf_sock *sock, const struct hf_endpoint *remote,
                        const struct hf_wait *wait)
{
    struct hf_tcp_info info;
    if (sock->kind == HF_SOCK_LISTENER || sock->awaits_text)
        return -EISCONN;
    if (sock->kind == HF_SOCK_FRESH)
        return begins_connect(s, sock, remote);
    hf_tcp_status(s->engine, sock->conn, &info);
    if (info.state == HF_CLOSED)
        return fails_with(sock, info.error, ECONNABORTED);
    if (info.state == HF_SYN_SENT || info.state == HF_SYN_RECEIVED)
        return wait->is_again && !sock->is_nonblocking ? HF_SOCK_WAITS : -EALREADY;
    if (sock->connect_was_told)
        return -EISCONN;
    sock->connect_was_told = true;
    return 0;
}

/* ---- reading ---- */

/* A look at what comes next: the first piece that lies together. */
static int64_t peek(struct hf_sockets *s, struct hf_sock *sock, void *data, size_t len)
{
    const uint8_t *lent = NULL;
    int64_t count = hf_tcp_lend_received(s->engine, sock->conn, &lent);
    if (count <= 0)
        return count;
    count = count > (int64_t)len ? (int64_t)len : count;
    memcpy(data, lent, (size_t)count);
    return count;
}

/* MSG_TRUNC: what is next is thrown away. */
static int64_t discard(struct hf_sockets *s, struct hf_sock *sock, size_t len)
{
    const uint8_t *lent = NULL;
    int64_t count = 0, done = 0;
    while ((size_t)done < len && (count = hf_tcp_lend_received(s->engine, sock->conn, &lent)) > 0) {
        count = count > (int64_t)len - done ? (int64_t)len - done : count;
        hf_tcp_received(s->engine, sock->conn, (size_t)count);
        done += count;
    }
    return done > 0 ? done : count;
}

int64_t hf_sock_receive(struct hf_sockets *s, struct hf_sock *sock, void *data, size_t len, int flags)
{
    if (sock->kind != HF_SOCK_CONNECTION)
        return sock->awaits_text ? waits(sock->is_nonblocking || (flags & MSG_DONTWAIT)) : -ENOTCONN;
    if (flags & MSG_OOB)
        return -EINVAL; /* urgent data stays in line: RFC 6093 */
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN; /* nothing ever stands there */
    int64_t count = flags & MSG_PEEK    ? peek(s, sock, data, len)
                    : flags & MSG_TRUNC ? discard(s, sock, len)
                                        : hf_tcp_receive(s->engine, sock->conn, data, len);
    if (count == HF_ERR_AGAIN && sock->reading_is_shut)
        return 0; /* what had come may still be read */
    if (count == HF_ERR_AGAIN)
        return waits(sock->is_nonblocking || (flags & MSG_DONTWAIT));
    return count < 0 ? fails_with(sock, (int)count, 0) : count;
}

/* ---- writing ---- */

static unsigned send_flags(const struct hf_sock *sock, int flags, bool is_part)
{
    bool more = sock->is_corked || (flags & MSG_MORE) || is_part;
    return (more ? HF_SEND_MORE : 0u) | (flags & MSG_OOB ? HF_SEND_URGENT : 0u);
}

/*
 * An active OPEN whose SYN carries as much of the text as it may; that is queued. Without a cookie the SYN only asks for
 * one. Who does not wait is told how much that was; who waits goes on when the connection is there.
 */
static int64_t opens_with_text(struct hf_sockets *s, struct hf_sock *sock, const uint8_t *data, size_t len,
                               const struct hf_endpoint *remote, struct hf_wait *wait)
{
    sock->options.fast_open = 1;
    uint32_t most = text_in_syn(s, &remote->addr);
    int64_t answer = opens(s, sock, remote);
    if (answer < 0)
        return answer;
    int64_t taken = most == 0 ? 0 : hf_tcp_send(s->engine, sock->conn, data, len < most ? len : most, 0);
    wait->progress = taken > 0 ? (uint64_t)taken : 0;
    return 0;
}

static bool is_opening(struct hf_sockets *s, const struct hf_sock *sock)
{
    struct hf_tcp_info info;
    hf_tcp_status(s->engine, sock->conn, &info);
    return info.state == HF_SYN_SENT || info.state == HF_SYN_RECEIVED;
}

/* An active OPEN under way: Linux takes no text before it is over. */
static bool awaits_handshake(struct hf_sockets *s, const struct hf_sock *sock)
{
    return sock->remote.port != 0 && is_opening(s, sock);
}

/* A write that opened the connection waits until it is there, and then says 0; if it never will be, why. */
static int64_t awaits_connection(struct hf_sockets *s, struct hf_sock *sock)
{
    struct hf_tcp_info info;
    if (is_opening(s, sock))
        return HF_SOCK_WAITS;
    hf_tcp_status(s->engine, sock->conn, &info);
    sock->connect_was_told = true;
    return info.state == HF_CLOSED ? fails_with(sock, info.error, EPIPE) : 0;
}

/* TCP_NOTSENT_LOWAT: what may be sent at once, and so much more. */
static size_t may_take(struct hf_sockets *s, const struct hf_sock *sock, size_t len)
{
    struct hf_tcp_info info;
    if (sock->unsent_most == 0)
        return len;
    hf_tcp_status(s->engine, sock->conn, &info);
    uint64_t may_send = info.cwnd < info.send_window ? info.cwnd : info.send_window;
    uint64_t most = sock->unsent_most + (may_send > info.in_flight ? may_send : info.in_flight);
    uint64_t room = most > info.send_queue ? most - info.send_queue : 0;
    return room < len ? (size_t)room : len;
}

/* What of a call to send is left to do. */
static int64_t sends(struct hf_sockets *s, struct hf_sock *sock, const uint8_t *data, size_t len, int flags,
                     struct hf_wait *wait)
{
    bool is_nonblocking = sock->is_nonblocking || (flags & MSG_DONTWAIT);
    size_t done = (size_t)wait->progress, now = may_take(s, sock, len - done);
    bool is_part = now < len - done;
    int64_t count = now == 0 && is_part
                        ? HF_ERR_AGAIN
                        : hf_tcp_send(s->engine, sock->conn, data + done, now, send_flags(sock, flags, is_part));
    if (count > 0)
        wait->progress += (uint64_t)count;
    sock->lacked_room |= wait->progress < len;
    bool has_failed = count < 0 && count != HF_ERR_AGAIN;
    if (wait->progress == len && !has_failed)
        return (int64_t)len;
    if (wait->progress > 0 && (is_nonblocking || has_failed))
        return (int64_t)wait->progress;
    return has_failed ? fails_with(sock, (int)count, EPIPE) : waits(is_nonblocking);
}

/* The first of a write that opens the connection. */
static int64_t begins_with_text(struct hf_sockets *s, struct hf_sock *sock, const uint8_t *data, size_t len,
                                const struct hf_endpoint *remote, bool is_nonblocking, struct hf_wait *wait)
{
    if (!may_open_fast(s))
        return -EOPNOTSUPP;
    if (!sock->awaits_text && !remote)
        return -EDESTADDRREQ;
    int64_t answer = opens_with_text(s, sock, data, len, sock->awaits_text ? &sock->remote : remote, wait);
    sock->awaits_text = false;
    if (answer < 0 || !is_nonblocking)
        return answer < 0 ? answer : HF_SOCK_WAITS;
    return wait->progress > 0 ? (int64_t)wait->progress : -EINPROGRESS;
}

int64_t hf_sock_send(struct hf_sockets *s, struct hf_sock *sock, const void *data, size_t len, int flags,
                     const struct hf_endpoint *remote, struct hf_wait *wait)
{
    bool is_nonblocking = sock->is_nonblocking || (flags & MSG_DONTWAIT);
    if (sock->kind == HF_SOCK_FRESH && (sock->awaits_text || (flags & MSG_FASTOPEN)))
        return begins_with_text(s, sock, data, len, remote, is_nonblocking, wait);
    if (sock->kind != HF_SOCK_CONNECTION)
        return -(sock->kind == HF_SOCK_FRESH ? EPIPE : ENOTCONN);
    if ((flags & MSG_FASTOPEN) && !wait->is_again && is_opening(s, sock))
        return -EALREADY;
    if (is_nonblocking && !wait->is_again && awaits_handshake(s, sock))
        return -EAGAIN;
    int64_t answer = wait->is_again && !sock->connect_was_told ? awaits_connection(s, sock) : 0;
    return answer != 0 ? answer : sends(s, sock, data, len, flags, wait);
}

/* ---- shutdown and close ---- */

int64_t hf_sock_shutdown(struct hf_sockets *s, struct hf_sock *sock, int how)
{
    if (sock->kind != HF_SOCK_CONNECTION)
        return -ENOTCONN;
    struct hf_tcp_info info;
    bool is_over = hf_tcp_status(s->engine, sock->conn, &info) != HF_OK || info.state == HF_TIME_WAIT;
    int error = how == SHUT_WR || how == SHUT_RDWR ? hf_tcp_shutdown(s->engine, sock->conn) : HF_OK;
    if (is_over || error != HF_OK)
        return -ENOTCONN;
    sock->reading_is_shut |= how == SHUT_RD || how == SHUT_RDWR;
    return 0;
}

/* With SO_LINGER on, close waits until everything is delivered, or its time is over. */
static int64_t lingers(struct hf_sockets *s, struct hf_sock *sock, struct hf_wait *wait)
{
    struct hf_tcp_info info;
    hf_tcp_status(s->engine, sock->conn, &info);
    bool is_delivered = info.state == HF_CLOSED || info.state == HF_FIN_WAIT_2 || info.state == HF_TIME_WAIT;
    wait->deadline = hf_time_add(wait->began, sock->linger_s * HF_SECOND);
    if (!is_delivered && hf_time_before(s->now, wait->deadline))
        return HF_SOCK_WAITS;
    sock->is_open = false;
    return 0;
}

int64_t hf_sock_close(struct hf_sockets *s, struct hf_sock *sock, struct hf_wait *wait)
{
    bool is_connection = sock->kind == HF_SOCK_CONNECTION;
    if (wait->is_again)
        return lingers(s, sock, wait);
    if (is_connection && sock->lingers && sock->linger_s == 0)
        hf_tcp_abort(s->engine, sock->conn);
    else if (!hf_conn_is_none(sock->conn))
        hf_tcp_close(s->engine, sock->conn);
    if (is_connection && sock->lingers && sock->linger_s > 0 && !sock->is_nonblocking)
        return lingers(s, sock, wait);
    sock->is_open = false;
    return 0;
}

/* ---- fcntl, ioctl ---- */

int64_t hf_sock_fcntl(struct hf_sock *sock, int command, int64_t flags)
{
    switch (command) {
    case F_GETFL:
        return O_RDWR | (sock->is_nonblocking ? O_NONBLOCK : 0);
    case F_SETFL:
        sock->is_nonblocking = flags & O_NONBLOCK;
        return 0;
    case F_GETFD:
    case F_SETFD:
        return 0;
    default:
        return -EINVAL;
    }
}

int64_t hf_sock_ioctl(struct hf_sockets *s, struct hf_sock *sock, unsigned long request, int *value)
{
    struct hf_tcp_info info = {.state = HF_CLOSED};
    if (sock->kind != HF_SOCK_CONNECTION || (request != SIOCINQ && request != SIOCOUTQ))
        return -EINVAL;
    hf_tcp_status(s->engine, sock->conn, &info);
    *value = (int)(request == SIOCINQ ? info.receive_queue : info.send_queue);
    return 0;
}

/*
 * Data, ends, resets and urgent marks from one side of a call to the other. Read first: relay.h.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ABORT_PATIENCE (2 * HF_SECOND)
#define SPANS          16 /* pieces of the receive buffer that one call sends on */

/* ---- from the host to PROGRAM ---- */

/* With SO_OOBINLINE a read stops before the urgent byte, and at the mark that byte is next. */
static bool is_at_mark(const struct call *call)
{
    return call->has_urgent && sockatmark(call->source.fd) == 1;
}

static void host_has_ended(struct call *call)
{
    const struct relay_watcher *watcher = call->relay->watcher;
    call->host_ended = true;
    call->can_read = false;
    hf_tcp_shutdown(call->relay->e, call->conn);
    if (watcher->peer_ended)
        watcher->peer_ended(watcher->arg, call);
}

/* One read. False when there is no more to be done now. */
static bool carry_inwards_once(struct call *call)
{
    struct hf_engine *e = call->relay->e;
    uint8_t *room;
    int64_t cap = hf_tcp_lend_send(e, call->conn, &room);
    if (cap <= 0)
        return false;
    bool is_urgent = is_at_mark(call);
    ssize_t n = recv(call->source.fd, room, is_urgent ? 1 : (size_t)cap, MSG_DONTWAIT);
    int error = errno;
    hf_tcp_sent(e, call->conn, n > 0 ? (size_t)n : 0, is_urgent && n == 1 ? HF_SEND_URGENT : 0);
    if (n > 0 && (size_t)n < (size_t)cap && !call->has_urgent && !call->has_hung_up)
        call->can_read = false; /* there was no more, and what comes is told anew */
    if (is_urgent)
        call->has_urgent = false;
    if (n == 0 && !call->has_failed)
        host_has_ended(call);
    else if (n < 0 && (error == EAGAIN || error == EINTR))
        call->can_read = error == EINTR;
    else if (n <= 0)
        call_host_failed(call);
    return n > 0;
}

static void carry_inwards(struct call *call)
{
    while (call->can_read && !call->host_ended && !call->is_aborting && carry_inwards_once(call))
        ;
}

void call_host_failed(struct call *call)
{
    struct hf_tcp_info info;
    if (call->is_aborting)
        return;
    if (hf_tcp_status(call->relay->e, call->conn, &info) != HF_OK || info.send_queue == 0) {
        call_abort_inside(call);
        return;
    }
    call->is_aborting = true;
    call->relay->aborting++;
    call->abort_by = hf_time_add(call->relay->now, ABORT_PATIENCE);
}

/* ---- from PROGRAM to the host ---- */

static void inside_has_ended(struct call *call)
{
    const struct relay_watcher *watcher = call->relay->watcher;
    call->inside_ended = true;
    shutdown(call->source.fd, SHUT_WR);
    if (watcher->inside_ended)
        watcher->inside_ended(watcher->arg, call);
}

/* Cuts what is to be sent after `len` bytes. */
static void cut(struct iovec *spans, size_t *count, size_t len)
{
    size_t n = 0;
    while (n < *count && len > spans[n].iov_len)
        len -= spans[n++].iov_len;
    spans[n].iov_len = len;
    *count = n + 1;
}

/* The last urgent byte goes by itself, at the end of a call with MSG_OOB: what the host's kernel can say. */
static ssize_t send_onward(struct call *call, struct iovec *spans, size_t count, size_t len)
{
    struct hf_tcp_info info;
    struct msghdr message = {.msg_iov = spans, .msg_iovlen = count};
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    hf_tcp_status(call->relay->e, call->conn, &info);
    if (info.urgent_ahead > 0 && info.urgent_ahead <= len) {
        cut(spans, &message.msg_iovlen, info.urgent_ahead);
        flags |= MSG_OOB;
    }
    return sendmsg(call->source.fd, &message, flags);
}

static bool carry_outwards_once(struct call *call)
{
    struct hf_engine *e = call->relay->e;
    struct hf_span lent[SPANS];
    struct iovec spans[SPANS];
    unsigned count = SPANS;
    int64_t len = hf_tcp_lend_received_spans(e, call->conn, lent, &count);
    if (len == 0)
        inside_has_ended(call);
    if (len <= 0)
        return false;
    for (unsigned i = 0; i < count; i++)
        spans[i] = (struct iovec){.iov_base = (void *)(uintptr_t)lent[i].data, .iov_len = lent[i].len};
    ssize_t n = send_onward(call, spans, count, (size_t)len);
    if (n > 0)
        hf_tcp_received(e, call->conn, (size_t)n);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        call->can_read = call->has_failed = true; /* what the far side sent before it went is there to be read */
        call->can_write = false;
        return false;
    }
    if (n < 0 && errno == EAGAIN)
        call->can_write = false;
    return n > 0;
}

static void carry_outwards(struct call *call)
{
    while (call->can_write && !call->inside_ended && carry_outwards_once(call))
        ;
}

void call_carry(struct call *call)
{
    carry_outwards(call);
    if (call->phase == CALL_OPEN)
        carry_inwards(call);
    if (call->phase == CALL_OPEN && call->has_failed && call->host_ended)
        call_host_failed(call);
}

/*
 * Calls from their first SYN to their end; what is between is in carry.c. Read first: relay.h.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG  4096 /* SYNs that wait for one turn of the loop */
#define SWEEP_NS (100 * HF_MS)

/* ---- calls ---- */

struct call *call_new(struct relay *relay)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->source.fd = -1;
    call->relay = relay;
    call->next = relay->calls;
    if (relay->calls)
        relay->calls->previous = call;
    relay->calls = call;
    relay->count++;
    return call;
}

static void call_forget(struct call *call)
{
    struct relay *relay = call->relay;
    *(call->previous ? &call->previous->next : &relay->calls) = call->next;
    if (call->next)
        call->next->previous = call->previous;
    relay->count--;
    relay->aborting -= call->is_aborting;
    call->phase = CALL_OVER;
    call->next = relay->gone;
    relay->gone = call;
}

static void close_by_reset(struct loop_source *source)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (source->fd >= 0)
        setsockopt(source->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    loop_close(source);
}

void call_end(struct call *call, bool by_reset)
{
    struct relay *relay = call->relay;
    struct hf_tcp_info info;
    if (call->phase == CALL_OVER)
        return;
    if (hf_tcp_status(relay->e, call->conn, &info) == HF_OK && relay->watcher->over && call->record)
        relay->watcher->over(relay->watcher->arg, call, &info);
    if (by_reset)
        close_by_reset(&call->source);
    else
        loop_close(&call->source);
    hf_tcp_set_user(relay->e, call->conn, 0);
    hf_tcp_release(relay->e, call->conn);
    call_forget(call);
}

void call_abort_inside(struct call *call)
{
    hf_tcp_abort(call->relay->e, call->conn);
    call_end(call, false);
}

/* ---- the answer to a SYN ---- */

static enum hf_answer answer_for(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
        return HF_ANSWER_REFUSE;
    case EACCES:
    case EPERM:
        return HF_ANSWER_PROHIBITED;
    case ENETUNREACH:
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL: /* this machine has no address of that kind */
        return HF_ANSWER_NO_NETWORK;
    case ETIMEDOUT:
        return HF_ANSWER_SILENCE;
    default:
        return HF_ANSWER_UNREACHABLE;
    }
}

static void say_no(struct call *call, int error)
{
    const struct relay_watcher *watcher = call->relay->watcher;
    if (watcher->refused)
        watcher->refused(watcher->arg, call, error);
    hf_tcp_answer(call->relay->e, call->conn, answer_for(error));
    if (error != ETIMEDOUT) {
        call_end(call, false);
        return;
    }
    loop_close(&call->source); /* the record stays, so that SYNs sent again meet silence; its end is an event */
}

static void say_yes(struct call *call)
{
    call->phase = CALL_ANSWERING;
    if (hf_tcp_answer(call->relay->e, call->conn, HF_ANSWER_ACCEPT) != HF_OK)
        call_end(call, true);
}

/* ---- the host's socket ---- */

static int connect_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return errno;
    return error;
}

static void socket_ready(struct loop_source *source, uint32_t events)
{
    struct call *call = (struct call *)source;
    if (call->phase == CALL_ASKING) {
        int error = events & EPOLLERR ? connect_error(source->fd) : 0;
        if (error != 0 && error != ECONNRESET) { /* a reset comes after the handshake: then there was one */
            say_no(call, error);
            return;
        }
        if ((events & EPOLLOUT) == 0)
            return;
        say_yes(call);
        if (call->phase == CALL_OVER)
            return;
    }
    call->can_read |= (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    call->can_write |= (events & EPOLLOUT) != 0;
    call->has_failed |= (events & EPOLLERR) != 0;
    call->has_hung_up |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    call->has_urgent |= (events & EPOLLPRI) != 0;
    if (call->phase == CALL_OPEN)
        call_carry(call);
}

int call_watch_socket(struct call *call)
{
    const int on = 1;
    setsockopt(call->source.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* PROGRAM's kernel has waited already */
    setsockopt(call->source.fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    call->source.ready = socket_ready;
    return loop_add(call->relay->epoll, &call->source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

static int connect_onward(struct call *call, const struct hf_endpoint *onward)
{
    struct sockaddr_storage to;
    socklen_t len = rules_sockaddr(onward, &to);
    call->source.fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (call->source.fd < 0)
        return -1;
    if (connect(call->source.fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
        return -1;
    return call_watch_socket(call);
}

/* ---- new calls from PROGRAM ---- */

static void take_call(struct relay *relay, hf_conn conn)
{
    struct hf_tcp_info info;
    struct hf_endpoint onward;
    hf_tcp_status(relay->e, conn, &info);
    if (relay->is_stopped || !rules_allow(relay->rules, &info.local, &onward)) {
        if (relay->watcher->denied && !relay->is_stopped)
            relay->watcher->denied(relay->watcher->arg, &info.remote, &info.local);
        hf_tcp_answer(relay->e, conn, relay->rules->no_outbound ? HF_ANSWER_NO_NETWORK : HF_ANSWER_PROHIBITED);
        hf_tcp_release(relay->e, conn);
        return;
    }
    struct call *call = call_new(relay);
    if (!call) {
        hf_tcp_release(relay->e, conn);
        return;
    }
    call->conn = conn;
    call->inside = info.remote;
    call->outside = info.local;
    hf_tcp_set_user(relay->e, conn, (uint64_t)(uintptr_t)call);
    if (connect_onward(call, &onward) < 0)
        say_no(call, errno);
}

/* ---- what the engine says ---- */

static void report_open(struct call *call)
{
    struct relay *relay = call->relay;
    struct hf_tcp_info info;
    call->phase = CALL_OPEN;
    if (relay->watcher->opened && hf_tcp_status(relay->e, call->conn, &info) == HF_OK)
        relay->watcher->opened(relay->watcher->arg, call, &info);
}

/* A reset, or the end of both directions. After a graceful end the host's socket has had its FIN already. */
static void inside_is_over(struct call *call)
{
    bool was_graceful = call->host_ended && call->inside_ended;
    if (call->phase != CALL_OPEN && call->is_published) {
        const struct relay_watcher *watcher = call->relay->watcher;
        if (watcher->refused)
            watcher->refused(watcher->arg, call, ECONNREFUSED);
    }
    call_end(call, !was_graceful);
}

/* Both FINs are acknowledged: what is left is TIME-WAIT, which needs no handle. */
static bool is_only_waiting(const struct call *call)
{
    struct hf_tcp_info info;
    return call->host_ended && call->inside_ended && hf_tcp_status(call->relay->e, call->conn, &info) == HF_OK &&
           info.state == HF_TIME_WAIT;
}

void relay_event(struct relay *relay, const struct hf_event *event)
{
    struct call *call = (struct call *)(uintptr_t)event->user;
    if (!call || call->phase == CALL_OVER)
        return;
    if ((event->fresh & HF_EV_CONNECTED) && call->phase < CALL_OPEN)
        report_open(call);
    if (call->phase == CALL_OPEN && (event->fresh & HF_EV_READABLE) && relay->watcher->wrote)
        relay->watcher->wrote(relay->watcher->arg, call);
    if (call->phase == CALL_OPEN)
        call_carry(call);
    if (call->phase == CALL_OVER)
        return;
    if (call->is_aborting && (event->bits & HF_EV_SENT))
        call_abort_inside(call);
    else if (event->bits & HF_EV_CLOSED)
        inside_is_over(call);
    else if (is_only_waiting(call))
        call_end(call, false);
}

/* ---- the relay ---- */

/* A reset whose data PROGRAM does not take is not held back for ever. */
static void abort_overdue(struct relay *relay)
{
    struct call *next;
    for (struct call *call = relay->calls; call && relay->aborting > 0; call = next) {
        next = call->next;
        if (call->is_aborting && hf_time_reached(relay->now, call->abort_by))
            call_abort_inside(call);
    }
}

void relay_turn(struct relay *relay, hf_time now)
{
    hf_conn conn;
    relay->now = now;
    while (hf_tcp_accept(relay->e, relay->listener, &conn) == HF_OK)
        take_call(relay, conn);
    if (relay->aborting > 0)
        abort_overdue(relay);
    while (relay->gone) {
        struct call *call = relay->gone;
        relay->gone = call->next;
        free(call);
    }
}

hf_time relay_deadline(const struct relay *relay)
{
    return relay->aborting > 0 ? hf_time_add(relay->now, SWEEP_NS) : HF_NEVER;
}

struct call *relay_calls(const struct relay *relay)
{
    return relay->calls;
}

unsigned relay_count(const struct relay *relay)
{
    return relay->count;
}

void relay_stop(struct relay *relay)
{
    relay->is_stopped = true;
    while (relay->publications) {
        struct publication *p = relay->publications;
        relay->publications = p->next;
        loop_close(&p->source);
        free(p);
    }
}

struct relay *relay_open(struct hf_engine *e, hf_link link, int epoll, const struct rules *rules,
                         const struct relay_watcher *watcher)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay)
        return NULL;
    *relay = (struct relay){.e = e, .epoll = epoll, .rules = rules, .watcher = watcher};
    const struct hf_tcp_options options = {.defer = true, .backlog = BACKLOG, .no_delay = true};
    int error = hf_tcp_intercept(e, link, &options, &relay->listener);
    if (error == HF_OK)
        return relay;
    free(relay);
    errno = EINVAL;
    return NULL;
}

void relay_close(struct relay *relay)
{
    if (!relay)
        return;
    relay_stop(relay);
    while (relay->calls)
        call_end(relay->calls, true);
    relay_turn(relay, relay->now);
    free(relay);
}

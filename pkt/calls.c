/*
 * Calls of the script's application: a sockets layer over the engine's user calls, with the return values and errno
 * of Linux. Nothing here waits: a call that must is tried again after everything that happens (struct pkt_attempt).
 *
 * Read first: running.h. Read next: socket_options.c.
 */
#define _GNU_SOURCE
#include "calls.h"

#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* ---- what calls answer ---- */

bool pkt_call_returns(struct pkt_attempt *a, int64_t result)
{
    a->result = result;
    a->error = 0;
    return true;
}

bool pkt_call_fails(struct pkt_attempt *a, int error)
{
    a->result = -1;
    a->error = error;
    return true;
}

/* The call must wait: answers EAGAIN where the application does not want to. */
static bool waits(struct pkt_attempt *a, bool is_nonblocking)
{
    return is_nonblocking ? pkt_call_fails(a, EAGAIN) : false;
}

/* How a connection ended is reported once; then it is just closed. */
static bool fails_with(struct pkt_attempt *a, int error, int afterwards)
{
    struct pkt_socket *socket = a->socket;
    bool is_end = error != HF_ERR_CLOSING && error != HF_ERR_NOT_CONNECTED;
    if (is_end && !socket->error_was_told) {
        socket->error_was_told = true;
        return pkt_call_fails(a, pkt_errno_of(error));
    }
    return afterwards == 0 ? pkt_call_returns(a, 0) : pkt_call_fails(a, afterwards);
}

/* ---- arguments ---- */

bool pkt_call_number(struct pkt_running *run, const struct pkt_attempt *a, unsigned index, int64_t *number)
{
    const struct pkt_call *call = a->call;
    if (index < call->count && call->argument[index].kind == PKT_NUMBER) {
        *number = call->argument[index].number;
        return true;
    }
    return pkt_running_fail(run, a->event->line, "%s\n  argument %u of %s should be a number", a->event->text,
                            index + 1, call->name);
}

const struct pkt_value *pkt_value_field(const struct pkt_value *value, const char *name)
{
    for (unsigned i = 0; i < value->count; i++)
        if (value->item[i].name && strcmp(value->item[i].name, name) == 0)
            return &value->item[i];
    return NULL;
}

static struct pkt_socket *find_socket(struct pkt_running *run, int64_t fd)
{
    for (unsigned i = 0; i < run->socket_count; i++)
        if (run->socket[i].is_open && run->socket[i].fd == fd)
            return &run->socket[i];
    return NULL;
}

/* The descriptor a script gives to what a call returns is the one it names; without a name, the lowest free one. */
static int choose_fd(struct pkt_running *run, const struct pkt_call *call)
{
    int64_t named = call->result.kind == PKT_NUMBER ? call->result.number : -1;
    if (named >= 0 && !find_socket(run, named))
        return (int)named;
    int fd = 3;
    while (find_socket(run, fd))
        fd++;
    return fd;
}

static struct pkt_socket *add_socket(struct pkt_running *run, const struct pkt_attempt *a)
{
    if (run->socket_count == PKT_SOCKETS_MAX) {
        pkt_running_fail(run, a->event->line, "a script may have %d sockets", PKT_SOCKETS_MAX);
        return NULL;
    }
    struct pkt_socket *socket = &run->socket[run->socket_count++];
    *socket = (struct pkt_socket){.is_open = true, .fd = choose_fd(run, a->call)};
    return socket;
}

/* An address in a call: {sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("192.0.2.1")}, or `...`.
 */
static void read_address(const struct pkt_call *call, unsigned index, struct hf_endpoint *endpoint)
{
    if (index >= call->count || call->argument[index].kind != PKT_STRUCT)
        return;
    const struct pkt_value *port = pkt_value_field(&call->argument[index], "sin_port");
    const struct pkt_value *addr = pkt_value_field(&call->argument[index], "sin_addr");
    if (port && port->kind == PKT_NUMBER)
        endpoint->port = (uint16_t)port->number;
    if (addr && addr->kind == PKT_STRING)
        hf_addr_parse(addr->text, &endpoint->addr);
}

/* The flow of a connection, which the packets and marks that follow are about. */
static void join_flow(struct pkt_running *run, struct pkt_socket *socket)
{
    struct hf_tcp_info info;
    if (hf_tcp_status(run->world.engine, socket->conn, &info) != HF_OK)
        return;
    socket->flow = pkt_running_flow(run, &info.local, &info.remote);
    run->last_flow = socket->flow;
}

/* ---- socket, bind, listen, accept ---- */

static bool call_socket(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t type = SOCK_STREAM;
    if (!pkt_call_number(run, a, 1, &type))
        return true;
    if ((type & ~(int64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM)
        return pkt_call_fails(a, EPROTONOSUPPORT);
    struct pkt_socket *socket = add_socket(run, a);
    if (!socket)
        return true;
    socket->is_nonblocking = type & SOCK_NONBLOCK;
    return pkt_call_returns(a, socket->fd);
}

static bool call_bind(struct pkt_running *run, struct pkt_attempt *a)
{
    const struct pkt_settings *settings = &run->script->settings;
    if (a->socket->kind != PKT_SOCKET_FRESH || a->socket->local.port != 0)
        return pkt_call_fails(a, EINVAL);
    a->socket->local = (struct hf_endpoint){settings->local, settings->bind_port};
    read_address(a->call, 1, &a->socket->local);
    run->bind_port = a->socket->local.port ? a->socket->local.port : run->bind_port;
    return pkt_call_returns(a, 0);
}

static bool call_listen(struct pkt_running *run, struct pkt_attempt *a)
{
    struct pkt_socket *socket = a->socket;
    int64_t backlog = 0;
    if (!pkt_call_number(run, a, 1, &backlog))
        return true;
    socket->options.backlog = backlog > 0 ? (uint32_t)backlog : 1;
    if (socket->kind == PKT_SOCKET_LISTENER) {
        hf_tcp_set_options(run->world.engine, socket->conn, &socket->options);
        return pkt_call_returns(a, 0);
    }
    if (socket->kind == PKT_SOCKET_CONNECTION)
        return pkt_call_fails(a, EINVAL);
    int error = hf_tcp_listen(run->world.engine, &socket->local, &socket->options, &socket->conn);
    if (error != HF_OK)
        return pkt_call_fails(a, pkt_errno_of(error));
    socket->kind = PKT_SOCKET_LISTENER;
    return pkt_call_returns(a, 0);
}

static bool call_accept(struct pkt_running *run, struct pkt_attempt *a)
{
    hf_conn conn;
    int64_t flags = 0;
    struct pkt_socket *listener = a->socket;
    if (a->call->count > 3 && !pkt_call_number(run, a, 3, &flags))
        return true;
    if (listener->kind != PKT_SOCKET_LISTENER)
        return pkt_call_fails(a, EINVAL);
    int error = hf_tcp_accept(run->world.engine, listener->conn, &conn);
    if (error == HF_ERR_AGAIN)
        return waits(a, listener->is_nonblocking);
    if (error != HF_OK)
        return pkt_call_fails(a, pkt_errno_of(error));
    struct pkt_socket *socket = add_socket(run, a);
    if (!socket)
        return true;
    socket->kind = PKT_SOCKET_CONNECTION;
    socket->conn = conn;
    socket->connect_was_told = true;
    socket->is_nonblocking = flags & SOCK_NONBLOCK;
    socket->lingers = listener->lingers;
    socket->linger_s = listener->linger_s;
    socket->is_corked = listener->is_corked;
    hf_tcp_get_options(run->world.engine, conn, &socket->options);
    join_flow(run, socket);
    return pkt_call_returns(a, socket->fd);
}

/* ---- connect ---- */

/* `address` is the argument that says to whom. */
static bool connect_begins(struct pkt_running *run, struct pkt_attempt *a, unsigned address)
{
    struct pkt_socket *socket = a->socket;
    struct hf_endpoint remote = {run->script->settings.remote, run->script->settings.connect_port};
    read_address(a->call, address, &remote);
    bool is_bound = socket->local.port != 0 || !hf_addr_is_any(&socket->local.addr);
    int error = hf_tcp_connect(run->world.engine, is_bound ? &socket->local : NULL, &remote, &socket->options,
                               &socket->conn);
    if (error != HF_OK)
        return pkt_call_fails(a, pkt_errno_of(error));
    socket->kind = PKT_SOCKET_CONNECTION;
    join_flow(run, socket);
    pkt_flow_close(socket->flow);
    run->main_flow = socket->flow;
    return socket->is_nonblocking ? pkt_call_fails(a, EINPROGRESS) : false;
}

static bool call_connect(struct pkt_running *run, struct pkt_attempt *a)
{
    struct hf_tcp_info info;
    struct pkt_socket *socket = a->socket;
    if (socket->kind == PKT_SOCKET_LISTENER)
        return pkt_call_fails(a, EISCONN);
    if (socket->kind == PKT_SOCKET_FRESH)
        return connect_begins(run, a, 1);
    hf_tcp_status(run->world.engine, socket->conn, &info);
    if (info.state == HF_CLOSED)
        return fails_with(a, info.error, ECONNABORTED);
    bool is_underway = info.state == HF_SYN_SENT || info.state == HF_SYN_RECEIVED;
    if (is_underway)
        return a->is_again && !socket->is_nonblocking ? false : pkt_call_fails(a, EALREADY);
    if (socket->connect_was_told)
        return pkt_call_fails(a, EISCONN);
    socket->connect_was_told = true;
    return pkt_call_returns(a, 0);
}

/* ---- reading ---- */

/* What a call moves: the lengths of its buffers in all, and the text it writes, if the script says so. */
struct buffers {
    size_t len;
    const char *text;
    size_t text_len;
    int64_t flags;
};

/* [{..., 1000}, {"abc", 3}] */
static bool read_vector(struct pkt_running *run, const struct pkt_attempt *a, const struct pkt_value *vector,
                        struct buffers *buffers)
{
    bool is_good = vector->kind == PKT_LIST;
    for (unsigned i = 0; is_good && i < vector->count; i++) {
        const struct pkt_value *part = &vector->item[i];
        is_good = part->kind == PKT_STRUCT && part->count == 2 && part->item[1].kind == PKT_NUMBER;
        if (is_good)
            buffers->len += (size_t)part->item[1].number;
        if (is_good && vector->count == 1 && part->item[0].kind == PKT_STRING) {
            buffers->text = part->item[0].text;
            buffers->text_len = part->item[0].len;
        }
    }
    return is_good || pkt_running_fail(run, a->event->line, "%s\n  expected [{..., LENGTH}, ...]", a->event->text);
}

/* (fd, {msg_name(...)=..., msg_iov(1)=[{..., 5}], msg_flags=0}, flags) */
static bool read_message(struct pkt_running *run, const struct pkt_attempt *a, struct buffers *buffers)
{
    const struct pkt_value *message = a->call->count > 1 ? &a->call->argument[1] : NULL;
    const struct pkt_value *vector =
        message && message->kind == PKT_STRUCT ? pkt_value_field(message, "msg_iov") : NULL;
    if (!vector)
        return pkt_running_fail(run, a->event->line, "%s\n  expected {msg_name(...)=..., msg_iov(1)=[...], ...}",
                                a->event->text);
    return read_vector(run, a, vector, buffers) &&
           (a->call->count < 3 || pkt_call_number(run, a, 2, &buffers->flags));
}

/* (fd, buffer, length [, flags ...]), or (fd, vector, count), or (fd, message, flags). */
static bool read_buffers(struct pkt_running *run, const struct pkt_attempt *a, struct buffers *buffers)
{
    const struct pkt_call *call = a->call;
    int64_t len = 0;
    *buffers = (struct buffers){.len = 0};
    if (strstr(call->name, "msg"))
        return read_message(run, a, buffers);
    if (call->count > 1 && (strcmp(call->name, "readv") == 0 || strcmp(call->name, "writev") == 0))
        return read_vector(run, a, &call->argument[1], buffers);
    if (!pkt_call_number(run, a, 2, &len) || (call->count > 3 && !pkt_call_number(run, a, 3, &buffers->flags)))
        return false;
    buffers->len = (size_t)len;
    if (call->argument[1].kind == PKT_STRING) {
        buffers->text = call->argument[1].text;
        buffers->text_len = call->argument[1].len;
    }
    return true;
}

/* What is read must be what the peer sent at that place. */
static void compare_read(struct pkt_running *run, const struct pkt_attempt *a, const uint8_t *data, size_t len)
{
    const struct pkt_socket *socket = a->socket;
    uint32_t first = socket->flow->their_script_isn + 1 + (uint32_t)socket->read;
    for (size_t i = 0; i < len; i++) {
        if (data[i] == pkt_flow_their_byte(first + (uint32_t)i))
            continue;
        pkt_running_fail(run, a->event->line, "%s\n  byte %llu of the stream is not the one the peer sent",
                         a->event->text, (unsigned long long)(socket->read + i));
        return;
    }
}

static int64_t receive(struct pkt_running *run, const struct pkt_attempt *a, size_t len, bool peeks)
{
    struct hf_engine *e = run->world.engine;
    const uint8_t *lent = NULL;
    if (peeks) {
        int64_t count = hf_tcp_lend_received(e, a->socket->conn, &lent);
        count = count > (int64_t)len ? (int64_t)len : count;
        if (count > 0)
            compare_read(run, a, lent, (size_t)count);
        return count;
    }
    uint8_t *data = pkt_grow(NULL, 0, len + 1);
    int64_t count = hf_tcp_receive(e, a->socket->conn, data, len);
    if (count > 0)
        compare_read(run, a, data, (size_t)count);
    free(data);
    return count;
}

static bool call_read(struct pkt_running *run, struct pkt_attempt *a)
{
    struct buffers buffers;
    struct pkt_socket *socket = a->socket;
    if (!read_buffers(run, a, &buffers))
        return true;
    if (socket->kind != PKT_SOCKET_CONNECTION)
        return pkt_call_fails(a, ENOTCONN);
    if (buffers.flags & MSG_OOB)
        return pkt_call_fails(a, EINVAL); /* urgent data stays in line: RFC 6093 */
    bool peeks = buffers.flags & MSG_PEEK;
    int64_t count = socket->reading_is_shut ? 0 : receive(run, a, buffers.len, peeks);
    if (count == HF_ERR_AGAIN)
        return waits(a, socket->is_nonblocking || (buffers.flags & MSG_DONTWAIT));
    if (count < 0)
        return fails_with(a, (int)count, 0);
    if (!peeks)
        socket->read += (uint64_t)count;
    return pkt_call_returns(a, count);
}

/* ---- writing ---- */

static unsigned send_flags(const struct pkt_attempt *a, const struct buffers *buffers)
{
    bool more = a->socket->is_corked || (buffers->flags & MSG_MORE);
    return (more ? HF_SEND_MORE : 0u) | (buffers->flags & MSG_OOB ? HF_SEND_URGENT : 0u);
}

/* The text to write: the script's, or whatever belongs at that place of the stream. */
static uint8_t *text_to_write(const struct pkt_attempt *a, const struct buffers *buffers)
{
    uint8_t *data = pkt_grow(NULL, 0, buffers->len + 1);
    size_t offset = a->socket->flow->written_len - (size_t)a->progress;
    for (size_t i = 0; i < buffers->len; i++)
        data[i] = i < buffers->text_len ? (uint8_t)buffers->text[i] : pkt_flow_our_byte(offset + i);
    return data;
}

/* sendto(fd, text, len, MSG_FASTOPEN, ...): an active OPEN whose SYN carries the text. False when it failed. */
static bool open_with_text(struct pkt_running *run, struct pkt_attempt *a)
{
    a->socket->options.fast_open = 1;
    a->error = 0;
    (void)connect_begins(run, a, 4);
    return a->socket->kind == PKT_SOCKET_CONNECTION;
}

static bool call_write(struct pkt_running *run, struct pkt_attempt *a)
{
    struct buffers buffers;
    struct pkt_socket *socket = a->socket;
    if (!read_buffers(run, a, &buffers))
        return true;
    bool opens = (buffers.flags & MSG_FASTOPEN) && socket->kind == PKT_SOCKET_FRESH;
    if (opens && !open_with_text(run, a))
        return true;
    if (socket->kind != PKT_SOCKET_CONNECTION)
        return pkt_call_fails(a, socket->kind == PKT_SOCKET_FRESH ? EPIPE : ENOTCONN);
    bool is_nonblocking = socket->is_nonblocking || (buffers.flags & MSG_DONTWAIT);
    uint8_t *data = text_to_write(a, &buffers);
    size_t done = (size_t)a->progress;
    int64_t count =
        hf_tcp_send(run->world.engine, socket->conn, data + done, buffers.len - done, send_flags(a, &buffers));
    if (count > 0) {
        pkt_flow_written(socket->flow, data + done, (size_t)count);
        a->progress += (uint64_t)count;
    }
    free(data);
    if (a->progress == buffers.len || (a->progress > 0 && (is_nonblocking || (count < 0 && count != HF_ERR_AGAIN))))
        return pkt_call_returns(a, (int64_t)a->progress);
    if (count == HF_ERR_AGAIN || count > 0)
        return waits(a, is_nonblocking);
    return fails_with(a, (int)count, EPIPE);
}

/* ---- shutdown and close ---- */

static bool call_shutdown(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t how = SHUT_WR;
    if (!pkt_call_number(run, a, 1, &how))
        return true;
    if (a->socket->kind != PKT_SOCKET_CONNECTION)
        return pkt_call_fails(a, ENOTCONN);
    int error = HF_OK;
    if (how == SHUT_WR || how == SHUT_RDWR)
        error = hf_tcp_shutdown(run->world.engine, a->socket->conn);
    if (error != HF_OK)
        return pkt_call_fails(a, ENOTCONN);
    a->socket->reading_is_shut |= how == SHUT_RD || how == SHUT_RDWR;
    return pkt_call_returns(a, 0);
}

/* With SO_LINGER on, close waits until everything is delivered, or its time is over. */
static bool close_lingers(struct pkt_running *run, struct pkt_attempt *a)
{
    struct hf_tcp_info info;
    hf_time limit = hf_time_add(a->began, a->socket->linger_s * HF_SECOND);
    hf_tcp_status(run->world.engine, a->socket->conn, &info);
    bool is_delivered = info.state == HF_CLOSED || info.state == HF_FIN_WAIT_2 || info.state == HF_TIME_WAIT;
    a->deadline = limit;
    if (!is_delivered && hf_time_before(run->world.now, limit))
        return false;
    a->socket->is_open = false;
    return pkt_call_returns(a, 0);
}

static bool call_close(struct pkt_running *run, struct pkt_attempt *a)
{
    struct pkt_socket *socket = a->socket;
    bool is_connection = socket->kind == PKT_SOCKET_CONNECTION;
    if (a->is_again)
        return close_lingers(run, a);
    if (is_connection && socket->lingers && socket->linger_s == 0)
        hf_tcp_abort(run->world.engine, socket->conn);
    else if (!hf_conn_is_none(socket->conn))
        hf_tcp_close(run->world.engine, socket->conn);
    if (is_connection && socket->lingers && socket->linger_s > 0 && !socket->is_nonblocking)
        return close_lingers(run, a);
    socket->is_open = false;
    return pkt_call_returns(a, 0);
}

/* ---- fcntl, ioctl ---- */

static bool call_fcntl(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t command = 0, flags = 0;
    if (!pkt_call_number(run, a, 1, &command) || (a->call->count > 2 && !pkt_call_number(run, a, 2, &flags)))
        return true;
    if (command == F_GETFL)
        return pkt_call_returns(a, O_RDWR | (a->socket->is_nonblocking ? O_NONBLOCK : 0));
    if (command == F_SETFL)
        a->socket->is_nonblocking = flags & O_NONBLOCK;
    else if (command != F_GETFD && command != F_SETFD)
        return pkt_call_fails(a, EINVAL);
    return pkt_call_returns(a, 0);
}

static bool call_ioctl(struct pkt_running *run, struct pkt_attempt *a)
{
    struct hf_tcp_info info = {.state = HF_CLOSED};
    int64_t request = 0;
    if (!pkt_call_number(run, a, 1, &request))
        return true;
    if (a->socket->kind != PKT_SOCKET_CONNECTION || (request != SIOCINQ && request != SIOCOUTQ))
        return pkt_call_fails(a, EINVAL);
    hf_tcp_status(run->world.engine, a->socket->conn, &info);
    pkt_call_compare(run, a, 2, request == SIOCINQ ? info.receive_queue : info.send_queue);
    return pkt_call_returns(a, 0);
}

/* ---- poll ---- */

/* As tcp_poll of Linux answers. */
static int64_t ready(struct pkt_running *run, const struct pkt_socket *socket)
{
    struct hf_tcp_info info;
    if (socket->kind == PKT_SOCKET_FRESH)
        return POLLOUT | POLLHUP;
    hf_tcp_status(run->world.engine, socket->conn, &info);
    if (socket->kind == PKT_SOCKET_LISTENER)
        return info.receive_queue > 0 ? POLLIN | POLLRDNORM : 0;
    bool is_over = info.state == HF_CLOSED, may_send = info.state == HF_ESTABLISHED || info.state == HF_CLOSE_WAIT;
    bool opens = info.state == HF_SYN_SENT || info.state == HF_SYN_RECEIVED;
    uint32_t room = socket->options.send_buffer ? socket->options.send_buffer : run->script->config.send_buffer;
    bool has_end = info.fin_received || is_over || socket->reading_is_shut;
    int64_t bits = 0;
    if (info.receive_queue > 0 || has_end)
        bits |= POLLIN | POLLRDNORM;
    if (!opens && (!may_send || info.send_queue < room))
        bits |= POLLOUT | POLLWRNORM;
    if (has_end)
        bits |= POLLRDHUP;
    if (is_over || (has_end && !may_send && !opens))
        bits |= POLLHUP;
    if (is_over && info.error != HF_OK && !socket->error_was_told)
        bits |= POLLERR;
    if (info.urgent_ahead > 0)
        bits |= POLLPRI;
    return bits;
}

/* One {fd=4, events=POLLIN, revents=POLLIN}: the events that hold. */
static int64_t poll_one(struct pkt_running *run, const struct pkt_value *entry, int64_t *expected)
{
    const struct pkt_value *fd = pkt_value_field(entry, "fd"), *events = pkt_value_field(entry, "events");
    const struct pkt_value *revents = pkt_value_field(entry, "revents");
    const struct pkt_socket *socket = fd ? find_socket(run, fd->number) : NULL;
    *expected = revents && revents->kind == PKT_NUMBER ? revents->number : -1;
    if (!socket || !events)
        return POLLNVAL;
    return ready(run, socket) & (events->number | POLLERR | POLLHUP);
}

static bool call_poll(struct pkt_running *run, struct pkt_attempt *a)
{
    const struct pkt_value *list = a->call->count > 0 ? &a->call->argument[0] : NULL;
    int64_t timeout_ms = 0, count = 0, expected = 0;
    if (!list || list->kind != PKT_LIST || !pkt_call_number(run, a, 2, &timeout_ms))
        return true;
    for (unsigned i = 0; i < list->count; i++)
        count += poll_one(run, &list->item[i], &expected) != 0;
    if (timeout_ms > 0)
        a->deadline = hf_time_add(a->began, timeout_ms * HF_MS);
    if (count == 0 && timeout_ms != 0 && (timeout_ms < 0 || hf_time_before(run->world.now, a->deadline)))
        return false;
    for (unsigned i = 0; i < list->count; i++) {
        int64_t is = poll_one(run, &list->item[i], &expected);
        if (expected >= 0 && is != expected)
            pkt_running_fail(run, a->event->line,
                             "expected  %s\n  happened  revents of entry %u are %#llx, not %#llx", a->event->text,
                             i + 1, (unsigned long long)is, (unsigned long long)expected);
    }
    return pkt_call_returns(a, count);
}

/* ---- the table ---- */

struct known_call {
    const char *name;
    bool (*run)(struct pkt_running *run, struct pkt_attempt *a); /* false: it must wait */
    bool has_socket;                                             /* its first argument is one */
};

static const struct known_call known_calls[] = {
    {"socket", call_socket, false},
    {"bind", call_bind, true},
    {"listen", call_listen, true},
    {"accept", call_accept, true},
    {"accept4", call_accept, true},
    {"connect", call_connect, true},
    {"read", call_read, true},
    {"readv", call_read, true},
    {"recv", call_read, true},
    {"recvfrom", call_read, true},
    {"recvmsg", call_read, true},
    {"write", call_write, true},
    {"writev", call_write, true},
    {"send", call_write, true},
    {"sendto", call_write, true},
    {"sendmsg", call_write, true},
    {"shutdown", call_shutdown, true},
    {"close", call_close, true},
    {"fcntl", call_fcntl, true},
    {"ioctl", call_ioctl, true},
    {"poll", call_poll, false},
    {"setsockopt", pkt_call_setsockopt, true},
    {"getsockopt", pkt_call_getsockopt, true},
};

static const struct known_call *find_call(const char *name)
{
    for (unsigned i = 0; i < sizeof known_calls / sizeof known_calls[0]; i++)
        if (strcmp(known_calls[i].name, name) == 0)
            return &known_calls[i];
    return NULL;
}

/* ---- one call from its start to its end ---- */

void pkt_call_compare(struct pkt_running *run, const struct pkt_attempt *a, unsigned index, int64_t is)
{
    const struct pkt_value *value = index < a->call->count ? &a->call->argument[index] : NULL;
    if (value && value->kind == PKT_LIST && value->count == 1)
        value = &value->item[0];
    if (value && value->kind == PKT_NUMBER && value->number != is)
        pkt_running_fail(run, a->event->line, "expected  %s\n  happened  argument %u is %lld", a->event->text,
                         index + 1, (long long)is);
}

static void compare_result(struct pkt_running *run, const struct pkt_attempt *a)
{
    const struct pkt_call *call = a->call;
    bool is_same = call->result.kind == PKT_ELLIPSIS || call->result.number == a->result;
    if (is_same && a->error == call->error)
        return;
    if (a->result == -1 && a->error != 0)
        pkt_running_fail(run, a->event->line, "expected  %s\n  happened  it returned -1 %s (%s)", a->event->text,
                         pkt_errno_name(a->error), strerror(a->error));
    else
        pkt_running_fail(run, a->event->line, "expected  %s\n  happened  it returned %lld", a->event->text,
                         (long long)a->result);
}

static void compare_instant(struct pkt_running *run, const struct pkt_attempt *a)
{
    char at[32], due[32];
    hf_ns off = hf_time_since(run->world.now, a->due);
    hf_ns tolerance = run->script->settings.tolerance_ns;
    if (off > tolerance || off < -tolerance)
        pkt_running_fail(run, a->event->line, "%s\n  should have returned at %s, and did at %s", a->event->text,
                         pkt_running_instant(run, a->due, due), pkt_running_instant(run, run->world.now, at));
}

/* Tries it. True when it has returned. */
static bool try_call(struct pkt_running *run, struct pkt_attempt *a)
{
    const struct known_call *known = find_call(a->call->name);
    bool is_done = known->run(run, a);
    if (pkt_running_failed(run))
        return true;
    if (!is_done)
        return false;
    compare_instant(run, a);
    compare_result(run, a);
    return true;
}

/* The socket a call is about; false when the call has its answer already. */
static bool find_subject(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t fd = -1;
    if (!pkt_call_number(run, a, 0, &fd))
        return false;
    a->socket = find_socket(run, fd);
    if (a->socket && a->socket->flow)
        run->last_flow = a->socket->flow;
    if (a->socket)
        return true;
    pkt_call_fails(a, EBADF);
    compare_result(run, a);
    return false;
}

/* Another call begins only when the one that waits has returned, as in packetdrill. */
static void finish_earlier(struct pkt_running *run, const struct pkt_event *event)
{
    if (!run->is_pending)
        return;
    pkt_running_pass(run, hf_time_add(run->pending.due, run->script->settings.tolerance_ns), false);
    if (run->is_pending)
        pkt_running_fail(run, event->line, "%s\n  must wait, because this has not returned:\n  %s", event->text,
                         run->pending.event->text);
}

void pkt_call_start(struct pkt_running *run, const struct pkt_event *event)
{
    const struct known_call *known = find_call(event->call.name);
    struct pkt_attempt a = {.event = event, .call = &event->call, .deadline = HF_NEVER};
    finish_earlier(run, event);
    a.began = a.due = run->world.now;
    if (event->call.blocks)
        a.due = pkt_running_time(run, event->time.kind, event->call.end);
    if (!known)
        pkt_running_fail(run, event->line, "%s\n  '%s' is no call known here", event->text, event->call.name);
    if (pkt_running_failed(run) || (known->has_socket && !find_subject(run, &a)))
        return;
    bool is_done = try_call(run, &a);
    pkt_world_settle(&run->world);
    if (is_done)
        return;
    if (!event->call.blocks) {
        pkt_running_fail(run, event->line,
                         "%s\n  would block: say until when (+0...0.1), or make the socket non-blocking",
                         event->text);
        return;
    }
    a.is_again = true;
    run->pending = a;
    run->is_pending = true;
}

void pkt_call_retry(struct pkt_running *run)
{
    if (!run->is_pending || pkt_running_failed(run))
        return;
    run->is_pending = !try_call(run, &run->pending);
    /* Asking in vain gives a connection its turn too, which has to be over for time to pass. */
    pkt_world_settle(&run->world);
}

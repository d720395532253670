/*
 * Calls of the script's application: their arguments into those of sockets/, and what comes back compared with what the
 * script says. Nothing here waits: a call that must is made again after everything that happens (struct pkt_attempt).
 *
 * Read first: running.h, sockets/sockets.h. Read next: socket_options.c, event_calls.c.
 */
#define _GNU_SOURCE
#include "calls.h"

#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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
    for (unsigned i = 0; value->kind == PKT_STRUCT && i < value->count; i++)
        if (value->item[i].name && strcmp(value->item[i].name, name) == 0)
            return &value->item[i];
    return NULL;
}

/* The descriptor a script gives to what a call returns is the one it names; without a name, the lowest free one. */
int pkt_call_wanted_fd(const struct pkt_call *call)
{
    return call->result.kind == PKT_NUMBER ? (int)call->result.number : -1;
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

static struct hf_endpoint remote_of(struct pkt_running *run, const struct pkt_attempt *a, unsigned index)
{
    struct hf_endpoint remote = {run->script->settings.remote, run->script->settings.connect_port};
    read_address(a->call, index, &remote);
    return remote;
}

/* The flow of a connection, which the packets and marks that follow are about. */
static void join_flow(struct pkt_running *run, struct hf_sock *socket)
{
    struct hf_tcp_info info;
    if (hf_tcp_status(run->world.engine, socket->conn, &info) != HF_OK)
        return;
    struct pkt_stream *stream = pkt_take(&run->memory, sizeof *stream);
    stream->flow = pkt_running_flow(run, &info.local, &info.remote);
    socket->user = stream;
    run->last_flow = stream->flow;
}

/* The same of one that has just been opened. */
static void join_new_flow(struct pkt_running *run, struct hf_sock *socket)
{
    if (socket->kind != HF_SOCK_CONNECTION || socket->user)
        return;
    join_flow(run, socket);
    pkt_flow_close(pkt_stream_of(socket)->flow);
    run->main_flow = pkt_stream_of(socket)->flow;
}

/* ---- socket, bind, listen, accept, connect ---- */

static int64_t call_socket(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t type = SOCK_STREAM;
    int domain = run->script->settings.is_v6 ? AF_INET6 : AF_INET;
    if (!pkt_call_number(run, a, 1, &type))
        return 0;
    return hf_sock_open(&run->sockets, pkt_call_wanted_fd(a->call), domain, (int)type);
}

static int64_t call_bind(struct pkt_running *run, struct pkt_attempt *a)
{
    const struct pkt_settings *settings = &run->script->settings;
    struct hf_endpoint local = {settings->local, settings->bind_port};
    read_address(a->call, 1, &local);
    int64_t answer = hf_sock_bind(a->socket, &local);
    run->bind_port = answer == 0 && local.port ? local.port : run->bind_port;
    return answer;
}

static int64_t call_listen(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t backlog = 0;
    return pkt_call_number(run, a, 1, &backlog) ? hf_sock_listen(&run->sockets, a->socket, (int)backlog) : 0;
}

static int64_t call_accept(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t flags = 0;
    if (a->call->count > 3 && !pkt_call_number(run, a, 3, &flags))
        return 0;
    int64_t answer = hf_sock_accept(&run->sockets, a->socket, pkt_call_wanted_fd(a->call), (int)flags);
    struct hf_sock *socket = answer < 0 ? NULL : hf_sock_find(&run->sockets, answer);
    if (socket)
        join_flow(run, socket);
    return answer;
}

static int64_t call_connect(struct pkt_running *run, struct pkt_attempt *a)
{
    const struct hf_endpoint remote = remote_of(run, a, 1);
    int64_t answer = hf_sock_connect(&run->sockets, a->socket, &remote, &a->wait);
    join_new_flow(run, a->socket);
    return answer;
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
    const struct pkt_stream *stream = pkt_stream_of(a->socket);
    uint32_t first = stream->flow->their_script_isn + 1 + (uint32_t)stream->read;
    for (size_t i = 0; i < len; i++) {
        if (data[i] == pkt_flow_their_byte(first + (uint32_t)i))
            continue;
        pkt_running_fail(run, a->event->line, "%s\n  byte %llu of the stream is not the one the peer sent",
                         a->event->text, (unsigned long long)(stream->read + i));
        return;
    }
}

static int64_t call_read(struct pkt_running *run, struct pkt_attempt *a)
{
    struct buffers buffers;
    if (!read_buffers(run, a, &buffers))
        return 0;
    uint8_t *data = pkt_grow(NULL, 0, buffers.len + 1);
    int64_t count = hf_sock_receive(&run->sockets, a->socket, data, buffers.len, (int)buffers.flags);
    if (count > 0 && !(buffers.flags & MSG_TRUNC))
        compare_read(run, a, data, (size_t)count);
    if (count > 0 && !(buffers.flags & MSG_PEEK))
        pkt_stream_of(a->socket)->read += (uint64_t)count;
    free(data);
    return count;
}

/* ---- writing ---- */

/* The text to write: the script's, or whatever belongs at that place of the stream. */
static uint8_t *text_to_write(const struct pkt_attempt *a, const struct buffers *buffers)
{
    uint8_t *data = pkt_grow(NULL, 0, buffers->len + 1);
    const struct pkt_stream *stream = pkt_stream_of(a->socket);
    size_t offset = stream ? stream->flow->written_len - (size_t)a->wait.progress : 0;
    for (size_t i = 0; i < buffers->len; i++)
        data[i] = i < buffers->text_len ? (uint8_t)buffers->text[i] : pkt_flow_our_byte(offset + i);
    return data;
}

static int64_t call_write(struct pkt_running *run, struct pkt_attempt *a)
{
    struct buffers buffers;
    if (!read_buffers(run, a, &buffers))
        return 0;
    const struct hf_endpoint remote = remote_of(run, a, 4);
    bool has_remote = (buffers.flags & MSG_FASTOPEN) != 0;
    uint8_t *data = text_to_write(a, &buffers);
    size_t before = (size_t)a->wait.progress;
    int64_t answer = hf_sock_send(&run->sockets, a->socket, data, buffers.len, (int)buffers.flags,
                                  has_remote ? &remote : NULL, &a->wait);
    join_new_flow(run, a->socket);
    if (a->wait.progress > before)
        pkt_flow_written(pkt_stream_of(a->socket)->flow, data + before, (size_t)a->wait.progress - before);
    free(data);
    return answer;
}

/* ---- shutdown, close, fcntl, ioctl ---- */

static int64_t call_shutdown(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t how = SHUT_WR;
    return pkt_call_number(run, a, 1, &how) ? hf_sock_shutdown(&run->sockets, a->socket, (int)how) : 0;
}

static int64_t call_close(struct pkt_running *run, struct pkt_attempt *a)
{
    return hf_sock_close(&run->sockets, a->socket, &a->wait);
}

static int64_t call_fcntl(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t command = 0, flags = 0;
    if (!pkt_call_number(run, a, 1, &command) || (a->call->count > 2 && !pkt_call_number(run, a, 2, &flags)))
        return 0;
    return hf_sock_fcntl(a->socket, (int)command, flags);
}

static int64_t call_ioctl(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t request = 0;
    int value = 0;
    if (!pkt_call_number(run, a, 1, &request))
        return 0;
    int64_t answer = hf_sock_ioctl(&run->sockets, a->socket, (unsigned long)request, &value);
    if (answer == 0)
        pkt_call_compare(run, a, 2, value);
    return answer;
}

/* ---- the table ---- */

struct known_call {
    const char *name;
    int64_t (*run)(struct pkt_running *run, struct pkt_attempt *a); /* answers as sockets/ does */
    bool has_socket;                                                /* its first argument is one */
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
    {"poll", pkt_call_poll, false},
    {"epoll_create", pkt_call_epoll_create, false},
    {"epoll_ctl", pkt_call_epoll_ctl, true},
    {"epoll_wait", pkt_call_epoll_wait, true},
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
    run->sockets.now = run->world.now;
    int64_t answer = known->run(run, a);
    a->wait.is_again = true;
    if (pkt_running_failed(run))
        return true;
    if (answer == HF_SOCK_WAITS)
        return false;
    a->result = answer < 0 ? -1 : answer;
    a->error = answer < 0 ? (int)-answer : 0;
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
    a->socket = hf_sock_find(&run->sockets, fd);
    if (a->socket && a->socket->user)
        run->last_flow = pkt_stream_of(a->socket)->flow;
    if (a->socket)
        return true;
    a->result = -1;
    a->error = EBADF;
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
    struct pkt_attempt a = {.event = event, .call = &event->call};
    finish_earlier(run, event);
    a.wait = hf_wait_begins(run->world.now);
    a.due = run->world.now;
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

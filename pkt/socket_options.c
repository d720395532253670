/*
 * setsockopt and getsockopt: each option is a field of struct hf_tcp_options, or something the sockets layer keeps.
 * Sizes of buffers are taken as they are; Linux would double them. Read first: calls.h.
 */
#define _GNU_SOURCE
#include "calls.h"

#include "symbols.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string.h>

/* ---- setting ---- */

/* {onoff=1, linger=0} */
static bool set_linger(struct pkt_running *run, struct pkt_attempt *a, const struct pkt_value *value)
{
    const struct pkt_value *on = value->kind == PKT_STRUCT ? pkt_value_field(value, "onoff") : NULL;
    const struct pkt_value *seconds = value->kind == PKT_STRUCT ? pkt_value_field(value, "linger") : NULL;
    if (!on || !seconds) {
        pkt_running_fail(run, a->event->line, "%s\n  expected {onoff=1, linger=0}", a->event->text);
        return true;
    }
    a->socket->lingers = on->number != 0;
    a->socket->linger_s = (int)seconds->number;
    return pkt_call_returns(a, 0);
}

/* Letting go of the cork sends what it held back. */
static void set_cork(struct pkt_running *run, struct pkt_socket *socket, bool is_on)
{
    bool was_on = socket->is_corked;
    socket->is_corked = is_on;
    if (was_on && !is_on && socket->kind == PKT_SOCKET_CONNECTION)
        hf_tcp_send(run->world.engine, socket->conn, "", 0, 0);
}

static bool set_at_socket_level(struct pkt_socket *socket, int64_t name, int64_t value)
{
    switch (name) {
    case SO_REUSEADDR:
        socket->reuses_address = value != 0;
        return true;
    case SO_KEEPALIVE:
        socket->options.keep_alive = value != 0;
        return true;
    case SO_SNDBUF:
        socket->options.send_buffer = (uint32_t)value;
        return true;
    case SO_RCVBUF:
        socket->options.receive_buffer = (uint32_t)value;
        return true;
    case SO_OOBINLINE: /* urgent data is always in line */
    case SO_REUSEPORT:
    case SO_PRIORITY:
        return true;
    default:
        return false;
    }
}

static bool set_at_tcp_level(struct pkt_socket *socket, int64_t name, int64_t value)
{
    switch (name) {
    case TCP_NODELAY:
        socket->options.no_delay = value != 0;
        return true;
    case TCP_KEEPIDLE:
        socket->options.keep_idle_s = (uint32_t)value;
        return true;
    case TCP_KEEPINTVL:
        socket->options.keep_interval_s = (uint32_t)value;
        return true;
    case TCP_KEEPCNT:
        socket->options.keep_count = (uint8_t)value;
        return true;
    case TCP_USER_TIMEOUT:
        socket->options.user_timeout_ms = (uint32_t)value;
        return true;
    case TCP_FASTOPEN: /* of a listener: how many connections at once may carry data before their handshake is over */
        socket->options.fast_open = (uint16_t)value;
        return true;
    default:
        return false;
    }
}

static bool set_option(struct pkt_running *run, struct pkt_socket *socket, int64_t level, int64_t name,
                       int64_t value)
{
    if (level == IPPROTO_TCP && name == TCP_CORK) {
        set_cork(run, socket, value != 0);
        return true;
    }
    if (level == SOL_SOCKET)
        return set_at_socket_level(socket, name, value);
    if (level == IPPROTO_TCP)
        return set_at_tcp_level(socket, name, value);
    bool is_class = (level == IPPROTO_IP && name == IP_TOS) || (level == IPPROTO_IPV6 && name == IPV6_TCLASS);
    if (is_class)
        socket->options.traffic_class = (uint8_t)value;
    return is_class;
}

bool pkt_call_setsockopt(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t level = 0, name = 0;
    struct pkt_socket *socket = a->socket;
    if (!pkt_call_number(run, a, 1, &level) || !pkt_call_number(run, a, 2, &name) || a->call->count < 4)
        return true;
    const struct pkt_value *value = &a->call->argument[3];
    if (level == SOL_SOCKET && name == SO_LINGER)
        return set_linger(run, a, value);
    if (value->kind == PKT_LIST && value->count == 1)
        value = &value->item[0];
    if (value->kind != PKT_NUMBER || !set_option(run, socket, level, name, value->number))
        return pkt_call_fails(a, ENOPROTOOPT);
    if (!hf_conn_is_none(socket->conn))
        hf_tcp_set_options(run->world.engine, socket->conn, &socket->options);
    return pkt_call_returns(a, 0);
}

/* ---- getting ---- */

/* The error that ended the connection, told once. */
static int64_t take_error(struct pkt_socket *socket, const struct hf_tcp_info *info)
{
    bool is_news = socket->kind == PKT_SOCKET_CONNECTION && info->state == HF_CLOSED && info->error != HF_OK &&
                   !socket->error_was_told;
    if (!is_news)
        return 0;
    socket->error_was_told = true;
    return pkt_errno_of(info->error);
}

static bool get_at_socket_level(struct pkt_running *run, struct pkt_socket *socket, int64_t name,
                                const struct hf_tcp_info *info, int64_t *value)
{
    const struct hf_config *config = &run->script->config;
    const struct hf_tcp_options *options = &socket->options;
    switch (name) {
    case SO_ERROR:
        *value = take_error(socket, info);
        return true;
    case SO_TYPE:
        *value = SOCK_STREAM;
        return true;
    case SO_ACCEPTCONN:
        *value = socket->kind == PKT_SOCKET_LISTENER;
        return true;
    case SO_REUSEADDR:
        *value = socket->reuses_address;
        return true;
    case SO_KEEPALIVE:
        *value = options->keep_alive;
        return true;
    case SO_SNDBUF:
        *value = options->send_buffer ? options->send_buffer : config->send_buffer;
        return true;
    case SO_RCVBUF:
        *value = options->receive_buffer ? options->receive_buffer : config->receive_buffer;
        return true;
    default:
        return false;
    }
}

static bool get_at_tcp_level(const struct pkt_socket *socket, int64_t name, const struct hf_tcp_info *info,
                             int64_t *value)
{
    const struct hf_tcp_options *options = &socket->options;
    switch (name) {
    case TCP_NODELAY:
        *value = options->no_delay;
        return true;
    case TCP_CORK:
        *value = socket->is_corked;
        return true;
    case TCP_MAXSEG:
        *value = info->mss;
        return true;
    case TCP_KEEPIDLE:
        *value = options->keep_idle_s ? options->keep_idle_s : 7200;
        return true;
    case TCP_KEEPINTVL:
        *value = options->keep_interval_s ? options->keep_interval_s : 75;
        return true;
    case TCP_KEEPCNT:
        *value = options->keep_count ? options->keep_count : 9;
        return true;
    case TCP_USER_TIMEOUT:
        *value = options->user_timeout_ms;
        return true;
    default:
        return false;
    }
}

static bool get_linger(struct pkt_running *run, struct pkt_attempt *a)
{
    const struct pkt_value *value = a->call->count > 3 ? &a->call->argument[3] : NULL;
    const struct pkt_value *on = value && value->kind == PKT_STRUCT ? pkt_value_field(value, "onoff") : NULL;
    const struct pkt_value *seconds = value && value->kind == PKT_STRUCT ? pkt_value_field(value, "linger") : NULL;
    bool is_same =
        (!on || (on->number != 0) == a->socket->lingers) && (!seconds || seconds->number == a->socket->linger_s);
    if (!is_same)
        pkt_running_fail(run, a->event->line, "expected  %s\n  happened  {onoff=%d, linger=%d}", a->event->text,
                         a->socket->lingers, a->socket->linger_s);
    return pkt_call_returns(a, 0);
}

bool pkt_call_getsockopt(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t level = 0, name = 0, value = 0;
    struct hf_tcp_info info;
    memset(&info, 0, sizeof info);
    if (!pkt_call_number(run, a, 1, &level) || !pkt_call_number(run, a, 2, &name))
        return true;
    if (level == SOL_SOCKET && name == SO_LINGER)
        return get_linger(run, a);
    if (!hf_conn_is_none(a->socket->conn))
        hf_tcp_status(run->world.engine, a->socket->conn, &info);
    bool is_known = level == SOL_SOCKET    ? get_at_socket_level(run, a->socket, name, &info, &value)
                    : level == IPPROTO_TCP ? get_at_tcp_level(a->socket, name, &info, &value)
                                           : false;
    if (!is_known)
        return pkt_call_fails(a, ENOPROTOOPT);
    pkt_call_compare(run, a, 3, value);
    return pkt_call_returns(a, 0);
}

/*
 * setsockopt and getsockopt: each option is a field of struct hf_tcp_options, or something the socket keeps.
 * Read first: sockets.h. Read next: tcp_info.c.
 */
#define _GNU_SOURCE
#include "tcp_info.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

/* ---- setting ---- */

/* Letting go of the cork sends what it held back. */
static void set_cork(struct hf_sockets *s, struct hf_sock *sock, bool is_on)
{
    bool was_on = sock->is_corked;
    sock->is_corked = is_on;
    if (was_on && !is_on && sock->kind == HF_SOCK_CONNECTION)
        hf_tcp_send(s->engine, sock->conn, "", 0, 0);
}

static int64_t set_linger(struct hf_sock *sock, const void *value, socklen_t len)
{
    struct linger linger;
    if (len < sizeof linger)
        return -EINVAL;
    memcpy(&linger, value, sizeof linger);
    sock->lingers = linger.l_onoff != 0;
    sock->linger_s = linger.l_linger;
    return 0;
}

static bool set_at_socket_level(struct hf_sockets *s, struct hf_sock *sock, int name, int value)
{
    switch (name) {
    case SO_REUSEADDR:
        sock->reuses_address = value != 0;
        return true;
    case SO_KEEPALIVE:
        sock->options.keep_alive = value != 0;
        return true;
    case SO_SNDBUF:
        sock->options.send_buffer = (uint32_t)value * (s->doubles_buffers ? 2 : 1);
        return true;
    case SO_RCVBUF: /* of what Linux doubles here, it offers half */
        sock->options.receive_buffer = (uint32_t)value;
        return true;
    case SO_RCVLOWAT:
        sock->least = value > 0 ? (uint32_t)value : 1;
        return true;
    case SO_OOBINLINE: /* urgent data is always in line */
    case SO_REUSEPORT:
    case SO_PRIORITY:
        return true;
    default:
        return false;
    }
}

static bool set_at_tcp_level(struct hf_sockets *s, struct hf_sock *sock, int name, int value)
{
    switch (name) {
    case TCP_NODELAY: /* as on Linux, it also sends what a cork holds back */
        sock->options.no_delay = value != 0;
        if (value != 0 && sock->kind == HF_SOCK_CONNECTION)
            hf_tcp_send(s->engine, sock->conn, "", 0, 0);
        return true;
    case TCP_CORK:
        set_cork(s, sock, value != 0);
        return true;
    case TCP_KEEPIDLE:
        sock->options.keep_idle_s = (uint32_t)value;
        return true;
    case TCP_KEEPINTVL:
        sock->options.keep_interval_s = (uint32_t)value;
        return true;
    case TCP_KEEPCNT:
        sock->options.keep_count = (uint8_t)value;
        return true;
    case TCP_USER_TIMEOUT:
        sock->options.user_timeout_ms = (uint32_t)value;
        return true;
    case TCP_MAXSEG:
        sock->options.mss = (uint16_t)value;
        return true;
    case TCP_SYNCNT:
        sock->options.syn_retries = (uint8_t)value;
        return true;
    case TCP_FASTOPEN: /* of a listener: how many at once may carry data before their handshake is over */
        sock->options.fast_open = (uint16_t)value;
        return true;
    case TCP_FASTOPEN_CONNECT:
        sock->opens_with_text = value != 0;
        return true;
    case TCP_NOTSENT_LOWAT:
        sock->unsent_most = (uint32_t)value;
        return true;
    default:
        return false;
    }
}

static bool is_traffic_class(int level, int name)
{
    return (level == IPPROTO_IP && name == IP_TOS) || (level == IPPROTO_IPV6 && name == IPV6_TCLASS);
}

static bool set_number(struct hf_sockets *s, struct hf_sock *sock, int level, int name, int value)
{
    if (level == SOL_SOCKET)
        return set_at_socket_level(s, sock, name, value);
    if (level == IPPROTO_TCP)
        return set_at_tcp_level(s, sock, name, value);
    if (is_traffic_class(level, name))
        sock->options.traffic_class = (uint8_t)value;
    return is_traffic_class(level, name);
}

static const char *controller(const struct hf_sockets *s)
{
    return s->config->cc == HF_CC_NEWRENO ? "reno" : "cubic";
}

/* The controller is the engine's; asking for the one that works is granted. */
static int64_t set_controller(const struct hf_sockets *s, const char *value, socklen_t len)
{
    const char *is = controller(s);
    return len >= strlen(is) && strnlen(value, len) == strlen(is) && memcmp(value, is, strlen(is)) == 0 ? 0
                                                                                                        : -ENOENT;
}

/* Linux's ranges of TCP_MAXSEG and TCP_SYNCNT. */
static bool is_in_range(int level, int name, int number)
{
    if (level != IPPROTO_TCP)
        return true;
    if (name == TCP_MAXSEG)
        return number == 0 || (number >= 88 && number <= 32767);
    return name != TCP_SYNCNT || (number >= 1 && number <= 127);
}

int64_t hf_sock_set_option(struct hf_sockets *s, struct hf_sock *sock, int level, int name, const void *value,
                           socklen_t len)
{
    int number = 0;
    if (level == SOL_SOCKET && name == SO_LINGER)
        return set_linger(sock, value, len);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION)
        return set_controller(s, value, len);
    bool is_byte = is_traffic_class(level, name) && len == 1;
    if (len < sizeof number && !is_byte)
        return -EINVAL;
    memcpy(&number, value, is_byte ? 1 : sizeof number);
    if (level == IPPROTO_TCP && name == TCP_FASTOPEN_CONNECT && (!s->config->fast_open || s->may_not_open_fast))
        return -EOPNOTSUPP;
    if (!is_in_range(level, name, number))
        return -EINVAL;
    if (!set_number(s, sock, level, name, number))
        return -ENOPROTOOPT;
    if (!hf_conn_is_none(sock->conn))
        hf_tcp_set_options(s->engine, sock->conn, &sock->options);
    return 0;
}

/* ---- getting ---- */

int hf_sock_take_error(struct hf_sockets *s, struct hf_sock *sock)
{
    struct hf_tcp_info info;
    if (sock->kind != HF_SOCK_CONNECTION || sock->error_was_told)
        return 0;
    hf_tcp_status(s->engine, sock->conn, &info);
    if (info.state != HF_CLOSED || info.error == HF_OK)
        return 0;
    sock->error_was_told = true;
    return hf_sock_errno(sock, info.error);
}

static bool get_at_socket_level(struct hf_sockets *s, struct hf_sock *sock, int name, int *value)
{
    const struct hf_tcp_options *options = &sock->options;
    uint32_t receive = options->receive_buffer ? options->receive_buffer : s->config->receive_buffer;
    switch (name) {
    case SO_ERROR:
        *value = hf_sock_take_error(s, sock);
        return true;
    case SO_TYPE:
        *value = SOCK_STREAM;
        return true;
    case SO_ACCEPTCONN:
        *value = sock->kind == HF_SOCK_LISTENER;
        return true;
    case SO_REUSEADDR:
        *value = sock->reuses_address;
        return true;
    case SO_KEEPALIVE:
        *value = options->keep_alive;
        return true;
    case SO_SNDBUF:
        *value = (int)(options->send_buffer ? options->send_buffer : s->config->send_buffer);
        return true;
    case SO_RCVBUF:
        *value = (int)(receive * (s->doubles_buffers ? 2 : 1));
        return true;
    case SO_RCVLOWAT:
        *value = (int)sock->least;
        return true;
    default:
        return false;
    }
}

static bool get_at_tcp_level(const struct hf_sockets *s, const struct hf_sock *sock, int name,
                             const struct hf_tcp_info *info, int *value)
{
    const struct hf_tcp_options *options = &sock->options;
    switch (name) {
    case TCP_NODELAY:
        *value = options->no_delay;
        return true;
    case TCP_CORK:
        *value = sock->is_corked;
        return true;
    case TCP_MAXSEG:
        *value = (int)(info->mss ? info->mss : options->mss ? options->mss : 536u);
        return true;
    case TCP_KEEPIDLE:
        *value = options->keep_idle_s ? (int)options->keep_idle_s : 7200;
        return true;
    case TCP_KEEPINTVL:
        *value = options->keep_interval_s ? (int)options->keep_interval_s : 75;
        return true;
    case TCP_KEEPCNT:
        *value = options->keep_count ? options->keep_count : 9;
        return true;
    case TCP_USER_TIMEOUT:
        *value = (int)options->user_timeout_ms;
        return true;
    case TCP_SYNCNT:
        *value = options->syn_retries ? options->syn_retries : s->config->syn_retries;
        return true;
    case TCP_NOTSENT_LOWAT:
        *value = (int)sock->unsent_most;
        return true;
    case TCP_FASTOPEN_CONNECT:
        *value = sock->opens_with_text;
        return true;
    default:
        return false;
    }
}

/* As much of `from` as there is room for, and how much that was. */
static int64_t give(const void *from, size_t size, void *value, socklen_t *len)
{
    if (*len > size)
        *len = (socklen_t)size;
    memcpy(value, from, *len);
    return 0;
}

/* Options that are no number; ENOPROTOOPT for all others. */
static int64_t get_record(struct hf_sockets *s, struct hf_sock *sock, int level, int name, void *value,
                          socklen_t *len)
{
    const struct linger linger = {.l_onoff = sock->lingers, .l_linger = sock->linger_s};
    if (level == SOL_SOCKET && name == SO_LINGER)
        return give(&linger, sizeof linger, value, len);
    if (level == IPPROTO_TCP && name == TCP_CONGESTION)
        return give(controller(s), strlen(controller(s)) + 1, value, len);
    if (level == IPPROTO_TCP && name == TCP_INFO)
        return hf_sock_tcp_info(s, sock, value, len);
    if (level == IPPROTO_TCP && name == TCP_CC_INFO) { /* the controllers here have nothing to tell */
        *len = 0;
        return 0;
    }
    if (level == SOL_SOCKET && name == SO_MEMINFO)
        return hf_sock_memory_info(s, sock, value, len);
    return -ENOPROTOOPT;
}

int64_t hf_sock_get_option(struct hf_sockets *s, struct hf_sock *sock, int level, int name, void *value,
                           socklen_t *len)
{
    struct hf_tcp_info info;
    int number = 0;
    bool is_known = false;
    memset(&info, 0, sizeof info);
    if (!hf_conn_is_none(sock->conn))
        hf_tcp_status(s->engine, sock->conn, &info);
    if (level == SOL_SOCKET)
        is_known = get_at_socket_level(s, sock, name, &number);
    else if (level == IPPROTO_TCP)
        is_known = get_at_tcp_level(s, sock, name, &info, &number);
    else if (is_traffic_class(level, name)) {
        number = sock->options.traffic_class;
        is_known = true;
    }
    return is_known ? give(&number, sizeof number, value, len) : get_record(s, sock, level, name, value, len);
}

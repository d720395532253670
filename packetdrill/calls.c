/*
 * packetdrill's calls of sockets: addresses and buffers of the system into those of sockets/, and answers back. What is
 * read or written is copied by process_vm_readv and its like, so that a pointer to nowhere is EFAULT, as a kernel says.
 *
 * Read first: adapter.h.
 */
#define _GNU_SOURCE
#include "adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 64 << 20 };

/* ---- answers ---- */

static int64_t answers(int64_t answer)
{
    if (answer >= 0)
        return answer;
    errno = (int)-answer;
    return -1;
}

/* Makes a call about the socket `fd`. */
static int64_t makes(struct pd *pd, int fd, struct pd_call *call)
{
    call->fd = fd;
    call->sock = hf_sock_find(&pd->sockets, fd);
    return call->sock ? pd_make(pd, call) : -EBADF;
}

/* ---- addresses ---- */

static int64_t read_address(const struct sockaddr *addr, socklen_t len, struct hf_endpoint *endpoint)
{
    const struct sockaddr_in *v4 = (const void *)addr;
    const struct sockaddr_in6 *v6 = (const void *)addr;
    *endpoint = (struct hf_endpoint){.port = 0};
    if (addr->sa_family == AF_INET && len >= sizeof *v4) {
        uint8_t b[4];
        memcpy(b, &v4->sin_addr, 4);
        endpoint->addr = hf_addr_v4(b[0], b[1], b[2], b[3]);
        endpoint->port = ntohs(v4->sin_port);
        return 0;
    }
    if (addr->sa_family == AF_INET6 && len >= sizeof *v6) {
        memcpy(endpoint->addr.bytes, &v6->sin6_addr, 16);
        endpoint->port = ntohs(v6->sin6_port);
        return 0;
    }
    return addr->sa_family == AF_INET || addr->sa_family == AF_INET6 ? -EINVAL : -EAFNOSUPPORT;
}

static void write_address(const struct hf_sock *sock, const struct hf_endpoint *endpoint, struct sockaddr *addr,
                          socklen_t *len)
{
    struct sockaddr_storage is = {.ss_family = sock->is_v6 ? AF_INET6 : AF_INET};
    struct sockaddr_in *v4 = (void *)&is;
    struct sockaddr_in6 *v6 = (void *)&is;
    socklen_t size = sock->is_v6 ? sizeof *v6 : sizeof *v4;
    if (!addr || !len)
        return;
    if (sock->is_v6) {
        v6->sin6_port = htons(endpoint->port);
        memcpy(&v6->sin6_addr, endpoint->addr.bytes, 16);
    } else {
        v4->sin_port = htons(endpoint->port);
        memcpy(&v4->sin_addr, endpoint->addr.bytes + 12, 4);
    }
    memcpy(addr, &is, *len < size ? *len : size);
    *len = size;
}

static void write_remote(struct pd *pd, const struct hf_sock *sock, struct sockaddr *addr, socklen_t *len)
{
    struct hf_tcp_info info;
    if (sock->kind == HF_SOCK_CONNECTION && hf_tcp_status(pd->world.engine, sock->conn, &info) == HF_OK)
        write_address(sock, &info.remote, addr, len);
}

/* ---- opening ---- */

static int64_t make_socket(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_open(s, -1, call->most, call->flags);
}

static int call_socket(void *userdata, int domain, int type, int protocol)
{
    struct pd_call call = {.make = make_socket, .most = domain, .flags = type};
    if (protocol != 0 && protocol != IPPROTO_TCP)
        return (int)answers(-EPROTONOSUPPORT);
    return (int)answers(pd_make(userdata, &call));
}

static int64_t make_bind(struct hf_sockets *s, struct pd_call *call)
{
    (void)s;
    return hf_sock_bind(call->sock, &call->remote);
}

static int call_bind(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct pd *pd = userdata;
    struct pd_call call = {.make = make_bind};
    int64_t answer = read_address(addr, len, &call.remote);
    if (answer == 0) {
        pd_lock(pd);
        pd_know_address(pd, &call.remote.addr);
        pd_unlock(pd);
        answer = makes(pd, fd, &call);
    }
    return (int)answers(answer);
}

static int64_t make_listen(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_listen(s, call->sock, call->most);
}

static int call_listen(void *userdata, int fd, int backlog)
{
    struct pd *pd = userdata;
    struct pd_call call = {.make = make_listen, .most = backlog};
    struct hf_sock *sock = hf_sock_find(&pd->sockets, fd);
    if (sock && sock->options.fast_open == 0)
        sock->options.fast_open = (uint16_t)pd->fast_open_backlog;
    return (int)answers(makes(pd, fd, &call));
}

static int64_t make_accept(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_accept(s, call->sock, -1, 0);
}

static int call_accept(void *userdata, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct pd_call call = {.make = make_accept};
    struct pd *pd = userdata;
    int64_t answer = makes(pd, fd, &call);
    if (answer >= 0)
        write_remote(pd, hf_sock_find(&pd->sockets, answer), addr, len);
    return (int)answers(answer);
}

static int64_t make_connect(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_connect(s, call->sock, &call->remote, &call->wait);
}

static int call_connect(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    pd_read_fast_open(userdata);
    struct pd_call call = {.make = make_connect};
    int64_t answer = read_address(addr, len, &call.remote);
    return (int)answers(answer < 0 ? answer : makes(userdata, fd, &call));
}

/* ---- reading and writing ---- */

static int64_t length_of(const struct iovec *vector, size_t count)
{
    size_t len = 0;
    if (count > IOV_MAX)
        return -EMSGSIZE;
    for (size_t i = 0; i < count; i++) {
        if (vector[i].iov_len > MOST_BYTES || (len += vector[i].iov_len) > MOST_BYTES)
            return -EINVAL;
    }
    return (int64_t)len;
}

static int64_t make_receive(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_receive(s, call->sock, call->data, call->len, call->flags);
}

static ssize_t receives(struct pd *pd, int fd, const struct iovec *vector, size_t count, int flags)
{
    struct pd_call call = {.make = make_receive, .flags = flags};
    int64_t answer = length_of(vector, count);
    if (answer < 0)
        return answers(answer);
    call.len = (size_t)answer;
    call.data = calloc(1, call.len + 1);
    struct iovec local = {.iov_base = call.data, .iov_len = call.len};
    if (call.data && call.len > 0 && !(flags & MSG_TRUNC) &&
        process_vm_writev(getpid(), &local, 1, vector, count, 0) < 0)
        answer = -EFAULT; /* before anything is taken out of the stream */
    else
        answer = call.data ? makes(pd, fd, &call) : -ENOMEM;
    local.iov_len = answer > 0 ? (size_t)answer : 0;
    if (answer > 0 && !(flags & MSG_TRUNC) && process_vm_writev(getpid(), &local, 1, vector, count, 0) < 0)
        answer = -errno;
    free(call.data);
    return answers(answer);
}

static int64_t make_send(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_send(s, call->sock, call->data, call->len, call->flags, call->has_remote ? &call->remote : NULL,
                        &call->wait);
}

ssize_t pd_send(struct pd *pd, int fd, const struct iovec *vector, size_t count, int flags,
                const struct sockaddr *addr)
{
    struct pd_call call = {.make = make_send, .flags = flags, .has_remote = addr != NULL};
    int64_t answer = length_of(vector, count);
    if (flags & MSG_FASTOPEN)
        pd_read_fast_open(pd);
    if (answer >= 0 && addr && (flags & MSG_FASTOPEN)) { /* of a stream that is open, no address is looked at */
        int64_t is_read = read_address(addr, sizeof(struct sockaddr_in6), &call.remote);
        answer = is_read == -EAFNOSUPPORT ? -EOPNOTSUPP : is_read < 0 ? is_read : answer;
    }
    if (answer < 0)
        return answers(answer);
    call.len = (size_t)answer;
    call.data = calloc(1, call.len + 1);
    struct iovec local = {.iov_base = call.data, .iov_len = call.len};
    if (call.data && call.len > 0 && process_vm_readv(getpid(), &local, 1, vector, count, 0) < (ssize_t)call.len)
        answer = -EFAULT;
    else
        answer = call.data ? makes(pd, fd, &call) : -ENOMEM;
    free(call.data);
    return answers(answer);
}

static ssize_t call_read(void *userdata, int fd, void *data, size_t len)
{
    const struct iovec vector = {.iov_base = data, .iov_len = len};
    return receives(userdata, fd, &vector, 1, 0);
}

static ssize_t call_readv(void *userdata, int fd, const struct iovec *vector, int count)
{
    return receives(userdata, fd, vector, (size_t)count, 0);
}

static ssize_t call_recv(void *userdata, int fd, void *data, size_t len, int flags)
{
    const struct iovec vector = {.iov_base = data, .iov_len = len};
    return receives(userdata, fd, &vector, 1, flags);
}

static ssize_t call_recvfrom(void *userdata, int fd, void *data, size_t len, int flags, struct sockaddr *addr,
                             socklen_t *addr_len)
{
    (void)addr; /* of a stream it is left as it is */
    (void)addr_len;
    return call_recv(userdata, fd, data, len, flags);
}

static ssize_t call_recvmsg(void *userdata, int fd, struct msghdr *message, int flags)
{
    ssize_t count = receives(userdata, fd, message->msg_iov, message->msg_iovlen, flags);
    if (count >= 0) {
        message->msg_flags = 0;
        message->msg_controllen = 0;
        message->msg_namelen = 0;
    }
    return count;
}

static ssize_t call_write(void *userdata, int fd, const void *data, size_t len)
{
    const struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    return pd_send(userdata, fd, &vector, 1, 0, NULL);
}

static ssize_t call_writev(void *userdata, int fd, const struct iovec *vector, int count)
{
    return pd_send(userdata, fd, vector, (size_t)count, 0, NULL);
}

static ssize_t call_sendto(void *userdata, int fd, const void *data, size_t len, int flags,
                           const struct sockaddr *addr, socklen_t addr_len)
{
    const struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    return pd_send(userdata, fd, &vector, 1, flags, addr_len > 0 ? addr : NULL);
}

static ssize_t call_send(void *userdata, int fd, const void *data, size_t len, int flags)
{
    return call_sendto(userdata, fd, data, len, flags, NULL, 0);
}

static ssize_t call_sendmsg(void *userdata, int fd, const struct msghdr *message, int flags)
{
    return pd_send(userdata, fd, message->msg_iov, message->msg_iovlen, flags,
                   message->msg_namelen > 0 ? message->msg_name : NULL);
}

/* ---- options and the like ---- */

/* The rest needs no waiting, so it is made under the lock at once; what it causes leaves when it is let go. */
static int ends(struct pd *pd, int64_t answer)
{
    pkt_world_settle(&pd->world);
    pd_unlock(pd);
    return (int)answers(answer);
}

/* fcntl(fd, command) and fcntl(fd, F_SETFL, flags) */
static int call_fcntl(void *userdata, int fd, int command, ...)
{
    struct pd *pd = userdata;
    va_list args;
    va_start(args, command);
    int flags = command == F_SETFL || command == F_SETFD ? va_arg(args, int) : 0;
    va_end(args);
    pd_lock(pd);
    struct hf_sock *sock = hf_sock_find(&pd->sockets, fd);
    return ends(pd, sock ? hf_sock_fcntl(sock, command, flags) : -EBADF);
}

static int call_ioctl(void *userdata, int fd, unsigned long request, ...)
{
    struct pd *pd = userdata;
    va_list args;
    va_start(args, request);
    int *value = va_arg(args, int *);
    va_end(args);
    pd_lock(pd);
    struct hf_sock *sock = hf_sock_find(&pd->sockets, fd);
    return ends(pd, sock ? hf_sock_ioctl(&pd->sockets, sock, request, value) : -EBADF);
}

static int call_shutdown(void *userdata, int fd, int how)
{
    struct pd *pd = userdata;
    pd_lock(pd);
    struct hf_sock *sock = hf_sock_find(&pd->sockets, fd);
    return ends(pd, sock ? hf_sock_shutdown(&pd->sockets, sock, how) : -EBADF);
}

int pd_getsockopt(struct pd *pd, int fd, int level, int name, void *value, socklen_t *len)
{
    pd_lock(pd);
    struct hf_sock *sock = hf_sock_find(&pd->sockets, fd);
    return ends(pd, sock ? hf_sock_get_option(&pd->sockets, sock, level, name, value, len) : -EBADF);
}

static int call_getsockopt(void *userdata, int fd, int level, int name, void *value, socklen_t *len)
{
    return pd_getsockopt(userdata, fd, level, name, value, len);
}

static int call_setsockopt(void *userdata, int fd, int level, int name, const void *value, socklen_t len)
{
    struct pd *pd = userdata;
    pd_lock(pd);
    pd_read_fast_open(pd);
    struct hf_sock *sock = hf_sock_find(&pd->sockets, fd);
    return ends(pd, sock ? hf_sock_set_option(&pd->sockets, sock, level, name, value, len) : -EBADF);
}

static int64_t make_close(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_close(s, call->sock, &call->wait);
}

int pd_close(struct pd *pd, int fd)
{
    struct pd_call call = {.make = make_close};
    return (int)answers(makes(pd, fd, &call));
}

static int call_close(void *userdata, int fd)
{
    return fd < PD_FIRST_FD ? close(fd) : pd_close(userdata, fd);
}

/* ---- poll and epoll ---- */

static int64_t make_poll(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_poll(s, call->fds, call->len, call->timeout_ms, &call->wait);
}

static int call_poll(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct pd_call call = {.make = make_poll, .fds = fds, .len = count, .timeout_ms = timeout_ms};
    return (int)answers(pd_make(userdata, &call));
}

static int call_epoll_create(void *userdata, int size)
{
    struct pd *pd = userdata;
    if (size <= 0)
        return (int)answers(-EINVAL);
    pd_lock(pd);
    return ends(pd, hf_epoll_open(&pd->sockets, -1));
}

static int call_epoll_ctl(void *userdata, int epoll, int operation, int fd, struct epoll_event *event)
{
    struct pd *pd = userdata;
    pd_lock(pd);
    struct hf_sock *sock = hf_sock_find(&pd->sockets, epoll);
    return ends(pd, sock ? hf_epoll_control(&pd->sockets, sock, operation, fd, event) : -EBADF);
}

static int64_t make_epoll_wait(struct hf_sockets *s, struct pd_call *call)
{
    return hf_epoll_wait(s, call->sock, call->events, call->most, call->timeout_ms, &call->wait);
}

static int call_epoll_wait(void *userdata, int epoll, struct epoll_event *events, int most, int timeout_ms)
{
    struct pd_call call = {.make = make_epoll_wait, .events = events, .most = most, .timeout_ms = timeout_ms};
    return (int)answers(makes(userdata, epoll, &call));
}

void pd_fill_calls(struct packetdrill_interface *interface)
{
    interface->socket = call_socket;
    interface->bind = call_bind;
    interface->listen = call_listen;
    interface->accept = call_accept;
    interface->connect = call_connect;
    interface->read = call_read;
    interface->readv = call_readv;
    interface->recv = call_recv;
    interface->recvfrom = call_recvfrom;
    interface->recvmsg = call_recvmsg;
    interface->write = call_write;
    interface->writev = call_writev;
    interface->send = call_send;
    interface->sendto = call_sendto;
    interface->sendmsg = call_sendmsg;
    interface->fcntl = call_fcntl;
    interface->ioctl = call_ioctl;
    interface->close = call_close;
    interface->shutdown = call_shutdown;
    interface->getsockopt = call_getsockopt;
    interface->setsockopt = call_setsockopt;
    interface->poll = call_poll;
    interface->epoll_create = call_epoll_create;
    interface->epoll_ctl = call_epoll_ctl;
    interface->epoll_wait = call_epoll_wait;
}

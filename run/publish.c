/* Ports of the host that lead to PROGRAM. Read first: relay.h. */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 64
#define BACKLOG      4096

/* PROGRAM sees its client's own address and port where that can be; a client on this machine's loopback has the
 * gateway's address, and any port where its own is still in TIME-WAIT. */
static int open_towards_program(struct call *call, const struct hf_endpoint *client)
{
    const struct hf_tcp_options options = {.no_delay = true, .user = (uint64_t)(uintptr_t)call};
    struct relay *relay = call->relay;
    bool is_v4 = hf_addr_is_v4(&call->inside.addr);
    struct hf_endpoint from = {relay->rules->gateway[is_v4 ? 0 : 1], client->port};
    int error = hf_tcp_connect(relay->e, &from, &call->inside, &options, &call->conn);
    if (error == HF_ERR_IN_USE) {
        from.port = 0;
        error = hf_tcp_connect(relay->e, &from, &call->inside, &options, &call->conn);
    }
    return error;
}

static void take_client(struct publication *p, int fd, const struct hf_endpoint *client)
{
    struct call *call = call_new(p->relay);
    if (!call) {
        close(fd);
        return;
    }
    call->source.fd = fd;
    call->is_published = true;
    call->phase = CALL_ANSWERING;
    call->inside = p->inside;
    call->outside = *client;
    call->can_write = true;
    if (open_towards_program(call, client) != HF_OK || call_watch_socket(call) < 0)
        call_end(call, true);
}

static void publication_ready(struct loop_source *source, uint32_t events)
{
    struct publication *p = (struct publication *)source;
    (void)events;
    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        int fd = accept4(source->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct hf_endpoint client = rules_endpoint(&from);
        take_client(p, fd, &client);
    }
}

static int listen_at(const struct hf_endpoint *host)
{
    const int on = 1;
    struct sockaddr_storage at;
    socklen_t len = rules_sockaddr(host, &at);
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int relay_publish(struct relay *relay, const struct hf_endpoint *host, const struct hf_endpoint *inside)
{
    struct publication *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    *p = (struct publication){.source.ready = publication_ready, .relay = relay, .inside = *inside};
    p->source.fd = listen_at(host);
    if (p->source.fd < 0 || loop_add(relay->epoll, &p->source, EPOLLIN) < 0) {
        int error = errno;
        loop_close(&p->source);
        free(p);
        errno = error;
        return -1;
    }
    p->next = relay->publications;
    relay->publications = p;
    return 0;
}

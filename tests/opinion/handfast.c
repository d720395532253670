/* Handfast's answers: an engine for each script, in virtual time. See opinion.h. */
#include "opinion.h"

#include "../../pkt/world.h"
#include "../../sockets/sockets.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* A step is short, so that no timer goes off within a script: when is free (RFC 6298; RFC 8985, 7). */
enum { STEP_US = 500 };

enum { SUBJECT_PORT = 20000, LISTENER_FD = 3, CONNECTION_FD = 4 };

struct handfast {
    struct pkt_script settings;
    struct pkt_world world;
    struct hf_sockets sockets;
    struct peer peer;
    struct application application;
    struct hf_sock *connection;
    struct answer *answer; /* to the step that is played */
};

static void hear(void *arg, const struct pkt_sent *sent)
{
    struct handfast *h = arg;
    if (h->answer)
        peer_hear(&h->peer, sent->frame.data, sent->frame.len, h->answer);
}

/* ---- making ---- */

/* Everything that takes time is quick or slow, on both sides: what is left to compare is what is answered. */
static void configure(struct pkt_script *settings)
{
    pkt_script_defaults(settings);
    settings->config.max_history = 0;
    settings->config.quick_acks = UINT16_MAX;
    settings->config.receive_buffer = 65535;
    settings->settings.local = settings->settings.gateway = hf_addr_v4(10, 7, 0, SUBJECT_ADDRESS);
    settings->settings.gateway = hf_addr_v4(10, 7, 0, PEER_ADDRESS);
    settings->settings.local_prefix = 24;
}

static void set_no_delay(struct handfast *h, struct hf_sock *sock)
{
    int on = 1;
    hf_sock_set_option(&h->sockets, sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void open_socket(struct handfast *h, const struct script *script)
{
    int fd = script->role == PASSIVE ? LISTENER_FD : CONNECTION_FD;
    hf_sock_open(&h->sockets, fd, AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    struct hf_sock *sock = hf_sock_find(&h->sockets, fd);
    if (script->no_delay)
        set_no_delay(h, sock);
    hf_sock_bind(sock, &h->peer.there);
    if (script->role == PASSIVE)
        hf_sock_listen(&h->sockets, sock, 16);
    else
        h->connection = sock;
    h->application.has_socket = script->role == ACTIVE;
}

struct handfast *handfast_open(const struct script *script, FILE *trace)
{
    struct handfast *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    configure(&h->settings);
    peer_begin(&h->peer, script, SUBJECT_PORT, trace);
    if (!pkt_world_open(&h->world, &h->settings, 0)) {
        handfast_close(h);
        return NULL;
    }
    h->world.on_sent = hear;
    h->world.arg = h;
    h->sockets = (struct hf_sockets){.engine = h->world.engine,
                                     .config = &h->settings.config,
                                     .now = h->world.now,
                                     .mtu = 1500,
                                     .first_fd = LISTENER_FD};
    open_socket(h, script);
    return h;
}

void handfast_close(struct handfast *h)
{
    hf_sockets_close(&h->sockets);
    pkt_world_close(&h->world);
    pkt_script_close(&h->settings);
    free(h);
}

const struct peer *handfast_peer(const struct handfast *h)
{
    return &h->peer;
}

const struct application *handfast_application(const struct handfast *h)
{
    return &h->application;
}

/* ---- calls ---- */

static int64_t call_accept(struct handfast *h)
{
    struct hf_sock *listener = hf_sock_find(&h->sockets, LISTENER_FD);
    int64_t fd = hf_sock_accept(&h->sockets, listener, -1, SOCK_NONBLOCK);
    if (fd < 0)
        return fd;
    h->connection = hf_sock_find(&h->sockets, fd);
    h->application.has_socket = true;
    return 0;
}

static int64_t call_read(struct handfast *h, const struct step *step, struct answer *answer)
{
    static uint8_t data[READ_MAX];
    int64_t count = hf_sock_receive(&h->sockets, h->connection, data, step->size, 0);
    answer->digest = peer_digest(data, count);
    return count;
}

static int64_t call_write(struct handfast *h, const struct step *step)
{
    uint8_t data[WRITE_MAX];
    struct hf_wait wait = hf_wait_begins(h->world.now);
    for (unsigned i = 0; i < step->size; i++)
        data[i] = peer_text(h->application.written + 1 + i);
    int flags = step->kind == STEP_WRITE_URGENT ? MSG_OOB : 0;
    int64_t count = hf_sock_send(&h->sockets, h->connection, data, step->size, flags, NULL, &wait);
    h->application.written += count > 0 ? (uint32_t)count : 0;
    return count;
}

static int64_t call_close(struct handfast *h, const struct step *step)
{
    struct hf_wait wait = hf_wait_begins(h->world.now);
    const struct linger linger = {.l_onoff = 1};
    if (step->kind == STEP_ABORT)
        hf_sock_set_option(&h->sockets, h->connection, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    int64_t result = hf_sock_close(&h->sockets, h->connection, &wait);
    h->connection = NULL;
    h->application = (struct application){.has_socket = false};
    return result;
}

static int64_t call(struct handfast *h, const struct step *step, struct answer *answer)
{
    const struct hf_wait wait = hf_wait_begins(h->world.now);
    switch (step->kind) {
    case STEP_CONNECT:
        return hf_sock_connect(&h->sockets, h->connection, &h->peer.here, &wait);
    case STEP_ACCEPT:
        return call_accept(h);
    case STEP_READ:
        return call_read(h, step, answer);
    case STEP_WRITE:
    case STEP_WRITE_URGENT:
        return call_write(h, step);
    case STEP_SHUTDOWN:
        return hf_sock_shutdown(&h->sockets, h->connection, SHUT_WR);
    default:
        return call_close(h, step);
    }
}

/* ---- the step ---- */

static void look(struct handfast *h, struct answer *answer)
{
    hf_conn conn = {0, 0};
    struct hf_tcp_info info;
    while (hf_tcp_next(h->world.engine, &conn))
        if (hf_tcp_status(h->world.engine, conn, &info) == HF_OK && !info.is_listener && info.state != HF_CLOSED) {
            answer->state = info.state;
            answer->is_cwnd_full = info.in_flight + info.mss > info.cwnd;
        }
    int unread = 0, queued = 0;
    bool is_open = h->connection && hf_tcp_status(h->world.engine, h->connection->conn, &info) == HF_OK &&
                   info.state != HF_CLOSED;
    if (h->connection)
        hf_sock_ioctl(&h->sockets, h->connection, SIOCINQ, &unread);
    if (is_open)
        hf_sock_ioctl(&h->sockets, h->connection, SIOCOUTQ, &queued);
    answer->is_dead = h->connection && !is_open;
    answer->unread = (uint32_t)unread;
    answer->queued = (uint32_t)queued;
}

static uint64_t challenges_withheld(const struct handfast *h)
{
    struct hf_stats stats;
    hf_stats(h->world.engine, &stats);
    return stats.reasons[HF_LIMIT_CHALLENGE_ACKS];
}

void handfast_step(struct handfast *h, const struct step *step, struct answer *answer)
{
    uint8_t frame[FRAME_ROOM];
    uint64_t withheld = challenges_withheld(h);
    h->answer = answer;
    h->sockets.now = h->world.now;
    if (step->kind == STEP_SEGMENT) {
        answer->why = pkt_world_input(&h->world, frame, peer_speak(&h->peer, step, frame));
    } else {
        answer->result = call(h, step, answer);
        if (h->peer.trace)
            peer_print_call(h->peer.trace, step, answer->result);
        pkt_world_settle(&h->world);
    }
    hf_time until = hf_time_add(h->world.now, STEP_US * HF_US);
    while (!pkt_world_step(&h->world, until))
        ;
    look(h, answer);
    peer_sum_up(&h->peer, answer);
    answer->was_limited = challenges_withheld(h) > withheld;
    answer->is_corrupt |= h->world.wrong != NULL;
    h->answer = NULL;
}

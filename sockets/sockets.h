/*
 * BSD sockets over the engine's user calls, with the return values and errno of Linux.
 *
 * Nothing here waits, sends or asks a clock. A call that has to wait answers HF_SOCK_WAITS; whoever made it makes it
 * again, with the same arguments and the same `struct hf_wait`, after everything that happens in the engine and at
 * wait.deadline, until it answers something else. So the same code serves a script's calls in virtual time
 * (pkt/calls.c) and the calls of a thread that sleeps (packetdrill/).
 *
 *     answer >= 0         what the call returns
 *     answer == -errno    the call fails
 *     HF_SOCK_WAITS       not yet
 *
 * Read next: sockets.c, options.c, poll.c.
 */
#ifndef HF_SOCKETS_H
#define HF_SOCKETS_H

#include <handfast/handfast.h>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define HF_SOCK_WAITS INT64_MIN

enum { HF_SOCKS_MAX = 256, HF_WATCHES_MAX = 64 };

enum hf_sock_kind { HF_SOCK_FRESH, HF_SOCK_LISTENER, HF_SOCK_CONNECTION, HF_SOCK_EPOLL };

/* One descriptor that an epoll watches. */
struct hf_watch {
    int fd;
    uint32_t events; /* 0 with has_fired: EPOLLONESHOT has had its shot */
    bool has_fired;
    uint32_t seen;    /* edge-triggered: what was told, and is told again only after it was untrue */
    uint64_t arrived; /* edge-triggered: bytes that had arrived and been acknowledged when it was told */
    epoll_data_t data;
};

struct hf_epoll {
    struct hf_watch watch[HF_WATCHES_MAX];
    unsigned count;
};

/* A socket as its application sees it. */
struct hf_sock {
    int fd;
    bool is_open;
    enum hf_sock_kind kind;
    hf_conn conn;
    struct hf_endpoint local;
    struct hf_tcp_options options;
    bool is_nonblocking, reuses_address, is_corked, lingers, reading_is_shut;
    bool is_v6;
    bool error_was_told;       /* how it ended was reported once: from then on it is just closed */
    bool connect_was_told;     /* a connect said that it is done */
    bool opens_with_text;      /* TCP_FASTOPEN_CONNECT: connect says yes at once, and the first write opens */
    bool awaits_text;          /* ... and has said so */
    struct hf_endpoint remote; /* where it connects to; port 0: it was accepted */
    int linger_s;
    bool lacked_room;       /* a write took less than it was given, or nothing */
    uint32_t least;         /* SO_RCVLOWAT */
    uint32_t unsent_most;   /* TCP_NOTSENT_LOWAT; 0: no limit */
    struct hf_epoll *epoll; /* of an epoll */
    void *user;             /* the caller's */
};

struct hf_sockets {
    struct hf_engine *engine;
    const struct hf_config *config; /* the engine's, for what getsockopt says of defaults */
    hf_time now;                    /* kept by the caller */
    uint16_t mtu;                   /* of the link */
    int first_fd;                   /* the least descriptor given out without being asked for */
    bool may_not_open_fast;         /* MSG_FASTOPEN is refused */
    bool doubles_buffers;           /* SO_SNDBUF and SO_RCVBUF count twice, as Linux has it */
    struct hf_sock *sock[HF_SOCKS_MAX];
    unsigned count;
};

/* A call in progress; zero-filled but for `began`. */
struct hf_wait {
    bool is_again;
    hf_time began;
    hf_time deadline;  /* when it wants to be made again though nothing happened; HF_NEVER */
    uint64_t progress; /* bytes written so far */
};

static inline struct hf_wait hf_wait_begins(hf_time now)
{
    return (struct hf_wait){.began = now, .deadline = HF_NEVER};
}

/* Frees what the sockets take; the engine's connections stay as they are. */
void hf_sockets_close(struct hf_sockets *s);

/* The open socket with that descriptor, or NULL. */
struct hf_sock *hf_sock_find(struct hf_sockets *s, int64_t fd);

/* socket(): `fd` is the descriptor wanted, or -1. Answers the descriptor. */
int64_t hf_sock_open(struct hf_sockets *s, int fd, int domain, int type);
int64_t hf_sock_bind(struct hf_sock *sock, const struct hf_endpoint *local);
int64_t hf_sock_listen(struct hf_sockets *s, struct hf_sock *sock, int backlog);
/* `fd` as for hf_sock_open; flags are accept4's. */
int64_t hf_sock_accept(struct hf_sockets *s, struct hf_sock *sock, int fd, int flags);
int64_t hf_sock_connect(struct hf_sockets *s, struct hf_sock *sock, const struct hf_endpoint *remote,
                        const struct hf_wait *wait);
/* recv(): `data` is filled with up to `len` bytes; with MSG_TRUNC it may be NULL. */
int64_t hf_sock_receive(struct hf_sockets *s, struct hf_sock *sock, void *data, size_t len, int flags);
/* sendto(): `remote` is where to with MSG_FASTOPEN, else NULL. What was taken stands in wait->progress at once. */
int64_t hf_sock_send(struct hf_sockets *s, struct hf_sock *sock, const void *data, size_t len, int flags,
                     const struct hf_endpoint *remote, struct hf_wait *wait);
int64_t hf_sock_shutdown(struct hf_sockets *s, struct hf_sock *sock, int how);
int64_t hf_sock_close(struct hf_sockets *s, struct hf_sock *sock, struct hf_wait *wait);
int64_t hf_sock_fcntl(struct hf_sock *sock, int command, int64_t flags);
/* SIOCINQ and SIOCOUTQ; the count goes to *value. */
int64_t hf_sock_ioctl(struct hf_sockets *s, struct hf_sock *sock, unsigned long request, int *value);

/* options.c: as setsockopt and getsockopt take them. */
int64_t hf_sock_set_option(struct hf_sockets *s, struct hf_sock *sock, int level, int name, const void *value,
                           socklen_t len);
int64_t hf_sock_get_option(struct hf_sockets *s, struct hf_sock *sock, int level, int name, void *value,
                           socklen_t *len);

/* poll.c: POLL... bits that hold; poll(); epoll. */
uint32_t hf_sock_ready(struct hf_sockets *s, const struct hf_sock *sock);
int64_t hf_sock_poll(struct hf_sockets *s, struct pollfd *fds, size_t count, int timeout_ms, struct hf_wait *wait);
int64_t hf_epoll_open(struct hf_sockets *s, int fd);
int64_t hf_epoll_control(struct hf_sockets *s, struct hf_sock *epoll, int operation, int fd,
                         const struct epoll_event *event);
int64_t hf_epoll_wait(struct hf_sockets *s, struct hf_sock *epoll, struct epoll_event *events, int most,
                      int timeout_ms, struct hf_wait *wait);

/* The error that ended the connection, told once; or 0. */
int hf_sock_take_error(struct hf_sockets *s, struct hf_sock *sock);
/* The errno that stands for an enum hf_error, in general and of one socket: an accepted one was never refused. */
int hf_sock_errno(const struct hf_sock *sock, int error);
int hf_errno_of(int error);

#endif

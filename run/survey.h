/*
 * Who holds what: PROGRAM's kernel lists its sockets (sock_diag), /proc lists the descriptors of every process
 * inside, and the two meet in the number of a socket's inode. The result is written into the book.
 *
 * A descriptor whose connection no kernel knows any more is found here as well: /proc still names its protocol.
 */
#ifndef HF_RUN_SURVEY_H
#define HF_RUN_SURVEY_H

#include "book.h"

#include <handfast/observe.h>

/* One TCP socket of PROGRAM's kernel. */
struct survey_socket {
    struct hf_endpoint local, remote;
    enum hf_state state;
    uint32_t receive_queue; /* bytes unread; listener: connections waiting for accept */
    uint32_t send_queue;    /* listener: backlog */
    uint64_t inode;         /* 0: no process has it */
};

/* Calls `each` for every TCP socket inside. Returns 0 or a negative errno. */
typedef int survey_lister(void *arg, void (*each)(void *to, const struct survey_socket *socket), void *to);

#define SURVEY_LISTENERS 64
#define SURVEY_PEERS     64
#define SURVEY_STRAYS    256

struct survey_listener {
    struct hf_endpoint local;
    struct holder holder;
    uint64_t inode;
    uint32_t stack;            /* of the call of listen, with --stacks */
    uint32_t waiting, backlog; /* now */
    uint32_t most_waiting;     /* ever seen */
    hf_time waiting_since;     /* the queue has not been empty since; 0 = it is */
    hf_ns longest_wait;
};

/* TIME-WAIT records of the kernel's by the other end, most first. */
struct survey_peer {
    struct hf_endpoint at; /* port 0: many clients of a listener of ours */
    uint16_t local_port;
    uint32_t time_wait;
};

/* A TCP descriptor without a connection. */
struct survey_stray {
    uint64_t inode;
    struct holder holder;
    hf_time since;
    bool is_there;
};

struct survey {
    struct book *book;
    ino_t net_inode;
    survey_lister *lister;
    void *lister_arg;
    hf_time at; /* of the last one; 0 = none yet */
    hf_ns cost; /* of the last one */
    struct survey_listener listeners[SURVEY_LISTENERS];
    unsigned listener_count;
    struct survey_peer peers[SURVEY_PEERS];
    unsigned peer_count;
    uint32_t time_wait, most_time_wait;
    struct survey_stray strays[SURVEY_STRAYS];
    unsigned stray_count;
    unsigned processes;
};

void survey_init(struct survey *s, struct book *book, ino_t net_inode, survey_lister *lister, void *lister_arg);
/* Looks now. */
void survey_take(struct survey *s, hf_time now);
/* When the next look is due: often enough to see, seldom enough to cost nothing. */
hf_time survey_deadline(const struct survey *s);

#endif

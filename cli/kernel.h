/*
 * The host kernel's TCP, read through sock_diag(7) with the states named as RFC 9293 names them: half-open and
 * TIME-WAIT ones included, which have no socket any more. Nothing is changed, and reading needs no privilege.
 */
#ifndef CLI_KERNEL_H
#define CLI_KERNEL_H

#include <handfast/observe.h>
#include <handfast/types.h>

struct kernel;

/* What a timer of the kernel's is for, in `ss`'s words. */
enum kernel_timer {
    KERNEL_TIMER_OFF,
    KERNEL_TIMER_ON,
    KERNEL_TIMER_KEEPALIVE,
    KERNEL_TIMER_TIMEWAIT,
    KERNEL_TIMER_PERSIST
};

/* One TCP connection or listener of the kernel's. */
struct kernel_tcp {
    struct hf_endpoint local, remote;
    enum hf_state state;
    uint32_t receive_queue; /* bytes unread; listener: connections waiting for accept */
    uint32_t send_queue;    /* bytes not yet acknowledged; listener: backlog */
    uint8_t timer;          /* enum kernel_timer */
    uint8_t tries;          /* of the timer: retransmissions or probes so far */
    uint32_t timer_ms;      /* until it fires */
    uint32_t uid, inode;    /* owner; inode 0: no process holds it any more */
    bool has_info;          /* the fields below are known: neither half-open nor TIME-WAIT */
    uint32_t srtt_us, rttvar_us, rto_ms, cwnd, ssthresh, mss, retransmits, in_flight;
    uint64_t bytes_sent, bytes_received;
};

/*
 * Opens a view of the network namespace `netns` (a descriptor, borrowed), or of this process's own for -1. NULL
 * with errno set: EPERM to enter that namespace, EPROTONOSUPPORT where the kernel has no inet_diag.
 */
struct kernel *kernel_open(int netns);

/* The same through a NETLINK_SOCK_DIAG socket that somebody made in the namespace; it is duplicated. */
struct kernel *kernel_open_socket(int fd);

void kernel_close(struct kernel *k);

/*
 * Looks one connection up by its tuple, as the kernel sees it: `local` is the kernel's end. Returns 1 and fills
 * *found, 0 when there is none (CLOSED), or a negative errno. A listener is no answer here.
 */
int kernel_find(struct kernel *k, const struct hf_endpoint *local, const struct hf_endpoint *remote,
                struct kernel_tcp *found);

/* Calls `each` for everything there is. Borrows `tcp` to it. Returns 0 or a negative errno. */
int kernel_each(struct kernel *k, void (*each)(void *arg, const struct kernel_tcp *tcp), void *arg);

/* Counts each of the states. Returns 0 or a negative errno. */
int kernel_count(struct kernel *k, uint32_t counts[HF_STATE_COUNT]);

#endif

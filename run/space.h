/*
 * Where PROGRAM lives: a network namespace of its own whose only link is a TUN that we hold, with a user namespace
 * around it when we are not privileged.
 *
 *     space_open     a child makes the namespaces and the device, and passes their descriptors to us
 *     space_start    the network is ready: the child becomes PROGRAM
 *
 * The child is PROGRAM's own process from the beginning, so terminal, session, directory and exit status are
 * native.
 */
#ifndef HF_RUN_SPACE_H
#define HF_RUN_SPACE_H

#include <handfast/driver.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

/* How PROGRAM's network looks from inside. */
struct space_addresses {
    struct hf_addr program[2]; /* IPv4, IPv6; the second is "any" where the kernel has no IPv6 */
    struct hf_addr gateway[2];
    uint8_t prefix_len[2];
};

struct space_config {
    struct space_addresses addresses;
    bool keep_user;          /* ids inside are those outside; else our own id is root inside */
    uint16_t device_mtu;     /* of the TUN as PROGRAM sees it */
    const char *controller;  /* congestion control of PROGRAM's kernel; NULL: the machine's */
    const char *resolv_conf; /* what /etc/resolv.conf says inside; NULL leaves it alone */
    int (*prepare)(void);    /* the last thing before PROGRAM is executed; 0 or a negative errno. May be NULL */
    char **program;
    struct rlimit files; /* PROGRAM's limit of descriptors */
    sigset_t signals;    /* PROGRAM's signal mask */
};

struct space {
    pid_t pid;        /* the child, then PROGRAM */
    int control;      /* to the child until it becomes PROGRAM, or -1 */
    int tun_fd;       /* the device; taken over by a driver */
    int diag_fd;      /* a NETLINK_SOCK_DIAG socket inside */
    int counters_fd;  /* /proc/net/netstat inside: read it from its beginning */
    int net_fd;       /* the network namespace */
    ino_t net_inode;  /* ... and its number, by which its processes are found */
    bool has_sub_ids; /* a range of ids is mapped, so PROGRAM may change its user */
    bool has_v6;
    bool has_resolver; /* resolv_conf is in place */
};

/* Returns 0, or -1 with what happened and what to do in error[256]. */
int space_open(struct space *s, const struct space_config *config, char error[256]);
void space_start(struct space *s);
/* Closes the descriptors. A child that was never started ends by itself. */
/* Nobody is inside any more: whoever closes this descriptor need not wait until the kernel has removed the device. */
void space_leave_device(int tun_fd);
void space_close(struct space *s);

/* ---- ids.c ---- */

/* Maps the ids of the new user namespace of process `pid`. Returns 0 or -1 with a message in error[256]. */
int ids_map(pid_t pid, bool keep_user, bool *has_sub_ids, char error[256]);

#endif

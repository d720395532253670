/*
 * libhandfast_packetdrill.so: packetdrill's shared-object mode over an engine in virtual time.
 *
 *     packetdrill's main thread         its thread of blocking calls
 *            |                                  |
 *            |  events, in order                |  one call at a time
 *            v                                  v
 *        calls.c: socket calls, one lock around all, made again until they need not wait
 *            |                                  :  (sleeps on a condition; made again by whoever moves things)
 *            v
 *        clock.c: frames, time       time passes only in usleep, gettimeofday and netdev_receive
 *            v
 *        pkt/world.h: the engine, its link, and its invariants after everything that happens
 *
 * packetdrill asks gettimeofday when a blocking call has returned. Until the thread has, the clock stands still, so
 * that what it is told is when the call returned.
 *
 * Read next: clock.c, calls.c, preload.c, profile.c.
 */
#ifndef HF_PACKETDRILL_ADAPTER_H
#define HF_PACKETDRILL_ADAPTER_H

#include "../drivers/split.h"
#include "../pkt/world.h"
#include "../sockets/sockets.h"
#include "interface.h"

#include <pthread.h>

enum { PD_FIRST_FD = 1 << 20 }; /* ours begin where no real descriptor is */
enum { PD_ADDRESSES_MAX = 16 };

/* One call, from when it is made to when it has its answer. What of it is used depends on the call. */
struct pd_call {
    int64_t (*make)(struct hf_sockets *s, struct pd_call *call);
    int fd;
    struct hf_sock *sock;
    uint8_t *data;
    size_t len;
    int flags;
    bool has_remote;
    struct hf_endpoint remote;
    struct pollfd *fds;
    struct epoll_event *events;
    int most, timeout_ms;
    struct hf_wait wait;
    bool is_done, is_main;
    int64_t answer;
    struct pd_call *next;
};

struct pd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t main;
    bool is_ready; /* the engine is made: with the first call or frame, when the script's commands have run */
    struct pkt_script script; /* settings and configuration alone */
    struct pkt_world world;
    struct hf_sockets sockets;
    struct hf_addr address[PD_ADDRESSES_MAX];
    unsigned address_count;
    struct pd_call *waiting;
    bool has_asked;        /* a thread whose call returned has asked for the time, and may have more to do */
    unsigned owed;         /* calls that returned whose thread has not yet asked for the time */
    struct hf_frame taken; /* by netdev_receive, which hands it out segment by segment */
    struct hf_split split;
    bool is_splitting;
    hf_time taken_at;
    uint32_t fast_open_backlog; /* not 0: every listener takes Fast Opens without having been told to */
};

/* clock.c */
void pd_lock(struct pd *pd);
void pd_unlock(struct pd *pd);
/* Makes the engine, if there is none yet. */
void pd_prepare(struct pd *pd);
/* From now on this address is the engine's. */
void pd_know_address(struct pd *pd, const struct hf_addr *addr);
/* Makes a call, and waits for its answer, -errno if it failed. Takes the lock. */
int64_t pd_make(struct pd *pd, struct pd_call *call);
int pd_netdev_send(void *userdata, const void *data, size_t len);
int pd_netdev_receive(void *userdata, void *data, size_t *len, long long *at_us);
int pd_usleep(void *userdata, useconds_t us);
int pd_gettimeofday(void *userdata, struct timeval *time, struct timezone *zone);

/* calls.c: fills the calls of sockets. */
void pd_fill_calls(struct packetdrill_interface *interface);
int pd_close(struct pd *pd, int fd);
int pd_getsockopt(struct pd *pd, int fd, int level, int name, void *value, socklen_t *len);
ssize_t pd_send(struct pd *pd, int fd, const struct iovec *vector, size_t count, int flags,
                const struct sockaddr *addr);

/* files.c: pipes and files. */
int pd_pipe(void *userdata, int fds[2]);
int pd_splice(void *userdata, int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len, unsigned flags);

/* profile.c: "profile=linux,mtu=1400": prints what is wrong and ends the program. */
void pd_read_flags(struct pd *pd, const char *flags);
/* What the script's commands set by sysctl, with the profile "linux". */
void pd_read_sysctls(struct pd *pd);
/* Whether clients may open fast: scripts change that as they go. */
void pd_read_fast_open(struct pd *pd);

/* init.c: the one there is, or NULL. */
struct pd *pd_current(void);

#endif

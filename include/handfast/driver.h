/*
 * Drivers move frames between an engine and a device; hf_pump() alone knows both sides.
 *
 * A driver lends frames in batches and takes them back. Its capabilities are plain data, fixed at open. A driver may
 * hold another one (tee, trace, fault). The engine never calls a driver.
 */
#ifndef HANDFAST_DRIVER_H
#define HANDFAST_DRIVER_H

#include "engine.h"

struct hf_driver;

struct hf_driver_ops {
    /* Lends up to `max` received frames in frames[]; returns how many (0: none now) or a negative errno. */
    int (*receive)(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max);
    /* Takes back all frames of the last receive, in order, with the engine's verdict in frames[i].why. */
    void (*release)(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count);
    /* Lends room for up to `max` frames to send (data and cap are set); returns how many: 0 when the device is full. */
    int (*reserve)(struct hf_driver *d, struct hf_frame *frames, unsigned max);
    /* Sends the first `count` frames of the last reserve and takes all of them back. Returns 0 or a negative errno. */
    int (*submit)(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count);
    /* The instant at which the driver itself wants receive called (a fault wrapper delaying frames); HF_NEVER if never. */
    hf_time (*deadline)(struct hf_driver *d);
    void (*close)(struct hf_driver *d);
};

struct hf_driver {
    const struct hf_driver_ops *ops;
    struct hf_link_config link; /* what hf_link_add should be told: kind, mtu, mac, offload */
    int fd;                     /* to poll for reading, or -1 */
    char name[32];              /* the device's name, or what the driver is */
};

/* ---- devices ---- */

struct hf_tun_options {
    const char *name;      /* borrows; NULL or "" lets the kernel choose */
    bool tap;              /* Ethernet instead of IP */
    bool no_offload;       /* one segment a frame, checksums finished */
    uint16_t mtu;          /* 0 = 1500 */
    int fd;                /* > 0: an open TUN descriptor, made with IFF_NO_PI, to take instead of opening one */
};

/*
 * Opens a TUN or TAP device (IFF_VNET_HDR, offload both ways unless refused), sets its MTU and brings it up. A taken
 * descriptor is made non-blocking; its device's MTU and flags are left alone. NULL with errno set when it may not.
 */
struct hf_driver *hf_tun_open(const struct hf_tun_options *options);

/*
 * The kernel's side of a device, by name ("lo" too), in this process's network namespace: up, an address with its
 * on-link prefix, a route (gateway any or NULL = on-link). Linux; needs CAP_NET_ADMIN there. Each returns 0 or a negative
 * errno; what is there already is success.
 */
int hf_device_up(const char *device, uint16_t mtu); /* mtu 0: as it is */
int hf_device_add_address(const char *device, const struct hf_addr *addr, uint8_t prefix_len);
int hf_device_add_route(const char *device, const struct hf_addr *prefix, uint8_t prefix_len,
                        const struct hf_addr *gateway);

/*
 * Two drivers joined back to back in memory: what one submits the other receives, in order. `depth` frames each way.
 * Offload facts pass unchanged, so that a large frame stays whole. Each end may live on a thread of its own. Nothing is
 * allocated after this. Returns 0 or a negative errno.
 */
int hf_loopback_open(const struct hf_link_config *link, unsigned depth, struct hf_driver *pair[2]);

/*
 * Reads frames from a pcap or pcapng file (submit discards). The first frame is due at the first receive, the others as
 * much later as the file says: deadline() tells when, HF_NEVER at the end. Link types: Ethernet, raw IP, and Linux
 * cooked and BSD loopback, whose headers are taken off. NULL with a message in error[256].
 */
struct hf_driver *hf_pcap_open(const char *path, char error[256]);

/* ---- wrappers: each takes `inner` and closes it with itself; where opening fails, `inner` stays the caller's ---- */

/*
 * Copies everything to a pcapng file, with the reason of each frame as its comment. Checksums are finished and coalesced
 * frames split before writing. NULL with errno set.
 */
struct hf_driver *hf_tee_open(struct hf_driver *inner, const char *path);

/* 0, or the errno that made the tee stop writing (traffic goes on). Flushes what is buffered. */
int hf_tee_error(struct hf_driver *tee);

/* Prints each frame as a packetdrill line with its reason. `write` gets whole lines, without the newline. */
struct hf_driver *hf_trace_open(struct hf_driver *inner, void (*write)(void *arg, const char *line), void *arg);

/*
 * Disturbs frames, deterministic by seed. `spec` is a comma-separated list, each item optionally with a direction in
 * front ("in loss 1%": what the engine receives; "out delay 20ms": what it sends; default both):
 *
 *     loss P%   duplicate P%   reorder P%   corrupt P%   delay TIME   jitter TIME   rate BITS     2.5%  20ms  10Mbit
 *     burst P% of N        loss in bursts of N in the mean (Gilbert and Elliott), P% of all
 *     queue SIZE | TIME    what may wait for the rate: 64kB, or 50ms; 100ms when nothing is said
 *     mark P% | TIME       congestion experienced (RFC 3168): by chance, or on what waited for the rate longer
 *     mtu N [silent]       a narrow hop, which says so by ICMP unless it is silent
 *     strip WHAT           a middlebox takes away mss, wscale, sack, timestamps, fastopen, all these `options`, or ecn
 *     shift sequence       ... or rewrites sequence numbers, but not SACK blocks
 *     forge P%             changes text and makes the checksum right, which no TCP can notice
 *     drop | lose | duplicate | delay TIME | corrupt   first | second | third | Nth | every | last   WHAT
 *     answer first WHAT with RST
 *     reset after N bytes  of one direction's stream; both sides are told, each by the other's RST
 *
 * where the last WHAT is SYN, SYN,ACK, FIN, RST, ACK (with nothing else), data, or handshake ACK, as in "drop second FIN".
 * Named frames are counted for each connection, as they come, retransmissions too; SYNs that are answered, for each
 * destination, because the next attempt has another port. The last FIN is that of the side which closes second, and the
 * last ACK answers it; "drop handshake ACK" is short for the first one. What still comes of a connection that was reset so
 * is lost, and answered with RST. Coalesced frames are split first, so that each segment has its own fate.
 * NULL with a message in error[256].
 */
struct hf_driver *hf_fault_open(struct hf_driver *inner, const char *spec, uint64_t seed, char error[256]);

/* What a fault driver has done to one direction so far, in segments. */
struct hf_fault_counts {
    uint64_t seen;       /* came to it, before anything was done */
    uint64_t lost;       /* by loss or by name */
    uint64_t duplicated, reordered, corrupted, answered;
    uint64_t marked;     /* congestion experienced */
    uint64_t too_long;   /* among the lost: longer than `mtu` */
    uint64_t reset;      /* connections that "reset after N bytes" ended */
    uint64_t overflowed; /* lost because the queue of held frames, or that of `rate`, was full */
};
void hf_fault_counts(struct hf_driver *fault, bool out, struct hf_fault_counts *counts);

/* ---- the pump ---- */

/*
 * One turn: receives what is there into the engine, advances it, and sends what it has; repeats while there is
 * traffic, at most `budget` frames (0 = 256). Returns the number of frames moved or a negative errno of the driver.
 * The application handles hf_event between turns.
 */
int hf_pump(struct hf_engine *e, struct hf_driver *d, hf_link link, hf_time now, unsigned budget);

/* The earlier of the engine's and the driver's deadline. */
hf_time hf_pump_deadline(struct hf_engine *e, struct hf_driver *d);

/* ---- for programs with an operating system ---- */

/* CLOCK_MONOTONIC as hf_time. */
hf_time hf_clock_now(void);

struct pollfd;

/*
 * Sleeps until d->fd is readable, one of the extra descriptors is ready (their revents are set) or `until` has come on
 * the clock of hf_clock_now. Returns how many descriptors are ready, 0 when it is time or a signal came, or a negative
 * errno. `extra` may be NULL with extra_count 0; at most 64.
 */
int hf_wait(struct hf_driver *d, hf_time until, struct pollfd *extra, unsigned extra_count);

/*
 * Allocates fresh zeroed pages for an engine and makes it. config->seed is drawn from the system first, unless it is not
 * all zero. NULL with errno set.
 */
struct hf_engine *hf_engine_new(struct hf_config *config);
void hf_engine_delete(struct hf_engine *e);

#endif

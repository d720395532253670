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
    int fd;                /* > 0: an open TUN descriptor to take instead of opening one */
};

/* Opens a TUN or TAP device (IFF_VNET_HDR, offload both ways unless refused). NULL with errno set when it may not. */
struct hf_driver *hf_tun_open(const struct hf_tun_options *options);

/* Two drivers joined back to back in memory: what one submits the other receives, in order. `depth` frames each way. */
int hf_loopback_open(const struct hf_link_config *link, unsigned depth, struct hf_driver *pair[2]);

/* Reads frames from a pcap or pcapng file (submit discards). NULL with a message in error[256]. */
struct hf_driver *hf_pcap_open(const char *path, char error[256]);

/* ---- wrappers: each takes `inner` and closes it with itself ---- */

/* Copies everything to a pcapng file. Checksums are finished and coalesced frames split before writing. */
struct hf_driver *hf_tee_open(struct hf_driver *inner, const char *path);

/* Prints each frame as a packetdrill line with its reason. `write` gets whole lines, without the newline. */
struct hf_driver *hf_trace_open(struct hf_driver *inner, void (*write)(void *arg, const char *line), void *arg);

/*
 * Disturbs frames, deterministic by seed. `spec` is a comma-separated list, each optionally with a direction
 * ("in loss 1%", "out delay 20ms", default both): `loss P%`, `duplicate P%`, `reorder P%`, `corrupt P%`, `delay TIME`,
 * `jitter TIME`; and by name: `drop|duplicate|delay TIME|corrupt` + `first|second|third|Nth|every|last` +
 * `SYN|SYN,ACK|FIN|RST|ACK|data|handshake ACK`, as in "drop second FIN". NULL with a message in error[256].
 */
struct hf_driver *hf_fault_open(struct hf_driver *inner, const char *spec, uint64_t seed, char error[256]);

/* ---- the pump ---- */

/*
 * One turn: receives what is there into the engine, advances it, and sends what it has; repeats while there is
 * traffic, at most `budget` frames (0 = 256). Returns the number of frames moved or a negative errno of the driver.
 * The application handles hf_event between turns.
 */
int hf_pump(struct hf_engine *e, struct hf_driver *d, hf_link link, hf_time now, unsigned budget);

/* The earlier of the engine's and the driver's deadline. */
hf_time hf_pump_deadline(struct hf_engine *e, struct hf_driver *d);

/* CLOCK_MONOTONIC as hf_time; and a wait for d->fd, extra descriptors or the deadline. For programs with an OS. */
hf_time hf_clock_now(void);

/* Allocates fresh zeroed pages for an engine and makes it; seed from the system. NULL with errno set. */
struct hf_engine *hf_engine_new(struct hf_config *config);
void hf_engine_delete(struct hf_engine *e);

#endif

/*
 * Opening and closing what every verb with an engine shares. The loop is in host_loop.c. Read first: host.h.
 *
 * The wrappers stand so that a capture and a trace show what the engine sees and says: faults are nearest to the
 * device.
 */
#define _GNU_SOURCE
#include "host.h"

#include "control.h"
#include "usage.h"
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOPBACK_DEPTH    256
#define HALF_OPEN         4096
#define BLOCK_LEN         16384        /* what one read or write of a file moves; 4096 takes twice the time */
#define BLOCKS_LEN        (512u << 20) /* of all blocks: address space, of which only what is used costs memory */
#define BUFFER_LEN        (2u << 20)   /* of a connection, each way: one half is read while the other fills */
#define STATE_HISTORY_LEN 16384
#define HISTORY_LEN       16384 /* entries: several turns of the loop at full speed */

/* ---- wrappers ---- */

static void print_trace(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

static int wrap_fault(struct host *h)
{
    char error[256];
    if (!h->options.fault)
        return 0;
    struct hf_driver *fault = hf_fault_open(h->driver, h->options.fault, h->options.seed, error);
    if (!fault)
        return usage_error(h->options.verb, "--fault '%s': %s", h->options.fault, error);
    h->driver = fault;
    return 0;
}

static int wrap_tee(struct host *h)
{
    if (!h->options.pcap)
        return 0;
    struct hf_driver *tee = hf_tee_open(h->driver, h->options.pcap);
    if (!tee) {
        complain(h->options.verb, "cannot write %s: %s", h->options.pcap, strerror(errno));
        return EXIT_FAILED;
    }
    h->driver = h->tee = tee;
    return 0;
}

static int wrap_trace(struct host *h)
{
    if (!h->options.trace)
        return 0;
    struct hf_driver *trace = hf_trace_open(h->driver, print_trace, NULL);
    if (!trace) {
        complain(h->options.verb, "cannot trace: %s", strerror(errno));
        return EXIT_FAILED;
    }
    h->driver = trace;
    return 0;
}

static int wrap(struct host *h)
{
    int status = wrap_fault(h);
    if (status == 0)
        status = wrap_tee(h);
    return status == 0 ? wrap_trace(h) : status;
}

/* ---- the engine ---- */

static int make_engine(struct host *h)
{
    const struct host_options *o = &h->options;
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = config.max_time_wait = o->connections;
    config.max_half_open = HALF_OPEN;
    config.block_len = BLOCK_LEN;
    config.max_blocks = BLOCKS_LEN / BLOCK_LEN;
    config.send_buffer = config.receive_buffer = BUFFER_LEN;
    config.max_sent = 65536;
    config.max_replies = 1024;
    config.fast_open = o->fast_open;
    config.cc = (uint8_t)o->congestion;
    config.pacing = o->pacing;
    config.max_history = o->history;
    if (o->ladder && config.max_history < HISTORY_LEN)
        config.max_history = HISTORY_LEN;
    config.history_of_states = config.max_history == 0 && !o->no_control; /* for `handfast ss --history` */
    if (config.history_of_states)
        config.max_history = STATE_HISTORY_LEN;
    if (o->msl_ns > 0)
        config.msl_ns = o->msl_ns;
    h->engine = hf_engine_new(&config);
    if (h->engine)
        return 0;
    complain(o->verb, "cannot make an engine for %u connections: %s", o->connections, strerror(errno));
    return EXIT_FAILED;
}

/* Everything that is not on the link goes to the kernel's side, which may or may not forward it. */
static int add_default_route(struct host *h, const struct host_prefixes *gateways, const struct hf_addr *any)
{
    for (unsigned i = 0; i < gateways->count; i++)
        if (hf_addr_is_v4(&gateways->at[i].addr) == hf_addr_is_v4(any))
            return hf_route_add(h->engine, any, 0, &gateways->at[i].addr, h->link);
    return HF_OK;
}

static int add_link(struct host *h, const struct host_prefixes *ours, const struct host_prefixes *theirs)
{
    const struct hf_addr any_v4 = hf_addr_v4(0, 0, 0, 0), any_v6 = {{0}};
    int error = hf_link_add(h->engine, &h->driver->link, &h->link);
    for (unsigned i = 0; i < ours->count && error == HF_OK; i++) {
        const struct host_prefix *prefix = &ours->at[i];
        bool too_small = !hf_addr_is_v4(&prefix->addr) && h->driver->link.mtu < 1280;
        if (too_small && ours->is_default)
            continue; /* RFC 8200, 5: no IPv6 below 1280 */
        error = hf_address_add(h->engine, h->link, &prefix->addr, prefix->len);
    }
    if (error == HF_OK)
        error = add_default_route(h, theirs, &any_v4);
    if (error == HF_OK)
        error = add_default_route(h, theirs, &any_v6);
    if (error == HF_OK)
        return 0;
    complain(h->options.verb, "the engine does not take its addresses: %s", hf_error_text(error));
    return EXIT_FAILED;
}

/* ---- signals arrive as something to read, so nothing global is needed and none is missed ---- */

static int open_signals(struct host *h)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGCHLD);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write */
    h->signal_fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    if (h->signal_fd >= 0)
        return 0;
    complain(h->options.verb, "cannot watch signals: %s", strerror(errno));
    return EXIT_FAILED;
}

/* ---- opening ---- */

static void start(struct host *h, const struct host_options *o)
{
    *h = (struct host){.options = *o, .signal_fd = -1, .started_at = hf_clock_now()};
    h->netns = (struct netns){.control = -1, .diag_fd = -1};
    h->now = h->started_at;
}

/* The ladder is the outermost wrapper; the control socket a part like any other. */
static int add_watchers(struct host *h)
{
    int status = h->options.ladder ? watch_add(h) : 0;
    if (status == 0 && !h->options.no_control)
        control_add(h);
    return status;
}

int host_open(struct host *h, const struct host_options *o)
{
    start(h, o);
    int status = netns_open(&h->netns, o, &h->driver);
    if (status == 0) {
        memcpy(h->device, h->driver->name, sizeof h->device);
        status = wrap(h);
    }
    if (status == 0)
        status = make_engine(h);
    if (status == 0)
        status = add_link(h, &o->ours, &o->theirs);
    if (status == 0)
        status = open_signals(h);
    if (status == 0)
        status = add_watchers(h);
    if (status != 0)
        host_close(h);
    return status;
}

int host_open_pair(struct host *a, struct host *b, const struct host_options *o)
{
    struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = o->mtu ? o->mtu : 1500};
    if (!o->no_offload)
        link.offload = HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6;
    struct hf_driver *pair[2];
    start(a, o);
    start(b, o);
    int error = hf_loopback_open(&link, LOOPBACK_DEPTH, pair);
    if (error < 0) {
        complain(o->verb, "cannot join two engines: %s", strerror(-error));
        return EXIT_FAILED;
    }
    a->driver = pair[0];
    b->driver = pair[1];
    a->peer = b;
    strcpy(a->device, "memory");
    strcpy(b->device, "memory");
    int status = wrap(a);
    if (status == 0)
        status = make_engine(a) || make_engine(b) ? EXIT_FAILED : 0;
    if (status == 0)
        status = add_link(a, &o->ours, &o->theirs) || add_link(b, &o->theirs, &o->ours) ? EXIT_FAILED : 0;
    if (status == 0)
        status = open_signals(a);
    if (status == 0)
        status = add_watchers(a);
    if (status != 0)
        host_close(a);
    return status;
}

void host_add_part(struct host *h, const struct host_part *part)
{
    if (h->part_count == HOST_PARTS)
        abort();
    h->parts[h->part_count++] = *part;
}

/* ---- closing ---- */

static void report_tee(struct host *h)
{
    int error = h->tee ? hf_tee_error(h->tee) : 0;
    if (error != 0)
        complain(h->options.verb, "%s is not complete: %s", h->options.pcap, strerror(error));
}

static void close_one(struct host *h)
{
    while (h->part_count > 0) {
        struct host_part *part = &h->parts[--h->part_count];
        if (part->close)
            part->close(part->self);
    }
    hf_engine_delete(h->engine);
    report_tee(h);
    if (h->driver)
        h->driver->ops->close(h->driver);
    netns_close(&h->netns);
    if (h->signal_fd >= 0)
        close(h->signal_fd);
    h->engine = NULL;
    h->driver = h->tee = NULL;
    h->signal_fd = -1;
}

void host_close(struct host *h)
{
    if (h->peer)
        close_one(h->peer);
    close_one(h);
}

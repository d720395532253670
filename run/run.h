/*
 * A program inside a network made of Handfast: the pieces put together, and turned.
 *
 *     run_open     namespace, device, engine, relay; PROGRAM is waiting
 *     run_start    PROGRAM begins
 *     run_turn     again and again, until run_is_over; run_fd and run_deadline say when
 *     run_close
 *
 * One process, one epoll instance, no thread. Read next: space.h, relay.h, life.h.
 */
#ifndef HF_RUN_RUN_H
#define HF_RUN_RUN_H

#include "inspect.h"
#include "life.h"
#include "relay.h"
#include "rules.h"
#include "space.h"
#include "udp.h"

#define RUN_PUBLISH_MAX 64
#define RUN_MSL         (1 * HF_SECOND) /* the path is a descriptor: nothing old can come along it */

struct run_publish {
    struct hf_endpoint host;
    uint16_t port; /* PROGRAM's */
    bool is_udp;
};

struct run_options {
    char **program;
    struct rules rules;
    struct run_publish publish[RUN_PUBLISH_MAX];
    unsigned publish_count;
    uint16_t mtu; /* of the path, as TCP sees it; 0 = 1500 */
    bool keep_user;
    const char *path;  /* disturb frames by chance, as hf_fault_open takes it */
    const char *fault; /* ... by name */
    uint64_t seed;
    enum hf_cc_algorithm congestion; /* towards PROGRAM */
    bool pacing;
    const char *pcap;
    hf_ns drain_ns;   /* after PROGRAM's last process: time for what is in flight */
    uint32_t history; /* entries of the engine's history ring */
    bool no_dns;      /* leave /etc/resolv.conf alone */
    struct inspect_options inspect;
    hf_ns check_after; /* report then and end PROGRAM; 0 = when it ends by itself */
};

/* Everything at its default. */
void run_options_init(struct run_options *o);

struct run {
    struct run_options options;
    int epoll;
    struct space space;
    struct life life;
    struct hf_engine *engine;
    struct hf_driver *driver; /* the outermost wrapper */
    struct hf_driver *datagrams;
    struct hf_driver *path, *fault; /* the wrappers of these options, or NULL */
    hf_link link;
    struct relay *relay;
    struct udp *udp;
    struct relay_watcher watcher;
    struct inspect inspect;
    struct run_device {
        struct loop_source source;
        struct hf_driver *datagrams;
    } device;
    hf_time now, started_at, ended_at; /* of PROGRAM's last process */
    bool was_checked;                  /* check_after has come */
    bool is_busy;                      /* the last turn left work: do not wait */
};

/* Returns 0, or -1 with what happened and what to do in error[256]. Between the two calls run->driver may be
 * wrapped and run->watcher filled. */
int run_open(struct run *run, const struct run_options *o, char error[256]);
int run_start(struct run *run, char error[256]);

/* To poll for reading, and when to turn if nothing comes. */
int run_fd(const struct run *run);
hf_time run_deadline(const struct run *run);

/* Returns 0, or a negative errno when the device is gone. */
int run_turn(struct run *run, hf_time now);

/* Writes the report: now, on request, or at the end. Returns how many problems there are, or -1 with error[256]. */
int run_report(struct run *run, bool is_final, char error[256]);

/* The time of --leak-check-after has come: true, once. */
bool run_is_due(struct run *run);

/* PROGRAM's last process has ended and what was in flight is delivered, or the time for that is over. */
bool run_is_over(const struct run *run);

/* Ends PROGRAM and everything else. */
void run_close(struct run *run);

#endif

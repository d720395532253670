/*
 * The loop: wait, take frames in, tell the parts what happened, let them act, send. And the end of it, which is the
 * more careful half: a connection that was open is closed, not dropped.
 *
 *     RUNNING --- a signal, PROGRAM's end, or nothing left to do ---> DRAINING: FINs out, everything queued
 * delivered DRAINING -- nothing open any more, or --drain is over --------> LINGERING: what is still open is reset;
 *                                                                      TIME-WAIT answers retransmitted FINs
 *     LINGERING - no TIME-WAIT, or --time-wait is over -------------> OVER
 *
 * Read first: host.h, host.c.
 */
#define _GNU_SOURCE
#include "host.h"

#include "usage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define FRAMES_A_TURN 16        /* half a window of the largest ones: then the parts shall read and write */
#define KILL_AFTER    HF_SECOND /* how long PROGRAM may take over SIGTERM */

/* ---- waiting ---- */

struct watch {
    struct pollfd fds[HOST_FDS + 1];
    unsigned count;
};

static void watch_parts(struct host *h, struct watch *w)
{
    for (unsigned i = 0; i < h->part_count; i++) {
        struct host_part *part = &h->parts[i];
        unsigned room = HOST_FDS - w->count;
        unsigned used = part->fds ? part->fds(part->self, w->fds + w->count, room) : 0;
        h->first_fd[i] = w->count;
        h->fd_count[i] = used;
        w->count += used;
    }
}

static hf_time deadline_of(struct host *h)
{
    hf_time next = hf_pump_deadline(h->engine, h->driver);
    for (unsigned i = 0; i < h->part_count; i++) {
        struct host_part *part = &h->parts[i];
        if (part->deadline)
            next = hf_time_first(next, part->deadline(part->self));
    }
    return h->phase == HOST_RUNNING ? next : hf_time_first(next, h->phase_ends_at);
}

static void hear_signals(struct host *h)
{
    struct signalfd_siginfo info;
    while (read(h->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            netns_reap(&h->netns);
        else
            h->signals++;
    }
}

/* Waits for both ends of a pair, or for the only one; the device's descriptor is that of `h`. */
static void wait_for_news(struct host *h, struct watch *w)
{
    w->count = 0;
    watch_parts(h, w);
    hf_time until = deadline_of(h);
    if (h->peer) {
        watch_parts(h->peer, w);
        until = hf_time_first(until, deadline_of(h->peer));
    }
    w->fds[w->count] = (struct pollfd){.fd = h->signal_fd, .events = POLLIN};
    int ready = hf_wait(h->driver, until, w->fds, w->count + 1);
    if (ready < 0)
        for (unsigned i = 0; i <= w->count; i++)
            w->fds[i].revents = 0;
    if (w->fds[w->count].revents)
        hear_signals(h);
}

/* ---- one turn ---- */

static void driver_failed(struct host *h, int error)
{
    complain(h->options.verb, "device %s failed: %s; it was probably removed or set down", h->device,
             strerror(-error));
    h->status = EXIT_FAILED;
    h->phase = HOST_OVER;
}

static void tell_events(struct host *h)
{
    struct hf_event event;
    while (hf_event(h->engine, &event))
        for (unsigned i = 0; i < h->part_count; i++)
            if (h->parts[i].event)
                h->parts[i].event(h->parts[i].self, &event);
}

static void turn(struct host *h, const struct watch *w)
{
    h->now = hf_clock_now();
    int moved = hf_pump(h->engine, h->driver, h->link, h->now, FRAMES_A_TURN);
    if (moved < 0) {
        driver_failed(h, moved);
        return;
    }
    tell_events(h);
    for (unsigned i = 0; i < h->part_count; i++) {
        struct host_part *part = &h->parts[i];
        if (part->turn)
            part->turn(part->self, h->now, w->fds + h->first_fd[i], h->fd_count[i]);
    }
}

/* ---- the end ---- */

/* How many connections still have something to do, and how many only wait in TIME-WAIT. */
static uint32_t count_open(const struct host *h, uint32_t *time_wait)
{
    struct hf_stats stats;
    hf_stats(h->engine, &stats);
    uint32_t open = 0;
    for (unsigned state = 0; state < HF_STATE_COUNT; state++)
        if (state != HF_CLOSED && state != HF_LISTEN && state != HF_TIME_WAIT)
            open += stats.states[state];
    *time_wait = stats.states[HF_TIME_WAIT];
    return open;
}

/* What the parts that can say so say: is there nothing more to do? `if_nobody` when there is no such part. */
static bool parts_are_over(const struct host *h, bool if_nobody)
{
    bool has_asked = false;
    for (const struct host *one = h; one; one = one->peer) {
        for (unsigned i = 0; i < one->part_count; i++) {
            const struct host_part *part = &one->parts[i];
            if (!part->is_over)
                continue;
            has_asked = true;
            if (!part->is_over(part->self))
                return false;
        }
    }
    return has_asked || if_nobody;
}

static void stop_parts(struct host *h)
{
    for (unsigned i = 0; i < h->part_count; i++)
        if (h->parts[i].stop)
            h->parts[i].stop(h->parts[i].self);
}

static void begin_drain(struct host *h)
{
    stop_parts(h);
    if (h->peer)
        stop_parts(h->peer);
    if (h->signals > 0)
        netns_signal(&h->netns, SIGTERM);
    h->phase = HOST_DRAINING;
    h->phase_ends_at = hf_time_add(h->now, h->options.drain_ns);
}

static void abort_connections(struct host *h)
{
    hf_conn conn = {0, 0};
    struct hf_tcp_info info;
    while (hf_tcp_next(h->engine, &conn)) {
        bool is_known = hf_tcp_status(h->engine, conn, &info) == HF_OK;
        if (is_known && !info.is_listener && info.state != HF_TIME_WAIT)
            hf_tcp_abort(h->engine, conn);
    }
}

/* What connections owed when they ended, a reset above all, still goes out, and so does what `--fault` holds back. */
static void flush(struct host *h)
{
    hf_time until = hf_time_add(hf_clock_now(), h->options.drain_ns);
    for (;;) {
        hf_time now = hf_clock_now();
        int moved = hf_pump(h->engine, h->driver, h->link, now, 0);
        hf_time next = h->driver->ops->deadline(h->driver);
        if (h->peer) {
            moved += hf_pump(h->peer->engine, h->peer->driver, h->peer->link, now, 0);
            next = hf_time_first(next, h->peer->driver->ops->deadline(h->peer->driver));
        }
        if (hf_time_reached(now, until) || (moved <= 0 && hf_time_is_never(next)))
            return;
        if (moved <= 0)
            hf_wait(h->driver, hf_time_first(next, until), NULL, 0);
    }
}

static bool program_runs(const struct host *h)
{
    return h->netns.pid > 0 && !h->netns.has_ended;
}

/* True when this host has nothing open, or its time is over and what was open has been reset. */
static bool is_drained(struct host *h, bool is_late)
{
    uint32_t time_wait, open = count_open(h, &time_wait);
    if (open == 0 || !is_late)
        return open == 0;
    complain(h->options.verb, "%u connection%s did not close in time and %s reset; --drain gives them longer", open,
             open == 1 ? "" : "s", open == 1 ? "was" : "were");
    abort_connections(h);
    h->status = EXIT_FAILED;
    return true;
}

static void drain(struct host *h)
{
    bool is_late = hf_time_reached(h->now, h->phase_ends_at);
    bool is_empty = is_drained(h, is_late);
    if (h->peer)
        is_empty = is_drained(h->peer, is_late) && is_empty;
    bool is_over = is_empty && parts_are_over(h, true) && !program_runs(h);
    if (!is_over && !is_late)
        return;
    hf_ns company = h->options.time_wait_ns;
    if (program_runs(h)) {
        netns_signal(&h->netns, SIGTERM);
        company = company > KILL_AFTER ? company : KILL_AFTER;
    }
    h->phase = HOST_LINGERING;
    h->phase_ends_at = hf_time_add(h->now, company);
}

static void linger(struct host *h)
{
    uint32_t ours = 0, theirs = 0;
    (void)count_open(h, &ours);
    if (h->peer)
        (void)count_open(h->peer, &theirs);
    bool has_company = h->options.time_wait_ns > 0 && ours + theirs > 0;
    if (hf_time_reached(h->now, h->phase_ends_at) || (!has_company && !program_runs(h)))
        h->phase = HOST_OVER;
}

static void advance_phase(struct host *h)
{
    if (h->signals > 1 && h->phase != HOST_OVER) {
        abort_connections(h);
        h->status = EXIT_FAILED;
        h->phase = HOST_OVER;
    }
    if (h->phase == HOST_RUNNING && (h->signals > 0 || h->netns.has_ended || parts_are_over(h, false)))
        begin_drain(h);
    if (h->phase == HOST_DRAINING)
        drain(h);
    if (h->phase == HOST_LINGERING)
        linger(h);
}

void host_stop(struct host *h)
{
    h->signals++;
}

int host_run(struct host *h)
{
    struct watch w = {.count = 0};
    netns_start(&h->netns);
    while (h->phase != HOST_OVER) {
        turn(h, &w);
        if (h->peer)
            turn(h->peer, &w);
        if (h->phase != HOST_OVER)
            advance_phase(h);
        if (h->phase != HOST_OVER)
            wait_for_news(h, &w);
    }
    flush(h);
    if (h->netns.has_ended && !h->netns.was_told && h->netns.status != 0)
        return h->netns.status;
    return h->status;
}

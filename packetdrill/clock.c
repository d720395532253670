/* The lock, virtual time, frames, and calls that wait. See adapter.h. */
#define _GNU_SOURCE
#include "adapter.h"

#include "../pkt/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LONGEST (4 * 3600 * HF_SECOND) /* beyond it nothing more is waited for: keep-alives come after two hours */

/* This thread's call has returned, and it has not asked for the time yet. */
static _Thread_local bool owes_time;

void pd_lock(struct pd *pd)
{
    pthread_mutex_lock(&pd->lock);
    pd_prepare(pd);
}

void pd_unlock(struct pd *pd)
{
    pthread_mutex_unlock(&pd->lock);
}

/* ---- the engine ---- */

static void fail(const char *what)
{
    fprintf(stderr, "libhandfast_packetdrill: %s\n", what);
    exit(EXIT_FAILURE);
}

static void add_route(struct pd *pd, const char *prefix)
{
    struct hf_addr any;
    const struct hf_addr on_link = {{0}};
    hf_addr_parse(prefix, &any);
    hf_route_add(pd->world.engine, &any, 0, &on_link, pd->world.link);
}

void pd_know_address(struct pd *pd, const struct hf_addr *addr)
{
    for (unsigned i = 0; i < pd->address_count; i++)
        if (hf_addr_equal(&pd->address[i], addr))
            return;
    if (pd->address_count == PD_ADDRESSES_MAX || hf_addr_is_any(addr))
        return;
    uint8_t len = hf_addr_is_v4(addr) ? 32 : 128;
    if (hf_address_add(pd->world.engine, pd->world.link, addr, len) == HF_OK)
        pd->address[pd->address_count++] = *addr;
}

void pd_prepare(struct pd *pd)
{
    if (pd->is_ready)
        return;
    hf_time now = pd->world.now;
    pd->is_ready = true;
    pd_read_sysctls(pd);
    if (!pkt_world_open(&pd->world, &pd->script, 0))
        fail("no engine can be made with these settings");
    while (!pkt_world_step(&pd->world, now)) /* what was asked of the clock before stays true */
        ;
    pd->address[pd->address_count++] = pd->script.settings.local;
    add_route(pd, pd->script.settings.is_v6 ? "0.0.0.0" : "::");
    pd->sockets.engine = pd->world.engine;
    pd->sockets.config = &pd->script.config;
    pd->sockets.now = pd->world.now;
    pd->sockets.mtu = pd->script.settings.mtu;
    pd->sockets.first_fd = PD_FIRST_FD;
}

/* ---- calls that wait ---- */

/* Makes a waiting call again; true when it has its answer. */
static bool has_answer(struct pd *pd, struct pd_call *call)
{
    call->answer = call->make(&pd->sockets, call);
    pkt_world_settle(&pd->world);
    call->wait.is_again = true;
    return call->answer != HF_SOCK_WAITS;
}

static void retry_calls(struct pd *pd)
{
    for (struct pd_call **link = &pd->waiting; *link;) {
        struct pd_call *call = *link;
        if (!has_answer(pd, call)) {
            link = &call->next;
            continue;
        }
        *link = call->next;
        call->is_done = true;
        pd->owed += !call->is_main;
        pthread_cond_broadcast(&pd->changed);
    }
}

/* Something has happened in the engine. */
static void happened(struct pd *pd)
{
    pd->sockets.now = pd->world.now;
    retry_calls(pd);
    if (pd->world.wrong) {
        fprintf(stderr, "libhandfast_packetdrill: an invariant is broken: %s\n", pd->world.wrong);
        exit(EXIT_FAILURE);
    }
}

/* ---- time ---- */

/* The clock stands until every thread whose call returned has asked for the time. */
static void await_askers(struct pd *pd)
{
    while (pd->owed > 0)
        pthread_cond_wait(&pd->changed, &pd->lock);
}

/* Lets time pass up to `until`; ends early when there is a frame to take, if it is one that is waited for, or when `call`
 * has its answer. */
static void pass(struct pd *pd, hf_time until, bool wants_frame, const struct pd_call *wanted)
{
    await_askers(pd);
    while (hf_time_before(pd->world.now, until)) {
        if ((wants_frame && pkt_world_next(&pd->world)) || (wanted && wanted->is_done))
            return;
        hf_time next = until;
        for (const struct pd_call *call = pd->waiting; call; call = call->next)
            if (hf_time_before(pd->world.now, call->wait.deadline))
                next = hf_time_first(next, call->wait.deadline);
        pkt_world_step(&pd->world, next);
        happened(pd);
        await_askers(pd);
    }
}

int64_t pd_make(struct pd *pd, struct pd_call *call)
{
    pd_lock(pd);
    call->wait = hf_wait_begins(pd->world.now);
    call->is_main = pthread_equal(pthread_self(), pd->main);
    if (!has_answer(pd, call)) {
        call->next = pd->waiting;
        pd->waiting = call;
    } else {
        call->is_done = true;
    }
    happened(pd);
    /* The main thread has nobody that would move the clock for it. */
    if (!call->is_done && call->is_main) {
        pass(pd, hf_time_add(pd->world.now, LONGEST), false, call);
        if (!call->is_done)
            fail("a call of the script would wait for ever");
    } else if (!call->is_done) {
        while (!call->is_done)
            pthread_cond_wait(&pd->changed, &pd->lock);
        owes_time = true;
    }
    pd_unlock(pd);
    return call->answer;
}

/* A thread that has asked for the time puts down what its call returned, under a lock of packetdrill's that is free while
 * packetdrill sleeps. Virtual sleep is over before it could, so this one takes real time. */
static void let_askers_finish(struct pd *pd)
{
    const struct timespec moment = {.tv_nsec = 2 * HF_MS};
    if (!pd->has_asked)
        return;
    pd->has_asked = false;
    pthread_mutex_unlock(&pd->lock);
    nanosleep(&moment, NULL);
    pthread_mutex_lock(&pd->lock);
}

int pd_usleep(void *userdata, useconds_t us)
{
    struct pd *pd = userdata;
    pd_lock(pd);
    let_askers_finish(pd);
    pass(pd, hf_time_add(pd->world.now, (hf_ns)us * HF_US), false, NULL);
    pd_unlock(pd);
    return 0;
}

/* Asking takes a microsecond, so that who asks until it is time sees it come. */
int pd_gettimeofday(void *userdata, struct timeval *time, struct timezone *zone)
{
    struct pd *pd = userdata;
    (void)zone;
    pthread_mutex_lock(&pd->lock);
    if (!pd->is_ready) { /* before the script begins; its commands have not run */
        pd->world.now = hf_time_add(pd->world.now, HF_US);
    } else if (owes_time) {
        owes_time = false;
        pd->has_asked = true;
        pd->owed--;
        pthread_cond_broadcast(&pd->changed);
    } else {
        pass(pd, hf_time_add(pd->world.now, HF_US), false, NULL);
    }
    int64_t us = pd->world.now.ns / HF_US;
    *time = (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    pd_unlock(pd);
    return 0;
}

/* ---- frames ---- */

/* The scripts' addresses are not known beforehand: what is sent to an address makes it ours. */
static void know_destination(struct pd *pd, const uint8_t *data, size_t len)
{
    struct hf_addr addr = {{0}};
    if (len >= 40 && data[0] >> 4 == 6)
        memcpy(addr.bytes, data + 24, 16);
    else if (len >= 20 && data[0] >> 4 == 4)
        addr = hf_addr_v4(data[16], data[17], data[18], data[19]);
    pd_know_address(pd, &addr);
}

int pd_netdev_send(void *userdata, const void *data, size_t len)
{
    struct pd *pd = userdata;
    pd_lock(pd);
    uint8_t *copy = pkt_grow(NULL, 0, len);
    memcpy(copy, data, len);
    know_destination(pd, copy, len);
    pkt_world_input(&pd->world, copy, (uint32_t)len);
    happened(pd);
    free(copy);
    pd_unlock(pd);
    return 0;
}

/* The next segment of the frame that is being taken, or of the next frame; false when there is none. */
static bool next_segment(struct pd *pd, uint8_t *data, uint32_t cap, struct hf_frame *segment)
{
    if (pd->is_splitting && hf_split_next(&pd->split, data, cap, segment))
        return true;
    pd->is_splitting = false;
    const struct pkt_sent *sent = pkt_world_next(&pd->world);
    if (!sent)
        return false;
    pd->taken_at = sent->at;
    pd->taken = sent->frame;
    pd->world.taken++;
    hf_split_begin(&pd->split, &pd->taken, HF_LINK_IP);
    pd->is_splitting = true;
    return hf_split_next(&pd->split, data, cap, segment);
}

int pd_netdev_receive(void *userdata, void *data, size_t *len, long long *at_us)
{
    struct pd *pd = userdata;
    struct hf_frame segment = {.len = 0};
    pd_lock(pd);
    bool is_there = pd->is_splitting && next_segment(pd, data, (uint32_t)*len, &segment);
    if (!is_there) {
        pass(pd, hf_time_add(pd->world.now, LONGEST), true, NULL);
        is_there = next_segment(pd, data, (uint32_t)*len, &segment);
    }
    *len = is_there ? segment.len : 0;
    *at_us = pd->taken_at.ns / HF_US;
    pd_unlock(pd);
    return 0;
}

/*
 * A wrapper that disturbs frames, by probability and by name: a made path (path.h) between an engine and a driver.
 *
 * The in lane ends at receive, the out lane at the inner driver. A direction that no rule concerns is passed through
 * untouched.
 *
 * Read first: path.h.
 */
#include <handfast/driver.h>
#include <handfast/observe.h>

#include "path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 16

struct fault {
    struct hf_driver driver;
    struct hf_driver *inner;
    struct hf_path path;
    uint8_t *staging; /* BATCH frames of room for what is to be sent */
    struct fault_held *lent[BATCH];
};

static struct fault *fault_of(struct hf_driver *d)
{
    return (struct fault *)d;
}

static void put(struct fault *fault, enum fault_direction direction, hf_time now, const struct hf_frame *frames,
                unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        hf_path_put(&fault->path, direction, &frames[i], now);
}

/* A direction that is passed through still tells what the other one's frames are called. */
static void observe(struct fault *fault, enum fault_direction direction, const struct hf_frame *frames,
                    unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        hf_path_observe(&fault->path, direction, &frames[i]);
}

/* ---- the ends of the lanes ---- */

/* Copies segments that are due to frames of the inner driver's. Returns how many. */
static unsigned fill_due(struct hf_path *path, hf_time now, struct hf_frame *frames, unsigned room)
{
    unsigned count = 0;
    struct fault_held *held;
    while (count < room && (held = hf_path_take(path, FAULT_OUT, now)) != NULL) {
        struct hf_frame frame = held->frame;
        frame.data = frames[count].data;
        frame.cap = frames[count].cap;
        if (frame.len <= frame.cap) {
            memcpy(frame.data, held->frame.data, frame.len);
            frames[count++] = frame;
        }
        hf_path_give(path, FAULT_OUT, held);
    }
    return count;
}

/* Hands what is due to the inner driver. Returns 0 or a negative errno; what it has no room for stays queued. */
static int send_due(struct fault *fault, hf_time now)
{
    const struct hf_driver_ops *ops = fault->inner->ops;
    while (hf_time_reached(now, hf_path_next(&fault->path, FAULT_OUT))) {
        struct hf_frame frames[BATCH];
        int room = ops->reserve(fault->inner, frames, BATCH);
        if (room <= 0)
            return room;
        int error = ops->submit(fault->inner, now, frames, fill_due(&fault->path, now, frames, (unsigned)room));
        if (error < 0)
            return error;
    }
    return 0;
}

static unsigned lend_due(struct fault *fault, hf_time now, struct hf_frame *frames, unsigned max)
{
    unsigned count = 0;
    struct fault_held *held;
    while (count < max && count < BATCH && (held = hf_path_take(&fault->path, FAULT_IN, now)) != NULL) {
        fault->lent[count] = held;
        frames[count++] = held->frame;
    }
    return count;
}

/* Takes what the inner driver has through the in lane. Returns how many frames came, or a negative errno. */
static int take_in(struct fault *fault, hf_time now)
{
    struct hf_frame frames[BATCH];
    const struct hf_driver_ops *ops = fault->inner->ops;
    int count = ops->receive(fault->inner, now, frames, BATCH);
    if (count <= 0)
        return count;
    put(fault, FAULT_IN, now, frames, (unsigned)count);
    for (int i = 0; i < count; i++)
        frames[i].why = HF_REASON_NONE; /* the engine has not seen it yet, and may never */
    ops->release(fault->inner, now, frames, (unsigned)count);
    return count;
}

/* ---- the driver's calls ---- */

static int fault_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct fault *fault = fault_of(d);
    int error = send_due(fault, now);
    if (error < 0)
        return error;
    if (!fault->path.lane[FAULT_IN].is_active) {
        int count = fault->inner->ops->receive(fault->inner, now, frames, max);
        observe(fault, FAULT_IN, frames, count > 0 ? (unsigned)count : 0);
        return count;
    }
    for (;;) {
        int came = take_in(fault, now);
        unsigned count = lend_due(fault, now, frames, max);
        if (came < 0 && count == 0)
            return came;
        if (count > 0 || came <= 0)
            return (int)count;
    }
}

static void fault_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct fault *fault = fault_of(d);
    if (!fault->path.lane[FAULT_IN].is_active) {
        fault->inner->ops->release(fault->inner, now, frames, count);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        hf_path_give(&fault->path, FAULT_IN, fault->lent[i]);
}

static int fault_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct fault *fault = fault_of(d);
    if (!fault->path.lane[FAULT_OUT].is_active)
        return fault->inner->ops->reserve(fault->inner, frames, max);
    unsigned count = max < BATCH ? max : BATCH;
    for (unsigned i = 0; i < count; i++)
        frames[i] = (struct hf_frame){.data = fault->staging + (size_t)i * HF_FRAME_MAX, .cap = HF_FRAME_MAX};
    return (int)count;
}

static int fault_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct fault *fault = fault_of(d);
    if (!fault->path.lane[FAULT_OUT].is_active) {
        observe(fault, FAULT_OUT, frames, count);
        return fault->inner->ops->submit(fault->inner, now, frames, count);
    }
    put(fault, FAULT_OUT, now, frames, count);
    return send_due(fault, now);
}

static hf_time fault_deadline(struct hf_driver *d)
{
    struct fault *fault = fault_of(d);
    hf_time lanes = hf_time_first(hf_path_next(&fault->path, FAULT_IN), hf_path_next(&fault->path, FAULT_OUT));
    return hf_time_first(lanes, fault->inner->ops->deadline(fault->inner));
}

static void free_fault(struct fault *fault)
{
    hf_path_close(&fault->path);
    free(fault->staging);
    free(fault);
}

static void fault_close(struct hf_driver *d)
{
    struct fault *fault = fault_of(d);
    struct hf_driver *inner = fault->inner;
    free_fault(fault);
    inner->ops->close(inner);
}

static const struct hf_driver_ops fault_ops = {
    .receive = fault_receive,
    .release = fault_release,
    .reserve = fault_reserve,
    .submit = fault_submit,
    .deadline = fault_deadline,
    .close = fault_close,
};

/* ---- opening ---- */

struct hf_driver *hf_fault_open(struct hf_driver *inner, const char *spec, uint64_t seed, char error[256])
{
    struct fault_spec parsed;
    if (!hf_fault_spec_parse(spec, &parsed, error))
        return NULL;
    struct fault *fault = calloc(1, sizeof *fault);
    if (fault) {
        fault->driver = *inner;
        fault->driver.ops = &fault_ops;
        fault->inner = inner;
        fault->staging = malloc((size_t)BATCH * HF_FRAME_MAX);
    }
    if (fault && fault->staging && hf_path_open(&fault->path, &parsed, seed, &inner->link, false))
        return &fault->driver;
    if (fault)
        free_fault(fault);
    snprintf(error, 256, "out of memory");
    return NULL;
}

void hf_fault_counts(struct hf_driver *d, bool out, struct hf_fault_counts *counts)
{
    *counts = fault_of(d)->path.lane[out ? FAULT_OUT : FAULT_IN].counts;
}

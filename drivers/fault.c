/*
 * A wrapper that disturbs frames, by probability and by name.
 *
 * Each direction that any rule concerns is a lane: frames are cut into segments (split.h), each segment's fate is
 * decided once, and what survives is copied to a queue, due at some instant. The in lane ends at receive, the out
 * lane at the inner driver. A direction that no rule concerns is passed through untouched.
 *
 * Deterministic: each lane has a generator of its own, from which every segment takes the same number of draws
 * whatever happens to it. So the fate of the n-th segment depends on the seed and on n, not on timing, and a rule
 * that is added does not change what the others do.
 *
 * Read first: fault_spec.h, fault_flows.h, fault_queue.h.
 */
#include <handfast/driver.h>
#include <handfast/observe.h>

#include "fault_answer.h"
#include "fault_flows.h"
#include "fault_queue.h"
#include "split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH             16
#define LATE_MAX          64
#define OVERTAKEN_BY_MAX  3             /* a reordered segment comes 1 to this many places later, */
#define LATE_LIMIT        (10 * HF_MS)  /* or after this time when nothing overtakes it */
#define RATE_QUEUE        (100 * HF_MS) /* what waits for `rate` at most, */
#define RATE_QUEUE_FRAMES 32            /* but never less than this many */

/* A segment held back until others have overtaken it. */
struct late {
    struct fault_held *held;
    unsigned overtakers; /* that are still to pass */
    hf_time until;
};

struct lane {
    bool is_active;
    struct fault_queue queue;
    uint64_t random;
    hf_time free_at;  /* with `rate`: when the last bit of what was sent so far has left */
    hf_time last_due; /* delay and jitter keep the order */
    struct late late[LATE_MAX];
    unsigned late_count;
    struct hf_fault_counts counts;
};

struct fault {
    struct hf_driver driver;
    struct hf_driver *inner;
    struct fault_spec spec;
    struct fault_flows *flows; /* NULL when no rule names a frame */
    struct lane lane[FAULT_DIRECTIONS];
    uint8_t *segment; /* HF_FRAME_MAX bytes: the segment being looked at */
    uint8_t *staging; /* BATCH frames of room for what is to be sent */
    struct fault_held *lent[BATCH];
};

/* What becomes of one segment. */
struct fate {
    bool is_lost, is_duplicated, is_reordered, is_corrupted, is_answered;
    uint32_t corrupt_at; /* draws, scaled when they are used */
    uint32_t overtakers;
    hf_ns jitter;
    hf_ns delay; /* by name: others overtake meanwhile */
};

static struct fault *fault_of(struct hf_driver *d)
{
    return (struct fault *)d;
}

/* ---- chance ---- */

/* splitmix64 (Steele, Lea, Flood): each output is a bijective mix of a counter. */
static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15;
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Uniform in 0..below-1, for `below` far under 2^32 or where a bias of that size does not matter. */
static uint64_t draw_below(uint64_t *random, uint64_t below)
{
    uint64_t number = draw(random);
    return below ? number % below : 0;
}

static bool draw_chance(uint64_t *random, uint64_t per_million)
{
    return draw_below(random, FAULT_MILLION) < per_million;
}

static struct fate draw_fate(struct lane *lane, const struct fault_path *path)
{
    uint64_t *random = &lane->random;
    struct fate fate = {0};
    fate.is_lost = draw_chance(random, path->value[FAULT_LOSS]);
    fate.is_duplicated = draw_chance(random, path->value[FAULT_DUPLICATE]);
    fate.is_reordered = draw_chance(random, path->value[FAULT_REORDER]);
    fate.is_corrupted = draw_chance(random, path->value[FAULT_CORRUPT]);
    fate.corrupt_at = (uint32_t)draw(random);
    fate.overtakers = (uint32_t)draw_below(random, OVERTAKEN_BY_MAX) + 1;
    fate.jitter = (hf_ns)draw_below(random, path->value[FAULT_JITTER] + 1);
    return fate;
}

static void apply_named(const struct fault_spec *spec, uint32_t met, struct fate *fate)
{
    for (unsigned i = 0; i < spec->named_count; i++) {
        if ((met & 1u << i) == 0)
            continue;
        enum fault_act act = spec->named[i].act;
        fate->is_lost |= act == FAULT_DO_LOSE || act == FAULT_DO_ANSWER;
        fate->is_answered |= act == FAULT_DO_ANSWER;
        fate->is_duplicated |= act == FAULT_DO_DUPLICATE;
        fate->is_corrupted |= act == FAULT_DO_CORRUPT;
        if (act == FAULT_DO_DELAY)
            fate->delay += spec->named[i].delay;
    }
}

/* ---- time ---- */

static hf_time later(hf_time a, hf_time b)
{
    return hf_time_before(a, b) ? b : a;
}

static hf_ns time_to_send(uint64_t rate, uint32_t len)
{
    return (hf_ns)(len * UINT64_C(8000000000) / rate);
}

/* Queues for `rate`. False when more waits there already than may. */
static bool pass_bottleneck(struct lane *lane, uint64_t rate, uint32_t len, hf_time now, hf_time *leaves)
{
    *leaves = now;
    if (rate == 0)
        return true;
    hf_time starts = later(now, lane->free_at);
    hf_ns allowed = time_to_send(rate, len) * RATE_QUEUE_FRAMES;
    if (hf_time_since(starts, now) > (allowed > RATE_QUEUE ? allowed : RATE_QUEUE))
        return false;
    *leaves = lane->free_at = hf_time_add(starts, time_to_send(rate, len));
    return true;
}

/* ---- a lane ---- */

static void make_late(struct lane *lane, struct fault_held *held, unsigned overtakers, hf_time now, hf_time due)
{
    held->due = due;
    lane->late[lane->late_count++] =
        (struct late){.held = held, .overtakers = overtakers, .until = hf_time_add(now, LATE_LIMIT)};
    lane->counts.reordered++;
}

/* Queues the late segment number i for `due`, and closes the gap, keeping the order of the others. */
static void end_lateness(struct lane *lane, unsigned i, hf_time due)
{
    hf_fault_queue_add(&lane->queue, lane->late[i].held, due);
    for (lane->late_count--; i < lane->late_count; i++)
        lane->late[i] = lane->late[i + 1];
}

/* A segment due at `due` was queued: those that were held back for it to pass come right behind. */
static void overtake(struct lane *lane, hf_time due)
{
    for (unsigned i = 0; i < lane->late_count;) {
        struct late *late = &lane->late[i];
        if (--late->overtakers > 0)
            i++;
        else
            end_lateness(lane, i, later(due, late->held->due));
    }
}

static void expire_lateness(struct lane *lane, hf_time now)
{
    for (unsigned i = 0; i < lane->late_count;) {
        struct late *late = &lane->late[i];
        if (!hf_time_reached(now, late->until))
            i++;
        else
            end_lateness(lane, i, later(late->until, late->held->due));
    }
}

static hf_time lane_deadline(const struct lane *lane)
{
    hf_time next = hf_fault_queue_next(&lane->queue);
    for (unsigned i = 0; i < lane->late_count; i++)
        next = hf_time_first(next, lane->late[i].until);
    return next;
}

static void enqueue(struct lane *lane, const struct hf_frame *segment, hf_time due)
{
    struct fault_held *held = hf_fault_queue_take(&lane->queue, segment);
    if (held)
        hf_fault_queue_add(&lane->queue, held, due);
    else
        lane->counts.overflowed++;
}

/* Carries a segment that was not lost towards its lane's end. */
static void carry(struct lane *lane, const struct fault_path *path, const struct hf_frame *segment,
                  const struct fate *fate, hf_time now)
{
    hf_time leaves;
    if (!pass_bottleneck(lane, path->value[FAULT_RATE], segment->len, now, &leaves)) {
        lane->counts.overflowed++;
        return;
    }
    hf_time due = hf_time_add(leaves, (hf_ns)path->value[FAULT_DELAY] + fate->jitter);
    due = lane->last_due = later(due, lane->last_due);
    due = hf_time_add(due, fate->delay);

    if (fate->is_reordered && lane->late_count < LATE_MAX) {
        struct fault_held *held = hf_fault_queue_take(&lane->queue, segment);
        if (held)
            make_late(lane, held, fate->overtakers, now, due);
        else
            lane->counts.overflowed++;
        return;
    }
    enqueue(lane, segment, due);
    if (fate->is_duplicated) {
        enqueue(lane, segment, due);
        lane->counts.duplicated++;
    }
    overtake(lane, due);
}

/* Turns one bit of the packet over. The link's header is spared: a link that damages frames drops them itself. */
static void corrupt(struct hf_frame *segment, enum hf_link_kind kind, uint32_t drawn)
{
    uint32_t spared = kind == HF_LINK_ETHERNET ? 14 : 0;
    if (segment->len <= spared)
        return;
    uint32_t bit = drawn % ((segment->len - spared) * 8);
    segment->data[spared + bit / 8] ^= (uint8_t)(1u << bit % 8);
    segment->flags = 0;
}

/* Sends back what the far host would have said. It is carried like everything else in that direction. */
static void answer(struct fault *fault, enum fault_direction direction, const struct hf_frame *segment,
                   const struct hf_look *look, hf_time now)
{
    uint8_t data[FAULT_ANSWER_CAP];
    struct hf_frame frame = {.data = data, .cap = sizeof data, .link = segment->link};
    struct fate none = {0};
    enum fault_direction back = direction == FAULT_IN ? FAULT_OUT : FAULT_IN;
    frame.len = hf_fault_answer(segment->data, look, data);
    carry(&fault->lane[back], &fault->spec.path[back], &frame, &none, now);
    fault->lane[direction].counts.answered++;
}

static void disturb_segment(struct fault *fault, enum fault_direction direction, struct hf_frame *segment,
                            hf_time now)
{
    struct lane *lane = &fault->lane[direction];
    const struct fault_path *path = &fault->spec.path[direction];
    struct fate fate = draw_fate(lane, path);
    lane->counts.seen++;
    if (fault->flows) {
        struct hf_look look;
        hf_look(segment->data, segment->len, fault->driver.link.kind, &look);
        apply_named(&fault->spec, hf_fault_flows_note(fault->flows, &fault->spec, &look, direction), &fate);
        if (fate.is_answered)
            answer(fault, direction, segment, &look, now);
    }
    if (fate.is_lost) {
        lane->counts.lost++;
        return;
    }
    if (fate.is_corrupted) {
        corrupt(segment, fault->driver.link.kind, fate.corrupt_at);
        lane->counts.corrupted++;
    }
    carry(lane, path, segment, &fate, now);
}

static void disturb(struct fault *fault, enum fault_direction direction, hf_time now, const struct hf_frame *frames,
                    unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct hf_split split;
        struct hf_frame segment;
        hf_split_begin(&split, &frames[i], fault->driver.link.kind);
        while (hf_split_next(&split, fault->segment, HF_FRAME_MAX, &segment)) {
            if (segment.data)
                disturb_segment(fault, direction, &segment, now);
            else
                fault->lane[direction].counts.overflowed++;
        }
    }
}

/* A direction that is passed through still tells what the other one's frames are called. */
static void observe(struct fault *fault, enum fault_direction direction, const struct hf_frame *frames,
                    unsigned count)
{
    for (unsigned i = 0; fault->flows && i < count; i++) {
        struct hf_look look;
        hf_look(frames[i].data, frames[i].len, fault->driver.link.kind, &look);
        hf_fault_flows_note(fault->flows, &fault->spec, &look, direction);
    }
}

/* ---- the ends of the lanes ---- */

/* Copies held segments that are due to frames of the inner driver's. Returns how many. */
static unsigned fill_due(struct fault_queue *queue, hf_time now, struct hf_frame *frames, unsigned room)
{
    unsigned count = 0;
    struct fault_held *held;
    while (count < room && (held = hf_fault_queue_due(queue, now)) != NULL) {
        struct hf_frame frame = held->frame;
        frame.data = frames[count].data;
        frame.cap = frames[count].cap;
        if (frame.len <= frame.cap) {
            memcpy(frame.data, held->frame.data, frame.len);
            frames[count++] = frame;
        }
        hf_fault_queue_give(queue, held);
    }
    return count;
}

/* Hands what is due to the inner driver. Returns 0 or a negative errno; what it has no room for stays queued. */
static int send_due(struct fault *fault, hf_time now)
{
    struct fault_queue *queue = &fault->lane[FAULT_OUT].queue;
    const struct hf_driver_ops *ops = fault->inner->ops;
    while (hf_time_reached(now, hf_fault_queue_next(queue))) {
        struct hf_frame frames[BATCH];
        int room = ops->reserve(fault->inner, frames, BATCH);
        if (room <= 0)
            return room;
        int error = ops->submit(fault->inner, now, frames, fill_due(queue, now, frames, (unsigned)room));
        if (error < 0)
            return error;
    }
    return 0;
}

static unsigned lend_due(struct fault *fault, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct fault_queue *queue = &fault->lane[FAULT_IN].queue;
    unsigned count = 0;
    struct fault_held *held;
    while (count < max && count < BATCH && (held = hf_fault_queue_due(queue, now)) != NULL) {
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
    disturb(fault, FAULT_IN, now, frames, (unsigned)count);
    for (int i = 0; i < count; i++)
        frames[i].why = HF_REASON_NONE; /* the engine has not seen it yet, and may never */
    ops->release(fault->inner, now, frames, (unsigned)count);
    return count;
}

/* ---- the driver's calls ---- */

static int fault_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct fault *fault = fault_of(d);
    for (int i = 0; i < FAULT_DIRECTIONS; i++)
        expire_lateness(&fault->lane[i], now);
    int error = send_due(fault, now);
    if (error < 0)
        return error;
    if (!fault->lane[FAULT_IN].is_active) {
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
    if (!fault->lane[FAULT_IN].is_active) {
        fault->inner->ops->release(fault->inner, now, frames, count);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        hf_fault_queue_give(&fault->lane[FAULT_IN].queue, fault->lent[i]);
}

static int fault_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct fault *fault = fault_of(d);
    if (!fault->lane[FAULT_OUT].is_active)
        return fault->inner->ops->reserve(fault->inner, frames, max);
    unsigned count = max < BATCH ? max : BATCH;
    for (unsigned i = 0; i < count; i++)
        frames[i] = (struct hf_frame){.data = fault->staging + (size_t)i * HF_FRAME_MAX, .cap = HF_FRAME_MAX};
    return (int)count;
}

static int fault_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct fault *fault = fault_of(d);
    if (!fault->lane[FAULT_OUT].is_active) {
        observe(fault, FAULT_OUT, frames, count);
        return fault->inner->ops->submit(fault->inner, now, frames, count);
    }
    disturb(fault, FAULT_OUT, now, frames, count);
    return send_due(fault, now);
}

static hf_time fault_deadline(struct hf_driver *d)
{
    struct fault *fault = fault_of(d);
    hf_time lanes = hf_time_first(lane_deadline(&fault->lane[FAULT_IN]), lane_deadline(&fault->lane[FAULT_OUT]));
    return hf_time_first(lanes, fault->inner->ops->deadline(fault->inner));
}

static void free_fault(struct fault *fault)
{
    for (int i = 0; i < FAULT_DIRECTIONS; i++)
        hf_fault_queue_close(&fault->lane[i].queue);
    free(fault->flows);
    free(fault->segment);
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

/* A direction with a rule of its own, or into which answers may go. */
static bool needs_lane(const struct fault_spec *spec, enum fault_direction direction)
{
    for (unsigned i = 0; i < FAULT_PROPERTIES; i++)
        if (spec->path[direction].value[i])
            return true;
    for (unsigned i = 0; i < spec->named_count; i++)
        if (spec->named[i].applies[direction] || spec->named[i].act == FAULT_DO_ANSWER)
            return true;
    return false;
}

static bool open_lane(struct fault *fault, enum fault_direction direction, uint64_t seed)
{
    struct lane *lane = &fault->lane[direction];
    lane->is_active = needs_lane(&fault->spec, direction);
    lane->random = seed + direction;
    lane->random = draw(&lane->random); /* seeds that differ by one shall not give the same draws, one later */
    lane->free_at = lane->last_due = (hf_time){INT64_MIN};
    return !lane->is_active || hf_fault_queue_open(&lane->queue, fault->driver.link.mtu + 64u);
}

static bool open_all(struct fault *fault, uint64_t seed)
{
    if (fault->spec.named_count > 0) {
        fault->flows = calloc(1, sizeof *fault->flows);
        if (!fault->flows)
            return false;
    }
    fault->segment = malloc(HF_FRAME_MAX);
    fault->staging = malloc((size_t)BATCH * HF_FRAME_MAX);
    return fault->segment && fault->staging && open_lane(fault, FAULT_IN, seed) &&
           open_lane(fault, FAULT_OUT, seed);
}

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
        fault->spec = parsed;
    }
    if (fault && open_all(fault, seed))
        return &fault->driver;
    if (fault)
        free_fault(fault);
    snprintf(error, 256, "out of memory");
    return NULL;
}

void hf_fault_counts(struct hf_driver *d, bool out, struct hf_fault_counts *counts)
{
    *counts = fault_of(d)->lane[out ? FAULT_OUT : FAULT_IN].counts;
}

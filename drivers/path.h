/*
 * A made path: what happens to segments on their way, in both directions. Whoever holds one puts frames in at one end
 * and takes out at the other what has survived, when it is due: the fault driver, the simulator, the emulator of
 * bench-path.
 *
 * Each direction is a lane: frames are cut into segments (split.h), each segment's fate is decided once, and what
 * survives is copied to a queue, due at some instant. What a path answers itself, resets by name and ICMP, goes into
 * the other lane.
 *
 *      put -> named -> mtu, strip, shift -> loss -> corrupt -> rate, queue, mark -> delay -> reorder, duplicate -> due
 *
 * Deterministic: each lane has generators of its own, from which every segment takes the same number of draws whatever
 * happens to it. So the fate of the n-th segment depends on the seed and on n, not on timing, and a rule that is added
 * does not change what the others do. What happens to a segment because of its name depends on seed and rule alone.
 *
 * Read first: fault_spec.h, fault_flows.h, fault_queue.h. Read next: path.c, path_box.h.
 */
#ifndef HF_DRIVERS_PATH_H
#define HF_DRIVERS_PATH_H

#include <handfast/driver.h>

#include "fault_flows.h"
#include "fault_queue.h"

#define PATH_LATE_MAX 64

/* A segment held back until others have overtaken it. */
struct path_late {
    struct fault_held *held;
    unsigned overtakers; /* that are still to pass */
    hf_time until;
};

struct path_lane {
    bool is_active;
    struct fault_queue queue;
    uint64_t random, more_random; /* the second for what came into the language later */
    bool is_in_burst;
    hf_time free_at;  /* with `rate`: when the last bit of what was sent so far has left */
    hf_time last_due; /* delay and jitter keep the order */
    struct path_late late[PATH_LATE_MAX];
    unsigned late_count;
    struct hf_fault_counts counts;
    hf_ns waited, waited_most; /* for the rate: all segments together, and the one that did longest */
    uint64_t waiters;          /* segments that passed the bottleneck */
};

struct hf_path {
    enum hf_link_kind kind;
    uint64_t seed;
    struct fault_spec spec;
    struct fault_flows *flows; /* NULL when no rule names a frame */
    struct path_lane lane[FAULT_DIRECTIONS];
    hf_time now;      /* of the last put */
    uint8_t *segment; /* HF_FRAME_MAX bytes: the segment being looked at */
};

/*
 * Makes a path for frames of such a link. A lane that no rule concerns is not active: with `all` every lane is, and then
 * passes frames on at once. False when there is no memory; close it in any case. `path` is zero-filled.
 */
bool hf_path_open(struct hf_path *path, const struct fault_spec *spec, uint64_t seed,
                  const struct hf_link_config *link, bool all);
void hf_path_close(struct hf_path *path);

/* One frame enters a direction, whose lane is active. Borrows. */
void hf_path_put(struct hf_path *path, enum fault_direction direction, const struct hf_frame *frame, hf_time now);

/* A frame goes by in a direction that is not active: it still tells what the other one's frames are called. */
void hf_path_observe(struct hf_path *path, enum fault_direction direction, const struct hf_frame *frame);

/* The next segment that has arrived, in order, or NULL. Give it back when done with it. */
struct fault_held *hf_path_take(struct hf_path *path, enum fault_direction direction, hf_time now);
void hf_path_give(struct hf_path *path, enum fault_direction direction, struct fault_held *held);

/* When the next segment arrives; HF_NEVER when none is under way. */
hf_time hf_path_next(const struct hf_path *path, enum fault_direction direction);

/* From here on the path behaves: every rule is forgotten but delay, rate, queue, strip and shift. What is under way
 * arrives. */
void hf_path_heal(struct hf_path *path);

#endif

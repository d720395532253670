/*
 * Timers: a hierarchical wheel over one array of nodes. Arm, disarm and fire are O(1) for a million of them.
 *
 * A timer is a number 0..capacity-1 of the owner's choice (a record's slot). A tick is 2^HF_WHEEL_TICK_BITS ns; each of
 * HF_WHEEL_LEVELS levels has 64 slots, a bit map says which are not empty. Each slot is a circular list through the node
 * array, its head being a node as well, so a timer unlinks itself knowing nothing else.
 */
#ifndef HF_BASE_WHEEL_H
#define HF_BASE_WHEEL_H

#include "../../include/handfast/types.h"
#include "arena.h"

#define HF_WHEEL_TICK_BITS 13 /* 8.192 us */
#define HF_WHEEL_LEVELS 9     /* 2^(13 + 54) ns: every instant there is */

struct hf_wheel {
    ptrdiff_t nodes;   /* distance from this record to the node array; a node is 16 bytes */
    uint32_t capacity;
    uint32_t armed;
    uint64_t tick;     /* all timers due before this tick have been moved to `due` */
    uint64_t next;     /* no slot in use begins before this tick: until then time may pass without a look */
    uint64_t occupied[HF_WHEEL_LEVELS];
};

void hf_wheel_init(struct hf_wheel *wheel, struct hf_arena *arena, uint32_t capacity, hf_time now);

/* Arms timer `id` for `at` (in the past: due at once), wherever it was before. */
void hf_wheel_arm(struct hf_wheel *wheel, uint32_t id, hf_time at);
void hf_wheel_disarm(struct hf_wheel *wheel, uint32_t id);
bool hf_wheel_is_armed(const struct hf_wheel *wheel, uint32_t id);

/* Takes out one timer due at or before `now`, or HF_NONE. Call until HF_NONE. Never early. */
uint32_t hf_wheel_fire(struct hf_wheel *wheel, hf_time now);

/* Never later than the earliest armed timer, or than the last `now` when one is overdue; earlier by at most one slot of
 * the level it is in. */
hf_time hf_wheel_next(const struct hf_wheel *wheel);

const char *hf_wheel_check(const struct hf_wheel *wheel);

#endif

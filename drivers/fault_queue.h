/*
 * Frames held back by a fault driver, in one direction: copies in slots of one size, ordered by the instant at
 * which each is due and, where that is the same, by the order in which they came. Bounded by a number of slots,
 * made at open.
 */
#ifndef HF_DRIVERS_FAULT_QUEUE_H
#define HF_DRIVERS_FAULT_QUEUE_H

#include <handfast/engine.h>

struct fault_held {
    struct hf_frame frame; /* data: this slot's buffer */
    hf_time due;
    uint64_t order;
};

struct fault_queue {
    struct fault_held *slots;
    uint8_t *buffers;
    uint32_t *heap; /* slot numbers; [0] is due first */
    uint32_t *free_slots;
    uint32_t capacity, waiting, free_count;
    uint32_t fresh;    /* slots from here on were never used: untouched memory stays untouched */
    uint32_t slot_len; /* bytes of room in a slot */
    uint64_t next_order;
};

/* Makes room for frames of up to slot_len bytes, about 32 MiB of them. False when there is no memory. */
bool hf_fault_queue_open(struct fault_queue *queue, uint32_t slot_len);
void hf_fault_queue_close(struct fault_queue *queue);

/* Copies a frame to a slot. NULL when it is too long or no slot is free. Then add it, or give it back. */
struct fault_held *hf_fault_queue_take(struct fault_queue *queue, const struct hf_frame *frame);
void hf_fault_queue_add(struct fault_queue *queue, struct fault_held *held, hf_time due);
void hf_fault_queue_give(struct fault_queue *queue, struct fault_held *held);

/* Takes out the first frame if it is due; give it back when done with it. NULL when none is. */
struct fault_held *hf_fault_queue_due(struct fault_queue *queue, hf_time now);

/* When the first frame is due; HF_NEVER when none waits. */
hf_time hf_fault_queue_next(const struct fault_queue *queue);

#endif

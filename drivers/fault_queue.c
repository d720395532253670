/* A binary heap of slot numbers over an array of slots. See fault_queue.h. */
#include "fault_queue.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_LEN (32u << 20)
#define SLOTS_MIN  64u
#define SLOTS_MAX  16384u

static uint32_t slots_for(uint32_t slot_len)
{
    uint32_t count = MEMORY_LEN / slot_len;
    if (count < SLOTS_MIN)
        return SLOTS_MIN;
    return count < SLOTS_MAX ? count : SLOTS_MAX;
}

bool hf_fault_queue_open(struct fault_queue *queue, uint32_t slot_len)
{
    uint32_t capacity = slots_for(slot_len);
    *queue = (struct fault_queue){.capacity = capacity, .slot_len = slot_len};
    queue->slots = malloc(capacity * sizeof *queue->slots);
    queue->buffers = malloc((size_t)capacity * slot_len);
    queue->heap = malloc(capacity * sizeof *queue->heap);
    queue->free_slots = malloc(capacity * sizeof *queue->free_slots);
    return queue->slots && queue->buffers && queue->heap && queue->free_slots;
}

void hf_fault_queue_close(struct fault_queue *queue)
{
    free(queue->slots);
    free(queue->buffers);
    free(queue->heap);
    free(queue->free_slots);
}

struct fault_held *hf_fault_queue_take(struct fault_queue *queue, const struct hf_frame *frame)
{
    bool is_full = queue->free_count == 0 && queue->fresh == queue->capacity;
    if (frame->len > queue->slot_len || is_full)
        return NULL;
    uint32_t number = queue->free_count > 0 ? queue->free_slots[--queue->free_count] : queue->fresh++;
    struct fault_held *held = &queue->slots[number];
    held->frame = *frame;
    held->frame.data = queue->buffers + (size_t)number * queue->slot_len;
    held->frame.cap = queue->slot_len;
    memcpy(held->frame.data, frame->data, frame->len);
    return held;
}

void hf_fault_queue_give(struct fault_queue *queue, struct fault_held *held)
{
    queue->free_slots[queue->free_count++] = (uint32_t)(held - queue->slots);
}

static bool is_before(const struct fault_queue *queue, uint32_t a, uint32_t b)
{
    const struct fault_held *first = &queue->slots[a], *second = &queue->slots[b];
    if (first->due.ns != second->due.ns)
        return first->due.ns < second->due.ns;
    return first->order < second->order;
}

void hf_fault_queue_add(struct fault_queue *queue, struct fault_held *held, hf_time due)
{
    uint32_t number = (uint32_t)(held - queue->slots);
    held->due = due;
    held->order = queue->next_order++;
    uint32_t at = queue->waiting++;
    for (; at > 0 && is_before(queue, number, queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
        queue->heap[at] = queue->heap[(at - 1) / 2];
    queue->heap[at] = number;
}

/* Sinks `number` from the top to its place. */
static void settle(struct fault_queue *queue, uint32_t number)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= queue->waiting)
            break;
        if (child + 1 < queue->waiting && is_before(queue, queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!is_before(queue, queue->heap[child], number))
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    queue->heap[at] = number;
}

struct fault_held *hf_fault_queue_due(struct fault_queue *queue, hf_time now)
{
    if (!hf_time_reached(now, hf_fault_queue_next(queue)))
        return NULL;
    struct fault_held *held = &queue->slots[queue->heap[0]];
    uint32_t last = queue->heap[--queue->waiting];
    if (queue->waiting > 0)
        settle(queue, last);
    return held;
}

hf_time hf_fault_queue_next(const struct fault_queue *queue)
{
    return queue->waiting > 0 ? queue->slots[queue->heap[0]].due : HF_NEVER;
}

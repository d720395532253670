/*
 * The hierarchical timing wheel. See wheel.h.
 *
 * A timer due at tick t, seen from tick `now`, sits in the lowest level at which t and `now` agree in all higher bits:
 * level 0 holds the next 64 ticks one by one, level 1 the next 64 spans of 64, and so on. When time enters a span of a
 * higher level its timers are dealt out to the levels below. Level HF_WHEEL_LEVELS is a single list of what is due.
 *
 * Nodes 0..capacity-1 are the timers, the rest are the heads of the slots' circular lists.
 */
#include "wheel.h"

#define SLOT_BITS 6
#define SLOTS 64u
#define HEADS (HF_WHEEL_LEVELS * SLOTS + 1)
#define LAST_TICK (UINT64_MAX >> HF_WHEEL_TICK_BITS)

struct node {
    uint32_t next, prev;
    uint64_t tick;       /* due, + 1 so that 0 means "not armed" */
};

static struct node *nodes_of(const struct hf_wheel *wheel)
{
    return (struct node *)(void *)((uint8_t *)(uintptr_t)wheel + wheel->nodes);
}

static uint32_t head_of(const struct hf_wheel *wheel, uint32_t list) { return wheel->capacity + list; }

/* Instants as unsigned numbers in the same order: a clock may begin anywhere, below zero too. */
static uint64_t unsigned_of(hf_time at) { return (uint64_t)at.ns ^ (uint64_t)1 << 63; }

static uint64_t tick_of(hf_time at) { return unsigned_of(at) >> HF_WHEEL_TICK_BITS; }

static hf_time time_of(uint64_t tick)
{
    return (hf_time){(int64_t)(tick << HF_WHEEL_TICK_BITS ^ (uint64_t)1 << 63)};
}

void hf_wheel_init(struct hf_wheel *wheel, struct hf_arena *arena, uint32_t capacity, hf_time now)
{
    uint8_t *nodes = hf_arena_carve(arena, (size_t)capacity + HEADS, sizeof(struct node));
    *wheel = (struct hf_wheel){
        .nodes = nodes == NULL ? 0 : nodes - (uint8_t *)wheel,
        .capacity = capacity,
        .tick = tick_of(now),
        .next = UINT64_MAX,
    };
    if (nodes == NULL)
        return;
    for (uint32_t i = 0; i < HEADS; i++) {
        struct node *head = &nodes_of(wheel)[head_of(wheel, i)];
        head->next = head->prev = head_of(wheel, i);
    }
}

static void link_last(struct hf_wheel *wheel, uint32_t id, uint32_t head)
{
    struct node *nodes = nodes_of(wheel);
    nodes[id].next = head;
    nodes[id].prev = nodes[head].prev;
    nodes[nodes[head].prev].next = id;
    nodes[head].prev = id;
}

/* Which list a timer due at `tick` belongs in now. */
static uint32_t list_for(const struct hf_wheel *wheel, uint64_t tick)
{
    if (tick < wheel->tick)
        return HF_WHEEL_LEVELS * SLOTS;
    uint64_t differ = tick ^ wheel->tick;
    uint32_t level = 0;
    while (level < HF_WHEEL_LEVELS - 1 && differ >> (SLOT_BITS * (level + 1)) != 0)
        level++;
    return level * SLOTS + (uint32_t)(tick >> (SLOT_BITS * level) & (SLOTS - 1));
}

static void file(struct hf_wheel *wheel, uint32_t id)
{
    uint64_t tick = nodes_of(wheel)[id].tick - 1, start = 0;
    uint32_t list = list_for(wheel, tick), shift = SLOT_BITS * (list / SLOTS);
    if (list < HF_WHEEL_LEVELS * SLOTS) {
        wheel->occupied[list / SLOTS] |= (uint64_t)1 << (list % SLOTS);
        start = tick >> shift << shift;
    }
    wheel->next = HF_MIN(wheel->next, start);
    link_last(wheel, id, head_of(wheel, list));
}

/* Out of its list; when that leaves a slot empty the map is told. */
static void unlink_node(struct hf_wheel *wheel, uint32_t id)
{
    struct node *nodes = nodes_of(wheel);
    uint32_t next = nodes[id].next, prev = nodes[id].prev;
    nodes[next].prev = prev;
    nodes[prev].next = next;
    if (next != prev || next < wheel->capacity)
        return;
    uint32_t list = next - wheel->capacity;
    if (list < HF_WHEEL_LEVELS * SLOTS)
        wheel->occupied[list / SLOTS] &= ~((uint64_t)1 << (list % SLOTS));
}

bool hf_wheel_is_armed(const struct hf_wheel *wheel, uint32_t id) { return nodes_of(wheel)[id].tick != 0; }

void hf_wheel_disarm(struct hf_wheel *wheel, uint32_t id)
{
    hf_assert(id < wheel->capacity);
    if (!hf_wheel_is_armed(wheel, id))
        return;
    unlink_node(wheel, id);
    nodes_of(wheel)[id].tick = 0;
    wheel->armed--;
}

void hf_wheel_arm(struct hf_wheel *wheel, uint32_t id, hf_time at)
{
    hf_assert(id < wheel->capacity);
    /* Rounded up: a timer may be late by less than a tick, never early. */
    uint64_t begun = unsigned_of(at) & ((1u << HF_WHEEL_TICK_BITS) - 1), tick = tick_of(at) + (begun != 0);
    struct node *node = &nodes_of(wheel)[id];
    if (node->tick == tick + 1)
        return;
    hf_wheel_disarm(wheel, id);
    node->tick = tick + 1;
    wheel->armed++;
    file(wheel, id);
}

static uint32_t lowest_bit(uint64_t bits)
{
    uint32_t at = 0;
    for (uint32_t half = 32; half > 0; half /= 2) {
        if ((bits & (((uint64_t)1 << half) - 1)) == 0) {
            bits >>= half;
            at += half;
        }
    }
    return at;
}

/* The first tick of the earliest occupied slot, UINT64_MAX when none is. Of two that begin together the higher level's is
 * meant: it may hold timers that belong before the lower one's. */
static uint64_t earliest(const struct hf_wheel *wheel, uint32_t *level, uint32_t *slot)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t l = 0; l < HF_WHEEL_LEVELS; l++) {
        if (wheel->occupied[l] == 0)
            continue;
        uint32_t shift = SLOT_BITS * l, at = lowest_bit(wheel->occupied[l]);
        uint64_t above = wheel->tick >> shift >> SLOT_BITS;
        uint64_t start = ((above << SLOT_BITS) | at) << shift;
        if (start > first)
            continue;
        first = start;
        *level = l;
        *slot = at;
    }
    return first;
}

/* Moves time into the earliest occupied slot and empties it: into the due list from level 0, down from above. */
static void deal_out(struct hf_wheel *wheel, uint32_t level, uint32_t slot, uint64_t start)
{
    struct node *nodes = nodes_of(wheel);
    uint32_t head = head_of(wheel, level * SLOTS + slot);
    uint32_t id = nodes[head].next;
    wheel->tick = HF_MAX(wheel->tick, level == 0 ? start + 1 : start);
    wheel->occupied[level] &= ~((uint64_t)1 << slot);
    nodes[head].next = nodes[head].prev = head;
    while (id != head) {
        uint32_t next = nodes[id].next;
        file(wheel, id);
        id = next;
    }
}

/* Deals out what begins at or before `limit`, until something is due. */
static void turn_to(struct hf_wheel *wheel, uint64_t limit)
{
    uint32_t due = head_of(wheel, HF_WHEEL_LEVELS * SLOTS), level = 0, slot = 0;
    const struct node *nodes = nodes_of(wheel);
    wheel->next = 0;
    while (nodes[due].next == due && wheel->next <= limit) {
        wheel->next = earliest(wheel, &level, &slot);
        if (wheel->next <= limit)
            deal_out(wheel, level, slot, wheel->next);
    }
}

uint32_t hf_wheel_fire(struct hf_wheel *wheel, hf_time now)
{
    uint64_t limit = tick_of(now);
    uint32_t due = head_of(wheel, HF_WHEEL_LEVELS * SLOTS);
    if (wheel->next <= limit) {
        turn_to(wheel, limit);
        uint32_t id = nodes_of(wheel)[due].next;
        if (id != due) {
            hf_wheel_disarm(wheel, id);
            return id;
        }
    }
    /* Nothing begins before `limit`, so every timer stays in the slot it is in when time moves there. */
    wheel->tick = HF_MAX(wheel->tick, limit);
    return HF_NONE;
}

hf_time hf_wheel_next(const struct hf_wheel *wheel)
{
    uint32_t due = head_of(wheel, HF_WHEEL_LEVELS * SLOTS), level = 0, slot = 0;
    if (wheel->armed == 0)
        return HF_NEVER;
    uint64_t start = nodes_of(wheel)[due].next != due ? wheel->tick - 1 : earliest(wheel, &level, &slot);
    return start > LAST_TICK ? HF_NEVER : time_of(start);
}

const char *hf_wheel_check(const struct hf_wheel *wheel)
{
    const struct node *nodes = nodes_of(wheel);
    uint32_t armed = 0;
    for (uint32_t list = 0; list < HEADS; list++) {
        uint32_t head = head_of(wheel, list), prev = head;
        bool marked = list == HEADS - 1 || (wheel->occupied[list / SLOTS] >> (list % SLOTS) & 1);
        if (nodes[head].next != head && !marked)
            return "wheel: a slot in use is not in the map";
        for (uint32_t id = nodes[head].next; id != head; id = nodes[id].next) {
            if (nodes[id].prev != prev || nodes[id].tick == 0)
                return "wheel: list broken";
            prev = id;
            if (++armed > wheel->armed)
                return "wheel: more timers than counted";
        }
    }
    uint32_t level = 0, slot = 0;
    if (armed > 0 && earliest(wheel, &level, &slot) < wheel->next)
        return "wheel: a slot begins before it is said to";
    return armed == wheel->armed ? NULL : "wheel: count is wrong";
}

/* The open-addressed table. See table.h. */
#include "table.h"

struct slot {
    uint32_t tag;   /* the upper half of the hash */
    uint32_t value; /* value + 1, so that fresh memory is an empty table */
};

static struct slot *slots_of(const struct hf_table *table)
{
    return (struct slot *)(void *)((uint8_t *)(uintptr_t)table + table->slots);
}

void hf_table_init(struct hf_table *table, struct hf_arena *arena, uint32_t capacity)
{
    uint64_t count = 8;
    while (count * 3 / 4 < capacity)
        count *= 2;
    uint8_t *slots = hf_arena_carve(arena, (size_t)count, sizeof(struct slot));
    *table = (struct hf_table){
        .slots = slots == NULL ? 0 : slots - (uint8_t *)table,
        .mask = (uint32_t)(count - 1),
        .capacity = capacity,
    };
}

bool hf_table_add(struct hf_table *table, uint64_t hash, uint32_t value)
{
    if (table->used == table->capacity)
        return false;
    struct slot *slots = slots_of(table);
    uint32_t at = (uint32_t)(hash >> 32) & table->mask;
    while (slots[at].value != 0)
        at = (at + 1) & table->mask;
    slots[at] = (struct slot){(uint32_t)(hash >> 32), value + 1};
    table->used++;
    return true;
}

/* Closes the gap at `hole`: whatever was pushed past it by a collision moves back. */
static void close_gap(struct hf_table *table, uint32_t hole)
{
    struct slot *slots = slots_of(table);
    uint32_t mask = table->mask;
    for (uint32_t at = (hole + 1) & mask; slots[at].value != 0; at = (at + 1) & mask) {
        uint32_t home = slots[at].tag & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].value = 0;
}

/* Where the entry is, or the empty slot where it would be. */
static uint32_t seek(const struct hf_table *table, uint32_t tag, uint32_t value)
{
    const struct slot *slots = slots_of(table);
    uint32_t at = tag & table->mask;
    while (slots[at].value != 0 && (slots[at].value != value + 1 || slots[at].tag != tag))
        at = (at + 1) & table->mask;
    return at;
}

bool hf_table_rename(struct hf_table *table, uint64_t hash, uint32_t old, uint32_t value)
{
    struct slot *slot = &slots_of(table)[seek(table, (uint32_t)(hash >> 32), old)];
    if (slot->value == 0)
        return false;
    slot->value = value + 1;
    return true;
}

bool hf_table_remove(struct hf_table *table, uint64_t hash, uint32_t value)
{
    uint32_t at = seek(table, (uint32_t)(hash >> 32), value);
    if (slots_of(table)[at].value == 0)
        return false;
    close_gap(table, at);
    table->used--;
    return true;
}

uint32_t hf_table_find(const struct hf_table *table, uint64_t hash, struct hf_probe *probe)
{
    probe->tag = (uint32_t)(hash >> 32);
    probe->at = (probe->tag - 1) & table->mask;
    return hf_table_next(table, probe);
}

uint32_t hf_table_next(const struct hf_table *table, struct hf_probe *probe)
{
    const struct slot *slots = slots_of(table);
    for (;;) {
        probe->at = (probe->at + 1) & table->mask;
        if (slots[probe->at].value == 0)
            return HF_NONE;
        if (slots[probe->at].tag == probe->tag)
            return slots[probe->at].value - 1;
    }
}

const char *hf_table_check(const struct hf_table *table)
{
    const struct slot *slots = slots_of(table);
    uint32_t used = 0;
    for (uint32_t at = 0; at <= table->mask; at++) {
        if (slots[at].value == 0)
            continue;
        used++;
        for (uint32_t way = slots[at].tag & table->mask; way != at; way = (way + 1) & table->mask)
            if (slots[way].value == 0)
                return "table: an entry that cannot be reached";
    }
    return used == table->used ? NULL : "table: count is wrong";
}

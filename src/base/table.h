/*
 * An open-addressed table from 64-bit keyed hashes to 32-bit values. It stores 32 hash bits beside each value and
 * leaves comparing the key to the caller:
 *
 *     struct hf_probe probe;
 *     for (uint32_t v = hf_table_find(t, hash, &probe); v != HF_NONE; v = hf_table_next(t, &probe))
 *         if (the record v has this key) ...
 *
 * Linear probing, at most 3/4 full, deletion by shifting back, so there are no tombstones.
 */
#ifndef HF_BASE_TABLE_H
#define HF_BASE_TABLE_H

#include "arena.h"

struct hf_table {
    ptrdiff_t slots; /* distance from this record; 8 bytes a slot */
    uint32_t mask;
    uint32_t used, capacity;
};

struct hf_probe {
    uint32_t at, tag;
};

/* Room for `capacity` values. */
void hf_table_init(struct hf_table *table, struct hf_arena *arena, uint32_t capacity);
bool hf_table_add(struct hf_table *table, uint64_t hash, uint32_t value); /* false when full */
/* The entry of `old` becomes one of `value`, under the same hash. */
bool hf_table_rename(struct hf_table *table, uint64_t hash, uint32_t old, uint32_t value);
bool hf_table_remove(struct hf_table *table, uint64_t hash, uint32_t value);
uint32_t hf_table_find(const struct hf_table *table, uint64_t hash, struct hf_probe *probe);
uint32_t hf_table_next(const struct hf_table *table, struct hf_probe *probe);
const char *hf_table_check(const struct hf_table *table);

#endif

/*
 * What has arrived of a stream beyond a hole: ranges [from, to), sorted, never touching, as many as there is room for in a
 * pool that many streams share. SACK blocks are read off it: RFC 2018 wants the range that grew last reported first, then
 * the one before it, and so on, so a second list keeps that order.
 *
 *       [-----)    [--)  [---------)    [)       in the order of bytes: next, prev
 *          3        1        4          2        in the order of growth: older, newer
 *
 * A queue that overflows loses every other segment of a whole window, which makes hundreds of them. What arrives belongs to
 * one of the ends as a rule, or lies near what came before; a search begins at the nearest of these, and goes no further
 * than HF_ISLANDS_SEARCH ranges, so that work per segment is bounded whatever a peer sends (BUG-37).
 */
#ifndef HF_BASE_ISLANDS_H
#define HF_BASE_ISLANDS_H

#include "pool.h"
#include "ranges.h"

#define HF_ISLANDS_SEARCH 256

struct hf_island {
    struct hf_range range;
    uint32_t next, prev;
    uint32_t older, newer;
};

/* Indices of struct hf_island in the pool; HF_NONE when there is none. */
struct hf_islands {
    uint32_t count;
    uint32_t first, last;
    uint32_t newest; /* the one that grew last */
};

void hf_islands_init(struct hf_islands *islands);

/* Adds [from, to), joining what it touches. False, and nothing changed, when the pool has no room (none may hold more than
 * are left for all others) or its place was not found within the search's limit. */
bool hf_islands_add(struct hf_islands *islands, struct hf_pool *pool, uint64_t from, uint64_t to);

/* Forgets everything below `to`. */
void hf_islands_remove_below(struct hf_islands *islands, struct hf_pool *pool, uint64_t to);
/* Forgets everything at and above `from`. */
void hf_islands_remove_above(struct hf_islands *islands, struct hf_pool *pool, uint64_t from);

/* The first range, lent until the next change. There is one. */
static inline const struct hf_range *hf_islands_first(const struct hf_islands *islands, const struct hf_pool *pool)
{
    return &((const struct hf_island *)hf_pool_at(pool, islands->first))->range;
}

/* The first part of [from, to) that is in the set, into *out; false when nothing of it is, or its place was not found within
 * the search's limit. */
bool hf_islands_overlap(const struct hf_islands *islands, const struct hf_pool *pool, uint64_t from, uint64_t to,
                        struct hf_range *out);

/* Up to `max` ranges, the one that grew last first. Returns how many. */
unsigned hf_islands_recent(const struct hf_islands *islands, const struct hf_pool *pool, struct hf_range *out,
                           unsigned max);

/* NULL when sorted, disjoint, not empty and well linked, else what is wrong. */
const char *hf_islands_check(const struct hf_islands *islands, const struct hf_pool *pool);

#endif

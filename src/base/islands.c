/* What has arrived of a stream beyond a hole. See islands.h. */
#include "islands.h"

static struct hf_island *at(const struct hf_pool *pool, uint32_t index)
{
    return (struct hf_island *)hf_pool_at(pool, index);
}

void hf_islands_init(struct hf_islands *islands)
{
    *islands = (struct hf_islands){0, HF_NONE, HF_NONE, HF_NONE};
}

/* ---- the two lists ---- */

static void put_newest(struct hf_islands *islands, const struct hf_pool *pool, uint32_t index)
{
    struct hf_island *island = at(pool, index);
    island->newer = HF_NONE;
    island->older = islands->newest;
    if (islands->newest != HF_NONE)
        at(pool, islands->newest)->newer = index;
    islands->newest = index;
}

static void take_from_growth(struct hf_islands *islands, const struct hf_pool *pool, uint32_t index)
{
    const struct hf_island *island = at(pool, index);
    if (island->newer == HF_NONE)
        islands->newest = island->older;
    else
        at(pool, island->newer)->older = island->older;
    if (island->older != HF_NONE)
        at(pool, island->older)->newer = island->newer;
}

/* Puts a range in front of `next`, or behind all. */
static void insert(struct hf_islands *islands, const struct hf_pool *pool, uint32_t index, uint32_t next)
{
    struct hf_island *island = at(pool, index);
    island->next = next;
    island->prev = next == HF_NONE ? islands->last : at(pool, next)->prev;
    if (island->prev == HF_NONE)
        islands->first = index;
    else
        at(pool, island->prev)->next = index;
    if (next == HF_NONE)
        islands->last = index;
    else
        at(pool, next)->prev = index;
    islands->count++;
    put_newest(islands, pool, index);
}

static void remove_one(struct hf_islands *islands, struct hf_pool *pool, uint32_t index)
{
    const struct hf_island *island = at(pool, index);
    if (island->prev == HF_NONE)
        islands->first = island->next;
    else
        at(pool, island->prev)->next = island->next;
    if (island->next == HF_NONE)
        islands->last = island->prev;
    else
        at(pool, island->next)->prev = island->prev;
    take_from_growth(islands, pool, index);
    islands->count--;
    hf_pool_give(pool, index);
}

/* ---- finding ---- */

static uint64_t distance(const struct hf_pool *pool, uint32_t index, uint64_t from)
{
    const struct hf_range *range = &at(pool, index)->range;
    return from < range->from ? range->from - from : from - range->from;
}

static uint32_t nearest(const struct hf_islands *islands, const struct hf_pool *pool, uint64_t from)
{
    uint32_t best = islands->first;
    if (distance(pool, islands->last, from) < distance(pool, best, from))
        best = islands->last;
    if (distance(pool, islands->newest, from) < distance(pool, best, from))
        best = islands->newest;
    return best;
}

/* The first range that ends at or after `from`: the first that [from, ...) can touch; HF_NONE when all end before. False
 * when it is too far to go. */
static bool find(const struct hf_islands *islands, const struct hf_pool *pool, uint64_t from, uint32_t *found)
{
    uint32_t index = HF_NONE, steps = 0;
    if (islands->count > 0)
        index = nearest(islands, pool, from);
    while (index != HF_NONE && at(pool, index)->range.to < from && steps++ < HF_ISLANDS_SEARCH)
        index = at(pool, index)->next;
    while (index != HF_NONE && at(pool, index)->prev != HF_NONE &&
           at(pool, at(pool, index)->prev)->range.to >= from && steps++ < HF_ISLANDS_SEARCH)
        index = at(pool, index)->prev;
    *found = index;
    return steps <= HF_ISLANDS_SEARCH;
}

/* ---- what it offers ---- */

static bool add_new(struct hf_islands *islands, struct hf_pool *pool, struct hf_range range, uint32_t next)
{
    uint32_t index = islands->count < hf_pool_available(pool) ? hf_pool_take(pool) : HF_NONE;
    if (index == HF_NONE)
        return false;
    at(pool, index)->range = range;
    insert(islands, pool, index, next);
    return true;
}

bool hf_islands_add(struct hf_islands *islands, struct hf_pool *pool, uint64_t from, uint64_t to)
{
    uint32_t index;
    if (from >= to)
        return true;
    if (!find(islands, pool, from, &index))
        return false;
    if (index == HF_NONE || at(pool, index)->range.from > to)
        return add_new(islands, pool, (struct hf_range){from, to}, index);
    struct hf_island *island = at(pool, index);
    island->range.from = HF_MIN(from, island->range.from);
    island->range.to = HF_MAX(to, island->range.to);
    while (island->next != HF_NONE && at(pool, island->next)->range.from <= island->range.to) {
        island->range.to = HF_MAX(island->range.to, at(pool, island->next)->range.to);
        remove_one(islands, pool, island->next);
    }
    take_from_growth(islands, pool, index);
    put_newest(islands, pool, index);
    return true;
}

void hf_islands_remove_below(struct hf_islands *islands, struct hf_pool *pool, uint64_t to)
{
    while (islands->first != HF_NONE && at(pool, islands->first)->range.to <= to)
        remove_one(islands, pool, islands->first);
    if (islands->first != HF_NONE && at(pool, islands->first)->range.from < to)
        at(pool, islands->first)->range.from = to;
}

void hf_islands_remove_above(struct hf_islands *islands, struct hf_pool *pool, uint64_t from)
{
    while (islands->last != HF_NONE && at(pool, islands->last)->range.from >= from)
        remove_one(islands, pool, islands->last);
    if (islands->last != HF_NONE && at(pool, islands->last)->range.to > from)
        at(pool, islands->last)->range.to = from;
}

bool hf_islands_overlap(const struct hf_islands *islands, const struct hf_pool *pool, uint64_t from, uint64_t to,
                        struct hf_range *out)
{
    uint32_t index;
    if (from >= to || !find(islands, pool, from + 1, &index) || index == HF_NONE)
        return false;
    const struct hf_range *range = &at(pool, index)->range;
    if (range->from >= to)
        return false;
    *out = (struct hf_range){HF_MAX(from, range->from), HF_MIN(to, range->to)};
    return true;
}

unsigned hf_islands_recent(const struct hf_islands *islands, const struct hf_pool *pool, struct hf_range *out,
                           unsigned max)
{
    unsigned count = 0;
    for (uint32_t index = islands->newest; index != HF_NONE && count < max; index = at(pool, index)->older)
        out[count++] = at(pool, index)->range;
    return count;
}

/* ---- invariants ---- */

static const char *check_growth(const struct hf_islands *islands, const struct hf_pool *pool)
{
    uint32_t count = 0, newer = HF_NONE;
    for (uint32_t index = islands->newest; index != HF_NONE; index = at(pool, index)->older) {
        if (at(pool, index)->newer != newer || ++count > islands->count)
            return "islands: the order of growth is broken";
        newer = index;
    }
    return count == islands->count ? NULL : "islands: one is not in the order of growth";
}

const char *hf_islands_check(const struct hf_islands *islands, const struct hf_pool *pool)
{
    uint32_t count = 0, prev = HF_NONE;
    for (uint32_t index = islands->first; index != HF_NONE; index = at(pool, index)->next) {
        const struct hf_island *island = at(pool, index);
        if (island->prev != prev || ++count > islands->count)
            return "islands: list broken";
        if (island->range.from >= island->range.to)
            return "islands: an empty one";
        if (prev != HF_NONE && island->range.from <= at(pool, prev)->range.to)
            return "islands: two that touch, or not sorted";
        prev = index;
    }
    if (count != islands->count || islands->last != prev)
        return "islands: miscounted, or the last is not the last";
    return check_growth(islands, pool);
}

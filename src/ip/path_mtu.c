/*
 * The path MTU cache: few records, found through a keyed table, listed from the longest known to the newest.
 *
 * Read first: path_mtu.h.
 */
#include "path_mtu.h"

#define FORGET_NS (600 * HF_SECOND) /* RFC 1191, 6.3 */

void hf_paths_init(struct hf_paths *paths, struct hf_arena *arena, uint32_t max_paths, struct hf_key key)
{
    hf_pool_init(&paths->pool, arena, max_paths, sizeof(struct hf_path_record));
    hf_table_init(&paths->table, arena, max_paths);
    paths->key = key;
    paths->oldest = paths->newest = HF_NONE;
    paths->evicted = 0;
}

static struct hf_path_record *record_at(const struct hf_paths *paths, uint32_t index)
{
    return hf_pool_at(&paths->pool, index);
}

static uint64_t hash_of(const struct hf_paths *paths, const struct hf_addr *dst)
{
    return hf_siphash13(&paths->key, dst->bytes, sizeof dst->bytes);
}

static uint32_t find(const struct hf_paths *paths, const struct hf_addr *dst)
{
    if (paths->pool.used == 0)
        return HF_NONE;
    struct hf_probe probe;
    uint32_t index = hf_table_find(&paths->table, hash_of(paths, dst), &probe);
    while (index != HF_NONE && !hf_addr_equal(&record_at(paths, index)->dst, dst))
        index = hf_table_next(&paths->table, &probe);
    return index;
}

static void list_remove(struct hf_paths *paths, uint32_t index)
{
    const struct hf_path_record *p = record_at(paths, index);
    if (p->older == HF_NONE)
        paths->oldest = p->newer;
    else
        record_at(paths, p->older)->newer = p->newer;
    if (p->newer == HF_NONE)
        paths->newest = p->older;
    else
        record_at(paths, p->newer)->older = p->older;
}

static void list_add(struct hf_paths *paths, uint32_t index)
{
    struct hf_path_record *p = record_at(paths, index);
    p->older = paths->newest;
    p->newer = HF_NONE;
    if (paths->newest == HF_NONE)
        paths->oldest = index;
    else
        record_at(paths, paths->newest)->newer = index;
    paths->newest = index;
}

static void forget(struct hf_paths *paths, uint32_t index)
{
    list_remove(paths, index);
    hf_table_remove(&paths->table, hash_of(paths, &record_at(paths, index)->dst), index);
    hf_pool_give(&paths->pool, index);
}

/* Every record lives equally long, so the oldest one's time is over first. */
static void forget_old(struct hf_paths *paths, hf_time now)
{
    while (paths->oldest != HF_NONE && hf_time_reached(now, record_at(paths, paths->oldest)->forget_at))
        forget(paths, paths->oldest);
}

static uint32_t add(struct hf_paths *paths, const struct hf_addr *dst)
{
    if (hf_pool_available(&paths->pool) == 0 && paths->oldest != HF_NONE) {
        forget(paths, paths->oldest);
        paths->evicted++;
    }
    uint32_t index = hf_pool_take(&paths->pool);
    if (index == HF_NONE)
        return HF_NONE;
    *record_at(paths, index) = (struct hf_path_record){.dst = *dst, .mtu = UINT16_MAX};
    hf_table_add(&paths->table, hash_of(paths, dst), index);
    list_add(paths, index);
    return index;
}

struct hf_path_mtu hf_paths_find(const struct hf_paths *paths, const struct hf_addr *dst, uint16_t link_mtu, hf_time now)
{
    uint32_t index = find(paths, dst);
    if (index == HF_NONE || hf_time_reached(now, record_at(paths, index)->forget_at))
        return (struct hf_path_mtu){.mtu = link_mtu};
    const struct hf_path_record *p = record_at(paths, index);
    return (struct hf_path_mtu){.mtu = HF_MIN(p->mtu, link_mtu), .may_fragment = p->may_fragment};
}

/* A larger size than the one known is no news (RFC 1191, 4), and one that no IPv6 path may have is none (RFC 8201, 4). */
bool hf_paths_lower(struct hf_paths *paths, const struct hf_addr *dst, uint16_t reported, uint16_t link_mtu, hf_time now)
{
    bool is_v4 = hf_addr_is_v4(dst);
    if (!is_v4 && reported < HF_PATH_MTU_FLOOR_V6)
        return false;
    bool may_fragment = is_v4 && reported < HF_PATH_MTU_FLOOR_V4;
    uint16_t mtu = may_fragment ? HF_PATH_MTU_FLOOR_V4 : reported;
    forget_old(paths, now);
    struct hf_path_mtu before = hf_paths_find(paths, dst, link_mtu, now);
    if (mtu > before.mtu || (mtu == link_mtu && !may_fragment))
        return false;
    uint32_t index = find(paths, dst);
    if (index == HF_NONE)
        index = add(paths, dst);
    if (index == HF_NONE)
        return false;
    struct hf_path_record *p = record_at(paths, index);
    list_remove(paths, index);
    list_add(paths, index);
    p->mtu = mtu;
    p->may_fragment = p->may_fragment || may_fragment;
    p->forget_at = hf_time_add(now, FORGET_NS);
    return mtu < before.mtu || (may_fragment && !before.may_fragment);
}

const char *hf_paths_check(const struct hf_paths *paths)
{
    uint32_t count = 0;
    hf_time before = {INT64_MIN};
    for (uint32_t index = paths->oldest; index != HF_NONE; index = record_at(paths, index)->newer) {
        const struct hf_path_record *p = record_at(paths, index);
        if (++count > paths->pool.used)
            return "more paths are listed than taken";
        if (hf_time_before(p->forget_at, before))
            return "the list of paths is out of order";
        before = p->forget_at;
        if (p->mtu < (hf_addr_is_v4(&p->dst) ? HF_PATH_MTU_FLOOR_V4 : HF_PATH_MTU_FLOOR_V6))
            return "a path MTU lies below its floor";
        if (find(paths, &p->dst) != index)
            return "a listed path is not in the table";
    }
    return count == paths->pool.used && count == paths->table.used ? NULL : "fewer paths are listed than taken";
}

/*
 * What has arrived beyond a hole against a bit for each byte. Input is a list of 4-byte commands. Held true: the set and the
 * bits agree after every command; a refused addition changes nothing and is refused only when the pool is short; the range
 * that grew last is told first, each once; the pool holds what the set has, no more.
 */
#include "../src/base/islands.h"
#include "bits.h"

#define ROOM 128u
#define MOST (ROOM / 2)

static struct {
    struct hf_pool pool;
    _Alignas(64) uint8_t memory[ROOM * sizeof(struct hf_island) + 64];
} space;
static struct hf_islands islands;

static void compare(void)
{
    bool seen[SPAN + 1] = {false};
    require_sound(hf_islands_check(&islands, &space.pool));
    for (uint32_t index = islands.first; index != HF_NONE;) {
        const struct hf_island *island = hf_pool_at(&space.pool, index);
        for (uint64_t at = island->range.from; at < island->range.to; at++)
            seen[at - origin] = true;
        index = island->next;
    }
    require(memcmp(seen, bits, sizeof bits) == 0);
    require(islands.count == count_islands());
    require(space.pool.used == islands.count);
}

static void add(unsigned from, unsigned to)
{
    bool before[SPAN + 1];
    set_bits(from, to, before);
    struct hf_range newest;
    if (!hf_islands_add(&islands, &space.pool, origin + from, origin + to)) {
        require(count_islands() > MOST);
        memcpy(bits, before, sizeof bits);
        return;
    }
    if (from < to) {
        require(hf_islands_recent(&islands, &space.pool, &newest, 1) == 1);
        require(newest.from <= origin + from && newest.to >= origin + to);
    }
}

/* What is told of a stretch is the first part of it that is there. */
static void ask(unsigned from, unsigned to)
{
    struct hf_range part;
    unsigned first = from, end;
    while (first < to && !bits[first])
        first++;
    for (end = first; end < to && bits[end];)
        end++;
    bool is_there = hf_islands_overlap(&islands, &space.pool, origin + from, origin + to, &part);
    require(is_there == (first < to));
    if (is_there)
        require(part.from == origin + first && part.to == origin + end);
}

/* Each range is told once, and none that is not there. */
static void tell(unsigned most)
{
    struct hf_range out[MOST + 1];
    most %= MOST + 2;
    unsigned count = hf_islands_recent(&islands, &space.pool, out, most);
    require(count == (most < islands.count ? most : islands.count));
    for (unsigned i = 0; i < count; i++) {
        for (uint64_t at = out[i].from; at < out[i].to; at++)
            require(bits[at - origin]);
        for (unsigned j = 0; j < i; j++)
            require(out[i].from != out[j].from);
    }
}

static void one(struct input *in)
{
    uint8_t choice = in8(in);
    unsigned from = (unsigned)(choice >> 4 << 6 | (in8(in) & 63)), len = in8(in);
    unsigned to = from + len < SPAN ? from + len : SPAN;
    switch (choice & 7) {
    case 0:
        ask(from, to);
        break;
    case 1:
        hf_islands_remove_below(&islands, &space.pool, origin + from);
        memset(bits, 0, from);
        break;
    case 2:
        hf_islands_remove_above(&islands, &space.pool, origin + from);
        memset(bits + from, 0, SPAN - from);
        break;
    case 3:
        tell(len);
        break;
    default:
        add(from, to);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    origin = in8(&in) & 1 ? UINT64_MAX - SPAN : UINT32_MAX - SPAN / 2;
    memset(bits, 0, sizeof bits);
    struct hf_arena arena = {.base = space.memory};
    hf_pool_init(&space.pool, &arena, ROOM, sizeof(struct hf_island));
    hf_islands_init(&islands);
    for (unsigned i = 0; in.left > 0 && i < 1000; i++) {
        one(&in);
        compare();
    }
    return 0;
}

/* A bounded set of byte ranges. See ranges.h. */
#include "ranges.h"

void hf_ranges_init(struct hf_ranges *ranges)
{
    ranges->count = 0;
}

/* Index of the first range that ends at or after `from`: the first that [from, ...) can touch. */
static uint32_t first_touching(const struct hf_ranges *ranges, uint64_t from)
{
    uint32_t low = 0, high = ranges->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (ranges->item[middle].to < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Replaces the ranges [at, at + gone) by room for `come` others. */
static void shift(struct hf_ranges *ranges, uint32_t at, uint32_t gone, uint32_t come)
{
    uint32_t behind = ranges->count - at - gone;
    memmove(&ranges->item[at + come], &ranges->item[at + gone], behind * sizeof ranges->item[0]);
    ranges->count = ranges->count - gone + come;
}

bool hf_ranges_add(struct hf_ranges *ranges, uint64_t from, uint64_t to)
{
    if (from >= to)
        return true;
    uint32_t first = first_touching(ranges, from), last = first;
    while (last < ranges->count && ranges->item[last].from <= to)
        last++;
    if (first == last && ranges->count == HF_RANGES_CAP)
        return false;
    if (first < last) {
        from = HF_MIN(from, ranges->item[first].from);
        to = HF_MAX(to, ranges->item[last - 1].to);
    }
    shift(ranges, first, last - first, 1);
    ranges->item[first] = (struct hf_range){from, to};
    return true;
}

bool hf_ranges_has(const struct hf_ranges *ranges, uint64_t from, uint64_t to)
{
    if (from >= to)
        return true;
    uint32_t at = first_touching(ranges, from + 1);
    return at < ranges->count && ranges->item[at].from <= from && ranges->item[at].to >= to;
}

const char *hf_ranges_check(const struct hf_ranges *ranges)
{
    if (ranges->count > HF_RANGES_CAP)
        return "ranges: more than the array holds";
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (ranges->item[i].from >= ranges->item[i].to)
            return "ranges: an empty one";
        if (i > 0 && ranges->item[i].from <= ranges->item[i - 1].to)
            return "ranges: two that touch, or not sorted";
    }
    return NULL;
}

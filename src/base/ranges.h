/*
 * A small set of byte ranges [from, to), sorted, never touching, at most HF_RANGES_CAP of them: what is there of a datagram.
 * What is there of a stream can be far more: islands.h.
 */
#ifndef HF_BASE_RANGES_H
#define HF_BASE_RANGES_H

#include "base.h"

#define HF_RANGES_CAP 64

struct hf_range {
    uint64_t from, to;
};

struct hf_ranges {
    uint32_t count;
    struct hf_range item[HF_RANGES_CAP];
};

void hf_ranges_init(struct hf_ranges *ranges);

/* Adds [from, to), joining what it touches. False, and nothing changed, when that needs one range too many. */
bool hf_ranges_add(struct hf_ranges *ranges, uint64_t from, uint64_t to);

/* True when every byte of [from, to) is in the set. */
bool hf_ranges_has(const struct hf_ranges *ranges, uint64_t from, uint64_t to);

/* NULL when sorted, disjoint, not empty and within bounds, else what is wrong. */
const char *hf_ranges_check(const struct hf_ranges *ranges);

#endif

/*
 * A set of byte ranges [from, to) of a stream, sorted, never touching, at most HF_RANGES_CAP of them. It says which
 * out-of-order bytes are there; SACK blocks are read off it. The range that grew last is remembered, since RFC 2018
 * wants it reported first, then the one before it, and so on: `recent` holds the order.
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
    uint32_t clock;                  /* grows with each addition */
    uint32_t changed[HF_RANGES_CAP]; /* the clock at which item[i] last grew */
    struct hf_range item[HF_RANGES_CAP];
};

void hf_ranges_init(struct hf_ranges *ranges);

/* Adds [from, to), joining what it touches. False, and nothing changed, when that needs one range too many. */
bool hf_ranges_add(struct hf_ranges *ranges, uint64_t from, uint64_t to);

/* Forgets everything below `to`. */
void hf_ranges_remove_below(struct hf_ranges *ranges, uint64_t to);
/* Forgets everything at and above `from`. */
void hf_ranges_remove_above(struct hf_ranges *ranges, uint64_t from);

/* True when every byte of [from, to) is in the set. */
bool hf_ranges_has(const struct hf_ranges *ranges, uint64_t from, uint64_t to);

/* The first part of [from, to) that is in the set, into *out; false when nothing of it is. */
bool hf_ranges_overlap(const struct hf_ranges *ranges, uint64_t from, uint64_t to, struct hf_range *out);

/* Up to `max` ranges, the one that changed last first. Returns how many. */
unsigned hf_ranges_recent(const struct hf_ranges *ranges, struct hf_range *out, unsigned max);

/* NULL when sorted, disjoint, not empty and within bounds, else what is wrong. */
const char *hf_ranges_check(const struct hf_ranges *ranges);

#endif

/*
 * Sequence numbers: 32 bits that wrap, compared by distance (RFC 9293, 3.4). A struct, so that `a < b` does not compile.
 *
 * The chains are named as the RFC writes them: hf_seq_lt_le(una, ack, nxt) reads "SND.UNA < SEG.ACK =< SND.NXT".
 */
#ifndef HF_BASE_SEQ_H
#define HF_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hf_seq {
    uint32_t n;
} hf_seq;

static inline hf_seq hf_seq_of(uint32_t n) { return (hf_seq){n}; }
static inline hf_seq hf_seq_add(hf_seq a, uint32_t by) { return (hf_seq){a.n + by}; }
static inline hf_seq hf_seq_sub(hf_seq a, uint32_t by) { return (hf_seq){a.n - by}; }
/* How far `a` lies beyond `b`; negative when before it. */
static inline int32_t hf_seq_diff(hf_seq a, hf_seq b) { return (int32_t)(a.n - b.n); }
static inline bool hf_seq_eq(hf_seq a, hf_seq b) { return a.n == b.n; }
static inline bool hf_seq_lt(hf_seq a, hf_seq b) { return hf_seq_diff(a, b) < 0; }
static inline bool hf_seq_le(hf_seq a, hf_seq b) { return hf_seq_diff(a, b) <= 0; }
static inline bool hf_seq_gt(hf_seq a, hf_seq b) { return hf_seq_diff(a, b) > 0; }
static inline bool hf_seq_ge(hf_seq a, hf_seq b) { return hf_seq_diff(a, b) >= 0; }
static inline hf_seq hf_seq_max(hf_seq a, hf_seq b) { return hf_seq_gt(a, b) ? a : b; }
static inline hf_seq hf_seq_min(hf_seq a, hf_seq b) { return hf_seq_lt(a, b) ? a : b; }

/* low < x =< high, and so on: distances from `low`, so the chain is right across the wrap for any span below 2^32. */
static inline bool hf_seq_lt_le(hf_seq low, hf_seq x, hf_seq high)
{
    return x.n - low.n - 1 < high.n - low.n;
}
static inline bool hf_seq_le_lt(hf_seq low, hf_seq x, hf_seq high)
{
    return x.n - low.n < high.n - low.n;
}
static inline bool hf_seq_le_le(hf_seq low, hf_seq x, hf_seq high)
{
    return x.n - low.n <= high.n - low.n;
}

#endif

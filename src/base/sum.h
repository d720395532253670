/*
 * The sum behind the Internet checksum (RFC 1071), in two steps: sums that may be added in any order, and the final
 * complement.
 *
 * A sum here is a uint32_t holding a 16-bit ones'-complement sum of 16-bit words read in native byte order and folded;
 * sums are joined with hf_sum_add. Ones'-complement addition does not care about byte order as long as one is kept.
 */
#ifndef HF_BASE_SUM_H
#define HF_BASE_SUM_H

#include "base.h"

/* Carries go round (RFC 1071, 1). */
static inline uint32_t hf_sum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = (sum & 0xffffu) + (sum >> 16);
    return (uint32_t)((sum & 0xffffu) + (sum >> 16));
}

/* Adds `count` words of 32 bits to a sum not yet folded: for headers, without a call and with one fold for all. */
static inline uint64_t hf_sum_words(uint64_t sum, const void *data, unsigned count)
{
    const uint8_t *at = data;
    for (uint32_t word; count > 0; count--, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum += word;
    }
    return sum;
}

/* The folded sum of `len` bytes; an odd last byte is padded with zero. */
uint32_t hf_sum(const uint8_t *data, size_t len);
/* Copies and sums in one pass. */
uint32_t hf_sum_copy(uint8_t *restrict out, const uint8_t *restrict data, size_t len);

static inline uint32_t hf_sum_add(uint32_t a, uint32_t b)
{
    uint32_t s = a + b;
    return (s & 0xffff) + (s >> 16);
}
/* The sum of a part that begins at an odd position of the whole. */
static inline uint32_t hf_sum_odd(uint32_t s) { return ((s & 0xff) << 8) | ((s >> 8) & 0xff); }

/* The complement, ready to be stored with memcpy: native order holds because the sum was native. */
static inline uint16_t hf_sum_finish(uint32_t s)
{
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

#endif

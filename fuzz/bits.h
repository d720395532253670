/* A set of byte ranges as a bit for each byte: what the sets of src/base are compared with. */
#ifndef HF_FUZZ_BITS_H
#define HF_FUZZ_BITS_H

#include "fuzz.h"

#define SPAN 1024u

static bool bits[SPAN + 1]; /* one more, always clear */
static uint64_t origin;     /* the first one's number */

static inline unsigned count_islands(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SPAN; i++)
        count += bits[i] && !bits[i + 1];
    return count;
}

/* Sets [from, to), and remembers what there was before. */
static inline void set_bits(unsigned from, unsigned to, bool before[SPAN + 1])
{
    memcpy(before, bits, sizeof bits);
    for (unsigned i = from; i < to; i++)
        bits[i] = true;
}

#endif

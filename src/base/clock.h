/* Coarser clocks than the engine's: of timestamps, initial sequence numbers, ages, and of secrets that rotate. */
#ifndef HF_BASE_CLOCK_H
#define HF_BASE_CLOCK_H

#include "../../include/handfast/types.h"

/* Rounded down before zero too: where time begins is the embedder's affair, and no clock may jump where it passes zero. */
static inline int64_t hf_ticks_of(hf_time at, hf_ns tick)
{
    int64_t ticks = at.ns / tick;
    return ticks - (at.ns < ticks * tick);
}

/* They wrap, after 49 days and after 71 minutes. */
static inline uint32_t hf_ms_of(hf_time at) { return (uint32_t)hf_ticks_of(at, HF_MS); }
static inline uint32_t hf_us_of(hf_time at) { return (uint32_t)hf_ticks_of(at, HF_US); }

#endif

/* The millisecond clock: of timestamps (RFC 7323, 5.4) and of ages that need no finer one. It wraps. */
#ifndef HF_BASE_CLOCK_H
#define HF_BASE_CLOCK_H

#include "../../include/handfast/types.h"

/* Rounded down, before zero as well: where the embedder's clock begins is his affair, and this one MUST not jump there. */
static inline uint32_t hf_ms_of(hf_time at)
{
    int64_t ms = at.ns / HF_MS;
    return (uint32_t)(ms - (at.ns < ms * HF_MS));
}

#endif

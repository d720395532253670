/*
 * What every layer uses: "no index", assertions, small arithmetic.
 *
 * HF_NONE is the index that names nothing; every pool, table and list speaks it.
 */
#ifndef HF_BASE_BASE_H
#define HF_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HF_NONE UINT32_MAX

#define HF_MIN(a, b) ((a) < (b) ? (a) : (b))
#define HF_MAX(a, b) ((a) > (b) ? (a) : (b))
#define HF_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Assertions are about us; the wire is never asserted. Debug builds (HF_DEBUG) abort, release builds say nothing. */
#ifdef HF_DEBUG
void abort(void);
#define hf_assert(holds) ((holds) ? (void)0 : abort())
#else
#define hf_assert(holds) ((void)(0 && (holds)))
#endif

#if defined(__GNUC__)
#define HF_LIKELY(x) __builtin_expect(!!(x), 1)
#define HF_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HF_WARN_UNUSED __attribute__((warn_unused_result))
#else
#define HF_LIKELY(x) (x)
#define HF_UNLIKELY(x) (x)
#define HF_WARN_UNUSED
#endif

#endif

/* What the tests of src/ip share: memory for one table at a time, addresses by their text, and virtual time. */
#ifndef TESTS_UNIT_IP_FIXTURE_H
#define TESTS_UNIT_IP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../include/handfast/engine.h"
#include "../../include/handfast/reasons.h"
#include "../../src/base/arena.h"

/*
 * A fresh block of zeroed memory that begins with a record of this size, the rest being the arena to carve from: pools
 * find their items by the distance from themselves, so both belong into one block. The block before it is gone.
 */
static inline void *fresh_block(size_t record_size, struct hf_arena *arena)
{
    static _Alignas(64) uint8_t memory[1 << 20];
    memset(memory, 0, sizeof memory);
    *arena = (struct hf_arena){.base = memory};
    return hf_arena_carve(arena, 1, record_size);
}

static inline struct hf_addr addr(const char *text)
{
    struct hf_addr a = {{0}};
    if (!hf_addr_parse(text, &a))
        fail_msg("%s is not an address", text);
    return a;
}

static inline hf_time at_ms(int64_t ms)
{
    return (hf_time){ms * HF_MS};
}

#endif

/*
 * Two byte streams over one pool of blocks, against plain arrays. Input is a list of small commands. Held true: what is
 * read is what was written there; a short write means that the pool was out; blocks are counted right; in the end none
 * is missing.
 */
#include "../src/base/base.h"
#include "../src/base/stream.h"
#include "../src/base/sum.h"
#include "fuzz.h"

#define BLOCK  256u
#define BLOCKS 12
#define SPAN   8192u

struct model {
    struct hf_stream stream;
    uint8_t bytes[SPAN];
    bool is_known[SPAN];
    uint32_t low; /* nothing below is to be written */
};

static struct world {
    struct hf_blocks blocks;
    struct model model[2];
    uint64_t origin; /* of both, a multiple of BLOCK */
} * w;

static _Alignas(64) uint8_t memory[sizeof(struct world) + BLOCKS * (BLOCK + 64) + 256];

/* Where the block that holds an offset begins. */
static uint32_t block_of(uint32_t at)
{
    return at / BLOCK * BLOCK;
}

static void forget(struct model *m, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to && i < SPAN; i++)
        m->is_known[i] = false;
}

static void write_some(struct model *m, struct input *in, uint32_t at, uint32_t len)
{
    static uint8_t text[SPAN];
    at = HF_MAX(at, m->low);
    len = HF_MIN(len, SPAN - at);
    fill_text(text, in8(in) * 31u + at, len);
    uint32_t written = hf_stream_write(&m->stream, &w->blocks, w->origin + at, text, len);
    require(written == len || hf_pool_available(&w->blocks.pool) == 0);
    memcpy(m->bytes + at, text, written);
    memset(m->is_known + at, true, written);
}

static void lend_room(struct model *m, uint32_t at, uint32_t len)
{
    uint8_t *room;
    at = HF_MAX(at, m->low);
    if (at >= SPAN)
        return;
    uint32_t there = hf_stream_room(&m->stream, &w->blocks, w->origin + at);
    uint32_t lent = hf_stream_lend_room(&m->stream, &w->blocks, w->origin + at, &room);
    require(there == 0 || there == lent);
    require(lent == 0 ? hf_pool_available(&w->blocks.pool) == 0 : lent == BLOCK - at % BLOCK);
    len = HF_MIN(len, lent);
    if (len == 0)
        return;
    memset(room, (int)len, len);
    memset(m->bytes + at, (int)len, len);
    memset(m->is_known + at, true, len);
}

/* Reads as much from `at` as is known, in the way asked for. */
static void read_some(struct model *m, uint32_t at, uint32_t len, unsigned way)
{
    static uint8_t out[SPAN];
    const uint8_t *lent;
    uint32_t known = 0;
    while (known < len && at + known < SPAN && m->is_known[at + known])
        known++;
    if (known == 0)
        return;
    if (way == 0) {
        uint32_t part = hf_stream_lend(&m->stream, &w->blocks, w->origin + at, w->origin + at + known, &lent);
        require(part == HF_MIN(known, BLOCK - at % BLOCK) && memcmp(lent, m->bytes + at, part) == 0);
        return;
    }
    if (way == 1) {
        hf_stream_read(&m->stream, &w->blocks, w->origin + at, out, known);
    } else {
        uint32_t sum = hf_stream_read_sum(&m->stream, &w->blocks, w->origin + at, out, known);
        require(hf_sum_finish(sum) == hf_sum_finish(hf_sum(m->bytes + at, known)));
    }
    require(memcmp(out, m->bytes + at, known) == 0);
}

static void one(struct input *in)
{
    uint8_t choice = in8(in);
    struct model *m = &w->model[choice >> 7];
    uint32_t at = (in8(in) << 5 | (choice >> 3 & 15)) % SPAN, len = in8(in) * 5u;
    switch (choice & 7) {
    case 0:
    case 1:
        write_some(m, in, at, len);
        break;
    case 2:
        lend_room(m, at, len);
        break;
    case 3:
        hf_stream_drop_below(&m->stream, &w->blocks, w->origin + at);
        forget(m, 0, block_of(at));
        m->low = HF_MAX(m->low, block_of(at));
        break;
    case 4:
        hf_stream_drop_above(&m->stream, &w->blocks, w->origin + at);
        forget(m, at % BLOCK == 0 ? at : block_of(at) + BLOCK, SPAN);
        break;
    default:
        read_some(m, at, len, (choice & 7) - 5);
        break;
    }
}

static void check(void)
{
    uint32_t held = 0;
    for (int i = 0; i < 2; i++) {
        require_sound(hf_stream_check(&w->model[i].stream, &w->blocks));
        held += w->model[i].stream.count;
    }
    require(held == w->blocks.pool.used && held <= BLOCKS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct hf_arena arena = {.base = memory};
    memset(memory, 0, sizeof memory);
    w = hf_arena_carve(&arena, 1, sizeof *w);
    hf_blocks_init(&w->blocks, &arena, BLOCKS, BLOCK);
    require(arena.used <= sizeof memory);
    w->origin = in8(&in) & 1 ? ((uint64_t)1 << 32) - SPAN / 2 : 0;
    for (int i = 0; i < 2; i++)
        hf_stream_init(&w->model[i].stream);
    for (unsigned i = 0; in.left > 0 && i < 1000; i++) {
        one(&in);
        check();
    }
    for (int i = 0; i < 2; i++)
        hf_stream_clear(&w->model[i].stream, &w->blocks);
    check();
    require(w->blocks.pool.used == 0);
    return 0;
}

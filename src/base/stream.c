/*
 * Byte streams over pooled blocks. See stream.h.
 *
 *     first <-> ... <-> cursor <-> ... <-> last        each block: links, base offset, block_len bytes
 */
#include "stream.h"
#include "sum.h"

struct block {
    uint32_t next, prev;
    uint64_t base; /* offset of its first byte, a multiple of block_len */
    uint8_t data[];
};

void hf_blocks_init(struct hf_blocks *blocks, struct hf_arena *arena, uint32_t capacity, uint32_t block_len)
{
    hf_pool_init(&blocks->pool, arena, capacity, (uint32_t)sizeof(struct block) + block_len);
    blocks->block_len = block_len;
}

void hf_stream_init(struct hf_stream *stream)
{
    *stream = (struct hf_stream){.first = HF_NONE, .last = HF_NONE, .cursor = HF_NONE};
}

static struct block *block_at(const struct hf_blocks *blocks, uint32_t index)
{
    return hf_pool_at(&blocks->pool, index);
}

/* The last block whose base is at most `base`, or HF_NONE; looked for from the cursor, which it then is. */
static uint32_t seek(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t base)
{
    uint32_t index = stream->cursor == HF_NONE ? stream->first : stream->cursor;
    while (index != HF_NONE && block_at(blocks, index)->base > base)
        index = block_at(blocks, index)->prev;
    while (index != HF_NONE) {
        uint32_t next = block_at(blocks, index)->next;
        if (next == HF_NONE || block_at(blocks, next)->base > base)
            break;
        index = next;
    }
    if (index != HF_NONE)
        stream->cursor = index;
    return index;
}

/* Most often the block that is asked for is the one that was last: NULL when it is not. */
static struct block *at_cursor(const struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at)
{
    if (stream->cursor == HF_NONE)
        return NULL;
    struct block *block = block_at(blocks, stream->cursor);
    return at - block->base < blocks->block_len ? block : NULL; /* before it, the difference is very large */
}

static void link_behind(struct hf_stream *stream, const struct hf_blocks *blocks, uint32_t index, uint32_t before)
{
    struct block *block = block_at(blocks, index);
    block->prev = before;
    block->next = before == HF_NONE ? stream->first : block_at(blocks, before)->next;
    if (before == HF_NONE)
        stream->first = index;
    else
        block_at(blocks, before)->next = index;
    if (block->next == HF_NONE)
        stream->last = index;
    else
        block_at(blocks, block->next)->prev = index;
    stream->count++;
}

/* The block that holds offset `at`, taken if it is not there yet; NULL when the pool is out. */
static struct block *obtain(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t at)
{
    struct block *block = at_cursor(stream, blocks, at);
    if (block != NULL)
        return block;
    uint64_t base = at & ~(uint64_t)(blocks->block_len - 1);
    uint32_t before = seek(stream, blocks, base);
    if (before != HF_NONE && block_at(blocks, before)->base == base)
        return block_at(blocks, before);
    uint32_t index = hf_pool_take(&blocks->pool);
    if (index == HF_NONE)
        return NULL;
    block = block_at(blocks, index);
    block->base = base;
    link_behind(stream, blocks, index, before);
    stream->cursor = index;
    return block;
}

/* The block that holds offset `at` and must be there. */
static struct block *find(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at)
{
    struct block *block = at_cursor(stream, blocks, at);
    if (block != NULL)
        return block;
    uint32_t index = seek(stream, blocks, at);
    hf_assert(index != HF_NONE && at - block_at(blocks, index)->base < blocks->block_len);
    return block_at(blocks, index);
}

uint32_t hf_stream_write(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t at, const uint8_t *data,
                         uint32_t len)
{
    uint32_t written = 0;
    while (written < len) {
        struct block *block = obtain(stream, blocks, at + written);
        if (block == NULL)
            break;
        uint32_t skip = (uint32_t)(at + written - block->base);
        uint32_t piece = HF_MIN(len - written, blocks->block_len - skip);
        memcpy(block->data + skip, data + written, piece);
        written += piece;
    }
    return written;
}

void hf_stream_read(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at, uint8_t *out, uint32_t len)
{
    while (len > 0) {
        const struct block *block = find(stream, blocks, at);
        uint32_t skip = (uint32_t)(at - block->base);
        uint32_t piece = HF_MIN(len, blocks->block_len - skip);
        memcpy(out, block->data + skip, piece);
        at += piece;
        out += piece;
        len -= piece;
    }
}

uint32_t hf_stream_read_sum(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at, uint8_t *out,
                            uint32_t len)
{
    uint32_t sum = 0;
    bool odd = false;
    while (len > 0) {
        const struct block *block = find(stream, blocks, at);
        uint32_t skip = (uint32_t)(at - block->base);
        uint32_t piece = HF_MIN(len, blocks->block_len - skip);
        uint32_t part = hf_sum_copy(out, block->data + skip, piece);
        sum = hf_sum_add(sum, odd ? hf_sum_odd(part) : part);
        odd ^= piece & 1;
        at += piece;
        out += piece;
        len -= piece;
    }
    return sum;
}

uint32_t hf_stream_lend_room(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t at, uint8_t **data)
{
    struct block *block = obtain(stream, blocks, at);
    if (block == NULL)
        return 0;
    uint32_t skip = (uint32_t)(at - block->base);
    *data = block->data + skip;
    return blocks->block_len - skip;
}

uint32_t hf_stream_room(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at)
{
    const struct block *block = at_cursor(stream, blocks, at);
    if (block != NULL)
        return blocks->block_len - (uint32_t)(at - block->base);
    uint32_t index = seek(stream, blocks, at);
    if (index == HF_NONE || at - block_at(blocks, index)->base >= blocks->block_len)
        return 0;
    return blocks->block_len - (uint32_t)(at - block_at(blocks, index)->base);
}

uint32_t hf_stream_lend(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at, uint64_t end,
                        const uint8_t **data)
{
    const struct block *block = find(stream, blocks, at);
    uint32_t skip = (uint32_t)(at - block->base);
    *data = block->data + skip;
    return (uint32_t)HF_MIN(end - at, (uint64_t)(blocks->block_len - skip));
}

static void give_back(struct hf_stream *stream, struct hf_blocks *blocks, uint32_t index)
{
    struct block *block = block_at(blocks, index);
    if (block->prev == HF_NONE)
        stream->first = block->next;
    else
        block_at(blocks, block->prev)->next = block->next;
    if (block->next == HF_NONE)
        stream->last = block->prev;
    else
        block_at(blocks, block->next)->prev = block->prev;
    if (stream->cursor == index)
        stream->cursor = block->next != HF_NONE ? block->next : block->prev;
    stream->count--;
    hf_pool_give(&blocks->pool, index);
}

void hf_stream_drop_below(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t upto)
{
    while (stream->first != HF_NONE && block_at(blocks, stream->first)->base + blocks->block_len <= upto)
        give_back(stream, blocks, stream->first);
}

void hf_stream_drop_above(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t from)
{
    while (stream->last != HF_NONE && block_at(blocks, stream->last)->base >= from)
        give_back(stream, blocks, stream->last);
}

void hf_stream_clear(struct hf_stream *stream, struct hf_blocks *blocks)
{
    for (uint32_t index = stream->first; index != HF_NONE;) {
        uint32_t next = block_at(blocks, index)->next;
        hf_pool_give(&blocks->pool, index);
        index = next;
    }
    hf_stream_init(stream);
}

const char *hf_stream_check(const struct hf_stream *stream, const struct hf_blocks *blocks)
{
    uint32_t count = 0, prev = HF_NONE;
    bool cursor_seen = stream->cursor == HF_NONE;
    for (uint32_t index = stream->first; index != HF_NONE; index = block_at(blocks, index)->next) {
        const struct block *block = block_at(blocks, index);
        if (block->prev != prev)
            return "stream: chain broken";
        if (block->base % blocks->block_len != 0)
            return "stream: a block off its grid";
        if (prev != HF_NONE && block->base <= block_at(blocks, prev)->base)
            return "stream: blocks not sorted";
        cursor_seen |= index == stream->cursor;
        prev = index;
        if (++count > stream->count)
            return "stream: more blocks than counted";
    }
    if (count != stream->count || stream->last != prev)
        return "stream: count or last is wrong";
    return cursor_seen ? NULL : "stream: cursor outside the chain";
}

/*
 * A byte stream over pooled blocks, addressed by 64-bit offset: the send buffer and the receive buffer.
 *
 * A block of B bytes covers the offsets [k*B, (k+1)*B) for its k, so a byte has one possible place and, once written,
 * in or out of order, is never moved. The chain is sorted, doubly linked and may have gaps (offsets nobody wrote). A
 * cursor remembers the last block found, which makes sequential access O(1) however long the chain.
 *
 * What is valid within the blocks is the owner's knowledge (SND.UNA.., RCV.NXT, struct hf_ranges), not the stream's.
 */
#ifndef HF_BASE_STREAM_H
#define HF_BASE_STREAM_H

#include "pool.h"

/* The blocks of all streams of an engine. */
struct hf_blocks {
    struct hf_pool pool;
    uint32_t block_len; /* bytes of payload per block, a power of two */
};

void hf_blocks_init(struct hf_blocks *blocks, struct hf_arena *arena, uint32_t capacity, uint32_t block_len);

struct hf_stream {
    uint32_t first, last; /* block indices, HF_NONE when empty */
    uint32_t cursor;
    uint32_t count; /* blocks held */
};

void hf_stream_init(struct hf_stream *stream);

/* Copies `len` bytes to offset `at`, taking blocks as needed. Returns how many bytes were written: fewer than `len`
 * when the pool ran out. Offsets below the first retained block MUST NOT be written. */
uint32_t hf_stream_write(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t at, const uint8_t *data,
                         uint32_t len);

/* Copies out `len` bytes from `at`; every byte MUST have been written. */
void hf_stream_read(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at, uint8_t *out, uint32_t len);

/* The same, returning also the ones'-complement sum (hf_sum convention of wire/checksum.h: a running 16-bit-word sum in
 * native order, folded to 16 bits, of the bytes as if they began at an even position). One pass over the data. */
uint32_t hf_stream_read_sum(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at, uint8_t *out,
                            uint32_t len);

/* Lends the room from `at` to its block's end, taking that block if it is not there. Returns 0 when the pool is out. */
uint32_t hf_stream_lend_room(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t at, uint8_t **data);

/* Bytes from `at` to its block's end when that block is there, else 0: what fits without taking another. */
uint32_t hf_stream_room(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at);

/* Lends the bytes from `at` to its block's end or `end`, whichever is first. */
uint32_t hf_stream_lend(struct hf_stream *stream, const struct hf_blocks *blocks, uint64_t at, uint64_t end,
                        const uint8_t **data);

/* Gives back every block that lies wholly below `upto`. */
void hf_stream_drop_below(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t upto);
/* Gives back every block that lies wholly at or above `from`. */
void hf_stream_drop_above(struct hf_stream *stream, struct hf_blocks *blocks, uint64_t from);
/* Gives back all. */
void hf_stream_clear(struct hf_stream *stream, struct hf_blocks *blocks);

const char *hf_stream_check(const struct hf_stream *stream, const struct hf_blocks *blocks);

#endif

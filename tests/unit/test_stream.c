/* src/base/stream.c: byte streams over pooled blocks. */
#include "ip_fixture.h"

#include "../../src/base/base.h"
#include "../../src/base/stream.h"
#include "../../src/base/sum.h"

#define BLOCK  256u
#define BLOCKS 8

static struct fixture {
    struct hf_blocks blocks;
    struct hf_stream stream;
} * f;

static uint8_t text[4096], out[4096];

static int fresh(void **state)
{
    (void)state;
    struct hf_arena arena;
    f = fresh_block(sizeof *f, &arena);
    hf_blocks_init(&f->blocks, &arena, BLOCKS, BLOCK);
    hf_stream_init(&f->stream);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i % 1024 * 31 + i % 1024 / 256);
    return 0;
}

static uint32_t write_at(uint64_t at, uint32_t len)
{
    uint32_t written = hf_stream_write(&f->stream, &f->blocks, at, text + at % 1024, len);
    assert_null(hf_stream_check(&f->stream, &f->blocks));
    return written;
}

static void expect_at(uint64_t at, uint32_t len)
{
    memset(out, 0, sizeof out);
    hf_stream_read(&f->stream, &f->blocks, at, out, len);
    assert_memory_equal(out, text + at % 1024, len);
}

static void reads_back_what_was_written(void **state)
{
    /* Bytes come back from where they were put, across the edges of blocks. */
    (void)state;
    assert_int_equal(write_at(100, 600), 600);
    expect_at(100, 600);
    expect_at(255, 2);
    expect_at(256, 256);
    assert_int_equal(f->stream.count, 3);
}

static void takes_pieces_in_any_order(void **state)
{
    /* Pieces written out of order, with gaps that are filled later, need no copying and read back whole. */
    (void)state;
    write_at(900, 100);
    write_at(0, 100);
    write_at(600, 50);
    assert_int_equal(f->stream.count, 3);
    expect_at(900, 100);
    expect_at(0, 100);
    write_at(100, 500);
    write_at(650, 250);
    expect_at(0, 1000);
    assert_int_equal(f->stream.count, 4);
}

static void stops_when_the_pool_is_out(void **state)
{
    /* A write that finds no block says how much was taken; the rest can be written when there is room. */
    (void)state;
    assert_int_equal(write_at(10, 3000), BLOCKS * BLOCK - 10);
    assert_int_equal(write_at(BLOCKS * BLOCK, 5), 0);
    hf_stream_drop_below(&f->stream, &f->blocks, 2 * BLOCK - 1);
    assert_int_equal(f->stream.count, BLOCKS - 1);
    assert_int_equal(write_at(BLOCKS * BLOCK, 300), BLOCK);
}

static void drops_whole_blocks_only(void **state)
{
    /* Dropping gives back the blocks that lie wholly beyond the line, and no other. */
    (void)state;
    write_at(0, 5 * BLOCK);
    hf_stream_drop_below(&f->stream, &f->blocks, BLOCK - 1);
    assert_int_equal(f->stream.count, 5);
    hf_stream_drop_below(&f->stream, &f->blocks, BLOCK);
    assert_int_equal(f->stream.count, 4);
    hf_stream_drop_above(&f->stream, &f->blocks, 4 * BLOCK + 1);
    assert_int_equal(f->stream.count, 4);
    hf_stream_drop_above(&f->stream, &f->blocks, 4 * BLOCK);
    assert_int_equal(f->stream.count, 3);
    expect_at(BLOCK, 3 * BLOCK);
    hf_stream_clear(&f->stream, &f->blocks);
    assert_int_equal(f->stream.count, 0);
    assert_int_equal(f->blocks.pool.used, 0);
    assert_null(hf_stream_check(&f->stream, &f->blocks));
}

static void lends_room_to_the_blocks_end(void **state)
{
    /* Lent room reaches to the end of its block, and what is put there is in the stream. */
    (void)state;
    uint8_t *room;
    const uint8_t *lent;
    assert_int_equal(hf_stream_lend_room(&f->stream, &f->blocks, 250, &room), 6);
    memcpy(room, "abcdef", 6);
    assert_int_equal(hf_stream_lend_room(&f->stream, &f->blocks, 256, &room), 256);
    memcpy(room, "gh", 2);
    hf_stream_read(&f->stream, &f->blocks, 250, out, 8);
    assert_memory_equal(out, "abcdefgh", 8);
    assert_int_equal(hf_stream_lend(&f->stream, &f->blocks, 251, 1000, &lent), 5);
    assert_memory_equal(lent, "bcdef", 5);
    assert_int_equal(hf_stream_lend(&f->stream, &f->blocks, 251, 253, &lent), 2);
    write_at(1000, BLOCKS * BLOCK);
    assert_int_equal(hf_stream_lend_room(&f->stream, &f->blocks, 5000, &room), 0);
}

static void sums_what_it_reads(void **state)
{
    /* The sum read along the way is that of the bytes, whatever the pieces, odd ones too (BUG-08). */
    (void)state;
    write_at(0, 1300);
    for (uint32_t at = 0; at < 5; at++)
        for (uint32_t len = 0; len < 1000; len += 83) {
            uint32_t sum = hf_stream_read_sum(&f->stream, &f->blocks, at + 250, out, len);
            assert_memory_equal(out, text + at + 250, len);
            assert_int_equal(hf_sum_finish(sum), hf_sum_finish(hf_sum(text + at + 250, len)));
        }
}

static void works_beyond_32_bits(void **state)
{
    /* A stream longer than 2^32 bytes goes on (BUG-19). */
    (void)state;
    uint64_t at = ((uint64_t)1 << 32) - 100;
    assert_int_equal(write_at(at, 700), 700);
    expect_at(at, 700);
    hf_stream_drop_below(&f->stream, &f->blocks, (uint64_t)1 << 32);
    expect_at((uint64_t)1 << 32, 600);
    assert_int_equal(f->stream.count, 3);
}

static void streams_do_not_mix(void **state)
{
    /* Two streams over one pool never see each other's bytes, also when blocks change hands (BUG-46). */
    (void)state;
    struct hf_stream other;
    hf_stream_init(&other);
    write_at(0, 2 * BLOCK);
    memset(out, 0xee, 2 * BLOCK);
    assert_int_equal(hf_stream_write(&other, &f->blocks, 0, out, 2 * BLOCK), 2 * BLOCK);
    expect_at(0, 2 * BLOCK);
    hf_stream_clear(&other, &f->blocks);
    write_at(2 * BLOCK, 2 * BLOCK);
    expect_at(0, 4 * BLOCK);
}

#define FRESH(test) cmocka_unit_test_setup(test, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(reads_back_what_was_written), FRESH(takes_pieces_in_any_order),    FRESH(stops_when_the_pool_is_out),
        FRESH(drops_whole_blocks_only),     FRESH(lends_room_to_the_blocks_end), FRESH(sums_what_it_reads),
        FRESH(works_beyond_32_bits),        FRESH(streams_do_not_mix),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}

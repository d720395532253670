/*
 * The TCP header: parse, write, parse again. Held true: nothing is read beyond the segment; what was read and written
 * reads back the same, but for what the writer leaves out by rule; what is written is as long as foretold.
 */
#include "../src/wire/tcp_options.h"
#include "fuzz.h"

#define SEGMENT_MOST 512

/* What hf_tcp_write puts on the wire of these: it has its rules for what stands in a SYN and what elsewhere. */
static uint8_t written_options(const struct hf_segment *seg)
{
    const uint8_t always = HF_OPT_TIMESTAMPS;
    const uint8_t in_syn = HF_OPT_MSS | HF_OPT_WSCALE | HF_OPT_SACK_OK | HF_OPT_FAST_OPEN;
    return seg->opts.present & (seg->flags & HF_TCP_SYN ? always | in_syn : always | HF_OPT_SACK);
}

static void same_options(const struct hf_segment *a, const struct hf_segment *b)
{
    const struct hf_tcp_opts *x = &a->opts, *y = &b->opts;
    require(y->present == written_options(a));
    if (y->present & HF_OPT_MSS)
        require(x->mss == y->mss);
    if (y->present & HF_OPT_WSCALE)
        require(x->wscale == y->wscale);
    if (y->present & HF_OPT_TIMESTAMPS)
        require(x->tsval == y->tsval && x->tsecr == y->tsecr);
    if (y->present & HF_OPT_FAST_OPEN)
        require(x->cookie_len == y->cookie_len && memcmp(x->cookie, y->cookie, x->cookie_len) == 0);
    if (!(y->present & HF_OPT_SACK))
        return;
    unsigned most = y->present & HF_OPT_TIMESTAMPS ? 3 : 4;
    require(y->sack_count == (x->sack_count < most ? x->sack_count : most));
    for (unsigned i = 0; i < y->sack_count; i++)
        require(hf_seq_eq(x->sack[i].from, y->sack[i].from) && hf_seq_eq(x->sack[i].to, y->sack[i].to));
}

static void same_fields(const struct hf_segment *a, const struct hf_segment *b)
{
    require(a->src_port == b->src_port && a->dst_port == b->dst_port);
    require(hf_seq_eq(a->seq, b->seq) && hf_seq_eq(a->ack, b->ack));
    require(a->flags == b->flags && a->wnd == b->wnd && a->up == b->up);
    require(a->data_len == b->data_len && a->len == b->len);
    require(a->data_len == 0 || memcmp(a->data, b->data, a->data_len) == 0);
}

static void there_and_back(const struct hf_segment *seg)
{
    uint8_t out[60 + SEGMENT_MOST];
    struct hf_segment again;
    uint32_t len = hf_tcp_write(seg, out);
    require(len == hf_tcp_write_len(&seg->opts, seg->flags & HF_TCP_SYN) && len <= 60 && len % 4 == 0);
    require(out[16] == 0 && out[17] == 0 && (out[12] & 14) == 0);
    memcpy(out + len, seg->data, seg->data_len);
    require(hf_tcp_parse(out, len + seg->data_len, &again) == HF_ACCEPTED);
    same_fields(seg, &again);
    same_options(seg, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct hf_segment seg;
    size_t len;
    uint8_t *bytes = in_exact(&in, SEGMENT_MOST, &len);
    enum hf_reason why = hf_tcp_parse(bytes, (uint32_t)len, &seg);
    require(why == HF_ACCEPTED || why == HF_DROP_TCP_SHORT || why == HF_DROP_TCP_OFFSET ||
            why == HF_DROP_TCP_OPTION || why == HF_DROP_TCP_PORT_ZERO);
    if (why == HF_ACCEPTED) {
        require(seg.data + seg.data_len == bytes + len);
        there_and_back(&seg);
    }
    free(bytes);
    return 0;
}

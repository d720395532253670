/*
 * The seventh and eighth checks' substance (RFC 9293, 3.10.7.4): text goes straight to its place in the receive stream,
 * in order or not; what lies beyond a hole is remembered as islands; a FIN waits for the hole before it.
 *
 *       read        RCV.NXT               right edge of the window
 *     ----|------------|-------[ islands ]---|--
 *          unread            out of order
 *
 * Read first: synchronized.c. Read next: window.c.
 */
#include "steps.h"

/* New text as stream offsets, trimmed to what is expected: after RCV.NXT, inside the window, before the FIN. */
struct text {
    uint64_t from, to;
    const uint8_t *data;
};

static bool trim(const struct hf_tcp *c, const struct hf_tcp_receiving *r, const struct hf_segment *seg,
                 struct text *text)
{
    int64_t from = hf_rcv_offset(c, seg->seq) + ((seg->flags & HF_TCP_SYN) != 0);
    int64_t to = from + seg->data_len;
    int64_t low = (int64_t)c->rcv_base, high = low + c->rcv.wnd;
    if (r != NULL && (c->flags & HF_TF_FIN_SEEN))
        high = HF_MIN(high, (int64_t)r->fin);
    int64_t skipped = from < low ? low - from : 0;
    from += skipped;
    to = HF_MIN(to, high);
    if (from >= to)
        return false;
    *text = (struct text){(uint64_t)from, (uint64_t)to, seg->data + skipped};
    return true;
}

/* ---- what arrives twice ---- */

/* RFC 2883, 4: the first contiguous part that had arrived before is reported, once, by the next ACK, whether it lies below
 * RCV.NXT or beyond a hole; and of text that is partly new, only what is not (RFC 2883, 4.1 and 4.2). */
void hf_note_duplicate(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (!(c->flags & HF_TF_SACK) || seg->data_len == 0 || !sh->config.sack)
        return;
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    int64_t from = hf_rcv_offset(c, seg->seq) + ((seg->flags & HF_TCP_SYN) != 0), to = from + seg->data_len;
    int64_t low = (int64_t)c->rcv_base;
    struct hf_range twice;
    if (from < low)
        twice = (struct hf_range){(uint64_t)HF_MAX(from, 0), (uint64_t)HF_MAX(HF_MIN(to, low), 0)};
    else if (r == NULL || !hf_islands_overlap(&r->islands, &sh->islands, (uint64_t)from, (uint64_t)to, &twice))
        return;
    if (twice.from < twice.to)
        c->duplicate = (struct hf_sack_block){hf_rcv_seq(c, twice.from), hf_rcv_seq(c, twice.to)};
}

/* ---- text ---- */

/* Out-of-order text may use the pool only while an eighth of it is left for what is in order (RFC 2018, 8). */
static bool room_for_out_of_order(const struct hf_tcp_shared *sh)
{
    return hf_pool_available(&sh->blocks.pool) > sh->blocks.pool.capacity / 8;
}

/* In-order text takes precedence: what lies beyond a hole is given back, and will be sent again. `end` is that of the text
 * in order, as far as it is written. */
static void prune(struct hf_tcp_shared *sh, struct hf_tcp_receiving *r, uint64_t end)
{
    hf_stream_drop_above(&r->stream, &sh->blocks, end);
    hf_islands_remove_above(&r->islands, &sh->islands, 0);
}

/* SHLD-31, MAY-13 */
static enum hf_reason keep_out_of_order(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_receiving *r,
                                        const struct text *text)
{
    hf_owe_ack(c, HF_WHY_ACK_NOW); /* a duplicate ACK at once, so that the peer sees the hole (RFC 5681, 4.2) */
    if (!room_for_out_of_order(sh)) {
        hf_count(sh, HF_LIMIT_BLOCKS);
        return HF_LIMIT_BLOCKS;
    }
    uint32_t len = (uint32_t)(text->to - text->from);
    if (!hf_islands_add(&r->islands, &sh->islands, text->from, text->to))
        return HF_DROP_RANGES_FULL;
    uint32_t written = hf_stream_write(&r->stream, &sh->blocks, text->from, text->data, len);
    if (written < len) {
        hf_islands_remove_above(&r->islands, &sh->islands, text->from + written);
        hf_count(sh, HF_LIMIT_BLOCKS);
    }
    return HF_ACCEPTED;
}

static void advance(struct hf_tcp *c, uint64_t by)
{
    c->rcv_base += by;
    c->rcv.nxt = hf_seq_add(c->rcv.nxt, (uint32_t)by);
    c->rcv.wnd -= (uint32_t)HF_MIN(by, c->rcv.wnd);
}

/* What RCV.NXT has reached or passed is in order now. */
static bool absorb_islands(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_receiving *r)
{
    if (r->islands.count == 0 || hf_islands_first(&r->islands, &sh->islands)->from > c->rcv_base)
        return false;
    uint64_t to = hf_islands_first(&r->islands, &sh->islands)->to;
    if (to > c->rcv_base)
        advance(c, to - c->rcv_base);
    hf_islands_remove_below(&r->islands, &sh->islands, c->rcv_base);
    return true;
}

/* While the peer is in its first slow start, each ACK is worth more to it than it costs us (quick_acks). */
static bool is_quick(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    return c->rcv_base <= (uint64_t)sh->config.quick_acks * c->mss;
}

/* Every second full segment is acknowledged at once, a coalesced one counts for all it was; the rest may wait
 * (RFC 9293, 3.8.6.3; MUST-58, SHLD-18, SHLD-19). */
static void owe_ack_for(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg, bool hole)
{
    if (hole) {
        hf_owe_ack(c, HF_WHY_ACK_NOW);
        return;
    }
    uint32_t segments = c->unacked_segments + seg->coalesced;
    c->unacked_segments = (uint8_t)HF_MIN(segments, 255u);
    if (segments >= 2)
        hf_owe_ack(c, HF_WHY_ACK_EVERY_SECOND);
    else if (is_quick(sh, c))
        hf_owe_ack(c, HF_WHY_ACK_QUICK);
    else
        hf_timers_ack_owed(sh, c);
}

static enum hf_reason take_in_order(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_receiving *r,
                                    const struct text *text, const struct hf_segment *seg)
{
    uint32_t len = (uint32_t)(text->to - text->from);
    uint32_t written = hf_stream_write(&r->stream, &sh->blocks, text->from, text->data, len);
    if (written < len) {
        hf_count(sh, HF_LIMIT_BLOCKS);
        prune(sh, r, text->from + written);
        written += hf_stream_write(&r->stream, &sh->blocks, text->from + written, text->data + written, len - written);
    }
    advance(c, written);
    bool hole = r->islands.count > 0;
    while (absorb_islands(sh, c, r))
        continue; /* what was written may have covered one island and end inside the next */
    owe_ack_for(sh, c, seg, hole || written < len);
    if (written > 0)
        c->own.news |= HF_EV_READABLE;
    hf_window_tune(sh, c);
    return written == 0 ? HF_LIMIT_BLOCKS : HF_ACCEPTED;
}

/* Data for an application that has closed both directions: the peer must learn that it was lost (RFC 9293, 3.6.1;
 * SHLD-3). */
static enum hf_reason refuse_text(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    hf_tcp_end_with_rst(sh, c, HF_EDGE_DATA_AFTER_CLOSE, HF_ERR_ABORTED, HF_WHY_RST_DATA_AFTER_CLOSE);
    return HF_DROP_DATA_AFTER_CLOSE;
}

enum hf_reason hf_text_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    struct text text;
    hf_ecn_text_arrives(c, seg);
    if (hf_seq_lt(seg->seq, c->rcv.nxt) || (r != NULL && r->islands.count > 0))
        hf_note_duplicate(sh, c, seg);
    if (!trim(c, r, seg, &text)) {
        hf_owe_ack(c, HF_WHY_ACK_NOW); /* a duplicate, or a probe of the closed window */
        return c->rcv.wnd == 0 ? HF_DROP_OUT_OF_WINDOW : HF_ACCEPTED;
    }
    if (c->flags & HF_TF_APP_CLOSED)
        return refuse_text(sh, c);
    r = hf_attach_receiving(sh, c);
    if (r == NULL)
        return HF_LIMIT_RECEIVING;
    if (text.from == c->rcv_base)
        return take_in_order(sh, c, r, &text, seg);
    return keep_out_of_order(sh, c, r, &text);
}

void hf_fin_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (c->flags & HF_TF_FIN_SEEN) {
        if (!(c->flags & HF_TF_FIN_RECEIVED)) /* again beyond the hole, which it tells of like any text does */
            hf_owe_ack(c, HF_WHY_ACK_NOW);
        return;
    }
    int64_t at = hf_rcv_offset(c, seg->seq) + ((seg->flags & HF_TCP_SYN) != 0) + seg->data_len;
    if (at < (int64_t)c->rcv_base || at > (int64_t)(c->rcv_base + c->rcv.wnd))
        return; /* beyond the window: it will come again */
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (r == NULL && at > (int64_t)c->rcv_base)
        r = hf_attach_receiving(sh, c);
    if (r != NULL)
        r->fin = (uint64_t)at;
    else if (at > (int64_t)c->rcv_base)
        return; /* no room to remember it */
    c->flags |= HF_TF_FIN_SEEN;
    hf_owe_ack(c, HF_WHY_ACK_NOW);
}

bool hf_fin_is_next(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    if (!(c->flags & HF_TF_FIN_SEEN) || (c->flags & HF_TF_FIN_RECEIVED))
        return false;
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (r != NULL && r->fin != c->rcv_base)
        return false;
    if (r != NULL && r->islands.count > 0)
        prune(sh, r, c->rcv_base); /* nothing is part of the stream behind its end: neither kept nor reported by SACK */
    c->flags |= HF_TF_FIN_RECEIVED;
    c->rcv.nxt = hf_seq_add(c->rcv.nxt, 1);
    c->rcv.wnd -= c->rcv.wnd > 0;
    c->own.news |= HF_EV_PEER_CLOSED;
    hf_owe_ack(c, HF_WHY_ACK_NOW);
    return true;
}

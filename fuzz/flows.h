/*
 * What a stranger on the wire knows of an engine's connections, from their segments alone; and the judge of every
 * frame the engine sends. A flow is one pair of ends, seen from the engine: `ours` is the engine's.
 *
 * Held true of each segment that leaves: headers, lengths and checksums are right; its text is what the application
 * wrote at that place; it exceeds neither what the peer said it takes nor the link; it acknowledges nothing that
 * was never sent; its ACK and the right edge of its window never go back.
 */
#ifndef FUZZ_FLOWS_H
#define FUZZ_FLOWS_H

#include "../src/base/base.h"
#include "../src/base/bytes.h"
#include "../src/engine/engine.h"
#include "../src/wire/checksum.h"
#include "fuzz.h"

#define FLOWS   8
#define COVERED 65536u

struct flow {
    bool is_used;
    hf_link link;
    struct hf_endpoint ours, theirs;
    /* The engine's side, as its segments tell. */
    hf_conn conn; /* whose they were, to tell one life of a pair of ends from the next */
    bool has_seq, has_irs, has_ack;
    hf_seq irs;        /* what it took for the stranger's first number */
    hf_seq iss, end;   /* of its first SYN; behind the last it ever sent */
    hf_seq ack, right; /* its latest ACK, and the furthest right edge it offered */
    uint8_t scale;
    uint32_t tsval;
    /* The stranger's side. */
    hf_seq base, next; /* of the first SYN; behind the last ever sent */
    hf_seq una;        /* highest ACK sent */
    hf_seq edge;       /* furthest right edge offered, from a plausible ACK */
    bool has_edge;
    uint8_t their_scale;
    uint16_t mss; /* largest ever announced */
    uint32_t clock;
    uint8_t covered[COVERED / 8]; /* a bit for each number from `base` that some segment carried */
};

static struct flow flows[FLOWS];
static unsigned next_flow;
static bool edges_may_move;            /* a listener's buffer was changed under its half-open connections */
static uint8_t cookie[16], cookie_len; /* the last Fast Open cookie that the engine granted */

static inline bool same_end(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && hf_addr_equal(&a->addr, &b->addr);
}

static inline struct flow *find_flow(const struct hf_endpoint *ours, const struct hf_endpoint *theirs)
{
    for (unsigned i = 0; i < FLOWS; i++)
        if (flows[i].is_used && same_end(&flows[i].ours, ours) && same_end(&flows[i].theirs, theirs))
            return &flows[i];
    return NULL;
}

/* A flow for these ends, new where there was none; the oldest is forgotten. */
static inline struct flow *make_flow(hf_link link, const struct hf_endpoint *ours, const struct hf_endpoint *theirs)
{
    struct flow *f = find_flow(ours, theirs);
    if (f != NULL)
        return f;
    f = &flows[next_flow++ % FLOWS];
    memset(f, 0, sizeof *f);
    f->is_used = true;
    f->link = link;
    f->ours = *ours;
    f->theirs = *theirs;
    f->mss = hf_addr_is_v4(&ours->addr) ? 536 : 1220;
    f->base = f->next = hf_seq_of(0xffffff00u + 37 * theirs->port);
    f->clock = 1000;
    return f;
}

/* ---- what the stranger sent ---- */

static inline void note_sent(struct flow *f, const struct hf_segment *seg)
{
    for (uint32_t i = 0; i < seg->len; i++) {
        uint32_t at = seg->seq.n + i - f->base.n;
        if (at < COVERED)
            f->covered[at / 8] |= (uint8_t)(1u << at % 8);
    }
    hf_seq end = hf_seq_add(seg->seq, seg->len);
    if (hf_seq_gt(end, f->next))
        f->next = end;
    if (seg->flags & HF_TCP_SYN) {
        if (seg->opts.present & HF_OPT_WSCALE)
            f->their_scale = HF_MAX(f->their_scale, HF_MIN(seg->opts.wscale, 14));
        if (seg->opts.present & HF_OPT_MSS)
            f->mss = HF_MAX(f->mss, seg->opts.mss);
    }
    bool plausible = f->has_seq && hf_seq_le_le(f->iss, seg->ack, f->end);
    if (!(seg->flags & HF_TCP_ACK) || !plausible)
        return;
    f->una = hf_seq_max(f->una, seg->ack);
    hf_seq edge = hf_seq_add(seg->ack, (uint32_t)seg->wnd << f->their_scale);
    f->edge = f->has_edge ? hf_seq_max(f->edge, edge) : edge;
    f->has_edge = true;
}

/* ---- what the engine sent ---- */

static inline bool was_sent_up_to(const struct flow *f, hf_seq from, hf_seq to)
{
    if (to.n - from.n > 32 * COVERED)
        return false; /* more than an input has segments for */
    for (hf_seq at = from; !hf_seq_eq(at, to); at = hf_seq_add(at, 1)) {
        uint32_t place = at.n - f->base.n;
        if (place < COVERED && !(f->covered[place / 8] >> place % 8 & 1))
            return false;
    }
    return true;
}

/* Other numbers to begin with, or another record, are another life of the same pair of ends. `irs` is NULL before the
 * stranger's SYN, and `conn` none while there is no whole record. */
static inline void note_life(struct flow *f, hf_seq iss, const hf_seq *irs, hf_conn conn)
{
    bool same_record = hf_conn_is_none(conn) || hf_conn_is_none(f->conn) || hf_conn_equal(conn, f->conn);
    bool same_numbers = hf_seq_eq(f->iss, iss) && (irs == NULL || !f->has_irs || hf_seq_eq(f->irs, *irs));
    bool is_same = f->has_seq && same_numbers && same_record;
    if (!hf_conn_is_none(conn) || !is_same)
        f->conn = conn;
    f->has_irs = irs != NULL || (is_same && f->has_irs);
    if (irs != NULL)
        f->irs = *irs;
    if (is_same)
        return;
    f->iss = f->una = iss;
    f->end = hf_seq_add(iss, 1);
    f->has_seq = true;
    f->has_ack = f->has_edge = false;
}

static inline void note_syn(struct flow *f, const struct hf_segment *seg, hf_conn conn)
{
    const hf_seq irs = hf_seq_sub(seg->ack, 1);
    if (hf_conn_is_none(conn))
        note_life(f, seg->seq, &irs, conn);
    f->scale = seg->opts.present & HF_OPT_WSCALE ? seg->opts.wscale : 0;
    if (f->has_ack && !hf_seq_eq(f->ack, seg->ack))
        f->has_ack = false; /* it answers another SYN */
    if ((seg->flags & HF_TCP_ACK) && (seg->opts.present & HF_OPT_FAST_OPEN)) {
        memcpy(cookie, seg->opts.cookie, sizeof cookie);
        cookie_len = seg->opts.cookie_len;
    }
}

static inline void judge_ack(struct flow *f, const struct hf_segment *seg)
{
    bool is_syn = seg->flags & HF_TCP_SYN;
    uint32_t granule = 1u << f->scale;
    hf_seq right = hf_seq_add(seg->ack, (uint32_t)seg->wnd << (is_syn ? 0 : f->scale));
    if (f->has_ack) {
        require(hf_seq_ge(seg->ack, f->ack));
        /* SHLD-14. A scaled window says its edge a granule too far or too near, and a SYN,ACK again can say no
         * more. */
        require(is_syn || edges_may_move || hf_seq_gt(hf_seq_add(right, 2 * granule), f->right));
        require(was_sent_up_to(f, f->ack, seg->ack));
        f->right = hf_seq_max(f->right, right);
    } else {
        f->right = right;
    }
    f->ack = seg->ack;
    f->has_ack = true;
}

/* Whether the text stays within what the peer ever offered: the one byte of a probe is allowed, a FIN has no size.
 */
static inline bool is_within_window(const struct flow *f, const struct hf_segment *seg)
{
    hf_seq end = hf_seq_add(seg->seq, seg->data_len);
    if (!f->has_edge || seg->data_len <= 1)
        return true;
    return hf_seq_le(end, f->edge);
}

static inline void judge_segment(struct flow *f, const struct hf_segment *seg, uint32_t segment_len,
                                 const struct hf_tcp *c, hf_conn conn)
{
    uint32_t options_len = hf_tcp_write_len(&seg->opts, seg->flags & HF_TCP_SYN) - HF_TCP_HEADER_LEN;
    bool has_ack = seg->flags & HF_TCP_ACK, is_rst = seg->flags & HF_TCP_RST;
    if (seg->opts.present & HF_OPT_TIMESTAMPS)
        f->tsval = seg->opts.tsval;
    if (is_rst)
        return;
    bool is_stranger = !f->has_seq || !hf_seq_le_le(f->iss, seg->seq, f->end);
    if (c == NULL && is_stranger) /* of a life whose SYN,ACK never left: the places for replies were taken */
        f->has_seq = f->has_irs = f->has_ack = f->has_edge = false;
    if (c != NULL)
        note_life(f, c->iss, c->state == HF_SYN_SENT ? NULL : &c->irs, conn);
    uint32_t begin = seg->seq.n;
    if (seg->flags & HF_TCP_SYN) {
        note_syn(f, seg, c != NULL ? conn : (hf_conn){0, 0});
        begin++;
    }
    if (c != NULL && c->state != HF_SYN_SENT)
        f->scale =
            c->rcv_scale; /* what was offered holds if the stranger's SYN offered it too: they send both kinds */
    require(is_text(seg->data, begin, seg->data_len));
    require(segment_len == 0 || segment_len + options_len <= HF_MAX(f->mss, 48u) || segment_len == 8);
    require(is_within_window(f, seg));
    if (has_ack)
        judge_ack(f, seg);
    if (f->has_seq)
        f->end = hf_seq_max(f->end, hf_seq_add(seg->seq, seg->len));
}

/* ---- frames ---- */

/* Checksums are right, or left to the device in the form that it understands. */
static inline void judge_checksum(struct hf_frame *frame, const struct hf_ip *ip, bool device_sums)
{
    uint32_t pseudo = hf_sum_pseudo(&ip->src, &ip->dst, HF_PROTOCOL_TCP, ip->payload_len);
    if (frame->flags & HF_FRAME_CSUM_PARTIAL) {
        uint16_t field;
        require(device_sums && frame->data + frame->csum_start == ip->payload && frame->csum_offset == 16);
        memcpy(&field, ip->payload + 16, sizeof field);
        require((hf_sum_finish(pseudo) ^ field) == 0xffff);
        return;
    }
    require(hf_sum_finish(hf_sum_add(pseudo, hf_sum(ip->payload, ip->payload_len))) == 0);
}

/* How long each segment of the frame is. */
static inline uint32_t judge_size(const struct hf_frame *frame, const struct hf_link_config *link,
                                  const struct hf_segment *seg, uint32_t packet_len)
{
    if (frame->gso_size == 0) {
        require(packet_len <= link->mtu);
        return seg->data_len;
    }
    require(link->offload & (HF_LINK_TSO4 | HF_LINK_TSO6));
    require(frame->data + frame->gso_header == seg->data);
    require(seg->data_len > frame->gso_size);
    require(packet_len - seg->data_len + frame->gso_size <= link->mtu);
    return frame->gso_size;
}

static inline struct flow *judge_tcp(const struct hf_engine *e, struct hf_frame *frame,
                                     const struct hf_link_config *link, const struct hf_ip *ip,
                                     struct hf_segment *seg)
{
    require(hf_tcp_parse(ip->payload, ip->payload_len, seg) == HF_ACCEPTED);
    require((ip->payload[12] & 14) == 0); /* the lowest is AccECN's */
    judge_checksum(frame, ip, link->offload & HF_LINK_TX_CSUM);
    uint32_t packet_len = ip->header_len + ip->payload_len;
    uint32_t segment_len = judge_size(frame, link, seg, packet_len);
    const struct hf_endpoint ours = {ip->src, seg->src_port}, theirs = {ip->dst, seg->dst_port};
    struct flow *f = find_flow(&ours, &theirs);
    if (f == NULL && (seg->flags & HF_TCP_SYN))
        f = make_flow(frame->link, &ours, &theirs);
    if (f != NULL)
        judge_segment(f, seg, segment_len, hf_connection_of(e, frame->conn), frame->conn);
    return f;
}

/* Judges a frame with an IP datagram at `packet`. */
static inline void judge_datagram(const struct hf_engine *e, struct hf_frame *frame,
                                  const struct hf_link_config *link, const uint8_t *packet)
{
    struct hf_ip ip;
    struct hf_segment seg;
    uint32_t len = frame->len - (uint32_t)(packet - frame->data);
    require(hf_ip_parse(packet, len, &ip) == HF_ACCEPTED);
    require(ip.payload + ip.payload_len == frame->data + frame->len);
    require(!ip.is_fragment && ip.hop_limit > 0);
    if (ip.protocol == HF_PROTOCOL_TCP)
        (void)judge_tcp(e, frame, link, &ip, &seg);
    else
        require(ip.protocol == (ip.is_v4 ? HF_PROTOCOL_ICMP : HF_PROTOCOL_ICMP6) && len <= link->mtu);
}

#endif

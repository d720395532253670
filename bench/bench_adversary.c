/*
 * What a hostile receiver costs. One engine sends to two peers that exist only here: one lies, the other is honest. For each
 * segment of the liar's: the CPU time of taking it in and of sending whatever it lets go, beside an honest ACK for two
 * segments and the two that it lets go. The note says what was sent at most for one segment, and how much of its share the
 * honest peer's connection, served in turn, still carried. Bound work per segment is RFC 9293's robustness: BUG-37, BUG-38.
 *
 * Every ROUND segments all is acknowledged and sent anew, untimed, so that each lie meets a full window in flight.
 */
#include "../src/wire/ip.h"
#include "../src/wire/tcp.h"
#include "bench.h"

#include <handfast/handfast.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND  256
#define BUFFER (1u << 20) /* and so what is in flight: 724 segments of 1448 bytes */
#define SCALE  7

struct peer {
    struct hf_segment seg; /* the next to be sent; everything but what a lie changes is set */
    hf_conn conn;
    hf_seq una, nxt; /* as the sender's, seen from the wire */
    uint32_t mss, burst, burst_frames;
    uint64_t sent;
};

struct lab {
    void *memory;
    struct hf_engine *e;
    hf_link link;
    hf_time now;
    struct peer peer[2]; /* the liar; the honest one */
    struct hf_addr us, them;
    uint64_t random;
    uint32_t count;
    bool beyond; /* more was in flight than the peer's window takes */
};

struct lie {
    uint16_t mss; /* 0: 1460 */
    void (*tell)(struct lab *lab, struct peer *p);
};

/* ---- the wire ---- */

static void take_frame(struct lab *lab, const struct hf_frame *frame)
{
    struct hf_ip ip;
    struct hf_segment seg;
    if (hf_ip_parse(frame->data, frame->len, &ip) != HF_ACCEPTED ||
        hf_tcp_parse(ip.payload, ip.payload_len, &seg) != HF_ACCEPTED)
        abort();
    struct peer *p = &lab->peer[seg.dst_port - 1000];
    hf_seq end = hf_seq_add(seg.seq, seg.len);
    if (seg.flags & HF_TCP_SYN) {
        p->seg.dst_port = seg.src_port;
        p->una = p->nxt = end;
    } else if (hf_seq_gt(end, p->nxt)) {
        p->nxt = end;
    }
    p->sent += seg.data_len;
    p->burst += seg.data_len;
    p->burst_frames++;
    if (seg.opts.present & HF_OPT_TIMESTAMPS)
        p->seg.opts.tsecr = seg.opts.tsval;
}

static void drain(struct lab *lab)
{
    uint8_t data[HF_FRAME_MIN_CAP];
    struct hf_frame frame = {.data = data, .cap = sizeof data};
    while (hf_output(lab->e, lab->now, &frame)) {
        take_frame(lab, &frame);
        frame = (struct hf_frame){.data = data, .cap = sizeof data};
    }
}

static void fill(struct lab *lab, const struct peer *p)
{
    static const uint8_t text[65536];
    while (hf_tcp_send(lab->e, p->conn, text, sizeof text, 0) > 0)
        continue;
}

static void deliver(struct lab *lab, struct peer *p)
{
    uint8_t data[HF_FRAME_MIN_CAP];
    const struct hf_ip ip = {
        .src = lab->them, .dst = lab->us, .protocol = HF_PROTOCOL_TCP, .hop_limit = 64, .is_v4 = true};
    uint32_t len = hf_tcp_write(&p->seg, data + HF_IPV4_LEN);
    hf_ip_write(&ip, len, data);
    struct hf_frame frame = {
        .data = data, .len = HF_IPV4_LEN + len, .link = lab->link, .flags = HF_FRAME_CSUM_VERIFIED};
    p->burst = p->burst_frames = 0;
    hf_input(lab->e, lab->now, &frame);
    if (hf_seq_gt(p->seg.ack, p->una) && !hf_seq_gt(p->seg.ack, p->nxt))
        p->una = p->seg.ack;
    fill(lab, p);
    drain(lab);
    lab->now = hf_time_add(lab->now, 10 * HF_US);
}

/* ---- connections ---- */

static void begin_ack(struct peer *p)
{
    p->seg.flags = HF_TCP_ACK;
    p->seg.ack = p->una;
    p->seg.wnd = 32767;
    p->seg.opts.present &= (uint8_t)~HF_OPT_SACK;
    p->seg.opts.sack_count = 0;
    p->seg.opts.tsval++;
}

static void ack_all(struct lab *lab, struct peer *p)
{
    begin_ack(p);
    p->seg.ack = p->nxt;
    lab->now = hf_time_add(lab->now, HF_MS);
    deliver(lab, p);
}

static void open_peer(struct lab *lab, unsigned number, uint16_t mss)
{
    struct peer *p = &lab->peer[number];
    const struct hf_endpoint remote = {.addr = lab->them, .port = (uint16_t)(1000 + number)};
    const struct hf_tcp_options options = {.no_delay = true};
    if (hf_tcp_connect(lab->e, NULL, &remote, &options, &p->conn) != HF_OK)
        abort();
    drain(lab);
    p->seg.src_port = remote.port;
    p->seg.seq = hf_seq_of(5000);
    p->seg.ack = p->nxt;
    p->seg.flags = HF_TCP_SYN | HF_TCP_ACK;
    p->seg.wnd = 65535;
    p->seg.opts = (struct hf_tcp_opts){.present = HF_OPT_MSS | HF_OPT_WSCALE | HF_OPT_SACK_OK | HF_OPT_TIMESTAMPS,
                                       .mss = mss,
                                       .wscale = SCALE,
                                       .tsval = 1,
                                       .tsecr = p->seg.opts.tsecr};
    deliver(lab, p);
    p->seg.seq = hf_seq_of(5001);
    p->seg.opts.present = HF_OPT_TIMESTAMPS;
    for (unsigned i = 0; i < 40; i++)
        ack_all(lab, p);
    struct hf_tcp_info info;
    (void)hf_tcp_status(lab->e, p->conn, &info);
    p->mss = info.mss;
}

static bool open_lab(struct lab *lab, const struct lie *lie)
{
    struct hf_config config;
    memset(lab, 0, sizeof *lab);
    hf_config_defaults(&config);
    config.max_connections = 8;
    config.send_buffer = config.send_buffer_max = BUFFER;
    config.max_blocks = 2048;
    config.max_sent = 65536;
    size_t size = hf_engine_size(&config);
    lab->memory = aligned_alloc(64, (size + 63) / 64 * 64);
    if (lab->memory == NULL)
        return false;
    lab->now = (hf_time){HF_SECOND};
    lab->e = hf_engine_create(lab->memory, size, &config, lab->now);
    lab->us = hf_addr_v4(192, 0, 2, 1);
    lab->them = hf_addr_v4(192, 0, 2, 2);
    lab->random = 1;
    const struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = 1500};
    if (hf_link_add(lab->e, &link, &lab->link) != HF_OK || hf_address_add(lab->e, lab->link, &lab->us, 24) != HF_OK)
        return false;
    open_peer(lab, 0, lie->mss != 0 ? lie->mss : 1460);
    open_peer(lab, 1, 1460);
    return true;
}

/* ---- lies ---- */

static uint32_t chance(struct lab *lab, uint32_t below)
{
    lab->random = lab->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((lab->random >> 33) % below);
}

static hf_seq two_more(const struct peer *p)
{
    hf_seq ack = hf_seq_add(p->una, 2 * p->mss);
    return hf_seq_gt(ack, p->nxt) ? p->nxt : ack;
}

static void honest(struct lab *lab, struct peer *p)
{
    (void)lab;
    p->seg.ack = two_more(p);
}

/* ACK division: each byte for itself. */
static void divide(struct lab *lab, struct peer *p)
{
    (void)lab;
    p->seg.ack = hf_seq_add(p->una, hf_seq_lt(p->una, p->nxt));
}

/* Acknowledges what has only just left, all of it. */
static void hurry(struct lab *lab, struct peer *p)
{
    (void)lab;
    p->seg.ack = p->nxt;
}

static void ack_unsent(struct lab *lab, struct peer *p)
{
    p->seg.ack = hf_seq_add(p->nxt, 1 + chance(lab, 100000));
}

static void repeat(struct lab *lab, struct peer *p)
{
    (void)lab;
    (void)p;
}

static void add_block(struct peer *p, uint32_t from, uint32_t to)
{
    p->seg.opts.present |= HF_OPT_SACK;
    p->seg.opts.sack[p->seg.opts.sack_count++] =
        (struct hf_sack_block){hf_seq_add(p->una, from), hf_seq_add(p->una, to)};
}

/* Blocks anywhere, of any length, below, within and beyond what is out. */
static void lie_in_sacks(struct lab *lab, struct peer *p)
{
    uint32_t out = (uint32_t)hf_seq_diff(p->nxt, p->una) + 1;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t from = chance(lab, out);
        add_block(p, from, from + 1 + chance(lab, 5000));
    }
}

/* Single segments far apart, so that what is in flight falls to pieces and each is looked for afresh: SACK Panic,
 * SegmentSmack. */
static void split(struct lab *lab, struct peer *p)
{
    uint32_t segments = (uint32_t)hf_seq_diff(p->nxt, p->una) / p->mss, at = lab->count % ROUND;
    for (unsigned i = 0; i < 3 && segments > 8; i++) {
        uint32_t segment = (at * 2 + i * (segments / 3)) % (segments - 1) + 1;
        add_block(p, segment * p->mss, (segment + 1) * p->mss);
    }
}

/* The least window that can be said, and a large one, in turn. */
static void close_window(struct lab *lab, struct peer *p)
{
    p->seg.wnd = lab->count % 2 ? 1 : 32767;
    p->seg.ack = two_more(p);
}

/* ---- measuring ---- */

static void look_at_window(struct lab *lab, const struct peer *p)
{
    struct hf_tcp_info info;
    (void)hf_tcp_status(lab->e, p->conn, &info);
    lab->beyond |= (uint32_t)hf_seq_diff(p->nxt, p->una) > 32767u << SCALE || hf_tcp_check(lab->e, p->conn) != NULL;
}

static double measure_round(struct lab *lab, const struct lie *lie, uint32_t burst[2])
{
    struct peer *p = &lab->peer[0];
    double spent = 0;
    for (unsigned i = 0; i < 2; i++)
        ack_all(lab, p);
    for (unsigned n = 0; n < ROUND; n += 16) {
        double from = bench_cpu_seconds();
        for (unsigned i = 0; i < 16; i++, lab->count++) {
            begin_ack(p);
            lie->tell(lab, p);
            deliver(lab, p);
            if (p->burst > burst[0]) {
                burst[0] = p->burst;
                burst[1] = p->burst_frames;
            }
        }
        spent += bench_cpu_seconds() - from;
        for (unsigned i = 0; i < 16; i++) {
            begin_ack(&lab->peer[1]);
            honest(lab, &lab->peer[1]);
            deliver(lab, &lab->peer[1]);
        }
        look_at_window(lab, p);
    }
    return spent;
}

static bool measure(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct lie *lie = arg;
    struct lab lab;
    uint32_t burst[2] = {0, 0};
    if (!open_lab(&lab, lie)) {
        snprintf(sample->note, sizeof sample->note, "out of memory");
        return false;
    }
    double spent = 0;
    uint64_t before = lab.peer[1].sent;
    lab.count = 0;
    while (spent < seconds)
        spent += measure_round(&lab, lie, burst);
    double share = (double)(lab.peer[1].sent - before) / ((double)lab.count * 2 * lab.peer[1].mss);
    sample->value = spent * 1e9 / lab.count;
    snprintf(sample->note, sizeof sample->note, "at most %u B in %u segments for one; neighbour %.0f %%%s",
             burst[0], burst[1], 100 * share, lab.beyond ? "; BEYOND THE WINDOW" : "");
    free(lab.memory);
    return !lab.beyond;
}

static const struct lie truth = {0, honest}, division = {0, divide}, hurried = {0, hurry}, unsent = {0, ack_unsent},
                        repetition = {0, repeat}, sacks = {0, lie_in_sacks}, splits = {0, split},
                        window = {0, close_window}, tiny = {1, honest};

#define FIGURE(figure, what)                                                                                       \
    {                                                                                                              \
        .name = figure, .unit = "ns", .less_is_better = true, .handfast = {"handfast", measure, what},             \
        .peer = {{"honest", measure, &truth, 0}},                                                                  \
    }

static const struct bench_figure figures[] = {
    FIGURE("ack_division", &division),      FIGURE("optimistic_acks", &hurried),
    FIGURE("acks_of_the_unsent", &unsent),  FIGURE("duplicate_acks", &repetition),
    FIGURE("lying_sacks", &sacks),          FIGURE("sack_splitting", &splits),
    FIGURE("window_of_a_granule", &window), FIGURE("mss_1", &tiny),
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "adversary", figures, sizeof figures / sizeof figures[0]);
}

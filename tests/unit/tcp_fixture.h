/*
 * One connection without an engine around it, for tests of src/tcp that a scenario cannot reach: streams of
 * gigabytes, debts that were not paid yet, records looked into. Time is virtual.
 *
 * Sequence numbers are relative, as in a scenario: ours to ISS, the peer's to IRS, so that 1 is the first byte.
 */
#ifndef TESTS_UNIT_TCP_FIXTURE_H
#define TESTS_UNIT_TCP_FIXTURE_H

#include "ip_fixture.h"

#include "../../src/tcp/tcp_for_engine.h"

#define PEER_ISS 0xfffff000u /* near the wrap, so that every test crosses it */

static struct hf_tcp_shared *shared;
static struct hf_tcp *conn;
static uint8_t sent_bytes[HF_FRAME_MAX];
static struct hf_tcp_written sent; /* the last segment sent */
static struct hf_tcp_plan plan;    /* ... and why */

/* What a test may change before it opens. */
static struct hf_config config;
static struct hf_tcp_options options;
static struct hf_tcp_path path;
static struct hf_tcp_opts peer_offers;

static inline struct hf_config test_config(void)
{
    return (struct hf_config){
        .max_connections = 4,
        .max_listeners = 1,
        .max_blocks = 600,
        .block_len = 4096,
        .max_sent = 256,
        .seed = {1},
        .msl_ns = 30 * HF_SECOND,
        .rto_initial_ns = HF_SECOND,
        .rto_min_ns = 200 * HF_MS,
        .rto_max_ns = 120 * HF_SECOND,
        .ack_delay_ns = 40 * HF_MS,
        .fin_wait_2_ns = 60 * HF_SECOND,
        .syn_retries = 7,
        .syn_ack_retries = 5,
        .data_retries = 15,
        .orphan_retries = 8,
        .send_buffer = 1 << 20,
        .receive_buffer = 1 << 20,
        .window_scaling = true,
        .sack = true,
        .cc = HF_CC_NEWRENO,
        .initial_window = 10,
        .challenge_ack_limit = 1000,
        .ip_ttl = 64,
    };
}

/* cmocka's set-up: everything at its default, nothing open. */
static inline int tcp_defaults(void **state)
{
    (void)state;
    config = test_config();
    options = (struct hf_tcp_options){.backlog = 0};
    path = (struct hf_tcp_path){
        .local = {hf_addr_v4(192, 0, 2, 1), 8080},
        .remote = {hf_addr_v4(192, 0, 2, 2), 40000},
        .mtu = 1500,
    };
    peer_offers = (struct hf_tcp_opts){
        .present = HF_OPT_MSS | HF_OPT_SACK_OK | HF_OPT_WSCALE,
        .mss = 1460,
        .wscale = 7,
    };
    return 0;
}

static inline void make_connection(void)
{
    static _Alignas(64) uint8_t memory[8 << 20];
    memset(memory, 0, sizeof memory);
    struct hf_arena arena = {.base = memory};
    shared = hf_arena_carve(&arena, 1, sizeof *shared);
    hf_tcp_shared_init(shared, &arena, &config, at_ms(1000));
    assert_true(arena.used <= sizeof memory);
    conn = hf_pool_at(&shared->connections, hf_pool_take(&shared->connections));
    hf_tcp_prepare(shared, conn, &path, &options);
    hf_tcp_begin(shared, conn);
}

static inline void sound(void)
{
    const char *broken = hf_tcp_check_record(shared, conn);
    if (broken != NULL)
        fail_msg("%s", broken);
}

/* Who is called silent after a segment has nothing to send, and says right when to ask again. */
static inline void silence_is_true(void)
{
    hf_time ask_at;
    if (!hf_tcp_is_silent(shared, conn, &ask_at))
        return;
    struct hf_tcp_plan next = hf_tcp_plan(shared, conn);
    if (next.what != HF_SEND_NOTHING || next.ask_at.ns != ask_at.ns)
        fail_msg("called silent, but the plan says otherwise");
}

/* The next segment, when there is one to send now. */
static inline bool sends(void)
{
    plan = hf_tcp_plan(shared, conn);
    if (plan.what == HF_SEND_NOTHING)
        return false;
    hf_tcp_output(shared, conn, &plan, sent_bytes, false, &sent);
    sound();
    silence_is_true();
    return true;
}

/* Everything to be sent now; returns how many segments that were. `sent` is the last of them. */
static inline unsigned sends_all(void)
{
    unsigned count = 0;
    while (sends())
        assert_true(++count < 2000); /* a plan that never ends */
    return count;
}

static inline uint32_t sent_seq(void)
{
    return (uint32_t)hf_seq_diff(sent.seg.seq, conn->iss);
}
static inline uint32_t sent_ack(void)
{
    return (uint32_t)hf_seq_diff(sent.seg.ack, conn->irs);
}

/* A segment of the peer's, with the options of its SYN when it is one. */
struct in {
    uint32_t seq, ack, len;
    uint8_t flags;
    uint16_t wnd, up;
    uint32_t tsval; /* where timestamps were negotiated */
    struct hf_sack_block sack[HF_TCP_SACK_MAX];
    uint8_t sacks;
};

static inline struct hf_verdict arrives(struct in in)
{
    static uint8_t text[HF_FRAME_MAX];
    struct hf_segment seg = {
        .src_port = path.remote.port,
        .dst_port = path.local.port,
        .seq = hf_seq_of(PEER_ISS + in.seq),
        .ack = hf_seq_add(conn->iss, in.ack),
        .len = in.len + ((in.flags & HF_TCP_SYN) != 0) + ((in.flags & HF_TCP_FIN) != 0),
        .data_len = in.len,
        .data = text,
        .wnd = in.wnd,
        .up = in.up,
        .flags = in.flags,
        .coalesced = 1,
        .at = shared->now,
    };
    if (in.flags & HF_TCP_SYN)
        seg.opts = peer_offers;
    else if (peer_offers.present & HF_OPT_TIMESTAMPS)
        seg.opts = (struct hf_tcp_opts){.present = HF_OPT_TIMESTAMPS, .tsval = in.tsval};
    for (unsigned i = 0; i < in.sacks; i++) {
        seg.opts.present |= HF_OPT_SACK;
        seg.opts.sack_count = in.sacks;
        seg.opts.sack[i].from = hf_seq_add(conn->iss, in.sack[i].from.n);
        seg.opts.sack[i].to = hf_seq_add(conn->iss, in.sack[i].to.n);
    }
    struct hf_verdict verdict = hf_segment_arrives(shared, conn, &seg);
    sound();
    return verdict;
}

/* An ACK of the peer's, and text of the peer's with the ACK and the window it said last. */
static inline void acks(uint32_t ack, uint16_t wnd)
{
    uint32_t seq = (uint32_t)hf_seq_diff(conn->rcv.nxt, conn->irs);
    arrives((struct in){.seq = seq, .ack = ack, .flags = HF_TCP_ACK, .wnd = wnd});
}
static inline void text_arrives(uint32_t seq, uint32_t len)
{
    uint32_t ack = (uint32_t)hf_seq_diff(conn->snd.una, conn->iss);
    uint16_t wnd = (uint16_t)(conn->snd.wnd >> conn->snd_scale);
    arrives((struct in){.seq = seq, .ack = ack, .len = len, .flags = HF_TCP_ACK, .wnd = wnd});
}

static inline void passes(hf_ns time)
{
    shared->now = hf_time_add(shared->now, time);
    hf_tcp_timeout(shared, conn);
    sound();
}

/* An active OPEN up to SYN-SENT, and up to ESTABLISHED with 128 * 1000 bytes of window. */
static inline void open_syn_sent(void)
{
    make_connection();
    hf_call_open(shared, conn, false);
    assert_int_equal(sends_all(), 1);
}
static inline void open_established(void)
{
    open_syn_sent();
    arrives((struct in){.ack = 1, .flags = HF_TCP_SYN | HF_TCP_ACK, .wnd = 65535});
    assert_int_equal(conn->state, HF_ESTABLISHED);
    assert_int_equal(sends_all(), 1);
    acks(1, 1000);
    (void)sends_all();
}

/* Queues `len` bytes of something. */
static inline void queue(uint32_t len, unsigned flags)
{
    static const uint8_t text[1 << 20];
    assert_int_equal(hf_call_send(shared, conn, text, len, flags), len);
}

/* Reads up to `len` bytes; returns what the call did. */
static inline int64_t reads(uint32_t len)
{
    static uint8_t text[1 << 20];
    return hf_call_receive(shared, conn, text, len);
}

#endif

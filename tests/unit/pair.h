/*
 * Two engines joined by a wire in memory, in virtual time: `a` and `b` know each other as 192.0.2.1 and 192.0.2.2, and
 * as 2001:db8::1 and ::2. A test says what happens to each frame by a function of its own.
 */
#ifndef TESTS_UNIT_PAIR_H
#define TESTS_UNIT_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <handfast/handfast.h>

struct side {
    struct hf_engine *e;
    void *memory;
    hf_link link;
};

struct pair {
    struct side a, b;
    hf_time now;
    /* Called for each frame; false loses it. NULL: all are delivered. */
    bool (*fate)(struct pair *pair, bool from_a, const struct hf_frame *frame);
    unsigned frames; /* that passed, for a test to count */
};

static inline struct hf_addr pair_addr(const char *text)
{
    struct hf_addr addr = {{0}};
    if (!hf_addr_parse(text, &addr))
        fail_msg("%s is not an address", text);
    return addr;
}

static inline void pair_open_side(struct side *side, const struct hf_config *config,
                                  const struct hf_link_config *link, unsigned number)
{
    struct hf_config own = *config;
    own.seed[0] = (uint8_t)(number + 1);
    size_t size = hf_engine_size(&own);
    assert_true(size > 0);
    side->memory = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(side->memory);
    memset(side->memory, 0, size);
    side->e = hf_engine_create(side->memory, size, &own, (hf_time){HF_SECOND});
    assert_non_null(side->e);
    struct hf_link_config mine = *link;
    mine.mac[5] = (uint8_t)number;
    assert_int_equal(hf_link_add(side->e, &mine, &side->link), HF_OK);
    struct hf_addr v4 = hf_addr_v4(192, 0, 2, (uint8_t)number), v6 = pair_addr("2001:db8::");
    v6.bytes[15] = (uint8_t)number;
    assert_int_equal(hf_address_add(side->e, side->link, &v4, 24), HF_OK);
    assert_int_equal(hf_address_add(side->e, side->link, &v6, 64), HF_OK);
}

static inline void pair_open_link(struct pair *pair, const struct hf_config *config, enum hf_link_kind kind)
{
    const struct hf_link_config link = {.kind = kind, .mtu = 1500, .mac = {2}};
    memset(pair, 0, sizeof *pair);
    pair->now = (hf_time){HF_SECOND};
    pair_open_side(&pair->a, config, &link, 1);
    pair_open_side(&pair->b, config, &link, 2);
}

static inline void pair_open(struct pair *pair)
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 16;
    config.max_blocks = 1024;
    config.max_history = 256;
    pair_open_link(pair, &config, HF_LINK_IP);
}

static inline void pair_close(struct pair *pair)
{
    free(pair->a.memory);
    free(pair->b.memory);
}

static inline void pair_check(struct side *side)
{
    hf_conn conn = {0, 0};
    while (hf_tcp_next(side->e, &conn)) {
        const char *wrong = hf_tcp_check(side->e, conn);
        if (wrong != NULL)
            fail_msg("%s", wrong);
    }
}

/* Moves one frame from one side to the other. False when there was none. */
static inline bool pair_move(struct pair *pair, bool from_a)
{
    static uint8_t data[HF_FRAME_MAX];
    struct side *from = from_a ? &pair->a : &pair->b, *to = from_a ? &pair->b : &pair->a;
    struct hf_frame frame = {.data = data, .cap = sizeof data};
    if (!hf_output(from->e, pair->now, &frame))
        return false;
    pair->frames++;
    if (pair->fate == NULL || pair->fate(pair, from_a, &frame)) {
        frame.link = to->link;
        hf_input(to->e, pair->now, &frame);
    }
    pair_check(from);
    pair_check(to);
    return true;
}

/* Lets both speak until both are silent, at one instant. */
static inline void pair_settle(struct pair *pair)
{
    for (unsigned i = 0; i < 100000; i++) {
        bool moved = pair_move(pair, true);
        if (!pair_move(pair, false) && !moved)
            return;
    }
    fail_msg("the engines never fall silent");
}

/* Time passes, timer by timer, and both speak. */
static inline void pair_run(struct pair *pair, hf_ns duration)
{
    hf_time end = hf_time_add(pair->now, duration);
    for (unsigned i = 0; i < 1000000; i++) {
        pair_settle(pair);
        hf_time next = hf_time_first(hf_deadline(pair->a.e), hf_deadline(pair->b.e));
        if (hf_time_before(end, next)) {
            pair->now = end;
            break;
        }
        pair->now = hf_time_before(pair->now, next) ? next : hf_time_add(pair->now, HF_US);
        hf_advance(pair->a.e, pair->now);
        hf_advance(pair->b.e, pair->now);
    }
    hf_advance(pair->a.e, pair->now);
    hf_advance(pair->b.e, pair->now);
    pair_settle(pair);
}

static inline struct hf_endpoint pair_end(const char *addr, uint16_t port)
{
    return (struct hf_endpoint){pair_addr(addr), port};
}

static inline enum hf_state pair_state(struct side *side, hf_conn conn)
{
    struct hf_tcp_info info;
    assert_int_equal(hf_tcp_status(side->e, conn, &info), HF_OK);
    return info.state;
}

/* b listens at port 80, a connects, b accepts. */
static inline void pair_connect(struct pair *pair, const char *b_addr, hf_conn *listener, hf_conn *a, hf_conn *b)
{
    struct hf_endpoint any = {.port = 80}, to = pair_end(b_addr, 80);
    if (hf_conn_is_none(*listener))
        assert_int_equal(hf_tcp_listen(pair->b.e, &any, NULL, listener), HF_OK);
    assert_int_equal(hf_tcp_connect(pair->a.e, NULL, &to, NULL, a), HF_OK);
    pair_settle(pair);
    assert_int_equal(hf_tcp_accept(pair->b.e, *listener, b), HF_OK);
    assert_int_equal(pair_state(&pair->a, *a), HF_ESTABLISHED);
    assert_int_equal(pair_state(&pair->b, *b), HF_ESTABLISHED);
}

#endif

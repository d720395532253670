/* drivers/path.c and path_box.c: what a made path does to segments, seen from both of its ends. */
#include "driver_frames.h"

#include "../../drivers/bytes.h"
#include "../../drivers/look.h"
#include "../../drivers/path.h"
#include "../../drivers/path_box.h"

static const struct hf_link_config link_config = {.kind = HF_LINK_IP, .mtu = 1500};
static struct hf_path path;
static uint8_t data[HF_FRAME_MAX];

static void open_path(const char *text)
{
    struct fault_spec spec;
    char error[256] = "";
    memset(&path, 0, sizeof path);
    if (!hf_fault_spec_parse(text, &spec, error))
        fail_msg("%s", error);
    assert_true(hf_path_open(&path, &spec, 1, &link_config, true));
}

/* A TCP segment of `text_len` bytes at `seq`; sack blocks and timestamps with it. */
static uint32_t make(uint32_t version, uint8_t flags, uint32_t seq, uint32_t text_len)
{
    static const uint8_t options[24] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 17};
    uint32_t ip_len = version == 4 ? 20 : 40, len = ip_len + 44 + text_len;
    struct hf_look look;
    memset(data, 0, len);
    if (version == 4) {
        static const uint8_t v4[20] = {0x45, 2, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
        memcpy(data, v4, 20);
        put16(data + 2, (uint16_t)len);
    } else {
        data[0] = 0x60;
        data[1] = 2 << 4;
        put16(data + 4, (uint16_t)(len - 40));
        data[6] = 6;
        data[7] = 64;
        data[23] = 1;
        data[39] = 2;
    }
    uint8_t *tcp = data + ip_len;
    put16(tcp, 40000);
    put16(tcp + 2, 80);
    put32(tcp + 4, seq);
    put32(tcp + 8, 7);
    tcp[12] = 11 << 4;
    tcp[13] = flags;
    memcpy(tcp + 20, options, 24);
    for (uint32_t i = 0; i < text_len; i++)
        tcp[44 + i] = (uint8_t)i;
    assert_true(hf_look(data, len, HF_LINK_IP, &look));
    hf_look_set_ip_len(data, &look, len);
    hf_look_store(tcp + 16, hf_look_sum(tcp, len - ip_len, hf_look_pseudo(data, &look, len - ip_len)));
    return len;
}

static void put(enum fault_direction direction, uint32_t len, hf_time now)
{
    struct hf_frame frame = {.data = data, .len = len, .cap = sizeof data};
    hf_path_put(&path, direction, &frame, now);
}

/* What arrives first, or NULL; its headers in *look. Both checksums are right. */
static struct fault_held *take(enum fault_direction direction, hf_time now, struct hf_look *look)
{
    struct fault_held *held = hf_path_take(&path, direction, now);
    if (held == NULL)
        return NULL;
    const uint8_t *frame = held->frame.data;
    assert_true(hf_look(frame, held->frame.len, HF_LINK_IP, look));
    uint32_t len = look->end - look->transport;
    if (look->version == 4)
        assert_int_equal(hf_look_sum(frame, 20, 0), 0xffff);
    if (look->is_tcp)
        assert_int_equal(hf_look_sum(frame + look->transport, len, hf_look_pseudo(frame, look, len)), 0xffff);
    return held;
}

static void loses_in_bursts(void **state)
{
    /* Losses come in runs of the length that was asked for, and are as many. */
    (void)state;
    open_path("burst 2% of 8");
    uint32_t lost = 0, runs = 0;
    bool was_lost = false;
    for (uint32_t i = 0; i < 100000; i++) {
        put(FAULT_OUT, make(4, LOOK_ACK, i, 0), (hf_time){0});
        struct fault_held *held = hf_path_take(&path, FAULT_OUT, (hf_time){0});
        if (held)
            hf_path_give(&path, FAULT_OUT, held);
        lost += held == NULL;
        runs += held == NULL && !was_lost;
        was_lost = held == NULL;
    }
    assert_in_range(lost, 1600, 2400);
    assert_in_range(lost / runs, 6, 10);
    hf_path_close(&path);
}

static void queues_by_size(void **state)
{
    /* A queue of bytes holds as many, what is in service with them, and no more. */
    (void)state;
    open_path("rate 1Mbit, queue 10kB");
    for (uint32_t i = 0; i < 20; i++)
        put(FAULT_OUT, make(4, LOOK_ACK, i, 936), (hf_time){0}); /* 1000 bytes each, 8 ms */
    assert_int_equal(path.lane[FAULT_OUT].counts.overflowed, 10);
    assert_int_equal(path.lane[FAULT_OUT].waited_most, 72 * HF_MS);
    hf_path_close(&path);
}

static void marks_what_waits(void **state)
{
    /* What waits longer than said is marked, if its sender speaks ECN; the checksum stays right. */
    (void)state;
    for (uint32_t version = 4; version <= 6; version += 2) {
        struct hf_look look;
        open_path("rate 1Mbit, mark 10ms");
        for (uint32_t i = 0; i < 4; i++)
            put(FAULT_OUT, make(version, LOOK_ACK, i, 900), (hf_time){0});
        for (uint32_t i = 0; i < 4; i++) {
            struct fault_held *held = take(FAULT_OUT, (hf_time){HF_SECOND}, &look);
            assert_non_null(held);
            uint8_t ecn = version == 4 ? held->frame.data[1] & 3 : held->frame.data[1] >> 4 & 3;
            assert_int_equal(ecn, i < 2 ? 2 : 3);
        }
        assert_int_equal(path.lane[FAULT_OUT].counts.marked, 2);
        hf_path_close(&path);
    }
}

static void tells_of_a_narrow_hop(void **state)
{
    /* A datagram that is too long is answered with the MTU of the hop, and quotes the segment; smaller ones pass. */
    (void)state;
    for (uint32_t version = 4; version <= 6; version += 2) {
        struct hf_look look;
        open_path("out mtu 1300");
        put(FAULT_OUT, make(version, LOOK_ACK, 1, 100), (hf_time){0});
        put(FAULT_OUT, make(version, LOOK_ACK, 2, 1400), (hf_time){0});
        assert_non_null(take(FAULT_OUT, (hf_time){0}, &look));
        assert_null(take(FAULT_OUT, (hf_time){0}, &look));
        struct fault_held *held = take(FAULT_IN, (hf_time){0}, &look);
        assert_non_null(held);
        const uint8_t *icmp = held->frame.data + look.transport;
        uint32_t len = look.end - look.transport;
        uint32_t before = version == 4 ? 0 : hf_look_pseudo(held->frame.data, &look, len);
        assert_int_equal(look.protocol, version == 4 ? 1 : 58);
        assert_int_equal(icmp[0], version == 4 ? 3 : 2);
        assert_int_equal(get16(icmp + 6), 1300);
        assert_int_equal(hf_look_sum(icmp, len, before), 0xffff);
        assert_memory_equal(icmp + 8, data, 100);
        assert_int_equal(path.lane[FAULT_OUT].counts.too_long, 1);
        hf_path_close(&path);
    }
}

static void a_silent_hop_says_nothing(void **state)
{
    /* What a black hole swallows is answered by nobody, and what routers may fragment passes. */
    (void)state;
    struct hf_look look;
    open_path("mtu 1300 silent");
    put(FAULT_OUT, make(4, LOOK_ACK, 2, 1400), (hf_time){0});
    assert_null(take(FAULT_IN, (hf_time){0}, &look));
    uint32_t len = make(4, LOOK_ACK, 3, 1400);
    data[6] = 0;
    hf_look(data, len, HF_LINK_IP, &look);
    hf_look_set_ip_len(data, &look, len);
    put(FAULT_OUT, len, (hf_time){0});
    assert_non_null(take(FAULT_OUT, (hf_time){0}, &look));
    hf_path_close(&path);
}

static void strips_what_it_is_told_to(void **state)
{
    /* Options that are named become NOPs, others stay; ECN's bits go from IP, and from a SYN's flags. */
    (void)state;
    struct hf_look look;
    open_path("strip sack, strip ecn");
    put(FAULT_OUT, make(4, LOOK_SYN | 0xc0, 2, 10), (hf_time){0});
    const struct fault_held *held = take(FAULT_OUT, (hf_time){0}, &look);
    const uint8_t *tcp = held->frame.data + look.transport;
    static const uint8_t left[24] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_memory_equal(tcp + 20, left, sizeof left);
    assert_int_equal(held->frame.data[1], 0);
    assert_int_equal(tcp[13], LOOK_SYN);
    hf_path_close(&path);
}

static void shifts_numbers_both_ways(void **state)
{
    /* What is added to sequence numbers one way is taken from acknowledgements the other way; SACK blocks stay. */
    (void)state;
    struct hf_look look;
    open_path("out shift sequence");
    put(FAULT_OUT, make(4, LOOK_ACK, 1000, 10), (hf_time){0});
    assert_non_null(take(FAULT_OUT, (hf_time){0}, &look));
    uint32_t shift = look.seq - 1000;
    assert_int_not_equal(shift, 0);
    assert_int_equal(look.ack, 7);
    put(FAULT_IN, make(4, LOOK_ACK, 1000, 10), (hf_time){0});
    const struct fault_held *held = take(FAULT_IN, (hf_time){0}, &look);
    assert_int_equal(look.seq, 1000);
    assert_int_equal(look.ack, 7 - shift);
    assert_int_equal(get32(held->frame.data + look.transport + 36), 9);
    hf_path_close(&path);
}

static void forges_without_a_trace(void **state)
{
    /* A forged segment differs in its text and has a right checksum. */
    (void)state;
    struct hf_look look;
    open_path("forge 100%");
    put(FAULT_OUT, make(4, LOOK_ACK, 1000, 10), (hf_time){0});
    const struct fault_held *held = take(FAULT_OUT, (hf_time){0}, &look);
    assert_memory_not_equal(held->frame.data + look.payload, data + look.payload, 10);
    hf_path_close(&path);
}

static void heals(void **state)
{
    /* A path that heals loses nothing any more, and keeps its delay. */
    (void)state;
    struct hf_look look;
    open_path("loss 100%, mtu 600, delay 5ms");
    hf_path_heal(&path);
    put(FAULT_OUT, make(4, LOOK_ACK, 1000, 1000), (hf_time){0});
    assert_int_equal(hf_path_next(&path, FAULT_OUT).ns, 5 * HF_MS);
    assert_non_null(take(FAULT_OUT, (hf_time){5 * HF_MS}, &look));
    hf_path_close(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loses_in_bursts),
        cmocka_unit_test(queues_by_size),
        cmocka_unit_test(marks_what_waits),
        cmocka_unit_test(tells_of_a_narrow_hop),
        cmocka_unit_test(a_silent_hop_says_nothing),
        cmocka_unit_test(strips_what_it_is_told_to),
        cmocka_unit_test(shifts_numbers_both_ways),
        cmocka_unit_test(forges_without_a_trace),
        cmocka_unit_test(heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

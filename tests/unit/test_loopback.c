/* drivers/loopback.c: two drivers joined back to back. */
#include "driver_frames.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

static const struct hf_link_config offloading = {
    .kind = HF_LINK_IP, .mtu = 1500, .offload = HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6};
static const struct hf_link_config plain = {.kind = HF_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 8}};

static uint8_t buffer[HF_FRAME_MAX];

static void close_both(struct hf_driver *pair[2])
{
    pair[0]->ops->close(pair[0]);
    pair[1]->ops->close(pair[1]);
}

static void keeps_order(void **state)
{
    /* What one end submits the other receives, whole and in order, in both directions at once. */
    (void)state;
    struct hf_driver *pair[2];
    struct hf_frame frame;
    assert_int_equal(hf_loopback_open(&offloading, 8, pair), 0);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(send_made(pair[0], at_ms(0), (struct made){.seq = i, .flags = ACK, .len = 100 + i}), 0);
        assert_int_equal(send_made(pair[1], at_ms(0), (struct made){.seq = 50 + i, .flags = ACK}), 0);
    }
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(receive_frame(pair[1], at_ms(0), &frame, buffer));
        assert_int_equal(seq_of(&frame), i);
        assert_int_equal(frame.len, 140 + i);
        assert_true(is_sound(&frame, false));
        assert_true(receive_frame(pair[0], at_ms(0), &frame, buffer));
        assert_int_equal(seq_of(&frame), 50 + i);
    }
    assert_false(receive_frame(pair[0], at_ms(0), &frame, buffer));
    assert_false(receive_frame(pair[1], at_ms(0), &frame, buffer));
    close_both(pair);
}

static void passes_offload(void **state)
{
    /* A 64 KiB frame passes whole with its offload facts, and without the sender's private knowledge. */
    (void)state;
    struct hf_driver *pair[2];
    static uint8_t large[HF_FRAME_MAX];
    assert_int_equal(hf_loopback_open(&offloading, 4, pair), 0);
    struct hf_frame sent = make_tcp(large, (struct made){.flags = ACK, .len = 65000, .gso = 1460}), got;
    sent.why = HF_WHY_DATA;
    sent.conn = (hf_conn){3, 4};
    assert_int_equal(send_frame(pair[0], at_ms(0), &sent), 0);
    assert_true(receive_frame(pair[1], at_ms(0), &got, buffer));
    assert_int_equal(got.len, sent.len);
    assert_memory_equal(got.data, large, sent.len);
    assert_int_equal(got.flags, HF_FRAME_CSUM_PARTIAL);
    assert_int_equal(got.csum_start, 20);
    assert_int_equal(got.csum_offset, 16);
    assert_int_equal(got.gso_size, 1460);
    assert_int_equal(got.gso_header, 40);
    assert_int_equal(got.why, HF_REASON_NONE);
    assert_true(hf_conn_is_none(got.conn));
    close_both(pair);
}

static void is_bounded(void **state)
{
    /* `depth` frames fit each way, whatever power of two lies near; then reserve lends nothing until one is
     * released. */
    (void)state;
    struct hf_driver *pair[2];
    struct hf_frame frames[16];
    assert_int_equal(hf_loopback_open(&plain, 5, pair), 0);
    assert_int_equal(pair[0]->ops->reserve(pair[0], frames, 16), 5);
    assert_int_equal(pair[0]->ops->submit(pair[0], at_ms(0), frames, 5), 0);
    assert_int_equal(pair[0]->ops->reserve(pair[0], frames, 16), 0);
    assert_int_equal(pair[1]->ops->receive(pair[1], at_ms(0), frames, 2), 2);
    assert_int_equal(pair[0]->ops->reserve(pair[0], frames, 16), 0);
    pair[1]->ops->release(pair[1], at_ms(0), frames, 2);
    assert_int_equal(pair[0]->ops->reserve(pair[0], frames, 16), 2);
    close_both(pair);
}

static void submits_fewer(void **state)
{
    /* Of what was reserved any number may be submitted, none included. */
    (void)state;
    struct hf_driver *pair[2];
    struct hf_frame frames[4], got;
    assert_int_equal(hf_loopback_open(&plain, 4, pair), 0);
    assert_int_equal(pair[0]->ops->reserve(pair[0], frames, 4), 4);
    assert_int_equal(pair[0]->ops->submit(pair[0], at_ms(0), frames, 0), 0);
    assert_int_equal(pair[0]->ops->reserve(pair[0], frames, 4), 4);
    frames[0].len = 60;
    assert_int_equal(pair[0]->ops->submit(pair[0], at_ms(0), frames, 1), 0);
    assert_true(receive_frame(pair[1], at_ms(0), &got, buffer));
    assert_int_equal(got.len, 60);
    assert_false(receive_frame(pair[1], at_ms(0), &got, buffer));
    close_both(pair);
}

static void tells_when(void **state)
{
    /* A waiting frame is due since it was sent, so a loop in virtual time needs no guess; else nothing is due. */
    (void)state;
    struct hf_driver *pair[2];
    struct hf_frame frame;
    assert_int_equal(hf_loopback_open(&offloading, 4, pair), 0);
    assert_true(hf_time_is_never(pair[1]->ops->deadline(pair[1])));
    send_made(pair[0], at_ms(7), (struct made){.flags = SYN});
    assert_int_equal(pair[1]->ops->deadline(pair[1]).ns, at_ms(7).ns);
    assert_true(hf_time_is_never(pair[0]->ops->deadline(pair[0])));
    assert_true(receive_frame(pair[1], at_ms(8), &frame, buffer));
    assert_true(hf_time_is_never(pair[1]->ops->deadline(pair[1])));
    close_both(pair);
}

static void has_two_stations(void **state)
{
    /* On an Ethernet pair the two ends have different addresses. */
    (void)state;
    struct hf_driver *pair[2];
    assert_int_equal(hf_loopback_open(&plain, 1, pair), 0);
    assert_memory_not_equal(pair[0]->link.mac, pair[1]->link.mac, 6);
    assert_memory_equal(pair[0]->link.mac, plain.mac, 6);
    close_both(pair);
}

static void refuses_no_depth(void **state)
{
    /* A depth of zero, or one beyond all measure, is an error and nothing is made. */
    (void)state;
    struct hf_driver *pair[2];
    assert_int_equal(hf_loopback_open(&plain, 0, pair), -EINVAL);
    assert_int_equal(hf_loopback_open(&plain, 1u << 30, pair), -EINVAL);
}

static void outlives_one_end(void **state)
{
    /* One end may be closed first; the other still receives what was sent, and may send into the void. */
    (void)state;
    struct hf_driver *pair[2];
    struct hf_frame frame;
    assert_int_equal(hf_loopback_open(&offloading, 2, pair), 0);
    send_made(pair[0], at_ms(0), (struct made){.flags = FIN | ACK, .seq = 9});
    pair[0]->ops->close(pair[0]);
    assert_true(receive_frame(pair[1], at_ms(0), &frame, buffer));
    assert_int_equal(seq_of(&frame), 9);
    assert_int_equal(send_made(pair[1], at_ms(0), (struct made){.flags = ACK}), 0);
    pair[1]->ops->close(pair[1]);
}

#define THREAD_FRAMES 20000u

static void *send_many(void *arg)
{
    struct hf_driver *d = arg;
    for (uint32_t i = 0; i < THREAD_FRAMES;) {
        struct hf_frame frame;
        if (d->ops->reserve(d, &frame, 1) != 1) {
            sched_yield();
            continue;
        }
        frame.len = sizeof i;
        memcpy(frame.data, &i, sizeof i);
        d->ops->submit(d, at_ms(0), &frame, 1);
        i++;
    }
    return NULL;
}

static void serves_two_threads(void **state)
{
    /* With a thread at each end every frame arrives once and in order. */
    (void)state;
    struct hf_driver *pair[2];
    struct hf_frame frame;
    pthread_t sender;
    assert_int_equal(hf_loopback_open(&plain, 16, pair), 0);
    assert_int_equal(pthread_create(&sender, NULL, send_many, pair[0]), 0);
    for (uint32_t i = 0; i < THREAD_FRAMES;) {
        uint32_t number;
        if (!receive_frame(pair[1], at_ms(0), &frame, buffer)) {
            sched_yield();
            continue;
        }
        memcpy(&number, buffer, sizeof number);
        assert_int_equal(number, i);
        i++;
    }
    pthread_join(sender, NULL);
    close_both(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),        cmocka_unit_test(passes_offload),
        cmocka_unit_test(is_bounded),         cmocka_unit_test(submits_fewer),
        cmocka_unit_test(tells_when),         cmocka_unit_test(has_two_stations),
        cmocka_unit_test(refuses_no_depth),   cmocka_unit_test(outlives_one_end),
        cmocka_unit_test(serves_two_threads),
    };
    return cmocka_run_group_tests_name("loopback", tests, NULL, NULL);
}

/* drivers/split.c: a frame with offload facts becomes the frames a wire would have carried. */
#include "driver_frames.h"

#include "../../drivers/split.h"

static uint8_t whole[HF_FRAME_MAX], cut[HF_FRAME_MAX];

static void check_cutting(bool ethernet, bool v6)
{
    struct made made = {.ethernet = ethernet,
                        .v6 = v6,
                        .seq = 0xfffff000,
                        .ack = 7,
                        .gso = 1448,
                        .len = 10000,
                        .flags = ACK | PSH | FIN | CWR};
    struct hf_frame frame = make_tcp(whole, made), segment;
    struct hf_split split;
    uint32_t seq = made.seq, count = 0;
    hf_split_begin(&split, &frame, ethernet ? HF_LINK_ETHERNET : HF_LINK_IP);
    assert_int_equal(hf_split_count(&split), 7);
    while (hf_split_next(&split, cut, sizeof cut, &segment)) {
        const uint8_t *tcp = tcp_of(&segment, ethernet);
        uint32_t payload = segment.len - (uint32_t)(tcp + 20 - segment.data);
        bool is_last = ++count == 7;
        assert_true(is_sound(&segment, ethernet));
        assert_int_equal(payload, is_last ? 10000 - 6 * 1448 : 1448);
        assert_int_equal(get_be32(tcp + 4), seq);
        assert_int_equal(get_be32(tcp + 8), 7);
        assert_int_equal(tcp[13], ACK | (is_last ? PSH | FIN : 0) | (count == 1 ? CWR : 0));
        for (uint32_t i = 0; i < payload; i++)
            assert_int_equal(tcp[20 + i], (seq + i) % 251);
        assert_int_equal(segment.gso_size, 0);
        assert_int_equal(segment.flags, 0);
        seq += payload;
    }
    assert_int_equal(count, 7);
}

static void cuts_every_kind(void **state)
{
    /* A coalesced frame becomes segments of gso_size with their own numbers, lengths, flags and checksums. */
    (void)state;
    check_cutting(false, false);
    check_cutting(false, true);
    check_cutting(true, false);
    check_cutting(true, true);
}

static void counts_identification(void **state)
{
    /* The IPv4 identifications of the segments count up, so that they are told apart in a capture. */
    (void)state;
    struct hf_frame frame = make_tcp(whole, (struct made){.gso = 1000, .len = 2500, .flags = ACK}), segment;
    struct hf_split split;
    hf_split_begin(&split, &frame, HF_LINK_IP);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(hf_split_next(&split, cut, sizeof cut, &segment));
        assert_int_equal(get_be16(cut + 4), 0x1000 + i);
    }
    assert_false(hf_split_next(&split, cut, sizeof cut, &segment));
}

static void finishes_checksum(void **state)
{
    /* A frame whose checksum was left to the device comes out with it finished, odd lengths too. */
    (void)state;
    for (uint32_t len = 0; len < 70; len++)
        for (int v6 = 0; v6 < 2; v6++) {
            struct made made = {.v6 = v6 == 1, .partial = true, .seq = 5, .flags = ACK, .len = len};
            struct hf_frame frame = make_tcp(whole, made), segment;
            struct hf_split split;
            hf_split_begin(&split, &frame, HF_LINK_IP);
            assert_true(hf_split_next(&split, cut, sizeof cut, &segment));
            assert_true(is_sound(&segment, false));
            assert_false(hf_split_next(&split, cut, sizeof cut, &segment));
        }
}

static void passes_plain_frame(void **state)
{
    /* A frame without offload facts comes out byte for byte, a wrong checksum included. */
    (void)state;
    struct hf_frame frame = make_tcp(whole, (struct made){.flags = ACK, .len = 100}), segment;
    whole[36] ^= 1;
    frame.flags = HF_FRAME_CSUM_VERIFIED;
    struct hf_split split;
    hf_split_begin(&split, &frame, HF_LINK_IP);
    assert_true(hf_split_next(&split, cut, sizeof cut, &segment));
    assert_int_equal(segment.len, frame.len);
    assert_memory_equal(cut, whole, frame.len);
    assert_int_equal(segment.flags, HF_FRAME_CSUM_VERIFIED);
}

static void one_segment_is_finished(void **state)
{
    /* A frame marked as coalesced that fits one segment is finished as one. */
    (void)state;
    struct hf_frame frame = make_tcp(whole, (struct made){.flags = ACK | PSH, .len = 300, .gso = 1448}), segment;
    struct hf_split split;
    hf_split_begin(&split, &frame, HF_LINK_IP);
    assert_int_equal(hf_split_count(&split), 1);
    assert_true(hf_split_next(&split, cut, sizeof cut, &segment));
    assert_true(is_sound(&segment, false));
    assert_int_equal(flags_of(&segment), ACK | PSH);
}

static void reports_lack_of_room(void **state)
{
    /* A segment that does not fit is not written, and the caller is told its length. */
    (void)state;
    struct hf_frame frame = make_tcp(whole, (struct made){.gso = 1000, .len = 1500, .flags = ACK}), segment;
    struct hf_split split;
    memset(cut, 0xaa, sizeof cut);
    hf_split_begin(&split, &frame, HF_LINK_IP);
    assert_true(hf_split_next(&split, cut, 600, &segment));
    assert_null(segment.data);
    assert_int_equal(segment.len, 1040);
    assert_int_equal(cut[0], 0xaa);
    assert_true(hf_split_next(&split, cut, 600, &segment));
    assert_int_equal(segment.len, 540);
    assert_true(is_sound(&segment, false));
}

static void contradictions_are_not_cut(void **state)
{
    /* Offload facts that contradict the headers leave the bytes as they are and never reach past the frame. */
    (void)state;
    struct hf_frame frame = make_tcp(whole, (struct made){.gso = 100, .len = 1000, .flags = ACK}), segment;
    struct hf_split split;
    whole[9] = 17; /* not TCP */
    frame.csum_start = 2000;
    hf_split_begin(&split, &frame, HF_LINK_IP);
    assert_int_equal(hf_split_count(&split), 1);
    assert_true(hf_split_next(&split, cut, sizeof cut, &segment));
    assert_memory_equal(cut, whole, frame.len);
}

static void padding_is_no_payload(void **state)
{
    /* What lies behind the datagram's end, as Ethernet pads, is not summed. */
    (void)state;
    struct made made = {.ethernet = true, .partial = true, .flags = ACK, .len = 1};
    struct hf_frame frame = make_tcp(whole, made), segment;
    memset(whole + frame.len, 0x77, 5);
    frame.len += 5;
    struct hf_split split;
    hf_split_begin(&split, &frame, HF_LINK_ETHERNET);
    assert_true(hf_split_next(&split, cut, sizeof cut, &segment));
    segment.len -= 5;
    assert_true(is_sound(&segment, true));
}

static void looks_behind_extensions(void **state)
{
    /* TCP is found behind IPv6 extension headers, and a fragment is not taken for a segment. */
    (void)state;
    struct hf_frame frame = make_tcp(whole, (struct made){.v6 = true, .flags = SYN, .seq = 99});
    memmove(whole + 48, whole + 40, 20);
    memset(whole + 40, 0, 8);
    whole[6] = 60; /* destination options, eight bytes of padding */
    whole[40] = 6;
    put_be16(whole + 4, 28);
    struct hf_look look;
    assert_true(hf_look(whole, frame.len + 8, HF_LINK_IP, &look));
    assert_true(look.is_tcp);
    assert_int_equal(look.seq, 99);
    whole[6] = 44; /* the same bytes as a fragment header, with an offset */
    whole[43] = 8;
    assert_true(hf_look(whole, frame.len + 8, HF_LINK_IP, &look));
    assert_false(look.is_tcp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_every_kind),
        cmocka_unit_test(counts_identification),
        cmocka_unit_test(finishes_checksum),
        cmocka_unit_test(passes_plain_frame),
        cmocka_unit_test(one_segment_is_finished),
        cmocka_unit_test(reports_lack_of_room),
        cmocka_unit_test(contradictions_are_not_cut),
        cmocka_unit_test(padding_is_no_payload),
        cmocka_unit_test(looks_behind_extensions),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}

/* drivers/pcap_file.c: frames out of a capture, at the pace of the file. */
#define _DEFAULT_SOURCE
#include "driver_frames.h"

#include "scratch.h"

#include <pcap/pcap.h>

static uint8_t packet[HF_FRAME_MAX], received[HF_FRAME_MAX];
static char error[256];

/* ---- making captures ---- */

static pcap_t *dead;
static pcap_dumper_t *dumper;

static void begin_capture(int dlt)
{
    dead = pcap_open_dead_with_tstamp_precision(dlt, 65535, PCAP_TSTAMP_PRECISION_NANO);
    assert_non_null(dead);
    dumper = pcap_dump_open(dead, scratch);
    assert_non_null(dumper);
}

static void put_packet(int64_t at_ns, const uint8_t *data, uint32_t len)
{
    struct pcap_pkthdr header = {.ts = {at_ns / HF_SECOND, at_ns % HF_SECOND}, .caplen = len, .len = len};
    pcap_dump((u_char *)dumper, &header, data);
}

static void end_capture(void)
{
    pcap_dump_close(dumper);
    pcap_close(dead);
}

static struct hf_driver *open_file(void)
{
    struct hf_driver *d = hf_pcap_open(scratch, error);
    if (d == NULL)
        fail_msg("%s", error);
    return d;
}

/* ---- what it reads ---- */

static void frames_come_at_the_pace_of_the_file(void **state)
{
    /* The first frame is due at once, the others as much later as the file says, and the deadline tells when. */
    (void)state;
    const int64_t when[] = {1700000000 * HF_SECOND, 1700000000 * HF_SECOND + 1, 1700000001 * HF_SECOND + 5};
    struct hf_frame frame = make_tcp(packet, (struct made){.flags = ACK, .len = 10}), got;
    begin_capture(DLT_RAW);
    for (int i = 0; i < 3; i++) {
        packet[5] = (uint8_t)i;
        put_packet(when[i], packet, frame.len);
    }
    end_capture();
    struct hf_driver *d = open_file();
    assert_int_equal(d->link.kind, HF_LINK_IP);
    assert_int_equal(d->ops->deadline(d).ns, 0);
    hf_time start = at_ms(77000);
    for (int i = 0; i < 3; i++) {
        hf_time due = hf_time_add(start, when[i] - when[0]);
        if (i > 0) {
            assert_int_equal(d->ops->deadline(d).ns, due.ns);
            assert_false(receive_frame(d, hf_time_add(due, -1), &got, received));
        }
        assert_true(receive_frame(d, due, &got, received));
        assert_int_equal(got.len, frame.len);
        assert_int_equal(received[5], i);
    }
    assert_true(hf_time_is_never(d->ops->deadline(d)));
    assert_false(receive_frame(d, at_ms(1000000), &got, received));
    d->ops->close(d);
}

static void held_frames_are_not_passed(void **state)
{
    /* One frame is lent at a time, and the same again until it is released. */
    (void)state;
    struct hf_frame frame = make_tcp(packet, (struct made){.flags = ACK}), lent[4];
    begin_capture(DLT_RAW);
    for (int i = 0; i < 3; i++) {
        packet[5] = (uint8_t)i;
        put_packet(0, packet, frame.len);
    }
    end_capture();
    struct hf_driver *d = open_file();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(d->ops->receive(d, at_ms(0), lent, 4), 1);
        assert_int_equal(lent[0].data[5], i);
        d->ops->release(d, at_ms(0), lent, 1);
    }
    assert_int_equal(d->ops->receive(d, at_ms(0), lent, 4), 0);
    d->ops->close(d);
}

/* A capture of this link type whose frames have `header` in front; the second is of another protocol. */
static void check_link_type(int dlt, const uint8_t *header, uint32_t header_len, const uint8_t *strange)
{
    static uint8_t framed[2048];
    struct hf_frame frame = make_tcp(packet, (struct made){.flags = ACK, .len = 20}), got;
    begin_capture(dlt);
    memcpy(framed, header, header_len);
    memcpy(framed + header_len, packet, frame.len);
    put_packet(0, framed, header_len + frame.len);
    memcpy(framed, strange, header_len);
    framed[header_len] = 0;
    put_packet(0, framed, header_len + frame.len);
    put_packet(0, framed, header_len); /* a header and nothing behind it */
    put_packet(0, framed, header_len > 0 ? header_len - 1 : 0);
    memcpy(framed, header, header_len);
    framed[header_len] = packet[0];
    put_packet(0, framed, header_len + frame.len);
    end_capture();
    struct hf_driver *d = open_file();
    assert_int_equal(d->link.kind, HF_LINK_IP);
    for (int i = 0; i < 2; i++) {
        assert_true(receive_frame(d, at_ms(0), &got, received));
        assert_int_equal(got.len, frame.len);
        assert_true(is_sound(&got, false));
    }
    assert_false(receive_frame(d, at_ms(0), &got, received));
    d->ops->close(d);
}

static void headers_of_captures_are_taken_off(void **state)
{
    /* Cooked and loopback captures give the datagrams within; what is not IP in them is passed over. */
    (void)state;
    static const uint8_t null[4] = {2}, loop[4] = {0, 0, 0, 2}, other_null[4] = {7};
    static const uint8_t sll[16] = {[14] = 8}, sll_arp[16] = {[14] = 8, [15] = 6};
    static const uint8_t sll2[20] = {[0] = 8}, sll2_arp[20] = {[0] = 8, [1] = 6};
    check_link_type(DLT_RAW, null, 0, null);
    check_link_type(DLT_NULL, null, 4, other_null);
    check_link_type(DLT_LOOP, loop, 4, other_null);
    check_link_type(DLT_LINUX_SLL, sll, 16, sll_arp);
    check_link_type(DLT_LINUX_SLL2, sll2, 20, sll2_arp);
}

static void ethernet_keeps_everything(void **state)
{
    /* An Ethernet capture gives every frame as it is, ARP too. */
    (void)state;
    struct hf_frame frame = make_tcp(packet, (struct made){.ethernet = true, .flags = SYN}), got;
    begin_capture(DLT_EN10MB);
    put_packet(0, packet, frame.len);
    put_be16(packet + 12, 0x0806);
    put_packet(0, packet, 60);
    end_capture();
    struct hf_driver *d = open_file();
    assert_int_equal(d->link.kind, HF_LINK_ETHERNET);
    assert_true(receive_frame(d, at_ms(0), &got, received));
    assert_true(is_sound(&got, true));
    assert_true(receive_frame(d, at_ms(0), &got, received));
    assert_int_equal(got.len, 60);
    d->ops->close(d);
}

static void reads_what_a_tee_wrote(void **state)
{
    /* A pcapng file of the tee's comes back frame by frame, its times to the nanosecond. */
    (void)state;
    struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = 1500};
    struct hf_driver *pair[2];
    struct hf_frame got;
    assert_int_equal(hf_loopback_open(&link, 8, pair), 0);
    struct hf_driver *tee = hf_tee_open(pair[0], scratch);
    assert_non_null(tee);
    for (uint32_t i = 0; i < 3; i++)
        send_made(tee, (hf_time){1000 + i * 12345}, (struct made){.seq = i, .flags = ACK, .len = i});
    tee->ops->close(tee);
    pair[1]->ops->close(pair[1]);
    struct hf_driver *d = open_file();
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(d->ops->deadline(d).ns, i * 12345);
        assert_true(receive_frame(d, (hf_time){i * 12345}, &got, received));
        assert_int_equal(seq_of(&got), i);
        assert_true(is_sound(&got, false));
    }
    d->ops->close(d);
}

static void what_is_submitted_is_thrown_away(void **state)
{
    /* There is always room to send, and nothing comes of it. */
    (void)state;
    struct hf_frame got;
    begin_capture(DLT_RAW);
    end_capture();
    struct hf_driver *d = open_file();
    for (int i = 0; i < 100; i++)
        assert_int_equal(send_made(d, at_ms(i), (struct made){.flags = SYN}), 0);
    assert_false(receive_frame(d, at_ms(0), &got, received));
    assert_true(hf_time_is_never(d->ops->deadline(d)));
    d->ops->close(d);
}

/* ---- trouble ---- */

static void a_file_cut_short_ends_there(void **state)
{
    /* A capture that breaks off in a packet gives all before it, then ends. */
    (void)state;
    struct hf_frame frame = make_tcp(packet, (struct made){.flags = ACK, .len = 50}), got;
    begin_capture(DLT_RAW);
    put_packet(0, packet, frame.len);
    put_packet(0, packet, frame.len);
    end_capture();
    assert_int_equal(truncate(scratch, 24 + 16 + frame.len + 16 + 30), 0);
    struct hf_driver *d = open_file();
    assert_true(receive_frame(d, at_ms(0), &got, received));
    assert_false(receive_frame(d, at_ms(0), &got, received));
    assert_true(hf_time_is_never(d->ops->deadline(d)));
    d->ops->close(d);
}

static void what_is_no_capture_is_refused(void **state)
{
    /* A missing file, an empty one, one of text, and a strange link type each say what is wrong. */
    (void)state;
    assert_null(hf_pcap_open("/nonexistent/file.pcap", error));
    assert_non_null(strstr(error, "nonexistent"));
    memset(error, 0, sizeof error);
    assert_null(hf_pcap_open(scratch, error));
    assert_true(strlen(error) > 0);
    FILE *f = fopen(scratch, "wb");
    assert_non_null(f);
    fputs("this is not a capture at all, but a line of text\n", f);
    fclose(f);
    memset(error, 0, sizeof error);
    assert_null(hf_pcap_open(scratch, error));
    assert_true(strlen(error) > 0);
    begin_capture(DLT_USB_LINUX);
    end_capture();
    assert_null(hf_pcap_open(scratch, error));
    assert_non_null(strstr(error, "USB_LINUX"));
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(frames_come_at_the_pace_of_the_file),
        WITH_FILE(held_frames_are_not_passed),
        WITH_FILE(headers_of_captures_are_taken_off),
        WITH_FILE(ethernet_keeps_everything),
        WITH_FILE(reads_what_a_tee_wrote),
        WITH_FILE(what_is_submitted_is_thrown_away),
        WITH_FILE(a_file_cut_short_ends_there),
        WITH_FILE(what_is_no_capture_is_refused),
    };
    return cmocka_run_group_tests_name("pcap file", tests, NULL, NULL);
}

/* drivers/tee.c: what passes is found again in a pcapng file, as a wire would have carried it. */
#define _DEFAULT_SOURCE
#include "driver_frames.h"

#include "scratch.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <time.h>

#define START ((hf_time){1500000001}) /* virtual: far from any clock of the system */

static const struct hf_link_config ip_link = {
    .kind = HF_LINK_IP, .mtu = 1500, .offload = HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6};
static const struct hf_link_config ethernet_link = {
    .kind = HF_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};

static struct hf_driver *tee, *other; /* what the tee's side sends the other receives */
static uint8_t buffer[HF_FRAME_MAX];

static void open_tee(const struct hf_link_config *link)
{
    struct hf_driver *pair[2];
    assert_int_equal(hf_loopback_open(link, 32, pair), 0);
    tee = hf_tee_open(pair[0], scratch);
    other = pair[1];
    assert_non_null(tee);
}

static void close_tee(void)
{
    assert_int_equal(hf_tee_error(tee), 0);
    tee->ops->close(tee);
    other->ops->close(other);
}

/* Sends a frame through the tee, for a reason. */
static void send_why(struct hf_frame frame, hf_time now, enum hf_reason why)
{
    frame.why = (uint16_t)why;
    assert_int_equal(send_frame(tee, now, &frame), 0);
}

/* Receives a frame through the tee and gives it back with a verdict. */
static void receive_why(hf_time now, enum hf_reason verdict)
{
    struct hf_frame frame;
    assert_int_equal(tee->ops->receive(tee, now, &frame, 1), 1);
    frame.why = (uint16_t)verdict;
    tee->ops->release(tee, now, &frame, 1);
}

/* ---- the file, as libpcap sees it ---- */

static pcap_t *open_capture(int dlt)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(scratch, PCAP_TSTAMP_PRECISION_NANO, error);
    if (pcap == NULL)
        fail_msg("libpcap: %s", error);
    assert_int_equal(pcap_datalink(pcap), dlt);
    return pcap;
}

/* The next packet as a frame; false at the end. */
static bool next_packet(pcap_t *pcap, struct hf_frame *frame, struct pcap_pkthdr **header)
{
    const u_char *data;
    *frame = (struct hf_frame){.data = buffer};
    int result = pcap_next_ex(pcap, header, &data);
    if (result == PCAP_ERROR_BREAK)
        return false;
    assert_int_equal(result, 1);
    assert_int_equal((*header)->caplen, (*header)->len);
    memcpy(buffer, data, (*header)->caplen);
    *frame = (struct hf_frame){.data = buffer, .len = (*header)->caplen};
    return true;
}

static void frames_are_found_again(void **state)
{
    /* Every frame that passes in either direction is in the file, byte for byte, in order, with its time. */
    (void)state;
    static uint8_t made[5][2048];
    struct hf_frame frames[5], got = {.len = 0};
    struct pcap_pkthdr *header;
    open_tee(&ip_link);
    for (uint32_t i = 0; i < 5; i++) {
        frames[i] = make_tcp(made[i], (struct made){.seq = 1000 * i, .len = 100 + i, .flags = ACK, .v6 = i & 1});
        hf_time now = hf_time_add(START, i * HF_MS);
        if (i % 2 == 0) {
            send_why(frames[i], now, HF_WHY_DATA);
            continue;
        }
        assert_int_equal(send_frame(other, now, &frames[i]), 0);
        receive_why(now, HF_ACCEPTED);
    }
    close_tee();
    pcap_t *pcap = open_capture(DLT_RAW);
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(next_packet(pcap, &got, &header));
        assert_int_equal(got.len, frames[i].len);
        assert_memory_equal(got.data, made[i], got.len);
        assert_int_equal(header->ts.tv_sec, 1);
        assert_int_equal(header->ts.tv_usec, 500000001 + i * 1000000); /* nanoseconds, as asked for */
    }
    assert_false(next_packet(pcap, &got, &header));
    pcap_close(pcap);
}

static void ethernet_is_said(void **state)
{
    /* The file says which kind of link it was, and frames keep their link headers. */
    (void)state;
    struct hf_frame got = {.len = 0};
    struct pcap_pkthdr *header;
    open_tee(&ethernet_link);
    send_made(tee, START, (struct made){.ethernet = true, .flags = SYN});
    close_tee();
    pcap_t *pcap = open_capture(DLT_EN10MB);
    assert_true(next_packet(pcap, &got, &header));
    assert_true(is_sound(&got, true));
    pcap_close(pcap);
}

static void checksums_are_finished(void **state)
{
    /* A checksum left to the device is whole in the file, so that nobody takes it for an error (BUG-08). */
    (void)state;
    struct hf_frame got = {.len = 0};
    struct pcap_pkthdr *header;
    open_tee(&ip_link);
    for (uint32_t len = 0; len < 20; len++)
        send_made(tee, START, (struct made){.len = len, .flags = ACK, .partial = true, .v6 = len & 1});
    for (uint32_t len = 0; len < 20; len++)
        assert_true(receive_frame(other, START, &got, buffer));
    close_tee();
    pcap_t *pcap = open_capture(DLT_RAW);
    for (uint32_t len = 0; len < 20; len++) {
        assert_true(next_packet(pcap, &got, &header));
        assert_true(is_sound(&got, false));
    }
    pcap_close(pcap);
}

static void the_inner_driver_gets_what_was_sent(void **state)
{
    /* What goes on to the device still has its offload facts and its unfinished checksum: only the file is changed. */
    (void)state;
    static uint8_t large[HF_FRAME_MAX];
    struct hf_frame got = {.len = 0}, sent = make_tcp(large, (struct made){.len = 9000, .flags = ACK, .gso = 1448});
    open_tee(&ip_link);
    send_why(sent, START, HF_WHY_DATA);
    assert_true(receive_frame(other, START, &got, buffer));
    assert_int_equal(got.len, sent.len);
    assert_int_equal(got.gso_size, 1448);
    assert_int_equal(got.flags, HF_FRAME_CSUM_PARTIAL);
    assert_memory_equal(got.data, large, sent.len);
    close_tee();
}

static void coalesced_frames_are_split(void **state)
{
    /* A frame that the device will split is in the file as the segments that a wire carries, each of them sound. */
    (void)state;
    static uint8_t large[HF_FRAME_MAX];
    struct hf_frame got = {.len = 0},
                    sent = make_tcp(large, (struct made){.seq = 7, .len = 65000, .flags = ACK | PSH, .gso = 1448});
    struct pcap_pkthdr *header;
    uint32_t seq = 7;
    open_tee(&ip_link);
    send_why(sent, START, HF_WHY_DATA);
    close_tee();
    pcap_t *pcap = open_capture(DLT_RAW);
    for (int i = 0; i < 45; i++) {
        assert_true(next_packet(pcap, &got, &header));
        assert_true(is_sound(&got, false));
        assert_int_equal(seq_of(&got), seq);
        assert_true(got.len <= 1500);
        seq += got.len - 40;
    }
    assert_int_equal(seq, 7 + 65000);
    assert_false(next_packet(pcap, &got, &header));
    pcap_close(pcap);
}

static void the_systems_clock_becomes_the_time_of_day(void **state)
{
    /* Times of the monotonic clock are shifted to the time of day, so that captures of two programs can be compared. */
    (void)state;
    struct hf_frame got = {.len = 0};
    struct pcap_pkthdr *header;
    open_tee(&ip_link);
    send_made(tee, hf_clock_now(), (struct made){.flags = SYN});
    time_t now = time(NULL);
    close_tee();
    pcap_t *pcap = open_capture(DLT_RAW);
    assert_true(next_packet(pcap, &got, &header));
    assert_in_range(header->ts.tv_sec, now - 60, now + 1);
    pcap_close(pcap);
}

/* ---- the file, block by block (draft-ietf-opsawg-pcapng) ---- */

static uint8_t *file;
static uint32_t file_len;

static void read_file(void)
{
    FILE *f = fopen(scratch, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    file_len = (uint32_t)ftell(f);
    rewind(f);
    file = malloc(file_len);
    assert_non_null(file);
    assert_int_equal(fread(file, 1, file_len, f), file_len);
    fclose(f);
}

static uint32_t word_at(uint32_t at)
{
    uint32_t word;
    assert_true(at + 4 <= file_len);
    memcpy(&word, file + at, 4);
    return word;
}

/* The value of an option of the block at `at` whose options begin at `options`; NULL when it has none of that code. */
static const uint8_t *option(uint32_t at, uint32_t options, uint16_t code, uint16_t *len)
{
    uint32_t end = at + word_at(at + 4) - 4;
    for (uint32_t o = at + options; o + 4 <= end;) {
        uint16_t head[2];
        memcpy(head, file + o, 4);
        *len = head[1];
        if (head[0] == code)
            return file + o + 4;
        if (head[0] == 0)
            return NULL;
        o += 4 + (head[1] + 3u) / 4 * 4;
    }
    return NULL;
}

static uint32_t packet_options(uint32_t at)
{
    return 28 + (word_at(at + 20) + 3) / 4 * 4;
}

static void expect_comment(uint32_t at, const char *name, enum hf_reason why)
{
    uint16_t len = 0;
    const uint8_t *comment = option(at, packet_options(at), 1, &len);
    if (name == NULL) {
        assert_null(comment);
        return;
    }
    assert_non_null(comment);
    assert_memory_equal(comment, name, strlen(name));
    char text[256] = {0};
    memcpy(text, comment, len);
    assert_non_null(strstr(text, hf_reason_text(why)));
    assert_non_null(strstr(text, hf_reason_source(why)));
}

static void expect_direction(uint32_t at, uint32_t direction)
{
    uint16_t len = 0;
    uint32_t flags;
    const uint8_t *value = option(at, packet_options(at), 2, &len);
    assert_non_null(value);
    assert_int_equal(len, 4);
    memcpy(&flags, value, 4);
    assert_int_equal(flags & 3, direction);
}

static void blocks_are_well_formed(void **state)
{
    /* A section, an interface, then packets; each block as long as it says at both ends, to the file's very end. */
    (void)state;
    uint32_t types[8], count = 0;
    open_tee(&ip_link);
    for (uint32_t i = 0; i < 4; i++)
        send_made(tee, START, (struct made){.len = i, .flags = ACK});
    close_tee();
    read_file();
    for (uint32_t at = 0; at < file_len; at += word_at(at + 4)) {
        uint32_t len = word_at(at + 4);
        assert_true(len >= 12 && len % 4 == 0);
        assert_int_equal(word_at(at + len - 4), len);
        assert_true(count < 8);
        types[count++] = word_at(at);
    }
    assert_int_equal(count, 6);
    assert_int_equal(types[0], 0x0a0d0d0a);
    assert_int_equal(types[1], 1);
    for (uint32_t i = 2; i < 6; i++)
        assert_int_equal(types[i], 6);
    free(file);
}

static void reasons_are_comments(void **state)
{
    /* What was sent says what for, what was dropped says why, and what was accepted needs no word. */
    (void)state;
    static const struct {
        bool out;
        enum hf_reason why;
        const char *name;
    } steps[] = {
        {true, HF_WHY_SYN, "WHY_SYN"},      {false, HF_ACCEPTED, NULL},
        {false, HF_DROP_PAWS, "DROP_PAWS"}, {true, HF_WHY_CHALLENGE, "WHY_CHALLENGE"},
        {true, HF_REASON_NONE, NULL},       {true, (enum hf_reason)HF_REASON_COUNT, NULL},
    };
    struct hf_frame frame = make_tcp(buffer, (struct made){.flags = ACK, .len = 3});
    open_tee(&ip_link);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].out) {
            send_why(frame, START, steps[i].why);
            continue;
        }
        assert_int_equal(send_frame(other, START, &frame), 0);
        receive_why(START, steps[i].why);
    }
    close_tee();
    read_file();
    uint32_t at = word_at(4);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        at += word_at(at + 4);
        expect_comment(at, steps[i].name, steps[i].why);
        expect_direction(at, steps[i].out ? 2 : 1);
    }
    free(file);
}

/* ---- trouble ---- */

static void a_path_that_cannot_be_written_is_refused(void **state)
{
    /* Opening fails with errno, and the driver within stays its owner's. */
    (void)state;
    struct hf_driver *pair[2];
    assert_int_equal(hf_loopback_open(&ip_link, 4, pair), 0);
    assert_null(hf_tee_open(pair[0], "/nonexistent/folder/file"));
    assert_int_equal(errno, ENOENT);
    if (access("/dev/full", W_OK) == 0) {
        assert_null(hf_tee_open(pair[0], "/dev/full"));
        assert_int_equal(errno, ENOSPC);
    }
    assert_int_equal(send_made(pair[0], START, (struct made){.flags = SYN}), 0);
    pair[0]->ops->close(pair[0]);
    pair[1]->ops->close(pair[1]);
}

static void who_reads_along_sees_all(void **state)
{
    /* When nothing more is to be received the file is written out: a quiet moment leaves nothing in a buffer. */
    (void)state;
    struct hf_frame frame;
    open_tee(&ip_link);
    send_made(tee, START, (struct made){.flags = SYN});
    assert_int_equal(tee->ops->receive(tee, START, &frame, 1), 0);
    pcap_t *pcap = open_capture(DLT_RAW);
    struct pcap_pkthdr *header;
    assert_true(next_packet(pcap, &frame, &header));
    pcap_close(pcap);
    close_tee();
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(frames_are_found_again),
        WITH_FILE(ethernet_is_said),
        WITH_FILE(checksums_are_finished),
        WITH_FILE(the_inner_driver_gets_what_was_sent),
        WITH_FILE(coalesced_frames_are_split),
        WITH_FILE(the_systems_clock_becomes_the_time_of_day),
        WITH_FILE(blocks_are_well_formed),
        WITH_FILE(reasons_are_comments),
        WITH_FILE(a_path_that_cannot_be_written_is_refused),
        WITH_FILE(who_reads_along_sees_all),
    };
    return cmocka_run_group_tests_name("tee", tests, NULL, NULL);
}

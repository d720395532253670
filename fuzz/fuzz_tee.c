/*
 * Frames through a tee into a pcapng file, and back through the reader of captures. Input is a list of frames, hostile and
 * with whatever offload facts. Held true: the tee never fails and changes nothing of what passes; the file gives back
 * exactly the segments that split.h makes of the frames, as far as an engine could read them, in order, with their times.
 */
#define _GNU_SOURCE
#include "../drivers/split.h"
#include "fuzz.h"

#include <handfast/driver.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES     12
#define FRAME_MOST 2000
#define SEGMENTS   4096 /* that one input may make */
#define MEMORY     (1u << 22)

/* A device that takes everything and gives what it is told to. */
static uint8_t device_room[HF_FRAME_MAX];
static struct hf_frame device_next;

static int device_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    (void)d, (void)now, (void)max;
    frames[0] = device_next;
    return 1;
}
static void device_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    (void)d, (void)now, (void)frames, (void)count;
}
static int device_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    (void)d, (void)max;
    frames[0] = (struct hf_frame){.data = device_room, .cap = sizeof device_room};
    return 1;
}
static int device_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    (void)d, (void)now;
    require(count == 1 && frames[0].data == device_room);
    device_next = frames[0];
    return 0;
}
static hf_time device_deadline(struct hf_driver *d)
{
    (void)d;
    return HF_NEVER;
}
static void device_close(struct hf_driver *d)
{
    (void)d;
}

static const struct hf_driver_ops device_ops = {device_receive, device_release,  device_reserve,
                                                device_submit,  device_deadline, device_close};

/* ---- what is to be found in the file ---- */

static struct expected {
    uint8_t *data;
    uint32_t len;
    hf_time at;
} expected[SEGMENTS];
static unsigned expected_count;
static uint8_t memory[MEMORY];
static size_t memory_used;

/* Whether the reader of captures hands such a frame on. */
static bool is_readable(const struct hf_frame *segment, enum hf_link_kind kind)
{
    if (segment->len == 0)
        return false;
    uint8_t version = segment->data[0] >> 4;
    return kind == HF_LINK_ETHERNET || version == 4 || version == 6;
}

static void expect(const struct hf_frame *frame, enum hf_link_kind kind, hf_time at)
{
    static uint8_t cut[HF_FRAME_MAX];
    struct hf_split split;
    struct hf_frame segment;
    hf_split_begin(&split, frame, kind);
    while (hf_split_next(&split, cut, sizeof cut, &segment)) {
        require(segment.data != NULL);
        if (!is_readable(&segment, kind))
            continue;
        require(expected_count < SEGMENTS && memory_used + segment.len <= MEMORY);
        expected[expected_count++] = (struct expected){memory + memory_used, segment.len, at};
        memcpy(memory + memory_used, cut, segment.len);
        memory_used += segment.len;
    }
}

/* ---- there ---- */

static struct hf_frame some_frame(struct input *in, uint8_t *data)
{
    const uint8_t *bytes;
    uint8_t choice = in8(in);
    uint16_t len = in16(in) % FRAME_MOST;
    struct hf_frame frame = {.data = data, .len = len, .flags = choice & 3, .why = in8(in)};
    frame.gso_size = choice & 4 ? (uint16_t)(64 + in16(in) % 1500) : 0;
    frame.csum_start = choice & 8 ? in16(in) % FRAME_MOST : 20;
    frame.csum_offset = 16;
    size_t got = in_bytes(in, len, &bytes);
    memset(data, 0x45, len);
    if (got > 0)
        memcpy(data, bytes, got);
    return frame;
}

static void pass(struct hf_driver *tee, struct input *in, hf_time now)
{
    static uint8_t data[FRAME_MOST];
    bool is_sent = in8(in) & 1;
    struct hf_frame frame = some_frame(in, data), lent;
    expect(&frame, tee->link.kind, now);
    if (is_sent) {
        require(tee->ops->reserve(tee, &lent, 1) == 1);
        memcpy(lent.data, data, frame.len);
        frame.data = lent.data;
        frame.cap = lent.cap;
        require(tee->ops->submit(tee, now, &frame, 1) == 0);
    } else {
        device_next = frame;
        require(tee->ops->receive(tee, now, &lent, 1) == 1);
        require(lent.data == data && lent.len == frame.len && lent.gso_size == frame.gso_size);
        tee->ops->release(tee, now, &lent, 1);
    }
    require(memcmp(is_sent ? device_room : data, data, frame.len) == 0);
    require(device_next.len == frame.len && device_next.flags == frame.flags);
}

/* ---- and back ---- */

static void read_back(const char *path)
{
    char error[256];
    struct hf_frame frame;
    struct hf_driver *d = hf_pcap_open(path, error);
    require(d != NULL);
    for (unsigned i = 0; i < expected_count; i++) {
        hf_time due = {expected[i].at.ns - expected[0].at.ns};
        require(d->ops->deadline(d).ns == due.ns);
        require(d->ops->receive(d, due, &frame, 1) == 1);
        require(frame.len == expected[i].len && memcmp(frame.data, expected[i].data, frame.len) == 0);
        d->ops->release(d, due, &frame, 1);
    }
    require(hf_time_is_never(d->ops->deadline(d)) && d->ops->receive(d, HF_NEVER, &frame, 1) == 0);
    d->ops->close(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    char path[64];
    struct hf_driver device = {.ops = &device_ops, .fd = -1, .name = "device"};
    device.link = (struct hf_link_config){.kind = in8(&in) & 1 ? HF_LINK_ETHERNET : HF_LINK_IP, .mtu = 1500};
    int fd = memfd_create("capture", MFD_CLOEXEC);
    require(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    expected_count = 0;
    memory_used = 0;
    struct hf_driver *tee = hf_tee_open(&device, path);
    require(tee != NULL);
    hf_time now = {1 + in16(&in)};
    for (unsigned i = 0; in.left > 0 && i < FRAMES; i++) {
        pass(tee, &in, now);
        now = hf_time_add(now, in16(&in) * 1001);
    }
    require(hf_tee_error(tee) == 0);
    tee->ops->close(tee);
    read_back(path);
    close(fd);
    return 0;
}

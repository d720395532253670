/*
 * A wrapper that copies every frame to a pcapng file (draft-ietf-opsawg-pcapng): one section, one interface, and an
 * enhanced packet block for each frame, with its direction and, as a comment, its reason.
 *
 * What is written is what a wire would have carried: split.h finishes checksums and cuts coalesced frames first.
 * Received frames are written at their release, because only then the engine's verdict is known.
 *
 * Times are those that the caller passes. When they come from the system's clock they are shifted to the time of
 * day; virtual time is written as it is, so that the same run gives the same file.
 */
#define _GNU_SOURCE
#include <handfast/driver.h>
#include <handfast/observe.h>

#include "split.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { OPTION_END = 0, OPTION_COMMENT = 1, OPTION_SECTION_APPLICATION = 4 };
enum { OPTION_INTERFACE_NAME = 2, OPTION_INTERFACE_RESOLUTION = 9, OPTION_PACKET_FLAGS = 2 };
enum { LINK_ETHERNET = 1, LINK_RAW = 101 };
enum { PACKET_INBOUND = 1, PACKET_OUTBOUND = 2 };

#define BLOCK_CAP       (HF_FRAME_MAX + 1024)
#define CLOCK_TOLERANCE (10 * HF_SECOND)

struct tee {
    struct hf_driver driver;
    struct hf_driver *inner;
    FILE *file;
    int error; /* errno that ended the writing */
    bool has_begun;
    int64_t shift_ns; /* added to the caller's times */
    uint32_t len;     /* of the block being built */
    uint8_t *block;   /* BLOCK_CAP bytes */
    uint8_t *segment; /* HF_FRAME_MAX bytes: one segment, cut and finished */
};

static struct tee *tee_of(struct hf_driver *d)
{
    return (struct tee *)d;
}

/* ---- blocks: native byte order, which the section header's magic tells the reader ---- */

static void put(struct tee *tee, const void *bytes, uint32_t len)
{
    memcpy(tee->block + tee->len, bytes, len);
    tee->len += len;
    while (tee->len % 4)
        tee->block[tee->len++] = 0;
}

static void put_word(struct tee *tee, uint32_t word)
{
    put(tee, &word, sizeof word);
}

static void put_option(struct tee *tee, uint16_t code, const void *value, uint16_t len)
{
    uint16_t head[2] = {code, len};
    put(tee, head, sizeof head);
    put(tee, value, len);
}

static void start_block(struct tee *tee, uint32_t type)
{
    tee->len = 0;
    put_word(tee, type);
    put_word(tee, 0); /* its length, filled in at the end */
}

static void end_block(struct tee *tee)
{
    put_option(tee, OPTION_END, "", 0);
    uint32_t total = tee->len + 4;
    put_word(tee, total);
    memcpy(tee->block + 4, &total, sizeof total);
    if (tee->error == 0 && fwrite(tee->block, 1, tee->len, tee->file) != tee->len)
        tee->error = errno ? errno : EIO;
}

static void write_section(struct tee *tee)
{
    static const char application[] = "handfast";
    uint16_t version[2] = {1, 0};
    int64_t unknown_len = -1;
    start_block(tee, BLOCK_SECTION);
    put_word(tee, 0x1a2b3c4d);
    put(tee, version, sizeof version);
    put(tee, &unknown_len, sizeof unknown_len);
    put_option(tee, OPTION_SECTION_APPLICATION, application, sizeof application - 1);
    end_block(tee);
}

static void write_interface(struct tee *tee)
{
    const struct hf_driver *inner = tee->inner;
    uint16_t link[2] = {inner->link.kind == HF_LINK_ETHERNET ? LINK_ETHERNET : LINK_RAW, 0};
    uint8_t nanoseconds = 9;
    start_block(tee, BLOCK_INTERFACE);
    put(tee, link, sizeof link);
    put_word(tee, 0); /* no limit on the length of a packet */
    put_option(tee, OPTION_INTERFACE_NAME, inner->name, (uint16_t)strlen(inner->name));
    put_option(tee, OPTION_INTERFACE_RESOLUTION, &nanoseconds, 1);
    end_block(tee);
}

/* A received frame is worth a comment when it was dropped, a sent one always says what it was sent for. */
static void put_comment(struct tee *tee, uint16_t why)
{
    char comment[200];
    if (why == HF_REASON_NONE || why == HF_ACCEPTED || why >= HF_REASON_COUNT)
        return;
    int len = snprintf(comment, sizeof comment, "%s: %s (%s)", hf_reason_name(why), hf_reason_text(why),
                       hf_reason_source(why));
    if (len > 0 && len < (int)sizeof comment)
        put_option(tee, OPTION_COMMENT, comment, (uint16_t)len);
}

static void write_packet(struct tee *tee, hf_time now, const struct hf_frame *segment, uint32_t direction)
{
    uint64_t stamp = (uint64_t)(now.ns + tee->shift_ns);
    start_block(tee, BLOCK_PACKET);
    put_word(tee, 0); /* the interface */
    put_word(tee, (uint32_t)(stamp >> 32));
    put_word(tee, (uint32_t)stamp);
    put_word(tee, segment->len); /* captured and original: nothing is cut off */
    put_word(tee, segment->len);
    put(tee, segment->data, segment->len);
    put_option(tee, OPTION_PACKET_FLAGS, &direction, sizeof direction);
    put_comment(tee, segment->why);
    end_block(tee);
}

static void choose_shift(struct tee *tee, hf_time now)
{
    tee->has_begun = true;
    hf_ns apart = hf_time_since(hf_clock_now(), now);
    if (apart < -CLOCK_TOLERANCE || apart > CLOCK_TOLERANCE)
        return;
    struct timespec day;
    clock_gettime(CLOCK_REALTIME, &day);
    tee->shift_ns = (int64_t)day.tv_sec * HF_SECOND + day.tv_nsec - hf_clock_now().ns;
}

static void write_frames(struct tee *tee, hf_time now, struct hf_frame *frames, unsigned count, uint32_t direction)
{
    if (!tee->has_begun && count > 0)
        choose_shift(tee, now);
    for (unsigned i = 0; i < count && tee->error == 0; i++) {
        struct hf_split split;
        struct hf_frame segment;
        hf_split_begin(&split, &frames[i], tee->driver.link.kind);
        while (hf_split_next(&split, tee->segment, HF_FRAME_MAX, &segment))
            if (segment.data)
                write_packet(tee, now, &segment, direction);
    }
}

static void flush(struct tee *tee)
{
    if (tee->error == 0 && fflush(tee->file) != 0)
        tee->error = errno;
}

/* ---- the driver's calls ---- */

/* Nothing received means a quiet moment: whoever reads the file along then sees everything up to here. */
static int tee_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct tee *tee = tee_of(d);
    int count = tee->inner->ops->receive(tee->inner, now, frames, max);
    if (count == 0)
        flush(tee);
    return count;
}

static void tee_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct tee *tee = tee_of(d);
    write_frames(tee, now, frames, count, PACKET_INBOUND);
    tee->inner->ops->release(tee->inner, now, frames, count);
}

static int tee_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct hf_driver *inner = tee_of(d)->inner;
    return inner->ops->reserve(inner, frames, max);
}

static int tee_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct tee *tee = tee_of(d);
    write_frames(tee, now, frames, count, PACKET_OUTBOUND);
    return tee->inner->ops->submit(tee->inner, now, frames, count);
}

static hf_time tee_deadline(struct hf_driver *d)
{
    struct hf_driver *inner = tee_of(d)->inner;
    return inner->ops->deadline(inner);
}

static void free_tee(struct tee *tee)
{
    if (tee->file)
        fclose(tee->file);
    free(tee->block);
    free(tee->segment);
    free(tee);
}

static void tee_close(struct hf_driver *d)
{
    struct tee *tee = tee_of(d);
    struct hf_driver *inner = tee->inner;
    free_tee(tee);
    inner->ops->close(inner);
}

static const struct hf_driver_ops tee_ops = {
    .receive = tee_receive,
    .release = tee_release,
    .reserve = tee_reserve,
    .submit = tee_submit,
    .deadline = tee_deadline,
    .close = tee_close,
};

int hf_tee_error(struct hf_driver *d)
{
    struct tee *tee = tee_of(d);
    flush(tee);
    return tee->error;
}

struct hf_driver *hf_tee_open(struct hf_driver *inner, const char *path)
{
    struct tee *tee = calloc(1, sizeof *tee);
    if (!tee)
        return NULL;
    tee->driver = *inner;
    tee->driver.ops = &tee_ops;
    tee->inner = inner;
    tee->block = malloc(BLOCK_CAP);
    tee->segment = malloc(HF_FRAME_MAX);
    tee->file = tee->block && tee->segment ? fopen(path, "wbe") : NULL;
    if (!tee->file) {
        int error = errno;
        free_tee(tee);
        errno = error;
        return NULL;
    }
    write_section(tee);
    write_interface(tee);
    if (hf_tee_error(&tee->driver) == 0)
        return &tee->driver;
    int error = tee->error;
    free_tee(tee);
    errno = error;
    return NULL;
}

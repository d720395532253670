/*
 * Frames read from a capture file, pcap or pcapng, through libpcap.
 *
 * One frame is lent at a time, right from libpcap's buffer: it is read ahead, so that its time is known, and the
 * next one is read when it is released. Time in the file is relative to its first frame, which is due at the first
 * receive.
 */
#define _DEFAULT_SOURCE /* libpcap's headers want u_int and its kin */
#include <handfast/driver.h>

#include "bytes.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCARDED     16 /* frames of room for what is submitted, and thrown away */
#define HEADER_VARIES 0xff

/* What libpcap calls a kind of frame, and how many bytes stand before the part that an engine understands. */
struct dialect {
    int dlt;
    enum hf_link_kind kind;
    uint8_t header_len;
    uint8_t ethertype_at; /* where the header tells what follows, or HEADER_VARIES: the IP version alone tells */
};

static const struct dialect dialects[] = {
    {DLT_EN10MB, HF_LINK_ETHERNET, 0, HEADER_VARIES},
    {DLT_RAW, HF_LINK_IP, 0, HEADER_VARIES},
    {DLT_IPV4, HF_LINK_IP, 0, HEADER_VARIES},
    {DLT_IPV6, HF_LINK_IP, 0, HEADER_VARIES},
    {DLT_NULL, HF_LINK_IP, 4, HEADER_VARIES},
    {DLT_LOOP, HF_LINK_IP, 4, HEADER_VARIES},
    {DLT_LINUX_SLL, HF_LINK_IP, 16, 14},
    {DLT_LINUX_SLL2, HF_LINK_IP, 20, 0},
};

struct pcap_file {
    struct hf_driver driver;
    pcap_t *pcap;
    const struct dialect *dialect;
    const uint8_t *data; /* the frame read ahead, lent by libpcap; NULL at the end */
    uint32_t len;
    int64_t stamp_ns; /* its time in the file */
    int64_t shift_ns; /* added to times of the file they become those of the caller's clock */
    bool has_begun;
    uint8_t *discarded;
};

static struct pcap_file *file_of(struct hf_driver *d)
{
    return (struct pcap_file *)d;
}

static const struct dialect *find_dialect(int dlt)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
        if (dialects[i].dlt == dlt)
            return &dialects[i];
    return NULL;
}

/* True when an engine could read what follows the header; other protocols of a cooked capture are passed over. */
static bool is_readable(const struct dialect *dialect, const uint8_t *data, uint32_t len)
{
    if (len <= dialect->header_len || len > HF_FRAME_MAX)
        return false;
    if (dialect->kind == HF_LINK_ETHERNET)
        return true;
    if (dialect->ethertype_at != HEADER_VARIES) {
        uint16_t type = get16(data + dialect->ethertype_at);
        return type == 0x0800 || type == 0x86dd;
    }
    uint8_t version = data[dialect->header_len] >> 4;
    return version == 4 || version == 6;
}

static void read_ahead(struct pcap_file *file)
{
    struct pcap_pkthdr *header;
    const u_char *data;
    file->data = NULL;
    while (pcap_next_ex(file->pcap, &header, &data) == 1) {
        if (!is_readable(file->dialect, data, header->caplen))
            continue;
        file->data = data + file->dialect->header_len;
        file->len = header->caplen - file->dialect->header_len;
        /* tv_usec counts nanoseconds, because the file was opened with that precision. */
        file->stamp_ns = (int64_t)header->ts.tv_sec * HF_SECOND + header->ts.tv_usec;
        return;
    }
}

static hf_time due_at(const struct pcap_file *file)
{
    return (hf_time){file->stamp_ns + file->shift_ns};
}

static int pcap_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct pcap_file *file = file_of(d);
    if (!file->data || max == 0)
        return 0;
    if (!file->has_begun) {
        file->shift_ns = now.ns - file->stamp_ns;
        file->has_begun = true;
    }
    if (!hf_time_reached(now, due_at(file)))
        return 0;
    /* Who borrows a received frame does not change it, so the const may go. */
    frames[0] = (struct hf_frame){.data = (uint8_t *)(uintptr_t)file->data, .len = file->len, .cap = file->len};
    return 1;
}

static void pcap_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    (void)now, (void)frames;
    if (count > 0)
        read_ahead(file_of(d));
}

static int pcap_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    unsigned count = max < DISCARDED ? max : DISCARDED;
    for (unsigned i = 0; i < count; i++)
        frames[i] =
            (struct hf_frame){.data = file_of(d)->discarded + (size_t)i * HF_FRAME_MAX, .cap = HF_FRAME_MAX};
    return (int)count;
}

static int pcap_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    (void)d, (void)now, (void)frames, (void)count;
    return 0;
}

static hf_time pcap_deadline(struct hf_driver *d)
{
    const struct pcap_file *file = file_of(d);
    if (!file->data)
        return HF_NEVER;
    return file->has_begun ? due_at(file) : (hf_time){0};
}

static void pcap_file_close(struct hf_driver *d)
{
    struct pcap_file *file = file_of(d);
    if (file->pcap)
        pcap_close(file->pcap);
    free(file->discarded);
    free(file);
}

static const struct hf_driver_ops pcap_ops = {
    .receive = pcap_receive,
    .release = pcap_release,
    .reserve = pcap_reserve,
    .submit = pcap_submit,
    .deadline = pcap_deadline,
    .close = pcap_file_close,
};

static bool open_file(struct pcap_file *file, const char *path, char error[256])
{
    char reason[PCAP_ERRBUF_SIZE];
    file->pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (!file->pcap) {
        snprintf(error, 256, "%.255s", reason);
        return false;
    }
    int dlt = pcap_datalink(file->pcap);
    file->dialect = find_dialect(dlt);
    if (!file->dialect) {
        const char *name = pcap_datalink_val_to_name(dlt);
        snprintf(error, 256, "%.128s: frames of link type %s are not understood", path, name ? name : "unknown");
        return false;
    }
    return true;
}

struct hf_driver *hf_pcap_open(const char *path, char error[256])
{
    struct pcap_file *file = calloc(1, sizeof *file);
    uint8_t *discarded = malloc((size_t)DISCARDED * HF_FRAME_MAX);
    if (!file || !discarded) {
        free(file);
        free(discarded);
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    file->discarded = discarded;
    file->driver = (struct hf_driver){.ops = &pcap_ops, .fd = -1, .link.mtu = 1500};
    snprintf(file->driver.name, sizeof file->driver.name, "pcap");
    if (!open_file(file, path, error)) {
        pcap_file_close(&file->driver);
        return NULL;
    }
    file->driver.link.kind = file->dialect->kind;
    read_ahead(file);
    return &file->driver;
}

/*
 * TUN and TAP: frames to and from the kernel's network stack through a file descriptor (Linux).
 *
 * Each frame is preceded by a virtio-net header (virtio 1.2, 5.1.6), which is how checksum and segmentation offload
 * cross the descriptor: the kernel hands over TCP frames of up to 64 KiB with unfinished checksums and takes the
 * same. Without it a stack in user space is limited by system calls per packet. The header is kept right before the
 * frame's data, so that one plain read or write moves both, and every buffer is made at open: nothing is allocated
 * per frame.
 *
 * Read first: include/handfast/driver.h. Read next: device.c, the kernel's side of the same device.
 */
#define _GNU_SOURCE
#include <handfast/driver.h>

#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BATCH           16           /* frames lent at once, each way */
#define BATCH_BYTES     (128 * 1024) /* ... and read, or little more: what is used next shall still be in the cache */
#define HEADROOM        64           /* bytes before a frame's data: room for the virtio header, and aligned data */
#define ETHERNET_LEN    14
#define TCP_DATA_OFFSET 12 /* byte of the TCP header that holds its length */

struct tun {
    struct hf_driver driver;
    bool has_vnet;     /* the descriptor speaks the virtio header */
    uint32_t cap;      /* bytes of room in each buffer */
    uint32_t stride;   /* from one buffer's data to the next one's */
    uint8_t *received; /* BATCH buffers */
    uint8_t *sending;
};

static struct tun *tun_of(struct hf_driver *d)
{
    return (struct tun *)d;
}

static uint32_t prefix_len(const struct tun *tun)
{
    return tun->has_vnet ? sizeof(struct virtio_net_hdr) : 0;
}

/* ---- the virtio header <-> a frame's offload facts ---- */

/* The kernel's hdr_len is only a hint, so the TCP header's own length is read, at the place the checksum starts
 * from. */
static uint16_t coalesced_header_len(const struct hf_frame *frame, uint16_t csum_start)
{
    uint32_t tcp = csum_start;
    if (tcp + TCP_DATA_OFFSET >= frame->len)
        return 0;
    uint32_t header = tcp + (frame->data[tcp + TCP_DATA_OFFSET] >> 4) * 4u;
    return header < frame->len ? (uint16_t)header : 0;
}

static bool is_tcp_gso(uint8_t gso_type)
{
    uint8_t type = gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    return type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6;
}

static void read_offload(struct hf_frame *frame, const struct virtio_net_hdr *header)
{
    if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID)
        frame->flags |= HF_FRAME_CSUM_VERIFIED;
    if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
        return;
    frame->flags |= HF_FRAME_CSUM_PARTIAL;
    frame->csum_start = header->csum_start;
    frame->csum_offset = header->csum_offset;
    if (!is_tcp_gso(header->gso_type) || header->gso_size == 0)
        return;
    frame->gso_header = coalesced_header_len(frame, header->csum_start);
    frame->gso_size = frame->gso_header ? header->gso_size : 0;
}

static uint8_t ip_version(const struct tun *tun, const struct hf_frame *frame)
{
    return frame->data[tun->driver.link.kind == HF_LINK_ETHERNET ? ETHERNET_LEN : 0] >> 4;
}

static void write_offload(const struct tun *tun, const struct hf_frame *frame, struct virtio_net_hdr *header)
{
    memset(header, 0, sizeof *header);
    if (frame->flags & HF_FRAME_CSUM_PARTIAL) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = frame->csum_start;
        header->csum_offset = frame->csum_offset;
    }
    if (frame->gso_size == 0)
        return;
    header->gso_type = ip_version(tun, frame) == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    header->gso_size = frame->gso_size;
    header->hdr_len = frame->gso_header;
}

/* ---- the driver's calls ---- */

static ssize_t read_retrying(int fd, void *data, size_t len)
{
    ssize_t n;
    do
        n = read(fd, data, len);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t write_retrying(int fd, const void *data, size_t len)
{
    ssize_t n;
    do
        n = write(fd, data, len);
    while (n < 0 && errno == EINTR);
    return n;
}

static int tun_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    (void)now;
    struct tun *tun = tun_of(d);
    uint32_t prefix = prefix_len(tun);
    unsigned count = 0;
    uint32_t bytes = 0;
    while (count < max && count < BATCH && bytes < BATCH_BYTES) {
        uint8_t *data = tun->received + (size_t)count * tun->stride;
        ssize_t n = read_retrying(d->fd, data - prefix, prefix + tun->cap);
        if (n < 0 && errno != EAGAIN && count == 0)
            return -errno;
        if (n < (ssize_t)prefix)
            break;
        struct hf_frame *frame = &frames[count++];
        *frame = (struct hf_frame){.data = data, .len = (uint32_t)n - prefix, .cap = tun->cap};
        bytes += frame->len;
        if (tun->has_vnet) {
            struct virtio_net_hdr header;
            memcpy(&header, data - prefix, sizeof header);
            read_offload(frame, &header);
        }
    }
    return (int)count;
}

static void tun_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    (void)d, (void)now, (void)frames, (void)count;
}

static int tun_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct tun *tun = tun_of(d);
    unsigned count = max < BATCH ? max : BATCH;
    for (unsigned i = 0; i < count; i++)
        frames[i] = (struct hf_frame){.data = tun->sending + (size_t)i * tun->stride, .cap = tun->cap};
    return (int)count;
}

/* What the kernel refuses one frame for: malformed, no memory, too large, or the link is down. As if lost on the
 * wire. */
static bool is_loss(int error)
{
    return error == EINVAL || error == ENOMEM || error == ENOBUFS || error == EMSGSIZE || error == EAGAIN ||
           error == EIO;
}

static int tun_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    (void)now;
    struct tun *tun = tun_of(d);
    uint32_t prefix = prefix_len(tun);
    for (unsigned i = 0; i < count; i++) {
        if (tun->has_vnet) {
            struct virtio_net_hdr header;
            write_offload(tun, &frames[i], &header);
            memcpy(frames[i].data - prefix, &header, sizeof header);
        }
        ssize_t n = write_retrying(d->fd, frames[i].data - prefix, prefix + frames[i].len);
        if (n < 0 && !is_loss(errno))
            return -errno;
    }
    return 0;
}

static hf_time tun_deadline(struct hf_driver *d)
{
    (void)d;
    return HF_NEVER;
}

static void tun_close(struct hf_driver *d)
{
    struct tun *tun = tun_of(d);
    if (d->fd >= 0)
        close(d->fd);
    if (tun->received)
        free(tun->received - HEADROOM);
    if (tun->sending)
        free(tun->sending - HEADROOM);
    free(tun);
}

static const struct hf_driver_ops tun_ops = {
    .receive = tun_receive,
    .release = tun_release,
    .reserve = tun_reserve,
    .submit = tun_submit,
    .deadline = tun_deadline,
    .close = tun_close,
};

/* ---- opening ---- */

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Makes the device, or attaches to a persistent one of that name. */
static int create_device(struct tun *tun, const struct hf_tun_options *options)
{
    struct ifreq request = {0};
    request.ifr_flags = (short)((options->tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_VNET_HDR);
    if (options->name) {
        if (strlen(options->name) >= sizeof request.ifr_name) {
            errno = ENAMETOOLONG;
            return -1;
        }
        strcpy(request.ifr_name, options->name);
    }
    tun->driver.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return tun->driver.fd < 0 ? -1 : ioctl(tun->driver.fd, TUNSETIFF, &request);
}

/* Reads from the kernel what the descriptor is; it may have been made elsewhere. Whether with IFF_NO_PI the kernel does
 * not say: TUNGETIFF uses the same bit for something else. */
static int describe_device(struct tun *tun)
{
    struct hf_driver *d = &tun->driver;
    struct ifreq request = {0};
    if (ioctl(d->fd, TUNGETIFF, &request) < 0)
        return -1;
    unsigned flags = (unsigned short)request.ifr_flags;
    tun->has_vnet = (flags & IFF_VNET_HDR) != 0;
    d->link.kind = flags & IFF_TAP ? HF_LINK_ETHERNET : HF_LINK_IP;
    memcpy(d->name, request.ifr_name, sizeof request.ifr_name);
    return set_nonblocking(d->fd);
}

/* The engine's end of a TAP is another station than the kernel's: its address, but for one bit. */
static int choose_mac(struct tun *tun)
{
    struct ifreq request = {0};
    if (tun->driver.link.kind != HF_LINK_ETHERNET)
        return 0;
    if (ioctl(tun->driver.fd, SIOCGIFHWADDR, &request) < 0)
        return -1;
    memcpy(tun->driver.link.mac, request.ifr_hwaddr.sa_data, 6);
    tun->driver.link.mac[5] ^= 1;
    return 0;
}

static int set_offload(struct tun *tun, bool refused)
{
    if (!tun->has_vnet)
        return 0;
    int header_len = sizeof(struct virtio_net_hdr);
    if (ioctl(tun->driver.fd, TUNSETVNETHDRSZ, &header_len) < 0)
        return -1;
    unsigned long wanted = refused ? 0 : TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (ioctl(tun->driver.fd, TUNSETOFFLOAD, wanted) < 0)
        return -1;
    tun->driver.link.offload = refused ? 0 : HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6;
    return 0;
}

static uint8_t *make_buffers(const struct tun *tun)
{
    uint8_t *memory = aligned_alloc(64, HEADROOM + (size_t)BATCH * tun->stride);
    return memory ? memory + HEADROOM : NULL;
}

/* Without offload no frame is longer than the MTU and its Ethernet header. */
static int allocate(struct tun *tun)
{
    uint32_t one_segment = tun->driver.link.mtu + 64u;
    tun->cap = tun->driver.link.offload || one_segment > HF_FRAME_MAX ? HF_FRAME_MAX : one_segment;
    if (tun->cap < HF_FRAME_MIN_CAP)
        tun->cap = HF_FRAME_MIN_CAP;
    tun->stride = (HEADROOM + tun->cap + 63u) / 64 * 64;
    tun->received = make_buffers(tun);
    tun->sending = make_buffers(tun);
    return tun->received && tun->sending ? 0 : -1;
}

static int bring_up(const struct tun *tun)
{
    int error = hf_device_up(tun->driver.name, tun->driver.link.mtu);
    if (error < 0)
        errno = -error;
    return error < 0 ? -1 : 0;
}

struct hf_driver *hf_tun_open(const struct hf_tun_options *options)
{
    struct tun *tun = calloc(1, sizeof *tun);
    if (!tun)
        return NULL;
    bool is_taken = options->fd > 0;
    tun->driver.ops = &tun_ops;
    tun->driver.fd = is_taken ? options->fd : -1;
    tun->driver.link.mtu = options->mtu ? options->mtu : 1500;

    bool is_open = (is_taken || create_device(tun, options) == 0) && describe_device(tun) == 0 &&
                   choose_mac(tun) == 0 && set_offload(tun, options->no_offload) == 0 && allocate(tun) == 0 &&
                   (is_taken || bring_up(tun) == 0);
    if (is_open)
        return &tun->driver;
    int error = errno;
    if (is_taken)
        tun->driver.fd = -1; /* a descriptor that could not be used stays the caller's */
    tun_close(&tun->driver);
    errno = error;
    return NULL;
}

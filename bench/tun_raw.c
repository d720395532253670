/*
 * A TUN without a TCP: how fast frames can be read from the kernel and written to it by the driver that Handfast uses,
 * when nobody looks at them. Another thread makes the kernel send to the device with as little work as it can; what is
 * written to the device is for nobody, so that the kernel drops it as soon as it has it.
 */
#define _GNU_SOURCE
#include "../src/base/bytes.h"
#include "../src/base/sum.h"
#include "tun.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADERS   40
#define MSS       1460
#define CSUM_AT   16 /* in the TCP header */
#define IPV4_LEN  20
#define LARGE_LEN (HEADERS + 44 * MSS)

/* A TCP segment over IPv4 to an address nobody has, of `len` bytes in all, its checksum left to the device. */
static void write_headers(uint8_t *data, uint32_t len)
{
    memset(data, 0, HEADERS);
    data[0] = 0x45;
    hf_put16(data + 2, (uint16_t)len);
    data[8] = 64;
    data[9] = 6;
    hf_put32(data + 12, 0x0a000000u | TUN_ENGINE);
    hf_put32(data + 16, 0x0a090909u);
    uint16_t checksum = hf_sum_finish(hf_sum(data, IPV4_LEN));
    memcpy(data + 10, &checksum, sizeof checksum);
    data[IPV4_LEN + 12] = 5 << 4;
    data[IPV4_LEN + 13] = 16;
}

static struct hf_driver *open_device(bool no_offload)
{
    const struct hf_addr kernel = hf_addr_v4(10, 0, 0, TUN_KERNEL);
    struct hf_driver *d = hf_tun_open(&(struct hf_tun_options){.name = "hfraw", .no_offload = no_offload});
    if (d != NULL)
        (void)hf_device_add_address(d->name, &kernel, 24);
    return d;
}

/* ---- from the kernel ---- */

struct feeder {
    pthread_t thread;
    int fd;
    struct sockaddr_storage to;
    socklen_t to_len;
    uint8_t *data; /* what is sent, over and over */
    size_t len;
    atomic_bool stop;
};

/* Frames of 64 KB go through a packet socket, behind a virtio header; as many ahead of the reader as a TCP's window. */
static bool feed_large(struct feeder *feeder, const char *device)
{
    const struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                          .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                          .gso_size = MSS,
                                          .hdr_len = HEADERS,
                                          .csum_start = IPV4_LEN,
                                          .csum_offset = CSUM_AT};
    const struct sockaddr_ll to = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(device)};
    int on = 1, ahead = 2 << 20;
    memcpy(&feeder->to, &to, sizeof to);
    feeder->to_len = sizeof to;
    memcpy(feeder->data, &header, sizeof header);
    write_headers(feeder->data + sizeof header, LARGE_LEN);
    feeder->len = sizeof header + LARGE_LEN;
    feeder->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    (void)setsockopt(feeder->fd, SOL_SOCKET, SO_SNDBUFFORCE, &ahead, sizeof ahead);
    return setsockopt(feeder->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0;
}

/* Single segments are cut by the kernel from large UDP datagrams, so that it has one system call for many. */
static bool feed_segments(struct feeder *feeder)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x0a000000u | TUN_ENGINE)};
    int size = MSS;
    memcpy(&feeder->to, &to, sizeof to);
    feeder->to_len = sizeof to;
    feeder->len = 44 * MSS;
    feeder->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return setsockopt(feeder->fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0;
}

static void *feed(void *arg)
{
    struct feeder *feeder = arg;
    while (!atomic_load(&feeder->stop))
        (void)!sendto(feeder->fd, feeder->data, feeder->len, 0, (const struct sockaddr *)&feeder->to,
                      feeder->to_len);
    return NULL;
}

static double read_for(struct hf_driver *d, double seconds)
{
    struct hf_frame frames[16];
    uint64_t bytes = 0;
    double start = bench_seconds(), now;
    do {
        for (unsigned i = 0; i < 64; i++) {
            int count = d->ops->receive(d, (hf_time){0}, frames, 16);
            for (int at = 0; at < count; at++)
                bytes += frames[at].len - HF_MIN(frames[at].len, HEADERS);
            if (count > 0)
                d->ops->release(d, (hf_time){0}, frames, (unsigned)count);
            else
                (void)hf_wait(d, hf_time_add(hf_clock_now(), HF_MS), NULL, 0);
        }
        now = bench_seconds();
    } while (now - start < seconds);
    return (double)bytes * 8 / (now - start);
}

double raw_read(bool no_offload, double seconds)
{
    static uint8_t data[1 << 16];
    struct feeder feeder = {.fd = -1, .data = data};
    struct hf_driver *d = open_device(no_offload);
    double rate = -1;
    if (d == NULL)
        return rate;
    bool ready = no_offload ? feed_segments(&feeder) : feed_large(&feeder, d->name);
    if (ready && pthread_create(&feeder.thread, NULL, feed, &feeder) == 0) {
        rate = read_for(d, seconds);
        atomic_store(&feeder.stop, true);
        pthread_join(feeder.thread, NULL);
    }
    if (feeder.fd >= 0)
        close(feeder.fd);
    d->ops->close(d);
    return rate;
}

/* ---- to the kernel ---- */

static void fill(struct hf_frame *frame, bool no_offload)
{
    frame->len = no_offload ? HEADERS + MSS : LARGE_LEN;
    write_headers(frame->data, frame->len);
    if (no_offload)
        return;
    frame->flags = HF_FRAME_CSUM_PARTIAL;
    frame->csum_start = IPV4_LEN;
    frame->csum_offset = CSUM_AT;
    frame->gso_size = MSS;
    frame->gso_header = HEADERS;
}

double raw_write(bool no_offload, double seconds)
{
    struct hf_driver *d = open_device(no_offload);
    struct hf_frame frames[16];
    if (d == NULL)
        return -1;
    uint64_t bytes = 0;
    double start = bench_seconds(), now;
    do {
        int room = d->ops->reserve(d, frames, 16);
        for (int i = 0; i < room; i++) {
            fill(&frames[i], no_offload);
            bytes += frames[i].len - HEADERS;
        }
        if (room <= 0 || d->ops->submit(d, (hf_time){0}, frames, (unsigned)room) < 0)
            break;
        now = bench_seconds();
    } while (now - start < seconds);
    double rate = (double)bytes * 8 / (bench_seconds() - start);
    d->ops->close(d);
    return rate;
}

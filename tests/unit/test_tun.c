/*
 * drivers/tun.c and device.c against the kernel, in a network namespace of the test's own. A person's stand-in for TCP
 * answers the kernel's handshake by hand, so that no engine is needed: what is tested is offload, both ways.
 */
#define _GNU_SOURCE
#include "driver_frames.h"

#include "../../drivers/split.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS  5000
#define SYN_AGAIN_MS 20

static char why_not[128];

/* Skips the test, saying why, where no TUN may be had. */
static void need_tun(void)
{
    if (!why_not[0])
        return;
    print_message("no TUN here: %s\n", why_not);
    skip();
}

static int enter_namespace(void **state)
{
    (void)state;
    int flags = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER;
    if (unshare(flags) < 0) {
        snprintf(why_not, sizeof why_not, "a network namespace may not be made: %s", strerror(errno));
        return 0;
    }
    struct hf_driver *tun = hf_tun_open(&(struct hf_tun_options){0});
    if (tun)
        tun->ops->close(tun);
    else
        snprintf(why_not, sizeof why_not, "/dev/net/tun: %s", strerror(errno));
    return 0;
}

static struct hf_addr addr4(uint8_t last)
{
    return hf_addr_v4(10, 0, 0, last);
}

/* The addresses of driver_frames.h: the client, .1 or fd00::1, is ours, the server the kernel's. */
static struct hf_addr addr6(uint8_t last)
{
    return (struct hf_addr){{[0] = 0xfd, [15] = last}};
}

static struct hf_driver *open_tun(struct hf_tun_options options)
{
    struct hf_driver *tun = hf_tun_open(&options);
    assert_non_null(tun);
    struct hf_addr v4 = addr4(2), v6 = addr6(2);
    assert_int_equal(hf_device_add_address(tun->name, &v4, 24), 0);
    assert_int_equal(hf_device_add_address(tun->name, &v6, 64), 0);
    return tun;
}

/* The next TCP frame from the kernel, copied to buffer; others (neighbour discovery, multicast reports) are passed over.
 * False when none comes for so long. */
static bool await_tcp(struct hf_driver *tun, int patience_ms, struct hf_frame *frame, uint8_t *buffer,
                      struct hf_look *look)
{
    for (;;) {
        if (receive_frame(tun, at_ms(0), frame, buffer)) {
            if (hf_look(frame->data, frame->len, tun->link.kind, look) && look->is_tcp)
                return true;
            continue;
        }
        struct pollfd readable = {.fd = tun->fd, .events = POLLIN};
        if (poll(&readable, 1, patience_ms) != 1)
            return false;
    }
}

static struct hf_frame next_tcp(struct hf_driver *tun, uint8_t *buffer, struct hf_look *look)
{
    struct hf_frame frame;
    assert_true(await_tcp(tun, PATIENCE_MS, &frame, buffer, look));
    return frame;
}

/* ---- a connection of the kernel's, its other end made by hand ---- */

struct peer {
    struct hf_driver *tun;
    bool v6;
    int listener, socket;
    struct made next; /* what our end would send next */
};

static int kernel_listener(bool v6)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    int on = 1;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const struct sockaddr *name = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in4;
    assert_int_equal(bind(fd, name, v6 ? sizeof in6 : sizeof in4), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* The SYN announces a maximum segment size, so that the kernel sends ordinary ones. */
static void send_syn(struct peer *peer)
{
    static uint8_t buffer[HF_FRAME_MAX];
    struct made syn = {.v6 = peer->v6, .flags = SYN, .seq = 999, .len = 4};
    struct hf_frame frame = make_tcp(buffer, syn);
    uint8_t *tcp = buffer + made_tcp_at(&syn);
    memcpy(tcp + 20, "\2\4\5\264", 4); /* 1460 */
    tcp[12] = 6 << 4;
    put_be16(tcp + 14, 65535);
    put_be16(tcp + 16, 0);
    uint8_t *ip = buffer + made_ip_at(&syn);
    put_be16(tcp + 16, 0xffff & ~plain_sum(tcp, 24, plain_pseudo(ip, 24)));
    assert_int_equal(send_frame(peer->tun, at_ms(0), &frame), 0);
}

/* The kernel can be reached at an IPv6 address a moment after that was added, so the SYN is sent until it is answered. */
static void await_syn_ack(struct peer *peer, struct hf_look *look)
{
    static uint8_t buffer[HF_FRAME_MAX];
    struct hf_frame frame;
    int left = PATIENCE_MS;
    do {
        send_syn(peer);
        left -= SYN_AGAIN_MS;
    } while (!await_tcp(peer->tun, SYN_AGAIN_MS, &frame, buffer, look) && left > 0);
}

static struct peer open_peer(struct hf_driver *tun, bool v6)
{
    struct hf_look look = {0};
    struct peer peer = {.tun = tun, .v6 = v6, .listener = kernel_listener(v6)};
    await_syn_ack(&peer, &look);
    assert_int_equal(look.flags, SYN | ACK);
    assert_int_equal(look.ack, 1000);
    peer.next = (struct made){.v6 = v6, .flags = ACK, .seq = 1000, .ack = look.seq + 1, .window = 65535};
    assert_int_equal(send_made(tun, at_ms(0), peer.next), 0);
    peer.socket = accept(peer.listener, NULL, NULL);
    assert_true(peer.socket >= 0);
    int room =
        1 << 18; /* for all that a test sends, so that send does not wait for an ACK nobody is there to give */
    setsockopt(peer.socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return peer;
}

static void close_peer(struct peer *peer)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(peer->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer->socket);
    close(peer->listener);
    peer->tun->ops->close(peer->tun);
}

/* Takes 40,000 bytes that the kernel sends, answering nothing but ACKs; every frame is cut and every segment sound. */
static uint32_t take_stream(struct peer *peer, uint8_t *stream, bool *was_coalesced)
{
    static uint8_t buffer[HF_FRAME_MAX], cut[HF_FRAME_MAX];
    uint32_t start = peer->next.ack, segments = 0;
    while (peer->next.ack - start < 40000) {
        struct hf_look look;
        struct hf_frame frame = next_tcp(peer->tun, buffer, &look), segment;
        struct hf_split split;
        hf_split_begin(&split, &frame, HF_LINK_IP);
        *was_coalesced |= frame.gso_size > 0;
        while (hf_split_next(&split, cut, sizeof cut, &segment)) {
            assert_true(is_sound(&segment, false));
            assert_in_range(segment.len, 40, 1500);
            hf_look(cut, segment.len, HF_LINK_IP, &look);
            if (look.seq == peer->next.ack)
                memcpy(stream + (look.seq - start), cut + look.payload, look.payload_len);
            peer->next.ack += look.seq == peer->next.ack ? look.payload_len : 0;
            segments++;
        }
        assert_int_equal(send_made(peer->tun, at_ms(0), peer->next), 0);
    }
    return segments;
}

static void check_stream_from_kernel(bool no_offload, bool v6)
{
    static uint8_t sent[40000], got[70000];
    struct peer peer = open_peer(open_tun((struct hf_tun_options){.no_offload = no_offload}), v6);
    bool was_coalesced = false;
    for (uint32_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i % 241);
    assert_int_equal(send(peer.socket, sent, sizeof sent, 0), sizeof sent);
    take_stream(&peer, got, &was_coalesced);
    assert_memory_equal(sent, got, sizeof sent);
    assert_int_equal(was_coalesced, !no_offload);
    close_peer(&peer);
}

static void receives_coalesced(void **state)
{
    /* With offload the kernel hands over frames of many segments; cut, each is sound and the stream is whole. */
    (void)state;
    need_tun();
    check_stream_from_kernel(false, false);
    check_stream_from_kernel(false, true);
}

static void receives_single(void **state)
{
    /* With offload refused each frame is one finished segment. */
    (void)state;
    need_tun();
    check_stream_from_kernel(true, false);
    check_stream_from_kernel(true, true);
}

static void check_stream_to_kernel(bool v6, uint32_t gso, bool partial)
{
    static uint8_t got[60000];
    uint32_t len = gso ? 60000 : 1000, received = 0;
    struct peer peer = open_peer(open_tun((struct hf_tun_options){0}), v6);
    struct made large = peer.next;
    large.flags = ACK | PSH;
    large.len = len;
    large.gso = (uint16_t)gso;
    large.partial = partial;
    assert_int_equal(send_made(peer.tun, at_ms(0), large), 0);
    while (received < len) {
        struct pollfd readable = {.fd = peer.socket, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
        ssize_t n = recv(peer.socket, got + received, sizeof got - received, 0);
        assert_true(n > 0);
        received += (uint32_t)n;
    }
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(got[i], (large.seq + i) % 251);
    close_peer(&peer);
}

static void sends_coalesced(void **state)
{
    /* The kernel takes a 60,000-byte frame to be cut by the device, and its application reads every byte. */
    (void)state;
    need_tun();
    check_stream_to_kernel(false, 1448, true);
    check_stream_to_kernel(true, 1428, true);
}

static void sends_unfinished_checksum(void **state)
{
    /* The kernel takes a single segment with its checksum left to the device, and a finished one. */
    (void)state;
    need_tun();
    check_stream_to_kernel(false, 0, true);
    check_stream_to_kernel(true, 0, false);
}

static void tap_is_ethernet(void **state)
{
    /* A TAP carries Ethernet: the kernel asks by ARP who has our address, from a MAC that is not ours. */
    (void)state;
    need_tun();
    static uint8_t buffer[HF_FRAME_MAX];
    struct hf_driver *tap = open_tun((struct hf_tun_options){.tap = true});
    struct hf_frame frame;
    assert_int_equal(tap->link.kind, HF_LINK_ETHERNET);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x0a000001)};
    assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    do {
        struct pollfd readable = {.fd = tap->fd, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
        assert_true(receive_frame(tap, at_ms(0), &frame, buffer));
    } while (get_be16(buffer + 12) != 0x0806);
    assert_memory_equal(buffer + 38, "\12\0\0\1", 4);
    assert_memory_not_equal(buffer + 6, tap->link.mac, 6);
    close(fd);
    tap->ops->close(tap);
}

static void takes_a_descriptor(void **state)
{
    /* A descriptor made elsewhere is taken as it is: its kind and whether it speaks offload are read from the kernel. */
    (void)state;
    need_tun();
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR);
    assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
    struct hf_driver *tun = hf_tun_open(&(struct hf_tun_options){.fd = fd, .mtu = 9000});
    assert_non_null(tun);
    assert_int_equal(tun->link.kind, HF_LINK_IP);
    assert_int_equal(tun->link.offload, 0);
    assert_int_equal(tun->link.mtu, 9000);
    assert_string_equal(tun->name, request.ifr_name);
    struct hf_frame frame;
    assert_false(tun->ops->receive(tun, at_ms(0), &frame, 1) > 0);
    tun->ops->close(tun);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void refuses_a_foreign_descriptor(void **state)
{
    /* A descriptor that is no TUN is refused and stays open. */
    (void)state;
    need_tun();
    int fd = open("/dev/null", O_RDWR);
    assert_null(hf_tun_open(&(struct hf_tun_options){.fd = fd}));
    assert_int_not_equal(fcntl(fd, F_GETFD), -1);
    close(fd);
}

static void names_the_refusal(void **state)
{
    /* A name too long, and a device that is in use, are refused with their errno. */
    (void)state;
    need_tun();
    assert_null(hf_tun_open(&(struct hf_tun_options){.name = "a-name-far-too-long-for-it"}));
    assert_int_equal(errno, ENAMETOOLONG);
    struct hf_driver *first = hf_tun_open(&(struct hf_tun_options){.name = "busy0"});
    assert_non_null(first);
    assert_string_equal(first->name, "busy0");
    assert_null(hf_tun_open(&(struct hf_tun_options){.name = "busy0"}));
    assert_int_equal(errno, EBUSY);
    first->ops->close(first);
}

static void survives_what_the_kernel_refuses(void **state)
{
    /* A frame that the kernel refuses is lost like any other; the driver goes on. */
    (void)state;
    need_tun();
    struct hf_driver *tun = open_tun((struct hf_tun_options){0});
    struct hf_frame frame;
    assert_int_equal(tun->ops->reserve(tun, &frame, 1), 1);
    memset(frame.data, 0xff, 40); /* IP version 15 */
    frame.len = 40;
    assert_int_equal(tun->ops->submit(tun, at_ms(0), &frame, 1), 0);
    struct peer peer = open_peer(tun, false);
    close_peer(&peer);
}

static void configures_the_kernel_side(void **state)
{
    /* Addresses and routes are set once and may be set again; a device that is not there is an error. */
    (void)state;
    need_tun();
    struct hf_driver *tun = open_tun((struct hf_tun_options){.mtu = 1400});
    struct hf_addr v4 = addr4(2), net4 = hf_addr_v4(192, 0, 2, 0), gateway = addr4(1);
    struct hf_addr net6 = {{0x20, 0x01, 0x0d, 0xb8}}, gateway6 = addr6(1), all = {{0}};
    assert_int_equal(hf_device_add_address(tun->name, &v4, 24), 0);
    assert_int_equal(hf_device_add_route(tun->name, &net4, 24, &gateway), 0);
    assert_int_equal(hf_device_add_route(tun->name, &net4, 24, &gateway), 0);
    assert_int_equal(hf_device_add_route(tun->name, &net6, 32, &gateway6), 0);
    assert_int_equal(hf_device_add_route(tun->name, &all, 0, NULL), 0);
    assert_int_equal(hf_device_up("lo", 0), 0);
    assert_int_equal(hf_device_up("nowhere0", 0), -ENODEV);
    assert_int_equal(hf_device_add_address("nowhere0", &v4, 24), -ENODEV);
    struct ifreq request = {0};
    strcpy(request.ifr_name, tun->name);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCGIFMTU, &request), 0);
    assert_int_equal(request.ifr_mtu, 1400);
    close(fd);
    tun->ops->close(tun);
}

static void waits_until(void **state)
{
    /* A wait ends at its instant, or as soon as a descriptor is ready; a past instant does not wait. */
    (void)state;
    int ends[2];
    struct hf_driver none = {.fd = -1};
    assert_int_equal(pipe(ends), 0);
    struct pollfd extra = {.fd = ends[0], .events = POLLIN};
    hf_time before = hf_clock_now();
    assert_int_equal(hf_wait(&none, hf_time_add(before, 3 * HF_MS), &extra, 1), 0);
    assert_true(hf_time_since(hf_clock_now(), before) >= 3 * HF_MS);
    assert_int_equal(hf_wait(&none, (hf_time){0}, NULL, 0), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(hf_wait(&none, HF_NEVER, &extra, 1), 1);
    assert_int_equal(extra.revents, POLLIN);
    assert_int_equal(hf_wait(&none, HF_NEVER, &extra, 1000), -EINVAL);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receives_coalesced),
        cmocka_unit_test(receives_single),
        cmocka_unit_test(sends_coalesced),
        cmocka_unit_test(sends_unfinished_checksum),
        cmocka_unit_test(tap_is_ethernet),
        cmocka_unit_test(takes_a_descriptor),
        cmocka_unit_test(refuses_a_foreign_descriptor),
        cmocka_unit_test(names_the_refusal),
        cmocka_unit_test(survives_what_the_kernel_refuses),
        cmocka_unit_test(configures_the_kernel_side),
        cmocka_unit_test(waits_until),
    };
    return cmocka_run_group_tests_name("tun", tests, enter_namespace, NULL);
}

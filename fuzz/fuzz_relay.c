/*
 * The relay of `handfast run` as a hostile program sees it: the engine, the relay, UDP and the book as run.c joins them, and
 * on the device whatever the input says instead of PROGRAM's kernel. Behind the relay stands a far side on the loopback of a
 * network namespace made for this, as odd as the input wants it. Input is a list of small commands: segments of a few
 * connections with numbers near those that matter, datagrams, raw bytes as a frame; the far side accepts, writes, reads,
 * ends, resets, and calls a published port; time passes.
 *
 * Held true: the invariants of every record after every command; what is reached lies behind the gateway's address;
 * at the end every connection is over, every pool empty, every descriptor closed.
 */
#define _GNU_SOURCE
#include "../drivers/look.h"
#include "../run/datagram.h"
#include "../run/run.h"
#include "../src/base/bytes.h"
#include "../src/wire/checksum.h"
#include "../src/wire/ip.h"
#include "../src/wire/tcp.h"
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <handfast/handfast.h>

enum { FLOWS = 4, FAR_SOCKETS = 8, DEPTH = 64, MOST_TURNS = 64 };
enum { PORT_ECHO = 7, PORT_DATAGRAMS = 9, PORT_PUBLISHED = 80, PORT_NOBODY = 81 };

/* What the hostile program knows of one of its connections. */
struct flow {
    struct hf_endpoint ours, theirs;
    uint32_t next; /* its own next number */
    uint32_t ack;  /* what it acknowledges of the relay's */
};

static struct {
    struct run run;
    struct hf_driver *device; /* PROGRAM's end of it */
    struct flow flow[FLOWS];
    unsigned flows;
    int far[FAR_SOCKETS];
    unsigned fars;
    int listener, datagrams;
} w;

static uint8_t frame_data[HF_FRAME_MAX];
static void *memory; /* the engine's */

/* ---- where it stands ---- */

static int bind_loopback(int type, uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0)
        return -1;
    return type == SOCK_DGRAM || listen(fd, FAR_SOCKETS) == 0 ? fd : -1;
}

/* Once: no TIME-WAIT of the host's is kept, for the same ports are wanted ten thousand times. */
static bool make_place(void)
{
    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER) < 0 || hf_device_up("lo", 0) < 0)
        return false;
    int fd = open("/proc/sys/net/ipv4/tcp_max_tw_buckets", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "0", 1);
        close(fd);
    }
    w.listener = bind_loopback(SOCK_STREAM, PORT_ECHO);
    w.datagrams = bind_loopback(SOCK_DGRAM, PORT_DATAGRAMS);
    return w.listener >= 0 && w.datagrams >= 0;
}

static bool has_place(void)
{
    static int has = -1;
    if (has < 0) {
        has = make_place();
        if (!has)
            fprintf(stderr, "no network namespace is to be had here: nothing is tried\n");
    }
    return has == 1;
}

static struct hf_addr program_address(void)
{
    return hf_addr_v4(10, 77, 0, 2);
}
static struct hf_addr gateway_address(void)
{
    return hf_addr_v4(10, 77, 0, 1);
}

static int lowest_free_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

/* ---- as run.c does it, with a wire in memory for a device ---- */

static void open_engine(void)
{
    struct hf_config config;
    const struct hf_addr program = program_address(), gateway = gateway_address(), any = hf_addr_v4(0, 0, 0, 0);
    hf_config_defaults(&config);
    config.max_connections = 12;
    config.max_blocks = 64;
    config.block_len = 4096;
    config.max_sent = 64;
    config.send_buffer = config.receive_buffer = 16384;
    config.msl_ns = RUN_MSL;
    size_t size = hf_engine_size(&config);
    if (memory == NULL)
        memory = aligned_alloc(64, size + 64 - size % 64);
    require(memory != NULL);
    memset(memory, 0, size);
    w.run.engine = hf_engine_create(memory, size, &config, w.run.now);
    require(w.run.engine != NULL);
    require(hf_link_add(w.run.engine, &w.run.driver->link, &w.run.link) == HF_OK);
    require(hf_address_add(w.run.engine, w.run.link, &gateway, 24) == HF_OK);
    require(hf_route_add(w.run.engine, &any, 0, &program, w.run.link) == HF_OK);
}

static void open_run(void)
{
    const struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = 1500};
    const struct hf_endpoint host = {hf_addr_v4(127, 0, 0, 1), PORT_PUBLISHED};
    const struct hf_endpoint inside = {program_address(), PORT_PUBLISHED};
    struct hf_driver *pair[2];
    struct run *run = &w.run;
    *run = (struct run){.epoll = epoll_create1(EPOLL_CLOEXEC), .now = {HF_SECOND}};
    run_options_init(&run->options);
    run->options.rules.host_loopback = true;
    run->options.rules.gateway[0] = gateway_address();
    require(hf_loopback_open(&link, DEPTH, pair) == 0);
    w.device = pair[1];
    run->udp = udp_open(run->epoll, &run->options.rules);
    run->driver = run->datagrams = datagram_open(pair[0], udp_take, run->udp);
    udp_set_driver(run->udp, run->datagrams);
    open_engine();
    run->inspect.book = book_open(run->engine, -1);
    run->watcher = book_watcher(run->inspect.book);
    run->relay = relay_open(run->engine, run->link, run->epoll, &run->options.rules, &run->watcher);
    require(run->relay != NULL && relay_publish(run->relay, &host, &inside) == 0);
}

static void close_run(void)
{
    relay_close(w.run.relay);
    book_close(w.run.inspect.book);
    udp_close(w.run.udp);
    w.run.driver->ops->close(w.run.driver);
    w.device->ops->close(w.device);
    close(w.run.epoll);
}

static void check(void)
{
    hf_conn conn = {0, 0};
    while (hf_tcp_next(w.run.engine, &conn))
        require_sound(hf_tcp_check(w.run.engine, conn));
}

/* ---- the hostile program ---- */

static struct flow *flow_of(uint16_t our_port, const struct hf_endpoint *theirs)
{
    for (unsigned i = 0; i < FLOWS; i++)
        if (w.flow[i].ours.port == our_port && w.flow[i].theirs.port == theirs->port &&
            hf_addr_equal(&w.flow[i].theirs.addr, &theirs->addr))
            return &w.flow[i];
    return NULL;
}

static struct flow *new_flow(uint16_t our_port, const struct hf_endpoint *theirs)
{
    struct flow *f = flow_of(our_port, theirs);
    if (f == NULL)
        f = &w.flow[w.flows++ % FLOWS];
    *f = (struct flow){.ours = {program_address(), our_port}, .theirs = *theirs, .next = 0xfffffff0u};
    return f;
}

/* What comes out of the relay tells the program what it may acknowledge; a call to its port is a new connection. */
static void learn(const struct hf_frame *frame)
{
    struct hf_look look;
    require(hf_look(frame->data, frame->len, HF_LINK_IP, &look));
    if (!look.is_tcp || (look.flags & LOOK_RST))
        return;
    const struct hf_endpoint theirs = {look.src, look.src_port};
    struct flow *f = flow_of(look.dst_port, &theirs);
    if (f == NULL && (look.flags & LOOK_SYN))
        f = new_flow(look.dst_port, &theirs);
    if (f != NULL)
        f->ack = look.seq + look.payload_len + ((look.flags & (LOOK_SYN | LOOK_FIN)) != 0);
}

static bool hear(void)
{
    struct hf_frame frames[8];
    int count = w.device->ops->receive(w.device, w.run.now, frames, 8);
    for (int i = 0; i < count; i++)
        learn(&frames[i]);
    if (count > 0)
        w.device->ops->release(w.device, w.run.now, frames, (unsigned)count);
    return count > 0;
}

static void turn(void)
{
    for (unsigned i = 0; i < MOST_TURNS; i++) {
        require(run_turn(&w.run, w.run.now) == 0);
        if (!hear() && !w.run.is_busy)
            break;
    }
    check();
}

static void put_frame(const uint8_t *data, uint32_t len)
{
    struct hf_frame frame;
    if (w.device->ops->reserve(w.device, &frame, 1) != 1)
        return;
    frame.len = HF_MIN(len, frame.cap);
    memcpy(frame.data, data, frame.len);
    require(w.device->ops->submit(w.device, w.run.now, &frame, 1) == 0);
}

/* Completes what stands behind 20 bytes of room in frame_data. */
static void put_packet(const struct hf_endpoint *from, const struct hf_endpoint *to, uint8_t protocol, uint32_t len,
                       uint32_t sum_at)
{
    const struct hf_ip ip = {
        .src = from->addr, .dst = to->addr, .protocol = protocol, .hop_limit = 64, .is_v4 = true};
    uint8_t *payload = frame_data + HF_IPV4_LEN;
    hf_ip_write(&ip, len, frame_data);
    hf_put16(payload + sum_at, 0);
    uint16_t sum = hf_sum_finish(hf_sum_add(hf_sum(payload, len), hf_sum_pseudo(&ip.src, &ip.dst, protocol, len)));
    memcpy(payload + sum_at, &sum, sizeof sum);
    put_frame(frame_data, HF_IPV4_LEN + len);
}

static struct hf_endpoint destination(uint8_t which)
{
    static const uint16_t ports[] = {PORT_ECHO, PORT_NOBODY, PORT_DATAGRAMS, 53};
    return (struct hf_endpoint){which & 4 ? hf_addr_v4(127, 0, 0, 1) : gateway_address(), ports[which & 3]};
}

/* Text goes where the flow is, or a little beside it, for `how` says so. */
static void put_segment(struct input *in, struct flow *f, uint8_t flags)
{
    uint8_t how = in8(in);
    const uint8_t *text;
    size_t len = how & 1 ? in_bytes(in, 64u * in8(in) % 1400u, &text) : 0;
    int seq_off = how & 2 ? (int8_t)in8(in) : 0, ack_off = how & 4 ? (int8_t)in8(in) : 0;
    struct hf_segment seg = {
        .src_port = f->ours.port,
        .dst_port = f->theirs.port,
        .seq = hf_seq_of(f->next + (uint32_t)seq_off),
        .ack = hf_seq_of(f->ack + (uint32_t)ack_off),
        .flags = flags,
        .wnd = how & 8 ? in8(in) : 65535,
        .up = how & 16 ? in8(in) : 0,
    };
    uint8_t *out = frame_data + HF_IPV4_LEN;
    uint32_t header = hf_tcp_write(&seg, out);
    if (len > 0)
        memcpy(out + header, text, len);
    if (seq_off == 0)
        f->next += (uint32_t)len + ((flags & (LOOK_SYN | LOOK_FIN)) != 0);
    put_packet(&f->ours, &f->theirs, LOOK_PROTOCOL_TCP, header + (uint32_t)len, 16);
}

static void put_datagram(struct input *in)
{
    const struct hf_endpoint from = {program_address(), (uint16_t)(1000 + in8(in) % 4)}, to = destination(in8(in));
    const uint8_t *text;
    size_t len = in_bytes(in, in8(in), &text);
    uint8_t *udp = frame_data + HF_IPV4_LEN;
    hf_put16(udp, from.port);
    hf_put16(udp + 2, to.port);
    hf_put16(udp + 4, (uint16_t)(8 + len));
    if (len > 0)
        memcpy(udp + 8, text, len);
    put_packet(&from, &to, IPPROTO_UDP, 8 + (uint32_t)len, 6);
}

/* ---- the far side ---- */

static void keep_far(int fd)
{
    if (fd < 0)
        return;
    int *place = &w.far[w.fars++ % FAR_SOCKETS];
    if (*place >= 0)
        close(*place);
    *place = fd;
}

static void call_published(void)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(PORT_PUBLISHED), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)connect(fd, (const struct sockaddr *)&to, sizeof to);
    keep_far(fd);
}

static void reset_far(int *fd)
{
    const struct linger now = {.l_onoff = 1};
    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(*fd);
    *fd = -1;
}

static void act_far(struct input *in)
{
    static uint8_t bytes[65536];
    uint8_t what = in8(in);
    int *fd = &w.far[what >> 3 & (FAR_SOCKETS - 1)];
    switch (what & 7) {
    case 0:
        keep_far(accept4(w.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
        break;
    case 1:
        (void)!send(*fd, bytes, 1u << in8(in) % 17, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case 2:
        (void)!recv(*fd, bytes, 1u << in8(in) % 17, MSG_DONTWAIT);
        break;
    case 3:
        (void)shutdown(*fd, SHUT_WR);
        break;
    case 4:
        if (*fd >= 0)
            reset_far(fd);
        break;
    case 5:
        (void)!send(*fd, "!", 1, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case 6:
        call_published();
        break;
    default: {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(w.datagrams, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &len);
        if (n >= 0)
            (void)!sendto(w.datagrams, bytes, (size_t)n, 0, (const struct sockaddr *)&from, len);
    }
    }
}

/* ---- one input ---- */

static void pass(hf_ns time)
{
    w.run.now = hf_time_add(w.run.now, time);
}

static void command(struct input *in)
{
    uint8_t what = in8(in);
    struct flow *f = &w.flow[what >> 3 & (FLOWS - 1)];
    const uint8_t *bytes;
    size_t len;
    switch (what & 7) {
    case 0: {
        const struct hf_endpoint to = destination(in8(in));
        put_segment(in, new_flow((uint16_t)(1000 + (what >> 3)), &to), LOOK_SYN);
        break;
    }
    case 1:
        put_segment(in, f, LOOK_ACK);
        break;
    case 2:
        put_segment(in, f, LOOK_ACK | LOOK_FIN);
        break;
    case 3:
        put_segment(in, f, in8(in) & 63);
        break;
    case 4:
        put_datagram(in);
        break;
    case 5:
        act_far(in);
        break;
    case 6:
        pass((hf_ns)(what >> 3) * (what >> 3) * 20 * HF_MS);
        break;
    default:
        len = in_bytes(in, in16(in) % 1500u, &bytes);
        put_frame(bytes, (uint32_t)len);
    }
    turn();
}

/* PROGRAM has gone; whatever still hangs is given its time, and the far side is gone, too. */
static void settle(void)
{
    relay_stop(w.run.relay);
    for (unsigned i = 0; i < FAR_SOCKETS; i++)
        if (w.far[i] >= 0)
            reset_far(&w.far[i]);
    for (int fd; (fd = accept(w.listener, NULL, NULL)) >= 0;)
        reset_far(&fd);
    for (unsigned i = 0; i < 200 && relay_count(w.run.relay) > 0; i++) {
        pass(10 * HF_SECOND);
        turn();
    }
    require(relay_count(w.run.relay) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct hf_stats stats;
    uint8_t byte;
    if (!has_place())
        return 0;
    int free_before = lowest_free_descriptor();
    memset(w.flow, 0, sizeof w.flow);
    w.flows = w.fars = 0;
    for (unsigned i = 0; i < FAR_SOCKETS; i++)
        w.far[i] = -1;
    open_run();
    while (in.left > 0)
        command(&in);
    settle();
    for (unsigned i = 0; i < 3; i++) { /* TIME-WAIT, which nobody waits for in there */
        pass(10 * HF_SECOND);
        turn();
    }
    hf_stats(w.run.engine, &stats);
    require(stats.connections_used == 0 && stats.half_open_used == 0 && stats.time_wait_used == 0);
    close_run();
    while (recv(w.datagrams, &byte, 1, 0) >= 0)
        ;
    require(lowest_free_descriptor() == free_before);
    return 0;
}

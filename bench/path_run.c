/* One run over a made path: a loop of one thread that moves frames, lets an engine speak, and keeps the kernel's sockets
 * busy. Read first: path.h. */
#define _GNU_SOURCE
#include "path.h"

#include "../drivers/path.h"

#include <handfast/handfast.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT      5001
#define CHUNK     65536
#define BUFFER    (8u << 20) /* of either end, as most */
#define BATCH     16
#define QUEUE_LEN 10000 /* frames in a TUN's own queue: it must not be the bottleneck */

/* Host 0 sends, host 1 receives; each is the kernel behind a TUN, or an engine. */
struct end {
    struct hf_driver *tun; /* NULL: an engine */
    int socket, accepted;  /* the kernel's: the listener, or the one that connects; -1 */
    struct hf_engine *e;
    hf_link link;
    hf_conn conn, listener;
    bool is_open;
};

struct run {
    struct end end[2];
    struct hf_path path;
    hf_time now;
    uint64_t read;        /* bytes */
    uint64_t sent, again; /* bytes of text that entered the path, and not for the first time */
    uint32_t highest;     /* the sequence number behind the last byte that ever did */
    bool has_highest;
    uint8_t *text, *frame;
    char *why;
};

static bool fail(struct run *run, const char *what)
{
    snprintf(run->why, BENCH_NOTE_LEN, "%s: %s", what, strerror(errno));
    return false;
}

/* ---- namespaces and devices ---- */

static void set_kernel(const char *name, const char *value)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return;
    (void)fputs(value, file);
    (void)fclose(file);
}

static struct hf_addr address(unsigned host)
{
    return hf_addr_v4(10, 99, 0, (uint8_t)(host + 1));
}

static void lengthen_queue(const char *device)
{
    struct ifreq request = {.ifr_qlen = QUEUE_LEN};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memcpy(request.ifr_name, device, strlen(device) + 1);
    (void)ioctl(fd, SIOCSIFTXQLEN, &request);
    (void)close(fd);
}

static bool make_socket(struct run *run, unsigned host)
{
    struct end *end = &run->end[host];
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(host == 1 ? PORT : 0)};
    end->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (end->socket < 0 || setsockopt(end->socket, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0)
        return fail(run, "no socket with cubic");
    if (host == 1 && (bind(end->socket, (struct sockaddr *)&local, sizeof local) < 0 || listen(end->socket, 1) < 0))
        return fail(run, "cannot listen");
    return true;
}

/* The kernel of a new namespace is a host: this thread stays there, and its sockets and device too. */
static bool open_kernel(struct run *run, unsigned host)
{
    struct end *end = &run->end[host];
    struct hf_addr own = address(host);
    char buffers[64];
    if (unshare(CLONE_NEWNET) < 0)
        return fail(run, "no namespace");
    snprintf(buffers, sizeof buffers, "4096 131072 %u", BUFFER);
    set_kernel("tcp_rmem", buffers);
    set_kernel("tcp_wmem", buffers);
    const struct hf_tun_options options = {.name = "hfpath", .no_offload = true, .mtu = 1500};
    end->tun = hf_tun_open(&options);
    if (end->tun == NULL)
        return fail(run, "no TUN device");
    lengthen_queue(end->tun->name);
    int error = hf_device_add_address(end->tun->name, &own, 24);
    if (error < 0) {
        errno = -error;
        return fail(run, "no address");
    }
    return make_socket(run, host);
}

static bool open_engine(struct run *run, unsigned host)
{
    struct end *end = &run->end[host];
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 16;
    config.max_blocks = 16384;
    config.max_sent = 65536;
    config.send_buffer = config.receive_buffer = BUFFER;
    end->e = hf_engine_new(&config);
    const struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = 1500};
    struct hf_addr own = address(host);
    if (end->e == NULL || hf_link_add(end->e, &link, &end->link) != HF_OK ||
        hf_address_add(end->e, end->link, &own, 24) != HF_OK)
        return fail(run, "no engine");
    return true;
}

static bool open_path(struct run *run, const struct path_cell *cell, uint64_t seed)
{
    const struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = 1500};
    struct fault_spec spec;
    char text[256], error[256];
    unsigned queue = (unsigned)(PATH_MBIT * 1000.0 / 8 * cell->rtt_ms * cell->queue);
    snprintf(text, sizeof text, "delay %uus, out rate %uMbit, out queue %ub%s%s", cell->rtt_ms * 500, PATH_MBIT,
             queue, *cell->chance ? ", out " : "", cell->chance);
    if (hf_fault_spec_parse(text, &spec, error) && hf_path_open(&run->path, &spec, seed, &link, true))
        return true;
    snprintf(run->why, BENCH_NOTE_LEN, "%.70s", error);
    return false;
}

/* ---- frames ---- */

/* What a sender sends again shows in its sequence numbers. */
static void count_text(struct run *run, const struct hf_frame *frame)
{
    struct hf_look look;
    if (!hf_look(frame->data, frame->len, HF_LINK_IP, &look) || !look.is_tcp || look.payload_len == 0)
        return;
    uint32_t end = look.seq + look.payload_len;
    if (!run->has_highest)
        run->highest = look.seq;
    run->has_highest = true;
    uint32_t fresh = (int32_t)(end - run->highest) > 0 ? end - run->highest : 0;
    fresh = fresh < look.payload_len ? fresh : look.payload_len;
    run->highest += fresh;
    run->sent += look.payload_len;
    run->again += look.payload_len - fresh;
}

static void enter(struct run *run, unsigned from, const struct hf_frame *frame)
{
    if (from == 0)
        count_text(run, frame);
    hf_path_put(&run->path, from == 0 ? FAULT_OUT : FAULT_IN, frame, run->now);
}

static bool take_frames(struct run *run, unsigned host)
{
    struct end *end = &run->end[host];
    struct hf_frame frames[BATCH] = {{.data = run->frame, .cap = HF_FRAME_MAX}};
    if (end->tun) {
        int count = end->tun->ops->receive(end->tun, run->now, frames, BATCH);
        for (int i = 0; i < count; i++)
            enter(run, host, &frames[i]);
        if (count > 0)
            end->tun->ops->release(end->tun, run->now, frames, (unsigned)count);
        return count > 0;
    }
    bool any = false;
    while (hf_output(end->e, run->now, &frames[0])) {
        enter(run, host, &frames[0]);
        frames[0] = (struct hf_frame){.data = run->frame, .cap = HF_FRAME_MAX};
        any = true;
    }
    return any;
}

static void deliver(struct run *run, unsigned to, struct hf_frame *frame)
{
    struct end *end = &run->end[to];
    struct hf_frame room;
    if (end->e) {
        frame->link = end->link;
        hf_input(end->e, run->now, frame);
        return;
    }
    if (end->tun->ops->reserve(end->tun, &room, 1) != 1)
        return;
    memcpy(room.data, frame->data, frame->len);
    room.len = frame->len;
    (void)end->tun->ops->submit(end->tun, run->now, &room, 1);
}

static bool bring_frames(struct run *run, enum fault_direction way)
{
    bool any = false;
    struct fault_held *held;
    while ((held = hf_path_take(&run->path, way, run->now)) != NULL) {
        deliver(run, way == FAULT_OUT ? 1 : 0, &held->frame);
        hf_path_give(&run->path, way, held);
        any = true;
    }
    return any;
}

/* ---- the applications ---- */

static void begin_engine(struct run *run, unsigned host)
{
    struct end *end = &run->end[host];
    const struct hf_endpoint here = {.port = PORT}, there = {address(1), PORT};
    hf_advance(end->e, run->now);
    end->is_open = host == 0 && hf_tcp_connect(end->e, NULL, &there, NULL, &end->conn) == HF_OK;
    if (host == 1)
        (void)hf_tcp_listen(end->e, &here, NULL, &end->listener);
}

static void begin_kernel(struct run *run, unsigned host)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct hf_addr to = address(1);
    memcpy(&there.sin_addr, to.bytes + 12, 4);
    if (host == 0)
        (void)connect(run->end[0].socket, (struct sockaddr *)&there, sizeof there);
}

static void speak_engine(struct run *run, unsigned host)
{
    struct end *end = &run->end[host];
    struct hf_event event;
    const uint8_t *data;
    hf_advance(end->e, run->now);
    while (hf_event(end->e, &event))
        continue;
    if (host == 1 && !end->is_open)
        end->is_open = hf_tcp_accept(end->e, end->listener, &end->conn) == HF_OK;
    if (!end->is_open)
        return;
    if (host == 0)
        while (hf_tcp_send(end->e, end->conn, run->text, CHUNK, 0) > 0)
            continue;
    else
        for (int64_t len; (len = hf_tcp_lend_received(end->e, end->conn, &data)) > 0;) {
            run->read += (uint64_t)len;
            (void)hf_tcp_received(end->e, end->conn, (size_t)len);
        }
}

static void speak_kernel(struct run *run, unsigned host)
{
    struct end *end = &run->end[host];
    ssize_t len;
    if (host == 1 && end->accepted < 0)
        end->accepted = accept4(end->socket, NULL, NULL, SOCK_NONBLOCK);
    if (host == 0)
        while (send(end->socket, run->text, CHUNK, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
            continue;
    else
        while (end->accepted >= 0 && (len = recv(end->accepted, run->text, CHUNK, MSG_DONTWAIT | MSG_TRUNC)) > 0)
            run->read += (uint64_t)len;
}

static void speak(struct run *run, unsigned host)
{
    if (run->end[host].e)
        speak_engine(run, host);
    else
        speak_kernel(run, host);
}

/* ---- the loop ---- */

static hf_time next_instant(const struct run *run, hf_time until)
{
    hf_time next = hf_time_first(hf_path_next(&run->path, FAULT_IN), hf_path_next(&run->path, FAULT_OUT));
    for (unsigned i = 0; i < 2; i++)
        if (run->end[i].e)
            next = hf_time_first(next, hf_deadline(run->end[i].e));
    return hf_time_first(next, until);
}

static unsigned add_polls(const struct end *end, unsigned host, struct pollfd *polls)
{
    unsigned count = 0;
    if (end->e)
        return 0;
    polls[count++] = (struct pollfd){.fd = end->tun->fd, .events = POLLIN};
    int fd = host == 1 && end->accepted >= 0 ? end->accepted : end->socket;
    polls[count++] = (struct pollfd){.fd = fd, .events = host == 0 ? POLLOUT : POLLIN};
    return count;
}

static void sleep_until(const struct run *run, hf_time next)
{
    struct pollfd polls[4];
    unsigned count = add_polls(&run->end[0], 0, polls);
    count += add_polls(&run->end[1], 1, polls + count);
    hf_ns left = hf_time_since(next, hf_clock_now());
    if (left <= 0)
        return;
    struct timespec timeout = {.tv_sec = left / HF_SECOND, .tv_nsec = left % HF_SECOND};
    (void)ppoll(polls, count, &timeout, NULL);
}

static void turn(struct run *run, hf_time until)
{
    run->now = hf_clock_now();
    bool moved = bring_frames(run, FAULT_OUT);
    moved |= bring_frames(run, FAULT_IN);
    for (unsigned host = 0; host < 2; host++) {
        speak(run, host);
        moved |= take_frames(run, host);
    }
    if (!moved)
        sleep_until(run, next_instant(run, until));
}

static bool open_run(struct run *run, const struct path_cell *cell, enum path_way way, uint64_t seed)
{
    run->text = calloc(1, CHUNK);
    run->frame = malloc(HF_FRAME_MAX);
    if (run->text == NULL || run->frame == NULL)
        return fail(run, "no memory");
    run->end[0].socket = run->end[1].socket = run->end[0].accepted = run->end[1].accepted = -1;
    bool is_open = way == HANDFAST_TO_KERNEL ? open_engine(run, 0) : open_kernel(run, 0);
    is_open = is_open && (way == KERNEL_TO_HANDFAST ? open_engine(run, 1) : open_kernel(run, 1));
    return is_open && open_path(run, cell, seed);
}

void path_run_once(const struct path_cell *cell, enum path_way way, double seconds, uint64_t seed,
                   struct path_sample *sample)
{
    static struct run run;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    (void)setpriority(PRIO_PROCESS, 0, -10); /* refused: then it is as it is */
    run.why = sample->why;
    if (!open_run(&run, cell, way, seed))
        return;
    run.now = hf_clock_now();
    for (unsigned host = 2; host-- > 0;) {
        if (run.end[host].e)
            begin_engine(&run, host);
        else
            begin_kernel(&run, host);
    }
    hf_time until = hf_time_add(run.now, (hf_ns)(seconds * (double)HF_SECOND));
    while (hf_time_before(run.now, until))
        turn(&run, until);
    sample->mbit = (double)run.read * 8 / 1e6 / seconds;
    sample->again = run.sent ? 100.0 * (double)run.again / (double)run.sent : 0;
    sample->is_good = true;
}

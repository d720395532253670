/*
 * The kernel's answers: many scripts at once, each on a port of its own, over one TUN in a network namespace that this
 * process enters. The kernel answers a frame before the write that brought it returns, so that only timers need time.
 * See opinion.h.
 */
#define _GNU_SOURCE
#include "opinion.h"

#include <handfast/driver.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DEVICE "opinion"

enum { FIRST_PORT = 20000, BATCH = 16, NO_FD = -1, STEP_MS = 10 };

struct player {
    struct peer peer;
    struct application application;
    int listener, connection;
    struct answer *answer; /* to the step that is played; NULL: none is */
};

struct kernel {
    struct hf_driver *tun;
    hf_time stepped_at;
    unsigned count;
    struct player player[];
};

/* ---- the namespace ---- */

/* What the kernel would hold back, or do on a timer of its own, it shall not; and what it keeps it keeps long enough. */
static const struct {
    const char *name, *value;
} settings[] = {
    {"tcp_challenge_ack_limit", "2147483647"},
    {"tcp_invalid_ratelimit", "0"},
    {"tcp_early_retrans", "0"},
    {"tcp_autocorking", "0"},
    {"tcp_slow_start_after_idle", "0"},
    {"tcp_syncookies", "0"},
    {"tcp_fastopen", "0"},
    {"tcp_no_metrics_save", "1"},
};

static void set(const char *name, const char *value)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "we");
    if (!file)
        return;
    fputs(value, file);
    fclose(file);
}

/* Acknowledges at once whatever wants it: RFC 9293, 3.8.6.3 leaves it half a second. */
static bool hurry_acks(void)
{
    return system("ip route change 10.7.0.0/24 dev " DEVICE " src 10.7.0.1 quickack 1 && "
                  "ip link set " DEVICE " txqueuelen 10000") == 0;
}

static struct hf_driver *open_device(void)
{
    const struct hf_addr address = hf_addr_v4(10, 7, 0, SUBJECT_ADDRESS);
    struct hf_driver *tun = hf_tun_open(&(struct hf_tun_options){.name = DEVICE, .no_offload = true});
    if (!tun)
        return NULL;
    if (hf_device_add_address(tun->name, &address, 24) == 0 && hurry_acks())
        return tun;
    tun->ops->close(tun);
    return NULL;
}

/* docs/departures.md speaks of that one; what older ones do otherwise is not said there. */
static bool is_older_than_page(void)
{
    struct utsname name;
    unsigned major = 0, minor = 0;
    return uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2 || major < 6 ||
           (major == 6 && minor < 18);
}

static struct kernel *refuse(const char **why, const char *what)
{
    *why = what;
    return NULL;
}

struct kernel *kernel_open(unsigned players, const char **why)
{
    if (is_older_than_page())
        return refuse(why, "docs/departures.md speaks of Linux 6.18, and this kernel is older");
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return refuse(why, "a network namespace may not be made");
    for (unsigned i = 0; i < sizeof settings / sizeof settings[0]; i++)
        set(settings[i].name, settings[i].value);
    struct hf_driver *tun = open_device();
    if (!tun)
        return refuse(why, "no TUN device may be opened");
    struct kernel *kernel = calloc(1, sizeof *kernel + players * sizeof kernel->player[0]);
    if (!kernel)
        return refuse(why, "out of memory");
    kernel->tun = tun;
    kernel->count = players;
    for (unsigned i = 0; i < players; i++)
        kernel->player[i].listener = kernel->player[i].connection = NO_FD;
    return kernel;
}

static void shut(int *fd)
{
    const struct linger linger = {.l_onoff = 1};
    if (*fd == NO_FD)
        return;
    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(*fd);
    *fd = NO_FD;
}

void kernel_close(struct kernel *kernel)
{
    for (unsigned i = 0; i < kernel->count; i++) {
        shut(&kernel->player[i].connection);
        shut(&kernel->player[i].listener);
    }
    kernel->tun->ops->close(kernel->tun);
    free(kernel);
}

/* ---- frames ---- */

static struct player *player_of(struct kernel *kernel, const struct hf_frame *frame)
{
    unsigned at = frame->len >= 40 && frame->data[0] == 0x45 && frame->data[9] == IPPROTO_TCP
                      ? (unsigned)(frame->data[20] << 8 | frame->data[21]) - FIRST_PORT
                      : kernel->count;
    return at < kernel->count && kernel->player[at].answer ? &kernel->player[at] : NULL;
}

/* Hears everything that the kernel has sent so far. */
static void hear(struct kernel *kernel)
{
    struct hf_frame frames[BATCH];
    int count;
    while ((count = kernel->tun->ops->receive(kernel->tun, kernel->stepped_at, frames, BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            struct player *player = player_of(kernel, &frames[i]);
            if (player)
                peer_hear(&player->peer, frames[i].data, frames[i].len, player->answer);
        }
        kernel->tun->ops->release(kernel->tun, kernel->stepped_at, frames, (unsigned)count);
    }
}

static void speak(struct kernel *kernel, struct player *player, const struct step *step)
{
    struct hf_frame frame;
    if (kernel->tun->ops->reserve(kernel->tun, &frame, 1) != 1)
        return;
    frame.len = peer_speak(&player->peer, step, frame.data);
    frame.flags = 0;
    frame.gso_size = 0;
    kernel->tun->ops->submit(kernel->tun, kernel->stepped_at, &frame, 1);
}

/* ---- sockets ---- */

static struct sockaddr_in address_of(const struct hf_endpoint *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    memcpy(&address.sin_addr, endpoint->addr.bytes + 12, 4);
    return address;
}

/* Urgent text stays in line, as RFC 6093, 3.2 wants it and Handfast has it. */
static int open_socket(const struct script *script, const struct hf_endpoint *local)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = address_of(local);
    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (script->no_delay)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        (script->role == ACTIVE || listen(fd, 16) == 0))
        return fd;
    close(fd);
    return NO_FD;
}

bool kernel_begin(struct kernel *kernel, unsigned index, const struct script *script, FILE *trace)
{
    struct player *player = &kernel->player[index];
    peer_begin(&player->peer, script, (uint16_t)(FIRST_PORT + index), trace);
    int fd = open_socket(script, &player->peer.there);
    if (script->role == PASSIVE)
        player->listener = fd;
    else
        player->connection = fd;
    player->application.has_socket = script->role == ACTIVE;
    return fd != NO_FD;
}

static int64_t result_of(int64_t result)
{
    return result < 0 ? -errno : result;
}

static int64_t call_accept(struct player *player)
{
    int fd = accept4(player->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    player->connection = fd;
    return 0;
}

static int64_t call_read(struct player *player, const struct step *step)
{
    static uint8_t data[READ_MAX];
    int64_t count = result_of(recv(player->connection, data, step->size, 0));
    player->answer->digest = peer_digest(data, count);
    return count;
}

static int64_t call_write(struct player *player, const struct step *step)
{
    uint8_t data[WRITE_MAX];
    for (unsigned i = 0; i < step->size; i++)
        data[i] = peer_text(player->application.written + 1 + i);
    int flags = MSG_NOSIGNAL | (step->kind == STEP_WRITE_URGENT ? MSG_OOB : 0);
    int64_t count = result_of(send(player->connection, data, step->size, flags));
    player->application.written += count > 0 ? (uint32_t)count : 0;
    return count;
}

static int64_t call_close(struct player *player, const struct step *step)
{
    int64_t result = 0;
    if (step->kind == STEP_ABORT)
        shut(&player->connection);
    else
        result = result_of(close(player->connection));
    player->connection = NO_FD;
    player->application.written = 0;
    return result;
}

static int64_t call(struct player *player, const struct step *step)
{
    const struct sockaddr_in address = address_of(&player->peer.here);
    if (step->kind != STEP_ACCEPT && player->connection == NO_FD)
        return -EBADF;
    switch (step->kind) {
    case STEP_CONNECT:
        return result_of(connect(player->connection, (const struct sockaddr *)&address, sizeof address));
    case STEP_ACCEPT:
        return call_accept(player);
    case STEP_READ:
        return call_read(player, step);
    case STEP_WRITE:
    case STEP_WRITE_URGENT:
        return call_write(player, step);
    case STEP_SHUTDOWN:
        return result_of(shutdown(player->connection, SHUT_WR));
    default:
        return call_close(player, step);
    }
}

void kernel_step(struct kernel *kernel, unsigned index, const struct step *step, struct answer *answer)
{
    struct player *player = &kernel->player[index];
    kernel->stepped_at = hf_clock_now();
    player->answer = answer;
    if (step->kind == STEP_SEGMENT) {
        speak(kernel, player, step);
    } else {
        answer->result = call(player, step);
        if (player->peer.trace)
            peer_print_call(player->peer.trace, step, answer->result);
    }
    hear(kernel);
}

/* ---- afterwards ---- */

/* The engine's name of a state that the kernel has a number for (include/net/tcp_states.h). */
static enum hf_state state_of(unsigned number)
{
    static const enum hf_state states[] = {
        [1] = HF_ESTABLISHED, [2] = HF_SYN_SENT,      [3] = HF_SYN_RECEIVED, [4] = HF_FIN_WAIT_1,
        [5] = HF_FIN_WAIT_2,  [6] = HF_TIME_WAIT,     [8] = HF_CLOSE_WAIT,   [9] = HF_LAST_ACK,
        [11] = HF_CLOSING,    [12] = HF_SYN_RECEIVED,
    };
    return number < sizeof states / sizeof states[0] ? states[number] : HF_CLOSED;
}

/* Every record that the namespace has, whether a descriptor belongs to it or not. */
static void look_at_states(struct kernel *kernel)
{
    char line[256];
    unsigned local, remote, state;
    FILE *file = fopen("/proc/self/net/tcp", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, " %*u: %*8x:%4x %*8x:%4x %2x", &local, &remote, &state) != 3 || remote == 0)
            continue;
        if (local - FIRST_PORT < kernel->count && kernel->player[local - FIRST_PORT].answer)
            kernel->player[local - FIRST_PORT].answer->state = state_of(state);
    }
    if (file)
        fclose(file);
}

static enum hf_state state_of_socket(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    return fd != NO_FD && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? state_of(info.tcpi_state)
                                                                                  : HF_CLOSED;
}

/* A SYN or FIN that was not acknowledged is among what the kernel counts as queued. */
static void look_at_queues(struct player *player)
{
    int unread = 0, queued = 0;
    enum hf_state state = state_of_socket(player->connection);
    bool counts_one = state == HF_FIN_WAIT_1 || state == HF_CLOSING || state == HF_LAST_ACK ||
                      state == HF_SYN_SENT || state == HF_SYN_RECEIVED;
    if (player->connection != NO_FD)
        ioctl(player->connection, SIOCINQ, &unread);
    if (state != HF_CLOSED)
        ioctl(player->connection, SIOCOUTQ, &queued);
    player->answer->unread = (uint32_t)unread;
    player->answer->queued = (uint32_t)queued - (queued > 0 && counts_one ? 1 : 0);
}

void kernel_settle(struct kernel *kernel)
{
    hf_time until = hf_time_add(kernel->stepped_at, STEP_MS * HF_MS);
    while (hf_time_before(hf_clock_now(), until)) {
        (void)hf_wait(kernel->tun, until, NULL, 0);
        hear(kernel);
    }
    look_at_states(kernel);
    for (unsigned i = 0; i < kernel->count; i++)
        if (kernel->player[i].answer) {
            look_at_queues(&kernel->player[i]);
            peer_sum_up(&kernel->player[i].peer, kernel->player[i].answer);
            kernel->player[i].answer = NULL;
        }
}

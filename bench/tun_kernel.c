/* The kernel's sockets: the four services, each a thread with blocking calls, and a client for each of them. */
#define _GNU_SOURCE
#include "tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK     (256 << 10) /* bytes of one write or read of bulk */
#define PINGS_MAX (1 << 20)

static uint8_t chunk[CHUNK];

static struct sockaddr_in endpoint(uint32_t addr, uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

/* No Nagle; and Reno, whose slow start nothing ends early on a link of microseconds: CUBIC's takes jitter for a queue and
 * BBR measures a bandwidth that scheduling makes up, so that either gives another figure each time. */
static void prepare(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

/* ---- services ---- */

static void serve_sink(int fd)
{
    uint8_t *room = malloc(CHUNK);
    while (read(fd, room, CHUNK) > 0)
        continue;
    free(room);
}

static void serve_source(int fd)
{
    while (write(fd, chunk, CHUNK) > 0)
        continue;
}

static void serve_echo(int fd)
{
    uint8_t message[4096];
    for (ssize_t len; (len = read(fd, message, sizeof message)) > 0;)
        if (write(fd, message, (size_t)len) != len)
            return;
}

static void serve_answer(int fd)
{
    uint8_t message[REQUEST_LEN];
    if (recv(fd, message, sizeof message, MSG_WAITALL) == REQUEST_LEN)
        (void)!write(fd, message, sizeof message);
}

struct listener {
    int fd;
    void (*serve)(int fd);
    int core;
};

static void *accept_for_ever(void *arg)
{
    const struct listener *listener = arg;
    bench_stay_on(listener->core);
    for (int fd; (fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR;) {
        prepare(fd);
        listener->serve(fd);
        close(fd);
    }
    return NULL;
}

static int listen_at(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    const struct sockaddr_in at = endpoint(INADDR_ANY, port);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1024) < 0)
        return -errno;
    return fd;
}

int kernel_serve(int echo_core)
{
    static struct listener listener[SERVICES] = {[SINK] = {-1, serve_sink, BENCH_ANY},
                                                 [SOURCE] = {-1, serve_source, BENCH_ANY},
                                                 [ECHO] = {-1, serve_echo, BENCH_ANY},
                                                 [ANSWER] = {-1, serve_answer, BENCH_ANY}};
    listener[ECHO].core = echo_core;
    for (unsigned i = 0; i < SERVICES; i++) {
        pthread_t thread;
        listener[i].fd = listen_at(SERVICE_PORT(i));
        if (listener[i].fd < 0)
            return listener[i].fd;
        int error = pthread_create(&thread, NULL, accept_for_ever, &listener[i]);
        if (error != 0)
            return -error;
    }
    return 0;
}

/* ---- clients ---- */

static int connect_to(int net, int host, enum service service)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in to =
        endpoint(0x0a000000u | (uint32_t)net << 8 | (uint32_t)host, SERVICE_PORT(service));
    if (fd < 0)
        return -errno;
    prepare(fd);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/* What is done with an open connection over and over; false when it ended. */
typedef bool (*step)(int fd, uint64_t *bytes);

static bool write_chunk(int fd, uint64_t *bytes)
{
    ssize_t len = write(fd, chunk, CHUNK);
    *bytes += len > 0 ? (uint64_t)len : 0;
    return len > 0;
}

static bool read_chunk(int fd, uint64_t *bytes)
{
    ssize_t len = read(fd, chunk, CHUNK);
    *bytes += len > 0 ? (uint64_t)len : 0;
    return len > 0;
}

/* Bytes a second once it is under way: the first tenth does not count, nor does what is still queued here at the end. */
static double stream(int fd, step go, double seconds)
{
    uint64_t bytes = 0, before = 0;
    int queued = 0, queued_before = 0;
    double start = bench_seconds(), from = 0, now;
    do {
        if (!go(fd, &bytes))
            return -EPIPE;
        now = bench_seconds();
        if (from == 0 && now - start >= seconds / 10) {
            from = now;
            before = bytes;
            (void)ioctl(fd, SIOCOUTQ, &queued_before);
        }
    } while (now - start < seconds);
    (void)ioctl(fd, SIOCOUTQ, &queued);
    return (double)(bytes - before + (uint64_t)queued_before - (uint64_t)queued) / (now - from);
}

static double stream_to(int net, int host, enum service service, step go, double seconds)
{
    int fd = connect_to(net, host, service);
    if (fd < 0)
        return fd;
    double rate = stream(fd, go, seconds);
    close(fd);
    return rate;
}

double kernel_pour(int net, int host, double seconds)
{
    return stream_to(net, host, SINK, write_chunk, seconds);
}

double kernel_drain(int net, int host, double seconds)
{
    return stream_to(net, host, SOURCE, read_chunk, seconds);
}

/* ---- round trips ---- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool ask(int fd)
{
    uint8_t message[REQUEST_LEN] = {0};
    return write(fd, message, sizeof message) == REQUEST_LEN &&
           recv(fd, message, sizeof message, MSG_WAITALL) == REQUEST_LEN;
}

double kernel_ping(int net, int host, double seconds, unsigned per_mille)
{
    int fd = connect_to(net, host, ECHO);
    float *micros = malloc(PINGS_MAX * sizeof *micros);
    if (fd < 0 || micros == NULL)
        return fd < 0 ? fd : -ENOMEM;
    size_t count = 0;
    bool whole = true;
    double start = bench_seconds(), before = start;
    while (whole && before - start < seconds && count < PINGS_MAX) {
        whole = ask(fd);
        double now = bench_seconds();
        micros[count++] = (float)((now - before) * 1e6);
        before = now;
    }
    close(fd);
    qsort(micros, count, sizeof *micros, compare_floats);
    double result = whole ? (double)micros[(count - 1) * per_mille / 1000] : -EPIPE;
    free(micros);
    return result;
}

/* ---- whole connections ---- */

static bool run_cycle(int net, int host)
{
    uint8_t rest;
    int fd = connect_to(net, host, ANSWER);
    bool whole = fd >= 0 && ask(fd) && read(fd, &rest, 1) == 0;
    if (fd >= 0)
        close(fd);
    return whole;
}

double kernel_cycle(int net, int host, double seconds)
{
    uint64_t count = 0;
    double start = bench_seconds(), now;
    do {
        if (!run_cycle(net, host))
            return -EPIPE;
        count++;
        now = bench_seconds();
    } while (now - start < seconds);
    return (double)count / (now - start);
}

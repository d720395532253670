/* Handfast on a TUN: the four services, in a thread that sleeps when there is nothing to do. */
#define _GNU_SOURCE
#include "tun.h"

#include <handfast/tcp.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 131072u /* more than a client has ports: every TIME-WAIT is kept */

struct tun_host {
    struct hf_engine *e;
    struct hf_driver *device;
    hf_link link;
    pthread_t thread;
    int stop; /* eventfd */
    int core;
};

static uint8_t text[65536];

/* ---- the services ---- */

static void discard(struct tun_host *host, hf_conn conn)
{
    const uint8_t *data;
    for (int64_t len; (len = hf_tcp_lend_received(host->e, conn, &data)) > 0;)
        hf_tcp_received(host->e, conn, (size_t)len);
}

static void pour(struct tun_host *host, hf_conn conn)
{
    uint8_t *room;
    for (int64_t len; (len = hf_tcp_lend_send(host->e, conn, &room)) > 0;) {
        memcpy(room, text, (size_t)len);
        hf_tcp_sent(host->e, conn, (size_t)len, 0);
    }
}

/* What fits in a message comes back at once; a ping-pong never fills a send buffer. */
static int64_t send_back(struct tun_host *host, hf_conn conn)
{
    uint8_t message[4096];
    int64_t len = hf_tcp_receive(host->e, conn, message, sizeof message);
    if (len > 0)
        (void)hf_tcp_send(host->e, conn, message, (size_t)len, 0);
    return len;
}

static void serve(struct tun_host *host, const struct hf_event *event)
{
    enum service service = (enum service)event->user;
    hf_conn conn;
    while ((event->bits & HF_EV_ACCEPTABLE) && hf_tcp_accept(host->e, event->conn, &conn) == HF_OK)
        continue;
    bool over = event->bits & (HF_EV_PEER_CLOSED | HF_EV_CLOSED);
    if (service == SINK)
        discard(host, event->conn);
    if (service == SOURCE && (event->bits & HF_EV_WRITABLE))
        pour(host, event->conn);
    if (service >= ECHO && (event->bits & HF_EV_READABLE))
        over = over || (send_back(host, event->conn) >= REQUEST_LEN && service == ANSWER);
    if (over)
        hf_tcp_release(host->e, event->conn);
}

static bool open_services(struct tun_host *host)
{
    for (unsigned i = 0; i < SERVICES; i++) {
        const struct hf_endpoint at = {.addr = hf_addr_v4(10, 0, 0, TUN_ENGINE), .port = SERVICE_PORT(i)};
        const struct hf_tcp_options options = {.backlog = 1024, .no_delay = true, .user = i};
        hf_conn listener;
        if (hf_tcp_listen(host->e, &at, &options, &listener) != HF_OK)
            return false;
    }
    return true;
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct tun_host *host = arg;
    struct pollfd stop = {.fd = host->stop, .events = POLLIN};
    bench_stay_on(host->core);
    while (!(stop.revents & POLLIN)) {
        int moved = hf_pump(host->e, host->device, host->link, hf_clock_now(), 0);
        if (moved < 0)
            break;
        bool news = false;
        for (struct hf_event event; hf_event(host->e, &event); news = true)
            serve(host, &event);
        if (moved == 0 && !news)
            (void)hf_wait(host->device, hf_pump_deadline(host->e, host->device), &stop, 1);
    }
    return NULL;
}

/* ---- start and stop ---- */

static struct hf_engine *make_engine(void)
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = CONNECTIONS;
    config.max_sending = config.max_receiving = 1024;
    return hf_engine_new(&config);
}

static bool open_device(struct tun_host *host, bool no_offload)
{
    const struct hf_addr kernel = hf_addr_v4(10, 0, 0, TUN_KERNEL), ours = hf_addr_v4(10, 0, 0, TUN_ENGINE);
    host->device = hf_tun_open(&(struct hf_tun_options){.name = "hfbench", .no_offload = no_offload});
    if (host->device == NULL)
        return false;
    int error = hf_device_add_address(host->device->name, &kernel, 24);
    if (error < 0) {
        errno = -error;
        return false;
    }
    return hf_link_add(host->e, &host->device->link, &host->link) == HF_OK &&
           hf_address_add(host->e, host->link, &ours, 24) == HF_OK && open_services(host);
}

static void discard_host(struct tun_host *host)
{
    if (host->device != NULL)
        host->device->ops->close(host->device);
    hf_engine_delete(host->e);
    if (host->stop >= 0)
        close(host->stop);
    free(host);
}

struct tun_host *tun_host_start(bool no_offload, int core, char *why)
{
    struct tun_host *host = calloc(1, sizeof *host);
    if (host == NULL)
        abort();
    host->core = core;
    host->stop = eventfd(0, EFD_CLOEXEC);
    host->e = make_engine();
    memset(text, 'x', sizeof text);
    if (host->stop >= 0 && host->e != NULL && open_device(host, no_offload) &&
        pthread_create(&host->thread, NULL, run, host) == 0)
        return host;
    snprintf(why, BENCH_NOTE_LEN, "no engine on a TUN: %.40s", strerror(errno));
    discard_host(host);
    return NULL;
}

double tun_host_cpu(const struct tun_host *host)
{
    clockid_t clock;
    struct timespec used;
    if (pthread_getcpuclockid(host->thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

void tun_host_stop(struct tun_host *host)
{
    uint64_t one = 1;
    if (write(host->stop, &one, sizeof one) != sizeof one)
        abort();
    pthread_join(host->thread, NULL);
    discard_host(host);
}

/* Connections a second beside many in TIME-WAIT, and ports when few are left. Read first: lifecycle.h. */
#include "lifecycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_EACH 20000u  /* of the 28,232 that one service has */
#define MORE       250000u /* cycles at most while the clock runs */

static const struct bulk small = {.window = 65536};
uint32_t life_million = 1000000;

uint32_t life_ports(uint32_t connections)
{
    return connections / PORTS_EACH + 1;
}

void life_listen(struct pair *pair, uint32_t ports, uint32_t backlog)
{
    for (uint32_t i = 0; i < ports; i++)
        host_listen(&pair->host[SERVER], (uint16_t)(1000 + i), backlog);
}

void life_wait(struct pair *pair, hf_ns time)
{
    pair->now = hf_time_add(pair->now, time);
    pair_settle(pair);
}

/* ---- cycles ---- */

static uint8_t message[MESSAGE];

static void ask_once(struct host *host, const struct hf_event *event)
{
    if (event->fresh & HF_EV_CONNECTED)
        hf_tcp_send(host->e, event->conn, message, MESSAGE, 0);
    if ((event->bits & HF_EV_READABLE) && hf_tcp_receive(host->e, event->conn, message, MESSAGE) == MESSAGE) {
        hf_tcp_release(host->e, event->conn);
        host->bytes += MESSAGE;
    }
}

static void answer_once(struct host *host, const struct hf_event *event)
{
    hf_conn conn;
    while ((event->bits & HF_EV_ACCEPTABLE) && hf_tcp_accept(host->e, event->conn, &conn) == HF_OK)
        continue;
    if ((event->bits & HF_EV_READABLE) && hf_tcp_receive(host->e, event->conn, message, MESSAGE) == MESSAGE)
        hf_tcp_send(host->e, event->conn, message, MESSAGE, 0);
    if (event->bits & HF_EV_PEER_CLOSED)
        hf_tcp_release(host->e, event->conn);
}

static void make_cycles(struct pair *pair, uint32_t from, uint32_t count, uint32_t ports)
{
    for (uint32_t i = from; i < from + count; i++) {
        (void)host_connect(&pair->host[CLIENT], (uint16_t)(1000 + i % ports));
        pair_settle(pair);
    }
}

bool life_cycle(const void *arg, double seconds, struct bench_sample *sample)
{
    uint32_t before = (uint32_t)((uint64_t) * (const unsigned *)arg * life_million / 1000000), cycles = 0;
    uint32_t ports = life_ports(before + MORE);
    struct hf_config config;
    struct pair pair;
    pair_configure(&config);
    config.max_connections = 64;
    config.max_listeners = ports;
    config.max_time_wait = before + MORE;
    pair_open(&pair, &config, &small, true);
    pair.host[CLIENT].app = ask_once;
    pair.host[SERVER].app = answer_once;
    life_listen(&pair, ports, 16);
    make_cycles(&pair, 0, before, ports);
    double start = bench_cpu_seconds(), spent;
    do {
        make_cycles(&pair, before + cycles, 256, ports);
        cycles += 256;
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds && cycles + 256 <= MORE);
    struct hf_stats stats;
    hf_stats(pair.host[CLIENT].e, &stats);
    bool whole = stats.states[HF_TIME_WAIT] == before + cycles &&
                 pair.host[CLIENT].bytes == (uint64_t)(before + cycles) * MESSAGE;
    snprintf(sample->note, sizeof sample->note, "%u in TIME-WAIT at first, %u at the end%s", before,
             stats.states[HF_TIME_WAIT], whole ? "" : ": some are missing");
    sample->value = cycles / spent;
    pair_close(&pair);
    return whole;
}

/* ---- ports ---- */

#define PORTS 28232u

static void ignore(struct host *host, const struct hf_event *event)
{
    (void)host, (void)event;
}

static hf_conn call(struct host *host)
{
    const struct hf_endpoint to = {host->pair->host[SERVER].self.addr, 80};
    hf_conn conn = {0, 0};
    if (hf_tcp_connect(host->e, NULL, &to, NULL, &conn) != HF_OK)
        abort();
    return conn;
}

/* What is to be sent is lost; what was released leaves the engine's lists. */
static void forget_frames(struct host *host)
{
    host_turn(host);
    wire_clear(&host->pair->wire);
}

bool life_ports_taken(const void *arg, double seconds, struct bench_sample *sample)
{
    uint32_t taken = (uint32_t)((uint64_t)PORTS * *(const unsigned *)arg / 10000);
    struct hf_config config;
    struct pair pair;
    pair_configure(&config);
    config.max_connections = PORTS;
    pair_open(&pair, &config, &small, true);
    struct host *host = &pair.host[CLIENT];
    host->app = ignore;
    hf_conn *conn = calloc(PORTS, sizeof *conn);
    /* All are taken, then some let go that lie anywhere: what is left free is as scattered as in life. */
    for (uint32_t i = 0; i < PORTS - 1; i++) {
        conn[i] = call(host);
        forget_frames(host);
    }
    for (uint32_t i = 0; i < PORTS - 1 - taken; i++) {
        uint32_t at = i + (uint32_t)((uint64_t)rand() % (PORTS - 1 - i));
        hf_conn other = conn[at];
        conn[at] = conn[i];
        hf_tcp_release(host->e, other);
        forget_frames(host);
    }
    uint64_t opens = 0;
    double start = bench_cpu_seconds(), spent, worst = 0, last = start;
    do {
        hf_tcp_release(host->e, call(host));
        forget_frames(host);
        opens++;
        double now = bench_cpu_seconds();
        worst = now - last > worst ? now - last : worst;
        last = now;
        spent = now - start;
    } while (spent < seconds);
    snprintf(sample->note, sizeof sample->note, "%u of %u ports taken, the slowest took %.0f us", taken, PORTS,
             worst * 1e6);
    sample->value = (double)opens / spent;
    free(conn);
    pair_close(&pair);
    return true;
}

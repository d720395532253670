/*
 * A million connections between two engines: opened, idle, with a word on each there and back, half-closed, closed. All
 * values are of one life, which is lived once. Read first: lifecycle.h.
 */
#define _GNU_SOURCE
#include "lifecycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAVE 1000u /* connections that speak at once */

static const struct bulk wire_of_a_wave = {.window = 4 * WAVE * 1448};

size_t life_resident(const struct host *host)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (host->engine_size + page - 1) / page, resident = 0;
    unsigned char *present = malloc(pages);
    if (present == NULL || mincore(host->e, host->engine_size, present) != 0)
        abort();
    for (size_t i = 0; i < pages; i++)
        resident += present[i] & 1;
    free(present);
    return resident * page;
}

/* ---- the two applications ---- */

static uint8_t message[MESSAGE];
static uint64_t echoed;

static void hear(struct host *host, const struct hf_event *event)
{
    (void)host;
    if ((event->bits & HF_EV_READABLE) && hf_tcp_receive(host->e, event->conn, message, MESSAGE) == MESSAGE)
        echoed++;
}

/* Echoes, and closes when told to: `own` says whether a FIN is answered with one. */
static void echo(struct host *host, const struct hf_event *event)
{
    hf_conn conn;
    while ((event->bits & HF_EV_ACCEPTABLE) && hf_tcp_accept(host->e, event->conn, &conn) == HF_OK)
        continue;
    if ((event->bits & HF_EV_READABLE) && hf_tcp_receive(host->e, event->conn, message, MESSAGE) == MESSAGE)
        hf_tcp_send(host->e, event->conn, message, MESSAGE, 0);
}

/* ---- a life ---- */

struct life {
    struct pair pair;
    hf_conn *conn;
    uint32_t count, ports;
    double value[LIFE_VALUES];
};

static double per_second(const struct life *life, double start)
{
    return life->count / (bench_cpu_seconds() - start);
}

static void open_life(struct life *life)
{
    struct hf_config config;
    life->count = life_million;
    life->ports = life_ports(life->count);
    life->conn = calloc(life->count, sizeof *life->conn);
    pair_configure(&config);
    config.max_connections = config.max_time_wait = life->count;
    config.max_listeners = life->ports;
    config.max_sending = config.max_receiving = 4 * WAVE;
    config.max_half_open = 4 * WAVE;
    config.block_len = 256;
    config.max_blocks = 16 * WAVE;
    pair_open(&life->pair, &config, &wire_of_a_wave, false);
    life->pair.host[CLIENT].app = hear;
    life->pair.host[SERVER].app = echo;
    life_listen(&life->pair, life->ports, 4 * WAVE);
}

/* Does the same to all of them, a wave at a time, and lets delayed ACKs leave between. */
static void for_all(struct life *life, void (*act)(struct life *life, uint32_t i))
{
    for (uint32_t i = 0; i < life->count; i++) {
        act(life, i);
        if ((i + 1) % WAVE == 0 || i + 1 == life->count) {
            pair_settle(&life->pair);
            life_wait(&life->pair, 50 * HF_MS);
        }
    }
}

static void connect_one(struct life *life, uint32_t i)
{
    life->conn[i] = host_connect(&life->pair.host[CLIENT], (uint16_t)(1000 + i % life->ports));
}

static void speak(struct life *life, uint32_t i)
{
    hf_tcp_send(life->pair.host[CLIENT].e, life->conn[i], message, MESSAGE, 0);
}

static void half_close(struct life *life, uint32_t i)
{
    hf_tcp_shutdown(life->pair.host[CLIENT].e, life->conn[i]);
}

static void probe_when_idle(struct life *life, uint32_t i)
{
    const struct hf_tcp_options options = {.keep_alive = true, .keep_idle_s = 60, .keep_interval_s = 60};
    hf_tcp_set_options(life->pair.host[CLIENT].e, life->conn[i], &options);
}

static void let_go(struct life *life, uint32_t i)
{
    hf_tcp_release(life->pair.host[CLIENT].e, life->conn[i]);
}

/* The server's side, whose handles nobody kept. */
static void close_servers(struct life *life)
{
    struct hf_engine *e = life->pair.host[SERVER].e;
    uint32_t closed = 0;
    for (hf_conn conn = {0, 0}; hf_tcp_next(e, &conn);) {
        struct hf_tcp_info info;
        if (hf_tcp_status(e, conn, &info) != HF_OK || info.is_listener)
            continue;
        hf_tcp_release(e, conn);
        if (++closed % WAVE == 0)
            pair_settle(&life->pair);
    }
    pair_settle(&life->pair);
    life_wait(&life->pair, 50 * HF_MS);
}

static uint32_t in_state(const struct life *life, unsigned side, enum hf_state state)
{
    struct hf_stats stats;
    hf_stats(life->pair.host[side].e, &stats);
    return stats.states[state];
}

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "handfast-bench: not all connections %s\n", what);
    exit(1);
}

/* CPU milliseconds for a second in which both engines are asked a thousand times. */
static double idle_cpu(struct life *life, unsigned seconds)
{
    double start = bench_cpu_seconds();
    for (unsigned i = 0; i < 1000 * seconds; i++)
        life_wait(&life->pair, HF_MS);
    return (bench_cpu_seconds() - start) * 1000 / seconds;
}

static size_t resident(const struct life *life)
{
    return life_resident(&life->pair.host[CLIENT]) + life_resident(&life->pair.host[SERVER]);
}

static void grow_up(struct life *life)
{
    size_t before = life_resident(&life->pair.host[CLIENT]);
    double start = bench_cpu_seconds();
    for_all(life, connect_one);
    life->value[LIFE_OPENED] = per_second(life, start);
    must(in_state(life, CLIENT, HF_ESTABLISHED) == life->count, "were opened");
    must(in_state(life, SERVER, HF_ESTABLISHED) == life->count, "were opened at the server");
    life->value[LIFE_IDLE_BYTES] = (double)(life_resident(&life->pair.host[CLIENT]) - before) / life->count;
    life->value[LIFE_IDLE_CPU] = idle_cpu(life, 2);
    start = bench_cpu_seconds();
    echoed = 0;
    for_all(life, speak);
    life->value[LIFE_ECHOED] = per_second(life, start);
    must(echoed == life->count, "echoed");
    for_all(life, probe_when_idle);
    life->value[LIFE_KEEP_ALIVE_CPU] = idle_cpu(life, 60);
}

static void grow_old(struct life *life)
{
    double start = bench_cpu_seconds();
    for_all(life, half_close);
    must(in_state(life, CLIENT, HF_FIN_WAIT_2) == life->count, "were half-closed");
    must(in_state(life, SERVER, HF_CLOSE_WAIT) == life->count, "were half-closed at the server");
    life->value[LIFE_HALF_CLOSED_BYTES] = (double)life_resident(&life->pair.host[CLIENT]) / life->count;
    size_t before = life_resident(&life->pair.host[CLIENT]);
    for_all(life, let_go);
    close_servers(life);
    life->value[LIFE_CLOSED] = per_second(life, start);
    must(in_state(life, CLIENT, HF_TIME_WAIT) == life->count, "are in TIME-WAIT");
    must(in_state(life, SERVER, HF_CLOSE_WAIT) + in_state(life, SERVER, HF_LAST_ACK) == 0, "were closed");
    life->value[LIFE_TIME_WAIT_BYTES] = (double)(life_resident(&life->pair.host[CLIENT]) - before) / life->count;
    life->value[LIFE_PEAK_MIB] = (double)resident(life) / (1 << 20);
    life_wait(&life->pair, 61 * HF_SECOND);
    must(in_state(life, CLIENT, HF_TIME_WAIT) == 0, "have left TIME-WAIT");
}

bool life_many(const void *arg, double seconds, struct bench_sample *sample)
{
    static struct life life;
    enum life_value value = *(const enum life_value *)arg;
    (void)seconds;
    if (life.count == 0) {
        open_life(&life);
        grow_up(&life);
        grow_old(&life);
        pair_close(&life.pair);
        free(life.conn);
    }
    sample->value = life.value[value];
    snprintf(sample->note, sizeof sample->note, "%u connections, one life for all such figures", life.count);
    return true;
}

/* ---- half-open ---- */

bool life_half_open(const void *arg, double seconds, struct bench_sample *sample)
{
    (void)arg, (void)seconds;
    struct hf_config config;
    struct pair pair;
    struct hf_stats stats;
    uint32_t ports = life_ports(life_million);
    pair_configure(&config);
    config.max_connections = 64;
    config.max_listeners = ports;
    config.max_half_open = life_million;
    pair_open(&pair, &config, &wire_of_a_wave, false);
    pair.host[CLIENT].app = hear;
    pair.host[SERVER].app = echo;
    life_listen(&pair, ports, life_million);
    size_t before = life_resident(&pair.host[SERVER]);
    for (uint32_t i = 0; i < life_million; i++) {
        hf_conn conn;
        const struct hf_endpoint from = {.port = (uint16_t)(2000 + i / ports)};
        const struct hf_endpoint to = {pair.host[SERVER].self.addr, (uint16_t)(1000 + i % ports)};
        if (hf_tcp_connect(pair.host[CLIENT].e, &from, &to, NULL, &conn) != HF_OK)
            abort();
        host_turn(&pair.host[CLIENT]);
        host_turn(&pair.host[SERVER]);
        wire_clear(&pair.wire); /* the SYN,ACK is lost, and the client gives up */
        hf_tcp_release(pair.host[CLIENT].e, conn);
    }
    hf_stats(pair.host[SERVER].e, &stats);
    sample->value = (double)(life_resident(&pair.host[SERVER]) - before) / life_million;
    snprintf(sample->note, sizeof sample->note, "of pages, with %u of them", stats.states[HF_SYN_RECEIVED]);
    bool whole = stats.states[HF_SYN_RECEIVED] == life_million;
    pair_close(&pair);
    return whole;
}

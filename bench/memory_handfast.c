/*
 * Handfast at both ends of the wire: two engines, an application at each, and one turn that gives an end what
 * arrived, lets its application act on the events, and takes what it has to send.
 */
#define _GNU_SOURCE
#include "memory_handfast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- engines ---- */

void pair_configure(struct hf_config *config)
{
    hf_config_defaults(config);
    memset(config->seed, 7, sizeof config->seed);
    config->max_fragments = 1;
    config->send_buffer_max = config->receive_buffer_max = 0; /* as large as it says, and no larger */
}

/* The pages are touched beforehand if asked to: what the kernel takes to find and clear them is not ours. */
static struct hf_engine *make_engine(const struct hf_config *config, bool touch)
{
    size_t size = hf_engine_size(config);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (touch ? MAP_POPULATE : 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    struct hf_engine *e =
        memory == MAP_FAILED ? NULL : hf_engine_create(memory, size, config, (hf_time){HF_SECOND});
    if (e == NULL) {
        fprintf(stderr, "handfast-bench: no memory for an engine of %zu bytes\n", size);
        exit(1);
    }
    return e;
}

static void attach(struct host *host, const struct hf_config *config, const struct hf_link_config *link,
                   struct hf_addr addr, bool touch)
{
    host->engine_size = hf_engine_size(config);
    host->e = make_engine(config, touch);
    host->self.addr = addr;
    hf_link index;
    hf_link_add(host->e, link, &index);
    hf_address_add(host->e, index, &addr, 24);
}

void pair_open(struct pair *pair, const struct hf_config *config, const struct bulk *bulk, bool touch)
{
    memset(pair, 0, sizeof *pair);
    wire_open(&pair->wire, bulk_depth(bulk), bulk_cap(bulk));
    pair->now.ns = HF_SECOND;
    const struct hf_link_config link = {
        .kind = HF_LINK_IP, .mtu = 1500, .offload = bulk->large ? HF_LINK_TX_CSUM | HF_LINK_TSO4 : 0};
    for (unsigned i = 0; i < 2; i++) {
        struct host *host = &pair->host[i];
        attach(host, config, &link, hf_addr_v4(10, 0, 0, (uint8_t)(1 + i)), touch);
        host->pair = pair;
        host->out = &pair->wire.lane[i];
        host->in = &pair->wire.lane[1 - i];
    }
}

void pair_close(struct pair *pair)
{
    for (unsigned i = 0; i < 2; i++)
        munmap(pair->host[i].e, pair->host[i].engine_size);
    wire_close(&pair->wire);
}

void host_turn(struct host *host)
{
    hf_time now = host->pair->now = hf_time_add(host->pair->now, WIRE_DELAY);
    struct hf_frame *frame;
    for (unsigned i = 0; i < BATCH && (frame = wire_next(host->in)) != NULL; i++, wire_took(host->in))
        hf_input(host->e, now, frame);
    hf_advance(host->e, now);
    for (struct hf_event event; hf_event(host->e, &event);)
        host->app(host, &event);
    while ((frame = wire_room(host->out)) != NULL && hf_output(host->e, now, frame))
        wire_send(host->out);
}

/* Turns until neither end has anything to say. */
void pair_settle(struct pair *pair)
{
    do {
        host_turn(&pair->host[CLIENT]);
        host_turn(&pair->host[SERVER]);
    } while (!wire_is_idle(&pair->wire));
}

void host_listen(struct host *host, uint16_t port, uint32_t backlog)
{
    const struct hf_endpoint at = {host->self.addr, port};
    const struct hf_tcp_options options = {.backlog = backlog, .no_delay = true};
    if (hf_tcp_listen(host->e, &at, &options, &host->listener) != HF_OK)
        abort();
}

hf_conn host_connect(struct host *host, uint16_t port)
{
    const struct hf_endpoint to = {host->pair->host[SERVER].self.addr, port};
    const struct hf_tcp_options options = {.no_delay = true};
    hf_conn conn;
    int error = hf_tcp_connect(host->e, NULL, &to, &options, &conn);
    if (error == HF_OK)
        return conn;
    fprintf(stderr, "handfast-bench: cannot connect: %s\n", hf_error_text(error));
    exit(1);
}

static const struct bulk small = {.window = 65536}; /* the wire of what is not bulk */

/* ---- bulk ---- */

static uint8_t text[1 << 16];

static void write_all(struct host *host, hf_conn conn)
{
    uint8_t *room;
    for (int64_t len; (len = hf_tcp_lend_send(host->e, conn, &room)) > 0;) {
        memcpy(room, text, (size_t)len);
        hf_tcp_sent(host->e, conn, (size_t)len, 0);
    }
}

static void read_all(struct host *host, hf_conn conn)
{
    const uint8_t *data;
    for (int64_t len; (len = hf_tcp_lend_received(host->e, conn, &data)) > 0;) {
        host->bytes += (uint64_t)len;
        hf_tcp_received(host->e, conn, (size_t)len);
    }
}

static void pour(struct host *host, const struct hf_event *event)
{
    if (event->bits & HF_EV_WRITABLE)
        write_all(host, event->conn);
}

static void drain(struct host *host, const struct hf_event *event)
{
    hf_conn conn;
    while ((event->bits & HF_EV_ACCEPTABLE) && hf_tcp_accept(host->e, event->conn, &conn) == HF_OK)
        read_all(host, conn);
    if (event->bits & HF_EV_READABLE)
        read_all(host, event->conn);
}

static void note_bulk(const struct bulk *bulk, uint64_t bytes, uint64_t acks, struct bench_sample *sample)
{
    double segments = acks > 0 ? (double)bytes / 1448 / (double)acks : 0;
    snprintf(sample->note, sizeof sample->note, "cubic, window %u KiB, %.1f segments an ACK%s", bulk->window / 1024,
             segments, bulk->large ? ", 64 KB frames" : "");
}

bool handfast_bulk(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct bulk *bulk = arg;
    struct hf_config config;
    struct pair pair;
    pair_configure(&config);
    config.max_connections = 8;
    config.send_buffer = config.receive_buffer = bulk->window;
    pair_open(&pair, &config, bulk, true);
    pair.host[CLIENT].app = pour;
    pair.host[SERVER].app = drain;
    host_listen(&pair.host[SERVER], 80, 16);
    (void)host_connect(&pair.host[CLIENT], 80);
    for (unsigned i = 0; i < 4096; i++) { /* slow start, and the first touch of every block */
        host_turn(&pair.host[CLIENT]);
        host_turn(&pair.host[SERVER]);
    }
    uint64_t before = pair.host[SERVER].bytes, acks = pair.wire.lane[SERVER].total;
    double start = bench_cpu_seconds(), spent;
    do {
        for (unsigned i = 0; i < 256; i++) {
            host_turn(&pair.host[CLIENT]);
            host_turn(&pair.host[SERVER]);
        }
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds);
    uint64_t bytes = pair.host[SERVER].bytes - before;
    note_bulk(bulk, bytes, pair.wire.lane[SERVER].total - acks, sample);
    sample->value = (double)bytes * 8 / spent / 1e9;
    pair_close(&pair);
    return true;
}

/* ---- ping-pong ---- */

struct ring_of_connections {
    hf_conn *conn;
    unsigned count, turn;
    uint64_t rounds;
};

/* Far apart, and each before any a second time: the stride is a prime that no usual count is a multiple of. */
static unsigned next_turn(unsigned turn, unsigned count)
{
    return (turn + 7919) % count;
}

static void send_message(struct host *host, hf_conn conn)
{
    hf_tcp_send(host->e, conn, text, MESSAGE, 0);
}

static void answer_back(struct host *host, const struct hf_event *event)
{
    uint8_t message[MESSAGE];
    hf_conn conn;
    while ((event->bits & HF_EV_ACCEPTABLE) && hf_tcp_accept(host->e, event->conn, &conn) == HF_OK)
        continue;
    if ((event->bits & HF_EV_READABLE) && hf_tcp_receive(host->e, event->conn, message, sizeof message) == MESSAGE)
        hf_tcp_send(host->e, event->conn, message, sizeof message, 0);
}

static void ask_next(struct host *host, const struct hf_event *event)
{
    struct ring_of_connections *ring = host->own;
    uint8_t message[MESSAGE];
    if (!(event->bits & HF_EV_READABLE) || hf_tcp_receive(host->e, event->conn, message, sizeof message) != MESSAGE)
        return;
    ring->rounds++;
    ring->turn = next_turn(ring->turn, ring->count);
    send_message(host, ring->conn[ring->turn]);
}

static void open_ring(struct pair *pair, struct ring_of_connections *ring, unsigned count)
{
    ring->count = count;
    ring->conn = calloc(count, sizeof *ring->conn);
    for (unsigned i = 0; i < count; i++) {
        ring->conn[i] = host_connect(&pair->host[CLIENT], 80);
        pair_settle(pair);
    }
}

bool handfast_ping(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct ping *ping = arg;
    struct ring_of_connections ring = {0};
    struct hf_config config;
    struct pair pair;
    pair_configure(&config);
    config.max_connections = ping->connections + 8;
    config.max_blocks = 4 * config.max_connections; /* each answer waits for an ACK that waits for the next ping */
    config.block_len = 1024;
    pair_open(&pair, &config, &small, true);
    pair.host[CLIENT].app = ask_next;
    pair.host[CLIENT].own = &ring;
    pair.host[SERVER].app = answer_back;
    host_listen(&pair.host[SERVER], 80, 16);
    open_ring(&pair, &ring, ping->connections);
    send_message(&pair.host[CLIENT], ring.conn[0]);
    double start = bench_cpu_seconds(), spent;
    do {
        for (unsigned i = 0; i < 1024; i++) {
            host_turn(&pair.host[CLIENT]);
            host_turn(&pair.host[SERVER]);
        }
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds);
    sample->value = (double)ring.rounds / spent;
    free(ring.conn);
    pair_close(&pair);
    return true;
}

/* ---- open, request, answer, close ---- */

/* The client asks once connected, and is done with the connection when the answer is there. */
static void ask_once(struct host *host, const struct hf_event *event)
{
    uint8_t message[MESSAGE];
    if (event->fresh & HF_EV_CONNECTED)
        send_message(host, event->conn);
    if ((event->bits & HF_EV_READABLE) &&
        hf_tcp_receive(host->e, event->conn, message, sizeof message) == MESSAGE) {
        hf_tcp_release(host->e, event->conn);
        host->bytes += MESSAGE;
    }
}

static void answer_once(struct host *host, const struct hf_event *event)
{
    answer_back(host, event);
    if (event->bits & HF_EV_PEER_CLOSED)
        hf_tcp_release(host->e, event->conn);
}

/* As many cycles as records fit: all of them are still in TIME-WAIT when the clock stops. */
#define CYCLE_PORTS 8
#define CYCLES_MOST 200000u

bool handfast_cycle(const void *arg, double seconds, struct bench_sample *sample)
{
    (void)arg;
    struct hf_config config;
    struct pair pair;
    pair_configure(&config);
    config.max_connections = 64;
    config.max_time_wait = CYCLES_MOST;
    pair_open(&pair, &config, &small, true);
    pair.host[CLIENT].app = ask_once;
    pair.host[SERVER].app = answer_once;
    for (uint16_t i = 0; i < CYCLE_PORTS; i++)
        host_listen(&pair.host[SERVER], (uint16_t)(80 + i), 16);
    uint32_t cycles = 0;
    double start = bench_cpu_seconds(), spent;
    do {
        for (unsigned i = 0; i < 256 && cycles < CYCLES_MOST; i++, cycles++) {
            (void)host_connect(&pair.host[CLIENT], (uint16_t)(80 + cycles % CYCLE_PORTS));
            pair_settle(&pair);
        }
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds && cycles < CYCLES_MOST);
    struct hf_stats stats;
    hf_stats(pair.host[CLIENT].e, &stats);
    bool whole = pair.host[CLIENT].bytes == (uint64_t)cycles * MESSAGE && stats.states[HF_TIME_WAIT] == cycles;
    snprintf(sample->note, sizeof sample->note,
             whole ? "%u in TIME-WAIT at the end" : "incomplete: %u in TIME-WAIT", stats.states[HF_TIME_WAIT]);
    sample->value = cycles / spent;
    pair_close(&pair);
    return whole;
}

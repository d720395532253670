/*
 * A SYN flood: the link to the server carries a million frames a second, and whatever honest clients leave of it is SYNs
 * from addresses nobody has. Virtual time is the link's: a frame takes a microsecond. Read first: lifecycle.h.
 */
#include "lifecycle.h"

#include "../src/base/bytes.h"
#include "../src/wire/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_TIME HF_US
#define CALLERS    16 /* honest clients that open one connection after the other */
#define PORT       80
#define SYN_LEN    (20 + 28)
#define SETUPS     1000000u

static const struct bulk small = {.window = 65536};

struct caller {
    hf_conn conn;
    hf_time since;
};

struct scene {
    struct pair pair;
    const struct flood *flood;
    struct caller callers[CALLERS];
    hf_ns *setups;
    uint32_t opened, failed, spoofed;
    double flood_cpu;
};

/* ---- SYNs that nobody means ---- */

/* With MSS and window scale, as real ones have. */
static void write_syn(uint8_t packet[SYN_LEN], uint32_t number)
{
    uint32_t from = 0x0b000000u | (number * 2654435761u >> 8); /* 11.0.0.0/8 */
    memset(packet, 0, SYN_LEN);
    packet[0] = 0x45;
    hf_put16(packet + 2, SYN_LEN);
    packet[8] = 64;
    packet[9] = 6;
    hf_put32(packet + 12, from);
    hf_put32(packet + 16, 0x0a000002u);                    /* the server */
    uint16_t checksum = hf_sum_finish(hf_sum(packet, 20)); /* as it lies in memory */
    memcpy(packet + 10, &checksum, 2);
    uint8_t *tcp = packet + 20;
    hf_put16(tcp, (uint16_t)(1024 + number % 60000));
    hf_put16(tcp + 2, PORT);
    hf_put32(tcp + 4, number * 747796405u);
    tcp[12] = 7 << 4;
    tcp[13] = 2;
    hf_put16(tcp + 14, 65535);
    memcpy(tcp + 20, "\x02\x04\x05\xb4\x01\x03\x03\x07", 8);
    const struct hf_addr source = hf_addr_v4((uint8_t)(from >> 24), (uint8_t)(from >> 16), (uint8_t)(from >> 8),
                                             (uint8_t)from),
                         target = hf_addr_v4(10, 0, 0, 2);
    uint32_t sum = hf_sum_pseudo(&source, &target, 6, SYN_LEN - 20);
    checksum = hf_sum_finish(hf_sum_add(sum, hf_sum(tcp, SYN_LEN - 20)));
    memcpy(tcp + 16, &checksum, 2);
}

static void pass_on(struct lane *lane, const struct hf_frame *frame)
{
    struct hf_frame *slot = wire_room(lane);
    if (slot == NULL)
        return;
    uint8_t *data = slot->data;
    memcpy(data, frame->data, frame->len);
    *slot = *frame;
    slot->data = data;
    wire_send(lane);
}

static void throw_syn(struct scene *s)
{
    static uint8_t packet[SYN_LEN], answer[WIRE_CAP];
    struct host *server = &s->pair.host[SERVER];
    struct hf_frame in = {.data = packet, .len = SYN_LEN, .cap = SYN_LEN}, out = {.data = answer, .cap = WIRE_CAP};
    write_syn(packet, s->spoofed++);
    s->pair.now = hf_time_add(s->pair.now, FRAME_TIME);
    hf_input(server->e, s->pair.now, &in);
    while (hf_output(server->e, s->pair.now, &out))
        if (hf_get32(out.data + 16) ==
            0x0a000001u) /* for an honest one, who shall get it; the rest reaches nobody */
            pass_on(server->out, &out);
}

/* ---- those who mean it ---- */

static void call_again(struct scene *s, struct caller *caller)
{
    caller->conn = host_connect(&s->pair.host[CLIENT], PORT);
    caller->since = s->pair.now;
}

/* Open is what the server has accepted: its greeting says so. */
static void hear(struct host *host, const struct hf_event *event)
{
    struct scene *s = host->own;
    for (unsigned i = 0; i < CALLERS; i++) {
        struct caller *caller = &s->callers[i];
        if (!hf_conn_equal(caller->conn, event->conn) || !(event->bits & (HF_EV_READABLE | HF_EV_CLOSED)))
            continue;
        if (event->bits & HF_EV_CLOSED)
            s->failed++;
        else if (s->opened < SETUPS)
            s->setups[s->opened++] = hf_time_since(host->pair->now, caller->since);
        hf_tcp_abort(host->e, caller->conn);
        hf_tcp_release(host->e, caller->conn);
        call_again(s, caller);
        return;
    }
}

static void take(struct host *host, const struct hf_event *event)
{
    hf_conn conn;
    while ((event->bits & HF_EV_ACCEPTABLE) && hf_tcp_accept(host->e, event->conn, &conn) == HF_OK)
        hf_tcp_send(host->e, conn, "hello", 5, 0);
    if (event->bits & (HF_EV_CLOSED | HF_EV_PEER_CLOSED))
        hf_tcp_release(host->e, event->conn);
}

/* ---- a second of it ---- */

static void open_scene(struct scene *s, const struct flood *flood)
{
    struct hf_config config;
    memset(s, 0, sizeof *s);
    s->flood = flood;
    s->setups = malloc(SETUPS * sizeof *s->setups);
    pair_configure(&config);
    config.max_connections = 4096;
    config.syn_cookies = (uint8_t)flood->cookies;
    pair_open(&s->pair, &config, &small, true);
    const struct hf_addr any = hf_addr_v4(0, 0, 0, 0), gateway = s->pair.host[CLIENT].self.addr;
    hf_route_add(s->pair.host[SERVER].e, &any, 0, &gateway, 0);
    s->pair.host[CLIENT].app = hear;
    s->pair.host[CLIENT].own = s;
    s->pair.host[SERVER].app = take;
    host_listen(&s->pair.host[SERVER], PORT, 1024);
    for (unsigned i = 0; i < CALLERS; i++)
        call_again(s, &s->callers[i]);
}

static void close_scene(struct scene *s)
{
    free(s->setups);
    pair_close(&s->pair);
}

/* Turns of both ends, and twenty SYNs between two of them: the link is full. */
static void run_scene(struct scene *s, hf_ns time)
{
    hf_time until = hf_time_add(s->pair.now, time);
    while (hf_time_before(s->pair.now, until)) {
        double start = bench_cpu_seconds();
        for (unsigned i = 0; i < 20 && s->flood->is_there; i++)
            throw_syn(s);
        s->flood_cpu += bench_cpu_seconds() - start;
        if (!s->flood->is_there)
            s->pair.now = hf_time_add(s->pair.now, 20 * FRAME_TIME);
        host_turn(&s->pair.host[CLIENT]);
        host_turn(&s->pair.host[SERVER]);
    }
}

static int compare(const void *a, const void *b)
{
    hf_ns x = *(const hf_ns *)a, y = *(const hf_ns *)b;
    return (x > y) - (x < y);
}

static void note_scene(const struct scene *s, struct bench_sample *sample)
{
    struct hf_listener_info info = {.backlog = 0};
    hf_listener_status(s->pair.host[SERVER].e, s->pair.host[SERVER].listener, &info);
    snprintf(sample->note, sizeof sample->note, "%u opened, %u failed, %u SYNs; cookies: %u sent, %u back",
             s->opened, s->failed, s->spoofed, (unsigned)info.funnel.cookies_sent,
             (unsigned)info.funnel.cookies_returned);
}

bool life_flood_opens(const void *flood, double seconds, struct bench_sample *sample)
{
    struct scene s;
    (void)seconds;
    open_scene(&s, flood);
    run_scene(&s, HF_SECOND);
    sample->value = s.opened;
    note_scene(&s, sample);
    close_scene(&s);
    return true;
}

bool life_flood_p99(const void *flood, double seconds, struct bench_sample *sample)
{
    struct scene s;
    (void)seconds;
    open_scene(&s, flood);
    run_scene(&s, 4 * HF_SECOND);
    qsort(s.setups, s.opened, sizeof s.setups[0], compare);
    sample->value = s.opened > 0 ? (double)s.setups[s.opened * 99u / 100u] / (double)HF_MS : 0;
    note_scene(&s, sample);
    bool any = s.opened > 0;
    if (!any)
        snprintf(sample->note, sizeof sample->note, "none of %u SYNs got through in 4 s", CALLERS);
    close_scene(&s);
    return any;
}

bool life_flood_syns(const void *flood, double seconds, struct bench_sample *sample)
{
    struct scene s;
    (void)seconds;
    open_scene(&s, flood);
    run_scene(&s, HF_SECOND / 2);
    sample->value = s.spoofed / s.flood_cpu;
    note_scene(&s, sample);
    close_scene(&s);
    return true;
}

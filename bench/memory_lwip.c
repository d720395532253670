/*
 * lwIP at both ends of the wire, by its raw API, which is its fastest: no threads, no sockets. Received frames are
 * lent to it where they lie (custom pbufs), so that it copies no more than it must; it sends whenever it likes,
 * straight into the wire.
 */
#define _GNU_SOURCE
#include "memory_lwip.h"

#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMER_EVERY (250 * HF_MS / WIRE_DELAY) /* turns between two calls of tcp_tmr */

static struct lwip_pair pair;

/* ---- the two ends ---- */

static err_t transmit(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)to;
    struct lwip_host *host = netif->state;
    struct hf_frame *frame = wire_room(host->out);
    if (frame == NULL)
        return ERR_MEM;
    uint32_t len = 0;
    for (; p != NULL; p = p->next) {
        memcpy(frame->data + len, p->payload, p->len);
        len += p->len;
    }
    frame->len = len;
    wire_send(host->out);
    return ERR_OK;
}

static err_t prepare(struct netif *netif)
{
    netif->output = transmit;
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_LINK_UP;
    netif->name[0] = 'h';
    netif->name[1] = 'f';
    return ERR_OK;
}

static void keep(struct pbuf *p)
{
    (void)p;
}

static bool attach(struct lwip_host *host, unsigned index, char *why)
{
    ip4_addr_t mask, none;
    if (!lwip_load(&host->lwip, why))
        return false;
    IP4_ADDR(&host->addr, 10, 0, 0, (u8_t)(1 + index));
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&none, 0, 0, 0, 0);
    host->lwip.netif_add(&host->netif, &host->addr, &mask, &none, host, prepare, host->lwip.ip4_input);
    host->lwip.netif_set_up(&host->netif);
    host->lwip.netif_set_link_up(&host->netif);
    return true;
}

struct lwip_pair *lwip_pair_open(char *why)
{
    static bool is_open;
    if (is_open)
        return &pair;
    wire_open(&pair.wire, 2 * WIRE_DEPTH, WIRE_CAP);
    for (unsigned i = 0; i < 2; i++) {
        struct lwip_host *host = &pair.host[i];
        host->pair = &pair;
        host->out = &pair.wire.lane[i];
        host->in = &pair.wire.lane[1 - i];
        if (!attach(host, i, why))
            return NULL;
    }
    is_open = true;
    return &pair;
}

/* A frame is lent as a pbuf that nobody frees; whatever keeps it beyond the call would see it overwritten, and
 * nothing does on a wire that loses and reorders nothing. */
void lwip_turn(struct lwip_host *host)
{
    for (struct hf_frame *frame; (frame = wire_next(host->in)) != NULL; wire_took(host->in)) {
        struct pbuf_custom custom = {.custom_free_function = keep};
        u16_t len = (u16_t)frame->len;
        struct pbuf *p = host->lwip.pbuf_alloced_custom(PBUF_RAW, len, PBUF_REF, &custom, frame->data, len);
        host->netif.input(p, &host->netif);
    }
    if (++host->turns % TIMER_EVERY == 0)
        host->lwip.tcp_tmr();
}

void lwip_pair_turn(struct lwip_pair *p)
{
    lwip_turn(&p->host[1]);
    lwip_turn(&p->host[0]);
}

void lwip_pair_settle(struct lwip_pair *p)
{
    do
        lwip_pair_turn(p);
    while (!wire_is_idle(&p->wire));
}

struct tcp_pcb *lwip_listen(struct lwip_host *host, u16_t port, tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = host->lwip.tcp_new();
    ip_addr_t any = IPADDR4_INIT(0);
    if (pcb == NULL || host->lwip.tcp_bind(pcb, &any, port) != ERR_OK)
        abort();
    pcb = host->lwip.tcp_listen_with_backlog(pcb, 255);
    host->lwip.tcp_arg(pcb, host);
    host->lwip.tcp_accept(pcb, accept);
    return pcb;
}

struct tcp_pcb *lwip_connect(struct lwip_host *host, u16_t port, tcp_connected_fn connected)
{
    struct tcp_pcb *pcb = host->lwip.tcp_new();
    ip_addr_t to;
    ip_addr_copy_from_ip4(to, host->pair->host[1].addr);
    if (pcb == NULL)
        abort();
    host->lwip.tcp_arg(pcb, host);
    tcp_nagle_disable(pcb);
    if (host->lwip.tcp_connect(pcb, &to, port, connected) != ERR_OK)
        abort();
    return pcb;
}

/* Nothing of what a measurement opened stays: connections are aborted, and what they still say is taken off the
 * wire. */
void lwip_pair_clear(struct lwip_pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        struct lwip *lwip = &p->host[i].lwip;
        while (*lwip->tcp_active_pcbs != NULL)
            lwip->tcp_abort(*lwip->tcp_active_pcbs);
        while (*lwip->tcp_tw_pcbs != NULL)
            lwip->tcp_abort(*lwip->tcp_tw_pcbs);
        wire_clear(&p->wire);
    }
}

/* ---- bulk ---- */

static u8_t text[1 << 16];

static err_t pour(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct lwip_host *host = arg;
    (void)len;
    while (tcp_sndbuf(pcb) >= TCP_MSS) {
        u16_t piece = (u16_t)(tcp_sndbuf(pcb) / TCP_MSS * TCP_MSS);
        if (host->lwip.tcp_write(pcb, text, LWIP_MIN(piece, 8 * TCP_MSS), TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
    }
    host->lwip.tcp_output(pcb);
    return ERR_OK;
}

static err_t pour_first(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    host->lwip.tcp_sent(pcb, pour);
    return pour(arg, pcb, 0);
}

static err_t drain(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    if (p == NULL)
        return ERR_OK;
    host->bytes += p->tot_len;
    host->lwip.tcp_recved(pcb, p->tot_len);
    host->lwip.pbuf_free(p);
    return ERR_OK;
}

static err_t accept_sink(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    host->lwip.tcp_recv(pcb, drain);
    return ERR_OK;
}

#define PORT_BULK    5001
#define PORT_ECHO    5002
#define PORT_CYCLE   5003
#define PORT_IDLE    5004
#define PORT_CLOSING 5005

static void listen_once(struct lwip_pair *p, u16_t port, tcp_accept_fn accept)
{
    static u16_t open[8];
    static unsigned count;
    for (unsigned i = 0; i < count; i++)
        if (open[i] == port)
            return;
    open[count++] = port;
    (void)lwip_listen(&p->host[1], port, accept);
}

bool lwip_bulk(const void *arg, double seconds, struct bench_sample *sample)
{
    (void)arg;
    struct lwip_pair *p = lwip_pair_open(sample->note);
    if (p == NULL)
        return false;
    listen_once(p, PORT_BULK, accept_sink);
    (void)lwip_connect(&p->host[0], PORT_BULK, pour_first);
    for (unsigned i = 0; i < 4096; i++)
        lwip_pair_turn(p);
    uint64_t before = p->host[1].bytes, acks = p->wire.lane[1].total;
    double start = bench_cpu_seconds(), spent;
    do {
        for (unsigned i = 0; i < 256; i++)
            lwip_pair_turn(p);
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds);
    double bytes = (double)(p->host[1].bytes - before);
    acks = p->wire.lane[1].total - acks;
    lwip_pair_clear(p);
    snprintf(sample->note, sizeof sample->note, "newreno, window 64 KiB, %.1f segments an ACK",
             acks > 0 ? bytes / TCP_MSS / (double)acks : 0);
    sample->value = bytes * 8 / spent / 1e9;
    return bytes > 0;
}

/* ---- ping-pong ---- */

static struct {
    struct tcp_pcb **pcb;
    unsigned count, turn, connected;
    uint64_t rounds;
} ring;

static void send_message(struct lwip_host *host, struct tcp_pcb *pcb)
{
    host->lwip.tcp_write(pcb, text, MESSAGE, TCP_WRITE_FLAG_COPY);
    host->lwip.tcp_output(pcb);
}

/* Takes one message in. False at the end of the stream, and for anything but a whole message. */
static bool take_message(struct lwip_host *host, struct tcp_pcb *pcb, struct pbuf *p)
{
    u8_t message[MESSAGE];
    if (p == NULL)
        return false;
    bool whole = host->lwip.pbuf_copy_partial(p, message, MESSAGE, 0) == MESSAGE;
    host->lwip.tcp_recved(pcb, p->tot_len);
    host->lwip.pbuf_free(p);
    return whole;
}

static err_t answer_back(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)error;
    if (take_message(arg, pcb, p))
        send_message(arg, pcb);
    return ERR_OK;
}

static err_t accept_echo(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    tcp_nagle_disable(pcb);
    host->lwip.tcp_recv(pcb, answer_back);
    return ERR_OK;
}

static err_t ask_next(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)error;
    if (!take_message(arg, pcb, p))
        return ERR_OK;
    ring.rounds++;
    ring.turn = (ring.turn + 7919) % ring.count;
    send_message(arg, ring.pcb[ring.turn]);
    return ERR_OK;
}

static err_t ring_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    host->lwip.tcp_recv(pcb, ask_next);
    ring.connected++;
    return ERR_OK;
}

static void open_ring(struct lwip_pair *p, unsigned count)
{
    memset(&ring, 0, sizeof ring);
    ring.count = count;
    ring.pcb = calloc(count, sizeof(struct tcp_pcb *));
    for (unsigned i = 0; i < count; i++) {
        ring.pcb[i] = lwip_connect(&p->host[0], PORT_ECHO, ring_connected);
        lwip_pair_settle(p);
    }
}

bool lwip_ping(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct ping *ping = arg;
    struct lwip_pair *p = lwip_pair_open(sample->note);
    if (p == NULL)
        return false;
    listen_once(p, PORT_ECHO, accept_echo);
    open_ring(p, ping->connections);
    send_message(&p->host[0], ring.pcb[0]);
    double start = bench_cpu_seconds(), spent;
    do {
        for (unsigned i = 0; i < 64; i++)
            lwip_pair_turn(p);
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds);
    sample->value = (double)ring.rounds / spent;
    bool whole = ring.connected == ring.count;
    free(ring.pcb);
    lwip_pair_clear(p);
    return whole;
}

/* ---- open, request, answer, close ---- */

static uint64_t answered;

static err_t answer_once(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    if (p == NULL)
        host->lwip.tcp_close(pcb);
    else if (take_message(host, pcb, p))
        send_message(host, pcb);
    return ERR_OK;
}

static err_t accept_once(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    tcp_nagle_disable(pcb);
    host->lwip.tcp_recv(pcb, answer_once);
    return ERR_OK;
}

static err_t have_answer(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    if (take_message(host, pcb, p)) {
        answered++;
        host->lwip.tcp_close(pcb);
    }
    return ERR_OK;
}

static err_t ask_once(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    host->lwip.tcp_recv(pcb, have_answer);
    send_message(host, pcb);
    return ERR_OK;
}

/* Drops the oldest records in TIME-WAIT beyond `most`, as lwIP itself does when a fixed pool of them is used up.
 * The newest stands first in its list. */
static unsigned trim_time_wait(struct lwip_host *host, unsigned most)
{
    unsigned count = 0;
    struct tcp_pcb *pcb = *host->lwip.tcp_tw_pcbs;
    for (; pcb != NULL && count < most; pcb = pcb->next)
        count++;
    while (pcb != NULL) {
        struct tcp_pcb *next = pcb->next;
        host->lwip.tcp_abort(pcb);
        pcb = next;
    }
    return count;
}

static void run_cycles(struct lwip_pair *p, unsigned count, unsigned time_wait)
{
    for (unsigned i = 0; i < count; i++) {
        (void)lwip_connect(&p->host[0], PORT_CYCLE, ask_once);
        lwip_pair_settle(p);
        if (i % 16 == 15)
            (void)trim_time_wait(&p->host[0], time_wait);
    }
}

bool lwip_cycle(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct cycle *cycle = arg;
    struct lwip_pair *p = lwip_pair_open(sample->note);
    if (p == NULL)
        return false;
    listen_once(p, PORT_CYCLE, accept_once);
    run_cycles(p, cycle->time_wait + 16, cycle->time_wait); /* so many records from the start */
    uint64_t before = answered;
    double start = bench_cpu_seconds(), spent;
    do {
        run_cycles(p, 64, cycle->time_wait);
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds);
    sample->value = (double)(answered - before) / spent;
    snprintf(sample->note, sizeof sample->note, "TIME-WAIT cut to %u records",
             trim_time_wait(&p->host[0], cycle->time_wait));
    lwip_pair_clear(p);
    return answered > before;
}

/* ---- what a connection weighs ---- */

#define RECORDS 1000

static err_t accept_idle(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg, (void)pcb, (void)error;
    return ERR_OK;
}

static err_t close_with_peer(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    if (p == NULL)
        host->lwip.tcp_close(pcb);
    return ERR_OK;
}

static err_t accept_closing(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct lwip_host *host = arg;
    (void)error;
    host->lwip.tcp_recv(pcb, close_with_peer);
    return ERR_OK;
}

static void bring_to(struct lwip_pair *p, struct tcp_pcb *pcb, enum record record)
{
    if (record == RECORD_HALF_OPEN) {
        lwip_turn(&p->host[1]);
        wire_clear(&p->wire); /* the SYN,ACK is lost */
        return;
    }
    lwip_pair_settle(p);
    if (record == RECORD_TIME_WAIT) {
        p->host[0].lwip.tcp_close(pcb);
        lwip_pair_settle(p);
    }
}

bool lwip_record_heap(const void *arg, double seconds, struct bench_sample *sample)
{
    (void)seconds;
    enum record record = *(const enum record *)arg;
    struct lwip_pair *p = lwip_pair_open(sample->note);
    if (p == NULL)
        return false;
    listen_once(p, PORT_IDLE, accept_idle);
    listen_once(p, PORT_CLOSING, accept_closing);
    struct lwip *lwip = &p->host[record == RECORD_HALF_OPEN ? 1 : 0].lwip;
    u16_t port = record == RECORD_TIME_WAIT ? PORT_CLOSING : PORT_IDLE;
    size_t before = lwip->mallinfo2().uordblks;
    for (unsigned i = 0; i < RECORDS; i++)
        bring_to(p, lwip_connect(&p->host[0], port, NULL), record);
    sample->value = (double)(lwip->mallinfo2().uordblks - before) / RECORDS;
    snprintf(sample->note, sizeof sample->note, "of the heap");
    lwip_pair_clear(p);
    return true;
}

/*
 * A peer without a protocol: an application's bytes are copied into a send buffer, from there into a frame, summed,
 * verified and copied into a receive buffer; every second frame is answered with an ACK of 40 bytes. A TCP on this
 * wire has to do all of that, and more.
 */
#include "../src/base/sum.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS 40
#define MSS     1460
#define LARGE   (44 * MSS) /* as much as a frame of 64 KB takes */

/* A buffer of a window's length, written and read round and round in pieces. */
struct buffer {
    uint8_t *data;
    uint32_t len, at;
};

struct null {
    struct wire wire;
    struct buffer send, receive;
    uint32_t payload, frames_per_ack, window;
    bool verify; /* false: the device would */
    uint64_t in_flight, received, bad;
    uint32_t unacked; /* frames */
};

static uint8_t text[1 << 16];

static uint8_t *next_piece(struct buffer *buffer, uint32_t len)
{
    if (buffer->at + len > buffer->len)
        buffer->at = 0;
    uint8_t *piece = buffer->data + buffer->at;
    buffer->at += len;
    return piece;
}

static void put_frame(struct null *n, unsigned end, const uint8_t *data, uint32_t len)
{
    struct lane *lane = &n->wire.lane[end];
    struct hf_frame *frame = wire_room(lane);
    memset(frame->data, 0, HEADERS);
    frame->len = HEADERS + len;
    if (n->verify) {
        uint32_t sum = hf_sum_copy(frame->data + HEADERS, data, len);
        uint16_t check = hf_sum_finish(hf_sum_add(sum, hf_sum(frame->data, HEADERS)));
        memcpy(frame->data + 36, &check, sizeof check);
    } else {
        memcpy(frame->data + HEADERS, data, len);
    }
    wire_send(lane);
}

/* Writes and sends one piece of text. */
static void send_text(struct null *n, unsigned end, uint32_t len)
{
    uint8_t *piece = next_piece(&n->send, len);
    memcpy(piece, text, len);
    put_frame(n, end, piece, len);
}

/* Takes the next frame in; returns its payload length. */
static uint32_t take_frame(struct null *n, unsigned end)
{
    struct lane *lane = &n->wire.lane[1 - end];
    const struct hf_frame *frame = wire_next(lane);
    uint32_t len = frame->len - HEADERS;
    if (n->verify)
        n->bad += hf_sum_finish(hf_sum(frame->data, frame->len)) != 0;
    if (len > 0)
        memcpy(next_piece(&n->receive, len), frame->data + HEADERS, len);
    wire_took(lane);
    return len;
}

static void open_null(struct null *n, const struct bulk *bulk)
{
    *n = (struct null){.window = bulk->window,
                       .verify = !bulk->large,
                       .payload = bulk->large ? LARGE : MSS,
                       .frames_per_ack = bulk->large ? 1 : 2,
                       .send = {calloc(1, bulk->window), bulk->window, 0},
                       .receive = {calloc(1, bulk->window), bulk->window, 0}};
    if (n->send.data == NULL || n->receive.data == NULL)
        abort();
    wire_open(&n->wire, bulk_depth(bulk), bulk_cap(bulk));
    memset(text, 'x', sizeof text);
}

static void close_null(struct null *n)
{
    wire_close(&n->wire);
    free(n->send.data);
    free(n->receive.data);
}

/* ---- bulk ---- */

static void sender_turn(struct null *n)
{
    while (wire_next(&n->wire.lane[1]) != NULL) {
        (void)take_frame(n, 0);
        n->in_flight -= (uint64_t)n->payload * n->frames_per_ack;
    }
    for (; n->in_flight + n->payload <= n->window; n->in_flight += n->payload)
        send_text(n, 0, n->payload);
}

static void receiver_turn(struct null *n)
{
    for (unsigned i = 0; i < BATCH && wire_next(&n->wire.lane[0]) != NULL; i++) {
        n->received += take_frame(n, 1);
        if (++n->unacked < n->frames_per_ack)
            continue;
        put_frame(n, 1, text, 0);
        n->unacked = 0;
    }
}

bool null_bulk(const void *arg, double seconds, struct bench_sample *sample)
{
    struct null n;
    open_null(&n, arg);
    double start = bench_cpu_seconds(), spent;
    do {
        for (unsigned i = 0; i < 256; i++) {
            sender_turn(&n);
            receiver_turn(&n);
        }
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds);
    close_null(&n);
    sample->value = (double)n.received * 8 / spent / 1e9;
    snprintf(sample->note, sizeof sample->note, "%.1f segments an ACK", (double)n.payload / MSS * n.frames_per_ack);
    return n.bad == 0;
}

/* ---- ping-pong ---- */

bool null_ping(const void *arg, double seconds, struct bench_sample *sample)
{
    (void)arg;
    struct null n;
    uint64_t rounds = 0;
    open_null(&n, &(struct bulk){.window = 1 << 16});
    double start = bench_cpu_seconds(), spent;
    do {
        for (unsigned i = 0; i < 4096; i++, rounds++) {
            send_text(&n, 0, MESSAGE);
            (void)take_frame(&n, 1);
            send_text(&n, 1, MESSAGE);
            (void)take_frame(&n, 0);
        }
        spent = bench_cpu_seconds() - start;
    } while (spent < seconds);
    close_null(&n);
    sample->value = (double)rounds / spent;
    return n.bad == 0;
}

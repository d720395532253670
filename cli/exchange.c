/*
 * One connection of the server: read a request, answer it, next. Everything is done when the engine has bytes or
 * room; nothing waits, and nothing is buffered here but the head of an answer.
 *
 *     READING ----- a request is complete ------> ANSWERING --- answered, kept alive ---> READING
 *     ANSWERING --- answered, to be closed -----> ENDING: our FIN is out; what the client still sends is read and
 *                                                 thrown away for a while, because closing with bytes unread would
 * reset the connection and take the answer with it (RFC 1122, 4.2.2.13)
 *
 * Read first: serve.h.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENDING_PATIENCE (5 * HF_SECOND)
#define ENDING_BYTES    (1u << 20) /* more than this is not worth reading just to be polite */

static struct hf_engine *engine_of(const struct exchange *x)
{
    return x->serve->host->engine;
}

static void renew_patience(struct exchange *x)
{
    hf_ns patience = x->doing == EXCHANGE_ENDING ? ENDING_PATIENCE : x->serve->options.patience_ns;
    x->patience_ends_at = hf_time_add(x->serve->host->now, patience);
}

/* ---- life and death ---- */

static void free_exchange(struct exchange *x)
{
    struct serve *serve = x->serve;
    if (x->next)
        x->next->previous = x->previous;
    if (x->previous)
        x->previous->next = x->next;
    else
        serve->first = x->next;
    serve->count--;
    answer_free(&x->answer);
    free(x);
}

struct exchange *exchange_open(struct serve *serve, hf_conn conn)
{
    struct hf_engine *engine = serve->host->engine;
    struct hf_tcp_info info;
    struct exchange *x = malloc(sizeof *x);
    if (!x || hf_tcp_status(engine, conn, &info) != HF_OK) {
        hf_tcp_abort(engine, conn);
        hf_tcp_release(engine, conn);
        free(x);
        return NULL;
    }
    *x = (struct exchange){.next = serve->first, .serve = serve, .conn = conn, .remote = info.remote};
    x->answer.file = -1;
    http_request_init(&x->request);
    if (x->next)
        x->next->previous = x;
    serve->first = x;
    serve->count++;
    renew_patience(x);
    return x;
}

/* The engine delivers what is queued, closes, and forgets the connection by itself; its events are no longer ours.
 */
static bool end_gracefully(struct exchange *x)
{
    hf_tcp_set_user(engine_of(x), x->conn, 0);
    hf_tcp_release(engine_of(x), x->conn);
    free_exchange(x);
    return false;
}

void exchange_abort(struct exchange *x)
{
    hf_tcp_abort(engine_of(x), x->conn);
    (void)end_gracefully(x);
}

/* ---- READING ---- */

static void log_request(const struct exchange *x)
{
    char who[HF_ADDR_TEXT_LEN];
    char target[128];
    if (!x->serve->options.verbose)
        return;
    size_t len = 0;
    for (; x->request.target[len] && len + 1 < sizeof target; len++) /* a terminal obeys some bytes */
        target[len] = x->request.target[len] > ' ' && x->request.target[len] < 127 ? x->request.target[len] : '?';
    target[len] = '\0';
    fprintf(stderr, "%s %s %s %d %" PRIu64 "\n", hf_addr_print(&x->remote.addr, who),
            x->request.is_head ? "HEAD" : "GET", len ? target : "-", x->answer.status, x->answer.length);
}

static void begin_answer(struct exchange *x)
{
    x->doing = EXCHANGE_ANSWERING;
    x->text_at = 0;
    x->serve->requests++;
    if (x->serve->is_stopping)
        x->request.keep_alive = false;
    renew_patience(x);
}

/* False when nothing more can be read now. Sets *over when the client is done or gone. */
static bool read_request(struct exchange *x, bool *over)
{
    const uint8_t *data;
    int64_t n = hf_tcp_lend_received(engine_of(x), x->conn, &data);
    if (n == HF_ERR_AGAIN)
        return false;
    if (n <= 0) {
        *over = true; /* half a request is no request */
        return false;
    }
    if (!x->request.has_begun)
        renew_patience(x); /* once a request, so that a byte a minute does not keep a connection for ever */
    size_t taken = http_request_feed(&x->request, (const char *)data, (size_t)n);
    hf_tcp_received(engine_of(x), x->conn, taken);
    if (!x->request.is_complete && x->request.status == 0)
        return true;
    begin_answer(x);
    answer_make(&x->answer, x->serve->root, &x->request);
    log_request(x);
    return true;
}

/* ---- ANSWERING ---- */

static bool send_text(struct exchange *x)
{
    const struct http_text *text = &x->answer.text;
    while (x->text_at < text->len) {
        unsigned flags = x->answer.file_left > 0 ? HF_SEND_MORE : 0;
        int64_t n = hf_tcp_send(engine_of(x), x->conn, text->data + x->text_at, text->len - x->text_at, flags);
        if (n <= 0)
            return false;
        x->text_at += (size_t)n;
    }
    return true;
}

/* Reads straight into the send buffer. Sets *over when the file is shorter than was promised. */
static bool send_file(struct exchange *x, bool *over)
{
    struct answer *a = &x->answer;
    while (a->file_left > 0) {
        uint8_t *room;
        int64_t n = hf_tcp_lend_send(engine_of(x), x->conn, &room);
        if (n <= 0)
            return false;
        size_t wanted = (uint64_t)n < a->file_left ? (size_t)n : (size_t)a->file_left;
        ssize_t got = pread(a->file, room, wanted, (off_t)a->file_at);
        if (got <= 0) {
            *over = true;
            return false;
        }
        a->file_at += (uint64_t)got;
        a->file_left -= (uint64_t)got;
        hf_tcp_sent(engine_of(x), x->conn, (size_t)got, a->file_left > 0 ? HF_SEND_MORE : 0);
    }
    return true;
}

static void end_answer(struct exchange *x)
{
    bool keep_alive = x->answer.keep_alive && !x->serve->is_stopping;
    answer_free(&x->answer);
    if (keep_alive) {
        http_request_next(&x->request);
        x->doing = EXCHANGE_READING;
    } else {
        hf_tcp_shutdown(engine_of(x), x->conn);
        x->doing = EXCHANGE_ENDING;
    }
    renew_patience(x);
}

/* ---- ENDING ---- */

/* True when the client has closed too, or has had its chance. */
static bool discard(struct exchange *x)
{
    const uint8_t *data;
    int64_t n;
    while ((n = hf_tcp_lend_received(engine_of(x), x->conn, &data)) > 0) {
        hf_tcp_received(engine_of(x), x->conn, (size_t)n);
        x->discarded += (uint64_t)n;
        if (x->discarded > ENDING_BYTES)
            return true;
    }
    return n != HF_ERR_AGAIN;
}

/* ---- all together ---- */

/* One step; true when there may be another one. */
static bool step(struct exchange *x, bool *over, bool *broken)
{
    switch (x->doing) {
    case EXCHANGE_READING:
        return read_request(x, over);
    case EXCHANGE_ANSWERING:
        if (!send_text(x) || !send_file(x, broken))
            return false;
        end_answer(x);
        return true;
    case EXCHANGE_ENDING:
        *over = discard(x);
        return false;
    }
    return false;
}

static bool has_ended(const struct exchange *x)
{
    struct hf_tcp_info info;
    return hf_tcp_status(engine_of(x), x->conn, &info) != HF_OK || info.state == HF_CLOSED;
}

bool exchange_go_on(struct exchange *x)
{
    bool over = false, broken = false;
    while (step(x, &over, &broken))
        ;
    if (broken) {
        exchange_abort(x);
        return false;
    }
    return over || has_ended(x) ? end_gracefully(x) : true;
}

/* A client that takes bytes, however slowly, is not at fault. */
static bool has_taken_bytes(struct exchange *x)
{
    struct hf_tcp_info info;
    if (hf_tcp_status(engine_of(x), x->conn, &info) != HF_OK || info.bytes_sent == x->acknowledged)
        return false;
    x->acknowledged = info.bytes_sent;
    return true;
}

bool exchange_look(struct exchange *x)
{
    if (!hf_time_reached(x->serve->host->now, x->patience_ends_at))
        return true;
    if (x->doing == EXCHANGE_ENDING || (x->doing == EXCHANGE_READING && !x->request.has_begun))
        return end_gracefully(x);
    if (x->doing == EXCHANGE_ANSWERING && has_taken_bytes(x)) {
        renew_patience(x);
        return true;
    }
    if (x->doing == EXCHANGE_ANSWERING) {
        exchange_abort(x);
        return false;
    }
    begin_answer(x);
    answer_refuse(&x->answer, 408);
    return exchange_go_on(x);
}

bool exchange_stop(struct exchange *x)
{
    return x->doing == EXCHANGE_READING ? end_gracefully(x) : true;
}

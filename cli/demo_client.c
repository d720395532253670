/* A client of HTTP on the other engine, for where there is no device: one request, its answer, and the close. */
#define _GNU_SOURCE
#include "demo.h"

#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 4096 };

struct demo_memory {
    struct host *host;
    struct hf_endpoint server;
    hf_conn conn;
    bool is_busy, is_over, server_closes;
    struct demo_fetched fetched;
    FILE *file; /* what the body must be */
    size_t head_len;
    char head[HEAD_MAX];
    bool has_head;
    uint64_t body_len;
};

/* ---- the answer ---- */

static void finish(struct demo_memory *m)
{
    if (m->file != NULL) {
        m->fetched.is_equal = m->fetched.is_equal && fgetc(m->file) == EOF;
        fclose(m->file);
        m->file = NULL;
    }
    hf_tcp_release(m->host->engine, m->conn); /* closes it first */
    m->is_busy = false;
    m->is_over = true;
}

static void take_body(struct demo_memory *m, const char *data, size_t len)
{
    m->fetched.bytes += len;
    for (size_t i = 0; i < len && m->file != NULL; i++)
        m->fetched.is_equal = fgetc(m->file) == (unsigned char)data[i] && m->fetched.is_equal;
}

static void read_head(struct demo_memory *m)
{
    const char *length = strcasestr(m->head, "\r\nContent-Length:");
    m->has_head = true;
    m->fetched.status = atoi(m->head + strcspn(m->head, " "));
    m->body_len = length == NULL ? UINT64_MAX : strtoull(length + 17, NULL, 10);
}

/* Returns how many of the bytes belong to the head. */
static size_t take_head(struct demo_memory *m, const char *data, size_t len)
{
    size_t before = m->head_len, room = HEAD_MAX - 1 - m->head_len;
    size_t taken = len < room ? len : room;
    memcpy(m->head + m->head_len, data, taken);
    m->head_len += taken;
    m->head[m->head_len] = '\0';
    const char *end = strstr(m->head, "\r\n\r\n");
    if (end == NULL)
        return taken;
    read_head(m);
    return (size_t)(end + 4 - m->head) - before;
}

static void take_bytes(struct demo_memory *m)
{
    struct hf_engine *e = m->host->engine;
    char data[4096];
    int64_t n;
    while (m->is_busy && (n = hf_tcp_receive(e, m->conn, data, sizeof data)) != HF_ERR_AGAIN) {
        if (n < 0)
            snprintf(m->fetched.trouble, sizeof m->fetched.trouble, "%s", hf_error_text((int)n));
        if (n <= 0) {
            finish(m);
            return;
        }
        size_t head = m->has_head ? 0 : take_head(m, data, (size_t)n);
        take_body(m, data + head, (size_t)n - head);
        if (m->has_head && m->fetched.bytes >= m->body_len && !m->server_closes)
            finish(m);
    }
}

/* ---- as a part of the other engine's loop ---- */

static void on_event(void *self, const struct hf_event *event)
{
    struct demo_memory *m = self;
    if (!m->is_busy || !hf_conn_equal(event->conn, m->conn))
        return;
    take_bytes(m);
    if (m->is_busy && (event->bits & HF_EV_CLOSED)) {
        struct hf_tcp_info info;
        hf_tcp_status(m->host->engine, m->conn, &info);
        snprintf(m->fetched.trouble, sizeof m->fetched.trouble, "%s", hf_error_text(info.error));
        finish(m);
    }
}

static void on_close(void *self)
{
    struct demo_memory *m = self;
    if (m->file != NULL)
        fclose(m->file);
    free(m);
}

struct demo_memory *demo_memory_open(struct host *host, const struct hf_endpoint *server)
{
    struct demo_memory *m = calloc(1, sizeof *m);
    if (m == NULL) {
        complain(host->options.verb, "out of memory");
        return NULL;
    }
    m->host = host;
    m->server = *server;
    host_add_part(host, &(struct host_part){.self = m, .event = on_event, .close = on_close});
    return m;
}

/* ---- as a client ---- */

static void describe(void *self, const struct demo_fetch *fetch, char *text, size_t cap)
{
    const struct demo_memory *m = self;
    char server[HOST_ENDPOINT_TEXT_LEN];
    snprintf(text, cap, "GET http://%s%s%s", host_endpoint_print(&m->server, server), fetch->url_path,
             fetch->server_closes ? "   Connection: close" : "");
}

static void start(void *self, const struct demo_fetch *fetch)
{
    struct demo_memory *m = self;
    char request[512];
    m->fetched = (struct demo_fetched){.is_equal = true};
    m->server_closes = fetch->server_closes;
    m->has_head = m->is_over = false;
    m->head_len = 0;
    int error = hf_tcp_connect(m->host->engine, NULL, &m->server, NULL, &m->conn);
    if (error != HF_OK) {
        snprintf(m->fetched.trouble, sizeof m->fetched.trouble, "%s", hf_error_text(error));
        m->is_over = true;
        return;
    }
    m->is_busy = true;
    m->file = fetch->file != NULL ? fopen(fetch->file, "rb") : NULL;
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: handfast\r\n%s\r\n", fetch->url_path,
                       fetch->server_closes ? "Connection: close\r\n" : "");
    hf_tcp_send(m->host->engine, m->conn, request, (size_t)len, 0); /* A fresh send buffer takes it all. */
}

static bool is_over(void *self, struct demo_fetched *fetched)
{
    struct demo_memory *m = self;
    *fetched = m->fetched;
    return m->is_over;
}

static int news_fd(void *self)
{
    (void)self;
    return -1;
}

static void end(void *self)
{
    (void)self;
}

struct demo_client demo_memory_client(struct demo_memory *m)
{
    return (struct demo_client){
        .self = m,
        .describe = describe,
        .start = start,
        .is_over = is_over,
        .fd = news_fd,
        .end = end,
    };
}

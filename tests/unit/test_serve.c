/*
 * The server of `handfast serve` and the loop it runs in, end to end: a client on one engine, the server on another, joined
 * in memory by host_open_pair.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "../../cli/serve.h"

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG_LEN (3u << 20) /* more than any buffer on the way */

static char root[64];
static char *big;

/* ---- a client: sends, reads everything, and is over when both sides are ---- */

struct client {
    struct host *host;
    hf_conn conn;
    const char *request;
    size_t len, sent;
    bool half_closes, aborts_early, is_over;
    char *answer;
    size_t answer_len;
    enum hf_error error;
};

static void send_request(struct client *c)
{
    while (c->sent < c->len) {
        int64_t n = hf_tcp_send(c->host->engine, c->conn, c->request + c->sent, c->len - c->sent, 0);
        if (n <= 0)
            return;
        c->sent += (size_t)n;
    }
    if (c->half_closes)
        hf_tcp_shutdown(c->host->engine, c->conn);
    c->half_closes = false;
}

static void read_answer(struct client *c)
{
    int64_t n;
    while ((n = hf_tcp_receive(c->host->engine, c->conn, c->answer + c->answer_len, BIG_LEN * 2 - c->answer_len)) >
           0)
        c->answer_len += (size_t)n;
    if (n == HF_ERR_AGAIN && !(c->aborts_early && c->answer_len > 0))
        return;
    if (c->aborts_early)
        hf_tcp_abort(c->host->engine, c->conn);
    c->error = n < 0 ? (enum hf_error)n : HF_OK;
    hf_tcp_release(c->host->engine, c->conn);
    c->is_over = true;
}

static void client_turn(void *self, hf_time now, const struct pollfd *fds, unsigned count)
{
    (void)now, (void)fds, (void)count;
    struct client *c = self;
    if (c->is_over)
        return;
    send_request(c);
    read_answer(c);
}

static bool client_is_over(void *self)
{
    return ((struct client *)self)->is_over;
}

/* Sends a request of `len` bytes to a fresh server. What was answered is the caller's to free. */
static struct client ask(const char *request, size_t len, bool half_closes, bool aborts_early)
{
    struct host here, there;
    struct host_options options;
    host_options_init(&options, "test");
    options.no_control = true;
    assert_int_equal(host_open_pair(&here, &there, &options), 0);
    const struct serve_options serve = {.directory = root, .at.port = 80};
    assert_non_null(serve_open(&there, &serve));
    struct client c = {
        .host = &here,
        .request = request,
        .len = len,
        .half_closes = half_closes,
        .aborts_early = aborts_early,
        .answer = malloc(BIG_LEN * 2 + 1),
    };
    const struct hf_endpoint to = {options.theirs.at[0].addr, 80};
    assert_int_equal(hf_tcp_connect(here.engine, NULL, &to, NULL, &c.conn), HF_OK);
    host_add_part(&here, &(struct host_part){.self = &c, .turn = client_turn, .is_over = client_is_over});
    assert_int_equal(host_run(&here), 0);
    host_close(&here);
    c.answer[c.answer_len] = '\0';
    return c;
}

static struct client ask_text(const char *request)
{
    return ask(request, strlen(request), false, false);
}

static void starts_with(const struct client *c, const char *text)
{
    assert_true(c->answer_len >= strlen(text));
    assert_memory_equal(c->answer, text, strlen(text));
}

static const char *body_of(const struct client *c)
{
    const char *end = strstr(c->answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* ---- the directory ---- */

static void write_file(const char *name, const char *data, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    char path[128];
    strcpy(root, P_tmpdir "/handfast-test-XXXXXX");
    if (!mkdtemp(root) || !(big = malloc(BIG_LEN)))
        return -1;
    for (size_t i = 0; i < BIG_LEN; i++)
        big[i] = (char)(i * 2654435761u >> 13);
    write_file("a.txt", "0123456789", 10);
    write_file("big", big, BIG_LEN);
    snprintf(path, sizeof path, "%s/out", root);
    return symlink("/etc/passwd", path);
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"a.txt", "big", "out"};
    for (unsigned i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        unlink(path);
    }
    free(big);
    return rmdir(root);
}

/* ---- tests ---- */

static void a_file_arrives_whole(void **state)
{
    /* Larger than every buffer, and closed by the server's FIN because the client asked for it. */
    (void)state;
    struct client c = ask_text("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    starts_with(&c, "HTTP/1.1 200 OK\r\n");
    const char *body = body_of(&c);
    assert_int_equal(c.answer_len - (size_t)(body - c.answer), BIG_LEN);
    assert_memory_equal(body, big, BIG_LEN);
    assert_int_equal(c.error, HF_OK);
    free(c.answer);
}

static void a_client_that_has_said_everything_is_answered(void **state)
{
    /* Half-close: the client's FIN stands right behind the request. */
    (void)state;
    static const char request[] = "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct client c = ask(request, sizeof request - 1, true, false);
    assert_string_equal(body_of(&c), "0123456789");
    free(c.answer);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct client c = ask_text("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n"
                               "HEAD /big HTTP/1.1\r\nHost: h\r\n\r\n"
                               "GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=-3\r\nConnection: close\r\n\r\n");
    starts_with(&c, "HTTP/1.1 200 OK\r\n");
    const char *second = strstr(c.answer, "0123456789HTTP/1.1 200 OK\r\n");
    assert_non_null(second);
    assert_non_null(strstr(second, "Content-Length: 3145728\r\n"));
    const char *third = strstr(second, "\r\n\r\nHTTP/1.1 206 Partial Content\r\n");
    assert_non_null(third);
    assert_non_null(strstr(third, "\r\n\r\n789"));
    free(c.answer);
}

static void a_link_out_of_the_directory_leads_nowhere(void **state)
{
    (void)state;
    struct client c = ask_text("GET /out HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    starts_with(&c, "HTTP/1.1 404 ");
    free(c.answer);
}

static void a_directory_is_listed(void **state)
{
    (void)state;
    struct client c = ask_text("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    starts_with(&c, "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(body_of(&c), "<a href=\"./a.txt\">a.txt</a>"));
    free(c.answer);
}

static void a_refusal_survives_the_body_it_refuses(void **state)
{
    /* The server answers after the header and closes; what the client still sends must not reset that answer away. */
    (void)state;
    static char request[600000];
    int head =
        snprintf(request, sizeof request, "POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 599000\r\n\r\n");
    memset(request + head, 'x', 599000);
    struct client c = ask(request, (size_t)head + 599000, false, false);
    starts_with(&c, "HTTP/1.1 405 ");
    assert_non_null(strstr(c.answer, "Allow: GET, HEAD\r\n"));
    assert_int_equal(c.error, HF_OK);
    free(c.answer);
}

static void a_client_that_leaves_in_the_middle_leaves_nothing_behind(void **state)
{
    /* host_run's status says that nothing had to be reset at the end. */
    (void)state;
    static const char request[] = "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";
    struct client c = ask(request, sizeof request - 1, false, true);
    starts_with(&c, "HTTP/1.1 200 OK\r\n");
    free(c.answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_arrives_whole),
        cmocka_unit_test(a_client_that_has_said_everything_is_answered),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_link_out_of_the_directory_leads_nowhere),
        cmocka_unit_test(a_directory_is_listed),
        cmocka_unit_test(a_refusal_survives_the_body_it_refuses),
        cmocka_unit_test(a_client_that_leaves_in_the_middle_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

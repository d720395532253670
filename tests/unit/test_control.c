/*
 * cli/control.c: the socket that `handfast ss` asks, in a directory of the test's own and in virtual time. Both
 * ends run on this thread, turn by turn.
 */
#define _GNU_SOURCE
#include "../../cli/control.h"
#include "../../cli/socket_row.h"

#include <handfast/handfast.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { LISTENERS = 2000 }; /* more than one turn tells of, and than a socket holds */

struct bench {
    char directory[64];
    struct hf_engine *engine;
    struct control *control;
    hf_time now;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct hf_config config;
    char error[256];
    hf_config_defaults(&config);
    config.max_listeners = LISTENERS;
    strcpy(b->directory, "/tmp/handfast-test-XXXXXX");
    assert_non_null(mkdtemp(b->directory));
    b->engine = hf_engine_new(&config);
    assert_non_null(b->engine);
    b->now = hf_clock_now();
    b->control = control_open(b->engine,
                              &(struct control_options){
                                  .directory = b->directory,
                                  .verb = "test",
                                  .msl_ns = 30 * HF_SECOND,
                                  .started_at = b->now,
                              },
                              error);
    assert_non_null(b->control);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    control_close(b->control);
    hf_engine_delete(b->engine);
    assert_int_equal(rmdir(b->directory), 0); /* the socket's file is gone */
    free(b);
    return 0;
}

/* One turn of the loop. Returns whether anything was ready. */
static bool turn(struct bench *b)
{
    struct pollfd fds[16];
    unsigned count = control_fds(b->control, fds, 16);
    int ready = poll(fds, count, 0);
    control_turn(b->control, b->now, fds, count);
    return ready > 0;
}

static int ask(struct bench *b, const char *request)
{
    int fd = control_ask(control_path(b->control), request);
    assert_true(fd >= 0);
    return fd;
}

/* A client that says what no asker of ours would. */
static int connect_by_hand(const struct bench *b)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, control_path(b->control));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

/* Reads the answer to its end, turning the loop as often as that takes. */
static size_t read_all(struct bench *b, int fd, char *text, size_t cap, unsigned *turns)
{
    size_t len = 0;
    for (*turns = 0; *turns < 10000; ++*turns) {
        turn(b);
        ssize_t n = recv(fd, text + len, cap - 1 - len, MSG_DONTWAIT);
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    text[len] = '\0';
    close(fd);
    return len;
}

static json_t *line_of(char **text)
{
    char *end = strchr(*text, '\n');
    if (end == NULL)
        return NULL;
    json_t *json = json_loadb(*text, (size_t)(end - *text), 0, NULL);
    assert_non_null(json);
    *text = end + 1;
    return json;
}

static bool is_type(const json_t *json, const char *type)
{
    return strcmp(json_string_value(json_object_get(json, "type")), type) == 0;
}

/* ---- answers ---- */

static void a_summary_counts_all_eleven_states_zeros_too(void **state)
{
    struct bench *b = *state;
    static char text[65536];
    unsigned turns;
    hf_conn listener;
    assert_int_equal(hf_tcp_listen(b->engine, &(struct hf_endpoint){.port = 80}, NULL, &listener), HF_OK);
    b->now = hf_time_add(b->now, 1500 * HF_MS);
    read_all(b, ask(b, "summary"), text, sizeof text, &turns);

    char *at = text;
    json_t *process = line_of(&at), *listening = line_of(&at), *end = line_of(&at);
    const json_t *states = json_object_get(process, "states");
    assert_true(is_type(process, "process") && is_type(listening, "listener") && is_type(end, "end"));
    assert_int_equal(json_integer_value(json_object_get(listening, "backlog")), 128);
    assert_int_equal(json_object_size(json_object_get(listening, "funnel")), 12);
    assert_int_equal(json_object_size(states), HF_STATE_COUNT);
    assert_int_equal(json_integer_value(json_object_get(states, "LISTEN")), 1);
    assert_true(json_is_integer(json_object_get(states, "TIME-WAIT")));
    assert_int_equal(json_integer_value(json_object_get(process, "uptime_ms")), 1500);
    assert_int_equal(json_integer_value(json_object_get(process, "pid")), getpid());
    assert_string_equal(json_string_value(json_object_get(process, "verb")), "test");
    json_decref(process);
    json_decref(listening);
    json_decref(end);
}

static void every_record_is_told_of_over_many_turns(void **state)
{
    struct bench *b = *state;
    static char text[1 << 20];
    static bool seen[LISTENERS];
    unsigned turns;
    hf_conn listener;
    for (unsigned i = 0; i < LISTENERS; i++) {
        struct hf_endpoint at = {.port = (uint16_t)(1000 + i)};
        assert_int_equal(hf_tcp_listen(b->engine, &at, NULL, &listener), HF_OK);
    }
    read_all(b, ask(b, "connections"), text, sizeof text, &turns);
    assert_true(turns >= 3);

    char *at = text;
    unsigned rows = 0, listeners = 0;
    json_t *json = line_of(&at);
    for (json_decref(json); (json = line_of(&at)) != NULL && is_type(json, "listener"); listeners++)
        json_decref(json);
    assert_int_equal(listeners, LISTENERS);
    for (; json != NULL && is_type(json, "connection"); rows++, json = line_of(&at)) {
        struct socket_row row;
        assert_true(socket_row_of_json(&row, json));
        assert_int_equal(row.state, HF_LISTEN);
        assert_in_range(row.local.port, 1000, 1000 + LISTENERS - 1);
        assert_false(seen[row.local.port - 1000]);
        seen[row.local.port - 1000] = true;
        json_decref(json);
    }
    assert_int_equal(rows, LISTENERS);
    assert_true(is_type(json, "end"));
    json_decref(json);
}

static void an_unknown_request_is_answered_with_what_is_known(void **state)
{
    struct bench *b = *state;
    static char text[4096];
    unsigned turns;
    read_all(b, ask(b, "weather"), text, sizeof text, &turns);
    assert_string_equal(text,
                        "{\"type\":\"error\",\"text\":\"the requests are: connections, summary, history\"}\n");
}

/* ---- bad company ---- */

static void a_request_without_end_is_cut_off(void **state)
{
    struct bench *b = *state;
    static char text[4096];
    unsigned turns;
    int fd = connect_by_hand(b);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(read_all(b, fd, text, sizeof text, &turns), 0);
}

static void a_client_that_does_not_read_is_let_go(void **state)
{
    struct bench *b = *state;
    hf_conn listener;
    for (unsigned i = 0; i < LISTENERS; i++)
        hf_tcp_listen(b->engine, &(struct hf_endpoint){.port = (uint16_t)(1 + i)}, NULL, &listener);
    int small = 1, fd = ask(b, "connections");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (unsigned i = 0; i < 100 && turn(b); i++) {
    }
    assert_false(hf_time_is_never(control_deadline(b->control)));
    b->now = control_deadline(b->control);
    turn(b);
    assert_true(hf_time_is_never(control_deadline(b->control)));
    close(fd);
}

static void too_many_clients_are_turned_away(void **state)
{
    struct bench *b = *state;
    int fds[9];
    char byte;
    for (unsigned i = 0; i < 9; i++) {
        fds[i] = connect_by_hand(b);
        turn(b);
    }
    assert_int_equal(recv(fds[8], &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(recv(fds[7], &byte, 1, MSG_DONTWAIT), -1);
    for (unsigned i = 0; i < 9; i++)
        close(fds[i]);
}

/* ---- the file ---- */

static void only_its_user_may_enter(void **state)
{
    struct bench *b = *state;
    struct stat found;
    char error[256], open_to_all[96];
    assert_int_equal(stat(control_path(b->control), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);

    snprintf(open_to_all, sizeof open_to_all, "%s/open", b->directory);
    assert_int_equal(mkdir(open_to_all, 0777), 0);
    assert_int_equal(chmod(open_to_all, 0777), 0);
    const struct control_options options = {.directory = open_to_all, .verb = "test"};
    assert_null(control_open(b->engine, &options, error));
    assert_non_null(strstr(error, "others may write"));
    assert_int_equal(rmdir(open_to_all), 0);
}

static void a_missing_directory_is_made_for_its_user_alone(void **state)
{
    struct bench *b = *state;
    struct stat found;
    char error[256], fresh[96];
    snprintf(fresh, sizeof fresh, "%s/fresh", b->directory);
    struct control *c =
        control_open(b->engine, &(struct control_options){.directory = fresh, .verb = "test"}, error);
    assert_non_null(c);
    assert_int_equal(stat(fresh, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    control_close(c);
    assert_int_equal(rmdir(fresh), 0);
}

static void note_pid(void *arg, int pid, const char *path)
{
    (void)path;
    *(int *)arg = pid;
}

static void a_socket_that_nobody_answers_is_removed(void **state)
{
    struct bench *b = *state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s/1.sock", b->directory);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), pid = 0;
    assert_int_equal(bind(dead, (struct sockaddr *)&name, sizeof name), 0);
    close(dead);
    assert_int_equal(control_each(b->directory, note_pid, &pid), 1);
    assert_int_equal(pid, getpid());
    assert_int_equal(access(name.sun_path, F_OK), -1);
}

static void the_directories_are_those_of_the_user(void **state)
{
    (void)state;
    char path[CONTROL_PATH_LEN];
    setenv("HANDFAST_RUNTIME_DIR", "/run/mine", 1);
    assert_true(control_directory(0, path));
    assert_string_equal(path, "/run/mine");
    assert_false(control_directory(1, path));
    unsetenv("HANDFAST_RUNTIME_DIR");
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    unsigned which = geteuid() == 0;
    assert_true(control_directory(which, path));
    assert_string_equal(path, "/run/user/7/handfast");
    assert_true(control_directory(which + 1, path));
    assert_non_null(strstr(path, "/handfast-"));
    assert_false(control_directory(which + 2, path));
}

/* ---- rows ---- */

static void a_row_survives_json(void **state)
{
    (void)state;
    const hf_time now = {100 * HF_SECOND};
    const struct hf_tcp_info info = {
        .local = {hf_addr_v4(10, 77, 0, 2), 80},
        .remote = {{{0xfd, 0x77, [15] = 1}}, 51234},
        .state = HF_TIME_WAIT,
        .is_passive = true,
        .app_closed = true,
        .we_closed_first = true,
        .opened_at = {60 * HF_SECOND},
        .state_at = {80 * HF_SECOND},
        .error = HF_ERR_RESET,
        .ended_why = HF_EDGE_RST,
        .soft_error = HF_ADVICE_TTL,
        .bytes_sent = 1ull << 40,
        .bytes_lost = 512,
        .receive_queue = 7,
        .cwnd = 14480,
        .srtt_us = 41,
        .retransmits = 3,
    };
    struct socket_row row, again;
    socket_row_of_engine(&row, &info, now, 30 * HF_SECOND);
    json_t *json = socket_row_to_json(&row);
    assert_true(socket_row_of_json(&again, json));
    json_t *json_again = socket_row_to_json(&again);
    assert_true(json_equal(json, json_again));
    json_decref(json_again);
    json_decref(json);
    assert_int_equal(again.state_age_ms, 20000);
    assert_string_equal(again.timer, "timewait");
    assert_int_equal(again.timer_ms, 40000);
    assert_int_equal(again.closed_first, CLOSED_BY_US);
    assert_string_equal(reason_text_of_name(again.why), "RST received");
    assert_string_equal(error_text_of_name(again.error), "connection reset by the peer");
}

static void json_that_is_no_row_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"state\":\"TIME-WAIT\"}",
        "{\"state\":\"ASLEEP\",\"local\":{\"addr\":\"::\",\"port\":1},\"remote\":{\"addr\":\"::\",\"port\":1}}",
        ("{\"state\":\"LISTEN\",\"local\":{\"addr\":\"nowhere\",\"port\":1},\"remote\":{\"addr\":\"::\",\"port\":1}"
         "}"),
        "{\"state\":\"LISTEN\",\"local\":{\"addr\":\"::\",\"port\":65536},\"remote\":{\"addr\":\"::\",\"port\":1}}",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct socket_row row;
        json_t *json = json_loads(texts[i], 0, NULL);
        assert_non_null(json);
        assert_false(socket_row_of_json(&row, json));
        json_decref(json);
    }
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(a_summary_counts_all_eleven_states_zeros_too),
        WITH_BENCH(every_record_is_told_of_over_many_turns),
        WITH_BENCH(an_unknown_request_is_answered_with_what_is_known),
        WITH_BENCH(a_request_without_end_is_cut_off),
        WITH_BENCH(a_client_that_does_not_read_is_let_go),
        WITH_BENCH(too_many_clients_are_turned_away),
        WITH_BENCH(only_its_user_may_enter),
        WITH_BENCH(a_missing_directory_is_made_for_its_user_alone),
        WITH_BENCH(a_socket_that_nobody_answers_is_removed),
        cmocka_unit_test(the_directories_are_those_of_the_user),
        cmocka_unit_test(a_row_survives_json),
        cmocka_unit_test(json_that_is_no_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The control socket, both ends. The answering end never waits: it writes as much as the socket takes, and walks
 * the engine's records a few at a time, so that neither a slow reader nor a full table holds up the engine.
 */
#define _GNU_SOURCE
#include "control.h"

#include "socket_row.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 8,
    REQUEST_MAX = 64,    /* bytes of a line */
    OUT_CAP = 65536,     /* bytes waiting to be written, per client */
    LINE_MOST = 4096,    /* room that one more line of JSON may take */
    ROWS_PER_TURN = 128, /* connections told of in one turn, per client */
    SILENCE_SECONDS = 5, /* how long an asker waits for more */
};

#define PATIENCE_NS (10 * HF_SECOND) /* a client that neither asks nor reads for so long is let go */
#define SUFFIX      ".sock"

enum request { REQUEST_SUMMARY, REQUEST_CONNECTIONS, REQUEST_HISTORY, REQUESTS };
static const char *const request_names[REQUESTS] = {"summary", "connections", "history"};

struct client {
    int fd; /* -1: free */
    size_t request_len;
    char line[REQUEST_MAX];
    bool has_asked, knows_listeners, is_complete;
    enum request request;
    hf_conn cursor;
    uint64_t noted; /* number of the note told of last */
    size_t out_at, out_len;
    hf_time leaves_at;
    char out[OUT_CAP];
};

struct control {
    struct hf_engine *engine;
    struct control_options options;
    char path[CONTROL_PATH_LEN];
    int fd;
    hf_time now;
    struct client clients[CLIENTS_MAX];
};

/* ---- where ---- */

bool control_directory(unsigned which, char path[CONTROL_PATH_LEN])
{
    const char *own = getenv("HANDFAST_RUNTIME_DIR"), *runtime = getenv("XDG_RUNTIME_DIR"), *tmp = getenv("TMPDIR");
    if (own != NULL && own[0] != '\0')
        return which == 0 && snprintf(path, CONTROL_PATH_LEN, "%s", own) < CONTROL_PATH_LEN - 16;
    if (geteuid() == 0 && which-- == 0)
        return snprintf(path, CONTROL_PATH_LEN, "/run/handfast") > 0;
    if (runtime != NULL && runtime[0] == '/' && which-- == 0)
        return snprintf(path, CONTROL_PATH_LEN, "%s/handfast", runtime) < CONTROL_PATH_LEN - 16;
    if (tmp == NULL || tmp[0] != '/')
        tmp = "/tmp";
    return which == 0 &&
           snprintf(path, CONTROL_PATH_LEN, "%s/handfast-%u", tmp, (unsigned)geteuid()) < CONTROL_PATH_LEN - 16;
}

/* A directory that somebody else could write to would let them pose as us. */
static int prepare_directory(const char *path)
{
    struct stat found;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (lstat(path, &found) < 0)
        return -errno;
    if (!S_ISDIR(found.st_mode))
        return -ENOTDIR;
    return found.st_uid == geteuid() && (found.st_mode & 022) == 0 ? 0 : -EPERM;
}

static bool path_of(const char *directory, int pid, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(name->sun_path, sizeof name->sun_path, "%s/%d" SUFFIX, directory, pid);
    return len > 0 && (size_t)len < sizeof name->sun_path;
}

/* ---- opening ---- */

static int listen_at(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(name->sun_path); /* of an earlier process with our id */
    if (bind(fd, (const struct sockaddr *)name, sizeof *name) == 0 && chmod(name->sun_path, 0600) == 0 &&
        listen(fd, CLIENTS_MAX) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static int open_in(struct control *c, const char *directory)
{
    struct sockaddr_un name;
    int error = prepare_directory(directory);
    if (error < 0)
        return error;
    if (!path_of(directory, getpid(), &name))
        return -ENAMETOOLONG;
    memcpy(c->path, name.sun_path, sizeof c->path);
    c->fd = listen_at(&name);
    return c->fd < 0 ? c->fd : 0;
}

static int open_anywhere(struct control *c, char directory[CONTROL_PATH_LEN])
{
    int error = -ENOENT;
    for (unsigned i = 0; control_directory(i, directory); i++) {
        error = open_in(c, directory);
        if (error == 0)
            return 0;
    }
    return error;
}

struct control *control_open(struct hf_engine *e, const struct control_options *options, char error[256])
{
    struct control *c = calloc(1, sizeof *c);
    char directory[CONTROL_PATH_LEN] = "";
    if (c == NULL) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    c->engine = e;
    c->options = *options;
    c->now = options->started_at;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        c->clients[i].fd = -1;
    if (options->directory != NULL)
        snprintf(directory, sizeof directory, "%s", options->directory);
    int status = options->directory != NULL ? open_in(c, directory) : open_anywhere(c, directory);
    if (status == 0)
        return c;
    snprintf(error, 256, status == -EPERM ? "%s belongs to somebody else, or others may write to it" : "%s: %s",
             directory, strerror(-status));
    free(c);
    return NULL;
}

static void let_go(struct client *client)
{
    close(client->fd);
    client->fd = -1;
}

void control_close(struct control *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0)
            let_go(&c->clients[i]);
    close(c->fd);
    unlink(c->path);
    free(c);
}

const char *control_path(const struct control *c)
{
    return c->path;
}

/* ---- what is answered ---- */

static json_t *states_to_json(const struct hf_stats *stats)
{
    json_t *json = json_object();
    for (int i = 0; i < HF_STATE_COUNT; i++)
        json_object_set_new(json, hf_state_text((enum hf_state)i), json_integer(stats->states[i]));
    return json;
}

/* The same of a number for each state that may be large. */
static json_t *by_state_to_json(const uint64_t numbers[HF_STATE_COUNT], uint64_t unit)
{
    json_t *json = json_object();
    for (int i = 0; i < HF_STATE_COUNT; i++)
        json_object_set_new(json, hf_state_text((enum hf_state)i), json_integer((json_int_t)(numbers[i] / unit)));
    return json;
}

static json_t *who_to_json(const struct hf_stats *stats)
{
    return json_pack("{s:I, s:I, s:I}", "us", (json_int_t)stats->closed_first[HF_WHO_US], "peer",
                     (json_int_t)stats->closed_first[HF_WHO_PEER], "both",
                     (json_int_t)stats->closed_first[HF_WHO_BOTH]);
}

static json_t *reasons_to_json(const struct hf_stats *stats)
{
    json_t *json = json_object();
    for (int i = HF_ACCEPTED; i < HF_REASON_COUNT; i++)
        if (stats->reasons[i] > 0)
            json_object_set_new(json, hf_reason_name((enum hf_reason)i),
                                json_integer((json_int_t)stats->reasons[i]));
    return json;
}

static json_t *usage_to_json(const struct hf_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "half_open",
                     (json_int_t)stats->half_open_used, "time_wait", (json_int_t)stats->time_wait_used, "orphans",
                     (json_int_t)stats->orphans_used, "connections", (json_int_t)stats->connections_used,
                     "connections_peak", (json_int_t)stats->connections_peak, "connections_limit",
                     (json_int_t)stats->connections_limit, "blocks", (json_int_t)stats->blocks_used, "blocks_peak",
                     (json_int_t)stats->blocks_peak, "blocks_limit", (json_int_t)stats->blocks_limit,
                     "engine_bytes", (json_int_t)stats->engine_size);
}

static json_t *process_to_json(const struct control *c)
{
    struct hf_stats stats;
    hf_stats(c->engine, &stats);
    json_t *json = json_pack("{s:s, s:i, s:s, s:s, s:I}", "type", "process", "pid", (int)getpid(), "verb",
                             c->options.verb, "version", HANDFAST_VERSION, "uptime_ms",
                             (json_int_t)(hf_time_since(c->now, c->options.started_at) / HF_MS));
    json_object_set_new(json, "states", states_to_json(&stats));
    json_object_set_new(json, "entered", by_state_to_json(stats.entered, 1));
    json_object_set_new(json, "time_in_state_ms", by_state_to_json(stats.time_in_ns, (uint64_t)HF_MS));
    json_object_set_new(json, "closed_first", who_to_json(&stats));
    json_object_set_new(json, "reasons", reasons_to_json(&stats));
    json_object_set_new(json, "usage", usage_to_json(&stats));
    json_object_set_new(json, "frames_in", json_integer((json_int_t)stats.frames_in));
    json_object_set_new(json, "frames_out", json_integer((json_int_t)stats.frames_out));
    json_object_set_new(json, "bytes_in", json_integer((json_int_t)stats.bytes_in));
    json_object_set_new(json, "bytes_out", json_integer((json_int_t)stats.bytes_out));
    return json;
}

/* Takes the object. A line that cannot be made, or does not fit, ends the answer early, which its reader notices.
 */
static bool put_line(struct client *client, json_t *json)
{
    size_t room = OUT_CAP - client->out_len;
    size_t len = json == NULL ? 0 : json_dumpb(json, client->out + client->out_len, room, JSON_COMPACT);
    json_decref(json);
    if (len == 0 || len >= room) {
        client->is_complete = true;
        return false;
    }
    client->out_len += len;
    client->out[client->out_len++] = '\n';
    return true;
}

static void put_end(struct client *client)
{
    if (put_line(client, json_pack("{s:s}", "type", "end")))
        client->is_complete = true;
}

/* ---- listeners and their funnels ---- */

static const struct {
    const char *name;
    size_t offset;
} steps[] = {
    {"syns", offsetof(struct hf_funnel, syns)},
    {"queue_full", offsetof(struct hf_funnel, queue_full)},
    {"evicted", offsetof(struct hf_funnel, evicted)},
    {"timed_out", offsetof(struct hf_funnel, timed_out)},
    {"reset", offsetof(struct hf_funnel, reset)},
    {"cookies_sent", offsetof(struct hf_funnel, cookies_sent)},
    {"cookies_returned", offsetof(struct hf_funnel, cookies_returned)},
    {"cookies_failed", offsetof(struct hf_funnel, cookies_failed)},
    {"fast_opens", offsetof(struct hf_funnel, fast_opens)},
    {"established", offsetof(struct hf_funnel, established)},
    {"accepted", offsetof(struct hf_funnel, accepted)},
    {"abandoned", offsetof(struct hf_funnel, abandoned)},
};

static json_t *listener_to_json(const struct hf_listener_info *info)
{
    char address[HF_ADDR_TEXT_LEN];
    json_t *funnel = json_object();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t number;
        memcpy(&number, (const uint8_t *)&info->funnel + steps[i].offset, sizeof number);
        json_object_set_new(funnel, steps[i].name, json_integer((json_int_t)number));
    }
    return json_pack("{s:s, s:{s:s, s:i}, s:I, s:I, s:I, s:o}", "type", "listener", "local", "addr",
                     hf_addr_print(&info->local.addr, address), "port", (int)info->local.port, "backlog",
                     (json_int_t)info->backlog, "half_open", (json_int_t)info->half_open, "waiting",
                     (json_int_t)info->waiting, "funnel", funnel);
}

static void put_listeners(struct control *c, struct client *client)
{
    for (unsigned i = 0; i < ROWS_PER_TURN && OUT_CAP - client->out_len > 2 * LINE_MOST; i++) {
        struct hf_listener_info info;
        if (!hf_listener_next(c->engine, &client->cursor)) {
            client->knows_listeners = true;
            client->cursor = (hf_conn){0, 0};
            return;
        }
        if (hf_listener_status(c->engine, client->cursor, &info) == HF_OK &&
            !put_line(client, listener_to_json(&info)))
            return;
    }
}

/* ---- history ---- */

static json_t *end_to_json(const struct hf_endpoint *end)
{
    char address[HF_ADDR_TEXT_LEN];
    return json_pack("{s:s, s:i}", "addr", hf_addr_print(&end->addr, address), "port", (int)end->port);
}

static json_t *change_to_json(const struct control *c, const struct hf_note *note)
{
    return json_pack("{s:s, s:I, s:o, s:o, s:s, s:s, s:s, s:s}", "type", "change", "age_ms",
                     (json_int_t)(hf_time_since(c->now, note->at) / HF_MS), "local", end_to_json(&note->local),
                     "remote", end_to_json(&note->remote), "from", hf_state_text((enum hf_state)note->from), "to",
                     hf_state_text((enum hf_state)note->to), "why", hf_reason_name((enum hf_reason)note->why),
                     "why_text", hf_reason_text((enum hf_reason)note->why));
}

static void put_history(struct control *c, struct client *client)
{
    struct hf_note note;
    for (unsigned i = 0; i < ROWS_PER_TURN && OUT_CAP - client->out_len > 2 * LINE_MOST; i++) {
        if (!hf_history_next(c->engine, &client->noted, &note)) {
            put_end(client);
            return;
        }
        if (note.kind == HF_NOTE_STATE && !put_line(client, change_to_json(c, &note)))
            return;
    }
}

/* ---- connections ---- */

static void put_rows(struct control *c, struct client *client)
{
    for (unsigned i = 0; i < ROWS_PER_TURN && OUT_CAP - client->out_len > 2 * LINE_MOST; i++) {
        struct hf_tcp_info info;
        struct socket_row row;
        if (!hf_tcp_next(c->engine, &client->cursor)) {
            put_end(client);
            return;
        }
        if (hf_tcp_status(c->engine, client->cursor, &info) != HF_OK)
            continue;
        socket_row_of_engine(&row, &info, c->now, c->options.msl_ns);
        if (!put_line(client, socket_row_to_json(&row)))
            return;
    }
}

/* ---- clients ---- */

static void take_client(struct control *c)
{
    int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &c->clients[i];
        if (client->fd >= 0)
            continue;
        client->fd = fd;
        client->request_len = client->out_at = client->out_len = 0;
        client->has_asked = client->knows_listeners = client->is_complete = false;
        client->noted = 0;
        client->cursor = (hf_conn){0, 0};
        client->leaves_at = hf_time_add(c->now, PATIENCE_NS);
        return;
    }
    close(fd);
}

static bool read_request(struct client *client)
{
    for (int i = 0; i < REQUESTS; i++)
        if (strcmp(client->line, request_names[i]) == 0) {
            client->request = (enum request)i;
            return true;
        }
    return false;
}

static void answer(struct control *c, struct client *client)
{
    client->has_asked = true;
    if (!read_request(client)) {
        put_line(client, json_pack("{s:s, s:s}", "type", "error", "text",
                                   "the requests are: connections, summary, history"));
        client->is_complete = true;
        return;
    }
    put_line(client, process_to_json(c));
}

/* More of the answer, after its first line. */
static void go_on(struct control *c, struct client *client)
{
    if (!client->knows_listeners)
        put_listeners(c, client);
    else if (client->request == REQUEST_CONNECTIONS)
        put_rows(c, client);
    else if (client->request == REQUEST_HISTORY)
        put_history(c, client);
    else
        put_end(client);
}

static void hear(struct control *c, struct client *client)
{
    size_t room = REQUEST_MAX - client->request_len;
    ssize_t n = read(client->fd, client->line + client->request_len, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        let_go(client);
        return;
    }
    client->request_len += (size_t)n;
    char *end = memchr(client->line, '\n', client->request_len);
    if (end == NULL && client->request_len == REQUEST_MAX) {
        let_go(client);
    } else if (end != NULL) {
        *end = '\0';
        answer(c, client);
    }
}

static void tell(struct control *c, struct client *client)
{
    if (!client->is_complete)
        go_on(c, client);
    size_t left = client->out_len - client->out_at;
    ssize_t n = left == 0 ? 0 : send(client->fd, client->out + client->out_at, left, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            let_go(client);
        return;
    }
    if (n > 0)
        client->leaves_at = hf_time_add(c->now, PATIENCE_NS);
    client->out_at += (size_t)n;
    memmove(client->out, client->out + client->out_at, client->out_len - client->out_at);
    client->out_len -= client->out_at;
    client->out_at = 0;
    if (client->is_complete && client->out_len == 0)
        let_go(client);
}

/* ---- as a part of the loop ---- */

unsigned control_fds(struct control *c, struct pollfd *fds, unsigned max)
{
    unsigned count = 0;
    if (max == 0)
        return 0;
    fds[count++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    for (unsigned i = 0; i < CLIENTS_MAX && count < max; i++)
        if (c->clients[i].fd >= 0)
            fds[count++] = (struct pollfd){
                .fd = c->clients[i].fd,
                .events = c->clients[i].has_asked ? POLLOUT : POLLIN,
            };
    return count;
}

hf_time control_deadline(struct control *c)
{
    hf_time next = HF_NEVER;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0)
            next = hf_time_first(next, c->clients[i].leaves_at);
    return next;
}

static struct client *client_of(struct control *c, int fd)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (c->clients[i].fd == fd)
            return &c->clients[i];
    return NULL;
}

void control_turn(struct control *c, hf_time now, const struct pollfd *fds, unsigned count)
{
    c->now = now;
    for (unsigned i = 1; i < count; i++) {
        struct client *client = fds[i].revents == 0 ? NULL : client_of(c, fds[i].fd);
        if (client == NULL)
            continue;
        if (client->has_asked)
            tell(c, client);
        else
            hear(c, client);
    }
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0 && hf_time_reached(now, c->clients[i].leaves_at))
            let_go(&c->clients[i]);
    if (count > 0 && fds[0].revents != 0)
        take_client(c);
}

/* ---- who asks ---- */

static int connect_to(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const struct timeval silence = {.tv_sec = SILENCE_SECONDS};
    if (strlen(path) >= sizeof name.sun_path)
        return -ENAMETOOLONG;
    strcpy(name.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
    if (connect(fd, (const struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int control_ask(const char *path, const char *request)
{
    char line[REQUEST_MAX];
    int len = snprintf(line, sizeof line, "%s\n", request);
    if (len < 0 || (size_t)len >= sizeof line)
        return -EMSGSIZE;
    int fd = connect_to(path);
    if (fd < 0)
        return fd;
    if (send(fd, line, (size_t)len, MSG_NOSIGNAL) == len)
        return fd;
    close(fd);
    return -EPIPE;
}

/* The process id in "1234.sock", or 0. */
static int pid_of(const char *name)
{
    char *end;
    long pid = strtol(name, &end, 10);
    return name[0] >= '1' && name[0] <= '9' && strcmp(end, SUFFIX) == 0 && pid < INT32_MAX ? (int)pid : 0;
}

/* Nobody listens there any more. A process that is only busy does. */
static bool is_stale(const char *path)
{
    int fd = connect_to(path);
    if (fd >= 0)
        close(fd);
    return fd == -ECONNREFUSED;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
    int left = pid_of((*a)->d_name), right = pid_of((*b)->d_name);
    return (left > right) - (left < right);
}

static int is_socket_name(const struct dirent *entry)
{
    return pid_of(entry->d_name) > 0;
}

int control_each(const char *directory, void (*each)(void *arg, int pid, const char *path), void *arg)
{
    struct dirent **entries;
    int found = scandir(directory, &entries, is_socket_name, by_number);
    if (found < 0)
        return -errno;
    int count = 0;
    for (int i = 0; i < found; i++) {
        struct sockaddr_un name;
        int pid = pid_of(entries[i]->d_name);
        free(entries[i]);
        if (!path_of(directory, pid, &name))
            continue;
        if (is_stale(name.sun_path)) {
            unlink(name.sun_path);
            continue;
        }
        each(arg, pid, name.sun_path);
        count++;
    }
    free(entries);
    return count;
}

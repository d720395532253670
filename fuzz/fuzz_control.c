/*
 * The control socket's answering end and clients that ask for nothing sensible, leave in the middle, or do not read. Input
 * is a list of small commands: a client comes, writes, reads, goes; the loop turns; time passes.
 *
 * Held true: descriptors are as many as clients, and never more than there may be; whatever is answered is lines of
 * JSON; whoever is silent is let go; a client that behaves gets its whole answer afterwards.
 */
#define _GNU_SOURCE
#include "../cli/control.h"
#include "fuzz.h"

#include <handfast/handfast.h>

#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ASKERS = 12, ANSWER_CAP = 1 << 16, LISTENERS = 20, MOST_FDS = 16 };

static struct {
    struct hf_engine *engine;
    struct control *control;
    hf_time now;
    int fd[ASKERS];
} w;

static char answer[ANSWER_CAP];
static char directory[] = "/tmp/handfast-fuzz-XXXXXX";

/* An answer of several turns: its listeners, and then its connections. */
static void open_engine(void)
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_listeners = LISTENERS;
    config.max_connections = 4;
    config.max_blocks = 4;
    w.engine = hf_engine_new(&config);
    require(w.engine != NULL);
    for (uint16_t i = 0; i < LISTENERS; i++) {
        const struct hf_endpoint at = {hf_addr_v4(0, 0, 0, 0), (uint16_t)(i + 1)};
        hf_conn listener;
        require(hf_tcp_listen(w.engine, &at, NULL, &listener) == HF_OK);
    }
}

static void remove_directory(void)
{
    control_close(w.control);
    (void)rmdir(directory);
}

static void open_once(void)
{
    char error[256];
    if (w.control != NULL)
        return;
    require(mkdtemp(directory) != NULL);
    open_engine();
    const struct control_options options = {.directory = directory, .verb = "fuzz", .started_at = w.now};
    w.control = control_open(w.engine, &options, error);
    require(w.control != NULL);
    (void)atexit(remove_directory);
    for (unsigned i = 0; i < ASKERS; i++)
        w.fd[i] = -1;
}

static unsigned turn(void)
{
    struct pollfd fds[MOST_FDS];
    unsigned count = control_fds(w.control, fds, MOST_FDS);
    require(count >= 1 && count <= 9); /* the listener and eight clients */
    while (poll(fds, count, 0) < 0)    /* the fuzzer has a clock of its own, which interrupts */
        require(errno == EINTR);
    control_turn(w.control, w.now, fds, count);
    return count;
}

static void come(int *fd)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (*fd >= 0)
        return;
    strcpy(name.sun_path, control_path(w.control));
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(*fd, (const struct sockaddr *)&name, sizeof name) < 0) { /* its queue is full */
        close(*fd);
        *fd = -1;
    }
}

static void leave(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void command(struct input *in)
{
    static const char *const words[] = {"summary\n", "connections\n", "history\n", "hist"};
    uint8_t what = in8(in);
    int *fd = &w.fd[(what >> 3) % ASKERS];
    const uint8_t *bytes;
    size_t len;
    switch (what & 7) {
    case 0:
        come(fd);
        break;
    case 1:
        len = in_bytes(in, in8(in) % 80u, &bytes);
        (void)!send(*fd, bytes, len, MSG_NOSIGNAL);
        break;
    case 2:
        bytes = (const uint8_t *)words[in8(in) & 3];
        (void)!send(*fd, bytes, strlen((const char *)bytes), MSG_NOSIGNAL);
        break;
    case 3:
        (void)!recv(*fd, answer, in16(in), 0);
        break;
    case 4:
        leave(fd);
        break;
    case 5:
        w.now = hf_time_add(w.now, in8(in) * 100 * HF_MS);
        break;
    case 6:
        (void)shutdown(*fd, SHUT_WR);
        break;
    default:
        break;
    }
    (void)turn();
}

/* Everybody is patient for so long and no longer. */
static void be_silent(void)
{
    for (unsigned i = 0; i < ASKERS; i++)
        (void)turn();
    w.now = hf_time_add(w.now, 11 * HF_SECOND);
    (void)turn();
    require(hf_time_is_never(control_deadline(w.control)) && turn() == 1);
    for (unsigned i = 0; i < ASKERS; i++)
        leave(&w.fd[i]);
}

static void check_lines(size_t len)
{
    unsigned lines = 0;
    for (char *at = answer, *end; at < answer + len; at = end + 1, lines++) {
        end = memchr(at, '\n', (size_t)(answer + len - at));
        require(end != NULL);
        json_t *json = json_loadb(at, (size_t)(end - at), 0, NULL);
        require(json_is_object(json));
        json_decref(json);
    }
    require(lines == 2 * LISTENERS + 2); /* each is a connection too, in LISTEN */
}

static void ask_well(void)
{
    size_t len = 0;
    ssize_t n = -1;
    come(&w.fd[0]);
    require(send(w.fd[0], "connections\n", 12, MSG_NOSIGNAL) == 12);
    for (unsigned i = 0; i < 100 && n != 0; i++) {
        (void)turn();
        n = recv(w.fd[0], answer + len, ANSWER_CAP - len, 0);
        len += n > 0 ? (size_t)n : 0;
    }
    require(n == 0);
    check_lines(len);
    leave(&w.fd[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    open_once();
    while (in.left > 0)
        command(&in);
    be_silent();
    ask_well();
    return 0;
}

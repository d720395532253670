/*
 * A driver that draws a ladder. Notes are taken where a batch ends: after received frames were taken in and before
 * anything answers them, and after what was sent has been delivered. At these instants the peer is asked for the
 * states that may have changed.
 */
#include "watch.h"

#include "host.h"
#include "kernel.h"
#include "usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASK_AGAIN_MAX = 8 };

/* A segment on its way to a busy socket waits until its owner has left the kernel. */
#define ASK_AGAIN_NS (2 * HF_MS)

struct watch {
    struct hf_driver driver;
    struct hf_driver *inner;
    struct hf_engine *engine;
    struct ladder *ladder;
    struct watch_reader reader;
    bool has_reader;
    uint64_t after; /* the last note taken */
    unsigned again_count;
    struct ladder_question again[ASK_AGAIN_MAX]; /* to be asked once more */
    hf_time again_at;
};

/* ---- looking ---- */

static void ask_later(struct watch *w, const struct ladder_question *question, hf_time now)
{
    for (unsigned i = 0; i < w->again_count; i++)
        if (w->again[i].number == question->number)
            return;
    if (w->again_count == ASK_AGAIN_MAX)
        return;
    w->again[w->again_count++] = *question;
    w->again_at = hf_time_add(now, ASK_AGAIN_NS);
}

static void ask(struct watch *w, const struct ladder_question *question, hf_time now)
{
    enum hf_state state = HF_CLOSED;
    int answer = w->reader.read(w->reader.arg, &question->remote, &question->local, &state);
    if (answer >= 0 && ladder_peer(w->ladder, question->number, state, now))
        ask_later(w, question, now);
}

static void ask_again(struct watch *w, hf_time now)
{
    struct ladder_question questions[ASK_AGAIN_MAX];
    if (w->again_count == 0 || hf_time_before(now, w->again_at))
        return;
    unsigned count = w->again_count;
    memcpy(questions, w->again, sizeof questions);
    w->again_count = 0;
    for (unsigned i = 0; i < count; i++)
        ask(w, &questions[i], now);
}

static void ask_all(struct watch *w, hf_time now)
{
    struct ladder_question question;
    while (ladder_asks(w->ladder, &question))
        if (w->has_reader)
            ask(w, &question, now);
}

/*
 * Takes the new notes. Before frames are handed over (`is_sent` false) what the engine has noted as sent is still on
 * its way: its peer is asked before that is noted, and again when it has been handed over.
 */
static void look(struct watch *w, hf_time now, bool is_sent)
{
    struct hf_note note;
    ladder_hold(w->ladder, !is_sent);
    for (uint64_t before = w->after; hf_history_next(w->engine, &w->after, &note); before = w->after) {
        if (w->after != before + 1)
            ladder_gap(w->ladder, w->after - before - 1);
        if (note.kind == HF_NOTE_OUT && !is_sent)
            ask_all(w, now);
        ladder_note(w->ladder, &note);
    }
    ask_all(w, now);
    ask_again(w, now);
    ladder_flush(w->ladder, now);
}

/* ---- the driver ---- */

static int watch_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct watch *w = (struct watch *)d;
    look(w, now, false);
    return w->inner->ops->receive(w->inner, now, frames, max);
}

static void watch_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct watch *w = (struct watch *)d;
    w->inner->ops->release(w->inner, now, frames, count);
    look(w, now, false);
}

static int watch_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct watch *w = (struct watch *)d;
    return w->inner->ops->reserve(w->inner, frames, max);
}

static int watch_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct watch *w = (struct watch *)d;
    int error = w->inner->ops->submit(w->inner, now, frames, count);
    look(w, now, true);
    return error;
}

static hf_time watch_deadline(struct hf_driver *d)
{
    struct watch *w = (struct watch *)d;
    hf_time next = hf_time_first(w->inner->ops->deadline(w->inner), ladder_deadline(w->ladder));
    return w->again_count > 0 ? hf_time_first(next, w->again_at) : next;
}

static void watch_close(struct hf_driver *d)
{
    struct watch *w = (struct watch *)d;
    ladder_end(w->ladder);
    ladder_free(w->ladder);
    if (w->has_reader && w->reader.close)
        w->reader.close(w->reader.arg);
    w->inner->ops->close(w->inner);
    free(w);
}

static const struct hf_driver_ops watch_ops = {
    .receive = watch_receive,
    .release = watch_release,
    .reserve = watch_reserve,
    .submit = watch_submit,
    .deadline = watch_deadline,
    .close = watch_close,
};

struct hf_driver *watch_open(struct hf_driver *inner, struct hf_engine *e, struct ladder *ladder,
                             const struct watch_reader *reader)
{
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    *w = (struct watch){
        .driver = *inner, .inner = inner, .engine = e, .ladder = ladder, .has_reader = reader != NULL};
    if (reader != NULL)
        w->reader = *reader;
    w->driver.ops = &watch_ops;
    return &w->driver;
}

/* ---- readers ---- */

static int read_kernel(void *arg, const struct hf_endpoint *local, const struct hf_endpoint *remote,
                       enum hf_state *state)
{
    struct kernel_tcp found;
    int answer = kernel_find(arg, local, remote, &found);
    if (answer == 1)
        *state = found.state;
    return answer;
}

static void close_kernel(void *arg)
{
    kernel_close(arg);
}

static int read_engine(void *arg, const struct hf_endpoint *local, const struct hf_endpoint *remote,
                       enum hf_state *state)
{
    hf_conn conn = {0, 0};
    struct hf_tcp_info info;
    while (hf_tcp_next(arg, &conn)) {
        bool is_it = hf_tcp_status(arg, conn, &info) == HF_OK && info.local.port == local->port &&
                     info.remote.port == remote->port && hf_addr_equal(&info.remote.addr, &remote->addr);
        if (!is_it || info.is_listener || info.state == HF_CLOSED)
            continue;
        *state = info.state;
        return 1;
    }
    return 0;
}

/* ---- for a host ---- */

static void write_stderr(void *arg, const char *text, size_t len)
{
    (void)arg;
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno != EINTR)
            return; /* Nobody reads; the connection goes on. */
        text += n < 0 ? 0 : n;
        len -= n < 0 ? 0 : (size_t)n;
    }
}

static bool find_reader(const struct host *h, struct watch_reader *reader)
{
    if (h->peer != NULL) {
        *reader = (struct watch_reader){.read = read_engine, .arg = h->peer->engine};
        return true;
    }
    struct kernel *k = h->netns.diag_fd >= 0 ? kernel_open_socket(h->netns.diag_fd) : NULL;
    *reader = (struct watch_reader){.read = read_kernel, .close = close_kernel, .arg = k};
    return k != NULL;
}

int watch_add_to(struct host *h, const struct ladder_options *options)
{
    struct watch_reader reader;
    struct ladder_options own = *options;
    bool is_read = own.is_peer_read = find_reader(h, &reader);
    own.left = h->peer != NULL ? "client" : is_read ? "kernel" : "peer";
    struct ladder *ladder = ladder_new(&own);
    struct hf_driver *driver =
        ladder == NULL ? NULL : watch_open(h->driver, h->engine, ladder, is_read ? &reader : NULL);
    if (driver != NULL) {
        h->driver = driver;
        return 0;
    }
    ladder_free(ladder);
    if (is_read && reader.close)
        reader.close(reader.arg);
    complain(h->options.verb, "no memory for a ladder");
    return EXIT_FAILED;
}

int watch_add(struct host *h)
{
    const struct ladder_options options = {
        .terminal = terminal_of(STDERR_FILENO, false),
        .is_numbered = true,
        .write = write_stderr,
    };
    return watch_add_to(h, &options);
}

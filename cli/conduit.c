/*
 * A connection joined to standard input and output. Each turn moves what can be moved: received bytes to output,
 * input to the engine; then asks whether a direction, or the whole connection, has come to its end. Read first:
 * conduit.h.
 */
#define _GNU_SOURCE
#include "conduit.h"

#include "usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *verb_of(const struct conduit *c)
{
    return c->host->options.verb;
}

static void moved(struct conduit *c)
{
    c->moved_at = c->host->now;
}

void conduit_init(struct conduit *c, struct host *host, const struct conduit_options *options)
{
    *c = (struct conduit){.host = host, .options = *options};
    standard_open(&c->in, 0);
    standard_open(&c->out, 1);
}

static void connected(struct conduit *c)
{
    struct hf_tcp_info info;
    char here[HOST_ENDPOINT_TEXT_LEN], there[HOST_ENDPOINT_TEXT_LEN];
    c->is_connected = true;
    moved(c);
    if (!c->options.verbose || hf_tcp_status(c->host->engine, c->conn, &info) != HF_OK)
        return;
    complain(verb_of(c), "%s is connected with %s: %u bytes a segment, window scale %u here and %u there%s%s",
             host_endpoint_print(&info.local, here), host_endpoint_print(&info.remote, there), info.mss,
             info.receive_scale, info.send_scale, info.timestamps ? ", timestamps" : "", info.sack ? ", SACK" : "");
}

void conduit_take(struct conduit *c, hf_conn conn)
{
    c->conn = conn;
    c->is_connected = c->has_sent_all = c->has_received_all = c->is_closed = c->needs_room = c->was_idle = false;
    c->begun_at = c->moved_at = c->host->now;
    c->linger_until = HF_NEVER;
    c->read = c->written = 0;
    struct hf_tcp_info info;
    bool is_known = hf_tcp_status(c->host->engine, conn, &info) == HF_OK;
    if (is_known && info.state != HF_SYN_SENT && info.state != HF_SYN_RECEIVED)
        connected(c); /* an accepted one, whose event went by before it was ours */
}

bool conduit_has_input(const struct conduit *c, struct pollfd *fd)
{
    *fd = (struct pollfd){.fd = c->in.fd, .events = POLLIN};
    return c->in.is_file || c->in.is_closed || poll(fd, 1, 0) != 0;
}

static bool has_conn(const struct conduit *c)
{
    return !hf_conn_is_none(c->conn);
}

/* ---- closing ---- */

/* Both directions are over, or one of them cannot go on. */
static void close_both(struct conduit *c)
{
    if (c->is_closed)
        return;
    c->is_closed = c->has_sent_all = c->has_received_all = true;
    if (c->options.has_linger && c->options.linger_ns == 0) {
        hf_tcp_abort(c->host->engine, c->conn);
        return;
    }
    hf_tcp_close(c->host->engine, c->conn);
    if (c->options.has_linger)
        c->linger_until = hf_time_add(c->host->now, c->options.linger_ns);
}

static void input_ended(struct conduit *c)
{
    c->has_sent_all = true;
    if (c->options.abort) {
        c->is_closed = c->has_received_all = true;
        hf_tcp_abort(c->host->engine, c->conn);
    } else if (c->options.half_close) {
        hf_tcp_shutdown(c->host->engine, c->conn);
    }
    if (c->options.verbose)
        complain(verb_of(c), "input ended after %" PRIu64 " bytes%s", c->read,
                 c->options.abort        ? "; reset"
                 : c->options.half_close ? "; our direction is closed"
                                         : "");
}

static void peer_ended(struct conduit *c)
{
    c->has_received_all = true;
    if (c->options.verbose)
        complain(verb_of(c), "the peer closed its direction after %" PRIu64 " bytes", c->written);
    if (!c->options.keeps_output)
        standard_end(&c->out);
}

/* ---- moving ---- */

static void output_failed(struct conduit *c)
{
    complain(verb_of(c), "cannot write to standard output: %s; the connection is closed", strerror(errno));
    c->output_failed = true;
    close_both(c); /* with bytes unread, which the peer learns by a reset */
}

static void move_out(struct conduit *c)
{
    while (!c->has_received_all) {
        const uint8_t *data;
        int64_t n = hf_tcp_lend_received(c->host->engine, c->conn, &data);
        if (n == 0)
            peer_ended(c);
        else if (n < 0 && n != HF_ERR_AGAIN)
            c->has_received_all = true; /* it is over, and has_ended will see how */
        if (n <= 0)
            return;
        ssize_t taken = standard_write(&c->out, data, (size_t)n);
        if (taken < 0 && errno != EAGAIN)
            output_failed(c);
        if (taken <= 0)
            return;
        hf_tcp_received(c->host->engine, c->conn, (size_t)taken);
        c->written += (uint64_t)taken;
        moved(c);
    }
}

static void move_in(struct conduit *c)
{
    while ((c->is_connected || c->options.fast_open) && !c->has_sent_all && !c->needs_room) {
        uint8_t *room;
        int64_t n = hf_tcp_lend_send(c->host->engine, c->conn, &room);
        c->needs_room = n == HF_ERR_AGAIN;
        if (n <= 0)
            return;
        ssize_t got = standard_read(&c->in, room, (size_t)n);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            input_ended(c);
            return;
        }
        hf_tcp_sent(c->host->engine, c->conn, (size_t)got, 0);
        c->read += (uint64_t)got;
        moved(c);
    }
}

/* ---- the end ---- */

/* Closed, or as good as: our side has nothing left to do but TIME-WAIT. */
static bool has_ended(struct conduit *c, struct hf_tcp_info *info)
{
    if (hf_tcp_status(c->host->engine, c->conn, info) != HF_OK)
        return false;
    if (info->state == HF_TIME_WAIT)
        return c->is_closed;
    return info->state == HF_CLOSED && c->has_received_all;
}

static void finish(struct conduit *c, const struct hf_tcp_info *info)
{
    char ending[512];
    bool graceful = host_ending_print(info, ending, sizeof ending);
    hf_tcp_release(c->host->engine, c->conn);
    c->conn = (hf_conn){0, 0};
    if (c->before_ended && !c->before_ended(c->arg, info))
        return;
    if (!graceful || !c->options.quiet)
        complain(verb_of(c), "%s%s", c->was_idle ? "nothing moved for too long; " : "", ending);
    c->ended(c->arg, graceful && !c->was_idle && !c->output_failed);
}

static void look_at_clock(struct conduit *c, hf_time now)
{
    if (hf_time_reached(now, c->linger_until)) {
        c->linger_until = HF_NEVER;
        hf_tcp_abort(c->host->engine, c->conn);
    }
    bool is_idle = c->options.idle_ns > 0 && hf_time_since(now, c->moved_at) >= c->options.idle_ns;
    if (is_idle && !c->is_closed) {
        c->was_idle = true;
        close_both(c);
    }
}

/* ---- as a part ---- */

unsigned conduit_fds(struct conduit *c, struct pollfd *fds, unsigned max)
{
    unsigned count = 0;
    if (!has_conn(c) || max < 2)
        return 0;
    bool may_send = c->is_connected || c->options.fast_open;
    bool wants_input = may_send && !c->has_sent_all && !c->needs_room;
    count += wants_input && standard_wants(&c->in, POLLIN, &fds[count]);
    count += !c->has_received_all && standard_wants(&c->out, POLLOUT, &fds[count]);
    return count;
}

hf_time conduit_deadline(struct conduit *c)
{
    if (!has_conn(c))
        return HF_NEVER;
    bool may_idle = c->options.idle_ns > 0 && !c->is_closed;
    hf_time idle = may_idle ? hf_time_add(c->moved_at, c->options.idle_ns) : HF_NEVER;
    return hf_time_first(c->linger_until, idle);
}

void conduit_event(struct conduit *c, const struct hf_event *event)
{
    if (!has_conn(c) || !hf_conn_equal(event->conn, c->conn))
        return;
    if ((event->bits & HF_EV_CONNECTED) && !c->is_connected)
        connected(c);
    if (event->bits & HF_EV_WRITABLE)
        c->needs_room = false;
}

void conduit_turn(struct conduit *c, hf_time now, const struct pollfd *fds, unsigned count)
{
    struct hf_tcp_info info;
    standard_hear(&c->in, fds, count);
    standard_hear(&c->out, fds, count);
    if (!has_conn(c))
        return;
    move_out(c);
    move_in(c);
    look_at_clock(c, now);
    if (c->has_sent_all && c->has_received_all)
        close_both(c);
    if (has_ended(c, &info))
        finish(c, &info);
}

void conduit_stop(struct conduit *c)
{
    if (!has_conn(c) || c->is_closed)
        return;
    if (!c->is_connected) {
        close_both(c);
        return;
    }
    c->has_sent_all = true;
    hf_tcp_shutdown(c->host->engine, c->conn);
}

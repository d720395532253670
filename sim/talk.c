/*
 * The applications of a simulation, and the oracle: a stream is a sequence of bytes, and what is read is the beginning
 * of what was written.
 *
 * A peaceful connection has to carry every byte both ways and to end without an error. Where one side aborts, or closes
 * with work undone, the other may see a reset at any time, reads a beginning of the text nevertheless, and gives up after
 * a while, as people do.
 *
 * Read first: world.h, inside.h.
 */
#include "inside.h"

#include <string.h>

#define PERIOD 65537 /* of the text; prime, so that no buffer or window is a multiple of it */
#define CALL   65536 /* bytes in one call at most */

static uint64_t wants(const struct sim_talk_knobs *t, unsigned side)
{
    return side == 0 ? t->wants0 : t->wants1;
}

static unsigned host_of(const struct sim_talk_knobs *t, unsigned side)
{
    return (unsigned)(side == 0 ? t->from : t->to);
}

static struct hf_engine *engine_of(struct sim_world *w, unsigned talk, unsigned side)
{
    return w->host[host_of(&w->s->talk[talk], side)].e;
}

static void touch(struct sim_world *w, unsigned talk, unsigned side)
{
    w->host[host_of(&w->s->talk[talk], side)].is_touched = true;
}

/* ---- the text ---- */

/* So many bytes of what `side` of `talk` writes, from a place on. Lends them. */
static const uint8_t *text(unsigned talk, unsigned side, uint64_t from)
{
    static uint8_t table[PERIOD + CALL];
    static bool is_made;
    uint64_t mix = 1;
    for (size_t i = 0; !is_made && i < sizeof table; i++) {
        mix = mix * 6364136223846793005u + 1442695040888963407u;
        table[i] = i < PERIOD ? (uint8_t)(mix >> 56) : table[i - PERIOD];
    }
    is_made = true;
    return table + (from + talk * 7919u + side * 35711u) % PERIOD;
}

static bool has_failed(struct sim_world *w, unsigned talk, unsigned side, const char *call, int64_t error)
{
    struct sim_side *s = &w->talk[talk].side[side];
    if (error >= 0 || error == HF_ERR_AGAIN)
        return false;
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    bool may_try_again =
        t->open == SIM_OPEN_LATE && side == 0 && hf_time_is_never(w->result->talk[talk].connected_at);
    (void)hf_tcp_release(engine_of(w, talk, side), s->conn);
    s->is_open = false;
    touch(w, talk, side);
    if (error == HF_ERR_REFUSED && may_try_again && sim_talk_is_peaceful(t)) {
        s->acts_at = hf_time_add(w->now, SIM_AGAIN);
        s->wrote = 0;
        s->has_shut = false;
        return true;
    }
    s->is_done = true;
    if (sim_talk_is_peaceful(t))
        sim_fail(w, host_of(t, side), "talk %u, side %u: %s says: %s", talk, side, call, hf_error_text((int)error));
    return true;
}

/* Wakes an application after a tick, because it does not do everything at once. */
static void act_soon(struct sim_world *w, struct sim_side *s)
{
    hf_time soon = hf_time_add(w->now, SIM_TICK);
    if (hf_time_before(soon, s->acts_at) || hf_time_reached(w->now, s->acts_at))
        s->acts_at = soon;
}

/* ---- writing, reading, closing ---- */

static bool write_some(struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    struct sim_side *s = &w->talk[talk].side[side];
    uint64_t chunk = side == 0 ? t->chunk0 : t->chunk1, most = chunk && chunk < CALL ? chunk : CALL;
    while (s->wrote < wants(t, side) && !s->has_shut) {
        uint64_t len = wants(t, side) - s->wrote < most ? wants(t, side) - s->wrote : most;
        int64_t taken = hf_tcp_send(engine_of(w, talk, side), s->conn, text(talk, side, s->wrote), (size_t)len, 0);
        if (has_failed(w, talk, side, "send", taken))
            return false;
        if (taken < 0)
            return true;
        s->wrote += (uint64_t)taken;
        if (chunk && s->wrote < wants(t, side)) {
            act_soon(w, s);
            return true;
        }
    }
    return true;
}

static void compare(struct sim_world *w, unsigned talk, unsigned side, const uint8_t *data, uint64_t len)
{
    struct sim_side *s = &w->talk[talk].side[side], *other = &w->talk[talk].side[1 - side];
    const uint8_t *expected = text(talk, 1 - side, s->read);
    unsigned host = host_of(&w->s->talk[talk], side);
    if (s->read + len > other->wrote)
        sim_fail(w, host, "talk %u, side %u: read %llu bytes, but only %llu were written", talk, side,
                 (unsigned long long)(s->read + len), (unsigned long long)other->wrote);
    else if (memcmp(data, expected, len) != 0) {
        uint64_t at = 0;
        while (data[at] == expected[at])
            at++;
        sim_fail(w, host, "talk %u, side %u: byte %llu is not what was written", talk, side,
                 (unsigned long long)(s->read + at));
    }
    s->read += len;
    w->result->talk[talk].read[side] = s->read;
    w->result->talk[talk].read_at[side] = w->now;
}

static void note_end(struct sim_world *w, unsigned talk, unsigned side)
{
    struct sim_side *s = &w->talk[talk].side[side], *other = &w->talk[talk].side[1 - side];
    s->reads_end = true;
    if (!other->has_shut && !other->has_ended)
        sim_fail(w, host_of(&w->s->talk[talk], side), "talk %u, side %u: the end came, but nobody closed", talk,
                 side);
    else if (other->has_shut && s->read != other->wrote)
        sim_fail(w, host_of(&w->s->talk[talk], side), "talk %u, side %u: the end came after %llu bytes of %llu",
                 talk, side, (unsigned long long)s->read, (unsigned long long)other->wrote);
}

static bool read_some(struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    struct sim_side *s = &w->talk[talk].side[side];
    uint64_t slow = side == 0 ? t->slow0 : t->slow1, most = slow && slow < CALL ? slow : CALL;
    while (!s->reads_end) {
        uint8_t *buffer = w->frame;
        int64_t len = hf_tcp_receive(engine_of(w, talk, side), s->conn, buffer, (size_t)most);
        if (has_failed(w, talk, side, "receive", len))
            return false;
        if (len < 0)
            return true;
        if (len == 0)
            note_end(w, talk, side);
        else
            compare(w, talk, side, buffer, (uint64_t)len);
        if (w->has_failed)
            return false;
        if (slow && len > 0) {
            act_soon(w, s);
            return true;
        }
    }
    return true;
}

static bool may_shut(const struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    const struct sim_side *s = &w->talk[talk].side[side];
    bool waits = (t->end == SIM_END_FIRST && side == 1) || (t->end == SIM_END_SECOND && side == 0);
    return s->wrote == wants(t, side) && !s->has_shut && (!waits || s->reads_end);
}

/* Everything was written, read and acknowledged: what does the engine think of it? */
static void finish_if_over(struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    struct sim_side *s = &w->talk[talk].side[side];
    struct hf_engine *e = engine_of(w, talk, side);
    struct hf_tcp_info info;
    if (!s->has_shut || !s->reads_end || hf_tcp_status(e, s->conn, &info) != HF_OK ||
        (info.state != HF_CLOSED && info.state != HF_TIME_WAIT))
        return;
    bool is_well = info.error == HF_OK && info.bytes_sent == s->wrote && info.bytes_received == s->read;
    if (sim_talk_is_peaceful(t) && (!is_well || info.bytes_lost != 0))
        sim_fail(w, host_of(t, side),
                 "talk %u, side %u: wrote %llu and read %llu, but the engine says %llu, %llu, %s", talk, side,
                 (unsigned long long)s->wrote, (unsigned long long)s->read, (unsigned long long)info.bytes_sent,
                 (unsigned long long)info.bytes_received, hf_error_text(info.error));
    sim_talks_look(w);
    (void)hf_tcp_release(e, s->conn);
    touch(w, talk, side);
    s->is_open = false;
    s->is_done = true;
}

/* ---- opening ---- */

static struct hf_tcp_options options_of(const struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    return (struct hf_tcp_options){.no_delay = t->no_delay,
                                   .keep_alive = t->keep_alive,
                                   .keep_idle_s = 30,
                                   .keep_interval_s = 10,
                                   .keep_count = 255,
                                   .fast_open = t->fast_open ? 4 : 0,
                                   .user = 2u * talk + side + 1};
}

static void open_listener(struct sim_world *w, unsigned talk)
{
    struct sim_talk *k = &w->talk[talk];
    const struct hf_endpoint local = {.port = SIM_PORT(talk)};
    const struct hf_tcp_options options = options_of(w, talk, 1);
    int error = hf_tcp_listen(engine_of(w, talk, 1), &local, &options, &k->listener);
    k->has_listener = error == HF_OK;
    if (error != HF_OK)
        sim_fail(w, host_of(&w->s->talk[talk], 1), "talk %u: listen says: %s", talk, hf_error_text(error));
}

static void connect_side(struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    struct sim_side *s = &w->talk[talk].side[side];
    const struct hf_tcp_options options = options_of(w, talk, side);
    bool both = t->open == SIM_OPEN_SIMULTANEOUS;
    const struct hf_endpoint local = {.port = side == 1 ? SIM_PORT(talk) : both ? SIM_ACTIVE(talk) : 0};
    const struct hf_endpoint remote = {.addr = sim_address(w->s, host_of(t, 1 - side)),
                                       .port = side == 0 ? SIM_PORT(talk) : SIM_ACTIVE(talk)};
    int error = hf_tcp_connect(engine_of(w, talk, side), &local, &remote, &options, &s->conn);
    s->is_open = error == HF_OK;
    touch(w, talk, side);
    if (error != HF_OK)
        sim_fail(w, host_of(t, side), "talk %u, side %u: connect says: %s", talk, side, hf_error_text(error));
}

/* A SYN with data that is delivered twice may make a connection that nobody asked for (RFC 7413, 2.1). */
static void refuse(struct sim_world *w, unsigned talk, hf_conn conn)
{
    if (!w->s->talk[talk].fast_open && sim_talk_is_peaceful(&w->s->talk[talk]))
        sim_fail(w, host_of(&w->s->talk[talk], 1), "talk %u: a connection came that nobody opened", talk);
    (void)hf_tcp_abort(engine_of(w, talk, 1), conn);
    (void)hf_tcp_release(engine_of(w, talk, 1), conn);
    touch(w, talk, 1);
}

static void accept_all(struct sim_world *w, unsigned talk)
{
    struct sim_talk *k = &w->talk[talk];
    hf_conn conn;
    while (k->has_listener && hf_tcp_accept(engine_of(w, talk, 1), k->listener, &conn) == HF_OK) {
        struct sim_side *s = &k->side[1];
        if (s->is_open || s->is_done) {
            refuse(w, talk, conn);
            continue;
        }
        s->conn = conn;
        s->is_open = true;
        touch(w, talk, 1);
    }
}

/* ---- one side ---- */

static bool ends_here(const struct sim_talk_knobs *t, unsigned side)
{
    return t->end == (side == 0 ? SIM_END_ABORT0 : SIM_END_ABORT1) ||
           t->end == (side == 0 ? SIM_END_CLOSE0 : SIM_END_CLOSE1);
}

/* The application has had enough. */
static void leave(struct sim_world *w, unsigned talk, unsigned side, bool aborts)
{
    struct sim_side *s = &w->talk[talk].side[side];
    struct hf_engine *e = engine_of(w, talk, side);
    if (s->is_open) {
        (void)(aborts ? hf_tcp_abort(e, s->conn) : hf_tcp_close(e, s->conn));
        (void)hf_tcp_release(e, s->conn);
    }
    touch(w, talk, side);
    s->is_open = false;
    s->has_ended = s->is_done = true;
    s->acts_at = HF_NEVER;
}

/* Violent ends, whose time comes whatever state the connection is in. True when the side has left. */
static bool leave_if_due(struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    struct sim_side *s = &w->talk[talk].side[side];
    if (sim_talk_is_peaceful(t) || s->is_done || !hf_time_reached(w->now, s->gives_up_at))
        return s->is_done;
    leave(w, talk, side, !ends_here(t, side) || t->end == SIM_END_ABORT0 || t->end == SIM_END_ABORT1);
    return true;
}

static void open_side(struct sim_world *w, unsigned talk, unsigned side)
{
    const struct sim_talk_knobs *t = &w->s->talk[talk];
    if (side == 0 || t->open == SIM_OPEN_SIMULTANEOUS)
        connect_side(w, talk, side);
    else if (!w->talk[talk].has_listener)
        open_listener(w, talk);
}

/* Does what it can. */
static void act(struct sim_world *w, unsigned talk, unsigned side)
{
    struct sim_side *s = &w->talk[talk].side[side];
    if (!s->is_open || !write_some(w, talk, side) || !read_some(w, talk, side))
        return;
    if (may_shut(w, talk, side)) {
        int error = hf_tcp_shutdown(engine_of(w, talk, side), s->conn);
        s->has_shut = error == HF_OK;
        touch(w, talk, side);
        if (has_failed(w, talk, side, "shutdown", error))
            return;
    }
    finish_if_over(w, talk, side);
}

static void close_talk_if_over(struct sim_world *w, unsigned talk)
{
    struct sim_talk *k = &w->talk[talk];
    if (k->is_over || !k->side[0].is_done || !k->side[1].is_done)
        return;
    k->is_over = true;
    w->result->talk[talk].over_at = w->now;
    if (k->has_listener)
        (void)hf_tcp_release(engine_of(w, talk, 1), k->listener);
    k->has_listener = false;
    touch(w, talk, 1);
}

/* ---- all of them ---- */

void sim_talks_begin(struct sim_world *w)
{
    for (unsigned i = 0; i < w->s->talks; i++) {
        const struct sim_talk_knobs *t = &w->s->talk[i];
        hf_time start = sim_instant(w, t->start_ms);
        for (unsigned side = 0; side < 2; side++) {
            struct sim_side *s = &w->talk[i].side[side];
            s->acts_at = side == 0 || t->open == SIM_OPEN_SIMULTANEOUS ? start
                         : t->open == SIM_OPEN_LATE                    ? sim_instant(w, t->start_ms + t->late_ms)
                                                                       : w->begin;
            s->gives_up_at = sim_talk_is_peaceful(t) ? HF_NEVER : sim_instant(w, t->start_ms + t->end_ms);
            if (!sim_talk_is_peaceful(t) && !ends_here(t, side))
                s->gives_up_at = hf_time_add(s->gives_up_at, SIM_PATIENCE);
        }
        w->result->talk[i].connected_at = w->result->talk[i].over_at = HF_NEVER;
    }
}

void sim_talks_heard(struct sim_world *w, unsigned host)
{
    struct hf_event event;
    while (!w->has_failed && hf_event(w->host[host].e, &event)) {
        if (event.user == 0 || event.user > 2 * w->s->talks)
            continue; /* of a record whose handle nobody has any more */
        unsigned talk = (unsigned)(event.user - 1) / 2, side = (unsigned)(event.user - 1) % 2;
        if (event.bits & HF_EV_ACCEPTABLE)
            accept_all(w, talk);
        const struct sim_side *s = &w->talk[talk].side[side];
        if (!s->is_open || (!hf_conn_equal(event.conn, s->conn) && !(event.bits & HF_EV_ACCEPTABLE)))
            continue;
        if ((event.fresh & HF_EV_CONNECTED) && side == 0)
            w->result->talk[talk].connected_at = hf_time_first(w->result->talk[talk].connected_at, w->now);
        act(w, talk, side);
        close_talk_if_over(w, talk);
    }
}

static void time_side(struct sim_world *w, unsigned talk, unsigned side)
{
    struct sim_side *s = &w->talk[talk].side[side];
    if (s->is_done || !hf_time_reached(w->now, hf_time_first(s->acts_at, s->gives_up_at)))
        return;
    hf_advance(engine_of(w, talk, side), w->now);
    touch(w, talk, side);
    if (leave_if_due(w, talk, side))
        return;
    s->acts_at = HF_NEVER;
    if (!s->is_open)
        open_side(w, talk, side);
    act(w, talk, side);
}

void sim_talks_timed(struct sim_world *w)
{
    for (unsigned i = 0; i < w->s->talks && !w->has_failed; i++) {
        if (w->talk[i].is_over)
            continue;
        for (unsigned side = 2; side-- > 0;) /* the far side listens first */
            time_side(w, i, side);
        close_talk_if_over(w, i);
    }
}

hf_time sim_talks_next(const struct sim_world *w)
{
    hf_time next = HF_NEVER;
    for (unsigned i = 0; i < w->s->talks; i++)
        for (unsigned side = 0; side < 2; side++) {
            const struct sim_side *s = &w->talk[i].side[side];
            if (!s->is_done)
                next = hf_time_first(next, hf_time_first(s->acts_at, s->gives_up_at));
        }
    return next;
}

bool sim_talks_are_over(const struct sim_world *w)
{
    for (unsigned i = 0; i < w->s->talks; i++)
        if (!w->talk[i].is_over)
            return false;
    return true;
}

void sim_talks_blame(struct sim_world *w)
{
    for (unsigned i = 0; i < w->s->talks; i++)
        for (unsigned side = 0; side < 2; side++) {
            const struct sim_side *s = &w->talk[i].side[side];
            struct hf_tcp_info info = {.state = HF_CLOSED};
            if (s->is_done)
                continue;
            if (s->is_open)
                (void)hf_tcp_status(engine_of(w, i, side), s->conn, &info);
            sim_fail(w, host_of(&w->s->talk[i], side),
                     "talk %u, side %u is stuck%s: %s, wrote %llu of %llu, read %llu of %llu", i, side,
                     s->is_open ? "" : " before it was open", hf_state_text(info.state),
                     (unsigned long long)s->wrote, (unsigned long long)wants(&w->s->talk[i], side),
                     (unsigned long long)s->read, (unsigned long long)wants(&w->s->talk[i], 1 - side));
        }
}

void sim_talks_look(struct sim_world *w)
{
    for (unsigned i = 0; i < w->s->talks; i++)
        for (unsigned side = 0; side < 2; side++) {
            struct hf_tcp_info info;
            const struct sim_side *s = &w->talk[i].side[side];
            if (!s->is_open || hf_tcp_status(engine_of(w, i, side), s->conn, &info) != HF_OK)
                continue;
            w->result->talk[i].retransmits[side] = info.retransmits;
            w->result->talk[i].srtt_us[side] = info.srtt_us;
        }
}

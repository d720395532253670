/* The rules. Read first: findings.h, book.h. */
#define _GNU_SOURCE
#include "findings.h"

#include <stdio.h>
#include <string.h>

#define LOCAL_PORTS 28232u /* of Linux's default range, 32768 to 60999 */

/* clang-format off */
const struct finding_kind finding_kinds[FINDING_COUNT] = {
    [FINDING_CLOSE_WAIT] = {
        "close-wait-leak", true, "never closed after the peer closed (CLOSE-WAIT)",
        "The peer's FIN was acknowledged long ago and the program has neither sent nor closed since. TCP "
        "never ends this by itself.",
        "Close the descriptor when read returns 0, and on every path that leaves the handler, errors too.",
        "tcp_fin_timeout, tcp_tw_reuse and tcp_keepalive_time do not touch CLOSE-WAIT; a higher descriptor "
        "limit only delays the end."},
    [FINDING_INHERITED] = {
        "inherited-descriptor", true, "held open by a second process",
        "More than one process holds the descriptor, so that a close in one of them sends no FIN.",
        "Close the descriptor in the child (or the parent) right after fork, and open sockets with "
        "SOCK_CLOEXEC so that exec closes them.",
        "Calling shutdown() from the parent ends the connection for the child too."},
    [FINDING_POOL] = {
        "close-wait-pool", false, "idle in a pool after the peer closed (CLOSE-WAIT)",
        "A small, steady number: connections kept for reuse whose servers have closed them.",
        "Nothing needs doing. A pool that drops them when they become readable saves one failed request each.", NULL},
    [FINDING_SLOW_CLOSE] = {
        "slow-close", false, "closed long after the peer closed",
        "The connection stood in CLOSE-WAIT for a while, idle, and was closed then.",
        "If a garbage collector or a time limit closes them, close them where the work ends.", NULL},
    [FINDING_HALF_CLOSED] = {
        "half-closed", true, "half-closed for ever (FIN-WAIT-2)",
        "The program has ended its sending direction and holds the descriptor; the peer has not closed its own.",
        "Read with a time limit after shutdown(SHUT_WR), and close when it is over.",
        "tcp_fin_timeout counts only for descriptors that are closed; this one is not."},
    [FINDING_RESET_UNREAD] = {
        "reset-unread", true, "reset because the program closed with unread data",
        "close() with data unread sends RST instead of FIN, and the peer's kernel may throw away what the "
        "program sent last.",
        "Read to the end before closing; a server that refuses a request: shutdown(SHUT_WR), read and "
        "discard for a moment, then close.",
        "SO_LINGER with a time does not help: it waits for sending, not for reading."},
    [FINDING_RESET_LINGER] = {
        "reset-linger", true, "reset on purpose: closed with SO_LINGER 0",
        "A linger time of zero makes close() send RST and discard everything not yet acknowledged.",
        "Leave SO_LINGER alone and close; TIME-WAIT on the side that closes first is harmless.",
        "Linger 0 against TIME-WAIT: it trades a small record in the kernel for lost replies."},
    [FINDING_RESET_LATE] = {
        "reset-late-data", true, "reset because data came after the program had closed",
        "The program closed both directions while the peer was still sending; the data was answered with RST.",
        "Agree on who closes: end the sending direction with shutdown(SHUT_WR), read until the peer ends its "
        "own, then close.",
        "Sleeping before close only makes it rarer."},
    [FINDING_WRITE_AFTER_CLOSE] = {
        "keep-alive-race", true, "written to after the peer had closed, and reset",
        "A kept connection was used again although the peer's FIN had arrived before: the request is lost.",
        "Before reuse, look whether the connection is readable (it ended); keep idle connections for less "
        "time than the server does; "
        "send idempotent requests again once.",
        "A longer keep-alive on the client makes it more likely."},
    [FINDING_NEVER_ACCEPTED] = {
        "never-accepted", true, "never accepted by the program",
        "The kernel has completed the handshake and holds the connection in the listener's queue; nobody calls accept.",
        "Keep accepting: do not block the accepting thread on one client, and after EMFILE free a descriptor "
        "and go on.",
        "A larger backlog only makes the queue of the forgotten longer."},
    [FINDING_NEVER_USED] = {
        "never-used", false, "opened and never used",
        "Not a byte has gone either way.",
        "Open connections when they are needed, or give idle ones a time limit.", NULL},
    [FINDING_DEAD_DESCRIPTOR] = {
        "dead-descriptor", true, "descriptors whose connection is long over",
        "Both directions have ended, so that no list of connections shows it, but the descriptor was never closed.",
        "shutdown() does not free a descriptor: call close() as well, also after an error or a reset.",
        "A higher descriptor limit (ulimit -n) only delays EMFILE."},
    [FINDING_TIME_WAIT] = {
        "time-wait", false, "in TIME-WAIT: the program closes first",
        "Whoever closes first keeps a small record for a minute. It costs little, until ports towards one "
        "peer run out.",
        "Keep connections and reuse them, or let the other side close first.",
        "tcp_max_tw_buckets below the number in use, or linger 0: both give up what TIME-WAIT protects."},
    [FINDING_NO_PORTS] = {
        "ports-short", true, "in TIME-WAIT: few local ports are left towards one peer",
        "Each new connection to the same address and port needs a local port that is not in use or in TIME-WAIT.",
        "Keep connections and reuse them; then tcp_tw_reuse=1, a wider ip_local_port_range, or several "
        "addresses of the server.",
        "tcp_tw_recycle broke clients behind a NAT, and is gone since Linux 4.12."},
    [FINDING_SLOW_ACCEPT] = {
        "slow-accept", false, "waited long to be accepted",
        "The listener's queue was not empty for a while: the program accepts more slowly than clients come.",
        "Accept in a loop until EAGAIN, and do the work elsewhere.",
        "A larger backlog hides the wait, it does not shorten it."},
    [FINDING_OVERFLOW] = {
        "backlog-overflow", true, "dropped because the listener's queue was full",
        "Each was a client's attempt that the kernel forgot; the client tries again after a second or more.",
        "Accept faster; for bursts, a larger backlog in listen() and net.core.somaxconn.",
        "tcp_abort_on_overflow turns the delay into an error."},
    [FINDING_DENIED] = {
        "denied", false, "kept from a destination out of reach",
        "The host's loopback and private networks are out of reach unless allowed.",
        "--allow PREFIX[:PORT], or --host-loopback for the gateway's address.", NULL},
};
/* clang-format on */

void findings_limits_init(struct findings_limits *limits, hf_ns leak_age)
{
    *limits = (struct findings_limits){
        .leak_age = leak_age,
        .exit_age = leak_age < HF_SECOND ? leak_age : HF_SECOND,
        .half_age = 6 * leak_age,
        .pool = 8,
        .time_wait = 1000,
    };
}

/* ---- groups ---- */

struct maker {
    struct findings *f;
    const struct findings_limits *limits;
    hf_time now, surveyed_at;
    struct hf_engine *e;
};

/* Where the group's trouble comes from: a place in the program, or else the process and the peer. */
static bool is_of_group(const struct finding *g, enum finding_id id, const struct record *r)
{
    if (g->id != id || g->is_published != r->is_published)
        return false;
    if (r->opened_stack != STACK_NONE || g->opened_stack != STACK_NONE)
        return g->opened_stack == r->opened_stack && g->closed_stack == r->closed_stack;
    if (strcmp(g->holder.name, r->holder.name) != 0)
        return false;
    return r->is_published ? g->at.port == r->inside.port
                           : g->at.port == r->outside.port && hf_addr_equal(&g->at.addr, &r->outside.addr);
}

static struct finding *append(struct findings *f, enum finding_id id)
{
    if (f->count == FINDINGS_MAX)
        return NULL;
    struct finding *g = &f->at[f->count++];
    *g = (struct finding){.id = id};
    return g;
}

static struct finding *group_of(struct findings *f, enum finding_id id, const struct record *r)
{
    for (unsigned i = 0; i < f->count; i++)
        if (is_of_group(&f->at[i], id, r))
            return &f->at[i];
    struct finding *g = append(f, id);
    if (!g)
        return NULL;
    g->is_published = r->is_published;
    g->at = r->is_published ? r->inside : r->outside;
    g->holder = r->holder;
    g->other = r->other;
    g->opened_stack = r->opened_stack;
    g->closed_stack = r->closed_stack;
    g->earliest_end = HF_NEVER;
    return g;
}

static void put(struct maker *m, enum finding_id id, const struct record *r, hf_ns age, uint64_t bytes)
{
    struct finding *g = group_of(m->f, id, r);
    if (!g)
        return;
    if (g->count == 0 || age < g->youngest)
        g->youngest = age;
    if (age > g->oldest)
        g->oldest = age;
    g->count++;
    g->bytes += bytes;
    g->is_at_exit |= r->is_at_exit;
    if (g->holder.pid == 0)
        g->holder = r->holder;
    if (g->fd_count < FINDING_FDS && r->holder.pid != 0)
        g->fds[g->fd_count++] = r->holder.fd;
    if (r->peer_ended_at.ns != 0)
        g->earliest_end = hf_time_first(g->earliest_end, r->peer_ended_at);
}

/* ---- rules about one connection ---- */

static hf_time end_of(const struct maker *m, const struct record *r)
{
    if (r->inside_ended_at.ns != 0)
        return r->inside_ended_at;
    return book_is_open(r) ? m->now : r->over_at;
}

static hf_ns limit_of(const struct maker *m, const struct record *r)
{
    return r->is_at_exit ? m->limits->exit_age : m->limits->leak_age;
}

/* The far side has closed, and PROGRAM did nothing with it. */
static void check_close_wait(struct maker *m, const struct record *r)
{
    if (r->peer_ended_at.ns == 0 || r->program_closed_first)
        return;
    hf_time since = hf_time_before(r->peer_ended_at, r->wrote_at) ? r->wrote_at : r->peer_ended_at;
    hf_ns age = hf_time_since(end_of(m, r), since);
    bool was_closed = r->inside_ended_at.ns != 0 && !r->is_at_exit;
    if (was_closed) {
        if (age >= m->limits->leak_age)
            put(m, FINDING_SLOW_CLOSE, r, age, 0);
        return;
    }
    if (age >= limit_of(m, r))
        put(m, r->closes > 0 || r->other.pid != 0 ? FINDING_INHERITED : FINDING_CLOSE_WAIT, r, age, r->unread);
}

/* Closed when everything was said, but the peer hears nothing of it: another process has the descriptor too. (A
 * server that forks closes its own copy first, and the child writes then.) */
static void check_inherited(struct maker *m, const struct record *r)
{
    hf_ns age = hf_time_since(end_of(m, r), r->closed_at);
    bool was_last_word = r->wrote_at.ns != 0 && hf_time_before(r->wrote_at, r->closed_at);
    bool is_silent = r->inside_ended_at.ns == 0 || r->is_at_exit;
    if (r->peer_ended_at.ns == 0 && is_silent && r->closes > 0 && was_last_word && age >= limit_of(m, r))
        put(m, FINDING_INHERITED, r, age, r->unread);
}

static void check_half_closed(struct maker *m, const struct record *r)
{
    bool is_half = r->inside_ended_at.ns != 0 && r->peer_ended_at.ns == 0 && r->end == END_NONE;
    if (!is_half || !r->is_held)
        return;
    hf_ns age = hf_time_since(m->now, r->inside_ended_at);
    if (age >= m->limits->half_age)
        put(m, FINDING_HALF_CLOSED, r, age, 0);
}

static void check_reset(struct maker *m, const struct record *r)
{
    hf_ns age = hf_time_since(m->now, r->over_at);
    if (r->end == END_RESET_BY_FAR_SIDE && r->wrote_after_peer_end && !r->is_published)
        put(m, FINDING_WRITE_AFTER_CLOSE, r, hf_time_since(r->wrote_at, r->peer_ended_at), 0);
    if (r->end != END_RESET_BY_PROGRAM)
        return;
    bool peer_was_done = r->peer_ended_at.ns != 0;
    if (r->cause == CAUSE_UNREAD && (r->is_published || !peer_was_done)) /* a client may leave a farewell unread */
        put(m, FINDING_RESET_UNREAD, r, age, r->bytes_lost + r->unread);
    else if (r->cause == CAUSE_LINGER)
        put(m, FINDING_RESET_LINGER, r, age, r->bytes_lost);
    else if (r->cause == CAUSE_LATE)
        put(m, FINDING_RESET_LATE, r, age, r->bytes_lost);
}

static bool is_unused(const struct maker *m, const struct record *r)
{
    struct hf_tcp_info info;
    if (!book_is_open(r) || !r->call)
        return r->bytes_in == 0 && r->bytes_out == 0 && r->is_at_exit;
    return hf_tcp_status(m->e, r->call->conn, &info) == HF_OK && info.bytes_sent == 0 && info.bytes_received == 0;
}

/* It is in no process's hands, as far as a survey could see. But what has spoken was accepted, and surveys are few. */
static bool was_never_accepted(const struct maker *m, const struct record *r)
{
    struct hf_tcp_info info;
    bool was_surveyed = hf_time_before(hf_time_add(r->opened_at, HF_SECOND / 4), m->surveyed_at);
    if (!r->is_published || r->is_accepted || !was_surveyed)
        return false;
    if (!book_is_open(r) || !r->call)
        return r->bytes_out == 0;
    return hf_tcp_status(m->e, r->call->conn, &info) == HF_OK && info.bytes_received == 0;
}

static void check_unused(struct maker *m, const struct record *r)
{
    hf_ns age = hf_time_since(end_of(m, r), r->opened_at);
    if (age < limit_of(m, r) || r->peer_ended_at.ns != 0 || (!book_is_open(r) && !r->is_at_exit))
        return;
    if (was_never_accepted(m, r))
        put(m, FINDING_NEVER_ACCEPTED, r, age, r->unread);
    else if (is_unused(m, r) && r->closes == 0)
        put(m, FINDING_NEVER_USED, r, age, 0);
}

static void check_dead(struct maker *m, const struct record *r)
{
    hf_ns age = hf_time_since(m->surveyed_at, r->over_at);
    if (!book_is_open(r) && r->held_dead_since.ns != 0 && r->is_held && age >= m->limits->exit_age)
        put(m, FINDING_DEAD_DESCRIPTOR, r, age, 0);
}

static void check_record(struct maker *m, const struct record *r)
{
    if (was_never_accepted(m, r) && r->peer_ended_at.ns != 0) { /* it waits, and its client has gone */
        hf_ns age = hf_time_since(end_of(m, r), r->opened_at);
        if (age >= limit_of(m, r))
            put(m, FINDING_NEVER_ACCEPTED, r, age, r->unread);
        return;
    }
    check_close_wait(m, r);
    check_inherited(m, r);
    check_half_closed(m, r);
    check_reset(m, r);
    check_unused(m, r);
    check_dead(m, r);
}

/* ---- rules about many ---- */

static void count_growth(struct findings *f, const struct book *book)
{
    for (const struct record *r = book->records; r; r = r->next)
        for (unsigned i = 0; i < f->count; i++) {
            struct finding *g = &f->at[i];
            bool is_later = g->id == FINDING_CLOSE_WAIT && hf_time_before(g->earliest_end, r->opened_at);
            g->grown += is_later && is_of_group(g, g->id, r) && r->inside_ended_at.ns == 0;
        }
}

/* A client may keep a few; more than that, or more and more, is a leak. */
static void judge_pools(struct maker *m)
{
    for (unsigned i = 0; i < m->f->count; i++) {
        struct finding *g = &m->f->at[i];
        if (g->id == FINDING_CLOSE_WAIT && !g->is_published && g->count <= m->limits->pool &&
            g->count < 3 + (g->grown == 0) * 6)
            g->id = FINDING_POOL;
    }
}

static void check_strays(struct maker *m, const struct survey *s, bool has_ended)
{
    struct finding *g = NULL;
    for (unsigned i = 0; i < s->stray_count; i++) {
        const struct survey_stray *stray = &s->strays[i];
        hf_ns age = hf_time_since(m->surveyed_at, stray->since);
        if (age < (has_ended ? m->limits->exit_age : m->limits->leak_age))
            continue;
        if (!g)
            g = append(m->f, FINDING_DEAD_DESCRIPTOR);
        if (!g)
            return;
        g->count++;
        g->holder = stray->holder;
        g->oldest = age > g->oldest ? age : g->oldest;
        if (g->fd_count < FINDING_FDS)
            g->fds[g->fd_count++] = stray->holder.fd;
        snprintf(g->detail, sizeof g->detail,
                 "these TCP descriptors are not connected: never were, or no longer are");
    }
}

static void check_listeners(struct maker *m, const struct survey *s, uint64_t overflows)
{
    for (unsigned i = 0; i < s->listener_count; i++) {
        const struct survey_listener *l = &s->listeners[i];
        hf_ns wait = l->longest_wait;
        if (wait < HF_SECOND)
            continue;
        struct finding *g = append(m->f, FINDING_SLOW_ACCEPT);
        if (!g)
            return;
        g->count = l->most_waiting;
        g->is_published = true;
        g->at = l->local;
        g->holder = l->holder;
        g->listen_stack = l->stack;
        g->oldest = wait;
        snprintf(g->detail, sizeof g->detail, "the queue was never empty for %.1f s; at most %u of %u waited",
                 (double)wait / 1e9, l->most_waiting, l->backlog);
    }
    struct finding *g = overflows > 0 ? append(m->f, FINDING_OVERFLOW) : NULL;
    if (!g)
        return;
    g->count = (unsigned)overflows;
    if (s->listener_count == 1) {
        g->is_published = true;
        g->at = s->listeners[0].local;
        g->holder = s->listeners[0].holder;
        g->listen_stack = s->listeners[0].stack;
    }
}

/* What nobody accepted is named by who listens. */
static void name_listeners(struct maker *m, const struct survey *s)
{
    for (unsigned i = 0; i < m->f->count; i++)
        for (unsigned k = 0; k < s->listener_count; k++) {
            struct finding *g = &m->f->at[i];
            if (g->id != FINDING_NEVER_ACCEPTED || s->listeners[k].local.port != g->at.port)
                continue;
            g->holder = s->listeners[k].holder;
            g->fds[0] = g->holder.fd;
            g->fd_count = 1;
            g->listen_stack = s->listeners[k].stack;
        }
}

static void check_time_wait(struct maker *m, const struct survey *s)
{
    for (unsigned i = 0; i < s->peer_count; i++) {
        const struct survey_peer *p = &s->peers[i];
        bool is_short = p->local_port == 0 && p->time_wait > LOCAL_PORTS * 8 / 10;
        if (p->time_wait < m->limits->time_wait)
            continue;
        struct finding *g = append(m->f, is_short ? FINDING_NO_PORTS : FINDING_TIME_WAIT);
        if (!g)
            return;
        g->count = p->time_wait;
        g->is_published = p->local_port != 0;
        g->at = p->at;
        if (g->is_published)
            g->at.port = p->local_port;
        else
            snprintf(g->detail, sizeof g->detail, "%u of %u local ports are left towards it",
                     p->time_wait < LOCAL_PORTS ? LOCAL_PORTS - p->time_wait : 0, LOCAL_PORTS);
    }
}

static void check_denied(struct maker *m, const struct book *book)
{
    struct finding *g = book->totals.denied > 0 ? append(m->f, FINDING_DENIED) : NULL;
    if (!g)
        return;
    g->count = (unsigned)book->totals.denied;
    g->at = book->last_denied;
}

void findings_count(struct findings *f)
{
    f->problems = f->notes = f->suppressed = 0;
    for (unsigned i = 0; i < f->count; i++) {
        const struct finding *g = &f->at[i];
        f->suppressed += g->is_suppressed;
        f->problems += !g->is_suppressed && finding_kinds[g->id].is_problem;
        f->notes += !g->is_suppressed && !finding_kinds[g->id].is_problem;
    }
}

void findings_make(struct findings *f, const struct book *book, const struct survey *survey,
                   const struct findings_limits *limits, uint64_t overflows, bool has_ended, hf_time now)
{
    *f = (struct findings){.count = 0};
    struct maker m = {.f = f, .limits = limits, .now = now, .surveyed_at = survey->at, .e = book->e};
    for (const struct record *r = book->records; r; r = r->next)
        check_record(&m, r);
    count_growth(f, book);
    judge_pools(&m);
    check_strays(&m, survey, has_ended);
    check_listeners(&m, survey, overflows);
    name_listeners(&m, survey);
    check_time_wait(&m, survey);
    check_denied(&m, book);
    findings_count(f);
}

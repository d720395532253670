/*
 * Notes become rows: states and reasons are joined to the segments they belong to, bulk is folded, and rows wait
 * for what the peer has to say.
 *
 * Read next: ladder_segment.c (a segment's row), ladder_peer.c (what segments say of the peer), ladder_fold.c,
 * ladder_row.c (how a row is drawn).
 */
#include "ladder.h"

#include "ladder_fold.h"
#include "ladder_peer.h"
#include "ladder_segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTIONS_MAX = 256, /* followed at once; the one silent longest makes room */
    PENDING_MAX = 64,      /* rows waiting to be drawn */
    PLAIN_SHOWN = 4,       /* ordinary segments drawn one by one after each change of state */
    LOUD_SHOWN = 8,        /* and of those that stand out */
    WIDE = 120,            /* columns from which on every segment shows its window */
};

#define BULK_NS  (200 * HF_MS) /* segments further apart than this are not bulk */
#define JOIN_NS  (50 * HF_MS)  /* how long a call waits for the segment it causes */
#define OVER_NS  (100 * HF_MS) /* how often a fold that goes on is drawn over */
#define PAUSE_NS HF_SECOND     /* from here on a gap in time is drawn */

struct connection {
    struct hf_endpoint local, remote;
    unsigned number;
    bool is_nobodys; /* there is no record of it, so far */
    uint32_t iss;
    enum hf_state first_state, state;
    enum hf_state first_peer_state;
    struct peer peer;
    struct numbers numbers;
    bool is_begun;            /* its header was drawn */
    bool asks;                /* its peer's state may have changed */
    bool is_held;             /* but what we sent has not reached it */
    bool is_known;            /* the peer has answered once, so that "no such connection" means CLOSED */
    enum hf_state peer_shown; /* before the row that is being made */
    unsigned plain_shown, loud_shown;
    hf_time last_at;
    struct fold fold;
};

/* A row that waits, and what may still join it. */
struct pending {
    struct row row;
    unsigned number;
    bool is_call;                    /* a call or a timer changed the state: the segment that follows joins */
    bool is_echo;                    /* ... and says the same as the reason of the change */
    bool is_held;                    /* the segment is still on its way */
    enum hf_state state, peer_state; /* at that time */
    enum hf_state peer_before;       /* the peer's before this row */
    bool is_peer_read;
    bool is_nobodys; /* the segment belonged to no connection */
};

struct ladder {
    struct ladder_options options;
    struct layout layout;
    bool has_start, is_drawn_over, holds, has_ended;
    hf_time start, last_at, drawn_over_at;
    unsigned numbers;     /* connections so far */
    unsigned last_number; /* whose row was drawn last */
    unsigned count;
    struct connection *connections;
    unsigned pending_count;
    struct pending pending[PENDING_MAX];
};

/* ---- making ---- */

struct ladder *ladder_new(const struct ladder_options *options)
{
    struct ladder *l = calloc(1, sizeof *l);
    struct connection *connections = calloc(CONNECTIONS_MAX, sizeof *connections);
    if (l == NULL || connections == NULL) {
        free(l);
        free(connections);
        return NULL;
    }
    l->connections = connections;
    l->options = *options;
    if (l->options.left == NULL)
        l->options.left = "peer";
    if (l->options.right == NULL)
        l->options.right = "Handfast";
    l->layout = layout_of(&options->terminal, options->is_numbered);
    return l;
}

void ladder_free(struct ladder *l)
{
    if (l == NULL)
        return;
    free(l->connections);
    free(l);
}

/* ---- connections ---- */

static bool has_tuple(const struct connection *c, const struct hf_note *note)
{
    return c->local.port == note->local.port && c->remote.port == note->remote.port &&
           hf_addr_equal(&c->remote.addr, &note->remote.addr) && hf_addr_equal(&c->local.addr, &note->local.addr);
}

/*
 * A connection is its tuple and its initial numbers: its handle changes on the way, as a half-open or TIME-WAIT record
 * has none. What is nobody's goes to the latest connection of that tuple, unless it would open another one.
 */
static bool is_of(const struct connection *c, const struct hf_note *note)
{
    bool opens = note->kind == HF_NOTE_IN && (note->flags & TCP_SYN);
    if (!has_tuple(c, note))
        return false;
    if (note_is_nobodys(note))
        return !opens || (c->is_nobodys && c->numbers.irs == note->seq);
    if (c->is_nobodys)
        return note->irs == c->numbers.irs;
    bool is_forgetful = note->from == HF_TIME_WAIT && c->state == HF_TIME_WAIT;
    return is_forgetful || note->iss == c->iss;
}

static struct connection *of_number(struct ladder *l, unsigned number)
{
    for (unsigned i = 0; i < l->count; i++)
        if (l->connections[i].number == number)
            return &l->connections[i];
    return NULL;
}

static struct connection *longest_silent(struct ladder *l)
{
    struct connection *c = &l->connections[0];
    for (unsigned i = 1; i < l->count; i++)
        if (hf_time_before(l->connections[i].last_at, c->last_at))
            c = &l->connections[i];
    return c;
}

static struct connection *meet_again(struct connection *c, const struct hf_note *note)
{
    if (c->is_nobodys && !note_is_nobodys(note)) {
        c->is_nobodys = false;
        c->iss = note->iss;
    }
    return c;
}

static struct connection *connection_of(struct ladder *l, const struct hf_note *note)
{
    for (unsigned i = l->count; i-- > 0;)
        if (is_of(&l->connections[i], note))
            return meet_again(&l->connections[i], note);
    struct connection *c = l->count < CONNECTIONS_MAX ? &l->connections[l->count++] : longest_silent(l);
    *c = (struct connection){
        .local = note->local,
        .remote = note->remote,
        .number = ++l->numbers,
        .is_nobodys = note_is_nobodys(note),
        .iss = note->iss,
        .first_state = note->from,
        .state = note->from,
        .last_at = note->at,
    };
    peer_begin(&c->peer, note);
    c->first_peer_state = c->peer.state;
    return c;
}

/* ---- drawing ---- */

static void write_text(void *arg, const char *text, size_t len)
{
    struct ladder *l = arg;
    l->options.write(l->options.arg, text, len);
}

static void write_line(struct ladder *l, struct line *line)
{
    line_end(line);
    write_text(l, line->text, line->len);
}

static void draw_legend(struct ladder *l)
{
    struct line line;
    line_begin(&line, &l->options.terminal);
    if (l->options.is_peer_read)
        line_print(&line, INK_FAINT, "STATE of the %s is read from it; (STATE) is inferred from the segments.",
                   l->options.left);
    else
        line_print(&line, INK_FAINT, "(STATE) of the %s is inferred from the segments.", l->options.left);
    write_line(l, &line);
    write_text(l, "\n", 1);
}

static void print_endpoint(const struct hf_endpoint *end, char text[HF_ADDR_TEXT_LEN + 10])
{
    char addr[HF_ADDR_TEXT_LEN];
    hf_addr_print(&end->addr, addr);
    snprintf(text, HF_ADDR_TEXT_LEN + 10, hf_addr_is_v4(&end->addr) ? "%s:%u" : "[%s]:%u", addr, end->port);
}

/* The name of each rail ends or begins above it, unless an address is too long for that; two such take two lines. */
static void draw_names(struct ladder *l, const struct connection *c)
{
    struct line line;
    char left[HF_ADDR_TEXT_LEN + 10], right[HF_ADDR_TEXT_LEN + 10], number[16];
    print_endpoint(&c->remote, left);
    print_endpoint(&c->local, right);
    line_begin(&line, &l->options.terminal);
    if (l->options.is_numbered) {
        snprintf(number, sizeof number, "%u", c->number);
        line_put_right(&line, INK_STRONG, number, l->layout.number_end - 1);
        line_pad(&line, l->layout.number_end);
    }
    line_pad(&line, l->layout.left_rail - text_columns(l->options.left) - text_columns(left));
    line_put(&line, INK_STRONG, l->options.left);
    line_print(&line, INK_FAINT, " %s", left);
    int latest = l->layout.width - text_columns(l->options.right) - 1 - text_columns(right);
    if (line.columns >= latest) {
        write_line(l, &line);
        line_begin(&line, &l->options.terminal);
    }
    line_pad(&line, latest < l->layout.right_rail ? latest : l->layout.right_rail);
    line_put(&line, INK_STRONG, l->options.right);
    line_print(&line, INK_FAINT, " %s", right);
    write_line(l, &line);
}

static void draw_header(struct ladder *l, struct connection *c)
{
    bool is_unknown = c->first_peer_state == HF_LISTEN; /* whether anybody listens is still to be seen */
    struct row row = {.left = is_unknown ? NO_STATE : (int)c->first_peer_state, .is_guess = true};
    c->is_begun = true;
    if (l->last_number == 0)
        draw_legend(l);
    else
        write_text(l, "\n", 1);
    draw_names(l, c);
    row_say(&row, (int)c->first_state, INK_PLAIN, "");
    row_draw_ends(&l->layout, &row, true, write_text, l);
    l->last_number = c->number;
}

static void draw_pause(struct ladder *l, hf_ns pause)
{
    struct row row = {.has_no_time = true, .left = NO_STATE, .ink = INK_FAINT};
    const char *dots = l->options.terminal.is_ascii ? ". . ." : "· · ·";
    snprintf(row.label, sizeof row.label, "%s  %.1f s  %s", dots, (double)pause / HF_SECOND, dots);
    row_draw(&l->layout, &row, l->start, write_text, l);
}

/* Where rows of several connections mix, each turn repeats the states. */
static void restate(struct pending *p)
{
    struct row *row = &p->row;
    bool has_state = row->left != NO_STATE || p->is_nobodys;
    for (unsigned i = 0; i < row->word_count; i++)
        has_state = has_state || row->words[i].state != NO_STATE;
    if (has_state)
        return;
    row->is_restated = true;
    row->left = (int)p->peer_state;
    row->is_guess = !p->is_peer_read;
    if (row->word_count == 0)
        row_say(row, NO_STATE, INK_FAINT, "");
    row->words[0].state = (int)p->state;
}

/* Takes back a line that stood only for the time being. */
static void clear_line(struct ladder *l)
{
    if (l->is_drawn_over)
        write_text(l, "\r\033[K", 4);
    l->is_drawn_over = false;
}

static void draw_row(struct ladder *l, struct connection *c, struct pending *p)
{
    struct row *row = &p->row;
    clear_line(l);
    if (!l->has_start) {
        l->has_start = true;
        l->start = l->last_at = row->at;
    }
    hf_ns pause = hf_time_since(row->at, l->last_at);
    if (!c->is_begun)
        draw_header(l, c);
    else if (pause >= PAUSE_NS)
        draw_pause(l, pause);
    if (l->last_number != c->number)
        restate(p);
    row_draw(&l->layout, row, l->start, write_text, l);
    l->last_number = c->number;
    hf_time end = hf_time_add(row->at, row->lasts);
    if (hf_time_before(l->last_at, end))
        l->last_at = end;
}

/* ---- rows that wait ---- */

static void draw_pending(struct ladder *l, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct connection *c = of_number(l, l->pending[i].number);
        if (c != NULL)
            draw_row(l, c, &l->pending[i]);
    }
    l->pending_count -= count;
    memmove(l->pending, l->pending + count, l->pending_count * sizeof *l->pending);
}

static struct pending *add_pending(struct ladder *l, const struct connection *c, const struct row *row)
{
    if (l->pending_count == PENDING_MAX)
        draw_pending(l, PENDING_MAX);
    struct pending *p = &l->pending[l->pending_count++];
    *p = (struct pending){
        .row = *row,
        .number = c->number,
        .state = c->state,
        .peer_state = c->peer.state,
        .peer_before = c->peer_shown,
        .is_peer_read = c->peer.is_read,
        .is_nobodys = c->is_nobodys,
    };
    p->row.number = c->number;
    return p;
}

static struct pending *last_pending(struct ladder *l, const struct connection *c)
{
    for (unsigned i = l->pending_count; i-- > 0;)
        if (l->pending[i].number == c->number)
            return &l->pending[i];
    return NULL;
}

/* Ends a fold: its rows come before whatever made it end. */
static void unfold(struct ladder *l, struct connection *c)
{
    struct row rows[FOLD_ROWS];
    unsigned count = fold_rows(&c->fold, rows);
    for (unsigned i = 0; i < count; i++)
        add_pending(l, c, &rows[i]);
    c->fold.count = 0;
    c->fold.in = c->fold.out = (struct flow){0};
}

/* ---- segments ---- */

/* Bulk is what comes close together, changes no state, and has been drawn often enough already. */
static bool may_fold(struct connection *c, const struct hf_note *note, const struct row *row)
{
    if (segment_is_marked(note) || note->from != note->to || row->left != NO_STATE) {
        c->plain_shown = c->loud_shown = 0;
        return false;
    }
    if (hf_time_since(note->at, c->last_at) >= BULK_NS)
        c->plain_shown = c->loud_shown = 0;
    bool is_ordinary = segment_is_ordinary(note, row);
    unsigned *shown = is_ordinary ? &c->plain_shown : &c->loud_shown;
    if (*shown >= (is_ordinary ? PLAIN_SHOWN : LOUD_SHOWN))
        return true;
    (*shown)++;
    return false;
}

/* The segment that a call caused takes the call's row. "CLOSE call" says no more than "close" on a FIN does. */
static void join_call(const struct connection *c, struct pending *p, struct row *row)
{
    struct words own = row->words[0];
    unsigned has_words = row->word_count;
    memcpy(row->words, p->row.words, sizeof row->words);
    row->word_count = p->row.word_count;
    if (p->is_echo && has_words > 0 && row->word_count > 0) {
        struct words *last = &row->words[row->word_count - 1];
        memcpy(last->text, own.text, sizeof last->text);
        last->ink = own.ink;
    } else if (has_words > 0) {
        row_say(row, own.state, own.ink, own.text);
    }
    row->number = p->number;
    p->row = *row;
    p->peer_before = c->peer_shown;
    p->is_call = false;
}

static void note_segment(struct ladder *l, struct connection *c, const struct hf_note *note)
{
    struct row row = {0};
    c->peer_shown = c->peer.state;
    numbers_learn(&c->numbers, note);
    segment_row(&c->numbers, note, l->layout.width >= WIDE, &row);
    bool tells = !segment_was_dropped(note) || c->is_nobodys; /* an old duplicate tells nothing of the peer now */
    if (tells && peer_note(&c->peer, note)) {
        row.left = (int)c->peer.state;
        row.is_guess = !c->peer.is_read;
    }
    c->asks = c->asks || row.left != NO_STATE || segment_is_marked(note);
    bool is_folded = may_fold(c, note, &row);
    c->last_at = note->at;
    if (is_folded) {
        fold_add(&c->fold, note, &row);
        return;
    }
    unfold(l, c);
    struct pending *p = last_pending(l, c);
    if (p != NULL && p->is_call && note->kind == HF_NOTE_OUT && segment_is_marked(note))
        join_call(c, p, &row);
    else
        p = add_pending(l, c, &row);
    p->is_held = l->holds && note->kind == HF_NOTE_OUT;
    c->is_held = c->is_held || p->is_held;
}

/* ---- states ---- */

enum cause { BY_SEGMENT, BY_CALL, BY_TIME };

static enum cause cause_of(enum hf_reason why)
{
    switch (why) {
    case HF_EDGE_OPEN_ACTIVE:
    case HF_EDGE_OPEN_PASSIVE:
    case HF_EDGE_CLOSE:
    case HF_EDGE_ABORT:
    case HF_EDGE_UNREAD:
    case HF_EDGE_LISTENER_CLOSED:
        return BY_CALL;
    case HF_EDGE_SYN_TIMED_OUT:
    case HF_EDGE_R2:
    case HF_EDGE_USER_TIMEOUT:
    case HF_EDGE_KEEP_ALIVE:
    case HF_EDGE_FIN_WAIT_2:
    case HF_EDGE_MSL_2:
    case HF_EDGE_ICMP:
        return BY_TIME;
    default:
        return BY_SEGMENT;
    }
}

static void note_state(struct ladder *l, struct connection *c, const struct hf_note *note)
{
    const char *text = hf_reason_text(note->why);
    enum cause cause = cause_of(note->why);
    c->state = note->to;
    c->plain_shown = c->loud_shown = 0;
    unfold(l, c);
    struct pending *p = last_pending(l, c);
    if (cause == BY_SEGMENT && p != NULL && p->row.arrow == ARROW_RIGHT) {
        row_say(&p->row, note->to, INK_FAINT, text);
        return;
    }
    struct row row = {.at = note->at, .left = NO_STATE};
    row_say(&row, note->to, INK_FAINT, text);
    p = add_pending(l, c, &row);
    p->is_call = cause == BY_CALL || (cause == BY_TIME && note->why != HF_EDGE_MSL_2);
    p->is_echo = cause == BY_CALL;
}

void ladder_note(struct ladder *l, const struct hf_note *note)
{
    struct connection *c = connection_of(l, note);
    if (note->kind == HF_NOTE_STATE)
        note_state(l, c, note);
    else
        note_segment(l, c, note);
}

void ladder_hold(struct ladder *l, bool holds)
{
    l->holds = holds;
    if (holds)
        return;
    for (unsigned i = 0; i < l->count; i++)
        l->connections[i].is_held = false;
    for (unsigned i = 0; i < l->pending_count; i++)
        l->pending[i].is_held = false;
}

void ladder_gap(struct ladder *l, uint64_t count)
{
    struct line line;
    ladder_flush(l, HF_NEVER);
    clear_line(l);
    line_begin(&line, &l->options.terminal);
    line_pad(&line, l->layout.left_rail);
    line_print(&line, INK_BAD, "%llu events came too fast to be drawn", (unsigned long long)count);
    write_line(l, &line);
}

/* ---- the peer's word ---- */

bool ladder_asks(struct ladder *l, struct ladder_question *question)
{
    for (unsigned i = 0; i < l->count; i++) {
        struct connection *c = &l->connections[i];
        if (!c->asks || c->is_held)
            continue;
        c->asks = false;
        *question = (struct ladder_question){c->number, c->local, c->remote};
        return true;
    }
    return false;
}

/* The row on which the peer's state changed to this one, as was inferred. */
static struct pending *row_of_change(struct ladder *l, const struct connection *c, enum hf_state state)
{
    for (unsigned i = l->pending_count; i-- > 0;) {
        struct pending *p = &l->pending[i];
        if (p->number == c->number && p->row.left != NO_STATE)
            return p->row.left == (int)state ? p : NULL;
    }
    return NULL;
}

/* Puts what was read in place of what was inferred, or on the latest row. "Not yet" shows as no change. */
static void show_peer(struct ladder *l, struct connection *c, enum hf_state inferred, hf_time now)
{
    struct pending *p = row_of_change(l, c, inferred);
    if (p != NULL && p->peer_before == c->peer.state) {
        p->row.left = NO_STATE;
        return;
    }
    if (p == NULL)
        p = last_pending(l, c);
    if (p == NULL)
        p = add_pending(l, c, &(struct row){.at = now, .left = NO_STATE});
    p->row.left = (int)c->peer.state;
    p->row.is_guess = false;
}

bool ladder_peer(struct ladder *l, unsigned number, enum hf_state state, hf_time now)
{
    struct connection *c = of_number(l, number);
    if (c == NULL || (state == HF_CLOSED && !c->is_known))
        return false;
    c->is_known = true;
    enum hf_state inferred = c->peer.state;
    struct pending *p;
    switch (peer_read(&c->peer, state, now)) {
    case PEER_AS_THOUGHT:
        p = row_of_change(l, c, state);
        if (p != NULL)
            p->row.is_guess = false;
        return false;
    case PEER_DIFFERS:
        show_peer(l, c, inferred, now);
        return true;
    default:
        return true;
    }
}

/* ---- time ---- */

/* A fold that goes on shows on a terminal as a line that changes. */
static void draw_over(struct ladder *l, struct connection *c)
{
    struct row rows[FOLD_ROWS];
    if (!l->options.terminal.is_live || hf_time_since(c->fold.last_at, l->drawn_over_at) < OVER_NS)
        return;
    if (!c->is_begun || !fold_rows(&c->fold, rows))
        return;
    clear_line(l);
    rows[0].number = c->number;
    row_draw_over(&l->layout, &rows[0], l->start, write_text, l);
    l->drawn_over_at = c->fold.last_at;
    l->is_drawn_over = true;
}

static void end_or_draw_folds(struct ladder *l, hf_time now)
{
    for (unsigned i = 0; i < l->count; i++) {
        struct connection *c = &l->connections[i];
        if (c->fold.count == 0)
            continue;
        if (hf_time_reached(now, hf_time_add(c->fold.last_at, BULK_NS)))
            unfold(l, c);
    }
}

void ladder_flush(struct ladder *l, hf_time now)
{
    end_or_draw_folds(l, now);
    unsigned ready = 0;
    while (ready < l->pending_count) {
        const struct pending *p = &l->pending[ready];
        bool is_joined_yet = !p->is_call || hf_time_reached(now, hf_time_add(p->row.at, JOIN_NS));
        if (p->is_held || !is_joined_yet)
            break;
        ready++;
    }
    draw_pending(l, ready);
    for (unsigned i = 0; i < l->count; i++)
        if (l->connections[i].fold.count > 0)
            draw_over(l, &l->connections[i]);
}

hf_time ladder_deadline(const struct ladder *l)
{
    hf_time next = HF_NEVER;
    if (l->pending_count > 0)
        next = hf_time_add(l->pending[0].row.at, JOIN_NS);
    for (unsigned i = 0; i < l->count; i++)
        if (l->connections[i].fold.count > 0)
            next = hf_time_first(next, hf_time_add(l->connections[i].fold.last_at, BULK_NS));
    return next;
}

void ladder_end(struct ladder *l)
{
    struct row row = {.left = NO_STATE};
    if (l->has_ended)
        return;
    l->has_ended = true;
    ladder_hold(l, false);
    ladder_flush(l, HF_NEVER);
    clear_line(l);
    if (l->last_number != 0)
        row_draw_ends(&l->layout, &row, false, write_text, l);
}

/* What is known of every connection. Read first: book.h. */
#define _GNU_SOURCE
#include "book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS   16384u
#define RECORDS   200000u          /* beyond these, connections that ended well are forgotten at once */
#define EXIT_NEAR (200 * HF_MS)    /* an end this close before the process's is due to it */
#define KEEP_NS   (30 * HF_SECOND) /* ended well, but a descriptor may still be found */

/* ---- finding ---- */

static uint32_t hash_tuple(const struct hf_endpoint *inside, const struct hf_endpoint *outside)
{
    uint32_t hash = inside->port * 2654435761u ^ outside->port * 40503u;
    for (unsigned i = 8; i < 16; i++)
        hash = (hash ^ outside->addr.bytes[i]) * 16777619u;
    return hash % BUCKETS;
}

static bool is_same(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && hf_addr_equal(&a->addr, &b->addr);
}

/* The newest of that name: a tuple may be used again. */
struct record *book_find(const struct book *book, const struct hf_endpoint *inside,
                         const struct hf_endpoint *outside)
{
    struct record *r = book->by_tuple[hash_tuple(inside, outside)];
    while (r && !(is_same(&r->inside, inside) && is_same(&r->outside, outside)))
        r = r->tuple_chain;
    return r;
}

struct record *book_find_inode(const struct book *book, uint64_t inode)
{
    struct record *r = book->by_inode[inode % BUCKETS];
    while (r && r->inode != inode)
        r = r->inode_chain;
    return r;
}

static void unlink_inode(struct book *book, struct record *r)
{
    if (r->inode == 0)
        return;
    struct record **at = &book->by_inode[r->inode % BUCKETS];
    while (*at != r)
        at = &(*at)->inode_chain;
    *at = r->inode_chain;
}

void book_set_inode(struct book *book, struct record *r, uint64_t inode)
{
    if (r->inode == inode)
        return;
    unlink_inode(book, r);
    r->inode = inode;
    r->inode_chain = book->by_inode[inode % BUCKETS];
    book->by_inode[inode % BUCKETS] = r;
}

/* ---- adding and removing ---- */

static struct record *add(struct book *book, const struct hf_endpoint *inside, const struct hf_endpoint *outside)
{
    struct record *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->inside = *inside;
    r->outside = *outside;
    r->next = book->records;
    if (r->next)
        r->next->previous = r;
    book->records = r;
    struct record **bucket = &book->by_tuple[hash_tuple(inside, outside)];
    r->tuple_chain = *bucket;
    *bucket = r;
    book->count++;
    return r;
}

static void drop(struct book *book, struct record *r)
{
    struct record **at = &book->by_tuple[hash_tuple(&r->inside, &r->outside)];
    while (*at != r)
        at = &(*at)->tuple_chain;
    *at = r->tuple_chain;
    unlink_inode(book, r);
    *(r->previous ? &r->previous->next : &book->records) = r->next;
    if (r->next)
        r->next->previous = r->previous;
    book->count--;
    free(r);
}

static bool ended_well(const struct record *r)
{
    bool waited_long = r->peer_ended_at.ns != 0 && hf_time_since(r->over_at, r->peer_ended_at) > HF_SECOND / 2;
    return r->end == END_GRACEFUL && !waited_long && !r->wrote_after_peer_end && r->held_dead_since.ns == 0 &&
           r->closes < 2;
}

void book_tidy(struct book *book, hf_time now)
{
    struct record *next;
    for (struct record *r = book->records; r; r = next) {
        next = r->next;
        bool may_go = !book_is_open(r) && ended_well(r) && !r->is_held;
        if (may_go && (book->count > RECORDS || hf_time_since(now, r->over_at) > KEEP_NS))
            drop(book, r);
    }
}

/* ---- the kernel's own word for a reset ---- */

/* The value under `name` in the two lines of /proc/net/netstat that begin with "TcpExt:": names, then values. */
static uint64_t read_counter(char *names, char *values, const char *name)
{
    char *name_state, *value_state;
    char *n = strtok_r(names, " \n", &name_state), *v = strtok_r(values, " \n", &value_state);
    while (n && v && strcmp(n, name) != 0) {
        n = strtok_r(NULL, " \n", &name_state);
        v = strtok_r(NULL, " \n", &value_state);
    }
    return n && v ? strtoull(v, NULL, 10) : 0;
}

static uint64_t find_counter(const char *text, const char *name)
{
    char names[8192], values[8192];
    const char *second = strstr(text, "\nTcpExt: ");
    const char *first = strncmp(text, "TcpExt: ", 8) == 0 ? text : NULL;
    if (!first || !second || strlen(text) >= sizeof names)
        return 0;
    snprintf(names, sizeof names, "%.*s", (int)(second - first), first);
    snprintf(values, sizeof values, "%s", second + 1);
    return read_counter(names, values, name);
}

uint64_t book_counter(int counters_fd, const char *name)
{
    char text[8192];
    ssize_t n = pread(counters_fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return find_counter(text, name);
}

/* Which of the kernel's counters has moved since a reset last came: close with unread data, or data for nobody. */
static enum reset_cause read_cause(struct book *book, bool had_fin)
{
    char text[8192];
    ssize_t n = book->counters_fd < 0 ? -1 : pread(book->counters_fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return had_fin ? CAUSE_LATE : CAUSE_UNKNOWN;
    text[n] = '\0';
    uint64_t unread = find_counter(text, "TCPAbortOnClose"), data = find_counter(text, "TCPAbortOnData");
    bool was_unread = unread > book->aborts_unread, was_data = data > book->aborts_data;
    /* One at a time: several may have come in one batch, and the others will ask too. */
    if (was_unread && !(had_fin && was_data))
        book->aborts_unread++;
    else if (was_data)
        book->aborts_data++;
    if (was_unread && !had_fin)
        return CAUSE_UNREAD;
    if (had_fin)
        return CAUSE_LATE;
    return was_data ? CAUSE_LINGER : CAUSE_UNKNOWN;
}

/* ---- what the relay tells ---- */

static void opened(void *arg, struct call *call, const struct hf_tcp_info *info)
{
    struct book *book = arg;
    /* As PROGRAM's kernel knows it: a published call comes from the gateway's address. */
    struct record *r = add(book, &call->inside, &info->local);
    if (!r)
        return;
    r->is_published = call->is_published;
    r->opened_at = call->relay->now;
    r->call = call;
    call->record = r;
    book->totals.opened += !call->is_published;
    book->totals.accepted += call->is_published;
    if (book->claim)
        book->claim(book->claim_arg, r);
}

static void denied(void *arg, const struct hf_endpoint *inside, const struct hf_endpoint *outside)
{
    struct book *book = arg;
    (void)inside;
    book->totals.denied++;
    book->last_denied = *outside;
}

static void refused(void *arg, const struct call *call, int error)
{
    struct book *book = arg;
    (void)call, (void)error;
    book->totals.refused++;
}

static void peer_ended(void *arg, struct call *call)
{
    struct record *r = call->record;
    (void)arg;
    if (r)
        r->peer_ended_at = call->relay->now;
}

static void inside_ended(void *arg, struct call *call)
{
    struct record *r = call->record;
    (void)arg;
    if (!r)
        return;
    r->inside_ended_at = call->relay->now;
    r->program_closed_first = r->peer_ended_at.ns == 0;
}

static void wrote(void *arg, struct call *call)
{
    struct record *r = call->record;
    (void)arg;
    if (!r)
        return;
    r->wrote_at = call->relay->now;
}

/* RSTs that faults put on the wire look like PROGRAM's; the path counts its own. */
static bool was_reset_by_path(struct book *book)
{
    if (!book->path_resets || book->path_resets(book->path_resets_arg) == book->path_resets_noted)
        return false;
    book->path_resets_noted++;
    return true;
}

static void note_reset(struct book *book, struct record *r, const struct call *call, const struct hf_tcp_info *info)
{
    if (info->error != HF_ERR_RESET) {
        r->end = info->error == HF_ERR_TIMED_OUT ? END_SILENT : END_RESET_BY_FAR_SIDE;
        return;
    }
    if (was_reset_by_path(book)) {
        r->end = END_RESET_BY_PATH;
        return;
    }
    r->end = END_RESET_BY_PROGRAM;
    r->cause = (uint8_t)read_cause(book, info->fin_received);
    r->bytes_lost = info->bytes_lost;
    if (r->inside_ended_at.ns == 0)
        r->inside_ended_at = call->relay->now;
}

static void over(void *arg, struct call *call, const struct hf_tcp_info *info)
{
    struct book *book = arg;
    struct record *r = call->record;
    r->over_at = call->relay->now;
    r->bytes_out = info->bytes_received;
    r->bytes_in = info->bytes_sent;
    r->call = NULL;
    bool is_graceful = call->host_ended && call->inside_ended && info->error == HF_OK;
    if (is_graceful)
        r->end = END_GRACEFUL;
    else
        note_reset(book, r, call, info);
    /* It wrote when the far side was gone already, and was reset for it. */
    r->wrote_after_peer_end = r->end == END_RESET_BY_FAR_SIDE && r->peer_ended_at.ns != 0 &&
                              hf_time_before(r->peer_ended_at, r->wrote_at);
    struct book_totals *t = &book->totals;
    t->graceful += r->end == END_GRACEFUL;
    t->reset_by_program += r->end == END_RESET_BY_PROGRAM;
    t->reset_by_far_side += r->end == END_RESET_BY_FAR_SIDE;
    t->reset_by_path += r->end == END_RESET_BY_PATH;
    t->silent += r->end == END_SILENT;
    t->program_closed_first += r->program_closed_first;
    t->bytes_out += r->bytes_out;
    t->bytes_in += r->bytes_in;
    if (book->count > RECORDS && ended_well(r)) {
        t->forgotten++;
        drop(book, r);
    }
}

struct relay_watcher book_watcher(struct book *book)
{
    return (struct relay_watcher){
        .opened = opened,
        .denied = denied,
        .refused = refused,
        .peer_ended = peer_ended,
        .inside_ended = inside_ended,
        .wrote = wrote,
        .over = over,
        .arg = book,
    };
}

void book_program_ended(struct book *book, hf_time at)
{
    for (struct record *r = book->records; r; r = r->next)
        if (book_is_open(r) || hf_time_since(at, r->inside_ended_at) < EXIT_NEAR)
            r->is_at_exit = true;
}

/* ---- the book ---- */

struct book *book_open(struct hf_engine *e, int counters_fd)
{
    struct book *book = calloc(1, sizeof *book);
    if (!book)
        return NULL;
    book->e = e;
    book->counters_fd = counters_fd;
    book->by_tuple = calloc(BUCKETS, sizeof *book->by_tuple);
    book->by_inode = calloc(BUCKETS, sizeof *book->by_inode);
    if (book->by_tuple && book->by_inode)
        return book;
    book_close(book);
    return NULL;
}

void book_close(struct book *book)
{
    if (!book)
        return;
    while (book->records) {
        struct record *r = book->records;
        book->records = r->next;
        free(r);
    }
    free(book->by_tuple);
    free(book->by_inode);
    free(book);
}

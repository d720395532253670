/* Who holds what. Read first: survey.h. */
#define _GNU_SOURCE
#include "survey.h"

#include "inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define INTERVAL   (500 * HF_MS)
#define COST_SHARE 50 /* a survey may take one part in so many of the time */

/* ---- what the kernel knows ---- */

static struct survey_listener *listener_of(struct survey *s, const struct survey_socket *socket)
{
    for (unsigned i = 0; i < s->listener_count; i++)
        if (s->listeners[i].inode == socket->inode)
            return &s->listeners[i];
    if (s->listener_count == SURVEY_LISTENERS)
        return NULL;
    struct survey_listener *l = &s->listeners[s->listener_count++];
    *l = (struct survey_listener){.local = socket->local, .inode = socket->inode};
    for (unsigned i = 0; i < BOOK_LISTENS; i++)
        if (s->book->listens[i].inode == l->inode)
            l->stack = s->book->listens[i].stack;
    return l;
}

static void see_listener(struct survey *s, const struct survey_socket *socket)
{
    struct survey_listener *l = listener_of(s, socket);
    if (!l)
        return;
    l->waiting = socket->receive_queue;
    l->backlog = socket->send_queue;
    if (l->waiting > l->most_waiting)
        l->most_waiting = l->waiting;
    if (l->waiting == 0)
        l->waiting_since = (hf_time){0};
    else if (l->waiting_since.ns == 0)
        l->waiting_since = s->at;
    else if (hf_time_since(s->at, l->waiting_since) > l->longest_wait)
        l->longest_wait = hf_time_since(s->at, l->waiting_since);
}

static bool is_listening_at(const struct survey *s, uint16_t port)
{
    for (unsigned i = 0; i < s->listener_count; i++)
        if (s->listeners[i].local.port == port)
            return true;
    return false;
}

/* Connections that we accepted are counted by our port, those that we opened by whom they led to. */
static void see_time_wait(struct survey *s, const struct survey_socket *socket)
{
    struct hf_endpoint at = socket->remote;
    uint16_t port = is_listening_at(s, socket->local.port) ? socket->local.port : 0;
    if (port != 0)
        at.port = 0;
    s->time_wait++;
    for (unsigned i = 0; i < s->peer_count; i++) {
        struct survey_peer *p = &s->peers[i];
        if (p->local_port == port && p->at.port == at.port && hf_addr_equal(&p->at.addr, &at.addr)) {
            p->time_wait++;
            return;
        }
    }
    if (s->peer_count < SURVEY_PEERS)
        s->peers[s->peer_count++] = (struct survey_peer){.at = at, .local_port = port, .time_wait = 1};
}

static void see_connection(struct survey *s, const struct survey_socket *socket)
{
    struct record *r = book_find(s->book, &socket->local, &socket->remote);
    if (!r)
        return;
    bool has_fin = socket->state == HF_CLOSE_WAIT || socket->state == HF_LAST_ACK || socket->state == HF_CLOSING;
    r->unread =
        socket->receive_queue - (has_fin && socket->receive_queue > 0); /* the kernel counts a FIN as a byte */
    if (socket->inode != 0) {
        r->is_accepted = true;
        book_set_inode(s->book, r, socket->inode);
    }
}

static void see_socket(void *arg, const struct survey_socket *socket)
{
    struct survey *s = arg;
    if (socket->state == HF_LISTEN)
        see_listener(s, socket);
    else if (socket->state == HF_TIME_WAIT)
        see_time_wait(s, socket);
    else
        see_connection(s, socket);
}

/* ---- what the processes hold ---- */

static void read_name(const char *pid, char name[16])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, name, 15);
    name[n > 0 ? n : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
}

static bool is_tcp(const char *path)
{
    char protocol[16] = "";
    ssize_t n = getxattr(path, "system.sockprotoname", protocol, sizeof protocol - 1);
    return n > 0 && strncmp(protocol, "TCP", 3) == 0;
}

static void note_holder(struct record *r, const struct holder *holder)
{
    if (!r->is_held || r->holder.pid == holder->pid)
        r->holder = *holder;
    else
        r->other = *holder;
    r->is_held = true;
    r->is_accepted = true;
}

static void see_stray(struct survey *s, uint64_t inode, const struct holder *holder)
{
    for (unsigned i = 0; i < s->stray_count; i++)
        if (s->strays[i].inode == inode) {
            s->strays[i].is_there = true;
            return;
        }
    if (s->stray_count < SURVEY_STRAYS)
        s->strays[s->stray_count++] =
            (struct survey_stray){.inode = inode, .holder = *holder, .since = s->at, .is_there = true};
}

static void see_descriptor(struct survey *s, const char *path, uint64_t inode, const struct holder *holder)
{
    struct record *r = book_find_inode(s->book, inode);
    if (r) {
        note_holder(r, holder);
        if (!book_is_open(r) && r->held_dead_since.ns == 0)
            r->held_dead_since = s->at;
        return;
    }
    for (unsigned i = 0; i < s->listener_count; i++)
        if (s->listeners[i].inode == inode) {
            s->listeners[i].holder = *holder;
            return;
        }
    if (is_tcp(path))
        see_stray(s, inode, holder);
}

static void see_process(void *arg, const char *pid)
{
    struct survey *s = arg;
    char directory[64], path[352], target[64];
    snprintf(directory, sizeof directory, "/proc/%.20s/fd", pid);
    DIR *fds = opendir(directory);
    struct dirent *entry;
    struct holder holder = {.pid = (pid_t)atoi(pid)};
    read_name(pid, holder.name);
    while (fds && (entry = readdir(fds))) {
        unsigned long inode;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        holder.fd = atoi(entry->d_name);
        if (sscanf(target, "socket:[%lu]", &inode) == 1)
            see_descriptor(s, path, inode, &holder);
    }
    if (fds)
        closedir(fds);
}

/* ---- the survey ---- */

static void start(struct survey *s)
{
    s->peer_count = s->time_wait = 0;
    for (unsigned i = 0; i < s->listener_count; i++)
        s->listeners[i].waiting = 0;
    for (unsigned i = 0; i < s->stray_count; i++)
        s->strays[i].is_there = false;
    for (struct record *r = s->book->records; r; r = r->next) {
        r->is_held = false;
        r->other.pid = 0;
    }
}

static void finish(struct survey *s)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < s->stray_count; i++)
        if (s->strays[i].is_there)
            s->strays[kept++] = s->strays[i];
    s->stray_count = kept;
    if (s->time_wait > s->most_time_wait)
        s->most_time_wait = s->time_wait;
}

void survey_take(struct survey *s, hf_time now)
{
    hf_time began = hf_clock_now();
    s->at = now;
    start(s);
    s->lister(s->lister_arg, see_socket, s);
    s->processes = inside_each(s->net_inode, see_process, s);
    finish(s);
    book_tidy(s->book, now);
    s->cost = hf_time_since(hf_clock_now(), began);
}

hf_time survey_deadline(const struct survey *s)
{
    hf_ns pause = s->cost * COST_SHARE;
    return s->at.ns == 0 ? (hf_time){0} : hf_time_add(s->at, pause > INTERVAL ? pause : INTERVAL);
}

void survey_init(struct survey *s, struct book *book, ino_t net_inode, survey_lister *lister, void *lister_arg)
{
    *s = (struct survey){.book = book, .net_inode = net_inode, .lister = lister, .lister_arg = lister_arg};
}

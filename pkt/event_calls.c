/* poll and epoll of a script. Read first: calls.h. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <string.h>

enum { MOST_EVENTS = 32 };

/* A named number in {fd=4, events=POLLIN}. */
static bool read_field(const struct pkt_value *entry, const char *name, int64_t *number)
{
    const struct pkt_value *value = pkt_value_field(entry, name);
    if (!value || value->kind != PKT_NUMBER)
        return false;
    *number = value->number;
    return true;
}

/* ---- poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 100) ---- */

static void compare_revents(struct pkt_running *run, const struct pkt_attempt *a, const struct pollfd *fds)
{
    const struct pkt_value *list = &a->call->argument[0];
    for (unsigned i = 0; i < list->count && i < MOST_EVENTS; i++) {
        int64_t wanted = 0;
        if (!read_field(&list->item[i], "revents", &wanted) || wanted == fds[i].revents)
            continue;
        pkt_running_fail(run, a->event->line, "expected  %s\n  happened  revents of entry %u are %#x, not %#llx",
                         a->event->text, i + 1, (unsigned)fds[i].revents, (unsigned long long)wanted);
    }
}

int64_t pkt_call_poll(struct pkt_running *run, struct pkt_attempt *a)
{
    const struct pkt_value *list = a->call->count > 0 ? &a->call->argument[0] : NULL;
    struct pollfd fds[MOST_EVENTS];
    int64_t timeout_ms = 0;
    if (!list || list->kind != PKT_LIST || list->count > MOST_EVENTS || !pkt_call_number(run, a, 2, &timeout_ms))
        return -EINVAL;
    for (unsigned i = 0; i < list->count; i++) {
        int64_t fd = -1, events = 0;
        read_field(&list->item[i], "fd", &fd);
        read_field(&list->item[i], "events", &events);
        fds[i] = (struct pollfd){.fd = (int)fd, .events = (short)events};
    }
    int64_t answer = hf_sock_poll(&run->sockets, fds, list->count, (int)timeout_ms, &a->wait);
    if (answer != HF_SOCK_WAITS)
        compare_revents(run, a, fds);
    return answer;
}

/* ---- epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) ---- */

int64_t pkt_call_epoll_create(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t size = 0;
    if (!pkt_call_number(run, a, 0, &size))
        return 0;
    return size > 0 ? hf_epoll_open(&run->sockets, pkt_call_wanted_fd(a->call)) : -EINVAL;
}

/* The application's word in {events=..., fd=4}; also ptr, u32 and u64. */
static uint64_t read_word(const struct pkt_value *entry)
{
    static const char *const names[] = {"fd", "ptr", "u32", "u64"};
    int64_t word = 0;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (read_field(entry, names[i], &word))
            break;
    return (uint64_t)word;
}

int64_t pkt_call_epoll_ctl(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t operation = 0, fd = -1, events = 0;
    struct epoll_event event = {.events = 0};
    if (!pkt_call_number(run, a, 1, &operation) || !pkt_call_number(run, a, 2, &fd))
        return 0;
    if (a->call->count > 3) {
        read_field(&a->call->argument[3], "events", &events);
        event.events = (uint32_t)events;
        event.data.u64 = read_word(&a->call->argument[3]);
    }
    return hf_epoll_control(&run->sockets, a->socket, (int)operation, (int)fd, &event);
}

/* ---- epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) ---- */

/* One entry, or a list of them. */
static const struct pkt_value *entry_of(const struct pkt_value *value, unsigned index)
{
    if (value->kind == PKT_STRUCT)
        return index == 0 ? value : NULL;
    return value->kind == PKT_LIST && index < value->count ? &value->item[index] : NULL;
}

static void compare_event(struct pkt_running *run, const struct pkt_attempt *a, unsigned index,
                          const struct epoll_event *is)
{
    const struct pkt_value *entry = entry_of(&a->call->argument[1], index);
    int64_t wanted = 0;
    if (!entry || !read_field(entry, "events", &wanted))
        return;
    if ((uint32_t)wanted != is->events || read_word(entry) != is->data.u64)
        pkt_running_fail(run, a->event->line, "expected  %s\n  happened  events of entry %u are %#x of %llu",
                         a->event->text, index + 1, is->events, (unsigned long long)is->data.u64);
}

int64_t pkt_call_epoll_wait(struct pkt_running *run, struct pkt_attempt *a)
{
    struct epoll_event events[MOST_EVENTS];
    int64_t most = 0, timeout_ms = 0;
    if (!pkt_call_number(run, a, 2, &most) || !pkt_call_number(run, a, 3, &timeout_ms))
        return 0;
    most = most > MOST_EVENTS ? MOST_EVENTS : most;
    int64_t answer = hf_epoll_wait(&run->sockets, a->socket, events, (int)most, (int)timeout_ms, &a->wait);
    for (unsigned i = 0; answer != HF_SOCK_WAITS && i < answer; i++)
        compare_event(run, a, i, &events[i]);
    return answer;
}

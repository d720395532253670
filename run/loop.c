/* Waiting for many descriptors. Read first: loop.h. */
#define _GNU_SOURCE
#include "loop.h"

#include <unistd.h>

#define BATCH 64

int loop_add(int epoll, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, source->fd, &event);
}

void loop_close(struct loop_source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

int loop_turn(int epoll, int timeout_ms)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(epoll, events, BATCH, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct loop_source *source = events[i].data.ptr;
        if (source->fd >= 0)
            source->ready(source, events[i].events);
    }
    return count < 0 ? 0 : count;
}

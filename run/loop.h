/*
 * One epoll instance and what is registered with it. A source is embedded in whatever owns the descriptor; its
 * function is called when the descriptor is ready. Read next: run.c, which turns the loop.
 */
#ifndef HF_RUN_LOOP_H
#define HF_RUN_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct loop_source {
    int fd; /* -1: closed meanwhile; its function is not called any more */
    void (*ready)(struct loop_source *source, uint32_t events);
};

/* Registers a source; `events` as for epoll_ctl. Returns 0 or -1 with errno set. */
int loop_add(int epoll, struct loop_source *source, uint32_t events);

/* Closes the source's descriptor. The memory MUST stay until the turn is over. */
void loop_close(struct loop_source *source);

/* Waits at most `timeout_ms` and calls what is ready. Returns how many were, 0 on a signal or when time is up. */
int loop_turn(int epoll, int timeout_ms);

#endif

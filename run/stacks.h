/*
 * Call stacks of the calls that open, accept and close connections (--stacks): a seccomp filter stops PROGRAM's
 * threads at `accept accept4 connect listen close` and nowhere else, as strace does, and libdw unwinds the one
 * that stopped. Stacks are kept once each, as places in files; names and lines are looked up when somebody prints
 * them.
 */
#ifndef HF_RUN_STACKS_H
#define HF_RUN_STACKS_H

#include "book.h"

struct stacks;

/* One place, innermost first. Names are NULL where the debug information says nothing. Borrows until stacks_close.
 */
struct stack_frame {
    const char *function;
    const char *file;
    int line;
    const char *module; /* path of the program or library */
    uint64_t offset;    /* in it */
};

#define STACK_DEPTH 24

/* Borrows the book. NULL when there is no memory. */
struct stacks *stacks_open(struct book *book);
void stacks_close(struct stacks *s);

/* Attaches to the process that is going to become PROGRAM. Returns 0 or -1 with errno set. */
int stacks_trace(struct stacks *s, pid_t pid);

/* For life.traced: true when the news of `pid` was a stop of a traced thread, which has been continued. */
bool stacks_stopped(void *stacks, pid_t pid, int status);

/* Fills frames[] with stack `id`, at most STACK_DEPTH; returns how many. */
unsigned stacks_read(struct stacks *s, uint32_t id, struct stack_frame frames[STACK_DEPTH]);

/* The first stack with the same lines as `id`. */
uint32_t stacks_same(struct stacks *s, uint32_t id);

/* In the process that becomes PROGRAM: installs the filter. Returns 0 or a negative errno. */
int stacks_filter(void);

#endif

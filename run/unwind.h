/*
 * Call stacks by libdw: taken from a stopped thread, kept once each as places in files, named when asked.
 */
#ifndef HF_RUN_UNWIND_H
#define HF_RUN_UNWIND_H

#include "stacks.h"

struct unwind;

struct unwind *unwind_open(void);
void unwind_close(struct unwind *u);

/* The stack of a thread that is stopped under ptrace; STACK_NONE when there is none to be had. */
uint32_t unwind_take(struct unwind *u, pid_t process, pid_t thread);
/* The process runs another program now, or none: forget what was mapped. */
void unwind_forget(struct unwind *u, pid_t process);

/* The first stack that reads like this one: an optimised program has several copies of one line. */
uint32_t unwind_same(struct unwind *u, uint32_t id);

unsigned unwind_read(struct unwind *u, uint32_t id, struct stack_frame frames[STACK_DEPTH]);

#endif

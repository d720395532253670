/*
 * PROGRAM's life, seen from us: the signals that are meant for it, its end and that of all its descendants, and
 * that nothing of them outlives us, however we end.
 *
 * We are a child subreaper (prctl(2)), so whatever PROGRAM leaves running becomes our child. Should we be killed, a
 * keeper process, which only waits for that, kills every process in PROGRAM's network namespace.
 */
#ifndef HF_RUN_LIFE_H
#define HF_RUN_LIFE_H

#include "loop.h"

#include <handfast/types.h>
#include <signal.h>
#include <sys/types.h>

struct life {
    struct loop_source signals;
    sigset_t old_mask; /* as it was, for PROGRAM */
    pid_t program;
    ino_t net_inode; /* of its namespace */
    pid_t keeper;
    int keeper_pipe;   /* its other end closes with us */
    bool has_ended;    /* PROGRAM itself */
    bool all_ended;    /* and its descendants */
    int wait_status;   /* of PROGRAM, as waitpid tells it */
    bool wants_report; /* SIGUSR1 came; whoever reports clears it */
    /* Something happened to a child that is traced (stacks.h). True when it was that, and not an end. */
    bool (*traced)(void *arg, pid_t pid, int status);
    void *traced_arg;
};

/* Blocks signals, so MUST come before the space is opened. Returns 0 or -1 with errno set. */
int life_open(struct life *life, int epoll);
/* PROGRAM is about to start as `program` in the namespace `net_inode`. */
int life_begin(struct life *life, pid_t program, ino_t net_inode);
/* Takes note of children that ended. */
void life_reap(struct life *life);
/* Sends PROGRAM a signal, if it runs. */
void life_signal(struct life *life, int signal);
/* Kills whatever is left in the namespace. */
void life_kill_all(const struct life *life);
void life_close(struct life *life);

/* Ends this process as PROGRAM ended: its exit status, or killed by the same signal (without another core). */
int life_exit_status(const struct life *life);

#endif

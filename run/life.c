/* Signals and children. Read first: life.h. */
#define _GNU_SOURCE
#include "life.h"

#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};

/* ---- signals ---- */

/* What the terminal sends goes to PROGRAM without us; what somebody sends to us is meant for it. */
static void handle(struct life *life, const struct signalfd_siginfo *info)
{
    if (info->ssi_signo == SIGCHLD)
        life_reap(life);
    else if (info->ssi_signo == SIGUSR1)
        life->wants_report = true;
    else if (info->ssi_code != SI_KERNEL)
        life_signal(life, (int)info->ssi_signo);
}

static void signals_ready(struct loop_source *source, uint32_t events)
{
    struct life *life = (struct life *)source;
    struct signalfd_siginfo info;
    (void)events;
    while (source->fd >= 0 && read(source->fd, &info, sizeof info) == sizeof info)
        handle(life, &info);
}

int life_open(struct life *life, int epoll)
{
    sigset_t wanted;
    *life = (struct life){.signals = {.fd = -1, .ready = signals_ready}, .keeper_pipe = -1};
    sigemptyset(&wanted);
    for (unsigned i = 0; i < sizeof ours / sizeof ours[0]; i++)
        sigaddset(&wanted, ours[i]);
    sigprocmask(SIG_BLOCK, &wanted, &life->old_mask);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    life->signals.fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    return life->signals.fd < 0 ? -1 : loop_add(epoll, &life->signals, EPOLLIN);
}

void life_signal(struct life *life, int signal)
{
    if (life->program > 0 && !life->has_ended)
        kill(life->program, signal);
}

/* ---- who is inside ---- */

static void kill_one(void *arg, const char *pid)
{
    (void)arg;
    kill((pid_t)atoi(pid), SIGKILL);
}

/* Several times, since one of them may just have made another. */
static void kill_all_inside(ino_t net_inode)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (unsigned i = 0; i < 500 && net_inode != 0 && inside_each(net_inode, kill_one, NULL) > 0; i++)
        nanosleep(&pause, NULL);
}

void life_kill_all(const struct life *life)
{
    if (!life->all_ended)
        kill_all_inside(life->net_inode);
}

/* ---- the keeper ---- */

static void keep(int pipe_end, ino_t net_inode)
{
    char byte;
    sigset_t all;
    setsid();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "handfast-keeper");
    dup2(pipe_end, 0);
    close_range(1, ~0u, 0);
    while (read(0, &byte, 1) < 0 && errno == EINTR)
        ;
    kill_all_inside(net_inode);
    _exit(0);
}

int life_begin(struct life *life, pid_t program, ino_t net_inode)
{
    int ends[2];
    life->program = program;
    life->net_inode = net_inode;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    /* Without an exit signal it is no child that waitpid without __WALL would wait for. */
    long pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        close(ends[1]);
        keep(ends[0], net_inode);
    }
    close(ends[0]);
    life->keeper_pipe = ends[1];
    life->keeper = (pid_t)pid;
    return pid < 0 ? -1 : 0;
}

/* ---- ends ---- */

static void note_end(struct life *life, pid_t pid, int status)
{
    if (pid == life->keeper)
        life->keeper = 0;
    if (pid != life->program)
        return;
    life->has_ended = true;
    life->wait_status = status;
}

void life_reap(struct life *life)
{
    int status;
    pid_t pid;
    int flags = WNOHANG | (life->traced ? __WALL : 0);
    while ((pid = waitpid(-1, &status, flags)) > 0) {
        if (life->traced && life->traced(life->traced_arg, pid, status))
            continue;
        if (WIFEXITED(status) || WIFSIGNALED(status))
            note_end(life, pid, status);
    }
    siginfo_t any;
    if (life->program > 0 && waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        life->all_ended = true;
}

int life_exit_status(const struct life *life)
{
    if (WIFSIGNALED(life->wait_status))
        return 128 + WTERMSIG(life->wait_status);
    return WEXITSTATUS(life->wait_status);
}

void life_close(struct life *life)
{
    loop_close(&life->signals);
    if (life->keeper > 0) { /* what it would do has been done */
        kill(life->keeper, SIGKILL);
        waitpid(life->keeper, NULL, __WALL);
    }
    if (life->keeper_pipe >= 0)
        close(life->keeper_pipe);
    life->keeper = 0;
    life->keeper_pipe = -1;
}

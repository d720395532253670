/* Stopping PROGRAM where it opens, accepts and closes. Read first: stacks.h, seccomp(2), ptrace(2). */
#define _GNU_SOURCE
#include "stacks.h"

#include "unwind.h"

#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKETS       1024u
#define CLAIMS        4096u
#define STOPPED_BY_US (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */

static const int traced_calls[] = {SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(close),
                                   SCMP_SYS(listen)};

/* A thread that is in one of the calls. */
struct thread {
    pid_t tid, pid;
    int call; /* number, while between entry and exit */
    int fd;
    struct hf_endpoint remote;
    uint32_t stack;
    struct thread *chain;
};

/* A connection that was asked for, and is not in the book yet. */
struct claim {
    struct hf_endpoint inside, outside;
    struct holder holder;
    uint32_t stack;
};

struct stacks {
    struct book *book;
    struct unwind *unwind;
    struct thread *threads[BUCKETS];
    struct claim claims[CLAIMS];
    unsigned next_claim;
};

int stacks_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return -ENOMEM;
    /* Privileged as we are in our own namespace, PROGRAM keeps the right to run set-user-id programs. */
    int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    for (unsigned i = 0; i < sizeof traced_calls / sizeof traced_calls[0] && error == 0; i++)
        error = seccomp_rule_add(filter, SCMP_ACT_TRACE(0), traced_calls[i], 0);
    if (error == 0)
        error = seccomp_load(filter);
    seccomp_release(filter);
    return error;
}

/* ---- threads ---- */

static pid_t process_of(pid_t tid)
{
    char path[64], line[128];
    int pid = tid;
    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Tgid: %d", &pid) != 1)
        ;
    if (file)
        fclose(file);
    return pid;
}

static struct thread *thread_of(struct stacks *s, pid_t tid)
{
    struct thread **bucket = &s->threads[(unsigned)tid % BUCKETS], *t = *bucket;
    while (t && t->tid != tid)
        t = t->chain;
    if (t)
        return t;
    t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    *t = (struct thread){.tid = tid, .pid = process_of(tid), .chain = *bucket};
    *bucket = t;
    return t;
}

static void forget_thread(struct stacks *s, pid_t tid)
{
    struct thread **at = &s->threads[(unsigned)tid % BUCKETS];
    while (*at && (*at)->tid != tid)
        at = &(*at)->chain;
    struct thread *t = *at;
    if (!t)
        return;
    *at = t->chain;
    if (t->pid == tid)
        unwind_forget(s->unwind, tid);
    free(t);
}

/* ---- the traced thread's descriptors ---- */

static int borrow_descriptor(pid_t pid, int fd)
{
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0)
        return -1;
    int copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    close(process);
    return copy;
}

static uint64_t inode_of(pid_t pid, int fd)
{
    char path[64], target[64];
    unsigned long inode = 0;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    return sscanf(target, "socket:[%lu]", &inode) == 1 ? inode : 0;
}

static bool name_of(int fd, bool peer, struct hf_endpoint *at)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int error =
        peer ? getpeername(fd, (struct sockaddr *)&name, &len) : getsockname(fd, (struct sockaddr *)&name, &len);
    if (error < 0)
        return false;
    *at = rules_endpoint(&name);
    return at->port != 0;
}

static void read_process_name(pid_t pid, char name[16])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fgets(name, 16, file))
        name[strcspn(name, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* ---- what a call means for the book ---- */

static bool is_same(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && hf_addr_equal(&a->addr, &b->addr);
}

static void set_opened(struct book *book, struct record *r, uint32_t stack, const struct holder *holder,
                       uint64_t inode)
{
    r->opened_stack = stack;
    r->holder = *holder;
    r->is_held = true;
    r->is_accepted = true;
    if (inode != 0)
        book_set_inode(book, r, inode);
}

/* The descriptor leads somewhere now: the connection is in the book already, or will be. */
static void opened(struct stacks *s, const struct thread *t, int fd, bool is_connect)
{
    struct claim claim = {.outside = t->remote, .stack = t->stack, .holder = {.pid = t->pid, .fd = fd}};
    int copy = borrow_descriptor(t->pid, fd);
    if (copy < 0)
        return;
    read_process_name(t->pid, claim.holder.name);
    bool is_named = name_of(copy, false, &claim.inside) && (is_connect || name_of(copy, true, &claim.outside));
    close(copy);
    if (!is_named)
        return;
    struct record *r = book_find(s->book, &claim.inside, &claim.outside);
    if (r && book_is_open(r))
        set_opened(s->book, r, claim.stack, &claim.holder, inode_of(t->pid, fd));
    else
        s->claims[s->next_claim++ % CLAIMS] = claim;
}

static void claim_record(void *arg, struct record *r)
{
    struct stacks *s = arg;
    for (unsigned i = 0; i < CLAIMS && i < s->next_claim; i++) {
        struct claim *c = &s->claims[(s->next_claim - 1 - i) % CLAIMS];
        if (c->stack == STACK_NONE || !is_same(&c->inside, &r->inside) || !is_same(&c->outside, &r->outside))
            continue;
        set_opened(s->book, r, c->stack, &c->holder, inode_of(c->holder.pid, c->holder.fd));
        c->stack = STACK_NONE;
        return;
    }
}

static void closing(struct stacks *s, const struct thread *t, int fd)
{
    uint64_t inode = inode_of(t->pid, fd);
    struct record *r = inode != 0 ? book_find_inode(s->book, inode) : NULL;
    if (!r)
        return;
    int copy = borrow_descriptor(t->pid, fd), unread = 0;
    if (copy >= 0) {
        ioctl(copy, FIONREAD, &unread);
        close(copy);
    }
    r->unread = unread > 0 ? (uint32_t)unread : 0;
    r->closes++;
    r->closed_by = t->pid;
    r->closed_at = hf_clock_now();
    r->closed_stack = unwind_take(s->unwind, t->pid, t->tid);
}

static void listening(struct stacks *s, const struct thread *t, int fd)
{
    struct book *book = s->book;
    book->listens[book->listen_count++ % BOOK_LISTENS] = (struct book_listen){
        .inode = inode_of(t->pid, fd),
        .stack = unwind_take(s->unwind, t->pid, t->tid),
    };
}

static void read_remote(struct thread *t, uint64_t address, uint64_t len)
{
    struct sockaddr_storage name = {0};
    struct iovec to = {.iov_base = &name, .iov_len = len < sizeof name ? len : sizeof name};
    struct iovec from = {.iov_base = (void *)(uintptr_t)address, .iov_len = to.iov_len};
    t->remote = (struct hf_endpoint){.port = 0};
    if (process_vm_readv(t->pid, &to, 1, &from, 1, 0) > 0)
        t->remote = rules_endpoint(&name);
}

/* ---- stops ---- */

static void resume(pid_t tid, int request, int signal)
{
    ptrace(request, tid, NULL, (void *)(uintptr_t)(unsigned)signal);
}

static bool call_info(pid_t tid, struct __ptrace_syscall_info *info)
{
    return ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof *info, info) > 0;
}

/* A thread enters one of the calls. */
static void entered(struct stacks *s, pid_t tid)
{
    struct __ptrace_syscall_info info;
    struct thread *t = thread_of(s, tid);
    if (!t || !call_info(tid, &info) || info.op != PTRACE_SYSCALL_INFO_SECCOMP) {
        resume(tid, PTRACE_CONT, 0);
        return;
    }
    t->call = (int)info.seccomp.nr;
    t->fd = (int)info.seccomp.args[0];
    if (t->call == SCMP_SYS(close) || t->call == SCMP_SYS(listen)) {
        (t->call == SCMP_SYS(close) ? closing : listening)(s, t, t->fd);
        resume(tid, PTRACE_CONT, 0);
        return;
    }
    if (t->call == SCMP_SYS(connect)) {
        read_remote(t, info.seccomp.args[1], info.seccomp.args[2]);
        if (t->remote.port == 0) { /* no TCP */
            resume(tid, PTRACE_CONT, 0);
            return;
        }
    }
    t->stack = unwind_take(s->unwind, t->pid, tid);
    resume(tid, PTRACE_SYSCALL, 0);
}

static void left(struct stacks *s, pid_t tid)
{
    struct __ptrace_syscall_info info;
    struct thread *t = thread_of(s, tid);
    if (t && call_info(tid, &info) && info.op == PTRACE_SYSCALL_INFO_EXIT) {
        int64_t result = info.exit.rval;
        if (t->call == SCMP_SYS(connect) && (result == 0 || result == -EINPROGRESS))
            opened(s, t, t->fd, true);
        else if (t->call != SCMP_SYS(connect) && result >= 0)
            opened(s, t, (int)result, false);
    }
    resume(tid, PTRACE_CONT, 0);
}

static bool is_stopping(int signal)
{
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void handle_event(struct stacks *s, pid_t tid, int event, int signal)
{
    if (event == PTRACE_EVENT_SECCOMP) {
        entered(s, tid);
        return;
    }
    if (event == PTRACE_EVENT_EXEC)
        unwind_forget(s->unwind, process_of(tid));
    if (event == PTRACE_EVENT_STOP && is_stopping(signal))
        resume(tid, PTRACE_LISTEN, 0); /* job control: it stays stopped until it is continued */
    else
        resume(tid, PTRACE_CONT, 0);
}

bool stacks_stopped(void *stacks, pid_t tid, int status)
{
    struct stacks *s = stacks;
    if (!WIFSTOPPED(status)) {
        forget_thread(s, tid);
        return false;
    }
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event != 0)
        handle_event(s, tid, event, signal);
    else if (signal == STOPPED_BY_US)
        left(s, tid);
    else
        resume(tid, PTRACE_CONT, signal);
    return true;
}

int stacks_trace(struct stacks *s, pid_t pid)
{
    (void)s;
    const unsigned long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                                  PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
                                  PTRACE_O_EXITKILL;
    return (int)ptrace(PTRACE_SEIZE, pid, NULL, (void *)options);
}

unsigned stacks_read(struct stacks *s, uint32_t id, struct stack_frame frames[STACK_DEPTH])
{
    return unwind_read(s->unwind, id, frames);
}

uint32_t stacks_same(struct stacks *s, uint32_t id)
{
    return unwind_same(s->unwind, id);
}

struct stacks *stacks_open(struct book *book)
{
    struct stacks *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->book = book;
    s->unwind = unwind_open();
    if (!s->unwind) {
        free(s);
        return NULL;
    }
    book->claim = claim_record;
    book->claim_arg = s;
    return s;
}

void stacks_close(struct stacks *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < BUCKETS; i++)
        while (s->threads[i]) {
            struct thread *t = s->threads[i];
            s->threads[i] = t->chain;
            free(t);
        }
    unwind_close(s->unwind);
    free(s);
}

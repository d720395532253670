/*
 * `handfast run`: PROGRAM inside a network made of Handfast. This file turns the loop; what happens in it is
 * run/'s. Read next: run/run.h, run_options.h.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "run_options.h"
#include "usage.h"
#include "verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- PROGRAM's kernel, for the survey ---- */

struct kernel_view {
    struct kernel *kernel;
};

struct listing {
    void (*each)(void *to, const struct survey_socket *socket);
    void *to;
};

static void tell(void *arg, const struct kernel_tcp *tcp)
{
    const struct listing *listing = arg;
    const struct survey_socket socket = {
        .local = tcp->local,
        .remote = tcp->remote,
        .state = tcp->state,
        .receive_queue = tcp->receive_queue,
        .send_queue = tcp->send_queue,
        .inode = tcp->inode,
    };
    listing->each(listing->to, &socket);
}

static int list_sockets(void *arg, void (*each)(void *to, const struct survey_socket *socket), void *to)
{
    struct kernel_view *view = arg;
    struct listing listing = {each, to};
    return view->kernel ? kernel_each(view->kernel, tell, &listing) : -ENOTCONN;
}

/* ---- the loop ---- */

static int milliseconds_until(hf_time at)
{
    if (hf_time_is_never(at))
        return -1;
    hf_ns left = hf_time_since(at, hf_clock_now());
    if (left <= 0)
        return 0;
    return left > 3600 * HF_SECOND ? 3600000 : (int)((left + HF_MS - 1) / HF_MS);
}

static void report_on_request(struct run *run)
{
    char error[256];
    run->life.wants_report = false;
    if (run_report(run, false, error) < 0)
        complain("run", "%s", error);
}

static int loop(struct run *run)
{
    while (!run_is_over(run)) {
        struct pollfd fd = {.fd = run_fd(run), .events = POLLIN};
        int timeout = milliseconds_until(run_deadline(run));
        if (timeout != 0)
            poll(&fd, 1, timeout);
        int error = run_turn(run, hf_clock_now());
        if (error < 0) {
            complain("run", "the device is gone: %s", strerror(-error));
            return EXIT_FAILED;
        }
        if (run->life.wants_report)
            report_on_request(run);
        if (run_is_due(run))
            return 0;
    }
    return 0;
}

/* ---- the end ---- */

/* As PROGRAM ended, so do we: whoever waits for us sees the same. */
static int end_like(const struct life *life)
{
    if (life->has_ended && WIFSIGNALED(life->wait_status)) {
        int number = WTERMSIG(life->wait_status);
        const struct rlimit no_core = {0, 0};
        sigset_t just;
        sigemptyset(&just);
        sigaddset(&just, number);
        setrlimit(RLIMIT_CORE, &no_core);
        signal(number, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &just, NULL);
        raise(number);
    }
    return life_exit_status(life);
}

static int finish(struct run *run, const struct run_command *command, int status)
{
    char error[256];
    struct life life = run->life;
    int problems = status == 0 ? run_report(run, true, error) : 0;
    if (problems < 0)
        complain("run", "%s", error);
    run_close(run);
    if (status != 0 || problems < 0)
        return EXIT_FAILED;
    if (problems > 0 && command->error_exitcode != 0)
        return command->error_exitcode;
    return life.has_ended ? end_like(&life) : 0; /* --leak-check-after has ended it */
}

static int start(struct run *run, struct run_command *command, struct kernel_view *view, char error[256])
{
    command->run.inspect.lister = list_sockets;
    command->run.inspect.lister_arg = view;
    if (run_open(run, &command->run, error) < 0)
        return -1;
    view->kernel = kernel_open_socket(run->space.diag_fd);
    if (run_start(run, error) == 0)
        return 0;
    run_close(run);
    return -1;
}

int verb_run(int argc, char **argv)
{
    static struct run_command command;
    static struct run run;
    struct kernel_view view = {NULL};
    char error[256];
    int status = run_read_options(&command, argc, argv);
    if (status != 0)
        return status < 0 ? 0 : status;
    if (start(&run, &command, &view, error) < 0) {
        complain("run", "%s", error);
        status = EXIT_FAILED;
    } else {
        status = finish(&run, &command, loop(&run));
    }
    if (view.kernel)
        kernel_close(view.kernel);
    return status;
}

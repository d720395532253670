/*
 * `handfast run`: PROGRAM inside a network made of Handfast. This file turns the loop; what happens in it is
 * run/'s. Read next: run/run.h, run_options.h.
 */
#define _GNU_SOURCE
#include "control.h"
#include "kernel.h"
#include "ladder.h"
#include "run_options.h"
#include "usage.h"
#include "verbs.h"
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- PROGRAM's kernel, for the survey ---- */

#define CONTROL_FDS 16
#define AWAKE       (60 * HF_US) /* after something happened */

struct kernel_view {
    struct kernel *kernel;
    struct ladder *ladder; /* the driver's, or NULL */
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

/* ---- the ladder ---- */

static void write_stderr(void *arg, const char *text, size_t len)
{
    (void)arg;
    (void)!write(STDERR_FILENO, text, len); /* a picture nobody sees is no error */
}

static int read_state(void *arg, const struct hf_endpoint *local, const struct hf_endpoint *remote,
                      enum hf_state *state)
{
    struct kernel_view *view = arg;
    struct kernel_tcp found;
    int answer = view->kernel ? kernel_find(view->kernel, local, remote, &found) : -ENOTCONN;
    if (answer == 1)
        *state = found.state;
    return answer;
}

/* Every frame passes it on its way to and from the engine. */
static int add_ladder(struct run *run, struct kernel_view *view, char error[256])
{
    const struct ladder_options options = {
        .terminal = terminal_of(STDERR_FILENO, false),
        .left = "program",
        .is_peer_read = true,
        .is_numbered = true,
        .write = write_stderr,
    };
    const struct watch_reader reader = {.read = read_state, .arg = view};
    struct ladder *ladder = ladder_new(&options);
    struct hf_driver *driver = ladder ? watch_open(run->driver, run->engine, ladder, &reader) : NULL;
    if (driver) {
        run->driver = driver;
        view->ladder = ladder;
        return 0;
    }
    ladder_free(ladder);
    strcpy(error, "no memory for a ladder");
    return -1;
}

/* ---- the control socket ---- */

static struct control *open_control(const struct run *run)
{
    const struct control_options options = {.verb = "run", .msl_ns = RUN_MSL, .started_at = run->started_at};
    char error[256];
    return control_open(run->engine, &options, error); /* without one nobody can ask, and nothing else is lost */
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

/*
 * The answer to what was just done often comes within microseconds. To look again until then costs less than to fall
 * asleep and be woken, and yielding leaves the processor to whoever makes that answer.
 */
static bool has_news_soon(struct pollfd *fds, unsigned count, hf_time until)
{
    hf_time asleep_at = hf_time_first(until, hf_time_add(hf_clock_now(), AWAKE));
    while (poll(fds, count, 0) == 0) {
        if (hf_time_reached(hf_clock_now(), asleep_at))
            return false;
        sched_yield();
    }
    return true;
}

/* Sleeps until somebody wants something. */
static void wait_for_news(struct run *run, struct control *control)
{
    struct pollfd fds[CONTROL_FDS + 1] = {{.fd = run_fd(run), .events = POLLIN}};
    unsigned count = control ? control_fds(control, fds + 1, CONTROL_FDS) : 0;
    hf_time until = run_deadline(run);
    if (control)
        until = hf_time_first(until, control_deadline(control));
    if (!has_news_soon(fds, count + 1, until))
        poll(fds, count + 1, milliseconds_until(until));
    if (control)
        control_turn(control, hf_clock_now(), fds + 1, count);
}

static int loop(struct run *run, struct control *control)
{
    while (!run_is_over(run)) {
        wait_for_news(run, control);
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

static int finish(struct run *run, const struct run_command *command, const struct kernel_view *view, int status)
{
    char error[256];
    struct life life = run->life;
    if (view->ladder)
        ladder_end(view->ladder); /* the report comes below it */
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
    bool is_drawn = !command->ladder || add_ladder(run, view, error) == 0;
    if (is_drawn && run_start(run, error) == 0)
        return 0;
    run_close(run);
    return -1;
}

int verb_run(int argc, char **argv)
{
    static struct run_command command;
    static struct run run;
    struct kernel_view view = {NULL, NULL};
    char error[256];
    int status = run_read_options(&command, argc, argv);
    if (status != 0)
        return status < 0 ? 0 : status;
    if (start(&run, &command, &view, error) < 0) {
        complain("run", "%s", error);
        status = EXIT_FAILED;
    } else {
        struct control *control = command.no_control ? NULL : open_control(&run);
        status = loop(&run, control);
        if (control)
            control_close(control);
        status = finish(&run, &command, &view, status);
    }
    if (view.kernel)
        kernel_close(view.kernel);
    return status;
}

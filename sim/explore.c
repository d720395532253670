/* Processes, and shrinking. See explore.h. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "explore.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 64
#define SLOWEST  64000 /* bits a second; with less everything is stuck */

/* What one process tells of its share; it survives the process. */
struct share {
    pid_t process;
    uint64_t next; /* the seed it is at */
    bool is_over;
    uint64_t passed, failed, frames;
    double simulated_s;
    uint64_t failed_seed[SIM_FAILED_MAX];
    unsigned failed_count;
};

static void *shared_memory(size_t len)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* ---- many seeds ---- */

static void note_failure(struct share *share, uint64_t seed)
{
    share->failed++;
    if (share->failed_count < SIM_FAILED_MAX)
        share->failed_seed[share->failed_count++] = seed;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_share(const struct sim_exploration *x, double until, struct share *share)
{
    static struct sim_scenario scenario;
    static struct sim_result result;
    const struct sim_options options = {0};
    for (; share->next <= x->last && (until == 0 || seconds_now() < until); share->next += x->jobs) {
        sim_scenario_draw(&scenario, share->next, x->is_long);
        if (sim_run(&scenario, &options, &result))
            share->passed++;
        else
            note_failure(share, share->next);
        share->frames += result.frames;
        share->simulated_s += (double)hf_time_since(result.at, result.begun_at) / (double)HF_SECOND;
    }
    share->is_over = true;
}

static bool start(const struct sim_exploration *x, double until, struct share *share)
{
    fflush(NULL);
    pid_t process = fork(); /* the child must not write its own zero where both look */
    if (process != 0) {
        share->process = process;
        return process > 0;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_share(x, until, share);
    _exit(0);
}

/* Waits a little for any process of ours. True when one has ended. */
static bool has_ended(const struct sim_exploration *x, struct share *shares, unsigned *which)
{
    const struct timespec moment = {.tv_nsec = 50 * 1000 * 1000};
    for (unsigned i = 0; i < x->jobs; i++)
        if (shares[i].process > 0 && waitpid(shares[i].process, NULL, WNOHANG) == shares[i].process) {
            shares[i].process = 0;
            *which = i;
            return true;
        }
    nanosleep(&moment, NULL);
    return false;
}

static void tell(const struct sim_exploration *x, const struct share *shares)
{
    uint64_t done = 0, failed = 0;
    for (unsigned i = 0; i < x->jobs; i++) {
        done += shares[i].passed + shares[i].failed;
        failed += shares[i].failed;
    }
    if (x->progress)
        x->progress(x->arg, done, failed);
}

/* A process that ended before its share did has crashed over the seed it was at: the next takes over behind it. */
static bool watch(const struct sim_exploration *x, double until, struct share *shares)
{
    for (unsigned running = x->jobs; running > 0;) {
        unsigned which;
        tell(x, shares);
        if (!has_ended(x, shares, &which))
            continue;
        struct share *share = &shares[which];
        if (share->is_over) {
            running--;
            continue;
        }
        note_failure(share, share->next);
        share->next += x->jobs;
        if (!start(x, until, share))
            return false;
    }
    tell(x, shares);
    return true;
}

static int compare_seeds(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static void add_up(struct sim_exploration *x, const struct share *shares)
{
    static uint64_t seeds[JOBS_MAX * SIM_FAILED_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < x->jobs; i++) {
        x->passed += shares[i].passed;
        x->failed += shares[i].failed;
        x->frames += shares[i].frames;
        x->simulated_s += shares[i].simulated_s;
        for (unsigned n = 0; n < shares[i].failed_count; n++)
            seeds[count++] = shares[i].failed_seed[n];
    }
    qsort(seeds, count, sizeof seeds[0], compare_seeds);
    x->failed_count = count < SIM_FAILED_MAX ? count : SIM_FAILED_MAX;
    memcpy(x->failed_seed, seeds, x->failed_count * sizeof seeds[0]);
}

bool sim_explore(struct sim_exploration *x)
{
    if (x->jobs == 0 || x->jobs > JOBS_MAX)
        x->jobs = x->jobs == 0 ? 1 : JOBS_MAX;
    struct share *shares = shared_memory(sizeof *shares * x->jobs);
    if (shares == NULL)
        return false;
    double until = x->seconds > 0 ? seconds_now() + x->seconds : 0;
    bool is_done = true;
    for (unsigned i = 0; i < x->jobs && is_done; i++) {
        shares[i].next = x->first + i;
        is_done = start(x, until, &shares[i]);
    }
    is_done = is_done && watch(x, until, shares);
    add_up(x, shares);
    munmap(shares, sizeof *shares * x->jobs);
    return is_done;
}

/* ---- one, apart ---- */

static void keep_line(void *arg, const char *line)
{
    struct sim_report *report = arg;
    snprintf(report->line[report->line_count++ % SIM_LINES], SIM_LINE_LEN, "%s", line);
}

static bool run_in_child(const struct sim_scenario *scenario, const struct sim_options *options,
                         struct sim_report *shared)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(sim_run(scenario, options, &shared->result) ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        snprintf(shared->result.what, sizeof shared->result.what, "no process: %s", strerror(errno));
        return false;
    }
    if (WIFSIGNALED(status))
        snprintf(shared->result.what, sizeof shared->result.what, "the process was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool sim_run_apart(const struct sim_scenario *scenario, bool lines, struct sim_report *report)
{
    memset(report, 0, sizeof *report);
    struct sim_report *shared = shared_memory(sizeof *shared);
    if (shared == NULL) {
        snprintf(report->result.what, sizeof report->result.what, "out of memory");
        return false;
    }
    struct sim_options options = {0};
    bool is_good = run_in_child(scenario, &options, shared);
    if (!is_good && lines) {
        options = (struct sim_options){.trace = keep_line, .arg = shared, .seen_from = shared->result.host};
        run_in_child(scenario, &options, shared);
    }
    *report = *shared;
    munmap(shared, sizeof *shared);
    return is_good;
}

/* ---- less of it ---- */

struct shrinking {
    struct sim_scenario *best;
    unsigned tries, most;
    char what[256]; /* how it failed at first */
};

/* The same but for its numbers? */
static bool is_alike(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    while (*a && *b) {
        a += strspn(a, digits);
        b += strspn(b, digits);
        if (*a != *b)
            return false;
        a += *a != '\0';
        b += *b != '\0';
    }
    return *a == *b;
}

/* A scenario as it reads when it is printed: what is found has to be what a person can run. */
static bool make_printable(struct sim_scenario *s)
{
    static char text[SIM_SCENARIO_TEXT];
    char error[256];
    sim_scenario_print(s, text, sizeof text);
    return sim_scenario_parse(text, s, error);
}

/* Does it still fail so? Then that is what we have from now on. */
static bool try(struct shrinking *x, struct sim_scenario *less)
{
    static struct sim_report report;
    bool is_first = x->what[0] == '\0';
    if (x->tries >= x->most || !make_printable(less))
        return false;
    if (!is_first && memcmp(less, x->best, sizeof *less) == 0)
        return false; /* it makes no difference to what can be written down */
    x->tries++;
    if (sim_run_apart(less, false, &report))
        return false;
    if (is_first)
        memcpy(x->what, report.result.what, sizeof x->what);
    if (!is_alike(report.result.what, x->what))
        return false; /* another failure, which may be one of the scenario's own making */
    *x->best = *less;
    return true;
}

static bool remove_talks(struct shrinking *x)
{
    bool any = false;
    for (unsigned i = (unsigned)x->best->talks; i-- > 0;) {
        struct sim_scenario less = *x->best;
        sim_scenario_remove_talk(&less, i);
        any |= less.talks > 0 && try(x, &less);
    }
    return any;
}

/* Moves every talk to the first two hosts. */
static bool remove_hosts(struct shrinking *x)
{
    struct sim_scenario less = *x->best;
    if (less.hosts == 2)
        return false;
    less.hosts = 2;
    for (unsigned i = 0; i < less.talks; i++) {
        less.talk[i].from %= 2;
        less.talk[i].to %= 2;
    }
    return try(x, &less);
}

/* One number at its most ordinary value, or else as near to it as it still fails with. */
static bool lower_number(struct shrinking *x, unsigned i)
{
    struct sim_scenario less = *x->best;
    uint64_t ordinary, *number = sim_scenario_number(&less, i, &ordinary);
    bool any = false;
    if (number == NULL || *number == ordinary)
        return false;
    *number = ordinary;
    if (try(x, &less))
        return true;
    for (;;) {
        less = *x->best;
        number = sim_scenario_number(&less, i, &ordinary);
        uint64_t half = *number > ordinary ? ordinary + (*number - ordinary) / 2 : ordinary;
        bool is_too_slow =
            i % FAULT_PROPERTIES == FAULT_RATE && i < FAULT_DIRECTIONS * FAULT_PROPERTIES && half < SLOWEST;
        if (half == *number || half == ordinary || is_too_slow)
            return any;
        *number = half;
        if (!try(x, &less))
            return any;
        any = true;
    }
}

unsigned sim_shrink(struct sim_scenario *scenario, unsigned tries)
{
    struct shrinking x = {.best = scenario, .most = tries};
    struct sim_scenario first = *scenario;
    bool any;
    (void)try(&x, &first);
    do {
        uint64_t ordinary;
        any = remove_talks(&x);
        any |= remove_hosts(&x);
        for (unsigned i = 0; x.tries < tries && sim_scenario_number(scenario, i, &ordinary) != NULL; i++)
            any |= lower_number(&x, i);
    } while (any && x.tries < tries);
    return x.tries;
}

/*
 * bench_path: Handfast as sender and as receiver beside the kernel with itself, over the same made paths. Needs
 * /dev/net/tun and the right to make network namespaces (root has it).
 *
 * Runs of the three take turns, so that whatever else the machine does disturbs them alike. A few at once are fine: at 100
 * Mbit/s a run is mostly asleep.
 *
 * Read first: path.h.
 */
#define _GNU_SOURCE
#include "path.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CELLS_MAX 64
#define JOBS_MAX  16

struct options {
    unsigned runs, jobs;
    double seconds;
    const char *dir, *only;
    bool is_short;
};

static const char usage[] =
    "usage: bench_path [OPTION]... [PATH]\n"
    "Bulk transfers over made paths: the kernel to itself, Handfast to the kernel, the kernel to Handfast.\n"
    "PATH is a pattern of the names in the table, such as '100ms loss*'; without it all are measured.\n"
    "\n"
    "  -r, --runs N       repetitions of each (5; intervals want 10)\n"
    "  -s, --seconds S    length of one (5)\n"
    "  -j, --jobs N       transfers at once (2)\n"
    "  -o, --out DIR      where path.json and path.svg go (build/bench)\n"
    "      --short        a few paths, two short runs of each: less than a minute\n"
    "  -h, --help         this\n";

/* ---- the paths ---- */

static unsigned make_cells(const struct options *options, struct path_cell *cells)
{
    static const char *const chances[] = {"", "loss 0.1%", "loss 1%", "loss 3%", "burst 1% of 8", "reorder 3%"};
    static const unsigned rtts[] = {10, 100};
    static const double queues[] = {0.25, 1, 2};
    unsigned count = 0;
    for (unsigned rtt = 0; rtt < 2; rtt++)
        for (unsigned chance = 0; chance < sizeof chances / sizeof chances[0]; chance++)
            for (unsigned queue = 0; queue < 3; queue++) {
                struct path_cell *cell = &cells[count];
                *cell = (struct path_cell){.rtt_ms = rtts[rtt], .queue = queues[queue], .chance = chances[chance]};
                snprintf(cell->name, sizeof cell->name, "%ums %s queue %.4g", cell->rtt_ms,
                         *cell->chance ? cell->chance : "no loss", cell->queue);
                bool is_wanted = options->only == NULL || fnmatch(options->only, cell->name, 0) == 0;
                if (options->is_short)
                    is_wanted &= rtt == 0 && queue == 1 && chance != 1 && chance != 3;
                count += is_wanted;
            }
    return count;
}

/* ---- transfers, a few at once ---- */

struct task {
    unsigned cell, run;
    enum path_way way;
};

static pid_t start(const struct path_cell *cell, const struct task *task, double seconds,
                   struct path_sample *sample)
{
    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        return child;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    path_run_once(cell, task->way, seconds, task->run + 1, sample);
    _exit(0);
}

static bool wait_for_one(unsigned *running, unsigned done, unsigned total)
{
    if (waitpid(-1, NULL, 0) < 0)
        return false;
    --*running;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%u of %u ", done, total);
    return true;
}

/* The three ways of a cell stand next to each other. */
static struct task task_at(unsigned number, unsigned cells)
{
    return (struct task){.run = number / (cells * PATH_WAYS),
                         .cell = number / PATH_WAYS % cells,
                         .way = (enum path_way)(number % PATH_WAYS)};
}

static bool measure(const struct options *options, const struct path_cell *cells, unsigned count,
                    struct path_series *series)
{
    unsigned total = count * options->runs * PATH_WAYS, running = 0;
    for (unsigned i = 0; i < total; i++) {
        const struct task task = task_at(i, count);
        if (running == options->jobs && !wait_for_one(&running, i, total))
            return false;
        if (start(&cells[task.cell], &task, options->seconds, &series[task.cell].run[task.way][task.run]) < 0)
            return false;
        running++;
    }
    while (running > 0)
        if (!wait_for_one(&running, total - running, total))
            return false;
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    return true;
}

/* Why the first transfer that could not be made could not, or NULL. */
static const char *first_failure(const struct path_series *series, unsigned count, unsigned runs)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned way = 0; way < PATH_WAYS; way++)
            for (unsigned run = 0; run < runs; run++)
                if (!series[i].run[way][run].is_good)
                    return series[i].run[way][run].why;
    return NULL;
}

/* ---- the program ---- */

static bool read_options(int argc, char **argv, struct options *options)
{
    enum { SHORT = 256 };
    static const struct option known[] = {{"runs", required_argument, NULL, 'r'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"short", no_argument, NULL, SHORT},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    for (int letter; (letter = getopt_long(argc, argv, "r:s:j:o:h", known, NULL)) != -1;) {
        if (letter == 'r')
            options->runs = (unsigned)strtoul(optarg, NULL, 10);
        else if (letter == 's')
            options->seconds = strtod(optarg, NULL);
        else if (letter == 'j')
            options->jobs = (unsigned)strtoul(optarg, NULL, 10);
        else if (letter == 'o')
            options->dir = optarg;
        else if (letter == 'h')
            exit(fputs(usage, stdout) < 0);
        else if (letter == SHORT)
            *options = (struct options){.runs = 2, .jobs = 2, .seconds = 2, .dir = options->dir, .is_short = true};
        else
            return false;
    }
    options->only = argv[optind];
    bool is_good = options->runs >= 1 && options->runs <= PATH_RUNS_MAX && options->seconds > 0 &&
                   options->jobs >= 1 && options->jobs <= JOBS_MAX && argc - optind <= 1;
    if (!is_good)
        fprintf(stderr, "bench_path: --runs is 1 to %d, --jobs 1 to %d, --seconds above 0, and at most one PATH\n",
                PATH_RUNS_MAX, JOBS_MAX);
    return is_good;
}

int main(int argc, char **argv)
{
    struct options options = {.runs = 5, .jobs = 2, .seconds = 5, .dir = "build/bench"};
    static struct path_cell cells[CELLS_MAX];
    if (!read_options(argc, argv, &options))
        return 2;
    unsigned count = make_cells(&options, cells);
    if (count == 0) {
        fprintf(stderr, "bench_path: no path is called '%s'\n", options.only);
        return 2;
    }
    struct path_series *series =
        mmap(NULL, sizeof *series * count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (series == MAP_FAILED || !measure(&options, cells, count, series)) {
        fprintf(stderr, "bench_path: %s\n", strerror(errno));
        return 1;
    }
    const char *why = first_failure(series, count, options.runs);
    if (why != NULL) {
        fprintf(stderr, "bench_path: %s; run it as root\n", *why ? why : "a transfer ended in a crash");
        return 1;
    }
    printf("%d Mbit/s, MTU 1500, cubic, buffers of at most 8 MiB; %u runs of %g s.\n", PATH_MBIT, options.runs,
           options.seconds);
    return path_report(options.dir, cells, series, count, options.runs) ? 0 : 1;
}

/* The runner: repetitions in turn, and their medians. See bench.h. */
#define _GNU_SOURCE
#include "bench.h"

#include <fnmatch.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_cpu_seconds(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

double bench_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void bench_stay_on(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (core == BENCH_ANY || core == i)
            CPU_SET((size_t)i, &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* refused: then the scheduler decides */
}

/* ---- one figure ---- */

/* What is being collected of one side. */
struct series {
    double value[BENCH_RUNS_MAX];
    unsigned count;
    bool failed;
    char note[BENCH_NOTE_LEN];
};

static void measure(const struct bench_side *side, double seconds, struct series *series)
{
    if (series->failed)
        return;
    struct bench_sample sample = {0};
    series->failed = !side->run(side->arg, seconds, &sample);
    if (!series->failed)
        series->value[series->count++] = sample.value;
    memcpy(series->note, sample.note, sizeof series->note);
}

static int compare_values(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_result conclude(struct series *series)
{
    struct bench_result result = {.runs = series->failed ? 0 : series->count};
    memcpy(result.note, series->note, sizeof result.note);
    if (result.runs == 0)
        return result;
    qsort(series->value, series->count, sizeof series->value[0], compare_values);
    result.least = series->value[0];
    result.most = series->value[series->count - 1];
    result.median = (series->value[(series->count - 1) / 2] + series->value[series->count / 2]) / 2;
    return result;
}

static unsigned count_peers(const struct bench_figure *figure)
{
    unsigned count = 0;
    while (count < BENCH_PEERS_MAX && figure->peer[count].name != NULL)
        count++;
    return count;
}

/* Handfast, then each peer, and again: whatever slows the machine for a while slows them all. */
static void measure_figure(const struct bench_figure *figure, const struct bench_options *options,
                           struct bench_report *report)
{
    static struct series ours, theirs[BENCH_PEERS_MAX];
    memset(&ours, 0, sizeof ours);
    memset(theirs, 0, sizeof theirs);
    unsigned peers = options->alone ? 0 : count_peers(figure);
    for (unsigned run = 0; run < options->runs; run++) {
        measure(&figure->handfast, options->seconds, &ours);
        for (unsigned i = 0; i < peers; i++)
            measure(&figure->peer[i], options->seconds, &theirs[i]);
    }
    struct bench_result result = conclude(&ours);
    if (peers == 0)
        bench_report_add(report, figure, &result, NULL, NULL);
    for (unsigned i = 0; i < peers; i++) {
        struct bench_result peer = conclude(&theirs[i]);
        bench_report_add(report, figure, &result, &figure->peer[i], &peer);
    }
}

/* ---- the program ---- */

static const char usage[] =
    "usage: %s [OPTION]... [FIGURE]\n"
    "Measures Handfast beside its peers, in turn, and prints medians. FIGURE is one of their\n"
    "names or a pattern such as 'bulk_*'; without it all are measured.\n"
    "\n"
    "  -r, --runs N       repetitions of each side (5)\n"
    "  -s, --seconds S    length of one measurement (0.3)\n"
    "  -o, --out DIR      where the report %s.json goes (build/bench)\n"
    "  -a, --alone        Handfast without its peers\n"
    "  -h, --help         this\n";

/* False when the arguments are wrong, said in one line. */
static bool read_options(int argc, char **argv, struct bench_options *options)
{
    static const struct option known[] = {
        {"runs", required_argument, NULL, 'r'}, {"seconds", required_argument, NULL, 's'},
        {"out", required_argument, NULL, 'o'},  {"alone", no_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},       {0}};
    for (int letter; (letter = getopt_long(argc, argv, "r:s:o:ah", known, NULL)) != -1;) {
        if (letter == 'r')
            options->runs = (unsigned)strtoul(optarg, NULL, 10);
        else if (letter == 's')
            options->seconds = strtod(optarg, NULL);
        else if (letter == 'o')
            options->dir = optarg;
        else if (letter == 'a')
            options->alone = true;
        else if (letter == 'h')
            exit(printf(usage, argv[0], options->name) < 0);
        else
            return false;
    }
    options->only = argv[optind];
    if (options->runs >= 1 && options->runs <= BENCH_RUNS_MAX && options->seconds > 0 && argc - optind <= 1)
        return true;
    fprintf(stderr, "%s: --runs is 1 to %d, --seconds above 0, and at most one FIGURE\n", argv[0], BENCH_RUNS_MAX);
    return false;
}

int bench_main(int argc, char **argv, const char *name, const struct bench_figure *figures, unsigned count)
{
    struct bench_options options = {.name = name, .dir = "build/bench", .runs = 5, .seconds = 0.3};
    if (!read_options(argc, argv, &options))
        return 2;
    struct bench_report *report = bench_report_open(&options);
    for (unsigned i = 0; i < count; i++)
        if (options.only == NULL || fnmatch(options.only, figures[i].name, 0) == 0)
            measure_figure(&figures[i], &options, report);
    return bench_report_close(report);
}

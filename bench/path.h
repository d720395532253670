/*
 * Handfast and the host kernel over the same made path, in real time: two TUN devices in network namespaces, and between
 * them the paths of drivers/path.h, the same that `handfast sim` and `handfast run` have.
 *
 *      kernel -- TUN --\                      /-- TUN -- kernel
 *                       +== the made path ==+
 *      an engine ------/                      \---------- an engine
 *
 * One run is a process of its own, so that what the kernel remembers of a path, and its namespaces, end with it.
 *
 * Read next: bench_path.c, path_run.c, path_report.c.
 */
#ifndef HF_BENCH_PATH_H
#define HF_BENCH_PATH_H

#include "bench.h"

#define PATH_RUNS_MAX 50
#define PATH_MBIT     100

/* Who sends to whom. */
enum path_way { KERNEL_TO_KERNEL, HANDFAST_TO_KERNEL, KERNEL_TO_HANDFAST, PATH_WAYS };

struct path_cell {
    char name[48]; /* "10ms loss 1% q 0.25" */
    unsigned rtt_ms;
    double queue;       /* bandwidth-delay products */
    const char *chance; /* "loss 1%", or "" */
};

/* What one run gave. */
struct path_sample {
    bool is_good;
    char why[BENCH_NOTE_LEN];
    double mbit;  /* read by the receiver */
    double again; /* per cent of the bytes sent */
};

/* All runs of a cell. */
struct path_series {
    struct path_sample run[PATH_WAYS][PATH_RUNS_MAX];
};

/* Runs once, in this process, which is to end then. */
void path_run_once(const struct path_cell *cell, enum path_way way, double seconds, uint64_t seed,
                   struct path_sample *sample);

/* Prints the table, and writes DIR/path.json and DIR/path.svg. False when a file cannot be written. */
bool path_report(const char *dir, const struct path_cell *cells, const struct path_series *series, unsigned count,
                 unsigned runs);

#endif

/*
 * The runner: every figure is measured for Handfast and for its peers in turn, several times over, so that a
 * machine that drifts drifts under all of them; what is reported are medians, their ratio, and the least and
 * greatest seen.
 *
 * Read next: bench_memory.c (in one thread, in memory), bench_tun.c (against the host kernel).
 */
#ifndef HF_BENCH_H
#define HF_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_NOTE_LEN  80
#define BENCH_PEERS_MAX 4
#define BENCH_RUNS_MAX  101

/* One measurement. */
struct bench_sample {
    double value;              /* in the figure's unit */
    char note[BENCH_NOTE_LEN]; /* what belongs beside it: congestion control, window, segments per ACK; may be empty
                                */
};

/* Measures once. False when it cannot, with the reason in sample->note; it is then not asked again. */
typedef bool (*bench_run)(const void *arg, double seconds, struct bench_sample *sample);

struct bench_side {
    const char *name; /* "handfast", "lwip", "null", "linux", "raw", "self" ... NULL ends a list of peers */
    bench_run run;
    const void *arg; /* borrows, for run */
    double goal;     /* of a peer: the ratio to it that is wanted, 0 for none */
};

struct bench_figure {
    const char *name; /* stable and short: what a later run is compared by */
    const char *unit;
    bool less_is_better; /* bytes, microseconds; the ratio is always "better is greater" */
    double goal;         /* for Handfast's own value, in the unit; 0 for none */
    struct bench_side handfast;
    struct bench_side peer[BENCH_PEERS_MAX];
};

struct bench_options {
    const char *name; /* of the report: NAME.json */
    const char *dir;  /* where it goes */
    const char *only; /* a figure, or a pattern of their names; NULL for all */
    unsigned runs;    /* repetitions of each side */
    bool alone;       /* Handfast without its peers */
    double seconds;   /* that one measurement shall take, about */
};

/* What the repetitions of one side gave. */
struct bench_result {
    unsigned runs; /* 0: it could not be measured, the note says why */
    double median, least, most;
    char note[BENCH_NOTE_LEN];
};

/*
 * The whole program: reads the options, measures, prints the table as it goes, and writes NAME.json. Returns the
 * exit code: 0, 1 when the report could not be written, 2 for wrong arguments.
 */
int bench_main(int argc, char **argv, const char *name, const struct bench_figure *figures, unsigned count);

/* CPU seconds this thread has used: what other programs take away is not counted. */
double bench_cpu_seconds(void);
/* Seconds on the wall. */
double bench_seconds(void);
/* Keeps this thread on a core, if it may; BENCH_ANY lets it go again. */
#define BENCH_ANY (-1)
void bench_stay_on(int core);

/* ---- report.c ---- */

struct bench_report;
struct bench_report *bench_report_open(const struct bench_options *options);
/* One line of the table and one object of the file; `peer` and `theirs` are NULL for a figure without peers. */
void bench_report_add(struct bench_report *report, const struct bench_figure *figure,
                      const struct bench_result *ours, const struct bench_side *peer,
                      const struct bench_result *theirs);
int bench_report_close(struct bench_report *report);

#endif

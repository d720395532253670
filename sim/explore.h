/*
 * Many seeds, in processes of their own so that one which crashes is just one that failed; and what is left of a failing
 * one when everything that does not matter is taken away.
 *
 * Read first: world.h.
 */
#ifndef HF_SIM_EXPLORE_H
#define HF_SIM_EXPLORE_H

#include "world.h"

#define SIM_FAILED_MAX 16
#define SIM_LINES      24 /* the last lines of a failing run */
#define SIM_LINE_LEN   256

struct sim_exploration {
    uint64_t first, last; /* seeds */
    bool is_long;
    double seconds; /* begin no further seed when so long has passed; 0: run them all */
    unsigned jobs;  /* processes at once */
    void (*progress)(void *arg, uint64_t done, uint64_t failed); /* now and then; NULL: nobody */
    void *arg;
    /* What came of it. */
    uint64_t passed, failed, frames;
    double simulated_s;                   /* virtual time */
    uint64_t failed_seed[SIM_FAILED_MAX]; /* the first of them, in order */
    unsigned failed_count;
};

/* Runs them all. False when processes cannot be made, with errno set. */
bool sim_explore(struct sim_exploration *x);

/* One run in a process of its own, with the last lines that the failing host saw. */
struct sim_report {
    struct sim_result result;
    unsigned line_count; /* written so far; the last SIM_LINES of them are kept */
    char line[SIM_LINES][SIM_LINE_LEN];
};

/* Runs a scenario apart: a crash is a failure like another. True when nothing went wrong. With `lines` it runs once more
 * after a failure, to see what the host saw where it happened. */
bool sim_run_apart(const struct sim_scenario *scenario, bool lines, struct sim_report *report);

/* Makes a failing scenario as small as it goes while it still fails, in at most `tries` runs. Returns how many it took. */
unsigned sim_shrink(struct sim_scenario *scenario, unsigned tries);

#endif

/* What the files of `handfast sim` share. Read next: sim.c, sim_ask.c. */
#ifndef HF_CLI_SIM_H
#define HF_CLI_SIM_H

#include "../sim/explore.h"

#define SIM_RUNS_MAX 1000

struct sim_command {
    /* exploring */
    uint64_t first, last;
    bool explores, is_long;
    hf_ns lasts; /* 0: until all seeds were run */
    unsigned jobs;
    /* one scenario, or a seed's */
    const char *scenario;
    uint64_t seed;
    bool has_seed, shrinks, trace;
    unsigned seen_from;
    /* measuring */
    const char *path;
    uint64_t bytes, flows, runs, mtu, buffer;
    hf_ns duration;
    enum hf_cc_algorithm cc;
    bool measures, pacing, v6, receives, no_sack, no_timestamps;
    bool json;
};

/* Answers "what does such a path do to such a transfer". Returns the exit status. */
int sim_ask(const struct sim_command *command);

#endif

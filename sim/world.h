/*
 * A simulated network in virtual time: real engines at its ends, made paths between them (drivers/path.h), and small
 * applications that write, read and close as a scenario says.
 *
 *      host 0 --access--\                      /--access-- host 1
 *      host 2 --access---+==== the path ======+---access-- host 3
 *      host 4 --access--/    out ->  <- in     \--access-- host 5
 *
 * Nothing but the scenario goes in: the same scenario gives the same frames at the same instants, and the digest says
 * so. After every event every record of the engine concerned is checked; what an application reads is compared with what
 * the other one wrote; and when all is over every pool has to be empty.
 *
 * Read first: scenario.h. Read next: world.c, talk.h.
 */
#ifndef HF_SIM_WORLD_H
#define HF_SIM_WORLD_H

#include "../drivers/path.h"
#include "scenario.h"

#include <handfast/handfast.h>

struct sim_options {
    bool is_unchecked; /* leave the invariants alone: for measuring */
    hf_ns stop_after;  /* end then, however far it has come, and without judging; 0: go on to the end */
    /* Told of every frame as host `seen_from` sends or has judged it, as lines of packetdrill's language. NULL: nobody. */
    void (*trace)(void *arg, const char *line);
    void *arg;
    unsigned seen_from;
};

/* How one connection went. */
struct sim_talk_result {
    hf_time connected_at, over_at; /* HF_NEVER: never; over: both directions read to their end */
    uint64_t read[2];              /* bytes that side i read */
    hf_time read_at[2];            /* when it read the last one */
    uint64_t retransmits[2];       /* segments that side i sent again */
    uint32_t srtt_us[2];           /* at the end, or at the last look */
};

struct sim_result {
    char what[256]; /* what went wrong; empty: nothing */
    unsigned host;  /* where */
    hf_time at;
    uint64_t digest;
    uint64_t frames, steps;
    hf_time begun_at;
    struct sim_talk_result talk[SIM_TALKS_MAX];
    uint64_t sent, sent_again; /* bytes of text that hosts sent, and that they sent not for the first time */
    struct hf_fault_counts path[FAULT_DIRECTIONS];
    hf_ns waited[FAULT_DIRECTIONS]; /* for the rate, in the mean */
    hf_ns waited_most[FAULT_DIRECTIONS];
};

/* Runs a scenario. True when nothing went wrong; *result tells in any case. */
bool sim_run(const struct sim_scenario *scenario, const struct sim_options *options, struct sim_result *result);

#endif

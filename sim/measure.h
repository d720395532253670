/*
 * A question to a path: what does it make of so many flows of so many bytes? One answer for each course of chance.
 *
 * Read first: world.h.
 */
#ifndef HF_SIM_MEASURE_H
#define HF_SIM_MEASURE_H

#include "world.h"

struct sim_question {
    struct fault_path path[FAULT_DIRECTIONS];
    uint64_t seed, flows, mtu;
    uint64_t bytes;      /* that each flow carries */
    uint64_t buffer;     /* of either end; 0: 8 MiB */
    uint64_t apart_ms;   /* from the beginning of one flow to that of the next */
    uint64_t drop_from;  /* from the so-manieth segment with text on, */
    uint64_t drop_count; /* so many are lost */
    hf_ns duration;      /* end then, however much was carried; 0: carry it all */
    enum hf_cc_algorithm cc;
    bool receives; /* the data flows in instead of out */
    bool pacing, v6, no_sack, no_timestamps;
};

struct sim_answer {
    uint64_t seed;
    double goodput;                 /* Mbit/s, from a flow's begin to its last byte read, of all together */
    double flow_least, flow_most;   /* of one flow */
    double fairness;                /* Jain's index over the flows: 1 when all got the same */
    double seconds;                 /* until the last flow was through */
    double again_percent;           /* of the bytes that were sent */
    double srtt_ms;                 /* the greatest */
    double queue_ms, queue_most_ms; /* wait for the rate, on the way of the data */
    uint64_t lost, overflowed, marked;
    bool is_complete; /* every flow carried everything */
};

/* Runs once. False with a sentence in what[256] when something is wrong with an engine. */
bool sim_measure(const struct sim_question *question, struct sim_answer *answer, char what[256]);

#endif

/*
 * What `handfast ss` has been told: by each running Handfast process over its control socket, or by the kernel.
 */
#ifndef CLI_SS_SOURCE_H
#define CLI_SS_SOURCE_H

#include "ss_filter.h"

#include <stdio.h>

struct ss_source {
    json_t *process; /* as the process said it, without its connections; NULL for the kernel */
    uint64_t counts[HF_STATE_COUNT];
    struct socket_row *rows; /* those the filter lets through: listeners first, then by state and age */
    size_t count, cap;
};

struct ss_sources {
    struct ss_source *at;
    unsigned count;
    unsigned silent; /* processes that did not answer, or not to the end */
};

/* Asks every process, or the one with this id (0: all). Returns 0, or a negative errno: -ENOMEM. Release with
 * ss_sources_free. `request`: one of control.h. Listeners and changes of state become the lists "listeners" and "history" of
 * their process. */
int ss_ask_processes(struct ss_sources *sources, int pid, const struct filter *filter, const char *request);

/* What one process answers, into a source that is all zero. False when that is not a whole answer. The source's `process`
 * and `rows` are to be released either way. */
bool ss_read_answer(struct ss_source *source, FILE *answer, const struct filter *filter);

/* Asks the kernel, in the network namespace `netns` (a descriptor; -1 this one). Returns 0 or a negative errno. */
int ss_ask_kernel(struct ss_sources *sources, int netns, const struct filter *filter);

void ss_sources_free(struct ss_sources *sources);

#endif

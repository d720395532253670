/* The command line of `handfast run`. */
#ifndef HF_CLI_RUN_OPTIONS_H
#define HF_CLI_RUN_OPTIONS_H

#include "../run/run.h"

struct run_command {
    struct run_options run;
    bool ladder;
    bool no_control;
    int error_exitcode; /* 0: PROGRAM's own, whatever was found */
};

/* Returns 0, -1 when there is nothing more to do, or EXIT_USAGE after having complained. */
int run_read_options(struct run_command *command, int argc, char **argv);

#endif

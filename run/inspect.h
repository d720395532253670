/*
 * Looking: the book, the survey, the tracer and the report under one roof, for whoever turns the loop.
 */
#ifndef HF_RUN_INSPECT_H
#define HF_RUN_INSPECT_H

#include "report.h"

struct inspect_options {
    const char *program;
    bool stacks;
    hf_ns leak_age;     /* how long a connection must stand before it counts; 10 s */
    const char *report; /* file; "-": standard error, whatever was found; NULL: standard error if it has problems */
    bool is_quiet;      /* no report where none was asked for */
    const char *suppressions; /* file, or NULL */
    bool gen_suppressions;
    survey_lister *lister;
    void *lister_arg;
};

struct inspect {
    struct inspect_options options;
    struct book *book;
    struct survey survey;
    struct stacks *stacks;
    struct findings findings;
    struct findings_limits limits;
    hf_time started_at;
    int counters_fd;
};

/* Returns 0, or -1 with error[256]. Keeps the descriptor until inspect_close. */
int inspect_open(struct inspect *i, const struct inspect_options *o, struct hf_engine *e, int counters_fd,
                 ino_t net_inode, char error[256]);
void inspect_close(struct inspect *i);

/* Surveys when it is time, as long as PROGRAM runs. */
void inspect_turn(struct inspect *i, hf_time now);
hf_time inspect_deadline(const struct inspect *i);

/* PROGRAM's last process has ended. */
void inspect_program_ended(struct inspect *i, hf_time now);

/* What inspect_report wants to know beside. */
struct inspect_facts {
    bool has_ended;
    bool is_final; /* at the end: writes to where the options say. Else to standard error, on request */
    uint64_t udp_flows;
    const char *note;
};

/* Applies the rules and writes the report. Returns how many problems there are, or -1 with error[256]. */
int inspect_report(struct inspect *i, hf_time now, const struct inspect_facts *facts, char error[256]);

#endif

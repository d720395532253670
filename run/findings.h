/*
 * The rules: what in the book is worth telling, how grave it is, and what helps. One table (findings.c, `kinds`)
 * says all of it; docs/run.md prints the same table for people.
 */
#ifndef HF_RUN_FINDINGS_H
#define HF_RUN_FINDINGS_H

#include "stacks.h"
#include "survey.h"

enum finding_id {
    FINDING_CLOSE_WAIT,
    FINDING_INHERITED,
    FINDING_POOL,
    FINDING_SLOW_CLOSE,
    FINDING_HALF_CLOSED,
    FINDING_RESET_UNREAD,
    FINDING_RESET_LINGER,
    FINDING_RESET_LATE,
    FINDING_WRITE_AFTER_CLOSE,
    FINDING_NEVER_ACCEPTED,
    FINDING_NEVER_USED,
    FINDING_DEAD_DESCRIPTOR,
    FINDING_TIME_WAIT,
    FINDING_NO_PORTS,
    FINDING_SLOW_ACCEPT,
    FINDING_OVERFLOW,
    FINDING_DENIED,
    FINDING_COUNT
};

struct finding_kind {
    const char *name;    /* "close-wait-leak", as in suppressions and JSON */
    bool is_problem;     /* else a note */
    const char *title;   /* behind a count */
    const char *meaning; /* what it is, in a sentence */
    const char *remedy;
    const char *not_this; /* the popular wrong remedy, or NULL */
};

extern const struct finding_kind finding_kinds[FINDING_COUNT];

#define FINDING_FDS 8

/* Connections with the same trouble from the same place. */
struct finding {
    enum finding_id id;
    unsigned count;
    bool is_published;
    bool is_suppressed;
    bool is_at_exit;       /* for some of them PROGRAM's end was the end */
    struct hf_endpoint at; /* whom it led to; for accepted ones our own port */
    struct holder holder, other;
    int fds[FINDING_FDS];
    unsigned fd_count;
    uint32_t opened_stack, closed_stack, listen_stack;
    hf_ns youngest, oldest; /* ages, of whatever the rule is about */
    uint64_t bytes;         /* lost, or unread */
    hf_time earliest_end;   /* of the far sides */
    unsigned grown;         /* how many were opened after that */
    char detail[200];       /* evidence beyond the numbers */
};

#define FINDINGS_MAX 128

struct findings_limits {
    hf_ns leak_age;     /* how long something must stand before it counts */
    hf_ns exit_age;     /* the same when PROGRAM's end cut it short */
    hf_ns half_age;     /* half-closed */
    unsigned pool;      /* as many idle CLOSE-WAIT a client's pool may have */
    unsigned time_wait; /* as many are worth a note */
};

struct findings {
    struct finding at[FINDINGS_MAX];
    unsigned count;
    unsigned problems, notes, suppressed; /* groups */
};

void findings_limits_init(struct findings_limits *limits, hf_ns leak_age);

/* `has_ended`: PROGRAM has, and `now` is when. */
void findings_make(struct findings *f, const struct book *book, const struct survey *survey,
                   const struct findings_limits *limits, uint64_t overflows, bool has_ended, hf_time now);

/* Counts problems, notes and suppressed ones anew. */
void findings_count(struct findings *f);

#endif

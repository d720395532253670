/*
 * The book: what is known of every connection of PROGRAM's, kept while it is open and, where there is something to
 * say, afterwards. The relay writes in it (relay_watcher), so does the survey (survey.h) and, with --stacks, the
 * tracer (stacks.h); the rules read it (findings.h).
 */
#ifndef HF_RUN_BOOK_H
#define HF_RUN_BOOK_H

#include "relay.h"

#include <sys/types.h>

enum record_end {
    END_NONE, /* open */
    END_GRACEFUL,
    END_RESET_BY_PROGRAM,
    END_RESET_BY_FAR_SIDE,
    END_RESET_BY_PATH, /* a fault: "reset after N bytes" */
    END_SILENT,        /* PROGRAM's kernel stopped answering */
};

/* Why PROGRAM's kernel reset it: its own counters tell (counters.h). */
enum reset_cause { CAUSE_UNKNOWN, CAUSE_UNREAD, CAUSE_LINGER, CAUSE_LATE };

struct holder {
    pid_t pid; /* 0: unknown */
    int fd;
    char name[16];
};

#define STACK_NONE 0u

struct record {
    struct hf_endpoint inside, outside;
    bool is_published; /* PROGRAM accepted it */
    bool wrote_after_peer_end;
    bool program_closed_first;
    bool is_at_exit; /* it ended because the process did */
    uint8_t end;     /* enum record_end */
    uint8_t cause;   /* enum reset_cause */
    hf_time opened_at;
    hf_time peer_ended_at;        /* the far side's FIN was passed on; 0 = not */
    hf_time inside_ended_at;      /* PROGRAM's FIN or RST arrived; 0 = not */
    hf_time wrote_at;             /* PROGRAM last sent something; 0 = never */
    hf_time over_at;              /* 0 = open */
    uint64_t bytes_out, bytes_in; /* from PROGRAM; to PROGRAM */
    uint64_t bytes_lost;          /* when it was reset: on their way to PROGRAM, or unread by it */
    /* who has it */
    struct holder holder, other; /* other: a second process with the same descriptor */
    uint64_t inode;              /* 0: unknown */
    uint32_t unread;             /* bytes, when last surveyed */
    bool is_held;                /* a descriptor of it existed at the last survey */
    bool is_accepted;            /* the kernel says that a process has it, or once had */
    hf_time held_dead_since;     /* ... though the connection was over already; 0 = not */
    /* with --stacks */
    uint32_t opened_stack, closed_stack;
    unsigned closes;
    pid_t closed_by;
    hf_time closed_at;
    struct record *previous, *next;
    struct record *tuple_chain, *inode_chain;
    struct call *call; /* while open */
};

struct book_totals {
    uint64_t opened, accepted, graceful, reset_by_program, reset_by_far_side, reset_by_path, silent, denied,
        refused;
    uint64_t program_closed_first, forgotten;
    uint64_t bytes_out, bytes_in;
};

#define BOOK_LISTENS 64

/* Where a listening socket was made one. */
struct book_listen {
    uint64_t inode;
    uint32_t stack;
};

struct book {
    struct hf_engine *e;
    struct record *records; /* newest first */
    unsigned count;
    struct book_totals totals;
    struct hf_endpoint last_denied;
    struct record **by_tuple, **by_inode; /* BOOK_BUCKETS each */
    int counters_fd;                      /* /proc/net/netstat inside, or -1 */
    uint64_t aborts_unread, aborts_data;  /* as last read */
    uint64_t (*path_resets)(void *arg);   /* how many connections the path has reset; NULL: it never does */
    void *path_resets_arg;
    uint64_t path_resets_noted;
    struct book_listen listens[BOOK_LISTENS]; /* a ring */
    unsigned listen_count;
    void (*claim)(void *arg, struct record *record); /* a new record: who opened it? NULL: nobody knows */
    void *claim_arg;
};

/* Borrows the engine and the descriptor. NULL when there is no memory. */
struct book *book_open(struct hf_engine *e, int counters_fd);
void book_close(struct book *book);
struct relay_watcher book_watcher(struct book *book);

struct record *book_find(const struct book *book, const struct hf_endpoint *inside,
                         const struct hf_endpoint *outside);
struct record *book_find_inode(const struct book *book, uint64_t inode);
void book_set_inode(struct book *book, struct record *record, uint64_t inode);

/* Every process of PROGRAM's has ended, at `at`: what ended just then was closed by nobody. */
void book_program_ended(struct book *book, hf_time at);

/* Drops what ended well and is held by nobody. */
void book_tidy(struct book *book, hf_time now);

/* A counter of PROGRAM's kernel by its name in /proc/net/netstat; 0 when there is none. */
uint64_t book_counter(int counters_fd, const char *name);

static inline bool book_is_open(const struct record *record)
{
    return record->end == END_NONE;
}

#endif

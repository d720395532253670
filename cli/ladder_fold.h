/* Many ordinary segments as one row for each direction: "312 segments, 451 kB". */
#ifndef CLI_LADDER_FOLD_H
#define CLI_LADDER_FOLD_H

#include "ladder_row.h"

enum { FOLD_ROWS = 2 };

struct flow {
    unsigned segments, acks; /* with data, and without */
    unsigned again, dropped;
    uint64_t bytes;
    uint32_t largest;
};

struct fold {
    unsigned count;
    struct flow in, out;
    hf_time first_at, last_at;
    struct row first; /* a fold of one is no fold */
};

/* Adds a segment, of which `row` would be the row. */
void fold_add(struct fold *fold, const struct hf_note *note, const struct row *row);

/* The rows of what was folded: none, one or two. */
unsigned fold_rows(const struct fold *fold, struct row rows[FOLD_ROWS]);

/* "451 kB"; returns `text`. */
char *print_bytes(uint64_t bytes, char text[16]);

#endif

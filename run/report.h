/*
 * The report: what the rules found, for people and for machines. Verdict first; then each finding with its place,
 * its evidence, its remedy, and what does not help; then what passed, in numbers.
 */
#ifndef HF_RUN_REPORT_H
#define HF_RUN_REPORT_H

#include "findings.h"

#include <jansson.h>
#include <stdio.h>

struct report {
    const char *program;
    const struct book *book;
    const struct survey *survey;
    struct stacks *stacks; /* NULL without --stacks */
    const struct findings *findings;
    hf_ns ran_ns;
    bool has_ended;
    uint64_t udp_flows;
    const char *note; /* one more line for people, or NULL */
};

void report_print(const struct report *r, FILE *out);
void report_print_json(const struct report *r, FILE *out);

/* ---- words that both need ---- */

#define REPORT_ENDPOINT_LEN (HF_ADDR_TEXT_LEN + 8)
char *report_endpoint(const struct hf_endpoint *at, char text[REPORT_ENDPOINT_LEN]);
/* "server.c:57", or "libfoo.so+0x1234"; returns `text`. */
char *report_place(const struct stack_frame *frame, char *text, size_t cap);

/* ---- suppress.c: findings that are known and accepted ---- */

/* Reads a file of suppressions and marks what they match. Returns how many there are, or -1 with error[256]. */
int suppress_read(const char *path, const struct report *r, struct findings *f, char error[256]);
/* Writes a suppression for each finding that has none. */
void suppress_write(const struct report *r, FILE *out);

#endif

/* Looking, and telling. Read first: inspect.h. */
#define _GNU_SOURCE
#include "inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int inspect_open(struct inspect *i, const struct inspect_options *o, struct hf_engine *e, int counters_fd,
                 ino_t net_inode, char error[256])
{
    *i = (struct inspect){.options = *o, .counters_fd = counters_fd, .started_at = hf_clock_now()};
    i->book = book_open(e, counters_fd);
    i->stacks = i->book && o->stacks ? stacks_open(i->book) : NULL;
    findings_limits_init(&i->limits, o->leak_age);
    if (!i->book || (o->stacks && !i->stacks)) {
        snprintf(error, 256, "no memory");
        return -1;
    }
    survey_init(&i->survey, i->book, net_inode, o->lister, o->lister_arg);
    return 0;
}

void inspect_close(struct inspect *i)
{
    stacks_close(i->stacks);
    book_close(i->book);
    i->stacks = NULL;
    i->book = NULL;
}

/* Nothing is looked for before there has been a connection. */
static bool is_idle(const struct inspect *i)
{
    const struct book_totals *t = &i->book->totals;
    return t->opened + t->accepted == 0;
}

void inspect_turn(struct inspect *i, hf_time now)
{
    if (i->options.lister && !is_idle(i) && hf_time_reached(now, survey_deadline(&i->survey)))
        survey_take(&i->survey, now);
}

hf_time inspect_deadline(const struct inspect *i)
{
    return i->options.lister && !is_idle(i) ? survey_deadline(&i->survey) : HF_NEVER;
}

void inspect_program_ended(struct inspect *i, hf_time now)
{
    book_program_ended(i->book, now);
}

/* ---- the report ---- */

static bool is_json(const char *path)
{
    size_t len = strlen(path);
    return len > 5 && strcmp(path + len - 5, ".json") == 0;
}

static int write_file(const struct report *r, const char *path, char error[256])
{
    FILE *out = fopen(path, "we");
    if (!out) {
        snprintf(error, 256, "cannot write %.150s: %s", path, strerror(errno));
        return -1;
    }
    if (is_json(path))
        report_print_json(r, out);
    else
        report_print(r, out);
    bool is_whole = !ferror(out);
    if (fclose(out) == 0 && is_whole)
        return 0;
    snprintf(error, 256, "%.150s is not complete: %s", path, strerror(errno));
    return -1;
}

static int write_report(struct inspect *i, const struct report *r, bool is_final, char error[256])
{
    const char *path = i->options.report;
    if (i->options.gen_suppressions && is_final)
        suppress_write(r, stderr);
    if (is_final && path && strcmp(path, "-") != 0)
        return write_file(r, path, error);
    bool is_wanted = !is_final || path || (i->findings.problems > 0 && !i->options.is_quiet);
    if (is_wanted)
        report_print(r, stderr);
    return 0;
}

/* How many of PROGRAM's clients its kernel turned away. */
static uint64_t read_overflows(const struct inspect *i)
{
    return i->counters_fd < 0 ? 0 : book_counter(i->counters_fd, "ListenOverflows");
}

static void make_findings(struct inspect *i, bool has_ended, hf_time now)
{
    findings_make(&i->findings, i->book, &i->survey, &i->limits, read_overflows(i), has_ended, now);
}

/* Stacks that read alike are one place. Reading them takes a while: only when there is something to say. */
static void join_places(struct inspect *i, bool has_ended, hf_time now)
{
    make_findings(i, has_ended, now);
    if (!i->stacks || i->findings.count < 2)
        return;
    for (struct record *r = i->book->records; r; r = r->next) {
        r->opened_stack = stacks_same(i->stacks, r->opened_stack);
        r->closed_stack = stacks_same(i->stacks, r->closed_stack);
    }
    make_findings(i, has_ended, now);
}

int inspect_report(struct inspect *i, hf_time now, const struct inspect_facts *facts, char error[256])
{
    if (!facts->has_ended && i->options.lister)
        survey_take(&i->survey, now);
    join_places(i, facts->has_ended, now);
    const struct report r = {
        .program = i->options.program,
        .book = i->book,
        .survey = &i->survey,
        .stacks = i->stacks,
        .findings = &i->findings,
        .ran_ns = hf_time_since(now, i->started_at),
        .has_ended = facts->has_ended,
        .udp_flows = facts->udp_flows,
        .note = facts->note,
    };
    if (i->options.suppressions && suppress_read(i->options.suppressions, &r, &i->findings, error) < 0)
        return -1;
    if (write_report(i, &r, facts->is_final, error) < 0)
        return -1;
    return (int)i->findings.problems;
}

/*
 * Suppressions, much as Valgrind has them. A block in braces is one; its first line is its name, each other line a
 * condition "KEY: PATTERN" (fnmatch), and a finding is suppressed when all of them hold:
 *
 *     {
 *        the health check hangs up early
 *        rule: reset-unread
 *        program: nginx*
 *        frame: *health_check*
 *     }
 *
 * Keys: rule, program (the name of the process that holds it), endpoint, frame (any function or FILE:LINE of its
 * stacks).
 */
#define _GNU_SOURCE
#include "report.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define CONDITIONS 8

struct condition {
    char key[16];
    char pattern[200];
};

struct suppression {
    struct condition at[CONDITIONS];
    unsigned count;
};

static bool has_frame(const struct report *r, uint32_t id, const char *pattern)
{
    struct stack_frame frames[STACK_DEPTH];
    unsigned count = r->stacks && id != STACK_NONE ? stacks_read(r->stacks, id, frames) : 0;
    for (unsigned i = 0; i < count; i++) {
        char place[256];
        if (fnmatch(pattern, report_place(&frames[i], place, sizeof place), 0) == 0 ||
            (frames[i].function && fnmatch(pattern, frames[i].function, 0) == 0))
            return true;
    }
    return false;
}

static bool holds(const struct report *r, const struct finding *g, const struct condition *c)
{
    char at[REPORT_ENDPOINT_LEN];
    if (strcmp(c->key, "rule") == 0)
        return fnmatch(c->pattern, finding_kinds[g->id].name, 0) == 0;
    if (strcmp(c->key, "program") == 0)
        return fnmatch(c->pattern, g->holder.name, 0) == 0;
    if (strcmp(c->key, "endpoint") == 0)
        return fnmatch(c->pattern, report_endpoint(&g->at, at), 0) == 0;
    return has_frame(r, g->opened_stack, c->pattern) || has_frame(r, g->closed_stack, c->pattern);
}

static void apply(const struct suppression *s, const struct report *r, struct findings *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        bool all = s->count > 0;
        for (unsigned c = 0; c < s->count && all; c++)
            all = holds(r, &f->at[i], &s->at[c]);
        f->at[i].is_suppressed |= all;
    }
}

static bool read_condition(const char *line, struct suppression *s)
{
    struct condition *c = &s->at[s->count];
    if (s->count == CONDITIONS || sscanf(line, "%15[a-z]: %199[^\n]", c->key, c->pattern) != 2)
        return false;
    for (size_t n = strlen(c->pattern); n > 0 && isspace((unsigned char)c->pattern[n - 1]); n--)
        c->pattern[n - 1] = '\0';
    s->count++;
    return strcmp(c->key, "rule") == 0 || strcmp(c->key, "program") == 0 || strcmp(c->key, "endpoint") == 0 ||
           strcmp(c->key, "frame") == 0;
}

int suppress_read(const char *path, const struct report *r, struct findings *f, char error[256])
{
    FILE *file = fopen(path, "re");
    char line[512];
    struct suppression s = {.count = 0};
    int number = 0, count = 0, at = -1; /* line within the block; -1: outside */
    if (!file) {
        snprintf(error, 256, "cannot read %.150s: %s", path, strerror(errno));
        return -1;
    }
    while (count >= 0 && fgets(line, sizeof line, file)) {
        const char *text = line + strspn(line, " \t");
        number++;
        if (*text == '#' || *text == '\n')
            continue;
        if (*text == '{' && at < 0) {
            s.count = 0;
            at = 0;
        } else if (*text == '}' && at > 0) {
            apply(&s, r, f);
            count++;
            at = -1;
        } else if (at < 0 || (at > 0 && !read_condition(text, &s))) {
            snprintf(error, 256, "%.150s:%d: not a suppression; see handfast-run(1)", path, number);
            count = -1;
        } else {
            at++;
        }
    }
    if (count >= 0 && at >= 0) {
        snprintf(error, 256, "%.150s: its last '{' has no '}'", path);
        count = -1;
    }
    fclose(file);
    findings_count(f);
    return count;
}

static void write_frame(const struct report *r, uint32_t id, FILE *out)
{
    struct stack_frame frames[STACK_DEPTH];
    unsigned count = r->stacks && id != STACK_NONE ? stacks_read(r->stacks, id, frames) : 0;
    for (unsigned i = 0; i < count; i++)
        if (frames[i].file && frames[i].function) {
            fprintf(out, "   frame: %s\n", frames[i].function);
            return;
        }
}

void suppress_write(const struct report *r, FILE *out)
{
    for (unsigned i = 0; i < r->findings->count; i++) {
        const struct finding *g = &r->findings->at[i];
        if (g->is_suppressed || !finding_kinds[g->id].is_problem)
            continue;
        fprintf(out, "{\n   <name of this suppression>\n   rule: %s\n", finding_kinds[g->id].name);
        if (g->holder.pid != 0)
            fprintf(out, "   program: %s\n", g->holder.name);
        write_frame(r, g->opened_stack, out);
        fputs("}\n", out);
    }
    fflush(out);
}

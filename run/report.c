/* The report for people. Read first: report.h. */
#define _GNU_SOURCE
#include "report.h"

#include <string.h>

#define WIDTH 100

char *report_endpoint(const struct hf_endpoint *at, char text[REPORT_ENDPOINT_LEN])
{
    char addr[HF_ADDR_TEXT_LEN];
    hf_addr_print(&at->addr, addr);
    snprintf(text, REPORT_ENDPOINT_LEN, hf_addr_is_v4(&at->addr) ? "%s:%u" : "[%s]:%u", addr, at->port);
    return text;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *report_place(const struct stack_frame *frame, char *text, size_t cap)
{
    if (frame->file)
        snprintf(text, cap, "%s:%d", base_of(frame->file), frame->line);
    else
        snprintf(text, cap, "%s+0x%llx", frame->module ? base_of(frame->module) : "?",
                 (unsigned long long)frame->offset);
    return text;
}

/* ---- pieces ---- */

/* Text behind a label, broken at spaces, the following lines under the first. */
static void print_wrapped(FILE *out, const char *label, const char *text)
{
    int column = fprintf(out, "  %-9s", label);
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column + (int)word >= WIDTH)
            column = fprintf(out, "\n%*s", 11, "") - 1;
        column += fprintf(out, "%s%.*s", column > 11 ? " " : "", (int)word, text);
        text += word + (text[word] == ' ');
    }
    fputc('\n', out);
}

static void print_duration(char *text, size_t cap, hf_ns ns)
{
    double s = (double)ns / 1e9;
    snprintf(text, cap,
             s < 1     ? "%.0f ms"
             : s < 120 ? "%.1f s"
                       : "%.0f min",
             s < 1     ? s * 1e3
             : s < 120 ? s
                       : s / 60);
}

static void print_stack(FILE *out, const struct report *r, const char *label, uint32_t id)
{
    struct stack_frame frames[STACK_DEPTH];
    unsigned count = r->stacks && id != STACK_NONE ? stacks_read(r->stacks, id, frames) : 0;
    for (unsigned i = 0; i < count; i++) {
        char place[256];
        fprintf(out, "  %-9s%s", i == 0 ? label : "", report_place(&frames[i], place, sizeof place));
        fprintf(out, frames[i].function ? " in %s\n" : "\n", frames[i].function);
    }
}

/* "accepted at port 8080 by server[4242], descriptors 5 7 9" */
static void print_whose(FILE *out, const struct finding *g)
{
    char at[REPORT_ENDPOINT_LEN], text[512];
    int len = 0;
    const char *verb = g->is_published ? "accepted at port" : "opened to";
    if (g->at.port == 0 && g->holder.pid == 0)
        return;
    if (g->at.port != 0 && g->is_published)
        len = snprintf(text, sizeof text, "%s %u", verb, g->at.port);
    else if (g->at.port != 0)
        len = snprintf(text, sizeof text, "%s %s", verb, report_endpoint(&g->at, at));
    if (g->holder.pid != 0)
        len += snprintf(text + len, sizeof text - (size_t)len, "%sby %s[%d]", len ? " " : "", g->holder.name,
                        (int)g->holder.pid);
    if (g->other.pid != 0)
        len += snprintf(text + len, sizeof text - (size_t)len, " and %s[%d]", g->other.name, (int)g->other.pid);
    for (unsigned i = 0; i < g->fd_count && len < (int)sizeof text - 16; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "%s %d",
                        i > 0          ? ""
                        : g->count > 1 ? ", descriptors"
                                       : ", descriptor",
                        g->fds[i]);
    if (g->count > g->fd_count && g->fd_count > 0)
        snprintf(text + len, sizeof text - (size_t)len, " ...");
    print_wrapped(out, "whose", text);
}

static void print_evidence(FILE *out, const struct finding *g)
{
    char text[512], a[32], b[32];
    int len = 0;
    text[0] = '\0';
    if (g->oldest > 0) {
        print_duration(a, sizeof a, g->youngest);
        print_duration(b, sizeof b, g->oldest);
        len = snprintf(text, sizeof text, strcmp(a, b) == 0 || g->youngest == 0 ? "%.0s%s" : "%s to %s", a, b);
    }
    if (g->bytes > 0)
        len += snprintf(text + len, sizeof text - (size_t)len, "%s%llu bytes %s", len ? "; " : "",
                        (unsigned long long)g->bytes,
                        g->id >= FINDING_RESET_UNREAD && g->id <= FINDING_RESET_LATE ? "lost" : "unread");
    if (g->is_at_exit)
        len += snprintf(text + len, sizeof text - (size_t)len, "%sopen until the program's end", len ? "; " : "");
    if (g->detail[0])
        snprintf(text + len, sizeof text - (size_t)len, "%s%s", len ? "; " : "", g->detail);
    if (text[0])
        print_wrapped(out, "evidence", text);
}

static void print_finding(FILE *out, const struct report *r, const struct finding *g)
{
    const struct finding_kind *kind = &finding_kinds[g->id];
    fprintf(out, "\n%s  %u %s\n", kind->is_problem ? "PROBLEM" : "note   ", g->count, kind->title);
    print_whose(out, g);
    print_stack(out, r, g->is_published ? "accepted" : "opened", g->opened_stack);
    print_stack(out, r, "listens", g->listen_stack);
    print_stack(out, r, "closed", g->closed_stack);
    print_evidence(out, g);
    print_wrapped(out, "meaning", kind->meaning);
    print_wrapped(out, "remedy", kind->remedy);
    if (kind->not_this)
        print_wrapped(out, "not", kind->not_this);
    fprintf(out, "  %-9s%s\n", "rule", kind->name);
}

/* ---- the whole ---- */

static void print_verdict(FILE *out, const struct report *r)
{
    const struct findings *f = r->findings;
    char ran[32];
    print_duration(ran, sizeof ran, r->ran_ns);
    fprintf(out, "handfast run: ");
    if (f->problems == 0)
        fprintf(out, "nothing wrong");
    else
        fprintf(out, "%u problem%s", f->problems, f->problems == 1 ? "" : "s");
    if (f->notes > 0)
        fprintf(out, ", %u note%s", f->notes, f->notes == 1 ? "" : "s");
    if (f->suppressed > 0)
        fprintf(out, " (%u suppressed)", f->suppressed);
    fprintf(out, " with the connections of %s, after %s\n", base_of(r->program), ran);
}

static void print_totals(FILE *out, const struct report *r)
{
    const struct book_totals *t = &r->book->totals;
    unsigned open = 0;
    for (const struct record *i = r->book->records; i; i = i->next)
        open += book_is_open(i);
    fprintf(out, "\n%llu opened, %llu accepted: %llu closed by both sides (%llu by the program first),\n",
            (unsigned long long)t->opened, (unsigned long long)t->accepted, (unsigned long long)t->graceful,
            (unsigned long long)t->program_closed_first);
    fprintf(out, "%llu reset by the program, %llu by the far side, ", (unsigned long long)t->reset_by_program,
            (unsigned long long)t->reset_by_far_side);
    if (t->reset_by_path > 0)
        fprintf(out, "%llu by --fault, ", (unsigned long long)t->reset_by_path);
    fprintf(out, "%u open; %llu refused, %llu out of reach\n", open, (unsigned long long)t->refused,
            (unsigned long long)t->denied);
    fprintf(out, "%llu bytes out, %llu in; %u in TIME-WAIT inside (most: %u); %llu UDP flows\n",
            (unsigned long long)t->bytes_out, (unsigned long long)t->bytes_in, r->survey->time_wait,
            r->survey->most_time_wait, (unsigned long long)r->udp_flows);
}

void report_print(const struct report *r, FILE *out)
{
    print_verdict(out, r);
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < r->findings->count; i++) {
            const struct finding *g = &r->findings->at[i];
            if (!g->is_suppressed && finding_kinds[g->id].is_problem == (pass == 0))
                print_finding(out, r, g);
        }
    print_totals(out, r);
    if (r->note)
        fprintf(out, "%s\n", r->note);
    if (r->findings->problems > 0 && !r->stacks)
        fputs("With --stacks each finding names the line that opened or accepted the connection.\n", out);
    fflush(out);
}

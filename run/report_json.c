/* The report for machines: one JSON object, whose names docs/run.md lists. Read first: report.h. */
#define _GNU_SOURCE
#include "report.h"

static json_t *stack_of(const struct report *r, uint32_t id)
{
    struct stack_frame frames[STACK_DEPTH];
    unsigned count = r->stacks && id != STACK_NONE ? stacks_read(r->stacks, id, frames) : 0;
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s?, s:s?, s:i, s:s?, s:I}", "function", frames[i].function,
                                              "file", frames[i].file, "line", frames[i].line, "module",
                                              frames[i].module, "offset", (json_int_t)frames[i].offset));
    return list;
}

static json_t *holder_of(const struct holder *holder)
{
    return holder->pid == 0
               ? json_null()
               : json_pack("{s:i, s:s, s:i}", "pid", (int)holder->pid, "name", holder->name, "fd", holder->fd);
}

static json_t *finding_of(const struct report *r, const struct finding *g)
{
    const struct finding_kind *kind = &finding_kinds[g->id];
    char at[REPORT_ENDPOINT_LEN];
    json_t *fds = json_array();
    for (unsigned i = 0; i < g->fd_count; i++)
        json_array_append_new(fds, json_integer(g->fds[i]));
    return json_pack(
        "{s:s, s:s, s:i, s:b, s:b, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:I, s:s, s:s, s:s, s:s?}",
        "rule", kind->name, "severity", kind->is_problem ? "problem" : "note", "count", (int)g->count, "suppressed",
        g->is_suppressed, "accepted", g->is_published, "until_program_end", g->is_at_exit, "endpoint",
        report_endpoint(&g->at, at), "holder", holder_of(&g->holder), "other_holder", holder_of(&g->other), "fds",
        fds, "opened_at", stack_of(r, g->opened_stack), "listen_at", stack_of(r, g->listen_stack), "closed_at",
        stack_of(r, g->closed_stack), "youngest_s", (double)g->youngest / 1e9, "oldest_s", (double)g->oldest / 1e9,
        "bytes", (json_int_t)g->bytes, "detail", g->detail, "meaning", kind->meaning, "remedy", kind->remedy, "not",
        kind->not_this);
}

static json_t *totals_of(const struct report *r)
{
    const struct book_totals *t = &r->book->totals;
    json_t *o = json_object();
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"opened", t->opened},
        {"accepted", t->accepted},
        {"closed_by_both", t->graceful},
        {"program_closed_first", t->program_closed_first},
        {"reset_by_program", t->reset_by_program},
        {"reset_by_far_side", t->reset_by_far_side},
        {"reset_by_path", t->reset_by_path},
        {"silent", t->silent},
        {"refused", t->refused},
        {"denied", t->denied},
        {"bytes_out", t->bytes_out},
        {"bytes_in", t->bytes_in},
        {"udp_flows", r->udp_flows},
        {"time_wait", r->survey->time_wait},
        {"most_time_wait", r->survey->most_time_wait},
    };
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        json_object_set_new(o, all[i].name, json_integer((json_int_t)all[i].value));
    return o;
}

void report_print_json(const struct report *r, FILE *out)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < r->findings->count; i++)
        json_array_append_new(list, finding_of(r, &r->findings->at[i]));
    json_t *all = json_pack("{s:s, s:f, s:b, s:i, s:i, s:i, s:o, s:o}", "program", r->program, "ran_s",
                            (double)r->ran_ns / 1e9, "ended", r->has_ended, "problems", (int)r->findings->problems,
                            "notes", (int)r->findings->notes, "suppressed", (int)r->findings->suppressed,
                            "findings", list, "totals", totals_of(r));
    json_dumpf(all, out, JSON_INDENT(2));
    fputc('\n', out);
    fflush(out);
    json_decref(all);
}

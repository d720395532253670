/* `handfast sim --path`: what a path does to a transfer, in virtual time. Read first: sim.h. */
#include "sim.h"

#include "../sim/measure.h"
#include "usage.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim_question question_of(const struct sim_command *c, const struct fault_spec *spec, uint64_t seed)
{
    struct sim_question q = {.seed = seed,
                             .flows = c->flows,
                             .mtu = c->mtu,
                             .bytes = c->bytes,
                             .buffer = c->buffer,
                             .duration = c->duration,
                             .cc = c->cc,
                             .pacing = c->pacing,
                             .receives = c->receives,
                             .v6 = c->v6,
                             .no_sack = c->no_sack,
                             .no_timestamps = c->no_timestamps};
    memcpy(q.path, spec->path, sizeof q.path);
    return q;
}

static void print_head(void)
{
    printf("%6s %13s %23s %9s %9s %11s %19s  %s\n", "seed", "goodput", "of a flow", "time", "again", "smoothed RTT",
           "queue, at most", "segments lost, overflowed, marked");
}

static void print_run(const struct sim_answer *m)
{
    printf("%6llu %8.3f Mbit/s %9.3f ..%9.3f %7.3f s %7.3f %% %9.2f ms %7.2f %7.2f ms  %llu, %llu, %llu%s\n",
           (unsigned long long)m->seed, m->goodput, m->flow_least, m->flow_most, m->seconds, m->again_percent,
           m->srtt_ms, m->queue_ms, m->queue_most_ms, (unsigned long long)m->lost,
           (unsigned long long)m->overflowed, (unsigned long long)m->marked,
           m->is_complete ? "" : "; not all of it");
}

static json_t *json_run(const struct sim_answer *m)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:b}", "seed",
                     (json_int_t)m->seed, "goodput_mbit", m->goodput, "flow_least_mbit", m->flow_least,
                     "flow_most_mbit", m->flow_most, "seconds", m->seconds, "sent_again_percent", m->again_percent,
                     "srtt_ms", m->srtt_ms, "queue_ms", m->queue_ms, "queue_most_ms", m->queue_most_ms, "lost",
                     (json_int_t)m->lost, "overflowed", (json_int_t)m->overflowed, "marked", (json_int_t)m->marked,
                     "complete", (int)m->is_complete);
}

static int compare_doubles(const void *a, const void *b)
{
    const double *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static double median_goodput(const struct sim_answer *runs, uint64_t count)
{
    double values[SIM_RUNS_MAX];
    for (uint64_t i = 0; i < count; i++)
        values[i] = runs[i].goodput;
    qsort(values, count, sizeof values[0], compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void print_json(const struct sim_command *c, const struct sim_answer *runs)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < c->runs; i++)
        json_array_append_new(list, json_run(&runs[i]));
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:f, s:o}", "path", c->path, "congestion",
                            usage_congestion_name(c->cc), "flows", (json_int_t)c->flows, "bytes",
                            (json_int_t)c->bytes, "goodput_mbit", median_goodput(runs, c->runs), "runs", list);
    json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
}

int sim_ask(const struct sim_command *c)
{
    static struct sim_answer runs[SIM_RUNS_MAX];
    struct fault_spec spec;
    char error[256];
    if (!hf_fault_spec_parse(c->path, &spec, error))
        return usage_error("sim", "--path: %s", error);
    if (spec.named_count > 0)
        return usage_error("sim", "--path: faults by name are for 'handfast run'; here everything goes by chance");
    if (!c->json)
        print_head();
    for (uint64_t i = 0; i < c->runs; i++) {
        const struct sim_question q = question_of(c, &spec, c->seed + i);
        if (!sim_measure(&q, &runs[i], error)) {
            complain("sim", "%s", error);
            return EXIT_FAILED;
        }
        if (!c->json)
            print_run(&runs[i]);
    }
    if (c->json)
        print_json(c, runs);
    else if (c->runs > 1)
        printf("%6s %8.3f Mbit/s\n", "median", median_goodput(runs, c->runs));
    return 0;
}

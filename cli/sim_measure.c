/* `handfast sim --path`: what a path does to a transfer, in virtual time. Read first: sim.h. */
#include "sim.h"
#include "usage.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One run: all flows together. */
struct measured {
    uint64_t seed;
    double goodput;                   /* Mbit/s, from connect to the last byte read, of all flows together */
    double least, most;               /* of one flow */
    double seconds;                   /* until the last flow was through */
    double again;                     /* per cent of what was sent */
    double srtt_ms;                   /* the greatest */
    double waited_ms, waited_most_ms; /* for the rate, on the way of the data */
    uint64_t lost, overflowed, marked;
    bool is_through; /* every flow carried everything */
};

static double seconds_between(hf_time from, hf_time to)
{
    return (double)hf_time_since(to, from) / (double)HF_SECOND;
}

static void build(const struct sim_command *c, uint64_t seed, const struct fault_spec *spec, struct sim_scenario *s)
{
    sim_scenario_ordinary(s);
    s->seed = seed;
    s->v6 = c->v6;
    s->mtu = c->mtu;
    s->heal_ms = 100000000;
    memcpy(s->path, spec->path, sizeof s->path);
    for (unsigned i = 0; i < 2; i++) {
        s->host[i].cc = c->cc;
        s->host[i].no_sack = c->no_sack;
        s->host[i].no_timestamps = c->no_timestamps;
        s->host[i].send_buffer = s->host[i].receive_buffer = c->buffer;
    }
    s->talks = c->flows;
    for (unsigned i = 0; i < c->flows; i++)
        *(c->receives ? &s->talk[i].wants1 : &s->talk[i].wants0) = c->bytes;
}

static void add_flow(const struct sim_command *c, const struct sim_result *r, unsigned talk, struct measured *m)
{
    const struct sim_talk_result *t = &r->talk[talk];
    unsigned reader = c->receives ? 0 : 1;
    hf_time end = t->read[reader] == c->bytes ? t->read_at[reader] : r->at;
    double s = seconds_between(r->begun_at, end), mbit = s > 0 ? (double)t->read[reader] * 8 / 1e6 / s : 0;
    m->goodput += mbit;
    m->least = talk == 0 || mbit < m->least ? mbit : m->least;
    m->most = mbit > m->most ? mbit : m->most;
    m->seconds = s > m->seconds ? s : m->seconds;
    m->is_through &= t->read[reader] == c->bytes;
    double srtt = t->srtt_us[1 - reader] / 1e3;
    m->srtt_ms = srtt > m->srtt_ms ? srtt : m->srtt_ms;
}

/* Runs once. False when something is wrong with the engine, which is said. */
static bool measure(const struct sim_command *c, const struct fault_spec *spec, uint64_t seed, struct measured *m)
{
    static struct sim_scenario scenario;
    static struct sim_result result;
    const struct sim_options options = {.is_unchecked = true, .stop_after = c->duration};
    enum fault_direction way = c->receives ? FAULT_IN : FAULT_OUT;
    build(c, seed, spec, &scenario);
    if (!sim_run(&scenario, &options, &result)) {
        complain("sim", "%s", result.what);
        return false;
    }
    *m = (struct measured){.seed = seed, .is_through = true};
    for (unsigned i = 0; i < c->flows; i++)
        add_flow(c, &result, i, m);
    m->again = result.sent ? 100.0 * (double)result.sent_again / (double)result.sent : 0;
    m->waited_ms = (double)result.waited[way] / 1e6;
    m->waited_most_ms = (double)result.waited_most[way] / 1e6;
    m->lost = result.path[way].lost;
    m->overflowed = result.path[way].overflowed;
    m->marked = result.path[way].marked;
    return true;
}

static void print_head(void)
{
    printf("%6s %13s %23s %9s %9s %11s %19s  %s\n", "seed", "goodput", "of a flow", "time", "again", "smoothed RTT",
           "queue, at most", "segments lost, overflowed, marked");
}

static void print_run(const struct measured *m)
{
    printf("%6llu %8.3f Mbit/s %9.3f ..%9.3f %7.3f s %7.3f %% %9.2f ms %7.2f %7.2f ms  %llu, %llu, %llu%s\n",
           (unsigned long long)m->seed, m->goodput, m->least, m->most, m->seconds, m->again, m->srtt_ms,
           m->waited_ms, m->waited_most_ms, (unsigned long long)m->lost, (unsigned long long)m->overflowed,
           (unsigned long long)m->marked, m->is_through ? "" : "; not all of it");
}

static json_t *json_run(const struct measured *m)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:b}", "seed",
                     (json_int_t)m->seed, "goodput_mbit", m->goodput, "flow_least_mbit", m->least, "flow_most_mbit",
                     m->most, "seconds", m->seconds, "sent_again_percent", m->again, "srtt_ms", m->srtt_ms,
                     "queue_ms", m->waited_ms, "queue_most_ms", m->waited_most_ms, "lost", (json_int_t)m->lost,
                     "overflowed", (json_int_t)m->overflowed, "marked", (json_int_t)m->marked, "complete",
                     (int)m->is_through);
}

static int compare_doubles(const void *a, const void *b)
{
    const double *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static double median_goodput(const struct measured *runs, uint64_t count)
{
    double values[SIM_RUNS_MAX];
    for (uint64_t i = 0; i < count; i++)
        values[i] = runs[i].goodput;
    qsort(values, count, sizeof values[0], compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void print_json(const struct sim_command *c, const struct measured *runs)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < c->runs; i++)
        json_array_append_new(list, json_run(&runs[i]));
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:f, s:o}", "path", c->path, "congestion",
                            c->cc == HF_CC_NEWRENO ? "newreno" : "cubic", "flows", (json_int_t)c->flows, "bytes",
                            (json_int_t)c->bytes, "goodput_mbit", median_goodput(runs, c->runs), "runs", list);
    json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
}

int sim_measure(const struct sim_command *c)
{
    static struct measured runs[SIM_RUNS_MAX];
    struct fault_spec spec;
    char error[256];
    if (!hf_fault_spec_parse(c->path, &spec, error))
        return usage_error("sim", "--path: %s", error);
    if (spec.named_count > 0)
        return usage_error("sim", "--path: faults by name are for 'handfast run'; here everything goes by chance");
    if (!c->json)
        print_head();
    for (uint64_t i = 0; i < c->runs; i++) {
        if (!measure(c, &spec, c->seed + i, &runs[i]))
            return EXIT_FAILED;
        if (!c->json)
            print_run(&runs[i]);
    }
    if (c->json)
        print_json(c, runs);
    else if (c->runs > 1)
        printf("%6s %8.3f Mbit/s\n", "median", median_goodput(runs, c->runs));
    return 0;
}

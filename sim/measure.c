/* Transfers over a path. See measure.h. */
#include "measure.h"

#include <stdio.h>
#include <string.h>

static void build(const struct sim_question *q, struct sim_scenario *s)
{
    sim_scenario_ordinary(s);
    s->seed = q->seed;
    s->v6 = q->v6;
    s->mtu = q->mtu;
    s->heal_ms = 100000000;
    s->drop_from = q->drop_from;
    s->drop_count = q->drop_count;
    memcpy(s->path, q->path, sizeof s->path);
    for (unsigned i = 0; i < 2; i++) {
        s->host[i].cc = q->cc;
        s->host[i].pacing = q->pacing;
        s->host[i].no_sack = q->no_sack;
        s->host[i].no_timestamps = q->no_timestamps;
        s->host[i].send_buffer = s->host[i].receive_buffer = q->buffer;
    }
    s->talks = q->flows;
    for (unsigned i = 0; i < q->flows; i++) {
        s->talk[i].start_ms = i * q->apart_ms;
        *(q->receives ? &s->talk[i].wants1 : &s->talk[i].wants0) = q->bytes;
    }
}

static double add_flow(const struct sim_question *q, const struct sim_result *r, unsigned talk,
                       struct sim_answer *a)
{
    const struct sim_talk_result *t = &r->talk[talk];
    unsigned reader = q->receives ? 0 : 1;
    hf_time begin = hf_time_add(r->begun_at, (hf_ns)(talk * q->apart_ms) * HF_MS);
    hf_time end = t->read[reader] == q->bytes ? t->read_at[reader] : r->at;
    double s = (double)hf_time_since(end, begin) / (double)HF_SECOND;
    double mbit = s > 0 ? (double)t->read[reader] * 8 / 1e6 / s : 0, srtt = t->srtt_us[1 - reader] / 1e3;
    a->goodput += mbit;
    a->flow_least = talk == 0 || mbit < a->flow_least ? mbit : a->flow_least;
    a->flow_most = mbit > a->flow_most ? mbit : a->flow_most;
    a->seconds = s > a->seconds ? s : a->seconds;
    a->srtt_ms = srtt > a->srtt_ms ? srtt : a->srtt_ms;
    a->is_complete &= t->read[reader] == q->bytes;
    return mbit * mbit;
}

bool sim_measure(const struct sim_question *q, struct sim_answer *a, char what[256])
{
    static struct sim_scenario scenario;
    static struct sim_result result;
    const struct sim_options options = {.is_unchecked = true, .stop_after = q->duration};
    enum fault_direction way = q->receives ? FAULT_IN : FAULT_OUT;
    double squares = 0;
    build(q, &scenario);
    if (!sim_run(&scenario, &options, &result)) {
        snprintf(what, 256, "%s", result.what);
        return false;
    }
    *a = (struct sim_answer){.seed = q->seed, .is_complete = true};
    for (unsigned i = 0; i < q->flows; i++)
        squares += add_flow(q, &result, i, a);
    a->fairness = squares > 0 ? a->goodput * a->goodput / ((double)q->flows * squares) : 0;
    a->again_percent = result.sent ? 100.0 * (double)result.sent_again / (double)result.sent : 0;
    a->queue_ms = (double)result.waited[way] / 1e6;
    a->queue_most_ms = (double)result.waited_most[way] / 1e6;
    a->lost = result.path[way].lost;
    a->overflowed = result.path[way].overflowed;
    a->marked = result.path[way].marked;
    return true;
}

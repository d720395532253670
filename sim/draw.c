/* What a seed stands for: topology, faults and work. See scenario.h, sim_scenario_draw. */
#include "chance.h"
#include "scenario.h"

#include <handfast/config.h>
#include <string.h>

#define LOSS_MOST 300000 /* per million */

static void draw_chances(struct chance *c, uint64_t *v)
{
    if (chance_one_in(c, 2))
        v[FAULT_LOSS] = chance_size(c, LOSS_MOST);
    if (chance_one_in(c, 5)) {
        v[FAULT_BURST] = chance_size(c, LOSS_MOST / 2);
        v[FAULT_BURST_LEN] = chance_between(c, 2, 20);
    }
    if (chance_one_in(c, 3))
        v[FAULT_DUPLICATE] = chance_size(c, 200000);
    if (chance_one_in(c, 3))
        v[FAULT_REORDER] = chance_size(c, LOSS_MOST);
    if (chance_one_in(c, 4))
        v[FAULT_CORRUPT] = chance_size(c, 100000);
    if (chance_one_in(c, 5))
        v[FAULT_MARK] = chance_size(c, 500000);
}

/* A queue holds three full packets at least: what is tighter is not a queue. */
static void draw_times(struct chance *c, uint64_t mtu, uint64_t *v)
{
    if (!chance_one_in(c, 4))
        v[FAULT_DELAY] = chance_size(c, 200000) * HF_US;
    if (chance_one_in(c, 4))
        v[FAULT_JITTER] = chance_size(c, 50000) * HF_US;
    if (!chance_one_in(c, 3))
        return;
    v[FAULT_RATE] = (64 + chance_size(c, 100000)) * 1000;
    if (chance_one_in(c, 2))
        v[FAULT_QUEUE] = 3 * mtu + chance_size(c, 200000);
    else if (chance_one_in(c, 2))
        v[FAULT_QUEUE_TIME] = 3 * mtu * 8000000 / v[FAULT_RATE] * HF_US + chance_size(c, 500) * HF_MS;
    if (chance_one_in(c, 2))
        v[FAULT_MARK_AT] = (1 + chance_size(c, 50)) * HF_MS;
}

/* Middleboxes see both directions, as those in front of a client do: options are negotiated the same for both ends. */
static void draw_boxes(struct chance *c, struct sim_scenario *s)
{
    uint64_t strip = 0, shift = 0;
    static const uint64_t boxes[] = {FAULT_STRIP_MSS,        FAULT_STRIP_WSCALE,    FAULT_STRIP_SACK,
                                     FAULT_STRIP_TIMESTAMPS, FAULT_STRIP_FAST_OPEN, FAULT_STRIP_ECN,
                                     FAULT_STRIP_OPTIONS,    FAULT_STRIP_OPTIONS};
    if (chance_one_in(c, 6))
        strip = boxes[chance_between(c, 0, sizeof boxes / sizeof boxes[0] - 1)];
    if (chance_one_in(c, 12))
        shift = 0x10203040;
    for (int i = 0; i < FAULT_DIRECTIONS; i++) {
        uint64_t *v = s->path[i].value;
        v[FAULT_STRIP] = strip;
        v[FAULT_SHIFT] = shift;
        if (!chance_one_in(c, 6))
            continue;
        v[FAULT_MTU] = chance_between(c, s->v6 ? 1280 : 576, 1500);
        v[FAULT_SILENT] = chance_one_in(c, 3);
    }
}

static void draw_host(struct chance *c, struct sim_scenario *s, unsigned number)
{
    struct sim_host_knobs *h = &s->host[number];
    if (s->hosts > 2 || chance_one_in(c, 4))
        h->access_us = chance_size(c, 50000);
    h->offload = chance_one_in(c, 2);
    h->cc = chance_one_in(c, 3) ? HF_CC_NEWRENO : HF_CC_CUBIC;
    h->no_sack = chance_one_in(c, 5);
    h->no_timestamps = chance_one_in(c, 5);
    h->no_scaling = chance_one_in(c, 5);
    h->small_pools = chance_one_in(c, 4) ? chance_between(c, 1, 2) : 0;
    if (chance_one_in(c, 4))
        h->send_buffer = 1024 + chance_size(c, 50000);
    if (chance_one_in(c, 4))
        h->receive_buffer = 1024 + chance_size(c, 50000);
}

static void draw_ends(struct chance *c, const struct sim_scenario *s, struct sim_talk_knobs *t)
{
    t->from = chance_between(c, 0, s->hosts - 1);
    uint64_t others = s->hosts / 2 + (t->from % 2 == 0 ? 0 : s->hosts % 2);
    t->to = 2 * chance_between(c, 0, others - 1) + (t->from % 2 == 0 ? 1 : 0);
}

static void draw_talk(struct chance *c, struct sim_scenario *s, bool is_long)
{
    struct sim_talk_knobs *t = &s->talk[s->talks++];
    uint64_t most = is_long ? 2000000 : 60000;
    draw_ends(c, s, t);
    t->start_ms = chance_one_in(c, 2) ? 0 : chance_size(c, s->heal_ms);
    t->open = chance_one_in(c, 4) ? chance_between(c, SIM_OPEN_SIMULTANEOUS, SIM_OPEN_LATE) : SIM_OPEN_PLAIN;
    t->late_ms = t->open == SIM_OPEN_LATE ? chance_size(c, 5000) : 0;
    t->wants0 = chance_one_in(c, 8) ? 0 : chance_size(c, most);
    t->wants1 = chance_one_in(c, 4) ? 0 : chance_size(c, most);
    t->chunk0 = chance_one_in(c, 3) ? 1 + t->wants0 / chance_between(c, 1, 500) : 0;
    t->chunk1 = chance_one_in(c, 3) ? 1 + t->wants1 / chance_between(c, 1, 500) : 0;
    t->slow0 = chance_one_in(c, 6) ? 1 + t->wants1 / chance_between(c, 1, 500) : 0;
    t->slow1 = chance_one_in(c, 6) ? 1 + t->wants0 / chance_between(c, 1, 500) : 0;
    t->end = chance_one_in(c, 5) ? chance_between(c, SIM_END_ABORT0, SIM_END_CLOSE1)
                                 : chance_between(c, SIM_END_BOTH, SIM_END_SECOND);
    t->end_ms = sim_talk_is_peaceful(t) ? 0 : t->start_ms + chance_size(c, 10000);
    t->no_delay = chance_one_in(c, 3);
    t->keep_alive = chance_one_in(c, 6);
    t->fast_open = chance_one_in(c, 8);
}

void sim_scenario_draw(struct sim_scenario *s, uint64_t seed, bool is_long)
{
    struct chance c = {seed * 2 + is_long};
    chance_draw(&c);
    sim_scenario_ordinary(s);
    s->seed = seed;
    s->hosts = chance_one_in(&c, 3) ? chance_between(&c, 2, SIM_HOSTS_MAX) : 2;
    s->v6 = chance_one_in(&c, 3);
    s->mtu = chance_one_in(&c, 4) ? chance_between(&c, s->v6 ? 1280 : 576, 9000) : 1500;
    s->heal_ms = 1000 + chance_size(&c, is_long ? 1000000 : 120000);
    for (int i = 0; i < FAULT_DIRECTIONS; i++) {
        draw_chances(&c, s->path[i].value);
        draw_times(&c, s->mtu, s->path[i].value);
    }
    if (chance_one_in(&c, 3))
        s->path[FAULT_IN] = s->path[FAULT_OUT];
    draw_boxes(&c, s);
    for (unsigned i = 0; i < s->hosts; i++)
        draw_host(&c, s, i);
    for (uint64_t talks = chance_between(&c, 1, is_long ? 16 : 4); talks > 0; talks--)
        draw_talk(&c, s, is_long);
    for (unsigned i = 0; i < s->hosts; i++)
        s->host[i].pacing = chance_one_in(&c, 3);
    for (unsigned i = 0; i < s->hosts; i++)
        s->host[i].cc = chance_one_in(&c, 3) ? HF_CC_BBR : s->host[i].cc;
    for (unsigned i = 0; i < s->hosts; i++)
        s->host[i].ecn = chance_between(&c, HF_ECN_OFF, HF_ECN_ACCURATE);
}

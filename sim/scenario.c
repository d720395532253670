/* Scenarios as text and as a list of numbers. See scenario.h; they are drawn in draw.c. */
#define _POSIX_C_SOURCE 200809L /* strtok_r */
#include "scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct knob {
    const char *name;
    size_t offset;
    uint64_t ordinary;
};

#define WORLD(name, ordinary)                                                                                      \
    {                                                                                                              \
#name, offsetof(struct sim_scenario, name), ordinary                                                       \
    }
#define HOST(name)                                                                                                 \
    {                                                                                                              \
#name, offsetof(struct sim_host_knobs, name), 0                                                            \
    }
#define TALK(name, ordinary)                                                                                       \
    {                                                                                                              \
#name, offsetof(struct sim_talk_knobs, name), ordinary                                                     \
    }

static const struct knob world_knobs[] = {WORLD(seed, 1),      WORLD(hosts, 2),      WORLD(v6, 0),
                                          WORLD(mtu, 1500),    WORLD(heal_ms, 1000), WORLD(drop_from, 0),
                                          WORLD(drop_count, 0)};
static const struct knob host_knobs[] = {
    HOST(access_us),      HOST(offload),    HOST(cc),          HOST(no_sack),
    HOST(no_timestamps),  HOST(no_scaling), HOST(small_pools), HOST(send_buffer),
    HOST(receive_buffer), HOST(pacing),     HOST(ecn),
};
static const struct knob talk_knobs[] = {
    TALK(from, 0),   TALK(to, 1),       TALK(start_ms, 0),   TALK(open, 0),      TALK(late_ms, 0), TALK(wants0, 0),
    TALK(wants1, 0), TALK(chunk0, 0),   TALK(chunk1, 0),     TALK(slow0, 0),     TALK(slow1, 0),   TALK(end, 0),
    TALK(end_ms, 0), TALK(no_delay, 0), TALK(keep_alive, 0), TALK(fast_open, 0),
};

enum {
    WORLD_KNOBS = sizeof world_knobs / sizeof world_knobs[0],
    HOST_KNOBS = sizeof host_knobs / sizeof host_knobs[0],
    TALK_KNOBS = sizeof talk_knobs / sizeof talk_knobs[0],
    PATH_KNOBS = FAULT_DIRECTIONS * FAULT_PROPERTIES,
};

static uint64_t *at(void *of, const struct knob *knob)
{
    return (uint64_t *)((char *)of + knob->offset);
}

static uint64_t value(const void *of, const struct knob *knob)
{
    return *(const uint64_t *)((const char *)of + knob->offset);
}

static void set_ordinary(void *of, const struct knob *knobs, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        *at(of, &knobs[i]) = knobs[i].ordinary;
}

void sim_scenario_ordinary(struct sim_scenario *s)
{
    memset(s, 0, sizeof *s);
    set_ordinary(s, world_knobs, WORLD_KNOBS);
    for (unsigned i = 0; i < SIM_TALKS_MAX; i++)
        set_ordinary(&s->talk[i], talk_knobs, TALK_KNOBS);
}

bool sim_talk_is_peaceful(const struct sim_talk_knobs *talk)
{
    return talk->end <= SIM_END_SECOND;
}

/* ---- numbers ---- */

static uint64_t *pick(void *of, const struct knob *knob, uint64_t *ordinary)
{
    *ordinary = knob->ordinary;
    return at(of, knob);
}

uint64_t *sim_scenario_number(struct sim_scenario *s, unsigned i, uint64_t *ordinary)
{
    *ordinary = i < PATH_KNOBS && i % FAULT_PROPERTIES == FAULT_BURST_LEN ? 1 : 0;
    if (i < PATH_KNOBS)
        return &s->path[i / FAULT_PROPERTIES].value[i % FAULT_PROPERTIES];
    i -= PATH_KNOBS;
    if (i < WORLD_KNOBS - 2)
        return pick(s, &world_knobs[i + 2], ordinary); /* neither the seed nor how many hosts there are */
    i -= WORLD_KNOBS - 2;
    if (i < s->hosts * HOST_KNOBS)
        return pick(&s->host[i / HOST_KNOBS], &host_knobs[i % HOST_KNOBS], ordinary);
    i -= (unsigned)s->hosts * HOST_KNOBS;
    if (i < s->talks * (TALK_KNOBS - 2)) /* not between whom */
        return pick(&s->talk[i / (TALK_KNOBS - 2)], &talk_knobs[i % (TALK_KNOBS - 2) + 2], ordinary);
    return NULL;
}

void sim_scenario_remove_talk(struct sim_scenario *s, unsigned talk)
{
    s->talks--;
    memmove(&s->talk[talk], &s->talk[talk + 1], (s->talks - talk) * sizeof s->talk[0]);
    memset(&s->talk[s->talks], 0, sizeof s->talk[0]);
    set_ordinary(&s->talk[s->talks], talk_knobs, TALK_KNOBS);
}

/* ---- as text ---- */

struct text {
    char *at;
    size_t room;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text->at, text->room, format, arguments);
    va_end(arguments);
    size_t used = len < 0 ? 0 : (size_t)len < text->room ? (size_t)len : text->room - 1;
    text->at += used;
    text->room -= used;
}

/* Those that are not ordinary. Returns how many. */
static unsigned add_knobs(struct text *text, const void *of, const struct knob *knobs, unsigned count)
{
    unsigned added = 0;
    for (unsigned i = 0; i < count; i++)
        if (value(of, &knobs[i]) != knobs[i].ordinary) {
            add(text, " %s=%llu", knobs[i].name, (unsigned long long)value(of, &knobs[i]));
            added++;
        }
    return added;
}

static void add_item(struct text *text, unsigned *items, const char *way, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void add_item(struct text *text, unsigned *items, const char *way, const char *format, ...)
{
    char item[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(item, sizeof item, format, arguments);
    va_end(arguments);
    add(text, "%s%s%s", (*items)++ == 0 ? " " : ", ", way, item);
}

static double percent(uint64_t per_million)
{
    return (double)per_million / 1e4;
}

static void add_chances(struct text *text, unsigned *items, const char *way, const uint64_t *v)
{
    static const struct {
        enum fault_property property;
        const char *name;
    } chances[] = {{FAULT_LOSS, "loss"},       {FAULT_DUPLICATE, "duplicate"}, {FAULT_REORDER, "reorder"},
                   {FAULT_CORRUPT, "corrupt"}, {FAULT_FORGE, "forge"},         {FAULT_MARK, "mark"}};
    for (unsigned i = 0; i < sizeof chances / sizeof chances[0]; i++)
        if (v[chances[i].property])
            add_item(text, items, way, "%s %.4f%%", chances[i].name, percent(v[chances[i].property]));
    if (v[FAULT_BURST])
        add_item(text, items, way, "burst %.4f%% of %llu", percent(v[FAULT_BURST]),
                 (unsigned long long)(v[FAULT_BURST_LEN] ? v[FAULT_BURST_LEN] : 1));
}

/* Times of the language are at most 1e9 of their unit. */
static void add_time(struct text *text, unsigned *items, const char *way, const char *name, uint64_t ns)
{
    if (ns)
        add_item(text, items, way, "%s %lluus", name, (unsigned long long)(ns / 1000));
}

static void add_strip(struct text *text, unsigned *items, const char *way, uint64_t what)
{
    static const char *const names[] = {"mss", "wscale", "sack", "timestamps", "fastopen"};
    if ((what & FAULT_STRIP_OPTIONS) == FAULT_STRIP_OPTIONS)
        add_item(text, items, way, "strip options");
    for (unsigned i = 0; i < 5 && (what & FAULT_STRIP_OPTIONS) != FAULT_STRIP_OPTIONS; i++)
        if (what & 1u << i)
            add_item(text, items, way, "strip %s", names[i]);
    if (what & FAULT_STRIP_ECN)
        add_item(text, items, way, "strip ecn");
}

static void add_lane(struct text *text, unsigned *items, const char *way, const uint64_t *v)
{
    add_chances(text, items, way, v);
    add_time(text, items, way, "delay", v[FAULT_DELAY]);
    add_time(text, items, way, "jitter", v[FAULT_JITTER]);
    if (v[FAULT_RATE]) {
        add_item(text, items, way, "rate %llukbit", (unsigned long long)(v[FAULT_RATE] / 1000));
        if (v[FAULT_QUEUE])
            add_item(text, items, way, "queue %llub", (unsigned long long)v[FAULT_QUEUE]);
        add_time(text, items, way, "queue", v[FAULT_QUEUE_TIME]);
        add_time(text, items, way, "mark", v[FAULT_MARK_AT]);
    }
    if (v[FAULT_MTU])
        add_item(text, items, way, "mtu %llu%s", (unsigned long long)v[FAULT_MTU],
                 v[FAULT_SILENT] ? " silent" : "");
    add_strip(text, items, way, v[FAULT_STRIP]);
    if (v[FAULT_SHIFT])
        add_item(text, items, way, "shift sequence");
}

char *sim_scenario_print(const struct sim_scenario *s, char *string, size_t cap)
{
    struct text text = {string, cap};
    unsigned items = 0;
    add(&text, "seed=%llu", (unsigned long long)s->seed);
    add_knobs(&text, s, world_knobs + 1, WORLD_KNOBS - 1);
    add(&text, "; path");
    if (memcmp(&s->path[FAULT_IN], &s->path[FAULT_OUT], sizeof s->path[0]) == 0) {
        add_lane(&text, &items, "", s->path[FAULT_OUT].value);
    } else {
        add_lane(&text, &items, "out ", s->path[FAULT_OUT].value);
        add_lane(&text, &items, "in ", s->path[FAULT_IN].value);
    }
    for (unsigned i = 0; i < s->hosts; i++) {
        struct text before = text;
        add(&text, "; host %u", i);
        if (add_knobs(&text, &s->host[i], host_knobs, HOST_KNOBS) == 0) {
            text = before;
            *text.at = '\0';
        }
    }
    for (unsigned i = 0; i < s->talks; i++) {
        add(&text, "; talk");
        add_knobs(&text, &s->talk[i], talk_knobs, TALK_KNOBS);
    }
    return string;
}

/* ---- reading ---- */

static bool complain(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool complain(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, 256, format, arguments);
    va_end(arguments);
    return false;
}

/* "name=number" */
static bool read_knob(char *word, void *of, const struct knob *knobs, unsigned count, char *error)
{
    char *equals = strchr(word, '='), *end;
    if (equals == NULL)
        return complain(error, "'%.60s' is not NAME=NUMBER", word);
    *equals = '\0';
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(knobs[i].name, word) != 0)
            continue;
        *at(of, &knobs[i]) = strtoull(equals + 1, &end, 10);
        if (equals[1] >= '0' && equals[1] <= '9' && *end == '\0')
            return true;
        return complain(error, "'%.60s' is not a number for %s", equals + 1, word);
    }
    return complain(error, "there is no '%.60s' to set", word);
}

static bool read_knobs(char *words, void *of, const struct knob *knobs, unsigned count, char *error)
{
    char *rest;
    for (char *word = strtok_r(words, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
        if (!read_knob(word, of, knobs, count, error))
            return false;
    return true;
}

static bool read_path(const char *text, struct sim_scenario *s, char *error)
{
    struct fault_spec spec;
    if (!hf_fault_spec_parse(text, &spec, error))
        return false;
    if (spec.named_count > 0)
        return complain(error, "a path of a scenario has no faults by name");
    memcpy(s->path, spec.path, sizeof s->path);
    return true;
}

static bool read_host(char *words, struct sim_scenario *s, char *error)
{
    char *end;
    unsigned long number = strtoul(words, &end, 10);
    if (end == words || number >= SIM_HOSTS_MAX)
        return complain(error, "'host' wants a number below %d", SIM_HOSTS_MAX);
    return read_knobs(end, &s->host[number], host_knobs, HOST_KNOBS, error);
}

static bool read_clause(char *clause, struct sim_scenario *s, char *error)
{
    while (*clause == ' ' || *clause == '\n')
        clause++;
    if (strncmp(clause, "path", 4) == 0)
        return read_path(clause + 4, s, error);
    if (strncmp(clause, "host ", 5) == 0)
        return read_host(clause + 5, s, error);
    if (strncmp(clause, "talk", 4) != 0)
        return read_knobs(clause, s, world_knobs, WORLD_KNOBS, error);
    if (s->talks == SIM_TALKS_MAX)
        return complain(error, "more than %d connections", SIM_TALKS_MAX);
    return read_knobs(clause + 4, &s->talk[s->talks++], talk_knobs, TALK_KNOBS, error);
}

static bool judge_talk(const struct sim_scenario *s, const struct sim_talk_knobs *t, char *error)
{
    if (t->from >= s->hosts || t->to >= s->hosts || t->from % 2 == t->to % 2)
        return complain(error, "a talk is between an even host and an odd one, both below hosts=%llu",
                        (unsigned long long)s->hosts);
    if (t->open > SIM_OPEN_LATE || t->end > SIM_END_CLOSE1)
        return complain(error, "open is at most %d and end at most %d", SIM_OPEN_LATE, SIM_END_CLOSE1);
    if (t->start_ms > 1000000 || t->late_ms > 1000000 || t->end_ms > 1000000)
        return complain(error, "start_ms, late_ms and end_ms are at most 1000000");
    return true;
}

static bool judge(const struct sim_scenario *s, char *error)
{
    if (s->hosts < 2 || s->hosts > SIM_HOSTS_MAX)
        return complain(error, "hosts are from 2 to %d", SIM_HOSTS_MAX);
    if (s->mtu < (s->v6 ? 1280 : 576) || s->mtu > 65535)
        return complain(error, "mtu is from 576, or 1280 with v6, to 65535");
    if (s->heal_ms > 100000000)
        return complain(error, "heal_ms is at most 100000000");
    for (unsigned i = 0; i < s->talks; i++)
        if (!judge_talk(s, &s->talk[i], error))
            return false;
    return true;
}

bool sim_scenario_parse(const char *text, struct sim_scenario *s, char error[256])
{
    char *copy = malloc(strlen(text) + 1), *rest;
    bool is_read = true;
    if (copy == NULL)
        return complain(error, "out of memory");
    memcpy(copy, text, strlen(text) + 1);
    sim_scenario_ordinary(s);
    for (char *clause = strtok_r(copy, ";", &rest); clause && is_read; clause = strtok_r(NULL, ";", &rest))
        is_read = read_clause(clause, s, error);
    free(copy);
    return is_read && judge(s, error);
}

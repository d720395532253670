/*
 * The timing wheel against an array of instants. Input is a list of small commands. Held true: a timer never fires early,
 * none is forgotten, and each fires once; next() is never later than the earliest of them, and sleeping until it over and
 * over comes to an end; the clock may begin anywhere.
 */
#include "../src/base/base.h"
#include "../src/base/wheel.h"
#include "fuzz.h"

#define TIMERS 24
#define TICK   ((hf_ns)1 << HF_WHEEL_TICK_BITS)

static struct world {
    struct hf_wheel wheel;
    bool is_armed[TIMERS];
    hf_time at[TIMERS];
    hf_time now;
} * w;

static _Alignas(64) uint8_t memory[sizeof(struct world) + (TIMERS + 700) * 16 + 256];

static hf_time earliest(void)
{
    hf_time first = HF_NEVER;
    for (unsigned i = 0; i < TIMERS; i++)
        if (w->is_armed[i])
            first = hf_time_first(first, w->at[i]);
    return first;
}

/* Everything that is due fires, and nothing that is not. What is due by less than a tick may wait for it. */
static void fire_all(void)
{
    uint32_t id;
    while ((id = hf_wheel_fire(&w->wheel, w->now)) != HF_NONE) {
        require(id < TIMERS && w->is_armed[id] && hf_time_reached(w->now, w->at[id]));
        w->is_armed[id] = false;
    }
    for (unsigned i = 0; i < TIMERS; i++)
        require(!w->is_armed[i] || w->at[i].ns > w->now.ns - TICK);
}

static void judge_next(void)
{
    hf_time next = hf_wheel_next(&w->wheel), first = earliest();
    bool any = false;
    for (unsigned i = 0; i < TIMERS; i++) {
        any = any || w->is_armed[i];
        require(hf_wheel_is_armed(&w->wheel, i) == w->is_armed[i]);
    }
    if (!any) {
        require(hf_time_is_never(next));
        return;
    }
    if (!hf_time_is_never(first))
        require(!hf_time_before(hf_time_add(hf_time_first(first, HF_NEVER), TICK), next) ||
                !hf_time_before(w->now, next));
}

/* A duration of any size up to a few hundred years: a mantissa and an exponent. */
static hf_ns duration(struct input *in)
{
    uint8_t exponent = in8(in);
    return (hf_ns)in16(in) << exponent % 47;
}

/* Sleeps as next() says, as often as asked: each time it gets nearer. */
static void sleep_through(unsigned times)
{
    while (times-- > 0) {
        hf_time next = hf_wheel_next(&w->wheel);
        if (next.ns > INT64_MAX - 2 * TICK)
            return; /* never, or as good as */
        bool ahead = hf_time_before(w->now, next);
        w->now = ahead ? next : w->now;
        fire_all();
        require(hf_time_before(w->now, hf_wheel_next(&w->wheel)));
    }
}

static void one(struct input *in)
{
    uint8_t choice = in8(in);
    uint32_t id = choice >> 3 & 31;
    if (id >= TIMERS)
        id -= TIMERS;
    switch (choice & 7) {
    case 0:
        hf_wheel_disarm(&w->wheel, id);
        w->is_armed[id] = false;
        break;
    case 1:
        if (w->now.ns < (hf_ns)1 << 62) /* time does not end */
            w->now = hf_time_add(w->now, HF_MIN(duration(in), (hf_ns)1 << 60));
        fire_all();
        break;
    case 2:
        sleep_through(in8(in));
        break;
    default:
        w->at[id] =
            choice & 4 ? hf_time_add(w->now, duration(in)) : (hf_time){w->now.ns - duration(in) % HF_SECOND};
        hf_wheel_arm(&w->wheel, id, w->at[id]);
        w->is_armed[id] = true;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const hf_ns origins[8] = {0,         1, -HF_SECOND, INT64_MIN / 2, (hf_ns)1 << 60, ((hf_ns)1 << 61) - 5,
                                     HF_SECOND, -1};
    struct input in = {data, size};
    struct hf_arena arena = {.base = memory};
    memset(memory, 0, sizeof memory);
    w = hf_arena_carve(&arena, 1, sizeof *w);
    w->now = (hf_time){origins[in8(&in) & 7]};
    hf_wheel_init(&w->wheel, &arena, TIMERS, w->now);
    require(arena.used <= sizeof memory);
    for (unsigned i = 0; in.left > 0 && i < 500; i++) {
        one(&in);
        judge_next();
        require_sound(hf_wheel_check(&w->wheel));
    }
    return 0;
}

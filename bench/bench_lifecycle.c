/* bench_lifecycle: what is measured of many connections and of floods, beside whom, and what is wanted. */
#define _GNU_SOURCE
#include "lifecycle.h"

#include <sched.h>
#include <string.h>

static const unsigned none = 0, tw_10k = 10000, tw_100k = 100000, tw_1m = 1000000;
static const struct cycle keep_64 = {64}, keep_10k = {10000};
static const unsigned free_ports = 0, full_ports = 9900;
static const enum life_value values[] = {
    LIFE_OPENED,          LIFE_ECHOED,   LIFE_CLOSED,   LIFE_IDLE_BYTES,    LIFE_HALF_CLOSED_BYTES,
    LIFE_TIME_WAIT_BYTES, LIFE_PEAK_MIB, LIFE_IDLE_CPU, LIFE_KEEP_ALIVE_CPU};
static const struct flood calm = {HF_SYN_COOKIES_UNDER_PRESSURE, false},
                          with_cookies = {HF_SYN_COOKIES_UNDER_PRESSURE, true},
                          without = {HF_SYN_COOKIES_OFF, true};

#define CYCLE(figure, count) .name = figure, .unit = "per_s", .handfast = {"handfast", life_cycle, count}

#define MANY(figure, its_unit, value, less, most)                                                                  \
    {                                                                                                              \
        .name = figure, .unit = its_unit, .less_is_better = less, .goal = most,                                    \
        .handfast = {"handfast", life_many, &values[value]},                                                       \
    }

#define FLOOD(figure, its_unit, less, run)                                                                         \
    {                                                                                                              \
        .name = figure, .unit = its_unit, .less_is_better = less, .handfast = {"handfast", run, &with_cookies},    \
        .peer = {{"calm", run, &calm}, {"no_cookies", run, &without}},                                             \
    }

static const struct bench_figure figures[] = {
    {CYCLE("cycle_tw_0", &none), .peer = {{"lwip", lwip_cycle, &keep_64, 2.2}}},
    {CYCLE("cycle_tw_10k", &tw_10k),
     .peer = {{"self", life_cycle, &none, 0.9}, {"lwip_10k", lwip_cycle, &keep_10k}}},
    {CYCLE("cycle_tw_100k", &tw_100k), .peer = {{"self", life_cycle, &none, 0.9}}},
    {CYCLE("cycle_tw_1m", &tw_1m), .peer = {{"self", life_cycle, &none, 0.9}}},
    {
        .name = "connect_ports_99",
        .unit = "per_s",
        .handfast = {"handfast", life_ports_taken, &full_ports},
        .peer = {{"all_free", life_ports_taken, &free_ports}},
    },
    FLOOD("flood_opens", "per_s", false, life_flood_opens),
    FLOOD("flood_p99", "ms", true, life_flood_p99),
    {
        .name = "flood_syns",
        .unit = "per_s",
        .handfast = {"handfast", life_flood_syns, &with_cookies},
        .peer = {{"no_cookies", life_flood_syns, &without}},
    },
    {
        .name = "bytes_half_open_1m",
        .unit = "B",
        .less_is_better = true,
        .goal = 64,
        .handfast = {"handfast", life_half_open, NULL},
    },
    MANY("bytes_idle_1m", "B", LIFE_IDLE_BYTES, true, 256),
    MANY("bytes_half_closed_1m", "B", LIFE_HALF_CLOSED_BYTES, true, 0),
    MANY("bytes_time_wait_1m", "B", LIFE_TIME_WAIT_BYTES, true, 64),
    MANY("peak_1m", "MiB", LIFE_PEAK_MIB, true, 0),
    MANY("open_1m", "per_s", LIFE_OPENED, false, 0),
    MANY("echo_1m", "per_s", LIFE_ECHOED, false, 0),
    MANY("close_1m", "per_s", LIFE_CLOSED, false, 0),
    MANY("idle_cpu_1m", "ms_per_s", LIFE_IDLE_CPU, true, 0),
    MANY("keep_alive_cpu_1m", "ms_per_s", LIFE_KEEP_ALIVE_CPU, true, 0),
};

/* "--short", as the first argument: a tenth of everything, and twice only. */
int main(int argc, char **argv)
{
    static char *shortened[64];
    bool is_short = argc > 1 && argc < 60 && strcmp(argv[1], "--short") == 0;
    if (is_short) {
        life_million /= 10;
        shortened[0] = argv[0];
        shortened[1] = "--runs=2";
        shortened[2] = "--seconds=0.1";
        memcpy(shortened + 3, argv + 2, (size_t)(argc - 2) * sizeof *argv);
        argc++;
    }
    bench_stay_on(sched_getcpu());
    return bench_main(argc, is_short ? shortened : argv, "lifecycle", figures, sizeof figures / sizeof figures[0]);
}

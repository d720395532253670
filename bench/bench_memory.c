/* bench_memory: one core and memory. What is measured, beside whom, and what is wanted. */
#define _GNU_SOURCE
#include "memory.h"

#include <sched.h>

static const struct bulk bulk_64k = {.window = 64 << 10}, bulk_256k = {.window = 256 << 10},
                         bulk_1m = {.window = 1 << 20}, bulk_4m = {.window = 4 << 20},
                         bulk_large = {.window = 1 << 20, .large = true};
static const struct ping one = {1}, many = {10000};
static const struct cycle keep_64 = {64}, keep_1k = {1000}, keep_10k = {10000}, keep_all = {0};
static const enum record idle = RECORD_IDLE, half_open = RECORD_HALF_OPEN, time_wait = RECORD_TIME_WAIT;

#define BULK(figure, size)                                                                                         \
    {                                                                                                              \
        .name = figure, .unit = "Gbit/s", .handfast = {"handfast", handfast_bulk, size},                           \
        .peer = {{"lwip", lwip_bulk, size, 2.4}, {"null", null_bulk, size, 0.7}},                                  \
    }

#define BYTES(figure, most, record)                                                                                \
    {                                                                                                              \
        .name = figure, .unit = "B", .less_is_better = true, .goal = most,                                         \
        .handfast = {"handfast", handfast_record_pages, record}, .peer = {{"lwip", lwip_record_heap, record, 0}},  \
    }

static const struct bench_figure figures[] = {
    BULK("bulk_64k", &bulk_64k),
    BULK("bulk_256k", &bulk_256k),
    BULK("bulk_1m", &bulk_1m),
    BULK("bulk_4m", &bulk_4m),
    {
        .name = "bulk_large_frames",
        .unit = "Gbit/s",
        .handfast = {"handfast", handfast_bulk, &bulk_large},
        .peer = {{"null", null_bulk, &bulk_large}},
    },
    {
        .name = "ping_1",
        .unit = "per_s",
        .handfast = {"handfast", handfast_ping, &one},
        .peer = {{"lwip", lwip_ping, &one, 2}, {"null", null_ping, &one}},
    },
    {
        .name = "ping_10k",
        .unit = "per_s",
        .handfast = {"handfast", handfast_ping, &many},
        .peer = {{"self", handfast_ping, &one, 0.4}, {"lwip", lwip_ping, &many}},
    },
    {
        .name = "cycle",
        .unit = "per_s",
        .handfast = {"handfast", handfast_cycle, &keep_all},
        .peer = {{"lwip", lwip_cycle, &keep_64, 2.2},
                 {"lwip_1k", lwip_cycle, &keep_1k},
                 {"lwip_10k", lwip_cycle, &keep_10k}},
    },
    {
        .name = "bytes_a_record",
        .unit = "B",
        .less_is_better = true,
        .handfast = {"handfast", handfast_record_size, NULL},
    },
    BYTES("bytes_idle", 256, &idle),
    BYTES("bytes_half_open", 64, &half_open),
    BYTES("bytes_time_wait", 64, &time_wait),
};

int main(int argc, char **argv)
{
    bench_stay_on(sched_getcpu());
    return bench_main(argc, argv, "memory", figures, sizeof figures / sizeof figures[0]);
}

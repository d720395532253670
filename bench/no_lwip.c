/* Stands in for memory_lwip.c where liblwip-dev is not installed: each measurement says so. */
#include "memory.h"

#include <stdio.h>

static bool say_why(struct bench_sample *sample)
{
    snprintf(sample->note, sizeof sample->note, "built without liblwip-dev");
    return false;
}

bool lwip_bulk(const void *bulk, double seconds, struct bench_sample *sample)
{
    (void)bulk, (void)seconds;
    return say_why(sample);
}

bool lwip_ping(const void *ping, double seconds, struct bench_sample *sample)
{
    (void)ping, (void)seconds;
    return say_why(sample);
}

bool lwip_cycle(const void *cycle, double seconds, struct bench_sample *sample)
{
    (void)cycle, (void)seconds;
    return say_why(sample);
}

bool lwip_record_heap(const void *record, double seconds, struct bench_sample *sample)
{
    (void)record, (void)seconds;
    return say_why(sample);
}

/*
 * The lifecycle benchmarks: what many connections cost, in whatever state they are, and what a flood of SYNs does to those
 * who mean it. Two engines on a wire in memory, in one thread, as in memory.h.
 *
 * Read next: bench_lifecycle.c (the figures), life_cycle.c, life_many.c, life_flood.c.
 */
#ifndef HF_BENCH_LIFECYCLE_H
#define HF_BENCH_LIFECYCLE_H

#include "memory_handfast.h"

/* Set before anything is measured; --short makes it a tenth. */
extern uint32_t life_million;

/* Enough local ports towards one server for this many connections at once, and a third of them free: so many ports there. */
uint32_t life_ports(uint32_t connections);
void life_listen(struct pair *pair, uint32_t ports, uint32_t backlog);
/* Lets virtual time pass, and whatever is due with it. */
void life_wait(struct pair *pair, hf_ns time);
/* Bytes of the engine's block that are present. */
size_t life_resident(const struct host *host);

/* life_cycle.c: cycles a second while so many TIME-WAIT records exist. `arg`: unsigned, divided as life_million is. */
bool life_cycle(const void *time_wait, double seconds, struct bench_sample *sample);
/* Opens a second, a port chosen for each, while `arg` hundredths of a percent of the ports to that service are taken. */
bool life_ports_taken(const void *per_myriad, double seconds, struct bench_sample *sample);

/* life_many.c: one pair of engines with life_million connections; all of these are values of one life. */
enum life_value {
    LIFE_OPENED, /* a second */
    LIFE_ECHOED,
    LIFE_CLOSED,
    LIFE_IDLE_BYTES, /* a connection, one engine */
    LIFE_HALF_CLOSED_BYTES,
    LIFE_TIME_WAIT_BYTES,
    LIFE_PEAK_MIB, /* both engines */
    LIFE_IDLE_CPU, /* ms a second */
    LIFE_KEEP_ALIVE_CPU,
    LIFE_VALUES,
};
bool life_many(const void *value, double seconds, struct bench_sample *sample);
/* Bytes for a half-open connection, with life_million of them. */
bool life_half_open(const void *arg, double seconds, struct bench_sample *sample);

/* life_flood.c: a link of a million frames a second, full of SYNs that nobody means. */
struct flood {
    enum hf_syn_cookies cookies;
    bool is_there;
};
bool life_flood_opens(const void *flood, double seconds,
                      struct bench_sample *sample); /* honest ones a second of the link */
bool life_flood_p99(const void *flood, double seconds, struct bench_sample *sample);  /* ms from connect to open */
bool life_flood_syns(const void *flood, double seconds, struct bench_sample *sample); /* SYNs a second of CPU */

#endif

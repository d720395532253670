/*
 * A scenario: everything that a simulation depends on, as plain numbers. A seed draws one; a person writes one as text;
 * shrinking sets one number after another to its most ordinary value.
 *
 *     seed=7 hosts=2; path delay 20ms, in loss 3%; host 1 sack=0; talk wants0=5000 end=half
 *
 * Hosts with even numbers are on the near side of the path and those with odd numbers on the far side. Each reaches the
 * path by a link of its own, `access_us` long. "out" in a path is from near to far.
 *
 * Read next: world.h.
 */
#ifndef HF_SIM_SCENARIO_H
#define HF_SIM_SCENARIO_H

#include "../drivers/fault_spec.h"

#define SIM_HOSTS_MAX     8
#define SIM_TALKS_MAX     64
#define SIM_SCENARIO_TEXT 32768 /* room for any of them as text */

/* How a host is made. Zero is the most ordinary. */
struct sim_host_knobs {
    uint64_t access_us; /* delay of its own link */
    uint64_t offload;   /* 1: its link splits large frames and finishes checksums */
    uint64_t cc;        /* enum hf_cc_algorithm */
    uint64_t pacing;
    uint64_t no_sack, no_timestamps, no_scaling;
    uint64_t ecn;         /* enum hf_ecn */
    uint64_t small_pools; /* 1: few and small blocks, 2: few records of flight as well */
    uint64_t send_buffer; /* bytes; 0: the default */
    uint64_t receive_buffer;
};

enum sim_open {
    SIM_OPEN_PLAIN,        /* the far end listens, then this one connects */
    SIM_OPEN_SIMULTANEOUS, /* both connect to each other */
    SIM_OPEN_LATE,         /* the listener is there late_ms after the first try; refused ones try again */
};

enum sim_end {
    SIM_END_BOTH,   /* each side closes its direction when it has written everything */
    SIM_END_FIRST,  /* side 0 does; side 1 does when it has read the end */
    SIM_END_SECOND, /* side 1 does; side 0 does when it has read the end */
    SIM_END_ABORT0, /* side 0 aborts at end_ms, the other waits for a while and then does too */
    SIM_END_ABORT1,
    SIM_END_CLOSE0, /* side 0 closes both directions at end_ms, whatever is unread */
    SIM_END_CLOSE1,
};

/* A connection: side 0 opens it, side 1 is its far end. */
struct sim_talk_knobs {
    uint64_t from, to; /* hosts, of different sides of the path */
    uint64_t start_ms;
    uint64_t open; /* enum sim_open */
    uint64_t late_ms;
    uint64_t wants0, wants1; /* bytes that each side writes */
    uint64_t chunk0, chunk1; /* bytes in one call at most; 0: whatever fits */
    uint64_t slow0, slow1;   /* reads so many bytes every 10 ms; 0: all at once */
    uint64_t end;            /* enum sim_end */
    uint64_t end_ms;
    uint64_t no_delay, keep_alive, fast_open;
};

struct sim_scenario {
    uint64_t seed;
    uint64_t hosts; /* 2..SIM_HOSTS_MAX */
    uint64_t v6;
    uint64_t mtu;        /* of every host's link */
    uint64_t heal_ms;    /* from then on the path behaves */
    uint64_t drop_from;  /* from the so-manieth segment with text going out, */
    uint64_t drop_count; /* so many are lost */
    struct fault_path path[FAULT_DIRECTIONS];
    struct sim_host_knobs host[SIM_HOSTS_MAX];
    uint64_t talks;
    struct sim_talk_knobs talk[SIM_TALKS_MAX];
};

/* Two hosts, a path that does nothing, no connections. */
void sim_scenario_ordinary(struct sim_scenario *s);

/* What a seed stands for: a short one, or a long one with more of everything. */
void sim_scenario_draw(struct sim_scenario *s, uint64_t seed, bool is_long);

/* Does every byte that was written have to arrive, and every connection to end well? */
bool sim_talk_is_peaceful(const struct sim_talk_knobs *talk);

/* Writes the scenario as text, at most cap bytes with the terminating zero. Returns `text`. */
char *sim_scenario_print(const struct sim_scenario *s, char *text, size_t cap);

/* Reads such a text. False with a sentence in error[256]. */
bool sim_scenario_parse(const char *text, struct sim_scenario *s, char error[256]);

/* ---- numbers of a scenario, for shrinking ---- */

/* The i-th number and its most ordinary value; NULL behind the last. Removing hosts and connections is not among them. */
uint64_t *sim_scenario_number(struct sim_scenario *s, unsigned i, uint64_t *ordinary);

void sim_scenario_remove_talk(struct sim_scenario *s, unsigned talk);

#endif

/* What world.c and talk.c share. Read first: world.h. */
#ifndef HF_SIM_INSIDE_H
#define HF_SIM_INSIDE_H

#include "../drivers/line.h"
#include "world.h"

#define SIM_TICK         (10 * HF_MS)                /* between two reads of a slow reader */
#define SIM_AGAIN        (500 * HF_MS)               /* before a refused connection is tried again */
#define SIM_PATIENCE     (300 * HF_SECOND)           /* before the far side of an aborted connection aborts too */
#define SIM_PORT(talk)   ((uint16_t)(1000 + (talk))) /* side 1's */
#define SIM_ACTIVE(talk) ((uint16_t)(3000 + (talk))) /* side 0's, where both connect */

struct sim_host {
    struct hf_engine *e;
    void *memory;
    size_t memory_len;
    hf_link link;
    bool is_touched; /* it may have something to say */
};

/* One side of a connection, as its application sees it. */
struct sim_side {
    hf_conn conn;
    bool is_open;   /* has a handle */
    bool is_done;   /* its application is through with it: the handle is given back */
    bool has_shut;  /* closed its direction */
    bool has_ended; /* aborted, or closed both directions at once */
    bool reads_end; /* has read the peer's FIN */
    uint64_t wrote, read;
    hf_time acts_at; /* wants to be called then though nothing happened; HF_NEVER */
    hf_time gives_up_at;
};

struct sim_talk {
    struct sim_side side[2];
    hf_conn listener;
    bool has_listener, is_over;
};

struct sim_world {
    const struct sim_scenario *s;
    const struct sim_options *options;
    struct sim_result *result;
    hf_time now, begin, heals_at;
    bool is_healed, has_failed;
    struct sim_host host[SIM_HOSTS_MAX];
    struct hf_path path, access[SIM_HOSTS_MAX];
    struct sim_talk talk[SIM_TALKS_MAX];
    uint64_t texts_out;                 /* segments with text that went out so far */
    uint32_t highest[SIM_TALKS_MAX][2]; /* the sequence number behind the last byte that a side ever sent */
    struct hf_line_flows flows;
    hf_time traced_at;
    uint8_t *frame; /* HF_FRAME_MAX bytes */
};

static inline hf_time sim_instant(const struct sim_world *w, uint64_t ms)
{
    return hf_time_add(w->begin, (hf_ns)ms * HF_MS);
}

/* Keeps the first thing that went wrong. */
void sim_fail(struct sim_world *w, uint64_t host, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct hf_addr sim_address(const struct sim_scenario *s, uint64_t host);

/* ---- talk.c ---- */

/* Before the first turn. */
void sim_talks_begin(struct sim_world *w);
/* Every application of a host does what it can, because something happened there. */
void sim_talks_heard(struct sim_world *w, unsigned host);
/* Those whose time has come do something. */
void sim_talks_timed(struct sim_world *w);
/* When the next one's does. */
hf_time sim_talks_next(const struct sim_world *w);
bool sim_talks_are_over(const struct sim_world *w);
/* Says which is not, for the report of a run that is stuck. */
void sim_talks_blame(struct sim_world *w);
/* Notes what can only be asked while handles are alive. */
void sim_talks_look(struct sim_world *w);

#endif

/* Two engines joined by a wire, each with an application; what the in-memory benchmarks of Handfast share. */
#ifndef HF_BENCH_MEMORY_HANDFAST_H
#define HF_BENCH_MEMORY_HANDFAST_H

#include "memory.h"

#include <handfast/observe.h>
#include <handfast/tcp.h>

enum { CLIENT, SERVER };

struct host {
    struct hf_engine *e;
    size_t engine_size;
    struct pair *pair;
    struct lane *in, *out;
    struct hf_endpoint self;
    hf_conn listener; /* the last one */
    void (*app)(struct host *host, const struct hf_event *event);
    void *own;      /* the application's */
    uint64_t bytes; /* that the application received */
};

struct pair {
    struct wire wire;
    struct host host[2];
    hf_time now;
};

/* The defaults, with a fixed seed. */
void pair_configure(struct hf_config *config);
/* A wire for such traffic between two engines. `touch`: their pages are made present at once. */
void pair_open(struct pair *pair, const struct hf_config *config, const struct bulk *bulk, bool touch);
void pair_close(struct pair *pair);
/* Turns until neither end has anything to say. */
void pair_settle(struct pair *pair);

/* What arrived goes in, the application acts, what there is to send goes out. */
void host_turn(struct host *host);
void host_listen(struct host *host, uint16_t port, uint32_t backlog);
/* Opens a connection to that port of the server. */
hf_conn host_connect(struct host *host, uint16_t port);

#endif

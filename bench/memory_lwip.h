/* lwIP at both ends of a wire; what its in-memory benchmarks share. */
#ifndef HF_BENCH_MEMORY_LWIP_H
#define HF_BENCH_MEMORY_LWIP_H

#include "lwip.h"
#include "wire.h"

struct lwip_host {
    struct lwip lwip;
    struct lwip_pair *pair;
    struct netif netif;
    ip4_addr_t addr;
    struct lane *in, *out;
    uint64_t bytes; /* that its application received */
    uint64_t turns;
};

struct lwip_pair {
    struct wire wire;
    struct lwip_host host[2]; /* client, server */
};

/* The one pair of the process; NULL with the reason in why[80] when the library is not there. */
struct lwip_pair *lwip_pair_open(char *why);
void lwip_turn(struct lwip_host *host);
void lwip_pair_turn(struct lwip_pair *pair);
/* Turns until the wire is idle. */
void lwip_pair_settle(struct lwip_pair *pair);
/* Aborts every connection, TIME-WAIT included. */
void lwip_pair_clear(struct lwip_pair *pair);

struct tcp_pcb *lwip_listen(struct lwip_host *host, u16_t port, tcp_accept_fn accept);
struct tcp_pcb *lwip_connect(struct lwip_host *host, u16_t port, tcp_connected_fn connected);

#endif

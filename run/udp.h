/*
 * UDP: each pair of endpoints that PROGRAM speaks across is a flow with a connected socket of the host's, forgotten
 * when nothing has passed for a while. Carried, not diagnosed. What the host's socket says of a port nobody listens
 * at comes back as ICMP. Read first: datagram.h, rules.h.
 */
#ifndef HF_RUN_UDP_H
#define HF_RUN_UDP_H

#include "datagram.h"
#include "loop.h"
#include "rules.h"

struct udp;

/* Borrows the rules. NULL when there is no memory. */
struct udp *udp_open(int epoll, const struct rules *rules);
void udp_close(struct udp *u);

/* The driver that datagrams go inwards through; udp_take is the function it was opened with. */
void udp_set_driver(struct udp *u, struct hf_driver *driver);
void udp_take(void *udp, hf_time now, const struct datagram *d);

/* Datagrams to `host` go to `inside`. Returns 0 or -1 with errno set. */
int udp_publish(struct udp *u, const struct hf_endpoint *host, const struct hf_endpoint *inside);

/* Once a turn: sends what waits, forgets what is old. */
void udp_turn(struct udp *u, hf_time now);
hf_time udp_deadline(const struct udp *u);

struct udp_counts {
    uint64_t flows, datagrams_out, datagrams_in, denied;
};
struct udp_counts udp_counts(const struct udp *u);

#endif

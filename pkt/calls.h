/* What calls.c, socket_options.c and event_calls.c share. Read first: running.h. */
#ifndef HF_PKT_CALLS_H
#define HF_PKT_CALLS_H

#include "running.h"

/* An argument that is a number. False, and the run has failed, when it is none. */
bool pkt_call_number(struct pkt_running *run, const struct pkt_attempt *a, unsigned index, int64_t *number);
/* A field of {name=value, ...}, or NULL. */
const struct pkt_value *pkt_value_field(const struct pkt_value *value, const char *name);
/* Compares what a call stores with what the script says of it: NUMBER, [NUMBER] or anything. */
void pkt_call_compare(struct pkt_running *run, const struct pkt_attempt *a, unsigned index, int64_t is);

/* The descriptor the script names as the result, or -1. */
int pkt_call_wanted_fd(const struct pkt_call *call);

/* socket_options.c, event_calls.c: each answers as sockets/ does. */
int64_t pkt_call_setsockopt(struct pkt_running *run, struct pkt_attempt *a);
int64_t pkt_call_getsockopt(struct pkt_running *run, struct pkt_attempt *a);
int64_t pkt_call_poll(struct pkt_running *run, struct pkt_attempt *a);
int64_t pkt_call_epoll_create(struct pkt_running *run, struct pkt_attempt *a);
int64_t pkt_call_epoll_ctl(struct pkt_running *run, struct pkt_attempt *a);
int64_t pkt_call_epoll_wait(struct pkt_running *run, struct pkt_attempt *a);

#endif

/* What calls.c and socket_options.c share. Read first: running.h. */
#ifndef HF_PKT_CALLS_H
#define HF_PKT_CALLS_H

#include "running.h"

/* The answer of a call; both return true, which means that it need not wait. */
bool pkt_call_returns(struct pkt_attempt *a, int64_t result);
bool pkt_call_fails(struct pkt_attempt *a, int error);

/* An argument that is a number. False, and the run has failed, when it is none. */
bool pkt_call_number(struct pkt_running *run, const struct pkt_attempt *a, unsigned index, int64_t *number);
/* A field of {name=value, ...}, or NULL. */
const struct pkt_value *pkt_value_field(const struct pkt_value *value, const char *name);
/* Compares what a call stores with what the script says of it: NUMBER, [NUMBER] or anything. */
void pkt_call_compare(struct pkt_running *run, const struct pkt_attempt *a, unsigned index, int64_t is);

bool pkt_call_setsockopt(struct pkt_running *run, struct pkt_attempt *a);
bool pkt_call_getsockopt(struct pkt_running *run, struct pkt_attempt *a);

#endif

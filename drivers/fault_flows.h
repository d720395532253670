/*
 * Which frame a name means: "second FIN" counts the FINs of one connection, so connections are remembered here, as
 * far as naming needs it. Bounded: the one that was quiet longest is forgotten first.
 *
 * Read first: fault_spec.h, look.h.
 */
#ifndef HF_DRIVERS_FAULT_FLOWS_H
#define HF_DRIVERS_FAULT_FLOWS_H

#include "fault_spec.h"
#include "look.h"

#define FAULT_FLOW_SETS 256
#define FAULT_FLOW_WAYS 4

/*
 * One connection. Its two sides are numbered by comparing their endpoints, so both directions find the same record. Or a
 * place that SYNs are sent to: side[0] is nobody, and only `seen` is used.
 */
struct fault_flow {
    uint64_t used_at; /* the count of segments at its last use; 0: never used */
    struct hf_endpoint side[2];
    bool has_syn[2];
    bool has_fin[2];
    bool is_gone;                   /* a rule has reset it */
    uint8_t last_closer;            /* with both FINs: whose came second */
    uint32_t syn[2];                /* sequence numbers of the SYNs */
    uint32_t fin_end[2];            /* the sequence numbers after the FINs */
    uint32_t seen[FAULT_NAMED_MAX]; /* by rule: how many segments of its name passed */
};

struct fault_flows {
    uint64_t clock; /* counts segments */
    struct fault_flow flow[FAULT_FLOW_SETS][FAULT_FLOW_WAYS];
};

struct fault_met {
    uint32_t rules; /* bit i for spec->named[i] */
    bool is_cut;    /* one of them resets the connection here, */
    uint32_t kept;  /* behind so many bytes of the segment's data */
    bool is_gone;   /* one of them did so before */
};

/*
 * Takes note of one segment travelling in `direction`. Returns what it meets; segments that are not TCP meet nothing.
 */
struct fault_met hf_fault_flows_note(struct fault_flows *flows, const struct fault_spec *spec,
                                     const struct hf_look *look, enum fault_direction direction);

#endif

/*
 * Neighbours: which link address belongs to a next hop. One bounded cache for ARP (RFC 826; RFC 1122, 2.3.2) and
 * neighbour discovery (RFC 4861, 7.3), which differ in their packets only.
 *
 *     state         a lookup says                     and it ends
 *     INCOMPLETE    WAITING                           answered: REACHABLE; asked 3 times, 1 s apart: FAILED
 *     REACHABLE     RESOLVED                          after 30 s without an answer or progress: STALE
 *     STALE         RESOLVED, and makes it DELAY      never by time
 *     DELAY         RESOLVED                          progress: REACHABLE; after 5 s: PROBE
 *     PROBE         RESOLVED                          answered: REACHABLE; asked 3 times, 1 s apart: INCOMPLETE
 *     FAILED        NO_REPLY                          a lookup after 3 s: INCOMPLETE
 *
 * Simplified from RFC 4861: REACHABLE_TIME is 30 s without the random factor, and FAILED is remembered for 3 s so that
 * an absent next hop is not asked for by every packet (RFC 1122, 2.3.2.1).
 *
 * Against poisoning (BUG-48): nothing that was not asked for makes an entry; a reply is only taken as an answer while a
 * question is out; and a neighbour's link address changes only after the old one stayed silent to three unicast probes,
 * which an unasked claim of another address starts. A takeover by another machine is thus followed within 3 s.
 *
 * No packet waits here: who gets HF_NEIGHBOUR_WAITING keeps what it has to send, and hf_neighbours_news tells when to
 * try again or give up. An entry that is incomplete, was used within the last 10 s, or has news to tell is not evicted;
 * at most half of the cache is incomplete, so that a flood of unanswered questions displaces no neighbour.
 */
#ifndef HF_IP_NEIGHBOURS_H
#define HF_IP_NEIGHBOURS_H

#include "../../include/handfast/types.h"
#include "../base/pool.h"
#include "../base/random.h"
#include "../base/table.h"

enum hf_neighbour_state {
    HF_NEIGHBOUR_FREE,
    HF_NEIGHBOUR_INCOMPLETE,
    HF_NEIGHBOUR_REACHABLE,
    HF_NEIGHBOUR_STALE,
    HF_NEIGHBOUR_DELAY,
    HF_NEIGHBOUR_PROBE,
    HF_NEIGHBOUR_FAILED,
};

struct hf_neighbour {
    uint32_t older, newer; /* by last use; HF_NONE at the ends */
    struct hf_addr addr;
    hf_time due_at;  /* when the state ends; read when asked for in REACHABLE and FAILED, a timer in the others */
    hf_time used_at; /* last lookup */
    hf_link link;
    uint8_t state;   /* enum hf_neighbour_state */
    uint8_t asked;   /* solicitations sent in this state */
    uint8_t mac[6];  /* valid in all states but INCOMPLETE and FAILED */
    bool is_owed;    /* a solicitation is to be sent */
    bool has_news;   /* became resolved or failed, not yet told */
};

struct hf_neighbours {
    struct hf_pool pool;
    struct hf_table table;
    struct hf_key key;
    uint32_t oldest, newest;
    uint32_t last;                   /* found last: a run of packets to one hop hashes nothing */
    uint32_t incomplete, owed, news; /* how many entries are so */
    hf_time first_at;                /* no timer runs out before this */
};

/* `key` is the engine's, drawn for this table alone. */
void hf_neighbours_init(struct hf_neighbours *n, struct hf_arena *arena, uint32_t max_neighbours, struct hf_key key);

enum hf_neighbour_answer {
    HF_NEIGHBOUR_RESOLVED, /* mac[] is filled */
    HF_NEIGHBOUR_WAITING,  /* a solicitation is out or owed; hf_neighbours_news will tell */
    HF_NEIGHBOUR_NO_REPLY, /* it did not answer lately (HF_DROP_NO_NEIGHBOUR) */
    HF_NEIGHBOUR_NO_ROOM,  /* every entry is in use (HF_LIMIT_NEIGHBOURS); nothing will tell: lose the packet */
};

/* Where do frames for `hop` on the Ethernet `link` go? For unicast addresses; groups are computed (hf_addr_group_mac). */
enum hf_neighbour_answer hf_neighbours_lookup(struct hf_neighbours *n, hf_link link, const struct hf_addr *hop,
                                              hf_time now, uint8_t mac[6]);

/* TCP made progress over this hop, so it is reachable (RFC 4861, 7.3.1). Costs no more than a lookup. */
void hf_neighbours_confirm(struct hf_neighbours *n, hf_link link, const struct hf_addr *hop, hf_time now);

/* Nothing comes back over this hop: it is asked whether it is still there (RFC 1122, 3.3.1.4; RFC 9293, 3.8.3). */
void hf_neighbours_doubt(struct hf_neighbours *n, hf_link link, const struct hf_addr *hop, hf_time now);

enum {
    HF_HEARD_ANSWER = 1, /* addressed to us as an answer: ARP reply, advertisement with the solicited flag */
};

/*
 * `addr` says on `link` that it is at `mac` (ARP sender fields; ND source or target link-layer address). The caller has
 * checked that addr is somebody else's unicast address. True when the entry learned from it or was confirmed.
 */
bool hf_neighbours_heard(struct hf_neighbours *n, hf_link link, const struct hf_addr *addr, const uint8_t mac[6],
                         unsigned flags, hf_time now);

/* Fires the timers due at `now`. */
void hf_neighbours_advance(struct hf_neighbours *n, hf_time now);

/* When to advance: never later than the earliest timer; `now` or before when something is owed. HF_NEVER: at rest. */
hf_time hf_neighbours_deadline(const struct hf_neighbours *n);

struct hf_solicitation {
    struct hf_addr target;
    hf_link link;
    bool is_probe;  /* to mac[], its present address; else broadcast (ARP) or the solicited-node group (ND) */
    uint8_t mac[6];
};

/* The next solicitation to send now, which is thereby paid. False when none is owed. */
bool hf_neighbours_owed(struct hf_neighbours *n, struct hf_solicitation *out);

struct hf_neighbour_news {
    struct hf_addr addr;
    hf_link link;
    bool is_resolved; /* else it failed: HF_DROP_NO_NEIGHBOUR, hosts unreachable (RFC 4861, 7.2.2) */
};

/* The next neighbour for which waiting ended. False when there is none. Drain it after heard and advance. */
bool hf_neighbours_news(struct hf_neighbours *n, struct hf_neighbour_news *out);

/* NULL when every invariant holds, else the broken one. */
const char *hf_neighbours_check(const struct hf_neighbours *n);

#endif

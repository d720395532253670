/*
 * Small records: what is kept of a connection that is only waiting, for the last ACK of a handshake or for 2 MSL
 * (DESIGN: memory). A flood of SYNs and a pile of TIME-WAITs then cost 48 bytes each over IPv4.
 *
 * A small record is cold storage and knows no rules. When a segment or its time comes it is unfolded into a whole
 * `struct hf_tcp`, which takes the RFC's path like any other, and what still waits afterwards is folded again:
 *
 *     SYN ---> struct hf_tcp --fold--> half-open --unfold--> SYN-RECEIVED --ACK--> ESTABLISHED: a record of its own
 *              TIME-WAIT ------fold--> time-wait --unfold--> TIME-WAIT ----> folded again, reopened or over
 *
 * Counts per state do not notice. The addresses stand behind the record, 4 or 16 bytes each, local first.
 *
 * Read first: tcb.h. Read next: engine/half_open.c, engine/time_wait.c.
 */
#ifndef HF_TCP_SMALL_H
#define HF_TCP_SMALL_H

#include "tcb.h"

/* Facts, in hf_small.flags. */
enum {
    HF_SMALL_V4 = 1,
    HF_SMALL_TIMESTAMPS = 2,
    HF_SMALL_SACK = 4,
    HF_SMALL_SCALE = 8,
    HF_SMALL_AGAIN = 16,        /* half-open: the SYN,ACK was sent more than once */
    HF_SMALL_CLOSED_FIRST = 32, /* time-wait: we closed first */
    HF_SMALL_PASSIVE = 64,      /* the peer opened it */
    HF_SMALL_ECN = 128,
};

/* What both have. */
struct hf_small {
    uint32_t next, prev; /* its queue, as slots */
    uint16_t local_port, remote_port;
    hf_link link;
    uint8_t flags;
    uint8_t retries; /* half-open: SYN,ACKs sent again */
};

#define HF_LISTENERS_MOST 65535 /* in one engine, so that a half-open record can name each */

struct hf_half_open {
    struct hf_small head;
    hf_seq iss, irs;
    uint32_t ts_recent;
    uint32_t sent_us;  /* low bits of the clock: when the SYN,ACK was sent last; when first, head.retries tells */
    uint16_t listener; /* HF_LISTENERS_MOST */
    uint16_t mss;      /* as the SYN said; its window is forgotten, as the ACK brings a newer one */
    uint8_t scales; /* the peer's, and << 4 ours as announced: the listener's buffer may have become another meanwhile */
    uint8_t ecn;    /* hf_ecn_fold */
    uint16_t challenged; /* as in struct hf_tcp, in steps of 4 ms; 0: never */
};

struct hf_time_wait {
    struct hf_small head;
    hf_seq snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t since_ms;      /* ms clock: when the 2 MSL began, or began again */
    uint32_t challenged_ms; /* as in struct hf_tcp */
    uint16_t wnd;           /* the header field we sent last */
    uint8_t rcv_scale;
    uint8_t ecn; /* hf_ecn_fold */
};

static inline uint32_t hf_small_addr_len(bool is_v4) { return is_v4 ? 4 : 16; }
/* Bytes of a record whose fixed part has `len`. */
static inline uint32_t hf_small_size(uint32_t len, bool is_v4) { return len + 2 * hf_small_addr_len(is_v4); }

/* The ends, read from and written behind the fixed part. */
void hf_small_ends(const struct hf_small *small, uint32_t fixed_len, struct hf_endpoint *local,
                   struct hf_endpoint *remote);
void hf_small_set_ends(struct hf_small *small, uint32_t fixed_len, const struct hf_tcp *c);

/* The microsecond clock of half-open records. It wraps after 71 minutes; none lives that long. */
static inline uint32_t hf_tcp_us(const struct hf_tcp_shared *sh) { return hf_us_of(sh->now); }

/* How long a SYN,ACK is waited for that was sent again `retries` times. */
hf_ns hf_half_open_patience(const struct hf_tcp_shared *sh, unsigned retries);
/* Folds a SYN-RECEIVED child, all debts paid. Queue fields, retries and sent_us are left alone. */
void hf_half_open_fold(const struct hf_tcp *c, struct hf_half_open *h);
/* Unfolds onto a record just prepared for the same path. */
void hf_half_open_unfold(struct hf_tcp_shared *sh, const struct hf_half_open *h, struct hf_tcp *c);

/* The same for TIME-WAIT, where nothing is owed and nobody holds the handle. */
void hf_time_wait_fold(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_time_wait *w);
void hf_time_wait_unfold(struct hf_tcp_shared *sh, const struct hf_time_wait *w, struct hf_tcp *c);

#endif

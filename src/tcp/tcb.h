/*
 * The Transmission Control Block (RFC 9293, 3.3.1): what one connection is, and what all connections of an engine share.
 *
 *      Send sequence space                              Receive sequence space
 *
 *          acked    in flight    may be sent                 received     may arrive
 *      ----------|------------|--------------|----       -------------|---------------|----
 *             SND.UNA      SND.NXT    SND.UNA+SND.WND             RCV.NXT    RCV.NXT+RCV.WND
 *
 *          ISS = the SYN; offset 0 of the stream is ISS+1        IRS, IRS+1 likewise
 *
 * State is split by what the connection is doing. `struct hf_tcp` is all an idle one needs; `struct hf_tcp_sending` is
 * attached while anything is queued or in flight, `struct hf_tcp_receiving` while anything is unread or out of order.
 *
 * Read next: state.c, segment_arrives.c, synchronized.c, plan.c.
 */
#ifndef HF_TCP_TCB_H
#define HF_TCP_TCB_H

#include "../../include/handfast/config.h"
#include "../../include/handfast/observe.h"
#include "../../include/handfast/tcp.h"
#include "../base/clock.h"
#include "../base/pool.h"
#include "../base/random.h"
#include "../base/islands.h"
#include "../base/seq.h"
#include "../base/stream.h"
#include "../cc/cc.h"
#include "../wire/tcp.h"

/* Facts of a connection, in hf_tcp.flags. */
enum {
    HF_TF_PASSIVE = 1 << 0,      /* came from a listener: SYN-RECEIVED goes back to LISTEN (MUST-11) */
    HF_TF_NO_DELAY = 1 << 1,
    HF_TF_KEEP_ALIVE = 1 << 2,
    HF_TF_TIMESTAMPS = 1 << 3,   /* negotiated; in SYN-SENT: offered */
    HF_TF_SACK = 1 << 4,         /* likewise */
    HF_TF_SCALE = 1 << 5,        /* likewise */
    HF_TF_FIN_QUEUED = 1 << 6,   /* CLOSE was called: a FIN follows the last byte queued */
    HF_TF_FIN_SENT = 1 << 7,     /* ... and left at least once */
    HF_TF_FIN_ACKED = 1 << 8,
    HF_TF_FIN_SEEN = 1 << 9,     /* the peer's FIN arrived, perhaps beyond a hole; its place is receiving->fin */
    HF_TF_FIN_RECEIVED = 1 << 10,/* ... and RCV.NXT has passed it */
    HF_TF_APP_CLOSED = 1 << 11,  /* the application closed both directions: nobody will read */
    HF_TF_RELEASED = 1 << 12,    /* the handle was given up: free the record when it is over */
    HF_TF_CLOSED_FIRST = 1 << 13,/* our FIN left before the peer's arrived */
    HF_TF_OWE_RST = 1 << 14,     /* abort: one RST is to be sent, then the record is dead */
    HF_TF_PEER_URGENT = 1 << 15, /* RCV.UP lies ahead of what was read */
    HF_TF_URGENT = 1 << 16,      /* SND.UP lies ahead of SND.UNA */
    HF_TF_SOUGHT_ROOM = 1 << 17, /* hf_call_send took less than offered: tell when there is room */
    HF_TF_CWND_LIMITED = 1 << 18,/* the congestion window held data back since the last ACK */
    HF_TF_CHALLENGED = 1 << 19,  /* a challenge ACK is out; what RST answers it ends the connection for EDGE_CHALLENGED */
    HF_TF_MORE = 1 << 20,        /* the application said HF_SEND_MORE: hold a part-filled segment */
    HF_TF_SYN_AGAIN = 1 << 21,   /* the SYN was retransmitted: no RTT sample from it, and RFC 6298, 5.7 */
    HF_TF_DEFERRED = 1 << 22,    /* SYN-RECEIVED, and the SYN is not to be answered before the application says how */
    HF_TF_FAST_OPEN = 1 << 23,   /* active: the application wants it; passive: the SYN's cookie was good (RFC 7413) */
    HF_TF_FAST_OPEN_GRANT = 1 << 24, /* passive: the SYN,ACK brings a cookie */
    HF_TF_FAST_OPEN_TAKEN = 1 << 25, /* text came with the SYN, and was taken */
    HF_TF_REORDERING = 1 << 26,  /* the path was seen to deliver out of order (RACK.reordering_seen) */
    HF_TF_ECN = 1 << 27,         /* negotiated, in whatever mode (hf_tcp.ecn); in SYN-SENT: offered */
    HF_TF_ECN_ECHO = 1 << 28,    /* RFC 3168: a mark arrived: every ACK says ECE until the peer says CWR */
    HF_TF_ORPHAN = 1 << 29, /* the application has closed it, and it is counted in hf_tcp_shared.orphans */
};

/* What we owe the peer, noted by the checks and paid by output.c. In hf_tcp.owed. */
enum {
    HF_OWE_ACK_NOW = 1,      /* an ACK before anything else waits; hf_tcp.ack_why says why */
    HF_OWE_ACK_LATER = 2,    /* an ACK by hf_tcp.ack_at */
    HF_OWE_SYN = 4,          /* SYN or SYN,ACK, the first time or again */
    HF_OWE_PROBE = 8,        /* one zero-window probe, or what silly-window avoidance held back: something is queued */
    HF_OWE_KEEP_ALIVE = 16,  /* one keep-alive probe */
    HF_OWE_LOSS_PROBE = 32,  /* one tail loss probe: something is in flight */
};

enum { HF_FIXED_SEND = 1, HF_FIXED_RECEIVE = 2 };

/* Explicit congestion notification as RFC 9768 counts it: accurate_ecn.c. All zero but in its mode. */
struct hf_ecn_state {
    uint32_t is_accurate : 1;      /* with HF_TF_ECN: the mode is AccECN, not RFC 3168's; in SYN-SENT: offered */
    uint32_t received : 3;         /* r.cep: marked packets that have arrived. Only so many of its bits are ever told */
    uint32_t told : 3;             /* s.cep: what of ours the peer said last of the same */
    uint32_t unsaid : 3;           /* marks since our last ACK, or seven */
    uint32_t was_marked : 1;       /* the last packet was */
    uint32_t ip_ecn : 2;           /* of the header that brought the peer's last SYN or SYN,ACK */
    uint32_t is_client : 1;        /* the peer's SYN,ACK agreed: its ACK tells ip_ecn */
    uint32_t owes_handshake : 1;   /* ... and the next pure ACK is that */
    uint32_t awaits_handshake : 1; /* SYN-RECEIVED: the first pure ACK tells what became of our SYN,ACK */
    uint32_t was_heard : 1;        /* a count of the peer's has arrived */
    uint32_t syn_was_marked : 1;   /* our SYN or SYN,ACK arrived with a mark */
    uint32_t no_ect : 1;           /* nothing we send is ECN-capable */
    uint32_t is_deaf : 1;          /* what the peer tells of marks is not believed */
};

struct hf_tcp {
    /* Identity: the four numbers of the demux key. */
    struct hf_addr local_addr, remote_addr;
    uint16_t local_port, remote_port;
    hf_link link;
    uint8_t state; /* enum hf_state; changed by hf_tcp_enter only */
    uint8_t owed;  /* HF_OWE_... */

    uint32_t flags;   /* HF_TF_... */
    uint8_t ack_why;  /* enum hf_reason of the ACK owed now */
    uint8_t rst_why;  /* ... and of the RST owed */
    uint8_t ended;    /* ... of what ended it */
    uint8_t advice;   /* ... of the last trouble that ended nothing, until something new is acknowledged */
    int8_t error;     /* enum hf_error: how it ended */

    /* RACK (RFC 8985, 5.3): what the path has shown, kept while nothing is in flight. */
    uint8_t reo_wnd_mult;    /* RACK.reo_wnd_mult less one: round trips in which a D-SACK came */
    uint8_t reo_wnd_persist; /* recoveries until that is forgotten */
    uint8_t min_rtt_age;     /* when min_rtt_us was set, in units of 4 s; it wraps */

    /* The RFC's variables (3.3.1). */
    hf_seq iss, irs;
    struct {
        hf_seq una; /* oldest unacknowledged; una =< nxt */
        hf_seq nxt; /* next to be sent for the first time */
        hf_seq wl1, wl2;
        uint32_t wnd;     /* scaled, bytes, from una; REC-1 */
        uint32_t max_wnd; /* largest the peer ever offered (RFC 5961, 5.2; SWS avoidance) */
    } snd;
    struct {
        hf_seq nxt; /* next expected in order */
        hf_seq up;
        uint32_t wnd; /* bytes from nxt that we advertised; its right edge never moves left */
    } rcv;
    hf_seq last_ack_sent; /* RFC 7323, 4.3 */

    uint32_t lost;     /* when it ended: bytes queued or in flight, never acknowledged */
    uint32_t unread;   /* ... and bytes that had arrived and were discarded unread */
    uint32_t min_rtt_us; /* RACK.min_RTT: the least of the last minutes; 0 = no sample */
    uint64_t snd_base;  /* stream offset of snd.una: how much the peer acknowledged */
    uint64_t rcv_base;  /* stream offset of rcv.nxt: how much arrived in order */
    uint32_t sending;   /* index of struct hf_tcp_sending, or HF_NONE */
    uint32_t receiving; /* index of struct hf_tcp_receiving, or HF_NONE */

    uint32_t ts_recent, ts_recent_ms; /* TS.Recent and the engine's ms clock when it was set */
    uint32_t ts_offset;               /* added to the ms clock for TSval */

    uint16_t mss;      /* largest data we send: min(peer's MSS, path), option bytes NOT yet taken off */
    uint16_t peer_mss; /* as the peer announced it, or the default */
    uint16_t path_mtu; /* of the route, bytes of IP datagram */
    uint16_t mtu_most; /* what path_mtu was before it was lowered, to be sought again; 0: it was not */
    uint16_t mtu_since : 14; /* the search goes on HF_MTU_LASTS later, in units of 4 s; it wraps */
    uint16_t mtu_tries : 2;  /* probes of the next size that were lost */
    uint8_t snd_scale, rcv_scale;
    uint32_t burst;    /* most payload bytes in one frame: the link's TSO limit, or 0 for one segment */

    uint32_t srtt_us, rttvar_us, rto_us; /* RFC 6298; srtt_us 0 = no sample */
    uint8_t backoff;                     /* consecutive time-outs: RTO is rto_us << backoff */
    uint8_t retries;                     /* probes or retransmissions without an answer */
    uint8_t unacked_segments;            /* full segments received since our last ACK */
    uint8_t traffic_class;
    uint32_t retransmits;                /* segments, over its life */
    struct hf_cc cc;
    struct hf_sack_block duplicate; /* what arrived twice, for the next ACK to report (RFC 2883); empty: nothing */
    uint32_t challenged_ms; /* ms clock of the last challenge ACK (RFC 5961, 7: at most one per 500 ms) */
    struct hf_ecn_state ecn;

    /* Instants, HF_NEVER when not running. Armed in timeouts.c only. */
    hf_time ack_at;  /* delayed ACK */
    hf_time rexmt_at;/* retransmission, or zero-window probe */
    hf_time keep_at; /* keep-alive */
    hf_time life_at; /* 2 MSL, FIN-WAIT-2, user timeout while something is unacknowledged */
    hf_time state_at, opened_at;

    uint32_t keep_idle_s, user_timeout_ms;
    uint16_t keep_interval_s;
    uint8_t keep_count;
    uint8_t fixed; /* HF_FIXED_...: the application chose this buffer's size */
    uint32_t send_limit, receive_limit; /* buffer sizes, bytes */
    uint32_t tune_from, tune_us; /* low bits of what was read, and the clock, when this round of autotuning began */
    uint16_t most_segment;  /* the application's own limit of payload in a segment, ours and the peer's; 0: none */
    uint8_t syn_retries;

    uint64_t user;
    uint32_t listener; /* index of the listener it came from while not yet accepted, else HF_NONE */

    /* Kept by the engine: src/engine reads and writes these, src/tcp only `news`. */
    struct {
        uint32_t slot; /* its own index */
        uint32_t generation;
        uint32_t turn_next;   /* the list of connections that may have something to send */
        uint32_t event_next;  /* the list of connections with news */
        uint32_t accept_next; /* the listener's queue */
        uint8_t on_turn, on_events;
        uint16_t told; /* HF_EV_ bits the application was told of */
        uint16_t news; /* HF_EV_ bits that happened again though the level did not change */
        uint8_t phase; /* enum hf_phase */
        uint8_t in_table;
    } own;
};

enum hf_phase { HF_PHASE_OURS, HF_PHASE_HALF_OPEN, HF_PHASE_WAITING }; /* a passive child: before and in the accept queue */

/*
 * What one frame carried and is not yet acknowledged: a run of data, perhaps with the FIN. The records of a connection
 * cover SND.UNA (SND.UNA+1 while the SYN is out) to SND.NXT without gap, in order, doubly linked. Each is one of three
 * things: in flight, and then in the queue of those in the order they were sent; lost, and then in the queue of those to
 * be sent again; or SACKed.
 */
struct hf_sent {
    uint32_t next, prev;    /* in the order of sequence numbers */
    uint32_t after, before; /* in its queue */
    hf_seq from, to;
    hf_time at;        /* Segment.xmit_ts: when it was last sent */
    uint8_t flags;     /* HF_SENT_... */
    uint8_t why_again; /* enum hf_reason of the retransmission that HF_SENT_LOST calls for */
    uint16_t mss;      /* bytes of each of its segments but the last */
    uint32_t segments;
};

enum {
    HF_SENT_SACKED = 1,
    HF_SENT_LOST = 2,  /* Segment.lost: to be sent again; not counted as in flight */
    HF_SENT_AGAIN = 4, /* Segment.retransmitted: no RTT sample from it (Karn) */
    HF_SENT_SIZE_PROBE = 16, /* it tries a larger path MTU, and was not sent again */
    HF_SENT_PUSHED = 8, /* its last byte was pushed: PSH goes with it again */
};

/* What was known of the path's rate when a run left, beside its record. Only for controllers that want rates: rate.c. */
struct hf_sent_rate {
    uint64_t delivered;    /* total then */
    hf_time delivered_at;  /* ... and when that was last told */
    hf_time first_sent_at; /* departure of what was delivered last then */
    uint32_t lost;         /* total then; it wraps */
    uint32_t in_flight;    /* this run included */
    uint8_t is_app_limited;
};

/* Of a connection; it stays while nothing is in flight. */
struct hf_rate {
    uint64_t delivered; /* bytes, over its life */
    hf_time delivered_at;
    hf_time first_sent_at;
    uint64_t app_limited; /* until so much is delivered rates are the application's; 0: they are the path's */
    uint32_t lost;        /* bytes; it wraps */
};

/* What lies beside a connection's record for controllers that want rates. */
struct hf_rated {
    struct hf_rate rate;
    struct hf_cc_wide_work wide;
};

/* Indices of struct hf_sent; HF_NONE: empty. */
struct hf_sent_queue {
    uint32_t first, last;
};

/* Attached while anything is queued or in flight. */
struct hf_tcp_sending {
    struct hf_stream stream;
    uint64_t end;         /* stream offset behind the last byte queued */
    uint32_t first, last; /* of struct hf_sent, in order; HF_NONE */
    struct hf_sent_queue flying;  /* in flight, the one sent longest ago first */
    struct hf_sent_queue repairs; /* lost, the one to be sent next first */
    uint32_t cursor;      /* where the last search for a SACKed block ended, or HF_NONE */
    uint32_t top;         /* the last of the SACKed runs, or HF_NONE */
    uint32_t runs;        /* records held */
    uint32_t sacked;      /* bytes marked so */
    uint32_t sacked_segments; /* RACK.segs_sacked */
    uint32_t lost;        /* bytes marked so */
    uint32_t guessed;     /* without SACK: bytes that duplicate ACKs say have left the network */
    hf_seq up;            /* SND.UP */
    hf_seq push;          /* PSH goes on the segment that carries the byte before this one */
    hf_seq small;         /* end of the last segment that was not full: Nagle's algorithm as Minshall put it */
    hf_seq recover;       /* SND.NXT when the present loss episode began (RFC 6582) */
    hf_seq fack;          /* RACK.fack: the highest number ever acknowledged or SACKed */
    uint8_t recovery;     /* enum hf_recovery */
    uint8_t dup_acks;
    uint8_t probing;      /* the oldest byte in flight is a window probe */
    uint8_t owes_cwr;     /* the window was reduced for an ECE: the next new data says so */
    hf_seq ecn_until;     /* ECE before this is acknowledged tells of the same window */
    uint16_t probe_mtu;   /* the size that a probe in flight tries, or 0: mtu_search.c */
    uint8_t ack_width;    /* AccECN: how much one ACK is wont to acknowledge, in sixteenths of a segment */
    uint8_t repair_due;   /* recovery has just begun: the first repair goes out whatever cwnd says (RFC 5681, 3.2) */
    hf_time oldest_at;    /* since when something has been unacknowledged without progress: user timeout */
    hf_time reorder_at;   /* RACK's reordering timer, HF_NEVER when not running */
    hf_time probe_at;     /* the loss probe's timer (PTO), likewise */
    hf_time pace_at;      /* when all that was sent would have left at the pacing rate */
    struct {              /* RFC 8985, 5.3 */
        hf_time sent_at;  /* RACK.xmit_ts: of what was sent last among all that arrived; HF_NEVER: none yet */
        hf_ns rtt;        /* RACK.rtt */
        hf_seq end;       /* RACK.end_seq */
        hf_seq dsack_round; /* SND.NXT when the last D-SACK came that counted */
        uint8_t in_dsack_round;
    } rack;
    struct {              /* the same, TLP */
        hf_seq from;      /* SND.UNA when it was sent */
        hf_seq end;       /* TLP.end_seq */
        uint32_t stamp;   /* its TSval */
        uint8_t is_out, is_retrans;
        uint8_t has_sample; /* a round trip was measured since the last probe, if there was one */
    } tlp;
    struct {              /* was the present episode, or the last, a mistake? spurious.c */
        hf_seq from;      /* SND.UNA when it began */
        hf_seq until;     /* when it is over: what is sent now tells nothing of it any more */
        uint32_t again;   /* segments retransmitted in it and not reported as duplicates */
        uint32_t stamp;   /* TSval of its first retransmission */
        uint8_t may, stamped, any;
        uint8_t frto;     /* enum hf_frto */
    } undo;
    uint32_t rated;       /* of struct hf_rated, when rates are wanted */
    struct hf_cc_work work; /* when they are not: hf_work_of */
};

enum hf_recovery { HF_OPEN, HF_RECOVERY, HF_LOSS_TIMEOUT };
enum hf_frto { HF_FRTO_OFF, HF_FRTO_FIRST_ACK, HF_FRTO_SECOND_ACK }; /* which ACK is awaited (RFC 5682, 2.1) */

/* Attached while anything is unread or out of order. */
struct hf_tcp_receiving {
    struct hf_stream stream;
    uint64_t read;   /* stream offset of the next byte the application gets; =< rcv_base */
    uint64_t fin;    /* stream offset of the peer's FIN, with HF_TF_FIN_SEEN */
    struct hf_islands islands; /* what lies beyond rcv_base */
};

/* A listener: the LISTEN state needs no more than this. */
struct hf_listener {
    struct hf_endpoint local;
    struct hf_tcp_options options;
    uint32_t generation;
    uint32_t backlog;
    uint32_t half_open; /* children in SYN-RECEIVED */
    uint32_t waiting;   /* children in the accept queue */
    uint32_t accept_first, accept_last;
    uint32_t event_next; /* engine's */
    hf_link link; /* intercepts every destination on this link; HF_LINK_NONE: listens to `local` only */
    uint8_t on_events, in_use, is_open, news; /* in_use until released, is_open until closed */
    hf_time opened_at;
    uint32_t fast_opens; /* children in SYN-RECEIVED whose SYN brought text (RFC 7413, 5.1) */
    struct hf_funnel funnel;
};

#define HF_FAST_OPEN_COOKIE_LEN 8 /* of those we give */

/* A destination of active Fast Opens. */
struct hf_fast_open_peer {
    uint32_t spare; /* the pool's */
    struct hf_addr addr;
    hf_time used_at;
    hf_time rests_until; /* the path ate a SYN: not before then */
    uint16_t mss;        /* as it told with the cookie */
    uint8_t eaten;       /* times in a row */
    uint8_t cookie_len;  /* 0: it gave none yet */
    uint8_t cookie[16];
};

/* Two hosts, and what is added to the clock between them (isn.c). */
struct hf_stamp_pair {
    struct hf_addr local, remote;
    uint32_t offset;
};

/* What all connections of one engine share. It lives in the engine's block and holds no pointers. */
struct hf_tcp_shared {
    hf_time now; /* set by the engine at each of its calls */
    struct hf_config config;
    struct hf_pool connections, listeners, sending, receiving, sent, islands;
    struct hf_pool rates; /* of struct hf_sent_rate, as many as there are sent; none when nobody wants rates */
    struct hf_pool rated; /* of struct hf_rated, one more than there are connections; likewise */
    struct hf_blocks blocks;
    struct hf_random random;
    struct hf_pool fast_open_peers;
    struct hf_key isn_key, timestamp_key, cookie_key, fast_open_key;
    struct hf_stamp_pair last_stamps;
    uint32_t states[HF_STATE_COUNT]; /* LISTEN counts listeners */
    uint64_t reasons[HF_REASON_COUNT];
    uint64_t entered[HF_STATE_COUNT], time_in_ns[HF_STATE_COUNT]; /* as in struct hf_stats */
    uint64_t closed_first[HF_WHO_COUNT];
    uint32_t orphans;
    struct {
        hf_time since;
        uint32_t left; /* challenge ACKs still allowed in this second, a random share of the limit */
    } challenge;
    struct hf_pool history; /* of struct hf_note, used as a ring */
    uint64_t noted;         /* how many notes were ever written */
};

static inline struct hf_tcp_sending *hf_tcp_sending_of(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    return c->sending == HF_NONE ? NULL : (struct hf_tcp_sending *)hf_pool_at(&sh->sending, c->sending);
}
static inline struct hf_tcp_receiving *hf_tcp_receiving_of(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    return c->receiving == HF_NONE ? NULL : (struct hf_tcp_receiving *)hf_pool_at(&sh->receiving, c->receiving);
}
static inline void hf_count(struct hf_tcp_shared *sh, enum hf_reason reason) { sh->reasons[reason]++; }

/* The millisecond clock, now. */
/* The clock of timestamps (RFC 7323, 5.4) and of coarse ages. */
static inline uint32_t hf_tcp_ms(const struct hf_tcp_shared *sh) { return hf_ms_of(sh->now); }

/* What the engine must do with a segment after TCP has looked at it. */
struct hf_verdict {
    enum hf_reason why;   /* HF_ACCEPTED, or why it was dropped */
    enum hf_reason reset; /* HF_REASON_NONE, or: answer it with the RST of hf_reset_for, for this reason */
};

#endif

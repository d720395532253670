/*
 * Everything that may be set about an engine, with units and defaults. Fill it with hf_config_defaults(), change what
 * you need, hand it to hf_engine_size() and hf_engine_create(). A limit that is met is a counted, named reason
 * (HF_LIMIT_...), never an abort.
 */
#ifndef HANDFAST_CONFIG_H
#define HANDFAST_CONFIG_H

#include "types.h"

/* When SYNs are answered with cookies (RFC 4987, 3.6): never; when the half-open records are used up; always. */
enum hf_syn_cookies { HF_SYN_COOKIES_OFF, HF_SYN_COOKIES_UNDER_PRESSURE, HF_SYN_COOKIES_ALWAYS };

/* Explicit congestion notification: neither asked for nor agreed to; agreed to when the peer asks, with one mark told a
 * round trip (RFC 3168) or with a count of them (AccECN, RFC 9768), as it asks; the former asked for; the latter asked
 * for, and the former taken where the peer knows no other. */
enum hf_ecn { HF_ECN_OFF, HF_ECN_ACCEPT, HF_ECN_ON, HF_ECN_ACCURATE };

/* Congestion control: RFC 8312 and its successor draft; RFC 5681 and 6582; BBR version 3 (draft-ietf-ccwg-bbr), which is
 * always paced and takes 40 bytes more for each of max_sent and 352 for each of max_connections. */
enum hf_cc_algorithm { HF_CC_CUBIC, HF_CC_NEWRENO, HF_CC_BBR };

struct hf_config {
    /* How many of each there may be; each is a pool carved from the engine's block. */
    uint32_t max_connections; /* 1024; records in any state but those of the next three */
    uint32_t max_listeners;   /* 16; at most 65,535 */
    uint32_t max_half_open;   /* 1024; SYN-RECEIVED records of listeners */
    uint32_t max_time_wait;   /* 8192; TIME-WAIT records whose handle was released; the oldest gives way */
    uint32_t max_orphans;     /* 0 = max_connections; connections the application has closed and TCP not yet, but for
                                 TIME-WAIT; closing one more resets it */
    uint32_t max_sending;     /* 0 = max_connections; connections with data queued or unacknowledged at once */
    uint32_t max_receiving;   /* 0 = max_connections; connections with data unread or out of order at once */
    uint32_t max_blocks;      /* 8192, at least 2; buffer blocks of block_len bytes, for all; a quarter only receives */
    uint32_t block_len;       /* 4096 bytes; 256..65536, a power of two */
    uint32_t max_sent;        /* 16384; records of segments in flight, shared by all connections */
    uint32_t max_islands;     /* 0 = max_sent; stretches of data that have arrived beyond a hole, shared likewise */
    uint32_t max_links;       /* 4 */
    uint32_t max_addresses;   /* 16 */
    uint32_t max_routes;      /* 16 */
    uint32_t max_neighbours;  /* 256 */
    uint32_t max_paths;       /* 256; destinations whose path MTU differs from the link's */
    uint32_t max_fragments;   /* 16; datagrams being reassembled at once (each holds one 64 KiB buffer) */
    uint32_t max_replies;     /* 256; stateless answers (resets, ICMP, ARP, ND) waiting for output */
    uint32_t max_fast_open;   /* 64; destinations whose Fast Open cookie is remembered; 0..4096 */
    uint32_t max_history;     /* 0 = off; entries of the engine-wide history ring (observe.h) */
    bool history_of_states;   /* false; the history is of changes of state only, not of segments */

    /* Secrets. The seed MUST be unpredictable where attackers can reach the engine: 16 bytes from the system. */
    uint8_t seed[16];
    /* Origin of the ISN clock, ns, added to `now`; give an earlier engine's value to continue its numbers (RFC 6528). */
    int64_t isn_clock_ns; /* 0 */

    /* TCP timing */
    hf_ns msl_ns;          /* 30 s; TIME-WAIT lasts twice this (RFC 9293 3.4.2 says 2 minutes; a recorded departure) */
    hf_ns rto_initial_ns;  /* 1 s (RFC 6298, 2.1) */
    hf_ns rto_min_ns;      /* 200 ms (RFC 6298 says 1 s; a recorded departure) */
    hf_ns rto_max_ns;      /* 120 s; at least 60 s (RFC 6298, 2.5) */
    hf_ns ack_delay_ns;    /* 40 ms; below 500 ms (MUST-40, RFC 9293 3.8.6.3) */
    uint16_t quick_acks;   /* 0; so many segments' worth at the beginning of a connection is acknowledged segment by segment,
                              as Linux does with 16: the peer's slow start then counts every one */
    hf_ns fin_wait_2_ns;   /* 60 s; for connections the application has closed fully */
    hf_ns orphan_ns;       /* 180 s; a connection the application has closed is reset when its peer has acknowledged
                              nothing new for this long, though it may answer window probes (MUST-37 is for owners) */
    hf_ns offer_ns;        /* 180 s; how long a SYN waits for hf_tcp_answer (RFC 9293's R2 for SYNs: the peer gives up) */
    uint8_t syn_retries;     /* 7; with a 1 s RTO this exceeds three minutes (MUST-23) */
    uint8_t syn_ack_retries; /* 5 */
    uint8_t data_retries;    /* 15; R2 as a count: about 15 minutes with the default RTO bounds (RFC 9293 3.8.3;
                                SHLD-11) */
    uint8_t orphan_retries;  /* 8; R2 for FIN and data of connections the application has closed */

    /* TCP buffers and windows, bytes per connection */
    uint32_t send_buffer;    /* 1 MiB; most bytes queued and unacknowledged */
    uint32_t receive_buffer; /* 1 MiB; most bytes unread; also the largest window offered */
    /* What these two may grow to where the path needs more and the application did not choose (struct hf_tcp_options);
     * what is not more than they are: no growth. */
    uint32_t send_buffer_max;    /* 6 MiB */
    uint32_t receive_buffer_max; /* 6 MiB */

    /* TCP options offered and accepted */
    bool window_scaling; /* true */
    bool timestamps;     /* true */
    bool sack;           /* true */
    bool fast_open;      /* false; TCP Fast Open (RFC 7413) for those that ask for it (struct hf_tcp_options) */
    uint8_t ecn;         /* enum hf_ecn; HF_ECN_ACCEPT */
    uint8_t cc;          /* enum hf_cc_algorithm; HF_CC_CUBIC */
    bool pacing;         /* false; CUBIC's and NewReno's windows leave spread over the round trip, not in bursts */
    uint16_t initial_window; /* 10 segments (RFC 6928) */
    bool push_frames;        /* false; PSH also ends each frame of several segments (HF_LINK_TSO4), as Linux has it, so that
                                who coalesces them hands them on at once */
    uint32_t challenge_ack_limit; /* 1000 a second, randomised, engine-wide; per connection 1 per 500 ms (RFC 5961, 7) */

    /* Listeners */
    uint8_t syn_cookies;    /* enum hf_syn_cookies; HF_SYN_COOKIES_UNDER_PRESSURE */
    bool reset_on_overflow; /* false; answer a SYN to a full accept queue with RST instead of silence */

    uint8_t ip_ttl; /* 64; TTL or hop limit of what the engine sends (MUST-49) */
};

/* Fills every field with its default; the seed stays all zero. */
void hf_config_defaults(struct hf_config *config);

#endif

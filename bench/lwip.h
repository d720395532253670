/*
 * lwIP as Debian ships it (liblwip), twice in one process: the library keeps its state in globals, so each end of
 * the wire gets a copy in a link-map namespace of its own (dlmopen). What it can do was fixed when Debian built it:
 * windows and send buffers of 65,535 bytes, at most 180 buffers queued, window scaling, no timestamps, no SACK;
 * segments, buffers and connections from malloc.
 */
#ifndef HF_BENCH_LWIP_H
#define HF_BENCH_LWIP_H

#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include <malloc.h>
#include <stdbool.h>

/* The functions we call. */
#define LWIP_CALLS(X)                                                                                              \
    X(lwip_init)                                                                                                   \
    X(ip4_input)                                                                                                   \
    X(netif_add)                                                                                                   \
    X(netif_set_up)                                                                                                \
    X(netif_set_link_up)                                                                                           \
    X(pbuf_alloced_custom)                                                                                         \
    X(pbuf_copy_partial)                                                                                           \
    X(pbuf_free)                                                                                                   \
    X(tcp_new)                                                                                                     \
    X(tcp_bind)                                                                                                    \
    X(tcp_listen_with_backlog)                                                                                     \
    X(tcp_accept)                                                                                                  \
    X(tcp_connect)                                                                                                 \
    X(tcp_arg)                                                                                                     \
    X(tcp_recv)                                                                                                    \
    X(tcp_sent)                                                                                                    \
    X(tcp_write)                                                                                                   \
    X(tcp_output)                                                                                                  \
    X(tcp_recved)                                                                                                  \
    X(tcp_close)                                                                                                   \
    X(tcp_abort)                                                                                                   \
    X(tcp_tmr)

struct lwip {
#define X(name) __typeof__(&name) name;
    LWIP_CALLS(X)
#undef X
    struct tcp_pcb **tcp_active_pcbs, **tcp_tw_pcbs; /* its lists, the newest first */
    __typeof__(&mallinfo2) mallinfo2;                /* of the malloc it uses */
};

/* Loads a fresh copy and initialises it. False with the reason in why[80]. There is room for about a dozen in a
 * process, so each is loaded once and kept. */
bool lwip_load(struct lwip *lwip, char *why);

#endif

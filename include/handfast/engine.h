/*
 * The engine: five calls.
 *
 *     hf_input     a frame arrived            hf_deadline   when to call again if nothing arrives
 *     hf_output    the next frame to send     hf_advance    time has passed
 *     hf_event     what the application should know
 *
 * The engine does no I/O, reads no clock, allocates nothing after creation, calls nobody back, and has no globals.
 * Same inputs, same outputs, bit for bit. One engine runs on one thread at a time.
 *
 * The order of one turn, which hf_pump() (driver.h) performs for you:
 *
 *     hf_input for each frame that arrived;  hf_advance(now);  hf_event until none (the application acts);
 *     hf_output until none;  then sleep until hf_deadline or the next frame.
 *
 * The engine remembers the latest time it was given; application calls (tcp.h) happen at that instant.
 */
#ifndef HANDFAST_ENGINE_H
#define HANDFAST_ENGINE_H

#include "config.h"
#include "errors.h"
#include "types.h"

struct hf_engine;

/* Bytes an engine of this configuration needs, or 0 when the configuration is not acceptable. */
size_t hf_engine_size(const struct hf_config *config);

/*
 * Makes an engine in `memory`, which MUST be zero-filled, aligned to 64 bytes and at least hf_engine_size() long; the
 * engine keeps it until you stop using the engine, after which there is nothing to free but the memory itself. Inside
 * there are only offsets, so the block may be copied whole while no call is running, and the copy is an engine of its
 * own. Untouched parts stay untouched: on an operating system give it fresh mmap pages.
 * Returns NULL when size is too small or the configuration is not acceptable.
 */
struct hf_engine *hf_engine_create(void *memory, size_t size, const struct hf_config *config, hf_time now);

/* Mixes 16 bytes of new randomness into the engine's generator. Established secrets (ISN, ports) stay as they are. */
void hf_reseed(struct hf_engine *e, const uint8_t seed[16]);

/* ---- frames ---- */

enum {
    HF_FRAME_CSUM_VERIFIED = 1, /* in: the transport checksum was verified, or never left this machine */
    HF_FRAME_CSUM_PARTIAL = 2,  /* the transport checksum holds only the pseudo-header sum: finish it from csum_start
                                   to the frame's end and store it at csum_start + csum_offset. In: trusted as verified. */
};

/*
 * One frame, with what the device knows of it or shall do for it. `data` begins with the link's header: Ethernet, or
 * the IP header on raw IP links.
 */
struct hf_frame {
    uint8_t *data;
    uint32_t len;
    uint32_t cap;         /* output: bytes there is room for at data */
    hf_link link;
    uint8_t flags;        /* HF_FRAME_... */
    uint8_t reserved;
    uint16_t csum_start;  /* with HF_FRAME_CSUM_PARTIAL: offset from data of the first byte summed */
    uint16_t csum_offset; /* ... and of the checksum field from csum_start */
    uint16_t gso_size;    /* 0, or: a TCP frame of several segments; each but the last carries this many bytes */
    uint16_t gso_header;  /* with gso_size: bytes of headers before the payload */
    uint16_t why;         /* enum hf_reason (observe.h). Input: the verdict. Output: why it was sent. */
    hf_conn conn;         /* the connection it belonged to, or none */
};

/*
 * Takes in one received frame. Borrows frame->data, which the engine may not change. Fills frame->why with the verdict
 * (HF_ACCEPTED or the reason it was dropped) and frame->conn. Sends nothing by itself: call hf_output.
 */
void hf_input(struct hf_engine *e, hf_time now, struct hf_frame *frame);

/*
 * Fills frame->data (frame->cap bytes at least HF_FRAME_MIN_CAP; 65,536 + 64 lets offload links send whole) with the
 * next frame to send and sets every other field. Returns true, or false when nothing is to be sent now. Call it until
 * false. A frame that is not delivered was lost on the wire, as far as TCP is concerned.
 */
bool hf_output(struct hf_engine *e, hf_time now, struct hf_frame *frame);

#define HF_FRAME_MIN_CAP 1600
#define HF_FRAME_MAX 65600

/* Fires every timer due at `now`. */
void hf_advance(struct hf_engine *e, hf_time now);

/*
 * The instant by which hf_advance is wanted if nothing else happens: never later than the earliest timer, and at most
 * earlier by one wheel level. HF_NEVER when nothing is pending; not after `now` when hf_output has something to send.
 */
hf_time hf_deadline(const struct hf_engine *e);

/* ---- events ---- */

/* Level bits: true of the connection now. A connection is reported again whenever a bit newly becomes true. */
enum {
    HF_EV_CONNECTED = 1,  /* the handshake is complete */
    HF_EV_READABLE = 2,   /* hf_tcp_receive has bytes */
    HF_EV_WRITABLE = 4,   /* hf_tcp_send takes bytes (after it once took fewer than offered, and at connection) */
    HF_EV_PEER_CLOSED = 8,/* the peer's FIN is next in the stream: after what is unread, receive returns 0 */
    HF_EV_CLOSED = 16,    /* over: hf_tcp_status says how; hf_tcp_release frees the record */
    HF_EV_ACCEPTABLE = 32,/* listener: hf_tcp_accept has a connection */
    HF_EV_URGENT = 64,    /* urgent data lies ahead in the stream (RFC 9293 3.8.5) */
    HF_EV_SENT = 128,     /* everything sent so far, FIN included if closed, has been acknowledged */
    HF_EV_SOFT_ERROR = 256, /* trouble that ended nothing (MUST-47): hf_tcp_status names it in soft_error */
};

struct hf_event {
    hf_conn conn;
    uint32_t bits;  /* HF_EV_... true now */
    uint32_t fresh; /* those among them that became true since this connection was last reported */
    uint64_t user;  /* the application's own word, from hf_tcp_set_user */
};

/* The next connection with news. False when there is none. Bounded by the number of connections; nothing is lost. */
bool hf_event(struct hf_engine *e, struct hf_event *event);

/* ---- links, addresses, routes ---- */

enum hf_link_kind { HF_LINK_IP, HF_LINK_ETHERNET };

enum {
    HF_LINK_TX_CSUM = 1, /* the device finishes TCP checksums (HF_FRAME_CSUM_PARTIAL) */
    HF_LINK_TSO4 = 2,    /* the device splits TCP over IPv4 (gso_size) */
    HF_LINK_TSO6 = 4,    /* the same over IPv6 */
};

struct hf_link_config {
    enum hf_link_kind kind;
    uint16_t mtu;        /* bytes of IP datagram; 576..65535, at least 1280 when IPv6 addresses are used */
    uint8_t mac[6];      /* Ethernet only */
    uint8_t offload;     /* HF_LINK_... */
    uint32_t gso_max;    /* largest frame with TSO, bytes; 0 = 65535 */
};

/* HF_ERR_LIMIT when max_links exist, HF_ERR_INVALID on a bad mtu. */
int hf_link_add(struct hf_engine *e, const struct hf_link_config *config, hf_link *link);

/* Gives the engine an address with its on-link prefix (prefix_len 0..32 or 0..128). HF_ERR_LIMIT, HF_ERR_INVALID. */
int hf_address_add(struct hf_engine *e, hf_link link, const struct hf_addr *addr, uint8_t prefix_len);

/* A route: destinations within prefix go to `gateway` (any = on-link) over `link`. The longest prefix wins.
 * A default route is the any address with prefix_len 0, one for IPv4 (::ffff:0.0.0.0) and one for IPv6 (::). */
int hf_route_add(struct hf_engine *e, const struct hf_addr *prefix, uint8_t prefix_len, const struct hf_addr *gateway,
                 hf_link link);

#endif

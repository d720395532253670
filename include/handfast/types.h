/*
 * The values every other header speaks in: instants and durations, addresses and endpoints, and handles.
 *
 * Read next: config.h, engine.h, tcp.h.
 */
#ifndef HANDFAST_TYPES_H
#define HANDFAST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A duration in nanoseconds. Never an instant. */
typedef int64_t hf_ns;

#define HF_US ((hf_ns)1000)
#define HF_MS ((hf_ns)1000000)
#define HF_SECOND ((hf_ns)1000000000)

/* An instant: nanoseconds on a monotonic clock of the caller's, any origin. It MUST NOT run backwards. */
typedef struct hf_time {
    int64_t ns;
} hf_time;

#define HF_NEVER ((hf_time){INT64_MAX})

static inline hf_time hf_time_add(hf_time at, hf_ns by)
{
    return by > 0 && at.ns > INT64_MAX - by ? HF_NEVER : (hf_time){at.ns + by};
}
static inline hf_ns hf_time_since(hf_time now, hf_time then) { return now.ns - then.ns; }
static inline bool hf_time_before(hf_time a, hf_time b) { return a.ns < b.ns; }
static inline bool hf_time_reached(hf_time now, hf_time at) { return now.ns >= at.ns; }
static inline hf_time hf_time_first(hf_time a, hf_time b) { return a.ns < b.ns ? a : b; }
static inline bool hf_time_is_never(hf_time at) { return at.ns == INT64_MAX; }

/*
 * An IPv4 or IPv6 address, network byte order. IPv4 is held as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that one
 * comparison and one hash serve both; on the wire such an address is always IPv4. All zero means "any".
 */
struct hf_addr {
    uint8_t bytes[16];
};

static inline struct hf_addr hf_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct hf_addr){{[10] = 0xff, [11] = 0xff, a, b, c, d}};
}
static inline bool hf_addr_equal(const struct hf_addr *a, const struct hf_addr *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
static inline bool hf_addr_is_v4(const struct hf_addr *addr)
{
    return memcmp(addr->bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
}
/* True for :: and for ::ffff:0.0.0.0. */
static inline bool hf_addr_is_any(const struct hf_addr *addr)
{
    static const uint8_t zero[16] = {0};
    return memcmp(addr->bytes + 12, zero, 4) == 0 && (hf_addr_is_v4(addr) || memcmp(addr->bytes, zero, 12) == 0);
}

/* Text of an address, and back. `text` borrows; parse reads dotted quads and RFC 4291 text, no zone, no prefix.
 * Returns false, and leaves *addr alone, when the text is not an address. */
bool hf_addr_parse(const char *text, struct hf_addr *addr);

#define HF_ADDR_TEXT_LEN 46 /* longest text with its terminating zero */

/* Writes the text (RFC 5952 form for IPv6) and returns `text`. */
char *hf_addr_print(const struct hf_addr *addr, char text[HF_ADDR_TEXT_LEN]);

/* One end of a connection. Port in host byte order, 0 meaning "any". */
struct hf_endpoint {
    struct hf_addr addr;
    uint16_t port;
};

/*
 * A connection or a listener: slot and generation. A handle whose record was released is answered HF_ERR_STALE, never
 * undefined behaviour. All zero is never a valid handle.
 */
typedef struct hf_conn {
    uint32_t slot;
    uint32_t generation;
} hf_conn;

static inline bool hf_conn_equal(hf_conn a, hf_conn b)
{
    return a.slot == b.slot && a.generation == b.generation;
}
static inline bool hf_conn_is_none(hf_conn conn) { return conn.generation == 0; }

/* A link (network interface) of an engine: an index from hf_link_add. */
typedef uint16_t hf_link;

#define HF_LINK_NONE ((hf_link)0xffff)

#endif

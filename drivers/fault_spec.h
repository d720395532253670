/*
 * The fault driver's language, read into a table. The language is in driver.h at hf_fault_open.
 *
 * Read next: fault_flows.h (which frame a name means), fault.c (what happens to it).
 */
#ifndef HF_DRIVERS_FAULT_SPEC_H
#define HF_DRIVERS_FAULT_SPEC_H

#include <handfast/types.h>

#define FAULT_NAMED_MAX 16
#define FAULT_MILLION   1000000u

enum fault_direction { FAULT_IN, FAULT_OUT, FAULT_DIRECTIONS };

/* What may happen to every frame of one direction. */
enum fault_property {
    FAULT_LOSS, /* probabilities, in parts per million */
    FAULT_DUPLICATE,
    FAULT_REORDER,
    FAULT_CORRUPT,
    FAULT_DELAY, /* times, in nanoseconds */
    FAULT_JITTER,
    FAULT_RATE,       /* bits per second; 0: no limit */
    FAULT_BURST,      /* loss in bursts: the part of all frames, per million, */
    FAULT_BURST_LEN,  /* ... and how many are lost in a row, in the mean */
    FAULT_QUEUE,      /* bytes that may wait for the rate; 0: see FAULT_QUEUE_TIME */
    FAULT_QUEUE_TIME, /* ... or how long, in nanoseconds; both 0: 100 ms */
    FAULT_MARK,       /* congestion experienced, per million */
    FAULT_MARK_AT,    /* ... on what waited for the rate longer than this, ns */
    FAULT_MTU,        /* bytes of IP datagram; 0: no limit */
    FAULT_SILENT,     /* ... and nobody is told */
    FAULT_STRIP,      /* FAULT_STRIP_...: what a middlebox takes away */
    FAULT_SHIFT,      /* added to sequence numbers, taken from the acknowledgements that come back */
    FAULT_FORGE,      /* a byte of text is changed and the checksum made right, per million */
    FAULT_PROPERTIES,
};

/* What `strip` may name; all but the last are TCP options. */
enum {
    FAULT_STRIP_MSS = 1,
    FAULT_STRIP_WSCALE = 2,
    FAULT_STRIP_SACK = 4, /* permission and blocks */
    FAULT_STRIP_TIMESTAMPS = 8,
    FAULT_STRIP_FAST_OPEN = 16,
    FAULT_STRIP_UNKNOWN = 32,
    FAULT_STRIP_OPTIONS = 63,
    FAULT_STRIP_ECN = 64, /* the IP header's two bits, and what SYNs say of them */
};

struct fault_path {
    uint64_t value[FAULT_PROPERTIES];
};

enum fault_act {
    FAULT_DO_LOSE,
    FAULT_DO_DUPLICATE,
    FAULT_DO_CORRUPT,
    FAULT_DO_DELAY,
    FAULT_DO_ANSWER,
    FAULT_DO_RESET,
};

/* Bits, because a frame may be several: a FIN with data is both. */
enum fault_what {
    FAULT_SYN = 1,
    FAULT_SYN_ACK = 2,
    FAULT_FIN = 4,
    FAULT_RST = 8,
    FAULT_ACK = 16, /* acknowledges and does nothing else */
    FAULT_DATA = 32,
    FAULT_HANDSHAKE_ACK = 64,
    FAULT_LAST_FIN = 128, /* of the side that closes second */
    FAULT_LAST_ACK = 256, /* answers the last FIN */
};

enum { FAULT_EVERY = 0 };

/* What happens to frames of a name. */
struct fault_named {
    enum fault_act act;
    enum fault_what what;
    uint32_t
        nth;     /* of each connection, from 1; or FAULT_EVERY. FAULT_DO_RESET: after so many bytes of its stream */
    hf_ns delay; /* with FAULT_DO_DELAY */
    bool applies[FAULT_DIRECTIONS];
};

struct fault_spec {
    struct fault_path path[FAULT_DIRECTIONS];
    struct fault_named named[FAULT_NAMED_MAX];
    unsigned named_count;
};

/* Reads `text`. False with a sentence in error[256] that says what was not understood and what would be. */
bool hf_fault_spec_parse(const char *text, struct fault_spec *spec, char error[256]);

#endif

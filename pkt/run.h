/*
 * Runs a script against a real engine, in process and in virtual time.
 *
 * Packetdrill's rules hold: a relative time counts from the moment the event before it happened; what the engine
 * sends waits until a packet event expects it, and must then be that packet; a blocking call goes on while later
 * events happen. Beyond them, here: what is left at the end of the script was not expected and is a failure; all
 * text that passes is compared, in both directions; the engine's invariants are checked after everything that
 * happens; and nothing may be left behind in the engine when all is closed.
 *
 * Read first: script.h. Read next: run.c, calls.c.
 */
#ifndef HF_PKT_RUN_H
#define HF_PKT_RUN_H

#include "script.h"

struct pkt_run_options {
    uint32_t their_shift; /* added to the peer's sequence numbers on their way to the wire */
    bool chooses_our_isn; /* our first initial sequence number shall be our_isn: run once before, to learn it */
    uint32_t our_isn, known_isn;
    void (*trace)(void *arg, const char *line); /* told of everything that happens, or NULL */
    void *arg;
};

struct pkt_outcome {
    bool passed;
    unsigned line; /* of the event that failed */
    char *what;    /* what was expected and what happened, several lines; NULL when it passed */
    bool has_isn;  /* our first initial sequence number is known_isn for another run */
    uint32_t isn;
};

/* Runs the script once. Free the outcome with pkt_outcome_close. */
bool pkt_run(const struct pkt_script *script, const struct pkt_run_options *options, struct pkt_outcome *outcome);

/*
 * Runs it from three places of the sequence space: as the engine chooses, and with both sides' numbers about to
 * pass 2^31 and 2^32 (BUG-19). Stops at the first failure.
 */
bool pkt_run_everywhere(const struct pkt_script *script, const struct pkt_run_options *options,
                        struct pkt_outcome *outcome);

void pkt_outcome_close(struct pkt_outcome *outcome);

#endif

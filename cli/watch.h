/*
 * What draws a ladder from a running engine: a driver that holds another one. After each batch of frames in either
 * direction it hands the engine's new notes to the ladder and asks the peer for its state, so that states which
 * last only until the answer are read too.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "ladder.h"

#include <handfast/driver.h>

struct host;

/* Reads the state of the peer's end of a connection: `local` and `remote` are as the peer sees them. Returns 1 with
 * *state, 0 when the peer knows no such connection, negative when it cannot be asked. */
struct watch_reader {
    int (*read)(void *arg, const struct hf_endpoint *local, const struct hf_endpoint *remote, enum hf_state *state);
    void (*close)(void *arg); /* with the driver; may be NULL */
    void *arg;
};

/* Takes `inner`, borrows the engine, takes the ladder. `reader` may be NULL. NULL when there is no memory: then
 * `inner` and the ladder stay the caller's. */
struct hf_driver *watch_open(struct hf_driver *inner, struct hf_engine *e, struct ladder *ladder,
                             const struct watch_reader *reader);

/*
 * Puts a ladder of all connections around h->driver. It reads the peer's states from the kernel's side of the device
 * or, joined in memory, from the other host; which of them names the left rail. Call it after the other wrappers.
 * Returns 0, or EXIT_FAILED after having complained.
 */
int watch_add_to(struct host *h, const struct ladder_options *options);

/* The same on stderr. */
int watch_add(struct host *h);

#endif

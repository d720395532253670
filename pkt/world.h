/*
 * One engine in virtual time, on a raw IP link whose other end is the script.
 *
 * Time is `now` and nothing else; it moves only in pkt_world_step. What the engine sends waits in a queue, in
 * order, with the instant at which it left. After everything that happens the engine's invariants are checked.
 *
 * Read first: script.h.
 */
#ifndef HF_PKT_WORLD_H
#define HF_PKT_WORLD_H

#include "script.h"

#include <handfast/driver.h>
#include <handfast/handfast.h>

#define PKT_BEGIN_NS (1000 * HF_SECOND) /* when a world begins: any instant does, zero might hide what is not set */

/* A frame the engine sent. */
struct pkt_sent {
    hf_time at;
    struct hf_frame frame; /* data is this record's own */
};

struct pkt_world {
    struct hf_engine *engine;
    hf_link link;
    hf_time begin, now;
    struct pkt_sent *sent; /* all that ever left; those from `taken` on were not expected yet */
    unsigned sent_count, taken;
    const char *wrong;                                       /* the first invariant that was broken, or NULL */
    void (*on_sent)(void *arg, const struct pkt_sent *sent); /* told of each frame as it leaves; NULL: nobody */
    void *arg;
    void *memory;
    size_t memory_len;
    uint8_t *buffer; /* PKT_FRAME_MAX bytes */
    uint8_t *cut;    /* the same, where what the link splits is kept split; else NULL */
};

/* The engine as the script configures it; `isn_clock_ns` as in struct hf_config. False when that cannot be made. */
bool pkt_world_open(struct pkt_world *world, const struct pkt_script *script, int64_t isn_clock_ns);
void pkt_world_close(struct pkt_world *world);

/* Takes in one frame now; what it causes leaves at once. Returns the verdict. */
enum hf_reason pkt_world_input(struct pkt_world *world, uint8_t *data, uint32_t len);
/* After a call: what it caused leaves, events are taken, invariants are checked. */
void pkt_world_settle(struct pkt_world *world);
/* Moves to the engine's next deadline, or to `until` when that is earlier. True when `until` has been reached. */
bool pkt_world_step(struct pkt_world *world, hf_time until);

/* The first frame that no event expected yet, or NULL. */
const struct pkt_sent *pkt_world_next(const struct pkt_world *world);

#endif

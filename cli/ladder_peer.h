/*
 * What the segments say about the peer's state. It is our peer's TCP run in thought: what it sent it did, and what
 * we sent it is taken to have received, until it shows otherwise. A state that was read from the peer stands above
 * that.
 */
#ifndef CLI_LADDER_PEER_H
#define CLI_LADDER_PEER_H

#include <handfast/observe.h>

struct peer {
    enum hf_state state;
    bool is_read;      /* the state was read, not inferred */
    bool has_sent_fin; /* and fin_end is the number after it */
    bool has_got_fin;  /* and our_fin_end is the number after ours */
    uint32_t fin_end, our_fin_end;
    bool is_ahead; /* it was read in a state whose segment has not come yet: */
    enum hf_state ahead;
    hf_time ahead_at;
};

/* Where the peer is before the first note of a connection. */
void peer_begin(struct peer *p, const struct hf_note *first);

/* A segment came from the peer, or went to it. Returns true when that changes the peer's state. */
bool peer_note(struct peer *p, const struct hf_note *note);

enum peer_news {
    PEER_AS_THOUGHT, /* what was read is what was inferred */
    PEER_DIFFERS,    /* it is something else, and now p->state */
    PEER_AHEAD,      /* it is a step ahead of a segment that will come; p->state waits for it */
};

enum peer_news peer_read(struct peer *p, enum hf_state state, hf_time now);

#endif

/*
 * What must be true of every world, and of what becomes of it when nobody disturbs it any more.
 *
 * Read first: world.h.
 */
#ifndef HF_EXPLORE_JUDGE_H
#define HF_EXPLORE_JUDGE_H

#include "world.h"

/* The edges of figure 5 (RFC 9293, 3.3.2) that were crossed: [from][to], LISTEN standing for a child's birth. */
struct edges {
    uint64_t crossed[HF_STATE_COUNT][HF_STATE_COUNT];
};

/*
 * NULL when the world is sound, else what is wrong: every invariant of every record, the counts per state against the
 * records, the edges since the last judgement, and what one end believes acknowledged against what the other has.
 */
const char *judge_now(struct world *w, struct edges *edges);

/*
 * Lets the world run on without faults until nothing is left, and says what is wrong with the end: something that stays
 * for ever, bytes that do not arrive, a pool that is not whole again. The world is used up by it.
 */
const char *judge_end(struct world *w);

/* Legal edges, and how many of them `edges` has not; prints those when `print`. */
unsigned edges_missing(const struct edges *edges, bool print);
bool edge_is_legal(unsigned from, unsigned to);

#endif

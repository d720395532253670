/*
 * What a world is, apart from how it came about: the canonical form. Sequence numbers count from the ISNs in the order in
 * which they are met, timestamps and instants from now; counters, history, secrets and what is free are left out. Two
 * worlds of one form behave alike, but for what congestion control remembers of time.
 */
#ifndef HF_EXPLORE_CANON_H
#define HF_EXPLORE_CANON_H

#include "world.h"

uint64_t world_form(struct world *w);

#endif

/* A trace as a script that `handfast check` can read, told by side A; what it does not see are comments. */
#ifndef HF_EXPLORE_STORY_H
#define HF_EXPLORE_STORY_H

#include "world.h"

void story_print(const struct start *start, const struct move *path, unsigned count, const char *wrong);

#endif

/* A file for one test, in the system's folder for such, gone when the test is over. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch[64];

static inline int scratch_make(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "%s/handfast-XXXXXX", P_tmpdir);
    int fd = mkstemp(scratch);
    return fd < 0 ? -1 : close(fd);
}

static inline int scratch_remove(void **state)
{
    (void)state;
    return unlink(scratch);
}

#endif

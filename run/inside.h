/* Which processes are inside: those whose network namespace is PROGRAM's. */
#ifndef HF_RUN_INSIDE_H
#define HF_RUN_INSIDE_H

#include <sys/types.h>

/* Calls `each` with the number, in decimal, of every process in the network namespace of that inode. Returns how many. */
unsigned inside_each(ino_t net_inode, void (*each)(void *arg, const char *pid), void *arg);

#endif

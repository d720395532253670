/*
 * What of packetdrill goes round the interface and straight to libc: it closes leftover descriptors with close(), and
 * asks TCP_INFO with getsockopt() where a script has code. Preloaded, this object stands before libc there, takes the
 * descriptors that are its own, and passes on all others. (sendfile: files.c.)
 */
#define _GNU_SOURCE
#include "adapter.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The script's commands are programs of their own, which have no use for it. */
__attribute__((constructor)) static void spare_children(void)
{
    unsetenv("LD_PRELOAD");
}

__attribute__((visibility("default"))) int close(int fd)
{
    struct pd *pd = pd_current();
    return pd && fd >= PD_FIRST_FD ? pd_close(pd, fd) : (int)syscall(SYS_close, fd);
}

__attribute__((visibility("default"))) int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct pd *pd = pd_current();
    if (pd && fd >= PD_FIRST_FD)
        return pd_getsockopt(pd, fd, level, name, value, len);
    return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

/* Pipes and files: those are the system's, so what passes between them and a socket is carried over here. */
#ifdef __LP64__
#undef _FILE_OFFSET_BITS /* with it the sendfile below would be called sendfile64, and packetdrill does not ask for that */
#endif
#define _GNU_SOURCE
#include "adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_AT_ONCE = 1 << 20 };

int pd_pipe(void *userdata, int fds[2])
{
    (void)userdata;
    return pipe(fds);
}

static int64_t make_receive(struct hf_sockets *s, struct pd_call *call)
{
    return hf_sock_receive(s, call->sock, call->data, call->len, call->flags);
}

/* No more than the pipe has room for may be taken out of the stream. */
static ssize_t to_pipe(struct pd *pd, int in, int out, size_t len, unsigned flags)
{
    int used = 0, size = fcntl(out, F_GETPIPE_SZ);
    if (size < 0 || ioctl(out, FIONREAD, &used) < 0)
        return -1;
    size_t most = size > used ? (size_t)(size - used) : 0;
    struct pd_call call = {.make = make_receive, .len = len < most ? len : most, .fd = in};
    call.sock = hf_sock_find(&pd->sockets, in);
    call.flags = flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0;
    call.data = malloc(call.len + 1);
    int64_t count = call.data ? pd_make(pd, &call) : -ENOMEM;
    if (count > 0)
        count = write(out, call.data, (size_t)count);
    free(call.data);
    if (count >= 0)
        return count;
    errno = count == -1 ? errno : (int)-count;
    return -1;
}

static ssize_t from_file(struct pd *pd, int out, int in, off_t *offset, size_t len, int flags)
{
    size_t most = len < MOST_AT_ONCE ? len : MOST_AT_ONCE;
    struct iovec vector = {.iov_base = malloc(most + 1)};
    ssize_t count = offset ? pread(in, vector.iov_base, most, *offset) : read(in, vector.iov_base, most);
    if (count > 0) {
        vector.iov_len = (size_t)count;
        count = pd_send(pd, out, &vector, 1, flags, NULL);
    }
    if (count > 0 && offset)
        *offset += count;
    free(vector.iov_base);
    return count;
}

int pd_splice(void *userdata, int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len, unsigned flags)
{
    (void)in_offset; /* neither a socket nor a pipe has a place to begin at */
    (void)out_offset;
    if (in >= PD_FIRST_FD)
        return (int)to_pipe(userdata, in, out, len, flags);
    if (out >= PD_FIRST_FD)
        return (int)from_file(userdata, out, in, NULL, len, flags & SPLICE_F_MORE ? MSG_MORE : 0);
    return (int)splice(in, NULL, out, NULL, len, flags);
}

__attribute__((visibility("default"))) ssize_t sendfile(int out, int in, off_t *offset, size_t len)
{
    struct pd *pd = pd_current();
    if (pd && out >= PD_FIRST_FD)
        return from_file(pd, out, in, offset, len, 0);
    return syscall(SYS_sendfile, out, in, offset, len);
}

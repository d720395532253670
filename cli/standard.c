/* Standard input and output that never block. Read first: standard.h. */
#define _GNU_SOURCE
#include "standard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void standard_open(struct standard *s, int fd)
{
    struct stat st;
    char path[32];
    *s = (struct standard){.fd = fd, .given = fd};
    if (fcntl(fd, F_GETFD) < 0 || fstat(fd, &st) < 0) {
        s->is_closed = true;
        return;
    }
    s->is_file = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode);
    s->is_socket = S_ISSOCK(st.st_mode);
    if (s->is_file || s->is_socket)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, (fd == 0 ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    s->may_block = s->is_blocked = own < 0;
    if (own >= 0)
        s->fd = own;
}

static ssize_t heard(struct standard *s, ssize_t n)
{
    bool is_blocked = n < 0 && (errno == EAGAIN || errno == EINTR);
    if (is_blocked)
        errno = EAGAIN;
    if (is_blocked || (s->may_block && n > 0))
        s->is_blocked = true; /* poll vouches for one call only */
    return n;
}

static bool refuses(const struct standard *s)
{
    errno = s->is_closed ? EBADF : EAGAIN;
    return s->is_closed || (s->may_block && s->is_blocked);
}

ssize_t standard_read(struct standard *s, void *data, size_t len)
{
    if (refuses(s))
        return -1;
    return heard(s, s->is_socket ? recv(s->fd, data, len, MSG_DONTWAIT) : read(s->fd, data, len));
}

ssize_t standard_write(struct standard *s, const void *data, size_t len)
{
    if (refuses(s))
        return -1;
    if (s->may_block && len > PIPE_BUF)
        len = PIPE_BUF; /* as much as a pipe that poll calls writable takes at once (pipe(7)) */
    return heard(s, s->is_socket ? send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(s->fd, data, len));
}

bool standard_wants(const struct standard *s, short events, struct pollfd *fd)
{
    if (!s->is_blocked || s->is_closed)
        return false;
    *fd = (struct pollfd){.fd = s->fd, .events = events};
    return true;
}

void standard_hear(struct standard *s, const struct pollfd *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i].fd == s->fd && fds[i].revents != 0)
            s->is_blocked = false;
}

void standard_end(struct standard *s)
{
    if (s->is_closed)
        return;
    if (s->fd != s->given)
        close(s->fd);
    close(s->given);
    s->is_closed = true;
}

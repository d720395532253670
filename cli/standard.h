/*
 * Standard input and output that never block the loop and never change what other processes share: O_NONBLOCK
 * belongs to the open file, which the shell and PROGRAM may hold too, so a pipe or a terminal is opened once more
 * instead.
 */
#ifndef HF_CLI_STANDARD_H
#define HF_CLI_STANDARD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct standard {
    int fd;       /* what is read or written */
    int given;    /* 0 or 1, as it was handed to us */
    bool is_file; /* always ready */
    bool is_socket;
    bool may_block;  /* could not be opened again: only after poll, and a little at a time */
    bool is_blocked; /* not before poll says so */
    bool is_closed;
};

void standard_open(struct standard *s, int fd);

/* As read(2) and write(2), but -1 with EAGAIN instead of blocking. */
ssize_t standard_read(struct standard *s, void *data, size_t len);
ssize_t standard_write(struct standard *s, const void *data, size_t len);

/* Fills in what to wait for; false when there is nothing to wait for. */
bool standard_wants(const struct standard *s, short events, struct pollfd *fd);
/* What poll said. */
void standard_hear(struct standard *s, const struct pollfd *fds, unsigned count);

/* Tells the other side of a pipe that no more comes. */
void standard_end(struct standard *s);

#endif

/* A server that closes after a good request, and forgets to after a bad one. */
#include "common.h"

static int serve_one(int fd)
{
    char request[256];
    ssize_t n = read(fd, request, sizeof request);
    if (n < 3 || strncmp(request, "GET", 3) != 0)
        return -1; /* the caller thinks that we closed it */
    say(fd, "200 here you are\n");
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    int listener = listen_at(argv[argc - 1], 16);
    for (;;) {
        int fd = accept(listener, NULL, NULL); /* HERE */
        if (fd >= 0)
            serve_one(fd);
    }
}

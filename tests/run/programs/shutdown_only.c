/* A server that takes shutdown for close. */
#include "common.h"

int main(int argc, char **argv)
{
    char request[256];
    int listener = listen_at(argv[argc - 1], 16);
    for (;;) {
        int fd = accept(listener, NULL, NULL); /* HERE */
        (void)!read(fd, request, sizeof request);
        say(fd, "bye\n");
        shutdown(fd, SHUT_RDWR);
    }
}

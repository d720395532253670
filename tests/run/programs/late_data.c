/* A server that closes for good when it has heard enough, though the client is still talking. */
#include "common.h"

int main(int argc, char **argv)
{
    char request[256];
    int listener = listen_at(argv[argc - 1], 16);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        (void)!read(fd, request, sizeof request);
        say(fd, "thank you\n");
        close(fd); /* HERE */
    }
}

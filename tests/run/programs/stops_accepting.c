/* A server whose only thread waits for ever for its first client. */
#include "common.h"

int main(int argc, char **argv)
{
    char request[256];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = address_of("0.0.0.0", argv[argc - 1]);
    bind(listener, (struct sockaddr *)&at, sizeof at);
    listen(listener, 16); /* HERE */
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        while (read(fd, request, sizeof request) > 0)
            ;
        close(fd);
    }
}

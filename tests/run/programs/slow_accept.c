/* A server with a short queue that thinks for a second and a half between two clients. */
#include "common.h"

int main(int argc, char **argv)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = address_of("0.0.0.0", argv[argc - 1]);
    bind(listener, (struct sockaddr *)&at, sizeof at);
    listen(listener, 1); /* HERE */
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        say(fd, "at last\n");
        close(fd);
        usleep(1500000);
    }
}

/* A server that answers as soon as it has seen the first line, and closes with the rest unread. */
#include "common.h"

int main(int argc, char **argv)
{
    char method[4];
    int listener = listen_at(argv[argc - 1], 16);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        (void)!read(fd, method, sizeof method);
        usleep(20000);
        say(fd, "413 too large\n");
        close(fd); /* HERE */
    }
}

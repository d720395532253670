/* A server that starts a helper while a client is connected; the helper keeps a copy of the client's descriptor. */
#include "common.h"

int main(int argc, char **argv)
{
    char request[256];
    signal(SIGCHLD, SIG_IGN);
    int listener = listen_at(argv[argc - 1], 16);
    for (;;) {
        int fd = accept(listener, NULL, NULL); /* HERE */
        (void)!read(fd, request, sizeof request);
        if (fork() == 0)
            stay();
        say(fd, "done\n");
        usleep(1000);
        close(fd);
    }
}

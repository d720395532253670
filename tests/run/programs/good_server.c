/* A server without a mistake: a thread for each client, every path closes, the end is awaited before closing. */
#include "common.h"

static void *serve_one(void *arg)
{
    int fd = (int)(long)arg;
    char request[256];
    if (read(fd, request, sizeof request) > 0)
        say(fd, "answer\n");
    shutdown(fd, SHUT_WR);
    while (read(fd, request, sizeof request) > 0)
        ;
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = listen_at(argv[argc - 1], 64);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        pthread_create(&thread, NULL, serve_one, (void *)(long)fd);
        pthread_detach(thread);
    }
}

/* A thread for each client, which returns early when the client is not welcome. */
#include "common.h"

static void *serve_one(void *arg)
{
    int fd = (int)(long)arg;
    char request[256];
    if (read(fd, request, sizeof request) < 4 || memcmp(request, "HELO", 4) != 0)
        return NULL;
    say(fd, "welcome\n");
    close(fd);
    return NULL;
}

static int next_client(int listener)
{
    return accept(listener, NULL, NULL); /* HERE */
}

int main(int argc, char **argv)
{
    int listener = listen_at(argv[argc - 1], 16);
    for (;;) {
        pthread_t thread;
        int fd = next_client(listener);
        pthread_create(&thread, NULL, serve_one, (void *)(long)fd);
        pthread_detach(thread);
    }
}

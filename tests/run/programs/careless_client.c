/* A client that gives the answer a tenth of a second, and forgets the descriptor when it breaks off or takes longer. */
#include "common.h"

static int ask(const struct sockaddr_in *at)
{
    char answer[256];
    const struct timeval patience = {.tv_usec = 100000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) < 0) /* HERE */
        return -1;
    say(fd, "GET\n");
    shutdown(fd, SHUT_WR);
    ssize_t n;
    while ((n = read(fd, answer, sizeof answer)) > 0)
        ;
    if (n < 0)
        return -1;
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = address_of(argv[argc - 2], argv[argc - 1]);
    for (int i = 0; i < 3; i++)
        ask(&at);
    sleep(5); /* the age from which a dead descriptor is told of is 1 s, and a busy machine looks seldom */
    return 0;
}

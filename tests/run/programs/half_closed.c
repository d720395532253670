/* A client that ends its sending direction and then waits for an end that never comes, without a limit. */
#include "common.h"

int main(int argc, char **argv)
{
    char answer[256];
    struct sockaddr_in at = address_of(argv[argc - 2], argv[argc - 1]);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (struct sockaddr *)&at, sizeof at); /* HERE */
    say(fd, "GET\n");
    shutdown(fd, SHUT_WR);
    while (read(fd, answer, sizeof answer) > 0)
        ;
    return 0;
}

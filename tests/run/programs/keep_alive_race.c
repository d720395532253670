/* A client that uses a kept connection again although the server has closed it meanwhile. */
#include "common.h"

int main(int argc, char **argv)
{
    char answer[256];
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in at = address_of(argv[argc - 2], argv[argc - 1]);
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        connect(fd, (struct sockaddr *)&at, sizeof at); /* HERE */
        say(fd, "GET\n");
        (void)!read(fd, answer, sizeof answer);
        usleep(400000);
        say(fd, "GET\n");
        while (read(fd, answer, sizeof answer) > 0)
            ;
        close(fd);
    }
    return 0;
}

/* A client whose pool takes connections back without looking whether the server has closed them, and opens a new one
 * whenever the old one fails. */
#include "common.h"

static int pool[64], pooled;

static int get(const struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) < 0) /* HERE */
        exit(1);
    return fd;
}

int main(int argc, char **argv)
{
    char answer[256];
    struct sockaddr_in at = address_of(argv[argc - 2], argv[argc - 1]);
    for (int i = 0; i < 12; i++) {
        int fd = get(&at);
        say(fd, "GET\n");
        while (read(fd, answer, sizeof answer) > 0)
            ;
        pool[pooled++] = fd;
        usleep(50000);
    }
    stay();
}

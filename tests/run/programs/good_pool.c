/* A client whose pool drops what the server has closed before it opens anything new. */
#include "common.h"

static bool has_ended(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

int main(int argc, char **argv)
{
    char answer[256];
    int fd = -1;
    struct sockaddr_in at = address_of(argv[argc - 2], argv[argc - 1]);
    for (int i = 0; i < 10; i++) {
        if (fd >= 0 && has_ended(fd)) {
            close(fd);
            fd = -1;
        }
        if (fd < 0) {
            fd = socket(AF_INET, SOCK_STREAM, 0);
            if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
                return 1;
        }
        say(fd, "GET\n");
        (void)!read(fd, answer, sizeof answer);
        usleep(150000);
    }
    close(fd);
    return 0;
}

/* A client that counts what it gets, closes whatever happens, and says by its exit status whether all was well. */
#include "common.h"

#define WHOLE 2000

static bool ask(const struct sockaddr_in *at)
{
    char answer[256];
    ssize_t n, sum = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0) {
        say(fd, "GET\n");
        shutdown(fd, SHUT_WR);
        while ((n = read(fd, answer, sizeof answer)) > 0)
            sum += n;
    }
    close(fd);
    return sum == WHOLE;
}

int main(int argc, char **argv)
{
    bool is_well = true;
    struct sockaddr_in at = address_of(argv[argc - 2], argv[argc - 1]);
    for (int i = 0; i < 3; i++)
        is_well = ask(&at) && is_well;
    sleep(2);
    return is_well ? 0 : 4;
}

/* A client that opens connections in advance and never says anything on them. */
#include "common.h"

int main(int argc, char **argv)
{
    struct sockaddr_in at = address_of(argv[argc - 2], argv[argc - 1]);
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        connect(fd, (struct sockaddr *)&at, sizeof at); /* HERE */
    }
    stay();
}

/* What the programs under test share: a listener, a connection, and a way to stay. Each of them has one mistake, or none. */
#ifndef TESTS_RUN_PROGRAMS_COMMON_H
#define TESTS_RUN_PROGRAMS_COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int listen_at(const char *port, int backlog)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, backlog) < 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

static inline struct sockaddr_in address_of(const char *host, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    inet_pton(AF_INET, host, &at.sin_addr);
    return at;
}

/* Until somebody ends us. */
static inline void stay(void)
{
    for (;;)
        pause();
}

static inline void say(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

#endif

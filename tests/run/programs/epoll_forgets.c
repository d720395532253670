/* An event loop that stops watching a connection when the peer has closed, and forgets it there. */
#include "common.h"

int main(int argc, char **argv)
{
    struct epoll_event event;
    char request[256];
    int listener = listen_at(argv[argc - 1], 16), loop = epoll_create1(0);
    event = (struct epoll_event){.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    while (epoll_wait(loop, &event, 1, -1) > 0) {
        int fd = event.data.fd;
        if (fd == listener) {
            fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK); /* HERE */
            event = (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
            epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
        } else if (event.events & (EPOLLRDHUP | EPOLLHUP)) {
            epoll_ctl(loop, EPOLL_CTL_DEL, fd, NULL);
        } else if (read(fd, request, sizeof request) > 0) {
            say(fd, "ok\n");
        }
    }
}

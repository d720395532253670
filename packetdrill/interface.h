/*
 * What packetdrill (--so_filename) wants of a TCP: one struct of pointers, which packetdrill_interface_init fills. Its
 * layout is packetdrill's, the words are ours; every function is handed `userdata` first.
 *
 *     socket ... epoll_wait     as the calls of those names
 *     netdev_send               one IP datagram arrives at the TCP
 *     netdev_receive            the next one it sends; *count 0: none will come
 *     usleep, gettimeofday      the only clock
 */
#ifndef HF_PACKETDRILL_INTERFACE_H
#define HF_PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_interface {
    void *userdata;
    void (*free)(void *userdata);
    int (*socket)(void *userdata, int domain, int type, int protocol);
    int (*bind)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(void *userdata, int fd, int backlog);
    int (*accept)(void *userdata, int fd, struct sockaddr *addr, socklen_t *len);
    int (*connect)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*read)(void *userdata, int fd, void *data, size_t len);
    ssize_t (*readv)(void *userdata, int fd, const struct iovec *vector, int count);
    ssize_t (*recv)(void *userdata, int fd, void *data, size_t len, int flags);
    ssize_t (*recvfrom)(void *userdata, int fd, void *data, size_t len, int flags, struct sockaddr *addr,
                        socklen_t *addr_len);
    ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *message, int flags);
    ssize_t (*write)(void *userdata, int fd, const void *data, size_t len);
    ssize_t (*writev)(void *userdata, int fd, const struct iovec *vector, int count);
    ssize_t (*send)(void *userdata, int fd, const void *data, size_t len, int flags);
    ssize_t (*sendto)(void *userdata, int fd, const void *data, size_t len, int flags, const struct sockaddr *addr,
                      socklen_t addr_len);
    ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *message, int flags);
    int (*fcntl)(void *userdata, int fd, int command, ...);
    int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
    int (*close)(void *userdata, int fd);
    int (*shutdown)(void *userdata, int fd, int how);
    int (*getsockopt)(void *userdata, int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(void *userdata, int fd, int level, int name, const void *value, socklen_t len);
    int (*poll)(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms);
    int (*netdev_send)(void *userdata, const void *data, size_t len);
    int (*netdev_receive)(void *userdata, void *data, size_t *len, long long *at_us);
    int (*usleep)(void *userdata, useconds_t us);
    int (*gettimeofday)(void *userdata, struct timeval *time, struct timezone *zone);
    int (*epoll_create)(void *userdata, int size);
    int (*epoll_ctl)(void *userdata, int epoll, int operation, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *userdata, int epoll, struct epoll_event *events, int most, int timeout_ms);
    int (*pipe)(void *userdata, int fds[2]);
    int (*splice)(void *userdata, int in, off64_t *in_offset, int out, off64_t *out_offset, size_t len,
                  unsigned flags);
};

#endif

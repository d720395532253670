/* See symbols.h. */
#define _GNU_SOURCE
#include "symbols.h"

#include <handfast/errors.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct symbol {
    const char *name;
    int64_t value;
};

#define S(name)                                                                                                    \
    {                                                                                                              \
#name, name                                                                                                \
    }

static const struct symbol errors[] = {
    S(EPERM),        S(ENOENT),       S(EINTR),      S(EIO),           S(EBADF),       S(EAGAIN),
    S(EWOULDBLOCK),  S(ENOMEM),       S(EACCES),     S(EFAULT),        S(EINVAL),      S(EPIPE),
    S(ENOTSOCK),     S(EDESTADDRREQ), S(EMSGSIZE),   S(EPROTOTYPE),    S(ENOPROTOOPT), S(EPROTONOSUPPORT),
    S(EOPNOTSUPP),   S(EAFNOSUPPORT), S(EADDRINUSE), S(EADDRNOTAVAIL), S(ENETDOWN),    S(ENETUNREACH),
    S(ECONNABORTED), S(ECONNRESET),   S(ENOBUFS),    S(EISCONN),       S(ENOTCONN),    S(ESHUTDOWN),
    S(ETIMEDOUT),    S(ECONNREFUSED), S(EHOSTDOWN),  S(EHOSTUNREACH),  S(EALREADY),    S(EINPROGRESS),
    S(EPROTO),       {NULL, 0},
};

static const struct symbol constants[] = {
    S(AF_INET),
    S(AF_INET6),
    S(PF_INET),
    S(PF_INET6),
    S(SOCK_STREAM),
    S(SOCK_NONBLOCK),
    S(SOCK_CLOEXEC),
    S(IPPROTO_TCP),
    S(IPPROTO_IP),
    S(IPPROTO_IPV6),
    S(SOL_SOCKET),
    S(SOL_TCP),
    S(SOL_IP),
    S(SO_REUSEADDR),
    S(SO_REUSEPORT),
    S(SO_KEEPALIVE),
    S(SO_LINGER),
    S(SO_SNDBUF),
    S(SO_RCVBUF),
    S(SO_ERROR),
    S(SO_OOBINLINE),
    S(SO_TYPE),
    S(SO_ACCEPTCONN),
    S(SO_RCVLOWAT),
    S(SO_PRIORITY),
    S(TCP_NODELAY),
    S(TCP_CORK),
    S(TCP_MAXSEG),
    S(TCP_KEEPIDLE),
    S(TCP_KEEPINTVL),
    S(TCP_KEEPCNT),
    S(TCP_SYNCNT),
    S(TCP_LINGER2),
    S(TCP_DEFER_ACCEPT),
    S(TCP_WINDOW_CLAMP),
    S(TCP_INFO),
    S(TCP_QUICKACK),
    S(TCP_CONGESTION),
    S(TCP_USER_TIMEOUT),
    S(TCP_FASTOPEN),
    S(IP_TOS),
    S(IPV6_TCLASS),
    S(F_GETFL),
    S(F_SETFL),
    S(F_GETFD),
    S(F_SETFD),
    S(FD_CLOEXEC),
    S(O_RDONLY),
    S(O_WRONLY),
    S(O_RDWR),
    S(O_NONBLOCK),
    S(MSG_MORE),
    S(MSG_OOB),
    S(MSG_PEEK),
    S(MSG_DONTWAIT),
    S(MSG_NOSIGNAL),
    S(MSG_WAITALL),
    S(MSG_TRUNC),
    S(MSG_EOR),
    S(MSG_FASTOPEN),
    S(SHUT_RD),
    S(SHUT_WR),
    S(SHUT_RDWR),
    S(POLLIN),
    S(POLLOUT),
    S(POLLPRI),
    S(POLLERR),
    S(POLLHUP),
    S(POLLNVAL),
    S(POLLRDHUP),
    S(POLLRDNORM),
    S(POLLWRNORM),
    S(FIONREAD),
    S(SIOCINQ),
    S(SIOCOUTQ),
    {"NULL", 0},
    S(INADDR_ANY),
    S(AF_UNSPEC),
    S(SO_SNDBUFFORCE),
    S(SO_RCVBUFFORCE),
    S(SO_MARK),
    S(SO_ZEROCOPY),
    S(SO_TIMESTAMPING),
    S(SO_MEMINFO),
    S(TCP_NOTSENT_LOWAT),
    S(TCP_FASTOPEN_CONNECT),
    S(TCP_FASTOPEN_KEY),
    S(TCP_FASTOPEN_NO_COOKIE),
    S(TCP_INQ),
    S(TCP_CC_INFO),
    S(TCP_MD5SIG),
    S(TCP_TIMESTAMP),
    S(IP_MTU_DISCOVER),
    S(IP_PMTUDISC_DONT),
    S(IP_PMTUDISC_WANT),
    S(IP_PMTUDISC_DO),
    S(IP_PMTUDISC_PROBE),
    S(IP_FREEBIND),
    S(IP_TTL),
    S(IP_RECVERR),
    S(IPV6_RECVERR),
    S(SOL_IPV6),
    S(MSG_ERRQUEUE),
    S(MSG_ZEROCOPY),
    S(MSG_CTRUNC),
    S(EPOLL_CTL_ADD),
    S(EPOLL_CTL_MOD),
    S(EPOLL_CTL_DEL),
    S(EPOLLIN),
    S(EPOLLOUT),
    S(EPOLLPRI),
    S(EPOLLERR),
    S(EPOLLHUP),
    S(EPOLLRDHUP),
    S(EPOLLRDNORM),
    S(EPOLLWRNORM),
    S(EPOLLET),
    S(EPOLLONESHOT),
    S(EPOLLEXCLUSIVE),
    {NULL, 0},
};

static bool find(const struct symbol *table, const char *name, size_t len, int64_t *value)
{
    for (; table->name; table++) {
        if (strncmp(table->name, name, len) != 0 || table->name[len] != 0)
            continue;
        *value = table->value;
        return true;
    }
    return false;
}

bool pkt_symbol(const char *name, size_t len, int64_t *value)
{
    return find(constants, name, len, value) || find(errors, name, len, value);
}

const char *pkt_errno_name(int error)
{
    for (const struct symbol *symbol = errors; symbol->name; symbol++)
        if (symbol->value == error)
            return symbol->name;
    return "an unnamed errno";
}

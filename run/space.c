/*
 * Making the space: the child's work inside, and the conversation with it over a socket pair.
 *
 *     child                                        parent
 *     unshare user namespace  ── 'u' ──▶           maps ids (ids.c)
 *                             ◀── 'm' ──
 *     network, mounts, TUN    ── 'd' + descriptors ──▶  engine, relay
 *                             ◀── 'g' ──
 *     becomes PROGRAM
 *
 * Whatever goes wrong in the child comes as 'e' and a sentence. The space needs no cleaning up: namespaces and
 * device end with the last process and descriptor that hold them, however those end.
 */
#define _GNU_SOURCE
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICE "handfast0"

enum { CANNOT_RUN = 126, NOT_FOUND = 127 }; /* exit statuses, as a shell has them */
enum { FD_TUN, FD_DIAG, FD_NET, FD_COUNTERS, FD_COUNT };
enum { FACT_V6 = 1, FACT_RESOLVER = 2 };

struct message {
    char kind;
    uint8_t facts;
    char text[254];
};

/* ---- messages ---- */

static ssize_t send_message(int control, const struct message *m, const int fds[FD_COUNT])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FD_COUNT * sizeof(int))];
    } rights = {.bytes = {0}};
    struct iovec body = {.iov_base = (void *)(uintptr_t)m, .iov_len = sizeof *m};
    struct msghdr header = {.msg_iov = &body, .msg_iovlen = 1};
    if (fds) {
        header.msg_control = &rights;
        header.msg_controllen = sizeof rights;
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(FD_COUNT * sizeof(int));
        memcpy(CMSG_DATA(c), fds, FD_COUNT * sizeof(int));
    }
    return sendmsg(control, &header, MSG_NOSIGNAL);
}

/* True when a whole message came; descriptors, if any, are in fds. */
static bool take_message(int control, struct message *m, int fds[FD_COUNT])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FD_COUNT * sizeof(int))];
    } rights;
    struct iovec body = {.iov_base = m, .iov_len = sizeof *m};
    struct msghdr header = {.msg_iov = &body, .msg_iovlen = 1, .msg_control = &rights};
    header.msg_controllen = sizeof rights;
    ssize_t n;
    do
        n = recvmsg(control, &header, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *c = n == sizeof *m ? CMSG_FIRSTHDR(&header) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(FD_COUNT * sizeof(int)))
        memcpy(fds, CMSG_DATA(c), FD_COUNT * sizeof(int));
    return n == sizeof *m;
}

/* ---- the child ---- */

__attribute__((format(printf, 2, 3), noreturn)) static void give_up(int control, const char *format, ...)
{
    struct message m = {.kind = 'e'};
    va_list args;
    va_start(args, format);
    vsnprintf(m.text, sizeof m.text, format, args);
    va_end(args);
    send_message(control, &m, NULL);
    _exit(1);
}

static void expect(int control, char kind)
{
    struct message m;
    if (!take_message(control, &m, NULL) || m.kind != kind)
        _exit(1); /* the parent is gone, or has said why itself */
}

static void enter_user_namespace(int control)
{
    if (unshare(CLONE_NEWUSER) < 0)
        give_up(control,
                "no user namespace: %s; run as root, or allow them (sysctl user.max_user_namespaces, and "
                "kernel.unprivileged_userns_clone=1 where that exists)",
                strerror(errno));
    struct message m = {.kind = 'u'};
    send_message(control, &m, NULL);
    expect(control, 'm');
}

static void enter_namespaces(int control)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) == 0)
        return;
    if (errno != EPERM)
        give_up(control, "no network namespace: %s", strerror(errno));
    enter_user_namespace(control);
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
        give_up(control, "no network namespace: %s; allow user namespaces, or run as root", strerror(errno));
}

static struct hf_driver *open_device(int control, uint16_t mtu)
{
    const struct hf_tun_options options = {.name = DEVICE, .mtu = mtu};
    struct hf_driver *d = hf_tun_open(&options);
    if (d)
        return d;
    if (errno == EACCES || errno == EPERM)
        give_up(control,
                "no TUN device: this user may not open /dev/net/tun; 'chmod 666 /dev/net/tun' as root is safe "
                "(the device checks its users itself)");
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        give_up(control, "no TUN device: /dev/net/tun is missing here; load it with 'modprobe tun', or give the "
                         "container this device");
    give_up(control, "no TUN device: %s", strerror(errno));
}

static int address_family(const struct space_addresses *a, unsigned i)
{
    const struct hf_addr any = i == 0 ? hf_addr_v4(0, 0, 0, 0) : (struct hf_addr){{0}};
    int error = hf_device_add_address(DEVICE, &a->program[i], a->prefix_len[i]);
    return error < 0 ? error : hf_device_add_route(DEVICE, &any, 0, &a->gateway[i]);
}

static uint8_t address_device(int control, const struct space_addresses *a)
{
    (void)hf_device_up("lo", 0);
    int error = address_family(a, 0);
    if (error < 0)
        give_up(control, "the namespace does not take its address: %s", strerror(-error));
    return address_family(a, 1) == 0 ? FACT_V6 : 0;
}

static void set_knob(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, value, strlen(value)); /* a convenience: ping and low ports without root, speed */
    close(fd);
}

/*
 * A file of ours stands where /etc/resolv.conf was, in this mount namespace only. It lies in a file system that
 * exists nowhere but here, so that nothing is left behind.
 */
static bool replace_resolver(const char *text)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", "/tmp", "tmpfs", 0, "mode=755") < 0)
        return false;
    int fd = open("/tmp/resolv.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    bool done = is_written && fchmod(fd, 0644) == 0 &&
                mount("/tmp/resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0;
    if (fd >= 0)
        close(fd);
    umount2("/tmp", MNT_DETACH);
    return done;
}

static void become_program(int control, const struct space_config *c)
{
    setrlimit(RLIMIT_NOFILE, &c->files);
    sigprocmask(SIG_SETMASK, &c->signals, NULL);
    int problem = c->prepare ? c->prepare() : 0;
    if (problem < 0) {
        fprintf(stderr, "handfast run: cannot have %s traced: %s\n", c->program[0], strerror(-problem));
        _exit(CANNOT_RUN);
    }
    execvp(c->program[0], c->program);
    int error = errno;
    fprintf(stderr, "handfast run: cannot run %s: %s\n", c->program[0], strerror(error));
    close(control);
    _exit(error == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

static void run_child(int control, const struct space_config *c)
{
    char here[4096];
    struct message ready = {.kind = 'd'};
    bool has_directory = getcwd(here, sizeof here);
    enter_namespaces(control);
    struct hf_driver *d = open_device(control, c->device_mtu);
    ready.facts = address_device(control, &c->addresses);
    set_knob("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
    set_knob("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    if (c->controller)
        set_knob("/proc/sys/net/ipv4/tcp_congestion_control", c->controller);
    if (c->resolv_conf && replace_resolver(c->resolv_conf))
        ready.facts |= FACT_RESOLVER;
    if (has_directory)
        (void)!chdir(here); /* the same place, below the new mounts if need be */
    int fds[FD_COUNT] = {
        [FD_TUN] = d->fd,
        [FD_DIAG] = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG),
        [FD_NET] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC),
        [FD_COUNTERS] = open("/proc/self/net/netstat", O_RDONLY | O_CLOEXEC),
    };
    if (fds[FD_DIAG] < 0 || fds[FD_NET] < 0 || fds[FD_COUNTERS] < 0 || send_message(control, &ready, fds) < 0)
        give_up(control, "cannot hand over the namespace: %s", strerror(errno));
    d->ops->close(d);
    close(fds[FD_DIAG]);
    close(fds[FD_NET]);
    close(fds[FD_COUNTERS]);
    expect(control, 'g');
    become_program(control, c);
}

/* ---- the parent ---- */

static int take_space(struct space *s, const struct space_config *c, char error[256])
{
    struct message m;
    int fds[FD_COUNT] = {-1, -1, -1, -1};
    while (take_message(s->control, &m, fds)) {
        if (m.kind == 'e') {
            memcpy(error, m.text, sizeof m.text);
            return -1;
        }
        if (m.kind == 'u') {
            if (ids_map(s->pid, c->keep_user, &s->has_sub_ids, error) < 0)
                return -1;
            struct message mapped = {.kind = 'm'};
            send_message(s->control, &mapped, NULL);
        } else if (m.kind == 'd' && fds[FD_NET] >= 0) {
            struct stat st;
            s->tun_fd = fds[FD_TUN];
            s->diag_fd = fds[FD_DIAG];
            s->net_fd = fds[FD_NET];
            s->counters_fd = fds[FD_COUNTERS];
            s->net_inode = fstat(s->net_fd, &st) == 0 ? st.st_ino : 0;
            s->has_v6 = m.facts & FACT_V6;
            s->has_resolver = m.facts & FACT_RESOLVER;
            return 0;
        }
    }
    snprintf(error, 256, "the process that makes the namespace ended before its work was done");
    return -1;
}

int space_open(struct space *s, const struct space_config *config, char error[256])
{
    int pair[2];
    *s = (struct space){
        .control = -1, .tun_fd = -1, .diag_fd = -1, .net_fd = -1, .counters_fd = -1, .has_sub_ids = geteuid() == 0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        snprintf(error, 256, "cannot start %s: %s", config->program[0], strerror(errno));
        return -1;
    }
    pid_t parent = getpid();
    s->pid = fork();
    if (s->pid == 0) {
        close(pair[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            run_child(pair[1], config);
        _exit(1);
    }
    close(pair[1]);
    s->control = pair[0];
    if (s->pid < 0) {
        snprintf(error, 256, "cannot start %s: %s", config->program[0], strerror(errno));
        space_close(s);
        return -1;
    }
    if (take_space(s, config, error) == 0)
        return 0;
    space_close(s);
    return -1;
}

void space_start(struct space *s)
{
    struct message go = {.kind = 'g'};
    send_message(s->control, &go, NULL);
    close(s->control);
    s->control = -1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A persistent device outlives its descriptor; the namespace takes it along, and does so without us. */
void space_leave_device(int tun_fd)
{
    (void)ioctl(tun_fd, TUNSETPERSIST, 1);
}

void space_close(struct space *s)
{
    close_fd(&s->control);
    close_fd(&s->tun_fd);
    close_fd(&s->diag_fd);
    close_fd(&s->net_fd);
    close_fd(&s->counters_fd);
}

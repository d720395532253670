/*
 * The kernel's side: the device, its addresses, PROGRAM and its namespace. Read first: netns.h.
 *
 * The child does everything that belongs to the namespace, says itself what went wrong, and passes two descriptors:
 * the device and a window into the kernel's sockets there. Descriptors keep a namespace alive, so what PROGRAM
 * leaves behind in the kernel is still closed properly after PROGRAM has ended.
 */
#define _GNU_SOURCE
#include "netns.h"

#include "host.h"
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_RUN = 126, NOT_FOUND = 127 }; /* exit statuses, as a shell has them */

/* ---- the device and its addresses ---- */

static int explain_device(const struct host_options *o, int error)
{
    const char *kind = o->tap ? "TAP" : "TUN";
    const char *verb = o->verb;
    switch (error) {
    case EPERM:
    case EACCES:
        if (o->program)
            complain(verb,
                     "no %s device: this process may not open /dev/net/tun (%s); give it read and write access",
                     kind, strerror(error));
        else
            complain(
                verb,
                "no %s device without CAP_NET_ADMIN: run as root, or put '-- PROGRAM' behind the options to run "
                "PROGRAM in a network of its own",
                kind);
        break;
    case ENOENT:
    case ENODEV:
    case ENXIO:
        complain(verb,
                 "no %s device: /dev/net/tun is missing here; load it with 'modprobe tun', or give the container "
                 "this device",
                 kind);
        break;
    case EBUSY:
        complain(verb, "device %s is in use by another process; choose another --device",
                 o->device ? o->device : "");
        break;
    case EINVAL:
        complain(verb, "device %s exists and is not a %s device; choose another --device",
                 o->device ? o->device : "", kind);
        break;
    default:
        complain(verb, "cannot open a %s device: %s", kind, strerror(error));
        break;
    }
    return EXIT_FAILED;
}

static struct hf_driver *open_device(const struct host_options *o)
{
    struct hf_tun_options options = {
        .name = o->device,
        .tap = o->tap,
        .no_offload = o->no_offload,
        .mtu = o->mtu,
    };
    struct hf_driver *driver = hf_tun_open(&options);
    if (!driver)
        explain_device(o, errno);
    return driver;
}

static int add_address(const struct host_options *o, const char *device, const struct host_prefix *prefix)
{
    int error = hf_device_add_address(device, &prefix->addr, prefix->len);
    if (error == 0 || (o->theirs.is_default && !hf_addr_is_v4(&prefix->addr)))
        return 0;
    char text[HF_ADDR_TEXT_LEN];
    complain(o->verb, "the kernel does not take %s/%u as its address on %s: %s", hf_addr_print(&prefix->addr, text),
             prefix->len, device, strerror(-error));
    return EXIT_FAILED;
}

static bool is_within(const struct hf_addr *addr, const struct host_prefix *prefix)
{
    bool is_v4 = hf_addr_is_v4(&prefix->addr);
    if (hf_addr_is_v4(addr) != is_v4)
        return false;
    unsigned bits = prefix->len + (is_v4 ? 96u : 0u);
    for (unsigned i = 0; i < 16 && bits > 0; i++) {
        unsigned here = bits < 8 ? bits : 8;
        if ((addr->bytes[i] ^ prefix->addr.bytes[i]) >> (8 - here))
            return false;
        bits -= here;
    }
    return true;
}

/* The kernel finds our addresses on the device by its own prefix, or else by a route of their own. */
static int add_route(const struct host_options *o, const char *device, const struct hf_addr *ours)
{
    for (unsigned i = 0; i < o->theirs.count; i++)
        if (is_within(ours, &o->theirs.at[i]))
            return 0;
    int error = hf_device_add_route(device, ours, hf_addr_is_v4(ours) ? 32 : 128, NULL);
    if (error == 0 || o->ours.is_default)
        return 0;
    char text[HF_ADDR_TEXT_LEN];
    complain(o->verb,
             "the kernel does not take a route to %s on %s: %s; give it an address of that family with --peer",
             hf_addr_print(ours, text), device, strerror(-error));
    return EXIT_FAILED;
}

static int address_device(const struct host_options *o, const char *device)
{
    int status = 0;
    for (unsigned i = 0; i < o->theirs.count && status == 0; i++)
        status = add_address(o, device, &o->theirs.at[i]);
    for (unsigned i = 0; i < o->ours.count && status == 0; i++)
        status = add_route(o, device, &o->ours.at[i].addr);
    return status;
}

static int open_diag(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

/* In this process's own namespace. */
static int open_here(struct netns *ns, const struct host_options *o, struct hf_driver **driver)
{
    *driver = open_device(o);
    if (!*driver)
        return EXIT_FAILED;
    int status = address_device(o, (*driver)->name);
    if (status != 0) {
        (*driver)->ops->close(*driver);
        *driver = NULL;
        return status;
    }
    ns->diag_fd = open_diag();
    return 0;
}

/* ---- the child: a new namespace ---- */

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}

/* Root inside is the user outside, and nobody else is there (user_namespaces(7)). */
static int map_root(uid_t uid, gid_t gid)
{
    char line[64];
    snprintf(line, sizeof line, "0 %u 1", (unsigned)uid);
    if (write_file("/proc/self/uid_map", line) < 0)
        return -1;
    if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        return -1;
    snprintf(line, sizeof line, "0 %u 1", (unsigned)gid);
    return write_file("/proc/self/gid_map", line);
}

static int enter_namespace(const struct host_options *o)
{
    if (unshare(CLONE_NEWNET) == 0)
        return 0;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (errno == EPERM && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && map_root(uid, gid) == 0)
        return 0;
    complain(o->verb,
             "no network namespace for %s: %s; run as root, or allow user namespaces (sysctl "
             "kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0)",
             o->program[0], strerror(errno));
    return EXIT_FAILED;
}

/* One byte with two descriptors beside it. */
static int pass_descriptors(int control, int device, int diag)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } rights = {.bytes = {0}};
    struct iovec byte = {.iov_base = "d", .iov_len = 1};
    struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &rights};
    message.msg_controllen = sizeof rights;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fds[2] = {device, diag};
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(header), fds, sizeof fds);
    return sendmsg(control, &message, 0) == 1 ? 0 : -1;
}

static bool take_descriptors(int control, int *device, int *diag)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } rights;
    char byte;
    struct iovec into = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = &rights};
    message.msg_controllen = sizeof rights;
    ssize_t n;
    do
        n = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *header = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    int fds[2];
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof fds))
        return false;
    memcpy(fds, CMSG_DATA(header), sizeof fds);
    *device = fds[0];
    *diag = fds[1];
    return true;
}

/* PROGRAM learns the addresses from its environment: HANDFAST_ADDRESS, HANDFAST_ADDRESS6 and the same for _PEER. */
static void tell_addresses(const struct host_prefixes *prefixes, const char *v4_name, const char *v6_name)
{
    char text[HF_ADDR_TEXT_LEN];
    for (unsigned i = prefixes->count; i-- > 0;) {
        const struct hf_addr *addr = &prefixes->at[i].addr;
        setenv(hf_addr_is_v4(addr) ? v4_name : v6_name, hf_addr_print(addr, text), 1);
    }
}

static void become_program(const struct host_options *o)
{
    tell_addresses(&o->ours, "HANDFAST_ADDRESS", "HANDFAST_ADDRESS6");
    tell_addresses(&o->theirs, "HANDFAST_PEER", "HANDFAST_PEER6");
    int nothing = o->program_reads ? -1 : open("/dev/null", O_RDONLY);
    if (nothing > 0) {
        dup2(nothing, 0);
        close(nothing);
    }
    execvp(o->program[0], o->program);
    int error = errno;
    complain(o->verb, "cannot run %s: %s", o->program[0], strerror(error));
    _exit(error == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

static int prepare_namespace(const struct host_options *o, int control)
{
    int status = enter_namespace(o);
    if (status != 0)
        return status;
    (void)hf_device_up("lo", 0); /* PROGRAM may want it; the connections under test do not */
    struct hf_driver *driver = open_device(o);
    if (!driver)
        return EXIT_FAILED;
    status = address_device(o, driver->name);
    int diag = open_diag();
    if (status == 0 && (diag < 0 || pass_descriptors(control, driver->fd, diag) < 0)) {
        complain(o->verb, "cannot hand over the device: %s", strerror(errno));
        status = EXIT_FAILED;
    }
    driver->ops->close(driver);
    close(diag);
    return status;
}

static void run_child(const struct host_options *o, int control, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_FAILED);
    int status = prepare_namespace(o, control);
    if (status != 0)
        _exit(status);
    char go;
    ssize_t n;
    do
        n = read(control, &go, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(EXIT_FAILED);
    become_program(o);
}

/* ---- our end of it ---- */

static int take_device(struct netns *ns, const struct host_options *o, struct hf_driver **driver)
{
    int device;
    if (!take_descriptors(ns->control, &device, &ns->diag_fd))
        return EXIT_FAILED; /* the child has said why */
    struct hf_tun_options options = {.fd = device, .mtu = o->mtu, .no_offload = o->no_offload};
    *driver = hf_tun_open(&options);
    if (*driver)
        return 0;
    int error = errno;
    close(device);
    return explain_device(o, error);
}

static int open_in_child(struct netns *ns, const struct host_options *o, struct hf_driver **driver)
{
    int pair[2];
    pid_t parent = getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        complain(o->verb, "cannot start %s: %s", o->program[0], strerror(errno));
        return EXIT_FAILED;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        run_child(o, pair[1], parent);
    }
    close(pair[1]);
    ns->control = pair[0];
    if (pid < 0) {
        complain(o->verb, "cannot start %s: %s", o->program[0], strerror(errno));
        return EXIT_FAILED;
    }
    ns->pid = pid;
    return take_device(ns, o, driver);
}

int netns_open(struct netns *ns, const struct host_options *o, struct hf_driver **driver)
{
    *ns = (struct netns){.control = -1, .diag_fd = -1};
    int status = o->program ? open_in_child(ns, o, driver) : open_here(ns, o, driver);
    if (status != 0)
        netns_close(ns);
    return status;
}

void netns_start(struct netns *ns)
{
    if (ns->control < 0)
        return;
    (void)!write(ns->control, "g", 1); /* a child that is gone is noticed by netns_reap */
    close(ns->control);
    ns->control = -1;
}

void netns_reap(struct netns *ns)
{
    int status;
    pid_t pid;
    while (ns->pid > 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != ns->pid)
            continue; /* one that PROGRAM left behind */
        ns->has_ended = true;
        ns->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
}

void netns_signal(struct netns *ns, int signal)
{
    if (ns->pid == 0 || ns->has_ended)
        return;
    ns->was_told = true;
    kill(ns->pid, signal);
}

/* ---- what PROGRAM leaves behind: orphans become our children, because we asked for them (PR_SET_CHILD_SUBREAPER)
 * ---- */

static pid_t parent_of(const char *pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    line[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(line, ')'); /* the name may hold anything */
    int parent = 0;
    if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
        return 0;
    return (pid_t)parent;
}

/* Kills and reaps each child there is now. False when there was none. */
static bool kill_children(void)
{
    bool has_found = false;
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    while (proc && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid <= 0 || parent_of(entry->d_name) != getpid())
            continue;
        has_found = true;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (proc)
        closedir(proc);
    return has_found;
}

void netns_close(struct netns *ns)
{
    if (ns->control >= 0)
        close(ns->control); /* a child still waiting for it ends by itself */
    else
        netns_signal(ns, SIGKILL);
    if (ns->pid > 0 && !ns->has_ended)
        waitpid(ns->pid, NULL, 0);
    while (ns->pid > 0 && kill_children())
        ; /* killing one may hand us its children */
    if (ns->diag_fd >= 0)
        close(ns->diag_fd);
    *ns = (struct netns){.control = -1, .diag_fd = -1};
}

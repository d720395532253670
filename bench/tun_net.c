/* The namespaces: one for this program, one more behind a veth pair, both gone when their processes are. */
#define _GNU_SOURCE
#include "tun.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int fail(char *why, const char *what, int error)
{
    snprintf(why, BENCH_NOTE_LEN, "%.40s: %.30s", what, strerror(-error));
    return error;
}

/* Root makes a namespace as it is; others become root of a user namespace first. */
static int enter_namespace(void)
{
    if (unshare(CLONE_NEWNET) == 0)
        return 0;
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : -errno;
}

static int add_address(const char *device, int net, int host)
{
    const struct hf_addr addr = hf_addr_v4(10, 0, (uint8_t)net, (uint8_t)host);
    int error = hf_device_up(device, 1500);
    return error < 0 ? error : hf_device_add_address(device, &addr, 24);
}

/* A client in a hurry takes more ports than the default range has. */
static void widen_ports(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
    if (file == NULL)
        return;
    (void)fputs("10000 65000", file);
    (void)fclose(file);
}

/* ---- the other namespace, in a process of its own ---- */

static void say(int fd, char word)
{
    (void)!write(fd, &word, 1);
}

static bool hear(int fd)
{
    char word;
    return read(fd, &word, 1) == 1;
}

/* Waits for its end of the veth pair, then serves until its parent is gone. */
static void live_there(int echo_core, int from_parent, int to_parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) != 0)
        _exit(1);
    say(to_parent, 'n');
    if (!hear(from_parent) || add_address("hfveth1", 1, VETH_THERE) < 0 || kernel_serve(echo_core) < 0)
        _exit(1);
    say(to_parent, 's');
    for (;;)
        pause();
}

static int make_veth(pid_t there)
{
    char command[128];
    snprintf(command, sizeof command, "ip link add hfveth0 type veth peer name hfveth1 netns %d", (int)there);
    return system(command) == 0 ? 0 : -EIO;
}

static int open_other(int echo_core)
{
    int down[2], up[2];
    if (pipe(down) < 0 || pipe(up) < 0)
        return -errno;
    pid_t there = fork();
    if (there < 0)
        return -errno;
    if (there == 0)
        live_there(echo_core, down[0], up[1]);
    if (!hear(up[0]) || make_veth(there) < 0)
        return -EIO;
    say(down[1], 'v');
    int error = add_address("hfveth0", 1, VETH_HERE);
    return error < 0 || hear(up[0]) ? error : -EIO;
}

int tun_enter(int echo_core, char *why)
{
    int error = enter_namespace();
    if (error < 0)
        return fail(why, "a network namespace may not be made", error);
    (void)signal(SIGPIPE, SIG_IGN);
    widen_ports();
    error = hf_device_up("lo", 0);
    if (error == 0)
        error = open_other(echo_core);
    return error < 0 ? fail(why, "no second namespace behind a veth pair", error) : 0;
}

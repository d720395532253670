/*
 * `handfast run`: PROGRAM inside a network made of Handfast. This file reads the options and turns the loop; what
 * happens in it is run/'s. Read next: run/run.h.
 */
#define _GNU_SOURCE
#include "../run/run.h"
#include "usage.h"
#include "verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "usage: handfast run [OPTIONS] -- PROGRAM [ARGUMENTS]\n"
    "\n"
    "Runs PROGRAM in a network of its own, in which every TCP connection ends in Handfast and is carried on from "
    "there by\n"
    "ordinary sockets. No root is needed; PROGRAM keeps its terminal, directory, signals and exit status.\n"
    "\n"
    "What PROGRAM can reach\n"
    "  --host-loopback       the gateway's address (10.77.0.1, fd77::1) stands for this machine's loopback\n"
    "  --allow PREFIX[:PORT] a destination that is otherwise out of reach; 'all' for everything\n"
    "  --deny PREFIX[:PORT]  a destination to put out of reach; the longest prefix decides\n"
    "                        (from the beginning: this machine, and all private networks)\n"
    "  --no-outbound         nothing, but it may still be reached\n"
    "  --publish [HOST:]PORT[:PORT][/udp]\n"
    "                        PROGRAM's port, reachable at this machine's HOST (127.0.0.1) and PORT\n"
    "  --no-dns              leave /etc/resolv.conf inside as it is\n"
    "\n"
    "What the path does\n"
    "  --path LIST           'delay 20ms, rate 10Mbit, loss 1%, reorder 3%'\n"
    "  --fault LIST          'drop second FIN', 'lose last ACK', 'answer first SYN with RST'\n"
    "  --seed NUMBER         of chance; the same number, the same faults\n"
    "  --mtu BYTES           largest datagram TCP sends (1500)\n"
    "\n"
    "What is shown\n"
    "  --pcap FILE           every frame, for Wireshark\n"
    "\n"
    "How it ends\n"
    "  --drain SECONDS       after PROGRAM's end, for what is in flight (5)\n"
    "  --keep-user           PROGRAM sees its own user id inside, instead of root's\n"
    "\n"
    "Exit status: PROGRAM's own; 2 when the arguments were wrong, 1 when no network could be made.\n";

enum {
    OPTION_HELP = 'h',
    OPTION_HOST_LOOPBACK = 256,
    OPTION_ALLOW,
    OPTION_DENY,
    OPTION_NO_OUTBOUND,
    OPTION_PUBLISH,
    OPTION_NO_DNS,
    OPTION_PATH,
    OPTION_FAULT,
    OPTION_SEED,
    OPTION_MTU,
    OPTION_PCAP,
    OPTION_DRAIN,
    OPTION_KEEP_USER,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"host-loopback", no_argument, NULL, OPTION_HOST_LOOPBACK},
    {"allow", required_argument, NULL, OPTION_ALLOW},
    {"deny", required_argument, NULL, OPTION_DENY},
    {"no-outbound", no_argument, NULL, OPTION_NO_OUTBOUND},
    {"publish", required_argument, NULL, OPTION_PUBLISH},
    {"no-dns", no_argument, NULL, OPTION_NO_DNS},
    {"path", required_argument, NULL, OPTION_PATH},
    {"fault", required_argument, NULL, OPTION_FAULT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"mtu", required_argument, NULL, OPTION_MTU},
    {"pcap", required_argument, NULL, OPTION_PCAP},
    {"drain", required_argument, NULL, OPTION_DRAIN},
    {"keep-user", no_argument, NULL, OPTION_KEEP_USER},
    {NULL, 0, NULL, 0},
};

/* ---- options ---- */

/* "[HOST:]PORT[:PORT][/udp]"; HOST may be an IPv6 address in brackets. */
static bool read_publish(const char *text, struct run_publish *p)
{
    char copy[96], *ports = copy;
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    *p = (struct run_publish){.host.addr = hf_addr_v4(127, 0, 0, 1)};
    char *slash = strchr(copy, '/');
    if (slash) {
        *slash = '\0';
        p->is_udp = strcmp(slash + 1, "udp") == 0;
        if (!p->is_udp && strcmp(slash + 1, "tcp") != 0)
            return false;
    }
    char *host = copy, *end = copy[0] == '[' ? strstr(copy, "]:") : NULL;
    if (end) {
        host = copy + 1;
        *end = '\0';
        ports = end + 2;
    } else if (strchr(copy, '.')) {
        ports = strchr(copy, ':');
        if (!ports)
            return false;
        *ports++ = '\0';
    }
    if (ports != copy && !hf_addr_parse(host, &p->host.addr))
        return false;
    char *inside = strchr(ports, ':');
    if (inside)
        *inside++ = '\0';
    return usage_port(ports, &p->host.port) && usage_port(inside ? inside : ports, &p->port);
}

static int add_publish(struct run_options *o, const char *value)
{
    if (o->publish_count == RUN_PUBLISH_MAX)
        return usage_error("run", "--publish: at most %d", RUN_PUBLISH_MAX);
    if (!read_publish(value, &o->publish[o->publish_count]))
        return usage_error("run", "--publish %s: not [HOST:]PORT[:PORT][/udp]", value);
    o->publish_count++;
    return 0;
}

static int read_mtu(struct run_options *o, const char *value)
{
    uint64_t number;
    if (!usage_number(value, 65535, &number) || number < 1280)
        return usage_error("run", "--mtu %s: not a number from 1280 to 65535", value);
    o->mtu = (uint16_t)number;
    return 0;
}

static int read_option(struct run_options *o, int option, const char *value)
{
    switch (option) {
    case OPTION_HOST_LOOPBACK:
        o->rules.host_loopback = true;
        return 0;
    case OPTION_ALLOW:
    case OPTION_DENY:
        if (rules_add(&o->rules, value, option == OPTION_ALLOW))
            return 0;
        return usage_error("run", "%s: not ADDRESS[/BITS][:PORT] or 'all'", value);
    case OPTION_NO_OUTBOUND:
        o->rules.no_outbound = true;
        return 0;
    case OPTION_PUBLISH:
        return add_publish(o, value);
    case OPTION_NO_DNS:
        o->no_dns = true;
        return 0;
    case OPTION_PATH:
        o->path = value;
        return 0;
    case OPTION_FAULT:
        o->fault = value;
        return 0;
    case OPTION_SEED:
        if (usage_number(value, UINT64_MAX, &o->seed))
            return 0;
        return usage_error("run", "--seed %s: not a number", value);
    case OPTION_MTU:
        return read_mtu(o, value);
    case OPTION_PCAP:
        o->pcap = value;
        return 0;
    case OPTION_DRAIN:
        if (usage_duration(value, &o->drain_ns))
            return 0;
        return usage_error("run", "--drain %s: not a number of seconds", value);
    default:
        o->keep_user = true;
        return 0;
    }
}

/* Returns 0, -1 when there is nothing more to do, or EXIT_USAGE. */
static int read_options(struct run_options *o, int argc, char **argv)
{
    int option, status = 0;
    usage_begin();
    while (status == 0 && (option = usage_next(argc, argv, "h", long_options)) != -1) {
        if (option == '?')
            return EXIT_USAGE;
        if (option == OPTION_HELP) {
            fputs(help, stdout);
            return -1;
        }
        status = read_option(o, option, optarg);
    }
    if (status == 0 && optind < argc)
        return usage_error("run", "'%s' is not an option; PROGRAM stands behind '--'", argv[optind]);
    if (status == 0 && !o->program)
        return usage_error("run", "no PROGRAM given: put it behind '--'");
    return status;
}

/* ---- the loop ---- */

static int milliseconds_until(hf_time at)
{
    if (hf_time_is_never(at))
        return -1;
    hf_ns left = hf_time_since(at, hf_clock_now());
    if (left <= 0)
        return 0;
    return left > 3600 * HF_SECOND ? 3600000 : (int)((left + HF_MS - 1) / HF_MS);
}

static int loop(struct run *run)
{
    while (!run_is_over(run)) {
        struct pollfd fd = {.fd = run_fd(run), .events = POLLIN};
        int timeout = milliseconds_until(run_deadline(run));
        if (timeout != 0)
            poll(&fd, 1, timeout);
        int error = run_turn(run, hf_clock_now());
        if (error < 0) {
            complain("run", "the device is gone: %s", strerror(-error));
            return EXIT_FAILED;
        }
    }
    return 0;
}

/* As PROGRAM ended, so do we: whoever waits for us sees the same. */
static int end_like(const struct life *life)
{
    if (life->has_ended && WIFSIGNALED(life->wait_status)) {
        int signal_number = WTERMSIG(life->wait_status);
        const struct rlimit no_core = {0, 0};
        sigset_t just;
        sigemptyset(&just);
        sigaddset(&just, signal_number);
        setrlimit(RLIMIT_CORE, &no_core);
        signal(signal_number, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &just, NULL);
        raise(signal_number);
    }
    return life_exit_status(life);
}

int verb_run(int argc, char **argv)
{
    static struct run_options options;
    static struct run run;
    char error[256];
    run_options_init(&options);
    options.program = usage_split_program(&argc, argv);
    if (argc < 0)
        return EXIT_USAGE;
    int status = read_options(&options, argc, argv);
    if (status != 0)
        return status < 0 ? 0 : status;
    if (run_open(&run, &options, error) < 0) {
        complain("run", "%s", error);
        return EXIT_FAILED;
    }
    if (run_start(&run, error) < 0) {
        complain("run", "%s", error);
        run_close(&run);
        return EXIT_FAILED;
    }
    status = loop(&run);
    struct life life = run.life;
    run_close(&run);
    return status != 0 ? status : end_like(&life);
}

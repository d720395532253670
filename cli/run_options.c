/*
 * The options of `handfast run`. Read first: run_options.h.
 */
#define _GNU_SOURCE
#include "run_options.h"

#include "usage.h"

#include <stdio.h>
#include <string.h>

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
    "  --fault LIST          'drop second FIN', 'answer first SYN with RST', 'reset after 512 bytes'\n"
    "  --seed NUMBER         of chance; the same number, the same faults\n"
    "  --congestion NAME     how what comes back to PROGRAM is sent: cubic, newreno or bbr (cubic)\n"
    "  --pacing              ... spread over the round trip, as bbr always does\n"
    "  --mtu BYTES           largest datagram TCP sends (1500)\n"
    "\n"
    "What is shown\n"
    "  --report FILE         what was found, as text, or JSON when the name ends in .json; '-' for standard error\n"
    "                        (by itself a report appears on standard error when there are problems, and on "
    "SIGUSR1)\n"
    "  --stacks              which line opened, accepted or closed each connection (slower)\n"
    "  --quiet               no report unless asked for\n"
    "  --leak-age SECONDS    how long a connection must stand before it counts as left behind (10)\n"
    "  --leak-check-after SECONDS\n"
    "                        report then, and end PROGRAM\n"
    "  --error-exitcode N    exit status when there are problems\n"
    "  --suppressions FILE   problems that are known and accepted\n"
    "  --gen-suppressions    print what such a file would have to say\n"
    "  --ladder              every connection as a ladder, while it happens\n"
    "  --pcap FILE           every frame, for Wireshark\n"
    "  --no-control          no socket for handfast ss\n"
    "\n"
    "How it ends\n"
    "  --drain SECONDS       after PROGRAM's end, for what is in flight (5)\n"
    "  --keep-user           PROGRAM sees its own user id inside, instead of root's\n"
    "\n"
    "Exit status: PROGRAM's own; 2 when the arguments were wrong, 1 when no network could be made.\n";

#define LADDER_HISTORY 65536 /* entries: several turns of the loop at full speed */

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
    OPTION_REPORT,
    OPTION_STACKS,
    OPTION_QUIET,
    OPTION_LEAK_AGE,
    OPTION_CHECK_AFTER,
    OPTION_ERROR_EXITCODE,
    OPTION_SUPPRESSIONS,
    OPTION_GEN_SUPPRESSIONS,
    OPTION_LADDER,
    OPTION_NO_CONTROL,
    OPTION_CONGESTION,
    OPTION_PACING,
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
    {"congestion", required_argument, NULL, OPTION_CONGESTION},
    {"pacing", no_argument, NULL, OPTION_PACING},
    {"mtu", required_argument, NULL, OPTION_MTU},
    {"pcap", required_argument, NULL, OPTION_PCAP},
    {"drain", required_argument, NULL, OPTION_DRAIN},
    {"keep-user", no_argument, NULL, OPTION_KEEP_USER},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"stacks", no_argument, NULL, OPTION_STACKS},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"leak-age", required_argument, NULL, OPTION_LEAK_AGE},
    {"leak-check-after", required_argument, NULL, OPTION_CHECK_AFTER},
    {"error-exitcode", required_argument, NULL, OPTION_ERROR_EXITCODE},
    {"suppressions", required_argument, NULL, OPTION_SUPPRESSIONS},
    {"gen-suppressions", no_argument, NULL, OPTION_GEN_SUPPRESSIONS},
    {"ladder", no_argument, NULL, OPTION_LADDER},
    {"no-control", no_argument, NULL, OPTION_NO_CONTROL},
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

static int read_duration(const char *name, const char *value, hf_ns *to)
{
    return usage_duration(value, to) ? 0 : usage_error("run", "--%s %s: not a number of seconds", name, value);
}

static int read_reach(struct run_options *o, int option, const char *value)
{
    switch (option) {
    case OPTION_HOST_LOOPBACK:
        o->rules.host_loopback = true;
        return 0;
    case OPTION_NO_OUTBOUND:
        o->rules.no_outbound = true;
        return 0;
    case OPTION_PUBLISH:
        return add_publish(o, value);
    case OPTION_NO_DNS:
        o->no_dns = true;
        return 0;
    case OPTION_KEEP_USER:
        o->keep_user = true;
        return 0;
    default:
        if (rules_add(&o->rules, value, option == OPTION_ALLOW))
            return 0;
        return usage_error("run", "%s: not ADDRESS[/BITS][:PORT] or 'all'", value);
    }
}

static int read_congestion(struct run_options *o, const char *value)
{
    if (usage_congestion(value, &o->congestion))
        return 0;
    return usage_error("run", "--congestion %s: not cubic, newreno or bbr", value);
}

static int read_path(struct run_options *o, int option, const char *value)
{
    switch (option) {
    case OPTION_PATH:
        o->path = value;
        return 0;
    case OPTION_FAULT:
        o->fault = value;
        return 0;
    case OPTION_CONGESTION:
        return read_congestion(o, value);
    case OPTION_PACING:
        o->pacing = true;
        return 0;
    case OPTION_MTU:
        return read_mtu(o, value);
    case OPTION_PCAP:
        o->pcap = value;
        return 0;
    case OPTION_DRAIN:
        return read_duration("drain", value, &o->drain_ns);
    default:
        if (usage_number(value, UINT64_MAX, &o->seed))
            return 0;
        return usage_error("run", "--seed %s: not a number", value);
    }
}

static int read_look(struct run_command *c, int option, const char *value)
{
    struct inspect_options *o = &c->run.inspect;
    uint64_t number;
    switch (option) {
    case OPTION_REPORT:
        o->report = value;
        return 0;
    case OPTION_STACKS:
        o->stacks = true;
        return 0;
    case OPTION_QUIET:
        o->is_quiet = true;
        return 0;
    case OPTION_LEAK_AGE:
        return read_duration("leak-age", value, &o->leak_age);
    case OPTION_CHECK_AFTER:
        return read_duration("leak-check-after", value, &c->run.check_after);
    case OPTION_SUPPRESSIONS:
        o->suppressions = value;
        return 0;
    case OPTION_LADDER:
        c->ladder = true;
        return 0;
    case OPTION_NO_CONTROL:
        c->no_control = true;
        return 0;
    case OPTION_GEN_SUPPRESSIONS:
        o->gen_suppressions = true;
        return 0;
    default:
        if (!usage_number(value, 255, &number) || number == 0)
            return usage_error("run", "--error-exitcode %s: not a number from 1 to 255", value);
        c->error_exitcode = (int)number;
        return 0;
    }
}

static int read_option(struct run_command *c, int option, const char *value)
{
    switch (option) {
    case OPTION_HOST_LOOPBACK:
    case OPTION_ALLOW:
    case OPTION_DENY:
    case OPTION_NO_OUTBOUND:
    case OPTION_PUBLISH:
    case OPTION_NO_DNS:
    case OPTION_KEEP_USER:
        return read_reach(&c->run, option, value);
    case OPTION_PATH:
    case OPTION_FAULT:
    case OPTION_SEED:
    case OPTION_CONGESTION:
    case OPTION_PACING:
    case OPTION_MTU:
    case OPTION_PCAP:
    case OPTION_DRAIN:
        return read_path(&c->run, option, value);
    default:
        return read_look(c, option, value);
    }
}

int run_read_options(struct run_command *c, int argc, char **argv)
{
    int option, status = 0;
    run_options_init(&c->run);
    c->run.program = usage_split_program(&argc, argv);
    if (argc < 0)
        return EXIT_USAGE;
    usage_begin();
    while (status == 0 && (option = usage_next(argc, argv, "h", long_options)) != -1) {
        if (option == '?')
            return EXIT_USAGE;
        if (option == OPTION_HELP) {
            fputs(help, stdout);
            return -1;
        }
        status = read_option(c, option, optarg);
    }
    c->run.history = c->ladder ? LADDER_HISTORY : 0;
    if (status == 0 && optind < argc)
        return usage_error("run", "'%s' is not an option; PROGRAM stands behind '--'", argv[optind]);
    if (status == 0 && !c->run.program)
        return usage_error("run", "no PROGRAM given: put it behind '--'");
    return status;
}

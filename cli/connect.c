/* `handfast connect`: opens a connection and joins it to standard input and output. Read first: conduit.h. */
#include "conduit.h"
#include "cookies.h"
#include "usage.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

#define TRY_EVERY (50 * HF_MS)

static const char help[] =
    "usage: handfast connect [OPTIONS] ADDRESS PORT [-- PROGRAM ARGS...]\n"
    "\n"
    "Opens a TCP connection and joins it to standard input and output. Ends when both sides have\n"
    "closed, and says how it ended.\n"
    "\n"
    "  -p, --source-port PORT our port (chosen by the engine)\n"
    "  -s, --source ADDR      our address (chosen by the engine)\n"
    "  -w, --timeout SECONDS  give up opening after this long (until the SYN's retries are used up)\n"
    "  --retry SECONDS        for this long, try again when refused: the server may just be starting\n"
    "  --cookies FILE         with --fast-open: keep the cookies of servers in FILE, for the next run\n";

enum { OPTION_RETRY = 1, OPTION_COOKIES };

static const struct option long_options[] = {
    {"source-port", required_argument, NULL, 'p'},
    {"source", required_argument, NULL, 's'},
    {"timeout", required_argument, NULL, 'w'},
    {"retry", required_argument, NULL, OPTION_RETRY},
    {"cookies", required_argument, NULL, OPTION_COOKIES},
    {"help", no_argument, NULL, 'h'},
    CONDUIT_LONG_OPTIONS,
    HOST_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

struct connect {
    struct host host;
    struct host_options host_options;
    struct conduit conduit;
    struct conduit_options options;
    struct hf_endpoint local, remote;
    hf_ns timeout_ns, retry_ns;
    hf_time try_at, give_up_at;
    const char *cookies;
    bool wants_help, is_over;
};

/* ---- arguments ---- */

static int take_duration(const char *name, hf_ns *duration)
{
    return usage_duration(optarg, duration)
               ? 0
               : usage_error("connect", "--%s wants a time like 5 or 200ms, not '%s'", name, optarg);
}

static int take_option(struct connect *c, int option)
{
    switch (option) {
    case 'p':
        return usage_port(optarg, &c->local.port)
                   ? 0
                   : usage_error("connect", "--source-port wants 1 to 65535, not '%s'", optarg);
    case 's':
        return hf_addr_parse(optarg, &c->local.addr)
                   ? 0
                   : usage_error("connect", "--source wants an address, not '%s'", optarg);
    case 'w':
        return take_duration("timeout", &c->timeout_ns);
    case OPTION_RETRY:
        return take_duration("retry", &c->retry_ns);
    case OPTION_COOKIES:
        c->cookies = optarg;
        return 0;
    case 'h':
        c->wants_help = true;
        return 0;
    default:
        return conduit_option(&c->options, &c->host_options, option, optarg);
    }
}

static int take_operands(struct connect *c, int count, char **operands)
{
    if (count != 2)
        return usage_error("connect",
                           count < 2 ? "an address and a port are needed"
                                     : "an address and a port are all, not '%s' too",
                           count < 2 ? "" : operands[2]);
    if (!hf_addr_parse(operands[0], &c->remote.addr))
        return usage_error("connect", "'%s' is not an address (names are not looked up)", operands[0]);
    if (hf_addr_is_any(&c->remote.addr))
        return usage_error("connect", "'%s' is not an address to connect to", operands[0]);
    if (!usage_port(operands[1], &c->remote.port))
        return usage_error("connect", "'%s' is not a port from 1 to 65535", operands[1]);
    return 0;
}

static int check_options(const struct connect *c)
{
    if (c->cookies != NULL && !c->options.fast_open)
        return usage_error("connect", "--cookies is for --fast-open");
    if (c->retry_ns > 0 && c->options.fast_open)
        return usage_error("connect",
                           "--fast-open and --retry exclude each other: what a refused SYN took is gone");
    return 0;
}

static int read_arguments(struct connect *c, int argc, char **argv)
{
    host_options_init(&c->host_options, "connect");
    c->host_options.time_wait_ns = CONDUIT_COMPANY;
    c->host_options.program = usage_split_program(&argc, argv);
    if (argc < 0)
        return EXIT_USAGE;
    usage_begin();
    for (int option; (option = usage_next(argc, argv, CONDUIT_LETTERS "p:s:w:", long_options)) != -1;) {
        int status = option == '?' ? EXIT_USAGE : take_option(c, option);
        if (status != 0 || c->wants_help)
            return status;
    }
    int status = take_operands(c, argc - optind, argv + optind);
    return status == 0 ? check_options(c) : status;
}

/* ---- the connection ---- */

static void open_connection(struct connect *c)
{
    hf_conn conn;
    const struct hf_endpoint *local = &c->local;
    int error = hf_tcp_connect(c->host.engine, local, &c->remote, &c->options.tcp, &conn);
    c->try_at = HF_NEVER;
    if (c->options.fast_open && c->timeout_ns > 0)
        c->give_up_at = hf_time_add(c->host.now, c->timeout_ns); /* input has kept us waiting, not the server */
    if (error == HF_OK) {
        conduit_take(&c->conduit, conn);
        return;
    }
    c->host.status = host_explain(&c->host, error, local, &c->remote);
    c->is_over = true;
}

static bool may_try_again(const struct connect *c, const struct hf_tcp_info *info)
{
    bool is_refusal = info->error == HF_ERR_REFUSED || info->error == HF_ERR_UNREACHABLE;
    return is_refusal && c->host.phase == HOST_RUNNING &&
           hf_time_before(c->host.now, hf_time_add(c->host.started_at, c->retry_ns));
}

static bool before_ended(void *arg, const struct hf_tcp_info *info)
{
    struct connect *c = arg;
    if (c->is_over)
        return false; /* given up, and said so */
    if (!may_try_again(c, info))
        return true;
    c->try_at = hf_time_add(c->host.now, TRY_EVERY);
    return false;
}

static void ended(void *arg, bool graceful)
{
    struct connect *c = arg;
    c->is_over = true;
    if (!graceful)
        c->host.status = EXIT_FAILED;
}

/* ---- as a part ---- */

/* With Fast Open there is nothing to open with before there is something to send. */
static bool waits_for_input(const struct connect *c, struct pollfd *fd)
{
    return c->options.fast_open && !hf_time_is_never(c->try_at) && !conduit_has_input(&c->conduit, fd);
}

static unsigned fds(void *self, struct pollfd *fds, unsigned max)
{
    struct connect *c = self;
    if (max > 0 && waits_for_input(c, fds))
        return 1;
    return conduit_fds(&c->conduit, fds, max);
}

static hf_time deadline(void *self)
{
    struct connect *c = self;
    struct pollfd fd;
    hf_time opening = c->conduit.is_connected || c->is_over ? HF_NEVER : c->give_up_at;
    hf_time try_at = waits_for_input(c, &fd) ? HF_NEVER : c->try_at;
    return hf_time_first(hf_time_first(try_at, opening), conduit_deadline(&c->conduit));
}

static void on_event(void *self, const struct hf_event *event)
{
    struct connect *c = self;
    conduit_event(&c->conduit, event);
}

static void give_up(struct connect *c)
{
    char there[HOST_ENDPOINT_TEXT_LEN];
    complain("connect", "timed out: %s has not answered; is it there, and does anything drop the SYN?",
             host_endpoint_print(&c->remote, there));
    c->give_up_at = HF_NEVER;
    c->host.status = EXIT_FAILED;
    c->is_over = true;
}

static void on_turn(void *self, hf_time now, const struct pollfd *ready, unsigned count)
{
    struct connect *c = self;
    struct pollfd fd;
    if (hf_time_reached(now, c->try_at) && !waits_for_input(c, &fd))
        open_connection(c);
    conduit_turn(&c->conduit, now, ready, count);
    if (!c->conduit.is_connected && !c->is_over && hf_time_reached(now, c->give_up_at))
        give_up(c);
}

static void on_stop(void *self)
{
    struct connect *c = self;
    c->is_over |= !hf_time_is_never(c->try_at); /* between two tries */
    c->try_at = HF_NEVER;
    conduit_stop(&c->conduit);
}

static bool is_over(void *self)
{
    return ((struct connect *)self)->is_over;
}

static int run(struct connect *c)
{
    int status = host_open(&c->host, &c->host_options);
    if (status != 0)
        return status;
    if (c->cookies != NULL)
        status = cookies_load(c->host.engine, c->cookies);
    conduit_init(&c->conduit, &c->host, &c->options);
    c->conduit.before_ended = before_ended;
    c->conduit.ended = ended;
    c->conduit.arg = c;
    c->try_at = c->host.now;
    c->give_up_at = c->timeout_ns > 0 && !c->options.fast_open ? hf_time_add(c->host.now, c->timeout_ns) : HF_NEVER;
    host_add_part(&c->host, &(struct host_part){
                                .self = c,
                                .fds = fds,
                                .deadline = deadline,
                                .event = on_event,
                                .turn = on_turn,
                                .stop = on_stop,
                                .is_over = is_over,
                            });
    if (status == 0)
        status = host_run(&c->host);
    if (c->cookies != NULL && !cookies_save(c->host.engine, c->cookies))
        status = EXIT_FAILED;
    host_close(&c->host);
    return status;
}

int verb_connect(int argc, char **argv)
{
    struct connect c = {.wants_help = false};
    int status = read_arguments(&c, argc, argv);
    if (c.wants_help) {
        fputs(help, stdout);
        fputs(conduit_help, stdout);
        fputs(host_help, stdout);
        return 0;
    }
    return status == 0 ? run(&c) : status;
}

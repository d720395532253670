/* `handfast listen`: waits for a connection and joins it to standard input and output. Read first: conduit.h. */
#include "conduit.h"
#include "usage.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: handfast listen [OPTIONS] [ADDRESS] PORT [-- PROGRAM ARGS...]\n"
    "\n"
    "Waits for a TCP connection and joins it to standard input and output. Ends when both sides\n"
    "have closed, and says how it ended.\n"
    "\n"
    "  -k, --keep             wait for the next connection then, one after the other\n";

static const struct option long_options[] = {
    {"keep", no_argument, NULL, 'k'},
    {"help", no_argument, NULL, 'h'},
    CONDUIT_LONG_OPTIONS,
    HOST_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

struct listen {
    struct host host;
    struct host_options host_options;
    struct conduit conduit;
    struct conduit_options options;
    struct hf_endpoint at;
    hf_conn listener;
    bool keep, wants_help, is_busy, is_stopping, is_over;
};

/* ---- arguments ---- */

static int take_option(struct listen *l, int option)
{
    switch (option) {
    case 'k':
        l->keep = l->options.keeps_output = true;
        return 0;
    case 'h':
        l->wants_help = true;
        return 0;
    default:
        return conduit_option(&l->options, &l->host_options, option, optarg);
    }
}

static int take_operands(struct listen *l, int count, char **operands)
{
    if (count < 1 || count > 2)
        return usage_error("listen", count < 1 ? "a port is needed" : "an address and a port are all, not '%s' too",
                           count < 1 ? "" : operands[2]);
    if (count == 2 && !hf_addr_parse(operands[0], &l->at.addr))
        return usage_error("listen", "'%s' is not an address", operands[0]);
    if (!usage_port(operands[count - 1], &l->at.port))
        return usage_error("listen", "'%s' is not a port from 1 to 65535", operands[count - 1]);
    return 0;
}

static int read_arguments(struct listen *l, int argc, char **argv)
{
    host_options_init(&l->host_options, "listen");
    l->host_options.time_wait_ns = CONDUIT_COMPANY;
    l->host_options.program = usage_split_program(&argc, argv);
    if (argc < 0)
        return EXIT_USAGE;
    usage_begin();
    for (int option; (option = usage_next(argc, argv, CONDUIT_LETTERS "k", long_options)) != -1;) {
        int status = option == '?' ? EXIT_USAGE : take_option(l, option);
        if (status != 0 || l->wants_help)
            return status;
    }
    return take_operands(l, argc - optind, argv + optind);
}

/* ---- connections, one after the other ---- */

static void stop_listening(struct listen *l)
{
    if (hf_conn_is_none(l->listener))
        return;
    hf_tcp_release(l->host.engine, l->listener);
    l->listener = (hf_conn){0, 0};
}

static void take_next(struct listen *l)
{
    hf_conn conn;
    bool may_take = !l->is_busy && !hf_conn_is_none(l->listener);
    if (!may_take || hf_tcp_accept(l->host.engine, l->listener, &conn) != HF_OK)
        return;
    l->is_busy = true;
    conduit_take(&l->conduit, conn);
    if (!l->keep)
        stop_listening(l); /* the next one shall be refused, not left waiting */
}

static void ended(void *arg, bool graceful)
{
    struct listen *l = arg;
    l->is_busy = false;
    l->is_over = !l->keep || l->is_stopping;
    if (!graceful && !l->keep)
        l->host.status = EXIT_FAILED;
}

/* ---- as a part ---- */

static unsigned fds(void *self, struct pollfd *fds, unsigned max)
{
    struct listen *l = self;
    return conduit_fds(&l->conduit, fds, max);
}

static hf_time deadline(void *self)
{
    struct listen *l = self;
    return conduit_deadline(&l->conduit);
}

static void on_event(void *self, const struct hf_event *event)
{
    struct listen *l = self;
    conduit_event(&l->conduit, event);
}

static void on_turn(void *self, hf_time now, const struct pollfd *ready, unsigned count)
{
    struct listen *l = self;
    take_next(l);
    conduit_turn(&l->conduit, now, ready, count);
    take_next(l); /* when that one has just ended, the next may have waited long */
}

static void on_stop(void *self)
{
    struct listen *l = self;
    l->is_stopping = true;
    l->is_over |= !l->is_busy;
    stop_listening(l);
    conduit_stop(&l->conduit);
}

static bool is_over(void *self)
{
    return ((struct listen *)self)->is_over;
}

static int listen_at(struct listen *l)
{
    char here[HOST_ENDPOINT_TEXT_LEN];
    int error = hf_tcp_listen(l->host.engine, &l->at, &l->options.tcp, &l->listener);
    if (error != HF_OK)
        return host_explain(&l->host, error, &l->at, NULL);
    if (l->options.verbose)
        complain("listen", "waiting at %s on %s", host_endpoint_print(&l->at, here), l->host.device);
    return 0;
}

static int run(struct listen *l)
{
    int status = host_open(&l->host, &l->host_options);
    if (status != 0)
        return status;
    status = listen_at(l);
    conduit_init(&l->conduit, &l->host, &l->options);
    l->conduit.ended = ended;
    l->conduit.arg = l;
    host_add_part(&l->host, &(struct host_part){
                                .self = l,
                                .fds = fds,
                                .deadline = deadline,
                                .event = on_event,
                                .turn = on_turn,
                                .stop = on_stop,
                                .is_over = is_over,
                            });
    if (status == 0)
        status = host_run(&l->host);
    host_close(&l->host);
    return status;
}

int verb_listen(int argc, char **argv)
{
    struct listen l = {.keep = false};
    int status = read_arguments(&l, argc, argv);
    if (l.wants_help) {
        fputs(help, stdout);
        fputs(conduit_help, stdout);
        fputs(host_help, stdout);
        return 0;
    }
    return status == 0 ? run(&l) : status;
}

/*
 * `handfast serve`: static files over HTTP/1.1. The listener, the list of connections, and the verb itself.
 *
 * Read first: serve.h. Read next: exchange.c.
 */
#define _GNU_SOURCE
#include "serve.h"

#include "usage.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOOK_EVERY   HF_SECOND /* how exactly patience ends */
#define CLIENTS_MAX  16384     /* more wait in the backlog */
#define BACKLOG      1024
#define SEND_BUFFER  (1u << 20) /* so that it takes hundreds of clients who take nothing to use up the blocks */
#define PATIENCE     (30 * HF_SECOND)
#define DEFAULT_PORT 80

/* ---- clients ---- */

static void accept_clients(struct serve *serve)
{
    hf_conn conn;
    while (serve->count < CLIENTS_MAX && hf_tcp_accept(serve->host->engine, serve->listener, &conn) == HF_OK) {
        struct exchange *x = exchange_open(serve, conn);
        if (!x)
            continue;
        hf_tcp_set_user(serve->host->engine, conn, (uint64_t)(uintptr_t)x);
        exchange_go_on(x); /* its request may be here already */
    }
}

static void on_event(void *self, const struct hf_event *event)
{
    struct serve *serve = self;
    if (hf_conn_equal(event->conn, serve->listener))
        accept_clients(serve);
    else if (event->user != 0)
        exchange_go_on((struct exchange *)(uintptr_t)event->user);
}

static void on_turn(void *self, hf_time now, const struct pollfd *fds, unsigned count)
{
    (void)fds, (void)count;
    struct serve *serve = self;
    if (!hf_time_reached(now, serve->look_at))
        return;
    serve->look_at = hf_time_add(now, LOOK_EVERY);
    for (struct exchange *x = serve->first, *next; x; x = next) {
        next = x->next;
        exchange_look(x);
    }
    if (!serve->is_stopping)
        accept_clients(serve);
}

static hf_time deadline(void *self)
{
    const struct serve *serve = self;
    return serve->first ? serve->look_at : HF_NEVER;
}

static void on_stop(void *self)
{
    struct serve *serve = self;
    serve->is_stopping = true;
    hf_tcp_release(serve->host->engine, serve->listener);
    for (struct exchange *x = serve->first, *next; x; x = next) {
        next = x->next;
        exchange_stop(x);
    }
}

static void on_close(void *self)
{
    struct serve *serve = self;
    while (serve->first)
        exchange_abort(serve->first);
    close(serve->root);
    free(serve);
}

/* ---- opening ---- */

/* A file for each client that is being served; the soft limit is often 1024. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int listen_at(struct serve *serve)
{
    struct hf_tcp_options options = {.backlog = BACKLOG, .no_delay = true, .send_buffer = SEND_BUFFER};
    const struct hf_endpoint *at = &serve->options.at;
    int error = hf_tcp_listen(serve->host->engine, at, &options, &serve->listener);
    return error == HF_OK ? 0 : host_explain(serve->host, error, at, NULL);
}

struct serve *serve_open(struct host *host, const struct serve_options *options)
{
    const char *verb = host->options.verb;
    struct serve *serve = malloc(sizeof *serve);
    if (!serve) {
        complain(verb, "out of memory");
        return NULL;
    }
    *serve = (struct serve){.host = host, .options = *options, .look_at = host->now};
    if (serve->options.patience_ns == 0)
        serve->options.patience_ns = PATIENCE;
    serve->root = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (serve->root < 0)
        complain(verb, "cannot serve %s: %s", options->directory, strerror(errno));
    if (serve->root < 0 || listen_at(serve) != 0) {
        if (serve->root >= 0)
            close(serve->root);
        free(serve);
        return NULL;
    }
    raise_file_limit();
    host_add_part(host, &(struct host_part){
                            .self = serve,
                            .deadline = deadline,
                            .event = on_event,
                            .turn = on_turn,
                            .stop = on_stop,
                            .close = on_close,
                        });
    return serve;
}

/* ---- the verb ---- */

static const char help[] =
    "usage: handfast serve [OPTIONS] DIR [-- PROGRAM ARGS...]\n"
    "\n"
    "Serves the files of DIR over HTTP/1.1 from an engine of its own, until a signal comes or\n"
    "PROGRAM has ended.\n"
    "\n"
    "  -p, --port PORT        listen on this port (80; the engine's, so no privilege is needed)\n"
    "  -b, --bind ADDR        listen on this address of the engine only\n"
    "  -t, --timeout SECONDS  how long a client may take over a request, or take no bytes (30)\n"
    "  -v, --verbose          a line on stderr for each request\n"
    "  -q, --quiet            do not say where the files are served\n"
    "  -h, --help             this text\n"
    "\n";

enum { OPTION_HELP = 'h' };

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"bind", required_argument, NULL, 'b'},
    {"timeout", required_argument, NULL, 't'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, OPTION_HELP},
    HOST_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

struct arguments {
    struct host_options host;
    struct serve_options serve;
    bool quiet, wants_help;
};

static int take_option(struct arguments *a, int option)
{
    switch (option) {
    case 'p':
        return usage_port(optarg, &a->serve.at.port)
                   ? 0
                   : usage_error("serve", "--port wants 1 to 65535, not '%s'", optarg);
    case 'b':
        return hf_addr_parse(optarg, &a->serve.at.addr)
                   ? 0
                   : usage_error("serve", "--bind wants an address, not '%s'", optarg);
    case 't':
        return usage_duration(optarg, &a->serve.patience_ns) && a->serve.patience_ns > 0
                   ? 0
                   : usage_error("serve", "--timeout wants a time like 30 or 500ms, not '%s'", optarg);
    case 'v':
        a->serve.verbose = true;
        return 0;
    case 'q':
        a->quiet = true;
        return 0;
    case OPTION_HELP:
        a->wants_help = true;
        return 0;
    default:
        return host_option(&a->host, option, optarg);
    }
}

static int read_arguments(struct arguments *a, int argc, char **argv)
{
    host_options_init(&a->host, "serve");
    a->host.program_reads = true;
    a->serve = (struct serve_options){.at.port = DEFAULT_PORT};
    a->host.program = usage_split_program(&argc, argv);
    if (argc < 0)
        return EXIT_USAGE;
    usage_begin();
    for (int option; (option = usage_next(argc, argv, "p:b:t:vqh", long_options)) != -1;) {
        int status = option == '?' ? EXIT_USAGE : take_option(a, option);
        if (status != 0 || a->wants_help)
            return status;
    }
    if (optind + 1 != argc)
        return usage_error("serve", optind == argc ? "which directory?" : "one directory only, not '%s' too",
                           argv[optind + 1 < argc ? optind + 1 : optind]);
    a->serve.directory = argv[optind];
    return 0;
}

static void announce(const struct host *h, const struct serve_options *o)
{
    fprintf(stderr, "handfast serve: %s on %s at", o->directory, h->device);
    for (unsigned i = 0; i < h->options.ours.count; i++) {
        struct hf_endpoint at = {h->options.ours.at[i].addr, o->at.port};
        char text[HOST_ENDPOINT_TEXT_LEN];
        if (hf_addr_is_any(&o->at.addr) || hf_addr_equal(&o->at.addr, &at.addr))
            fprintf(stderr, " http://%s/", host_endpoint_print(&at, text));
    }
    fputc('\n', stderr);
}

int verb_serve(int argc, char **argv)
{
    struct arguments a = {.quiet = false};
    struct host h;
    int status = read_arguments(&a, argc, argv);
    if (a.wants_help) {
        fputs(help, stdout);
        fputs(host_help, stdout);
        return 0;
    }
    if (status == 0)
        status = host_open(&h, &a.host);
    if (status != 0)
        return status;
    if (!serve_open(&h, &a.serve)) {
        host_close(&h);
        return EXIT_FAILED;
    }
    if (!a.quiet)
        announce(&h, &a.serve);
    status = host_run(&h);
    host_close(&h);
    return status;
}

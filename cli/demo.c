/*
 * `handfast demo`: the life of two connections, drawn while it happens, between the kernel's curl and an engine that
 * serves files; then what is left of them. Read first: demo.h.
 */
#define _GNU_SOURCE
#include "demo.h"

#include "kernel.h"
#include "ladder_fold.h"
#include "serve.h"
#include "usage.h"
#include "verbs.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MSL          (2 * HF_SECOND)
#define REST_NS      (400 * HF_MS) /* after a conversation: the last fold is drawn, the last ACK has come */
#define PATIENCE_NS  (15 * HF_SECOND)
#define COUNTDOWN_NS (100 * HF_MS)
#define HISTORY      16384
#define CONNECTIONS  1024
#define HTTP_PORT    80

enum step { FIRST_FETCH, FIRST_REST, SECOND_FETCH, SECOND_REST, COUNTDOWN, LAST_REST, STAYING, OVER };

struct demo {
    struct host *host;
    struct demo_show show;
    struct demo_client client;
    struct kernel *kernel; /* NULL when both ends are engines */
    const char *client_name, *fetcher_name;
    const char *directory;
    struct demo_file files[2]; /* of the two fetches */
    bool stays;
    struct demo_fetched fetched;
    enum step step;
    hf_time step_ends_at;
};

struct arguments {
    struct host_options host;
    const char *directory;
    bool is_memory, stays, is_ascii, wants_help;
};

/* ---- the fetches ---- */

static void go_to(struct demo *d, enum step step, hf_ns for_ns)
{
    d->step = step;
    d->step_ends_at = hf_time_add(d->host->now, for_ns);
}

static void start_fetch(struct demo *d, unsigned which)
{
    const struct demo_file *file = &d->files[which];
    char url_path[DEMO_PATH_LEN + 1], path[4096], command[512];
    snprintf(url_path, sizeof url_path, "/%s", file->path);
    snprintf(path, sizeof path, "%s/%s", d->directory, file->path);
    const struct demo_fetch fetch = {
        .url_path = url_path,
        .file = file->path[0] != '\0' ? path : NULL,
        .server_closes = which == 1,
    };
    d->client.describe(d->client.self, &fetch, command, sizeof command);
    demo_show_command(&d->show, command);
    d->client.start(d->client.self, &fetch);
    go_to(d, which == 0 ? FIRST_FETCH : SECOND_FETCH, PATIENCE_NS);
}

/* Ends the run; the client goes first, so that nobody waits for it. */
static void finish(struct demo *d)
{
    d->client.end(d->client.self);
    d->step = OVER;
}

static void fail(struct demo *d, const char *why)
{
    demo_show_write(&d->show, "\n", 1);
    complain(d->host->options.verb, "the fetch failed: %s", why);
    d->host->status = EXIT_FAILED;
    finish(d);
}

static void look_at_fetch(struct demo *d, unsigned which)
{
    struct demo_fetched fetched;
    char bytes[16];
    if (!d->client.is_over(d->client.self, &fetched)) {
        if (hf_time_reached(d->host->now, d->step_ends_at))
            fail(d, "no answer in time");
        return;
    }
    bool is_equal = fetched.is_equal || d->files[which].path[0] == '\0';
    if (fetched.status != 200 || !is_equal) {
        char why[256];
        snprintf(why, sizeof why, "status %d, %s%s%s", fetched.status, print_bytes(fetched.bytes, bytes),
                 fetched.status == 200 ? ", not equal to the file" : "", fetched.trouble);
        fail(d, fetched.status == 0 && fetched.trouble[0] != '\0' ? fetched.trouble : why);
        return;
    }
    d->fetched = fetched;
    go_to(d, which == 0 ? FIRST_REST : SECOND_REST, REST_NS);
}

static void begin_first(struct demo *d)
{
    char bytes[16];
    if (d->files[0].path[0] != '\0')
        demo_show_heading(&d->show, 1, "%s fetches a file of %s, and closes first, as clients do.", d->fetcher_name,
                          print_bytes(d->files[0].len, bytes));
    else
        demo_show_heading(&d->show, 1, "%s fetches a listing, and closes first, as clients do.", d->fetcher_name);
    start_fetch(d, 0);
}

/* Who is where now; the states must say so too. */
static void show_outcome(struct demo *d, const char *who)
{
    char bytes[16];
    demo_show_write(&d->show, "\n", 1);
    demo_show_text(&d->show, "%s arrived%s. %s closed first, and so it waits in TIME-WAIT.",
                   print_bytes(d->fetched.bytes, bytes), d->fetched.is_equal ? ", equal to the file" : "", who);
}

static void begin_second(struct demo *d)
{
    show_outcome(d, d->host->peer != NULL ? "The client" : "The kernel");
    demo_show_heading(&d->show, 2, "The same with \"Connection: close\": now the server closes first.");
    start_fetch(d, 1);
}

/* ---- what is left ---- */

static hf_ns msl_of(const struct demo *d)
{
    return d->host->options.msl_ns;
}

static void show_counts(struct demo *d)
{
    struct hf_stats stats, client_stats;
    uint32_t kernel_counts[HF_STATE_COUNT];
    const uint32_t *theirs = kernel_counts;
    hf_stats(d->host->engine, &stats);
    if (d->host->peer != NULL) {
        hf_stats(d->host->peer->engine, &client_stats);
        theirs = client_stats.states;
    } else if (d->kernel == NULL || kernel_count(d->kernel, kernel_counts) < 0) {
        memset(kernel_counts, 0, sizeof kernel_counts);
    }
    demo_show_counts(&d->show, d->client_name, theirs, stats.states);
}

static void keep_time_wait(void *arg, const struct kernel_tcp *tcp)
{
    uint32_t *ms = arg;
    if (tcp->state == HF_TIME_WAIT)
        *ms = tcp->timer_ms;
}

static void begin_countdown(struct demo *d)
{
    uint32_t ms = 0;
    show_outcome(d, d->host->peer != NULL ? "The server" : "Handfast");
    demo_show_heading(&d->show, 3, "How many connections are in each of the eleven states now:");
    show_counts(d);
    demo_show_heading(&d->show, 4,
                      "TIME-WAIT runs down, so that what is still under way cannot meet a new connection.");
    demo_show_text(&d->show,
                   "It lasts 2 MSL: here %.3g s, so that nobody has to wait (--msl sets it; 60 s is usual).",
                   2.0 * (double)msl_of(d) / HF_SECOND);
    if (d->kernel != NULL && kernel_each(d->kernel, keep_time_wait, &ms) == 0 && ms > 0)
        demo_show_text(&d->show, "The kernel's cannot be set; %.1f s of it are left.", ms / 1000.0);
    demo_show_write(&d->show, "\n", 1);
    go_to(d, COUNTDOWN, 2 * msl_of(d) + PATIENCE_NS);
}

/* The longest that a record of ours still has to wait; negative when none does. */
static hf_ns time_wait_left(struct demo *d)
{
    hf_conn conn = {0, 0};
    struct hf_tcp_info info;
    hf_ns longest = -1;
    while (hf_tcp_next(d->host->engine, &conn)) {
        if (hf_tcp_status(d->host->engine, conn, &info) != HF_OK || info.state != HF_TIME_WAIT || info.is_listener)
            continue;
        hf_ns left = 2 * msl_of(d) - hf_time_since(d->host->now, info.state_at);
        if (left > longest)
            longest = left > 0 ? left : 0;
    }
    return longest;
}

static void count_down(struct demo *d)
{
    hf_ns left = time_wait_left(d);
    if (left >= 0 && !hf_time_reached(d->host->now, d->step_ends_at))
        demo_show_time_wait(&d->show, left, 2 * msl_of(d));
    else
        go_to(d, LAST_REST, COUNTDOWN_NS); /* The ladder still has its last row to draw. */
}

/* ---- the end ---- */

static void show_ways_in(struct demo *d)
{
    char server[HF_ADDR_TEXT_LEN];
    int pid = (int)d->host->netns.pid;
    const char *user = geteuid() == 0 ? "" : "-U --preserve-credentials ";
    hf_addr_print(&d->host->options.ours.at[0].addr, server);
    demo_show_heading(&d->show, 5, "Staying until Ctrl-C; ladders go on. From another terminal:");
    if (pid > 0) {
        demo_show_text(&d->show, "nsenter -t %d %s-n curl http://%s/", pid, user, server);
        demo_show_text(&d->show, "handfast ss --all --info");
        demo_show_text(&d->show, "handfast ss --all --kernel --netns %d", pid);
    } else {
        demo_show_text(&d->show, "handfast ss --all --info");
    }
}

static void end_or_stay(struct demo *d)
{
    if (d->stays) {
        show_ways_in(d);
        d->step = STAYING;
        return;
    }
    finish(d);
}

static void say_goodbye(struct demo *d)
{
    demo_show_write(&d->show, "\n", 1);
    demo_show_text(
        &d->show,
        "That was it. --stay keeps the network for you to try; --fault 'drop second FIN' loses a segment on "
        "purpose; 'handfast --help' lists what else there is.");
}

/* ---- as a part of the loop ---- */

static void on_turn(void *self, hf_time now, const struct pollfd *fds, unsigned count)
{
    struct demo *d = self;
    bool is_rested = hf_time_reached(now, d->step_ends_at);
    (void)fds, (void)count;
    switch (d->step) {
    case FIRST_FETCH:
        look_at_fetch(d, 0);
        break;
    case SECOND_FETCH:
        look_at_fetch(d, 1);
        break;
    case FIRST_REST:
        if (is_rested)
            begin_second(d);
        break;
    case SECOND_REST:
        if (is_rested)
            begin_countdown(d);
        break;
    case COUNTDOWN:
        count_down(d);
        break;
    case LAST_REST:
        if (is_rested)
            end_or_stay(d);
        break;
    default:
        break;
    }
}

static unsigned fds_of(void *self, struct pollfd *fds, unsigned max)
{
    struct demo *d = self;
    int fd = d->client.fd(d->client.self);
    bool is_waiting = d->step == FIRST_FETCH || d->step == SECOND_FETCH;
    if (fd < 0 || max == 0 || !is_waiting)
        return 0;
    fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    return 1;
}

static hf_time deadline(void *self)
{
    struct demo *d = self;
    if (d->step == STAYING || d->step == OVER)
        return HF_NEVER;
    return d->step == COUNTDOWN ? hf_time_add(d->host->now, COUNTDOWN_NS) : d->step_ends_at;
}

static bool is_over(void *self)
{
    return ((struct demo *)self)->step == OVER;
}

static void on_stop(void *self)
{
    ((struct demo *)self)->step = OVER;
}

static void on_close(void *self)
{
    kernel_close(((struct demo *)self)->kernel);
}

/* ---- the network ---- */

static int start_watching(struct demo *d)
{
    const struct ladder_options options = {
        .terminal = d->show.terminal,
        .is_numbered = true,
        .write = demo_show_write,
        .arg = &d->show,
    };
    return watch_add_to(d->host, &options);
}

static void describe_network(struct demo *d)
{
    char ours[HF_ADDR_TEXT_LEN], theirs[HF_ADDR_TEXT_LEN];
    const struct host_options *o = &d->host->options;
    bool is_here = strcmp(d->directory, ".") == 0;
    hf_addr_print(&o->ours.at[0].addr, ours);
    hf_addr_print(&o->theirs.at[0].addr, theirs);
    demo_show_title(&d->show, "The life of two connections");
    if (d->host->peer != NULL)
        demo_show_text(
            &d->show,
            "Handfast at both ends: the server is %s, the client %s, and between them is memory. Nothing of "
            "this machine's network is touched.",
            ours, theirs);
    else
        demo_show_text(
            &d->show,
            "An engine of Handfast has the address %s and serves the files of %s; the kernel has %s. Between "
            "them is %s, in a network namespace of its own: nothing of this machine's network is touched.",
            ours, is_here ? "this directory" : d->directory, theirs, d->host->device);
}

static int open_parts(struct demo *d)
{
    const struct serve_options serve = {.directory = d->directory, .at = {.port = HTTP_PORT}};
    int status = start_watching(d);
    if (status == 0 && serve_open(d->host, &serve) == NULL)
        status = EXIT_FAILED;
    if (status != 0)
        return status;
    host_add_part(d->host, &(struct host_part){
                               .self = d,
                               .fds = fds_of,
                               .deadline = deadline,
                               .turn = on_turn,
                               .stop = on_stop,
                               .is_over = is_over,
                               .close = on_close,
                           });
    return 0;
}

static int run(struct demo *d)
{
    int status = open_parts(d);
    if (status == 0) {
        describe_network(d);
        begin_first(d);
        status = host_run(d->host);
    }
    host_close(d->host);
    if (status == 0 && !d->stays)
        say_goodbye(d);
    return status;
}

static int run_in_memory(struct demo *d, const struct host_options *o)
{
    struct host server, client;
    int status = host_open_pair(&server, &client, o);
    if (status != 0)
        return status;
    const struct hf_endpoint at = {o->ours.at[0].addr, HTTP_PORT};
    struct demo_memory *m = demo_memory_open(&client, &at);
    if (m == NULL) {
        host_close(&server);
        return EXIT_FAILED;
    }
    d->host = &server;
    d->client = demo_memory_client(m);
    d->client_name = "client";
    d->fetcher_name = "A client";
    return run(d);
}

static int run_with_kernel(struct demo *d, const struct host_options *options)
{
    struct host h;
    struct demo_curl curl;
    struct host_options o = *options;
    int status = demo_curl_prepare(&curl, &o);
    if (status != 0)
        return status;
    if (host_open(&h, &o) != 0) {
        demo_curl_close(&curl);
        demo_show_text(&d->show, "So the same is shown in memory.");
        return run_in_memory(d, options);
    }
    demo_curl_opened(&curl);
    d->host = &h;
    d->client = demo_curl_client(&curl);
    d->client_name = "kernel";
    d->fetcher_name = "The kernel's curl";
    d->kernel = h.netns.diag_fd >= 0 ? kernel_open_socket(h.netns.diag_fd) : NULL;
    status = run(d);
    demo_curl_close(&curl);
    return status;
}

/* ---- the verb ---- */

static const char help[] = "usage: handfast demo [OPTIONS] [DIR]\n"
                           "\n"
                           "Shows the life of two connections: an engine serves the files of DIR (.) over HTTP, "
                           "the kernel's curl fetches,\n"
                           "and what happens is drawn as a ladder while it happens. Takes about ten seconds.\n"
                           "\n"
                           "      --stay             keep the network afterwards, and say how to use it\n"
                           "      --memory           no device: both ends are Handfast\n"
                           "      --ascii            no character beyond ASCII\n"
                           "  -h, --help             this text\n"
                           "\n";

enum { OPTION_STAY = 256, OPTION_MEMORY, OPTION_ASCII };

static const struct option long_options[] = {
    {"stay", no_argument, NULL, OPTION_STAY},
    {"memory", no_argument, NULL, OPTION_MEMORY},
    {"ascii", no_argument, NULL, OPTION_ASCII},
    {"help", no_argument, NULL, 'h'},
    HOST_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static int take_option(struct arguments *a, int option)
{
    switch (option) {
    case OPTION_STAY:
        a->stays = true;
        return 0;
    case OPTION_MEMORY:
        a->is_memory = true;
        return 0;
    case OPTION_ASCII:
        a->is_ascii = true;
        return 0;
    case 'h':
        a->wants_help = true;
        return 0;
    case HOST_OPTION_LADDER:
        return 0; /* There is one anyhow. */
    default:
        return host_option(&a->host, option, optarg);
    }
}

static int read_arguments(struct arguments *a, int argc, char **argv)
{
    *a = (struct arguments){.directory = "."};
    host_options_init(&a->host, "demo");
    a->host.msl_ns = MSL;
    a->host.connections = CONNECTIONS;
    a->host.history = HISTORY;
    a->host.no_offload = true; /* each segment by itself, as in the RFC's figures */
    usage_begin();
    for (int option; (option = usage_next(argc, argv, "h", long_options)) != -1;) {
        int status = option == '?' ? EXIT_USAGE : take_option(a, option);
        if (status != 0 || a->wants_help)
            return status;
    }
    if (optind + 1 < argc)
        return usage_error("demo", "one directory only, not '%s' too", argv[optind + 1]);
    if (optind < argc)
        a->directory = argv[optind];
    if (access(a->directory, R_OK | X_OK) == 0)
        return 0;
    complain("demo", "cannot read the directory %s", a->directory);
    return EXIT_FAILED;
}

int verb_demo(int argc, char **argv)
{
    struct arguments a;
    int status = read_arguments(&a, argc, argv);
    if (a.wants_help) {
        fputs(help, stdout);
        fputs(host_help, stdout);
        return 0;
    }
    if (status != 0)
        return status;
    struct demo d = {.directory = a.directory, .stays = a.stays};
    d.show.terminal = terminal_of(STDOUT_FILENO, a.is_ascii);
    demo_files_find(a.directory, &d.files[0], &d.files[1]);
    return a.is_memory ? run_in_memory(&d, &a.host) : run_with_kernel(&d, &a.host);
}

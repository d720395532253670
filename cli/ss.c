/* `handfast ss`: what running Handfast processes, or the kernel, know of their connections. */
#define _GNU_SOURCE
#include "ss_print.h"
#include "usage.h"
#include "verbs.h"

#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_NDJSON, FORMAT_PROMETHEUS };

struct arguments {
    struct ss_style style;
    struct filter filter;
    enum format format;
    unsigned states; /* shown when the filter names none */
    int pid;
    bool is_kernel, wants_help, is_ascii;
    const char *netns;
    hf_ns watch_ns;
};

static const char help[] =
    "usage: handfast ss [OPTIONS] [state STATE]... [EXPRESSION]\n"
    "\n"
    "Shows the connections of running Handfast processes: how many are in each state, and one line for each.\n"
    "\n"
    "  -a, --all              listeners and ended connections too\n"
    "  -l, --listening        listeners only\n"
    "  -s, --summary          only the counts of all eleven states\n"
    "  -i, --info             a second line with round-trip time, windows and bytes\n"
    "  -r, --reasons          how often each reason occurred: drops, sends, state changes, limits\n"
    "  -f, --funnel           what became of each listener's SYNs, how long states lasted, who closed first\n"
    "  -t, --peers            by peer: connections, TIME-WAITs, who closed first, ports left\n"
    "      --history          changes of state, each with its reason, as far back as is remembered\n"
    "  -p, --pid PID          this process only\n"
    "  -k, --kernel           the host kernel's TCP instead\n"
    "  -N, --netns PID|PATH   with --kernel: in the network namespace of this process or file\n"
    "  -H, --no-header        the lines alone\n"
    "  -w, --watch SECONDS    again and again\n"
    "      --json             one JSON document\n"
    "      --ndjson           one JSON object a line\n"
    "      --prometheus       counters and gauges in Prometheus' text format\n"
    "      --ascii            no character beyond ASCII\n"
    "  -h, --help             this text\n"
    "\n"
    "STATE: a state's name, or all, connected, synchronized, bucket, big; 'exclude STATE' too.\n"
    "EXPRESSION: as in ss(8): sport = :80, dport > 1024, src 10.0.0.0/8, dst [fd00::1]:443, and, or, not, ( ).\n"
    "\n"
    "Exit status: 0 done, 1 nobody answered, 2 the arguments were wrong.\n";

enum { OPTION_JSON = 256, OPTION_NDJSON, OPTION_ASCII, OPTION_HISTORY, OPTION_PROMETHEUS };

static const struct option long_options[] = {
    {"all", no_argument, NULL, 'a'},
    {"listening", no_argument, NULL, 'l'},
    {"summary", no_argument, NULL, 's'},
    {"info", no_argument, NULL, 'i'},
    {"reasons", no_argument, NULL, 'r'},
    {"funnel", no_argument, NULL, 'f'},
    {"peers", no_argument, NULL, 't'},
    {"history", no_argument, NULL, OPTION_HISTORY},
    {"prometheus", no_argument, NULL, OPTION_PROMETHEUS},
    {"pid", required_argument, NULL, 'p'},
    {"kernel", no_argument, NULL, 'k'},
    {"netns", required_argument, NULL, 'N'},
    {"no-header", no_argument, NULL, 'H'},
    {"watch", required_argument, NULL, 'w'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"ndjson", no_argument, NULL, OPTION_NDJSON},
    {"ascii", no_argument, NULL, OPTION_ASCII},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---- arguments ---- */

static int take_value(struct arguments *a, int option)
{
    uint64_t pid;
    if (option == 'N') {
        a->netns = optarg;
        return 0;
    }
    if (option == 'w')
        return usage_duration(optarg, &a->watch_ns) && a->watch_ns >= 10 * HF_MS
                   ? 0
                   : usage_error("ss", "--watch wants seconds, from 0.01, not '%s'", optarg);
    if (!usage_number(optarg, INT32_MAX, &pid) || pid == 0)
        return usage_error("ss", "--pid wants a process id, not '%s'", optarg);
    a->pid = (int)pid;
    return 0;
}

static int take_format(struct arguments *a, enum format format)
{
    a->format = format;
    return 0;
}

static int take_option(struct arguments *a, int option)
{
    switch (option) {
    case 'a':
        a->states = STATES_ALL;
        return 0;
    case 'l':
        a->states = 1u << HF_LISTEN;
        return 0;
    case 's':
        a->style.is_summary = true;
        return 0;
    case 'i':
        a->style.has_info = true;
        return 0;
    case 'r':
        a->style.has_reasons = true;
        return 0;
    case 'k':
        a->is_kernel = true;
        return 0;
    case 'H':
        a->style.is_bare = true;
        return 0;
    case 'h':
        a->wants_help = true;
        return 0;
    case 'f':
        a->style.has_funnel = true;
        return 0;
    case 't':
        a->style.has_peers = true;
        return 0;
    case OPTION_HISTORY:
        a->style.has_history = true;
        return 0;
    case OPTION_JSON:
        return take_format(a, FORMAT_JSON);
    case OPTION_NDJSON:
        return take_format(a, FORMAT_NDJSON);
    case OPTION_PROMETHEUS:
        return take_format(a, FORMAT_PROMETHEUS);
    case OPTION_ASCII:
        a->is_ascii = true;
        return 0;
    default:
        return take_value(a, option);
    }
}

static int read_arguments(struct arguments *a, int argc, char **argv)
{
    char error[256];
    *a = (struct arguments){.states = STATES_CONNECTED};
    usage_begin();
    for (int option; (option = usage_next(argc, argv, "alsirftp:kN:Hw:h", long_options)) != -1;) {
        int status = option == '?' ? EXIT_USAGE : take_option(a, option);
        if (status != 0 || a->wants_help)
            return status;
    }
    if (a->netns != NULL && !a->is_kernel)
        return usage_error("ss", "--netns goes with --kernel");
    if (a->is_kernel && (a->pid != 0 || a->style.has_reasons || a->style.has_funnel || a->style.has_history))
        return usage_error("ss", "the kernel tells nothing of --pid, --reasons, --funnel or --history");
    if (!filter_parse(&a->filter, argv + optind, argc - optind, a->states, error))
        return usage_error("ss", "%s", error);
    a->style.terminal = terminal_of(STDOUT_FILENO, a->is_ascii);
    return 0;
}

/* ---- asking ---- */

static int open_netns(const char *text)
{
    char path[64];
    uint64_t pid;
    if (text == NULL)
        return -1;
    if (usage_number(text, INT32_MAX, &pid)) {
        snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
        text = path;
    }
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        complain("ss", "cannot open the network namespace %s: %s", text, strerror(errno));
    return fd;
}

static int ask_kernel(const struct arguments *a, struct ss_sources *sources)
{
    int netns = open_netns(a->netns);
    if (a->netns != NULL && netns < 0)
        return EXIT_FAILED;
    int error = ss_ask_kernel(sources, netns, &a->filter);
    if (netns >= 0)
        close(netns);
    if (error == 0)
        return 0;
    complain("ss", "the kernel does not tell of its sockets: %s%s", strerror(-error),
             error == -EPERM ? "; entering another network namespace needs root" : "");
    return EXIT_FAILED;
}

static const char *request_of(const struct arguments *a)
{
    bool wants_counts = a->style.is_summary || a->format == FORMAT_PROMETHEUS;
    return a->style.has_history ? "history" : wants_counts && !a->style.has_peers ? "summary" : "connections";
}

static int ask_processes(const struct arguments *a, struct ss_sources *sources)
{
    char directory[CONTROL_PATH_LEN] = "";
    int error = ss_ask_processes(sources, a->pid, &a->filter, request_of(a));
    if (error < 0) {
        complain("ss", "%s", strerror(-error));
        return EXIT_FAILED;
    }
    if (sources->silent > 0)
        complain("ss", "%u process%s did not answer in time", sources->silent, sources->silent == 1 ? "" : "es");
    if (sources->count > 0)
        return 0;
    control_directory(0, directory);
    if (sources->silent == 0 && a->pid != 0)
        complain("ss", "no Handfast process %d of yours is running; 'handfast ss' lists those that are", a->pid);
    else if (sources->silent == 0)
        complain(
            "ss",
            "no Handfast process of yours is running (none has a socket in %s); --kernel shows the kernel's TCP",
            directory);
    return EXIT_FAILED;
}

static int show(const struct arguments *a)
{
    struct ss_sources sources = {.at = NULL};
    bool done = true;
    int status = a->is_kernel ? ask_kernel(a, &sources) : ask_processes(a, &sources);
    if (status == 0 && a->format == FORMAT_TEXT)
        ss_print_text(stdout, &sources, &a->style);
    else if (status == 0 && a->format == FORMAT_PROMETHEUS)
        ss_print_prometheus(stdout, &sources);
    else if (status == 0)
        done = a->format == FORMAT_JSON ? ss_print_json(stdout, &sources) : ss_print_ndjson(stdout, &sources);
    ss_sources_free(&sources);
    if (!done || fflush(stdout) != 0) {
        complain("ss", "cannot write: %s", strerror(errno));
        return EXIT_FAILED;
    }
    return status;
}

static void pause_for(hf_ns ns)
{
    const struct timespec time = {.tv_sec = ns / HF_SECOND, .tv_nsec = ns % HF_SECOND};
    nanosleep(&time, NULL);
}

int verb_ss(int argc, char **argv)
{
    struct arguments a;
    int status = read_arguments(&a, argc, argv);
    if (a.wants_help) {
        fputs(help, stdout);
        return 0;
    }
    if (status != 0)
        return status;
    bool clears = a.watch_ns > 0 && a.format == FORMAT_TEXT && a.style.terminal.is_live;
    do {
        if (clears)
            fputs("\033[H\033[J", stdout);
        status = show(&a);
        if (a.watch_ns > 0 && status == 0)
            pause_for(a.watch_ns);
    } while (a.watch_ns > 0 && status == 0);
    return status;
}

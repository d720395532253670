/*
 * `handfast sim`: seeds of whole networks in virtual time, one of them looked at or made smaller, and questions about
 * paths.
 *
 * Read first: sim/world.h, sim/explore.h.
 */
#define _GNU_SOURCE
#include "sim.h"
#include "usage.h"
#include "verbs.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHRINK_TRIES 3000

static const char help[] =
    "usage: handfast sim [--seeds FIRST..LAST] [--for TIME] [--long] [-j JOBS] [--json]\n"
    "       handfast sim --seed N | --scenario TEXT  [--trace [--from HOST]] [--shrink]\n"
    "       handfast sim --path LIST [--bytes SIZE] [--flows N] [--congestion NAME] ... [--json]\n"
    "\n"
    "Networks of real engines in virtual time. A seed draws hosts, a path with its faults, and connections; every\n"
    "byte that is read is compared with what was written, every invariant is checked after every event, and at "
    "the\n"
    "end everything has to be closed and every pool empty. With a path it answers what a transfer would make of "
    "it.\n"
    "\n"
    "Many seeds\n"
    "  --seeds FIRST..LAST   which; 1..1000\n"
    "  --for TIME            begin no further one when so long has passed\n"
    "  --long                more hosts, connections, bytes and time in each\n"
    "  -j, --jobs N          processes at once; as many as there are processors\n"
    "\n"
    "One\n"
    "  --seed N              this one; with --path, another course of chance\n"
    "  --scenario TEXT       what a failure printed, or written by hand\n"
    "  --trace               every segment, as packetdrill writes it, with its reason\n"
    "  --from HOST           as this host sees it; 0\n"
    "  --shrink              after a failure, look for the smallest scenario that still fails\n"
    "\n"
    "A question\n"
    "  --path LIST           'delay 20ms, rate 10Mbit, queue 64kB, loss 1%', as for handfast run\n"
    "  --bytes SIZE          how much each flow carries: 10M, 64k; 10M\n"
    "  --flows N             how many at once; 1\n"
    "  --duration TIME       end then, however much was carried\n"
    "  --congestion NAME     cubic, newreno or bbr; cubic\n"
    "  --pacing              its windows leave spread over the round trip\n"
    "  --receive             the data flows in instead of out\n"
    "  --runs N              so many courses of chance, from --seed on, and the median\n"
    "  --mtu BYTES           of the hosts' links; 1500\n"
    "  --buffer SIZE         of either end; 8M\n"
    "  --ipv6                IPv6\n"
    "  --no-sack             without selective acknowledgements\n"
    "  --no-timestamps       without timestamps\n"
    "\n"
    "  --json                the outcome as JSON\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit status: 0 nothing went wrong, 1 something did, 2 the arguments were wrong.";

enum {
    OPTION_SEEDS = 256,
    OPTION_FOR,
    OPTION_LONG,
    OPTION_SEED,
    OPTION_SCENARIO,
    OPTION_TRACE,
    OPTION_FROM,
    OPTION_SHRINK,
    OPTION_PATH,
    OPTION_BYTES,
    OPTION_FLOWS,
    OPTION_DURATION,
    OPTION_CONGESTION,
    OPTION_PACING,
    OPTION_RECEIVE,
    OPTION_RUNS,
    OPTION_MTU,
    OPTION_BUFFER,
    OPTION_IPV6,
    OPTION_NO_SACK,
    OPTION_NO_TIMESTAMPS,
    OPTION_JSON,
};

static const struct option long_options[] = {
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"for", required_argument, NULL, OPTION_FOR},
    {"long", no_argument, NULL, OPTION_LONG},
    {"jobs", required_argument, NULL, 'j'},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"scenario", required_argument, NULL, OPTION_SCENARIO},
    {"trace", no_argument, NULL, OPTION_TRACE},
    {"from", required_argument, NULL, OPTION_FROM},
    {"shrink", no_argument, NULL, OPTION_SHRINK},
    {"path", required_argument, NULL, OPTION_PATH},
    {"bytes", required_argument, NULL, OPTION_BYTES},
    {"flows", required_argument, NULL, OPTION_FLOWS},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"congestion", required_argument, NULL, OPTION_CONGESTION},
    {"pacing", no_argument, NULL, OPTION_PACING},
    {"receive", no_argument, NULL, OPTION_RECEIVE},
    {"runs", required_argument, NULL, OPTION_RUNS},
    {"mtu", required_argument, NULL, OPTION_MTU},
    {"buffer", required_argument, NULL, OPTION_BUFFER},
    {"ipv6", no_argument, NULL, OPTION_IPV6},
    {"no-sack", no_argument, NULL, OPTION_NO_SACK},
    {"no-timestamps", no_argument, NULL, OPTION_NO_TIMESTAMPS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* ---- options ---- */

static int read_seeds(struct sim_command *c, const char *value)
{
    char copy[64];
    c->explores = true;
    if (strlen(value) < sizeof copy) {
        strcpy(copy, value);
        char *dots = strstr(copy, "..");
        if (dots)
            *dots = '\0';
        if (usage_number(copy, UINT32_MAX, &c->first) &&
            usage_number(dots ? dots + 2 : copy, UINT32_MAX, &c->last) && c->first <= c->last)
            return 0;
    }
    return usage_error("sim", "--seeds wants FIRST..LAST, such as 1..1000, not '%s'", value);
}

/* "10M", "64k", "1500": bytes, in thousands. */
static int read_size(const char *name, const char *value, uint64_t most, uint64_t *bytes)
{
    char copy[32];
    size_t len = strlen(value);
    uint64_t scale = 1;
    if (len > 0 && len < sizeof copy) {
        strcpy(copy, value);
        scale = copy[len - 1] == 'k'   ? 1000
                : copy[len - 1] == 'M' ? 1000000
                : copy[len - 1] == 'G' ? 1000000000
                                       : 1;
        if (scale > 1)
            copy[len - 1] = '\0';
        if (usage_number(copy, most / scale, bytes) && *bytes > 0) {
            *bytes *= scale;
            return 0;
        }
    }
    return usage_error("sim", "--%s wants a size such as 64k or 10M, not '%s'", name, value);
}

static int read_number(const char *name, const char *value, uint64_t least, uint64_t most, uint64_t *number)
{
    if (usage_number(value, most, number) && *number >= least)
        return 0;
    return usage_error("sim", "--%s wants a number from %llu to %llu, not '%s'", name, (unsigned long long)least,
                       (unsigned long long)most, value);
}

static int read_congestion(struct sim_command *c, const char *value)
{
    c->measures = true;
    if (usage_congestion(value, &c->cc))
        return 0;
    return usage_error("sim", "--congestion wants cubic, newreno or bbr, not '%s'", value);
}

/* Options of a question. */
static int read_question(struct sim_command *c, int option, const char *value)
{
    c->measures = true;
    switch (option) {
    case OPTION_PATH:
        c->path = value;
        return 0;
    case OPTION_BYTES:
        return read_size("bytes", value, 10000000000, &c->bytes);
    case OPTION_FLOWS:
        return read_number("flows", value, 1, SIM_TALKS_MAX, &c->flows);
    case OPTION_DURATION:
        return usage_duration(value, &c->duration) && c->duration > 0
                   ? 0
                   : usage_error("sim", "--duration wants a time, not '%s'", value);
    case OPTION_CONGESTION:
        return read_congestion(c, value);
    case OPTION_RUNS:
        return read_number("runs", value, 1, SIM_RUNS_MAX, &c->runs);
    case OPTION_MTU:
        return read_number("mtu", value, 1280, 65535, &c->mtu);
    case OPTION_BUFFER:
        return read_size("buffer", value, 1u << 30, &c->buffer);
    default:
        c->receives |= option == OPTION_RECEIVE;
        c->v6 |= option == OPTION_IPV6;
        c->pacing |= option == OPTION_PACING;
        c->no_sack |= option == OPTION_NO_SACK;
        c->no_timestamps |= option == OPTION_NO_TIMESTAMPS;
        return 0;
    }
}

static int read_option(struct sim_command *c, int option, const char *value)
{
    uint64_t number;
    int status = 0;
    switch (option) {
    case OPTION_SEEDS:
        return read_seeds(c, value);
    case OPTION_FOR:
        c->explores = true;
        return usage_duration(value, &c->lasts) && c->lasts > 0
                   ? 0
                   : usage_error("sim", "--for wants a time, not '%s'", value);
    case OPTION_LONG:
        c->is_long = true;
        return 0;
    case 'j':
        status = read_number("jobs", value, 1, 64, &number);
        c->jobs = status == 0 ? (unsigned)number : 0;
        return status;
    case OPTION_SEED:
        c->has_seed = true;
        return read_number("seed", value, 0, UINT32_MAX, &c->seed);
    case OPTION_SCENARIO:
        c->scenario = value;
        return 0;
    case OPTION_TRACE:
        c->trace = true;
        return 0;
    case OPTION_FROM:
        status = read_number("from", value, 0, SIM_HOSTS_MAX - 1, &number);
        c->seen_from = status == 0 ? (unsigned)number : 0;
        return status;
    case OPTION_SHRINK:
        c->shrinks = true;
        return 0;
    case OPTION_JSON:
        c->json = true;
        return 0;
    default:
        return read_question(c, option, value);
    }
}

/* Options of one way to use it that make no sense in another. */
static int judge_options(const struct sim_command *c, int argc, char **argv)
{
    bool is_one = c->scenario || (c->has_seed && !c->measures);
    if (optind < argc)
        return usage_error("sim", "'%s' is not an option", argv[optind]);
    if ((c->explores && (is_one || c->measures)) || (c->scenario && (c->measures || c->has_seed)))
        return usage_error("sim", "many seeds, one scenario, or a question about a path: one at a time");
    if ((c->trace || c->shrinks) && !is_one)
        return usage_error("sim", "--trace and --shrink are about one scenario: name it by --seed or --scenario");
    return 0;
}

static int read_options(struct sim_command *c, int argc, char **argv)
{
    int option, status = 0;
    usage_begin();
    while (status == 0 && (option = usage_next(argc, argv, "hj:", long_options)) != -1) {
        if (option == '?')
            return EXIT_USAGE;
        if (option == 'h') {
            puts(help);
            return -1;
        }
        status = read_option(c, option, optarg);
    }
    return status ? status : judge_options(c, argc, argv);
}

/* ---- failures ---- */

static void print_failure(const struct sim_scenario *s, const struct sim_report *report)
{
    static char text[SIM_SCENARIO_TEXT];
    printf("%s\n", report->result.what);
    printf("  after %.6f s, on host %u, which saw last:\n",
           (double)hf_time_since(report->result.at, report->result.begun_at) / (double)HF_SECOND,
           report->result.host);
    unsigned from = report->line_count > SIM_LINES ? report->line_count - SIM_LINES : 0;
    for (unsigned i = from; i < report->line_count; i++)
        printf("    %s\n", report->line[i % SIM_LINES]);
    printf("  again: handfast sim --scenario '%s'\n", sim_scenario_print(s, text, sizeof text));
}

/* ---- one scenario ---- */

static void print_line(void *arg, const char *line)
{
    (void)arg;
    puts(line);
}

static int run_traced(const struct sim_command *c, const struct sim_scenario *s)
{
    static struct sim_result result;
    const struct sim_options options = {.trace = print_line, .seen_from = c->seen_from};
    if (sim_run(s, &options, &result))
        return 0;
    printf("// %s\n", result.what);
    return EXIT_FAILED;
}

static void print_good(const struct sim_command *c, const struct sim_report *report)
{
    double s = (double)hf_time_since(report->result.at, report->result.begun_at) / (double)HF_SECOND;
    if (c->json)
        printf("{\"passed\": true, \"segments\": %llu, \"simulated_s\": %.3f, \"digest\": \"%016llx\"}\n",
               (unsigned long long)report->result.frames, s, (unsigned long long)report->result.digest);
    else
        printf("nothing went wrong: %llu segments, %.0f s of virtual time, digest %016llx\n",
               (unsigned long long)report->result.frames, s, (unsigned long long)report->result.digest);
}

static int run_one(const struct sim_command *c)
{
    static struct sim_scenario scenario;
    static struct sim_report report;
    char error[256];
    if (!c->scenario)
        sim_scenario_draw(&scenario, c->seed, c->is_long);
    else if (!sim_scenario_parse(c->scenario, &scenario, error))
        return usage_error("sim", "--scenario: %s", error);
    if (c->trace && !c->shrinks)
        return run_traced(c, &scenario);
    if (sim_run_apart(&scenario, true, &report)) {
        print_good(c, &report);
        return 0;
    }
    print_failure(&scenario, &report);
    if (!c->shrinks)
        return EXIT_FAILED;
    unsigned tries = sim_shrink(&scenario, SHRINK_TRIES);
    printf("\nThe least that still fails, found in %u runs:\n", tries);
    sim_run_apart(&scenario, true, &report);
    print_failure(&scenario, &report);
    if (c->trace)
        run_traced(c, &scenario);
    return EXIT_FAILED;
}

/* ---- many seeds ---- */

struct progress {
    uint64_t total;
    double next_at;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void show_progress(void *arg, uint64_t done, uint64_t failed)
{
    struct progress *p = arg;
    if (seconds_now() < p->next_at)
        return;
    p->next_at = seconds_now() + 1;
    fprintf(stderr, "\r%llu of %llu, %llu failed ", (unsigned long long)done, (unsigned long long)p->total,
            (unsigned long long)failed);
}

static void print_exploration(const struct sim_exploration *x, double took)
{
    printf("%llu seeds from %llu%s: %llu passed, %llu failed; %.1f million segments, %.1f days of virtual time, in "
           "%.1f s\n",
           (unsigned long long)(x->passed + x->failed), (unsigned long long)x->first, x->is_long ? ", long" : "",
           (unsigned long long)x->passed, (unsigned long long)x->failed, (double)x->frames / 1e6,
           x->simulated_s / 86400, took);
}

static void print_json(const struct sim_exploration *x, double took)
{
    json_t *seeds = json_array();
    for (unsigned i = 0; i < x->failed_count; i++)
        json_array_append_new(seeds, json_integer((json_int_t)x->failed_seed[i]));
    json_t *all = json_pack("{s:I, s:I, s:b, s:I, s:I, s:I, s:f, s:f, s:o}", "first", (json_int_t)x->first, "last",
                            (json_int_t)x->last, "long", (int)x->is_long, "passed", (json_int_t)x->passed, "failed",
                            (json_int_t)x->failed, "segments", (json_int_t)x->frames, "simulated_s", x->simulated_s,
                            "seconds", took, "failed_seeds", seeds);
    json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
}

static void print_failed_seed(const struct sim_exploration *x, uint64_t seed)
{
    static struct sim_scenario scenario;
    static struct sim_report report;
    sim_scenario_draw(&scenario, seed, x->is_long);
    if (sim_run_apart(&scenario, true, &report))
        snprintf(report.result.what, sizeof report.result.what,
                 "this time nothing went wrong, which is wrong as well");
    printf("\nseed %llu: ", (unsigned long long)seed);
    print_failure(&scenario, &report);
    printf("  smaller: handfast sim --seed %llu%s --shrink\n", (unsigned long long)seed,
           x->is_long ? " --long" : "");
}

static int explore(const struct sim_command *c)
{
    struct progress progress = {.total = c->last - c->first + 1, .next_at = seconds_now() + 1};
    bool shows = isatty(STDERR_FILENO) && !c->json;
    struct sim_exploration x = {.first = c->first,
                                .last = c->last,
                                .is_long = c->is_long,
                                .seconds = (double)c->lasts / (double)HF_SECOND,
                                .jobs = c->jobs,
                                .progress = shows ? show_progress : NULL,
                                .arg = &progress};
    double began = seconds_now();
    if (!sim_explore(&x)) {
        complain("sim", "no process can be made: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (shows)
        fputs("\r\033[K", stderr);
    if (c->json)
        print_json(&x, seconds_now() - began);
    else
        print_exploration(&x, seconds_now() - began);
    for (unsigned i = 0; !c->json && i < x.failed_count && i < 3; i++)
        print_failed_seed(&x, x.failed_seed[i]);
    for (unsigned i = 3; !c->json && i < x.failed_count; i++)
        printf("%sseed %llu failed too\n", i == 3 ? "\n" : "", (unsigned long long)x.failed_seed[i]);
    return x.failed > 0 ? EXIT_FAILED : 0;
}

int verb_sim(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct sim_command command = {.first = 1,
                                  .last = 1000,
                                  .jobs = processors > 0 ? (unsigned)processors : 1,
                                  .seed = 1,
                                  .path = "",
                                  .bytes = 10000000,
                                  .flows = 1,
                                  .runs = 1,
                                  .mtu = 1500,
                                  .buffer = 8u << 20};
    int status = read_options(&command, argc, argv);
    if (status != 0)
        return status < 0 ? 0 : status;
    if (command.measures)
        return sim_ask(&command);
    if (command.scenario || command.has_seed)
        return run_one(&command);
    return explore(&command);
}

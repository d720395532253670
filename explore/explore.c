/*
 * Every interleaving, up to a depth: breadth first from each start, both branches of every choice.
 *
 *     explore [--states N] [--depth N] [--end-every N] [START...]
 *
 * A state is kept as its canonical form and the move that led to it; its world is made again by playing the moves, so
 * that millions of states cost a few words each, and the first trace that breaks a rule is a shortest one. It is printed
 * as a script (story.c), and the exit status is 1.
 *
 * Read first: world.h, canon.h, judge.h.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "canon.h"
#include "judge.h"
#include "story.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- what was visited ---- */

struct node {
    uint32_t parent;
    struct move move;
    uint8_t depth, spare;
};

struct search {
    const struct start *start;
    struct node *node;
    uint32_t nodes, nodes_max;
    uint64_t *seen; /* forms, open addressing; 0 is free */
    uint64_t seen_mask;
    unsigned depth_max, end_every;
};

/* What one start found out. Shared with the parent process. */
struct result {
    uint64_t states, expanded, moves, ends;
    unsigned depth;
    bool is_complete, is_wrong;
    struct edges edges;
};

static bool is_new(struct search *s, uint64_t form)
{
    form += form == 0;
    uint64_t i = form & s->seen_mask;
    for (; s->seen[i] != 0; i = (i + 1) & s->seen_mask)
        if (s->seen[i] == form)
            return false;
    s->seen[i] = form;
    return true;
}

static void *allocate(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("explore: no memory for that many states");
        exit(2);
    }
    return memory;
}

static void prepare(struct search *s, const struct start *start, uint32_t states)
{
    uint64_t size = 1024;
    while (size < 2 * (uint64_t)states)
        size *= 2;
    s->start = start;
    s->nodes_max = states;
    s->node = allocate((size_t)states * sizeof *s->node);
    s->seen = allocate(size * sizeof *s->seen);
    s->seen_mask = size - 1;
}

/* The moves that lead to a node, first one first; returns how many. */
static unsigned path_to(const struct search *s, uint32_t node, struct move path[256])
{
    unsigned depth = s->node[node].depth;
    for (unsigned i = depth; i > 0; i--, node = s->node[node].parent)
        path[i - 1] = s->node[node].move;
    return depth;
}

static void play(const struct search *s, uint32_t node, const struct world *begin, struct world *w)
{
    struct move path[256];
    unsigned depth = path_to(s, node, path);
    *w = *begin;
    for (unsigned i = 0; i < depth; i++)
        world_make(w, path[i]);
}

/* ---- one start ---- */

static void report_wrong(const struct search *s, uint32_t node, struct move last, bool has_last, const char *wrong)
{
    struct move path[257];
    unsigned depth = path_to(s, node, path);
    if (has_last)
        path[depth++] = last;
    story_print(s->start, path, depth, wrong);
}

/* One branch of one choice: the world after it, if nobody has seen it. */
static bool visit(struct search *s, uint32_t from, struct move move, struct world *w, struct result *result)
{
    static struct world later;
    world_make(w, move);
    result->moves++;
    const char *wrong = judge_now(w, &result->edges);
    if (wrong != NULL) {
        report_wrong(s, from, move, true, wrong);
        return false;
    }
    uint64_t form = world_form(w);
    if (s->nodes == s->nodes_max || !is_new(s, form))
        return true;
    s->node[s->nodes++] = (struct node){from, move, (uint8_t)(s->node[from].depth + 1), 0};
    if (form % s->end_every != 0)
        return true;
    later = *w;
    result->ends++;
    if ((wrong = judge_end(&later)) != NULL) {
        report_wrong(s, from, move, true, wrong);
        return false;
    }
    return true;
}

static bool expand(struct search *s, uint32_t node, const struct world *begin, struct result *result)
{
    static struct world here, next;
    struct move moves[MOVES_MAX];
    play(s, node, begin, &here);
    unsigned count = world_moves(&here, moves);
    for (unsigned i = 0; i < count; i++) {
        next = here;
        /* the verdict on what led here was given when it was visited */
        if (!visit(s, node, moves[i], &next, result))
            return false;
    }
    return true;
}

static void search(struct search *s, struct result *result)
{
    static struct world begin;
    world_begin(&begin, s->start);
    const char *wrong = judge_now(&begin, &result->edges);
    s->nodes = 1;
    (void)is_new(s, world_form(&begin));
    result->is_wrong = wrong != NULL;
    if (wrong != NULL)
        report_wrong(s, 0, (struct move){0, 0}, false, wrong);
    uint32_t i = 0;
    for (; i < s->nodes && s->nodes < s->nodes_max && !result->is_wrong; i++) {
        if (s->node[i].depth >= s->depth_max)
            break;
        result->is_wrong = !expand(s, i, &begin, result);
        result->expanded++;
    }
    result->is_complete = i == s->nodes;
    result->states = s->nodes;
    result->depth = s->node[s->nodes - 1].depth;
}

static void print_result(const struct start *start, const struct result *r)
{
    double branching = r->expanded > 0 ? (double)r->moves / (double)r->expanded : 0;
    printf("%-18s %10llu states, depth %3u%s, %4.1f branches; %llu run to their end%s\n", start->name,
           (unsigned long long)r->states, r->depth, r->is_complete ? " (all)" : "      ", branching,
           (unsigned long long)r->ends, r->is_wrong ? "   WRONG" : "");
    fflush(stdout);
}

/* ---- all starts, a process each ---- */

struct options {
    uint32_t states;
    unsigned depth, end_every;
};

static pid_t begin_child(const struct start *start, const struct options *options, struct result *result)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct search s = {.depth_max = options->depth, .end_every = options->end_every};
    prepare(&s, start, options->states);
    search(&s, result);
    print_result(start, result);
    _exit(result->is_wrong ? 1 : 0);
}

static bool wait_for_one(void)
{
    int status = 0;
    while (wait(&status) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool is_wanted(const struct start *start, char **names)
{
    if (*names == NULL)
        return true;
    for (; *names != NULL; names++)
        if (strcmp(*names, start->name) == 0)
            return true;
    return false;
}

static bool run_all(const struct options *options, char **names, struct result *results)
{
    long at_once = sysconf(_SC_NPROCESSORS_ONLN), running = 0;
    bool good = true;
    for (unsigned i = 0; i < starts_count; i++) {
        if (!is_wanted(&starts[i], names))
            continue;
        if (running == at_once) {
            good &= wait_for_one();
            running--;
        }
        if (begin_child(&starts[i], options, &results[i]) < 0)
            return false;
        running++;
    }
    for (; running > 0; running--)
        good &= wait_for_one();
    return good;
}

static void add_up(const struct result *results, struct result *sum)
{
    for (unsigned i = 0; i < starts_count; i++) {
        sum->states += results[i].states;
        sum->moves += results[i].moves;
        for (unsigned from = 0; from < HF_STATE_COUNT; from++)
            for (unsigned to = 0; to < HF_STATE_COUNT; to++)
                sum->edges.crossed[from][to] += results[i].edges.crossed[from][to];
    }
}

static unsigned legal_edges(void)
{
    const struct edges none = {0};
    return edges_missing(&none, false);
}

/* ---- the command ---- */

static void usage(FILE *out)
{
    fputs("usage: explore [OPTION]... [START]...\n"
          "Runs every interleaving of two engines, from each START or from all.\n\n"
          "  -s, --states N     most states of each start (100000)\n"
          "  -d, --depth N      most moves in a row (250)\n"
          "  -e, --end-every N  let one state in N run to its end (8)\n"
          "  -h, --help         this\n\nstarts:\n",
          out);
    for (unsigned i = 0; i < starts_count; i++)
        fprintf(out, "  %-18s %s\n", starts[i].name, starts[i].what);
}

static unsigned number_of(const char *text, unsigned most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end == '\0' && value > 0 && value <= most)
        return (unsigned)value;
    fprintf(stderr, "explore: '%s' is no number from 1 to %u\n", text, most);
    exit(2);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {{"states", required_argument, NULL, 's'},
                                          {"depth", required_argument, NULL, 'd'},
                                          {"end-every", required_argument, NULL, 'e'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {100000, 250, 8};
    int c;
    while ((c = getopt_long(argc, argv, "s:d:e:h", known, NULL)) != -1)
        switch (c) {
        case 's':
            options.states = number_of(optarg, 200000000);
            break;
        case 'd':
            options.depth = number_of(optarg, 250);
            break;
        case 'e':
            options.end_every = number_of(optarg, 1000000);
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    for (int i = optind; i < argc; i++) {
        bool known_start = false;
        for (unsigned k = 0; k < starts_count; k++)
            known_start |= strcmp(argv[i], starts[k].name) == 0;
        if (!known_start) {
            fprintf(stderr, "explore: no start is named '%s'; --help lists them\n", argv[i]);
            exit(2);
        }
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct result *results =
        mmap(NULL, starts_count * sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED) {
        perror("explore");
        return 2;
    }
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    bool good = run_all(&options, argv + optind, results);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    struct result sum = {0};
    add_up(results, &sum);
    unsigned missing = edges_missing(&sum.edges, true);
    printf("%llu states by %llu moves in %lld s, %u of %u edges of figure 5 crossed%s\n",
           (unsigned long long)sum.states, (unsigned long long)sum.moves, (long long)(ended.tv_sec - began.tv_sec),
           legal_edges() - missing, legal_edges(), good ? "" : "; a rule was BROKEN");
    bool all_starts = argv[optind] == NULL;
    return good && (missing == 0 || !all_starts) ? 0 : 1;
}

/*
 * The program: `opinion [--seeds FROM..TO] [--show SEED] [--check docs/departures.md]`. See opinion.h.
 *
 * Seeds are played in batches, each in a process and a namespace of its own, so that nothing of one lives on in the
 * next. A script whose answers differ in a way that nothing explains is played again alone: the kernel's clock is real,
 * and only what differs each time is a finding. It is printed as a packetdrill script with the kernel's answers beside.
 *
 * Exit code: 0 all differences are explained, 1 some is not, 2 usage, 77 no TUN may be had here.
 */
#define _GNU_SOURCE
#include "opinion.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 200, TRIES = 3, SHOWN_MOST = 10, SKIPPED = 77 };

struct play {
    struct script script;
    struct answer ours[STEPS_MAX], theirs[STEPS_MAX];
    bool failed;
};

struct totals {
    uint64_t sequences, steps, compared, parted, repeated, unexplained;
    uint64_t used[LAWS_MAX];
    uint64_t states[HF_STATE_COUNT]; /* steps taken in each */
    char skipped[128];
};

/* ---- one side after the other ---- */

static bool ask_handfast(struct play *play, uint64_t seed, unsigned steps, FILE *trace)
{
    static const struct answer nothing;
    draw_script(&play->script, seed);
    struct handfast *h = handfast_open(&play->script, trace);
    if (!h)
        return false;
    memset(play->ours, 0, sizeof play->ours);
    while (play->script.count < steps) {
        unsigned i = play->script.count;
        draw_step(&play->script, handfast_peer(h), handfast_application(h), i > 0 ? &play->ours[i - 1] : &nothing);
        handfast_step(h, &play->script.step[i], &play->ours[i]);
    }
    handfast_close(h);
    return true;
}

static void ask_kernel(struct kernel *kernel, struct play *play, unsigned count, FILE *trace)
{
    for (unsigned k = 0; k < count; k++) {
        memset(play[k].theirs, 0, sizeof play[k].theirs);
        play[k].failed |= !kernel_begin(kernel, k, &play[k].script, trace);
    }
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        for (unsigned k = 0; k < count; k++)
            if (i < play[k].script.count)
                kernel_step(kernel, k, &play[k].script.step[i], &play[k].theirs[i]);
        kernel_settle(kernel);
    }
}

/* ---- showing ---- */

static void print_setup(FILE *out, const struct script *script)
{
    int fd = script->role == PASSIVE ? 3 : 4;
    fprintf(out, "0    socket(..., SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP) = %d\n", fd);
    if (script->no_delay)
        fprintf(out, "+0   setsockopt(%d, SOL_TCP, TCP_NODELAY, [1], 4) = 0\n", fd);
    fprintf(out, "+0   bind(%d, ..., ...) = 0\n", fd);
    if (script->role == PASSIVE)
        fprintf(out, "+0   listen(%d, 16) = 0\n", fd);
}

static void print_answer(FILE *out, const char *who, const struct answer *answer)
{
    fprintf(out, "//   %s: %s, unread %u, queued %u, acknowledged %u, sent to %u%s\n", who,
            hf_state_text(answer->state), answer->unread, answer->queued, answer->acked, answer->sent_to,
            answer->has_sent_fin ? " and ends" : "");
}

/* The first `steps` of a seed, played to both, with the frames written down. */
static bool play_traced(struct play *play, uint64_t seed, unsigned steps, char *text[2])
{
    size_t len[2];
    const char *why;
    FILE *trace[2] = {open_memstream(&text[0], &len[0]), open_memstream(&text[1], &len[1])};
    struct kernel *kernel = kernel_open(1, &why);
    bool has_played = kernel && ask_handfast(play, seed, steps, trace[0]);
    if (has_played)
        ask_kernel(kernel, play, 1, trace[1]);
    if (kernel)
        kernel_close(kernel);
    fclose(trace[0]);
    fclose(trace[1]);
    return has_played;
}

static void print_play(FILE *out, const struct play *play, const struct judgement *judgement, char *text[2])
{
    const struct answer *ours = &play->ours[judgement->at], *theirs = &play->theirs[judgement->at];
    print_setup(out, &play->script);
    fprintf(out, "%s// Linux:\n", text[0]);
    for (char *line = strtok(text[1], "\n"); line; line = strtok(NULL, "\n"))
        fprintf(out, "//   %s\n", line);
    fprintf(out, "// After this differ:");
    judge_print(out, judgement->differs);
    fprintf(out, "%s\n", judgement->is_explained ? " (which is explained)" : "");
    print_answer(out, "Handfast", ours);
    print_answer(out, "Linux   ", theirs);
    fprintf(out, "//   Handfast's verdict: %s\n\n", hf_reason_name(ours->why));
}

/* A script up to where the answers differ for the last time that was compared, as Handfast answers it. */
static void show(uint64_t seed, FILE *out)
{
    struct play play;
    struct judgement judgement;
    unsigned steps = STEPS_MAX;
    for (unsigned round = 0; round < 2; round++) {
        char *text[2] = {NULL, NULL};
        if (play_traced(&play, seed, steps, text)) {
            judge(&play.script, play.ours, play.theirs, &judgement);
            steps = judgement.at + 1;
            if (round == 1)
                print_play(out, &play, &judgement, text);
        }
        free(text[0]);
        free(text[1]);
    }
    fflush(out);
}

/* ---- batches ---- */

static void add(struct totals *totals, const struct play *play, const struct judgement *judgement)
{
    totals->sequences++;
    totals->steps += play->script.count;
    totals->compared += judgement->compared;
    totals->parted += judgement->compared < play->script.count;
    for (unsigned i = 0; i < judgement->compared; i++)
        totals->states[play->ours[i].state]++;
    for (unsigned i = 0; i < LAWS_MAX; i++)
        totals->used[i] += judgement->used[i];
}

static void print_finding(const struct play *play, const struct judgement *judgement)
{
    unsigned at = judgement->at;
    printf("// seed %llu, step %u, ", (unsigned long long)play->script.seed, at + 1);
    step_print(stdout, &play->script.step[at]);
    printf(", in %s, verdict %s:", hf_state_text(at > 0 ? play->ours[at - 1].state : HF_CLOSED),
           hf_reason_name(play->ours[at].why));
    judge_print(stdout, judgement->differs);
    printf(" differ\n");
}

/* What nothing explains is played again, those that are left together, before it counts. */
static unsigned play_again(struct play *play, unsigned count)
{
    const char *why;
    struct judgement judgement;
    struct kernel *kernel = kernel_open(count, &why);
    unsigned left = 0;
    if (!kernel)
        return count;
    ask_kernel(kernel, play, count, NULL);
    kernel_close(kernel);
    for (unsigned k = 0; k < count; k++) {
        judge(&play[k].script, play[k].ours, play[k].theirs, &judgement);
        if (!judgement.is_explained || play[k].failed)
            play[left++] = play[k];
    }
    return left;
}

/* Judges all plays; returns how many are not explained, and moves those to the front. */
static unsigned judge_all(struct totals *totals, struct play *play, unsigned count)
{
    struct judgement judgement;
    unsigned left = 0;
    for (unsigned k = 0; k < count; k++) {
        judge(&play[k].script, play[k].ours, play[k].theirs, &judgement);
        add(totals, &play[k], &judgement);
        if (!judgement.is_explained || play[k].failed)
            play[left++] = play[k];
    }
    return left;
}

static void tell(struct totals *totals, const struct play *play)
{
    struct judgement judgement;
    judge(&play->script, play->ours, play->theirs, &judgement);
    print_finding(play, &judgement);
    if (totals->unexplained++ < SHOWN_MOST)
        show(play->script.seed, stdout);
}

static void play_batch(struct totals *totals, uint64_t from, unsigned count)
{
    const char *why = "out of memory";
    struct play *play = calloc(count, sizeof *play);
    struct kernel *kernel = play ? kernel_open(count, &why) : NULL;
    if (!kernel) {
        snprintf(totals->skipped, sizeof totals->skipped, "%s", why);
        return;
    }
    for (unsigned k = 0; k < count; k++)
        play[k].failed = !ask_handfast(&play[k], from + k, STEPS_MAX, NULL);
    ask_kernel(kernel, play, count, NULL);
    kernel_close(kernel);
    unsigned left = judge_all(totals, play, count);
    totals->repeated += left;
    for (unsigned try = 1; try < TRIES && left > 0; try++)
        left = play_again(play, left);
    for (unsigned k = 0; k < left; k++)
        tell(totals, &play[k]);
    free(play);
}

/* In a child, whose namespace ends with it. */
static bool play_apart(struct totals *totals, uint64_t from, unsigned count)
{
    int status = 1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        play_batch(totals, from, count);
        fflush(stdout);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void report(const struct totals *totals)
{
    printf("%llu sequences, %llu steps, %llu of them compared; %llu sequences parted at a known departure\n",
           (unsigned long long)totals->sequences, (unsigned long long)totals->steps,
           (unsigned long long)totals->compared, (unsigned long long)totals->parted);
    for (unsigned i = 0; i < HF_STATE_COUNT; i++)
        if (totals->states[i] > 0)
            printf("  %-14s %8llu steps\n", hf_state_text((enum hf_state)i), (unsigned long long)totals->states[i]);
    for (unsigned i = 0; judge_law(i); i++)
        if (totals->used[i] > 0)
            printf("  %-10s %-28s %8llu\n", judge_law(i)->is_freedom ? "free" : "departure", judge_law(i)->id,
                   (unsigned long long)totals->used[i]);
    printf("%llu played again alone; %llu not explained\n", (unsigned long long)totals->repeated,
           (unsigned long long)totals->unexplained);
}

static int play_all(uint64_t from, uint64_t to)
{
    struct totals *totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return EXIT_FAILURE;
    for (uint64_t at = from; at <= to; at += BATCH) {
        unsigned count = to - at + 1 < BATCH ? (unsigned)(to - at + 1) : BATCH;
        if (!play_apart(totals, at, count)) {
            fprintf(stderr, "opinion: the batch from seed %llu did not end well\n", (unsigned long long)at);
            return EXIT_FAILURE;
        }
        if (totals->skipped[0]) {
            fprintf(stderr, "opinion: not run: %s\n", totals->skipped);
            return SKIPPED;
        }
    }
    report(totals);
    return totals->unexplained == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the program ---- */

static int usage(void)
{
    fputs("usage: opinion [--seeds FROM..TO] [--show SEED] [--check docs/departures.md]\n", stderr);
    return 2;
}

/* Whether the page explains the departures that judge.c knows, and no others: a row for each, its name first. */
static int check_page(const char *path)
{
    char line[1024], name[64];
    bool is_there[LAWS_MAX] = {false};
    int wrong = 0;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        unsigned i = 0;
        if (sscanf(line, "| `%63[a-z0-9-]` |", name) != 1)
            continue;
        while (judge_law(i) && strcmp(judge_law(i)->id, name) != 0)
            i++;
        if (judge_law(i))
            is_there[i] = true;
        else
            wrong += printf("%s: no rule of tests/opinion/judge.c is called %s\n", path, name) > 0;
    }
    for (unsigned i = 0; judge_law(i); i++)
        if (!is_there[i])
            wrong += printf("%s: nothing is said of %s\n", path, judge_law(i)->id) > 0;
    if (file)
        fclose(file);
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seeds", required_argument, NULL, 's'},
                                            {"show", required_argument, NULL, 'w'},
                                            {"check", required_argument, NULL, 'c'},
                                            {0}};
    unsigned long long from = 1, to = 2000;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'w') {
            show(strtoull(optarg, NULL, 10), stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'c')
            return check_page(optarg);
        if (option != 's' || sscanf(optarg, "%llu..%llu", &from, &to) != 2 || from > to)
            return usage();
    }
    return optind == argc ? play_all(from, to) : usage();
}

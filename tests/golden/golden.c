/*
 * Performance as tables: goodput over paths, what a burst of losses costs, fairness, and the queue that flows build. All in
 * virtual time, so that a table depends on the code alone, and what a change does to it shows as a difference of files.
 *
 *     golden DIRECTORY          compares with DIRECTORY/NAME.tsv, within each column's tolerance
 *     golden --write DIRECTORY  draws them anew
 *
 * A table is a TSV file: lines of comment, the names of columns, rows. Columns without tolerance name the row.
 *
 * Read first: sim/measure.h.
 */
#include "../../sim/measure.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 12
#define ROWS_MAX    256
#define CELL_LEN    24
#define RUNS        3 /* courses of chance, of which a cell shows the median */

struct column {
    const char *name;
    double relative, absolute; /* how far a value may be off: the greater of the two; both 0: it names the row */
};

struct table {
    const char *name, *about;
    struct column column[COLUMNS_MAX];
    void (*fill)(struct table *table);
    unsigned rows;
    char cell[ROWS_MAX][COLUMNS_MAX][CELL_LEN];
};

static const struct {
    const char *name;
    enum hf_cc_algorithm cc;
} controllers[] = {{"cubic", HF_CC_CUBIC}, {"newreno", HF_CC_NEWRENO}, {"bbr", HF_CC_BBR}};
enum { CONTROLLERS = sizeof controllers / sizeof controllers[0] };

/* ---- asking ---- */

__attribute__((format(printf, 2, 3))) static void set_path(struct sim_question *q, const char *format, ...)
{
    char text[256], error[256];
    struct fault_spec spec;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!hf_fault_spec_parse(text, &spec, error)) {
        fprintf(stderr, "golden: %s: %s\n", text, error);
        exit(1);
    }
    memcpy(q->path, spec.path, sizeof q->path);
}

static struct sim_answer ask(const struct sim_question *q)
{
    struct sim_answer answer;
    char what[256];
    if (!sim_measure(q, &answer, what)) {
        fprintf(stderr, "golden: %s\n", what);
        exit(1);
    }
    return answer;
}

static int by_goodput(const void *a, const void *b)
{
    double one = ((const struct sim_answer *)a)->goodput, other = ((const struct sim_answer *)b)->goodput;
    return (one > other) - (one < other);
}

/* The run in the middle of several. */
static struct sim_answer ask_often(struct sim_question *q)
{
    struct sim_answer answers[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        q->seed = i + 1;
        answers[i] = ask(q);
    }
    qsort(answers, RUNS, sizeof answers[0], by_goodput);
    return answers[RUNS / 2];
}

/* ---- rows ---- */

static void put(struct table *table, unsigned column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put(struct table *table, unsigned column, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(table->cell[table->rows][column], CELL_LEN, format, arguments);
    va_end(arguments);
}

static const double queues[] = {0.25, 1, 2}; /* bandwidth-delay products */
static const unsigned rtts[] = {10, 100};    /* ms */

/* Bytes that a path of so many Mbit/s holds. */
static unsigned product(unsigned mbit, unsigned rtt_ms, double part)
{
    return (unsigned)(mbit * 1000.0 / 8 * rtt_ms * part);
}

/* Buffers of twice what path and queue can hold limit nothing. */
static unsigned enough(unsigned mbit, unsigned rtt_ms, double queue)
{
    return 2 * product(mbit, rtt_ms, 1 + queue) + 100000;
}

static void goodput_row(struct table *table, const char *chance, unsigned rtt, double queue, unsigned controller)
{
    struct sim_question q = {
        .flows = 1, .mtu = 1500, .bytes = 1000000000, .duration = 10 * HF_SECOND, .cc = controllers[controller].cc};
    set_path(&q, "delay %uus, out rate 20Mbit, out queue %ub%s%s", rtt * 500, product(20, rtt, queue),
             *chance ? ", out " : "", chance);
    struct sim_answer a = ask_often(&q);
    put(table, 0, "%s", *chance ? chance : "none");
    put(table, 1, "%u", rtt);
    put(table, 2, "%.2f", queue);
    put(table, 3, "%s", controllers[controller].name);
    put(table, 4, "%.2f", a.goodput);
    put(table, 5, "%.2f", a.again_percent);
    table->rows++;
}

static void fill_goodput(struct table *table)
{
    static const char *const chances[] = {"", "loss 0.1%", "loss 1%", "loss 3%", "burst 1% of 8", "reorder 3%"};
    for (unsigned i = 0; i < sizeof chances / sizeof chances[0]; i++)
        for (unsigned rtt = 0; rtt < 2; rtt++)
            for (unsigned queue = 0; queue < 3; queue++)
                for (unsigned controller = 0; controller < CONTROLLERS; controller++)
                    goodput_row(table, chances[i], rtts[rtt], queues[queue], controller);
}

/* How much longer 1 MB takes when so many segments in a row are lost, in the midst of it or at its end. */
static void recovery_row(struct table *table, unsigned rtt, unsigned burst, bool is_tail)
{
    const unsigned bytes = 1000000, segments = (bytes + 1447) / 1448;
    struct sim_question q = {
        .seed = 1, .flows = 1, .mtu = 1500, .bytes = bytes, .buffer = product(20, rtt, 1) + 80000};
    set_path(&q, "delay %uus, out rate 20Mbit, out queue 1MB", rtt * 500);
    double without = ask(&q).seconds;
    q.drop_from = is_tail ? segments - burst + 1 : segments / 2;
    q.drop_count = burst;
    struct sim_answer with = ask(&q);
    put(table, 0, "%u", rtt);
    put(table, 1, "%s", is_tail ? "tail" : "middle");
    put(table, 2, "%u", burst);
    put(table, 3, "%.1f", (with.seconds - without) * 1e3);
    put(table, 4, "%.2f", with.again_percent);
    table->rows++;
}

static void fill_recovery(struct table *table)
{
    static const unsigned bursts[] = {1, 2, 3, 5, 10, 20, 50};
    for (unsigned rtt = 0; rtt < 2; rtt++)
        for (unsigned tail = 0; tail < 2; tail++)
            for (unsigned i = 0; i < sizeof bursts / sizeof bursts[0]; i++)
                recovery_row(table, rtts[rtt], bursts[i], tail == 1);
}

static void fairness_row(struct table *table, unsigned flows, unsigned controller)
{
    struct sim_question q = {.seed = 1,
                             .flows = flows,
                             .mtu = 1500,
                             .bytes = 1000000000,
                             .buffer = enough(50, 20, 1),
                             .apart_ms = 50,
                             .duration = 30 * HF_SECOND,
                             .cc = controllers[controller].cc};
    set_path(&q, "delay 10ms, out rate 50Mbit, out queue %ub", product(50, 20, 1));
    struct sim_answer a = ask(&q);
    put(table, 0, "%u", flows);
    put(table, 1, "%s", controllers[controller].name);
    put(table, 2, "%.3f", a.fairness);
    put(table, 3, "%.2f", a.goodput);
    put(table, 4, "%.2f", a.again_percent);
    put(table, 5, "%.2f", a.queue_ms);
    table->rows++;
}

static void fill_fairness(struct table *table)
{
    for (unsigned controller = 0; controller < CONTROLLERS; controller++)
        for (unsigned flows = 2; flows <= 64; flows *= 2)
            fairness_row(table, flows, controller);
}

static void queue_row(struct table *table, unsigned rtt, double queue, unsigned controller)
{
    struct sim_question q = {.seed = 1,
                             .flows = 1,
                             .mtu = 1500,
                             .bytes = 1000000000,
                             .buffer = enough(20, rtt, queue),
                             .duration = 30 * HF_SECOND,
                             .cc = controllers[controller].cc};
    set_path(&q, "delay %uus, out rate 20Mbit, out queue %ub", rtt * 500, product(20, rtt, queue));
    struct sim_answer a = ask(&q);
    put(table, 0, "%u", rtt);
    put(table, 1, "%.2f", queue);
    put(table, 2, "%s", controllers[controller].name);
    put(table, 3, "%.2f", a.queue_ms);
    put(table, 4, "%.2f", a.queue_most_ms);
    put(table, 5, "%.2f", a.goodput);
    table->rows++;
}

static void fill_queue(struct table *table)
{
    static const double deep[] = {0.25, 1, 2, 8};
    for (unsigned rtt = 0; rtt < 2; rtt++)
        for (unsigned queue = 0; queue < 4; queue++)
            for (unsigned controller = 0; controller < CONTROLLERS; controller++)
                queue_row(table, rtts[rtt], deep[queue], controller);
}

static struct table tables[] = {
    {.name = "goodput",
     .about = "One flow, 10 s over 20 Mbit/s, median of 3 courses of chance. Queue in bandwidth-delay products.",
     .column = {{"chance", 0, 0},
                {"rtt_ms", 0, 0},
                {"queue_bdp", 0, 0},
                {"controller", 0, 0},
                {"goodput_mbit", 0.1, 0.2},
                {"again_percent", 0.25, 0.5}},
     .fill = fill_goodput},
    {.name = "recovery",
     .about =
         "How much longer 1 MB over 20 Mbit/s takes when so many segments in a row are lost (cubic, windows above "
         "the product by 80 kB).",
     .column =
         {{"rtt_ms", 0, 0}, {"where", 0, 0}, {"burst", 0, 0}, {"longer_ms", 0.1, 10}, {"again_percent", 0.25, 0.5}},
     .fill = fill_recovery},
    {.name = "fairness",
     .about = "Flows that begin 50 ms apart, 30 s over 50 Mbit/s, 20 ms, a queue of one product; Jain's index.",
     .column = {{"flows", 0, 0},
                {"controller", 0, 0},
                {"jain", 0, 0.05},
                {"goodput_mbit", 0.05, 0.2},
                {"again_percent", 0.25, 0.5},
                {"queue_ms", 0.15, 1}},
     .fill = fill_fairness},
    {.name = "queue",
     .about = "The queue that one flow builds in 30 s over 20 Mbit/s without loss.",
     .column = {{"rtt_ms", 0, 0},
                {"queue_bdp", 0, 0},
                {"controller", 0, 0},
                {"queue_ms", 0.15, 1},
                {"queue_most_ms", 0.1, 1},
                {"goodput_mbit", 0.05, 0.2}},
     .fill = fill_queue},
};
enum { TABLES = sizeof tables / sizeof tables[0] };

/* ---- files ---- */

static unsigned columns_of(const struct table *table)
{
    unsigned count = 0;
    while (count < COLUMNS_MAX && table->column[count].name)
        count++;
    return count;
}

static bool is_value(const struct column *column)
{
    return column->relative != 0 || column->absolute != 0;
}

static FILE *open_table(const struct table *table, const char *directory, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.tsv", directory, table->name);
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void write_table(const struct table *table, const char *directory)
{
    FILE *file = open_table(table, directory, "w");
    unsigned columns = columns_of(table);
    fprintf(file, "# %s\n# Drawn by `make golden`. A value may be off by the greater of:", table->about);
    for (unsigned i = 0, said = 0; i < columns; i++)
        if (is_value(&table->column[i]))
            fprintf(file, "%s %s %.0f %% or %g", said++ ? "," : "", table->column[i].name,
                    table->column[i].relative * 100, table->column[i].absolute);
    fprintf(file, ".\n");
    for (unsigned i = 0; i < columns; i++)
        fprintf(file, "%s%c", table->column[i].name, i + 1 < columns ? '\t' : '\n');
    for (unsigned row = 0; row < table->rows; row++)
        for (unsigned i = 0; i < columns; i++)
            fprintf(file, "%s%c", table->cell[row][i], i + 1 < columns ? '\t' : '\n');
    if (fclose(file) != 0) {
        perror(table->name);
        exit(1);
    }
}

static bool is_near(const struct column *column, const char *was, const char *is)
{
    if (!is_value(column))
        return strcmp(was, is) == 0;
    double expected = strtod(was, NULL), value = strtod(is, NULL);
    return fabs(value - expected) <= fmax(column->absolute, column->relative * fabs(expected)) + 1e-9;
}

/* One line of the file against one row. Returns how many values are too far off, each of which is told. */
static unsigned compare_row(const struct table *table, unsigned row, char *line)
{
    unsigned wrong = 0;
    char *cell = line;
    line[strcspn(line, "\n")] = '\0';
    for (unsigned i = 0; i < columns_of(table); i++) {
        char *next = cell + strcspn(cell, "\t");
        char *after = *next ? next + 1 : next;
        *next = '\0';
        if (!is_near(&table->column[i], cell, table->cell[row][i])) {
            printf("%s:", table->name);
            for (unsigned key = 0; !is_value(&table->column[key]); key++)
                printf(" %s=%s", table->column[key].name, table->cell[row][key]);
            printf(": %s is %s, and was %s\n", table->column[i].name, table->cell[row][i], cell);
            wrong++;
        }
        cell = after;
    }
    return wrong;
}

static unsigned compare_table(const struct table *table, const char *directory)
{
    FILE *file = open_table(table, directory, "r");
    unsigned row = 0, wrong = 0;
    bool has_names = false;
    char line[1024];
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            continue;
        if (has_names && row < table->rows)
            wrong += compare_row(table, row, line);
        row += has_names;
        has_names = true;
    }
    fclose(file);
    if (row != table->rows)
        printf("%s: %u rows, and were %u\n", table->name, table->rows, row);
    return wrong + (row != table->rows);
}

int main(int argc, char **argv)
{
    bool writes = argc == 3 && strcmp(argv[1], "--write") == 0;
    unsigned wrong = 0;
    if (argc != 2 && !writes) {
        fprintf(stderr, "usage: golden [--write] DIRECTORY\n");
        return 2;
    }
    for (unsigned i = 0; i < TABLES; i++) {
        tables[i].fill(&tables[i]);
        if (writes)
            write_table(&tables[i], argv[2]);
        else
            wrong += compare_table(&tables[i], argv[1]);
    }
    if (wrong > 0)
        printf("%u values are off; when that is meant, `make golden` draws the tables anew\n", wrong);
    return wrong > 0;
}

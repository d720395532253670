/* What the runs over made paths gave: a table, JSON, and a picture. Read first: path.h. */
#include "path.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RESAMPLES 2000

/* A ratio of medians, and the interval in which nine of ten of the bootstrap's lie (Efron, 1979). */
struct ratio {
    double is, low, high;
};

static const char *const way_names[PATH_WAYS] = {"kernel to kernel", "Handfast to kernel", "kernel to Handfast"};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof *values, compare);
    return count == 0 ? NAN : (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static unsigned collect(const struct path_series *s, enum path_way way, unsigned runs, bool again, double *out)
{
    unsigned count = 0;
    for (unsigned i = 0; i < runs; i++)
        if (s->run[way][i].is_good)
            out[count++] = again ? s->run[way][i].again : s->run[way][i].mbit;
    return count;
}

static double median_of(const struct path_series *s, enum path_way way, unsigned runs, bool again)
{
    double values[PATH_RUNS_MAX];
    return median(values, collect(s, way, runs, again, values));
}

/* Draws as many as there are, with repetition. */
static double resample(const double *values, unsigned count, uint64_t *random)
{
    double drawn[PATH_RUNS_MAX];
    for (unsigned i = 0; i < count; i++) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        drawn[i] = values[(*random >> 33) % count];
    }
    return median(drawn, count);
}

static struct ratio ratio_of(const struct path_series *s, enum path_way way, unsigned runs)
{
    double ours[PATH_RUNS_MAX], theirs[PATH_RUNS_MAX], ratios[RESAMPLES];
    unsigned n = collect(s, way, runs, false, ours), m = collect(s, KERNEL_TO_KERNEL, runs, false, theirs);
    uint64_t random = 1;
    if (n == 0 || m == 0)
        return (struct ratio){NAN, NAN, NAN};
    for (unsigned i = 0; i < RESAMPLES; i++) {
        double own = resample(ours, n, &random);
        ratios[i] = own / resample(theirs, m, &random);
    }
    qsort(ratios, RESAMPLES, sizeof ratios[0], compare);
    return (struct ratio){median(ours, n) / median(theirs, m), ratios[RESAMPLES / 20],
                          ratios[RESAMPLES - RESAMPLES / 20]};
}

/* ---- the table ---- */

static void print_cell(const struct path_cell *cell, const struct path_series *s, unsigned runs)
{
    struct ratio out = ratio_of(s, HANDFAST_TO_KERNEL, runs), in = ratio_of(s, KERNEL_TO_HANDFAST, runs);
    printf("%-26s %8.2f %8.2f  %5.2f %5.2f..%-5.2f %8.2f  %5.2f %5.2f..%-5.2f %7.2f %7.2f%s\n", cell->name,
           median_of(s, KERNEL_TO_KERNEL, runs, false), median_of(s, HANDFAST_TO_KERNEL, runs, false), out.is,
           out.low, out.high, median_of(s, KERNEL_TO_HANDFAST, runs, false), in.is, in.low, in.high,
           median_of(s, KERNEL_TO_KERNEL, runs, true), median_of(s, HANDFAST_TO_KERNEL, runs, true),
           out.high < 0.9 || in.high < 0.9 ? "  BELOW" : "");
}

static void print_table(const struct path_cell *cells, const struct path_series *series, unsigned count,
                        unsigned runs)
{
    double out[256], in[256], theirs = 0, ours = 0;
    unsigned n = 0;
    printf("%-26s %8s %8s  %-18s %8s  %-18s %7s %7s\n", "path", "k to k", "H to k", "ratio (90 %)", "k to H",
           "ratio (90 %)", "again k", "again H");
    for (unsigned i = 0; i < count; i++) {
        print_cell(&cells[i], &series[i], runs);
        out[n] = ratio_of(&series[i], HANDFAST_TO_KERNEL, runs).is;
        in[n] = ratio_of(&series[i], KERNEL_TO_HANDFAST, runs).is;
        theirs += median_of(&series[i], KERNEL_TO_KERNEL, runs, true);
        ours += median_of(&series[i], HANDFAST_TO_KERNEL, runs, true);
        n += !isnan(out[n]) && !isnan(in[n]) && n < 255;
    }
    printf("%-26s %8s %8s  %5.2f %12s %8s  %5.2f %12s %7.2f %7.2f\n", "median, mean of `again`", "", "",
           median(out, n), "", "", median(in, n), "", theirs / count, ours / count);
}

/* ---- JSON ---- */

static json_t *number(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *spread(const struct path_series *s, enum path_way way, unsigned runs)
{
    double values[PATH_RUNS_MAX];
    unsigned count = collect(s, way, runs, false, values);
    if (count == 0)
        return json_null();
    qsort(values, count, sizeof values[0], compare);
    return json_pack("{s:f, s:f}", "min", values[0], "max", values[count - 1]);
}

static json_t *json_row(const struct path_cell *cell, const struct path_series *s, enum path_way way, unsigned runs)
{
    struct ratio ratio = ratio_of(s, way, runs);
    char figure[96];
    snprintf(figure, sizeof figure, "%s: %s", cell->name, way_names[way]);
    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:{s:o, s:o}, s:{s:o, s:o}, s:i, s:f, s:s, s:o, s:o}",
                     "figure", figure, "unit", "Mbit/s", "handfast", number(median_of(s, way, runs, false)), "peer",
                     number(median_of(s, KERNEL_TO_KERNEL, runs, false)), "peer_name", "linux", "ratio",
                     number(ratio.is), "interval", "low", number(ratio.low), "high", number(ratio.high), "spread",
                     "handfast", spread(s, way, runs), "peer", spread(s, KERNEL_TO_KERNEL, runs), "runs", (int)runs,
                     "goal", 1.0, "goal_of", "ratio", "again_percent", number(median_of(s, way, runs, true)),
                     "peer_again_percent", number(median_of(s, KERNEL_TO_KERNEL, runs, true)));
}

static bool write_json(const char *dir, const struct path_cell *cells, const struct path_series *series,
                       unsigned count, unsigned runs)
{
    char path[4096];
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++)
        for (unsigned way = HANDFAST_TO_KERNEL; way < PATH_WAYS; way++)
            json_array_append_new(list, json_row(&cells[i], &series[i], (enum path_way)way, runs));
    snprintf(path, sizeof path, "%s/path.json", dir);
    bool is_written = json_dump_file(list, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;
    json_decref(list);
    return is_written;
}

/* ---- the picture: a line for each path, a dot for each direction with its interval, 1 in the middle ---- */

enum { LEFT = 230, WIDTH = 560, TOP = 60, LINE = 20 };

/* Ratios from a quarter to four, on a logarithmic scale. */
static double across(double ratio)
{
    double place = log2(fmin(4, fmax(0.25, ratio)));
    return LEFT + WIDTH * (place + 2) / 4;
}

static void draw_dot(FILE *file, struct ratio r, double y, const char *colour)
{
    if (isnan(r.is))
        return;
    fprintf(file,
            "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' stroke-width='2'/>"
            "<circle cx='%.1f' cy='%.1f' r='4' fill='%s'/>\n",
            across(r.low), across(r.high), y, y, colour, across(r.is), y, colour);
}

static void draw_frame(FILE *file, unsigned count)
{
    static const double marks[] = {0.25, 0.5, 0.9, 1, 2, 4};
    int bottom = TOP + LINE * (int)count;
    fprintf(
        file,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' font-size='12'>\n"
        "<rect width='100%%' height='100%%' fill='white'/>\n"
        "<text x='10' y='20' font-size='14'>Goodput beside the kernel's with itself, %d Mbit/s, cubic; 90 %% "
        "intervals</text>\n"
        "<text x='10' y='40' fill='#1b6ca8'>Handfast sends</text><text x='120' y='40' fill='#c2571a'>Handfast "
        "receives</text>\n",
        LEFT + WIDTH + 30, bottom + 40, PATH_MBIT);
    for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++)
        fprintf(file,
                "<line x1='%.1f' x2='%.1f' y1='%d' y2='%d' stroke='%s'/><text x='%.1f' y='%d' "
                "text-anchor='middle'>%g</text>\n",
                across(marks[i]), across(marks[i]), TOP, bottom, marks[i] == 1 ? "#444" : "#ccc", across(marks[i]),
                bottom + 18, marks[i]);
}

static bool write_picture(const char *dir, const struct path_cell *cells, const struct path_series *series,
                          unsigned count, unsigned runs)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/path.svg", dir);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    draw_frame(file, count);
    for (unsigned i = 0; i < count; i++) {
        double y = TOP + LINE * (i + 0.5);
        fprintf(file, "<text x='10' y='%.1f'>%s</text>\n", y + 4, cells[i].name);
        draw_dot(file, ratio_of(&series[i], HANDFAST_TO_KERNEL, runs), y - 3, "#1b6ca8");
        draw_dot(file, ratio_of(&series[i], KERNEL_TO_HANDFAST, runs), y + 3, "#c2571a");
    }
    fprintf(file, "</svg>\n");
    return fclose(file) == 0;
}

bool path_report(const char *dir, const struct path_cell *cells, const struct path_series *series, unsigned count,
                 unsigned runs)
{
    print_table(cells, series, count, runs);
    (void)mkdir(dir, 0777); /* its absence shows when the files are opened */
    if (write_json(dir, cells, series, count, runs) && write_picture(dir, cells, series, count, runs)) {
        printf("%s/path.json, %s/path.svg\n", dir, dir);
        return true;
    }
    fprintf(stderr, "bench_path: cannot write to %s: %s; give another folder with --out\n", dir, strerror(errno));
    return false;
}

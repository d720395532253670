/* What was measured, as a table for people and as a file of JSON objects for the next comparison. */
#include "bench.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct bench_report {
    char path[4096];
    json_t *list;
    const struct bench_figure *last; /* the figure of the line above: its own value is not said twice */
};

static void print_line(const char *figure, const char *unit, const char *ours, const char *peer, const char *theirs,
                       const char *ratio, const char *goal, const char *note)
{
    printf("%-22s %-8s %24s  %-10s %24s %7s %8s  %s\n", figure, unit, ours, peer, theirs, ratio, goal, note);
    fflush(stdout);
}

struct bench_report *bench_report_open(const struct bench_options *options)
{
    struct bench_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        abort();
    (void)mkdir(options->dir, 0777); /* its absence shows when the file is opened */
    snprintf(report->path, sizeof report->path, "%s/%s.json", options->dir, options->name);
    report->list = json_array();
    print_line("figure", "unit", "handfast (least..most)", "peer", "(least..most)", "ratio", "goal", "");
    return report;
}

/* Three digits that matter: 61.4, 3.02, 1250. */
static const char *print_value(double value, char text[32])
{
    if (value >= 1e6)
        snprintf(text, 32, "%.2fM", value / 1e6);
    else if (value >= 1e4)
        snprintf(text, 32, "%.1fk", value / 1e3);
    else
        snprintf(text, 32, "%.*f", value >= 100 ? 0 : value >= 10 ? 1 : 2, value);
    return text;
}

static void print_result(const struct bench_result *result, char text[112])
{
    char median[32], least[32], most[32];
    if (result->runs == 0) {
        snprintf(text, 112, "-");
        return;
    }
    print_value(result->median, median);
    if (result->least == result->most)
        snprintf(text, 112, "%s", median);
    else
        snprintf(text, 112, "%s (%s..%s)", median, print_value(result->least, least),
                 print_value(result->most, most));
}

static double ratio_of(const struct bench_figure *figure, const struct bench_result *ours,
                       const struct bench_result *theirs)
{
    if (ours->runs == 0 || theirs == NULL || theirs->runs == 0 || ours->median == 0 || theirs->median == 0)
        return NAN;
    return figure->less_is_better ? theirs->median / ours->median : ours->median / theirs->median;
}

/* Which goal a line is held to: the peer's, or else the figure's own. */
static double goal_of(const struct bench_figure *figure, const struct bench_side *peer, bool *of_ratio)
{
    *of_ratio = peer != NULL && peer->goal > 0;
    return *of_ratio ? peer->goal : figure->goal;
}

static void print_goal(const struct bench_figure *figure, const struct bench_side *peer, char text[64])
{
    bool of_ratio;
    char value[32];
    double goal = goal_of(figure, peer, &of_ratio);
    text[0] = '\0';
    if (goal > 0 && of_ratio)
        snprintf(text, 64, "x %.2g", goal);
    else if (goal > 0)
        snprintf(text, 64, "%s %s", figure->less_is_better ? "<=" : ">=", print_value(goal, value));
}

static void print_row(struct bench_report *report, const struct bench_figure *figure,
                      const struct bench_result *ours, const struct bench_side *peer,
                      const struct bench_result *theirs)
{
    char own[112], other[112] = "", ratio[32] = "", goal[64], note[2 * BENCH_NOTE_LEN + 4];
    double factor = ratio_of(figure, ours, theirs);
    print_result(ours, own);
    if (theirs != NULL)
        print_result(theirs, other);
    if (!isnan(factor))
        snprintf(ratio, sizeof ratio, "%.2f", factor);
    print_goal(figure, peer, goal);
    const char *their_note = theirs != NULL ? theirs->note : "";
    bool first = report->last != figure;
    snprintf(note, sizeof note, "%s%s%s", first ? ours->note : "", *their_note ? " | " : "", their_note);
    print_line(first ? figure->name : "", first ? figure->unit : "", first ? own : "",
               peer != NULL ? peer->name : "", other, ratio, goal, note);
    report->last = figure;
}

static json_t *json_number(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *json_median(const struct bench_result *result)
{
    return json_number(result == NULL || result->runs == 0 ? NAN : result->median);
}

static json_t *json_spread(const struct bench_result *result)
{
    if (result == NULL || result->runs == 0)
        return json_null();
    return json_pack("{s:f, s:f}", "min", result->least, "max", result->most);
}

static json_t *json_row(const struct bench_figure *figure, const struct bench_result *ours,
                        const struct bench_side *peer, const struct bench_result *theirs)
{
    bool of_ratio;
    double goal = goal_of(figure, peer, &of_ratio);
    json_t *row =
        json_pack("{s:s, s:s, s:o, s:o, s:s?, s:o, s:{s:o, s:o}, s:i, s:s, s:s}", "figure", figure->name, "unit",
                  figure->unit, "handfast", json_median(ours), "peer", json_median(theirs), "peer_name",
                  peer != NULL ? peer->name : NULL, "ratio", json_number(ratio_of(figure, ours, theirs)), "spread",
                  "handfast", json_spread(ours), "peer", json_spread(theirs), "runs", (int)ours->runs, "note",
                  ours->note, "peer_note", theirs != NULL ? theirs->note : "");
    if (row != NULL && goal > 0) {
        json_object_set_new(row, "goal", json_real(goal));
        json_object_set_new(row, "goal_of", json_string(of_ratio ? "ratio" : "handfast"));
    }
    return row;
}

void bench_report_add(struct bench_report *report, const struct bench_figure *figure,
                      const struct bench_result *ours, const struct bench_side *peer,
                      const struct bench_result *theirs)
{
    print_row(report, figure, ours, peer, theirs);
    json_array_append_new(report->list, json_row(figure, ours, peer, theirs));
}

int bench_report_close(struct bench_report *report)
{
    int failed = json_dump_file(report->list, report->path, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    if (failed)
        fprintf(stderr, "handfast-bench: cannot write %s: %s; give another folder with --out\n", report->path,
                strerror(errno));
    json_decref(report->list);
    free(report);
    return failed ? 1 : 0;
}

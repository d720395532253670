/* Asking processes and the kernel for what `handfast ss` shows. */
#define _GNU_SOURCE
#include "ss_source.h"

#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct asking {
    struct ss_sources *sources;
    const struct filter *filter;
    const char *request;
    int pid;
    int error;
};

static struct ss_source *add_source(struct ss_sources *sources)
{
    struct ss_source *grown = realloc(sources->at, (sources->count + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    sources->at = grown;
    struct ss_source *source = &grown[sources->count++];
    *source = (struct ss_source){.process = NULL};
    return source;
}

static void free_source(struct ss_source *source)
{
    json_decref(source->process);
    free(source->rows);
}

static bool add_row(struct ss_source *source, const struct socket_row *row)
{
    if (source->count == source->cap) {
        size_t cap = source->cap == 0 ? 64 : 2 * source->cap;
        struct socket_row *grown = realloc(source->rows, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        source->rows = grown;
        source->cap = cap;
    }
    source->rows[source->count++] = *row;
    return true;
}

static int place_of(enum hf_state state)
{
    return state == HF_LISTEN ? -1 : state == HF_CLOSED ? 99 : (int)state;
}

static int compare_rows(const void *left, const void *right)
{
    const struct socket_row *a = left, *b = right;
    if (a->state != b->state)
        return place_of(a->state) - place_of(b->state);
    if (a->age_ms != b->age_ms)
        return a->age_ms > b->age_ms ? -1 : 1;
    return (a->remote.port > b->remote.port) - (a->remote.port < b->remote.port);
}

static void sort_rows(struct ss_source *source)
{
    if (source->count > 1)
        qsort(source->rows, source->count, sizeof *source->rows, compare_rows);
}

void ss_sources_free(struct ss_sources *sources)
{
    for (unsigned i = 0; i < sources->count; i++)
        free_source(&sources->at[i]);
    free(sources->at);
    *sources = (struct ss_sources){.at = NULL};
}

/* ---- processes ---- */

static void take_process(struct ss_source *source, json_t *json)
{
    const json_t *states = json_object_get(json, "states");
    for (int i = 0; i < HF_STATE_COUNT; i++)
        source->counts[i] = (uint64_t)json_integer_value(json_object_get(states, hf_state_text((enum hf_state)i)));
    json_decref(source->process);
    source->process = json_incref(json);
}

/* Listeners and changes are kept with the process, as the lists of these names. */
static bool keep(struct ss_source *source, const char *name, json_t *json)
{
    json_t *list = json_object_get(source->process, name);
    if (source->process == NULL)
        return false;
    if (list == NULL) {
        list = json_array();
        json_object_set_new(source->process, name, list);
    }
    json_object_del(json, "type");
    return json_array_append(list, json) == 0;
}

enum line { LINE_TAKEN, LINE_LAST, LINE_BAD };

static enum line take_line(struct ss_source *source, const struct filter *filter, json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    struct socket_row row;
    if (type == NULL)
        return LINE_BAD;
    if (strcmp(type, "end") == 0)
        return LINE_LAST;
    if (strcmp(type, "process") == 0)
        take_process(source, json);
    if (strcmp(type, "listener") == 0)
        return keep(source, "listeners", json) ? LINE_TAKEN : LINE_BAD;
    if (strcmp(type, "change") == 0)
        return keep(source, "history", json) ? LINE_TAKEN : LINE_BAD;
    if (strcmp(type, "connection") == 0 && socket_row_of_json(&row, json) && filter_matches(filter, &row))
        return add_row(source, &row) ? LINE_TAKEN : LINE_BAD;
    return LINE_TAKEN; /* A later version may say more than we know. */
}

bool ss_read_answer(struct ss_source *source, FILE *answer, const struct filter *filter)
{
    char *text = NULL;
    size_t cap = 0;
    enum line line = LINE_TAKEN;
    for (ssize_t len; line == LINE_TAKEN && (len = getline(&text, &cap, answer)) > 0;) {
        json_t *json = json_loadb(text, (size_t)len, 0, NULL);
        line = take_line(source, filter, json);
        json_decref(json);
    }
    free(text);
    sort_rows(source);
    return line == LINE_LAST && source->process != NULL;
}

static void ask_process(void *arg, int pid, const char *path)
{
    struct asking *asking = arg;
    if (asking->pid != 0 && asking->pid != pid)
        return;
    int fd = control_ask(path, asking->request);
    FILE *answer = fd < 0 ? NULL : fdopen(fd, "r");
    if (answer == NULL) {
        if (fd >= 0)
            close(fd);
        asking->sources->silent++;
        return;
    }
    struct ss_source *source = add_source(asking->sources);
    if (source == NULL) {
        asking->error = -ENOMEM;
    } else if (!ss_read_answer(source, answer, asking->filter)) {
        free_source(source);
        asking->sources->count--;
        asking->sources->silent++;
    }
    fclose(answer);
}

int ss_ask_processes(struct ss_sources *sources, int pid, const struct filter *filter, const char *request)
{
    struct asking asking = {sources, filter, request, pid, 0};
    char directory[CONTROL_PATH_LEN];
    *sources = (struct ss_sources){.at = NULL};
    for (unsigned i = 0; control_directory(i, directory); i++)
        (void)control_each(directory, ask_process, &asking); /* One that is not there has no processes. */
    return asking.error;
}

/* ---- the kernel ---- */

struct kernel_asking {
    struct ss_source *source;
    const struct filter *filter;
    int error;
};

static void take_tcp(void *arg, const struct kernel_tcp *tcp)
{
    struct kernel_asking *asking = arg;
    struct socket_row row;
    asking->source->counts[tcp->state]++;
    socket_row_of_kernel(&row, tcp);
    if (filter_matches(asking->filter, &row) && !add_row(asking->source, &row))
        asking->error = -ENOMEM;
}

int ss_ask_kernel(struct ss_sources *sources, int netns, const struct filter *filter)
{
    *sources = (struct ss_sources){.at = NULL};
    struct kernel *k = kernel_open(netns);
    if (k == NULL)
        return -errno;
    struct kernel_asking asking = {.source = add_source(sources), .filter = filter};
    int error = asking.source == NULL ? -ENOMEM : kernel_each(k, take_tcp, &asking);
    kernel_close(k);
    if (asking.source != NULL)
        sort_rows(asking.source);
    return error < 0 ? error : asking.error;
}

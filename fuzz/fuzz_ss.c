/*
 * What `handfast ss` makes of an answer that is not what a Handfast process would say. Input is the flags of a style, and
 * the answer.
 *
 * Held true: every form is written whole; JSON that was written can be read; text for a terminal has no control character.
 */
#define _GNU_SOURCE
#include "../cli/ss_print.h"
#include "fuzz.h"

static char *print(void (*form)(FILE *out, const struct ss_sources *s, const struct ss_style *style),
                   const struct ss_sources *sources, const struct ss_style *style, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    require(out != NULL);
    form(out, sources, style);
    fclose(out);
    return text;
}

static void as_json(FILE *out, const struct ss_sources *sources, const struct ss_style *style)
{
    (void)style;
    require(ss_print_json(out, sources));
}

static void as_lines(FILE *out, const struct ss_sources *sources, const struct ss_style *style)
{
    (void)style;
    require(ss_print_ndjson(out, sources));
}

static void as_prometheus(FILE *out, const struct ss_sources *sources, const struct ss_style *style)
{
    (void)style;
    ss_print_prometheus(out, sources);
}

static void print_all(const struct ss_sources *sources, const struct ss_style *style)
{
    size_t len;
    char *text = print(ss_print_text, sources, style, &len);
    for (size_t i = 0; i < len; i++)
        require(text[i] == '\n' || ((unsigned char)text[i] >= ' ' && text[i] != 0x7f));
    free(text);
    text = print(as_json, sources, style, &len);
    json_t *again = json_loadb(text, len, 0, NULL);
    require(again != NULL);
    json_decref(again);
    free(text);
    free(print(as_lines, sources, style, &len));
    free(print(as_prometheus, sources, style, &len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t flags = in8(&in);
    const struct filter all = {.states = STATES_ALL, .root = -1};
    const struct ss_style style = {
        .terminal = {.width = 80, .is_ascii = flags & 1},
        .is_summary = flags & 2,
        .is_bare = flags & 4,
        .has_info = flags & 8,
        .has_reasons = flags & 16,
        .has_funnel = flags & 32,
        .has_peers = flags & 64,
        .has_history = flags & 128,
    };
    struct ss_source source = {.process = NULL};
    FILE *answer = in.left > 0 ? fmemopen((void *)(uintptr_t)in.at, in.left, "r") : NULL;
    if (answer == NULL)
        return 0;
    if (ss_read_answer(&source, answer, &all))
        print_all(&(struct ss_sources){.at = &source, .count = 1}, &style);
    fclose(answer);
    json_decref(source.process);
    free(source.rows);
    return 0;
}

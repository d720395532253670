/*
 * `handfast check`: packetdrill scripts against the engine, in process and in virtual time.
 *
 * Read first: pkt/script.h, pkt/run.h. docs/scenarios.md tells how to write one.
 */
#define _GNU_SOURCE
#include "../pkt/run.h"
#include "usage.h"
#include "verbs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SETTINGS_MAX = 32 };

struct check {
    bool stock, trace, verbose, once;
    const char *setting[SETTINGS_MAX];
    unsigned settings;
    unsigned passed, failed;
};

static const char help[] =
    "usage: handfast check [OPTIONS] FILE.pkt|DIRECTORY...\n"
    "\n"
    "Runs packetdrill scripts against Handfast's engine, in process and in virtual time. A directory stands for "
    "all\n"
    "the .pkt files below it. Each script runs three times: as it comes, and with sequence numbers about to pass\n"
    "2^31 and 2^32.\n"
    "\n"
    "  --once          run each script only once, as it comes\n"
    "  --config KEY=VALUE\n"
    "                  as a script's own '//! config KEY VALUE', for all of them; profile=linux is what scripts\n"
    "                  written for Linux assume: its ACK policy, buffers and large frames\n"
    "  --stock         run nothing: print the script as packetdrill itself takes it, its fixture spelled out\n"
    "  --trace         print everything that happens, in the same notation\n"
    "  -v, --verbose   print each script's claim, its first line\n"
    "  --help          this text\n"
    "\n"
    "Exit status: 0 all passed, 1 some failed, 2 the arguments were wrong.";

/* ---- files ---- */

/* The whole of a file on the heap, or NULL with errno set. */
static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = NULL;
    size_t cap = 0;
    *len = 0;
    do {
        cap += 65536;
        char *grown = realloc(text, cap);
        if (!grown) {
            free(text);
            fclose(file);
            errno = ENOMEM;
            return NULL;
        }
        text = grown;
        *len += fread(text + *len, 1, cap - *len, file);
    } while (*len == cap);
    bool is_read = !ferror(file);
    fclose(file);
    if (is_read)
        return text;
    free(text);
    errno = EIO;
    return NULL;
}

/* ---- one script ---- */

static void print_trace(void *arg, const char *line)
{
    (void)arg;
    printf("#   %s\n", line);
}

/* Every line of `text` behind a "# ", so that the whole stays TAP. */
static void print_note(const char *text)
{
    while (*text) {
        int len = (int)strcspn(text, "\n");
        printf("# %.*s\n", len, text);
        text += len + (text[len] == '\n');
    }
}

/* The first comment line of a script says what it claims. */
static void print_claim(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    int line_len = (int)(end ? (size_t)(end - text) : len);
    if (line_len > 2 && text[0] == '/' && text[1] == '/')
        printf("#%.*s\n", line_len - 2, text + 2);
}

static void passed(struct check *check, const struct pkt_script *script)
{
    check->passed++;
    printf("ok %u - %s%s\n", check->passed + check->failed, script->name,
           script->has_skipped ? " # its code and commands are not run" : "");
}

static void failed(struct check *check, const char *name, unsigned line, const char *what)
{
    check->failed++;
    printf("not ok %u - %s\n# %s:%u: ", check->passed + check->failed, name, name, line);
    printf("%.*s\n", (int)strcspn(what, "\n"), what);
    what += strcspn(what, "\n");
    print_note(*what ? what + 1 : what);
}

static void run(struct check *check, const struct pkt_script *script)
{
    struct pkt_outcome outcome;
    struct pkt_run_options options = {.trace = check->trace ? print_trace : NULL};
    bool once = check->once || check->trace;
    if (once)
        pkt_run(script, &options, &outcome);
    else
        pkt_run_everywhere(script, &options, &outcome);
    if (outcome.passed)
        passed(check, script);
    else
        failed(check, script->name, outcome.line, outcome.what ? outcome.what : "");
    pkt_outcome_close(&outcome);
}

static void check_file(struct check *check, const char *path)
{
    struct pkt_script script;
    size_t len;
    char *text = read_file(path, &len);
    if (!text) {
        failed(check, path, 0, strerror(errno));
        return;
    }
    if (check->verbose && !check->stock)
        print_claim(text, len);
    if (!pkt_parse_with(&script, check->setting, check->settings, path, text, len)) {
        failed(check, path, script.error_line, script.error);
    } else if (check->stock) {
        char *stock = pkt_script_stock(&script);
        fputs(stock, stdout);
        free(stock);
    } else {
        run(check, &script);
    }
    pkt_script_close(&script);
    free(text);
}

/* ---- directories ---- */

static bool is_script(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".pkt") == 0;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void check_path(struct check *check, const char *path);

/* In order of names, so that two runs print the same. */
static void check_directory(struct check *check, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0) {
        failed(check, path, 0, strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        char inner[4096];
        int len = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        if (len < (int)sizeof inner && (is_script(entries[i]->d_name) || is_directory(inner)))
            check_path(check, inner);
        free(entries[i]);
    }
    free(entries);
}

static void check_path(struct check *check, const char *path)
{
    if (is_directory(path))
        check_directory(check, path);
    else
        check_file(check, path);
}

/* ---- the verb ---- */

enum { OPTION_STOCK = 1, OPTION_TRACE, OPTION_ONCE, OPTION_CONFIG, OPTION_HELP };

/* 0 to go on, else what to return plus one. */
static int read_options(struct check *check, int argc, char **argv)
{
    static const struct option options[] = {
        {"stock", no_argument, NULL, OPTION_STOCK},
        {"trace", no_argument, NULL, OPTION_TRACE},
        {"once", no_argument, NULL, OPTION_ONCE},
        {"verbose", no_argument, NULL, 'v'},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    int option;
    usage_begin();
    while ((option = usage_next(argc, argv, "v", options)) != -1) {
        switch (option) {
        case OPTION_STOCK:
            check->stock = true;
            break;
        case OPTION_TRACE:
            check->trace = true;
            break;
        case OPTION_ONCE:
            check->once = true;
            break;
        case OPTION_CONFIG:
            if (check->settings == SETTINGS_MAX)
                return usage_error("check", "too many --config") + 1;
            check->setting[check->settings++] = optarg;
            break;
        case 'v':
            check->verbose = true;
            break;
        case OPTION_HELP:
            puts(help);
            return 1;
        default:
            return EXIT_USAGE + 1;
        }
    }
    return 0;
}

int verb_check(int argc, char **argv)
{
    struct check check = {.passed = 0};
    int done = read_options(&check, argc, argv);
    if (done)
        return done - 1;
    if (optind == argc)
        return usage_error("check", "name a script, or a directory of scripts");
    for (int i = optind; i < argc; i++)
        check_path(&check, argv[i]);
    if (!check.stock)
        printf("1..%u\n# %u passed, %u failed\n", check.passed + check.failed, check.passed, check.failed);
    return check.failed > 0 ? EXIT_FAILED : 0;
}

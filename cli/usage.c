/* Reading a command line, and complaining about it in one line. Read first: usage.h. */
#include "usage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_complaint(const char *verb, const char *format, va_list arguments, const char *tail)
{
    char line[1024];
    vsnprintf(line, sizeof line, format, arguments);
    fprintf(stderr, "handfast %s: %s%s\n", verb, line, tail);
}

void complain(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_complaint(verb, format, arguments, "");
    va_end(arguments);
}

int usage_error(const char *verb, const char *format, ...)
{
    char tail[64];
    snprintf(tail, sizeof tail, "; see 'handfast %s --help'", verb);
    va_list arguments;
    va_start(arguments, format);
    print_complaint(verb, format, arguments, tail);
    va_end(arguments);
    return EXIT_USAGE;
}

/* ---- options ---- */

void usage_begin(void)
{
    optind = 0; /* glibc: forget everything about the last argv */
    opterr = 0;
}

static const char *name_of(const struct option *options, int value)
{
    for (; options->name; options++)
        if (options->val == value)
            return options->name;
    return NULL;
}

/* getopt leaves what was wrong in optopt: a letter, the value of a long option, or zero for an unknown long one. */
static int explain_option(int argc, char **argv, const struct option *options, bool lacks_value)
{
    const char *verb = argv[0];
    const char *last = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    const char *name = optopt ? name_of(options, optopt) : NULL;
    bool is_long = strncmp(last, "--", 2) == 0;
    if (is_long && name && !lacks_value)
        usage_error(verb, "--%s takes no value", name);
    else if (lacks_value && is_long && name)
        usage_error(verb, "--%s wants a value", name);
    else if (lacks_value)
        usage_error(verb, "-%c wants a value", optopt);
    else if (is_long)
        usage_error(verb, "unknown option '%s'", last);
    else
        usage_error(verb, "unknown option '-%c'", optopt);
    return '?';
}

int usage_next(int argc, char **argv, const char *letters, const struct option *options)
{
    char own[64];
    snprintf(own, sizeof own, ":%s", letters);
    int option = getopt_long(argc, argv, own, options, NULL);
    if (option == '?' || option == ':')
        return explain_option(argc, argv, options, option == ':');
    return option;
}

char **usage_split_program(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") != 0)
            continue;
        argv[i] = NULL;
        bool is_empty = i + 1 == *argc;
        *argc = i;
        if (!is_empty)
            return argv + i + 1;
        usage_error(argv[0], "'--' wants a program behind it");
        *argc = -1;
        return NULL;
    }
    return NULL;
}

/* ---- values ---- */

bool usage_number(const char *text, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number > most)
        return false;
    *value = number;
    return true;
}

bool usage_port(const char *text, uint16_t *port)
{
    uint64_t number;
    if (!usage_number(text, 65535, &number) || number == 0)
        return false;
    *port = (uint16_t)number;
    return true;
}

/* What one of a unit is; 0 when there is no such unit. */
static hf_ns unit_of(const char *text)
{
    if (*text == '\0' || strcmp(text, "s") == 0)
        return HF_SECOND;
    if (strcmp(text, "ms") == 0)
        return HF_MS;
    return strcmp(text, "m") == 0 ? 60 * HF_SECOND : 0;
}

bool usage_duration(const char *text, hf_ns *value)
{
    const double most_s = 1e9; /* about thirty years */
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    double number = strtod(text, &end);
    hf_ns unit = unit_of(end);
    double ns = number * (double)unit;
    if (unit == 0 || !(ns <= most_s * (double)HF_SECOND))
        return false;
    *value = (hf_ns)ns;
    return true;
}

static const char *const congestion_names[] = {
    [HF_CC_CUBIC] = "cubic",
    [HF_CC_NEWRENO] = "newreno",
    [HF_CC_BBR] = "bbr",
};

bool usage_congestion(const char *text, enum hf_cc_algorithm *value)
{
    for (unsigned i = 0; i < sizeof congestion_names / sizeof congestion_names[0]; i++) {
        if (strcmp(text, congestion_names[i]) == 0) {
            *value = (enum hf_cc_algorithm)i;
            return true;
        }
    }
    return false;
}

const char *usage_congestion_name(enum hf_cc_algorithm value)
{
    return congestion_names[value];
}

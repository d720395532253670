/*
 * Reading a command line: getopt_long with our own words for what is wrong, and the values that options take.
 *
 * Every complaint is one line on stderr which names the verb and what was wrong, and the exit status is EXIT_USAGE.
 */
#ifndef HF_CLI_USAGE_H
#define HF_CLI_USAGE_H

#include <getopt.h>
#include <handfast/config.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Prints "handfast VERB: MESSAGE" as one line. usage_error adds where help is to be had and returns EXIT_USAGE. */
void complain(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
int usage_error(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * One more option of argv: its `val` in `options`, -1 at the end (optind is the first operand), or '?' after having
 * complained about it. `letters` as for getopt_long, without leading characters.
 */
int usage_next(int argc, char **argv, const char *letters, const struct option *options);

/* Starts over with another argv. */
void usage_begin(void);

/*
 * Cuts argv at its first "--": *argc counts what stands before it, and the result is the NULL-terminated rest, NULL
 * when there is no "--". An empty rest is complained about, and *argc set to -1.
 */
char **usage_split_program(int *argc, char **argv);

/* The values of options. Each returns false, and leaves *value alone, when the text is not such a value. */
bool usage_number(const char *text, uint64_t most, uint64_t *value);
bool usage_port(const char *text, uint16_t *port);   /* 1 to 65535 */
bool usage_duration(const char *text, hf_ns *value); /* seconds, "2.5"; or with a unit: "200ms", "3s", "2m" */
bool usage_congestion(const char *text, enum hf_cc_algorithm *value); /* "cubic", "newreno", "bbr" */
const char *usage_congestion_name(enum hf_cc_algorithm value);

#endif

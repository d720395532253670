/*
 * The tour: `handfast demo`.
 *
 *     demo.c          the verb, and the order in which things are shown
 *     demo_show.c     what is printed around the ladders
 *     demo_curl.c     who fetches: the kernel's own curl, in its namespace
 *     demo_client.c   who fetches where there is no device: a client on the other engine
 *     demo_files.c    which files are fetched
 */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "host.h"
#include "terminal.h"

/* ---- demo_files.c ---- */

enum { DEMO_PATH_LEN = 256 };

/* A file below a directory, by its path there; "" when there is none. */
struct demo_file {
    char path[DEMO_PATH_LEN];
    uint64_t len;
};

/* Finds a long and a short one, with names that need no quoting, not hidden and not too deep. */
void demo_files_find(const char *directory, struct demo_file *longest, struct demo_file *shortest);

/* ---- who fetches ---- */

struct demo_fetch {
    const char *url_path; /* "/README.md" */
    const char *file;     /* to compare with; NULL: nothing to compare */
    bool server_closes;   /* ask for "Connection: close" */
};

struct demo_fetched {
    int status; /* of HTTP; 0: it did not come to that, and `trouble` says why */
    uint64_t bytes;
    bool is_equal; /* to the file */
    char trouble[160];
};

struct demo_client {
    void *self;
    /* What a person would type. */
    void (*describe)(void *self, const struct demo_fetch *fetch, char *text, size_t cap);
    void (*start)(void *self, const struct demo_fetch *fetch);
    /* True when it is over, with how it went. */
    bool (*is_over)(void *self, struct demo_fetched *fetched);
    /* A descriptor that is readable when there is news, or -1. */
    int (*fd)(void *self);
    /* There will be no other. */
    void (*end)(void *self);
};

/* The kernel's curl: a shell that runs as PROGRAM in the namespace, and does what it reads from a pipe. */
struct demo_curl {
    int to, from;        /* our ends, -1 when closed */
    int its_in, its_out; /* its ends, until it has them */
    char script[256];
    char *program[4];
    char address[HF_ADDR_TEXT_LEN];
    char answer[256];
    size_t answer_len;
};

/* Makes the pipes and o->program. Returns 0, or EXIT_FAILED after having complained: no curl. */
int demo_curl_prepare(struct demo_curl *c, struct host_options *o);
/* The host is open and the shell started: closes the ends that are its. */
void demo_curl_opened(struct demo_curl *c);
void demo_curl_close(struct demo_curl *c);
struct demo_client demo_curl_client(struct demo_curl *c);

/* A client on `host`'s engine, which is a part of its loop. NULL after having complained. */
struct demo_memory *demo_memory_open(struct host *host, const struct hf_endpoint *server);
struct demo_client demo_memory_client(struct demo_memory *m);

/* ---- demo_show.c ---- */

/* The stage: one terminal, on which the ladders are drawn too. */
struct demo_show {
    struct terminal terminal;
    bool has_ladder;     /* one was drawn already */
    bool has_bar;        /* the last line is a bar, to be drawn over */
    int64_t bar_seconds; /* the last one printed where lines cannot be drawn over */
};

void demo_show_title(struct demo_show *s, const char *title);
/* A numbered heading, and a paragraph below it. */
void demo_show_heading(struct demo_show *s, unsigned number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void demo_show_text(struct demo_show *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void demo_show_command(struct demo_show *s, const char *command);
/* All eleven states on both sides. */
void demo_show_counts(struct demo_show *s, const char *left, const uint32_t theirs[HF_STATE_COUNT],
                      const uint32_t ours[HF_STATE_COUNT]);
/* How much of 2 MSL is left. */
void demo_show_time_wait(struct demo_show *s, hf_ns left, hf_ns whole);
/* A row_writer for the ladder: takes the bar away first. */
void demo_show_write(void *show, const char *text, size_t len);

#endif

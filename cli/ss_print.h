/* How `handfast ss` says it: as text for people, as JSON for programs. */
#ifndef CLI_SS_PRINT_H
#define CLI_SS_PRINT_H

#include "ss_source.h"
#include "terminal.h"

#include <stdio.h>

struct ss_style {
    struct terminal terminal;
    bool is_summary;  /* counts only */
    bool is_bare;     /* neither headings nor counts */
    bool has_info;    /* a second line for each connection */
    bool has_reasons; /* how often each reason occurred */
    bool has_funnel;  /* what became of the SYNs of each listener, how long states lasted, who closed first */
    bool has_peers;   /* connections by peer instead of one by one */
    bool has_history; /* changes of state instead of connections */
};

void ss_print_text(FILE *out, const struct ss_sources *sources, const struct ss_style *style);

/* One document: {"processes": [...]} or {"kernel": {...}}. False when there is no memory. */
bool ss_print_json(FILE *out, const struct ss_sources *sources);
/* One object a line: a process or the kernel, then its connections. */
bool ss_print_ndjson(FILE *out, const struct ss_sources *sources);

/* Prometheus' text format: every state even at zero. */
void ss_print_prometheus(FILE *out, const struct ss_sources *sources);

/* ss_views.c: listeners and states; connections by peer; changes of state. */
void ss_print_funnels(FILE *out, const struct ss_source *source, const struct ss_style *style);
void ss_print_peers(FILE *out, const struct ss_source *source, const struct ss_style *style);
void ss_print_history(FILE *out, const struct ss_source *source, const struct ss_style *style);
/* As JSON: a list. NULL when there is no memory. */
json_t *ss_peers_to_json(const struct ss_source *source);

/* "10.77.0.2:80", "[fd77::2]:80", "*:80"; "*" for port 0. Returns `text`. */
enum { SS_ENDPOINT_LEN = HF_ADDR_TEXT_LEN + 8 };
char *ss_print_endpoint(const struct hf_endpoint *end, char text[SS_ENDPOINT_LEN]);

/* The grid of all eleven states with their counts; the demo shows it too. */
void ss_print_counts(FILE *out, const uint64_t counts[HF_STATE_COUNT], const struct terminal *terminal);

/* "12.3s", "4m02s", "2h03m", "3d04h"; "-" for a negative age. Returns `text`. */
char *ss_print_age(int64_t ms, char text[16]);

/* What else there is to say of a connection, in words. Returns `text`. */
char *ss_print_note(const struct socket_row *row, char *text, size_t cap);

#endif

/*
 * One row of a ladder, and how it is drawn:
 *
 *     number  time       left state │ arrow with its label │ right state  words
 *
 * Words that do not fit go on below, with the rails beside them. On narrow terminals they stand under the state.
 */
#ifndef CLI_LADDER_ROW_H
#define CLI_LADDER_ROW_H

#include "terminal.h"

#include <handfast/observe.h>

enum arrow { ARROW_NONE, ARROW_RIGHT, ARROW_LEFT };

enum look {
    LOOK_PLAIN,
    LOOK_AGAIN, /* sent before */
    LOOK_RESET,
    LOOK_DROPPED, /* arrived, not used */
    LOOK_FOLD,    /* stands for many */
};

enum { NO_STATE = -1, ROW_WORDS = 6 };

/* A state entered, or none, and why. */
struct words {
    int state; /* enum hf_state or NO_STATE */
    enum ink ink;
    char text[80];
};

struct row {
    hf_time at;
    hf_ns lasts; /* from the first to the last of what it stands for */
    bool has_no_time;
    unsigned number; /* of the connection */
    enum arrow arrow;
    enum look look;
    enum ink ink;     /* of the label */
    char label[96];   /* on the arrow, or between the rails when there is none */
    char more[24];    /* appended to the label where there is room */
    char brief[64];   /* instead of the label where there is little */
    int left;         /* the peer's state when it changed, or NO_STATE */
    bool is_guess;    /* and it was inferred */
    bool is_restated; /* the states are repeated, not entered */
    struct words words[ROW_WORDS];
    unsigned word_count;
};

/* Where the columns are. */
struct layout {
    struct terminal terminal;
    bool is_numbered;
    bool is_stacked; /* words go under the state */
    int number_end, time_end, left_rail, right_rail, words_at, reasons_at, width;
};

struct layout layout_of(const struct terminal *terminal, bool is_numbered);

/* Adds a state or words to a row; `text` is copied. What does not fit any more is left out. */
void row_say(struct row *row, int state, enum ink ink, const char *text);

/* The ink of a state. */
enum ink state_ink(enum hf_state state);

typedef void row_writer(void *arg, const char *text, size_t len);

/* Draws a row as one or more lines. `since` is the instant that the time column counts from. */
void row_draw(const struct layout *layout, const struct row *row, hf_time since, row_writer *write, void *arg);

/* Draws the first line only, without its newline, to be drawn over. */
void row_draw_over(const struct layout *layout, const struct row *row, hf_time since, row_writer *write, void *arg);

/* The upper ends of the rails with the states before the first segment, and the lower ends. */
void row_draw_ends(const struct layout *layout, const struct row *row, bool is_upper, row_writer *write, void *arg);

#endif

/* How a row of a ladder is drawn. */
#include "ladder_row.h"

#include <stdio.h>
#include <string.h>

#define WIDEST     140
#define TIME_LEN   8  /* "9999.999"; a longer one may take the space behind it */
#define STATE_LEN  14 /* "(SYN-RECEIVED)" */
#define NUMBER_LEN 3
#define ROOMY      69 /* columns right of the left rail from which on words stand beside the state */

/* ---- glyphs ---- */

struct glyphs {
    const char *rail, *from_left, *from_right, *upper, *lower;
    const char *to_right, *to_left, *dropped;
    const char *dash[LOOK_FOLD + 1];
};

static const struct glyphs unicode = {
    .rail = "│",
    .from_left = "├",
    .from_right = "┤",
    .upper = "┬",
    .lower = "┴",
    .to_right = "►",
    .to_left = "◄",
    .dropped = "╳",
    .dash = {[LOOK_PLAIN] = "─", [LOOK_AGAIN] = "═", [LOOK_RESET] = "━", [LOOK_DROPPED] = "─", [LOOK_FOLD] = "┄"},
};

static const struct glyphs ascii = {
    .rail = "|",
    .from_left = "+",
    .from_right = "+",
    .upper = "+",
    .lower = "+",
    .to_right = ">",
    .to_left = "<",
    .dropped = "x",
    .dash = {[LOOK_PLAIN] = "-", [LOOK_AGAIN] = "=", [LOOK_RESET] = "#", [LOOK_DROPPED] = "-", [LOOK_FOLD] = "."},
};

static const struct glyphs *glyphs_of(const struct layout *layout)
{
    return layout->terminal.is_ascii ? &ascii : &unicode;
}

enum ink state_ink(enum hf_state state)
{
    static const uint8_t inks[HF_STATE_COUNT] = {
        [HF_CLOSED] = INK_STRONG,        [HF_LISTEN] = INK_OPENING,     [HF_SYN_SENT] = INK_OPENING,
        [HF_SYN_RECEIVED] = INK_OPENING, [HF_ESTABLISHED] = INK_OPEN,   [HF_FIN_WAIT_1] = INK_CLOSING,
        [HF_FIN_WAIT_2] = INK_CLOSING,   [HF_CLOSE_WAIT] = INK_CLOSING, [HF_CLOSING] = INK_CLOSING,
        [HF_LAST_ACK] = INK_CLOSING,     [HF_TIME_WAIT] = INK_WAITING,
    };
    return inks[state];
}

/* ---- columns ---- */

struct layout layout_of(const struct terminal *terminal, bool is_numbered)
{
    struct layout layout = {.terminal = *terminal, .is_numbered = is_numbered};
    layout.width = terminal->width > WIDEST ? WIDEST : terminal->width;
    layout.number_end = is_numbered ? NUMBER_LEN : 0;
    layout.time_end = layout.number_end + TIME_LEN;
    layout.left_rail = layout.time_end + 1 + STATE_LEN + 1;
    int rest = layout.width - layout.left_rail - 3; /* for the arrow and the words, without rails and a space */
    layout.is_stacked = rest < ROOMY;
    int arrow = layout.is_stacked ? 30 + (rest - 49) / 3 : 31 + (rest - ROOMY) * 6 / 10;
    layout.right_rail = layout.left_rail + 1 + arrow;
    layout.words_at = layout.right_rail + 2;
    layout.reasons_at = layout.words_at + (layout.is_stacked ? 0 : STATE_LEN);
    return layout;
}

/* ---- words, on lines of their column ---- */

void row_say(struct row *row, int state, enum ink ink, const char *text)
{
    if (row->word_count == ROW_WORDS)
        return;
    struct words *words = &row->words[row->word_count++];
    words->state = state;
    words->ink = ink;
    snprintf(words->text, sizeof words->text, "%s", text);
}

struct piece {
    int state;
    enum ink ink;
    const char *text;
    int len;
};

enum { PIECES = 2 * ROW_WORDS + 8 };

/* How much of the text goes on a line of this width: whole words, unless one alone is longer. */
static int cut(const char *text, int width)
{
    int len = (int)strlen(text);
    if (len <= width)
        return len;
    int at = width;
    while (at > 0 && text[at] != ' ')
        at--;
    return at > 0 ? at : width;
}

static unsigned add_text(struct piece *pieces, unsigned count, const struct words *words, int width)
{
    const char *text = words->text;
    while (*text != '\0' && count < PIECES) {
        int len = cut(text, width);
        pieces[count++] = (struct piece){.state = NO_STATE, .ink = words->ink, .text = text, .len = len};
        text += len;
        while (*text == ' ')
            text++;
    }
    return count;
}

/* A state and the first line of its reason share a line, unless the terminal is narrow. */
static unsigned cut_words(const struct layout *layout, const struct row *row, struct piece *pieces)
{
    unsigned count = 0;
    int width = layout->width - layout->reasons_at;
    for (unsigned i = 0; i < row->word_count && count < PIECES; i++) {
        const struct words *words = &row->words[i];
        unsigned first = count;
        bool is_alone = words->state != NO_STATE && (layout->is_stacked || words->text[0] == '\0');
        if (is_alone)
            pieces[count++] = (struct piece){.state = words->state, .text = ""};
        count = add_text(pieces, count, words, width);
        if (words->state != NO_STATE && !is_alone)
            pieces[first].state = words->state;
    }
    return count;
}

static void put_piece(const struct layout *layout, const struct row *row, const struct piece *piece,
                      struct line *line)
{
    if (piece->state != NO_STATE) {
        line_pad(line, layout->words_at);
        line_put(line, row->is_restated ? INK_FAINT : state_ink(piece->state), hf_state_text(piece->state));
    }
    if (piece->len > 0) {
        line_pad(line, layout->reasons_at);
        line_print(line, piece->ink, "%.*s", piece->len, piece->text);
    }
}

/* ---- the left of the rails, and what is between them ---- */

static void put_number_and_time(const struct layout *layout, const struct row *row, hf_time since,
                                struct line *line)
{
    char text[32];
    if (layout->is_numbered && row->number > 0) {
        snprintf(text, sizeof text, "%u", row->number);
        line_put_right(line, INK_FAINT, text, layout->number_end - 1);
    }
    if (row->has_no_time)
        return;
    hf_ns us = hf_time_since(row->at, since) / HF_US;
    snprintf(text, sizeof text, "%lld.%03lld", (long long)(us / 1000), (long long)(us % 1000));
    line_put_right(line, INK_FAINT, text, layout->time_end);
}

static void put_left_state(const struct layout *layout, const struct row *row, struct line *line)
{
    if (row->left == NO_STATE)
        return;
    char text[32];
    snprintf(text, sizeof text, row->is_guess ? "(%s)" : "%s", hf_state_text(row->left));
    enum ink ink = row->is_guess ? INK_GUESS : state_ink(row->left);
    /* The closing parenthesis hangs beside the column, so that names line up. */
    line_put_right(line, row->is_restated ? INK_FAINT : ink, text, layout->left_rail - 2 + row->is_guess);
}

static enum ink arrow_ink(const struct row *row)
{
    switch (row->look) {
    case LOOK_AGAIN:
        return INK_AGAIN;
    case LOOK_RESET:
    case LOOK_DROPPED:
        return INK_BAD;
    case LOOK_FOLD:
        return INK_FAINT;
    default:
        return INK_PLAIN;
    }
}

/* As much of the label as fits in `room` columns. */
static void fit_label(const struct row *row, int room, char text[128])
{
    snprintf(text, 128, "%s%s", row->label, row->more);
    if (text_columns(text) > room)
        snprintf(text, 128, "%s", row->label);
    if (text_columns(text) > room && row->brief[0] != '\0')
        snprintf(text, 128, "%s", row->brief);
    if (text_columns(text) > room)
        text[room] = '\0'; /* Labels this long are plain ASCII. */
}

static void put_arrow(const struct layout *layout, const struct row *row, struct line *line)
{
    const struct glyphs *g = glyphs_of(layout);
    char label[128];
    int room = layout->right_rail - layout->left_rail - 1;
    fit_label(row, room - 5, label);
    const char *dash = g->dash[row->look];
    bool is_lost = row->look == LOOK_DROPPED;
    int dashes = room - text_columns(label) - 4 - is_lost;
    enum ink ink = arrow_ink(row);
    bool is_right = row->arrow == ARROW_RIGHT;
    line_put(line, INK_PLAIN, is_right ? g->from_left : g->rail);
    if (is_right) {
        line_put(line, ink, dash);
        line_print(line, row->ink, " %s ", label);
        line_repeat(line, ink, dash, dashes);
        line_put(line, ink, is_lost ? g->dropped : g->to_right);
        line_put(line, INK_PLAIN, is_lost ? " " : "");
    } else {
        line_put(line, ink, g->to_left);
        line_repeat(line, ink, dash, dashes + is_lost);
        line_print(line, row->ink, " %s ", label);
        line_put(line, ink, dash);
    }
    line_put(line, INK_PLAIN, is_right ? g->rail : g->from_right);
}

static void put_between(const struct layout *layout, const struct row *row, struct line *line)
{
    const char *rail = glyphs_of(layout)->rail;
    char label[128];
    int room = layout->right_rail - layout->left_rail - 1;
    fit_label(row, room, label);
    line_put(line, INK_PLAIN, rail);
    line_pad(line, layout->left_rail + 1 + (room - text_columns(label)) / 2);
    line_put(line, row->ink, label);
    line_pad(line, layout->right_rail);
    line_put(line, INK_PLAIN, rail);
}

/* ---- rows ---- */

static void put_first_line(const struct layout *layout, const struct row *row, hf_time since, struct line *line)
{
    line_begin(line, &layout->terminal);
    put_number_and_time(layout, row, since, line);
    put_left_state(layout, row, line);
    line_pad(line, layout->left_rail);
    if (row->arrow == ARROW_NONE)
        put_between(layout, row, line);
    else
        put_arrow(layout, row, line);
}

void row_draw(const struct layout *layout, const struct row *row, hf_time since, row_writer *write, void *arg)
{
    static const struct row below = {.arrow = ARROW_NONE, .has_no_time = true, .left = NO_STATE};
    struct piece pieces[PIECES];
    unsigned count = cut_words(layout, row, pieces);
    for (unsigned i = 0; i == 0 || i < count; i++) {
        struct line line;
        put_first_line(layout, i == 0 ? row : &below, since, &line);
        if (i < count)
            put_piece(layout, row, &pieces[i], &line);
        line_end(&line);
        write(arg, line.text, line.len);
    }
}

void row_draw_over(const struct layout *layout, const struct row *row, hf_time since, row_writer *write, void *arg)
{
    struct line line;
    struct piece pieces[PIECES];
    put_first_line(layout, row, since, &line);
    if (cut_words(layout, row, pieces) > 0)
        put_piece(layout, row, &pieces[0], &line);
    write(arg, line.text, line.len);
}

void row_draw_ends(const struct layout *layout, const struct row *row, bool is_upper, row_writer *write, void *arg)
{
    const struct glyphs *g = glyphs_of(layout);
    const char *end = is_upper ? g->upper : g->lower;
    struct line line;
    line_begin(&line, &layout->terminal);
    if (is_upper)
        line_put_right(&line, INK_FAINT, "ms", layout->time_end);
    put_left_state(layout, row, &line);
    line_pad(&line, layout->left_rail);
    line_put(&line, INK_PLAIN, end);
    line_pad(&line, layout->right_rail);
    line_put(&line, INK_PLAIN, end);
    struct piece pieces[PIECES];
    if (cut_words(layout, row, pieces) > 0)
        put_piece(layout, row, &pieces[0], &line);
    line_end(&line);
    write(arg, line.text, line.len);
}

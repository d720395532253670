/*
 * What a terminal can show, and text for it: lines of known width, in inks that NO_COLOR turns off.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct terminal {
    int width;       /* columns; at least 80 */
    bool is_ascii;   /* no character beyond ASCII */
    bool has_colour; /* ANSI colours; off with NO_COLOR (no-color.org) and where nobody sees them */
    bool is_live;    /* a line may be drawn over: text without newline, then a carriage return */
};

/* What `fd` can show. Width from the terminal, then $COLUMNS, else 80. ASCII when asked, or when the locale names
 * another character set than UTF-8. */
struct terminal terminal_of(int fd, bool ascii);

/* How text looks. Named for what it is, so that one place decides the colours. */
enum ink {
    INK_PLAIN,
    INK_FAINT,   /* there when looked for: times, reasons */
    INK_STRONG,  /* headings */
    INK_GUESS,   /* inferred, not read */
    INK_OPENING, /* states: from LISTEN to SYN-RECEIVED */
    INK_OPEN,    /* ESTABLISHED */
    INK_CLOSING, /* FIN-WAIT-1 to LAST-ACK */
    INK_WAITING, /* TIME-WAIT */
    INK_AGAIN,   /* sent again */
    INK_BAD,     /* dropped, reset */
    INK_COUNT
};

#define LINE_CAP 2048

/* One line being written: its bytes, and how many columns they take. */
struct line {
    const struct terminal *terminal;
    size_t len;
    int columns;
    char text[LINE_CAP];
};

void line_begin(struct line *line, const struct terminal *terminal);
/* Appends text, UTF-8; what does not fit any more is left out, and control characters become question marks. */
void line_put(struct line *line, enum ink ink, const char *text);
void line_print(struct line *line, enum ink ink, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Appends the same character `count` times. */
void line_repeat(struct line *line, enum ink ink, const char *character, int count);
/* Appends spaces up to a column. */
void line_pad(struct line *line, int column);
/* Appends text so that it ends at a column. */
void line_put_right(struct line *line, enum ink ink, const char *text, int column);
/* Ends the line with a newline, without trailing spaces. */
void line_end(struct line *line);

/* Columns that UTF-8 text takes; every character we print is one wide. */
int text_columns(const char *text);

#endif

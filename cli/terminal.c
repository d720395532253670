/* What a terminal can show, and lines of known width for it. */
#define _GNU_SOURCE
#include "terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LEAST_WIDTH 80
#define COLOUR_OFF  "\033[0m"

/* ---- the terminal ---- */

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int find_width(int fd)
{
    struct winsize size;
    int width = 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    const char *columns = setting("COLUMNS");
    if (width == 0 && columns != NULL)
        width = atoi(columns);
    return width < LEAST_WIDTH ? LEAST_WIDTH : width;
}

/* Only a locale that names another character set counts: "C" is set by scripts that sort, on terminals that know
 * UTF-8. */
static bool is_other_character_set(void)
{
    const char *locale = setting("LC_ALL");
    if (locale == NULL)
        locale = setting("LC_CTYPE");
    if (locale == NULL)
        locale = setting("LANG");
    const char *set = locale == NULL ? NULL : strchr(locale, '.');
    return set != NULL && strncasecmp(set, ".utf", 4) != 0;
}

struct terminal terminal_of(int fd, bool ascii)
{
    const char *type = setting("TERM");
    bool is_terminal = isatty(fd) && type != NULL && strcmp(type, "dumb") != 0;
    return (struct terminal){
        .width = find_width(fd),
        .is_ascii = ascii || is_other_character_set(),
        .has_colour = is_terminal && setting("NO_COLOR") == NULL,
        .is_live = is_terminal,
    };
}

/* ---- lines ---- */

static const char *const colours[INK_COUNT] = {
    [INK_PLAIN] = "",
    [INK_FAINT] = "\033[2m",
    [INK_STRONG] = "\033[1m",
    [INK_GUESS] = "\033[2;3m",
    [INK_OPENING] = "\033[1;33m",
    [INK_OPEN] = "\033[1;32m",
    [INK_CLOSING] = "\033[1;36m",
    [INK_WAITING] = "\033[1;35m",
    [INK_AGAIN] = "\033[33m",
    [INK_BAD] = "\033[1;31m",
};

int text_columns(const char *text)
{
    int columns = 0;
    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

void line_begin(struct line *line, const struct terminal *terminal)
{
    line->terminal = terminal;
    line->len = 0;
    line->columns = 0;
    line->text[0] = '\0';
}

/* All or nothing, so that neither a character nor a colour is ever cut in two. A few bytes are kept for the end. */
static bool add(struct line *line, const char *text)
{
    size_t len = strlen(text);
    if (line->len + len + 2 > LINE_CAP)
        return false;
    memcpy(line->text + line->len, text, len + 1);
    line->len += len;
    return true;
}

/* What others say must not steer the terminal: controls, also those beyond ASCII, become question marks. */
static void blot_controls(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f)
            *at = '?';
        else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
            at[1] = 0xbf;
    }
}

void line_put(struct line *line, enum ink ink, const char *text)
{
    bool coloured = line->terminal->has_colour && ink != INK_PLAIN && text[0] != '\0';
    size_t room = strlen(text) + strlen(colours[ink]) + strlen(COLOUR_OFF) + 2;
    if (line->len + room > LINE_CAP)
        return;
    if (coloured)
        add(line, colours[ink]);
    size_t begin = line->len;
    add(line, text);
    blot_controls(line->text + begin);
    if (coloured)
        add(line, COLOUR_OFF);
    line->columns += text_columns(text);
}

void line_print(struct line *line, enum ink ink, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    line_put(line, ink, text);
}

void line_repeat(struct line *line, enum ink ink, const char *character, int count)
{
    char text[1024];
    size_t width = strlen(character), len = 0;
    for (; count > 0 && len + width < sizeof text; count--, len += width)
        memcpy(text + len, character, width);
    text[len] = '\0';
    line_put(line, ink, text);
}

void line_pad(struct line *line, int column)
{
    line_repeat(line, INK_PLAIN, " ", column - line->columns);
}

void line_put_right(struct line *line, enum ink ink, const char *text, int column)
{
    line_pad(line, column - text_columns(text));
    line_put(line, ink, text);
}

void line_end(struct line *line)
{
    while (line->len > 0 && line->text[line->len - 1] == ' ')
        line->len--;
    line->text[line->len] = '\0';
    add(line, "\n");
}

/* What the demo prints around its ladders. */
#include "demo.h"

#include "ladder_row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_WIDTH = 96, BAR_WIDTH = 40, COUNT_WIDTH = 10 };

static void clear_bar(struct demo_show *s)
{
    if (s->has_bar)
        fputs("\r\033[K", stdout);
    s->has_bar = false;
}

static void write_line(struct demo_show *s, struct line *line)
{
    clear_bar(s);
    line_end(line);
    fwrite(line->text, 1, line->len, stdout);
    fflush(stdout);
}

void demo_show_write(void *show, const char *text, size_t len)
{
    clear_bar(show);
    fwrite(text, 1, len, stdout);
    fflush(stdout);
}

/* Writes text in lines of whole words, behind `indent` spaces. */
static void write_text(struct demo_show *s, enum ink ink, const char *text, int indent)
{
    int width = (s->terminal.width < TEXT_WIDTH ? s->terminal.width : TEXT_WIDTH) - indent;
    while (*text != '\0') {
        int len = (int)strlen(text);
        if (len > width)
            for (len = width; len > 1 && text[len] != ' ';)
                len--;
        struct line line;
        line_begin(&line, &s->terminal);
        line_pad(&line, indent);
        line_print(&line, ink, "%.*s", len, text);
        write_line(s, &line);
        text += len;
        text += *text == ' ';
    }
}

void demo_show_title(struct demo_show *s, const char *title)
{
    write_text(s, INK_STRONG, title, 0);
    demo_show_write(s, "\n", 1);
}

void demo_show_heading(struct demo_show *s, unsigned number, const char *format, ...)
{
    char text[512], whole[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof whole, "%u. %s", number, text);
    demo_show_write(s, "\n", 1);
    write_text(s, INK_STRONG, whole, 0);
    demo_show_write(s, "\n", 1);
}

void demo_show_text(struct demo_show *s, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_text(s, INK_PLAIN, text, 3);
}

void demo_show_command(struct demo_show *s, const char *command)
{
    struct line line;
    line_begin(&line, &s->terminal);
    line_put(&line, INK_FAINT, "   $ ");
    line_put(&line, INK_STRONG, command);
    write_line(s, &line);
    if (!s->has_ladder) /* The others begin with an empty line. */
        demo_show_write(s, "\n", 1);
    s->has_ladder = true;
}

/* ---- counts ---- */

static void put_count(struct line *line, uint32_t count, int column)
{
    char text[16];
    snprintf(text, sizeof text, "%u", count);
    line_put_right(line, count > 0 ? INK_STRONG : INK_FAINT, text, column);
}

void demo_show_counts(struct demo_show *s, const char *left, const uint32_t theirs[HF_STATE_COUNT],
                      const uint32_t ours[HF_STATE_COUNT])
{
    int first = 3 + 14 + COUNT_WIDTH, second = first + COUNT_WIDTH + 2;
    struct line line;
    line_begin(&line, &s->terminal);
    line_put_right(&line, INK_STRONG, left, first);
    line_put_right(&line, INK_STRONG, "Handfast", second);
    write_line(s, &line);
    for (int i = 0; i < HF_STATE_COUNT; i++) {
        bool has_any = theirs[i] + ours[i] > 0;
        line_begin(&line, &s->terminal);
        line_pad(&line, 3);
        line_put(&line, has_any ? state_ink((enum hf_state)i) : INK_FAINT, hf_state_text((enum hf_state)i));
        put_count(&line, theirs[i], first);
        put_count(&line, ours[i], second);
        write_line(s, &line);
    }
}

/* ---- TIME-WAIT ---- */

static void draw_bar(struct demo_show *s, hf_ns left, hf_ns whole)
{
    const char *full = s->terminal.is_ascii ? "#" : "█", *empty = s->terminal.is_ascii ? "." : "░";
    int cells = whole > 0 ? (int)(left * BAR_WIDTH / whole) : 0;
    struct line line;
    line_begin(&line, &s->terminal);
    line_put(&line, INK_WAITING, "   TIME-WAIT  ");
    line_repeat(&line, INK_WAITING, full, cells);
    line_repeat(&line, INK_FAINT, empty, BAR_WIDTH - cells);
    line_print(&line, INK_PLAIN, "  %.1f s left", (double)left / HF_SECOND);
    clear_bar(s);
    fwrite(line.text, 1, line.len, stdout);
    fflush(stdout);
    s->has_bar = true;
}

void demo_show_time_wait(struct demo_show *s, hf_ns left, hf_ns whole)
{
    int64_t seconds = (left + HF_SECOND / 2) / HF_SECOND;
    if (s->terminal.is_live) {
        draw_bar(s, left, whole);
    } else if (seconds != s->bar_seconds) {
        s->bar_seconds = seconds;
        demo_show_text(s, "TIME-WAIT  %.1f s left", (double)left / HF_SECOND);
    }
}

/*
 * The script as packetdrill itself takes it: Handfast's additions are comments already, so all there is to do is to
 * spell out the fixture and to add the windows that packetdrill wants to see in every packet that arrives.
 */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct out {
    char *text;
    size_t len, cap;
};

static void put(struct out *out, const char *text, size_t len)
{
    if (out->len + len + 1 > out->cap) {
        out->cap = 2 * (out->len + len + 1);
        char *grown = realloc(out->text, out->cap);
        if (!grown) {
            fputs("handfast check: out of memory\n", stderr);
            exit(1);
        }
        out->text = grown;
    }
    memcpy(out->text + out->len, text, len);
    out->len += len;
    out->text[out->len] = 0;
}

static void put_text(struct out *out, const char *text)
{
    put(out, text, strlen(text));
}

/* The source up to `to`, from wherever copying has come to. */
static void copy_to(struct out *out, const char **from, const char *to)
{
    if (to <= *from)
        return;
    put(out, *from, (size_t)(to - *from));
    *from = to;
}

static bool is_in_source(const struct pkt_script *script, const char *at)
{
    return at && at >= script->source && at <= script->source + script->source_len;
}

char *pkt_script_stock(const struct pkt_script *script)
{
    struct out out = {.text = NULL};
    const char *from = script->source;
    uint16_t window = 65535;
    if (script->given) {
        copy_to(&out, &from, script->given_end);
        put_text(&out, "\n");
        put_text(&out, script->fixture);
        if (out.len > 0 && out.text[out.len - 1] == '\n')
            out.text[--out.len] = 0;
    }
    for (unsigned i = 0; i < script->count; i++) {
        const struct pkt_event *event = &script->event[i];
        if (event->kind != PKT_SEGMENT_IN)
            continue;
        if (event->segment.has_win) {
            window = event->segment.win;
            continue;
        }
        char text[16];
        snprintf(text, sizeof text, " win %u", window);
        if (is_in_source(script, event->segment.win_at)) {
            copy_to(&out, &from, event->segment.win_at);
            put_text(&out, text);
        }
    }
    copy_to(&out, &from, script->source + script->source_len);
    return out.text;
}

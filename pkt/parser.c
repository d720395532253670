/* The script as a whole: options, then events with their times. See parser.h and script.h. */
#include "parser.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the parser's hands ---- */

bool pkt_parser_fail(struct pkt_parser *p, unsigned line, const char *format, ...)
{
    if (pkt_parser_failed(p))
        return false;
    va_list args;
    va_start(args, format);
    vsnprintf(p->script->error, sizeof p->script->error, format, args);
    va_end(args);
    p->script->error_line = p->fixture_line ? p->fixture_line : line ? line : p->lexer.token.line;
    p->lexer.at = p->lexer.stop;
    p->lexer.token.kind = PKT_TOKEN_END;
    return false;
}

bool pkt_parser_failed(const struct pkt_parser *p)
{
    return p->script->error_line > 0;
}

/* A word that --define gave a meaning stands for it. */
static void replace_defined(struct pkt_parser *p)
{
    struct pkt_token *token = &p->lexer.token;
    for (unsigned i = 0; i < p->script->define_count && token->kind == PKT_TOKEN_WORD; i++) {
        const struct pkt_define *define = &p->script->define[i];
        if (!pkt_token_is_word(token, define->name))
            continue;
        struct pkt_lexer value;
        pkt_lexer_begin(&value, define->value, strlen(define->value), token->line);
        token->kind = value.token.kind;
        token->text = value.token.text;
        token->len = value.token.len;
        token->number = value.token.number;
        return;
    }
}

void pkt_parser_next(struct pkt_parser *p)
{
    if (pkt_parser_failed(p))
        return;
    pkt_lexer_next(&p->lexer);
    if (p->lexer.token.kind == PKT_TOKEN_BAD)
        pkt_parser_fail(p, 0, "%s", p->lexer.token.text);
    replace_defined(p);
}

bool pkt_parser_at_char(const struct pkt_parser *p, char c)
{
    return pkt_token_is_char(&p->lexer.token, c);
}

bool pkt_parser_at_word(const struct pkt_parser *p, const char *word)
{
    return pkt_token_is_word(&p->lexer.token, word);
}

bool pkt_parser_take_char(struct pkt_parser *p, char c)
{
    if (!pkt_parser_at_char(p, c))
        return false;
    pkt_parser_next(p);
    return true;
}

bool pkt_parser_take_word(struct pkt_parser *p, const char *word)
{
    if (!pkt_parser_at_word(p, word))
        return false;
    pkt_parser_next(p);
    return true;
}

/* What stands where something else was expected. */
static const char *found(const struct pkt_parser *p, char text[64])
{
    const struct pkt_token *token = &p->lexer.token;
    int len = (int)(token->end - token->begin);
    if (token->kind == PKT_TOKEN_END)
        return "the end";
    snprintf(text, 64, "'%.*s'", len > 40 ? 40 : len, token->begin);
    return text;
}

bool pkt_parser_expect(struct pkt_parser *p, char c, const char *where)
{
    char text[64];
    if (pkt_parser_take_char(p, c))
        return true;
    return pkt_parser_fail(p, 0, "expected '%c' %s, found %s", c, where, found(p, text));
}

int64_t pkt_parser_integer(struct pkt_parser *p, int64_t low, int64_t high, const char *what)
{
    char text[64];
    int64_t number = p->lexer.token.number;
    if (p->lexer.token.kind != PKT_TOKEN_INTEGER) {
        pkt_parser_fail(p, 0, "expected %s, found %s", what, found(p, text));
        return low;
    }
    if (number < low || number > high) {
        pkt_parser_fail(p, 0, "%s %lld is out of range: it may be %lld to %lld", what, (long long)number,
                        (long long)low, (long long)high);
        return low;
    }
    pkt_parser_next(p);
    return number;
}

#define SECONDS_DIGITS  8 /* three years; what does not overflow */
#define FRACTION_DIGITS 9

/* Decimal seconds to nanoseconds, exactly. */
static hf_ns ns_of(const char *text, size_t len)
{
    hf_ns ns = 0, unit = HF_SECOND;
    bool is_fraction = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            is_fraction = true;
            continue;
        }
        if (is_fraction)
            unit /= 10;
        ns = is_fraction ? ns + (text[i] - '0') * unit : ns * 10 + (text[i] - '0') * unit;
    }
    return ns;
}

hf_ns pkt_parser_seconds(struct pkt_parser *p, const char *what)
{
    char text[64];
    const struct pkt_token *token = &p->lexer.token;
    bool is_number = token->kind == PKT_TOKEN_INTEGER || token->kind == PKT_TOKEN_FLOAT;
    const char *dot = is_number ? memchr(token->text, '.', token->len) : NULL;
    size_t whole = dot ? (size_t)(dot - token->text) : token->len;
    bool is_short = whole <= SECONDS_DIGITS && token->len - whole <= FRACTION_DIGITS + 1;
    if (!is_number || token->text[0] == '-' || !is_short) {
        pkt_parser_fail(p, 0, "expected %s in seconds, found %s", what, found(p, text));
        return 0;
    }
    hf_ns ns = ns_of(token->text, token->len);
    pkt_parser_next(p);
    return ns;
}

char *pkt_parser_text(struct pkt_parser *p, const struct pkt_token *token)
{
    return pkt_take_text(&p->script->memory, token->text, token->len);
}

bool pkt_same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : (char)tolower((unsigned char)*a);
        char y = *b == '_' ? '-' : (char)tolower((unsigned char)*b);
        if (x != y)
            return false;
    }
    return *a == *b;
}

/* ---- events ---- */

static struct pkt_event *add_event(struct pkt_parser *p)
{
    struct pkt_script *script = p->script;
    script->event = pkt_grow(script->event, script->count, sizeof *script->event);
    struct pkt_event *event = &script->event[script->count++];
    *event = (struct pkt_event){.line = p->fixture_line ? p->fixture_line : p->lexer.token.line};
    return event;
}

/* The source between two places, with every run of white space made one space. */
static char *flatten(struct pkt_parser *p, const char *begin, const char *end)
{
    char *text = pkt_take(&p->script->memory, (size_t)(end - begin) + 1), *out = text;
    for (; begin < end; begin++) {
        if (!isspace((unsigned char)*begin))
            *out++ = *begin;
        else if (out > text && out[-1] != ' ')
            *out++ = ' ';
    }
    return text;
}

/* TIME   +TIME   TIME~TIME   +TIME~+TIME   * */
static void parse_time(struct pkt_parser *p, struct pkt_time *time)
{
    char text[64];
    const struct pkt_token *token = &p->lexer.token;
    *time = (struct pkt_time){.kind = PKT_ANY_TIME};
    if (pkt_parser_take_char(p, '*'))
        return;
    bool is_number = token->kind == PKT_TOKEN_INTEGER || token->kind == PKT_TOKEN_FLOAT;
    if (!is_number && !pkt_parser_at_char(p, '+')) {
        pkt_parser_fail(p, 0, "expected an event, which begins with its time, found %s", found(p, text));
        return;
    }
    time->kind = pkt_parser_take_char(p, '+') ? PKT_RELATIVE : PKT_ABSOLUTE;
    time->from = time->to = pkt_parser_seconds(p, "a time");
    if (!pkt_parser_take_char(p, '~'))
        return;
    if (time->kind == PKT_RELATIVE)
        pkt_parser_take_char(p, '+');
    time->to = pkt_parser_seconds(p, "the end of a range");
    if (time->to < time->from)
        pkt_parser_fail(p, 0, "the range of time runs backwards");
}

static void check_time(struct pkt_parser *p, const struct pkt_event *event)
{
    bool is_exact = event->time.kind != PKT_ANY_TIME && event->time.from == event->time.to;
    bool is_out = event->kind == PKT_SEGMENT_OUT || event->kind == PKT_ICMP_OUT;
    if (!is_exact && !is_out)
        pkt_parser_fail(p, event->line, "only a packet that is sent may come at any time or in a range of time");
}

static void parse_action(struct pkt_parser *p, struct pkt_event *event)
{
    char text[64];
    bool blocks = p->lexer.token.kind == PKT_TOKEN_ELLIPSIS;
    if (blocks) {
        pkt_parser_next(p);
        event->call.blocks = true;
        event->call.end = pkt_parser_seconds(p, "the end of a blocking call");
    }
    if (blocks && p->lexer.token.kind != PKT_TOKEN_WORD) {
        pkt_parser_fail(p, 0, "only a call may take a while, found %s", found(p, text));
    } else if (pkt_parser_take_char(p, '<')) {
        pkt_parse_packet(p, event, false);
    } else if (pkt_parser_take_char(p, '>')) {
        pkt_parse_packet(p, event, true);
    } else if (p->lexer.token.kind == PKT_TOKEN_WORD) {
        event->kind = PKT_CALL;
        pkt_parse_call(p, &event->call);
    } else if (p->lexer.token.kind == PKT_TOKEN_CODE || p->lexer.token.kind == PKT_TOKEN_COMMAND) {
        event->kind = p->lexer.token.kind == PKT_TOKEN_CODE ? PKT_CODE : PKT_COMMAND;
        p->script->has_skipped = true;
        pkt_parser_next(p);
    } else {
        pkt_parser_fail(p, 0, "expected a packet, a call, code or a command, found %s", found(p, text));
    }
}

static void parse_event(struct pkt_parser *p)
{
    const char *begin = p->lexer.token.begin;
    struct pkt_event *event = add_event(p);
    parse_time(p, &event->time);
    const char *action = p->lexer.token.begin;
    parse_action(p, event);
    if (pkt_parser_failed(p))
        return;
    check_time(p, event);
    event->text = flatten(p, begin, p->lexer.before);
    event->action = flatten(p, action, p->lexer.before);
}

static void parse_mark_event(struct pkt_parser *p)
{
    struct pkt_token token = p->lexer.token;
    struct pkt_event mark = {.kind = PKT_MARK, .line = p->fixture_line ? p->fixture_line : token.line};
    mark.text = flatten(p, token.begin, token.end);
    if (pkt_parse_mark(p, &token, &mark))
        *add_event(p) = mark;
    pkt_parser_next(p);
}

void pkt_parse_events(struct pkt_parser *p)
{
    while (p->lexer.token.kind != PKT_TOKEN_END && !pkt_parser_failed(p)) {
        if (p->lexer.token.kind == PKT_TOKEN_MARK) {
            parse_mark_event(p);
            continue;
        }
        bool is_command = p->lexer.token.kind == PKT_TOKEN_COMMAND; /* before or after all events, without a time */
        if (is_command) {
            p->script->has_skipped = true;
            if (!p->has_events)
                pkt_sysctls_of_command(p->script, pkt_parser_text(p, &p->lexer.token));
            pkt_parser_next(p);
            continue;
        }
        if (p->lexer.token.kind == PKT_TOKEN_OPTION) {
            pkt_parser_fail(p, 0, "options stand before the first event");
            continue;
        }
        p->has_events = true;
        parse_event(p);
    }
}

/* ---- the script ---- */

void pkt_script_defaults(struct pkt_script *script)
{
    hf_config_defaults(&script->config);
    script->config.send_buffer_max = script->config.receive_buffer_max = 0; /* windows are what the script says */
    script->config.max_history = 512;
    script->config.max_connections = 64;
    memcpy(script->config.seed, "sixteen constant", sizeof script->config.seed);
    script->settings = (struct pkt_settings){
        .mtu = 1500,
        .bind_port = 8080,
        .connect_port = 8080,
        .peer_port = 40000,
        .tolerance_ns = 4 * HF_MS,
    };
    hf_addr_parse("192.168.0.1", &script->settings.local);
    hf_addr_parse("192.0.2.1", &script->settings.remote);
    hf_addr_parse("192.168.0.2", &script->settings.gateway);
    script->settings.local_prefix = 16;
}

bool pkt_parse(struct pkt_script *script, const char *name, const char *text, size_t len)
{
    return pkt_parse_with(script, NULL, 0, name, text, len);
}

static void set_before(struct pkt_parser *p, const char *setting)
{
    char error[160];
    const char *equals = strchr(setting, '=');
    const char *key =
        pkt_take_text(&p->script->memory, setting, equals ? (size_t)(equals - setting) : strlen(setting));
    if (!pkt_config_set(p->script, key, equals ? equals + 1 : "", error))
        pkt_parser_fail(p, 1, "%s", error);
}

bool pkt_parse_with(struct pkt_script *script, const char *const *setting, unsigned count, const char *name,
                    const char *text, size_t len)
{
    *script = (struct pkt_script){.name = NULL};
    script->name = pkt_take_text(&script->memory, name, strlen(name));
    script->source = pkt_take_text(&script->memory, text, len);
    script->source_len = len;
    pkt_script_defaults(script);
    struct pkt_parser p = {.script = script};
    pkt_lexer_begin(&p.lexer, script->source, len, 1);
    for (unsigned k = 0; k < count; k++)
        set_before(&p, setting[k]);
    if (p.lexer.token.kind == PKT_TOKEN_BAD)
        pkt_parser_fail(&p, 0, "%s", p.lexer.token.text);
    while (p.lexer.token.kind == PKT_TOKEN_OPTION || p.lexer.token.kind == PKT_TOKEN_MARK) {
        if (p.lexer.token.kind == PKT_TOKEN_MARK) {
            parse_mark_event(&p);
            continue;
        }
        pkt_parse_option(&p, &p.lexer.token);
        pkt_parser_next(&p);
    }
    pkt_parse_events(&p);
    pkt_count_from_syns(script);
    if (!pkt_parser_failed(&p) && script->count == 0)
        pkt_parser_fail(&p, 1, "there is no event in it");
    return !pkt_parser_failed(&p);
}

void pkt_script_close(struct pkt_script *script)
{
    free(script->event);
    free(script->define);
    pkt_give_all(&script->memory);
    *script = (struct pkt_script){.name = NULL};
}

/*
 * Calls in strace's notation:
 *
 *     setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
 *     read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)
 *
 * Symbols become numbers here; what a value means is the runner's affair. Read first: parser.h.
 */
#include "parser.h"
#include "symbols.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 32, MOST_DEPTH = 8 };

static struct pkt_value parse_value(struct pkt_parser *p);

/* A list of values up to `closing`, which is taken. */
static void parse_values(struct pkt_parser *p, char closing, const struct pkt_value **item, unsigned *count)
{
    struct pkt_value values[MOST_VALUES];
    *count = 0;
    if (++p->depth > MOST_DEPTH)
        pkt_parser_fail(p, 0, "more than %d lists within each other", MOST_DEPTH);
    while (!pkt_parser_at_char(p, closing) && !pkt_parser_failed(p)) {
        if (*count == MOST_VALUES) {
            pkt_parser_fail(p, 0, "more than %d values in a row", MOST_VALUES);
            return;
        }
        values[(*count)++] = parse_value(p);
        if (!pkt_parser_take_char(p, ','))
            break;
    }
    p->depth--;
    pkt_parser_expect(p, closing, "behind a list of values");
    struct pkt_value *copy = pkt_take(&p->script->memory, (*count + 1) * sizeof *copy);
    memcpy(copy, values, *count * sizeof *copy);
    *item = copy;
}

/* inet_addr("192.0.2.1"), inet6_addr("::1"), htons(80): their argument, as it is written. */
static struct pkt_value parse_function(struct pkt_parser *p)
{
    pkt_parser_next(p);
    pkt_parser_expect(p, '(', "before an argument");
    struct pkt_value value = parse_value(p);
    pkt_parser_expect(p, ')', "behind an argument");
    return value;
}

/* msg_name(...)=  and  msg_iov(2)= : the length in brackets says nothing that the value does not say. */
static void skip_length(struct pkt_parser *p)
{
    if (!pkt_parser_take_char(p, '('))
        return;
    (void)parse_value(p);
    pkt_parser_expect(p, ')', "behind a length");
}

static bool is_function(const struct pkt_parser *p)
{
    return pkt_parser_at_word(p, "htons") || pkt_parser_at_word(p, "inet_addr") ||
           pkt_parser_at_word(p, "inet6_addr");
}

/* SYMBOL, NAME=VALUE, or a function of a constant. */
static struct pkt_value parse_word(struct pkt_parser *p)
{
    if (is_function(p))
        return parse_function(p);
    char *name = pkt_parser_text(p, &p->lexer.token);
    struct pkt_value value = {.kind = PKT_NUMBER};
    bool is_symbol = pkt_symbol(name, strlen(name), &value.number);
    unsigned line = p->lexer.token.line;
    pkt_parser_next(p);
    if (!is_symbol)
        skip_length(p);
    if (pkt_parser_take_char(p, '=')) {
        value = parse_value(p);
        value.name = name;
    } else if (!is_symbol) {
        pkt_parser_fail(p, line, "'%s' is not a symbol known here", name);
    }
    return value;
}

static char unescaped(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == '0' ? 0 : c;
}

/* One or more strings, joined. "abc"... says that there is more of it. */
static struct pkt_value parse_string(struct pkt_parser *p)
{
    struct pkt_value value = {.kind = PKT_STRING, .text = ""};
    while (p->lexer.token.kind == PKT_TOKEN_STRING) {
        const struct pkt_token *token = &p->lexer.token;
        char *text = pkt_take(&p->script->memory, value.len + token->len + 1);
        memcpy(text, value.text, value.len);
        for (size_t i = 0; i < token->len; i++) {
            bool is_escape = token->text[i] == '\\' && i + 1 < token->len;
            text[value.len++] = is_escape ? unescaped(token->text[++i]) : token->text[i];
        }
        value.text = text;
        pkt_parser_next(p);
    }
    if (p->lexer.token.kind == PKT_TOKEN_ELLIPSIS)
        pkt_parser_next(p);
    return value;
}

static struct pkt_value parse_simple(struct pkt_parser *p)
{
    struct pkt_value value = {.kind = PKT_ELLIPSIS};
    switch (p->lexer.token.kind) {
    case PKT_TOKEN_ELLIPSIS:
        pkt_parser_next(p);
        return value;
    case PKT_TOKEN_INTEGER:
        value = (struct pkt_value){.kind = PKT_NUMBER, .number = p->lexer.token.number};
        pkt_parser_next(p);
        return value;
    case PKT_TOKEN_STRING:
        return parse_string(p);
    case PKT_TOKEN_WORD:
        return parse_word(p);
    default:
        break;
    }
    if (pkt_parser_take_char(p, '[')) {
        value.kind = PKT_LIST;
        parse_values(p, ']', &value.item, &value.count);
    } else if (pkt_parser_take_char(p, '{')) {
        value.kind = PKT_STRUCT;
        parse_values(p, '}', &value.item, &value.count);
    } else {
        pkt_parser_fail(p, 0, "expected a value: a number, a symbol, a string, [list], {struct} or ...");
    }
    return value;
}

/* A | B | C */
static struct pkt_value parse_value(struct pkt_parser *p)
{
    struct pkt_value value = parse_simple(p);
    while (pkt_parser_take_char(p, '|')) {
        struct pkt_value more = parse_simple(p);
        if (value.kind != PKT_NUMBER || more.kind != PKT_NUMBER)
            pkt_parser_fail(p, 0, "only numbers can be joined by |");
        value.number |= more.number;
    }
    return value;
}

/* The words in brackets that strace puts behind an errno or flags. */
static void skip_note(struct pkt_parser *p)
{
    if (!pkt_parser_at_char(p, '('))
        return;
    while (!pkt_parser_at_char(p, ')') && p->lexer.token.kind != PKT_TOKEN_END)
        pkt_parser_next(p);
    pkt_parser_expect(p, ')', "behind a note");
}

static void parse_errno(struct pkt_parser *p, struct pkt_call *call)
{
    if (p->lexer.token.kind != PKT_TOKEN_WORD || p->lexer.token.text[0] != 'E')
        return;
    int64_t error = 0;
    char *name = pkt_parser_text(p, &p->lexer.token);
    if (!pkt_symbol(name, strlen(name), &error))
        pkt_parser_fail(p, 0, "'%s' is no errno known here", name);
    call->error = (int)error;
    pkt_parser_next(p);
}

void pkt_parse_call(struct pkt_parser *p, struct pkt_call *call)
{
    call->name = pkt_parser_text(p, &p->lexer.token);
    pkt_parser_next(p);
    pkt_parser_expect(p, '(', "behind the name of a call");
    parse_values(p, ')', &call->argument, &call->count);
    pkt_parser_expect(p, '=', "before what the call returns");
    call->result = parse_value(p);
    parse_errno(p, call);
    skip_note(p);
    if (call->error != 0 && !(call->result.kind == PKT_NUMBER && call->result.number == -1))
        pkt_parser_fail(p, 0, "a call that fails returns -1");
}

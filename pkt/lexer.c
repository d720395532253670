/* See lexer.h. */
#include "lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool has(const struct pkt_lexer *lexer, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(lexer->stop - lexer->at) >= len && memcmp(lexer->at, text, len) == 0;
}

static char peek(const struct pkt_lexer *lexer, ptrdiff_t ahead)
{
    return lexer->stop - lexer->at > ahead ? lexer->at[ahead] : 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void step(struct pkt_lexer *lexer)
{
    lexer->line += *lexer->at == '\n';
    lexer->at++;
}

/* ---- what lies between tokens ---- */

static void skip_line(struct pkt_lexer *lexer)
{
    while (lexer->at < lexer->stop && *lexer->at != '\n')
        lexer->at++;
}

/* Moves behind `closing`. False when it never comes. */
static bool skip_past(struct pkt_lexer *lexer, const char *closing)
{
    while (lexer->at < lexer->stop) {
        if (has(lexer, closing)) {
            lexer->at += strlen(closing);
            return true;
        }
        step(lexer);
    }
    return false;
}

/* False at a comment that has no end. */
static bool skip_space(struct pkt_lexer *lexer)
{
    while (lexer->at < lexer->stop) {
        if (isspace((unsigned char)*lexer->at))
            step(lexer);
        else if (has(lexer, "//!"))
            return true;
        else if (*lexer->at == '#' || has(lexer, "//"))
            skip_line(lexer);
        else if (!has(lexer, "/*"))
            return true;
        else if (!skip_past(lexer, "*/"))
            return false;
    }
    return true;
}

/* ---- tokens ---- */

static void content(struct pkt_token *token, const char *begin, const char *end)
{
    token->text = begin;
    token->len = (size_t)(end - begin);
}

static void read_mark(struct pkt_lexer *lexer, struct pkt_token *token)
{
    const char *begin = lexer->at + strlen("//!");
    skip_line(lexer);
    token->kind = PKT_TOKEN_MARK;
    content(token, begin, lexer->at);
}

/* Everything between an opening and a closing mark; a backslash protects what follows it. */
static void read_enclosed(struct pkt_lexer *lexer, struct pkt_token *token, enum pkt_token_kind kind,
                          const char *opening, const char *closing)
{
    lexer->at += strlen(opening);
    const char *begin = lexer->at;
    while (lexer->at < lexer->stop && !has(lexer, closing)) {
        if (*lexer->at == '\\' && lexer->stop - lexer->at > 1 && kind != PKT_TOKEN_CODE)
            step(lexer);
        step(lexer);
    }
    if (lexer->at == lexer->stop) {
        token->kind = PKT_TOKEN_BAD;
        token->text = kind == PKT_TOKEN_STRING ? "a string without its closing quote"
                      : kind == PKT_TOKEN_CODE ? "code without its closing }%"
                                               : "a command without its closing back-quote";
        token->len = strlen(token->text);
        return;
    }
    token->kind = kind;
    content(token, begin, lexer->at);
    lexer->at += strlen(closing);
}

static void read_option(struct pkt_lexer *lexer, struct pkt_token *token)
{
    lexer->at += strlen("--");
    const char *begin = lexer->at;
    while (lexer->at < lexer->stop && !isspace((unsigned char)*lexer->at))
        lexer->at++;
    token->kind = PKT_TOKEN_OPTION;
    content(token, begin, lexer->at);
}

/* Digits; behind them a dot and more digits make it a float, a letter makes it a word (a cookie in hex). */
static void read_number(struct pkt_lexer *lexer, struct pkt_token *token)
{
    const char *begin = lexer->at;
    bool is_negative = *lexer->at == '-';
    lexer->at += is_negative;
    while (is_digit(peek(lexer, 0)))
        lexer->at++;
    token->kind = PKT_TOKEN_INTEGER;
    if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        token->kind = PKT_TOKEN_FLOAT;
        do
            lexer->at++;
        while (is_digit(peek(lexer, 0)));
    } else if (!is_negative && is_word_char(peek(lexer, 0))) {
        token->kind = PKT_TOKEN_WORD;
        while (is_word_char(peek(lexer, 0)))
            lexer->at++;
    }
    content(token, begin, lexer->at);
    char *end;
    bool is_hex = token->kind == PKT_TOKEN_WORD && token->len > 2 && begin[0] == '0' && begin[1] == 'x';
    token->number = strtoll(begin, &end, is_hex ? 16 : 10);
    if (is_hex && end == lexer->at)
        token->kind = PKT_TOKEN_INTEGER;
}

static void read_word(struct pkt_lexer *lexer, struct pkt_token *token)
{
    const char *begin = lexer->at;
    while (is_word_char(peek(lexer, 0)))
        lexer->at++;
    token->kind = PKT_TOKEN_WORD;
    content(token, begin, lexer->at);
}

static bool begins_number(const struct pkt_lexer *lexer)
{
    char c = peek(lexer, 0), next = peek(lexer, 1);
    return is_digit(c) || (c == '-' && is_digit(next)) || (c == '.' && is_digit(next));
}

static void read_token(struct pkt_lexer *lexer, struct pkt_token *token)
{
    if (has(lexer, "//!"))
        read_mark(lexer, token);
    else if (has(lexer, "..."))
        token->kind = PKT_TOKEN_ELLIPSIS, lexer->at += 3;
    else if (has(lexer, "%{"))
        read_enclosed(lexer, token, PKT_TOKEN_CODE, "%{", "}%");
    else if (has(lexer, "--") && isalpha((unsigned char)peek(lexer, 2)))
        read_option(lexer, token);
    else if (has(lexer, "\""))
        read_enclosed(lexer, token, PKT_TOKEN_STRING, "\"", "\"");
    else if (has(lexer, "`"))
        read_enclosed(lexer, token, PKT_TOKEN_COMMAND, "`", "`");
    else if (begins_number(lexer))
        read_number(lexer, token);
    else if (is_word_char(*lexer->at))
        read_word(lexer, token);
    else
        token->kind = PKT_TOKEN_CHAR, lexer->at++;
}

void pkt_lexer_next(struct pkt_lexer *lexer)
{
    struct pkt_token *token = &lexer->token;
    lexer->before = token->end;
    bool is_whole = skip_space(lexer);
    *token = (struct pkt_token){.line = lexer->line, .begin = lexer->at, .text = lexer->at, .end = lexer->at};
    if (!is_whole) {
        token->kind = PKT_TOKEN_BAD;
        token->text = "a comment without its end";
        token->len = strlen(token->text);
        return;
    }
    if (lexer->at == lexer->stop)
        return;
    read_token(lexer, token);
    token->end = lexer->at;
    if (token->kind == PKT_TOKEN_CHAR || token->kind == PKT_TOKEN_ELLIPSIS)
        content(token, token->begin, token->end);
}

void pkt_lexer_begin(struct pkt_lexer *lexer, const char *text, size_t len, unsigned line)
{
    *lexer = (struct pkt_lexer){.at = text, .stop = text + len, .line = line};
    lexer->token.end = text;
    pkt_lexer_next(lexer);
}

bool pkt_token_is_char(const struct pkt_token *token, char c)
{
    return token->kind == PKT_TOKEN_CHAR && token->text[0] == c;
}

bool pkt_token_is_word(const struct pkt_token *token, const char *word)
{
    return token->kind == PKT_TOKEN_WORD && token->len == strlen(word) &&
           memcmp(token->text, word, token->len) == 0;
}

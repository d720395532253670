/*
 * Words of packetdrill's language. Comments (two slashes, a hash, or between slash-star and star-slash) are passed
 * over, but for those that begin with two slashes and an exclamation mark: they are Handfast's additions and come
 * out as one token each.
 *
 * Read next: parser.c.
 */
#ifndef HF_PKT_LEXER_H
#define HF_PKT_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pkt_token_kind {
    PKT_TOKEN_END,
    PKT_TOKEN_INTEGER, /* `number` */
    PKT_TOKEN_FLOAT,   /* digits, a dot, digits; see pkt_token_ns */
    PKT_TOKEN_WORD,
    PKT_TOKEN_STRING,   /* without its quotes, escapes as they stand */
    PKT_TOKEN_COMMAND,  /* between back-quotes */
    PKT_TOKEN_CODE,     /* between %{ and }% */
    PKT_TOKEN_OPTION,   /* NAME or NAME=VALUE of "--NAME=VALUE" */
    PKT_TOKEN_MARK,     /* the rest of the line behind the exclamation mark */
    PKT_TOKEN_ELLIPSIS, /* three dots */
    PKT_TOKEN_CHAR,     /* any other single character: `text[0]` */
    PKT_TOKEN_BAD,      /* something that has no end; `text` says what */
};

struct pkt_token {
    enum pkt_token_kind kind;
    unsigned line;    /* where it begins */
    const char *text; /* its content, not terminated; borrows from the source */
    size_t len;
    const char *begin, *end; /* the whole of it in the source */
    int64_t number;
};

struct pkt_lexer {
    const char *at, *stop;
    unsigned line;
    struct pkt_token token; /* the one being looked at */
    const char *before;     /* the end of the one before it */
};

/* `text` of `len` bytes is kept. `line` is the number of its first line. The first token is then being looked at.
 */
void pkt_lexer_begin(struct pkt_lexer *lexer, const char *text, size_t len, unsigned line);
void pkt_lexer_next(struct pkt_lexer *lexer);

bool pkt_token_is_char(const struct pkt_token *token, char c);
bool pkt_token_is_word(const struct pkt_token *token, const char *word);

#endif

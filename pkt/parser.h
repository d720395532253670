/*
 * The parser's parts: recursive descent over the tokens of lexer.h. The first error sticks: it is kept with its
 * line, and from then on there are no more tokens, so that every loop ends by itself.
 *
 * Read first: lexer.h, script.h. Read next: parser.c.
 */
#ifndef HF_PKT_PARSER_H
#define HF_PKT_PARSER_H

#include "lexer.h"
#include "script.h"

struct pkt_parser {
    struct pkt_script *script;
    struct pkt_lexer lexer;
    unsigned fixture_line; /* not 0: this is the fixture's text, and every event belongs to that line */
    bool has_events;       /* of the script's own */
    unsigned depth;        /* lists and structs around the value that is being read */
};

/* Keeps the first error; `line` 0 means that of the token being looked at. Returns false. */
bool pkt_parser_fail(struct pkt_parser *p, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool pkt_parser_failed(const struct pkt_parser *p);

/* Moves on. The token looked at is p->lexer.token. */
void pkt_parser_next(struct pkt_parser *p);
bool pkt_parser_at_char(const struct pkt_parser *p, char c);
bool pkt_parser_at_word(const struct pkt_parser *p, const char *word);
/* Moves on if it stands there. */
bool pkt_parser_take_char(struct pkt_parser *p, char c);
bool pkt_parser_take_word(struct pkt_parser *p, const char *word);
/* Moves on, or fails saying that `c` was expected `where`. */
bool pkt_parser_expect(struct pkt_parser *p, char c, const char *where);
/* An integer of low..high, or failure saying what it should have been. */
int64_t pkt_parser_integer(struct pkt_parser *p, int64_t low, int64_t high, const char *what);
/* Seconds, "1" or "0.25". */
hf_ns pkt_parser_seconds(struct pkt_parser *p, const char *what);
char *pkt_parser_text(struct pkt_parser *p, const struct pkt_token *token);

/* parse_packet.c: behind the direction. Sets event->kind too. */
void pkt_parse_packet(struct pkt_parser *p, struct pkt_event *event, bool is_out);
/* parse_call.c: from the function's name on. */
void pkt_parse_call(struct pkt_parser *p, struct pkt_call *call);
/* parse_mark.c: one //! line. True when it is an event, which is then at *event. */
bool pkt_parse_mark(struct pkt_parser *p, const struct pkt_token *token, struct pkt_event *event);
/* parse_option.c: one --NAME=VALUE. */
void pkt_parse_option(struct pkt_parser *p, const struct pkt_token *token);
/* parser.c: the events of another text, for the fixture. */
void pkt_parse_events(struct pkt_parser *p);

/* The words of a //! line, cut at spaces and commas, up to a comment. */
struct pkt_words {
    const char *at, *stop;
    char word[64]; /* the one being looked at; "" at the end */
};

void pkt_words_begin(struct pkt_words *words, const char *text, size_t len);
void pkt_words_next(struct pkt_words *words);
bool pkt_words_take(struct pkt_words *words, const char *word);

/* given.c: the rest of a "given" line. Sets script->fixture, and parses it. */
void pkt_parse_given(struct pkt_parser *p, struct pkt_words *words, unsigned line);
/* config_keys.c: one field of script->config or of script->settings. False with the reason in error[160]. */
bool pkt_config_set(struct pkt_script *script, const char *key, const char *value, char error[160]);

/* numbers.c: sequence numbers of a script without additions. */
void pkt_count_from_syns(struct pkt_script *script);
/* sysctls.c: what a command before the first event sets, with the profile linux; it is not run. */
void pkt_sysctls_of_command(struct pkt_script *script, const char *command);

/* Whether two names are the same but for case, and for '-' against '_'. */
bool pkt_same_name(const char *a, const char *b);

#endif

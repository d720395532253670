/* Handfast's additions, one //! line each. Read first: parser.h, script.h. */
#include "parser.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

void pkt_words_begin(struct pkt_words *words, const char *text, size_t len)
{
    *words = (struct pkt_words){.at = text, .stop = text + len};
    pkt_words_next(words);
}

void pkt_words_next(struct pkt_words *words)
{
    size_t len = 0;
    while (words->at < words->stop && (isspace((unsigned char)*words->at) || *words->at == ','))
        words->at++;
    bool is_comment = words->stop - words->at >= 2 && memcmp(words->at, "//", 2) == 0;
    if (is_comment)
        words->at = words->stop;
    while (words->at < words->stop && !isspace((unsigned char)*words->at) && *words->at != ',') {
        if (len < sizeof words->word - 1)
            words->word[len++] = *words->at;
        words->at++;
    }
    words->word[len] = 0;
}

bool pkt_words_take(struct pkt_words *words, const char *word)
{
    if (strcmp(words->word, word) != 0)
        return false;
    pkt_words_next(words);
    return true;
}

static bool expect_end(struct pkt_parser *p, const struct pkt_words *words, unsigned line)
{
    return words->word[0] == 0 || pkt_parser_fail(p, line, "'%s' means nothing here", words->word);
}

/* ---- names ---- */

/* The reason called `name`, with or without its group's name in front. HF_REASON_NONE when there is none. */
static enum hf_reason reason_of(const char *group, const char *name)
{
    char full[96];
    snprintf(full, sizeof full, "%s%s", group, name);
    for (unsigned reason = HF_ACCEPTED + 1; reason < HF_REASON_COUNT; reason++)
        if (strcmp(hf_reason_name(reason), full) == 0 || strcmp(hf_reason_name(reason), name) == 0)
            return reason;
    return HF_REASON_NONE;
}

static bool state_of(const char *name, enum hf_state *state)
{
    for (unsigned i = 0; i < HF_STATE_COUNT; i++) {
        if (!pkt_same_name(hf_state_text(i), name))
            continue;
        *state = i;
        return true;
    }
    return false;
}

static bool error_of(const char *name, enum hf_error *error)
{
    static const struct {
        const char *name;
        enum hf_error value;
    } errors[] = {
#define X(error_name, value, text, posix) {#error_name, HF_##error_name},
        HF_ERRORS(X)
#undef X
    };
    for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        bool is_it = strcmp(errors[i].name, name) == 0 ||
                     (strncmp(errors[i].name, "ERR_", 4) == 0 && strcmp(errors[i].name + 4, name) == 0);
        if (!is_it)
            continue;
        *error = errors[i].value;
        return true;
    }
    return false;
}

/* ---- the marks ---- */

static bool parse_why(struct pkt_parser *p, struct pkt_words *words, struct pkt_mark *mark, unsigned line)
{
    mark->kind = PKT_WHY;
    mark->reason = reason_of("WHY_", words->word);
    if (mark->reason == HF_REASON_NONE)
        return pkt_parser_fail(p, line, "there is no reason WHY_%s", words->word);
    pkt_words_next(words);
    return expect_end(p, words, line);
}

static bool parse_drop(struct pkt_parser *p, struct pkt_words *words, struct pkt_mark *mark, unsigned line)
{
    mark->kind = PKT_DROP;
    mark->reason = strcmp(words->word, "nothing") == 0 ? HF_ACCEPTED : reason_of("DROP_", words->word);
    if (mark->reason == HF_REASON_NONE)
        return pkt_parser_fail(p, line, "there is no reason DROP_%s", words->word);
    pkt_words_next(words);
    return expect_end(p, words, line);
}

/* state NAME [error NAME] [ended NAME] [advice NAME] */
static bool parse_state(struct pkt_parser *p, struct pkt_words *words, struct pkt_mark *mark, unsigned line)
{
    mark->kind = PKT_STATE;
    if (!state_of(words->word, &mark->state))
        return pkt_parser_fail(p, line, "there is no state '%s'", words->word);
    pkt_words_next(words);
    if (pkt_words_take(words, "error")) {
        mark->has_error = true;
        if (!error_of(words->word, &mark->error))
            return pkt_parser_fail(p, line, "there is no error '%s'", words->word);
        pkt_words_next(words);
    }
    if (pkt_words_take(words, "ended")) {
        mark->has_ended = true;
        mark->ended = reason_of("EDGE_", words->word);
        if (mark->ended == HF_REASON_NONE)
            return pkt_parser_fail(p, line, "there is no reason EDGE_%s", words->word);
        pkt_words_next(words);
    }
    if (pkt_words_take(words, "advice")) {
        mark->has_advice = true;
        mark->advice = reason_of("ADVICE_", words->word);
        if (mark->advice == HF_REASON_NONE)
            return pkt_parser_fail(p, line, "there is no reason ADVICE_%s", words->word);
        pkt_words_next(words);
    }
    return expect_end(p, words, line);
}

/* sends nothing [until TIME | until +TIME] */
static bool parse_sends_nothing(struct pkt_parser *p, struct pkt_words *words, struct pkt_mark *mark, unsigned line)
{
    mark->kind = PKT_SENDS_NOTHING;
    if (!pkt_words_take(words, "nothing"))
        return pkt_parser_fail(p, line, "'sends' is followed by 'nothing'");
    mark->has_until = pkt_words_take(words, "until");
    if (!mark->has_until)
        return expect_end(p, words, line);
    const char *text = words->word + (words->word[0] == '+');
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != 0 || seconds < 0 || seconds > 1e6)
        return pkt_parser_fail(p, line, "'%s' is no time", words->word);
    mark->until.kind = words->word[0] == '+' ? PKT_RELATIVE : PKT_ABSOLUTE;
    mark->until.from = mark->until.to = (hf_ns)(seconds * 1e9 + 0.5);
    pkt_words_next(words);
    return expect_end(p, words, line);
}

static void parse_config(struct pkt_parser *p, struct pkt_words *words, unsigned line)
{
    char key[sizeof words->word], error[160];
    if (p->has_events || p->script->fixture) {
        pkt_parser_fail(p, line, "'config' stands before the first event and before 'given'");
        return;
    }
    snprintf(key, sizeof key, "%s", words->word);
    pkt_words_next(words);
    if (!pkt_config_set(p->script, key, words->word, error)) {
        pkt_parser_fail(p, line, "%s", error);
        return;
    }
    pkt_words_next(words);
    expect_end(p, words, line);
}

bool pkt_parse_mark(struct pkt_parser *p, const struct pkt_token *token, struct pkt_event *event)
{
    struct pkt_words words;
    struct pkt_mark *mark = &event->mark;
    unsigned line = token->line;
    *mark = (struct pkt_mark){.kind = PKT_WHY};
    pkt_words_begin(&words, token->text, token->len);
    if (pkt_words_take(&words, "why"))
        return parse_why(p, &words, mark, line);
    if (pkt_words_take(&words, "drop"))
        return parse_drop(p, &words, mark, line);
    if (pkt_words_take(&words, "state"))
        return parse_state(p, &words, mark, line);
    if (pkt_words_take(&words, "sends"))
        return parse_sends_nothing(p, &words, mark, line);
    if (pkt_words_take(&words, "config"))
        parse_config(p, &words, line);
    else if (pkt_words_take(&words, "given"))
        pkt_parse_given(p, &words, line);
    else
        pkt_parser_fail(p, line, "expected given, why, drop, state, sends nothing or config behind //!, found '%s'",
                        words.word);
    return false;
}

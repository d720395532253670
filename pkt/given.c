/*
 * "//! given STATE ...": the events that bring a connection into that state, as plain packetdrill text, which is
 * then parsed like any other. Whoever wants to see it: handfast check --stock FILE.
 *
 *     //! given established                          passive: the listener is 3, the connection 4
 *     //! given fin-wait-2 active closed             active: the connection is 3; the application has called close
 *     //! given close-wait sack timestamps wscale 7 mss 1000 window 20000  rcv.nxt 2, snd.nxt 1
 *
 * All of it happens at time 0. rcv.nxt and snd.nxt say what numbers the script means to use: the initial sequence
 * numbers are chosen to fit.
 *
 * Read first: parser.h.
 */
#include "parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURE_MAX 4096
#define THEIR_STAMP 1000u /* the value of the peer's timestamps, and of ours */
#define OUR_STAMP   100u

struct given {
    enum hf_state state;
    bool active;
    bool closed; /* the application has called close; else it has shut down the sending direction, and may read */
    bool sack, timestamps, has_scale, has_rcv, has_snd;
    unsigned scale, mss, window;
    uint32_t rcv_nxt, snd_nxt;
};

/* Where the fixture's text is being written. */
struct fixture {
    const struct pkt_script *script;
    const struct given *given;
    char text[FIXTURE_MAX];
    size_t len;
    bool has_begun;
    unsigned fd;           /* of the connection */
    uint32_t theirs, ours; /* the next sequence number of each side */
};

/* ---- what is asked for ---- */

static bool take_number(struct pkt_parser *p, struct pkt_words *words, unsigned line, uint32_t most,
                        uint32_t *number)
{
    char *end;
    unsigned long long value = strtoull(words->word, &end, 10);
    if (words->word[0] < '0' || words->word[0] > '9' || *end != 0 || value > most)
        return pkt_parser_fail(p, line, "'%s' is no number up to %u", words->word, most);
    *number = (uint32_t)value;
    pkt_words_next(words);
    return true;
}

static bool take_word(struct pkt_parser *p, struct pkt_words *words, unsigned line, struct given *given)
{
    if (pkt_words_take(words, "active"))
        return given->active = true;
    if (pkt_words_take(words, "passive"))
        return !(given->active = false);
    if (pkt_words_take(words, "closed"))
        return given->closed = true;
    if (pkt_words_take(words, "sack"))
        return given->sack = true;
    if (pkt_words_take(words, "timestamps"))
        return given->timestamps = true;
    if (pkt_words_take(words, "wscale"))
        return (given->has_scale = true) && take_number(p, words, line, 14, &given->scale);
    if (pkt_words_take(words, "mss"))
        return take_number(p, words, line, 65535, &given->mss);
    if (pkt_words_take(words, "window"))
        return take_number(p, words, line, 65535, &given->window);
    if (pkt_words_take(words, "rcv.nxt"))
        return (given->has_rcv = true) && take_number(p, words, line, UINT32_MAX, &given->rcv_nxt);
    if (pkt_words_take(words, "snd.nxt"))
        return (given->has_snd = true) && take_number(p, words, line, UINT32_MAX, &given->snd_nxt);
    return pkt_parser_fail(p, line, "'%s' is nothing that can be given", words->word);
}

static bool take_state(struct pkt_parser *p, struct pkt_words *words, unsigned line, struct given *given)
{
    for (unsigned state = 0; state < HF_STATE_COUNT; state++) {
        if (!pkt_same_name(hf_state_text(state), words->word))
            continue;
        given->state = state;
        given->active = state == HF_SYN_SENT;
        pkt_words_next(words);
        return true;
    }
    return pkt_parser_fail(p, line, "there is no state '%s'", words->word);
}

/* ---- writing ---- */

static void say(struct fixture *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One event: the first stands at time 0, every other one at the time of the one before. */
static void say(struct fixture *f, const char *format, ...)
{
    va_list args;
    f->len += (size_t)snprintf(f->text + f->len, FIXTURE_MAX - f->len, f->has_begun ? "+0 " : "0 ");
    f->has_begun = true;
    va_start(args, format);
    f->len += (size_t)vsnprintf(f->text + f->len, FIXTURE_MAX - f->len, format, args);
    va_end(args);
    f->len += (size_t)snprintf(f->text + f->len, FIXTURE_MAX - f->len, "\n");
}

/* As Linux orders the options of a SYN, and Handfast with it. */
static char *syn_options(char text[128], unsigned mss, bool sack, bool stamps, uint32_t val, uint32_t ecr,
                         int scale)
{
    int len = snprintf(text, 128, "<mss %u", mss);
    if (sack != stamps)
        len += snprintf(text + len, 128 - (size_t)len, ",nop,nop");
    if (sack)
        len += snprintf(text + len, 128 - (size_t)len, ",sackOK");
    if (stamps)
        len += snprintf(text + len, 128 - (size_t)len, ",TS val %u ecr %u", val, ecr);
    if (scale >= 0)
        len += snprintf(text + len, 128 - (size_t)len, ",nop,wscale %d", scale);
    snprintf(text + len, 128 - (size_t)len, ">");
    return text;
}

static unsigned our_mss(const struct fixture *f)
{
    return f->script->settings.mtu - (f->script->settings.is_v6 ? 60u : 40u);
}

/* The smallest shift that makes the receive buffer's size fit the window field. */
static int our_scale(const struct fixture *f)
{
    int scale = 0;
    while (scale < 14 && f->script->config.receive_buffer >> scale > 65535)
        scale++;
    return scale;
}

/* What our SYN offers, or our SYN,ACK answers to what was offered. */
static char *our_syn_options(const struct fixture *f, char text[128], bool is_answer)
{
    const struct hf_config *config = &f->script->config;
    const struct given *g = f->given;
    bool sack = config->sack && (!is_answer || g->sack);
    bool stamps = config->timestamps && (!is_answer || g->timestamps);
    bool scales = config->window_scaling && (!is_answer || g->has_scale);
    return syn_options(text, our_mss(f), sack, stamps, OUR_STAMP, is_answer ? THEIR_STAMP : 0,
                       scales ? our_scale(f) : -1);
}

static char *their_syn_options(const struct fixture *f, char text[128], bool is_answer)
{
    const struct given *g = f->given;
    return syn_options(text, g->mss, g->sack, g->timestamps, THEIR_STAMP, is_answer ? OUR_STAMP : 0,
                       g->has_scale ? (int)g->scale : -1);
}

static char *later_options(const struct fixture *f, char text[64], uint32_t val, uint32_t ecr)
{
    text[0] = 0;
    if (f->given->timestamps && f->script->config.timestamps)
        snprintf(text, 64, " <nop,nop,TS val %u ecr %u>", val, ecr);
    return text;
}

/* A segment of the peer's, or of ours, without data. `fin` takes a number. */
static void they_send(struct fixture *f, const char *flags, bool fin)
{
    char options[64];
    say(f, "< %s %u:%u(0) ack %u win %u%s", flags, f->theirs, f->theirs, f->ours, f->given->window,
        later_options(f, options, THEIR_STAMP, OUR_STAMP));
    f->theirs += fin;
}

static void we_send(struct fixture *f, const char *flags, bool fin)
{
    char options[64];
    say(f, "> %s %u:%u(0) ack %u%s", flags, f->ours, f->ours, f->theirs,
        later_options(f, options, OUR_STAMP, THEIR_STAMP));
    f->ours += fin;
}

/* ---- opening ---- */

static void open_listener(struct fixture *f)
{
    say(f, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
    say(f, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0");
    say(f, "bind(3, ..., ...) = 0");
    say(f, "listen(3, 1) = 0");
}

static void they_offer(struct fixture *f)
{
    char options[128];
    say(f, "< S %u:%u(0) win %u %s", f->theirs, f->theirs, f->given->window, their_syn_options(f, options, false));
    f->theirs++;
}

static void we_answer(struct fixture *f)
{
    char options[128];
    say(f, "> S. %u:%u(0) ack %u %s", f->ours, f->ours, f->theirs, our_syn_options(f, options, true));
}

static void open_passive(struct fixture *f)
{
    open_listener(f);
    if (f->given->state == HF_LISTEN)
        return;
    they_offer(f);
    we_answer(f);
    f->ours++;
    if (f->given->state == HF_SYN_RECEIVED)
        return;
    they_send(f, ".", false);
    say(f, "accept(3, ..., ...) = 4");
}

static void start_active(struct fixture *f)
{
    char options[128];
    say(f, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
    say(f, "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0");
    say(f, "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)");
    say(f, "> S %u:%u(0) %s", f->ours, f->ours, our_syn_options(f, options, false));
}

static void open_active(struct fixture *f)
{
    char options[128];
    start_active(f);
    if (f->given->state == HF_SYN_RECEIVED) { /* both sides open at once */
        they_offer(f);
        we_answer(f);
    } else if (f->given->state != HF_SYN_SENT) {
        say(f, "< S. %u:%u(0) ack %u win %u %s", f->theirs, f->theirs, f->ours + 1, f->given->window,
            their_syn_options(f, options, true));
        f->theirs++;
        f->ours++;
        we_send(f, ".", false);
    }
    say(f, "fcntl(3, F_SETFL, O_RDWR) = 0");
}

/* ---- closing ---- */

static void we_close(struct fixture *f)
{
    if (f->given->closed)
        say(f, "close(%u) = 0", f->fd);
    else
        say(f, "shutdown(%u, SHUT_WR) = 0", f->fd);
    we_send(f, "F.", true);
}

static void they_close(struct fixture *f)
{
    they_send(f, "F.", true);
    we_send(f, ".", false);
}

static void walk_to(struct fixture *f, enum hf_state state)
{
    switch (state) {
    case HF_FIN_WAIT_1:
        we_close(f);
        break;
    case HF_FIN_WAIT_2:
    case HF_TIME_WAIT:
        we_close(f);
        they_send(f, ".", false);
        if (state == HF_TIME_WAIT)
            they_close(f);
        break;
    case HF_CLOSING: /* their FIN does not acknowledge ours */
        we_close(f);
        f->ours--;
        they_send(f, "F.", true);
        f->ours++;
        we_send(f, ".", false);
        break;
    case HF_CLOSE_WAIT:
    case HF_LAST_ACK:
        they_close(f);
        if (state == HF_LAST_ACK)
            we_close(f);
        break;
    default:
        break;
    }
}

/* ---- the whole ---- */

static bool is_any_of(enum hf_state state, unsigned states)
{
    return states & 1u << state;
}

#define IN(state) (1u << HF_##state)

/* How many numbers each side has used: its SYN, its FIN. */
static void choose_initial(struct fixture *f)
{
    const struct given *g = f->given;
    unsigned our_fin =
        is_any_of(g->state, IN(FIN_WAIT_1) | IN(FIN_WAIT_2) | IN(CLOSING) | IN(LAST_ACK) | IN(TIME_WAIT));
    unsigned their_fin = is_any_of(g->state, IN(CLOSE_WAIT) | IN(CLOSING) | IN(LAST_ACK) | IN(TIME_WAIT));
    f->ours = g->has_snd ? g->snd_nxt - 1 - our_fin : 0;
    f->theirs = g->has_rcv ? g->rcv_nxt - 1 - their_fin : 0;
}

static bool check_words(struct pkt_parser *p, const struct given *g, unsigned line)
{
    bool has_no_peer = is_any_of(g->state, IN(CLOSED) | IN(LISTEN) | IN(SYN_SENT));
    bool has_no_numbers = is_any_of(g->state, IN(CLOSED) | IN(LISTEN));
    bool has_closed =
        is_any_of(g->state, IN(FIN_WAIT_1) | IN(FIN_WAIT_2) | IN(CLOSING) | IN(LAST_ACK) | IN(TIME_WAIT));
    if (g->has_rcv && has_no_peer)
        return pkt_parser_fail(p, line, "in %s there is no RCV.NXT yet", hf_state_text(g->state));
    if (g->has_snd && has_no_numbers)
        return pkt_parser_fail(p, line, "in %s there is no SND.NXT yet", hf_state_text(g->state));
    if (g->closed && !has_closed)
        return pkt_parser_fail(p, line, "in %s the application has not closed", hf_state_text(g->state));
    if (g->active && g->state == HF_LISTEN)
        return pkt_parser_fail(p, line, "LISTEN is never active");
    if (!g->active && g->state == HF_SYN_SENT)
        return pkt_parser_fail(p, line, "SYN-SENT is always active");
    return true;
}

static void parse_fixture(struct pkt_parser *p, const char *text, unsigned line)
{
    struct pkt_parser inner = {.script = p->script, .fixture_line = line};
    pkt_lexer_begin(&inner.lexer, text, strlen(text), 1);
    pkt_parse_events(&inner);
}

static void remember_place(struct pkt_script *script, const char *at)
{
    const char *begin = at, *end = at, *stop = script->source + script->source_len;
    while (begin > script->source && begin[-1] != '\n')
        begin--;
    while (end < stop && *end != '\n')
        end++;
    script->given = begin;
    script->given_end = end;
}

void pkt_parse_given(struct pkt_parser *p, struct pkt_words *words, unsigned line)
{
    struct given given = {.mss = p->script->settings.is_v6 ? 1440 : 1460, .window = 65535};
    if (p->has_events || p->script->fixture) {
        pkt_parser_fail(p, line, "'given' stands once, before the first event");
        return;
    }
    if (!take_state(p, words, line, &given))
        return;
    while (words->word[0] && take_word(p, words, line, &given))
        ;
    if (pkt_parser_failed(p) || !check_words(p, &given, line))
        return;
    struct fixture f = {.script = p->script, .given = &given, .fd = given.active ? 3 : 4};
    choose_initial(&f);
    if (given.state != HF_CLOSED && given.active)
        open_active(&f);
    else if (given.state != HF_CLOSED)
        open_passive(&f);
    walk_to(&f, given.state);
    p->script->fixture = pkt_take_text(&p->script->memory, f.text, f.len);
    remember_place(p->script, p->lexer.token.begin);
    parse_fixture(p, p->script->fixture, line);
}

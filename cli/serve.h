/*
 * A server of static files as a part of the loop: `handfast serve`, and the other end in `handfast demo`.
 *
 *     serve.c         the verb, the listener, who is connected, whose patience has ended
 *     exchange.c      one connection: read a request, answer it, next
 *     answer.c        what a request is answered with: a file, a listing, a refusal
 *     http*.c         HTTP itself, without engine and files
 */
#ifndef HF_CLI_SERVE_H
#define HF_CLI_SERVE_H

#include "host.h"
#include "http.h"
#include "http_request.h"

/* ---- answer.c ---- */

/* What goes back: bytes in memory, then bytes of a file. */
struct answer {
    int status;
    uint64_t length;       /* of the body */
    struct http_text text; /* head and, when the body is not a file's, the body */
    int file;              /* -1 when there is none */
    uint64_t file_at, file_left;
    bool keep_alive;
};

/* Answers a complete or refused request with something below the directory `root`. The answer is the caller's: end
 * it with answer_free. Never fails: what cannot be answered is answered with 500 or 503. */
void answer_make(struct answer *a, int root, const struct http_request *r);
/* The same for a refusal that no request asked for: 408. */
void answer_refuse(struct answer *a, int status);
void answer_free(struct answer *a);

/* ---- serve.c ---- */

struct serve_options {
    const char *directory;
    struct hf_endpoint at; /* address any: every address of the engine */
    hf_ns patience_ns;     /* how long a client may take over a request, or over taking bytes; 0 = 30 s */
    bool verbose;          /* a line on stderr for each request */
};

struct serve {
    struct host *host;
    struct serve_options options;
    int root;
    hf_conn listener;
    struct exchange *first; /* all connections, the latest first */
    unsigned count;         /* of them */
    uint64_t requests;      /* answered so far */
    hf_time look_at;        /* when to see whose patience has ended */
    bool is_stopping;
};

/* Listens, and takes part in the host's loop from now on; host_close frees it. NULL after having said why not. */
struct serve *serve_open(struct host *host, const struct serve_options *options);

/* ---- exchange.c ---- */

struct exchange {
    struct exchange *next, *previous;
    struct serve *serve;
    hf_conn conn;
    struct hf_endpoint remote;
    enum { EXCHANGE_READING, EXCHANGE_ANSWERING, EXCHANGE_ENDING } doing;
    struct http_request request;
    struct answer answer;
    size_t text_at;        /* how much of answer.text is sent */
    uint64_t discarded;    /* bytes read only to be thrown away, while ENDING */
    uint64_t acknowledged; /* when patience was last renewed */
    hf_time patience_ends_at;
};

/* Takes a fresh connection. NULL when there is no memory: the connection is aborted. */
struct exchange *exchange_open(struct serve *serve, hf_conn conn);

/* Goes on as far as it can. False when it is over, and freed. */
bool exchange_go_on(struct exchange *x);

/* Time has passed: renews or ends the patience. False when it is over, and freed. */
bool exchange_look(struct exchange *x);

/* The server stops: no request after this one. False when it is over, and freed. */
bool exchange_stop(struct exchange *x);

/* Resets the connection and frees `x`. */
void exchange_abort(struct exchange *x);

#endif

/*
 * One request after another, out of the bytes of a connection: the library http_parser reads, this keeps what a
 * server of static files needs, within fixed bounds.
 */
#ifndef HF_CLI_HTTP_REQUEST_H
#define HF_CLI_HTTP_REQUEST_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_TARGET_MAX = 4096,  /* longer ones are answered with 414 */
    HTTP_FIELDS_MAX = 16384, /* bytes of header fields; more are answered with 431 */
    HTTP_BODY_MAX = 1 << 16, /* bytes of a body, which is read and ignored; more are answered with 413 */
};

struct http_request {
    http_parser parser;
    bool has_begun;   /* at least one byte of it came */
    bool is_complete; /* everything below is final; http_request_next goes on */
    int status;       /* 0, or what to answer it with; the connection cannot be used further then */
    bool is_head;
    bool is_old; /* HTTP/1.0 */
    bool keep_alive;
    char target[HTTP_TARGET_MAX + 1];
    /* Values of the fields that matter, "" when absent or longer than fits (each of them may be ignored). */
    char range[256], if_range[128], if_none_match[512], if_modified_since[64];
    unsigned hosts; /* Host fields seen */

    /* Between two calls of the parser. */
    size_t target_len, field_bytes, body_bytes, name_len, value_len;
    char name[32]; /* of the field being read; longer ones are none of ours */
    char *value;   /* where its value goes, or NULL */
    size_t value_cap;
    bool in_value;
};

void http_request_init(struct http_request *r);

/* Takes bytes up to the end of a request; returns how many. Stops early when is_complete or status is set. */
size_t http_request_feed(struct http_request *r, const char *data, size_t len);

/* After a complete one: makes ready for the next request on the connection. */
void http_request_next(struct http_request *r);

#endif

/*
 * The parts of HTTP/1.1 that a server of static files needs and that are pure: text in, values out. No engine, no
 * file.
 *
 * RFC 9110 (semantics) and RFC 9112 (HTTP/1.1). Parsing of requests is http_request.h, on a library's parser.
 */
#ifndef HF_CLI_HTTP_H
#define HF_CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "Not Found"; lends a static string. */
const char *http_status_text(int status);

/* ---- text that grows, up to a limit ---- */

/* Bytes in a block of their own. Zero-filled is empty. Once `failed`, appending does nothing. */
struct http_text {
    char *data;
    size_t len, cap;
    bool failed; /* no memory, or HTTP_TEXT_MAX reached */
};

#define HTTP_TEXT_MAX (4u << 20)

void http_text_add(struct http_text *text, const char *data, size_t len);
void http_text_print(struct http_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with & < > " ' escaped for HTML, or with all but unreserved characters and '/' percent-encoded. */
void http_text_add_html(struct http_text *text, const char *plain);
void http_text_add_url(struct http_text *text, const char *plain);
void http_text_free(struct http_text *text);

/* ---- request targets ---- */

/*
 * The path a request target means, relative to the root: decoded, without query, dot segments removed (RFC
 * 3986, 5.2.4), no slash in front; "" is the root. A slash at the end is kept. Takes the absolute form too (RFC
 * 9112, 3.2.2). Returns 0 or the status to answer with: 400 for what is no path or leads above the root, 414 when
 * `cap` is too small.
 */
int http_path_decode(const char *target, char *path, size_t cap);

/* ---- ranges (RFC 9110, 14) ---- */

struct http_range {
    uint64_t first, len;
};

enum http_range_verdict {
    HTTP_RANGE_WHOLE, /* none, malformed, of another unit, or several: answer with everything (14.2 allows that) */
    HTTP_RANGE_PART,  /* *range is set and lies within the size */
    HTTP_RANGE_BAD,   /* 416 */
};

enum http_range_verdict http_range_parse(const char *value, uint64_t size, struct http_range *range);

/* ---- dates (RFC 9110, 5.6.7) ---- */

#define HTTP_DATE_LEN 30 /* with the terminating zero */

/* "Sun, 06 Nov 1994 08:49:37 GMT"; `seconds` since 1970. Returns `text`. */
char *http_date_print(int64_t seconds, char text[HTTP_DATE_LEN]);

/* All three forms. False when the text is none of them. */
bool http_date_parse(const char *text, int64_t *seconds);

/* ---- validators (RFC 9110, 8.8 and 13) ---- */

struct http_validator {
    char etag[64];    /* with its quotes */
    int64_t modified; /* seconds since 1970 */
};

/* A strong one: it changes whenever size, time or identity of the file does. */
struct http_validator http_validator_of(uint64_t size, int64_t modified, int64_t modified_ns, uint64_t inode);

/* What the conditional headers ("" = absent) say: true when 304 is the answer. If-None-Match wins (13.2.2). */
bool http_is_unmodified(const struct http_validator *v, const char *if_none_match, const char *if_modified_since);

/* Whether a Range counts, given an If-Range header ("" = absent) (13.1.5). */
bool http_range_counts(const struct http_validator *v, const char *if_range);

/* ---- media types ---- */

/* By the suffix of a path; "application/octet-stream" when it is none that we know. Lends a static string. */
const char *http_type_of(const char *path);

/* ---- answers ---- */

/* The head of an answer. Zero-filled fields are left out. */
struct http_head {
    int status;
    int64_t now; /* seconds since 1970 */
    const char *type;
    const char *location; /* a path; it is percent-encoded here */
    const struct http_validator *validator;
    bool has_length;
    uint64_t length; /* of the body that follows or, for HEAD, would */
    bool takes_ranges;
    bool is_part; /* with status 206 (range of size) or 416 (size) */
    struct http_range range;
    uint64_t size;
    bool allow; /* Allow: GET, HEAD */
    bool keep_alive;
    bool is_old; /* the request was HTTP/1.0: say keep-alive aloud */
};

void http_head_print(struct http_text *text, const struct http_head *head);

#endif

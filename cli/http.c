/* HTTP's pure parts. Read first: http.h. */
#define _GNU_SOURCE
#include "http.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

const char *http_status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 206:
        return "Partial Content";
    case 301:
        return "Moved Permanently";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 416:
        return "Range Not Satisfiable";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

/* ---- text that grows ---- */

static bool make_room(struct http_text *text, size_t len)
{
    size_t wanted = text->len + len + 1;
    if (text->failed || wanted > HTTP_TEXT_MAX) {
        text->failed = true;
        return false;
    }
    if (wanted <= text->cap)
        return true;
    size_t cap = text->cap ? text->cap : 512;
    while (cap < wanted)
        cap *= 2;
    char *data = realloc(text->data, cap);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void http_text_add(struct http_text *text, const char *data, size_t len)
{
    if (!make_room(text, len))
        return;
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void http_text_print(struct http_text *text, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof line)
        text->failed = true;
    else
        http_text_add(text, line, (size_t)len);
}

static const char *html_escape(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void http_text_add_html(struct http_text *text, const char *plain)
{
    for (; *plain; plain++) {
        const char *escape = html_escape(*plain);
        http_text_add(text, escape ? escape : plain, escape ? strlen(escape) : 1);
    }
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~/", c));
}

void http_text_add_url(struct http_text *text, const char *plain)
{
    for (; *plain; plain++) {
        if (is_unreserved(*plain))
            http_text_add(text, plain, 1);
        else
            http_text_print(text, "%%%02X", (unsigned)(unsigned char)*plain);
    }
}

void http_text_free(struct http_text *text)
{
    free(text->data);
    *text = (struct http_text){.len = 0};
}

/* ---- request targets ---- */

/* Where the path of a target begins: behind the authority in the absolute form. NULL when it is neither form. */
static const char *path_of(const char *target)
{
    if (*target == '/')
        return target;
    bool is_absolute = strncasecmp(target, "http://", 7) == 0;
    if (!is_absolute)
        return NULL;
    const char *authority = target + 7;
    size_t len = strcspn(authority, "/?#");
    return len == 0 ? NULL : authority + len;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes percent-encoding up to the query. Returns the length, or -1: a broken escape, or a zero byte. */
static int decode(const char *from, char *to, size_t cap)
{
    size_t len = 0;
    while (*from && *from != '?' && *from != '#') {
        int c = (unsigned char)*from++;
        if (c == '%') {
            int high = hex_digit(from[0]);
            int low = high < 0 ? -1 : hex_digit(from[1]);
            if (low < 0)
                return -1;
            c = high * 16 + low;
            from += 2;
        }
        if (c == 0 || len + 1 >= cap)
            return -1;
        to[len++] = (char)c;
    }
    to[len] = '\0';
    return (int)len;
}

/* Takes the last segment off path[0..len), which is empty or ends in a slash; -1 when there is none. */
static long parent(const char *path, size_t len)
{
    if (len == 0)
        return -1;
    len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    return (long)len;
}

/* In place, segment by segment: "" and "." vanish, ".." takes the segment before it. */
static int remove_dot_segments(char *path)
{
    size_t len = 0;
    const char *from = path;
    while (*from) {
        size_t segment = strcspn(from, "/");
        bool has_slash = from[segment] == '/';
        if (segment == 2 && memcmp(from, "..", 2) == 0) {
            long above = parent(path, len);
            if (above < 0)
                return 400;
            len = (size_t)above;
        } else if (segment > 0 && !(segment == 1 && *from == '.')) {
            memmove(path + len, from, segment + has_slash);
            len += segment + has_slash;
        }
        from += segment + has_slash;
    }
    path[len] = '\0';
    return 0;
}

int http_path_decode(const char *target, char *path, size_t cap)
{
    const char *from = path_of(target);
    if (!from)
        return 400;
    if (strcspn(from, "?#") >= cap)
        return 414;
    if (decode(from, path, cap) < 0)
        return 400;
    return remove_dot_segments(path);
}

/* ---- ranges ---- */

/* Digits at *text; false when there is none or the number is too large. */
static bool read_number(const char **text, uint64_t *number)
{
    uint64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    bool has_digits = at != *text;
    *text = at;
    *number = value;
    return has_digits;
}

/* "-500": the last 500 bytes. */
static enum http_range_verdict take_suffix(const char *text, uint64_t size, struct http_range *range)
{
    uint64_t len;
    if (!read_number(&text, &len) || *text)
        return HTTP_RANGE_WHOLE;
    if (len == 0 || size == 0)
        return HTTP_RANGE_BAD;
    range->len = len < size ? len : size;
    range->first = size - range->len;
    return HTTP_RANGE_PART;
}

enum http_range_verdict http_range_parse(const char *value, uint64_t size, struct http_range *range)
{
    uint64_t first, last = UINT64_MAX;
    if (strncasecmp(value, "bytes=", 6) != 0)
        return HTTP_RANGE_WHOLE;
    value += 6 + strspn(value + 6, " \t");
    if (*value == '-')
        return take_suffix(value + 1, size, range);
    if (!read_number(&value, &first) || *value++ != '-')
        return HTTP_RANGE_WHOLE;
    if (*value && !read_number(&value, &last))
        return HTTP_RANGE_WHOLE;
    value += strspn(value, " \t");
    if (*value || last < first)
        return HTTP_RANGE_WHOLE;
    if (first >= size)
        return HTTP_RANGE_BAD;
    range->first = first;
    range->len = (last < size ? last + 1 : size) - first;
    return HTTP_RANGE_PART;
}

/* ---- dates ---- */

char *http_date_print(int64_t seconds, char text[HTTP_DATE_LEN])
{
    time_t at = (time_t)seconds;
    struct tm tm;
    bool is_date = gmtime_r(&at, &tm) && tm.tm_year >= -1900 && tm.tm_year <= 8099;
    if (!is_date || strftime(text, HTTP_DATE_LEN, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        strcpy(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    return text;
}

bool http_date_parse(const char *text, int64_t *seconds)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
        "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
        "%a %b %e %H:%M:%S %Y",      /* asctime */
    };
    for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm tm = {.tm_isdst = 0};
        const char *end = strptime(text, forms[i], &tm);
        if (!end || *end)
            continue;
        *seconds = (int64_t)timegm(&tm);
        return true;
    }
    return false;
}

/* ---- validators ---- */

struct http_validator http_validator_of(uint64_t size, int64_t modified, int64_t modified_ns, uint64_t inode)
{
    struct http_validator v = {.modified = modified};
    snprintf(v.etag, sizeof v.etag, "\"%" PRIx64 "-%" PRIx64 ".%" PRIx64 "-%" PRIx64 "\"", size, (uint64_t)modified,
             (uint64_t)modified_ns, inode);
    return v;
}

/* Weak comparison (8.8.3.2) with each member of a list; ours is strong, so a W/ in front changes nothing here. */
static bool is_listed(const char *list, const char *etag)
{
    size_t len = strlen(etag);
    for (const char *at = list; *at;) {
        at += strspn(at, " \t,");
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t member = 0;
        if (*at == '"') {
            const char *end = strchr(at + 1, '"');
            member = end ? (size_t)(end - at) + 1 : strlen(at);
        } else {
            member = strcspn(at, ",");
        }
        if (member == len && memcmp(at, etag, len) == 0)
            return true;
        at += member;
    }
    return false;
}

bool http_is_unmodified(const struct http_validator *v, const char *if_none_match, const char *if_modified_since)
{
    int64_t since;
    if (*if_none_match)
        return strcmp(if_none_match, "*") == 0 || is_listed(if_none_match, v->etag);
    return *if_modified_since && http_date_parse(if_modified_since, &since) && v->modified <= since;
}

bool http_range_counts(const struct http_validator *v, const char *if_range)
{
    int64_t since;
    if (*if_range == '\0')
        return true;
    if (*if_range == '"')
        return strcmp(if_range, v->etag) == 0;
    return http_date_parse(if_range, &since) && since == v->modified;
}

/* ---- media types ---- */

static const struct {
    const char *suffix, *type;
} types[] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/plain; charset=utf-8"},
    {"c", "text/plain; charset=utf-8"},
    {"h", "text/plain; charset=utf-8"},
    {"sh", "text/plain; charset=utf-8"},
    {"pkt", "text/plain; charset=utf-8"},
    {"log", "text/plain; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"woff2", "font/woff2"},
    {"woff", "font/woff"},
    {"wasm", "application/wasm"},
    {"pdf", "application/pdf"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"xz", "application/x-xz"},
    {"tar", "application/x-tar"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
};

const char *http_type_of(const char *path)
{
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name ? name : path, '.');
    for (unsigned i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* ---- answers ---- */

static void print_range(struct http_text *text, const struct http_head *head)
{
    if (head->status == 416)
        http_text_print(text, "Content-Range: bytes */%" PRIu64 "\r\n", head->size);
    else
        http_text_print(text, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", head->range.first,
                        head->range.first + head->range.len - 1, head->size);
}

static void print_validator(struct http_text *text, const struct http_validator *v)
{
    char date[HTTP_DATE_LEN];
    http_text_print(text, "Last-Modified: %s\r\nETag: %s\r\n", http_date_print(v->modified, date), v->etag);
}

static void print_location(struct http_text *text, const char *location)
{
    http_text_print(text, "Location: ");
    http_text_add_url(text, location);
    http_text_print(text, "\r\n");
}

void http_head_print(struct http_text *text, const struct http_head *head)
{
    char date[HTTP_DATE_LEN];
    http_text_print(text, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: handfast\r\n", head->status,
                    http_status_text(head->status), http_date_print(head->now, date));
    if (head->type)
        http_text_print(text, "Content-Type: %s\r\n", head->type);
    if (head->has_length)
        http_text_print(text, "Content-Length: %" PRIu64 "\r\n", head->length);
    if (head->is_part)
        print_range(text, head);
    if (head->takes_ranges)
        http_text_print(text, "Accept-Ranges: bytes\r\n");
    if (head->validator)
        print_validator(text, head->validator);
    if (head->location)
        print_location(text, head->location);
    if (head->allow)
        http_text_print(text, "Allow: GET, HEAD\r\n");
    if (!head->keep_alive)
        http_text_print(text, "Connection: close\r\n");
    else if (head->is_old)
        http_text_print(text, "Connection: keep-alive\r\n");
    http_text_print(text, "\r\n");
}

/*
 * Requests out of bytes: the callbacks of http_parser. Each returns 0 to go on; any other value stops the parser
 * for good, and `status` says what to answer. Read first: http_request.h.
 */
#include "http_request.h"

#include <string.h>
#include <strings.h>

static struct http_request *request_of(http_parser *parser)
{
    return parser->data;
}

static int refuse(struct http_request *r, int status)
{
    r->status = status;
    return 1;
}

/* ---- callbacks, in the order they come ---- */

static int take_target(http_parser *parser, const char *data, size_t len)
{
    struct http_request *r = request_of(parser);
    if (len > HTTP_TARGET_MAX - r->target_len)
        return refuse(r, 414);
    memcpy(r->target + r->target_len, data, len);
    r->target_len += len;
    r->target[r->target_len] = '\0';
    return 0;
}

static int count_field_bytes(struct http_request *r, size_t len)
{
    r->field_bytes += len;
    return r->field_bytes > HTTP_FIELDS_MAX ? refuse(r, 431) : 0;
}

static int take_name(http_parser *parser, const char *data, size_t len)
{
    struct http_request *r = request_of(parser);
    if (r->in_value)
        r->name_len = 0;
    r->in_value = false;
    for (size_t i = 0; i < len && r->name_len < sizeof r->name; i++)
        r->name[r->name_len++] = data[i];
    return count_field_bytes(r, len);
}

static bool name_is(const struct http_request *r, const char *name)
{
    return r->name_len == strlen(name) && strncasecmp(r->name, name, r->name_len) == 0;
}

static void choose_value(struct http_request *r, char *value, size_t cap)
{
    r->value = value;
    r->value_cap = cap;
    r->value_len = strlen(value);
    if (r->value_len > 0 && r->value_len + 2 < cap) { /* the field again: one list (RFC 9110, 5.3) */
        memcpy(value + r->value_len, ", ", 3);
        r->value_len += 2;
    }
}

static void begin_value(struct http_request *r)
{
    r->in_value = true;
    r->value = NULL;
    if (name_is(r, "host"))
        r->hosts++;
    else if (name_is(r, "range"))
        choose_value(r, r->range, sizeof r->range);
    else if (name_is(r, "if-range"))
        choose_value(r, r->if_range, sizeof r->if_range);
    else if (name_is(r, "if-none-match"))
        choose_value(r, r->if_none_match, sizeof r->if_none_match);
    else if (name_is(r, "if-modified-since"))
        choose_value(r, r->if_modified_since, sizeof r->if_modified_since);
}

static int take_value(http_parser *parser, const char *data, size_t len)
{
    struct http_request *r = request_of(parser);
    if (!r->in_value)
        begin_value(r);
    if (r->value && len >= r->value_cap - r->value_len) {
        r->value[0] = '\0'; /* half a value would be another one */
        r->value = NULL;
    }
    if (r->value) {
        memcpy(r->value + r->value_len, data, len);
        r->value_len += len;
        r->value[r->value_len] = '\0';
    }
    return count_field_bytes(r, len);
}

static int take_fields_end(http_parser *parser)
{
    struct http_request *r = request_of(parser);
    r->is_head = parser->method == HTTP_HEAD;
    r->is_old = parser->http_minor == 0;
    parser->upgrade = 0; /* an Upgrade may be ignored (RFC 9110, 7.8) */
    if (parser->http_major != 1)
        return refuse(r, 505);
    if (r->hosts > 1 || (r->hosts == 0 && !r->is_old))
        return refuse(r, 400); /* RFC 9112, 3.2 */
    if (parser->method != HTTP_GET && parser->method != HTTP_HEAD)
        return refuse(r, 405);
    bool has_length = (parser->flags & F_CONTENTLENGTH) != 0;
    return has_length && parser->content_length > HTTP_BODY_MAX ? refuse(r, 413) : 0;
}

static int ignore_body(http_parser *parser, const char *data, size_t len)
{
    (void)data;
    struct http_request *r = request_of(parser);
    r->body_bytes += len;
    return r->body_bytes > HTTP_BODY_MAX ? refuse(r, 413) : 0;
}

/* Pausing here leaves the bytes of the next request, if they are there already, to the next call. */
static int take_end(http_parser *parser)
{
    struct http_request *r = request_of(parser);
    r->is_complete = true;
    r->keep_alive = http_should_keep_alive(parser);
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings callbacks = {
    .on_url = take_target,
    .on_header_field = take_name,
    .on_header_value = take_value,
    .on_headers_complete = take_fields_end,
    .on_body = ignore_body,
    .on_message_complete = take_end,
};

/* ---- use ---- */

static int status_of(enum http_errno error)
{
    switch (error) {
    case HPE_INVALID_METHOD:
        return 501;
    case HPE_HEADER_OVERFLOW:
        return 431;
    default:
        return 400;
    }
}

void http_request_init(struct http_request *r)
{
    *r = (struct http_request){.in_value = true};
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
}

size_t http_request_feed(struct http_request *r, const char *data, size_t len)
{
    if (r->is_complete || r->status != 0 || len == 0)
        return 0;
    r->has_begun = true;
    size_t taken = http_parser_execute(&r->parser, &callbacks, data, len);
    enum http_errno error = HTTP_PARSER_ERRNO(&r->parser);
    bool has_failed = error != HPE_OK && error != HPE_PAUSED;
    if (has_failed && r->status == 0)
        r->status = status_of(error);
    return taken < len ? taken : len;
}

void http_request_next(struct http_request *r)
{
    http_parser parser = r->parser;
    *r = (struct http_request){.parser = parser, .in_value = true};
    http_parser_pause(&r->parser, 0);
}

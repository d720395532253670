/* HTTP without a network: targets, ranges, dates, validators, heads, and requests out of bytes in any portions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "../../cli/http.h"
#include "../../cli/http_request.h"

#include <cmocka.h>
#include <string.h>

/* ---- targets ---- */

static void decodes(const char *target, const char *expected)
{
    char path[64];
    assert_int_equal(http_path_decode(target, path, sizeof path), 0);
    assert_string_equal(path, expected);
}

static int refused(const char *target)
{
    char path[64];
    return http_path_decode(target, path, sizeof path);
}

/* A target becomes a path relative to the root, without query, escapes and dot segments. */
static void test_target_becomes_a_path(void **state)
{
    (void)state;
    decodes("/", "");
    decodes("/a/b.txt", "a/b.txt");
    decodes("/a/b/", "a/b/");
    decodes("/a?b=c", "a");
    decodes("/a%20b%2Fc?x#y", "a b/c");
    decodes("//a///b", "a/b");
    decodes("/./a/./b/.", "a/b/");
    decodes("/a/../b", "b");
    decodes("/a/b/..", "a/");
    decodes("/a/..", "");
    decodes("/...", "...");
    decodes("/..a/b..", "..a/b..");
    decodes("http://host:80/a%41", "aA");
    decodes("HTTP://host", "");
    decodes("http://host?q", "");
}

/* No spelling of ".." leads above the root. */
static void test_target_cannot_leave_the_root(void **state)
{
    (void)state;
    assert_int_equal(refused("/.."), 400);
    assert_int_equal(refused("/../etc/passwd"), 400);
    assert_int_equal(refused("/a/../../b"), 400);
    assert_int_equal(refused("/%2e%2e/b"), 400);
    assert_int_equal(refused("/%2e%2E%2fb"), 400);
    assert_int_equal(refused("/a/./.././../b"), 400);
    assert_int_equal(refused("//.."), 400);
}

/* What is no path is refused: other forms, broken escapes, zero bytes, and what is too long. */
static void test_target_that_is_no_path_is_refused(void **state)
{
    (void)state;
    assert_int_equal(refused("*"), 400);
    assert_int_equal(refused(""), 400);
    assert_int_equal(refused("host:80"), 400);
    assert_int_equal(refused("http:///a"), 400);
    assert_int_equal(refused("/a%"), 400);
    assert_int_equal(refused("/a%4"), 400);
    assert_int_equal(refused("/a%zz"), 400);
    assert_int_equal(refused("/a%00b"), 400);
    assert_int_equal(refused("/0123456789012345678901234567890123456789012345678901234567890123456789"), 414);
}

/* ---- ranges ---- */

static void is_part(const char *value, uint64_t size, uint64_t first, uint64_t len)
{
    struct http_range range = {0, 0};
    assert_int_equal(http_range_parse(value, size, &range), HTTP_RANGE_PART);
    assert_int_equal(range.first, first);
    assert_int_equal(range.len, len);
}

static enum http_range_verdict verdict_of(const char *value, uint64_t size)
{
    struct http_range range;
    return http_range_parse(value, size, &range);
}

/* One range, with both ends, without its last, or as a suffix, is cut to what there is. */
static void test_one_range_is_cut_to_the_size(void **state)
{
    (void)state;
    is_part("bytes=0-0", 10, 0, 1);
    is_part("bytes=2-4", 10, 2, 3);
    is_part("bytes=9-", 10, 9, 1);
    is_part("bytes=5-100", 10, 5, 5);
    is_part("bytes=-3", 10, 7, 3);
    is_part("bytes=-30", 10, 0, 10);
    is_part("Bytes= 2-4", 10, 2, 3);
    is_part("bytes=0-18446744073709551615", 10, 0, 10);
}

/* A range that begins behind the end is a 416. */
static void test_range_behind_the_end_is_bad(void **state)
{
    (void)state;
    assert_int_equal(verdict_of("bytes=10-", 10), HTTP_RANGE_BAD);
    assert_int_equal(verdict_of("bytes=10-12", 10), HTTP_RANGE_BAD);
    assert_int_equal(verdict_of("bytes=-0", 10), HTTP_RANGE_BAD);
    assert_int_equal(verdict_of("bytes=0-", 0), HTTP_RANGE_BAD);
    assert_int_equal(verdict_of("bytes=-5", 0), HTTP_RANGE_BAD);
}

/* Several ranges, other units and nonsense are answered with the whole (RFC 9110, 14.2). */
static void test_other_ranges_mean_the_whole(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",          "bytes",      "bytes=",     "bytes=a-b", "bytes=4-2", "bytes=1-2,4-5",
        "lines=1-2", "bytes=1-2x", "bytes=1 -2", "bytes=--2", "bytes=-",   "bytes=99999999999999999999-",
    };
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_int_equal(verdict_of(values[i], 10), HTTP_RANGE_WHOLE);
}

/* ---- dates and validators ---- */

/* All three forms of a date are the same instant (RFC 9110, 5.6.7). */
static void test_dates_in_three_forms(void **state)
{
    (void)state;
    int64_t at = 0;
    char text[HTTP_DATE_LEN];
    assert_true(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &at));
    assert_int_equal(at, 784111777);
    at = 0;
    assert_true(http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT", &at));
    assert_int_equal(at, 784111777);
    at = 0;
    assert_true(http_date_parse("Sun Nov  6 08:49:37 1994", &at));
    assert_int_equal(at, 784111777);
    assert_string_equal(http_date_print(784111777, text), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_false(http_date_parse("yesterday", &at));
    assert_false(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT or so", &at));
    assert_false(http_date_parse("", &at));
}

/* If-None-Match is compared with each member of the list, and wins over If-Modified-Since. */
static void test_validators(void **state)
{
    (void)state;
    struct http_validator v = http_validator_of(255, 784111777, 10, 16);
    assert_string_equal(v.etag, "\"ff-2ebc98a1.a-10\"");
    assert_true(http_is_unmodified(&v, v.etag, ""));
    assert_true(http_is_unmodified(&v, "*", ""));
    assert_true(http_is_unmodified(&v, "\"x,y\", W/\"ff-2ebc98a1.a-10\"", ""));
    assert_false(http_is_unmodified(&v, "\"x\", \"y\"", "Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_false(http_is_unmodified(&v, "\"unfinished", ""));
    assert_true(http_is_unmodified(&v, "", "Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_false(http_is_unmodified(&v, "", "Sun, 06 Nov 1994 08:49:36 GMT"));
    assert_false(http_is_unmodified(&v, "", ""));
    assert_true(http_range_counts(&v, ""));
    assert_true(http_range_counts(&v, v.etag));
    assert_false(http_range_counts(&v, "\"other\""));
    assert_true(http_range_counts(&v, "Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_false(http_range_counts(&v, "Mon, 07 Nov 1994 08:49:37 GMT"));
}

/* Two files of one size, time and name are told apart, and so is one file before and after a change. */
static void test_validators_differ(void **state)
{
    (void)state;
    struct http_validator one = http_validator_of(1, 2, 3, 4);
    assert_string_not_equal(one.etag, http_validator_of(2, 2, 3, 4).etag);
    assert_string_not_equal(one.etag, http_validator_of(1, 3, 3, 4).etag);
    assert_string_not_equal(one.etag, http_validator_of(1, 2, 4, 4).etag);
    assert_string_not_equal(one.etag, http_validator_of(1, 2, 3, 5).etag);
}

/* The type goes by the last suffix of the last segment. */
static void test_types(void **state)
{
    (void)state;
    assert_string_equal(http_type_of("a/b.HTML"), "text/html; charset=utf-8");
    assert_string_equal(http_type_of("a.b/c"), "application/octet-stream");
    assert_string_equal(http_type_of("x.tar.gz"), "application/gzip");
    assert_string_equal(http_type_of(""), "application/octet-stream");
}

/* ---- text and heads ---- */

/* A file's name can be neither a tag nor a header line. */
static void test_names_are_escaped(void **state)
{
    (void)state;
    struct http_text text = {.len = 0};
    http_text_add_html(&text, "<a href=\"x\">&'");
    assert_string_equal(text.data, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    http_text_free(&text);
    http_text_add_url(&text, "a/b c\r\n%\xc3\xa9?");
    assert_string_equal(text.data, "a/b%20c%0D%0A%25%C3%A9%3F");
    http_text_free(&text);
}

/* Text grows up to its limit and then says that it failed. */
static void test_text_is_bounded(void **state)
{
    (void)state;
    struct http_text text = {.len = 0};
    static char chunk[1 << 16];
    memset(chunk, 'x', sizeof chunk);
    for (unsigned i = 0; i < HTTP_TEXT_MAX / sizeof chunk - 1; i++)
        http_text_add(&text, chunk, sizeof chunk);
    assert_false(text.failed);
    http_text_add(&text, chunk, sizeof chunk);
    assert_true(text.failed);
    http_text_free(&text);
}

/* A partial answer names its range and the size. */
static void test_head_of_a_part(void **state)
{
    (void)state;
    struct http_validator v = {.etag = "\"e\"", .modified = 0};
    struct http_head head = {
        .status = 206,
        .now = 784111777,
        .type = "text/css",
        .validator = &v,
        .has_length = true,
        .length = 5,
        .takes_ranges = true,
        .is_part = true,
        .range = {10, 5},
        .size = 100,
        .keep_alive = true,
    };
    struct http_text text = {.len = 0};
    http_head_print(&text, &head);
    assert_string_equal(text.data, "HTTP/1.1 206 Partial Content\r\n"
                                   "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "Server: handfast\r\n"
                                   "Content-Type: text/css\r\n"
                                   "Content-Length: 5\r\n"
                                   "Content-Range: bytes 10-14/100\r\n"
                                   "Accept-Ranges: bytes\r\n"
                                   "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                                   "ETag: \"e\"\r\n"
                                   "\r\n");
    http_text_free(&text);
}

/* A refused range says only how long the file is. */
static void test_head_of_a_refused_range(void **state)
{
    (void)state;
    struct http_head head = {.status = 416, .is_part = true, .size = 100, .has_length = true};
    struct http_text text = {.len = 0};
    http_head_print(&text, &head);
    assert_non_null(strstr(text.data, "Content-Range: bytes */100\r\n"));
    assert_non_null(strstr(text.data, "Content-Length: 0\r\n"));
    assert_non_null(strstr(text.data, "Connection: close\r\n"));
    http_text_free(&text);
}

/* ---- requests ---- */

static void feed_all(struct http_request *r, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(http_request_feed(r, text, len), len);
}

static int status_of(const char *text)
{
    struct http_request r;
    http_request_init(&r);
    http_request_feed(&r, text, strlen(text));
    return r.status;
}

static const char usual[] = "GET /a?b HTTP/1.1\r\nHost: h\r\nRange: bytes=1-2\r\nIf-Range: \"r\"\r\n"
                            "IF-NONE-MATCH: \"x\"\r\nIf-None-Match: \"y\"\r\nIf-Modified-Since: now\r\n\r\n";

static void is_usual(const struct http_request *r)
{
    assert_true(r->is_complete);
    assert_int_equal(r->status, 0);
    assert_true(r->keep_alive);
    assert_false(r->is_head);
    assert_string_equal(r->target, "/a?b");
    assert_string_equal(r->range, "bytes=1-2");
    assert_string_equal(r->if_range, "\"r\"");
    assert_string_equal(r->if_none_match, "\"x\", \"y\"");
    assert_string_equal(r->if_modified_since, "now");
}

/* The same request comes out whether it comes in one portion or byte by byte. */
static void test_request_in_any_portions(void **state)
{
    (void)state;
    struct http_request r;
    http_request_init(&r);
    feed_all(&r, usual);
    is_usual(&r);
    http_request_init(&r);
    for (const char *at = usual; *at; at++)
        assert_int_equal(http_request_feed(&r, at, 1), 1);
    is_usual(&r);
}

/* Of pipelined requests exactly one is taken at a time. */
static void test_pipelined_requests_are_taken_one_by_one(void **state)
{
    (void)state;
    static const char two[] = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: h\r\n\r\n";
    struct http_request r;
    http_request_init(&r);
    size_t taken = http_request_feed(&r, two, sizeof two - 1);
    assert_true(r.is_complete);
    assert_string_equal(r.target, "/1");
    assert_string_equal(two + taken, "HEAD /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(http_request_feed(&r, two + taken, 5), 0);
    http_request_next(&r);
    assert_false(r.has_begun);
    feed_all(&r, two + taken);
    assert_true(r.is_complete && r.is_head);
    assert_string_equal(r.target, "/2");
}

/* A body is read and ignored, in both framings, and the next request follows it. */
static void test_bodies_are_ignored(void **state)
{
    (void)state;
    struct http_request r;
    http_request_init(&r);
    feed_all(&r, "GET /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    assert_true(r.is_complete);
    http_request_next(&r);
    feed_all(&r, "GET /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    assert_true(r.is_complete);
    assert_string_equal(r.target, "/2");
}

/* Who wants the connection closed is told by version and Connection field. */
static void test_keep_alive(void **state)
{
    (void)state;
    struct http_request r;
    http_request_init(&r);
    feed_all(&r, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_true(r.is_complete && !r.keep_alive);
    http_request_init(&r);
    feed_all(&r, "GET / HTTP/1.0\r\n\r\n");
    assert_true(r.is_complete && !r.keep_alive && r.is_old);
    http_request_init(&r);
    feed_all(&r, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(r.is_complete && r.keep_alive);
}

/* An upgrade is ignored, as a server may (RFC 9110, 7.8). */
static void test_upgrade_is_ignored(void **state)
{
    (void)state;
    struct http_request r;
    http_request_init(&r);
    feed_all(&r, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    assert_true(r.is_complete && r.keep_alive);
    http_request_next(&r);
    feed_all(&r, usual);
    is_usual(&r);
}

/* Each kind of bad request has its status. */
static void test_bad_requests(void **state)
{
    (void)state;
    assert_int_equal(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
    assert_int_equal(status_of("GET / HTTP/x\r\n"), 400);
    assert_int_equal(status_of("\x16\x03\x01"), 501);
    assert_int_equal(status_of("BREW / HTTP/1.1\r\n"), 501);
    assert_int_equal(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), 405);
    assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"), 413);
    assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
    assert_int_equal(
        status_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

/* What grows without end is refused while it grows: target, fields, body. */
static void test_endless_requests_are_refused(void **state)
{
    (void)state;
    struct http_request r;
    http_request_init(&r);
    feed_all(&r, "GET /");
    for (unsigned i = 0; i < HTTP_TARGET_MAX + 10 && r.status == 0; i++)
        http_request_feed(&r, "a", 1);
    assert_int_equal(r.status, 414);

    http_request_init(&r);
    feed_all(&r, "GET / HTTP/1.1\r\n");
    for (unsigned i = 0; i < HTTP_FIELDS_MAX && r.status == 0; i++)
        http_request_feed(&r, "X-Y: z\r\n", 8);
    assert_int_equal(r.status, 431);

    http_request_init(&r);
    feed_all(&r, "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < HTTP_BODY_MAX && r.status == 0; i++)
        http_request_feed(&r, "4\r\nabcd\r\n", 9);
    assert_int_equal(r.status, 413);
}

/* A value too long to keep is as good as absent: half of it would mean something else. */
static void test_long_values_are_dropped(void **state)
{
    (void)state;
    struct http_request r;
    char range[600] = "Range: bytes=0-1";
    memset(range + 16, '0', 400);
    strcpy(range + 416, "\r\n\r\n");
    http_request_init(&r);
    feed_all(&r, "GET / HTTP/1.1\r\nHost: h\r\n");
    feed_all(&r, range);
    assert_true(r.is_complete);
    assert_string_equal(r.range, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_becomes_a_path),
        cmocka_unit_test(test_target_cannot_leave_the_root),
        cmocka_unit_test(test_target_that_is_no_path_is_refused),
        cmocka_unit_test(test_one_range_is_cut_to_the_size),
        cmocka_unit_test(test_range_behind_the_end_is_bad),
        cmocka_unit_test(test_other_ranges_mean_the_whole),
        cmocka_unit_test(test_dates_in_three_forms),
        cmocka_unit_test(test_validators),
        cmocka_unit_test(test_validators_differ),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_names_are_escaped),
        cmocka_unit_test(test_text_is_bounded),
        cmocka_unit_test(test_head_of_a_part),
        cmocka_unit_test(test_head_of_a_refused_range),
        cmocka_unit_test(test_request_in_any_portions),
        cmocka_unit_test(test_pipelined_requests_are_taken_one_by_one),
        cmocka_unit_test(test_bodies_are_ignored),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_upgrade_is_ignored),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_endless_requests_are_refused),
        cmocka_unit_test(test_long_values_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

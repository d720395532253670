/*
 * What a request is answered with: a file below the root, a directory's index or listing, or a refusal.
 *
 * No path leads out of the root: dot segments are gone before a path is opened, and the kernel is told not to leave
 * the root by a symbolic link either (openat2(2), RESOLVE_BENEATH). Read first: serve.h.
 */
#define _GNU_SOURCE
#include "serve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OPEN_FLAGS                                                                                                 \
    (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) /* not blocking: somebody's FIFO must not hold us up */
#define LISTING_MAX 10000                          /* entries; a longer directory is cut, and says so */

/* ---- opening below the root ---- */

/* For kernels and containers without openat2: each segment by itself, and no symbolic link at all. */
static int open_by_segments(int root, const char *path)
{
    char segment[256];
    int at = dup(root);
    while (at >= 0 && *path) {
        size_t len = strcspn(path, "/");
        if (len >= sizeof segment) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(segment, path, len);
        segment[len] = '\0';
        path += len + (path[len] == '/');
        int next = openat(at, segment, OPEN_FLAGS | O_NOFOLLOW);
        close(at);
        at = next;
    }
    return at;
}

static int open_beneath(int root, const char *path)
{
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return open_by_segments(root, path);
    return (int)fd;
}

static int status_of_errno(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    case ENAMETOOLONG:
        return 414;
    default:
        return 404; /* EXDEV and ELOOP too: what lies outside does not exist */
    }
}

/* ---- answers in memory ---- */

static struct http_head head_of(const struct answer *a, const struct http_request *r)
{
    return (struct http_head){
        .status = a->status,
        .now = (int64_t)time(NULL),
        .keep_alive = a->keep_alive,
        .is_old = r && r->is_old,
    };
}

/* Head and body in one; for HEAD the body is only measured. */
static void set_text(struct answer *a, const struct http_request *r, struct http_head *head, struct http_text *body)
{
    head->has_length = true;
    head->length = a->length = body->len;
    http_head_print(&a->text, head);
    if (!(r && r->is_head))
        http_text_add(&a->text, body->data ? body->data : "", body->len);
    a->text.failed |= body->failed;
    http_text_free(body);
}

static void refuse(struct answer *a, const struct http_request *r, int status, struct http_head *head)
{
    struct http_text body = {.len = 0};
    a->status = head->status = status;
    head->type = "text/plain; charset=utf-8";
    head->allow = status == 405;
    http_text_print(&body, "%d %s\n", status, http_status_text(status));
    set_text(a, r, head, &body);
}

static void refuse_plainly(struct answer *a, const struct http_request *r, int status)
{
    struct http_head head = head_of(a, r);
    refuse(a, r, status, &head);
}

/* ---- directories ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **at;
    size_t count, cap;
};

static bool add_name(struct names *names, const struct dirent *entry)
{
    if (names->count == names->cap) {
        size_t cap = names->cap ? names->cap * 2 : 64;
        char **at = realloc(names->at, cap * sizeof *at);
        if (!at)
            return false;
        names->at = at;
        names->cap = cap;
    }
    char *name;
    if (asprintf(&name, "%s%s", entry->d_name, entry->d_type == DT_DIR ? "/" : "") < 0)
        return false;
    names->at[names->count++] = name;
    return true;
}

/* Takes the descriptor. */
static struct names read_names(int directory)
{
    struct names names = {.count = 0};
    DIR *dir = fdopendir(directory);
    if (!dir) {
        close(directory);
        return names;
    }
    const struct dirent *entry;
    while (names.count < LISTING_MAX && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !add_name(&names, entry))
            break;
    closedir(dir);
    if (names.count > 0)
        qsort(names.at, names.count, sizeof *names.at, compare_names);
    return names;
}

static void print_names(struct http_text *text, const struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        http_text_print(text, "<li><a href=\"./");
        http_text_add_url(text, names->at[i]);
        http_text_print(text, "\">");
        http_text_add_html(text, names->at[i]);
        http_text_print(text, "</a></li>\n");
    }
    if (names->count == LISTING_MAX)
        http_text_print(text, "<li>and more: only %d are shown</li>\n", LISTING_MAX);
}

static void answer_listing(struct answer *a, const struct http_request *r, int directory, const char *path)
{
    struct http_text body = {.len = 0};
    struct names names = read_names(directory);
    http_text_print(&body, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>/");
    http_text_add_html(&body, path);
    http_text_print(&body, "</title></head>\n<body><h1>/");
    http_text_add_html(&body, path);
    http_text_print(&body, "</h1>\n<ul>\n");
    if (*path)
        http_text_print(&body, "<li><a href=\"../\">../</a></li>\n");
    print_names(&body, &names);
    http_text_print(&body, "</ul></body></html>\n");
    for (size_t i = 0; i < names.count; i++)
        free(names.at[i]);
    free(names.at);
    struct http_head head = head_of(a, r);
    head.type = "text/html; charset=utf-8";
    set_text(a, r, &head, &body);
}

/* A directory's links are relative to it, so its name must end in a slash. */
static void answer_redirect(struct answer *a, const struct http_request *r, const char *path)
{
    char location[HTTP_TARGET_MAX + 3];
    snprintf(location, sizeof location, "/%s/", path);
    struct http_head head = head_of(a, r);
    head.location = location;
    refuse(a, r, 301, &head);
}

/* ---- files ---- */

/* Takes the descriptor. */
static void answer_file(struct answer *a, const struct http_request *r, int file, const struct stat *st,
                        const char *path)
{
    uint64_t size = (uint64_t)st->st_size;
    struct http_validator v = http_validator_of(size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ino);
    struct http_head head = head_of(a, r);
    struct http_range range = {0, size};
    head.validator = &v;
    head.takes_ranges = true;
    head.size = size;
    if (http_is_unmodified(&v, r->if_none_match, r->if_modified_since)) {
        a->status = head.status = 304;
        http_head_print(&a->text, &head);
        close(file);
        return;
    }
    bool has_range = *r->range && http_range_counts(&v, r->if_range);
    enum http_range_verdict verdict = has_range ? http_range_parse(r->range, size, &range) : HTTP_RANGE_WHOLE;
    head.is_part = verdict != HTTP_RANGE_WHOLE;
    if (verdict == HTTP_RANGE_BAD) {
        close(file);
        refuse(a, r, 416, &head);
        return;
    }
    a->status = head.status = verdict == HTTP_RANGE_PART ? 206 : 200;
    head.range = range;
    head.type = http_type_of(path);
    head.has_length = true;
    head.length = a->length = range.len;
    http_head_print(&a->text, &head);
    a->file = file;
    a->file_at = range.first;
    a->file_left = r->is_head ? 0 : range.len;
}

static void answer_directory(struct answer *a, const struct http_request *r, int directory, const char *path)
{
    struct stat st;
    if (*path && path[strlen(path) - 1] != '/') {
        close(directory);
        answer_redirect(a, r, path);
        return;
    }
    int index = openat(directory, "index.html", OPEN_FLAGS | O_NOFOLLOW);
    if (index >= 0 && fstat(index, &st) == 0 && S_ISREG(st.st_mode)) {
        close(directory);
        answer_file(a, r, index, &st, "index.html");
        return;
    }
    if (index >= 0)
        close(index);
    answer_listing(a, r, directory, path);
}

static void answer_path(struct answer *a, int root, const struct http_request *r, const char *path)
{
    struct stat st;
    int file = open_beneath(root, path);
    if (file < 0 || fstat(file, &st) < 0) {
        refuse_plainly(a, r, status_of_errno(errno));
        if (file >= 0)
            close(file);
        return;
    }
    bool wants_directory = *path && path[strlen(path) - 1] == '/';
    if (S_ISDIR(st.st_mode)) {
        answer_directory(a, r, file, path);
    } else if (S_ISREG(st.st_mode) && !wants_directory) {
        answer_file(a, r, file, &st, path);
    } else {
        close(file);
        refuse_plainly(a, r, wants_directory ? 404 : 403);
    }
}

/* ---- what exchange.c calls ---- */

/* No memory for the answer itself: the shortest one there is. */
static void settle(struct answer *a)
{
    if (!a->text.failed)
        return;
    answer_free(a);
    answer_refuse(a, 500);
}

void answer_make(struct answer *a, int root, const struct http_request *r)
{
    char path[HTTP_TARGET_MAX + 1];
    *a = (struct answer){.status = 200, .file = -1, .keep_alive = r->keep_alive};
    int status = r->status != 0 ? r->status : http_path_decode(r->target, path, sizeof path);
    if (r->status != 0)
        a->keep_alive = false;
    if (status != 0)
        refuse_plainly(a, r, status);
    else
        answer_path(a, root, r, path);
    settle(a);
}

void answer_refuse(struct answer *a, int status)
{
    *a = (struct answer){.file = -1};
    refuse_plainly(a, NULL, status);
}

void answer_free(struct answer *a)
{
    http_text_free(&a->text);
    if (a->file >= 0)
        close(a->file);
    a->file = -1;
    a->file_left = 0;
}

/* Which files the demo fetches: a long one, so that there is bulk to fold, and a short one. */
#define _GNU_SOURCE
#include "demo.h"

#include <fts.h>
#include <string.h>
#include <sys/stat.h>

enum { ENTRIES_MAX = 20000, DEPTH_MAX = 5 };

#define LONGEST  (4u << 20)
#define SHORTEST 512

/* Nothing in it that a shell or an URL treats specially. */
static bool is_plain(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    return path[0] != '\0' && strspn(path, plain) == strlen(path) && strlen(path) < DEMO_PATH_LEN;
}

static bool is_skipped(const FTSENT *entry)
{
    bool is_hidden = entry->fts_name[0] == '.' && entry->fts_level > 0;
    bool is_build = entry->fts_level == 1 && strncmp(entry->fts_name, "build", 5) == 0;
    return is_hidden || is_build || entry->fts_level > DEPTH_MAX;
}

/* The first by name among equals, so that the demo shows the same every time. */
static void consider(struct demo_file *best, const char *path, uint64_t len, bool wants_long)
{
    bool is_first = best->path[0] == '\0';
    bool is_better = wants_long ? len > best->len : len < best->len;
    if (!is_first && !is_better && (len != best->len || strcmp(path, best->path) > 0))
        return;
    strcpy(best->path, path);
    best->len = len;
}

void demo_files_find(const char *directory, struct demo_file *longest, struct demo_file *shortest)
{
    char root[4096], *roots[] = {root, NULL};
    size_t root_len = strlen(directory);
    *longest = *shortest = (struct demo_file){.len = 0};
    if (root_len >= sizeof root)
        return;
    strcpy(root, directory);
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    unsigned seen = 0;
    for (FTSENT *entry; walk != NULL && seen < ENTRIES_MAX && (entry = fts_read(walk)) != NULL; seen++) {
        if (entry->fts_info == FTS_D && is_skipped(entry))
            fts_set(walk, entry, FTS_SKIP);
        if (entry->fts_info != FTS_F || is_skipped(entry))
            continue;
        const char *path = entry->fts_path + root_len;
        uint64_t len = (uint64_t)entry->fts_statp->st_size;
        path += strspn(path, "/");
        if (!is_plain(path) || len < SHORTEST || len > LONGEST)
            continue;
        consider(longest, path, len, true);
        consider(shortest, path, len, false);
    }
    if (walk != NULL)
        fts_close(walk);
}

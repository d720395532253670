/*
 * Who is who in a new user namespace: our own id is root inside, and where /etc/subuid and /etc/subgid lend us
 * ranges, the ids from 1 on are those, so that servers which change their user work. Ranges are written by
 * newuidmap and newgidmap, which are allowed to (newuidmap(1)). Read first: space.h, user_namespaces(7).
 */
#define _GNU_SOURCE
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct range {
    unsigned long first, count; /* count 0: none */
};

/* The first line of `path` (subuid(5)) that is ours by name or by number. */
static struct range read_range(const char *path, const char *name, unsigned id)
{
    struct range range = {0, 0};
    char line[256], number[16];
    snprintf(number, sizeof number, "%u", id);
    FILE *file = fopen(path, "re");
    while (file && range.count == 0 && fgets(line, sizeof line, file)) {
        char who[64];
        struct range r;
        if (sscanf(line, "%63[^:]:%lu:%lu", who, &r.first, &r.count) == 3 &&
            ((name && strcmp(who, name) == 0) || strcmp(who, number) == 0))
            range = r;
    }
    if (file)
        fclose(file);
    return range;
}

/* Runs `tool PID INSIDE OUTSIDE 1 1 FIRST COUNT`. True when it did its work. */
static bool run_tool(const char *tool, pid_t pid, unsigned inside, unsigned outside, struct range range)
{
    char text[7][24];
    snprintf(text[0], sizeof text[0], "%d", (int)pid);
    snprintf(text[1], sizeof text[1], "%u", inside);
    snprintf(text[2], sizeof text[2], "%u", outside);
    snprintf(text[3], sizeof text[3], "%lu", range.first);
    snprintf(text[4], sizeof text[4], "%lu", range.count);
    char one[] = "1",
         *argv[] = {(char *)(uintptr_t)tool, text[0], text[1], text[2], one, one, text[3], text[4], NULL};
    pid_t child = fork();
    if (child == 0) {
        int nothing = open("/dev/null", O_WRONLY);
        if (nothing >= 0)
            dup2(nothing, 2);
        execvp(tool, argv);
        _exit(127);
    }
    int status = 1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && status == 0;
}

static bool write_proc(pid_t pid, const char *file, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT; /* an old kernel without setgroups */
    bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return done;
}

static bool map_ranges(pid_t pid)
{
    struct passwd *user = getpwuid(getuid());
    const char *name = user ? user->pw_name : NULL;
    struct range users = read_range("/etc/subuid", name, getuid());
    struct range groups = read_range("/etc/subgid", name, getuid());
    return users.count > 0 && groups.count > 0 && run_tool("newuidmap", pid, 0, getuid(), users) &&
           run_tool("newgidmap", pid, 0, getgid(), groups);
}

/* One id alone, which needs nobody's permission. */
static bool map_one(pid_t pid, bool keep_user)
{
    char users[48], groups[48];
    snprintf(users, sizeof users, "%u %u 1", keep_user ? geteuid() : 0, geteuid());
    snprintf(groups, sizeof groups, "%u %u 1", keep_user ? getegid() : 0, getegid());
    return write_proc(pid, "uid_map", users) && write_proc(pid, "setgroups", "deny") &&
           write_proc(pid, "gid_map", groups);
}

int ids_map(pid_t pid, bool keep_user, bool *has_sub_ids, char error[256])
{
    *has_sub_ids = !keep_user && map_ranges(pid);
    if (*has_sub_ids || map_one(pid, keep_user))
        return 0;
    snprintf(error, 256, "cannot map user ids into the namespace: %s; run as root, or allow user namespaces",
             strerror(errno));
    return -1;
}

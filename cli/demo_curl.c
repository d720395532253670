/*
 * The kernel's own curl, run by a shell in the namespace of the kernel's side. The shell reads one command a line from a
 * pipe and, when that is closed, ends, and with it the demo's network.
 */
#define _GNU_SOURCE
#include "demo.h"

#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ = 0, WRITE = 1 };

static bool is_in_path(const char *program)
{
    const char *path = getenv("PATH");
    char file[4096];
    for (path = path ? path : "/usr/bin:/bin"; *path != '\0';) {
        size_t len = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)len, path, program);
        if (access(file, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

/* Our ends are not for PROGRAM, its ends are. */
static bool open_pipes(struct demo_curl *c)
{
    int commands[2], answers[2];
    if (pipe(commands) < 0)
        return false;
    if (pipe(answers) < 0) {
        close(commands[READ]);
        close(commands[WRITE]);
        return false;
    }
    c->to = commands[WRITE];
    c->its_in = commands[READ];
    c->from = answers[READ];
    c->its_out = answers[WRITE];
    fcntl(c->to, F_SETFD, FD_CLOEXEC);
    fcntl(c->from, F_SETFD, FD_CLOEXEC);
    fcntl(c->from, F_SETFL, O_NONBLOCK);
    return true;
}

int demo_curl_prepare(struct demo_curl *c, struct host_options *o)
{
    *c = (struct demo_curl){.to = -1, .from = -1, .its_in = -1, .its_out = -1};
    if (!is_in_path("curl")) {
        complain(o->verb, "curl is not installed here; install it (Debian: apt-get install curl), or see --memory");
        return EXIT_FAILED;
    }
    if (!open_pipes(c)) {
        complain(o->verb, "cannot make a pipe: %s", strerror(errno));
        return EXIT_FAILED;
    }
    snprintf(c->script, sizeof c->script, "while read -r command <&%d; do eval \"$command\" 4>&%d; done", c->its_in,
             c->its_out);
    c->program[0] = (char *)"sh";
    c->program[1] = (char *)"-c";
    c->program[2] = c->script;
    o->program = c->program;
    hf_addr_print(&o->ours.at[0].addr, c->address);
    return 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void demo_curl_opened(struct demo_curl *c)
{
    close_one(&c->its_in);
    close_one(&c->its_out);
}

void demo_curl_close(struct demo_curl *c)
{
    demo_curl_opened(c);
    close_one(&c->to);
    close_one(&c->from);
}

/* ---- as a client ---- */

static void print_command(const struct demo_curl *c, const struct demo_fetch *fetch, char *text, size_t cap)
{
    bool is_v6 = strchr(c->address, ':') != NULL;
    snprintf(text, cap, "curl %s%shttp://%s%s%s%s", is_v6 ? "-g " : "",
             fetch->server_closes ? "-H 'Connection: close' " : "", is_v6 ? "[" : "", c->address, is_v6 ? "]" : "",
             fetch->url_path);
}

static void describe(void *self, const struct demo_fetch *fetch, char *text, size_t cap)
{
    print_command(self, fetch, text, cap);
}

/* One line comes back: the status of HTTP, how many bytes, and what cmp said of them; before it, curl's complaint. */
static void start(void *self, const struct demo_fetch *fetch)
{
    struct demo_curl *c = self;
    char command[1024], line[2048];
    c->answer_len = 0;
    print_command(c, fetch, command, sizeof command);
    int len =
        snprintf(line, sizeof line,
                 "%s --noproxy '*' -sS -m 10 -w '%%{stderr}%%{http_code} %%{size_download} ' 2>&4 | cmp -s - '%s'; "
                 "echo \"$?\" >&4\n",
                 command, fetch->file ? fetch->file : "/dev/null");
    if (len < 0 || (size_t)len >= sizeof line || write(c->to, line, (size_t)len) != len)
        close_one(&c->to);
}

/* "200 1234 0"; anything in front of it is curl's. */
static bool read_outcome(const struct demo_curl *c, struct demo_fetched *fetched)
{
    const char *last = c->answer;
    for (const char *line = c->answer; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (*line != '\0')
            last = line;
    }
    unsigned long long bytes;
    int status, differs;
    if (sscanf(last, "%d %llu %d", &status, &bytes, &differs) != 3)
        return false;
    *fetched = (struct demo_fetched){.status = status, .bytes = bytes, .is_equal = differs == 0};
    if (last > c->answer)
        snprintf(fetched->trouble, sizeof fetched->trouble, "%.*s", (int)strcspn(c->answer, "\n"), c->answer);
    return true;
}

static bool is_over(void *self, struct demo_fetched *fetched)
{
    struct demo_curl *c = self;
    *fetched = (struct demo_fetched){.trouble = "the shell that runs curl is gone"};
    if (c->to < 0 || c->from < 0)
        return true;
    ssize_t n = read(c->from, c->answer + c->answer_len, sizeof c->answer - 1 - c->answer_len);
    if (n < 0)
        return errno != EAGAIN && errno != EINTR;
    c->answer_len += (size_t)n;
    c->answer[c->answer_len] = '\0';
    bool is_whole = c->answer_len > 0 && c->answer[c->answer_len - 1] == '\n';
    return n == 0 || (is_whole && read_outcome(c, fetched));
}

static int news_fd(void *self)
{
    return ((struct demo_curl *)self)->from;
}

static void end(void *self)
{
    close_one(&((struct demo_curl *)self)->to);
}

struct demo_client demo_curl_client(struct demo_curl *c)
{
    return (struct demo_client){
        .self = c,
        .describe = describe,
        .start = start,
        .is_over = is_over,
        .fd = news_fd,
        .end = end,
    };
}

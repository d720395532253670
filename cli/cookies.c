/* Fast Open cookies in a file. See cookies.h. */
#define _GNU_SOURCE
#include "cookies.h"

#include "usage.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- hex ---- */

static void print_cookie(const struct hf_fast_open_memory *memory, char text[33])
{
    for (unsigned i = 0; i < memory->cookie_len; i++)
        snprintf(text + (size_t)2 * i, 3, "%02x", memory->cookie[i]);
    text[2 * memory->cookie_len] = '\0';
}

static bool read_cookie(const char *text, struct hf_fast_open_memory *memory)
{
    size_t len = strlen(text);
    if (len % 2 != 0 || len > 2 * sizeof memory->cookie)
        return false;
    for (size_t i = 0; i < len / 2; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        memory->cookie[i] = (uint8_t)byte;
    }
    memory->cookie_len = (uint8_t)(len / 2);
    return true;
}

/* ---- reading ---- */

static bool read_entry(json_t *entry, time_t now, struct hf_fast_open_memory *memory)
{
    const char *address, *cookie;
    int mss, eaten;
    json_int_t rests_until;
    *memory = (struct hf_fast_open_memory){.mss = 0};
    if (json_unpack(entry, "{s:s, s:s, s:i, s:i, s:I}", "address", &address, "cookie", &cookie, "mss", &mss,
                    "eaten", &eaten, "rests_until", &rests_until) != 0)
        return false;
    if (mss < 0 || mss > UINT16_MAX || eaten < 0 || eaten > UINT8_MAX)
        return false;
    memory->mss = (uint16_t)mss;
    memory->eaten = (uint8_t)eaten;
    memory->rests_ns = rests_until > now ? (hf_ns)(rests_until - now) * HF_SECOND : 0;
    return hf_addr_parse(address, &memory->addr) && read_cookie(cookie, memory);
}

static int load_entries(struct hf_engine *e, const char *path, json_t *entries)
{
    size_t i;
    json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        struct hf_fast_open_memory memory;
        if (!read_entry(entry, time(NULL), &memory) || hf_fast_open_remember(e, &memory) != HF_OK) {
            complain("connect", "entry %zu of %s is no Fast Open cookie; remove the file to begin anew", i + 1,
                     path);
            return EXIT_FAILED;
        }
    }
    return 0;
}

int cookies_load(struct hf_engine *e, const char *path)
{
    json_error_t error;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    json_t *entries = json_load_file(path, 0, &error);
    if (!json_is_array(entries)) {
        complain("connect", "cannot read cookies from %s: %s", path, entries ? "not a list" : error.text);
        json_decref(entries);
        return EXIT_FAILED;
    }
    int status = load_entries(e, path, entries);
    json_decref(entries);
    return status;
}

/* ---- writing ---- */

static json_t *entry_of(const struct hf_fast_open_memory *memory, time_t now)
{
    char address[HF_ADDR_TEXT_LEN], cookie[33];
    print_cookie(memory, cookie);
    json_int_t rests_until = memory->rests_ns > 0 ? (json_int_t)now + memory->rests_ns / HF_SECOND : 0;
    return json_pack("{s:s, s:s, s:i, s:i, s:I}", "address", hf_addr_print(&memory->addr, address), "cookie",
                     cookie, "mss", (int)memory->mss, "eaten", (int)memory->eaten, "rests_until", rests_until);
}

bool cookies_save(const struct hf_engine *e, const char *path)
{
    struct hf_fast_open_memory memory;
    json_t *entries = json_array();
    for (uint32_t index = 0; hf_fast_open_next(e, &index, &memory);)
        json_array_append_new(entries, entry_of(&memory, time(NULL)));
    mode_t mask = umask(077); /* a cookie is the client's own secret */
    bool is_written = json_dump_file(entries, path, JSON_INDENT(1)) == 0;
    umask(mask);
    if (!is_written)
        complain("connect", "cannot write cookies to %s: %s", path, strerror(errno));
    json_decref(entries);
    return is_written;
}

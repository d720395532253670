/* The host's resolver, for inside. Read first: resolver.h. */
#define _GNU_SOURCE
#include "resolver.h"

#include <stdio.h>
#include <string.h>

static bool starts_with_word(const char *line, const char *word)
{
    size_t len = strlen(word);
    return strncmp(line, word, len) == 0 && (line[len] == ' ' || line[len] == '\t');
}

static void note_nameserver(const char *line, struct hf_endpoint *nameserver)
{
    char word[HF_ADDR_TEXT_LEN];
    if (nameserver->port == 0 && sscanf(line, "nameserver %45s", word) == 1 &&
        hf_addr_parse(word, &nameserver->addr))
        nameserver->port = 53;
}

void resolver_read(const char *path, const struct hf_addr *gateway, struct hf_endpoint *nameserver,
                   char text[RESOLVER_TEXT_CAP])
{
    char line[512], name[HF_ADDR_TEXT_LEN];
    *nameserver = (struct hf_endpoint){.port = 0};
    int len = snprintf(text, RESOLVER_TEXT_CAP, "nameserver %s\n", hf_addr_print(gateway, name));
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        bool is_kept = starts_with_word(line, "search") || starts_with_word(line, "domain") ||
                       starts_with_word(line, "options");
        if (is_kept && len + strlen(line) < RESOLVER_TEXT_CAP)
            len += snprintf(text + len, RESOLVER_TEXT_CAP - (size_t)len, "%s", line);
        note_nameserver(line, nameserver);
    }
    if (file)
        fclose(file);
}

/*
 * What the engine is set to. --so_flags is a list of KEY=VALUE: the keys of "//! config" in scenarios (msl=1,
 * receive_buffer=2000), and
 *
 *     profile=linux        as scripts written for Linux assume; what a script's commands set by sysctl is read from
 *                          the network namespace it runs in
 *     mtu=1500             of the link
 *     local_ip=ADDRESS     where connections come from that are not bound
 *
 * Read first: adapter.h.
 */
#define _GNU_SOURCE
#include "adapter.h"

#include "../pkt/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- flags ---- */

static void refuse(const char *what, const char *value)
{
    fprintf(stderr, "libhandfast_packetdrill: --so_flags: %s '%s'\n", what, value);
    exit(EXIT_FAILURE);
}

static void set_flag(struct pd *pd, const char *key, const char *value)
{
    char error[160];
    struct pkt_settings *settings = &pd->script.settings;
    if (strcmp(key, "mtu") == 0)
        settings->mtu = (uint16_t)strtoul(value, NULL, 10);
    else if (strcmp(key, "local_ip") == 0 && !hf_addr_parse(value, &settings->local))
        refuse("no address:", value);
    else if (strcmp(key, "local_ip") != 0 && !pkt_config_set(&pd->script, key, value, error))
        refuse(error, value);
    settings->is_v6 = !hf_addr_is_v4(&settings->local);
    settings->local_prefix = settings->is_v6 ? 128 : 32;
}

void pd_read_flags(struct pd *pd, const char *flags)
{
    char text[1024], *rest = text, *word;
    pd->script.settings.gateway = (struct hf_addr){{0}}; /* everything is on the link */
    snprintf(text, sizeof text, "%s", flags);
    while ((word = strsep(&rest, ",")) != NULL) {
        char *equals = strchr(word, '=');
        if (!equals && word[0] != 0)
            refuse("no KEY=VALUE:", word);
        if (!equals)
            continue;
        *equals = 0;
        set_flag(pd, word, equals + 1);
    }
    pd->sockets.doubles_buffers = pd->script.settings.as_linux;
}

/* ---- sysctls ---- */

static bool read_sysctl(const char *name, char text[256])
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "re");
    bool is_read = file && fgets(text, 256, file);
    if (file)
        fclose(file);
    return is_read;
}

/* Bits: 1 clients, 2 servers, 0x400 every listener. The engine has it ready for whoever may. */
void pd_read_fast_open(struct pd *pd)
{
    char text[256];
    if (!pd->script.settings.as_linux || !read_sysctl("tcp_fastopen", text))
        return;
    unsigned long bits = strtoul(text, NULL, 0);
    pd->script.config.fast_open = true;
    pd->sockets.may_not_open_fast = !(bits & 1);
    pd->fast_open_backlog = bits & 2 && bits & 0x400 ? 128 : 0;
}

void pd_read_sysctls(struct pd *pd)
{
    char text[256];
    if (!pd->script.settings.as_linux)
        return;
    for (unsigned i = 0; pkt_sysctls[i]; i++)
        if (read_sysctl(pkt_sysctls[i], text))
            pkt_sysctl_set(&pd->script, pkt_sysctls[i], text);
    pd_read_fast_open(pd);
}

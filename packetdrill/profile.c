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

/* Up to `count` numbers of /proc/sys/net/ipv4/NAME; false when it is not there. */
static bool read_sysctl(const char *name, unsigned long *number, unsigned count)
{
    char path[128], text[256], *at = text;
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "re");
    bool is_read = file && fgets(text, sizeof text, file);
    if (file)
        fclose(file);
    for (unsigned i = 0; is_read && i < count; i++) {
        char *end;
        number[i] = strtoul(at, &end, 0);
        is_read = end != at;
        at = end;
    }
    return is_read;
}

static void read_switch(const char *name, bool *is_on)
{
    unsigned long number;
    if (read_sysctl(name, &number, 1))
        *is_on = number != 0;
}

static void read_count(const char *name, uint8_t *count)
{
    unsigned long number;
    if (read_sysctl(name, &number, 1))
        *count = (uint8_t)(number < 255 ? number : 255);
}

/* least, usual, most */
static void read_buffer(const char *name, uint32_t *usual, uint32_t *most)
{
    unsigned long number[3];
    if (!read_sysctl(name, number, 3))
        return;
    *usual = (uint32_t)number[1];
    *most = (uint32_t)number[2];
}

static void read_ecn(struct hf_config *config)
{
    static const uint8_t meaning[] = {HF_ECN_OFF, HF_ECN_ON, HF_ECN_ACCEPT};
    unsigned long number;
    if (read_sysctl("tcp_ecn", &number, 1) && number < 3)
        config->ecn = meaning[number];
}

/* Bits: 1 clients, 2 servers, 0x400 every listener. The engine has it ready for whoever may. */
void pd_read_fast_open(struct pd *pd)
{
    unsigned long number;
    if (!pd->script.settings.as_linux || !read_sysctl("tcp_fastopen", &number, 1))
        return;
    pd->script.config.fast_open = true;
    pd->sockets.may_not_open_fast = !(number & 1);
    pd->fast_open_backlog = number & 2 && number & 0x400 ? 128 : 0;
}

static void read_cookies(struct hf_config *config)
{
    static const uint8_t meaning[] = {HF_SYN_COOKIES_OFF, HF_SYN_COOKIES_UNDER_PRESSURE, HF_SYN_COOKIES_ALWAYS};
    unsigned long number;
    if (read_sysctl("tcp_syncookies", &number, 1) && number < 3)
        config->syn_cookies = meaning[number];
}

void pd_read_sysctls(struct pd *pd)
{
    struct hf_config *config = &pd->script.config;
    if (!pd->script.settings.as_linux)
        return;
    read_switch("tcp_timestamps", &config->timestamps);
    read_switch("tcp_sack", &config->sack);
    read_switch("tcp_window_scaling", &config->window_scaling);
    read_count("tcp_syn_retries", &config->syn_retries);
    read_count("tcp_synack_retries", &config->syn_ack_retries);
    read_count("tcp_retries2", &config->data_retries);
    read_buffer("tcp_rmem", &config->receive_buffer, &config->receive_buffer_max);
    read_buffer("tcp_wmem", &config->send_buffer, &config->send_buffer_max);
    read_ecn(config);
    read_cookies(config);
    pd_read_fast_open(pd);
}

/*
 * What of Linux's sysctls means something to the engine: read from a script's commands ("sysctl -q net.ipv4.tcp_sack=0",
 * which are not run), or by packetdrill/ from the namespace where they were run. Read first: script.h.
 */
#include "parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_switch(bool *is_on, const unsigned long *number)
{
    *is_on = number[0] != 0;
}

static void set_count(uint8_t *count, const unsigned long *number)
{
    *count = (uint8_t)(number[0] < 255 ? number[0] : 255);
}

/* least, usual, most */
static void set_buffer(uint32_t *usual, uint32_t *most, const unsigned long *number)
{
    if (number[1] >= 1024 && number[1] <= 1 << 30)
        *usual = (uint32_t)number[1];
    *most = (uint32_t)(number[2] <= 1 << 30 ? number[2] : 1 << 30);
}

/* The value of an enum, in Linux's numbering. */
static void set_choice(uint8_t *choice, const uint8_t *meaning, unsigned count, const unsigned long *number)
{
    if (number[0] < count)
        *choice = meaning[number[0]];
}

static void set(struct pkt_script *script, const char *name, const unsigned long *number)
{
    static const uint8_t ecn[] = {HF_ECN_OFF, HF_ECN_ON, HF_ECN_ACCEPT, HF_ECN_ACCURATE, HF_ECN_ON, HF_ECN_ACCEPT};
    static const uint8_t cookies[] = {HF_SYN_COOKIES_OFF, HF_SYN_COOKIES_UNDER_PRESSURE, HF_SYN_COOKIES_ALWAYS};
    struct hf_config *config = &script->config;
    if (strcmp(name, "tcp_timestamps") == 0)
        set_switch(&config->timestamps, number);
    else if (strcmp(name, "tcp_sack") == 0)
        set_switch(&config->sack, number);
    else if (strcmp(name, "tcp_window_scaling") == 0)
        set_switch(&config->window_scaling, number);
    else if (strcmp(name, "tcp_syn_retries") == 0)
        set_count(&config->syn_retries, number);
    else if (strcmp(name, "tcp_synack_retries") == 0)
        set_count(&config->syn_ack_retries, number);
    else if (strcmp(name, "tcp_retries2") == 0)
        set_count(&config->data_retries, number);
    else if (strcmp(name, "tcp_rmem") == 0)
        set_buffer(&config->receive_buffer, &config->receive_buffer_max, number);
    else if (strcmp(name, "tcp_wmem") == 0)
        set_buffer(&config->send_buffer, &config->send_buffer_max, number);
    else if (strcmp(name, "tcp_ecn") == 0)
        set_choice(&config->ecn, ecn, sizeof ecn, number);
    else if (strcmp(name, "tcp_syncookies") == 0)
        set_choice(&config->syn_cookies, cookies, sizeof cookies, number);
    else if (strcmp(name, "tcp_fastopen") == 0)
        set_switch(&config->fast_open, number);
}

const char *const pkt_sysctls[] = {"tcp_timestamps",  "tcp_sack",           "tcp_window_scaling",
                                   "tcp_syn_retries", "tcp_synack_retries", "tcp_retries2",
                                   "tcp_rmem",        "tcp_wmem",           "tcp_ecn",
                                   "tcp_syncookies",  "tcp_fastopen",       NULL};

void pkt_sysctl_set(struct pkt_script *script, const char *name, const char *value)
{
    unsigned long number[3] = {0};
    unsigned count = 0, wanted = strcmp(name, "tcp_rmem") == 0 || strcmp(name, "tcp_wmem") == 0 ? 3 : 1;
    char *end = NULL;
    for (const char *at = value; count < wanted; at = end) {
        number[count] = strtoul(at, &end, 0);
        if (end == at)
            return;
        count++;
    }
    set(script, name, number);
}

/* NAME=VALUE or NAME="VALUE ..." behind net.ipv4. or net/ipv4/. */
static void read_assignment(struct pkt_script *script, const char *at)
{
    char name[32] = "", value[64] = "";
    if (sscanf(at, "%31[a-z0-9_]=\"%63[^\"]\"", name, value) == 2 ||
        sscanf(at, "%31[a-z0-9_]=%63[0-9a-fx]", name, value) == 2)
        pkt_sysctl_set(script, name, value);
}

void pkt_sysctls_of_command(struct pkt_script *script, const char *command)
{
    static const char *const places[] = {"net.ipv4.", "net/ipv4/"};
    for (unsigned i = 0; script->settings.as_linux && i < 2; i++)
        for (const char *at = command; (at = strstr(at, places[i])) != NULL;) {
            at += strlen(places[i]);
            read_assignment(script, at);
        }
}

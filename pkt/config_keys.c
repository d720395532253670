/* "//! config KEY VALUE": fields of struct hf_config by name. Read first: parser.h, include/handfast/config.h. */
#include "parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field_kind { FIELD_NS, FIELD_32, FIELD_16, FIELD_8, FIELD_BOOL, FIELD_CC, FIELD_COOKIES, FIELD_ECN };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
};

#define F(name, kind, member)                                                                                      \
    {                                                                                                              \
        name, kind, offsetof(struct hf_config, member)                                                             \
    }

static const struct field fields[] = {
    F("msl", FIELD_NS, msl_ns),
    F("rto_initial", FIELD_NS, rto_initial_ns),
    F("rto_min", FIELD_NS, rto_min_ns),
    F("rto_max", FIELD_NS, rto_max_ns),
    F("ack_delay", FIELD_NS, ack_delay_ns),
    F("quick_acks", FIELD_16, quick_acks),
    F("push_frames", FIELD_BOOL, push_frames),
    F("fin_wait_2", FIELD_NS, fin_wait_2_ns),
    F("orphan", FIELD_NS, orphan_ns),
    F("syn_retries", FIELD_8, syn_retries),
    F("syn_ack_retries", FIELD_8, syn_ack_retries),
    F("data_retries", FIELD_8, data_retries),
    F("orphan_retries", FIELD_8, orphan_retries),
    F("send_buffer", FIELD_32, send_buffer),
    F("receive_buffer", FIELD_32, receive_buffer),
    F("receive_buffer_max", FIELD_32, receive_buffer_max),
    F("send_buffer_max", FIELD_32, send_buffer_max),
    F("window_scaling", FIELD_BOOL, window_scaling),
    F("timestamps", FIELD_BOOL, timestamps),
    F("sack", FIELD_BOOL, sack),
    F("ecn", FIELD_ECN, ecn),
    F("cc", FIELD_CC, cc),
    F("initial_window", FIELD_16, initial_window),
    F("challenge_ack_limit", FIELD_32, challenge_ack_limit),
    F("syn_cookies", FIELD_COOKIES, syn_cookies),
    F("fast_open", FIELD_BOOL, fast_open),
    F("reset_on_overflow", FIELD_BOOL, reset_on_overflow),
    F("ip_ttl", FIELD_8, ip_ttl),
    F("max_connections", FIELD_32, max_connections),
    F("max_half_open", FIELD_32, max_half_open),
    F("max_time_wait", FIELD_32, max_time_wait),
    F("max_fast_open", FIELD_32, max_fast_open),
    F("max_listeners", FIELD_32, max_listeners),
    F("max_orphans", FIELD_32, max_orphans),
    F("max_sending", FIELD_32, max_sending),
    F("max_receiving", FIELD_32, max_receiving),
    F("max_blocks", FIELD_32, max_blocks),
    F("block_len", FIELD_32, block_len),
    F("max_sent", FIELD_32, max_sent),
    F("max_replies", FIELD_32, max_replies),
};

/* "200ms", "1.5s", "30" (seconds), "50us". */
static bool read_duration(const char *text, hf_ns *ns)
{
    char *unit;
    double number = strtod(text, &unit);
    double scale = *unit == 0 || strcmp(unit, "s") == 0 ? 1e9
                   : strcmp(unit, "ms") == 0            ? 1e6
                   : strcmp(unit, "us") == 0            ? 1e3
                                                        : 0;
    if (unit == text || scale == 0 || number < 0 || number > 1e6)
        return false;
    *ns = (hf_ns)(number * scale + 0.5);
    return true;
}

static bool read_number(const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && *number <= most;
}

static bool read_switch(const char *text, bool *is_on)
{
    *is_on = strcmp(text, "on") == 0;
    return *is_on || strcmp(text, "off") == 0;
}

static const char *const cookies_words[] = {[HF_SYN_COOKIES_OFF] = "off",
                                            [HF_SYN_COOKIES_UNDER_PRESSURE] = "under_pressure",
                                            [HF_SYN_COOKIES_ALWAYS] = "always"};
static const char *const ecn_words[] = {
    [HF_ECN_OFF] = "off", [HF_ECN_ACCEPT] = "accept", [HF_ECN_ON] = "on", [HF_ECN_ACCURATE] = "accurate"};

/* One of the words of an enum. */
static bool read_word(const char *text, const char *const *words, uint8_t count, uint8_t *value)
{
    for (uint8_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) != 0)
            continue;
        *value = i;
        return true;
    }
    return false;
}

static bool set_field(struct hf_config *config, const struct field *field, const char *value)
{
    static const uint64_t most[] = {[FIELD_32] = UINT32_MAX, [FIELD_16] = UINT16_MAX, [FIELD_8] = UINT8_MAX};
    uint8_t *at = (uint8_t *)config + field->offset;
    uint64_t number = 0;
    switch (field->kind) {
    case FIELD_NS:
        return read_duration(value, (hf_ns *)(void *)at);
    case FIELD_BOOL:
        return read_switch(value, (bool *)(void *)at);
    case FIELD_CC:
        *at = strcmp(value, "newreno") == 0 ? HF_CC_NEWRENO : HF_CC_CUBIC;
        return *at == HF_CC_NEWRENO || strcmp(value, "cubic") == 0;
    case FIELD_ECN:
        return read_word(value, ecn_words, sizeof ecn_words / sizeof ecn_words[0], at);
    case FIELD_COOKIES:
        return read_word(value, cookies_words, sizeof cookies_words / sizeof cookies_words[0], at);
    default:
        break;
    }
    if (!read_number(value, most[field->kind], &number))
        return false;
    if (field->kind == FIELD_32)
        *(uint32_t *)(void *)at = (uint32_t)number;
    else if (field->kind == FIELD_16)
        *(uint16_t *)(void *)at = (uint16_t)number;
    else
        *at = (uint8_t)number;
    return true;
}

/*
 * "profile linux": what scripts written for Linux assume. Buffers are tcp_rmem's and tcp_wmem's of a Linux that nobody
 * configured, and grow as there.
 */
static bool set_profile(struct pkt_script *script, const char *name)
{
    struct hf_config *config = &script->config;
    if (strcmp(name, "linux") != 0)
        return false;
    script->settings.as_linux = true;
    config->receive_buffer = 131072;
    config->receive_buffer_max = 6291456;
    config->send_buffer = 16384 * 8;
    config->send_buffer_max = 4194304;
    config->syn_retries = 6;
    config->quick_acks = 16;
    config->push_frames = true;
    script->settings.offload = true;
    return true;
}

bool pkt_config_set(struct pkt_script *script, const char *key, const char *value, char error[160])
{
    bool is_good = false, is_known = strcmp(key, "offload") == 0;
    if (is_known)
        is_good = read_switch(value, &script->settings.offload);
    if (strcmp(key, "profile") == 0) {
        is_known = true;
        is_good = set_profile(script, value);
    }
    for (unsigned i = 0; i < sizeof fields / sizeof fields[0] && !is_known; i++) {
        is_known = strcmp(fields[i].name, key) == 0;
        is_good = is_known && set_field(&script->config, &fields[i], value);
    }
    if (!is_known)
        snprintf(error, 160, "there is no configuration key '%s'", key);
    else if (!is_good)
        snprintf(error, 160, "'%s' is no value for %s", value, key);
    return is_good;
}

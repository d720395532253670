/*
 * Packetdrill's options at the top of a script, "--mtu=1400". Those that tell packetdrill how to drive the machine
 * it runs on mean nothing here and are passed over. Read first: parser.h.
 */
#include "parser.h"

#include <stdlib.h>
#include <string.h>

struct option {
    struct pkt_settings *settings;
    const char *name, *value;
    bool is_good;
};

static uint16_t number16(struct option *option, unsigned long low, unsigned long high)
{
    char *end;
    unsigned long number = strtoul(option->value, &end, 10);
    option->is_good = option->value[0] != 0 && *end == 0 && number >= low && number <= high;
    return (uint16_t)number;
}

static hf_ns microseconds(struct option *option)
{
    char *end;
    unsigned long number = strtoul(option->value, &end, 10);
    option->is_good = option->value[0] != 0 && *end == 0 && number <= 3600000000ul;
    return (hf_ns)number * HF_US;
}

/* An address, perhaps with a prefix length, which is its own affair. */
static void address(struct option *option, struct hf_addr *addr)
{
    char text[HF_ADDR_TEXT_LEN + 8];
    size_t len = strcspn(option->value, "/");
    option->is_good = len < sizeof text;
    if (!option->is_good)
        return;
    memcpy(text, option->value, len);
    text[len] = 0;
    option->is_good = hf_addr_parse(text, addr);
}

static void set_version(struct option *option)
{
    struct pkt_settings *settings = option->settings;
    settings->is_v6 = strcmp(option->value, "ipv6") == 0;
    option->is_good =
        settings->is_v6 || strcmp(option->value, "ipv4") == 0 || strcmp(option->value, "ipv4-mapped-ipv6") == 0;
    if (!settings->is_v6)
        return;
    hf_addr_parse("fd3d:fa7b:d17d::1", &settings->local);
    hf_addr_parse("2001:db8::1", &settings->remote);
    hf_addr_parse("fd3d:fa7b:d17d::2", &settings->gateway);
    settings->local_prefix = 48;
}

/* --define=NAME=VALUE */
static void define(struct pkt_parser *p, struct option *option)
{
    struct pkt_script *script = p->script;
    size_t len = strcspn(option->value, "=");
    option->is_good = len > 0 && option->value[len] == '=';
    if (!option->is_good)
        return;
    script->define = pkt_grow(script->define, script->define_count, sizeof *script->define);
    script->define[script->define_count++] =
        (struct pkt_define){pkt_take_text(&script->memory, option->value, len), option->value + len + 1};
}

/* False when there is no such option. */
static bool set_known(struct pkt_parser *p, struct option *option)
{
    struct pkt_settings *settings = option->settings;
    if (strcmp(option->name, "ip_version") == 0)
        set_version(option);
    else if (strcmp(option->name, "mtu") == 0)
        settings->mtu = number16(option, 576, 65535);
    else if (strcmp(option->name, "bind_port") == 0)
        settings->bind_port = number16(option, 1, 65535);
    else if (strcmp(option->name, "connect_port") == 0)
        settings->connect_port = number16(option, 1, 65535);
    else if (strcmp(option->name, "local_ip") == 0)
        address(option, &settings->local);
    else if (strcmp(option->name, "remote_ip") == 0)
        address(option, &settings->remote);
    else if (strcmp(option->name, "gateway_ip") == 0)
        address(option, &settings->gateway);
    else if (strcmp(option->name, "tolerance_usecs") == 0)
        settings->tolerance_ns = microseconds(option);
    else if (strcmp(option->name, "tcp_ts_tick_usecs") == 0)
        settings->timestamp_tick_ns = microseconds(option);
    else if (strcmp(option->name, "define") == 0)
        define(p, option);
    else
        return false;
    return true;
}

static bool is_for_the_machine(const char *name)
{
    static const char *const names[] = {
        "netmask_ip",
        "speed",
        "mss",
        "init_scripts",
        "tolerance_percent",
        "wire_client",
        "wire_server",
        "wire_server_ip",
        "wire_server_at",
        "wire_server_port",
        "wire_client_dev",
        "wire_server_dev",
        "so_filename",
        "so_flags",
        "tcp_ts_ecr_scaled",
        "strict_segments",
        "non_fatal",
        "dry_run",
        "is_anyip",
        "send_omit_free",
        "debug",
        "verbose",
        "code_command",
        "code_format",
        "code_sockopt",
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

void pkt_parse_option(struct pkt_parser *p, const struct pkt_token *token)
{
    char *name = pkt_parser_text(p, token);
    char *equals = strchr(name, '=');
    struct option option = {.settings = &p->script->settings, .name = name, .value = "", .is_good = true};
    if (equals) {
        *equals = 0;
        option.value = equals + 1;
    }
    if (!set_known(p, &option) && !is_for_the_machine(name))
        pkt_parser_fail(p, token->line, "--%s is no option of packetdrill's", name);
    else if (!option.is_good)
        pkt_parser_fail(p, token->line, "'%s' is no value for --%s", option.value, name);
}

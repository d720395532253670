/* Which destinations PROGRAM may reach. Read first: rules.h. */
#define _GNU_SOURCE
#include "rules.h"

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V4_BITS 96 /* bits before the IPv4 address in struct hf_addr */

/* RFC 6890 and its updates: this machine, private use, link-local, shared address space, multicast, reserved. */
static const char *const unreachable_by_default[] = {
    "0.0.0.0/8",     "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4",   "240.0.0.0/4", "::/128",
    "::1/128",       "64:ff9b:1::/48", "fc00::/7",      "fe80::/10",   "ff00::/8",
};

/* ---- reading ---- */

static bool read_number(const char *text, unsigned long most, unsigned long *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *value = strtoul(text, &end, 10);
    return *end == '\0' && *value <= most;
}

/* Cuts ":PORT" off. Without brackets a text with several colons is an IPv6 address alone. */
static bool cut_port(char *text, uint16_t *port)
{
    char *colon = strrchr(text, ':');
    bool is_v6_alone = colon && text[0] != '[' && strchr(text, ':') != colon;
    unsigned long number;
    *port = 0;
    if (!colon || is_v6_alone || (text[0] == '[' && strchr(colon, ']')))
        return true;
    if (!read_number(colon + 1, 65535, &number) || number == 0)
        return false;
    *port = (uint16_t)number;
    *colon = '\0';
    return true;
}

static void cut_brackets(char *text)
{
    char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    if (end) {
        memmove(end, end + 1, strlen(end + 1) + 1);
        memmove(text, text + 1, strlen(text + 1) + 1);
    }
}

static bool append(struct rules *rules, const struct rule *rule)
{
    if (rules->count == RULES_MAX)
        return false;
    rules->at[rules->count++] = *rule;
    return true;
}

bool rules_add(struct rules *rules, const char *text, bool is_allowed)
{
    char copy[80];
    struct rule rule = {.is_allowed = is_allowed};
    unsigned long len;
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    if (strcmp(copy, "all") == 0) {
        if (is_allowed)
            rules->count = 0; /* everything, whatever was denied before */
        return append(rules, &rule);
    }
    if (!cut_port(copy, &rule.port))
        return false;
    cut_brackets(copy);
    char *slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    if (!hf_addr_parse(copy, &rule.prefix))
        return false;
    unsigned long most = hf_addr_is_v4(&rule.prefix) ? 32 : 128;
    len = most;
    if (slash && !read_number(slash + 1, most, &len))
        return false;
    rule.len = (uint8_t)(len + 128 - most);
    return append(rules, &rule);
}

static void deny_own_addresses(struct rules *rules)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
        if (family != AF_INET && family != AF_INET6)
            continue;
        struct sockaddr_storage at = {0};
        memcpy(&at, i->ifa_addr, family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        struct rule rule = {.prefix = rules_endpoint(&at).addr, .len = 128};
        (void)append(rules, &rule); /* a host of more addresses than that is not a host to hide */
    }
    freeifaddrs(all);
}

void rules_defaults(struct rules *rules)
{
    *rules = (struct rules){0};
    for (unsigned i = 0; i < sizeof unreachable_by_default / sizeof unreachable_by_default[0]; i++)
        rules_add(rules, unreachable_by_default[i], false);
    deny_own_addresses(rules);
}

/* ---- deciding ---- */

static bool covers(const struct rule *rule, const struct hf_endpoint *at)
{
    unsigned whole = rule->len / 8, rest = rule->len % 8;
    if (rule->port != 0 && rule->port != at->port)
        return false;
    if (memcmp(rule->prefix.bytes, at->addr.bytes, whole) != 0)
        return false;
    return rest == 0 || (rule->prefix.bytes[whole] ^ at->addr.bytes[whole]) >> (8 - rest) == 0;
}

static bool is_allowed(const struct rules *rules, const struct hf_endpoint *at)
{
    int best = -1;
    bool allowed = true;
    for (unsigned i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->at[i];
        int weight = rule->len * 2 + (rule->port != 0);
        if (weight >= best && covers(rule, at)) {
            best = weight;
            allowed = rule->is_allowed;
        }
    }
    return allowed;
}

static bool is_gateway(const struct rules *rules, const struct hf_addr *addr)
{
    return hf_addr_equal(addr, &rules->gateway[0]) || hf_addr_equal(addr, &rules->gateway[1]);
}

/* What the gateway's address stands for: the resolver at port 53, else the host's loopback, if that was asked for.
 */
static bool behind_gateway(const struct rules *rules, const struct hf_endpoint *destination,
                           struct hf_endpoint *onward)
{
    if (destination->port == 53 && rules->resolver.port != 0) {
        *onward = rules->resolver;
        return true;
    }
    struct hf_addr loopback6 = {.bytes = {[15] = 1}};
    onward->addr = hf_addr_is_v4(&destination->addr) ? hf_addr_v4(127, 0, 0, 1) : loopback6;
    return rules->host_loopback;
}

bool rules_allow(const struct rules *rules, const struct hf_endpoint *destination, struct hf_endpoint *onward)
{
    *onward = *destination;
    if (rules->no_outbound)
        return false;
    if (is_gateway(rules, &destination->addr))
        return behind_gateway(rules, destination, onward);
    return is_allowed(rules, destination);
}

/* ---- endpoints as the host's sockets have them ---- */

socklen_t rules_sockaddr(const struct hf_endpoint *at, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (hf_addr_is_v4(&at->addr)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
        memcpy(&v4.sin_addr, at->addr.bytes + V4_BITS / 8, 4);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    memcpy(&v6.sin6_addr, at->addr.bytes, 16);
    memcpy(out, &v6, sizeof v6);
    return sizeof v6;
}

struct hf_endpoint rules_endpoint(const struct sockaddr_storage *from)
{
    struct hf_endpoint at = {.port = 0};
    if (from->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        at.addr = hf_addr_v4(0, 0, 0, 0);
        memcpy(at.addr.bytes + V4_BITS / 8, &v4.sin_addr, 4);
        at.port = ntohs(v4.sin_port);
    } else if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        memcpy(at.addr.bytes, &v6.sin6_addr, 16);
        at.port = ntohs(v6.sin6_port);
    }
    return at;
}

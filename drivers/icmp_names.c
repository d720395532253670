/* ICMP in words: RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1, RFC 4443. See icmp_names.h. */
#include "icmp_names.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct code {
    int16_t type; /* ANY: the word names a type */
    uint8_t number;
    const char *name;
};

enum { ANY = -1, UNREACHABLE_V4 = 3, UNREACHABLE_V6 = 1, TIME_EXCEEDED_V6 = 3, PARAMETER_V6 = 4 };

static const struct code v4[] = {
    {ANY, 0, "echo_reply"},
    {ANY, 3, "unreachable"},
    {ANY, 4, "source_quench"},
    {ANY, 5, "redirect"},
    {ANY, 8, "echo_request"},
    {ANY, 11, "time_exceeded"},
    {ANY, 12, "parameter_problem"},
    {ANY, 13, "timestamp_request"},
    {ANY, 14, "timestamp_reply"},
    {ANY, 15, "information_request"},
    {ANY, 16, "information_reply"},
    {ANY, 17, "address_mask_request"},
    {ANY, 18, "address_mask_reply"},
    {UNREACHABLE_V4, 0, "net_unreachable"},
    {UNREACHABLE_V4, 1, "host_unreachable"},
    {UNREACHABLE_V4, 2, "protocol_unreachable"},
    {UNREACHABLE_V4, 3, "port_unreachable"},
    {UNREACHABLE_V4, 4, "frag_needed"},
    {UNREACHABLE_V4, 5, "source_route_failed"},
    {UNREACHABLE_V4, 6, "net_unknown"},
    {UNREACHABLE_V4, 7, "host_unknown"},
    {UNREACHABLE_V4, 8, "source_host_isolated"},
    {UNREACHABLE_V4, 9, "net_prohibited"},
    {UNREACHABLE_V4, 10, "host_prohibited"},
    {UNREACHABLE_V4, 11, "net_unreachable_for_tos"},
    {UNREACHABLE_V4, 12, "host_unreachable_for_tos"},
    {UNREACHABLE_V4, 13, "packet_filtered"},
    {UNREACHABLE_V4, 14, "precedence_violation"},
    {UNREACHABLE_V4, 15, "precedence_cutoff"},
    {0, 0, NULL},
};

static const struct code v6[] = {
    {ANY, 1, "unreachable"},
    {ANY, 2, "packet_too_big"},
    {ANY, 3, "time_exceeded"},
    {ANY, 4, "parameter_problem"},
    {ANY, 128, "echo_request"},
    {ANY, 129, "echo_reply"},
    {UNREACHABLE_V6, 0, "no_route"},
    {UNREACHABLE_V6, 0, "net_unreachable"},
    {UNREACHABLE_V6, 1, "admin_prohibited"},
    {UNREACHABLE_V6, 2, "not_neighbour"},
    {UNREACHABLE_V6, 3, "address_unreachable"},
    {UNREACHABLE_V6, 4, "port_unreachable"},
    {TIME_EXCEEDED_V6, 0, "exceeded_hop_limit"},
    {TIME_EXCEEDED_V6, 1, "exceeded_frag_time"},
    {PARAMETER_V6, 0, "header_field"},
    {PARAMETER_V6, 1, "unknown_next_header"},
    {PARAMETER_V6, 2, "unknown_option"},
    {0, 0, NULL},
};

static const char *name_of(const struct code *table, int type, uint8_t number)
{
    for (; table->name; table++)
        if (table->type == type && table->number == number)
            return table->name;
    return NULL;
}

static int number_of(const struct code *table, int type, const char *name, const char *prefix)
{
    for (; table->name; table++)
        if (table->type == type && strcmp(table->name, name) == 0)
            return table->number;
    size_t len = strlen(prefix);
    if (strncmp(name, prefix, len) != 0 || name[len] == 0)
        return -1;
    char *end;
    unsigned long number = strtoul(name + len, &end, 10);
    return *end == 0 && number <= 255 ? (int)number : -1;
}

const char *hf_icmp_type_name(bool is_v6, uint8_t type)
{
    return name_of(is_v6 ? v6 : v4, ANY, type);
}

const char *hf_icmp_code_name(bool is_v6, uint8_t type, uint8_t code)
{
    return name_of(is_v6 ? v6 : v4, type, code);
}

int hf_icmp_type_of(bool is_v6, const char *name)
{
    return number_of(is_v6 ? v6 : v4, ANY, name, "type_");
}

int hf_icmp_code_of(bool is_v6, uint8_t type, const char *name)
{
    return number_of(is_v6 ? v6 : v4, type, name, "code_");
}

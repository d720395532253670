/* The options that every verb with an engine takes, and what --help says about them. Read first: host.h. */
#include "host.h"

#include "usage.h"

#include <stdio.h>
#include <string.h>

const char host_help[] =
    "The network:\n"
    "  -- PROGRAM ARGS...     run PROGRAM in a network namespace of its own, with the kernel\n"
    "                         as this engine's peer; end with PROGRAM's exit status\n"
    "  --address ADDR/LEN     an address of the engine, may be repeated\n"
    "                         (10.77.0.2/24 and fd77::2/64)\n"
    "  --peer ADDR/LEN        an address of the kernel's side, may be repeated\n"
    "                         (10.77.0.1/24 and fd77::1/64)\n"
    "  --tap                  an Ethernet device instead of an IP one\n"
    "  --device NAME          its name (chosen by the kernel)\n"
    "  --mtu BYTES            its MTU (1500)\n"
    "  --no-offload           one segment a frame, every checksum finished\n"
    "  --congestion NAME      congestion control: cubic, newreno or bbr (cubic)\n"
    "  --pacing               spread windows over the round trip, as bbr always does\n"
    "\n"
    "Watching and disturbing:\n"
    "  --ladder               draw each connection as a ladder while it happens, on stderr\n"
    "  --trace                print each frame as a packetdrill line with its reason, on stderr\n"
    "  --pcap FILE            copy every frame to a pcapng file\n"
    "  --fault LIST           disturb frames: 'loss 5%, reorder 3%', 'drop second FIN',\n"
    "                         'in delay 20ms, rate 10Mbit'\n"
    "  --seed N               another course of chance for --fault (1)\n"
    "  --no-control           no socket for 'handfast ss'\n"
    "\n"
    "The end, by SIGINT or SIGTERM or when the work is done; a second signal ends at once:\n"
    "  --drain SECONDS        how long connections may take to close before they are reset (5)\n"
    "  --time-wait SECONDS    stay this long at most while a connection is in TIME-WAIT, to\n"
    "                         answer a retransmitted FIN (connect and listen 1, others 0)\n"
    "  --msl SECONDS          maximum segment lifetime; TIME-WAIT lasts twice this (30)\n"
    "  --connections N        most connections at once, and as many in TIME-WAIT (65536)\n"
    "\n"
    "SECONDS may be 0.5, and 200ms or 2m do as well.\n";

/* ---- defaults ---- */

static struct host_prefixes default_prefixes(uint8_t host)
{
    struct hf_addr v6 = {.bytes = {0xfd, 0x77, [15] = host}};
    return (struct host_prefixes){
        .at = {{hf_addr_v4(10, 77, 0, host), 24}, {v6, 64}},
        .count = 2,
        .is_default = true,
    };
}

void host_options_init(struct host_options *o, const char *verb)
{
    *o = (struct host_options){
        .verb = verb,
        .ours = default_prefixes(2),
        .theirs = default_prefixes(1),
        .seed = 1,
        .drain_ns = 5 * HF_SECOND,
        .connections = 65536,
    };
}

/* ---- values ---- */

/* "10.0.0.1/24"; without a length the address stands alone. */
static bool parse_prefix(const char *text, struct host_prefix *prefix)
{
    char addr[HF_ADDR_TEXT_LEN];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof addr)
        return false;
    memcpy(addr, text, len);
    addr[len] = '\0';
    if (!hf_addr_parse(addr, &prefix->addr) || hf_addr_is_any(&prefix->addr))
        return false;
    uint64_t most = hf_addr_is_v4(&prefix->addr) ? 32 : 128;
    uint64_t bits = most;
    if (slash && !usage_number(slash + 1, most, &bits))
        return false;
    prefix->len = (uint8_t)bits;
    return true;
}

static int add_prefix(struct host_options *o, struct host_prefixes *prefixes, const char *name, const char *value)
{
    struct host_prefix prefix;
    if (!parse_prefix(value, &prefix))
        return usage_error(o->verb, "--%s wants an address like 10.77.0.2/24 or fd77::2/64, not '%s'", name, value);
    if (prefixes->is_default)
        *prefixes = (struct host_prefixes){.count = 0};
    if (prefixes->count == HOST_PREFIXES)
        return usage_error(o->verb, "--%s may stand at most %d times", name, HOST_PREFIXES);
    prefixes->at[prefixes->count++] = prefix;
    return 0;
}

static int take_number(struct host_options *o, const char *name, const char *value, uint64_t least, uint64_t most,
                       uint64_t *number)
{
    if (usage_number(value, most, number) && *number >= least)
        return 0;
    return usage_error(o->verb, "--%s wants a number from %llu to %llu, not '%s'", name, (unsigned long long)least,
                       (unsigned long long)most, value);
}

static int take_duration(struct host_options *o, const char *name, const char *value, hf_ns *duration)
{
    if (usage_duration(value, duration))
        return 0;
    return usage_error(o->verb, "--%s wants a time like 5 or 200ms, not '%s'", name, value);
}

/* What an engine accepts (config.h). */
static int take_msl(struct host_options *o, const char *value)
{
    bool is_time = usage_duration(value, &o->msl_ns);
    if (is_time && o->msl_ns >= HF_MS && o->msl_ns <= 3600 * HF_SECOND)
        return 0;
    return usage_error(o->verb, "--msl wants a time from 1ms to 60m, not '%s'", value);
}

static int take_mtu(struct host_options *o, const char *value)
{
    uint64_t number = 0;
    int status = take_number(o, "mtu", value, 576, 65535, &number);
    o->mtu = (uint16_t)number;
    return status;
}

static int take_connections(struct host_options *o, const char *value)
{
    uint64_t number = 0;
    int status = take_number(o, "connections", value, 1, 1u << 24, &number);
    o->connections = (uint32_t)number;
    return status;
}

/* The kernel cuts a longer name, or refuses it, in its own words. */
static int take_device(struct host_options *o, const char *value)
{
    if (strlen(value) == 0 || strlen(value) > 15 || strchr(value, '/'))
        return usage_error(o->verb, "--device wants a name of 1 to 15 characters, not '%s'", value);
    o->device = value;
    return 0;
}

static int take_congestion(struct host_options *o, const char *value)
{
    if (usage_congestion(value, &o->congestion))
        return 0;
    return usage_error(o->verb, "--congestion wants cubic, newreno or bbr, not '%s'", value);
}

int host_option(struct host_options *o, int option, const char *value)
{
    switch (option) {
    case HOST_OPTION_DEVICE:
        return take_device(o, value);
    case HOST_OPTION_TAP:
        o->tap = true;
        return 0;
    case HOST_OPTION_MTU:
        return take_mtu(o, value);
    case HOST_OPTION_NO_OFFLOAD:
        o->no_offload = true;
        return 0;
    case HOST_OPTION_ADDRESS:
        return add_prefix(o, &o->ours, "address", value);
    case HOST_OPTION_PEER:
        return add_prefix(o, &o->theirs, "peer", value);
    case HOST_OPTION_PCAP:
        o->pcap = value;
        return 0;
    case HOST_OPTION_FAULT:
        o->fault = value;
        return 0;
    case HOST_OPTION_SEED:
        return take_number(o, "seed", value, 0, UINT64_MAX, &o->seed);
    case HOST_OPTION_TRACE:
        o->trace = true;
        return 0;
    case HOST_OPTION_LADDER:
        o->ladder = true;
        return 0;
    case HOST_OPTION_DRAIN:
        return take_duration(o, "drain", value, &o->drain_ns);
    case HOST_OPTION_TIME_WAIT:
        return take_duration(o, "time-wait", value, &o->time_wait_ns);
    case HOST_OPTION_MSL:
        return take_msl(o, value);
    case HOST_OPTION_CONNECTIONS:
        return take_connections(o, value);
    case HOST_OPTION_CONGESTION:
        return take_congestion(o, value);
    case HOST_OPTION_PACING:
        o->pacing = true;
        return 0;
    case HOST_OPTION_NO_CONTROL:
        o->no_control = true;
        return 0;
    default:
        return usage_error(o->verb, "unknown option");
    }
}

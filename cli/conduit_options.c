/* The options that listen and connect share. Read first: conduit.h. */
#include "conduit.h"

#include "usage.h"

#define FAST_OPENS 1024 /* connections at once whose text came before their handshake was over */

const char conduit_help[] =
    "  -N, --half-close       the end of input closes our direction (FIN); without it the connection\n"
    "                         stays open until the peer closes\n"
    "  --linger SECONDS       closing waits this long for delivery, then resets; 0 resets at once\n"
    "  --abort                the end of input resets the connection (RST)\n"
    "  --no-delay             switch Nagle's algorithm off\n"
    "  --keep-alive SECONDS   probe a connection that was silent this long\n"
    "  --user-timeout MS      give up when bytes were unacknowledged this long\n"
    "  --idle-timeout SECONDS close when nothing has moved either way for this long\n"
    "  --fast-open            data goes with the SYN, or is taken with it, between ends that have met\n"
    "                         before (TCP Fast Open); a SYN that the network duplicates may deliver\n"
    "                         its data twice\n"
    "  -v, --verbose          say what happens on the way\n"
    "  -q, --quiet            do not say how a connection ended gracefully\n"
    "  -h, --help             this text\n"
    "\n";

static int take_duration(const char *verb, const char *name, const char *value, hf_ns least, hf_ns *duration)
{
    if (usage_duration(value, duration) && *duration >= least)
        return 0;
    return usage_error(verb, "--%s wants a time like 5 or 200ms, not '%s'", name, value);
}

/* Probing starts after this long, and goes on at the same pace. */
static int take_keep_alive(struct conduit_options *o, const char *verb, const char *value)
{
    hf_ns idle;
    int status = take_duration(verb, "keep-alive", value, HF_SECOND, &idle);
    if (status != 0)
        return status;
    o->tcp.keep_alive = true;
    o->tcp.keep_idle_s = o->tcp.keep_interval_s = (uint32_t)(idle / HF_SECOND);
    return 0;
}

static int take_user_timeout(struct conduit_options *o, const char *verb, const char *value)
{
    uint64_t ms;
    if (!usage_number(value, UINT32_MAX, &ms) || ms == 0)
        return usage_error(verb, "--user-timeout wants milliseconds, not '%s'", value);
    o->tcp.user_timeout_ms = (uint32_t)ms;
    return 0;
}

int conduit_option(struct conduit_options *o, struct host_options *host, int option, const char *value)
{
    switch (option) {
    case 'N':
        o->half_close = true;
        return 0;
    case 'v':
        o->verbose = true;
        return 0;
    case 'q':
        o->quiet = true;
        return 0;
    case CONDUIT_OPTION_LINGER:
        o->has_linger = true;
        return take_duration(host->verb, "linger", value, 0, &o->linger_ns);
    case CONDUIT_OPTION_ABORT:
        o->abort = true;
        return 0;
    case CONDUIT_OPTION_NO_DELAY:
        o->tcp.no_delay = true;
        return 0;
    case CONDUIT_OPTION_KEEP_ALIVE:
        return take_keep_alive(o, host->verb, value);
    case CONDUIT_OPTION_USER_TIMEOUT:
        return take_user_timeout(o, host->verb, value);
    case CONDUIT_OPTION_IDLE_TIMEOUT:
        return take_duration(host->verb, "idle-timeout", value, HF_MS, &o->idle_ns);
    case CONDUIT_OPTION_FAST_OPEN:
        o->fast_open = host->fast_open = true;
        o->tcp.fast_open = FAST_OPENS;
        return 0;
    default:
        return host_option(host, option, value);
    }
}

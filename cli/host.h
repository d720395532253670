/*
 * What every verb with an engine shares: a device, an engine on it, the wrappers the user asked for, and the loop.
 *
 *     host_options_init; host_option for each option;          the user's wishes
 *     host_open                                                 device, addresses, engine, wrappers; PROGRAM is
 * waiting host_add_part ...                                         the verb itself, the ladder, the control socket
 *     host_run                                                  until it is over; then host_close
 *
 * The loop is one thread. What takes part in it is a `struct host_part`: descriptors to wait for, an instant to be
 * woken at, a turn to act in, and events of its connections. The verb is such a part, and so is whatever watches
 * it.
 *
 * The kernel is the peer: in the network namespace the program was started in, or, with a PROGRAM behind "--", in a
 * new one in which PROGRAM runs (netns.h). Where no device can be had, two hosts may be joined in memory instead.
 *
 * Read next: host_options.c (the options and their help), host.c (the loop), serve.c (a part).
 */
#ifndef HF_CLI_HOST_H
#define HF_CLI_HOST_H

#include "netns.h"

#include <handfast/driver.h>
#include <handfast/handfast.h>
#include <poll.h>

enum {
    HOST_PREFIXES = 8,
    HOST_PARTS = 8,
    HOST_FDS = 62, /* descriptors all parts may wait for together (hf_wait takes 64, two are the host's own) */
};

struct host_prefix {
    struct hf_addr addr;
    uint8_t len;
};

struct host_prefixes {
    struct host_prefix at[HOST_PREFIXES];
    unsigned count;
    bool is_default; /* nobody asked for these, so a family the kernel has switched off is left out */
};

/* ---- what the user asked for ---- */

struct host_options {
    const char *verb;   /* for messages */
    const char *device; /* NULL: the kernel chooses a name */
    bool tap, no_offload;
    uint16_t mtu;                /* 0 = 1500 */
    struct host_prefixes ours;   /* the engine's addresses */
    struct host_prefixes theirs; /* the kernel's, on the other end of the device */
    const char *pcap;            /* copy every frame to this file */
    const char *fault;           /* disturb frames: a list as hf_fault_open takes it */
    uint64_t seed;               /* for `fault` */
    bool trace;                  /* packetdrill lines on stderr */
    bool ladder;                 /* a live ladder on stderr */
    enum hf_cc_algorithm congestion;
    bool pacing;
    hf_ns drain_ns;       /* at the end, how long connections may take to close; 5 s */
    hf_ns time_wait_ns;   /* after that, how long TIME-WAIT records are kept company, at most; 0 */
    hf_ns msl_ns;         /* 0 = the engine's default */
    uint32_t connections; /* 0 = 65536; and as many in TIME-WAIT */
    uint32_t history;     /* entries of the engine's history ring, 0 = off; raised by ladder and control */
    bool fast_open;       /* TCP Fast Open for those that ask for it */
    bool no_control;      /* no socket for `handfast ss` */
    bool program_reads;   /* PROGRAM gets our standard input (the verb does not read it) */
    char **program;       /* what stood behind "--", or NULL */
};

void host_options_init(struct host_options *o, const char *verb);

/* The entries of a `struct option` array, and what getopt_long returns for them: HOST_OPTION_FIRST and up. A verb's
 * own long options take values below that. */
enum {
    HOST_OPTION_FIRST = 1000,
    HOST_OPTION_DEVICE = HOST_OPTION_FIRST,
    HOST_OPTION_TAP,
    HOST_OPTION_MTU,
    HOST_OPTION_NO_OFFLOAD,
    HOST_OPTION_ADDRESS,
    HOST_OPTION_PEER,
    HOST_OPTION_PCAP,
    HOST_OPTION_FAULT,
    HOST_OPTION_SEED,
    HOST_OPTION_TRACE,
    HOST_OPTION_LADDER,
    HOST_OPTION_DRAIN,
    HOST_OPTION_TIME_WAIT,
    HOST_OPTION_MSL,
    HOST_OPTION_CONNECTIONS,
    HOST_OPTION_NO_CONTROL,
    HOST_OPTION_CONGESTION,
    HOST_OPTION_PACING,
};

#define HOST_LONG_OPTIONS                                                                                          \
    {"device", required_argument, NULL, HOST_OPTION_DEVICE}, {"tap", no_argument, NULL, HOST_OPTION_TAP},          \
        {"mtu", required_argument, NULL, HOST_OPTION_MTU},                                                         \
        {"no-offload", no_argument, NULL, HOST_OPTION_NO_OFFLOAD},                                                 \
        {"address", required_argument, NULL, HOST_OPTION_ADDRESS},                                                 \
        {"peer", required_argument, NULL, HOST_OPTION_PEER}, {"pcap", required_argument, NULL, HOST_OPTION_PCAP},  \
        {"fault", required_argument, NULL, HOST_OPTION_FAULT},                                                     \
        {"seed", required_argument, NULL, HOST_OPTION_SEED}, {"trace", no_argument, NULL, HOST_OPTION_TRACE},      \
        {"ladder", no_argument, NULL, HOST_OPTION_LADDER}, {"drain", required_argument, NULL, HOST_OPTION_DRAIN},  \
        {"time-wait", required_argument, NULL, HOST_OPTION_TIME_WAIT},                                             \
        {"msl", required_argument, NULL, HOST_OPTION_MSL},                                                         \
        {"connections", required_argument, NULL, HOST_OPTION_CONNECTIONS},                                         \
        {"congestion", required_argument, NULL, HOST_OPTION_CONGESTION},                                           \
        {"pacing", no_argument, NULL, HOST_OPTION_PACING},                                                         \
    {                                                                                                              \
        "no-control", no_argument, NULL, HOST_OPTION_NO_CONTROL                                                    \
    }

/* Takes one of them. Returns 0, or EXIT_USAGE after having complained. `value` borrows and must outlive `o`. */
int host_option(struct host_options *o, int option, const char *value);

/* The paragraph of --help about them. */
extern const char host_help[];

/* ---- who takes part in the loop ---- */

struct host;

/* Any function may be NULL. `self` is handed back to each of them. */
struct host_part {
    void *self;
    /* Descriptors to wait for from now on: fills fds[].fd and .events, at most `max`; returns how many. */
    unsigned (*fds)(void *self, struct pollfd *fds, unsigned max);
    /* When to be woken if nothing else happens; HF_NEVER if never. */
    hf_time (*deadline)(void *self);
    /* News of a connection; every part hears of all of them and leaves alone what is not its own. */
    void (*event)(void *self, const struct hf_event *event);
    /* Once a turn, after frames were taken in and events told. `fds` are those of the last fds(), with revents. */
    void (*turn)(void *self, hf_time now, const struct pollfd *fds, unsigned count);
    /* The end has been asked for: close listeners and connections, gracefully. Told once. */
    void (*stop)(void *self);
    /* True when this part has nothing more to do, which after `stop` must come. The run ends when every part that
     * has this function says so; at the end it is waited for, as connections are. */
    bool (*is_over)(void *self);
    /* The host is being closed: free what is yours. The engine is still there. */
    void (*close)(void *self);
};

/* ---- the host ---- */

enum host_phase {
    HOST_RUNNING,
    HOST_DRAINING,  /* parts were told to stop; connections are closing */
    HOST_LINGERING, /* only TIME-WAIT is left, kept company for a while */
    HOST_OVER,
};

struct host {
    struct host_options options;
    struct hf_engine *engine;
    struct hf_driver *driver; /* the outermost wrapper */
    struct hf_driver *tee;    /* among the wrappers, or NULL */
    hf_link link;
    char device[32]; /* its name; "memory" when there is none */
    hf_time started_at;
    hf_time now;        /* of this turn */
    struct netns netns; /* where PROGRAM and the kernel's side are; see netns.h */
    struct host *peer;  /* the other end, when joined in memory; else NULL */
    struct host_part parts[HOST_PARTS];
    unsigned part_count;
    unsigned first_fd[HOST_PARTS], fd_count[HOST_PARTS]; /* which of the descriptors waited for are whose */
    enum host_phase phase;
    hf_time phase_ends_at;
    unsigned signals; /* how often SIGINT or SIGTERM came */
    int signal_fd;
    int status; /* exit status so far: 0 or EXIT_FAILED */
};

/*
 * Opens everything. Returns 0, or the exit status after having said what happened and what to do. On success
 * host_close MUST be called; PROGRAM, if any, is started by host_run.
 */
int host_open(struct host *h, const struct host_options *o);

/* Two hosts joined in memory: both ends Handfast, no device, no PROGRAM. `a` has o->ours, `b` has o->theirs. */
int host_open_pair(struct host *a, struct host *b, const struct host_options *o);

/* Adds a part; kept until host_close. Aborts the program when there are HOST_PARTS already. */
void host_add_part(struct host *h, const struct host_part *part);

/* The loop, of a host and of the one it is joined with in memory. Returns the exit status: that of PROGRAM when it
 * is not zero, else h->status. */
int host_run(struct host *h);

/* Asks for the end, as SIGTERM would. */
void host_stop(struct host *h);

void host_close(struct host *h);

/* ---- words that several verbs need ---- */

#define HOST_ENDPOINT_TEXT_LEN (HF_ADDR_TEXT_LEN + 8)

/* "10.77.0.2:80", "[fd77::2]:80"; returns `text`. */
char *host_endpoint_print(const struct hf_endpoint *at, char text[HOST_ENDPOINT_TEXT_LEN]);

/* How a connection ended, in one line without the verb: "reset by 10.77.0.1:4242, 512 bytes lost (EDGE_RST: ...)".
 * True when it ended gracefully, or its own side has nothing left to do but TIME-WAIT. */
bool host_ending_print(const struct hf_tcp_info *info, char *text, size_t cap);

/* Says why hf_tcp_listen or hf_tcp_connect said no, and what to do; returns EXIT_FAILED. */
int host_explain(const struct host *h, int error, const struct hf_endpoint *local,
                 const struct hf_endpoint *remote);

#endif

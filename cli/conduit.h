/*
 * A connection joined to standard input and output: what `handfast listen` and `handfast connect` share.
 *
 * Both ways at once, and with back-pressure both ways: input is read only when the engine has room for it, and what
 * arrived is taken from the engine only when output takes it, so that the window closes when output does not. Each
 * direction ends on its own, as TCP's do.
 *
 * Read next: listen.c, connect.c.
 */
#ifndef HF_CLI_CONDUIT_H
#define HF_CLI_CONDUIT_H

#include "host.h"
#include "standard.h"

struct conduit_options {
    struct hf_tcp_options tcp;
    bool half_close; /* the end of input closes our direction */
    bool abort;      /* the end of input resets the connection */
    bool has_linger; /* closing waits this long for delivery, then resets; 0: resets at once */
    hf_ns linger_ns;
    hf_ns idle_ns;     /* close when nothing has moved for this long; 0 = never */
    bool keeps_output; /* more connections will follow: the end of one is not the end of output */
    bool verbose, quiet;
    bool fast_open; /* connect: what input has at once goes with the SYN; listen: such text is taken */
};

struct conduit {
    struct host *host;
    struct conduit_options options;
    struct standard in, out;
    hf_conn conn; /* none: there is no connection now */
    bool is_connected;
    bool has_sent_all;     /* the end of input was reached, or the sending direction is closed */
    bool has_received_all; /* the peer's direction is over */
    bool is_closed;        /* close or abort was called */
    bool needs_room;       /* the engine took no more: HF_EV_WRITABLE will come */
    bool output_failed, was_idle;
    hf_time begun_at, moved_at, linger_until;
    uint64_t read, written;
    /* Called when the connection is over, before its line is printed; false suppresses that line and `ended`. */
    bool (*before_ended)(void *arg, const struct hf_tcp_info *info);
    void (*ended)(void *arg, bool graceful);
    void *arg;
};

void conduit_init(struct conduit *c, struct host *host, const struct conduit_options *options);

/* Joins a connection, which may still be opening; the conduit owns it and releases it when it is over. */
void conduit_take(struct conduit *c, hf_conn conn);

/* Before conduit_take: whether input has something, or its end; if not, what to wait for. */
bool conduit_has_input(const struct conduit *c, struct pollfd *fd);

/* As the functions of a host_part of the same names. */
unsigned conduit_fds(struct conduit *c, struct pollfd *fds, unsigned max);
hf_time conduit_deadline(struct conduit *c);
void conduit_event(struct conduit *c, const struct hf_event *event);
void conduit_turn(struct conduit *c, hf_time now, const struct pollfd *fds, unsigned count);
void conduit_stop(struct conduit *c);

/* ---- options that both verbs take ---- */

/*
 * How long TIME-WAIT is kept by default when the connection was the last thing to do: the peer whose FIN's ACK was lost
 * sends it again after its RTO, 200 ms on most kernels, and after twice that once more. A process that ended at once
 * would leave it in LAST-ACK, asking a host that is gone.
 */
#define CONDUIT_COMPANY HF_SECOND

enum {
    CONDUIT_OPTION_FIRST = 500,
    CONDUIT_OPTION_LINGER = CONDUIT_OPTION_FIRST,
    CONDUIT_OPTION_ABORT,
    CONDUIT_OPTION_NO_DELAY,
    CONDUIT_OPTION_KEEP_ALIVE,
    CONDUIT_OPTION_USER_TIMEOUT,
    CONDUIT_OPTION_IDLE_TIMEOUT,
    CONDUIT_OPTION_FAST_OPEN,
    CONDUIT_OPTION_LAST = CONDUIT_OPTION_FAST_OPEN,
};

#define CONDUIT_LETTERS "Nvqh"

#define CONDUIT_LONG_OPTIONS                                                                                       \
    {"half-close", no_argument, NULL, 'N'}, {"linger", required_argument, NULL, CONDUIT_OPTION_LINGER},            \
        {"abort", no_argument, NULL, CONDUIT_OPTION_ABORT},                                                        \
        {"no-delay", no_argument, NULL, CONDUIT_OPTION_NO_DELAY},                                                  \
        {"keep-alive", required_argument, NULL, CONDUIT_OPTION_KEEP_ALIVE},                                        \
        {"user-timeout", required_argument, NULL, CONDUIT_OPTION_USER_TIMEOUT},                                    \
        {"idle-timeout", required_argument, NULL, CONDUIT_OPTION_IDLE_TIMEOUT},                                    \
        {"fast-open", no_argument, NULL, CONDUIT_OPTION_FAST_OPEN}, {"verbose", no_argument, NULL, 'v'},           \
    {                                                                                                              \
        "quiet", no_argument, NULL, 'q'                                                                            \
    }

extern const char conduit_help[];

/* Takes one of them; anything else goes to host_option. Returns 0 or EXIT_USAGE after having complained. */
int conduit_option(struct conduit_options *o, struct host_options *host, int option, const char *value);

#endif

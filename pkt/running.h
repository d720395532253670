/* A run in progress: what run.c, calls.c, packets.c and marks.c share. Read first: run.h, world.h, flow.h. */
#ifndef HF_PKT_RUNNING_H
#define HF_PKT_RUNNING_H

#include "../sockets/sockets.h"
#include "flow.h"
#include "run.h"
#include "world.h"

enum { PKT_FLOWS_MAX = 64, PKT_LOG_MAX = 16, PKT_LOG_HEAD = 192 };

/* What a script's connection carries: its flow, and how many bytes of it were read. Stands at hf_sock.user. */
struct pkt_stream {
    struct pkt_flow *flow;
    uint64_t read;
};

static inline struct pkt_stream *pkt_stream_of(const struct hf_sock *socket)
{
    return socket->user;
}

/* One try of a call. A call that must wait is tried again after everything that happens. */
struct pkt_attempt {
    const struct pkt_event *event;
    const struct pkt_call *call;
    struct hf_sock *socket;
    struct hf_wait wait;
    hf_time due; /* when the script says it returns */
    int64_t result;
    int error; /* errno, with result -1 */
};

/* What happened, kept until it is to be printed, when more is known about its numbers. */
struct pkt_log_entry {
    hf_time at;
    bool is_frame;
    enum hf_line_direction direction;
    uint16_t why;
    uint32_t len;
    uint8_t head[PKT_LOG_HEAD];
    const char *text;
    struct pkt_flow *flow;
};

struct pkt_running {
    const struct pkt_script *script;
    const struct pkt_run_options *options;
    struct pkt_outcome *outcome;
    struct pkt_world world;
    unsigned next;    /* the event that runs */
    bool names_ports; /* some packet of the script does, so every line shows them */
    hf_time base;     /* when the event before this one happened */
    struct hf_sockets sockets;
    struct pkt_memory memory;
    struct pkt_flow *flow[PKT_FLOWS_MAX];
    unsigned flow_count;
    struct pkt_flow *main_flow; /* of packets that name no ports */
    struct pkt_flow *last_flow; /* what marks are about */
    uint16_t bind_port;
    enum hf_reason last_in, last_out; /* the verdict and the reason of the last packets */
    bool has_in, has_out;
    bool is_pending; /* a call that waits */
    struct pkt_attempt pending;
    struct pkt_log_entry log[PKT_LOG_MAX];
    unsigned logged;
    hf_time traced_at;
};

/* ---- run.c ---- */

/* Keeps the first failure, with the conversation so far. Returns false. */
bool pkt_running_fail(struct pkt_running *run, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool pkt_running_failed(const struct pkt_running *run)
{
    return run->outcome->what != NULL;
}

/* Lets time pass up to `until`; with `stop_at_output` only until there is something to expect. */
void pkt_running_pass(struct pkt_running *run, hf_time until, bool stop_at_output);
hf_time pkt_running_time(const struct pkt_running *run, enum pkt_time_kind kind, hf_ns ns);
void pkt_running_log_frame(struct pkt_running *run, struct pkt_flow *flow, const struct hf_frame *frame,
                           enum hf_line_direction direction);
/* "0.25" seconds since the beginning. */
const char *pkt_running_instant(const struct pkt_running *run, hf_time at, char text[32]);

/* ---- packets.c ---- */

struct pkt_flow *pkt_running_flow(struct pkt_running *run, const struct hf_endpoint *ours,
                                  const struct hf_endpoint *theirs);
void pkt_packet_in(struct pkt_running *run, const struct pkt_event *event);
void pkt_packet_out(struct pkt_running *run, const struct pkt_event *event);
/* Learns from a frame as it leaves, and compares its text. */
void pkt_packet_left(struct pkt_running *run, const struct pkt_sent *sent);
/* The frame as a line in the script's own counting. */
void pkt_packet_line(const struct pkt_flow *flow, const uint8_t *data, uint32_t len,
                     enum hf_line_direction direction, char text[HF_LINE_MAX]);

/* ---- calls.c ---- */

/* Starts a call; it may stay pending. */
void pkt_call_start(struct pkt_running *run, const struct pkt_event *event);
/* Tries the pending call again, if there is one. */
void pkt_call_retry(struct pkt_running *run);

/* ---- marks.c ---- */

void pkt_mark_check(struct pkt_running *run, const struct pkt_event *event);
/* The record of a flow: the one that lives, or else the last that ended. False when there is none. */
bool pkt_find_record(struct pkt_running *run, const struct pkt_flow *flow, struct hf_tcp_info *info);

#endif

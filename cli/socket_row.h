/*
 * One connection or listener as `handfast ss` shows it, wherever it comes from: an engine, the kernel, or the JSON
 * that a control socket answers with. The JSON's keys are described in handfast-ss(1) and stay.
 */
#ifndef CLI_SOCKET_ROW_H
#define CLI_SOCKET_ROW_H

#include "kernel.h"

#include <handfast/tcp.h>
#include <jansson.h>

enum closed_first { CLOSED_BY_NOBODY, CLOSED_BY_US, CLOSED_BY_PEER };

struct socket_row {
    struct hf_endpoint local, remote;
    enum hf_state state;
    uint64_t receive_queue, send_queue;
    int64_t age_ms, state_age_ms; /* -1: not known */
    char timer[12];               /* "on", "keepalive", "timewait", "persist", or "" */
    uint64_t timer_ms;            /* until it fires */
    uint32_t timer_tries;
    bool has_info; /* the numbers below are known */
    uint32_t srtt_us, rttvar_us, rto_ms, cwnd, ssthresh, mss, retransmits, in_flight;
    uint64_t bytes_sent, bytes_received, bytes_lost, bytes_unread;
    bool is_passive, is_app_closed;
    enum closed_first closed_first;
    char error[24];  /* how it ended: "ERR_RESET", or "" */
    char why[32];    /* and why: "EDGE_RST", or "" */
    char advice[32]; /* what ICMP said and did not end it, or "" */
    uint32_t inode;  /* the kernel's socket, 0 when there is none */
    uint32_t uid;    /* its owner */
};

void socket_row_of_engine(struct socket_row *row, const struct hf_tcp_info *info, hf_time now, hf_ns msl);
void socket_row_of_kernel(struct socket_row *row, const struct kernel_tcp *tcp);

/* A new object, with "type": "connection". NULL when there is no memory. */
json_t *socket_row_to_json(const struct socket_row *row);
/* False when it is not such an object. What is missing, or unknown, is left out. */
bool socket_row_of_json(struct socket_row *row, const json_t *json);

/* "EDGE_RST" to "RST received", "ERR_RESET" to "connection reset by the peer"; "" to "". Lends a static string, or
 * the name itself when it is none that this version knows. */
const char *reason_text_of_name(const char *name);
const char *error_text_of_name(const char *name);

/* The state of this name ("TIME-WAIT"), or -1. */
int state_of_text(const char *text);

#endif

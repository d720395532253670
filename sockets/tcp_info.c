/* See tcp_info.h. Linux counts in segments where the engine counts in bytes. */
#define _GNU_SOURCE
#include "tcp_info.h"

#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>

#define NO_SSTHRESH 0x7fffffff /* Linux's "none yet" */

/* Linux's numbers of the states (include/net/tcp_states.h). */
static uint8_t state_of(enum hf_state state)
{
    static const uint8_t states[] = {
        [HF_ESTABLISHED] = 1, [HF_SYN_SENT] = 2,  [HF_SYN_RECEIVED] = 3, [HF_FIN_WAIT_1] = 4,
        [HF_FIN_WAIT_2] = 5,  [HF_TIME_WAIT] = 6, [HF_CLOSED] = 7,       [HF_CLOSE_WAIT] = 8,
        [HF_LAST_ACK] = 9,    [HF_LISTEN] = 10,   [HF_CLOSING] = 11,
    };
    return states[state];
}

static uint8_t options_of(const struct hf_tcp_info *info)
{
    return (uint8_t)((info->timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (info->sack ? TCPI_OPT_SACK : 0) |
                     (info->send_scale || info->receive_scale ? TCPI_OPT_WSCALE : 0) |
                     (info->ecn ? TCPI_OPT_ECN : 0) | (info->fast_open ? TCPI_OPT_SYN_DATA : 0));
}

static uint32_t segments(uint32_t bytes, uint32_t mss)
{
    return mss == 0 ? 0 : (bytes + mss - 1) / mss;
}

/* Linux's numbers of what its sender is about: open, in disorder, in recovery, after a time-out. */
static uint8_t ca_state(const struct hf_tcp_info *info)
{
    static const uint8_t states[] = {[HF_REPAIR_NONE] = 0, [HF_REPAIR_LOSS] = 3, [HF_REPAIR_TIMEOUT] = 4};
    return info->repair == HF_REPAIR_NONE && info->sacked > 0 ? 1 : states[info->repair];
}

static void fill_sending(struct tcp_info *out, const struct hf_tcp_info *info)
{
    uint32_t mss = info->mss;
    out->tcpi_snd_mss = mss;
    out->tcpi_unacked = segments(info->unacked, mss);
    out->tcpi_sacked = segments(info->sacked, mss);
    out->tcpi_lost = segments(info->lost, mss);
    out->tcpi_ca_state = ca_state(info);
    out->tcpi_snd_cwnd = mss == 0 ? 0 : info->cwnd / mss;
    out->tcpi_snd_ssthresh = info->ssthresh == UINT32_MAX || mss == 0 ? NO_SSTHRESH : info->ssthresh / mss;
    out->tcpi_snd_wnd = info->send_window;
    out->tcpi_notsent_bytes = info->send_queue > info->unacked ? info->send_queue - info->unacked : 0;
    out->tcpi_bytes_acked = info->bytes_sent;
    out->tcpi_retransmits = (uint8_t)info->retransmits;
    out->tcpi_total_retrans = info->retransmits;
}

static void fill(struct tcp_info *out, const struct hf_tcp_info *info)
{
    out->tcpi_state = state_of(info->state);
    out->tcpi_options = options_of(info);
    out->tcpi_snd_wscale = info->send_scale & 15;
    out->tcpi_rcv_wscale = info->receive_scale & 15;
    out->tcpi_rto = info->rto_ms * 1000;
    out->tcpi_rtt = info->srtt_us;
    out->tcpi_rttvar = info->rttvar_us;
    out->tcpi_rcv_mss = out->tcpi_advmss = info->mss;
    out->tcpi_reordering = 3;
    out->tcpi_rcv_space = info->receive_window;
    out->tcpi_bytes_received = info->bytes_received;
    fill_sending(out, info);
}

static int64_t give(const void *from, size_t size, void *value, socklen_t *len)
{
    memset(value, 0, *len); /* a newer layout's fields, which are not known here */
    memcpy(value, from, *len < size ? *len : size);
    return 0;
}

int64_t hf_sock_tcp_info(struct hf_sockets *s, struct hf_sock *sock, void *value, socklen_t *len)
{
    struct hf_tcp_info info;
    struct tcp_info out;
    memset(&out, 0, sizeof out);
    memset(&info, 0, sizeof info);
    if (hf_conn_is_none(sock->conn))
        out.tcpi_state = state_of(HF_CLOSED);
    else if (hf_tcp_status(s->engine, sock->conn, &info) == HF_OK)
        fill(&out, &info);
    return give(&out, sizeof out, value, len);
}

int64_t hf_sock_memory_info(struct hf_sockets *s, struct hf_sock *sock, void *value, socklen_t *len)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    struct hf_tcp_info info;
    memset(&info, 0, sizeof info);
    if (!hf_conn_is_none(sock->conn))
        hf_tcp_status(s->engine, sock->conn, &info);
    const struct hf_tcp_options *options = &sock->options;
    memory[SK_MEMINFO_RMEM_ALLOC] = info.receive_queue;
    memory[SK_MEMINFO_RCVBUF] = options->receive_buffer ? options->receive_buffer : s->config->receive_buffer;
    memory[SK_MEMINFO_WMEM_QUEUED] = info.send_queue;
    memory[SK_MEMINFO_SNDBUF] = options->send_buffer ? options->send_buffer : s->config->send_buffer;
    return give(memory, sizeof memory, value, len);
}

/*
 * The host kernel's TCP through sock_diag(7), family INET_DIAG: one dump for each address family, or one look-up by
 * tuple. libmnl carries the netlink messages.
 */
#define _GNU_SOURCE
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALL_STATES    0xfff /* but TCP_BOUND_INACTIVE: a socket that is bound and nothing more */
#define V4_MAPPED_LEN 12    /* bytes before the IPv4 address in struct hf_addr */
#define REPLY_LEN     32768

/* Linux's numbers (include/net/tcp_states.h) to RFC 9293's states. */
static const uint8_t states[] = {
    [1] = HF_ESTABLISHED, [2] = HF_SYN_SENT,  [3] = HF_SYN_RECEIVED, [4] = HF_FIN_WAIT_1,
    [5] = HF_FIN_WAIT_2,  [6] = HF_TIME_WAIT, [7] = HF_CLOSED,       [8] = HF_CLOSE_WAIT,
    [9] = HF_LAST_ACK,    [10] = HF_LISTEN,   [11] = HF_CLOSING,     [12] = HF_SYN_RECEIVED,
};

struct kernel {
    struct mnl_socket *socket;
    uint32_t sequence;
    uint32_t port_id;
    char reply[REPLY_LEN];
};

struct question {
    struct kernel *kernel;
    void (*each)(void *arg, const struct kernel_tcp *tcp);
    void *arg;
};

/* ---- opening ---- */

/* Netlink sockets belong to the namespace they are made in, so this thread goes there and comes back. */
static struct mnl_socket *open_socket(int netns)
{
    int home = -1;
    if (netns >= 0) {
        home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (home < 0)
            return NULL;
        if (setns(netns, CLONE_NEWNET) < 0) {
            int why = errno;
            close(home);
            errno = why;
            return NULL;
        }
    }
    struct mnl_socket *s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    int why = errno;
    if (home >= 0) {
        if (setns(home, CLONE_NEWNET) < 0)
            abort(); /* The rest of the program would run in a network it does not know. */
        close(home);
    }
    errno = why;
    return s;
}

static struct kernel *open_on(struct mnl_socket *s)
{
    struct kernel *k = s == NULL ? NULL : calloc(1, sizeof *k);
    bool is_bound = k != NULL && mnl_socket_get_portid(s) != 0;
    if (is_bound || (k != NULL && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == 0)) {
        k->socket = s;
        k->port_id = mnl_socket_get_portid(s);
        return k;
    }
    int why = errno;
    if (s != NULL)
        mnl_socket_close(s);
    free(k);
    errno = why;
    return NULL;
}

struct kernel *kernel_open(int netns)
{
    return open_on(open_socket(netns));
}

struct kernel *kernel_open_socket(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? NULL : open_on(mnl_socket_fdopen(copy));
}

void kernel_close(struct kernel *k)
{
    if (k == NULL)
        return;
    mnl_socket_close(k->socket);
    free(k);
}

/* ---- reading an answer ---- */

static struct hf_endpoint read_endpoint(uint8_t family, const __be32 addr[4], __be16 port)
{
    struct hf_endpoint end = {.port = ntohs(port)};
    if (family == AF_INET) {
        end.addr = hf_addr_v4(0, 0, 0, 0);
        memcpy(end.addr.bytes + V4_MAPPED_LEN, addr, 4);
    } else {
        memcpy(end.addr.bytes, addr, sizeof end.addr.bytes);
    }
    return end;
}

/* The structure grew over the years: what an older kernel does not send stays zero. */
static void read_info(struct kernel_tcp *tcp, const struct nlattr *attribute)
{
    struct tcp_info info = {0};
    size_t len = mnl_attr_get_payload_len(attribute);
    memcpy(&info, mnl_attr_get_payload(attribute), len < sizeof info ? len : sizeof info);
    tcp->has_info = true;
    tcp->srtt_us = info.tcpi_rtt;
    tcp->rttvar_us = info.tcpi_rttvar;
    tcp->rto_ms = info.tcpi_rto / 1000;
    tcp->cwnd = info.tcpi_snd_cwnd * info.tcpi_snd_mss;
    tcp->ssthresh = info.tcpi_snd_ssthresh;
    tcp->mss = info.tcpi_snd_mss;
    tcp->retransmits = info.tcpi_total_retrans;
    tcp->in_flight = info.tcpi_unacked * info.tcpi_snd_mss;
    tcp->bytes_sent = info.tcpi_bytes_acked;
    tcp->bytes_received = info.tcpi_bytes_received;
}

static bool read_tcp(const struct nlmsghdr *message, struct kernel_tcp *tcp)
{
    const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
    if (mnl_nlmsg_get_payload_len(message) < sizeof *diag || diag->idiag_state >= sizeof states)
        return false;
    *tcp = (struct kernel_tcp){
        .local = read_endpoint(diag->idiag_family, diag->id.idiag_src, diag->id.idiag_sport),
        .remote = read_endpoint(diag->idiag_family, diag->id.idiag_dst, diag->id.idiag_dport),
        .state = states[diag->idiag_state],
        .receive_queue = diag->idiag_rqueue,
        .send_queue = diag->idiag_wqueue,
        .timer = diag->idiag_timer,
        .tries = diag->idiag_retrans,
        .timer_ms = diag->idiag_expires,
        .uid = diag->idiag_uid,
        .inode = diag->idiag_inode,
    };
    const struct nlattr *attribute;
    mnl_attr_for_each(attribute, message, sizeof *diag)
    {
        if (mnl_attr_get_type(attribute) == INET_DIAG_INFO)
            read_info(tcp, attribute);
    }
    return true;
}

static int take_message(const struct nlmsghdr *message, void *arg)
{
    struct question *question = arg;
    struct kernel_tcp tcp;
    if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY && read_tcp(message, &tcp))
        question->each(question->arg, &tcp);
    return MNL_CB_OK;
}

/* ---- asking ---- */

static int read_answer(struct kernel *k, struct question *question, bool is_dump)
{
    for (;;) {
        ssize_t len = mnl_socket_recvfrom(k->socket, k->reply, sizeof k->reply);
        if (len < 0)
            return -errno;
        int more = mnl_cb_run(k->reply, (size_t)len, k->sequence, k->port_id, take_message, question);
        if (more < 0)
            return -errno;
        if (more == MNL_CB_STOP || !is_dump)
            return 0;
    }
}

static int ask(struct question *question, const struct inet_diag_req_v2 *what, bool is_dump)
{
    struct kernel *k = question->kernel;
    char buffer[256];
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message->nlmsg_flags = NLM_F_REQUEST | (is_dump ? NLM_F_DUMP : 0);
    message->nlmsg_seq = ++k->sequence;
    memcpy(mnl_nlmsg_put_extra_header(message, sizeof *what), what, sizeof *what);
    if (mnl_socket_sendto(k->socket, message, message->nlmsg_len) < 0)
        return -errno;
    return read_answer(k, question, is_dump);
}

int kernel_each(struct kernel *k, void (*each)(void *arg, const struct kernel_tcp *tcp), void *arg)
{
    struct question question = {.kernel = k, .each = each, .arg = arg};
    static const uint8_t families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < sizeof families; i++) {
        struct inet_diag_req_v2 what = {
            .sdiag_family = families[i],
            .sdiag_protocol = IPPROTO_TCP,
            .idiag_ext = 1 << (INET_DIAG_INFO - 1),
            .idiag_states = ALL_STATES,
        };
        int error = ask(&question, &what, true);
        if (error < 0)
            return error;
    }
    return 0;
}

static void write_endpoint(uint8_t family, const struct hf_endpoint *end, __be32 addr[4], __be16 *port)
{
    bool is_v4 = family == AF_INET;
    memcpy(addr, end->addr.bytes + (is_v4 ? V4_MAPPED_LEN : 0), is_v4 ? 4 : 16);
    *port = htons(end->port);
}

struct search {
    struct kernel_tcp *found;
    bool is_there;
};

static void keep_found(void *arg, const struct kernel_tcp *tcp)
{
    struct search *search = arg;
    if (tcp->state == HF_LISTEN)
        return;
    *search->found = *tcp;
    search->is_there = true;
}

int kernel_find(struct kernel *k, const struct hf_endpoint *local, const struct hf_endpoint *remote,
                struct kernel_tcp *found)
{
    struct search search = {.found = found};
    struct question question = {.kernel = k, .each = keep_found, .arg = &search};
    struct inet_diag_req_v2 what = {
        .sdiag_family = hf_addr_is_v4(&local->addr) ? AF_INET : AF_INET6,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_ext = 1 << (INET_DIAG_INFO - 1),
        .idiag_states = ALL_STATES,
        .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
    };
    write_endpoint(what.sdiag_family, local, what.id.idiag_src, &what.id.idiag_sport);
    write_endpoint(what.sdiag_family, remote, what.id.idiag_dst, &what.id.idiag_dport);
    int error = ask(&question, &what, false);
    if (error == -ENOENT)
        return 0;
    return error < 0 ? error : search.is_there;
}

static void count_one(void *arg, const struct kernel_tcp *tcp)
{
    uint32_t *counts = arg;
    counts[tcp->state]++;
}

int kernel_count(struct kernel *k, uint32_t counts[HF_STATE_COUNT])
{
    memset(counts, 0, HF_STATE_COUNT * sizeof *counts);
    return kernel_each(k, count_one, counts);
}

/* What verbs say about endpoints, refusals and endings, in one line each. Read first: host.h. */
#include "host.h"

#include "usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *host_endpoint_print(const struct hf_endpoint *at, char text[HOST_ENDPOINT_TEXT_LEN])
{
    char addr[HF_ADDR_TEXT_LEN];
    bool is_v4 = hf_addr_is_v4(&at->addr);
    snprintf(text, HOST_ENDPOINT_TEXT_LEN, is_v4 ? "%s:%u" : "[%s]:%u", hf_addr_print(&at->addr, addr), at->port);
    return text;
}

/* ---- why a call said no ---- */

static void list_addresses(const struct host *h, char *text, size_t cap)
{
    size_t at = 0;
    for (unsigned i = 0; i < h->options.ours.count && at + HF_ADDR_TEXT_LEN + 2 < cap; i++) {
        char addr[HF_ADDR_TEXT_LEN];
        at += (size_t)snprintf(text + at, cap - at, "%s%s", i ? ", " : "",
                               hf_addr_print(&h->options.ours.at[i].addr, addr));
    }
}

int host_explain(const struct host *h, int error, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    const char *verb = h->options.verb;
    char here[HOST_ENDPOINT_TEXT_LEN], there[HOST_ENDPOINT_TEXT_LEN] = "", ours[256] = "";
    host_endpoint_print(local, here);
    if (remote)
        host_endpoint_print(remote, there);
    list_addresses(h, ours, sizeof ours);
    switch (error) {
    case HF_ERR_IN_USE:
        complain(verb, "%s is in use by another connection of this engine; choose another port", here);
        break;
    case HF_ERR_NO_ADDRESS:
        complain(verb, "no address of this engine will do for %s (it has %s); give it one with --address",
                 remote ? there : here, ours);
        break;
    case HF_ERR_NO_ROUTE:
        complain(verb,
                 "no route to %s from %s; give the engine an address on that network with --address, and the "
                 "kernel's side one with --peer",
                 there, ours);
        break;
    case HF_ERR_NO_PORT:
        complain(verb,
                 "every local port towards %s is taken, TIME-WAIT included; wait, or give --address another one",
                 there);
        break;
    case HF_ERR_LIMIT:
        complain(verb, "the engine has no room for another connection; raise --connections");
        break;
    case HF_ERR_INVALID:
        complain(verb, "%s cannot be connected to: it is no host's address", remote ? there : here);
        break;
    default:
        complain(verb, "%s", hf_error_text(error));
        break;
    }
    return EXIT_FAILED;
}

/* ---- how it ended ---- */

static bool is_graceful(const struct hf_tcp_info *info)
{
    if (info->state == HF_TIME_WAIT)
        return true;
    return info->state == HF_CLOSED && info->error == HF_OK && info->fin_received && info->fin_sent;
}

static int print_what(const struct hf_tcp_info *info, const char *who, char *text, size_t cap)
{
    enum hf_reason why = info->ended_why;
    switch (info->error) {
    case HF_ERR_REFUSED:
        return snprintf(text, cap,
                        "refused by %s: nothing listens on that port; start the server, or mind the port", who);
    case HF_ERR_RESET:
        return snprintf(text, cap, "reset by %s", who);
    case HF_ERR_ABORTED:
        return snprintf(text, cap, "reset by this side towards %s", who);
    case HF_ERR_TIMED_OUT:
        if (why == HF_EDGE_SYN_TIMED_OUT)
            return snprintf(text, cap, "timed out: %s never answered; is it there, and does anything drop the SYN?",
                            who);
        return snprintf(text, cap, "timed out: %s stopped answering", who);
    case HF_ERR_UNREACHABLE:
        return snprintf(text, cap,
                        "unreachable: the network said no on the way to %s; mind the address and the route", who);
    case HF_OK: /* the only edge there is from SYN-SENT by CLOSE */
        if (why == HF_EDGE_CLOSE)
            return snprintf(text, cap, "given up before %s had answered", who);
        return snprintf(text, cap, "closed before %s had closed too", who);
    default:
        return snprintf(text, cap, "failed towards %s", who);
    }
}

bool host_ending_print(const struct hf_tcp_info *info, char *text, size_t cap)
{
    char who[HOST_ENDPOINT_TEXT_LEN];
    host_endpoint_print(&info->remote, who);
    if (is_graceful(info)) {
        snprintf(text, cap,
                 "closed gracefully by both sides, %s first: %s, %" PRIu64 " bytes sent, %" PRIu64 " received",
                 info->we_closed_first ? "this one" : "the other one", who, info->bytes_sent, info->bytes_received);
        return true;
    }
    size_t at = (size_t)print_what(info, who, text, cap);
    if (at < cap)
        snprintf(
            text + at, cap - at,
            "; %" PRIu64 " bytes sent, %" PRIu64 " lost; %" PRIu64 " received, %" PRIu64 " unread (%s: %s; %s)",
            info->bytes_sent, info->bytes_lost, info->bytes_received, info->bytes_unread,
            hf_reason_name(info->ended_why), hf_reason_text(info->ended_why), hf_reason_source(info->ended_why));
    return false;
}

/* One connection or listener as `handfast ss` shows it. */
#include "socket_row.h"

#include <stdio.h>
#include <string.h>

/* ---- from an engine ---- */

static void count_down(struct socket_row *row, hf_ns msl)
{
    int64_t left = 2 * msl / HF_MS - row->state_age_ms;
    if (row->state != HF_TIME_WAIT)
        return;
    strcpy(row->timer, "timewait");
    row->timer_ms = left > 0 ? (uint64_t)left : 0;
}

static enum closed_first who_closed_first(const struct hf_tcp_info *info)
{
    if (info->we_closed_first)
        return CLOSED_BY_US;
    return info->fin_received ? CLOSED_BY_PEER : CLOSED_BY_NOBODY;
}

void socket_row_of_engine(struct socket_row *row, const struct hf_tcp_info *info, hf_time now, hf_ns msl)
{
    *row = (struct socket_row){
        .local = info->local,
        .remote = info->remote,
        .state = info->is_listener ? HF_LISTEN : info->state,
        .receive_queue = info->receive_queue,
        .send_queue = info->send_queue,
        .age_ms = hf_time_since(now, info->opened_at) / HF_MS,
        .state_age_ms = hf_time_since(now, info->state_at) / HF_MS,
        .has_info = !info->is_listener && info->cwnd > 0, /* a compact record knows none of it */
        .srtt_us = info->srtt_us,
        .rttvar_us = info->rttvar_us,
        .rto_ms = info->rto_ms,
        .cwnd = info->cwnd,
        .ssthresh = info->ssthresh,
        .mss = info->mss,
        .retransmits = info->retransmits,
        .in_flight = info->in_flight,
        .bytes_sent = info->bytes_sent,
        .bytes_received = info->bytes_received,
        .bytes_lost = info->bytes_lost,
        .bytes_unread = info->bytes_unread,
        .is_passive = info->is_passive,
        .is_app_closed = info->app_closed,
        .closed_first = who_closed_first(info),
    };
    count_down(row, msl);
    if (info->error != HF_OK)
        snprintf(row->error, sizeof row->error, "%s", hf_error_name(info->error));
    if (info->ended_why != HF_REASON_NONE)
        snprintf(row->why, sizeof row->why, "%s", hf_reason_name(info->ended_why));
    if (info->soft_error != HF_REASON_NONE)
        snprintf(row->advice, sizeof row->advice, "%s", hf_reason_name(info->soft_error));
}

/* ---- from the kernel ---- */

void socket_row_of_kernel(struct socket_row *row, const struct kernel_tcp *tcp)
{
    static const char *const timers[] = {"", "on", "keepalive", "timewait", "persist"};
    *row = (struct socket_row){
        .local = tcp->local,
        .remote = tcp->remote,
        .state = tcp->state,
        .receive_queue = tcp->receive_queue,
        .send_queue = tcp->send_queue,
        .age_ms = -1,
        .state_age_ms = -1,
        .timer_ms = tcp->timer_ms,
        .timer_tries = tcp->tries,
        .has_info = tcp->has_info && tcp->state != HF_LISTEN,
        .srtt_us = tcp->srtt_us,
        .rttvar_us = tcp->rttvar_us,
        .rto_ms = tcp->rto_ms,
        .cwnd = tcp->cwnd,
        .ssthresh = tcp->ssthresh,
        .mss = tcp->mss,
        .retransmits = tcp->retransmits,
        .in_flight = tcp->in_flight,
        .bytes_sent = tcp->bytes_sent,
        .bytes_received = tcp->bytes_received,
        .inode = tcp->inode,
        .uid = tcp->uid,
    };
    if (tcp->timer < sizeof timers / sizeof *timers)
        strcpy(row->timer, timers[tcp->timer]);
}

/* ---- to JSON ---- */

static json_t *endpoint_to_json(const struct hf_endpoint *end)
{
    char text[HF_ADDR_TEXT_LEN];
    return json_pack("{s:s, s:i}", "addr", hf_addr_print(&end->addr, text), "port", end->port);
}

static void set_text(json_t *json, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(json, key, json_string(text));
}

static void set_number(json_t *json, const char *key, uint64_t number)
{
    json_object_set_new(json, key, json_integer((json_int_t)number));
}

static void set_info(json_t *json, const struct socket_row *row)
{
    set_number(json, "in_flight", row->in_flight);
    set_number(json, "cwnd", row->cwnd);
    set_number(json, "ssthresh", row->ssthresh);
    set_number(json, "mss", row->mss);
    set_number(json, "rtt_us", row->srtt_us);
    set_number(json, "rttvar_us", row->rttvar_us);
    set_number(json, "rto_ms", row->rto_ms);
    set_number(json, "retransmits", row->retransmits);
    set_number(json, "bytes_sent", row->bytes_sent);
    set_number(json, "bytes_received", row->bytes_received);
    set_number(json, "bytes_lost", row->bytes_lost);
    set_number(json, "bytes_unread", row->bytes_unread);
}

static void set_ending(json_t *json, const struct socket_row *row)
{
    static const char *const who[] = {"", "us", "peer"};
    set_text(json, "closed_first", who[row->closed_first]);
    set_text(json, "error", row->error);
    set_text(json, "why", row->why);
    set_text(json, "why_text", reason_text_of_name(row->why));
    set_text(json, "advice", row->advice);
}

json_t *socket_row_to_json(const struct socket_row *row)
{
    json_t *json = json_pack("{s:s, s:s, s:o, s:o}", "type", "connection", "state", hf_state_text(row->state),
                             "local", endpoint_to_json(&row->local), "remote", endpoint_to_json(&row->remote));
    if (json == NULL)
        return NULL;
    set_number(json, "recv_q", row->receive_queue);
    set_number(json, "send_q", row->send_queue);
    if (row->age_ms >= 0)
        set_number(json, "age_ms", (uint64_t)row->age_ms);
    if (row->state_age_ms >= 0)
        set_number(json, "state_age_ms", (uint64_t)row->state_age_ms);
    if (row->timer[0] != '\0')
        json_object_set_new(json, "timer",
                            json_pack("{s:s, s:I, s:i}", "name", row->timer, "ms", (json_int_t)row->timer_ms,
                                      "tries", row->timer_tries));
    json_object_set_new(json, "passive", json_boolean(row->is_passive));
    json_object_set_new(json, "app_closed", json_boolean(row->is_app_closed));
    if (row->has_info)
        set_info(json, row);
    set_ending(json, row);
    if (row->inode != 0) {
        set_number(json, "inode", row->inode);
        set_number(json, "uid", row->uid);
    }
    return json;
}

/* ---- from JSON ---- */

static bool endpoint_of_json(struct hf_endpoint *end, const json_t *json)
{
    const char *addr = json_string_value(json_object_get(json, "addr"));
    json_int_t port = json_integer_value(json_object_get(json, "port"));
    end->port = (uint16_t)port;
    return addr != NULL && port >= 0 && port <= UINT16_MAX && hf_addr_parse(addr, &end->addr);
}

static uint64_t get_number(const json_t *json, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(json, key));
    return number < 0 ? 0 : (uint64_t)number;
}

static int64_t get_age(const json_t *json, const char *key)
{
    return json_object_get(json, key) == NULL ? -1 : (int64_t)get_number(json, key);
}

static void get_text(const json_t *json, const char *key, char *text, size_t cap)
{
    const char *value = json_string_value(json_object_get(json, key));
    snprintf(text, cap, "%s", value == NULL ? "" : value);
}

static void get_info(const json_t *json, struct socket_row *row)
{
    row->has_info = json_object_get(json, "cwnd") != NULL;
    row->in_flight = (uint32_t)get_number(json, "in_flight");
    row->cwnd = (uint32_t)get_number(json, "cwnd");
    row->ssthresh = (uint32_t)get_number(json, "ssthresh");
    row->mss = (uint32_t)get_number(json, "mss");
    row->srtt_us = (uint32_t)get_number(json, "rtt_us");
    row->rttvar_us = (uint32_t)get_number(json, "rttvar_us");
    row->rto_ms = (uint32_t)get_number(json, "rto_ms");
    row->retransmits = (uint32_t)get_number(json, "retransmits");
    row->bytes_sent = get_number(json, "bytes_sent");
    row->bytes_received = get_number(json, "bytes_received");
    row->bytes_lost = get_number(json, "bytes_lost");
    row->bytes_unread = get_number(json, "bytes_unread");
}

static void get_ending(const json_t *json, struct socket_row *row)
{
    char who[8];
    get_text(json, "closed_first", who, sizeof who);
    row->closed_first = strcmp(who, "us") == 0     ? CLOSED_BY_US
                        : strcmp(who, "peer") == 0 ? CLOSED_BY_PEER
                                                   : CLOSED_BY_NOBODY;
    get_text(json, "error", row->error, sizeof row->error);
    get_text(json, "why", row->why, sizeof row->why);
    get_text(json, "advice", row->advice, sizeof row->advice);
}

bool socket_row_of_json(struct socket_row *row, const json_t *json)
{
    const char *state = json_string_value(json_object_get(json, "state"));
    const json_t *timer = json_object_get(json, "timer");
    int known = state == NULL ? -1 : state_of_text(state);
    *row = (struct socket_row){.state = known < 0 ? HF_CLOSED : (enum hf_state)known};
    if (known < 0 || !endpoint_of_json(&row->local, json_object_get(json, "local")) ||
        !endpoint_of_json(&row->remote, json_object_get(json, "remote")))
        return false;
    row->receive_queue = get_number(json, "recv_q");
    row->send_queue = get_number(json, "send_q");
    row->age_ms = get_age(json, "age_ms");
    row->state_age_ms = get_age(json, "state_age_ms");
    get_text(timer, "name", row->timer, sizeof row->timer);
    row->timer_ms = get_number(timer, "ms");
    row->timer_tries = (uint32_t)get_number(timer, "tries");
    row->is_passive = json_is_true(json_object_get(json, "passive"));
    row->is_app_closed = json_is_true(json_object_get(json, "app_closed"));
    get_info(json, row);
    get_ending(json, row);
    row->inode = (uint32_t)get_number(json, "inode");
    row->uid = (uint32_t)get_number(json, "uid");
    return true;
}

/* ---- names ---- */

const char *reason_text_of_name(const char *name)
{
    for (int i = 1; i < HF_REASON_COUNT; i++)
        if (strcmp(hf_reason_name((enum hf_reason)i), name) == 0)
            return hf_reason_text((enum hf_reason)i);
    return name;
}

const char *error_text_of_name(const char *name)
{
    static const enum hf_error errors[] = {
#define X(error, value, text, posix) HF_##error,
        HF_ERRORS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(hf_error_name(errors[i]), name) == 0)
            return hf_error_text(errors[i]);
    return name;
}

int state_of_text(const char *text)
{
    for (int i = 0; i < HF_STATE_COUNT; i++)
        if (strcmp(hf_state_text((enum hf_state)i), text) == 0)
            return i;
    return -1;
}

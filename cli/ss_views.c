/*
 * Other ways for `handfast ss` to look at the same: what became of listeners' SYNs, how long states lasted, connections by
 * peer, and changes of state one after the other. Read first: ss_print.h.
 */
#define _GNU_SOURCE
#include "ss_print.h"

#include <stdlib.h>
#include <string.h>

#define EPHEMERAL_PORTS 28232 /* 32768 to 60999, see docs/decisions.md */
#define PEERS_SHOWN     50

static void write_line(FILE *out, struct line *line)
{
    line_end(line);
    fwrite(line->text, 1, line->len, out);
}

static long long number_of(const json_t *json, const char *key)
{
    return (long long)json_integer_value(json_object_get(json, key));
}

static bool read_end(const json_t *json, struct hf_endpoint *end)
{
    const char *address = json_string_value(json_object_get(json, "addr"));
    end->port = (uint16_t)number_of(json, "port");
    return address != NULL && hf_addr_parse(address, &end->addr);
}

static char *print_json_end(const json_t *json, char text[SS_ENDPOINT_LEN])
{
    struct hf_endpoint end = {.port = 0};
    strcpy(text, "?");
    return read_end(json, &end) ? ss_print_endpoint(&end, text) : text;
}

/* ---- listeners ---- */

/* The way in on one line, the ways out of it on the next. */
static void print_funnel(FILE *out, const json_t *listener, const struct terminal *terminal)
{
    const json_t *funnel = json_object_get(listener, "funnel");
    char local[SS_ENDPOINT_LEN];
    struct line line;
    line_begin(&line, terminal);
    line_print(&line, INK_STRONG, "%-20s", print_json_end(json_object_get(listener, "local"), local));
    line_print(&line, INK_PLAIN,
               " %lld SYNs > %lld half-open now > %lld established > %lld accepted; %lld of %lld wait",
               number_of(funnel, "syns"), number_of(listener, "half_open"), number_of(funnel, "established"),
               number_of(funnel, "accepted"), number_of(listener, "waiting"), number_of(listener, "backlog"));
    write_line(out, &line);
    line_begin(&line, terminal);
    line_print(
        &line, INK_FAINT,
        "    cookies: %lld sent, %lld returned, %lld wrong; fast opens: %lld; queue full: %lld; evicted: %lld;",
        number_of(funnel, "cookies_sent"), number_of(funnel, "cookies_returned"),
        number_of(funnel, "cookies_failed"), number_of(funnel, "fast_opens"), number_of(funnel, "queue_full"),
        number_of(funnel, "evicted"));
    write_line(out, &line);
    line_begin(&line, terminal);
    line_print(&line, INK_FAINT, "    timed out: %lld; reset half-open: %lld; abandoned: %lld",
               number_of(funnel, "timed_out"), number_of(funnel, "reset"), number_of(funnel, "abandoned"));
    write_line(out, &line);
}

static void print_states(FILE *out, const json_t *process, const struct terminal *terminal)
{
    const json_t *entered = json_object_get(process, "entered"),
                 *times = json_object_get(process, "time_in_state_ms");
    struct line line;
    line_begin(&line, terminal);
    line_print(&line, INK_FAINT, "%-12s %12s %12s", "State", "Entered", "Mean stay");
    write_line(out, &line);
    for (int i = HF_SYN_SENT; i < HF_STATE_COUNT; i++) {
        const char *name = hf_state_text((enum hf_state)i);
        long long count = number_of(entered, name),
                  left = count - number_of(json_object_get(process, "states"), name);
        char stay[16];
        line_begin(&line, terminal);
        line_print(&line, INK_PLAIN, "%-12s %12lld %12s", name, count,
                   ss_print_age(left > 0 ? number_of(times, name) / left : -1, stay));
        write_line(out, &line);
    }
    const json_t *first = json_object_get(process, "closed_first");
    line_begin(&line, terminal);
    line_print(&line, INK_PLAIN, "closed first: we %lld, the peer %lld, both at once %lld", number_of(first, "us"),
               number_of(first, "peer"), number_of(first, "both"));
    write_line(out, &line);
}

void ss_print_funnels(FILE *out, const struct ss_source *source, const struct ss_style *style)
{
    size_t i;
    json_t *listener;
    fputc('\n', out);
    json_array_foreach(json_object_get(source->process, "listeners"), i, listener)
        print_funnel(out, listener, &style->terminal);
    fputc('\n', out);
    print_states(out, source->process, &style->terminal);
}

/* ---- history ---- */

void ss_print_history(FILE *out, const struct ss_source *source, const struct ss_style *style)
{
    size_t i;
    json_t *change;
    fputc('\n', out);
    json_array_foreach(json_object_get(source->process, "history"), i, change)
    {
        char local[SS_ENDPOINT_LEN], remote[SS_ENDPOINT_LEN], age[16];
        struct line line;
        line_begin(&line, &style->terminal);
        line_print(&line, INK_FAINT, "%8s ago  ", ss_print_age(number_of(change, "age_ms"), age));
        line_print(
            &line, INK_PLAIN, "%-21s %-21s %12s > %-12s  ", print_json_end(json_object_get(change, "local"), local),
            print_json_end(json_object_get(change, "remote"), remote),
            json_string_value(json_object_get(change, "from")), json_string_value(json_object_get(change, "to")));
        line_print(&line, INK_FAINT, "%s (%s)", json_string_value(json_object_get(change, "why_text")),
                   json_string_value(json_object_get(change, "why")));
        write_line(out, &line);
    }
}

/* ---- by peer ---- */

/* Connections with one peer and one service: theirs when we opened, ours when they did. */
struct peer {
    struct hf_endpoint at;
    bool is_passive;
    uint64_t connections, time_wait, us_first, peer_first;
};

struct peers {
    struct peer *at;
    size_t count;
};

static int compare_services(const void *left, const void *right)
{
    const struct peer *a = left, *b = right;
    int order = memcmp(&a->at.addr, &b->at.addr, sizeof a->at.addr);
    if (order == 0)
        order = (a->at.port > b->at.port) - (a->at.port < b->at.port);
    return order != 0 ? order : (int)a->is_passive - (int)b->is_passive;
}

static int compare_sizes(const void *left, const void *right)
{
    const struct peer *a = left, *b = right;
    if (a->time_wait != b->time_wait)
        return a->time_wait > b->time_wait ? -1 : 1;
    if (a->connections != b->connections)
        return a->connections > b->connections ? -1 : 1;
    return compare_services(left, right);
}

static struct peer peer_of(const struct socket_row *row)
{
    return (struct peer){
        .at = {row->remote.addr, row->is_passive ? row->local.port : row->remote.port},
        .is_passive = row->is_passive,
        .connections = 1,
        .time_wait = row->state == HF_TIME_WAIT,
        .us_first = row->closed_first == CLOSED_BY_US,
        .peer_first = row->closed_first == CLOSED_BY_PEER,
    };
}

/* Adds up those of one service, which stand side by side. */
static void merge(struct peers *peers)
{
    size_t kept = 0;
    for (size_t i = 1; i < peers->count; i++) {
        struct peer *last = &peers->at[kept], *next = &peers->at[i];
        if (compare_services(last, next) != 0) {
            peers->at[++kept] = *next;
            continue;
        }
        last->connections += next->connections;
        last->time_wait += next->time_wait;
        last->us_first += next->us_first;
        last->peer_first += next->peer_first;
    }
    peers->count = peers->count == 0 ? 0 : kept + 1;
}

static bool peers_of(const struct ss_source *source, struct peers *peers)
{
    *peers = (struct peers){.at = malloc((source->count + 1) * sizeof *peers->at)};
    if (peers->at == NULL)
        return false;
    for (size_t i = 0; i < source->count; i++)
        if (source->rows[i].state != HF_LISTEN && source->rows[i].state != HF_CLOSED)
            peers->at[peers->count++] = peer_of(&source->rows[i]);
    qsort(peers->at, peers->count, sizeof *peers->at, compare_services);
    merge(peers);
    qsort(peers->at, peers->count, sizeof *peers->at, compare_sizes);
    return true;
}

static long long ports_left(const struct peer *peer)
{
    return peer->connections < EPHEMERAL_PORTS ? EPHEMERAL_PORTS - (long long)peer->connections : 0;
}

static void print_peer(FILE *out, const struct peer *peer, const struct terminal *terminal)
{
    char address[HF_ADDR_TEXT_LEN], service[32], ports[24] = "-";
    struct line line;
    snprintf(service, sizeof service, peer->is_passive ? "our port %u" : "its port %u", peer->at.port);
    if (!peer->is_passive)
        snprintf(ports, sizeof ports, "%lld", ports_left(peer));
    line_begin(&line, terminal);
    line_print(&line, INK_PLAIN, "%-24s %-15s %9llu %9llu %9llu %9llu %10s", hf_addr_print(&peer->at.addr, address),
               service, (unsigned long long)peer->connections, (unsigned long long)peer->time_wait,
               (unsigned long long)peer->us_first, (unsigned long long)peer->peer_first, ports);
    write_line(out, &line);
}

void ss_print_peers(FILE *out, const struct ss_source *source, const struct ss_style *style)
{
    struct peers peers;
    struct line line;
    if (!peers_of(source, &peers))
        return;
    fputc('\n', out);
    line_begin(&line, &style->terminal);
    line_print(&line, INK_FAINT, "%-24s %-15s %9s %9s %9s %9s %10s", "Peer", "Service", "All", "TIME-WAIT",
               "We first", "It first", "Ports left");
    write_line(out, &line);
    for (size_t i = 0; i < peers.count && i < PEERS_SHOWN; i++)
        print_peer(out, &peers.at[i], &style->terminal);
    if (peers.count > PEERS_SHOWN)
        fprintf(out, "and %zu more\n", peers.count - PEERS_SHOWN);
    free(peers.at);
}

json_t *ss_peers_to_json(const struct ss_source *source)
{
    struct peers peers;
    char address[HF_ADDR_TEXT_LEN];
    if (!peers_of(source, &peers))
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < peers.count; i++) {
        const struct peer *peer = &peers.at[i];
        json_t *json =
            json_pack("{s:s, s:i, s:b, s:I, s:I, s:I, s:I}", "addr", hf_addr_print(&peer->at.addr, address), "port",
                      (int)peer->at.port, "passive", (int)peer->is_passive, "connections",
                      (json_int_t)peer->connections, "time_wait", (json_int_t)peer->time_wait, "closed_first_us",
                      (json_int_t)peer->us_first, "closed_first_peer", (json_int_t)peer->peer_first);
        if (!peer->is_passive)
            json_object_set_new(json, "ports_left", json_integer(ports_left(peer)));
        json_array_append_new(list, json);
    }
    free(peers.at);
    return list;
}

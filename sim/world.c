/*
 * Virtual time: what is due now happens until nothing more does, then time moves to the next thing that is due.
 *
 *      turn:   segments that have arrived -> applications whose time has come -> engines that were touched
 *      next:   the earliest of the paths, the engines and the applications
 *
 * Read first: world.h, inside.h.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STEPS_MOST    20000000u
#define AFTER_HEALING (3 * 3600 * HF_SECOND)  /* by then everything has come to its end */
#define QUIET         (24 * 3600 * HF_SECOND) /* longer than 2 MSL and every other timer */
#define DIGEST_PRIME  1099511628211u

void sim_fail(struct sim_world *w, uint64_t host, const char *format, ...)
{
    if (w->has_failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->result->what, sizeof w->result->what, format, arguments);
    va_end(arguments);
    w->has_failed = true;
    w->result->host = (unsigned)host;
    w->result->at = w->now;
}

struct hf_addr sim_address(const struct sim_scenario *s, uint64_t host)
{
    struct hf_addr v6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(host + 1)}};
    return s->v6 ? v6 : hf_addr_v4(192, 0, 2, (uint8_t)(host + 1));
}

/* ---- watching ---- */

static void check_host(struct sim_world *w, unsigned host)
{
    hf_conn conn = {0, 0};
    if (w->options->is_unchecked)
        return;
    while (hf_tcp_next(w->host[host].e, &conn)) {
        const char *wrong = hf_tcp_check(w->host[host].e, conn);
        if (wrong != NULL)
            sim_fail(w, host, "an invariant of host %u does not hold: %s", host, wrong);
    }
}

static void digest(struct sim_world *w, unsigned host, const struct hf_frame *frame, bool out)
{
    uint64_t d = w->result->digest;
    w->result->frames++;
    if (w->options->is_unchecked)
        return;
    uint32_t len = frame->len < 96 ? frame->len : 96;
    d = (d ^ (uint64_t)w->now.ns ^ (uint64_t)host << 56 ^ (uint64_t)out << 63) * DIGEST_PRIME;
    d = (d ^ frame->len) * DIGEST_PRIME;
    for (uint32_t i = 0; i < len; i++)
        d = (d ^ frame->data[i]) * DIGEST_PRIME;
    w->result->digest = d;
}

static void trace(struct sim_world *w, unsigned host, const struct hf_frame *frame,
                  enum hf_line_direction direction)
{
    char line[HF_LINE_MAX + HF_LINE_MARK_MAX + 64], text[HF_LINE_MAX], mark[HF_LINE_MARK_MAX];
    struct hf_line_base base = {0};
    struct hf_look look;
    if (w->options->trace == NULL || host != w->options->seen_from)
        return;
    bool was_dropped = direction == HF_LINE_IN && frame->why != HF_ACCEPTED;
    if (hf_look(frame->data, frame->len, HF_LINK_IP, &look) && look.is_tcp)
        hf_line_note(&w->flows, &look, direction, was_dropped, &base);
    hf_line_write(text, &base, frame->data, frame->len, HF_LINK_IP, direction);
    hf_line_mark(mark, frame->why, direction);
    hf_ns since = hf_time_since(w->now, w->traced_at);
    w->traced_at = w->now;
    if (text[0] == '/')
        snprintf(line, sizeof line, "%s", text);
    else
        snprintf(line, sizeof line, "+%lld.%06lld %s%s%s", (long long)(since / HF_SECOND),
                 (long long)(since % HF_SECOND / HF_US), text, mark[0] ? "  " : "", mark);
    w->options->trace(w->options->arg, line);
}

/* Counts what is sent for the first time and again, by port and sequence number as anybody on the path could. */
static void count_text(struct sim_world *w, const struct hf_frame *frame)
{
    struct hf_look look;
    if (!hf_look(frame->data, frame->len, HF_LINK_IP, &look) || !look.is_tcp)
        return;
    bool back = look.src_port >= SIM_PORT(0) && look.src_port < SIM_PORT(w->s->talks);
    uint32_t talk = (uint32_t)((back ? look.src_port : look.dst_port) - SIM_PORT(0));
    if (talk >= w->s->talks)
        return;
    uint32_t *highest = &w->highest[talk][back], end = look.seq + look.payload_len;
    if (look.flags & LOOK_SYN)
        *highest = look.seq + 1;
    uint32_t fresh = (int32_t)(end - *highest) > 0 ? end - *highest : 0;
    fresh = fresh < look.payload_len ? fresh : look.payload_len;
    *highest += fresh;
    w->result->sent += look.payload_len;
    w->result->sent_again += look.payload_len - fresh;
}

/* ---- the network ---- */

static bool has_access(const struct sim_world *w, unsigned host)
{
    return w->s->host[host].access_us != 0;
}

static void enter_host(struct sim_world *w, unsigned host, struct hf_frame *frame)
{
    struct sim_host *h = &w->host[host];
    frame->link = h->link;
    digest(w, host, frame, false);
    hf_input(h->e, w->now, frame);
    h->is_touched = true;
    trace(w, host, frame, HF_LINE_IN);
    check_host(w, host);
}

/* Is it one of the segments that a scenario names by their number? */
static bool is_dropped(struct sim_world *w, const struct hf_frame *frame)
{
    struct hf_look look;
    if (w->s->drop_count == 0 || !hf_look(frame->data, frame->len, HF_LINK_IP, &look) || look.payload_len == 0)
        return false;
    uint64_t number = ++w->texts_out;
    return number >= w->s->drop_from && number < w->s->drop_from + w->s->drop_count;
}

static void enter_path(struct sim_world *w, unsigned host, const struct hf_frame *frame)
{
    enum fault_direction way = host % 2 == 0 ? FAULT_OUT : FAULT_IN;
    if (way == FAULT_IN || !is_dropped(w, frame))
        hf_path_put(&w->path, way, frame, w->now);
}

/* Where a segment at the end of the path goes: whoever has the address, if that is on this side. */
static void leave_path(struct sim_world *w, enum fault_direction way, struct hf_frame *frame)
{
    struct hf_look look;
    if (!hf_look(frame->data, frame->len, HF_LINK_IP, &look))
        return;
    for (unsigned host = way == FAULT_OUT ? 1 : 0; host < w->s->hosts; host += 2) {
        struct hf_addr own = sim_address(w->s, host);
        if (!hf_addr_equal(&own, &look.dst))
            continue;
        if (has_access(w, host))
            hf_path_put(&w->access[host], FAULT_IN, frame, w->now);
        else
            enter_host(w, host, frame);
        return;
    }
}

static bool carry_path(struct sim_world *w)
{
    bool moved = false;
    for (int way = 0; way < FAULT_DIRECTIONS; way++) {
        struct fault_held *held;
        while ((held = hf_path_take(&w->path, (enum fault_direction)way, w->now)) != NULL) {
            leave_path(w, (enum fault_direction)way, &held->frame);
            hf_path_give(&w->path, (enum fault_direction)way, held);
            moved = true;
        }
    }
    return moved;
}

static bool carry_access(struct sim_world *w, unsigned host)
{
    bool moved = false;
    struct fault_held *held;
    while ((held = hf_path_take(&w->access[host], FAULT_OUT, w->now)) != NULL) {
        enter_path(w, host, &held->frame);
        hf_path_give(&w->access[host], FAULT_OUT, held);
        moved = true;
    }
    while ((held = hf_path_take(&w->access[host], FAULT_IN, w->now)) != NULL) {
        enter_host(w, host, &held->frame);
        hf_path_give(&w->access[host], FAULT_IN, held);
        moved = true;
    }
    return moved;
}

static void send_from(struct sim_world *w, unsigned host)
{
    struct sim_host *h = &w->host[host];
    struct hf_frame frame = {.data = w->frame, .cap = HF_FRAME_MAX};
    while (hf_output(h->e, w->now, &frame)) {
        digest(w, host, &frame, true);
        trace(w, host, &frame, HF_LINE_OUT);
        count_text(w, &frame);
        check_host(w, host);
        if (has_access(w, host))
            hf_path_put(&w->access[host], FAULT_OUT, &frame, w->now);
        else
            enter_path(w, host, &frame);
        frame = (struct hf_frame){.data = w->frame, .cap = HF_FRAME_MAX};
    }
}

/* Lets an engine and its applications do what there is to do. */
static void run_host(struct sim_world *w, unsigned host)
{
    struct sim_host *h = &w->host[host];
    for (unsigned i = 0; h->is_touched && !w->has_failed; i++) {
        h->is_touched = false;
        hf_advance(h->e, w->now);
        check_host(w, host);
        sim_talks_heard(w, host);
        send_from(w, host);
        if (i == 1000000)
            sim_fail(w, host, "host %u never falls silent", host);
    }
}

/* ---- time ---- */

static bool run_due(struct sim_world *w)
{
    bool moved = carry_path(w);
    for (unsigned i = 0; i < w->s->hosts; i++)
        moved |= has_access(w, i) && carry_access(w, i);
    if (hf_time_reached(w->now, sim_talks_next(w)))
        sim_talks_timed(w);
    for (unsigned i = 0; i < w->s->hosts; i++) {
        struct sim_host *h = &w->host[i];
        h->is_touched |= hf_time_reached(w->now, hf_deadline(h->e));
        moved |= h->is_touched;
        run_host(w, i);
    }
    return moved && !w->has_failed;
}

static hf_time next_instant(const struct sim_world *w)
{
    hf_time next = hf_time_first(hf_path_next(&w->path, FAULT_IN), hf_path_next(&w->path, FAULT_OUT));
    next = hf_time_first(next, sim_talks_next(w));
    for (unsigned i = 0; i < w->s->hosts; i++) {
        next = hf_time_first(next, hf_deadline(w->host[i].e));
        if (has_access(w, i))
            next = hf_time_first(
                next, hf_time_first(hf_path_next(&w->access[i], FAULT_IN), hf_path_next(&w->access[i], FAULT_OUT)));
    }
    return next;
}

/* Moves to the next instant, or to `limit` and then says false. */
static bool step(struct sim_world *w, hf_time limit)
{
    while (run_due(w))
        continue;
    hf_time next = next_instant(w);
    if (!w->is_healed)
        next = hf_time_first(next, w->heals_at);
    w->result->steps++;
    if (w->has_failed || !hf_time_before(next, limit)) {
        w->now = hf_time_before(w->now, limit) && !w->has_failed && !hf_time_is_never(limit) ? limit : w->now;
        return false;
    }
    w->now = hf_time_before(w->now, next) ? next : w->now;
    if (!w->is_healed && hf_time_reached(w->now, w->heals_at)) {
        hf_path_heal(&w->path);
        w->is_healed = true;
    }
    return true;
}

static void run_to_the_end(struct sim_world *w)
{
    hf_time limit = hf_time_add(w->heals_at, AFTER_HEALING);
    while (!w->has_failed && !sim_talks_are_over(w)) {
        if (!step(w, limit))
            sim_talks_blame(w);
        if (w->result->steps > STEPS_MOST)
            sim_fail(w, 0, "%u steps, and no end of it", STEPS_MOST);
    }
    limit = hf_time_add(w->now, QUIET);
    while (step(w, limit))
        if (w->result->steps > STEPS_MOST)
            sim_fail(w, 0, "everybody has closed, and there is no end of it");
}

static void judge_pools(struct sim_world *w, unsigned host)
{
    struct hf_stats s;
    hf_stats(w->host[host].e, &s);
    const struct {
        const char *name;
        uint32_t used;
    } pools[] = {
        {"connections", s.connections_used},
        {"half-open records", s.half_open_used},
        {"TIME-WAITs", s.time_wait_used},
        {"blocks", s.blocks_used},
        {"records of sending", s.sending_used},
        {"records of receiving", s.receiving_used},
        {"records of flight", s.sent_used},
        {"islands", s.islands_used},
        {"replies", s.replies_used},
        {"fragments", s.fragments_used},
    };
    for (unsigned i = 0; i < sizeof pools / sizeof pools[0]; i++)
        if (pools[i].used != 0)
            sim_fail(w, host, "host %u has kept %u %s when all was over", host, pools[i].used, pools[i].name);
}

/* ---- making it ---- */

static uint32_t buffer_of(uint64_t knob)
{
    const uint64_t least = 1024, most = 1u << 30;
    if (knob == 0)
        return 8u << 20;
    return (uint32_t)(knob < least ? least : knob > most ? most : knob);
}

static void configure(const struct sim_scenario *s, unsigned number, struct hf_config *config)
{
    const struct sim_host_knobs *h = &s->host[number];
    uint32_t talks = (uint32_t)s->talks;
    hf_config_defaults(config);
    config->max_connections = talks + 8;
    config->max_listeners = talks + 1;
    config->max_half_open = talks + 8;
    config->max_time_wait = talks + 8;
    config->max_neighbours = 4;
    config->max_fragments = 2;
    config->max_fast_open = 4;
    config->max_links = 1;
    config->max_blocks = h->small_pools ? 48 * (talks / 4 + 1) : 16384;
    config->block_len = h->small_pools ? 256 : 4096;
    config->max_sent = h->small_pools > 1 ? 8 * (talks / 4 + 1) : 65536;
    config->max_replies = h->small_pools > 1 ? 2 : 64;
    config->max_sending = config->max_receiving = h->small_pools > 1 ? (talks + 1) / 2 + 1 : 0;
    config->seed[0] = (uint8_t)(number + 1);
    memcpy(config->seed + 8, &s->seed, 8);
    /* Nobody gives up while the path is bad, and TIME-WAIT outlives what it may still deliver. */
    config->syn_retries = config->syn_ack_retries = config->data_retries = config->orphan_retries = 250;
    config->rto_max_ns = 60 * HF_SECOND;
    config->msl_ns = 3600 * HF_SECOND;
    config->syn_cookies = HF_SYN_COOKIES_OFF; /* an ACK that overtakes the handshake's would be reset */
    config->send_buffer = buffer_of(h->send_buffer);
    config->receive_buffer = buffer_of(h->receive_buffer);
    config->sack = !h->no_sack;
    config->timestamps = !h->no_timestamps;
    config->window_scaling = !h->no_scaling;
    config->cc = (uint8_t)h->cc;
    config->pacing = h->pacing;
    config->ecn = (uint8_t)h->ecn;
    config->fast_open = true;
}

static bool open_host(struct sim_world *w, unsigned number)
{
    struct sim_host *h = &w->host[number];
    struct hf_config config;
    configure(w->s, number, &config);
    h->memory_len = hf_engine_size(&config);
    h->memory = h->memory_len == 0 ? MAP_FAILED
                                   : mmap(NULL, h->memory_len, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (h->memory == MAP_FAILED) {
        h->memory = NULL;
        sim_fail(w, number, "an engine cannot be made so");
        return false;
    }
    h->e = hf_engine_create(h->memory, h->memory_len, &config, w->now);
    const struct hf_link_config link = {
        .kind = HF_LINK_IP,
        .mtu = (uint16_t)w->s->mtu,
        .offload = w->s->host[number].offload ? HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6 : 0};
    struct hf_addr own = sim_address(w->s, number);
    bool is_made = hf_link_add(h->e, &link, &h->link) == HF_OK &&
                   hf_address_add(h->e, h->link, &own, w->s->v6 ? 64 : 24) == HF_OK;
    if (!is_made)
        sim_fail(w, number, "a link or an address cannot be made so");
    return is_made;
}

static bool open_paths(struct sim_world *w)
{
    const struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = (uint16_t)w->s->mtu};
    struct fault_spec spec = {0};
    memcpy(spec.path, w->s->path, sizeof spec.path);
    if (!hf_path_open(&w->path, &spec, w->s->seed, &link, true))
        return false;
    for (unsigned i = 0; i < w->s->hosts; i++) {
        struct fault_spec delay = {0};
        for (int way = 0; way < FAULT_DIRECTIONS; way++)
            delay.path[way].value[FAULT_DELAY] = w->s->host[i].access_us * HF_US;
        if (has_access(w, i) && !hf_path_open(&w->access[i], &delay, w->s->seed + i, &link, true))
            return false;
    }
    return true;
}

static bool open_world(struct sim_world *w)
{
    w->now = w->begin = w->result->begun_at = w->traced_at = (hf_time){HF_SECOND};
    w->heals_at = sim_instant(w, w->s->heal_ms);
    w->frame = malloc(HF_FRAME_MAX);
    if (w->frame == NULL || !open_paths(w)) {
        sim_fail(w, 0, "out of memory");
        return false;
    }
    for (unsigned i = 0; i < w->s->hosts; i++)
        if (!open_host(w, i))
            return false;
    return true;
}

static void close_world(struct sim_world *w)
{
    for (unsigned i = 0; i < w->s->hosts; i++) {
        if (w->host[i].memory)
            munmap(w->host[i].memory, w->host[i].memory_len);
        if (has_access(w, i))
            hf_path_close(&w->access[i]);
    }
    hf_path_close(&w->path);
    free(w->frame);
    free(w);
}

static void sum_up(struct sim_world *w)
{
    struct sim_result *r = w->result;
    for (int way = 0; way < FAULT_DIRECTIONS; way++) {
        const struct path_lane *lane = &w->path.lane[way];
        r->path[way] = lane->counts;
        r->waited[way] = lane->waiters ? lane->waited / (hf_ns)lane->waiters : 0;
        r->waited_most[way] = lane->waited_most;
    }
    if (!w->has_failed)
        r->at = w->now;
}

bool sim_run(const struct sim_scenario *scenario, const struct sim_options *options, struct sim_result *result)
{
    memset(result, 0, sizeof *result);
    struct sim_world *w = calloc(1, sizeof *w);
    if (w == NULL) {
        snprintf(result->what, sizeof result->what, "out of memory");
        return false;
    }
    *w = (struct sim_world){.s = scenario, .options = options, .result = result};
    result->digest = 14695981039346656037u;
    if (open_world(w)) {
        sim_talks_begin(w);
        if (options->stop_after > 0)
            while (!sim_talks_are_over(w) && step(w, hf_time_add(w->begin, options->stop_after)))
                continue;
        else
            run_to_the_end(w);
        sim_talks_look(w);
        for (unsigned i = 0; i < scenario->hosts && options->stop_after == 0 && !w->has_failed; i++)
            judge_pools(w, i);
        sum_up(w);
    }
    bool is_good = !w->has_failed;
    close_world(w);
    return is_good;
}

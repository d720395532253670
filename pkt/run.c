/* A script's events, one after the other, in virtual time. See run.h; read first: running.h. */
#include "run.h"

#include "running.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURE_MAX  8192
#define PKT_LINE_MAX (HF_LINE_MAX + HF_LINE_MARK_MAX + 8)
#define WRAPS_AFTER  600 /* how far before 2^31 and 2^32 a run's numbers begin */

/* ---- the conversation ---- */

static void entry_line(const struct pkt_log_entry *entry, char line[PKT_LINE_MAX])
{
    char text[HF_LINE_MAX], mark[HF_LINE_MARK_MAX];
    if (!entry->is_frame) {
        snprintf(line, PKT_LINE_MAX, "%s", entry->text);
        return;
    }
    pkt_packet_line(entry->flow, entry->head, entry->len, entry->direction, text);
    hf_line_mark(mark, entry->why, entry->direction);
    snprintf(line, PKT_LINE_MAX, "%s%s%s", text, mark[0] ? "  " : "", mark);
}

static void trace(struct pkt_running *run, const struct pkt_log_entry *entry)
{
    char text[PKT_LINE_MAX], line[PKT_LINE_MAX + 32];
    if (!run->options->trace)
        return;
    hf_ns since = hf_time_since(entry->at, run->traced_at);
    run->traced_at = entry->at;
    entry_line(entry, text);
    snprintf(line, sizeof line, "+%lld.%06lld %s", (long long)(since / HF_SECOND),
             (long long)(since % HF_SECOND / HF_US), text);
    run->options->trace(run->options->arg, line);
}

static void log_entry(struct pkt_running *run, const struct pkt_log_entry *entry)
{
    run->log[run->logged++ % PKT_LOG_MAX] = *entry;
    trace(run, entry);
}

void pkt_running_log_frame(struct pkt_running *run, struct pkt_flow *flow, const struct hf_frame *frame,
                           enum hf_line_direction direction)
{
    struct pkt_log_entry entry = {.at = run->world.now,
                                  .is_frame = true,
                                  .direction = direction,
                                  .why = frame->why,
                                  .len = frame->len,
                                  .flow = flow};
    memcpy(entry.head, frame->data, frame->len < PKT_LOG_HEAD ? frame->len : PKT_LOG_HEAD);
    log_entry(run, &entry);
}

static void log_text(struct pkt_running *run, const char *text)
{
    const struct pkt_log_entry entry = {.at = run->world.now, .text = text};
    log_entry(run, &entry);
}

const char *pkt_running_instant(const struct pkt_running *run, hf_time at, char text[32])
{
    hf_ns since = hf_time_since(at, run->world.begin);
    snprintf(text, 32, "%lld.%06lld", (long long)(since / HF_SECOND), (long long)(since % HF_SECOND / HF_US));
    return text;
}

static void append_conversation(const struct pkt_running *run, char *what)
{
    char line[PKT_LINE_MAX], at[32];
    size_t len = strlen(what);
    unsigned first = run->logged > PKT_LOG_MAX ? run->logged - PKT_LOG_MAX : 0;
    len += (size_t)snprintf(what + len, FAILURE_MAX - len, "\n  the conversation so far:");
    for (unsigned i = first; i < run->logged && len < FAILURE_MAX - 1; i++) {
        const struct pkt_log_entry *entry = &run->log[i % PKT_LOG_MAX];
        entry_line(entry, line);
        len += (size_t)snprintf(what + len, FAILURE_MAX - len, "\n    %s %s",
                                pkt_running_instant(run, entry->at, at), line);
    }
}

bool pkt_running_fail(struct pkt_running *run, unsigned line, const char *format, ...)
{
    va_list args;
    if (pkt_running_failed(run))
        return false;
    run->outcome->what = pkt_grow(NULL, 0, FAILURE_MAX);
    run->outcome->line = line;
    va_start(args, format);
    vsnprintf(run->outcome->what, FAILURE_MAX / 2, format, args);
    va_end(args);
    append_conversation(run, run->outcome->what);
    return false;
}

/* ---- time ---- */

hf_time pkt_running_time(const struct pkt_running *run, enum pkt_time_kind kind, hf_ns ns)
{
    return hf_time_add(kind == PKT_ABSOLUTE ? run->world.begin : run->base, ns);
}

static void check_world(struct pkt_running *run)
{
    if (run->world.wrong)
        pkt_running_fail(run, 0, "an invariant is broken: %s", run->world.wrong);
}

void pkt_running_pass(struct pkt_running *run, hf_time until, bool stop_at_output)
{
    bool is_there = false;
    while (!is_there && !pkt_running_failed(run)) {
        if (stop_at_output && pkt_world_next(&run->world))
            return;
        if (!hf_time_before(run->world.now, until))
            return;
        hf_time next = run->is_pending ? hf_time_first(until, run->pending.wait.deadline) : until;
        bool reached = pkt_world_step(&run->world, next);
        check_world(run);
        pkt_call_retry(run);
        is_there = reached && !hf_time_before(run->world.now, until);
    }
}

/* ---- events ---- */

static void on_sent(void *arg, const struct pkt_sent *sent)
{
    pkt_packet_left(arg, sent);
}

/* An event that does not wait for the engine: time passes up to it. False when its time is over already. */
static bool wait_for(struct pkt_running *run, const struct pkt_event *event)
{
    char at[32], now[32];
    hf_time due = pkt_running_time(run, event->time.kind, event->time.from);
    pkt_running_pass(run, due, false);
    if (hf_time_since(run->world.now, due) > run->script->settings.tolerance_ns)
        pkt_running_fail(run, event->line, "%s\n  is due at %s, and now it is %s already", event->text,
                         pkt_running_instant(run, due, at), pkt_running_instant(run, run->world.now, now));
    return !pkt_running_failed(run);
}

static void run_event(struct pkt_running *run, const struct pkt_event *event)
{
    if (event->kind == PKT_MARK) {
        pkt_mark_check(run, event);
        return; /* to packetdrill it is a comment, so the next event counts from the one before */
    }
    if (event->kind == PKT_SEGMENT_OUT || event->kind == PKT_ICMP_OUT) {
        pkt_packet_out(run, event);
    } else if (wait_for(run, event)) {
        if (event->kind == PKT_CALL) {
            log_text(run, event->action);
            pkt_call_start(run, event);
        } else if (event->kind == PKT_SEGMENT_IN || event->kind == PKT_ICMP_IN) {
            pkt_packet_in(run, event);
        }
    }
    run->base = run->world.now;
    check_world(run);
    pkt_call_retry(run);
}

/* ---- the end ---- */

static void finish_pending(struct pkt_running *run)
{
    if (!run->is_pending || pkt_running_failed(run))
        return;
    hf_time due = run->pending.due;
    pkt_running_pass(run, hf_time_add(due, run->script->settings.tolerance_ns), false);
    if (run->is_pending)
        pkt_running_fail(run, run->pending.event->line, "%s\n  has not returned", run->pending.event->text);
}

static void check_nothing_left(struct pkt_running *run, unsigned line)
{
    char text[HF_LINE_MAX], mark[HF_LINE_MARK_MAX], at[32];
    const struct pkt_sent *sent = pkt_world_next(&run->world);
    struct hf_look look;
    if (!sent || pkt_running_failed(run) || run->script->settings.as_linux)
        return; /* packetdrill looks at nothing behind the last event, and scripts written for it count on that */
    struct pkt_flow *flow = NULL;
    if (hf_look(sent->frame.data, sent->frame.len, HF_LINK_IP, &look) && look.is_tcp) {
        struct hf_endpoint ours = {look.src, look.src_port}, theirs = {look.dst, look.dst_port};
        flow = pkt_running_flow(run, &ours, &theirs);
    }
    pkt_packet_line(flow, sent->frame.data, sent->frame.len, HF_LINE_OUT, text);
    hf_line_mark(mark, sent->frame.why, HF_LINE_OUT);
    pkt_running_fail(run, line, "the script ends, but a packet was sent that nobody expected:\n  %s %s  %s",
                     pkt_running_instant(run, sent->at, at), text, mark);
}

/* Everything is given up; then nothing may be left in the engine's pools (BUG-26, BUG-46). */
static void check_leaks(struct pkt_running *run, unsigned line)
{
    struct hf_stats stats;
    if (pkt_running_failed(run))
        return;
    run->world.on_sent = NULL;
    for (unsigned i = 0; i < run->sockets.count; i++) {
        hf_conn conn = run->sockets.sock[i]->conn;
        if (hf_conn_is_none(conn))
            continue;
        hf_tcp_abort(run->world.engine, conn);
        hf_tcp_release(run->world.engine, conn);
    }
    pkt_world_settle(&run->world);
    hf_stats(run->world.engine, &stats);
    const struct {
        const char *what;
        uint32_t count;
    } pools[] = {{"connections", stats.connections_used},       {"buffer blocks", stats.blocks_used},
                 {"send queues", stats.sending_used},           {"receive queues", stats.receiving_used},
                 {"records of sent segments", stats.sent_used}, {"replies", stats.replies_used}};
    for (unsigned i = 0; i < sizeof pools / sizeof pools[0]; i++)
        if (pools[i].count > 0)
            pkt_running_fail(run, line, "everything is closed, but the engine still holds %u %s", pools[i].count,
                             pools[i].what);
}

static void close_run(struct pkt_running *run)
{
    for (unsigned i = 0; i < run->flow_count; i++) {
        pkt_flow_close(run->flow[i]);
        free(run->flow[i]);
    }
    hf_sockets_close(&run->sockets);
    pkt_give_all(&run->memory);
    pkt_world_close(&run->world);
    free(run);
}

static bool names_ports(const struct pkt_script *script)
{
    for (unsigned i = 0; i < script->count; i++) {
        bool is_segment = script->event[i].kind == PKT_SEGMENT_IN || script->event[i].kind == PKT_SEGMENT_OUT;
        if (is_segment && script->event[i].segment.src_port != 0)
            return true;
    }
    return false;
}

bool pkt_run(const struct pkt_script *script, const struct pkt_run_options *options, struct pkt_outcome *outcome)
{
    struct pkt_running *run = pkt_grow(NULL, 0, sizeof *run);
    *outcome = (struct pkt_outcome){.passed = false};
    memset(run, 0, sizeof *run);
    run->script = script;
    run->options = options;
    run->outcome = outcome;
    run->bind_port = script->settings.bind_port;
    run->names_ports = names_ports(script);
    /* The clock behind initial sequence numbers ticks every 4 us: so many ticks make the known number the wanted
     * one. */
    int64_t isn_clock_ns = options->chooses_our_isn ? (int64_t)(options->our_isn - options->known_isn) * 4000 : 0;
    if (!pkt_world_open(&run->world, script, isn_clock_ns))
        pkt_running_fail(run, 1, "no engine can be made with this configuration");
    run->sockets = (struct hf_sockets){.engine = run->world.engine,
                                       .config = &script->config,
                                       .now = run->world.now,
                                       .mtu = script->settings.mtu,
                                       .first_fd = 3,
                                       .doubles_buffers = script->settings.as_linux};
    run->base = run->traced_at = run->world.now;
    run->world.on_sent = on_sent;
    run->world.arg = run;
    unsigned line = 1;
    for (unsigned i = 0; i < script->count && !pkt_running_failed(run); i++) {
        run->next = i;
        run_event(run, &script->event[i]);
        line = script->event[i].line;
        if (outcome->what && outcome->line == 0)
            outcome->line = line;
    }
    finish_pending(run);
    check_nothing_left(run, line);
    check_leaks(run, line);
    outcome->passed = outcome->what == NULL;
    close_run(run);
    return outcome->passed;
}

/* The same script once more, both sides beginning `WRAPS_AFTER` before `edge`. */
static bool run_at_edge(const struct pkt_script *script, const struct pkt_run_options *options, uint32_t known_isn,
                        uint32_t edge, struct pkt_outcome *outcome)
{
    struct pkt_run_options there = *options;
    there.their_shift = edge - WRAPS_AFTER;
    there.chooses_our_isn = true;
    there.known_isn = known_isn;
    there.our_isn = edge - WRAPS_AFTER;
    return pkt_run(script, &there, outcome);
}

bool pkt_run_everywhere(const struct pkt_script *script, const struct pkt_run_options *options,
                        struct pkt_outcome *outcome)
{
    static const uint32_t edges[] = {0x80000000u, 0};
    if (!pkt_run(script, options, outcome) || !outcome->has_isn)
        return outcome->passed;
    uint32_t isn = outcome->isn;
    for (unsigned i = 0; i < 2 && outcome->passed; i++) {
        pkt_outcome_close(outcome);
        if (run_at_edge(script, options, isn, edges[i], outcome))
            continue;
        size_t len = strlen(outcome->what);
        snprintf(outcome->what + len, FAILURE_MAX - len, "\n  this happens when sequence numbers pass 2^%u only",
                 i == 0 ? 31u : 32u);
    }
    return outcome->passed;
}

void pkt_outcome_close(struct pkt_outcome *outcome)
{
    free(outcome->what);
    outcome->what = NULL;
}

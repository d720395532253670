/* The additions that are checked while a script runs: why, drop, state, sends nothing. Read first: running.h. */
#include "running.h"

#include <stdio.h>
#include <string.h>

/* ---- records ---- */

static bool is_at(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && hf_addr_equal(&a->addr, &b->addr);
}

/* Of two records of one flow, the one that lives, else the one opened last. */
static bool is_better(const struct hf_tcp_info *info, const struct hf_tcp_info *than)
{
    bool lives = info->state != HF_CLOSED, other_lives = than->state != HF_CLOSED;
    return lives != other_lives ? lives : hf_time_before(than->opened_at, info->opened_at);
}

bool pkt_find_record(struct pkt_running *run, const struct pkt_flow *flow, struct hf_tcp_info *info)
{
    struct hf_tcp_info one;
    hf_conn conn = {0, 0};
    bool found = false;
    while (flow && hf_tcp_next(run->world.engine, &conn)) {
        bool is_one = hf_tcp_status(run->world.engine, conn, &one) == HF_OK && !one.is_listener &&
                      is_at(&one.local, &flow->ours) && is_at(&one.remote, &flow->theirs);
        if (!is_one || (found && !is_better(&one, info)))
            continue;
        *info = one;
        found = true;
    }
    return found;
}

static bool somebody_listens(struct pkt_running *run)
{
    struct hf_tcp_info info;
    hf_conn conn = {0, 0};
    while (hf_tcp_next(run->world.engine, &conn))
        if (hf_tcp_status(run->world.engine, conn, &info) == HF_OK && info.is_listener && info.state == HF_LISTEN)
            return true;
    return false;
}

/* What ended the flow's last connection: its record may be gone, the history remembers. */
static enum hf_reason last_end(const struct pkt_running *run, const struct pkt_flow *flow)
{
    struct hf_note note;
    uint64_t after = 0;
    enum hf_reason why = HF_REASON_NONE;
    while (flow && hf_history_next(run->world.engine, &after, &note))
        if (note.kind == HF_NOTE_STATE && note.to == HF_CLOSED && is_at(&note.local, &flow->ours) &&
            is_at(&note.remote, &flow->theirs))
            why = note.why;
    return why;
}

/* ---- the marks ---- */

static void check_why(struct pkt_running *run, const struct pkt_event *event)
{
    if (!run->has_out)
        pkt_running_fail(run, event->line, "%s\n  stands behind no packet that was sent", event->text);
    else if (run->last_out != event->mark.reason)
        pkt_running_fail(run, event->line, "expected  %s\n  happened  the packet was sent for %s (%s)", event->text,
                         hf_reason_name(run->last_out), hf_reason_text(run->last_out));
}

static void check_drop(struct pkt_running *run, const struct pkt_event *event)
{
    if (!run->has_in)
        pkt_running_fail(run, event->line, "%s\n  stands behind no packet that was received", event->text);
    else if (run->last_in == HF_ACCEPTED && event->mark.reason != HF_ACCEPTED)
        pkt_running_fail(run, event->line, "expected  %s\n  happened  the packet was accepted", event->text);
    else if (run->last_in != event->mark.reason)
        pkt_running_fail(run, event->line, "expected  %s\n  happened  the packet was dropped for %s (%s)",
                         event->text, hf_reason_name(run->last_in), hf_reason_text(run->last_in));
}

static void check_end(struct pkt_running *run, const struct pkt_event *event, bool found,
                      const struct hf_tcp_info *info)
{
    const struct pkt_mark *mark = &event->mark;
    enum hf_reason ended = found && info->state == HF_CLOSED ? info->ended_why : last_end(run, run->last_flow);
    if (mark->has_error && !found)
        pkt_running_fail(run, event->line, "%s\n  nobody holds the connection any more, so its error is not known",
                         event->text);
    else if (mark->has_error && info->error != mark->error)
        pkt_running_fail(run, event->line, "expected  %s\n  happened  error %s (%s)", event->text,
                         hf_error_name(info->error), hf_error_text(info->error));
    if (mark->has_ended && ended != mark->ended)
        pkt_running_fail(run, event->line, "expected  %s\n  happened  ended %s (%s)", event->text,
                         hf_reason_name(ended), hf_reason_text(ended));
}

/* A listener never leaves LISTEN, and a child that vanishes was never a connection: with no connection alive the
 * state is CLOSED, and LISTEN too where somebody listens. */
static void check_state(struct pkt_running *run, const struct pkt_event *event)
{
    struct hf_tcp_info info;
    const struct pkt_mark *mark = &event->mark;
    bool found = pkt_find_record(run, run->last_flow, &info);
    enum hf_state state = found ? info.state : HF_CLOSED;
    bool is_listening = mark->state == HF_LISTEN && state == HF_CLOSED && somebody_listens(run);
    if (state != mark->state && !is_listening)
        pkt_running_fail(run, event->line, "expected  %s\n  happened  %s", event->text, hf_state_text(state));
    check_end(run, event, found, &info);
    if (mark->has_advice && (!found || info.soft_error != mark->advice))
        pkt_running_fail(run, event->line, "expected  %s\n  happened  advice %s", event->text,
                         hf_reason_name(found ? info.soft_error : HF_REASON_NONE));
}

static void check_sends_nothing(struct pkt_running *run, const struct pkt_event *event)
{
    char text[HF_LINE_MAX], mark[HF_LINE_MARK_MAX], at[32];
    const struct pkt_time *until = &event->mark.until;
    if (event->mark.has_until)
        pkt_running_pass(run, pkt_running_time(run, until->kind, until->from), true);
    const struct pkt_sent *sent = pkt_world_next(&run->world);
    if (!sent || pkt_running_failed(run))
        return;
    pkt_packet_line(run->last_flow, sent->frame.data, sent->frame.len, HF_LINE_OUT, text);
    hf_line_mark(mark, sent->frame.why, HF_LINE_OUT);
    pkt_running_fail(run, event->line, "expected  %s\n  happened  %s %s  %s", event->text,
                     pkt_running_instant(run, sent->at, at), text, mark);
}

void pkt_mark_check(struct pkt_running *run, const struct pkt_event *event)
{
    switch (event->mark.kind) {
    case PKT_WHY:
        check_why(run, event);
        break;
    case PKT_DROP:
        check_drop(run, event);
        break;
    case PKT_STATE:
        check_state(run, event);
        break;
    case PKT_SENDS_NOTHING:
        check_sends_nothing(run, event);
        break;
    }
}

/*
 * RACK, recent acknowledgment (RFC 8985, 4 and RFC 8985, 6): a run is lost when something sent later has arrived and the
 * reordering window has passed. It judges retransmissions like everything else, so that one that is lost is found without
 * a time-out.
 *
 *        sent:     1   2   3   4          2 is overdue when 4, sent after it, has arrived
 *        arrived:  1       3   4          and RACK.rtt + the reordering window have passed since 2 was sent
 *
 * The reordering window adapts: none while the path delivers in order, a quarter of the least round trip once it was
 * seen not to, one more quarter for each round trip in which the peer reported a duplicate.
 *
 * Read first: sent.c. Read next: loss.c, tlp.c.
 */
#include "steps.h"

#define RECOVERIES_REMEMBERED 16

/* ---- RFC 8985, 6.2, step 2: what was sent last of all that arrived ---- */

static bool sent_after(hf_time a, hf_seq a_end, hf_time b, hf_seq b_end)
{
    return hf_time_before(b, a) || (a.ns == b.ns && hf_seq_gt(a_end, b_end));
}

/* What was retransmitted might have been answered by the first copy: then its time tells nothing. A timestamp knows,
 * but only where SND.UNA moved: what arrives behind a hole has an older one echoed, whichever copy it is (RFC 7323, 4.3). */
static bool is_ambiguous(const struct hf_tcp *c, const struct hf_ack *ack, hf_time sent_at, hf_ns rtt)
{
    if (rtt < (hf_ns)c->min_rtt_us * HF_US)
        return true;
    if (!ack->progress || !(c->flags & HF_TF_TIMESTAMPS) || !(ack->seg->opts.present & HF_OPT_TIMESTAMPS))
        return false;
    uint32_t sent_ms = hf_ms_of(sent_at) + c->ts_offset;
    return (int32_t)(ack->seg->opts.tsecr - sent_ms) < 0;
}

static void take(const struct hf_tcp_shared *sh, struct hf_tcp_sending *s, const struct hf_sent_newest *newest)
{
    s->rack.rtt = hf_time_since(sh->now, newest->at);
    bool is_first = hf_time_is_never(s->rack.sent_at);
    if (!is_first && !sent_after(newest->at, newest->end, s->rack.sent_at, s->rack.end))
        return;
    s->rack.sent_at = newest->at;
    s->rack.end = newest->end;
}

/* ---- steps 3 and 4: the reordering window (RFC 8985, 3.3) ---- */

static void take_duplicate(struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_sent_facts *facts)
{
    if (s->rack.in_dsack_round && hf_seq_ge(c->snd.una, s->rack.dsack_round))
        s->rack.in_dsack_round = false;
    bool reported = hf_seq_lt(facts->duplicate.from, facts->duplicate.to);
    if (!reported || s->rack.in_dsack_round)
        return;
    s->rack.in_dsack_round = true;
    s->rack.dsack_round = c->snd.nxt;
    c->reo_wnd_mult += c->reo_wnd_mult < UINT8_MAX;
    c->reo_wnd_persist = RECOVERIES_REMEMBERED;
}

static hf_ns reordering_window(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (!(c->flags & HF_TF_REORDERING) && (s->recovery != HF_OPEN || s->sacked_segments >= HF_DUP_THRESH))
        return 0;
    hf_ns window = (hf_ns)c->min_rtt_us * HF_US * (1 + c->reo_wnd_mult) / 4;
    return HF_MIN(window, (hf_ns)c->srtt_us * HF_US);
}

void hf_rack_recovered(struct hf_tcp *c)
{
    c->reo_wnd_persist -= c->reo_wnd_persist > 0;
    if (c->reo_wnd_persist == 0)
        c->reo_wnd_mult = 0;
}

void hf_rack_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                   const struct hf_sent_facts *facts)
{
    if (!hf_time_is_never(facts->once.at))
        take(sh, s, &facts->once);
    if (!hf_time_is_never(facts->again.at) &&
        !is_ambiguous(c, ack, facts->again.at, hf_time_since(sh->now, facts->again.at)))
        take(sh, s, &facts->again);
    if (facts->reordered)
        c->flags |= HF_TF_REORDERING;
    take_duplicate(c, s, facts);
}

/* ---- step 5 ---- */

/* What has just left again cannot be overdue. Where a round trip takes no time, what is known to have arrived may bear the
 * same instant, and then it would be lost as often as it is sent (BUG-30). */
static bool has_just_left_again(const struct hf_tcp_shared *sh, const struct hf_sent *run)
{
    return (run->flags & HF_SENT_AGAIN) && run->at.ns == sh->now.ns;
}

/* Alone it tells of its size and of no congestion (RFC 4821, 7.6.2). */
static void probe_is_lost(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool others)
{
    if (others || s->recovery != HF_OPEN)
        hf_mtu_probe_told_nothing(sh, c, s);
    else
        hf_mtu_probe_failed(sh, c, s, false);
}

/* The queue is in the order of sending, so the first that is not overdue ends the search. What was sent before RACK.segment
 * but is not overdue yet is so at the latest when RACK.segment itself would be. */
bool hf_rack_detect(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    bool any = false, probe = false;
    s->reorder_at = HF_NEVER;
    if (hf_time_is_never(s->rack.sent_at))
        return false;
    hf_ns patience = s->rack.rtt + reordering_window(c, s);
    for (uint32_t index = s->flying.first; index != HF_NONE; index = s->flying.first) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        if (!sent_after(s->rack.sent_at, s->rack.end, run->at, run->to) || has_just_left_again(sh, run))
            break;
        if (!hf_time_reached(sh->now, hf_time_add(run->at, patience))) {
            s->reorder_at = hf_time_add(s->rack.sent_at, patience);
            break;
        }
        bool is_probe = run->flags & HF_SENT_SIZE_PROBE;
        hf_sent_lost(sh, s, index, HF_WHY_RETRANSMIT_FAST);
        any |= !is_probe;
        probe |= is_probe;
    }
    if (HF_UNLIKELY(probe))
        probe_is_lost(sh, c, s, any);
    return any;
}

/* RFC 8985, 6.3 */
void hf_rack_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    hf_ns patience = s->rack.rtt + reordering_window(c, s);
    s->reorder_at = HF_NEVER;
    for (uint32_t index = s->flying.first; index != HF_NONE; index = s->flying.first) {
        if (!hf_time_reached(sh->now, hf_time_add(hf_sent_at(sh, index)->at, patience)))
            return;
        hf_sent_lost(sh, s, index, HF_WHY_RETRANSMIT_TIMEOUT);
    }
}

/*
 * What an acceptable ACK means (RFC 9293, 3.10.7.4, fifth, ESTABLISHED): in this order the left edge, the window, the
 * round-trip time, the scoreboard, the losses, congestion. Here alone these strangers meet.
 *
 * Read first: synchronized.c. Read next: sent.c, loss.c, rtt.c, cc/cc.h.
 */
#include "steps.h"

void hf_take_window(struct hf_tcp *c, const struct hf_segment *seg)
{
    uint8_t scale = seg->flags & HF_TCP_SYN ? 0 : c->snd_scale; /* a SYN's window is never scaled: RFC 7323, 2.2 */
    c->snd.wnd = (uint32_t)seg->wnd << scale; /* MUST-1 */
    c->snd.max_wnd = HF_MAX(c->snd.max_wnd, c->snd.wnd);
    c->snd.wl1 = seg->seq;
    c->snd.wl2 = seg->ack;
}

/* "To prevent the use of old segments": only a segment newer than the last that set the window may set it. */
static void update_window(struct hf_tcp *c, const struct hf_segment *seg)
{
    bool newer =
        hf_seq_lt(c->snd.wl1, seg->seq) || (hf_seq_eq(c->snd.wl1, seg->seq) && hf_seq_le(c->snd.wl2, seg->ack));
    if (newer)
        hf_take_window(c, seg);
}

/* Duplicate as RFC 5681, 2 defines it: something is outstanding, no text, no SYN or FIN, same ACK, same window. But the
 * answers to refused probes look just so, and tell of no loss (BUG-43). */
static bool is_duplicate(const struct hf_tcp *c, const struct hf_tcp_sending *s, const struct hf_segment *seg,
                         uint32_t window_before)
{
    return seg->len == 0 && hf_seq_eq(seg->ack, c->snd.una) && !hf_seq_eq(c->snd.una, c->snd.nxt) &&
           c->snd.wnd == window_before && !(s != NULL && s->probing);
}

/* SND.UNA moves; returns the bytes of text that this acknowledges. */
static uint32_t move_left_edge(struct hf_tcp *c, const struct hf_tcp_sending *s, hf_seq ack)
{
    if (hf_seq_le(ack, c->snd.una))
        return 0;
    uint64_t offset = hf_snd_offset(c, ack);
    uint64_t end = s == NULL ? c->snd_base : s->end;
    offset = HF_MIN(offset, end); /* a FIN takes a number, not a byte */
    uint32_t acked = (uint32_t)(offset - c->snd_base);
    c->snd_base = offset;
    c->snd.una = ack;
    if ((c->flags & HF_TF_URGENT) && s != NULL && hf_seq_ge(ack, s->up))
        c->flags &= ~(uint32_t)HF_TF_URGENT;
    return acked;
}

/* Marks that SND.UNA has passed move on with it. Left behind they would come to lie ahead of it after 2^31 bytes, for
 * another 2^31 (BUG-19). */
static void drag_marks(struct hf_tcp_sending *s, hf_seq una)
{
    s->small = hf_seq_max(s->small, una);
    s->recover = hf_seq_max(s->recover, una);
    s->fack = hf_seq_max(s->fack, una);
    s->ecn_until = hf_seq_max(s->ecn_until, una);
}

/* Does the first block report a duplicate (RFC 2883, 4 and 5): does it lie below SEG.ACK, or within the second block? What
 * never was in flight, or long ago, is nobody's duplicate. */
static bool is_duplicate_report(const struct hf_tcp *c, const struct hf_segment *seg)
{
    const struct hf_sack_block *block = seg->opts.sack;
    if (!hf_seq_lt(block[0].from, block[0].to) || hf_seq_gt(block[0].to, c->snd.nxt) ||
        hf_seq_lt(block[0].from, hf_seq_sub(c->snd.una, c->snd.max_wnd)))
        return false;
    bool acked = hf_seq_le(block[0].to, seg->ack);
    bool within = seg->opts.sack_count > 1 && hf_seq_ge(block[0].from, block[1].from) &&
                  hf_seq_le(block[0].to, block[1].to);
    return acked || within;
}

/* SACK blocks count only above SND.UNA and up to SND.NXT (BUG-38). */
static void take_sacks(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                       const struct hf_segment *seg, struct hf_sent_facts *facts)
{
    if (!(c->flags & HF_TF_SACK) || !(seg->opts.present & HF_OPT_SACK))
        return;
    hf_seq fack = s->fack;
    bool reports = seg->opts.sack_count > 0 && is_duplicate_report(c, seg);
    if (reports)
        facts->duplicate = seg->opts.sack[0];
    for (unsigned i = reports; i < seg->opts.sack_count; i++) {
        struct hf_sack_block block = seg->opts.sack[i];
        if (!hf_seq_lt(block.from, block.to) || hf_seq_lt(block.from, c->snd.una) ||
            hf_seq_gt(block.to, c->snd.nxt))
            continue;
        hf_sent_sacked(sh, s, block, facts);
        fack = hf_seq_max(fack, block.to);
    }
    s->fack = fack; /* only now: what one ACK reports has no order */
}

/* A sample from what was sent once (MUST-18: Karn; RFC 6298, 3); failing that, from the timestamp echoed, which tells which
 * transmission was answered (RFC 7323, 4.1). */
static void take_rtt(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_segment *seg,
                     const struct hf_sent_facts *facts)
{
    bool retransmitted = !hf_time_is_never(facts->again.at);
    if (!hf_time_is_never(facts->once.at) && !retransmitted) {
        hf_rtt_sample(sh, c, hf_time_since(sh->now, facts->once.at));
        s->tlp.has_sample = true;
        return;
    }
    bool stamped = (c->flags & HF_TF_TIMESTAMPS) && seg->opts.tsecr != 0;
    int32_t ms = (int32_t)(hf_tcp_ms(sh) + c->ts_offset - seg->opts.tsecr);
    if (!stamped || !retransmitted || ms < 0)
        return;
    hf_rtt_sample(sh, c, HF_MAX(ms, 1) * HF_MS);
    s->tlp.has_sample = true;
}

/* Probing is over, so its long intervals are too: they said nothing of the path (BUG-30). */
static void stop_probing(struct hf_tcp *c, struct hf_tcp_sending *s)
{
    if (s->probing)
        c->backoff = 0;
    s->probing = false;
    c->owed &= (uint8_t)~HF_OWE_PROBE;
}

/* A probe of the closed window was refused and now the window is open: what it carried goes again, at once. It was small
 * because the window was; Nagle's algorithm has no reason to let the rest wait for its ACK (BUG-35). */
static void window_reopened(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    if (!s->probing || c->snd.wnd == 0)
        return;
    stop_probing(c, s);
    s->small = c->snd.una;
    hf_timers_progress(sh, c);
    if (s->first != HF_NONE)
        hf_loss_resend_all(sh, c, HF_WHY_WINDOW_PROBE);
}

static void tell_rate(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                      const struct hf_sent_facts *facts)
{
    struct hf_cc_rate rate;
    if (facts->delivered == 0)
        return;
    hf_rate_acked(sh, c, s, facts, &rate);
    const struct hf_cc_ack ack = {
        .at = sh->now,
        .acked = facts->delivered,
        .in_flight = hf_in_flight(c, s),
        .rtt = hf_time_is_never(facts->once.at) ? 0 : hf_time_since(sh->now, facts->once.at),
        .srtt = (hf_ns)c->srtt_us * HF_US,
        .cwnd_limited = c->flags & HF_TF_CWND_LIMITED,
        .is_recovering = s->recovery != HF_OPEN,
        .has_sack = c->flags & HF_TF_SACK,
        .rate = &rate,
    };
    hf_cc_acked(&c->cc, hf_work_of(sh, s), &ack);
    hf_rate_told(sh, c, s);
}

static void tell_congestion(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                            const struct hf_sent_facts *facts)
{
    uint32_t delivered = facts->delivered;
    if (s->recovery == HF_RECOVERY || delivered == 0)
        return; /* in fast recovery the window is PRR's; after a time-out slow start goes on */
    if (s->recovery == HF_LOSS_TIMEOUT && !(c->flags & HF_TF_SACK))
        delivered = HF_MIN(delivered, (uint32_t)c->cc.mss); /* it may have arrived long ago: RFC 3465, 2.3 */
    const struct hf_cc_ack ack = {
        .at = sh->now,
        .acked = delivered,
        .in_flight = hf_in_flight(c, s),
        .rtt = hf_time_is_never(facts->once.at) ? 0 : hf_time_since(sh->now, facts->once.at),
        .srtt = (hf_ns)c->srtt_us * HF_US,
        .cwnd_limited = c->flags & HF_TF_CWND_LIMITED,
    };
    hf_cc_acked(&c->cc, &s->work, &ack);
}

static void release_if_done(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                            const struct hf_segment *seg)
{
    if (!hf_seq_eq(c->snd.una, c->snd.nxt) || s->end != c->snd_base)
        return;
    c->flags &= ~(uint32_t)HF_TF_CWND_LIMITED;
    c->own.news |= HF_EV_SENT;
    hf_tlp_over(sh, c, s, seg);
    hf_detach_sending(sh, c);
}

void hf_tcp_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (hf_seq_lt(seg->ack, c->snd.una))
        return; /* an old one: its text may still be new, its ACK is not */
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    uint32_t window_before = c->snd.wnd;
    struct hf_ack ack = {.seg = seg, .progress = hf_seq_gt(seg->ack, c->snd.una)};
    if (s != NULL && hf_rates_are_wanted(sh))
        hf_rate_note_limit(sh, c, s);
    update_window(c, seg);
    ack.duplicate = !ack.progress && is_duplicate(c, s, seg, window_before);
    ack.acked = move_left_edge(c, s, seg->ack);
    if (s == NULL) {
        (void)hf_ecn_acked(sh, c, NULL, seg, 0);
        return;
    }
    struct hf_sent_facts facts = {.once.at = HF_NEVER, .again.at = HF_NEVER};
    struct hf_rate_newest newest;
    if (hf_rates_are_wanted(sh)) {
        newest.any = false;
        facts.newest = &newest;
    }
    hf_sent_acked(sh, s, c->snd.una, &facts);
    take_sacks(sh, c, s, seg, &facts);
    if (ack.progress || facts.sacked > 0)
        take_rtt(sh, c, s, seg, &facts);
    if (ack.progress) {
        stop_probing(c, s);
        drag_marks(s, c->snd.una);
        hf_stream_drop_below(&s->stream, &sh->blocks, c->snd_base);
        hf_timers_progress(sh, c);
    } else if (c->snd.wnd == 0) {
        c->retries = 0; /* a closed window that is answered is probed for ever: MUST-37, SHLD-17 */
    }
    window_reopened(sh, c, s);
    bool marked = hf_ecn_acked(sh, c, s, seg, HF_MAX(facts.delivered, (uint32_t)ack.progress));
    if (!hf_rates_are_wanted(sh) && !marked) /* a mark lets nothing grow: RFC 3168, 6.1.2 */
        tell_congestion(sh, c, s, &facts);
    hf_loss_acked(sh, c, s, &ack, &facts);
    if (hf_rates_are_wanted(sh))
        tell_rate(sh, c, s, &facts); /* behind the losses: they belong to the same ACK */
    if (HF_UNLIKELY(facts.size_probe))
        hf_mtu_probe_arrived(sh, c, s);
    if (marked)
        hf_ecn_slow_down(sh, c, s, facts.delivered);
    release_if_done(sh, c, s, seg);
}

/*
 * What is in flight: a list of runs in sequence order, each acknowledged, SACKed, lost, or none of these yet.
 *
 *      SND.UNA                                       SND.NXT
 *        |--run--|--run, SACKed--|--run, lost--|--run--|
 *
 * A run is what one frame carried, so there are as many as frames, not as segments. SACK blocks split runs, but only
 * between segments: a receiver that reports odd bytes makes no more records than there are segments (BUG-38). SACKed
 * neighbours are joined, so that a long stretch that has arrived is one record. s->sacked and s->lost are the sums of
 * the marked runs; a run is never both.
 *
 * Two queues thread the runs that are not SACKed: `flying` in the order of sending, so that RACK looks only at what it
 * may condemn (RFC 8985, 6.2, step 5), and `repairs`, what is to be sent again.
 *
 * What is only SACKed stays: the receiver may give it up again (RFC 2018, 8).
 *
 * Read first: tcb.h. Read next: acked.c, loss.c.
 */
#include "steps.h"

static uint32_t run_len(const struct hf_sent *run) { return (uint32_t)hf_seq_diff(run->to, run->from); }

static uint32_t segments_in(uint32_t len, uint32_t mss) { return len <= mss ? 1 : (len + mss - 1) / mss; }

/* ---- the two queues ---- */

static void put_last(const struct hf_tcp_shared *sh, struct hf_sent_queue *queue, uint32_t index)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    run->after = HF_NONE;
    run->before = queue->last;
    if (queue->last == HF_NONE)
        queue->first = index;
    else
        hf_sent_at(sh, queue->last)->after = index;
    queue->last = index;
}

static void put_first(const struct hf_tcp_shared *sh, struct hf_sent_queue *queue, uint32_t index)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    run->before = HF_NONE;
    run->after = queue->first;
    if (queue->first == HF_NONE)
        queue->last = index;
    else
        hf_sent_at(sh, queue->first)->before = index;
    queue->first = index;
}

static void put_behind(const struct hf_tcp_shared *sh, struct hf_sent_queue *queue, uint32_t index, uint32_t other)
{
    struct hf_sent *run = hf_sent_at(sh, index), *ahead = hf_sent_at(sh, other);
    run->before = other;
    run->after = ahead->after;
    if (ahead->after == HF_NONE)
        queue->last = index;
    else
        hf_sent_at(sh, ahead->after)->before = index;
    ahead->after = index;
}

static void take_out(const struct hf_tcp_shared *sh, struct hf_sent_queue *queue, uint32_t index)
{
    const struct hf_sent *run = hf_sent_at(sh, index);
    if (run->before == HF_NONE)
        queue->first = run->after;
    else
        hf_sent_at(sh, run->before)->after = run->after;
    if (run->after == HF_NONE)
        queue->last = run->before;
    else
        hf_sent_at(sh, run->after)->before = run->before;
}

static struct hf_sent_queue *queue_of(struct hf_tcp_sending *s, const struct hf_sent *run)
{
    return run->flags & HF_SENT_LOST ? &s->repairs : &s->flying;
}

/* A run is about to go or to become something else: it leaves its queue and the sums. */
static void leave(const struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    if (run->flags & HF_SENT_SACKED) {
        s->sacked -= run_len(run);
        s->sacked_segments -= run->segments;
    } else {
        s->lost -= run->flags & HF_SENT_LOST ? run_len(run) : 0;
        take_out(sh, queue_of(s, run), index);
    }
    run->flags &= (uint8_t)~(HF_SENT_SACKED | HF_SENT_LOST);
}

/* ---- the list ---- */

void hf_sent_begin(struct hf_tcp_sending *s)
{
    s->first = s->last = s->cursor = s->top = HF_NONE;
    s->flying = s->repairs = (struct hf_sent_queue){HF_NONE, HF_NONE};
}

static uint32_t take_record(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    uint32_t index = hf_pool_take(&sh->sent);
    if (index == HF_NONE)
        hf_count(sh, HF_LIMIT_SENT);
    else
        s->runs++;
    return index;
}

bool hf_sent_add(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, hf_seq from, hf_seq to, uint32_t mss)
{
    uint32_t index = take_record(sh, s);
    if (index == HF_NONE)
        return false;
    struct hf_sent *run = hf_sent_at(sh, index);
    *run = (struct hf_sent){.next = HF_NONE, .prev = s->last, .from = from, .to = to, .at = sh->now};
    run->mss = (uint16_t)mss;
    run->segments = segments_in(run_len(run), mss);
    if (s->last == HF_NONE)
        s->first = index;
    else
        hf_sent_at(sh, s->last)->next = index;
    s->last = index;
    put_last(sh, &s->flying, index);
    return true;
}

/* Takes a run, which has left its queue, out of the list. */
static void remove_run(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index)
{
    const struct hf_sent *run = hf_sent_at(sh, index);
    if (run->prev == HF_NONE)
        s->first = run->next;
    else
        hf_sent_at(sh, run->prev)->next = run->next;
    if (run->next == HF_NONE)
        s->last = run->prev;
    else
        hf_sent_at(sh, run->next)->prev = run->prev;
    if (s->cursor == index)
        s->cursor = run->prev != HF_NONE ? run->prev : run->next;
    if (s->top == index)
        s->top = HF_NONE;
    s->runs--;
    hf_pool_give(&sh->sent, index);
}

/* Splits a run that is not SACKed behind its first `len` bytes; the rest becomes a record of its own with the same marks,
 * behind it in its queue. False when the pool is empty: whoever wanted the split does without. */
static bool split(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, uint32_t len)
{
    uint32_t rest_index = take_record(sh, s);
    if (rest_index == HF_NONE)
        return false;
    struct hf_sent *run = hf_sent_at(sh, index), *rest = hf_sent_at(sh, rest_index);
    *rest = *run;
    rest->from = hf_seq_add(run->from, len);
    rest->prev = index;
    rest->segments = segments_in(run_len(rest), rest->mss);
    run->to = rest->from;
    run->next = rest_index;
    run->segments = segments_in(len, run->mss);
    run->flags &= (uint8_t)~HF_SENT_PUSHED;
    if (rest->next == HF_NONE)
        s->last = rest_index;
    else
        hf_sent_at(sh, rest->next)->prev = rest_index;
    put_behind(sh, queue_of(s, run), rest_index, index);
    if (hf_rates_are_wanted(sh))
        hf_rate_split(sh, index, rest_index);
    return true;
}

/* ---- what an ACK tells ---- */

static void keep_newest(struct hf_sent_newest *newest, hf_time at, hf_seq end)
{
    bool newer = hf_time_is_never(newest->at) || hf_time_before(newest->at, at);
    if (newer || (newest->at.ns == at.ns && hf_seq_gt(end, newest->end)))
        *newest = (struct hf_sent_newest){at, end};
}

/* A run, or its first bytes up to `end`, has arrived. */
static void note_arrival(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s, uint32_t index, hf_seq end,
                         struct hf_sent_facts *facts)
{
    const struct hf_sent *run = hf_sent_at(sh, index);
    if (facts->newest != NULL)
        hf_rate_arrived(sh, index, run->at, end, facts->newest);
    bool again = run->flags & HF_SENT_AGAIN;
    facts->size_probe |= (run->flags & HF_SENT_SIZE_PROBE) && hf_seq_eq(end, run->to);
    facts->delivered += (uint32_t)hf_seq_diff(end, run->from);
    keep_newest(again ? &facts->again : &facts->once, run->at, end);
    if (again)
        return;
    facts->reordered |= hf_seq_lt(end, s->fack);
    facts->original |= hf_seq_le(end, s->recover);
}

/* The first bytes of a run are acknowledged. How many segments a joined run had is only known as a sum. */
static void trim_front(struct hf_tcp_sending *s, struct hf_sent *run, hf_seq ack)
{
    uint32_t gone = (uint32_t)hf_seq_diff(ack, run->from);
    run->from = ack;
    if (run->flags & HF_SENT_SACKED) {
        uint32_t segments = HF_MIN(gone / run->mss, run->segments - 1);
        s->sacked -= gone;
        s->sacked_segments -= segments;
        run->segments -= segments;
    } else {
        s->lost -= run->flags & HF_SENT_LOST ? gone : 0;
        run->segments = segments_in(run_len(run), run->mss);
    }
}

void hf_sent_acked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, hf_seq ack, struct hf_sent_facts *facts)
{
    while (s->first != HF_NONE) {
        uint32_t index = s->first;
        struct hf_sent *run = hf_sent_at(sh, index);
        if (hf_seq_le(ack, run->from))
            return;
        if (!(run->flags & HF_SENT_SACKED))
            note_arrival(sh, s, index, hf_seq_min(ack, run->to), facts);
        if (hf_seq_lt(ack, run->to)) {
            trim_front(s, run, ack);
            return;
        }
        leave(sh, s, index);
        remove_run(sh, s, index);
    }
}

/* ---- SACK blocks ---- */

/* Of the beginning, the place where the last search ended, and the end, the one nearest to `seq`. The end is that of what
 * has arrived, where there is any: behind it lie as many runs as are under way, and no block but one that just came. */
static uint32_t nearest(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s, hf_seq seq)
{
    uint32_t end = s->top != HF_NONE ? s->top : s->last;
    if (s->first == HF_NONE || s->cursor == HF_NONE)
        return s->first;
    if (s->top != HF_NONE && hf_seq_le(hf_sent_at(sh, s->top)->from, seq))
        return s->top;
    hf_seq middle = hf_sent_at(sh, s->cursor)->from;
    if (hf_seq_lt(seq, middle)) {
        hf_seq low = hf_sent_at(sh, s->first)->from;
        return hf_seq_diff(seq, low) < hf_seq_diff(middle, seq) ? s->first : s->cursor;
    }
    hf_seq high = hf_sent_at(sh, end)->from;
    return hf_seq_diff(high, seq) < hf_seq_diff(seq, middle) ? end : s->cursor;
}

/* The run that holds `seq`. HF_NONE when there is none, or when this ACK has cost enough; then the search goes on where it
 * ended should the block be reported again, as honest receivers do. */
static uint32_t find(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, hf_seq seq, struct hf_sent_facts *facts)
{
    uint32_t index = nearest(sh, s, seq);
    for (; index != HF_NONE; facts->searched++) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        s->cursor = index;
        if (hf_seq_le(run->from, seq) && hf_seq_lt(seq, run->to))
            return index;
        if (facts->searched == HF_SACK_SEARCH) {
            hf_count(sh, HF_LIMIT_SACK_SEARCH);
            return HF_NONE;
        }
        index = hf_seq_lt(seq, run->from) ? run->prev : run->next;
    }
    return HF_NONE;
}

/* Joins a SACKed run with its SACKed neighbour behind it. */
static void absorb_next(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    const struct hf_sent *next = hf_sent_at(sh, run->next);
    run->to = next->to;
    run->segments += next->segments;
    run->flags = (uint8_t)((run->flags & ~HF_SENT_PUSHED) | (next->flags & (HF_SENT_PUSHED | HF_SENT_AGAIN)));
    bool was_top = s->top == run->next;
    remove_run(sh, s, run->next);
    if (was_top)
        s->top = index;
}

static bool is_sacked(const struct hf_tcp_shared *sh, uint32_t index)
{
    return index != HF_NONE && (hf_sent_at(sh, index)->flags & HF_SENT_SACKED);
}

/* Returns the run behind. */
static uint32_t mark_sacked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index,
                            struct hf_sent_facts *facts)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    note_arrival(sh, s, index, run->to, facts);
    leave(sh, s, index);
    run->flags |= HF_SENT_SACKED;
    s->sacked += run_len(run);
    s->sacked_segments += run->segments;
    facts->sacked += run_len(run);
    if (is_sacked(sh, run->prev)) {
        index = run->prev;
        absorb_next(sh, s, index);
    }
    if (is_sacked(sh, hf_sent_at(sh, index)->next))
        absorb_next(sh, s, index);
    s->cursor = index;
    if (s->top == HF_NONE || hf_seq_gt(hf_sent_at(sh, index)->from, hf_sent_at(sh, s->top)->from))
        s->top = index;
    return hf_sent_at(sh, index)->next;
}

/* Marks as many whole segments of a run as the block covers. Returns the next run to look at, HF_NONE to stop. */
static uint32_t mark_part(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index,
                          struct hf_sack_block block, struct hf_sent_facts *facts)
{
    const struct hf_sent *run = hf_sent_at(sh, index);
    uint32_t len = run_len(run), skip = 0, upto = len, next = run->next;
    if (hf_seq_lt(run->from, block.from))
        skip = segments_in((uint32_t)hf_seq_diff(block.from, run->from), run->mss) * run->mss;
    if (hf_seq_lt(block.to, run->to))
        upto = (uint32_t)hf_seq_diff(block.to, run->from) / run->mss * run->mss;
    if (skip >= upto)
        return next;
    if (upto < len && !split(sh, s, index, upto))
        return HF_NONE;
    if (skip > 0 && !split(sh, s, index, skip))
        return HF_NONE;
    return mark_sacked(sh, s, skip > 0 ? hf_sent_at(sh, index)->next : index, facts);
}

void hf_sent_sacked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, struct hf_sack_block block,
                    struct hf_sent_facts *facts)
{
    uint32_t index = find(sh, s, block.from, facts);
    while (index != HF_NONE && hf_seq_lt(hf_sent_at(sh, index)->from, block.to)) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        index = run->flags & HF_SENT_SACKED ? run->next : mark_part(sh, s, index, block, facts);
    }
}

/* ---- what is lost, and sent again ---- */

/* In sequence order as far as that costs nothing: what lies below all others goes first. */
void hf_sent_lost(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, enum hf_reason why)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    if (run->flags & (HF_SENT_LOST | HF_SENT_SACKED))
        return;
    leave(sh, s, index);
    bool is_probe = run->flags & HF_SENT_SIZE_PROBE; /* it was too large, and not for the path's rate */
    run->flags = (uint8_t)((run->flags & ~HF_SENT_SIZE_PROBE) | HF_SENT_LOST);
    run->why_again = (uint8_t)why;
    s->lost += run_len(run);
    if (hf_rates_are_wanted(sh) && !is_probe)
        hf_rate_lost(sh, s, index, run_len(run));
    if (s->repairs.first != HF_NONE && hf_seq_lt(run->from, hf_sent_at(sh, s->repairs.first)->from))
        put_first(sh, &s->repairs, index);
    else
        put_last(sh, &s->repairs, index);
}

void hf_sent_lost_first(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, enum hf_reason why)
{
    const struct hf_sent *run = hf_sent_at(sh, s->first);
    if (run_len(run) > run->mss)
        (void)split(sh, s, s->first, run->mss);
    hf_sent_lost(sh, s, s->first, why);
}

void hf_sent_oldest_first(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    if (s->repairs.first == s->first || !(hf_sent_at(sh, s->first)->flags & HF_SENT_LOST))
        return;
    take_out(sh, &s->repairs, s->first);
    put_first(sh, &s->repairs, s->first);
}

void hf_sent_lost_all(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, enum hf_reason why)
{
    s->flying = s->repairs = (struct hf_sent_queue){HF_NONE, HF_NONE};
    s->lost = 0;
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next) {
        struct hf_sent *run = hf_sent_at(sh, index);
        if (run->flags & HF_SENT_SACKED)
            continue;
        if (!(run->flags & HF_SENT_LOST))
            run->why_again = (uint8_t)why;
        if (!(run->flags & HF_SENT_LOST) && hf_rates_are_wanted(sh))
            hf_rate_lost(sh, s, index, run_len(run));
        run->flags = (uint8_t)((run->flags & ~HF_SENT_SIZE_PROBE) | HF_SENT_LOST);
        s->lost += run_len(run);
        put_last(sh, &s->repairs, index);
    }
}

/* Neighbours that are lost become one, to be cut anew. */
static void join_lost(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next) {
        struct hf_sent *run = hf_sent_at(sh, index);
        while ((run->flags & HF_SENT_LOST) && run->next != HF_NONE &&
               (hf_sent_at(sh, run->next)->flags & HF_SENT_LOST)) {
            const struct hf_sent *next = hf_sent_at(sh, run->next);
            uint8_t marks = next->flags & (HF_SENT_PUSHED | HF_SENT_AGAIN);
            run->flags = (uint8_t)((run->flags & ~HF_SENT_PUSHED) | marks); /* the last push stands for all: SHLD-27 */
            run->to = next->to;
            run->segments = segments_in(run_len(run), run->mss);
            take_out(sh, &s->repairs, run->next);
            remove_run(sh, s, run->next);
        }
    }
}

void hf_sent_too_large(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t mss, enum hf_reason why)
{
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        if (HF_MIN(run_len(run), run->mss) > mss)
            hf_sent_lost(sh, s, index, why);
    }
    join_lost(sh, s);
}

void hf_sent_not_lost(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    while (s->repairs.last != HF_NONE) { /* it was sent before all that is still thought in flight */
        uint32_t index = s->repairs.last;
        leave(sh, s, index);
        put_first(sh, &s->flying, index);
    }
}

/* The run has just left again. */
static void fly_again(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    leave(sh, s, index);
    run->flags |= HF_SENT_AGAIN;
    run->at = sh->now;
    put_last(sh, &s->flying, index);
}

void hf_sent_again(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t len, uint32_t mss)
{
    uint32_t index = s->repairs.first;
    struct hf_sent *run = hf_sent_at(sh, index);
    if (len < run_len(run))
        (void)split(sh, s, index, len); /* failing that, the whole run counts as sent and the timer covers the rest */
    run->mss = (uint16_t)mss;
    run->segments = segments_in(run_len(run), mss);
    fly_again(sh, s, index);
}

void hf_sent_tail_again(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    uint32_t index = s->last;
    const struct hf_sent *run = hf_sent_at(sh, index);
    uint32_t ahead = (uint32_t)hf_seq_diff(hf_sent_tail(run), run->from);
    if (ahead > 0 && split(sh, s, index, ahead))
        index = s->last;
    fly_again(sh, s, index);
}

void hf_sent_probed(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    struct hf_sent *run = hf_sent_at(sh, s->first);
    if (!(run->flags & (HF_SENT_LOST | HF_SENT_SACKED)))
        fly_again(sh, s, s->first); /* a probe's byte was never lost, only refused */
    else
        run->flags |= HF_SENT_AGAIN;
}

void hf_sent_reneged(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, enum hf_reason why)
{
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next)
        hf_sent_at(sh, index)->flags &= (uint8_t)~HF_SENT_SACKED;
    s->sacked = s->sacked_segments = 0;
    s->top = HF_NONE;
    hf_sent_lost_all(sh, s, why);
}

void hf_sent_clear(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    while (s->first != HF_NONE) {
        leave(sh, s, s->first);
        remove_run(sh, s, s->first);
    }
}

/* ---- invariants ---- */

static const char *check_list(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    uint32_t prev = HF_NONE, runs = 0;
    hf_seq at = hf_syn_is_unacked(c) ? hf_seq_add(c->snd.una, 1) : c->snd.una;
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        if (!hf_seq_eq(run->from, at) || hf_seq_ge(run->from, run->to))
            return "sent: runs leave a gap or are empty";
        if (run->prev != prev)
            return "sent: list broken";
        if (is_sacked(sh, prev) && is_sacked(sh, index))
            return "sent: SACKed neighbours that were not joined";
        at = run->to;
        prev = index;
        runs++;
    }
    if (s->first != HF_NONE && !hf_seq_eq(at, c->snd.nxt))
        return "sent: runs do not end at SND.NXT";
    if (s->last != prev)
        return "sent: last is not the last";
    return runs == s->runs ? NULL : "sent: runs miscounted";
}

static const char *check_sums(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s)
{
    uint32_t sacked = 0, lost = 0, segments = 0, last_sacked = HF_NONE;
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        sacked += run->flags & HF_SENT_SACKED ? run_len(run) : 0;
        last_sacked = run->flags & HF_SENT_SACKED ? index : last_sacked;
        segments += run->flags & HF_SENT_SACKED ? run->segments : 0;
        lost += run->flags & HF_SENT_LOST ? run_len(run) : 0;
    }
    bool no_top = s->top == HF_NONE, top_is_right = no_top ? sacked == 0 : s->top == last_sacked;
    bool right = top_is_right && sacked == s->sacked && lost == s->lost && segments == s->sacked_segments;
    return right ? NULL : "sent: sums do not match the marks";
}

/* Counts a queue down; all of it must carry `mark` of the two marks. */
static const char *check_queue(const struct hf_tcp_shared *sh, const struct hf_sent_queue *queue, uint8_t mark,
                               uint32_t *runs)
{
    uint32_t before = HF_NONE;
    for (uint32_t index = queue->first; index != HF_NONE; index = hf_sent_at(sh, index)->after) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        if (*runs == 0 || run->before != before || (run->flags & (HF_SENT_LOST | HF_SENT_SACKED)) != mark)
            return "sent: a queue is broken";
        before = index;
        (*runs)--;
    }
    return queue->last == before ? NULL : "sent: the last of a queue is not the last";
}

const char *hf_sent_check(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    const char *wrong = check_list(sh, c, s);
    uint32_t runs = s->runs;
    if (wrong == NULL)
        wrong = check_sums(sh, s);
    if (wrong == NULL)
        wrong = check_queue(sh, &s->flying, 0, &runs);
    if (wrong == NULL)
        wrong = check_queue(sh, &s->repairs, HF_SENT_LOST, &runs);
    for (uint32_t index = s->first; wrong == NULL && index != HF_NONE; index = hf_sent_at(sh, index)->next)
        runs -= is_sacked(sh, index);
    return wrong == NULL && runs != 0 ? "sent: a run is in no queue" : wrong;
}

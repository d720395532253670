/*
 * What is in flight: a list of runs in sequence order, each acknowledged, SACKed, lost, or none of these yet.
 *
 *      SND.UNA                                       SND.NXT
 *        |--run--|--run, SACKed--|--run, lost--|--run--|
 *
 * A run is what one frame carried, so there are as many as frames, not as segments. SACK blocks split runs where
 * they must. s->sacked and s->lost are the sums of the marked runs; a run is never both.
 *
 * What is only SACKed stays: the receiver may give it up again (RFC 2018, 8).
 *
 * Read first: tcb.h. Read next: acked.c, loss.c.
 */
#include "steps.h"

static uint32_t run_len(const struct hf_sent *run) { return (uint32_t)hf_seq_diff(run->to, run->from); }

bool hf_sent_add(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, hf_seq from, hf_seq to)
{
    uint32_t index = hf_pool_take(&sh->sent);
    if (index == HF_NONE) {
        hf_count(sh, HF_LIMIT_SENT);
        return false;
    }
    *hf_sent_at(sh, index) = (struct hf_sent){.next = HF_NONE, .prev = s->last, .from = from, .to = to, .at = sh->now};
    if (s->last == HF_NONE)
        s->first = index;
    else
        hf_sent_at(sh, s->last)->next = index;
    s->last = index;
    return true;
}

/* Takes the marks of a run out of the sums, before it goes or changes. */
static void unmark(struct hf_tcp_sending *s, struct hf_sent *run)
{
    if (run->flags & HF_SENT_SACKED)
        s->sacked -= run_len(run);
    if (run->flags & HF_SENT_LOST)
        s->lost -= run_len(run);
    run->flags &= (uint8_t)~(HF_SENT_SACKED | HF_SENT_LOST);
}

/* Moves the hint on to the first lost run from `index` on. */
static void find_next_lost(const struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index)
{
    while (s->lost > 0 && index != HF_NONE && !(hf_sent_at(sh, index)->flags & HF_SENT_LOST))
        index = hf_sent_at(sh, index)->next;
    s->next_lost = s->lost > 0 ? index : HF_NONE;
}

static void remove_first(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    uint32_t index = s->first;
    struct hf_sent *run = hf_sent_at(sh, index);
    unmark(s, run);
    s->first = run->next;
    if (s->first == HF_NONE)
        s->last = HF_NONE;
    else
        hf_sent_at(sh, s->first)->prev = HF_NONE;
    if (s->next_lost == index)
        find_next_lost(sh, s, s->first);
    hf_pool_give(&sh->sent, index);
}

/* Splits a run behind its first `len` bytes; the rest becomes a record of its own with the same marks. Returns
 * false when the pool is empty: whoever wanted the split does without. */
static bool split(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, uint32_t len)
{
    uint32_t rest_index = hf_pool_take(&sh->sent);
    if (rest_index == HF_NONE) {
        hf_count(sh, HF_LIMIT_SENT);
        return false;
    }
    struct hf_sent *run = hf_sent_at(sh, index), *rest = hf_sent_at(sh, rest_index);
    *rest = *run;
    rest->from = hf_seq_add(run->from, len);
    rest->prev = index;
    run->to = rest->from;
    run->next = rest_index;
    run->flags &= (uint8_t)~HF_SENT_PUSHED;
    if (rest->next == HF_NONE)
        s->last = rest_index;
    else
        hf_sent_at(sh, rest->next)->prev = rest_index;
    return true;
}

void hf_sent_acked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, hf_seq ack, struct hf_sent_facts *facts)
{
    while (s->first != HF_NONE) {
        struct hf_sent *run = hf_sent_at(sh, s->first);
        if (hf_seq_le(ack, run->from))
            return;
        if (run->flags & HF_SENT_AGAIN)
            facts->retransmitted = true;
        else if (!(run->flags & HF_SENT_SACKED))
            facts->clean_at = run->at;
        if (hf_seq_lt(ack, run->to)) {
            uint8_t marks = run->flags & (HF_SENT_SACKED | HF_SENT_LOST);
            uint32_t gone = (uint32_t)hf_seq_diff(ack, run->from);
            s->sacked -= marks & HF_SENT_SACKED ? gone : 0;
            s->lost -= marks & HF_SENT_LOST ? gone : 0;
            run->from = ack;
            return;
        }
        remove_first(sh, s);
    }
}

static void mark_sacked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, struct hf_sent_facts *facts)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    if (run->flags & HF_SENT_SACKED)
        return;
    unmark(s, run);
    run->flags |= HF_SENT_SACKED;
    s->sacked += run_len(run);
    facts->sacked += run_len(run);
    if (!(run->flags & HF_SENT_AGAIN))
        facts->clean_at = run->at;
    if (s->next_lost == index)
        find_next_lost(sh, s, run->next);
}

void hf_sent_sacked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, struct hf_sack_block block,
                    struct hf_sent_facts *facts)
{
    uint32_t index = s->first;
    while (index != HF_NONE && hf_seq_le(hf_sent_at(sh, index)->to, block.from))
        index = hf_sent_at(sh, index)->next;
    for (; index != HF_NONE; index = hf_sent_at(sh, index)->next) {
        struct hf_sent *run = hf_sent_at(sh, index);
        if (hf_seq_ge(run->from, block.to))
            return;
        if (hf_seq_lt(run->from, block.from)) {
            if ((run->flags & HF_SENT_SACKED) == 0 &&
                !split(sh, s, index, (uint32_t)hf_seq_diff(block.from, run->from)))
                return;
            continue; /* the part behind the split is next */
        }
        if (hf_seq_gt(run->to, block.to) && (run->flags & HF_SENT_SACKED) == 0 &&
            !split(sh, s, index, (uint32_t)hf_seq_diff(block.to, run->from)))
            return;
        mark_sacked(sh, s, index, facts);
    }
}

void hf_sent_lost(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, enum hf_reason why)
{
    struct hf_sent *run = hf_sent_at(sh, index);
    if (run->flags & (HF_SENT_LOST | HF_SENT_SACKED))
        return;
    run->flags |= HF_SENT_LOST;
    run->why_again = (uint8_t)why;
    s->lost += run_len(run);
    if (s->next_lost == HF_NONE || hf_seq_lt(run->from, hf_sent_at(sh, s->next_lost)->from))
        s->next_lost = index;
}

void hf_sent_again(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t len)
{
    uint32_t index = s->next_lost;
    struct hf_sent *run = hf_sent_at(sh, index);
    if (len < run_len(run))
        (void)split(sh, s, index, len); /* failing that, the whole run counts as sent and the timer covers the rest */
    unmark(s, run);
    run->flags |= HF_SENT_AGAIN;
    run->at = sh->now;
    find_next_lost(sh, s, run->next);
}

void hf_sent_forget_sacks(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next)
        hf_sent_at(sh, index)->flags &= (uint8_t)~HF_SENT_SACKED;
    s->sacked = 0;
}

void hf_sent_clear(struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    while (s->first != HF_NONE)
        remove_first(sh, s);
}

const char *hf_sent_check(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    uint32_t sacked = 0, lost = 0, prev = HF_NONE;
    hf_seq at = hf_syn_is_unacked(c) ? hf_seq_add(c->snd.una, 1) : c->snd.una;
    for (uint32_t index = s->first; index != HF_NONE; index = hf_sent_at(sh, index)->next) {
        const struct hf_sent *run = hf_sent_at(sh, index);
        if (!hf_seq_eq(run->from, at) || hf_seq_ge(run->from, run->to))
            return "sent: runs leave a gap or are empty";
        if (run->prev != prev)
            return "sent: list broken";
        sacked += run->flags & HF_SENT_SACKED ? run_len(run) : 0;
        lost += run->flags & HF_SENT_LOST ? run_len(run) : 0;
        at = run->to;
        prev = index;
    }
    if (s->first != HF_NONE && !hf_seq_eq(at, c->snd.nxt))
        return "sent: runs do not end at SND.NXT";
    if (s->last != prev)
        return "sent: last is not the last";
    return sacked == s->sacked && lost == s->lost ? NULL : "sent: sums do not match the marks";
}

/*
 * Challenge ACKs (RFC 5961, 7) and answers to unacceptable segments, with limits that are no side channel: per connection
 * one in 500 ms, and over the whole engine a budget per second that is drawn at random (BUG-13; Cao et al., 2016).
 */
#include "steps.h"

#define PER_CONNECTION_MS 500u

static bool connection_allows(const struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    uint32_t now = hf_tcp_ms(sh) | 1; /* never 0, which means "none yet" */
    if (c->challenged_ms != 0 && now - c->challenged_ms < PER_CONNECTION_MS)
        return false;
    c->challenged_ms = now;
    return true;
}

/* Between half and one and a half times the configured limit, drawn anew each second. */
static bool engine_allows(struct hf_tcp_shared *sh)
{
    if (sh->challenge.since.ns == 0 || hf_time_since(sh->now, sh->challenge.since) >= HF_SECOND) {
        uint32_t limit = HF_MAX(sh->config.challenge_ack_limit, 1u);
        sh->challenge.since = sh->now;
        sh->challenge.left = limit - limit / 2 + hf_random_below(&sh->random, limit);
    }
    if (sh->challenge.left == 0)
        return false;
    sh->challenge.left--;
    return true;
}

void hf_challenge(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    if (!connection_allows(sh, c) || !engine_allows(sh)) {
        hf_count(sh, HF_LIMIT_CHALLENGE_ACKS);
        return;
    }
    c->flags |= HF_TF_CHALLENGED;
    hf_owe_ack(c, HF_WHY_CHALLENGE);
}

void hf_answer_unacceptable(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    bool carries = seg->data_len > 0 || (seg->flags & HF_TCP_FIN);
    if (!carries && !connection_allows(sh, c)) {
        hf_count(sh, HF_LIMIT_CHALLENGE_ACKS);
        return;
    }
    if (hf_seq_lt(seg->seq, c->rcv.nxt))
        hf_note_duplicate(sh, c, seg);
    hf_owe_ack(c, HF_WHY_ACK_UNACCEPTABLE);
}

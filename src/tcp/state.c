/*
 * Figure 5 of RFC 9293, 3.3.2: the eleven states, the legal edges, and the only function that changes a state.
 *
 * Counts per state are exact at every moment because nothing else writes them. Read first: tcb.h.
 */
#include "steps.h"

#define TO(state) (1u << HF_##state)

/* edges[from] has a bit for each state that may follow. A listener's child is born as SYN-RECEIVED out of CLOSED. A segment
 * that acknowledges our FIN and brings the peer's passes through FIN-WAIT-2 on its way to TIME-WAIT (3.10.7.4, fifth). */
static const uint16_t edges[HF_STATE_COUNT] = {
    [HF_CLOSED] = TO(SYN_SENT) | TO(SYN_RECEIVED),
    [HF_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
    [HF_SYN_RECEIVED] = TO(ESTABLISHED) | TO(CLOSED),
    [HF_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
    [HF_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(CLOSED),
    [HF_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
    [HF_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
    [HF_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
    [HF_LAST_ACK] = TO(CLOSED),
    [HF_TIME_WAIT] = TO(CLOSED),
};

/* Both directions are over, gracefully. */
static void count_who_closed_first(struct hf_tcp_shared *sh, enum hf_state from, enum hf_state to, enum hf_reason why)
{
    if (to == HF_TIME_WAIT)
        sh->closed_first[from == HF_CLOSING ? HF_WHO_BOTH : HF_WHO_US]++;
    else if (from == HF_LAST_ACK && why == HF_EDGE_ACK_OF_FIN)
        sh->closed_first[HF_WHO_PEER]++;
}

/* What is over, or only waits for 2 MSL, is no orphan. */
static void count_orphans(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    bool was = c->flags & HF_TF_ORPHAN;
    bool is = (c->flags & HF_TF_APP_CLOSED) && c->state != HF_CLOSED && c->state != HF_TIME_WAIT;
    if (is == was)
        return;
    c->flags ^= HF_TF_ORPHAN;
    sh->orphans += is ? 1u : -1u;
}

void hf_tcp_orphan(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->flags |= HF_TF_APP_CLOSED;
    count_orphans(sh, c);
}

void hf_tcp_enter(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_state to, enum hf_reason why)
{
    enum hf_state from = c->state;
    hf_assert(edges[from] & (1u << to));
    sh->states[from]--;
    sh->states[to]++;
    sh->entered[to]++;
    sh->time_in_ns[from] += (uint64_t)hf_time_since(sh->now, c->state_at);
    count_who_closed_first(sh, from, to, why);
    hf_count(sh, why);
    c->state = (uint8_t)to;
    c->state_at = sh->now;
    count_orphans(sh, c);
    bool born = from == HF_CLOSED && to == HF_SYN_RECEIVED;
    hf_note_state(sh, c, born ? HF_LISTEN : from, to, why);
}

struct hf_tcp_sending *hf_attach_sending(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s != NULL)
        return s;
    uint32_t index = hf_pool_take(&sh->sending);
    if (index == HF_NONE) {
        hf_count(sh, HF_LIMIT_SENDING);
        return NULL;
    }
    s = hf_pool_at(&sh->sending, index);
    *s = (struct hf_tcp_sending){
        .end = c->snd_base,
        .up = c->snd.una,
        .push = c->snd.nxt,
        .small = c->snd.una,
        .recover = c->snd.una,
        .fack = c->snd.una,
        .ecn_until = c->snd.una,
        .oldest_at = sh->now,
        .reorder_at = HF_NEVER,
        .probe_at = HF_NEVER,
        .pace_at = hf_time_add(sh->now, -HF_SECOND), /* long ago: what comes first does not wait */
        .rack.sent_at = HF_NEVER,
        .tlp.has_sample = true,
    };
    if (hf_rates_are_wanted(sh))
        s->rated = hf_rate_place(sh, c);
    hf_sent_begin(s);
    hf_stream_init(&s->stream);
    c->sending = index;
    return s;
}

struct hf_tcp_receiving *hf_attach_receiving(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (r != NULL)
        return r;
    uint32_t index = hf_pool_take(&sh->receiving);
    if (index == HF_NONE) {
        hf_count(sh, HF_LIMIT_RECEIVING);
        return NULL;
    }
    r = hf_pool_at(&sh->receiving, index);
    r->read = c->rcv_base;
    r->fin = 0;
    hf_stream_init(&r->stream);
    hf_islands_init(&r->islands);
    c->receiving = index;
    return r;
}

void hf_detach_sending(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL)
        return;
    hf_sent_clear(sh, s);
    hf_stream_clear(&s->stream, &sh->blocks);
    hf_pool_give(&sh->sending, c->sending);
    c->sending = HF_NONE;
}

void hf_detach_receiving(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (r == NULL)
        return;
    hf_islands_remove_above(&r->islands, &sh->islands, 0);
    hf_stream_clear(&r->stream, &sh->blocks);
    hf_pool_give(&sh->receiving, c->receiving);
    c->receiving = HF_NONE;
}

/* What had arrived may still be read after a graceful end or a time-out; a reset flushes it (3.10.7.4, second). */
static bool unread_survives(const struct hf_tcp *c, enum hf_error error)
{
    return !(c->flags & HF_TF_APP_CLOSED) && (error == HF_OK || error == HF_ERR_TIMED_OUT);
}

void hf_tcp_end(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why, enum hf_error error)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    c->lost = s == NULL ? 0 : (uint32_t)(s->end - c->snd_base);
    c->unread = (uint32_t)hf_unread(c, r);
    c->ended = (uint8_t)why;
    c->error = (int8_t)error;
    c->owed = 0;
    hf_timers_stop(c);
    hf_detach_sending(sh, c);
    if (r != NULL && (c->unread == 0 || !unread_survives(c, error)))
        hf_detach_receiving(sh, c);
    hf_tcp_enter(sh, c, HF_CLOSED, why);
}

void hf_tcp_end_with_rst(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why, enum hf_error error,
                         enum hf_reason rst_why)
{
    hf_tcp_end(sh, c, why, error);
    c->flags |= HF_TF_OWE_RST;
    c->rst_why = (uint8_t)rst_why;
}

void hf_tcp_forget(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    hf_detach_sending(sh, c);
    hf_detach_receiving(sh, c);
    sh->states[c->state]--;
    if (c->flags & HF_TF_ORPHAN)
        sh->orphans--;
    c->flags &= ~(uint32_t)HF_TF_ORPHAN;
}

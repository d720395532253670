/*
 * Time (RFC 9293, 3.8 and 3.10.8). Each timer is a sentence:
 *
 *   rexmt_at  if nothing new is acknowledged by then, what is oldest is sent again (RFC 6298, 5), or, while the peer's
 *             window is closed, a probe goes out (3.8.6.1)
 *   reorder_at  what was sent before something that has arrived is overdue then (RFC 8985, 6.2: RACK's reordering timer)
 *   probe_at  if no ACK came by then, a loss probe goes out (RFC 8985, 7.2: PTO); both are the send queue's
 *   pace_at   what the windows allow leaves then, if it is paced (the plan's: pace.c); it is no timer that anything hangs on
 *   ack_at    an ACK that waited for company goes out alone (3.8.6.3)
 *   keep_at   if nothing was heard by then, ask whether anybody is there (3.8.4)
 *   life_at   TIME-WAIT: 2 MSL are over. FIN-WAIT-2 of a connection nobody will read: it is over. Before that: the
 *             user's patience is at an end (3.8.3), or nobody said how to answer the SYN
 *
 * Only this file arms timers; other files report what happened.
 *
 * Read first: synchronized.c. Read next: plan.c.
 */
#include "steps.h"

static hf_time in(const struct hf_tcp_shared *sh, hf_ns duration)
{
    return hf_time_add(sh->now, duration);
}

/* ---- what others report ---- */

void hf_timers_open(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->rexmt_at = in(sh, hf_rto(sh, c));
    if (c->user_timeout_ms != 0)
        c->life_at = in(sh, c->user_timeout_ms * HF_MS);
}

void hf_timers_offered(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->life_at = in(sh, sh->config.offer_ns);
}

/* RFC 6298, 5.1: started if not running. */
void hf_timers_transmitted(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    if (hf_time_is_never(c->rexmt_at))
        c->rexmt_at = in(sh, hf_rto(sh, c));
}

/* RFC 6298, 5.2 and 5.3: stopped when everything is acknowledged, else started anew; only by an ACK of something new
 * (BUG-29). */
void hf_timers_progress(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    bool outstanding = !hf_seq_eq(c->snd.una, c->snd.nxt);
    c->retries = 0;
    c->advice = HF_REASON_NONE; /* whatever the trouble was, it is over */
    c->rexmt_at = outstanding ? in(sh, hf_rto(sh, c)) : HF_NEVER;
    if (s != NULL) {
        s->oldest_at = sh->now;
        hf_timers_probe_later(sh, c, s);
    }
}

/* RFC 6675, 6: the time-out is about the retransmission now; it must have the time to be answered. */
void hf_timers_repaired(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->rexmt_at = in(sh, hf_rto(sh, c));
}

/* RFC 8985, 7.2: when new data was sent or acknowledged; not in recovery, nor when SACKs say what is missing. Never later
 * than the time-out, which then waits one RTO more. */
void hf_timers_probe_later(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    bool useful = (c->flags & HF_TF_SACK) && s->first != HF_NONE && !s->probing && hf_tlp_may_probe(sh, c, s);
    s->probe_at = useful ? hf_time_first(in(sh, hf_tlp_interval(sh, c, s)), c->rexmt_at) : HF_NEVER;
}

void hf_timers_heard(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    if ((c->flags & HF_TF_KEEP_ALIVE) && c->state != HF_TIME_WAIT) {
        c->keep_at = in(sh, c->keep_idle_s * HF_SECOND);
        if (c->sending == HF_NONE)
            c->retries = 0;
    }
}

void hf_timers_ack_owed(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->owed |= HF_OWE_ACK_LATER;
    if (hf_time_is_never(c->ack_at))
        c->ack_at = in(sh, sh->config.ack_delay_ns);
}

void hf_timers_ack_paid(struct hf_tcp *c)
{
    c->owed &= (uint8_t) ~(HF_OWE_ACK_NOW | HF_OWE_ACK_LATER);
    c->ack_at = HF_NEVER;
    c->unacked_segments = 0;
    c->duplicate.to = c->duplicate.from;
}

/* MUST-13 */
void hf_timers_time_wait(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->rexmt_at = HF_NEVER;
    c->keep_at = HF_NEVER;
    c->life_at = in(sh, 2 * sh->config.msl_ns);
}

/* Half-closed while the application still reads, for as long as the peer likes; without an owner not for ever. */
void hf_timers_fin_wait_2(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->life_at = c->flags & HF_TF_APP_CLOSED ? in(sh, sh->config.fin_wait_2_ns) : HF_NEVER;
}

void hf_timers_stop(struct hf_tcp *c)
{
    c->rexmt_at = HF_NEVER;
    c->ack_at = HF_NEVER;
    c->keep_at = HF_NEVER;
    c->life_at = HF_NEVER;
}

/*
 * Is everything in flight answered, and what is queued held back by the peer's window, by silly-window avoidance
 * (whose override this timer is: RFC 9293, 3.8.6.2.1), or by an application that said more would follow? Then
 * nobody but this timer will speak next: after one RTO (SHLD-29), so that nothing waits for ever (MUST-60).
 */
static bool must_probe(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (hf_syn_is_unacked(c) || !hf_seq_eq(c->snd.una, c->snd.nxt))
        return false;
    uint64_t unsent = hf_unsent(c, s);
    uint32_t useful = HF_MIN((uint32_t)c->mss, c->snd.max_wnd / 2);
    bool window_holds = unsent > c->snd.wnd && c->snd.wnd < HF_MAX(useful, 1u);
    return window_holds || (unsent > 0 && (c->flags & HF_TF_MORE));
}

/* How long nothing new need be acknowledged: the user's patience, and without an owner also the engine's. 0: no limit. */
static hf_ns patience(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    hf_ns user = c->user_timeout_ms * HF_MS, orphan = sh->config.orphan_ns;
    bool is_orphan = c->flags & HF_TF_APP_CLOSED;
    return !is_orphan ? user : user == 0 ? orphan : HF_MIN(user, orphan);
}

static bool life_is_user_timeout(const struct hf_tcp *c)
{
    return c->state != HF_TIME_WAIT && c->state != HF_FIN_WAIT_2;
}

void hf_timers_review(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (c->state == HF_CLOSED)
        return;
    if (hf_syn_is_unacked(c)) { /* the handshake has the timers it began with, but patience may have become another */
        bool is_patient = c->user_timeout_ms == 0;
        if (!(c->flags & HF_TF_DEFERRED))
            c->life_at = is_patient ? HF_NEVER : hf_time_add(c->opened_at, c->user_timeout_ms * HF_MS);
        return;
    }
    bool probes = s != NULL && must_probe(c, s), outstanding = !hf_seq_eq(c->snd.una, c->snd.nxt);
    if (probes && hf_time_is_never(c->rexmt_at))
        c->rexmt_at = in(sh, hf_rto(sh, c));
    if (!probes &&
        !outstanding) /* nobody is to be probed any more: what is sent next starts the timer afresh (BUG-29) */
        c->rexmt_at = HF_NEVER;
    if (life_is_user_timeout(c)) {
        hf_ns limit = patience(sh, c);
        c->life_at = s != NULL && limit != 0 ? hf_time_add(s->oldest_at, limit) : HF_NEVER;
    }
    if ((c->flags & HF_TF_KEEP_ALIVE) && hf_time_is_never(c->keep_at) && c->state != HF_TIME_WAIT)
        c->keep_at = in(sh, c->keep_idle_s * HF_SECOND);
}

hf_time hf_timers_next(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    hf_time next = hf_time_first(hf_time_first(c->rexmt_at, c->ack_at), hf_time_first(c->keep_at, c->life_at));
    if (s == NULL || c->state == HF_CLOSED)
        return next;
    return hf_time_first(next, hf_time_first(s->reorder_at, s->probe_at));
}

/* ---- what is due ---- */

static bool due(const struct hf_tcp_shared *sh, hf_time at)
{
    return hf_time_reached(sh->now, at);
}

#define R1 3 /* SHLD-10 */

/* MUST-19; RFC 6298, 5.5; SHLD-30. At R1 the application is told (SHLD-9), unless it knows of something more telling. */
static void back_off(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->backoff += c->backoff < 16;
    c->retries += c->retries < 255;
    c->rexmt_at = in(sh, hf_rto(sh, c));
    if (c->retries != R1)
        return;
    hf_count(sh, HF_ADVICE_SILENCE);
    hf_tcp_advise(c, c->advice != HF_REASON_NONE ? c->advice : HF_ADVICE_SILENCE);
}

/* R2 (3.8.3; MUST-20, MUST-22, MUST-23): how often something goes unanswered before the connection is given up. An
 * application that set a user timeout has set its own R2, as a time (MUST-21): life_at. */
static bool given_up(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_config *config = &sh->config;
    bool own_r2 = c->user_timeout_ms != 0;
    if (hf_syn_is_unacked(c) && (c->flags & HF_TF_PASSIVE))
        return c->retries >= config->syn_ack_retries;
    if (hf_syn_is_unacked(c))
        return !own_r2 && c->retries >= c->syn_retries;
    if (c->flags & HF_TF_APP_CLOSED)
        return c->retries >= config->orphan_retries;
    return !own_r2 && c->retries >= config->data_retries;
}

/* Whom ICMP advised meanwhile is told the better reason. */
static enum hf_error silence_error(const struct hf_tcp *c)
{
    bool unreachable = c->advice == HF_ADVICE_HOST_UNREACHABLE || c->advice == HF_ADVICE_NET_UNREACHABLE;
    return unreachable && hf_syn_is_unacked(c) ? HF_ERR_UNREACHABLE : HF_ERR_TIMED_OUT;
}

static void syn_is_unanswered(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->owed |= HF_OWE_SYN;
    c->flags |= HF_TF_SYN_AGAIN;
    back_off(sh, c);
}

static void lost_again(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    hf_mtu_suspect(sh, c);
    hf_loss_timeout(sh, c);
}

static void retransmission_is_due(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    c->rexmt_at = HF_NEVER;
    if (s == NULL && !hf_syn_is_unacked(c))
        return;
    if (given_up(sh, c)) {
        hf_tcp_end(sh, c, hf_syn_is_unacked(c) ? HF_EDGE_SYN_TIMED_OUT : HF_EDGE_R2, silence_error(c));
        return;
    }
    if (hf_syn_is_unacked(c)) {
        syn_is_unanswered(sh, c);
        return;
    }
    if (s->probing || must_probe(c, s))
        c->owed |= HF_OWE_PROBE;
    else if (s->first != HF_NONE)
        lost_again(sh, c); /* into a window that was taken back as well: MUST-35 */
    else
        return; /* what is queued may be sent: the plan says so */
    back_off(sh, c);
}

/* RFC 8985, 7.3: whether a probe goes or not, the time-out begins anew. What is only paced out is itself the new data that
 * a probe would be: the probe waits for it, but not beyond the time-out. */
static void loss_probe_is_due(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    if (hf_pace_holds(sh, c, s) && hf_unsent(c, s) > 0 && !due(sh, c->rexmt_at)) {
        hf_timers_probe_later(sh, c, s);
        return;
    }
    s->probe_at = HF_NEVER;
    if (!hf_tlp_may_probe(sh, c, s))
        return;
    c->owed |= HF_OWE_LOSS_PROBE;
    c->rexmt_at = in(sh, hf_rto(sh, c));
}

static void recovery_is_due(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s != NULL && due(sh, s->reorder_at))
        hf_loss_reordering_is_over(sh, c);
    if (s != NULL && due(sh, s->probe_at))
        loss_probe_is_due(sh, c, s);
    if (due(sh, c->rexmt_at))
        retransmission_is_due(sh, c);
}

static void life_is_over(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->life_at = HF_NEVER;
    if (c->flags & HF_TF_DEFERRED)
        hf_tcp_end(sh, c, HF_EDGE_OFFER, HF_ERR_TIMED_OUT);
    else if (c->state == HF_TIME_WAIT)
        hf_tcp_end(sh, c, HF_EDGE_MSL_2, HF_OK);
    else if (c->state == HF_FIN_WAIT_2)
        hf_tcp_end(sh, c, HF_EDGE_FIN_WAIT_2, HF_ERR_TIMED_OUT);
    else if (c->user_timeout_ms != 0 && patience(sh, c) == c->user_timeout_ms * HF_MS)
        hf_tcp_end(sh, c, HF_EDGE_USER_TIMEOUT, silence_error(c));
    else
        hf_tcp_end_with_rst(sh, c, HF_EDGE_ORPHAN, HF_ERR_TIMED_OUT, HF_WHY_RST_ORPHAN);
}

/* MAY-5. Probes are sent only into silence: with data in flight the retransmission timer asks already (MUST-26).
 * One that is lost, or its answer, ends nothing (MUST-29). */
static void keep_alive_is_due(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->keep_at = in(sh, c->keep_interval_s * HF_SECOND);
    if (c->sending != HF_NONE || !hf_is_synchronized(c->state))
        return;
    if (c->retries >= c->keep_count) {
        hf_tcp_end_with_rst(sh, c, HF_EDGE_KEEP_ALIVE, HF_ERR_TIMED_OUT, HF_WHY_RST_TIMED_OUT);
        return;
    }
    c->retries++;
    c->owed |= HF_OWE_KEEP_ALIVE;
}

bool hf_tcp_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    uint64_t silences = sh->reasons[HF_ADVICE_SILENCE];
    if (due(sh, c->ack_at)) {
        c->ack_at = HF_NEVER;
        hf_owe_ack(c, HF_WHY_ACK_DELAYED);
    }
    if (due(sh, c->life_at))
        life_is_over(sh, c);
    recovery_is_due(sh, c);
    if (due(sh, c->keep_at))
        keep_alive_is_due(sh, c);
    return sh->reasons[HF_ADVICE_SILENCE] != silences;
}

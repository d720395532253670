/* Every invariant of tcb.h, in the order of the record. Runnable after every event. */
#include "steps.h"

static const char *check_send_space(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (hf_seq_gt(c->snd.una, c->snd.nxt))
        return "SND.UNA > SND.NXT";
    if ((c->flags & HF_TF_FIN_SENT) && !(c->flags & HF_TF_FIN_QUEUED))
        return "FIN sent that nobody queued";
    if ((c->flags & HF_TF_FIN_ACKED) && !hf_seq_eq(c->snd.una, c->snd.nxt))
        return "FIN acknowledged, but SND.UNA is not SND.NXT";
    bool owes_text = c->owed & (HF_OWE_PROBE | HF_OWE_LOSS_PROBE);
    if (owes_text && (s == NULL || (s->first == HF_NONE && hf_unsent(c, s) == 0)))
        return "a probe is owed, but there is nothing to probe with";
    if (s == NULL) {
        bool only_syn = hf_syn_is_unacked(c);
        return c->state != HF_CLOSED && !only_syn && !hf_seq_eq(c->snd.una, c->snd.nxt)
                   ? "something in flight that nobody remembers"
                   : NULL;
    }
    if (s->end < c->snd_base)
        return "the send queue ends before SND.UNA";
    const char *wrong = hf_sent_check(sh, c, s);
    return wrong != NULL ? wrong : hf_stream_check(&s->stream, &sh->blocks);
}

static const char *check_receive_space(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (r == NULL)
        return NULL;
    if (r->read > c->rcv_base)
        return "read beyond RCV.NXT";
    if (r->islands.count > 0 && hf_islands_first(&r->islands, &sh->islands)->from <= c->rcv_base)
        return "an out-of-order range touches RCV.NXT";
    const char *wrong = hf_islands_check(&r->islands, &sh->islands);
    return wrong != NULL ? wrong : hf_stream_check(&r->stream, &sh->blocks);
}

/* The states of figure 5 say which FINs have passed. */
static const char *check_state(const struct hf_tcp *c)
{
    bool fin_received = c->flags & HF_TF_FIN_RECEIVED, fin_queued = c->flags & HF_TF_FIN_QUEUED;
    switch (c->state) {
    case HF_ESTABLISHED:
        return fin_received || fin_queued ? "ESTABLISHED, but a FIN has passed" : NULL;
    case HF_FIN_WAIT_1:
        return fin_received || !fin_queued || (c->flags & HF_TF_FIN_ACKED) ? "FIN-WAIT-1 without its FINs" : NULL;
    case HF_FIN_WAIT_2:
        return fin_received || !(c->flags & HF_TF_FIN_ACKED) ? "FIN-WAIT-2 without its FINs" : NULL;
    case HF_CLOSE_WAIT:
        return !fin_received || fin_queued ? "CLOSE-WAIT without its FINs" : NULL;
    case HF_CLOSING:
    case HF_LAST_ACK:
        return !fin_received || !fin_queued || (c->flags & HF_TF_FIN_ACKED) ? "CLOSING, LAST-ACK without FINs" : NULL;
    case HF_TIME_WAIT:
        return !fin_received || !(c->flags & HF_TF_FIN_ACKED) ? "TIME-WAIT without both FINs" : NULL;
    default:
        return NULL;
    }
}

/* A connection that waits for nobody waits for ever. */
static const char *check_timers(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    if (c->state == HF_CLOSED)
        return hf_time_is_never(hf_timers_next(sh, c)) ? NULL : "CLOSED, but a timer runs";
    if (c->state == HF_TIME_WAIT && hf_time_is_never(c->life_at))
        return "TIME-WAIT without its timer";
    bool owes = c->owed != 0;
    bool outstanding = !hf_seq_eq(c->snd.una, c->snd.nxt);
    if (outstanding && !owes && hf_time_is_never(c->rexmt_at))
        return "something in flight and no timer";
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL || hf_unsent(c, s) == 0)
        return NULL;
    struct hf_tcp_plan plan = hf_tcp_plan(sh, c);
    if (plan.what == HF_SEND_NOTHING && hf_time_is_never(plan.ask_at))
        return "something queued, and nobody will send it";
    return hf_pace_check(sh, s);
}

const char *hf_tcp_check_record(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const char *wrong = check_send_space(sh, c);
    if (wrong == NULL)
        wrong = check_receive_space(sh, c);
    if (wrong == NULL)
        wrong = check_state(c);
    return wrong != NULL ? wrong : check_timers(sh, c);
}

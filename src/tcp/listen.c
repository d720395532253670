/*
 * LISTEN (RFC 9293, 3.10.7.2), and the child a SYN makes of a listener. The listener stays in LISTEN for ever; its
 * child takes the path the RFC describes for the connection itself, and vanishes where that would return to LISTEN
 * (MUST-11). How many may be half-open, and whether a cookie stands in for a record, is the engine's business.
 */
#include "steps.h"

static struct hf_verdict dropped(enum hf_reason why) { return (struct hf_verdict){.why = why}; }

struct hf_verdict hf_listen_arrives(struct hf_tcp_shared *sh, struct hf_listener *listener, const struct hf_segment *seg)
{
    /* First: a RST is of no interest; nothing was sent yet that it could be about. */
    if (seg->flags & HF_TCP_RST)
        return dropped(HF_DROP_LISTEN_RST);
    /* Second: an ACK acknowledges something nobody here sent. */
    if (seg->flags & HF_TCP_ACK)
        return (struct hf_verdict){.why = HF_DROP_LISTEN_ACK, .reset = HF_WHY_RST_BAD_ACK};
    /* Third: a SYN. One that also ends the connection is no client's; it is dropped (docs/decisions.md). */
    if (!(seg->flags & HF_TCP_SYN))
        return dropped(HF_DROP_LISTEN_NO_SYN);
    if (seg->flags & HF_TCP_FIN)
        return dropped(HF_DROP_LISTEN_SYN_FIN);
    listener->funnel.syns++;
    if (listener->waiting >= listener->backlog) {
        listener->funnel.queue_full++;
        if (sh->config.reset_on_overflow)
            return (struct hf_verdict){.why = HF_DROP_BACKLOG_FULL, .reset = HF_WHY_RST_OVERFLOW};
        return dropped(HF_DROP_BACKLOG_FULL);
    }
    return dropped(HF_ACCEPTED);
}

void hf_listen_take_syn(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    c->flags |= HF_TF_PASSIVE;
    c->irs = seg->seq;
    c->rcv.nxt = hf_seq_add(seg->seq, 1);
    c->rcv.up = c->rcv.nxt;
    c->last_ack_sent = c->rcv.nxt;
    hf_options_accept(sh, c, seg);
    hf_take_window(c, seg);
    c->owed |= HF_OWE_SYN;
}

void hf_listen_spawn(struct hf_tcp_shared *sh, struct hf_listener *listener, struct hf_tcp *c,
                     const struct hf_segment *seg)
{
    listener->half_open++;
    hf_listen_take_syn(sh, c, seg);
    if (listener->options.defer) {
        c->owed &= (uint8_t)~HF_OWE_SYN;
        c->flags |= HF_TF_DEFERRED;
        hf_timers_offered(sh, c);
    } else {
        hf_timers_open(sh, c);
    }
    hf_tcp_enter(sh, c, HF_SYN_RECEIVED, HF_EDGE_SYN);
}

/* ---- a SYN whose answer is the application's to give (hf_tcp_answer) ---- */

bool hf_listen_is_offer(const struct hf_tcp *c) { return c->flags & HF_TF_DEFERRED; }

bool hf_listen_is_fast_open(const struct hf_tcp *c) { return hf_is_fast_open_child(c); }

void hf_listen_accept_offer(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->flags &= ~(uint32_t)HF_TF_DEFERRED;
    c->opened_at = sh->now; /* the round trip begins with our SYN,ACK */
    c->owed |= HF_OWE_SYN;
    hf_timers_stop(c);
    hf_timers_open(sh, c);
}

void hf_listen_decline_offer(struct hf_tcp_shared *sh, struct hf_tcp *c, bool with_rst)
{
    if (with_rst)
        hf_tcp_end_with_rst(sh, c, HF_EDGE_DECLINED, HF_ERR_ABORTED, HF_WHY_RST_REFUSED);
    else
        hf_tcp_end(sh, c, HF_EDGE_DECLINED, HF_ERR_ABORTED);
}

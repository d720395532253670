/*
 * SEGMENT ARRIVES, otherwise (RFC 9293, 3.10.7.4): the eight checks, one function each, in the RFC's order, the states
 * inside each check. The states are SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK
 * and TIME-WAIT.
 *
 * A check may change the record and note what is owed. It sends nothing, arms no timer by name and knows nothing of
 * congestion. It returns whether the segment goes on to the next check; if not, it has said why in *v.
 *
 * Read first: segment_arrives.c. Read next: acked.c (fifth), received.c (seventh), plan.c.
 */
#include "steps.h"

static bool drop(struct hf_verdict *v, enum hf_reason why)
{
    v->why = why;
    return false;
}

static bool answer(struct hf_verdict *v, enum hf_reason why, enum hf_reason reset)
{
    v->reset = reset;
    return drop(v, why);
}

/* ---- first, check sequence number ---- */

/*
 * The table of 3.4, with two allowances. A segment at RCV.NXT is looked at even when the window is closed: its ACK, URG
 * and RST count, its text does not (MUST-66). And a segment without text may stand at the window's right edge itself: a
 * sender that has filled the window puts its pure ACKs there.
 */
static bool is_acceptable(const struct hf_tcp *c, const struct hf_segment *seg)
{
    if (hf_seq_eq(seg->seq, c->rcv.nxt))
        return true;
    hf_seq edge = hf_seq_add(c->rcv.nxt, c->rcv.wnd);
    if (seg->len == 0)
        return hf_seq_le_le(c->rcv.nxt, seg->seq, edge);
    return hf_seq_lt(seg->seq, edge) && hf_seq_gt(hf_seq_add(seg->seq, seg->len), c->rcv.nxt);
}

/* In SYN-RECEIVED the peer's SYN may come again; with a RST it is a reset like any other, and owed nothing. Alone, it asks
 * for our SYN,ACK again; with an ACK (simultaneous open, figure 8) that ACK counts, and ours is owed. */
static bool is_their_syn_again(const struct hf_tcp *c, const struct hf_segment *seg)
{
    bool is_syn = (seg->flags & (HF_TCP_SYN | HF_TCP_RST)) == HF_TCP_SYN;
    return c->state == HF_SYN_RECEIVED && is_syn && hf_seq_eq(seg->seq, c->irs);
}

static bool syn_again(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg, struct hf_verdict *v)
{
    if (seg->flags & HF_TCP_ACK) {
        hf_owe_ack(c, HF_WHY_ACK_HANDSHAKE);
        return true;
    }
    if (!hf_ecn_syn_again(c, seg)) {
        hf_tcp_end(sh, c, HF_EDGE_ECN, HF_ERR_RESET);
        return answer(v, HF_DROP_SYN_DUPLICATE, HF_WHY_RST_ECN);
    }
    if (!(c->flags & HF_TF_DEFERRED))
        c->owed |= HF_OWE_SYN;
    return drop(v, HF_DROP_SYN_DUPLICATE);
}

/* A retransmitted FIN lies before RCV.NXT and so fails this check: here is where it restarts the 2 MSL (3.10.7.4,
 * eighth, TIME-WAIT; and the same place serves the fifth check's TIME-WAIT paragraph). */
static bool is_their_fin_again(const struct hf_tcp *c, const struct hf_segment *seg)
{
    hf_seq end = hf_seq_add(seg->seq, seg->len);
    return c->state == HF_TIME_WAIT && (seg->flags & HF_TCP_FIN) && hf_seq_eq(end, c->rcv.nxt);
}

static bool check_sequence(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg,
                           struct hf_verdict *v)
{
    if (is_their_syn_again(c, seg))
        return syn_again(sh, c, seg, v);
    enum hf_reason why = hf_paws_check(sh, c, seg);
    if (why == HF_DROP_NO_TIMESTAMP)
        return drop(v, why); /* silently, RFC 7323, 3.2 */
    if (why == HF_ACCEPTED && !is_acceptable(c, seg))
        why = HF_DROP_OUT_OF_WINDOW;
    if (why == HF_ACCEPTED)
        return true;
    if (seg->flags & HF_TCP_RST)
        return drop(v, why);
    if (is_their_fin_again(c, seg))
        hf_timers_time_wait(sh, c);
    hf_answer_unacceptable(sh, c, seg);
    hf_ecn_syn_ack_again(c, seg);
    return drop(v, why);
}

/* ---- second, check the RST bit ---- */

/* A reset that is to be believed ends the connection. A listener's child just vanishes (its listener never left LISTEN)
 * and an active OPEN was refused; after our close the reset is an error only if it ate something. */
static void reset_by_peer(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    bool all_acked = s == NULL || s->end == c->snd_base;
    bool both_closed = c->state == HF_CLOSING || c->state == HF_LAST_ACK;
    enum hf_reason why = c->flags & HF_TF_CHALLENGED ? HF_EDGE_CHALLENGED : HF_EDGE_RST;
    if (c->state == HF_SYN_RECEIVED)
        hf_tcp_end(sh, c, HF_EDGE_REFUSED, HF_ERR_REFUSED);
    else
        hf_tcp_end(sh, c, why, both_closed && all_acked ? HF_OK : HF_ERR_RESET);
}

static bool check_rst(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg, struct hf_verdict *v)
{
    if (!(seg->flags & HF_TCP_RST))
        return true;
    if (c->state == HF_TIME_WAIT)
        return drop(v, HF_DROP_TIME_WAIT_RST); /* RFC 1337, 3: TIME-WAIT is not assassinated */
    if (!hf_seq_eq(seg->seq, c->rcv.nxt)) { /* RFC 5961, 3.2; data it may carry is of no interest: SHLD-2 */
        hf_challenge(sh, c);
        return drop(v, HF_DROP_RST_NOT_EXACT);
    }
    reset_by_peer(sh, c);
    return drop(v, HF_ACCEPTED);
}

/* ---- third, check security: RFC 9293, appendix A.1 leaves nothing to do ---- */

/* ---- fourth, check the SYN bit ---- */

static bool check_syn(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg, struct hf_verdict *v)
{
    if (!(seg->flags & HF_TCP_SYN) || is_their_syn_again(c, seg))
        return true;
    hf_challenge(sh, c); /* RFC 5961, 4.2: whatever the sequence number */
    return drop(v, HF_DROP_SYN_IN_WINDOW);
}

/* ---- fifth, check the ACK field ---- */

/* How far an ACK may lie behind SND.UNA: the peer's largest window, and no further than the stream reaches back, for what
 * was never sent cannot have been acknowledged by anybody. */
static uint32_t oldest_ack_distance(const struct hf_tcp *c)
{
    uint64_t acked = c->snd_base + ((c->flags & HF_TF_FIN_ACKED) != 0);
    return acked < c->snd.max_wnd ? (uint32_t)acked : c->snd.max_wnd;
}

/* RFC 5961, 5.2; MAY-12: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT, else a challenge. */
static bool ack_is_plausible(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg,
                             struct hf_verdict *v)
{
    if (hf_seq_gt(seg->ack, c->snd.nxt)) {
        hf_challenge(sh, c);
        return drop(v, HF_DROP_ACK_UNSENT);
    }
    if (hf_seq_lt(seg->ack, hf_seq_sub(c->snd.una, oldest_ack_distance(c)))) {
        hf_challenge(sh, c);
        return drop(v, HF_DROP_ACK_TOO_OLD);
    }
    return true;
}

/* The ACK that completes a handshake. With the accept queue full it is left unheard: the half-open record stays, and our
 * SYN,ACK, retransmitted, asks again when there may be room (LIFECYCLE: no reset by default). */
static bool ack_of_our_syn(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg,
                           struct hf_verdict *v)
{
    if (!hf_seq_lt_le(c->iss, seg->ack, c->snd.nxt))
        return answer(v, HF_DROP_ACK_OF_SYN, HF_WHY_RST_BAD_ACK);
    if (c->listener != HF_NONE) {
        struct hf_listener *listener = hf_pool_at(&sh->listeners, c->listener);
        if (listener->waiting >= listener->backlog && !hf_is_fast_open_child(c)) { /* those are in the queue already */
            listener->funnel.queue_full++;
            return drop(v, HF_DROP_BACKLOG_FULL);
        }
        listener->funnel.established++;
    }
    if (!(c->flags & HF_TF_SYN_AGAIN))
        hf_rtt_sample(sh, c, hf_time_since(sh->now, c->opened_at));
    hf_take_window(c, seg);
    c->owed &= (uint8_t)~HF_OWE_SYN;
    hf_timers_progress(sh, c);
    hf_tcp_established(sh, c, HF_EDGE_ACK_OF_SYN);
    return true;
}

/* The state changes that the ACK of our FIN brings. False when the connection is over. */
static bool fin_is_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_verdict *v)
{
    switch (c->state) {
    case HF_FIN_WAIT_1:
        hf_tcp_enter(sh, c, HF_FIN_WAIT_2, HF_EDGE_ACK_OF_FIN);
        hf_timers_fin_wait_2(sh, c);
        return true;
    case HF_CLOSING:
        hf_tcp_enter(sh, c, HF_TIME_WAIT, HF_EDGE_ACK_OF_FIN);
        hf_timers_time_wait(sh, c);
        return true;
    case HF_LAST_ACK:
        hf_tcp_end(sh, c, HF_EDGE_ACK_OF_FIN, HF_OK);
        return drop(v, HF_ACCEPTED);
    default:
        return true;
    }
}

static bool check_ack(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg, struct hf_verdict *v)
{
    if (!(seg->flags & HF_TCP_ACK))
        return drop(v, HF_DROP_NO_ACK);
    if (c->state == HF_SYN_RECEIVED) {
        if (!ack_of_our_syn(sh, c, seg, v))
            return false;
    } else if (!ack_is_plausible(sh, c, seg, v)) {
        return false;
    }
    hf_tcp_acked(sh, c, seg);
    if ((c->flags & HF_TF_FIN_SENT) && hf_seq_eq(c->snd.una, c->snd.nxt)) {
        c->flags |= HF_TF_FIN_ACKED;
        return fin_is_acked(sh, c, v);
    }
    return true;
}

/* ---- sixth, check the URG bit ---- */

/* MUST-30 */
static bool check_urg(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (!(seg->flags & HF_TCP_URG) || seg->up == 0 || !hf_may_receive(c->state))
        return true;
    hf_seq up = hf_seq_add(seg->seq, seg->up); /* behind the last urgent byte: MUST-62; RFC 6093, 2 */
    bool pending = c->flags & HF_TF_PEER_URGENT;
    if (hf_seq_gt(up, hf_read_seq(c, hf_tcp_receiving_of(sh, c))) && (!pending || hf_seq_gt(up, c->rcv.up))) {
        c->rcv.up = up;
        c->flags |= HF_TF_PEER_URGENT;
        c->own.news |= HF_EV_URGENT; /* MUST-32 */
    }
    return true;
}

/* ---- seventh, process the segment text ---- */

static bool check_text(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg, struct hf_verdict *v)
{
    if (seg->data_len == 0)
        return true;
    /* After the peer's FIN there can be no text; 3.10.7.4 says to ignore it. */
    if (hf_may_receive(c->state))
        v->why = hf_text_arrives(sh, c, seg);
    else
        v->why = HF_DROP_DATA_AFTER_FIN;
    return c->state != HF_CLOSED;
}

/* ---- eighth, check the FIN bit ---- */

static void fin_received(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    switch (c->state) {
    case HF_ESTABLISHED:
        hf_tcp_enter(sh, c, HF_CLOSE_WAIT, HF_EDGE_FIN);
        break;
    case HF_FIN_WAIT_1: /* had our FIN been acknowledged, the fifth check would have moved on to FIN-WAIT-2 */
        hf_tcp_enter(sh, c, HF_CLOSING, HF_EDGE_FIN);
        break;
    case HF_FIN_WAIT_2:
        hf_tcp_enter(sh, c, HF_TIME_WAIT, HF_EDGE_FIN);
        hf_timers_time_wait(sh, c);
        break;
    default:
        break;
    }
}

static void check_fin(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (seg->flags & HF_TCP_FIN)
        hf_fin_arrives(sh, c, seg); /* the first; all others are known already */
    if (hf_fin_is_next(sh, c)) /* this FIN, or one that waited for the hole before it to be filled */
        fin_received(sh, c);
}

/* ---- the order of the RFC ---- */

void hf_from_sixth_check(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg,
                         struct hf_verdict *v)
{
    if (check_urg(sh, c, seg) && check_text(sh, c, seg, v))
        check_fin(sh, c, seg);
}

struct hf_verdict hf_synchronized_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    struct hf_verdict v = {.why = HF_ACCEPTED};
    if (!check_sequence(sh, c, seg, &v) || !check_rst(sh, c, seg, &v) || !check_syn(sh, c, seg, &v))
        return v;
    if (check_ack(sh, c, seg, &v)) {
        hf_paws_remember(sh, c, seg);
        hf_timers_heard(sh, c);
        hf_ecn_arrives(c, seg);
        c->flags &= ~(uint32_t)HF_TF_CHALLENGED;
        hf_from_sixth_check(sh, c, seg, &v);
    }
    hf_timers_review(sh, c);
    return v;
}

/*
 * What to send now, and why (RFC 9293, 3.7 and 3.8.6): a ladder of small questions in a fixed order. Whoever answers
 * yes has filled in the plan; if nobody does, the plan says when to ask again.
 *
 *     a reset owed?  a SYN?  something lost to repair?  new data that both windows, Nagle, silly-window avoidance and the
 *     pace allow?  the FIN?  a loss probe?  a probe of the closed window?  an ACK owed now?  a window update?  a keep-alive?
 *
 * Nothing here changes anything: output.c executes the plan, hf_deadline quotes it, tests assert on it.
 *
 * Read first: tcb.h. Read next: output.c.
 */
#include "steps.h"

#define LOOK_AGAIN (10 * HF_MS) /* after a pool was found empty */

/*
 * SND.NXT, for a segment that takes no number itself, but not beyond the peer's window, where ACKs and RSTs are not looked
 * at: the byte of a probe was refused and is still expected, and a window may have shrunk (RFC 9293, A.2; BUG-33). An
 * edge that moved back by less than a granule was only rounded (RFC 7323, 2.4): what filled it has arrived.
 */
static hf_seq number_for_none(const struct hf_tcp *c)
{
    hf_seq edge = hf_seq_add(c->snd.una, c->snd.wnd);
    int32_t beyond = hf_seq_diff(c->snd.nxt, edge);
    bool rounded = c->snd.wnd > 0 && beyond < 1 << c->snd_scale;
    return rounded || hf_syn_is_unacked(c) ? c->snd.nxt : edge;
}

static bool plan_rst(const struct hf_tcp *c, struct hf_tcp_plan *plan)
{
    if (!(c->flags & HF_TF_OWE_RST))
        return false;
    plan->what = HF_SEND_RST;
    plan->why = c->rst_why;
    plan->seq = number_for_none(c);
    return true;
}

static bool plan_syn(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_plan *plan)
{
    if (!(c->owed & HF_OWE_SYN))
        return false;
    plan->what = HF_SEND_SYN;
    plan->why = c->state == HF_SYN_SENT ? HF_WHY_SYN : HF_WHY_SYN_ACK;
    if (c->flags & HF_TF_SYN_AGAIN)
        plan->why = HF_WHY_SYN_AGAIN;
    plan->seq = c->iss;
    plan->len = hf_fast_open_text(sh, c);
    return true;
}

/* ---- data: how much of it may go ---- */

/* cwnd less what is in the network (RFC 5681, 2). With nothing in flight a full segment may always go. */
static uint32_t congestion_room(const struct hf_tcp *c, const struct hf_tcp_sending *s, uint32_t mss)
{
    uint32_t in_flight = hf_in_flight(c, s);
    if (in_flight == 0)
        return HF_MAX(c->cc.cwnd, mss);
    return c->cc.cwnd > in_flight ? c->cc.cwnd - in_flight : 0;
}

/* SND.UNA + SND.WND - SND.NXT, never negative: a peer may shrink its window (MUST-34, SHLD-15; BUG-34). */
static uint32_t usable_window(const struct hf_tcp *c)
{
    int32_t room = hf_seq_diff(hf_seq_add(c->snd.una, c->snd.wnd), c->snd.nxt);
    return room > 0 ? (uint32_t)room : 0;
}

/* Most payload of one frame: a segment, or as many whole ones as the link splits by itself. Not with urgent data: the
 * device would copy the pointer into each segment, where it points too far. Nor with CWR as a bit of AccECN's count: the
 * device would clear it in all segments but the first (RFC 9768, 3.3.4). */
static uint32_t frame_payload(const struct hf_tcp *c, uint32_t mss)
{
    if (c->burst <= mss || (c->flags & HF_TF_URGENT) || hf_ecn_shows_cwr(c))
        return mss;
    uint32_t most = c->cc.pacing_rate != 0 ? HF_MAX(hf_pace_frame(c, c->burst), mss) : c->burst;
    return most - most % mss;
}

/* A run that was sent again already and lies beyond a window that was taken back is not sent a third time, until the timer
 * asks (RFC 7323, 2.4). */
static bool lies_beyond(const struct hf_tcp *c, const struct hf_tcp_sending *s, const struct hf_sent *run)
{
    bool again = (run->flags & HF_SENT_AGAIN) && !s->repair_due;
    return again && hf_seq_ge(run->from, hf_seq_add(c->snd.una, c->snd.wnd));
}

/* Something lost, in order. The first repair of an episode goes whatever cwnd says (RFC 5681, 3.2; RFC 6675, 5), and
 * whatever became of the peer's window (SHLD-16, MAY-7). */
static bool plan_repair(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                        struct hf_tcp_plan *plan)
{
    if (s->repairs.first == HF_NONE || s->undo.frto == HF_FRTO_SECOND_ACK)
        return false; /* or nothing old may be sent before it is known whether the time-out was one: RFC 5682, 2.1 */
    uint32_t mss = hf_effective_mss(sh, c);
    uint32_t room = congestion_room(c, s, mss);
    if (s->repair_due)
        room = HF_MAX(room, mss);
    const struct hf_sent *run = hf_sent_at(sh, s->repairs.first);
    if (lies_beyond(c, s, run))
        return false;
    hf_seq data_end = hf_seq_min(run->to, hf_snd_seq(c, s->end));
    uint32_t data_len = (uint32_t)hf_seq_diff(data_end, run->from);
    if (room < HF_MIN(mss, data_len))
        return false;
    uint32_t most = HF_MIN(frame_payload(c, mss), HF_MAX(room - room % mss, mss));
    plan->what = HF_SEND_DATA;
    plan->why = run->why_again;
    plan->seq = run->from;
    plan->len = HF_MIN(data_len, most);
    plan->fin = plan->len == data_len && hf_seq_gt(run->to, data_end);
    plan->psh = plan->len > 0 && plan->len == data_len && (run->flags & HF_SENT_PUSHED);
    plan->again = true;
    return true;
}

/* Nagle's algorithm (SHLD-7; 3.7.4) as Minshall put it (A.3): a segment that is not full waits while another such
 * one is in flight. What ends the stream does not wait, nor does urgent data. */
static bool nagle_holds(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (c->flags & (HF_TF_FIN_QUEUED | HF_TF_URGENT))
        return false;
    if (c->flags & HF_TF_MORE)
        return true;
    return !(c->flags & HF_TF_NO_DELAY) && hf_seq_gt(s->small, c->snd.una); /* MUST-17 */
}

/* How much new data may go in the next frame, 0 for none. MUST-38 (silly windows, 3.8.6.2.1), SHLD-28, MAY-16. */
static uint32_t new_data_len(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    uint64_t unsent = hf_unsent(c, s);
    uint32_t mss = hf_effective_mss(sh, c), window = usable_window(c);
    uint32_t want = (uint32_t)HF_MIN(unsent, (uint64_t)window);
    uint32_t room = congestion_room(c, s, mss);
    if (room < HF_MIN(want, mss))
        return 0;
    uint32_t len = HF_MIN(HF_MIN(want, room), frame_payload(c, mss));
    if (len >= mss) {
        bool tail_waits = len < unsent || nagle_holds(c, s);
        return tail_waits ? len - len % mss : len;
    }
    if (len == unsent)
        return nagle_holds(c, s) ? 0 : len;
    return len >= c->snd.max_wnd / 2 ? len : 0;
}

static bool plan_new_data(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                          struct hf_tcp_plan *plan)
{
    if (!hf_sent_has_room(sh, s))
        return false;
    uint32_t len = new_data_len(sh, c, s);
    if (len == 0)
        return false;
    hf_seq end = hf_seq_add(c->snd.nxt, len);
    plan->what = HF_SEND_DATA;
    /* RFC 3042, 2: a duplicate ACK tells that a segment has left the network, and in_flight says so */
    plan->why = s->recovery == HF_OPEN && s->dup_acks > 0 ? HF_WHY_LIMITED_TRANSMIT : HF_WHY_DATA;
    plan->seq = c->snd.nxt;
    plan->len = len;
    plan->fin = (c->flags & HF_TF_FIN_QUEUED) && len == hf_unsent(c, s);
    /* MUST-61; the last push stands for all: SHLD-27 */
    bool is_frame = sh->config.push_frames && len > hf_effective_mss(sh, c);
    plan->psh = plan->fin || is_frame || hf_seq_lt_le(c->snd.nxt, s->push, end);
    return true;
}

/* A segment larger than the path was thought to take, of the next bytes. It waits for the congestion window, and what is new
 * waits behind it (RFC 4821, 7.4). */
static bool plan_size_probe(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                            uint32_t len, struct hf_tcp_plan *plan)
{
    if (!hf_sent_has_room(sh, s) || congestion_room(c, s, len) < len)
        return false;
    plan->what = HF_SEND_DATA;
    plan->why = HF_WHY_SIZE_PROBE;
    plan->seq = c->snd.nxt;
    plan->len = len;
    plan->psh = hf_seq_lt_le(c->snd.nxt, s->push, hf_seq_add(c->snd.nxt, len));
    return true;
}

static bool plan_new(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                     struct hf_tcp_plan *plan)
{
    uint32_t probe = hf_mtu_probe_len(sh, c, s);
    return HF_UNLIKELY(probe > 0) ? plan_size_probe(sh, c, s, probe, plan) : plan_new_data(sh, c, s, plan);
}

/* The FIN alone, whatever the window: it takes a number but no room, and doubles as a probe. */
static bool plan_fin(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                     struct hf_tcp_plan *plan)
{
    if (!(c->flags & HF_TF_FIN_QUEUED) || (c->flags & HF_TF_FIN_SENT) || hf_unsent(c, s) > 0)
        return false;
    if (!hf_sent_has_room(sh, s) || (s == NULL && hf_pool_available(&sh->sending) == 0))
        return false;
    plan->what = HF_SEND_DATA;
    plan->why = HF_WHY_FIN;
    plan->seq = c->snd.nxt;
    plan->fin = true;
    return true;
}

static void probe_with_new(const struct hf_tcp *c, const struct hf_tcp_sending *s, uint32_t len, struct hf_tcp_plan *plan)
{
    bool is_all = len == hf_unsent(c, s);
    plan->seq = c->snd.nxt;
    plan->len = len;
    plan->fin = is_all && (c->flags & HF_TF_FIN_QUEUED);
    plan->psh = is_all;
}

static void probe_with_last(const struct hf_tcp *c, const struct hf_tcp_sending *s, const struct hf_sent *last,
                            struct hf_tcp_plan *plan)
{
    hf_seq stream_end = hf_snd_seq(c, s->end);
    plan->again = true;
    plan->seq = hf_sent_tail(last);
    plan->len = (uint32_t)hf_seq_diff(hf_seq_min(last->to, stream_end), plan->seq);
    plan->fin = hf_seq_gt(last->to, stream_end);
    plan->psh = plan->len > 0 && (last->flags & HF_SENT_PUSHED);
}

/* One segment beyond the congestion window, of new data if the peer's window takes it, else the last one again (RFC 8985,
 * 7.3). */
static bool plan_loss_probe(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                            struct hf_tcp_plan *plan)
{
    if (!(c->owed & HF_OWE_LOSS_PROBE))
        return false;
    uint32_t most = HF_MIN(hf_effective_mss(sh, c), usable_window(c));
    uint32_t len = (uint32_t)HF_MIN(hf_unsent(c, s), (uint64_t)most);
    plan->what = HF_SEND_DATA;
    plan->why = HF_WHY_LOSS_PROBE;
    if (len > 0 && hf_sent_has_room(sh, s))
        probe_with_new(c, s, len, plan);
    else
        probe_with_last(c, s, hf_sent_at(sh, s->last), plan);
    return true;
}

/* MUST-36: one byte into a closed window, or what silly-window avoidance held back; the byte already out goes
 * again. */
static bool plan_probe(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                       struct hf_tcp_plan *plan)
{
    if (!(c->owed & HF_OWE_PROBE))
        return false;
    plan->what = HF_SEND_PROBE;
    plan->why = HF_WHY_WINDOW_PROBE;
    plan->seq = c->snd.una;
    plan->again = s->first != HF_NONE;
    if (!plan->again && hf_pool_available(&sh->sent) == 0)
        return false;
    uint32_t most = HF_MIN(hf_effective_mss(sh, c), HF_MAX(c->snd.wnd, 1u));
    plan->len = plan->again ? 1 : (uint32_t)HF_MIN(hf_unsent(c, s), (uint64_t)most);
    plan->psh = hf_seq_eq(s->push, hf_seq_add(plan->seq, plan->len)); /* MUST-61 */
    return true;
}

/* ---- ACKs alone ---- */

static bool plan_ack(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_plan *plan)
{
    plan->what = HF_SEND_ACK;
    plan->seq = number_for_none(c);
    if (c->owed & HF_OWE_ACK_NOW) {
        plan->why = c->ack_why;
        return true;
    }
    if (hf_window_update_is_due(sh, c)) {
        plan->why = HF_WHY_WINDOW_UPDATE;
        return true;
    }
    if (c->owed & HF_OWE_KEEP_ALIVE) {
        plan->why = HF_WHY_KEEP_ALIVE;
        plan->seq = hf_seq_sub(c->snd.nxt, 1); /* outside the window, so that it is answered (3.8.4; SHLD-12) */
        return true;
    }
    return false;
}

/* Text may not stand on the ACK that tells what became of the peer's SYN,ACK (RFC 9768, 3.2.2.1): that goes first. */
static bool plan_handshake(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_plan *plan)
{
    return c->ecn.owes_handshake && (c->owed & HF_OWE_ACK_NOW) && plan_ack(sh, c, plan);
}

/* What the windows let go waits for its time when it is paced: then the plan only says when that is. */
static bool plan_text(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s,
                      struct hf_tcp_plan *plan)
{
    if (!plan_repair(sh, c, s, plan) && !plan_new(sh, c, s, plan))
        return false;
    if (HF_LIKELY(!hf_pace_holds(sh, c, s)))
        return true;
    *plan = (struct hf_tcp_plan){.what = HF_SEND_NOTHING, .ask_at = hf_pace_release(c, s)};
    return false;
}

static bool plan_data(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_plan *plan)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (hf_syn_is_unacked(c) && !hf_is_fast_open_child(c))
        return false;
    if (s != NULL && plan_text(sh, c, s, plan))
        return true;
    if (plan_fin(sh, c, s, plan))
        return true;
    return plan_loss_probe(sh, c, s, plan) || plan_probe(sh, c, s, plan);
}

/* Did an empty pool, rather than a rule, keep something back? */
static bool is_starved(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    if (hf_call_waits_for_pool(sh, c))
        return true;
    bool something = c->sending != HF_NONE || (c->flags & (HF_TF_FIN_QUEUED | HF_TF_FIN_SENT)) == HF_TF_FIN_QUEUED;
    bool no_queue = c->sending == HF_NONE && hf_pool_available(&sh->sending) == 0;
    return something && (no_queue || !hf_sent_has_room(sh, hf_tcp_sending_of(sh, c)));
}

struct hf_tcp_plan hf_tcp_plan(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    struct hf_tcp_plan plan = {.what = HF_SEND_NOTHING, .ask_at = HF_NEVER};
    if (plan_rst(c, &plan) || c->state == HF_CLOSED)
        return plan;
    if (plan_syn(sh, c, &plan) || plan_handshake(sh, c, &plan) || plan_data(sh, c, &plan))
        return plan;
    bool may_ack = c->state != HF_SYN_SENT && !(c->flags & HF_TF_DEFERRED); /* nobody is there before the SYN is answered */
    if (may_ack && plan_ack(sh, c, &plan))
        return plan;
    plan = (struct hf_tcp_plan){.what = HF_SEND_NOTHING, .ask_at = hf_time_first(plan.ask_at, hf_timers_next(sh, c))};
    if (is_starved(sh, c))
        plan.ask_at = hf_time_first(plan.ask_at, hf_time_add(sh->now, LOOK_AGAIN));
    return plan;
}

/* Whoever owes something has it in `owed`, in the flags, or in a queue. A window update is not due right after a segment:
 * what left offered all there was. */
bool hf_tcp_is_silent(const struct hf_tcp_shared *sh, const struct hf_tcp *c, hf_time *ask_at)
{
    const uint32_t may_speak = HF_TF_OWE_RST | HF_TF_FIN_QUEUED | HF_TF_SOUGHT_ROOM;
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    bool fin_is_out = (c->flags & may_speak) == HF_TF_FIN_QUEUED && (c->flags & HF_TF_FIN_SENT);
    if (c->owed != 0 || ((c->flags & may_speak) && !fin_is_out))
        return false;
    if (s != NULL && (s->repairs.first != HF_NONE || hf_unsent(c, s) > 0))
        return false;
    *ask_at = hf_timers_next(sh, c);
    return hf_pool_available(&sh->sent) > 0;
}

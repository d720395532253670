/* What the segments say about the peer's state. Follows figure 5 of RFC 9293 from the other side. */
#include "ladder_peer.h"

/* The flags of a note; its header names them. */
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

/* A segment that shows what was read ahead comes within this time, or there is none. */
#define AHEAD_NS (30 * HF_MS)

void peer_begin(struct peer *p, const struct hf_note *first)
{
    static const uint8_t before[HF_STATE_COUNT] = {
        [HF_CLOSED] = HF_LISTEN,         [HF_LISTEN] = HF_CLOSED,           [HF_SYN_SENT] = HF_LISTEN,
        [HF_SYN_RECEIVED] = HF_SYN_SENT, [HF_ESTABLISHED] = HF_ESTABLISHED, [HF_FIN_WAIT_1] = HF_ESTABLISHED,
        [HF_FIN_WAIT_2] = HF_CLOSE_WAIT, [HF_CLOSE_WAIT] = HF_FIN_WAIT_2,   [HF_CLOSING] = HF_FIN_WAIT_1,
        [HF_LAST_ACK] = HF_FIN_WAIT_2,   [HF_TIME_WAIT] = HF_CLOSED,
    };
    *p = (struct peer){.state = before[first->from]};
    if (first->iss == 0 && first->irs == 0) /* nobody's */
        p->state = HF_CLOSED;
}

/* "a" is at or after "b" in sequence space (RFC 9293, 3.4). */
static bool has_reached(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) >= 0;
}

static enum hf_state after_its_syn(const struct hf_note *note)
{
    return note->flags & ACK ? HF_SYN_RECEIVED : HF_SYN_SENT;
}

static enum hf_state after_it_acked(const struct peer *p, const struct hf_note *note)
{
    bool fin_acked = p->has_got_fin && has_reached(note->ack, p->our_fin_end);
    switch (p->state) {
    case HF_SYN_SENT:
    case HF_SYN_RECEIVED:
    case HF_ESTABLISHED:
        return fin_acked ? HF_CLOSE_WAIT : HF_ESTABLISHED;
    case HF_FIN_WAIT_1:
        return fin_acked ? HF_CLOSING : HF_FIN_WAIT_1;
    case HF_FIN_WAIT_2:
        return fin_acked ? HF_TIME_WAIT : HF_FIN_WAIT_2;
    default:
        return p->state;
    }
}

/* A FIN that does not acknowledge ours was sent before ours arrived. One that comes again was not acknowledged. */
static enum hf_state after_its_fin(const struct peer *p, const struct hf_note *note)
{
    bool fin_acked = p->has_got_fin && has_reached(note->ack, p->our_fin_end);
    switch (p->state) {
    case HF_ESTABLISHED:
        return HF_FIN_WAIT_1;
    case HF_CLOSE_WAIT:
        return fin_acked ? HF_LAST_ACK : HF_FIN_WAIT_1;
    case HF_CLOSED:
        return HF_LAST_ACK;
    case HF_FIN_WAIT_2:
        return HF_FIN_WAIT_1;
    default:
        return p->state;
    }
}

static void it_sent(struct peer *p, const struct hf_note *note)
{
    if (note->flags & RST) {
        p->state = HF_CLOSED;
        return;
    }
    if (note->flags & SYN) {
        p->state = after_its_syn(note);
        return;
    }
    if (note->flags & ACK)
        p->state = after_it_acked(p, note);
    if (note->flags & FIN) {
        p->state = after_its_fin(p, note);
        p->has_sent_fin = true;
        p->fin_end = note->seq + note->len + 1;
    }
}

/* Whether anybody listens shows only when something comes back. */
static enum hf_state after_our_syn(const struct peer *p, const struct hf_note *note)
{
    if (p->state == HF_SYN_SENT || p->state == HF_SYN_RECEIVED)
        return note->flags & ACK ? HF_ESTABLISHED : HF_SYN_RECEIVED;
    return p->state;
}

static enum hf_state after_our_ack(const struct peer *p, const struct hf_note *note)
{
    bool fin_acked = p->has_sent_fin && has_reached(note->ack, p->fin_end);
    switch (p->state) {
    case HF_SYN_RECEIVED:
        return HF_ESTABLISHED;
    case HF_FIN_WAIT_1:
        if (!fin_acked)
            return HF_FIN_WAIT_1;
        return p->has_got_fin ? HF_TIME_WAIT : HF_FIN_WAIT_2;
    case HF_CLOSING:
        return fin_acked ? HF_TIME_WAIT : HF_CLOSING;
    case HF_LAST_ACK:
        return fin_acked ? HF_CLOSED : HF_LAST_ACK;
    default:
        return p->state;
    }
}

static enum hf_state after_our_fin(const struct peer *p)
{
    switch (p->state) {
    case HF_ESTABLISHED:
        return HF_CLOSE_WAIT;
    case HF_FIN_WAIT_1:
        return HF_CLOSING;
    case HF_FIN_WAIT_2:
        return HF_TIME_WAIT;
    default:
        return p->state;
    }
}

static void it_got(struct peer *p, const struct hf_note *note)
{
    if (note->flags & RST) {
        p->state = HF_CLOSED;
        return;
    }
    if (note->flags & SYN) {
        p->state = after_our_syn(p, note);
        return;
    }
    if (note->flags & ACK)
        p->state = after_our_ack(p, note);
    if (note->flags & FIN) {
        p->state = after_our_fin(p);
        p->has_got_fin = true;
        p->our_fin_end = note->seq + note->len + 1;
    }
}

bool peer_note(struct peer *p, const struct hf_note *note)
{
    enum hf_state before = p->state;
    if (note->kind == HF_NOTE_IN)
        it_sent(p, note);
    else
        it_got(p, note);
    if (p->state == before)
        return false;
    p->is_read = p->is_ahead && p->ahead == p->state;
    p->is_ahead = false;
    return true;
}

/* Steps a peer takes by itself, each with a segment that tells us: what was read explains a segment yet to come. */
static bool is_ahead(enum hf_state thought, enum hf_state read)
{
    switch (thought) {
    case HF_CLOSED:
        return read == HF_SYN_SENT;
    case HF_SYN_RECEIVED:
    case HF_ESTABLISHED:
        return read == HF_FIN_WAIT_1 || read == HF_CLOSED;
    case HF_CLOSE_WAIT:
        return read == HF_LAST_ACK || read == HF_CLOSED;
    default:
        return false;
    }
}

enum peer_news peer_read(struct peer *p, enum hf_state state, hf_time now)
{
    if (state == p->state) {
        p->is_read = true;
        p->is_ahead = false;
        return PEER_AS_THOUGHT;
    }
    if (is_ahead(p->state, state)) {
        if (!p->is_ahead || p->ahead != state)
            p->ahead_at = now;
        p->is_ahead = true;
        p->ahead = state;
        if (hf_time_since(now, p->ahead_at) < AHEAD_NS)
            return PEER_AHEAD;
    }
    p->state = state;
    p->is_read = true;
    p->is_ahead = false;
    return PEER_DIFFERS;
}

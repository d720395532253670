/*
 * What is done next: mostly what an honest peer and a sane application would do, so that every state is reached, and in
 * between what nobody should do. See opinion.h.
 *
 * Windows are free, so nothing is drawn whose fate hangs on their size: numbers lie well inside any window, or far beyond.
 */
#include "opinion.h"

#include "../../sim/chance.h"

enum { INSIDE = 9000, BEYOND = 1 << 22, OPEN_WINDOW = 20000, FIRST_TSVAL = 100000, TS_A_STEP = 10 };

/* The draws of one step: seed and number say what they are. */
static struct chance chance_of(const struct script *script)
{
    return (struct chance){.state = script->seed * 1000003 + script->count * 7919};
}

static uint32_t below(struct chance *c, uint32_t n)
{
    return (uint32_t)chance_between(c, 0, n - 1);
}

static bool percent(struct chance *c, unsigned of)
{
    return below(c, 100) < of;
}

void draw_script(struct script *script, uint64_t seed)
{
    *script = (struct script){.seed = seed};
    struct chance c = chance_of(script);
    script->role = percent(&c, 30) ? ACTIVE : PASSIVE;
    script->no_delay = percent(&c, 50);
}

/* ---- segments ---- */

/* What stands in every segment: a timestamp, nearly always where it was agreed on. */
static void stamp(const struct script *script, const struct peer *peer, struct chance *c, struct step *step)
{
    bool stamps = step->flags & HF_TCP_SYN ? step->options & HF_OPT_TIMESTAMPS : percent(c, peer->stamps ? 99 : 2);
    step->options &= (uint8_t)~HF_OPT_TIMESTAMPS;
    if (!stamps)
        return;
    step->options |= HF_OPT_TIMESTAMPS;
    step->tsval = FIRST_TSVAL + script->count * TS_A_STEP;
    if (percent(c, 4) && script->count > 1)
        step->tsval -= percent(c, 50) ? 5000 : TS_A_STEP * (1 + below(c, script->count));
    step->echoes = step->flags & HF_TCP_ACK && !percent(c, 2);
}

static void offer(struct chance *c, struct step *step)
{
    static const uint16_t sizes[] = {536, 1000, 1460, 1460};
    static const uint8_t scales[] = {0, 1, 2, 7};
    step->options = (percent(c, 90) ? HF_OPT_MSS : 0) | (percent(c, 60) ? HF_OPT_WSCALE : 0) |
                    (percent(c, 60) ? HF_OPT_SACK_OK : 0) | (percent(c, 50) ? HF_OPT_TIMESTAMPS : 0);
    step->mss = sizes[below(c, 4)];
    step->wscale = scales[below(c, 4)];
}

static uint16_t some_len(struct chance *c)
{
    static const uint16_t lens[] = {1, 2, 10, 100, 500, 536, 1000, 1300};
    return lens[below(c, 8)];
}

/* Whose FIN has a place says nothing beyond it, and says FIN where it is. */
static void keep_to_end(const struct peer *peer, struct step *step)
{
    uint32_t left = peer->end - step->seq;
    if (!peer->has_ended)
        return;
    if ((int32_t)left < 0)
        step->len = 0;
    else if (step->len > left)
        step->len = (uint16_t)left;
    step->flags &= (uint8_t)~HF_TCP_FIN;
    if (left == step->len)
        step->flags |= HF_TCP_FIN;
}

/* What an honest peer would say. */
static void speak_well(const struct peer *peer, struct chance *c, struct step *step)
{
    step->seq = peer->acked;
    step->ack = percent(c, 12) ? peer->said_ack : peer->sent_to; /* what was sent last may still be under way */
    step->flags = HF_TCP_ACK;
    step->win = OPEN_WINDOW;
    unsigned kind = below(c, 10);
    if (kind < 5)
        step->len = some_len(c);
    else if (kind < 7)
        step->flags |= HF_TCP_FIN;
    if (kind == 6)
        step->len = some_len(c);
    keep_to_end(peer, step);
    if (step->len > 0 && percent(c, 50))
        step->flags |= HF_TCP_PSH;
}

static uint32_t odd_seq(const struct peer *peer, struct chance *c)
{
    switch (below(c, 8)) {
    case 0:
        return peer->acked - 1;
    case 1:
        return peer->acked - (1 + below(c, 3000));
    case 2:
        return peer->acked + 1;
    case 3:
    case 4:
        return peer->acked + 1 + below(c, INSIDE);
    case 5:
        return peer->acked + BEYOND + below(c, INSIDE);
    case 6:
        return peer->acked - BEYOND - below(c, INSIDE);
    default:
        return peer->acked;
    }
}

static uint32_t odd_ack(const struct peer *peer, struct chance *c)
{
    switch (below(c, 8)) {
    case 0:
        return peer->sent_to - 1;
    case 1:
        return peer->sent_to - (1 + below(c, 3000));
    case 2:
        return peer->sent_to + 1;
    case 3:
        return peer->sent_to + 1 + below(c, INSIDE);
    case 4:
        return peer->sent_to + BEYOND;
    case 5:
        return peer->sent_to - BEYOND;
    default:
        return peer->sent_to;
    }
}

static uint8_t odd_flags(struct chance *c)
{
    static const uint8_t flags[] = {
        HF_TCP_ACK,
        HF_TCP_ACK | HF_TCP_PSH,
        HF_TCP_ACK | HF_TCP_FIN,
        HF_TCP_RST,
        HF_TCP_RST | HF_TCP_ACK,
        HF_TCP_SYN,
        HF_TCP_SYN | HF_TCP_ACK,
        HF_TCP_FIN,
        0,
        HF_TCP_PSH,
        HF_TCP_ACK | HF_TCP_URG,
        HF_TCP_ACK | HF_TCP_PSH | HF_TCP_URG,
        HF_TCP_SYN | HF_TCP_FIN,
        HF_TCP_SYN | HF_TCP_RST,
        HF_TCP_RST | HF_TCP_FIN | HF_TCP_ACK,
        HF_TCP_SYN | HF_TCP_RST | HF_TCP_ACK,
        HF_TCP_FIN | HF_TCP_SYN | HF_TCP_RST | HF_TCP_PSH | HF_TCP_ACK | HF_TCP_URG,
    };
    return flags[percent(c, 30) ? below(c, 3) : below(c, sizeof flags)];
}

/* One or two things of an honest segment are changed. */
static void spoil(const struct peer *peer, struct chance *c, struct step *step)
{
    static const uint16_t windows[] = {0, 0, 1, 100, 536, 1460, 3000};
    for (unsigned times = 1 + below(c, 2); times > 0; times--)
        switch (below(c, 6)) {
        case 0:
        case 1:
            step->seq = odd_seq(peer, c);
            break;
        case 2:
            step->ack = odd_ack(peer, c);
            break;
        case 3:
        case 4:
            step->flags = odd_flags(c);
            break;
        default:
            step->win = windows[below(c, 7)];
            break;
        }
    if (!(step->flags & (HF_TCP_SYN | HF_TCP_RST)) && percent(c, 95))
        keep_to_end(peer, step);
    if (step->flags & HF_TCP_URG)
        step->urg = (uint16_t)(percent(c, 50) ? step->len : below(c, 2000));
    if (step->flags & HF_TCP_SYN)
        offer(c, step);
    if (!(step->flags & HF_TCP_ACK))
        step->ack = 0;
}

/* A SYN: the first of a connection, or of the next one, whose numbers are newer than all before. */
static void open_anew(const struct peer *peer, struct chance *c, struct step *step)
{
    *step = (struct step){.kind = STEP_SEGMENT, .flags = HF_TCP_SYN, .win = OPEN_WINDOW};
    if (peer->acked != 0)
        step->seq = peer->acked + (percent(c, 80) ? 100000 + below(c, 1000) : 0 - 100000 - below(c, 1000));
    offer(c, step);
}

/* What the handshake waits for. */
static void complete_handshake(const struct peer *peer, struct chance *c, const struct answer *last,
                               struct step *step)
{
    step->seq = peer->acked;
    step->ack = peer->sent_to;
    step->flags = HF_TCP_ACK;
    step->win = OPEN_WINDOW;
    if (last->state == HF_SYN_SENT) {
        step->flags |= HF_TCP_SYN;
        offer(c, step);
        if (percent(c, 15)) /* simultaneous open */
            step->flags = HF_TCP_SYN;
    } else if (percent(c, 20)) {
        step->len = some_len(c);
    }
}

static void draw_segment(struct script *script, const struct peer *peer, struct chance *c,
                         const struct answer *last, struct step *step)
{
    bool opens = last->state == HF_SYN_SENT || last->state == HF_SYN_RECEIVED;
    bool is_nothing = last->state == HF_CLOSED && script->role == PASSIVE;
    step->kind = STEP_SEGMENT;
    if ((is_nothing && percent(c, 85)) || (last->state == HF_TIME_WAIT && percent(c, 20)))
        open_anew(peer, c, step);
    else if (opens && percent(c, 75))
        complete_handshake(peer, c, last, step);
    else
        speak_well(peer, c, step);
    if (percent(c, opens ? 10 : 35))
        spoil(peer, c, step);
    stamp(script, peer, c, step);
}

/* ---- calls ---- */

static void draw_call(struct chance *c, struct step *step)
{
    static const uint8_t calls[] = {STEP_READ,         STEP_READ,     STEP_READ,  STEP_WRITE, STEP_WRITE,
                                    STEP_WRITE_URGENT, STEP_SHUTDOWN, STEP_CLOSE, STEP_CLOSE, STEP_ABORT};
    step->kind = calls[percent(c, 50) ? below(c, 5) : below(c, sizeof calls)];
    step->size = (uint16_t)(step->kind == STEP_READ ? 1 + below(c, READ_MAX) : chance_size(c, WRITE_MAX));
}

void draw_step(struct script *script, const struct peer *peer, const struct application *application,
               const struct answer *last)
{
    struct chance c = chance_of(script);
    struct step *step = &script->step[script->count];
    *step = (struct step){.kind = STEP_SEGMENT};
    chance_draw(&c);
    if (script->role == ACTIVE && script->count == 0)
        step->kind = STEP_CONNECT;
    else if (application->has_socket && percent(&c, last->state == HF_SYN_SENT ? 10 : 35))
        draw_call(&c, step);
    else if (!application->has_socket && script->role == PASSIVE && last->state != HF_CLOSED &&
             last->state != HF_SYN_RECEIVED && percent(&c, 50))
        step->kind = STEP_ACCEPT;
    else
        draw_segment(script, peer, &c, last, step);
    script->count++;
}

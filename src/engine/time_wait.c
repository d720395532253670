/*
 * TIME-WAIT at rest (RFC 9293, 3.6.1): connections of which only 2 MSL are left, and nobody holds a handle. They are kept
 * small, oldest first, so that a million of them cost their bytes and nothing else: a queue ordered by time needs no
 * timers, and a full pool lets the oldest go, counted.
 *
 * Read first: engine.h, tcp/small.h, tcp/time_wait.c.
 */
#include "engine.h"

#define TAKEN_AFTER_MS 1000u /* LIFECYCLE: active reuse after a second */

static struct hf_time_wait *time_wait_at(const struct hf_engine *e, uint32_t slot)
{
    return (struct hf_time_wait *)(void *)hf_small_at(e, slot);
}

static struct hf_queue *queue_of(struct hf_engine *e, uint32_t slot)
{
    return &e->time_wait[hf_place_of(e, slot) == HF_AT_TIME_WAIT_V4 ? 0 : 1];
}

static uint32_t age_ms(const struct hf_engine *e, const struct hf_time_wait *w)
{
    return hf_tcp_ms(&e->tcp) - w->since_ms;
}

/* A millisecond more than 2 MSL, since the record knows no finer: never early. */
static uint64_t whole_life_ms(const struct hf_engine *e)
{
    return (uint64_t)(2 * e->tcp.config.msl_ns / HF_MS) + 1;
}

/* How long it still lives. */
static hf_ns left_of(const struct hf_engine *e, const struct hf_time_wait *w)
{
    uint64_t age = age_ms(e, w), whole = whole_life_ms(e);
    return age >= whole ? 0 : (hf_ns)(whole - age) * HF_MS;
}

/* At the end of its queue. Instants are known to the millisecond, so its life may end one earlier than it seems. */
static void wait_to_the_end(struct hf_engine *e, uint32_t slot)
{
    hf_small_push(e, queue_of(e, slot), slot);
    hf_time due = hf_time_add(e->tcp.now, left_of(e, time_wait_at(e, slot)) - HF_MS);
    e->time_wait_due = hf_time_first(e->time_wait_due, due);
}

static void leave(struct hf_engine *e, uint32_t slot)
{
    hf_small_remove(e, queue_of(e, slot), slot);
    hf_small_free(e, slot);
}

/* ---- keeping ---- */

bool hf_time_wait_is_ready(const struct hf_tcp *c)
{
    return c->state == HF_TIME_WAIT && (c->flags & HF_TF_RELEASED) && c->owed == 0 && c->sending == HF_NONE &&
           c->receiving == HF_NONE && c->own.on_turn == HF_AT_REST && !c->own.on_events;
}

static void give_way(struct hf_engine *e, uint32_t slot)
{
    struct hf_tcp *c = hf_small_unfold(e, slot);
    hf_time_wait_give_way(&e->tcp, c);
    hf_tcp_forget(&e->tcp, c);
    leave(e, slot);
}

/* The oldest of this family, or when it has none that of the other: they share the limit. */
static uint32_t oldest(const struct hf_engine *e, bool is_v4)
{
    uint32_t v4 = e->time_wait[0].first, v6 = e->time_wait[1].first;
    return v6 == HF_NONE || (is_v4 && v4 != HF_NONE) ? v4 : v6;
}

void hf_time_wait_keep(struct hf_engine *e, struct hf_tcp *c)
{
    bool is_v4 = hf_addr_is_v4(&c->remote_addr);
    enum hf_place place = is_v4 ? HF_AT_TIME_WAIT_V4 : HF_AT_TIME_WAIT_V6;
    if (hf_small_available(e, place) == 0)
        give_way(e, oldest(e, is_v4));
    uint32_t slot = hf_small_new(e, place);
    struct hf_time_wait *w = time_wait_at(e, slot);
    hf_time_wait_fold(&e->tcp, c, w);
    w->head.retries = 0;
    hf_demux_hand_over(e, c, slot);
    wait_to_the_end(e, slot);
    e->tcp.states[HF_TIME_WAIT]++; /* the count of the record that goes */
}

/* ---- segments ---- */

enum hf_reason hf_time_wait_arrives(struct hf_engine *e, uint32_t slot, const struct hf_arrival *in,
                                    const struct hf_segment *seg)
{
    struct hf_tcp *c = hf_small_unfold(e, slot);
    hf_time life_at = c->life_at;
    uint64_t note = hf_note_arrival(e, c, in, seg, HF_TIME_WAIT);
    struct hf_verdict verdict = hf_segment_arrives(&e->tcp, c, seg);
    hf_note_verdict(&e->tcp, note, c, verdict.why);
    if (verdict.reset != HF_REASON_NONE)
        hf_reply_reset(e, in, seg, verdict.reset);
    hf_reply_debts(e, c, in);
    bool again = hf_time_before(life_at, c->life_at);
    hf_time_wait_fold(&e->tcp, c, time_wait_at(e, slot));
    if (again) {
        hf_small_remove(e, queue_of(e, slot), slot);
        wait_to_the_end(e, slot);
    }
    return verdict.why;
}

/* ---- reuse by an active open ---- */

bool hf_time_wait_may_be_taken(const struct hf_engine *e, uint32_t slot)
{
    enum hf_place place = hf_place_of(e, slot);
    if (place != HF_AT_TIME_WAIT_V4 && place != HF_AT_TIME_WAIT_V6)
        return false;
    const struct hf_time_wait *w = time_wait_at(e, slot);
    return (w->head.flags & HF_SMALL_TIMESTAMPS) && age_ms(e, w) >= TAKEN_AFTER_MS;
}

hf_seq hf_time_wait_take(struct hf_engine *e, uint32_t slot)
{
    struct hf_tcp *c = hf_small_unfold(e, slot);
    hf_seq nxt = c->snd.nxt;
    hf_time_wait_reopen(&e->tcp, c);
    hf_tcp_forget(&e->tcp, c);
    leave(e, slot);
    return nxt;
}

/* ---- time ---- */

hf_time hf_time_wait_deadline(const struct hf_engine *e)
{
    hf_time first = HF_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        if (e->time_wait[i].first == HF_NONE)
            continue;
        const struct hf_time_wait *oldest = time_wait_at(e, e->time_wait[i].first);
        first = hf_time_first(first, hf_time_add(e->tcp.now, left_of(e, oldest)));
    }
    return first;
}

void hf_time_wait_advance(struct hf_engine *e)
{
    if (!hf_time_reached(e->tcp.now, e->time_wait_due))
        return;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t slot;
        while ((slot = e->time_wait[i].first) != HF_NONE && age_ms(e, time_wait_at(e, slot)) >= whole_life_ms(e)) {
            struct hf_tcp *c = hf_small_unfold(e, slot);
            hf_tcp_end(&e->tcp, c, HF_EDGE_MSL_2, HF_OK);
            hf_tcp_forget(&e->tcp, c);
            leave(e, slot);
        }
    }
    hf_time next = hf_time_wait_deadline(e);
    e->time_wait_due = hf_time_is_never(next) ? next : (hf_time){next.ns - HF_MS};
}

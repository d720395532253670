/* The judgements. Read first: judge.h. */
#include "judge.h"

#include "../src/tcp/steps.h"

#include <stdio.h>

/* ---- edges ---- */

#define TO(state) (1u << HF_##state)

/* Figure 5 of RFC 9293, and the ends that it does not draw: resets, time-outs and aborts lead to CLOSED from everywhere. */
static const uint16_t figure_5[HF_STATE_COUNT] = {
    [HF_CLOSED] = TO(SYN_SENT),
    [HF_LISTEN] = TO(SYN_RECEIVED),
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

bool edge_is_legal(unsigned from, unsigned to)
{
    return figure_5[from] & (1u << to);
}

unsigned edges_missing(const struct edges *edges, bool print)
{
    unsigned missing = 0;
    for (unsigned from = 0; from < HF_STATE_COUNT; from++)
        for (unsigned to = 0; to < HF_STATE_COUNT; to++) {
            if (!edge_is_legal(from, to) || edges->crossed[from][to] > 0)
                continue;
            missing++;
            if (print)
                printf("  never crossed: %s to %s\n", hf_state_text(from), hf_state_text(to));
        }
    return missing;
}

static const char *judge_edges(struct world *w, unsigned side, struct edges *edges)
{
    struct hf_note note;
    while (hf_history_next(engine_of(w, side), &w->heard[side], &note)) {
        if (note.kind != HF_NOTE_STATE)
            continue;
        edges->crossed[note.from][note.to]++;
        if (!edge_is_legal(note.from, note.to))
            return "an edge that figure 5 does not have was crossed";
    }
    return NULL;
}

/* ---- one side ---- */

static const char *judge_records(struct world *w, unsigned side)
{
    struct hf_engine *e = engine_of(w, side);
    uint32_t count[HF_STATE_COUNT] = {0};
    hf_conn conn = {0, 0};
    struct hf_tcp_info info;
    struct hf_stats stats;
    while (hf_tcp_next(e, &conn)) {
        const char *wrong = hf_tcp_check(e, conn);
        if (wrong != NULL)
            return wrong;
        if (hf_tcp_status(e, conn, &info) != HF_OK)
            return "a record that can be walked to tells no status";
        count[info.state]++;
    }
    hf_stats(e, &stats);
    for (unsigned state = 0; state < HF_STATE_COUNT; state++)
        if (count[state] != stats.states[state])
            return "the counts per state are not those of the records";
    return NULL;
}

/* ---- both ends ---- */

static const struct hf_tcp *whole_record(struct world *w, unsigned side)
{
    return w->app[side].has_conn ? hf_connection_of(engine_of(w, side), w->app[side].conn) : NULL;
}

/* Once nothing is in flight, and nothing ever went astray, the right edges of the window agree. */
static bool knows_offer(const struct world *w, const struct hf_tcp *c, const struct hf_tcp *other)
{
    if (w->was_disturbed || w->to[0].count > 0 || w->to[1].count > 0 || (other->flags & HF_TF_FIN_SEEN))
        return true;
    hf_seq offered = hf_seq_add(other->rcv.nxt, other->rcv.wnd), known = hf_seq_add(c->snd.una, c->snd.wnd);
    return hf_seq_eq(offered, known) || !hf_seq_eq(other->last_ack_sent, other->rcv.nxt);
}

/* Of one connection that both ends still have: what one was told has arrived, has; and nothing else has. */
static const char *judge_agreement(struct world *w)
{
    const struct hf_tcp *c[SIDES] = {whole_record(w, 0), whole_record(w, 1)};
    for (unsigned i = 0; i < SIDES; i++)
        if (c[i] == NULL || c[i]->state < HF_ESTABLISHED ||
            !hf_seq_eq(c[i]->irs, c[1 - i] ? c[1 - i]->iss : c[i]->iss))
            return NULL;
    for (unsigned i = 0; i < SIDES; i++) {
        if (c[i]->snd_base > c[1 - i]->rcv_base)
            return "one end takes for acknowledged what the other never received";
        if (c[1 - i]->rcv_base > w->app[i].wrote[w->app[i].life])
            return "one end received more than the other wrote";
        if (!knows_offer(w, c[i], c[1 - i]))
            return "one end offered a window, and the other does not know";
        if ((c[i]->flags & HF_TF_FIN_ACKED) && !(c[1 - i]->flags & HF_TF_FIN_RECEIVED))
            return "one end takes its FIN for acknowledged, which the other never received";
    }
    return NULL;
}

const char *judge_now(struct world *w, struct edges *edges)
{
    const char *wrong = w->wrong;
    for (unsigned side = 0; side < SIDES && wrong == NULL; side++) {
        wrong = judge_edges(w, side, edges);
        if (wrong == NULL)
            wrong = judge_records(w, side);
    }
    return wrong != NULL ? wrong : judge_agreement(w);
}

/* ---- the end ---- */

/* The first move that helps: a frame arrives, an application does what it can. */
static bool help(struct world *w)
{
    static const uint8_t order[] = {OLD, DELIVER, ACCEPT, READ, SHUTDOWN};
    struct move moves[MOVES_MAX];
    unsigned count = world_moves(w, moves);
    for (unsigned wanted = 0; wanted < sizeof order; wanted++)
        for (unsigned i = 0; i < count; i++)
            if (moves[i].kind == order[wanted]) {
                world_make(w, moves[i]);
                return true;
            }
    return false;
}

static bool is_over(struct world *w)
{
    for (unsigned side = 0; side < SIDES; side++) {
        struct hf_stats stats;
        hf_stats(engine_of(w, side), &stats);
        for (unsigned state = 0; state < HF_STATE_COUNT; state++)
            if (state != HF_LISTEN && stats.states[state] > 0)
                return false;
    }
    return true;
}

/* After violence one end may not know that the other is gone, and wait for it: its application loses patience. */
static bool lose_patience(struct world *w)
{
    bool did = false;
    for (unsigned side = 0; side < SIDES; side++) {
        const struct app *app = &w->app[side];
        if (!w->had_violence || !app->has_conn || app->closed || app->aborted)
            continue;
        w->ration.closes[side] = 1;
        world_make(w, (struct move){CLOSE, (uint8_t)side});
        did = true;
    }
    return did;
}

static bool let_time_pass(struct world *w)
{
    if (hf_time_is_never(world_deadline(w)))
        return false;
    w->ration.times = 1;
    world_make(w, (struct move){TIME, 0});
    return true;
}

static const char *judge_pools(struct world *w, unsigned side)
{
    struct hf_stats stats;
    hf_stats(engine_of(w, side), &stats);
    if (stats.connections_used + stats.half_open_used + stats.time_wait_used > 0)
        return "a record is left behind";
    if (stats.blocks_used + stats.sending_used + stats.receiving_used + stats.sent_used > 0)
        return "a pool is not whole again";
    return NULL;
}

/* Where nobody was violent, each stream that somebody reads arrives whole. */
static const char *judge_streams(const struct world *w)
{
    if (w->had_violence || w->app[0].lives != 1 || w->app[1].lives != 1)
        return NULL;
    for (unsigned side = 0; side < SIDES; side++) {
        const struct app *app = &w->app[side];
        if (app->read != w->app[1 - side].wrote[0])
            return "bytes did not arrive, though nobody was violent";
        if (!app->saw_end)
            return "the end did not arrive, though nobody was violent";
    }
    return NULL;
}

#define STEPS_MOST 3000

const char *judge_end(struct world *w)
{
    struct edges ignored = {0};
    memset(&w->ration, 0, sizeof w->ration);
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        if (w->wrong != NULL)
            return w->wrong;
        if (help(w))
            continue;
        if (is_over(w))
            break;
        if (!let_time_pass(w) && !lose_patience(w))
            return "something waits for ever";
    }
    if (!is_over(w))
        return "it does not come to an end";
    const char *wrong = judge_now(w, &ignored);
    for (unsigned side = 0; side < SIDES && wrong == NULL; side++)
        wrong = judge_pools(w, side);
    return wrong != NULL ? wrong : judge_streams(w);
}

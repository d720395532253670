/*
 * What an engine tells about itself (include/handfast/observe.h): counts, records in slot order, history, invariants.
 */
#include "engine.h"

void hf_stats(const struct hf_engine *e, struct hf_stats *stats)
{
    const struct hf_tcp_shared *sh = &e->tcp;
    *stats = (struct hf_stats){
        .frames_in = e->frames_in,
        .frames_out = e->frames_out,
        .bytes_in = e->bytes_in,
        .bytes_out = e->bytes_out,
        .connections_used = sh->connections.used,
        .connections_peak = sh->connections.peak,
        .connections_limit = sh->connections.capacity,
        .blocks_used = sh->blocks.pool.used,
        .blocks_peak = sh->blocks.pool.peak,
        .blocks_limit = sh->blocks.pool.capacity,
        .sending_used = sh->sending.used,
        .receiving_used = sh->receiving.used,
        .sent_used = sh->sent.used,
        .islands_used = sh->islands.used,
        .half_open_used = e->small[0].used + e->small[1].used,
        .time_wait_used = e->small[2].used + e->small[3].used,
        .orphans_used = sh->orphans,
        .replies_used = e->replies.used,
        .neighbours_used = e->neighbours.pool.used,
        .fragments_used = e->fragments.pool.used,
        .engine_size = e->size,
    };
    memcpy(stats->states, sh->states, sizeof stats->states);
    memcpy(stats->reasons, sh->reasons, sizeof stats->reasons);
    memcpy(stats->entered, sh->entered, sizeof stats->entered);
    memcpy(stats->time_in_ns, sh->time_in_ns, sizeof stats->time_in_ns);
    memcpy(stats->closed_first, sh->closed_first, sizeof stats->closed_first);
}

int hf_listener_status(const struct hf_engine *e, hf_conn conn, struct hf_listener_info *info)
{
    const struct hf_listener *listener = hf_listener_of(e, conn);
    if (listener == NULL)
        return hf_connection_of(e, conn) != NULL ? HF_ERR_NOT_LISTENING : HF_ERR_STALE;
    *info = (struct hf_listener_info){
        .local = listener->local,
        .link = listener->link,
        .backlog = listener->backlog,
        .half_open = listener->half_open,
        .waiting = listener->waiting,
        .funnel = listener->funnel,
    };
    return HF_OK;
}

/* ---- every record ---- */

/* The handle of a slot, or none when nothing lives there. */
static hf_conn handle_at(const struct hf_engine *e, uint32_t slot)
{
    enum hf_place place = hf_place_of(e, slot);
    if (place == HF_AT_CONNECTION)
        return (hf_conn){slot, hf_record(e, slot)->own.generation};
    if (place != HF_AT_LISTENER)
        return hf_small_handle(e, slot);
    const struct hf_listener *listener = hf_listener_at(e, slot - e->first_slot[HF_AT_LISTENER]);
    return (hf_conn){slot, listener->in_use ? listener->generation : 0};
}

/* Slots of this place that were ever used. */
static uint32_t fresh_of(const struct hf_engine *e, enum hf_place place)
{
    if (place == HF_AT_CONNECTION)
        return e->tcp.connections.fresh;
    return place == HF_AT_LISTENER ? e->tcp.listeners.fresh : e->small[place - HF_AT_HALF_OPEN_V4].fresh;
}

bool hf_tcp_next(struct hf_engine *e, hf_conn *conn)
{
    uint32_t slot = hf_conn_is_none(*conn) ? 0 : conn->slot + 1;
    for (unsigned place = hf_place_of(e, slot); place < HF_PLACES; place++) {
        uint32_t first = e->first_slot[place], end = first + fresh_of(e, (enum hf_place)place);
        for (slot = HF_MAX(slot, first); slot < end; slot++) {
            *conn = handle_at(e, slot);
            if (!hf_conn_is_none(*conn))
                return true;
        }
    }
    return false;
}

bool hf_listener_next(const struct hf_engine *e, hf_conn *listener)
{
    uint32_t first = e->first_slot[HF_AT_LISTENER], end = first + fresh_of(e, HF_AT_LISTENER);
    for (uint32_t slot = hf_conn_is_none(*listener) ? first : listener->slot + 1; slot < end; slot++) {
        *listener = handle_at(e, slot);
        if (!hf_conn_is_none(*listener))
            return true;
    }
    return false;
}

/* ---- history ---- */

static const struct hf_note *note_at(const struct hf_tcp_shared *sh, uint64_t number)
{
    return hf_pool_at(&sh->history, (uint32_t)((number - 1) % sh->history.capacity));
}

static uint64_t oldest_note(const struct hf_tcp_shared *sh)
{
    return sh->noted > sh->history.capacity ? sh->noted - sh->history.capacity + 1 : 1;
}

bool hf_history_next(const struct hf_engine *e, uint64_t *after, struct hf_note *note)
{
    const struct hf_tcp_shared *sh = &e->tcp;
    if (sh->history.capacity == 0)
        return false;
    uint64_t number = HF_MAX(*after + 1, oldest_note(sh));
    if (number > sh->noted)
        return false;
    *note = *note_at(sh, number);
    *after = number;
    return true;
}

/* Notes of its time as a small record carry no handle, but the same ends and numbers. */
static bool is_about(const struct hf_note *note, hf_conn conn, const struct hf_tcp *c)
{
    if (hf_conn_equal(note->conn, conn))
        return true;
    return c != NULL && hf_conn_is_none(note->conn) && note->iss == c->iss.n && note->irs == c->irs.n &&
           note->local.port == c->local_port && note->remote.port == c->remote_port &&
           hf_addr_equal(&note->remote.addr, &c->remote_addr);
}

bool hf_history_of(const struct hf_engine *e, hf_conn conn, uint64_t *after, struct hf_note *note)
{
    const struct hf_tcp *c = hf_connection_of(e, conn);
    while (hf_history_next(e, after, note))
        if (is_about(note, conn, c))
            return true;
    return false;
}

/* ---- invariants ---- */

static const char *check_shared(const struct hf_engine *e)
{
    const char *wrong = hf_neighbours_check(&e->neighbours);
    if (wrong == NULL)
        wrong = hf_paths_check(&e->paths);
    return wrong != NULL ? wrong : hf_fragments_check(&e->fragments);
}

const char *hf_tcp_check(struct hf_engine *e, hf_conn conn)
{
    const struct hf_tcp *c = hf_connection_of(e, conn);
    const char *wrong = c == NULL ? NULL : hf_tcp_check_record(&e->tcp, c);
    return wrong != NULL ? wrong : check_shared(e);
}

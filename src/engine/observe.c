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
        .replies_used = e->replies.used,
        .neighbours_used = e->neighbours.pool.used,
        .fragments_used = e->fragments.pool.used,
        .engine_size = e->size,
    };
    memcpy(stats->states, sh->states, sizeof stats->states);
    memcpy(stats->reasons, sh->reasons, sizeof stats->reasons);
}

/* ---- every record ---- */

/* The handle of a slot, or none when nothing lives there. Listeners follow the connections. */
static hf_conn handle_at(const struct hf_engine *e, uint32_t slot)
{
    uint32_t first = e->tcp.connections.capacity;
    if (slot < first)
        return (hf_conn){slot, hf_record(e, slot)->own.generation};
    const struct hf_listener *listener = hf_listener_at(e, slot - first);
    return (hf_conn){slot, listener->in_use ? listener->generation : 0};
}

bool hf_tcp_next(struct hf_engine *e, hf_conn *conn)
{
    uint32_t first = e->tcp.connections.capacity, end = first + e->tcp.listeners.fresh;
    uint32_t slot = hf_conn_is_none(*conn) ? 0 : conn->slot + 1;
    for (; slot < end; slot++) {
        if (slot >= e->tcp.connections.fresh && slot < first)
            slot = first;
        if (slot >= end)
            break;
        *conn = handle_at(e, slot);
        if (!hf_conn_is_none(*conn))
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

bool hf_history_of(const struct hf_engine *e, hf_conn conn, uint64_t *after, struct hf_note *note)
{
    while (hf_history_next(e, after, note))
        if (hf_conn_equal(note->conn, conn))
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

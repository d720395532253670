/* Notes: what happened, one entry each in a ring all connections share. The oldest is overwritten, counted. */
#include "steps.h"

static struct hf_note *next_note(struct hf_tcp_shared *sh)
{
    if (sh->history.capacity == 0)
        return NULL;
    if (sh->history.used < sh->history.capacity)
        (void)hf_pool_take(&sh->history);
    else
        hf_count(sh, HF_LIMIT_HISTORY);
    return hf_pool_at(&sh->history, (uint32_t)(sh->noted++ % sh->history.capacity));
}

static void describe(const struct hf_tcp *c, struct hf_note *note)
{
    bool has_handle = c->own.generation != 0; /* an unfolded record has none */
    note->conn = has_handle ? (hf_conn){c->own.slot, c->own.generation} : (hf_conn){0, 0};
    note->local = (struct hf_endpoint){c->local_addr, c->local_port};
    note->remote = (struct hf_endpoint){c->remote_addr, c->remote_port};
    note->iss = c->iss.n;
    note->irs = c->irs.n;
}

void hf_note_state(struct hf_tcp_shared *sh, const struct hf_tcp *c, enum hf_state from, enum hf_state to,
                   enum hf_reason why)
{
    struct hf_note *note = next_note(sh);
    if (note == NULL)
        return;
    *note = (struct hf_note){
        .at = sh->now,
        .number = sh->noted,
        .kind = HF_NOTE_STATE,
        .from = (uint8_t)from,
        .to = (uint8_t)to,
        .why = (uint16_t)why,
    };
    describe(c, note);
}

uint64_t hf_note_segment(struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_passed *passed)
{
    const struct hf_segment *seg = passed->seg;
    struct hf_note *note = sh->config.history_of_states ? NULL : next_note(sh);
    if (note == NULL)
        return 0;
    *note = (struct hf_note){
        .at = sh->now,
        .number = sh->noted,
        .local = passed->local,
        .remote = passed->remote,
        .kind = (uint8_t)passed->kind,
        .from = passed->from,
        .to = c == NULL ? passed->from : c->state,
        .flags = (uint8_t)seg->flags,
        .why = (uint16_t)passed->why,
        .wnd = seg->wnd,
        .seq = seg->seq.n,
        .ack = seg->ack.n,
        .len = seg->data_len,
    };
    if (c != NULL)
        describe(c, note);
    return sh->noted;
}

void hf_note_verdict(struct hf_tcp_shared *sh, uint64_t number, const struct hf_tcp *c, enum hf_reason why)
{
    if (number == 0)
        return;
    struct hf_note *note = hf_pool_at(&sh->history, (uint32_t)((number - 1) % sh->history.capacity));
    if (note->number != number)
        return; /* overwritten meanwhile: the ring is very small */
    note->why = (uint16_t)why;
    if (c == NULL)
        return;
    note->to = c->state;
    describe(c, note);
}

/*
 * Where small records are kept: four pools, for half-open and TIME-WAIT records of each family, each with its range of
 * slots; the queues they wait in; and the way from one to a whole record and back.
 *
 * Read first: engine.h, tcp/small.h. Read next: half_open.c, time_wait.c.
 */
#include "engine.h"

static struct hf_pool *pool_of(const struct hf_engine *e, enum hf_place place)
{
    return (struct hf_pool *)(uintptr_t)&e->small[place - HF_AT_HALF_OPEN_V4];
}

static bool is_half_open(enum hf_place place)
{
    return place == HF_AT_HALF_OPEN_V4 || place == HF_AT_HALF_OPEN_V6;
}

static uint32_t fixed_len(enum hf_place place)
{
    return is_half_open(place) ? sizeof(struct hf_half_open) : sizeof(struct hf_time_wait);
}

struct hf_small *hf_small_at(const struct hf_engine *e, uint32_t slot)
{
    enum hf_place place = hf_place_of(e, slot);
    return hf_pool_at(pool_of(e, place), slot - e->first_slot[place]);
}

uint32_t hf_small_available(const struct hf_engine *e, enum hf_place place)
{
    enum hf_place v4 = is_half_open(place) ? HF_AT_HALF_OPEN_V4 : HF_AT_TIME_WAIT_V4;
    const struct hf_pool *pool = pool_of(e, v4);
    return pool[0].capacity - pool[0].used - pool[1].used;
}

uint32_t hf_small_new(struct hf_engine *e, enum hf_place place)
{
    uint32_t index = hf_pool_take(pool_of(e, place));
    return index == HF_NONE ? HF_NONE : e->first_slot[place] + index;
}

void hf_small_free(struct hf_engine *e, uint32_t slot)
{
    enum hf_place place = hf_place_of(e, slot);
    hf_demux_remove_small(e, slot);
    hf_small_at(e, slot)->local_port = 0; /* nobody lives here: see hf_small_handle */
    hf_pool_give(pool_of(e, place), slot - e->first_slot[place]);
}

/* Their sequence numbers make handles that tell one life of a slot from the next well enough to look at. */
hf_conn hf_small_handle(const struct hf_engine *e, uint32_t slot)
{
    enum hf_place place = hf_place_of(e, slot);
    if (place < HF_AT_HALF_OPEN_V4 || place == HF_AT_NOWHERE ||
        slot - e->first_slot[place] >= pool_of(e, place)->fresh)
        return (hf_conn){0, 0};
    const struct hf_small *small = hf_small_at(e, slot);
    if (small->local_port == 0)
        return (hf_conn){0, 0};
    hf_seq number = is_half_open(place) ? ((const struct hf_half_open *)(const void *)small)->iss
                                        : ((const struct hf_time_wait *)(const void *)small)->snd_nxt;
    return (hf_conn){slot, number.n | 1};
}

void hf_small_ends_of(const struct hf_engine *e, uint32_t slot, struct hf_endpoint *local,
                      struct hf_endpoint *remote)
{
    hf_small_ends(hf_small_at(e, slot), fixed_len(hf_place_of(e, slot)), local, remote);
}

/* ---- queues ---- */

void hf_small_push(struct hf_engine *e, struct hf_queue *queue, uint32_t slot)
{
    struct hf_small *small = hf_small_at(e, slot);
    small->next = HF_NONE;
    small->prev = queue->last;
    if (queue->first == HF_NONE)
        queue->first = slot;
    else
        hf_small_at(e, queue->last)->next = slot;
    queue->last = slot;
}

void hf_small_remove(struct hf_engine *e, struct hf_queue *queue, uint32_t slot)
{
    const struct hf_small *small = hf_small_at(e, slot);
    if (small->prev == HF_NONE)
        queue->first = small->next;
    else
        hf_small_at(e, small->prev)->next = small->next;
    if (small->next == HF_NONE)
        queue->last = small->prev;
    else
        hf_small_at(e, small->next)->prev = small->prev;
}

/* ---- unfolding ---- */

struct hf_tcp *hf_unfold_onto(struct hf_engine *e, struct hf_tcp_path *path, const struct hf_tcp_options *options)
{
    struct hf_tcp *c = &e->unfolded;
    hf_path_facts(e, path);
    memset(&c->own, 0, sizeof c->own);
    hf_tcp_prepare(&e->tcp, c, path, options);
    return c;
}

struct hf_tcp *hf_small_unfold(struct hf_engine *e, uint32_t slot)
{
    static const struct hf_tcp_options defaults;
    struct hf_small *small = hf_small_at(e, slot);
    struct hf_tcp_path path = {.link = small->link};
    hf_small_ends_of(e, slot, &path.local, &path.remote);
    if (!is_half_open(hf_place_of(e, slot))) {
        struct hf_tcp *c = hf_unfold_onto(e, &path, &defaults);
        hf_time_wait_unfold(&e->tcp, (struct hf_time_wait *)(void *)small, c);
        return c;
    }
    const struct hf_half_open *h = (struct hf_half_open *)(void *)small;
    struct hf_tcp *c = hf_unfold_onto(e, &path, &hf_listener_at(e, h->listener)->options);
    hf_half_open_unfold(&e->tcp, h, c);
    return c;
}

/*
 * The neighbour cache: a pool of entries, a keyed table to find them by link and address, and a list from the least to
 * the most recently used. Failed entries go to the list's old end, being the first to give way.
 *
 * Timers are few and slow (three states, seconds), so they are fields that one walk of the list looks at; `first_at`
 * says when a walk is worth while. It may be early after an entry left its state, never late.
 *
 * Read first: neighbours.h.
 */
#include "neighbours.h"

#define REACHABLE_NS (30 * HF_SECOND) /* RFC 4861, 10: REACHABLE_TIME */
#define DELAY_NS (5 * HF_SECOND)      /* RFC 4861, 10: DELAY_FIRST_PROBE_TIME */
#define RETRANS_NS HF_SECOND          /* RFC 4861, 10: RETRANS_TIMER; RFC 1122, 2.3.2.1 */
#define MAX_SOLICITATIONS 3           /* RFC 4861, 10: MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
#define FAILED_NS (3 * HF_SECOND)
#define IN_USE_NS (10 * HF_SECOND)
#define TRUSTED_NS HF_SECOND /* a claim against an entry confirmed this recently is not looked into */

void hf_neighbours_init(struct hf_neighbours *n, struct hf_arena *arena, uint32_t max_neighbours, struct hf_key key)
{
    hf_pool_init(&n->pool, arena, max_neighbours, sizeof(struct hf_neighbour));
    hf_table_init(&n->table, arena, max_neighbours);
    n->key = key;
    n->oldest = n->newest = n->last = HF_NONE;
    n->incomplete = n->owed = n->news = 0;
    n->first_at = HF_NEVER;
}

static struct hf_neighbour *entry_at(const struct hf_neighbours *n, uint32_t index)
{
    return hf_pool_at(&n->pool, index);
}

/* ---- the list ---- */

static void list_remove(struct hf_neighbours *n, uint32_t index)
{
    struct hf_neighbour *e = entry_at(n, index);
    if (e->older == HF_NONE)
        n->oldest = e->newer;
    else
        entry_at(n, e->older)->newer = e->newer;
    if (e->newer == HF_NONE)
        n->newest = e->older;
    else
        entry_at(n, e->newer)->older = e->older;
}

static void list_add_newest(struct hf_neighbours *n, uint32_t index)
{
    struct hf_neighbour *e = entry_at(n, index);
    e->older = n->newest;
    e->newer = HF_NONE;
    if (n->newest == HF_NONE)
        n->oldest = index;
    else
        entry_at(n, n->newest)->newer = index;
    n->newest = index;
}

static void list_add_oldest(struct hf_neighbours *n, uint32_t index)
{
    struct hf_neighbour *e = entry_at(n, index);
    e->newer = n->oldest;
    e->older = HF_NONE;
    if (n->oldest == HF_NONE)
        n->newest = index;
    else
        entry_at(n, n->oldest)->older = index;
    n->oldest = index;
}

static void use(struct hf_neighbours *n, uint32_t index, hf_time now)
{
    entry_at(n, index)->used_at = now;
    if (n->newest == index)
        return;
    list_remove(n, index);
    list_add_newest(n, index);
}

/* ---- finding ---- */

static uint64_t hash_of(const struct hf_neighbours *n, hf_link link, const struct hf_addr *addr)
{
    uint8_t name[18];
    memcpy(name, addr->bytes, 16);
    memcpy(name + 16, &link, 2);
    return hf_siphash13(&n->key, name, sizeof name);
}

static bool is_entry(const struct hf_neighbours *n, uint32_t index, hf_link link, const struct hf_addr *addr)
{
    const struct hf_neighbour *e = entry_at(n, index);
    return e->link == link && hf_addr_equal(&e->addr, addr);
}

static uint32_t find(struct hf_neighbours *n, hf_link link, const struct hf_addr *addr)
{
    if (n->last != HF_NONE && is_entry(n, n->last, link, addr))
        return n->last;
    struct hf_probe probe;
    uint32_t index = hf_table_find(&n->table, hash_of(n, link, addr), &probe);
    while (index != HF_NONE && !is_entry(n, index, link, addr))
        index = hf_table_next(&n->table, &probe);
    if (index != HF_NONE)
        n->last = index;
    return index;
}

/* ---- what an entry counts as ---- */

static void set_state(struct hf_neighbours *n, struct hf_neighbour *e, enum hf_neighbour_state state)
{
    n->incomplete -= e->state == HF_NEIGHBOUR_INCOMPLETE;
    n->incomplete += state == HF_NEIGHBOUR_INCOMPLETE;
    e->state = (uint8_t)state;
}

static void set_owed(struct hf_neighbours *n, struct hf_neighbour *e, bool is_owed)
{
    n->owed -= e->is_owed;
    n->owed += is_owed;
    e->is_owed = is_owed;
}

static void set_news(struct hf_neighbours *n, struct hf_neighbour *e, bool has_news)
{
    n->news -= e->has_news;
    n->news += has_news;
    e->has_news = has_news;
}

static bool has_timer(const struct hf_neighbour *e)
{
    return e->state == HF_NEIGHBOUR_INCOMPLETE || e->state == HF_NEIGHBOUR_DELAY || e->state == HF_NEIGHBOUR_PROBE;
}

/* A question is out, to everybody or to the neighbour itself. */
static bool is_asking(const struct hf_neighbour *e)
{
    return e->state == HF_NEIGHBOUR_INCOMPLETE || e->state == HF_NEIGHBOUR_PROBE;
}

static void due(struct hf_neighbours *n, struct hf_neighbour *e, hf_time at)
{
    e->due_at = at;
    if (has_timer(e))
        n->first_at = hf_time_first(n->first_at, at);
}

/* ---- coming and going ---- */

static void forget(struct hf_neighbours *n, uint32_t index)
{
    struct hf_neighbour *e = entry_at(n, index);
    set_owed(n, e, false);
    set_news(n, e, false);
    set_state(n, e, HF_NEIGHBOUR_FREE);
    hf_table_remove(&n->table, hash_of(n, e->link, &e->addr), index);
    list_remove(n, index);
    if (n->last == index)
        n->last = HF_NONE;
    hf_pool_give(&n->pool, index);
}

static bool is_in_use(const struct hf_neighbour *e, hf_time now)
{
    return e->state != HF_NEIGHBOUR_FAILED && hf_time_since(now, e->used_at) < IN_USE_NS;
}

/* Makes room. Failed entries lie at the old end, then come the least recently used, so the walk ends at the first in
 * use. */
static bool evict(struct hf_neighbours *n, hf_time now)
{
    for (uint32_t index = n->oldest; index != HF_NONE; index = entry_at(n, index)->newer) {
        const struct hf_neighbour *e = entry_at(n, index);
        if (is_in_use(e, now))
            return false;
        if (e->state == HF_NEIGHBOUR_INCOMPLETE || e->has_news)
            continue;
        forget(n, index);
        return true;
    }
    return false;
}

static bool may_ask_everybody(const struct hf_neighbours *n)
{
    return n->incomplete < (n->pool.capacity + 1) / 2;
}

/* A solicitation is owed now, and an answer to it expected within the retransmission time. */
static void ask(struct hf_neighbours *n, struct hf_neighbour *e, hf_time now)
{
    e->asked++;
    set_owed(n, e, true);
    n->first_at = hf_time_first(n->first_at, now);
    due(n, e, hf_time_add(now, RETRANS_NS));
}

static void start_asking(struct hf_neighbours *n, struct hf_neighbour *e, enum hf_neighbour_state state, hf_time now)
{
    set_state(n, e, state);
    e->asked = 0;
    if (state == HF_NEIGHBOUR_INCOMPLETE)
        set_news(n, e, false); /* it would be old news: there will be newer */
    ask(n, e, now);
}

static uint32_t add(struct hf_neighbours *n, hf_link link, const struct hf_addr *addr, hf_time now)
{
    if (!may_ask_everybody(n))
        return HF_NONE;
    if (hf_pool_available(&n->pool) == 0 && !evict(n, now))
        return HF_NONE;
    uint32_t index = hf_pool_take(&n->pool);
    if (index == HF_NONE)
        return HF_NONE;
    struct hf_neighbour *e = entry_at(n, index);
    *e = (struct hf_neighbour){.addr = *addr, .link = link, .used_at = now};
    hf_table_add(&n->table, hash_of(n, link, addr), index);
    list_add_newest(n, index);
    start_asking(n, e, HF_NEIGHBOUR_INCOMPLETE, now);
    return index;
}

static void fail(struct hf_neighbours *n, uint32_t index, hf_time now)
{
    struct hf_neighbour *e = entry_at(n, index);
    set_state(n, e, HF_NEIGHBOUR_FAILED);
    set_owed(n, e, false);
    set_news(n, e, true);
    due(n, e, hf_time_add(now, FAILED_NS));
    list_remove(n, index);
    list_add_oldest(n, index);
}

static void reached(struct hf_neighbours *n, struct hf_neighbour *e, hf_time now)
{
    set_state(n, e, HF_NEIGHBOUR_REACHABLE);
    set_owed(n, e, false);
    due(n, e, hf_time_add(now, REACHABLE_NS));
}

/* ---- lookups ---- */

static enum hf_neighbour_answer retry(struct hf_neighbours *n, uint32_t index, hf_time now)
{
    struct hf_neighbour *e = entry_at(n, index);
    if (!hf_time_reached(now, e->due_at) || !may_ask_everybody(n))
        return HF_NEIGHBOUR_NO_REPLY;
    use(n, index, now);
    start_asking(n, e, HF_NEIGHBOUR_INCOMPLETE, now);
    return HF_NEIGHBOUR_WAITING;
}

enum hf_neighbour_answer hf_neighbours_lookup(struct hf_neighbours *n, hf_link link, const struct hf_addr *hop,
                                              hf_time now, uint8_t mac[6])
{
    uint32_t index = find(n, link, hop);
    if (index == HF_NONE)
        return add(n, link, hop, now) == HF_NONE ? HF_NEIGHBOUR_NO_ROOM : HF_NEIGHBOUR_WAITING;
    struct hf_neighbour *e = entry_at(n, index);
    if (e->state == HF_NEIGHBOUR_FAILED)
        return retry(n, index, now);
    use(n, index, now);
    if (e->state == HF_NEIGHBOUR_INCOMPLETE)
        return HF_NEIGHBOUR_WAITING;
    if (e->state == HF_NEIGHBOUR_REACHABLE && hf_time_reached(now, e->due_at))
        set_state(n, e, HF_NEIGHBOUR_STALE);
    if (e->state == HF_NEIGHBOUR_STALE) {
        set_state(n, e, HF_NEIGHBOUR_DELAY);
        due(n, e, hf_time_add(now, DELAY_NS));
    }
    memcpy(mac, e->mac, 6);
    return HF_NEIGHBOUR_RESOLVED;
}

void hf_neighbours_confirm(struct hf_neighbours *n, hf_link link, const struct hf_addr *hop, hf_time now)
{
    uint32_t index = find(n, link, hop);
    if (index == HF_NONE)
        return;
    struct hf_neighbour *e = entry_at(n, index);
    if (e->state != HF_NEIGHBOUR_INCOMPLETE && e->state != HF_NEIGHBOUR_FAILED)
        reached(n, e, now);
}

/* Asks a neighbour at its present address whether it is still there, unless it has just shown that. */
static void verify(struct hf_neighbours *n, struct hf_neighbour *e, hf_time now)
{
    if (e->state == HF_NEIGHBOUR_PROBE)
        return;
    if (e->state == HF_NEIGHBOUR_REACHABLE && hf_time_since(e->due_at, now) > REACHABLE_NS - TRUSTED_NS)
        return;
    start_asking(n, e, HF_NEIGHBOUR_PROBE, now);
}

void hf_neighbours_doubt(struct hf_neighbours *n, hf_link link, const struct hf_addr *hop, hf_time now)
{
    uint32_t index = find(n, link, hop);
    if (index == HF_NONE)
        return;
    struct hf_neighbour *e = entry_at(n, index);
    if (e->state != HF_NEIGHBOUR_INCOMPLETE && e->state != HF_NEIGHBOUR_FAILED)
        verify(n, e, now);
}

/* ---- what is heard ---- */

static bool is_host_mac(const uint8_t mac[6])
{
    static const uint8_t none[6] = {0};
    return (mac[0] & 1) == 0 && memcmp(mac, none, 6) != 0;
}

bool hf_neighbours_heard(struct hf_neighbours *n, hf_link link, const struct hf_addr *addr, const uint8_t mac[6],
                         unsigned flags, hf_time now)
{
    if (!is_host_mac(mac))
        return false;
    uint32_t index = find(n, link, addr);
    if (index == HF_NONE)
        return false;
    struct hf_neighbour *e = entry_at(n, index);
    if (e->state == HF_NEIGHBOUR_FAILED) {
        e->due_at = now; /* it lives: the next lookup may ask at once */
        return false;
    }
    if (e->state != HF_NEIGHBOUR_INCOMPLETE && memcmp(e->mac, mac, 6) != 0) {
        verify(n, e, now); /* somebody claims another link address for it */
        return false;
    }
    /* RFC 4861, 7.2.5, but only what answers a question */
    if (!is_asking(e) || (e->state == HF_NEIGHBOUR_PROBE && (flags & HF_HEARD_ANSWER) == 0))
        return false;
    set_news(n, e, e->has_news || e->state == HF_NEIGHBOUR_INCOMPLETE);
    memcpy(e->mac, mac, 6);
    reached(n, e, now);
    /* A question of its own shows that we hear it, not that it hears us (RFC 4861, 7.2.3). */
    if ((flags & HF_HEARD_ANSWER) == 0)
        set_state(n, e, HF_NEIGHBOUR_STALE);
    return true;
}

/* ---- time ---- */

/* The present address is silent. Who is using it asks everybody; an entry nobody uses goes. */
static void lose(struct hf_neighbours *n, uint32_t index, hf_time now)
{
    struct hf_neighbour *e = entry_at(n, index);
    if (is_in_use(e, now) && may_ask_everybody(n))
        start_asking(n, e, HF_NEIGHBOUR_INCOMPLETE, now);
    else if (e->has_news)
        fail(n, index, now);
    else
        forget(n, index);
}

static void fire(struct hf_neighbours *n, uint32_t index, hf_time now)
{
    struct hf_neighbour *e = entry_at(n, index);
    if (e->state == HF_NEIGHBOUR_DELAY)
        start_asking(n, e, HF_NEIGHBOUR_PROBE, now);
    else if (e->asked < MAX_SOLICITATIONS)
        ask(n, e, now);
    else if (e->state == HF_NEIGHBOUR_INCOMPLETE)
        fail(n, index, now);
    else
        lose(n, index, now);
}

void hf_neighbours_advance(struct hf_neighbours *n, hf_time now)
{
    if (!hf_time_reached(now, n->first_at))
        return;
    n->first_at = HF_NEVER;
    uint32_t newer;
    for (uint32_t index = n->oldest; index != HF_NONE; index = newer) {
        const struct hf_neighbour *e = entry_at(n, index);
        newer = e->newer;
        if (!has_timer(e))
            continue;
        if (hf_time_reached(now, e->due_at))
            fire(n, index, now);
        else
            n->first_at = hf_time_first(n->first_at, e->due_at);
    }
    if (n->owed > 0)
        n->first_at = hf_time_first(n->first_at, now);
}

hf_time hf_neighbours_deadline(const struct hf_neighbours *n)
{
    return n->first_at;
}

bool hf_neighbours_owed(struct hf_neighbours *n, struct hf_solicitation *out)
{
    if (n->owed == 0)
        return false;
    uint32_t index = n->oldest;
    while (!entry_at(n, index)->is_owed)
        index = entry_at(n, index)->newer;
    struct hf_neighbour *e = entry_at(n, index);
    set_owed(n, e, false);
    *out = (struct hf_solicitation){
        .target = e->addr,
        .link = e->link,
        .is_probe = e->state == HF_NEIGHBOUR_PROBE,
    };
    memcpy(out->mac, e->mac, 6);
    return true;
}

bool hf_neighbours_news(struct hf_neighbours *n, struct hf_neighbour_news *out)
{
    if (n->news == 0)
        return false;
    uint32_t index = n->oldest;
    while (!entry_at(n, index)->has_news)
        index = entry_at(n, index)->newer;
    struct hf_neighbour *e = entry_at(n, index);
    set_news(n, e, false);
    *out = (struct hf_neighbour_news){
        .addr = e->addr,
        .link = e->link,
        .is_resolved = e->state != HF_NEIGHBOUR_FAILED,
    };
    return true;
}

/* ---- invariants ---- */

struct tally {
    uint32_t entries, incomplete, owed, news;
};

static const char *check_entry(const struct hf_neighbours *n, uint32_t index)
{
    const struct hf_neighbour *e = entry_at(n, index);
    if (e->state == HF_NEIGHBOUR_FREE || e->state > HF_NEIGHBOUR_FAILED)
        return "a listed neighbour has no state";
    if (e->is_owed && !is_asking(e))
        return "a solicitation is owed and no question is out";
    if (has_timer(e) && hf_time_before(e->due_at, n->first_at))
        return "a neighbour's timer runs out before the first";
    if (e->newer != HF_NONE && entry_at(n, e->newer)->older != index)
        return "the list of neighbours does not lead back";
    struct hf_probe probe;
    uint32_t found = hf_table_find(&n->table, hash_of(n, e->link, &e->addr), &probe);
    while (found != HF_NONE && found != index)
        found = hf_table_next(&n->table, &probe);
    return found == index ? NULL : "a listed neighbour is not in the table";
}

const char *hf_neighbours_check(const struct hf_neighbours *n)
{
    struct tally t = {0};
    for (uint32_t index = n->oldest; index != HF_NONE; index = entry_at(n, index)->newer) {
        const struct hf_neighbour *e = entry_at(n, index);
        const char *broken = check_entry(n, index);
        if (broken != NULL)
            return broken;
        if (++t.entries > n->pool.used)
            return "more neighbours are listed than taken";
        t.incomplete += e->state == HF_NEIGHBOUR_INCOMPLETE;
        t.owed += e->is_owed;
        t.news += e->has_news;
    }
    if (t.entries != n->pool.used || t.entries != n->table.used)
        return "fewer neighbours are listed than taken";
    if (t.incomplete != n->incomplete || t.owed != n->owed || t.news != n->news)
        return "neighbours are miscounted";
    return n->incomplete <= (n->pool.capacity + 1) / 2 ? NULL : "too many neighbours are incomplete";
}

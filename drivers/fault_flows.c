/* Naming segments by their place in the life of their connection. See fault_flows.h. */
#include "fault_flows.h"

#include <string.h>

static bool endpoint_equal(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && memcmp(&a->addr, &b->addr, sizeof a->addr) == 0;
}

static bool endpoint_less(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    int order = memcmp(&a->addr, &b->addr, sizeof a->addr);
    return order < 0 || (order == 0 && a->port < b->port);
}

static uint32_t set_of(const struct hf_endpoint side[2])
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < sizeof side[i].addr.bytes; j++)
            hash = (hash ^ side[i].addr.bytes[j]) * 0x100000001b3;
        hash = (hash ^ side[i].port) * 0x100000001b3;
    }
    return (uint32_t)(hash >> 32) % FAULT_FLOW_SETS;
}

/* The record of this connection, or the one used longest ago, made anew. */
static struct fault_flow *find_flow(struct fault_flows *flows, const struct hf_endpoint side[2])
{
    struct fault_flow *set = flows->flow[set_of(side)];
    struct fault_flow *oldest = &set[0];
    for (unsigned i = 0; i < FAULT_FLOW_WAYS; i++) {
        bool is_it = set[i].used_at > 0 && endpoint_equal(&set[i].side[0], &side[0]) &&
                     endpoint_equal(&set[i].side[1], &side[1]);
        if (is_it)
            return &set[i];
        if (set[i].used_at < oldest->used_at)
            oldest = &set[i];
    }
    *oldest = (struct fault_flow){.side = {side[0], side[1]}};
    return oldest;
}

/* The tuple's next connection begins: a SYN, alone, with another number. */
static void forget_earlier_life(struct fault_flow *flow, const struct hf_look *look, unsigned from)
{
    bool is_syn = (look->flags & LOOK_SYN) && !(look->flags & LOOK_ACK);
    bool is_new = is_syn && flow->has_syn[from] && flow->syn[from] != look->seq;
    if (is_new)
        *flow = (struct fault_flow){.side = {flow->side[0], flow->side[1]}};
}

static void remember(struct fault_flow *flow, const struct hf_look *look, unsigned from)
{
    if (look->flags & LOOK_SYN) {
        flow->has_syn[from] = true;
        flow->syn[from] = look->seq;
    }
    if ((look->flags & LOOK_FIN) && !flow->has_fin[from]) {
        flow->has_fin[from] = true;
        flow->fin_end[from] = look->seq + look->payload_len + 1;
        flow->last_closer = (uint8_t)from;
    }
}

/* The client's ACK of the SYN,ACK and of nothing more. */
static bool is_handshake_ack(const struct fault_flow *flow, const struct hf_look *look, unsigned from)
{
    return flow->has_syn[0] && flow->has_syn[1] && look->seq == flow->syn[from] + 1 &&
           look->ack == flow->syn[1 - from] + 1;
}

static bool is_last_ack(const struct fault_flow *flow, const struct hf_look *look, unsigned from)
{
    return flow->has_fin[0] && flow->has_fin[1] && flow->last_closer == 1 - from &&
           look->ack == flow->fin_end[1 - from];
}

/* Every name this segment goes by, as bits of enum fault_what. Both sides' FINs are remembered already. */
static uint32_t names_of(const struct fault_flow *flow, const struct hf_look *look, unsigned from)
{
    uint8_t flags = look->flags & (LOOK_SYN | LOOK_FIN | LOOK_RST | LOOK_ACK);
    uint32_t names = look->payload_len > 0 ? FAULT_DATA : 0;
    if (flags & LOOK_SYN)
        names |= flags & LOOK_ACK ? FAULT_SYN_ACK : FAULT_SYN;
    if (flags & LOOK_RST)
        names |= FAULT_RST;
    if (flags & LOOK_FIN)
        names |= FAULT_FIN;
    if ((flags & LOOK_FIN) && flow->has_fin[1 - from] && flow->last_closer == from)
        names |= FAULT_LAST_FIN;
    if (flags != LOOK_ACK || names)
        return names;
    names = FAULT_ACK;
    if (is_handshake_ack(flow, look, from))
        names |= FAULT_HANDSHAKE_ACK;
    if (is_last_ack(flow, look, from))
        names |= FAULT_LAST_ACK;
    return names;
}

/* Does the stream reach its limit within this segment? How often a byte is sent again makes no difference. */
static bool is_limit_in(const struct fault_flow *flow, const struct hf_look *look, unsigned from, uint32_t limit,
                        uint32_t *kept)
{
    uint32_t begin = look->seq - flow->syn[from] - 1; /* in the stream, from 0 */
    if (!flow->has_syn[from] || (look->flags & LOOK_SYN) || begin + look->payload_len < limit)
        return false;
    uint32_t here = begin < limit ? limit - begin : 0;
    if (here < *kept)
        *kept = here;
    return true;
}

static struct fault_met count_rules(struct fault_flow *flow, const struct fault_spec *spec, uint32_t names,
                                    enum fault_direction direction, const struct hf_look *look,
                                    struct fault_flow *place)
{
    unsigned from = endpoint_less(&flow->side[0], &(struct hf_endpoint){look->src, look->src_port});
    struct fault_met met = {.is_gone = flow->is_gone, .kept = UINT32_MAX};
    for (unsigned i = 0; i < spec->named_count; i++) {
        const struct fault_named *named = &spec->named[i];
        if (!named->applies[direction] || (names & named->what) == 0)
            continue;
        uint32_t *seen =
            named->act == FAULT_DO_ANSWER && named->what == FAULT_SYN ? &place->seen[i] : &flow->seen[i];
        ++*seen;
        if (named->act == FAULT_DO_RESET)
            met.is_cut |= is_limit_in(flow, look, from, named->nth, &met.kept);
        else if (named->nth == FAULT_EVERY || named->nth == *seen)
            met.rules |= 1u << i;
    }
    flow->is_gone |= met.is_cut;
    return met;
}

/* Whoever is refused tries again from another port, so that answered SYNs are counted by where they go. */
static struct fault_flow *find_place(struct fault_flows *flows, const struct hf_endpoint *dst)
{
    const struct hf_endpoint key[2] = {{{{0}}, 0}, *dst};
    struct fault_flow *place = find_flow(flows, key);
    place->used_at = flows->clock;
    return place;
}

struct fault_met hf_fault_flows_note(struct fault_flows *flows, const struct fault_spec *spec,
                                     const struct hf_look *look, enum fault_direction direction)
{
    if (!look->is_tcp)
        return (struct fault_met){0};
    struct hf_endpoint src = {look->src, look->src_port};
    struct hf_endpoint dst = {look->dst, look->dst_port};
    unsigned from = endpoint_less(&dst, &src);
    struct hf_endpoint side[2] = {from ? dst : src, from ? src : dst};
    struct fault_flow *flow = find_flow(flows, side);
    flow->used_at = ++flows->clock;
    forget_earlier_life(flow, look, from);
    remember(flow, look, from);
    uint32_t names = names_of(flow, look, from);
    return count_rules(flow, spec, names, direction, look, names & FAULT_SYN ? find_place(flows, &dst) : flow);
}

/*
 * Local ports: the double-hash selection of RFC 6056, 3.3 (3.3.4). A keyed hash of the destination says where the
 * search begins, a counter out of a small table how far it has come, so ports to one destination rise, slowly
 * repeat, and tell nothing about those to another. A port whose tuple is in use is passed over, and so is one in
 * TIME-WAIT, unless it may be taken (LIFECYCLE: active reuse) and no free one was found soon.
 */
#include "engine.h"

#define FIRST_PORT 32768u
#define PORT_COUNT 28232u /* 32768..60999 */
#define SOON 64u          /* tries */

/* Two numbers nobody else can compute, both of the same pair: RFC 6056's F and G are the halves of one keyed hash. */
static uint64_t hash_destination(const struct hf_engine *e, const struct hf_addr *local, const struct hf_endpoint *remote)
{
    uint8_t bytes[HF_PAIR_BYTES];
    return hf_siphash(&e->port_key, bytes, hf_pair_bytes(&(struct hf_endpoint){.addr = *local}, remote, bytes));
}

uint16_t hf_port_for(struct hf_engine *e, const struct hf_addr *local, const struct hf_endpoint *remote)
{
    uint64_t hash = hash_destination(e, local, remote);
    uint32_t offset = (uint32_t)hash;
    uint32_t *counter = &e->port_counters[(hash >> 32) % HF_COUNT_OF(e->port_counters)];
    struct hf_endpoint from = {.addr = *local};
    uint16_t second_best = 0;
    for (uint32_t tries = 0; tries < PORT_COUNT; tries++) {
        from.port = (uint16_t)(FIRST_PORT + (offset + (*counter)++) % PORT_COUNT);
        uint32_t slot = hf_demux_find(e, &from, remote);
        if (slot == HF_NONE)
            return from.port;
        if (hf_time_wait_may_be_taken(e, slot))
            second_best = from.port;
        if (second_best != 0 && tries >= SOON)
            break;
    }
    return second_best;
}

bool hf_tuple_is_free(struct hf_engine *e, const struct hf_endpoint *local, const struct hf_endpoint *remote)
{
    uint32_t slot = hf_demux_find(e, local, remote);
    return slot == HF_NONE || hf_time_wait_may_be_taken(e, slot);
}

uint16_t hf_port_to_listen(struct hf_engine *e, const struct hf_addr *local)
{
    struct hf_endpoint at = {.addr = *local};
    uint32_t start = hf_random_below(&e->tcp.random, PORT_COUNT);
    for (uint32_t tries = 0; tries < PORT_COUNT; tries++) {
        at.port = (uint16_t)(FIRST_PORT + (start + tries) % PORT_COUNT);
        if (hf_demux_listener(e, &at) == HF_NONE)
            return at.port;
    }
    return 0;
}

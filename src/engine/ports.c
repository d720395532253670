/*
 * Local ports: the double-hash selection of RFC 6056, 3.3 (3.3.4). A keyed hash of the destination says where the
 * search begins, a counter out of a small table how far it has come, so ports to one destination rise, slowly
 * repeat, and tell nothing about those to another. A port whose tuple is in use, TIME-WAIT included, is passed
 * over.
 */
#include "engine.h"

#define FIRST_PORT 32768u
#define PORT_COUNT 28232u /* 32768..60999 */

static uint64_t hash_destination(const struct hf_key *key, const struct hf_addr *local, const struct hf_endpoint *remote)
{
    uint8_t bytes[34];
    memcpy(bytes, local->bytes, 16);
    memcpy(bytes + 16, remote->addr.bytes, 16);
    memcpy(bytes + 32, &remote->port, 2);
    return hf_siphash(key, bytes, sizeof bytes);
}

uint16_t hf_port_for(struct hf_engine *e, const struct hf_addr *local, const struct hf_endpoint *remote)
{
    uint32_t offset = (uint32_t)hash_destination(&e->port_key, local, remote);
    uint32_t *counter = &e->port_counters[hash_destination(&e->port_offset_key, local, remote) %
                                          HF_COUNT_OF(e->port_counters)];
    struct hf_endpoint from = {.addr = *local};
    for (uint32_t tries = 0; tries < PORT_COUNT; tries++) {
        from.port = (uint16_t)(FIRST_PORT + (offset + (*counter)++) % PORT_COUNT);
        if (hf_demux_find(e, &from, remote) == HF_NONE)
            return from.port;
    }
    return 0;
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

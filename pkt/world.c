/* See world.h. */
#define _GNU_SOURCE
#include "world.h"

#include "../drivers/split.h"
#include "frame.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- making ---- */

static bool add_route(struct pkt_world *world, const struct pkt_settings *settings)
{
    struct hf_addr any = {{0}};
    if (!settings->is_v6)
        any = hf_addr_v4(0, 0, 0, 0);
    return hf_route_add(world->engine, &any, 0, &settings->gateway, world->link) == HF_OK;
}

static bool add_link(struct pkt_world *world, const struct pkt_settings *settings)
{
    const struct hf_link_config link = {
        .kind = HF_LINK_IP,
        .mtu = settings->mtu,
        .offload = settings->offload ? HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6 : 0,
    };
    return hf_link_add(world->engine, &link, &world->link) == HF_OK &&
           hf_address_add(world->engine, world->link, &settings->local, settings->local_prefix) == HF_OK &&
           add_route(world, settings);
}

bool pkt_world_open(struct pkt_world *world, const struct pkt_script *script, int64_t isn_clock_ns)
{
    *world = (struct pkt_world){.begin = {PKT_BEGIN_NS}, .now = {PKT_BEGIN_NS}};
    struct hf_config config = script->config;
    config.isn_clock_ns = isn_clock_ns;
    world->memory_len = hf_engine_size(&config);
    if (world->memory_len == 0)
        return false;
    world->memory =
        mmap(NULL, world->memory_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (world->memory == MAP_FAILED) {
        world->memory = NULL;
        return false;
    }
    world->buffer = pkt_grow(NULL, 0, PKT_FRAME_MAX);
    world->cut = script->settings.as_linux ? pkt_grow(NULL, 0, PKT_FRAME_MAX) : NULL;
    world->engine = hf_engine_create(world->memory, world->memory_len, &config, world->now);
    if (!world->engine)
        return false;
    hf_advance(world->engine, world->now);
    return add_link(world, &script->settings);
}

void pkt_world_close(struct pkt_world *world)
{
    for (unsigned i = 0; i < world->sent_count; i++)
        free(world->sent[i].frame.data);
    free(world->sent);
    free(world->buffer);
    free(world->cut);
    if (world->memory)
        munmap(world->memory, world->memory_len);
    world->memory = NULL;
}

/* ---- what leaves ---- */

static void keep(struct pkt_world *world, const struct hf_frame *frame)
{
    world->sent = pkt_grow(world->sent, world->sent_count, sizeof *world->sent);
    struct pkt_sent *sent = &world->sent[world->sent_count++];
    *sent = (struct pkt_sent){.at = world->now, .frame = *frame};
    sent->frame.data = pkt_grow(NULL, 0, frame->len);
    memcpy(sent->frame.data, frame->data, frame->len);
    if (!world->wrong)
        world->wrong = pkt_frame_fault(frame);
    if (world->on_sent)
        world->on_sent(world->arg, sent);
}

/* A frame as it left, or as the segments that the link made of it. */
static void keep_all(struct pkt_world *world, const struct hf_frame *frame)
{
    struct hf_split split;
    struct hf_frame segment;
    if (!world->cut) {
        keep(world, frame);
        return;
    }
    hf_split_begin(&split, frame, HF_LINK_IP);
    while (hf_split_next(&split, world->cut, PKT_FRAME_MAX, &segment))
        keep(world, &segment);
}

static void check(struct pkt_world *world)
{
    hf_conn conn = {0, 0};
    while (!world->wrong && hf_tcp_next(world->engine, &conn))
        world->wrong = hf_tcp_check(world->engine, conn);
}

/* The application of a script polls; but events have to be taken, as every application does. */
static void take_events(struct pkt_world *world)
{
    struct hf_event event;
    while (hf_event(world->engine, &event))
        ;
}

void pkt_world_settle(struct pkt_world *world)
{
    struct hf_frame frame = {.data = world->buffer, .cap = PKT_FRAME_MAX};
    take_events(world);
    while (hf_output(world->engine, world->now, &frame)) {
        keep_all(world, &frame);
        frame = (struct hf_frame){.data = world->buffer, .cap = PKT_FRAME_MAX};
    }
    take_events(world);
    check(world);
}

enum hf_reason pkt_world_input(struct pkt_world *world, uint8_t *data, uint32_t len)
{
    struct hf_frame frame = {.data = data, .len = len, .cap = len, .link = world->link};
    hf_input(world->engine, world->now, &frame);
    hf_advance(world->engine, world->now);
    pkt_world_settle(world);
    return frame.why;
}

bool pkt_world_step(struct pkt_world *world, hf_time until)
{
    hf_time next = hf_deadline(world->engine);
    if (!hf_time_before(world->now, next)) /* due already, as far as it says: let time pass all the same */
        next = hf_time_add(world->now, HF_US);
    world->now = hf_time_first(next, until);
    hf_advance(world->engine, world->now);
    pkt_world_settle(world);
    return hf_time_reached(world->now, until);
}

const struct pkt_sent *pkt_world_next(const struct pkt_world *world)
{
    return world->taken < world->sent_count ? &world->sent[world->taken] : NULL;
}

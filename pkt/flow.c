/* See flow.h. */
#include "flow.h"

#include "../drivers/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_END, OPTION_NOP, OPTION_SACK = 5, OPTION_TIMESTAMPS = 8 };

/* ---- content ---- */

/* Multiplying by an odd constant and taking the top makes neighbours differ, and places a power of two apart too.
 */
static uint8_t mix(uint32_t n)
{
    return (uint8_t)((n + 1) * 2654435761u >> 24);
}

uint8_t pkt_flow_their_byte(uint32_t script_seq)
{
    return mix(script_seq);
}

uint8_t pkt_flow_our_byte(size_t offset)
{
    return mix((uint32_t)offset * 3 + 17);
}

void pkt_flow_written(struct pkt_flow *flow, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        flow->written = pkt_grow(flow->written, (unsigned)flow->written_len, 1);
        flow->written[flow->written_len++] = data[i];
    }
}

void pkt_flow_close(struct pkt_flow *flow)
{
    free(flow->written);
    flow->written = NULL;
    flow->written_len = 0;
}

/* ---- options ---- */

/* Steps to the next option; its kind, place and length are filled in. False at the end. */
struct walk {
    const uint8_t *options;
    uint32_t len, next;
    uint32_t at, option_len;
    uint8_t kind;
};

static bool walk_next(struct walk *walk)
{
    while (walk->next < walk->len && walk->options[walk->next] == OPTION_NOP)
        walk->next++;
    walk->at = walk->next;
    if (walk->at + 1 >= walk->len || walk->options[walk->at] == OPTION_END)
        return false;
    walk->kind = walk->options[walk->at];
    walk->option_len = walk->options[walk->at + 1];
    walk->next = walk->at + walk->option_len;
    return walk->option_len >= 2 && walk->next <= walk->len;
}

int pkt_options_find(const uint8_t *options, uint32_t len, uint8_t kind)
{
    struct walk walk = {.options = options, .len = len};
    while (walk_next(&walk))
        if (walk.kind == kind)
            return (int)walk.at;
    return -1;
}

static void shift_sack(uint8_t *blocks, uint32_t len, uint32_t by)
{
    for (uint32_t i = 0; i + 4 <= len; i += 4)
        put32(blocks + i, get32(blocks + i) + by);
}

/* The wire's value of one of our timestamps that the script echoes. One it never named is taken to be as far from
 * the first as the script says; without a first one it is what it is. */
static uint32_t stamp_to_wire(const struct pkt_flow *flow, uint32_t script)
{
    for (unsigned i = flow->stamp_count; i-- > 0;)
        if (flow->stamp[i].script == script)
            return flow->stamp[i].live;
    return flow->has_stamp && script != 0 ? flow->live_stamp + (script - flow->script_stamp) : script;
}

void pkt_flow_options_to_wire(const struct pkt_flow *flow, uint8_t *options, uint32_t len)
{
    struct walk walk = {.options = options, .len = len};
    while (walk_next(&walk)) {
        if (walk.kind == OPTION_SACK)
            shift_sack(options + walk.at + 2, walk.option_len - 2, pkt_flow_our_shift(flow));
        else if (walk.kind == OPTION_TIMESTAMPS && walk.option_len == 10)
            put32(options + walk.at + 6, stamp_to_wire(flow, get32(options + walk.at + 6)));
    }
}

/* What the script calls one of our timestamps. */
static uint32_t stamp_to_script(const struct pkt_flow *flow, uint32_t live)
{
    bool is_ours = flow->has_stamp && live != 0;
    return is_ours ? live - flow->live_stamp + flow->script_stamp : live;
}

void pkt_flow_options_to_script(const struct pkt_flow *flow, uint8_t *options, uint32_t len,
                                enum hf_line_direction direction)
{
    bool is_ours = direction == HF_LINE_OUT;
    uint32_t sack_shift = is_ours ? flow->their_shift : pkt_flow_our_shift(flow);
    uint32_t stamp_at = is_ours ? 2 : 6; /* our value, or the echo of it */
    struct walk walk = {.options = options, .len = len};
    while (walk_next(&walk)) {
        uint8_t *option = options + walk.at;
        if (walk.kind == OPTION_SACK)
            shift_sack(option + 2, walk.option_len - 2, 0u - sack_shift);
        else if (walk.kind == OPTION_TIMESTAMPS && walk.option_len == 10)
            put32(option + stamp_at, stamp_to_script(flow, get32(option + stamp_at)));
    }
}

void pkt_flow_name_stamp(struct pkt_flow *flow, uint32_t live, uint32_t script)
{
    if (!flow->has_stamp) {
        flow->has_stamp = true;
        flow->live_stamp = live;
        flow->script_stamp = script;
    }
    if (flow->stamp_count == PKT_STAMPS_MAX) {
        memmove(flow->stamp, flow->stamp + 1, sizeof flow->stamp - sizeof flow->stamp[0]);
        flow->stamp_count--;
    }
    flow->stamp[flow->stamp_count].live = live;
    flow->stamp[flow->stamp_count++].script = script;
}

/*
 * Reassembly against a naive model. Input is a list of 8-byte commands: fragments of a few datagrams, mostly honest parts
 * of one known text, some forged, and time that passes.
 *
 * Held true: every invariant; what is delivered was covered by what arrived under that name since it last began; without
 * forgery under that name it is the text; nothing longer than a datagram comes out.
 */
#include "../src/base/arena.h"
#include "../src/base/base.h"
#include "../src/ip/fragments.h"

#include <stdlib.h>

#define CAPACITY   3
#define NAMES      5
#define HEADER_LEN 20

static _Alignas(64) uint8_t memory[CAPACITY * 70000 + 8192];
static uint8_t text[65536 + 2048], forged[65536 + 2048];

/* What arrived under one name since its last delivery, expiry apart: a superset of what may be in its buffer. */
struct model {
    uint8_t seen[65536 / 8]; /* a bit for each byte */
    bool was_forged;
};
static struct model models[NAMES];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void remember(struct model *m, const struct hf_fragment *in)
{
    for (uint32_t i = in->offset; i < in->offset + in->len && i < 65536; i++)
        m->seen[i / 8] |= (uint8_t)(1u << i % 8);
}

static void check_whole(const struct hf_datagram *whole, struct model *m)
{
    require(whole->len > 0 && whole->len <= 65535);
    for (uint32_t i = 0; i < whole->len; i++)
        require(m->seen[i / 8] >> i % 8 & 1);
    if (!m->was_forged)
        require(memcmp(whole->data, text, whole->len) == 0);
    memset(m, 0, sizeof *m);
}

/* name, flags, offset in eighths (2 bytes), length (2 bytes), milliseconds (2 bytes) */
static void one(struct hf_fragments *f, const uint8_t command[8], hf_time *now)
{
    unsigned name = command[0] % NAMES;
    uint32_t offset = ((uint32_t)command[2] << 8 | command[3]) % 8193 * 8;
    uint32_t len = ((uint32_t)command[4] << 8 | command[5]) % 2049;
    bool is_forged = (command[1] & 0x30) == 0x30;
    struct hf_fragment in = {
        .src = hf_addr_v4(192, 0, 2, 7),
        .dst = hf_addr_v4(192, 0, 2, 1),
        .id = name,
        .offset = offset,
        .more = (command[1] & 1) != 0,
        .protocol = (command[1] & 0xc0) == 0xc0 ? 6 : 17,
        .traffic_class = command[1] >> 2 & 3,
        .packet = text,
        .header_len = HEADER_LEN,
        .data = (is_forged ? forged : text) + offset % 65536,
        .len = len,
    };
    if (name >= 3) { /* two of the names are IPv6 */
        in.src.bytes[0] = 0x20;
        in.dst.bytes[0] = 0x20;
        in.header_len = 48 + HEADER_LEN;
    }
    bool is_atomic = offset == 0 && !in.more;
    if (in.protocol == 6 && name < 3)
        in.id += NAMES; /* over IPv4 the protocol is part of the name, and this one is not followed */
    bool is_followed = in.id < NAMES;
    if (is_followed && !is_atomic) {
        remember(&models[name], &in);
        models[name].was_forged = models[name].was_forged || is_forged;
    }
    struct hf_datagram whole;
    if (hf_fragments_add(f, &in, *now, &whole) == HF_ACCEPTED) {
        if (is_atomic)
            require(whole.data == in.data && whole.len == in.len);
        else if (is_followed)
            check_whole(&whole, &models[name]);
    }
    *now = hf_time_add(*now, (command[6] << 8 | command[7]) * HF_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hf_arena arena = {.base = memory};
    struct hf_fragments *f = hf_arena_carve(&arena, 1, sizeof *f);
    hf_time now = {0};
    if (text[1] == 0) {
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = (uint8_t)(i * 7 + i / 251 + 1);
            forged[i] = (uint8_t)~text[i];
        }
    }
    memset(models, 0, sizeof models);
    hf_fragments_init(f, &arena, CAPACITY);
    require(arena.used <= sizeof memory);
    for (size_t at = 0; at + 8 <= size && at < 8 * 512; at += 8) {
        struct hf_expired gone;
        one(f, data + at, &now);
        require(hf_fragments_check(f) == NULL);
        while (hf_fragments_expire(f, now, &gone))
            require(gone.packet == NULL || gone.len <= HEADER_LEN + 48 + 2048);
        require(hf_fragments_check(f) == NULL);
        require(hf_time_before(now, hf_fragments_deadline(f)));
    }
    return 0;
}

/*
 * The neighbour cache against a naive model: lookups, hints, honest and forged messages, and time.
 *
 * Held true: every invariant; a resolved address is one that the neighbour or a forger really told; while the owner
 * answers every probe at once and nobody forges during the first question, it is the owner's; the deadline is never
 * behind what advance would do; questions and news come to an end.
 */
#include "../src/base/arena.h"
#include "../src/base/base.h"
#include "../src/ip/neighbours.h"

#include <stdlib.h>

#define CAPACITY 6
#define HOSTS    16

static _Alignas(64) uint8_t memory[8192];
static bool was_told[HOSTS][256]; /* which link addresses, by their last byte, were ever told for it */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct hf_addr host(unsigned n)
{
    return hf_addr_v4(192, 0, 2, (uint8_t)n);
}

/* Hosts below HOSTS / 2 are present and honest: they answer at once, always from the same link address. */
static bool is_present(unsigned n)
{
    return n < HOSTS / 2;
}
static uint8_t owner_of(unsigned n)
{
    return (uint8_t)(2 * n + 2);
}

static bool hear(struct hf_neighbours *n, unsigned h, uint8_t last, unsigned flags, hf_time now)
{
    uint8_t mac[6] = {2, 0, 0, 0, 0, last};
    struct hf_addr from = host(h);
    was_told[h][last] = true;
    return hf_neighbours_heard(n, 0, &from, mac, flags, now);
}

/* Sends what is owed; who is present answers. */
static void settle(struct hf_neighbours *n, hf_time now)
{
    struct hf_solicitation s;
    struct hf_neighbour_news news;
    for (unsigned sent = 0; hf_neighbours_owed(n, &s); sent++) {
        unsigned h = s.target.bytes[15];
        require(sent <= CAPACITY && h < HOSTS);
        if (is_present(h) && (!s.is_probe || s.mac[5] == owner_of(h)))
            require(hear(n, h, owner_of(h), HF_HEARD_ANSWER, now));
    }
    for (unsigned told = 0; hf_neighbours_news(n, &news); told++) {
        require(told <= CAPACITY);
        require(news.is_resolved || !is_present(news.addr.bytes[15]));
    }
}

static void look_up(struct hf_neighbours *n, unsigned h, hf_time now)
{
    uint8_t mac[6];
    struct hf_addr hop = host(h);
    enum hf_neighbour_answer answer = hf_neighbours_lookup(n, 0, &hop, now, mac);
    if (answer == HF_NEIGHBOUR_RESOLVED) {
        require(was_told[h][mac[5]]);
        if (is_present(h))
            require(mac[5] == owner_of(h));
    }
    require(answer != HF_NEIGHBOUR_NO_REPLY || !is_present(h));
}

/* Lets time pass up to `until`, stopping wherever the cache wants to be woken. */
static hf_time pass(struct hf_neighbours *n, hf_time now, hf_time until)
{
    for (;;) {
        hf_time at = hf_neighbours_deadline(n);
        if (hf_time_before(until, at))
            return until;
        if (hf_time_before(now, at))
            now = at;
        hf_neighbours_advance(n, now);
        require(hf_neighbours_check(n) == NULL);
        settle(n, now);
        hf_neighbours_advance(n, now);
        require(hf_time_before(now, hf_neighbours_deadline(n)));
    }
}

/* what and host, a byte, milliseconds (2 bytes) */
static hf_time one(struct hf_neighbours *n, const uint8_t command[4], hf_time now)
{
    unsigned h = command[0] % HOSTS;
    struct hf_addr hop = host(h);
    switch (command[0] / HOSTS % 6) {
    case 0:
    case 1:
        look_up(n, h, now);
        break;
    case 2:
        hear(n, h, command[1], command[1] & 1, now);
        break;
    case 3:
        hf_neighbours_confirm(n, 0, &hop, now);
        break;
    case 4:
        if (is_present(h))
            hear(n, h, owner_of(h), command[1] & 1, now);
        break;
    default:
        return pass(n, now, hf_time_add(now, command[1] * HF_SECOND));
    }
    settle(n, now);
    return pass(n, now, hf_time_add(now, (command[2] << 8 | command[3]) * HF_MS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(memory, 0, sizeof memory); /* as an engine's block is given */
    struct hf_arena arena = {.base = memory};
    struct hf_neighbours *n = hf_arena_carve(&arena, 1, sizeof *n);
    hf_time now = {0};
    memset(was_told, 0, sizeof was_told);
    hf_neighbours_init(n, &arena, CAPACITY, (struct hf_key){size, 1});
    require(arena.used <= sizeof memory);
    for (size_t at = 0; at + 4 <= size && at < 4 * 1024; at += 4) {
        now = one(n, data + at, now);
        require(hf_neighbours_check(n) == NULL);
        require(n->owed == 0 && n->news == 0);
    }
    return 0;
}

/*
 * The search for a larger path MTU (RFC 4821, 7; RFC 8899, 5.3): what the path was thought to take when a router, or
 * silence, said less, may be taken again, or something in between. Segments of that size, one at a time and of the stream's
 * own data, try it.
 *
 *      lowered ---> rests ---> a probe of the next size ---- arrives ---> path_mtu is that; the next, up to mtu_most
 *                     ^                    |
 *                     `-- three were lost -'    a lone lost probe goes again in segments that fit, and slows nothing down
 *
 * After a router's word it rests for ten minutes, after a black hole not at all.
 *
 * Read first: icmp_advice.c. Read next: plan.c.
 */
#include "steps.h"

#define MOST_TRIES 3 /* MAX_PROBES: RFC 8899, 5.1.2 */

/* Common sizes (RFC 4821, 7.3; RFC 1191, 7.1): links, and Ethernet less what tunnels take. */
static const uint16_t sizes[] = {1006, 1280, 1400, 1420, 1440, 1460,  1480,  1492,
                                 1500, 2002, 4352, 8166, 9000, 17914, 32000, UINT16_MAX};

/* The ms clock in steps of 4 s. */
static uint32_t steps(const struct hf_tcp_shared *sh) { return hf_tcp_ms(sh) >> 12; }

void hf_mtu_rest(const struct hf_tcp_shared *sh, struct hf_tcp *c, uint32_t for_steps)
{
    c->mtu_since = (steps(sh) - HF_MTU_LASTS + HF_MIN(for_steps, (uint32_t)HF_MTU_LASTS)) & HF_MTU_CLOCK;
}

static bool rests(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    return ((steps(sh) - c->mtu_since) & HF_MTU_CLOCK) < HF_MTU_LASTS;
}

/* Not above what the peer and the application take. 0: there is nothing to be sought. */
static uint16_t next_size(const struct hf_tcp *c)
{
    uint32_t mss = HF_MIN((uint32_t)c->peer_mss, hf_wanted_mss(c));
    uint32_t most = HF_MIN((uint32_t)c->mtu_most, mss + hf_header_overhead(c));
    unsigned i = 0;
    if (most <= c->path_mtu)
        return 0;
    while (sizes[i] <= c->path_mtu)
        i++;
    return (uint16_t)HF_MIN(most, (uint32_t)sizes[i]);
}

/* RFC 4821, 7.4: no probe and no loss is out, and enough is queued, and taken by both windows, for as many segments behind
 * it as show whether it is lost. */
uint32_t hf_mtu_probe_len(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (HF_LIKELY(c->mtu_most == 0) || s->probe_mtu != 0 || s->recovery != HF_OPEN || s->lost > 0 || rests(sh, c))
        return 0;
    uint16_t size = next_size(c);
    if (size == 0 || (c->flags & HF_TF_URGENT))
        return 0;
    uint32_t mss = hf_effective_mss(sh, c), len = mss + size - c->path_mtu, needed = len + HF_DUP_THRESH * mss;
    int32_t window = hf_seq_diff(hf_seq_add(c->snd.una, c->snd.wnd), c->snd.nxt);
    bool fits = window > 0 && (uint32_t)window >= needed && c->cc.cwnd >= needed;
    return fits && hf_unsent(c, s) >= needed ? len : 0;
}

void hf_mtu_probe_sent(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_sending *s)
{
    s->probe_mtu = next_size(c);
    hf_sent_at(sh, s->last)->flags |= HF_SENT_SIZE_PROBE;
}

void hf_mtu_probe_arrived(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    if (s->probe_mtu > c->path_mtu)
        hf_mtu_use(sh, c, s->probe_mtu);
    s->probe_mtu = 0;
    c->mtu_tries = 0;
    if (c->path_mtu >= c->mtu_most)
        c->mtu_most = 0;
}

/* Losses that are not answered have to be rarer than those that are: as many round trips apart as the window has segments,
 * and five times that when it took a time-out to find out (RFC 4821, 7.6.2 and 7.6.3). */
static uint32_t patience(const struct hf_tcp *c, bool by_timeout)
{
    uint64_t us = (uint64_t)c->srtt_us * (c->cc.cwnd / c->cc.mss + 1);
    return 1 + (uint32_t)HF_MIN(us * (by_timeout ? 5 : 1) / (4096 * 1000), (uint64_t)HF_MTU_LASTS);
}

void hf_mtu_probe_failed(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool by_timeout)
{
    s->probe_mtu = 0;
    c->mtu_tries++;
    bool is_over = c->mtu_tries == MOST_TRIES;
    if (is_over)
        c->mtu_tries = 0;
    hf_mtu_rest(sh, c, is_over ? HF_MTU_LASTS : patience(c, by_timeout));
}

/* Other losses beside it: nobody can tell whether its size was to blame (RFC 4821, 7.6.4). */
void hf_mtu_probe_told_nothing(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s)
{
    s->probe_mtu = 0;
    hf_mtu_rest(sh, c, 1);
}

/*
 * Options: what we offer, what we accept, what each later segment carries (RFC 9293, 3.2 and 3.7.1; RFC 7323;
 * RFC 2018). Reading and writing them is src/wire/tcp_options.c.
 */
#include "steps.h"

#define DEFAULT_MSS_V4 536  /* MUST-15 */
#define DEFAULT_MSS_V6 1220
#define LEAST_MSS 48 /* a smaller one would make each segment mostly header (BUG-03) */
#define MOST_SCALE 14 /* RFC 7323, 2.3 */

uint32_t hf_wanted_mss(const struct hf_tcp *c)
{
    return c->most_segment == 0 ? UINT16_MAX : HF_MAX((uint32_t)c->most_segment, (uint32_t)LEAST_MSS);
}

uint32_t hf_own_mss(const struct hf_tcp *c) { return HF_MIN(hf_wanted_mss(c), c->path_mtu - hf_header_overhead(c)); }

/* MUST-16 */
void hf_tcp_update_mss(struct hf_tcp *c)
{
    c->mss = (uint16_t)HF_MAX(HF_MIN((uint32_t)c->peer_mss, hf_own_mss(c)), (uint32_t)LEAST_MSS);
}

/* In SYN-SENT and for SYN,ACK the flags say what to offer; a SYN,ACK offers only what the SYN did (RFC 7323, 2.2
 * and 3.2). MSS stands in every SYN (MUST-14, SHLD-5, MAY-3) and says what our link takes, less the fixed headers
 * (MUST-67, SHLD-6; RFC 6691, 2). */
void hf_options_offer(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_opts *opts)
{
    opts->present = HF_OPT_MSS;
    opts->mss = (uint16_t)hf_own_mss(c);
    if (c->flags & HF_TF_SCALE) {
        opts->present |= HF_OPT_WSCALE;
        opts->wscale = c->rcv_scale;
    }
    if (c->flags & HF_TF_SACK)
        opts->present |= HF_OPT_SACK_OK;
    if (c->flags & HF_TF_TIMESTAMPS) {
        opts->present |= HF_OPT_TIMESTAMPS;
        opts->tsval = hf_tcp_ms(sh) + c->ts_offset;
        opts->tsecr = c->state == HF_SYN_SENT ? 0 : c->ts_recent;
    }
    hf_fast_open_offer(sh, c, opts);
}

static void keep_if(struct hf_tcp *c, uint32_t flag, bool offered_by_peer)
{
    if (!offered_by_peer)
        c->flags &= ~flag;
}

void hf_options_accept(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    const struct hf_tcp_opts *opts = &seg->opts;
    bool v4 = hf_addr_is_v4(&c->remote_addr);
    c->peer_mss = opts->present & HF_OPT_MSS ? opts->mss : (uint16_t)(v4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6);
    hf_tcp_update_mss(c);
    hf_ecn_accept(sh, c, seg);
    keep_if(c, HF_TF_SCALE, opts->present & HF_OPT_WSCALE);
    keep_if(c, HF_TF_SACK, opts->present & HF_OPT_SACK_OK);
    keep_if(c, HF_TF_TIMESTAMPS, opts->present & HF_OPT_TIMESTAMPS);
    c->snd_scale = c->flags & HF_TF_SCALE ? (uint8_t)HF_MIN(opts->wscale, MOST_SCALE) : 0;
    if (!(c->flags & HF_TF_SCALE))
        c->rcv_scale = 0;
    if (c->flags & HF_TF_TIMESTAMPS) {
        c->ts_recent = opts->tsval;
        c->ts_recent_ms = hf_tcp_ms(sh);
    }
}

/* SACK blocks fit behind timestamps up to three, else four (RFC 2018, 3; BUG-39). */
static unsigned most_blocks(const struct hf_tcp *c) { return c->flags & HF_TF_TIMESTAMPS ? 3 : 4; }

static bool has_duplicate(const struct hf_tcp *c) { return !hf_seq_eq(c->duplicate.from, c->duplicate.to); }

/* Text beyond a hole, and the FIN where it ends with one: that takes a number too. */
static struct hf_sack_block block_of(const struct hf_tcp *c, const struct hf_tcp_receiving *r, const struct hf_range *range)
{
    bool and_fin = (c->flags & HF_TF_FIN_SEEN) && range->to == r->fin;
    return (struct hf_sack_block){hf_rcv_seq(c, range->from), hf_seq_add(hf_rcv_seq(c, range->to), and_fin)};
}

/* What arrived twice stands before all (RFC 2883, 4), then the newest, RFC 2018, 4: that is the block which contains what
 * arrived twice beyond a hole (RFC 2883, 4.3). */
static void fill_sacks(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_opts *opts)
{
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    bool any = r != NULL && r->islands.count > 0;
    unsigned count = has_duplicate(c);
    if (!(c->flags & HF_TF_SACK) || (!any && count == 0))
        return;
    if (count > 0)
        opts->sack[0] = c->duplicate;
    struct hf_range recent[HF_TCP_SACK_MAX];
    unsigned ranges = any ? hf_islands_recent(&r->islands, &sh->islands, recent, most_blocks(c) - count) : 0;
    for (unsigned i = 0; i < ranges; i++)
        opts->sack[count + i] = block_of(c, r, &recent[i]);
    opts->sack_count = (uint8_t)(count + ranges);
    opts->present |= HF_OPT_SACK;
}

/* What segments without SYN carry: timestamps if negotiated (RFC 7323, 3.2), SACK blocks, and never MSS, window
 * scale or SACK-permitted (MUST-65; RFC 2018, 2). */
void hf_options_fill(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_opts *opts)
{
    opts->present = 0;
    opts->sack_count = 0;
    if (c->flags & HF_TF_TIMESTAMPS) {
        opts->present |= HF_OPT_TIMESTAMPS;
        opts->tsval = hf_tcp_ms(sh) + c->ts_offset;
        opts->tsecr = c->ts_recent;
    }
    fill_sacks(sh, c, opts);
}

uint32_t hf_effective_mss(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    uint32_t options = c->flags & HF_TF_TIMESTAMPS ? 12 : 0;
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    uint32_t blocks = has_duplicate(c) + (r != NULL ? r->islands.count : 0);
    if ((c->flags & HF_TF_SACK) && blocks > 0)
        options += 4 + 8 * HF_MIN(blocks, most_blocks(c));
    return c->mss > options + 8 ? c->mss - options : 8;
}

/*
 * SYN cookies (RFC 4987, 3.6): the whole half-open record, put into the initial sequence number of our SYN,ACK, where the
 * ACK brings it back. No state is kept, so a flood of SYNs has nothing to fill.
 *
 *      ISS  31                       8 7   5 4   2  1   0
 *          +--------------------------+-----+-----+----+---+
 *          |     keyed hash, 24 bits  | MSS |scale|SACK| E |   E: parity of the epoch, whose key is meant
 *          +--------------------------+-----+-----+----+---+
 *
 * The seven bits beside E are covered with a pad, and the hash covers them, the whole tuple, the peer's ISN and whether
 * there are timestamps. A peer that sends them carries the exact window scale and ECN home in the low bits of ours, where
 * there is more room; what is believed of these bits is only what agrees with the ISN's, since nothing protects them.
 *
 * That AccECN was agreed to shows in the ACK itself (RFC 9768, 5.1).
 *
 * Keys change every EPOCH and are derived from one secret; a cookie is good for the epoch it was made in and the next.
 */
#include "../base/bytes.h"
#include "small.h"
#include "steps.h"

#define EPOCH (32 * HF_SECOND)

/* Rounded down: a peer must never get more than it said. */
static const uint16_t mss_of[8] = {48, 536, 1200, 1360, 1440, 1452, 1460, 8960};
static const uint8_t scale_of[8] = {0, 0, 2, 4, 6, 7, 8, 10}; /* entry 0: no scaling */

enum { BITS_SCALE = 0x0f, BITS_ECN = 0x10, BITS_MASK = 0x1f }; /* in the timestamp */

static uint64_t epoch_of(const struct hf_tcp_shared *sh)
{
    return (uint64_t)hf_ticks_of(sh->now, EPOCH);
}

/* The hash under an epoch's key, of everything that identifies the handshake and of `what`. */
static uint64_t hash(const struct hf_tcp_shared *sh, const struct hf_tcp *c, uint64_t epoch, uint8_t what)
{
    uint8_t bytes[16 + 16 + 2 + 2 + 4 + 8 + 1 + 1];
    memcpy(bytes, c->local_addr.bytes, 16);
    memcpy(bytes + 16, c->remote_addr.bytes, 16);
    hf_put16(bytes + 32, c->local_port);
    hf_put16(bytes + 34, c->remote_port);
    hf_put32(bytes + 36, c->irs.n);
    hf_put32(bytes + 40, (uint32_t)(epoch >> 32));
    hf_put32(bytes + 44, (uint32_t)epoch);
    bytes[48] = what;
    bytes[49] = c->flags & HF_TF_TIMESTAMPS ? 1 : 0;
    return hf_siphash(&sh->cookie_key, bytes, sizeof bytes);
}

static uint8_t mss_index(uint16_t mss)
{
    uint8_t index = 7;
    while (index > 0 && mss_of[index] > mss)
        index--;
    return index;
}

static uint8_t scale_index(bool scales, uint8_t scale)
{
    uint8_t index = 7;
    if (!scales)
        return 0;
    while (index > 1 && scale_of[index] > scale)
        index--;
    return index;
}

#define PAD 0xff /* `what` of the pad, which no seven bits are */

static uint8_t pad(const struct hf_tcp_shared *sh, const struct hf_tcp *c, uint64_t epoch)
{
    return (uint8_t)(hash(sh, c, epoch, PAD) & 0xfe);
}

static hf_seq cookie(const struct hf_tcp_shared *sh, const struct hf_tcp *c, uint64_t epoch, uint8_t what)
{
    uint32_t low = (what ^ pad(sh, c, epoch)) | (uint32_t)(epoch & 1);
    return hf_seq_of((uint32_t)hash(sh, c, epoch, what) << 8 | low);
}

/* ---- the timestamp's part ---- */

/* Moves the timestamp clock of this one SYN,ACK back until its low bits say so; it runs ahead of nothing we send later. */
static void put_timestamp_bits(const struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    uint32_t now = hf_tcp_ms(sh) + c->ts_offset;
    uint32_t stamp = (now & ~(uint32_t)BITS_MASK) | HF_MIN(c->snd_scale, 14u);
    stamp |= (c->flags & HF_TF_ECN) && !c->ecn.is_accurate ? BITS_ECN : 0;
    if (stamp > now)
        stamp -= BITS_MASK + 1;
    c->ts_offset += stamp - now;
}

static void read_timestamp_bits(const struct hf_tcp_shared *sh, struct hf_tcp *c, uint32_t tsecr)
{
    uint8_t exact = tsecr & BITS_SCALE;
    bool scales = c->flags & HF_TF_SCALE;
    if ((tsecr & BITS_ECN) && sh->config.ecn != HF_ECN_OFF)
        c->flags |= HF_TF_ECN;
    if (scales && exact <= 14 && scale_index(true, exact) == scale_index(true, c->snd_scale))
        c->snd_scale = exact;
}

/* ---- out and back ---- */

void hf_syn_cookie_bake(const struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    uint8_t scale = scale_index(c->flags & HF_TF_SCALE, c->snd_scale);
    uint8_t what = (uint8_t)(mss_index(c->peer_mss) << 5 | scale << 2 | (c->flags & HF_TF_SACK ? 2 : 0));
    c->iss = cookie(sh, c, epoch_of(sh), what);
    c->snd.una = c->snd.nxt = c->iss;
    if (c->flags & HF_TF_TIMESTAMPS)
        put_timestamp_bits(sh, c);
    else if (!c->ecn.is_accurate)
        c->flags &= ~(uint32_t)HF_TF_ECN; /* nothing could bring it back */
}

/* Is this the cookie of one of the last two epochs? Tells what was in it. */
static bool recognize(const struct hf_tcp_shared *sh, const struct hf_tcp *c, hf_seq iss, uint8_t *what)
{
    uint64_t now = epoch_of(sh);
    for (uint64_t back = 0; back < 2 && back <= now; back++) {
        uint64_t epoch = now - back;
        *what = (uint8_t)((iss.n & 0xfe) ^ pad(sh, c, epoch));
        if (hf_seq_eq(cookie(sh, c, epoch, *what), iss))
            return true;
    }
    return false;
}

bool hf_syn_cookie_taste(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    uint8_t what;
    hf_seq iss = hf_seq_sub(seg->ack, 1);
    bool stamped = seg->opts.present & HF_OPT_TIMESTAMPS;
    c->irs = hf_seq_sub(seg->seq, 1);
    c->flags = stamped ? c->flags | HF_TF_TIMESTAMPS : c->flags & ~(uint32_t)HF_TF_TIMESTAMPS;
    if (!recognize(sh, c, iss, &what))
        return false;
    struct hf_half_open h = {
        .head.flags = (uint8_t)((what & 2 ? HF_SMALL_SACK : 0) | ((what >> 2 & 7) != 0 ? HF_SMALL_SCALE : 0) |
                                (stamped ? HF_SMALL_TIMESTAMPS : 0) | HF_SMALL_AGAIN),
        .iss = iss,
        .irs = c->irs,
        .ts_recent = seg->opts.tsval,
        .sent_us = hf_tcp_us(sh),
        .listener = (uint16_t)c->listener,
        .mss = mss_of[what >> 5],
        .scales = (uint8_t)(scale_of[what >> 2 & 7] | c->rcv_scale << 4),
    };
    hf_half_open_unfold(sh, &h, c);
    if (stamped)
        read_timestamp_bits(sh, c, seg->opts.tsecr);
    hf_ecn_recall(sh, c, seg);
    if (!(c->flags & HF_TF_SCALE))
        c->rcv_scale = 0;
    c->flags &= ~(uint32_t)HF_TF_SYN_AGAIN; /* nobody knows when the SYN,ACK left, but nothing says it was lost */
    c->srtt_us = 0;
    return true;
}

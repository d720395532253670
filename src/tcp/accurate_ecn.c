/*
 * More accurate ECN (AccECN, RFC 9768): the receiver counts the packets that arrive marked, and three bits of the header,
 * AE, CWR and ECE, taken together as the ACE field, say with every segment how many there were, modulo 8.
 *
 *     SYN with AE, CWR, ECE           ->
 *     <-  SYN,ACK whose three bits say what the IP header of the SYN showed when it arrived
 *     the first pure ACK: the same    ->      ... of that SYN,ACK
 *     data, marked CE                 ->      r.cep goes on from 5
 *     <-  all segments with ACE = r.cep       the difference to s.cep is what was marked since
 *
 * Everything we send but new data is not ECN-capable, so that a SYN or SYN,ACK of ours that arrives as anything else was
 * tampered with on the way. The options that count bytes (RFC 9768, 3.2.3) are neither sent nor read: docs/decisions.md.
 *
 * Read first: ecn.c.
 */
#include "steps.h"

#define NOT_ECT 0
#define CE 3
#define FIRST_COUNT 5u /* of r.cep and s.cep: RFC 9768, 3.2.1 */
#define ACE_SHIFT 6
#define FOLDED_ACCURATE 1u

static unsigned ace_of(const struct hf_segment *seg) { return (unsigned)seg->flags >> ACE_SHIFT & 7; }
static uint16_t flags_of(unsigned ace) { return (uint16_t)(ace << ACE_SHIFT); }

/* How both sides tell of the IP-ECN field of the other's SYN (RFC 9768, 3.1.1 and 3.2.2.1, tables 2 and 3). */
static const uint8_t handshake_code[4] = {[NOT_ECT] = 2, [1] = 3, [2] = 4, [CE] = 6};

enum { ANSWER_NONE = 0, ANSWER_CLASSIC = 1, ANSWER_RESERVED = 5, ANSWER_MIRRORED = 7 };

/* What became of our SYN or SYN,ACK, which was not ECN-capable: any other code is tampering (RFC 9768, 3.2.2.3), and a mark
 * counts. */
static void judge(struct hf_tcp *c, unsigned code)
{
    c->ecn.no_ect |= code != handshake_code[NOT_ECT];
    c->ecn.syn_was_marked = code == handshake_code[CE];
}

/* ---- agreement ---- */

void hf_accurate_begin(struct hf_tcp *c, const struct hf_segment *syn)
{
    c->ecn = (struct hf_ecn_state){
        .is_accurate = true,
        .received = FIRST_COUNT,
        .told = FIRST_COUNT,
        .ip_ecn = syn->traffic_class & CE,
        .awaits_handshake = (c->flags & HF_TF_PASSIVE) != 0,
    };
}

/* A third SYN,ACK goes out bare, and whoever sent that cannot know in which mode the peer is (RFC 9768, 3.1.4.2 and
 * 3.1.5). */
uint16_t hf_accurate_answer(struct hf_tcp *c)
{
    if (c->retries < 2)
        return flags_of(handshake_code[c->ecn.ip_ecn]);
    c->ecn.no_ect = true;
    return 0;
}

bool hf_accurate_agreed(struct hf_tcp *c, const struct hf_segment *seg)
{
    unsigned code = ace_of(seg);
    if (code == ANSWER_NONE || code == ANSWER_CLASSIC || code == ANSWER_MIRRORED)
        return false;
    hf_accurate_begin(c, seg);
    if (c->ecn.ip_ecn == CE)
        c->ecn.received = FIRST_COUNT + 1;
    c->ecn.is_client = c->ecn.owes_handshake = true;
    if (code != ANSWER_RESERVED) /* for who comes after us: as if all were well (RFC 9768, 3.1.3) */
        judge(c, code);
    return true;
}

/* Its answer tells of the latest of them, and the count goes on but once (RFC 9768, 3.1.5 and 3.2.2.2). */
void hf_ecn_syn_ack_again(struct hf_tcp *c, const struct hf_segment *seg)
{
    const uint16_t both = HF_TCP_SYN | HF_TCP_ACK;
    bool is_again = (seg->flags & both) == both && hf_seq_eq(seg->seq, c->irs) && (c->owed & HF_OWE_ACK_NOW);
    unsigned code = ace_of(seg);
    if (!c->ecn.is_client || !is_again || code <= ANSWER_CLASSIC || code == ANSWER_MIRRORED)
        return;
    if ((seg->traffic_class & CE) == CE && c->ecn.ip_ecn != CE && c->ecn.received == FIRST_COUNT)
        c->ecn.received = FIRST_COUNT + 1;
    c->ecn.ip_ecn = seg->traffic_class & CE;
    c->ecn.owes_handshake = true;
}

/* Nobody else's first ACK shows these codes (RFC 9768, 5.1). */
void hf_ecn_recall(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (ace_of(seg) <= ANSWER_CLASSIC || sh->config.ecn == HF_ECN_OFF)
        return;
    c->flags |= HF_TF_ECN;
    hf_accurate_begin(c, seg);
}

/* ---- the receiver ---- */

/* A mark after none, and each second or third, is worth an ACK of its own, lest the count go round unseen (RFC 9768,
 * 3.2.2.5.1). */
void hf_ecn_arrives(struct hf_tcp *c, const struct hf_segment *seg)
{
    bool is_marked = (seg->traffic_class & CE) == CE;
    if (!c->ecn.is_accurate)
        return;
    bool begins = is_marked && !c->ecn.was_marked && seg->data_len > 0;
    c->ecn.was_marked = is_marked;
    if (!is_marked)
        return;
    c->ecn.received = (c->ecn.received + seg->coalesced) & 7u;
    c->ecn.unsaid = HF_MIN(c->ecn.unsaid + (uint32_t)seg->coalesced, 7u);
    bool text_waits = seg->data_len > 0 || !hf_seq_eq(c->rcv.nxt, c->last_ack_sent);
    if (begins || c->ecn.unsaid >= (text_waits ? 2u : 3u))
        hf_owe_ack(c, HF_WHY_ACK_MARKED);
}

void hf_accurate_mark(struct hf_tcp *c, const struct hf_tcp_plan *plan, struct hf_segment *seg)
{
    bool is_pure = plan->what == HF_SEND_ACK && !(seg->opts.present & HF_OPT_SACK);
    bool is_handshake = c->ecn.owes_handshake && is_pure;
    /* RFC 9768, 3.2 and 3.2.2.2: the latest count, on everything without SYN, new or again */
    seg->flags |= flags_of(is_handshake ? handshake_code[c->ecn.ip_ecn] : c->ecn.received);
    c->ecn.owes_handshake = false;
    c->ecn.unsaid = 0;
}

/* ---- the sender ---- */

/* SYN-RECEIVED's first pure ACK (RFC 9768, 3.2.2.1, table 4). A zero says that the peer is in no such mode. Some codes have
 * no meaning yet. */
static void take_handshake(struct hf_tcp_shared *sh, struct hf_tcp *c, unsigned code)
{
    if (code == ANSWER_NONE)
        c->ecn.no_ect = c->ecn.is_deaf = true;
    else if (code != ANSWER_CLASSIC && code != ANSWER_RESERVED && code != ANSWER_MIRRORED)
        judge(c, code);
    if (!c->ecn.syn_was_marked)
        return;
    c->ecn.told = FIRST_COUNT + 1;
    hf_tcp_begin_sending(sh, c);
}

/* An ACK that acknowledges nothing new may be an old one; its timestamp can tell that it is not (RFC 9768, A.1). */
static bool is_news(const struct hf_tcp *c, const struct hf_segment *seg, uint32_t delivered)
{
    bool stamped = (c->flags & HF_TF_TIMESTAMPS) && (seg->opts.present & HF_OPT_TIMESTAMPS);
    return delivered > 0 || (stamped && (int32_t)(seg->opts.tsval - c->ts_recent) > 0);
}

/* More than the field can count may have been marked when so many were acknowledged at once because the ACKs between were
 * lost: then the worst is assumed (RFC 9768, 3.2.2.5.2). Where ACKs are always so wide, because somebody coalesces, they
 * say it all. */
static uint32_t safest(struct hf_tcp_sending *s, uint32_t marks, uint32_t segments)
{
    enum { SEGMENT = 16, NARROW = 4 * SEGMENT, WIDEST = 15 };
    bool is_narrow = s->ack_width < NARROW;
    int32_t width = (int32_t)HF_MIN(segments, (uint32_t)WIDEST) * SEGMENT;
    s->ack_width = (uint8_t)(s->ack_width + (width - s->ack_width) / 8);
    if (!is_narrow || segments <= 7)
        return marks;
    return segments - ((segments - marks) & 7u);
}

uint32_t hf_accurate_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                           const struct hf_segment *seg, uint32_t delivered)
{
    unsigned ace = ace_of(seg);
    bool is_first = c->ecn.awaits_handshake;
    c->ecn.awaits_handshake = false;
    if (is_first && seg->len == 0 && !(seg->opts.present & HF_OPT_SACK)) {
        take_handshake(sh, c, ace);
        return 0;
    }
    if (!c->ecn.was_heard && ace == 0)
        c->ecn.no_ect = c->ecn.is_deaf = true; /* somebody cleared it: RFC 9768, 3.2.2.4 */
    c->ecn.was_heard = true;
    if (c->ecn.is_deaf || !is_news(c, seg, delivered))
        return 0;
    uint32_t marks = (ace - c->ecn.told) & 7u;
    c->ecn.told = ace & 7u;
    return s == NULL ? marks : safest(s, marks, (delivered + c->cc.mss - 1) / c->cc.mss);
}

/* ---- small records ---- */

/* The count matters in TIME-WAIT alone: a half-open connection's is the first. */
uint8_t hf_ecn_fold(const struct hf_tcp *c)
{
    if (!c->ecn.is_accurate)
        return 0;
    return (uint8_t)(FOLDED_ACCURATE | c->ecn.no_ect << 1 | c->ecn.awaits_handshake << 2 | c->ecn.ip_ecn << 3 |
                     c->ecn.received << 5);
}

void hf_ecn_unfold(struct hf_tcp *c, uint8_t folded)
{
    uint32_t bits = folded;
    c->ecn = (struct hf_ecn_state){0};
    if (!(bits & FOLDED_ACCURATE))
        return;
    c->ecn.is_accurate = true;
    c->ecn.no_ect = bits >> 1 & 1u;
    c->ecn.awaits_handshake = bits >> 2 & 1u;
    c->ecn.ip_ecn = bits >> 3 & 3u;
    c->ecn.received = bits >> 5 & 7u;
    c->ecn.told = FIRST_COUNT;
}

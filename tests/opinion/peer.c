/* The peer: steps into frames, frames into an answer. See opinion.h. */
#define _GNU_SOURCE
#include "opinion.h"

#include "../../drivers/line.h"
#include "../../pkt/frame.h"
#include "../../src/wire/ip.h"
#include "../../src/wire/tcp_options.h"

#include <errno.h>
#include <string.h>

enum { PEER_PORT_FROM = 40000, PEER_WINDOW = 40000 };

void peer_begin(struct peer *peer, const struct script *script, uint16_t port, FILE *trace)
{
    /* Half of the peers count across zero. */
    uint32_t iss = script->seed & 1 ? 0xfffff800u : 0x1000000u + (uint32_t)script->seed * 64;
    *peer =
        (struct peer){.here = {hf_addr_v4(10, 7, 0, PEER_ADDRESS), (uint16_t)(PEER_PORT_FROM + (port & 0x3fff))},
                      .there = {hf_addr_v4(10, 7, 0, SUBJECT_ADDRESS), port},
                      .iss = iss,
                      .trace = trace};
}

static void write_line(const struct peer *peer, const uint8_t *data, uint32_t len, enum hf_line_direction direction)
{
    char line[HF_LINE_MAX];
    const struct hf_line_base base = {.ours = peer->isn, .theirs = peer->iss};
    if (peer->trace)
        fprintf(peer->trace, "%s %s\n", direction == HF_LINE_IN ? "+.01" : "+0  ",
                hf_line_write(line, &base, data, len, HF_LINK_IP, direction));
}

/* Where our stream ends is what the first FIN said that could be taken, until a SYN begins another. */
static void note_end(struct peer *peer, const struct step *step)
{
    uint32_t ahead = step->seq + step->len - peer->acked;
    if (step->flags & HF_TCP_SYN)
        peer->has_ended = false;
    else if ((step->flags & (HF_TCP_FIN | HF_TCP_RST)) == HF_TCP_FIN && !peer->has_ended && ahead < PEER_WINDOW) {
        peer->has_ended = true;
        peer->end = step->seq + step->len;
    }
}

uint32_t peer_speak(struct peer *peer, const struct step *step, uint8_t *out)
{
    uint8_t text[SEGMENT_MAX], options[HF_TCP_OPTIONS_MAX];
    const struct hf_tcp_opts opts = {.present = step->options,
                                     .wscale = step->wscale,
                                     .mss = step->mss,
                                     .tsval = step->tsval,
                                     .tsecr = step->echoes ? peer->tsval : 0};
    for (uint32_t i = 0; i < step->len; i++)
        text[i] = peer_text(step->seq + i);
    const struct pkt_tcp_fields fields = {
        .src = peer->here,
        .dst = peer->there,
        .ttl = 64,
        .flags = step->flags,
        .seq = peer->iss + step->seq,
        .ack = step->flags & HF_TCP_ACK ? peer->isn + step->ack : 0,
        .win = step->win,
        .urg = step->urg,
        .options = options,
        .options_len = hf_tcp_options_write(&opts, step->flags & HF_TCP_SYN, options),
        .data = text,
        .data_len = step->len,
    };
    uint32_t len = pkt_frame_tcp(out, &fields);
    note_end(peer, step);
    if ((step->flags & HF_TCP_ACK) && step->ack == peer->sent_to && step->seq == peer->acked)
        peer->in_flight = 0;
    if ((step->flags & HF_TCP_ACK) && step->ack - peer->said_ack <= peer->sent_to - peer->said_ack)
        peer->said_ack = step->ack;
    write_line(peer, out, len, HF_LINE_IN);
    return len;
}

/* ---- hearing ---- */

static void hear_reset(struct peer *peer, const struct hf_segment *seg, struct answer *answer)
{
    answer->has_answered = true;
    answer->reset = seg->flags & (HF_TCP_RST | HF_TCP_ACK | HF_TCP_SYN | HF_TCP_FIN);
    answer->reset_seq = seg->seq.n == 0 ? 0 : seg->seq.n - peer->isn; /* 0 is 0 itself: 3.10.7.1 */
    answer->reset_ack = seg->flags & HF_TCP_ACK ? seg->ack.n - peer->iss : 0;
}

static void hear_syn(struct peer *peer, const struct hf_segment *seg, struct answer *answer)
{
    if (!peer->knows_isn || peer->isn != seg->seq.n) {
        peer->sent_to = 1;
        peer->said_ack = 1;
        peer->ends = false;
    }
    peer->knows_isn = true;
    peer->isn = seg->seq.n;
    answer->has_answered = true;
    answer->syn = seg->flags & (HF_TCP_SYN | HF_TCP_ACK);
    answer->syn_options = seg->opts.present;
}

/* Text and FIN. False when all of it was sent before. */
static bool hear_text(struct peer *peer, const struct hf_segment *seg, struct answer *answer)
{
    uint32_t from = seg->seq.n - peer->isn, to = from + seg->len;
    for (uint32_t i = 0; i < seg->data_len; i++)
        answer->is_corrupt |= seg->data[i] != peer_text(from + i);
    if (seg->len > 0 && (int32_t)(to - peer->sent_to) <= 0)
        return false;
    if (seg->flags & HF_TCP_URG)
        answer->urgent_to = from + seg->up;
    peer->in_flight += seg->data_len > 0;
    peer->ends |= (seg->flags & HF_TCP_FIN) != 0;
    peer->sent_to = seg->len > 0 ? to : peer->sent_to;
    return true;
}

/* Whether block `i` reports a duplicate (RFC 2883, 4): it is the first, and acknowledged, or within the second. */
static bool is_duplicate(const struct hf_segment *seg, unsigned i)
{
    const struct hf_sack_block *block = &seg->opts.sack[i];
    bool is_within =
        seg->opts.sack_count > 1 && hf_seq_ge(block[0].from, block[1].from) && hf_seq_le(block[0].to, block[1].to);
    return i == 0 && (hf_seq_le(block->to, seg->ack) || is_within);
}

static void hear_sacks(struct peer *peer, const struct hf_segment *seg, struct answer *answer)
{
    unsigned count = seg->opts.present & HF_OPT_SACK ? seg->opts.sack_count : 0;
    answer->sack_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct hf_sack_block *block = &seg->opts.sack[i];
        answer->is_corrupt |= !hf_seq_lt(block->from, block->to);
        if (is_duplicate(seg, i))
            continue;
        answer->sack[answer->sack_count][0] = block->from.n - peer->iss;
        answer->sack[answer->sack_count++][1] = block->to.n - peer->iss;
    }
}

static void hear_ack(struct peer *peer, const struct hf_segment *seg, struct answer *answer)
{
    peer->acked = seg->ack.n - peer->iss;
    hear_sacks(peer, seg, answer);
    if (seg->opts.present & HF_OPT_TIMESTAMPS)
        answer->echoed = seg->opts.tsecr;
}

void peer_hear(struct peer *peer, const uint8_t *data, uint32_t len, struct answer *answer)
{
    struct hf_ip ip;
    struct hf_segment seg;
    if (hf_ip_parse(data, len, &ip) != HF_ACCEPTED ||
        hf_tcp_parse(ip.payload, ip.payload_len, &seg) != HF_ACCEPTED) {
        answer->is_corrupt = true;
        return;
    }
    if (seg.flags & HF_TCP_RST)
        hear_reset(peer, &seg, answer);
    else if (seg.flags & HF_TCP_SYN)
        hear_syn(peer, &seg, answer);
    else
        answer->has_answered |= hear_text(peer, &seg, answer);
    if (!(seg.flags & HF_TCP_RST) && (seg.flags & HF_TCP_ACK))
        hear_ack(peer, &seg, answer);
    if (seg.opts.present & HF_OPT_TIMESTAMPS)
        peer->tsval = seg.opts.tsval;
    if (!(seg.flags & HF_TCP_RST))
        peer->stamps = seg.opts.present & HF_OPT_TIMESTAMPS;
    write_line(peer, data, len, HF_LINE_OUT);
}

void peer_sum_up(const struct peer *peer, struct answer *answer)
{
    answer->acked = peer->acked;
    answer->sent_to = peer->sent_to;
    answer->has_sent_fin = peer->ends;
    answer->in_flight = peer->in_flight;
}

/* ---- calls ---- */

uint32_t peer_digest(const uint8_t *data, int64_t len)
{
    uint32_t digest = 2166136261u;
    for (int64_t i = 0; i < len; i++)
        digest = (digest ^ data[i]) * 16777619u;
    return digest;
}

void peer_print_call(FILE *out, const struct step *step, int64_t result)
{
    static const char *const calls[STEP_KINDS] = {
        [STEP_CONNECT] = "connect(4, ..., ...)",
        [STEP_ACCEPT] = "accept(3, ..., ...)",
        [STEP_READ] = "read(4, ..., %u)",
        [STEP_WRITE] = "write(4, ..., %u)",
        [STEP_WRITE_URGENT] = "send(4, ..., %u, MSG_OOB)",
        [STEP_SHUTDOWN] = "shutdown(4, SHUT_WR)",
        [STEP_CLOSE] = "close(4)",
        [STEP_ABORT] = "close(4)",
    };
    static const char linger[] = "+.01 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n";
    if (step->kind == STEP_ABORT)
        fputs(linger, out);
    fputs(step->kind == STEP_ABORT ? "+0   " : "+.01 ", out);
    fprintf(out, calls[step->kind], step->size);
    if (result == 0 && step->kind == STEP_ACCEPT)
        result = 4;
    if (result < 0)
        fprintf(out, " = -1 %s (%s)\n", strerrorname_np((int)-result), strerror((int)-result));
    else
        fprintf(out, " = %lld\n", (long long)result);
}

void step_print(FILE *out, const struct step *step)
{
    static const char *const calls[STEP_KINDS] = {"segment",  "connect",  "accept", "read", "write",
                                                  "send OOB", "shutdown", "close",  "abort"};
    fprintf(out, "%s%s", calls[step->kind], step->kind == STEP_SEGMENT ? " " : "");
    if (step->kind != STEP_SEGMENT)
        return;
    for (unsigned i = 0; i < 6; i++)
        if (step->flags & 1u << i)
            fputc("FSRP.U"[i], out);
    fprintf(out, " %u:%u ack %u win %u", step->seq, step->seq + step->len, step->ack, step->win);
}

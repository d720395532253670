/* Writes a world down as words, and hashes them. Read first: canon.h. */
#include "canon.h"

#include "../src/tcp/small.h"
#include "../src/tcp/steps.h"
#include "../src/wire/tcp_options.h"

#include <string.h>

#define BASES  16
#define NEARBY 8192 /* a number this close to an ISN counts from it */

struct form {
    uint64_t hash;
    unsigned words;
    hf_time now;
    unsigned bases, clocks;
    uint32_t base[BASES];  /* ISNs in the order in which they were met */
    uint32_t clock[BASES]; /* offsets of timestamp clocks, likewise */
};

static void word(struct form *f, uint64_t value)
{
    uint64_t x = (f->hash ^ value) * 0x9e3779b97f4a7c15u;
    f->hash = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u + ++f->words;
    f->hash ^= f->hash >> 32;
}

/* The base that lies just below the number, entered if it is a new one. */
static unsigned base_of(uint32_t base[BASES], unsigned *count, uint32_t value)
{
    for (unsigned i = 0; i < *count; i++)
        if (value - base[i] + 16 < NEARBY)
            return i;
    if (*count == BASES)
        return BASES;
    base[*count] = value;
    return (*count)++;
}

static void number(struct form *f, hf_seq seq)
{
    unsigned i = base_of(f->base, &f->bases, seq.n);
    word(f, i == BASES ? seq.n : (uint64_t)i << 32 | (seq.n - f->base[i]));
}

/* A timestamp, as its age: clocks run at one speed, and differ by an offset for each life of each side. */
static void stamp(struct form *f, uint32_t value)
{
    uint32_t offset = value - (uint32_t)((uint64_t)f->now.ns / 1000000u);
    unsigned i = 0;
    while (i < f->clocks && f->clock[i] - offset + 16 >= 1u << 27)
        i++;
    if (i == f->clocks && i < BASES)
        f->clock[f->clocks++] = offset;
    word(f, i == BASES ? offset : (uint64_t)i << 32 | (f->clock[i] - offset));
}

static void instant(struct form *f, hf_time at)
{
    word(f, hf_time_is_never(at) ? UINT64_MAX : (uint64_t)(hf_time_since(at, f->now) / HF_US));
}

/* ---- one connection ---- */

/* What RACK, loss probes and the watch for spurious episodes remember. */
static void recovery(struct form *f, const struct hf_tcp_sending *s)
{
    instant(f, s->reorder_at);
    instant(f, s->probe_at);
    instant(f, s->rack.sent_at);
    word(f, (uint64_t)s->rack.rtt);
    if (!hf_time_is_never(s->rack.sent_at))
        number(f, s->rack.end);
    number(f, s->fack);
    if (s->rack.in_dsack_round)
        number(f, s->rack.dsack_round);
    word(f, (uint64_t)s->tlp.is_out << 16 | (uint64_t)s->tlp.is_retrans << 8 | s->tlp.has_sample);
    if (s->tlp.is_out)
        number(f, s->tlp.end);
    word(f, s->undo.may);
    if (!s->undo.may)
        return;
    number(f, s->undo.from);
    number(f, s->undo.until);
    word(f, (uint64_t)s->undo.again << 24 | (uint32_t)(s->undo.any << 16 | s->undo.stamped << 8 | s->undo.frto));
    if (s->undo.stamped)
        stamp(f, s->undo.stamp);
}

static void sending(struct form *f, const struct hf_engine *e, const struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(&e->tcp, c);
    word(f, s != NULL);
    if (s == NULL)
        return;
    word(f, s->end - c->snd_base);
    for (uint32_t i = s->first; i != HF_NONE; i = hf_sent_at(&e->tcp, i)->next) {
        const struct hf_sent *run = hf_sent_at(&e->tcp, i);
        number(f, run->from);
        number(f, run->to);
        instant(f, run->at);
        word(f, run->flags);
    }
    word(f, 0xed);
    word(f, (uint64_t)s->sacked << 32 | s->lost);
    word(f, (uint64_t)s->guessed << 32 |
                (uint32_t)(s->recovery << 24 | s->dup_acks << 16 | s->probing << 8 | s->repair_due));
    number(f, s->push);
    number(f, s->small);
    if (s->recovery != HF_OPEN)
        number(f, s->recover);
    recovery(f, s);
}

static void receiving(struct form *f, const struct hf_engine *e, const struct hf_tcp *c)
{
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(&e->tcp, c);
    word(f, r != NULL);
    if (r == NULL)
        return;
    word(f, c->rcv_base - r->read);
    if (c->flags & HF_TF_FIN_SEEN)
        word(f, r->fin - c->rcv_base);
    for (uint32_t i = r->islands.first; i != HF_NONE;) {
        const struct hf_island *island = hf_pool_at(&e->tcp.islands, i);
        word(f, island->range.from - c->rcv_base);
        word(f, island->range.to - c->rcv_base);
        i = island->next;
    }
}

static void connection(struct form *f, const struct hf_engine *e, const struct hf_tcp *c)
{
    word(f, (uint64_t)c->flags << 32 |
                (uint32_t)(c->state << 24 | c->owed << 16 | (uint8_t)c->error << 8 | c->own.phase));
    word(f, (uint64_t)c->backoff << 32 | (uint32_t)(c->retries << 16 | c->unacked_segments << 8 | c->own.on_turn));
    if (c->state == HF_CLOSED)
        return;
    number(f, c->iss);
    number(f, c->snd.una);
    number(f, c->snd.nxt);
    word(f, (uint64_t)c->snd.wnd << 32 | c->snd.max_wnd);
    if (c->state != HF_SYN_SENT) {
        number(f, c->irs);
        number(f, c->rcv.nxt);
        number(f, c->snd.wl1);
        number(f, c->snd.wl2);
        number(f, c->last_ack_sent);
        if (c->flags & HF_TF_TIMESTAMPS)
            stamp(f, c->ts_recent);
    }
    word(f, (uint64_t)c->rcv.wnd << 32 | c->rto_us);
    word(f, (uint64_t)c->srtt_us << 32 | c->rttvar_us);
    word(f, (uint64_t)c->cc.cwnd << 32 | c->cc.ssthresh);
    word(f, (uint64_t)c->path_mtu << 16 | c->mtu_most);
    word(f, (uint64_t)c->min_rtt_us << 32 | (uint32_t)(c->reo_wnd_mult << 8 | c->reo_wnd_persist));
    word(f, (uint32_t)hf_seq_diff(c->duplicate.to, c->duplicate.from));
    if (!hf_seq_eq(c->duplicate.from, c->duplicate.to))
        number(f, c->duplicate.from);
    instant(f, c->ack_at);
    instant(f, c->rexmt_at);
    instant(f, c->life_at);
    sending(f, e, c);
    receiving(f, e, c);
}

/* ---- one side ---- */

static void small_records(struct form *f, struct hf_engine *e)
{
    for (unsigned place = HF_AT_HALF_OPEN_V4; place < HF_PLACES; place++)
        for (uint32_t slot = e->first_slot[place];
             slot < e->first_slot[place] + e->small[place - HF_AT_HALF_OPEN_V4].fresh; slot++) {
            if (hf_conn_is_none(hf_small_handle(e, slot)))
                continue;
            word(f, place);
            word(f, hf_small_at(e, slot)->retries);
            if (place <= HF_AT_HALF_OPEN_V6)
                instant(f, hf_half_open_deadline(e));
            connection(f, e, hf_small_unfold(e, slot));
        }
}

static void side(struct form *f, struct world *w, unsigned i)
{
    struct hf_engine *e = engine_of(w, i);
    const struct app *app = &w->app[i];
    for (uint32_t slot = 0; slot < e->tcp.connections.fresh; slot++)
        if (hf_record(e, slot)->own.generation != 0) {
            word(f, app->has_conn && app->conn.slot == slot);
            connection(f, e, hf_record(e, slot));
        }
    small_records(f, e);
    word(f, (uint64_t)(app->has_listener | app->has_conn << 1 | app->shut << 2 | app->closed << 3 |
                       app->aborted << 4 | app->saw_end << 5)
                    << 32 |
                (uint32_t)(app->lives << 16 | app->life << 8 | app->hears));
    word(f, app->has_listener ? hf_listener_of(e, app->listener)->waiting : 0);
    word(f, app->read);
    for (unsigned life = 0; life < app->lives; life++)
        word(f, (uint64_t)app->wrote[life] << 32 | app->ended_writing[life]);
}

/* ---- the wire ---- */

static void frame(struct form *f, const struct flight *flight)
{
    struct hf_ip ip;
    struct hf_segment seg;
    if (hf_ip_parse(flight->data, flight->len, &ip) != HF_ACCEPTED ||
        hf_tcp_parse(ip.payload, ip.payload_len, &seg) != HF_ACCEPTED)
        return;
    word(f, (uint64_t)seg.flags << 48 | (uint64_t)seg.wnd << 32 | seg.data_len);
    number(f, seg.seq);
    if (seg.flags & HF_TCP_ACK)
        number(f, seg.ack);
    word(f, seg.opts.present);
    if (seg.opts.present & HF_OPT_TIMESTAMPS) {
        stamp(f, seg.opts.tsval);
        word(f, seg.opts.tsecr == 0);
    }
    for (unsigned i = 0; i < seg.opts.sack_count; i++) {
        number(f, seg.opts.sack[i].from);
        number(f, seg.opts.sack[i].to);
    }
}

static void wire(struct form *f, const struct wire *wire)
{
    word(f, (uint64_t)wire->count << 1 | wire->has_old);
    for (unsigned i = 0; i < wire->count; i++)
        frame(f, &wire->frame[i]);
    if (wire->has_old)
        frame(f, &wire->old);
}

uint64_t world_form(struct world *w)
{
    struct form f = {.hash = 0x243f6a8885a308d3u, .now = w->now};
    const struct ration *ration = &w->ration;
    word(&f, (uint64_t)ration->faults << 16 | (uint64_t)ration->times << 8 | ration->forgeries);
    for (unsigned i = 0; i < SIDES; i++)
        word(&f, (uint64_t)ration->connects[i] << 48 | (uint64_t)ration->sends[i] << 32 |
                     (uint32_t)(ration->aborts[i] << 16 | ration->closes[i]));
    word(&f, w->had_violence);
    for (unsigned i = 0; i < SIDES; i++)
        side(&f, w, i);
    for (unsigned i = 0; i < SIDES; i++)
        wire(&f, &w->to[i]);
    return f.hash;
}

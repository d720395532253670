/*
 * The steps of TCP, a paragraph per file of this directory, in the order of RFC 9293: what each file offers the others.
 *
 * Direction of knowledge: arriving segments and calls change the record and note what is owed; timeouts.c alone arms
 * timers; plan.c decides; output.c pays.
 */
#ifndef HF_TCP_STEPS_H
#define HF_TCP_STEPS_H

#include "tcp_for_engine.h"

/* ---- sequence space and stream offsets: the one place where the two meet ---- */

/* The sequence number of byte `offset` of what we send, and back. ISS+1 is offset 0. */
static inline hf_seq hf_snd_seq(const struct hf_tcp *c, uint64_t offset)
{
    return hf_seq_add(c->iss, 1 + (uint32_t)offset);
}
static inline uint64_t hf_snd_offset(const struct hf_tcp *c, hf_seq seq)
{
    return c->snd_base + (uint64_t)(int64_t)hf_seq_diff(seq, hf_snd_seq(c, c->snd_base));
}
/* The same for what we receive. IRS+1 is offset 0; may be negative (as int64) for what lies before it. */
static inline int64_t hf_rcv_offset(const struct hf_tcp *c, hf_seq seq)
{
    return (int64_t)c->rcv_base + hf_seq_diff(seq, hf_seq_add(c->irs, 1 + (uint32_t)c->rcv_base));
}
static inline hf_seq hf_rcv_seq(const struct hf_tcp *c, uint64_t offset)
{
    return hf_seq_add(c->irs, 1 + (uint32_t)offset);
}

static inline bool hf_syn_is_unacked(const struct hf_tcp *c) { return hf_seq_eq(c->snd.una, c->iss); }
static inline bool hf_is_synchronized(uint8_t state) { return state >= HF_ESTABLISHED; }
/* May the peer still send us data? */
static inline bool hf_may_receive(uint8_t state)
{
    return state == HF_ESTABLISHED || state == HF_FIN_WAIT_1 || state == HF_FIN_WAIT_2;
}
/* Bytes that arrived in order and were not read. */
static inline uint64_t hf_unread(const struct hf_tcp *c, const struct hf_tcp_receiving *r)
{
    return r == NULL ? 0 : c->rcv_base - r->read;
}
/* The sequence number of the next byte the application gets. */
static inline hf_seq hf_read_seq(const struct hf_tcp *c, const struct hf_tcp_receiving *r)
{
    return hf_rcv_seq(c, r == NULL ? c->rcv_base : r->read);
}
/* Bytes queued and never sent. */
static inline uint64_t hf_unsent(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (s == NULL || hf_seq_eq(c->snd.nxt, c->iss))
        return s == NULL ? 0 : s->end;
    uint64_t next = hf_snd_offset(c, c->snd.nxt);
    return next >= s->end ? 0 : s->end - next;
}
/* Bytes in the network, as far as we know: sent, and neither acknowledged, SACKed nor thought lost: RFC 6675, 4. */
static inline uint32_t hf_in_flight(const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    uint32_t out = (uint32_t)hf_seq_diff(c->snd.nxt, c->snd.una);
    uint32_t gone = s == NULL ? 0 : s->sacked + s->lost + s->guessed;
    return out > gone ? out - gone : 0;
}

/* ---- state.c: figure 5 ---- */

void hf_tcp_enter(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_state to, enum hf_reason why);
/* As hf_tcp_end, and one RST tells the peer. */
void hf_tcp_end_with_rst(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why, enum hf_error error,
                         enum hf_reason rst_why);
/* Attaches and gives back the two working states. attach_* return NULL, counted, when the pool is empty. */
/* The application has closed it: APP_CLOSED, and an orphan until it is over. */
void hf_tcp_orphan(struct hf_tcp_shared *sh, struct hf_tcp *c);
struct hf_tcp_sending *hf_attach_sending(struct hf_tcp_shared *sh, struct hf_tcp *c);
struct hf_tcp_receiving *hf_attach_receiving(struct hf_tcp_shared *sh, struct hf_tcp *c);
void hf_detach_sending(struct hf_tcp_shared *sh, struct hf_tcp *c);
void hf_detach_receiving(struct hf_tcp_shared *sh, struct hf_tcp *c);

/* ---- calls.c ---- */

/* The congestion window is opened. */
void hf_tcp_begin_sending(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* The handshake is complete: ESTABLISHED, or on to FIN-WAIT-1 when CLOSE was called meanwhile. */
void hf_tcp_established(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why);

/* Does an application want to send more than an empty pool, and nothing else, let it? Then others' ACKs make room, of which
 * this connection hears only when it looks again. */
bool hf_call_waits_for_pool(const struct hf_tcp_shared *sh, const struct hf_tcp *c);

/* ---- syn_sent.c, synchronized.c ---- */

struct hf_verdict hf_syn_sent_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
struct hf_verdict hf_synchronized_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* The sixth check and those behind it: URG, text, FIN. */
void hf_from_sixth_check(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg,
                         struct hf_verdict *v);

/* ---- acked.c: what an acceptable ACK means ---- */

void hf_tcp_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* The send window as `seg` states it, without the question whether it is new (handshake). */
void hf_take_window(struct hf_tcp *c, const struct hf_segment *seg);

/* ---- received.c: text and FIN ---- */

/* Takes in seg's text as far as it is new and fits. Returns HF_ACCEPTED or why it was dropped. */
enum hf_reason hf_text_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* Text that lies before RCV.NXT or was there already is to be reported as a duplicate (RFC 2883). */
void hf_note_duplicate(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* Notes where the peer's FIN is. */
void hf_fin_arrives(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* True once, when everything before the peer's FIN has arrived: RCV.NXT then passes it. */
bool hf_fin_is_next(struct hf_tcp_shared *sh, struct hf_tcp *c);

/* ---- timeouts.c ---- */

void hf_timers_open(struct hf_tcp_shared *sh, struct hf_tcp *c);        /* an OPEN: the SYN is to be answered */
void hf_timers_offered(struct hf_tcp_shared *sh, struct hf_tcp *c);     /* a SYN waits for the application's answer */
void hf_timers_transmitted(struct hf_tcp_shared *sh, struct hf_tcp *c); /* something that needs an ACK left */
void hf_timers_repaired(struct hf_tcp_shared *sh, struct hf_tcp *c); /* what is oldest left again before the time-out */
void hf_timers_probe_later(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s); /* PTO starts anew */
void hf_timers_progress(struct hf_tcp_shared *sh, struct hf_tcp *c);    /* an ACK of something new came */
void hf_timers_heard(struct hf_tcp_shared *sh, struct hf_tcp *c);       /* the peer is alive */
void hf_timers_ack_owed(struct hf_tcp_shared *sh, struct hf_tcp *c);    /* a delayed ACK is owed */
void hf_timers_ack_paid(struct hf_tcp *c);
void hf_timers_time_wait(struct hf_tcp_shared *sh, struct hf_tcp *c);   /* TIME-WAIT begins, or begins again */
void hf_timers_fin_wait_2(struct hf_tcp_shared *sh, struct hf_tcp *c);  /* it begins, or nobody will read any more */
void hf_timers_review(struct hf_tcp_shared *sh, struct hf_tcp *c);      /* queue or window changed: probe? user timeout? */
void hf_timers_stop(struct hf_tcp *c);
hf_time hf_timers_next(const struct hf_tcp_shared *sh, const struct hf_tcp *c);

/* ---- window.c: what we advertise ---- */

/* Bytes from RCV.NXT that may be offered now: never less than what is offered already. */
uint32_t hf_window_offer(const struct hf_tcp_shared *sh, const struct hf_tcp *c);
/* Is the difference to what the peer knows worth a segment of its own (RFC 9293, 3.8.6.2.2)? */
bool hf_window_update_is_due(const struct hf_tcp_shared *sh, const struct hf_tcp *c);
/* The header field that offers it, scaled but for a SYN. */
uint16_t hf_window_field(const struct hf_tcp_shared *sh, const struct hf_tcp *c, bool syn);
uint8_t hf_window_scale_for(uint32_t buffer);
/* Text was taken in order: does the path deliver more than the buffer is made for? */
void hf_window_tune(const struct hf_tcp_shared *sh, struct hf_tcp *c);
/* What the receive buffer may grow to. */
uint32_t hf_window_most(const struct hf_tcp_shared *sh, const struct hf_tcp *c);

/* ---- options.c ---- */

void hf_options_offer(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_opts *opts); /* SYN */
void hf_options_accept(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);        /* from a SYN */
void hf_options_fill(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_opts *opts);  /* later */
/* Most data bytes in one segment now: Eff.snd.MSS less the options it will carry (RFC 9293, 3.7.1; RFC 6691). */
uint32_t hf_effective_mss(const struct hf_tcp_shared *sh, const struct hf_tcp *c);
/* What the application wants in a segment at most; and what the path takes of that, less the fixed headers. */
uint32_t hf_wanted_mss(const struct hf_tcp *c);
uint32_t hf_own_mss(const struct hf_tcp *c);
/* Sets c->mss from that and peer_mss. */
void hf_tcp_update_mss(struct hf_tcp *c);
static inline uint32_t hf_header_overhead(const struct hf_tcp *c) { return hf_addr_is_v4(&c->remote_addr) ? 40 : 60; }

/* ---- paws.c ---- */

enum hf_reason hf_paws_check(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_segment *seg);
void hf_paws_remember(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);

/* ---- ecn.c (RFC 3168), accurate_ecn.c (RFC 9768) ---- */

/* The bits of our SYN or SYN,ACK. */
uint16_t hf_ecn_offer(struct hf_tcp *c);
/* From the peer's SYN or SYN,ACK. */
void hf_ecn_accept(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* Its SYN again, before the handshake is over: false when it asks for another kind than the first did. */
bool hf_ecn_syn_again(struct hf_tcp *c, const struct hf_segment *seg);
/* Its SYN,ACK again, perhaps, and it may have been answered with an ACK. */
void hf_ecn_syn_ack_again(struct hf_tcp *c, const struct hf_segment *seg);
/* The ACK of a SYN cookie: did we agree to AccECN? */
void hf_ecn_recall(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);
/* Anything acceptable: was it marked (AccECN)? */
void hf_ecn_arrives(struct hf_tcp *c, const struct hf_segment *seg);
/* Text inside the window: was it marked, has the peer slowed down (RFC 3168)? */
void hf_ecn_text_arrives(struct hf_tcp *c, const struct hf_segment *seg);
/* An ACK of `delivered` new bytes, `s` NULL when nothing is in flight: did marks come back? */
bool hf_ecn_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_segment *seg,
                  uint32_t delivered);
/* Then they are answered. */
void hf_ecn_slow_down(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t delivered);
/* The bits, of both headers, of a segment without SYN that is about to leave. */
void hf_ecn_mark(struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_tcp_plan *plan, struct hf_segment *seg);
/* What a record kept small keeps of it. */
uint8_t hf_ecn_fold(const struct hf_tcp *c);
void hf_ecn_unfold(struct hf_tcp *c, uint8_t folded);
/* Does every segment that leaves now say CWR? */
static inline bool hf_ecn_shows_cwr(const struct hf_tcp *c) { return c->ecn.is_accurate && (c->ecn.received & 2); }

/* Of AccECN, for ecn.c alone. The bits that answer a SYN; the peer's answer: false when it knows no AccECN. */
uint16_t hf_accurate_answer(struct hf_tcp *c);
void hf_accurate_begin(struct hf_tcp *c, const struct hf_segment *syn);
bool hf_accurate_agreed(struct hf_tcp *c, const struct hf_segment *seg);
/* How many packets of ours the peer says were marked, beyond those it told of before. */
uint32_t hf_accurate_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s,
                           const struct hf_segment *seg, uint32_t delivered);
void hf_accurate_mark(struct hf_tcp *c, const struct hf_tcp_plan *plan, struct hf_segment *seg);

/* ---- fast_open.c (RFC 7413) ---- */

/* Active: bytes of text that go with the SYN now. */
uint32_t hf_fast_open_text(const struct hf_tcp_shared *sh, const struct hf_tcp *c);
/* The option, in a SYN or SYN,ACK, as far as there is one. */
void hf_fast_open_offer(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_opts *opts);
/* The SYN,ACK is there, SND.UNA behind our SYN: learns from it, and what it did not take of the text goes again. */
void hf_fast_open_answered(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);

/* May a passive child send though its handshake is not over? */
static inline bool hf_is_fast_open_child(const struct hf_tcp *c)
{
    const uint32_t both = HF_TF_FAST_OPEN | HF_TF_PASSIVE;
    return (c->flags & both) == both && c->state == HF_SYN_RECEIVED;
}

/* ---- isn.c ---- */

hf_seq hf_isn(const struct hf_tcp_shared *sh, const struct hf_tcp *c);
uint32_t hf_timestamp_offset(struct hf_tcp_shared *sh, const struct hf_tcp *c);

/* ---- rtt.c ---- */

void hf_rtt_sample(struct hf_tcp_shared *sh, struct hf_tcp *c, hf_ns rtt);
hf_ns hf_rto(const struct hf_tcp_shared *sh, const struct hf_tcp *c); /* with back-off */

/* ---- sent.c: what is in flight ---- */

/* Most runs that are looked at in search of the SACK blocks of one ACK. Beyond that, each run is touched once when it is
 * SACKed and once when it is acknowledged, whatever blocks arrive (BUG-38). */
#define HF_SACK_SEARCH 256

/* Of all that one ACK acknowledged, and of a kind, what was sent last. */
struct hf_sent_newest {
    hf_time at; /* HF_NEVER: nothing */
    hf_seq end;
};

/* What was sent last of all that one ACK acknowledged, and what was known of the path's rate when it left. */
struct hf_rate_newest {
    struct hf_sent_rate then;
    hf_time at;
    hf_seq end;
    bool any;
};

/* What one ACK told of the runs in flight. */
struct hf_sent_facts {
    uint32_t delivered; /* bytes newly acknowledged or SACKed */
    uint32_t sacked;    /* ... of which SACKed */
    uint32_t searched;  /* runs looked at in search of SACK blocks */
    struct hf_sent_newest once;  /* of what was sent only once */
    struct hf_sent_newest again; /* of what was retransmitted */
    bool reordered; /* something sent only once arrived though something beyond it had arrived before */
    bool size_probe; /* a probe of the path MTU arrived */
    bool original;  /* something sent only once, before the present episode began, arrived */
    struct hf_sack_block duplicate; /* what the peer says it has twice (RFC 2883); empty: nothing */
    struct hf_rate_newest *newest;  /* to be filled in when rates are wanted, else NULL */
};

static inline struct hf_sent *hf_sent_at(const struct hf_tcp_shared *sh, uint32_t index)
{
    return (struct hf_sent *)hf_pool_at(&sh->sent, index);
}
/* Where the last segment of a run begins: what a loss probe repeats. */
static inline hf_seq hf_sent_tail(const struct hf_sent *run)
{
    return hf_seq_add(run->from, (run->segments - 1) * run->mss);
}
/* May the connection hold another record? None may hold more than are left for all others. */
static inline bool hf_sent_has_room(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s)
{
    uint32_t available = hf_pool_available(&sh->sent);
    return available > 0 && (s == NULL || s->runs <= available);
}
void hf_sent_begin(struct hf_tcp_sending *s);
/* Adds the run [from, to), in segments of `mss` bytes, at the end. False, counted, when the pool is empty. */
bool hf_sent_add(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, hf_seq from, hf_seq to, uint32_t mss);
void hf_sent_acked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, hf_seq ack, struct hf_sent_facts *facts);
void hf_sent_sacked(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, struct hf_sack_block block,
                    struct hf_sent_facts *facts);
void hf_sent_lost(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, enum hf_reason why);
/* Of the first run the first segment alone: without SACK nothing tells of more than that, however large the frame was. */
void hf_sent_lost_first(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, enum hf_reason why);
/* All that is not SACKed is lost, in sequence order. */
void hf_sent_lost_all(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, enum hf_reason why);
/* Segments of more than `mss` bytes cannot have arrived: they are lost, and will be cut anew. */
void hf_sent_too_large(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t mss, enum hf_reason why);
/* What was thought lost and was not sent again yet is in flight after all. */
void hf_sent_not_lost(struct hf_tcp_shared *sh, struct hf_tcp_sending *s);
/* The first `len` bytes of the first lost record have just been sent again, in segments of `mss` bytes. */
void hf_sent_again(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t len, uint32_t mss);
/* The last segment in flight has just been sent again, as a loss probe. */
void hf_sent_tail_again(struct hf_tcp_shared *sh, struct hf_tcp_sending *s);
/* The byte of a window probe has just been sent again. */
void hf_sent_probed(struct hf_tcp_shared *sh, struct hf_tcp_sending *s);
/* What is oldest, if it is lost, goes before all other repairs (RFC 6298, 5.4): a receiver that lacks room has none for what
 * lies behind it, so nothing else brings it on. */
void hf_sent_oldest_first(struct hf_tcp_shared *sh, struct hf_tcp_sending *s);
/* The receiver may have reneged: no SACK counts any more (RFC 2018, 8). All is lost. */
void hf_sent_reneged(struct hf_tcp_shared *sh, struct hf_tcp_sending *s, enum hf_reason why);
void hf_sent_clear(struct hf_tcp_shared *sh, struct hf_tcp_sending *s);
const char *hf_sent_check(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s);

/* ---- rate.c: how fast the path delivers, for controllers that want to know ---- */

static inline bool hf_rates_are_wanted(const struct hf_tcp_shared *sh) { return sh->rates.capacity != 0; }
static inline struct hf_rated *hf_rated_of(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s)
{
    return (struct hf_rated *)hf_pool_at(&sh->rated, s->rated);
}
/* The controller's working state. */
static inline struct hf_cc_work *hf_work_of(const struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    return HF_LIKELY(!hf_rates_are_wanted(sh)) ? &s->work : &hf_rated_of(sh, s)->wide.work;
}
/* All that follows only when rates are wanted. Where in the pool a connection's are. */
uint32_t hf_rate_place(const struct hf_tcp_shared *sh, const struct hf_tcp *c);
/* Before anything is queued, and before an ACK is looked at: is it the application that sets the limit? */
void hf_rate_note_limit(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s);
/* The run that is last in `flying` has just left, `len` bytes of it. */
void hf_rate_sent(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t len);
void hf_rate_split(const struct hf_tcp_shared *sh, uint32_t index, uint32_t rest);
void hf_rate_arrived(const struct hf_tcp_shared *sh, uint32_t index, hf_time sent_at, hf_seq end,
                     struct hf_rate_newest *newest);
void hf_rate_lost(const struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, uint32_t len);
/* Of an ACK; and once the controller was told. */
void hf_rate_acked(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_sending *s,
                   const struct hf_sent_facts *facts, struct hf_cc_rate *sample);
void hf_rate_told(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s);

/* ---- loss.c: which of it is lost ---- */

/* What an ACK was, besides what it told of the runs. */
struct hf_ack {
    const struct hf_segment *seg;
    uint32_t acked; /* bytes that SND.UNA moved */
    bool progress;  /* SND.UNA moved */
    bool duplicate; /* RFC 5681's definition */
};

#define HF_DUP_THRESH 3

/* After the scoreboard was brought up to date. */
void hf_loss_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                   const struct hf_sent_facts *facts);
void hf_loss_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* RACK's reordering timer has fired. */
void hf_loss_reordering_is_over(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* Everything in flight must be cut anew (path MTU) or was refused (window probe): all of it is to be sent again. */
void hf_loss_resend_all(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why);

/* ---- rack.c: RFC 8985, 6 ---- */

/* Steps 2 to 4, from one ACK. */
void hf_rack_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                   const struct hf_sent_facts *facts);
/* Step 5: condemns what is overdue and asks for the reordering timer. True when something new was. */
bool hf_rack_detect(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s);
/* The retransmission timer fired: whatever was sent longer ago than that is lost. */
void hf_rack_timeout(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s);
/* A recovery is over. */
void hf_rack_recovered(struct hf_tcp *c);

/* ---- tlp.c: RFC 8985, 7 ---- */

hf_ns hf_tlp_interval(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s);
/* The PTO has expired: may a probe go? */
bool hf_tlp_may_probe(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s);
void hf_tlp_sent(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool again);
/* Nothing is in flight any more, and the record goes. */
void hf_tlp_over(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_segment *seg);
void hf_tlp_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                  const struct hf_sent_facts *facts);

/* ---- spurious.c: episodes of loss that were none (RFC 3522, 4015, 5682, 2883) ---- */

void hf_spurious_watch(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool timeout);
void hf_spurious_sent_again(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t segments);
/* The episode ended as such: what still may come in its favour is a report of duplicates. */
void hf_spurious_over(struct hf_tcp *c, struct hf_tcp_sending *s);
/* True when this ACK showed the episode to have been a mistake, and it is undone. */
bool hf_spurious_acked(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, const struct hf_ack *ack,
                       const struct hf_sent_facts *facts);

/* ---- pace.c ---- */

/* Has the controller's rate been used up, so that data waits? Not the first repair of an episode. */
static inline bool hf_pace_holds(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    return c->cc.pacing_rate != 0 && hf_time_before(sh->now, s->pace_at) && !s->repair_due;
}
/* With a rate: most bytes of a frame that might hold `most`; when what is held back is to go; `len` bytes have left. */
uint32_t hf_pace_frame(const struct hf_tcp *c, uint32_t most);
hf_time hf_pace_release(const struct hf_tcp *c, const struct hf_tcp_sending *s);
void hf_pace_sent(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t len);
const char *hf_pace_check(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s);

/* ---- icmp_advice.c, mtu_search.c: what the path takes ---- */

#define HF_MTU_LASTS 147    /* in units of 4.096 s: ten minutes (RFC 1191, 6.3; RFC 8899, 5.1.1) */
#define HF_MTU_CLOCK 0x3fff /* such units are counted modulo that */

/* Segments time out again and again: perhaps they are too large for the path, and nobody says so. */
void hf_mtu_suspect(struct hf_tcp_shared *sh, struct hf_tcp *c);
void hf_mtu_use(struct hf_tcp_shared *sh, struct hf_tcp *c, uint16_t mtu);
/* The search waits that long, no longer than HF_MTU_LASTS. */
void hf_mtu_rest(const struct hf_tcp_shared *sh, struct hf_tcp *c, uint32_t for_steps);
/* Bytes of text with which new data is to try a larger MTU now, or 0. Nothing else new may go before it. */
uint32_t hf_mtu_probe_len(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s);
/* It is the last that left. And what became of it. */
void hf_mtu_probe_sent(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_sending *s);
void hf_mtu_probe_arrived(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s);
void hf_mtu_probe_failed(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool by_timeout);
void hf_mtu_probe_told_nothing(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s);

/* ---- challenge.c ---- */

/* Owes a challenge ACK, unless the limits of RFC 5961, 7 forbid it. */
void hf_challenge(struct hf_tcp_shared *sh, struct hf_tcp *c);
/* Owes the ACK that answers an unacceptable segment, at most one per 500 ms for those without data (no ACK storms). */
void hf_answer_unacceptable(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg);

/* ---- history.c ---- */

void hf_note_state(struct hf_tcp_shared *sh, const struct hf_tcp *c, enum hf_state from, enum hf_state to,
                   enum hf_reason why);

/* Owes an ACK at once, for `why`; the first reason given stays. A debt is paid when the engine is asked for output,
 * after all segments that wait were looked at (MUST-59). */
static inline void hf_owe_ack(struct hf_tcp *c, enum hf_reason why)
{
    if (c->owed & HF_OWE_ACK_NOW)
        return;
    c->owed |= HF_OWE_ACK_NOW;
    c->ack_why = (uint8_t)why;
}

#endif

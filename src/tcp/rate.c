/*
 * How fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation, also in draft-ietf-ccwg-bbr): for controllers
 * that want to know, every run in flight remembers what had been delivered when it left.
 *
 *        run leaves, D bytes delivered by then        its ACK arrives, D + d bytes delivered
 *     -------|------------------------------------------------|------->
 *            |<--- the longer of: from ACK to ACK, from departure to departure --->|    rate = d / that
 *
 * Neither bunched departures nor bunched ACKs make the path look faster than it is. What left while the application had
 * nothing more to send tells only of the application, and is marked so.
 *
 * The records lie beside those of sent.c, number by number, so that whoever does not ask for rates does not carry them. So
 * does, beside the connection's own, what the controller knows of the path: it outlives the sending state.
 *
 * Read first: sent.c, cc/cc.h. Read next: cc/bbr.h.
 */
#include "steps.h"

static struct hf_sent_rate *record(const struct hf_tcp_shared *sh, uint32_t index)
{
    return (struct hf_sent_rate *)hf_pool_at(&sh->rates, index);
}

static struct hf_rate *rate_of(const struct hf_tcp_shared *sh, const struct hf_tcp_sending *s)
{
    return &hf_rated_of(sh, s)->rate;
}

/* ---- a connection's place ---- */

/* That of its record; the last one of all for a record that is not of the pool, a small one unfolded for a moment. */
uint32_t hf_rate_place(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    uint32_t index = hf_pool_index(&sh->connections, c);
    bool is_pooled = index < sh->connections.fresh && hf_pool_at(&sh->connections, index) == c;
    return is_pooled ? index : sh->rated.capacity - 1;
}

void hf_rate_begin(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    if (hf_rates_are_wanted(sh))
        memset(hf_pool_at(&sh->rated, hf_rate_place(sh, c)), 0, sizeof(struct hf_rated));
}

/* ---- who sets the limit ---- */

/* What is in flight, and one byte more, has to arrive before rates are the path's again. */
static void mark_limited(struct hf_rate *rate, uint32_t in_flight)
{
    rate->app_limited = HF_MAX(rate->delivered + in_flight, 1u);
}

void hf_rate_note_limit(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    uint32_t in_flight = hf_in_flight(c, s);
    if (hf_unsent(c, s) == 0 && s->lost == 0 && in_flight < c->cc.cwnd)
        mark_limited(rate_of(sh, s), in_flight);
}

/* ---- departures ---- */

static void tell_departure(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, bool is_alone)
{
    const struct hf_rate *rate = rate_of(sh, s);
    const struct hf_cc_departure departure = {
        .at = sh->now,
        .srtt = (hf_ns)c->srtt_us * HF_US,
        .total = rate->delivered,
        .is_restart = is_alone && rate->app_limited != 0,
    };
    hf_cc_sending(&c->cc, hf_work_of(sh, s), &departure);
}

void hf_rate_sent(const struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t len)
{
    struct hf_rate *rate = rate_of(sh, s);
    uint32_t in_flight = hf_in_flight(c, s);
    bool is_alone = in_flight <= len;
    if (is_alone)
        rate->first_sent_at = rate->delivered_at = sh->now;
    *record(sh, s->flying.last) = (struct hf_sent_rate){
        .delivered = rate->delivered,
        .delivered_at = rate->delivered_at,
        .first_sent_at = rate->first_sent_at,
        .lost = rate->lost,
        .in_flight = in_flight,
        .is_app_limited = rate->app_limited != 0,
    };
    if (!hf_syn_is_unacked(c))
        tell_departure(sh, c, s, is_alone);
}

void hf_rate_split(const struct hf_tcp_shared *sh, uint32_t index, uint32_t rest)
{
    *record(sh, rest) = *record(sh, index);
}

/* ---- arrivals ---- */

void hf_rate_arrived(const struct hf_tcp_shared *sh, uint32_t index, hf_time sent_at, hf_seq end,
                     struct hf_rate_newest *newest)
{
    bool is_newer = !newest->any || hf_time_before(newest->at, sent_at) ||
                    (newest->at.ns == sent_at.ns && hf_seq_gt(end, newest->end));
    if (is_newer)
        *newest = (struct hf_rate_newest){*record(sh, index), sent_at, end, true};
}

/* The rate, unless less time passed than a round trip takes: then something was retransmitted in vain. */
static uint64_t rate_over(const struct hf_tcp *c, uint32_t delivered, hf_ns interval)
{
    if (interval <= 0 || interval < (hf_ns)c->min_rtt_us * HF_US)
        return 0;
    return (uint64_t)delivered * HF_SECOND / (uint64_t)interval;
}

void hf_rate_acked(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_sending *s,
                   const struct hf_sent_facts *facts, struct hf_cc_rate *sample)
{
    struct hf_rate *rate = rate_of(sh, s);
    const struct hf_sent_rate *then = &facts->newest->then;
    rate->delivered += facts->delivered;
    rate->delivered_at = sh->now;
    if (rate->app_limited != 0 && rate->delivered > rate->app_limited)
        rate->app_limited = 0; /* what left while there was nothing more has arrived */
    *sample = (struct hf_cc_rate){.total = rate->delivered, .is_known = facts->newest->any};
    if (!facts->newest->any)
        return;
    hf_ns by_departures = hf_time_since(facts->newest->at, then->first_sent_at);
    hf_ns by_arrivals = hf_time_since(sh->now, then->delivered_at);
    sample->prior_total = then->delivered;
    sample->delivered = (uint32_t)(rate->delivered - then->delivered);
    sample->rate = rate_over(c, sample->delivered, HF_MAX(by_departures, by_arrivals));
    sample->lost = rate->lost - then->lost;
    sample->in_flight = then->in_flight;
    sample->is_app_limited = then->is_app_limited;
    rate->first_sent_at = facts->newest->at;
}

void hf_rate_told(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (hf_cc_is_limited(&hf_rated_of(sh, s)->wide.work))
        mark_limited(rate_of(sh, s), hf_in_flight(c, s));
}

/* ---- losses ---- */

void hf_rate_lost(const struct hf_tcp_shared *sh, struct hf_tcp_sending *s, uint32_t index, uint32_t len)
{
    const struct hf_sent_rate *then = record(sh, index);
    struct hf_rate *rate = rate_of(sh, s);
    rate->lost += len;
    const struct hf_cc_loss loss = {
        .total = rate->delivered,
        .len = len,
        .lost = rate->lost - then->lost,
        .in_flight = then->in_flight,
        .is_app_limited = then->is_app_limited,
    };
    hf_cc_lost(hf_work_of(sh, s), &loss);
}

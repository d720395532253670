/*
 * What we advertise (RFC 9293, 3.8.6): the right edge never moves left (SHLD-14), and moves right only in steps worth a
 * segment (MUST-39, silly-window avoidance).
 *
 *      RCV.NXT          offered now                  could be offered
 *         |------------------|------------------------------|
 *          c->rcv.wnd         growth, held back while small
 */
#include "steps.h"

/* What the buffer could still take behind RCV.NXT, as far as the window field can say it. While blocks are scarce nothing
 * more is promised. */
static uint32_t room(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    uint64_t unread = hf_unread(c, r);
    uint32_t free = unread >= c->receive_limit ? 0 : c->receive_limit - (uint32_t)unread;
    free = HF_MIN(free, 65535u << c->rcv_scale);
    bool scarce = hf_pool_available(&sh->blocks.pool) <= sh->blocks.pool.capacity / 8;
    return scarce ? HF_MIN(free, c->rcv.wnd) : free;
}

/* RFC 9293, 3.8.6.2.2: a window without room stays closed (MAY-8), and less than half the buffer and less than a
 * segment more is not worth saying. */
static bool growth_is_worth_it(const struct hf_tcp *c, uint32_t growth)
{
    return growth >= HF_MIN(c->receive_limit / 2, (uint32_t)c->mss);
}

uint32_t hf_window_offer(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    uint32_t could = room(sh, c);
    /* A half-open record remembers no window but its SYN,ACK's: no more is offered before the handshake is over. */
    bool is_half_open = c->state == HF_SYN_RECEIVED && !hf_seq_eq(c->snd.nxt, c->iss);
    if (could <= c->rcv.wnd || is_half_open)
        return c->rcv.wnd;
    return growth_is_worth_it(c, could - c->rcv.wnd) ? could : c->rcv.wnd;
}

bool hf_window_update_is_due(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    if (!hf_may_receive(c->state) || (c->flags & HF_TF_FIN_SEEN))
        return false;
    /* While the peer has room for a burst, what it sends next brings the ACK that tells it of more. */
    if (c->rcv.wnd > HF_MIN(c->receive_limit / 2, 8u * c->mss))
        return false;
    return hf_window_offer(sh, c) > c->rcv.wnd;
}

uint16_t hf_window_field(const struct hf_tcp_shared *sh, const struct hf_tcp *c, bool syn)
{
    uint32_t offer = hf_window_offer(sh, c);
    if (syn)
        return (uint16_t)HF_MIN(offer, 65535u);
    uint32_t granule = 1u << c->rcv_scale;
    uint32_t field = offer >> c->rcv_scale;
    /* Cutting off the low bits would move an edge already offered to the left. Rounding up instead promises a granule
     * too much at most: were that allowed again and again, one-byte segments would never close the window. */
    bool cuts = (field << c->rcv_scale) < c->rcv.wnd;
    if (cuts && ((field + 1) << c->rcv_scale) <= room(sh, c) + granule)
        field++;
    return (uint16_t)HF_MIN(field, 65535u);
}

uint32_t hf_window_most(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    uint32_t most = c->fixed & HF_FIXED_RECEIVE ? 0 : sh->config.receive_buffer_max;
    return HF_MAX(most, c->receive_limit);
}

/* Bytes read since the round began, as a rate per round trip: what counts is what the application takes. */
static uint64_t read_in_a_round(const struct hf_tcp *c, uint32_t read, uint32_t passed_us)
{
    uint64_t bytes = read - c->tune_from;
    return bytes * c->srtt_us / passed_us;
}

/* The buffer is kept at twice what a round trip delivers, so that the window never holds back a sender in slow start. It
 * grows only while the application keeps up, and while there are blocks. */
void hf_window_tune(const struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    uint32_t most = hf_window_most(sh, c), now_us = hf_us_of(sh->now);
    if (c->receive_limit >= most || c->srtt_us == 0 || now_us - c->tune_us < c->srtt_us)
        return;
    uint32_t read = (uint32_t)(c->rcv_base - hf_unread(c, hf_tcp_receiving_of(sh, c)));
    uint64_t needed = 2 * read_in_a_round(c, read, now_us - c->tune_us);
    bool scarce = hf_pool_available(&sh->blocks.pool) <= sh->blocks.pool.capacity / 4;
    if (c->tune_us != 0 && needed > c->receive_limit && !scarce)
        c->receive_limit = (uint32_t)HF_MIN(needed, (uint64_t)most);
    c->tune_from = read;
    c->tune_us = now_us;
}

uint8_t hf_window_scale_for(uint32_t buffer)
{
    uint8_t scale = 0;
    while (scale < 14 && (buffer >> scale) > 65535)
        scale++;
    return scale;
}

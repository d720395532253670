/*
 * The user calls (RFC 9293, 3.10.1 to 3.10.6), in the RFC's order: OPEN SEND RECEIVE CLOSE ABORT STATUS. The engine has
 * found the record; finding and naming it is not TCP.
 *
 * Read first: tcb.h. Read next: segment_arrives.c.
 */
#include "steps.h"

/* ---- 3.10.1 OPEN ---- */

#define DEFAULT_KEEP_IDLE_S 7200 /* MUST-28: no less than two hours */
#define DEFAULT_KEEP_INTERVAL_S 75
#define DEFAULT_KEEP_COUNT 9

static void set_flag(struct hf_tcp *c, uint32_t flag, bool on)
{
    c->flags = on ? c->flags | flag : c->flags & ~flag;
}

/* A size that is given is kept; one that is only repeated, as read, still grows. */
static void set_buffers(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_options *options)
{
    if (options->send_buffer != 0 && options->send_buffer != c->send_limit)
        c->fixed |= HF_FIXED_SEND;
    if (options->receive_buffer != 0 && options->receive_buffer != c->receive_limit)
        c->fixed |= HF_FIXED_RECEIVE;
    c->send_limit = options->send_buffer != 0 ? options->send_buffer : sh->config.send_buffer;
    c->receive_limit = options->receive_buffer != 0 ? options->receive_buffer : sh->config.receive_buffer;
}

void hf_tcp_apply_options(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_options *options)
{
    set_flag(c, HF_TF_NO_DELAY, options->no_delay);
    set_flag(c, HF_TF_KEEP_ALIVE, options->keep_alive); /* MUST-24; MUST-25: not unless asked for */
    c->keep_idle_s = options->keep_idle_s != 0 ? options->keep_idle_s : DEFAULT_KEEP_IDLE_S; /* MUST-27 */
    c->keep_interval_s = (uint16_t)HF_MIN(options->keep_interval_s, 65535u);
    if (c->keep_interval_s == 0)
        c->keep_interval_s = DEFAULT_KEEP_INTERVAL_S;
    c->keep_count = options->keep_count != 0 ? options->keep_count : DEFAULT_KEEP_COUNT;
    c->user_timeout_ms = options->user_timeout_ms;
    c->syn_retries = options->syn_retries != 0 ? options->syn_retries : sh->config.syn_retries;
    c->most_segment = options->mss;
    c->traffic_class = options->traffic_class & 0xfc; /* MUST-48, SHLD-21; the two bits of ECN are TCP's own */
    set_buffers(sh, c, options);
    c->user = options->user;
    c->keep_at = HF_NEVER;
    hf_timers_review(sh, c);
}

void hf_tcp_read_options(const struct hf_tcp *c, struct hf_tcp_options *options)
{
    *options = (struct hf_tcp_options){
        .no_delay = c->flags & HF_TF_NO_DELAY,
        .keep_alive = c->flags & HF_TF_KEEP_ALIVE,
        .keep_idle_s = c->keep_idle_s,
        .keep_interval_s = c->keep_interval_s,
        .keep_count = c->keep_count,
        .user_timeout_ms = c->user_timeout_ms,
        .mss = c->most_segment,
        .syn_retries = c->syn_retries,
        .send_buffer = c->send_limit,
        .receive_buffer = c->receive_limit,
        .urgent_inline = true,
        .traffic_class = c->traffic_class,
        .user = c->user,
    };
}

void hf_tcp_prepare(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_path *path,
                    const struct hf_tcp_options *options)
{
    *c = (struct hf_tcp){
        .local_addr = path->local.addr,
        .remote_addr = path->remote.addr,
        .local_port = path->local.port,
        .remote_port = path->remote.port,
        .link = path->link,
        .state = HF_CLOSED,
        .sending = HF_NONE,
        .receiving = HF_NONE,
        .listener = HF_NONE,
        .path_mtu = path->mtu,
        .burst = path->burst,
        .rto_us = (uint32_t)(sh->config.rto_initial_ns / HF_US),
        .state_at = sh->now,
        .opened_at = sh->now,
        .own = c->own,
    };
    c->own.news = 0;
    hf_timers_stop(c);
    hf_tcp_apply_options(sh, c, options);
    c->peer_mss = hf_addr_is_v4(&c->remote_addr) ? 536 : 1220;
    hf_tcp_update_mss(c);
    set_flag(c, HF_TF_SCALE, sh->config.window_scaling);
    set_flag(c, HF_TF_SACK, sh->config.sack);
    set_flag(c, HF_TF_TIMESTAMPS, sh->config.timestamps);
    set_flag(c, HF_TF_ECN, sh->config.ecn >= HF_ECN_ON);
    c->ecn.is_accurate = sh->config.ecn == HF_ECN_ACCURATE;
    c->rcv_scale = sh->config.window_scaling ? hf_window_scale_for(hf_window_most(sh, c)) : 0;
    c->ts_offset = hf_timestamp_offset(sh, c);
    sh->states[HF_CLOSED]++;
}

void hf_tcp_begin(const struct hf_tcp_shared *sh, struct hf_tcp *c) { c->snd.una = c->snd.nxt = c->iss = hf_isn(sh, c); }

void hf_call_open(struct hf_tcp_shared *sh, struct hf_tcp *c, bool fast_open)
{
    set_flag(c, HF_TF_FAST_OPEN, fast_open);
    c->owed |= HF_OWE_SYN;
    hf_timers_open(sh, c);
    hf_tcp_enter(sh, c, HF_SYN_SENT, HF_EDGE_OPEN_ACTIVE);
}

void hf_tcp_begin_sending(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    uint16_t segments = sh->config.initial_window;
    if (c->flags & HF_TF_SYN_AGAIN) {
        segments = 1; /* RFC 5681, 3.1: a lost SYN starts with one segment, and with 3 s (RFC 6298, 5.7) */
        if (c->srtt_us == 0)
            c->rto_us = HF_MAX(c->rto_us, 3000000u);
    }
    if (c->ecn.syn_was_marked)
        segments = 1; /* as if it had been lost: RFC 9768, 3.2.2.2 */
    hf_cc_init(&c->cc, sh->config.cc, (uint16_t)hf_effective_mss(sh, c), segments);
    c->cc.is_paced = sh->config.pacing;
}

void hf_tcp_established(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why)
{
    hf_tcp_begin_sending(sh, c);
    c->backoff = 0;
    hf_tcp_enter(sh, c, HF_ESTABLISHED, why);
    if (c->flags & HF_TF_FIN_QUEUED) /* CLOSE was called meanwhile, and waited: 3.10.4, SYN-RECEIVED */
        hf_tcp_enter(sh, c, HF_FIN_WAIT_1, HF_EDGE_CLOSE);
    c->own.news |= HF_EV_CONNECTED;
}

/* ---- 3.10.2 SEND ---- */

/* Why nothing can be sent: it is over, or the sending direction is closed. */
static int send_error(const struct hf_tcp *c)
{
    if (c->state == HF_CLOSED)
        return c->error != HF_OK ? c->error : HF_ERR_NOT_CONNECTED;
    if (c->flags & HF_TF_DEFERRED)
        return HF_ERR_NOT_CONNECTED;
    return c->flags & HF_TF_FIN_QUEUED ? HF_ERR_CLOSING : HF_OK;
}

/* Two congestion windows: one in flight, one to follow. */
static uint32_t send_limit(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    uint32_t most = sh->config.send_buffer_max;
    if (most <= c->send_limit || (c->fixed & HF_FIXED_SEND))
        return c->send_limit;
    return HF_MAX(c->send_limit, HF_MIN(2 * c->cc.cwnd, most));
}

static uint32_t send_room(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    uint64_t held = s == NULL ? 0 : s->end - c->snd_base;
    uint32_t limit = send_limit(sh, c);
    return held >= limit ? 0 : limit - (uint32_t)held;
}

/* Blocks that may be taken for sending. A quarter of the pool is kept for receiving, twice what keeps windows open: two
 * engines whose blocks were all full of text to send would wait for each other for ever. */
static uint32_t spare_blocks(const struct hf_tcp_shared *sh)
{
    uint32_t kept = (sh->blocks.pool.capacity + 3) / 4, available = hf_pool_available(&sh->blocks.pool);
    return available > kept ? available - kept : 0;
}

/* Bytes that the blocks, held and spare, could still take. */
static uint64_t block_room(const struct hf_tcp_shared *sh, struct hf_tcp_sending *s)
{
    return hf_stream_room(&s->stream, &sh->blocks, s->end) + (uint64_t)spare_blocks(sh) * sh->blocks.block_len;
}

static void queued(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_sending *s, uint32_t len, unsigned flags)
{
    if (s->end == c->snd_base && hf_seq_eq(c->snd.una, c->snd.nxt))
        s->oldest_at = sh->now;
    if (hf_rates_are_wanted(sh))
        hf_rate_note_limit(sh, c, s);
    s->end += len;
    set_flag(c, HF_TF_MORE, flags & HF_SEND_MORE); /* what is not "more" is pushed: MAY-15 */
    if (!(flags & HF_SEND_MORE))
        s->push = hf_snd_seq(c, s->end);
    if (flags & HF_SEND_URGENT) {
        s->up = hf_snd_seq(c, s->end); /* behind the last urgent byte: MUST-30; RFC 6093, 3.1 */
        c->flags |= HF_TF_URGENT;
    }
    hf_timers_review(sh, c);
}

/* Nothing was queued after all: the record goes back. */
static void detach_if_unused(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_tcp_sending *s)
{
    if (s != NULL && s->end == c->snd_base && s->first == HF_NONE)
        hf_detach_sending(sh, c);
}

int64_t hf_call_send(struct hf_tcp_shared *sh, struct hf_tcp *c, const uint8_t *data, size_t len, unsigned flags)
{
    int error = send_error(c);
    if (error != HF_OK)
        return error;
    if (len == 0) { /* nothing more, perhaps: what HF_SEND_MORE held back may go */
        struct hf_tcp_sending *held = hf_tcp_sending_of(sh, c);
        if (held != NULL)
            queued(sh, c, held, 0, flags);
        return 0;
    }
    struct hf_tcp_sending *s = hf_attach_sending(sh, c);
    if (s == NULL) {
        c->flags |= HF_TF_SOUGHT_ROOM;
        return HF_ERR_AGAIN;
    }
    uint32_t want = (uint32_t)HF_MIN(len, (size_t)send_room(sh, c, s));
    uint32_t fits = (uint32_t)HF_MIN((uint64_t)want, block_room(sh, s));
    uint32_t taken = hf_stream_write(&s->stream, &sh->blocks, s->end, data, fits);
    if (taken < want)
        hf_count(sh, HF_LIMIT_BLOCKS);
    set_flag(c, HF_TF_SOUGHT_ROOM, taken < len);
    if (taken > 0)
        queued(sh, c, s, taken, taken < len ? flags & ~(unsigned)HF_SEND_URGENT : flags);
    else
        detach_if_unused(sh, c, s);
    return taken > 0 ? (int64_t)taken : HF_ERR_AGAIN;
}

int64_t hf_call_lend_send(struct hf_tcp_shared *sh, struct hf_tcp *c, uint8_t **data)
{
    int error = send_error(c);
    if (error != HF_OK)
        return error;
    struct hf_tcp_sending *s = hf_attach_sending(sh, c);
    uint32_t room = s == NULL ? 0 : send_room(sh, c, s);
    bool may_lend = room > 0 && block_room(sh, s) > 0;
    uint32_t lent = may_lend ? hf_stream_lend_room(&s->stream, &sh->blocks, s->end, data) : 0;
    if (lent == 0) {
        c->flags |= HF_TF_SOUGHT_ROOM;
        detach_if_unused(sh, c, s);
        return HF_ERR_AGAIN;
    }
    return HF_MIN(lent, room);
}

int hf_call_sent(struct hf_tcp_shared *sh, struct hf_tcp *c, size_t len, unsigned flags)
{
    int error = send_error(c);
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (error != HF_OK)
        return error;
    if (s == NULL || len > HF_MIN(send_room(sh, c, s), hf_stream_room(&s->stream, &sh->blocks, s->end)))
        return HF_ERR_INVALID; /* more than was lent */
    if (len > 0)
        queued(sh, c, s, (uint32_t)len, flags);
    else
        detach_if_unused(sh, c, s);
    return HF_OK;
}

/* ---- 3.10.3 RECEIVE ---- */

/* Nothing to read: is that for now, for ever because the peer closed, or an error because it aborted (MUST-12)? */
static int64_t nothing_to_read(const struct hf_tcp *c)
{
    if (c->flags & HF_TF_APP_CLOSED)
        return HF_ERR_CLOSING;
    if (c->flags & HF_TF_FIN_RECEIVED)
        return c->state == HF_CLOSED && c->error == HF_ERR_RESET ? HF_ERR_RESET : 0;
    if (c->state == HF_CLOSED)
        return c->error != HF_OK ? c->error : HF_ERR_NOT_CONNECTED;
    return HF_ERR_AGAIN;
}

/* The application took bytes: blocks go back, and with the last one the whole record, unless a hole waits. */
static void consumed(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_tcp_receiving *r, uint32_t len)
{
    r->read += len;
    hf_stream_drop_below(&r->stream, &sh->blocks, r->read);
    if (hf_seq_le(c->rcv.up, hf_read_seq(c, r)))
        c->flags &= ~(uint32_t)HF_TF_PEER_URGENT; /* MUST-33: none is left */
    if (r->read != c->rcv_base)
        return;
    bool fin_waits = (c->flags & HF_TF_FIN_SEEN) && !(c->flags & HF_TF_FIN_RECEIVED);
    if (r->islands.count == 0 && !fin_waits)
        hf_detach_receiving(sh, c);
}

int64_t hf_call_receive(struct hf_tcp_shared *sh, struct hf_tcp *c, uint8_t *data, size_t len)
{
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    uint32_t take = (uint32_t)HF_MIN((uint64_t)len, hf_unread(c, r));
    if (hf_unread(c, r) == 0 || (c->flags & HF_TF_APP_CLOSED))
        return nothing_to_read(c);
    if (take == 0)
        return 0;
    hf_stream_read(&r->stream, &sh->blocks, r->read, data, take);
    consumed(sh, c, r, take);
    return take;
}

int64_t hf_call_lend_received(struct hf_tcp_shared *sh, struct hf_tcp *c, struct hf_span *spans, unsigned max,
                              unsigned *count)
{
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (hf_unread(c, r) == 0 || (c->flags & HF_TF_APP_CLOSED))
        return nothing_to_read(c);
    uint64_t at = r->read;
    for (unsigned n = 0; n < max && at < c->rcv_base; n++) {
        spans[n].len = hf_stream_lend(&r->stream, &sh->blocks, at, c->rcv_base, &spans[n].data);
        at += spans[n].len;
        *count = n + 1;
    }
    return (int64_t)(at - r->read);
}

int hf_call_received(struct hf_tcp_shared *sh, struct hf_tcp *c, size_t len)
{
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (len > hf_unread(c, r))
        return HF_ERR_INVALID;
    if (len > 0)
        consumed(sh, c, r, (uint32_t)len);
    return HF_OK;
}

/* ---- 3.10.4 CLOSE ---- */

/* The state follows the call at once; the FIN itself goes out behind everything queued. Before the handshake is complete
 * the call waits for it, and hf_tcp_established takes it up. */
static void close_sending(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    c->flags |= HF_TF_FIN_QUEUED;
    if (!(c->flags & HF_TF_FIN_RECEIVED))
        c->flags |= HF_TF_CLOSED_FIRST;
    switch (c->state) {
    case HF_ESTABLISHED:
        hf_tcp_enter(sh, c, HF_FIN_WAIT_1, HF_EDGE_CLOSE);
        break;
    case HF_CLOSE_WAIT:
        hf_tcp_enter(sh, c, HF_LAST_ACK, HF_EDGE_CLOSE);
        break;
    default:
        break;
    }
}

int hf_call_shutdown(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    if (c->state == HF_CLOSED)
        return c->error != HF_OK ? c->error : HF_ERR_NOT_CONNECTED;
    if (c->flags & HF_TF_DEFERRED)
        return HF_ERR_NOT_CONNECTED;
    if (!(c->flags & HF_TF_FIN_QUEUED))
        close_sending(sh, c);
    return HF_OK;
}

/* Nobody waits for these any more, so a peer must not be able to pile them up (BUG-18, BUG-26). */
static bool orphans_are_many(const struct hf_tcp_shared *sh)
{
    return sh->config.max_orphans != 0 && sh->orphans >= sh->config.max_orphans;
}

int hf_call_close(struct hf_tcp_shared *sh, struct hf_tcp *c)
{
    struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    if (c->state == HF_CLOSED || (c->flags & HF_TF_APP_CLOSED)) {
        hf_detach_receiving(sh, c); /* what survived the end unread is not wanted */
        c->flags |= HF_TF_APP_CLOSED;
        return HF_OK;
    }
    if (c->flags & HF_TF_DEFERRED) {
        hf_listen_decline_offer(sh, c, true);
        c->flags |= HF_TF_APP_CLOSED;
        return HF_OK;
    }
    if (c->state == HF_SYN_SENT) {
        hf_tcp_end(sh, c, HF_EDGE_CLOSE, HF_OK);
        c->flags |= HF_TF_APP_CLOSED;
        return HF_OK;
    }
    bool unread = hf_unread(c, r) > 0 || (r != NULL && r->islands.count > 0);
    bool both_fins_are_known = c->state >= HF_CLOSING, is_one_too_many = orphans_are_many(sh) && c->state != HF_TIME_WAIT;
    hf_tcp_orphan(sh, c);
    if (is_one_too_many) {
        hf_count(sh, HF_LIMIT_ORPHANS);
        hf_tcp_end_with_rst(sh, c, HF_EDGE_ORPHAN, HF_ERR_ABORTED, HF_WHY_RST_ORPHAN);
        return HF_OK;
    }
    if (unread && !both_fins_are_known) { /* SHLD-3, MAY-1; RFC 1122, 4.2.2.13 */
        hf_tcp_end_with_rst(sh, c, HF_EDGE_UNREAD, HF_ERR_ABORTED, HF_WHY_RST_UNREAD);
        return HF_OK;
    }
    hf_detach_receiving(sh, c);
    if (!(c->flags & HF_TF_FIN_RECEIVED))
        c->flags &= ~(uint32_t)HF_TF_FIN_SEEN; /* with the hole before it still open its place is forgotten */
    if (c->state == HF_FIN_WAIT_2)
        hf_timers_fin_wait_2(sh, c);
    return hf_call_shutdown(sh, c);
}

/* ---- 3.10.5 ABORT ---- */

int hf_call_abort(struct hf_tcp_shared *sh, struct hf_tcp *c, enum hf_reason why)
{
    bool listener_closed = why == HF_EDGE_LISTENER_CLOSED;
    enum hf_reason rst_why = listener_closed ? HF_WHY_RST_LISTENER_CLOSED : HF_WHY_RST_ABORT;
    switch (c->state) {
    case HF_CLOSED:
        break;
    case HF_SYN_SENT:
    case HF_CLOSING:
    case HF_LAST_ACK:
    case HF_TIME_WAIT:
        hf_tcp_end(sh, c, why, HF_ERR_ABORTED);
        break;
    default:
        hf_tcp_end_with_rst(sh, c, why, HF_ERR_ABORTED, rst_why);
        break;
    }
    c->flags |= HF_TF_APP_CLOSED;
    hf_detach_receiving(sh, c);
    return HF_OK;
}

/* ---- 3.10.6 STATUS ---- */

/* Unread bytes up to and with the last urgent one (RFC 6093, 3.2: urgent data is read in line). */
static uint32_t urgent_ahead(const struct hf_tcp *c, const struct hf_tcp_receiving *r)
{
    int32_t ahead = hf_seq_diff(c->rcv.up, hf_read_seq(c, r));
    return (c->flags & HF_TF_PEER_URGENT) && ahead > 0 ? (uint32_t)ahead : 0;
}

static enum hf_repair repair_of(const struct hf_tcp_sending *s)
{
    if (s->recovery == HF_OPEN)
        return HF_REPAIR_NONE;
    return s->recovery == HF_RECOVERY ? HF_REPAIR_LOSS : HF_REPAIR_TIMEOUT;
}

void hf_call_status(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_info *info)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    bool over = c->state == HF_CLOSED;
    *info = (struct hf_tcp_info){
        .local = {c->local_addr, c->local_port},
        .remote = {c->remote_addr, c->remote_port},
        .state = c->state,
        .is_passive = c->flags & HF_TF_PASSIVE,
        .app_closed = c->flags & HF_TF_APP_CLOSED,
        .fin_sent = c->flags & HF_TF_FIN_SENT,
        .fin_received = c->flags & HF_TF_FIN_RECEIVED,
        .we_closed_first = c->flags & HF_TF_CLOSED_FIRST,
        .user = c->user,
        .opened_at = c->opened_at,
        .state_at = c->state_at,
        .error = c->error,
        .ended_why = c->ended,
        .soft_error = c->advice,
        .bytes_sent = c->snd_base,
        .bytes_received = c->rcv_base,
        .bytes_lost = over ? c->lost : 0,
        .bytes_unread = over ? c->unread : hf_unread(c, r),
        .urgent_ahead = over ? 0 : urgent_ahead(c, r),
        .send_queue = s == NULL ? 0 : (uint32_t)(s->end - c->snd_base),
        .receive_queue = (uint32_t)hf_unread(c, r),
        .unacked = over ? 0 : (uint32_t)hf_seq_diff(c->snd.nxt, c->snd.una),
        .sacked = over || s == NULL ? 0 : s->sacked,
        .lost = over || s == NULL ? 0 : s->lost,
        .repair = over || s == NULL ? HF_REPAIR_NONE : repair_of(s),
        .in_flight = over ? 0 : hf_in_flight(c, s),
        .cwnd = c->cc.cwnd,
        .pacing_rate = c->cc.pacing_rate,
        .ssthresh = c->cc.ssthresh,
        .mss = hf_effective_mss(sh, c),
        .send_window = c->snd.wnd,
        .receive_window = c->rcv.wnd,
        .rto_ms = (uint32_t)(hf_rto(sh, c) / HF_MS),
        .srtt_us = c->srtt_us,
        .rttvar_us = c->rttvar_us,
        .retransmits = c->retransmits,
        .send_scale = c->snd_scale,
        .receive_scale = c->rcv_scale,
        .timestamps = c->flags & HF_TF_TIMESTAMPS,
        .sack = c->flags & HF_TF_SACK,
        .ecn = c->flags & HF_TF_ECN,
        .accurate_ecn = (c->flags & HF_TF_ECN) && c->ecn.is_accurate,
        .fast_open = c->flags & HF_TF_FAST_OPEN_TAKEN,
        .link = c->link,
    };
}

/* ---- events: what is true of the connection, for the application ---- */

/* May data flow? */
static bool is_open(const struct hf_tcp *c)
{
    return (c->state != HF_SYN_SENT && c->state != HF_SYN_RECEIVED) || hf_is_fast_open_child(c);
}

/* After a call that took less than offered, half a buffer of room is worth a wake-up, a byte is not. */
static bool has_send_room(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL) /* all of the buffer is free */
        return hf_pool_available(&sh->sending) > 0 && spare_blocks(sh) > 0;
    uint32_t least = c->flags & HF_TF_SOUGHT_ROOM ? send_limit(sh, c) / 3 : 1;
    return send_room(sh, c, s) >= HF_MAX(least, 1u) && spare_blocks(sh) > 0;
}

bool hf_call_waits_for_pool(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    if (!(c->flags & HF_TF_SOUGHT_ROOM) || send_error(c) != HF_OK)
        return false;
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    bool no_queue = s == NULL && hf_pool_available(&sh->sending) == 0;
    return send_room(sh, c, s) >= HF_MAX(c->send_limit / 3, 1u) && (no_queue || spare_blocks(sh) == 0);
}

uint32_t hf_tcp_events(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_tcp_receiving *r = hf_tcp_receiving_of(sh, c);
    uint32_t bits = 0;
    if (c->state == HF_CLOSED)
        bits |= HF_EV_CLOSED;
    else if (is_open(c))
        bits |= HF_EV_CONNECTED;
    if (hf_unread(c, r) > 0)
        bits |= HF_EV_READABLE;
    if ((bits & HF_EV_CONNECTED) && !(c->flags & (HF_TF_FIN_QUEUED | HF_TF_DEFERRED)) && has_send_room(sh, c))
        bits |= HF_EV_WRITABLE;
    if (c->flags & HF_TF_FIN_RECEIVED)
        bits |= HF_EV_PEER_CLOSED;
    if (c->flags & HF_TF_PEER_URGENT)
        bits |= HF_EV_URGENT;
    if (c->advice != HF_REASON_NONE && c->state != HF_CLOSED)
        bits |= HF_EV_SOFT_ERROR;
    if (c->sending == HF_NONE && c->snd_base > 0 && hf_seq_eq(c->snd.una, c->snd.nxt) && c->lost == 0)
        bits |= HF_EV_SENT;
    return bits;
}

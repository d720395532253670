/*
 * TCP Fast Open (RFC 7413): data in the SYN, for peers that have met before.
 *
 *     client                                     server
 *        | SYN, cookie request        ----------->  |
 *        |  <-------------------- SYN,ACK, cookie   |   the cookie is remembered for this destination
 *        |                  (later)                 |
 *        | SYN, cookie, "question"    ----------->  |   the application has the question before the handshake is over
 *        |  <------------------- SYN,ACK, "answer"  |
 *
 * The server keeps nothing: a cookie is a keyed hash of the address it was given to. Keys change every EPOCH; the cookie
 * of the epoch before is still good, and is replaced.
 *
 * The client falls back by itself. Data that a SYN carried and the SYN,ACK does not acknowledge goes again at once. A SYN
 * that is not answered goes again without data and without the option, and if that one is answered, the path is taken for
 * one that eats such SYNs: the destination is left alone for an hour, and twice as long each further time.
 *
 * A SYN with data that the network duplicates may reach the application twice, once the first connection is gone
 * (RFC 7413, 2.1): only for requests that bear it. Off unless asked for.
 *
 * Read first: listen.c, syn_sent.c.
 */
#include "steps.h"

#define EPOCH        (3600 * HF_SECOND)
#define LONGEST_REST 10 /* doublings of an hour: six weeks */

/* ---- the server's side: cookies ---- */

static void bake(const struct hf_tcp_shared *sh, const struct hf_addr *peer, uint64_t epoch, uint8_t out[8])
{
    uint8_t bytes[24];
    memcpy(bytes, peer->bytes, 16);
    memcpy(bytes + 16, &epoch, 8);
    uint64_t hash = hf_siphash(&sh->fast_open_key, bytes, sizeof bytes);
    memcpy(out, &hash, HF_FAST_OPEN_COOKIE_LEN);
}

static uint64_t epoch_of(const struct hf_tcp_shared *sh)
{
    return (uint64_t)hf_ticks_of(sh->now, EPOCH);
}

static bool is_cookie_of(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_tcp_opts *opts,
                         uint64_t epoch)
{
    uint8_t cookie[HF_FAST_OPEN_COOKIE_LEN];
    bake(sh, &c->remote_addr, epoch, cookie);
    return opts->cookie_len == sizeof cookie && memcmp(opts->cookie, cookie, sizeof cookie) == 0;
}

/* RFC 7413, 4.2.2: whoever asks, or shows a cookie that is wrong or about to be, gets a good one with the SYN,ACK. */
bool hf_fast_open_syn(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (!sh->config.fast_open || !(seg->opts.present & HF_OPT_FAST_OPEN))
        return false;
    uint64_t now = epoch_of(sh);
    bool is_new = is_cookie_of(sh, c, &seg->opts, now);
    if (!is_new)
        c->flags |= HF_TF_FAST_OPEN_GRANT;
    return is_new || (now > 0 && is_cookie_of(sh, c, &seg->opts, now - 1));
}

/* The child takes the SYN's text at once; it may be handed out, and may send, before the handshake is over. */
void hf_fast_open_accept(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    c->flags |= HF_TF_FAST_OPEN | HF_TF_FAST_OPEN_TAKEN;
    c->rcv.wnd = HF_MIN(c->receive_limit, 65535u);
    hf_tcp_begin_sending(sh, c);
    if (seg->data_len > 0)
        (void)hf_text_arrives(sh, c, seg);
    hf_timers_ack_paid(c); /* the SYN,ACK says it */
}

/* ---- the client's side: destinations and their cookies ---- */

static struct hf_fast_open_peer *find_peer(const struct hf_tcp_shared *sh, const struct hf_addr *addr)
{
    for (uint32_t i = 0; i < sh->fast_open_peers.fresh; i++) {
        struct hf_fast_open_peer *peer = hf_pool_at(&sh->fast_open_peers, i);
        if (hf_addr_equal(&peer->addr, addr))
            return peer;
    }
    return NULL;
}

/* Room for another: a free entry, or the one used longest ago. NULL when none may be kept. */
static struct hf_fast_open_peer *new_peer(struct hf_tcp_shared *sh)
{
    struct hf_fast_open_peer *oldest = NULL;
    uint32_t index = hf_pool_take(&sh->fast_open_peers);
    if (index != HF_NONE)
        return hf_pool_at(&sh->fast_open_peers, index);
    for (uint32_t i = 0; i < sh->fast_open_peers.fresh; i++) {
        struct hf_fast_open_peer *peer = hf_pool_at(&sh->fast_open_peers, i);
        if (oldest == NULL || hf_time_before(peer->used_at, oldest->used_at))
            oldest = peer;
    }
    return oldest;
}

static struct hf_fast_open_peer *keep_peer(struct hf_tcp_shared *sh, const struct hf_addr *addr)
{
    struct hf_fast_open_peer *peer = find_peer(sh, addr);
    if (peer == NULL && (peer = new_peer(sh)) != NULL)
        *peer = (struct hf_fast_open_peer){.addr = *addr};
    if (peer != NULL)
        peer->used_at = sh->now;
    return peer;
}

static bool may_use(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_fast_open_peer *peer)
{
    if (!sh->config.fast_open || !(c->flags & HF_TF_FAST_OPEN) || (c->flags & HF_TF_SYN_AGAIN))
        return false;
    return peer == NULL || hf_time_reached(sh->now, peer->rests_until);
}

/* Most bytes of text that a SYN with all its options may carry. */
static uint32_t syn_room(const struct hf_tcp *c, const struct hf_fast_open_peer *peer)
{
    uint32_t mss = HF_MIN(peer->mss, hf_own_mss(c));
    return mss > HF_TCP_OPTIONS_MAX ? mss - HF_TCP_OPTIONS_MAX : 0;
}

uint32_t hf_fast_open_text(const struct hf_tcp_shared *sh, const struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (s == NULL || c->state != HF_SYN_SENT || !(c->flags & HF_TF_FAST_OPEN) || !hf_sent_has_room(sh, s))
        return 0;
    const struct hf_fast_open_peer *peer = find_peer(sh, &c->remote_addr);
    if (peer == NULL || peer->cookie_len == 0 || !may_use(sh, c, peer))
        return 0;
    return (uint32_t)HF_MIN(hf_unsent(c, s), (uint64_t)syn_room(c, peer));
}

void hf_fast_open_offer(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_tcp_opts *opts)
{
    if (c->flags & HF_TF_FAST_OPEN_GRANT) {
        opts->present |= HF_OPT_FAST_OPEN;
        opts->cookie_len = HF_FAST_OPEN_COOKIE_LEN;
        bake(sh, &c->remote_addr, epoch_of(sh), opts->cookie);
        return;
    }
    if (c->state != HF_SYN_SENT || !(c->flags & HF_TF_FAST_OPEN))
        return;
    const struct hf_fast_open_peer *peer = find_peer(sh, &c->remote_addr);
    if (!may_use(sh, c, peer))
        return;
    opts->present |= HF_OPT_FAST_OPEN;
    opts->cookie_len = peer == NULL ? 0 : peer->cookie_len; /* none: ask for one */
    if (peer != NULL)
        memcpy(opts->cookie, peer->cookie, peer->cookie_len);
}

/* What the SYN,ACK tells: a cookie to remember, the MSS beside it (RFC 7413, 4.1.3), and whether a SYN with the option gets
 * through at all. */
static void learn(struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_segment *seg)
{
    bool granted = (seg->opts.present & HF_OPT_FAST_OPEN) && seg->opts.cookie_len > 0;
    bool eaten = c->flags & HF_TF_SYN_AGAIN;
    bool is_new = granted || eaten;
    struct hf_fast_open_peer *peer = is_new ? keep_peer(sh, &c->remote_addr) : find_peer(sh, &c->remote_addr);
    if (peer == NULL)
        return;
    if (eaten) {
        hf_ns rest = EPOCH << HF_MIN(peer->eaten, LONGEST_REST);
        peer->eaten += peer->eaten < 255;
        peer->rests_until = hf_time_add(sh->now, rest);
        hf_count(sh, HF_ADVICE_FAST_OPEN_EATEN);
        return;
    }
    peer->mss = c->peer_mss;
    if (!granted)
        return; /* the option may not have been in the SYN: where it was eaten before, that stays so */
    peer->eaten = 0;
    peer->cookie_len = seg->opts.cookie_len;
    memcpy(peer->cookie, seg->opts.cookie, seg->opts.cookie_len);
}

void hf_fast_open_answered(struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    struct hf_tcp_sending *s = hf_tcp_sending_of(sh, c);
    if (!(c->flags & HF_TF_FAST_OPEN))
        return;
    learn(sh, c, seg);
    bool carried_text = s != NULL && s->first != HF_NONE;
    if (!carried_text)
        return;
    if (hf_seq_gt(seg->ack, hf_seq_add(c->iss, 1)))
        c->flags |= HF_TF_FAST_OPEN_TAKEN;
    hf_tcp_acked(sh, c, seg);
    hf_loss_resend_all(sh, c, HF_WHY_FAST_OPEN_REFUSED);
}

/* ---- the same from one engine to the next ---- */

bool hf_fast_open_tell(const struct hf_tcp_shared *sh, uint32_t index, struct hf_fast_open_memory *memory)
{
    if (index >= sh->fast_open_peers.fresh)
        return false;
    const struct hf_fast_open_peer *peer = hf_pool_at(&sh->fast_open_peers, index);
    *memory = (struct hf_fast_open_memory){
        .addr = peer->addr,
        .mss = peer->mss,
        .eaten = peer->eaten,
        .cookie_len = peer->cookie_len,
        .rests_ns = hf_time_reached(sh->now, peer->rests_until) ? 0 : hf_time_since(peer->rests_until, sh->now),
    };
    memcpy(memory->cookie, peer->cookie, peer->cookie_len);
    return true;
}

int hf_fast_open_learn(struct hf_tcp_shared *sh, const struct hf_fast_open_memory *memory)
{
    bool has_cookie = memory->cookie_len >= 4 && memory->cookie_len <= sizeof memory->cookie; /* RFC 7413, 4.1.1 */
    if (memory->cookie_len != 0 && !has_cookie)
        return HF_ERR_INVALID;
    struct hf_fast_open_peer *peer = keep_peer(sh, &memory->addr);
    if (peer == NULL)
        return HF_ERR_LIMIT;
    peer->mss = memory->mss;
    peer->eaten = memory->eaten;
    peer->cookie_len = memory->cookie_len;
    peer->rests_until = hf_time_add(sh->now, memory->rests_ns);
    memcpy(peer->cookie, memory->cookie, memory->cookie_len);
    return HF_OK;
}

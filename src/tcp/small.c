/* Folding and unfolding. See small.h. */
#include "small.h"

#include "steps.h"

static struct hf_addr read_addr(const uint8_t *bytes, bool is_v4)
{
    struct hf_addr addr;
    if (is_v4)
        return hf_addr_v4(bytes[0], bytes[1], bytes[2], bytes[3]);
    memcpy(addr.bytes, bytes, 16);
    return addr;
}

void hf_small_ends(const struct hf_small *small, uint32_t fixed_len, struct hf_endpoint *local,
                   struct hf_endpoint *remote)
{
    bool is_v4 = small->flags & HF_SMALL_V4;
    const uint8_t *addrs = (const uint8_t *)small + fixed_len;
    *local = (struct hf_endpoint){read_addr(addrs, is_v4), small->local_port};
    *remote = (struct hf_endpoint){read_addr(addrs + hf_small_addr_len(is_v4), is_v4), small->remote_port};
}

void hf_small_set_ends(struct hf_small *small, uint32_t fixed_len, const struct hf_tcp *c)
{
    bool is_v4 = hf_addr_is_v4(&c->remote_addr);
    uint32_t len = hf_small_addr_len(is_v4);
    uint8_t *addrs = (uint8_t *)small + fixed_len;
    memcpy(addrs, c->local_addr.bytes + 16 - len, len);
    memcpy(addrs + len, c->remote_addr.bytes + 16 - len, len);
    small->local_port = c->local_port;
    small->remote_port = c->remote_port;
    small->link = c->link;
    small->flags = is_v4 ? HF_SMALL_V4 : 0;
}

/* ---- flags, both ways ---- */

static const struct {
    uint32_t of_tcp;
    uint8_t of_small;
} shared_flags[] = {
    {HF_TF_TIMESTAMPS, HF_SMALL_TIMESTAMPS},
    {HF_TF_SACK, HF_SMALL_SACK},
    {HF_TF_SCALE, HF_SMALL_SCALE},
    {HF_TF_SYN_AGAIN, HF_SMALL_AGAIN},
    {HF_TF_CLOSED_FIRST, HF_SMALL_CLOSED_FIRST},
    {HF_TF_ECN, HF_SMALL_ECN},
    {HF_TF_PASSIVE, HF_SMALL_PASSIVE},
};

static uint8_t fold_flags(uint32_t flags)
{
    uint8_t folded = 0;
    for (unsigned i = 0; i < HF_COUNT_OF(shared_flags); i++)
        folded |= flags & shared_flags[i].of_tcp ? shared_flags[i].of_small : 0;
    return folded;
}

static void unfold_flags(struct hf_tcp *c, uint8_t folded)
{
    for (unsigned i = 0; i < HF_COUNT_OF(shared_flags); i++) {
        c->flags &= ~shared_flags[i].of_tcp;
        c->flags |= folded & shared_flags[i].of_small ? shared_flags[i].of_tcp : 0;
    }
}

/* ---- half-open ---- */

/* The instant of the last challenge, in 16 bits: wraps after four minutes, when it may be mistaken once. */
#define CHALLENGE_STEP 4u

static uint16_t fold_challenged(const struct hf_tcp *c)
{
    return c->challenged_ms == 0 ? 0 : (uint16_t)(c->challenged_ms / CHALLENGE_STEP) | 1;
}

static uint32_t unfold_challenged(const struct hf_tcp_shared *sh, uint16_t folded)
{
    uint32_t now = hf_tcp_ms(sh);
    uint16_t steps = (uint16_t)(now / CHALLENGE_STEP - folded);
    return folded == 0 ? 0 : (now - steps * CHALLENGE_STEP) | 1;
}

hf_ns hf_half_open_patience(const struct hf_tcp_shared *sh, unsigned retries)
{
    return HF_MIN(sh->config.rto_initial_ns << HF_MIN(retries, 7u), sh->config.rto_max_ns);
}

/* Since the SYN: the last wait, and those that were over before it. */
static hf_ns half_open_age(const struct hf_tcp_shared *sh, const struct hf_half_open *h)
{
    hf_ns age = (hf_ns)(hf_tcp_us(sh) - h->sent_us) * HF_US;
    for (unsigned i = 0; i < h->head.retries; i++)
        age += hf_half_open_patience(sh, i);
    return age;
}

void hf_half_open_fold(const struct hf_tcp *c, struct hf_half_open *h)
{
    hf_small_set_ends(&h->head, sizeof *h, c);
    h->head.flags |= fold_flags(c->flags);
    h->iss = c->iss;
    h->irs = c->irs;
    h->ts_recent = c->ts_recent;
    h->listener = (uint16_t)c->listener;
    h->mss = c->peer_mss;
    h->scales = (uint8_t)(c->snd_scale | c->rcv_scale << 4);
    h->ecn = hf_ecn_fold(c);
    h->challenged = fold_challenged(c);
}

void hf_half_open_unfold(struct hf_tcp_shared *sh, const struct hf_half_open *h, struct hf_tcp *c)
{
    hf_ns age = half_open_age(sh, h);
    sh->states[HF_CLOSED]--; /* of hf_tcp_prepare; the state below was counted when it began */
    c->state = HF_SYN_RECEIVED;
    unfold_flags(c, h->head.flags);
    c->flags |= HF_TF_PASSIVE;
    c->iss = h->iss;
    c->irs = h->irs;
    c->snd.una = h->iss;
    c->snd.nxt = hf_seq_add(h->iss, 1);
    c->snd.wl1 = h->irs;
    c->snd_scale = h->scales & 0x0f;
    c->rcv_scale = h->scales >> 4;
    hf_ecn_unfold(c, h->ecn);
    c->rcv.nxt = hf_seq_add(h->irs, 1);
    c->rcv.up = c->rcv.nxt;
    c->rcv.wnd = HF_MIN(c->receive_limit, 65535u);
    c->last_ack_sent = c->rcv.nxt;
    c->ts_recent = h->ts_recent;
    c->ts_recent_ms = hf_tcp_ms(sh);
    c->peer_mss = h->mss;
    hf_tcp_update_mss(c);
    c->listener = h->listener;
    c->retries = h->head.retries;
    c->challenged_ms = unfold_challenged(sh, h->challenged);
    c->opened_at = c->state_at = (hf_time){sh->now.ns - age};
    c->rexmt_at = hf_time_add(sh->now, hf_rto(sh, c));
}

/* ---- TIME-WAIT ---- */

void hf_time_wait_fold(const struct hf_tcp_shared *sh, const struct hf_tcp *c, struct hf_time_wait *w)
{
    hf_ns left = hf_time_since(c->life_at, sh->now);
    hf_ns passed = 2 * sh->config.msl_ns - left;
    hf_small_set_ends(&w->head, sizeof *w, c);
    w->head.flags |= fold_flags(c->flags);
    w->snd_nxt = c->snd.nxt;
    w->rcv_nxt = c->rcv.nxt;
    w->ts_recent = c->ts_recent;
    w->since_ms = hf_tcp_ms(sh) - (uint32_t)(passed / HF_MS);
    w->challenged_ms = c->challenged_ms;
    w->wnd = (uint16_t)HF_MIN(c->rcv.wnd >> c->rcv_scale, 65535u);
    w->rcv_scale = c->rcv_scale;
    w->ecn = hf_ecn_fold(c);
}

void hf_time_wait_unfold(struct hf_tcp_shared *sh, const struct hf_time_wait *w, struct hf_tcp *c)
{
    hf_ns passed = (hf_ns)(hf_tcp_ms(sh) - w->since_ms) * HF_MS;
    sh->states[HF_CLOSED]--; /* as above */
    c->state = HF_TIME_WAIT;
    c->flags |= HF_TF_FIN_QUEUED | HF_TF_FIN_SENT | HF_TF_FIN_ACKED | HF_TF_FIN_SEEN | HF_TF_FIN_RECEIVED |
                HF_TF_APP_CLOSED | HF_TF_RELEASED;
    unfold_flags(c, w->head.flags);
    c->iss = hf_seq_sub(w->snd_nxt, 2); /* forgotten, but not SND.UNA: our SYN was acknowledged */
    c->irs = hf_seq_sub(w->rcv_nxt, 2);
    c->snd.una = c->snd.nxt = w->snd_nxt;
    c->snd.wl1 = w->rcv_nxt;
    c->snd.wl2 = w->snd_nxt;
    c->rcv.nxt = c->rcv.up = c->last_ack_sent = w->rcv_nxt;
    c->rcv_scale = w->rcv_scale;
    c->rcv.wnd = c->receive_limit = (uint32_t)w->wnd << w->rcv_scale;
    c->ts_recent = w->ts_recent;
    c->ts_recent_ms = hf_tcp_ms(sh);
    c->challenged_ms = w->challenged_ms;
    hf_ecn_unfold(c, w->ecn);
    c->state_at = c->opened_at = (hf_time){sh->now.ns - passed};
    c->life_at = hf_time_add(c->state_at, 2 * sh->config.msl_ns);
}

/*
 * The errors we send: few kinds, many rules against sending them.
 *
 * Read first: errors_out.h, quote.h. Read next: errors_in.c.
 */
#include "errors_out.h"

#include "../base/base.h"
#include "../base/bytes.h"
#include "message.h"
#include "quote.h"

#define TOKEN_NS (HF_SECOND / HF_ICMP_RATE)
#define QUOTE_MAX_V4 (576 - 20 - HF_ICMP_HEADER_LEN)  /* RFC 1812, 4.3.2.3 */
#define QUOTE_MAX_V6 (1280 - 40 - HF_ICMP_HEADER_LEN) /* RFC 4443, 2.4 (c) */

/* ---- how many ---- */

void hf_icmp_limit_init(struct hf_icmp_limit *limit, hf_time now)
{
    limit->filled_at = now;
    limit->tokens = HF_ICMP_BURST;
}

static void fill(struct hf_icmp_limit *limit, hf_time now)
{
    hf_ns tokens = hf_time_since(now, limit->filled_at) / TOKEN_NS;
    if (tokens >= (hf_ns)(HF_ICMP_BURST - limit->tokens)) {
        limit->tokens = HF_ICMP_BURST;
        limit->filled_at = now;
        return;
    }
    limit->tokens += (uint32_t)tokens;
    limit->filled_at = hf_time_add(limit->filled_at, tokens * TOKEN_NS);
}

static bool take_token(struct hf_icmp_limit *limit, hf_time now)
{
    fill(limit, now);
    if (limit->tokens == 0)
        return false;
    limit->tokens--;
    return true;
}

/* ---- about what ---- */

/* RFC 1122, 3.2.2; RFC 4443, 2.4 (e). The source was found to be a single host before the datagram got here. */
static bool may_complain(const struct hf_icmp_cause *cause, bool is_v4)
{
    struct hf_quote quote;
    if (cause->is_group || !hf_quote_read(cause->packet, cause->len, is_v4, &quote))
        return false;
    return quote.fragment_offset == 0 && !hf_quote_is_icmp_error(&quote, is_v4);
}

struct kind {
    uint8_t type, code;
};

static struct kind kind_of(enum hf_icmp_cause_kind kind, bool is_v4)
{
    static const struct kind v4[] = {
        [HF_ICMP_PORT] = {3, 3},
        [HF_ICMP_PROTOCOL] = {3, 2},
        [HF_ICMP_REASSEMBLY] = {11, 1},
        [HF_ICMP_HOST] = {3, 1},
        [HF_ICMP_NETWORK] = {3, 0},
        [HF_ICMP_PROHIBITED] = {3, 13},
    };
    static const struct kind v6[] = {
        [HF_ICMP_PORT] = {1, 4},
        [HF_ICMP_PROTOCOL] = {4, 1},
        [HF_ICMP_REASSEMBLY] = {3, 1},
        [HF_ICMP_HOST] = {1, 3},
        [HF_ICMP_NETWORK] = {1, 0},
        [HF_ICMP_PROHIBITED] = {1, 1},
    };
    return is_v4 ? v4[kind] : v6[kind];
}

bool hf_icmp_error_write(struct hf_icmp_limit *limit, hf_time now, const struct hf_icmp_cause *cause, uint8_t *out,
                         struct hf_icmp_reply *reply)
{
    bool is_v4 = hf_addr_is_v4(&cause->src);
    if (!may_complain(cause, is_v4) || !take_token(limit, now))
        return false;
    uint32_t quoted = HF_MIN(cause->len, (uint32_t)(is_v4 ? QUOTE_MAX_V4 : QUOTE_MAX_V6));
    struct kind kind = kind_of(cause->kind, is_v4);
    out[0] = kind.type;
    out[1] = kind.code;
    hf_put32(out + 4, !is_v4 && cause->kind == HF_ICMP_PROTOCOL ? cause->pointer : 0);
    memcpy(out + HF_ICMP_HEADER_LEN, cause->packet, quoted);
    *reply = (struct hf_icmp_reply){
        .src = hf_addr_is_any(&cause->from) ? cause->dst : cause->from,
        .dst = cause->src,
        .len = HF_ICMP_HEADER_LEN + quoted,
        .why = cause->kind == HF_ICMP_REASSEMBLY ? HF_WHY_TIME_EXCEEDED : HF_WHY_UNREACHABLE,
    };
    hf_icmp_seal(reply, out);
    return true;
}

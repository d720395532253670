/* TCP options. See tcp_options.h. */
#include "tcp_options.h"

#include "../base/base.h"
#include "../base/bytes.h"

enum kind {
    KIND_END = 0, /* MUST-4: this one and the next two */
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WSCALE = 3,
    KIND_SACK_OK = 4,
    KIND_SACK = 5,
    KIND_TIMESTAMPS = 8,
    KIND_FAST_OPEN = 34,
};

/* ---- reading ---- */

static void read_sack(const uint8_t *blocks, uint32_t len, struct hf_tcp_opts *opts)
{
    if (len == 0 || len % 8 != 0)
        return;
    opts->present |= HF_OPT_SACK;
    opts->sack_count = (uint8_t)HF_MIN(len / 8, (uint32_t)HF_TCP_SACK_MAX);
    for (unsigned i = 0; i < opts->sack_count; i++)
        opts->sack[i] = (struct hf_sack_block){hf_seq_of(hf_get32(blocks + 8 * i)), hf_seq_of(hf_get32(blocks + 8 * i + 4))};
}

static void read_cookie(const uint8_t *cookie, uint32_t len, struct hf_tcp_opts *opts)
{
    if (len > sizeof opts->cookie || (len != 0 && (len < 4 || len % 2 != 0)))
        return;
    opts->present |= HF_OPT_FAST_OPEN;
    opts->cookie_len = (uint8_t)len;
    memcpy(opts->cookie, cookie, len);
}

/* One option's content of `len` bytes behind its kind and length. */
static void read_option(uint8_t kind, const uint8_t *content, uint32_t len, struct hf_tcp_opts *opts)
{
    if (kind == KIND_MSS && len == 2) {
        opts->present |= HF_OPT_MSS;
        opts->mss = hf_get16(content);
    } else if (kind == KIND_WSCALE && len == 1) {
        opts->present |= HF_OPT_WSCALE;
        opts->wscale = content[0];
    } else if (kind == KIND_SACK_OK && len == 0) {
        opts->present |= HF_OPT_SACK_OK;
    } else if (kind == KIND_TIMESTAMPS && len == 8) {
        opts->present |= HF_OPT_TIMESTAMPS;
        opts->tsval = hf_get32(content);
        opts->tsecr = hf_get32(content + 4);
    } else if (kind == KIND_SACK) {
        read_sack(content, len, opts);
    } else if (kind == KIND_FAST_OPEN) {
        read_cookie(content, len, opts);
    }
}

/* What nearly every segment carries: NOP NOP timestamps. */
static bool read_usual(const uint8_t *options, uint32_t len, struct hf_tcp_opts *opts)
{
    if (len != 12 || hf_get32(options) != 0x0101080a)
        return false;
    opts->present = HF_OPT_TIMESTAMPS;
    opts->tsval = hf_get32(options + 4);
    opts->tsecr = hf_get32(options + 8);
    return true;
}

/* Byte by byte, however they are aligned (MUST-64). What is neither an end nor a NOP has a length (MUST-68), so
 * what is unknown can be stepped over (MUST-6). */
enum hf_reason hf_tcp_options_parse(const uint8_t *options, uint32_t len, struct hf_tcp_opts *opts)
{
    opts->present = 0;
    opts->sack_count = 0;
    if (read_usual(options, len, opts))
        return HF_ACCEPTED;
    for (uint32_t at = 0; at < len;) {
        uint8_t kind = options[at];
        if (kind == KIND_END)
            break;
        if (kind == KIND_NOP) {
            at++;
            continue;
        }
        if (at + 1 >= len || options[at + 1] < 2 || options[at + 1] > len - at)
            return HF_DROP_TCP_OPTION; /* MUST-7 */
        read_option(kind, options + at + 2, options[at + 1] - 2u, opts);
        at += options[at + 1];
    }
    return HF_ACCEPTED;
}

/* ---- writing ---- */

static uint8_t *begin(uint8_t *out, enum kind kind, uint8_t len)
{
    *out++ = (uint8_t)kind;
    *out++ = len;
    return out;
}

static uint8_t *write_timestamps(const struct hf_tcp_opts *opts, uint8_t *out)
{
    out = begin(out, KIND_TIMESTAMPS, 10);
    hf_put32(out, opts->tsval);
    hf_put32(out + 4, opts->tsecr);
    return out + 8;
}

static uint8_t *write_nops(uint8_t *out, unsigned count)
{
    memset(out, KIND_NOP, count);
    return out + count;
}

/* As Linux orders them: MSS; SACK permitted beside the timestamps, or behind two NOPs; NOP and window scale. */
static uint8_t *write_syn(const struct hf_tcp_opts *opts, uint8_t *out)
{
    bool stamps = opts->present & HF_OPT_TIMESTAMPS, sack_ok = opts->present & HF_OPT_SACK_OK;
    if (opts->present & HF_OPT_MSS) {
        out = begin(out, KIND_MSS, 4);
        hf_put16(out, opts->mss);
        out += 2;
    }
    if (stamps != sack_ok)
        out = write_nops(out, 2);
    if (sack_ok)
        out = begin(out, KIND_SACK_OK, 2);
    if (stamps)
        out = write_timestamps(opts, out);
    if (opts->present & HF_OPT_WSCALE) {
        out = begin(write_nops(out, 1), KIND_WSCALE, 3);
        *out++ = opts->wscale;
    }
    if (opts->present & HF_OPT_FAST_OPEN) {
        out = begin(out, KIND_FAST_OPEN, (uint8_t)(2 + opts->cookie_len));
        memcpy(out, opts->cookie, opts->cookie_len);
        out += opts->cookie_len;
    }
    return out;
}

static unsigned sacks_that_fit(const struct hf_tcp_opts *opts)
{
    unsigned most = opts->present & HF_OPT_TIMESTAMPS ? 3 : 4;
    return opts->present & HF_OPT_SACK ? HF_MIN((unsigned)opts->sack_count, most) : 0;
}

static uint8_t *write_usual(const struct hf_tcp_opts *opts, uint8_t *out)
{
    if (opts->present & HF_OPT_TIMESTAMPS)
        out = write_timestamps(opts, write_nops(out, 2));
    unsigned sacks = sacks_that_fit(opts);
    if (sacks == 0)
        return out;
    out = begin(write_nops(out, 2), KIND_SACK, (uint8_t)(2 + 8 * sacks));
    for (unsigned i = 0; i < sacks; i++, out += 8) {
        hf_put32(out, opts->sack[i].from.n);
        hf_put32(out + 4, opts->sack[i].to.n);
    }
    return out;
}

/* Padded with NOPs, so that nothing stands behind an end of list (MUST-69). */
uint32_t hf_tcp_options_write(const struct hf_tcp_opts *opts, bool syn, uint8_t *out)
{
    if (opts->present == 0)
        return 0;
    uint8_t *end = syn ? write_syn(opts, out) : write_usual(opts, out);
    while ((end - out) % 4 != 0)
        *end++ = KIND_NOP;
    return (uint32_t)(end - out);
}

uint32_t hf_tcp_options_len(const struct hf_tcp_opts *opts, bool syn)
{
    uint32_t len;
    bool stamps = opts->present & HF_OPT_TIMESTAMPS, sack_ok = opts->present & HF_OPT_SACK_OK;
    if (syn) {
        len = (opts->present & HF_OPT_MSS ? 4u : 0u) + (stamps ? 10u : 0u) + (sack_ok ? 2u : 0u);
        len += stamps != sack_ok ? 2 : 0;
        len += (opts->present & HF_OPT_WSCALE ? 4u : 0u);
        len += (opts->present & HF_OPT_FAST_OPEN ? 2u + opts->cookie_len : 0u);
    } else {
        unsigned sacks = sacks_that_fit(opts);
        len = (stamps ? 12u : 0u) + (sacks > 0 ? 4 + 8 * sacks : 0);
    }
    return (len + 3) / 4 * 4;
}

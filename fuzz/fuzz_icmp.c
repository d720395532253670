/*
 * ICMP: errors that arrive, and errors we write about what arrives. Held true: nothing is read beyond the message; advice
 * is always advice, and a path MTU never zero; what we write is within its bounds, quotes the datagram as it came, and is
 * read back by our own reader as being about the same tuple; nothing is said about an ICMP error.
 */
#include "../src/base/bytes.h"
#include "../src/base/sum.h"
#include "../src/icmp/errors_in.h"
#include "../src/icmp/errors_out.h"
#include "../src/icmp/quote.h"
#include "fuzz.h"

#define MESSAGE_MOST 1400

static bool is_advice(enum hf_reason reason)
{
    return reason >= HF_ADVICE_NET_UNREACHABLE && reason < HF_LIMIT_CONNECTIONS;
}

static void try_arriving(uint8_t protocol, const uint8_t *message, uint32_t len)
{
    struct hf_icmp_error error;
    enum hf_reason why = hf_icmp_error_read(protocol, message, len, &error);
    require(why == HF_ACCEPTED || why == HF_DROP_ICMP || why == HF_DROP_ICMP_BAD);
    if (why != HF_ACCEPTED)
        return;
    require(is_advice(error.advice) && error.protocol == 6);
    require(error.advice != HF_ADVICE_PACKET_TOO_BIG || error.mtu != 0);
    bool v4 = protocol == 1;
    require(hf_addr_is_v4(&error.local.addr) == v4 && hf_addr_is_v4(&error.remote.addr) == v4);
}

/* What our own reader makes of an error of ours about a TCP segment: the tuple as the segment had it, unless the
 * quotation was cut before the ports. */
static void read_back(const struct hf_icmp_reply *reply, const uint8_t *message, const struct hf_quote *about,
                      uint32_t payload_at)
{
    struct hf_icmp_error error;
    enum hf_reason why = hf_icmp_error_read(reply->protocol, message, reply->len, &error);
    if (about->protocol != 6 || about->payload_len < 8 || payload_at + 8 > reply->len - 8)
        return;
    require(why == HF_ACCEPTED);
    require(hf_addr_equal(&error.local.addr, &about->src) && hf_addr_equal(&error.remote.addr, &about->dst));
    require(error.local.port == hf_get16(about->payload) && error.remote.port == hf_get16(about->payload + 2));
    require(error.seq == hf_get32(about->payload + 4));
}

static void try_complaining(enum hf_icmp_cause_kind kind, bool v4, const uint8_t *packet, uint32_t len)
{
    static uint8_t out[HF_ICMP_ERROR_MAX + 1];
    struct hf_icmp_limit limit;
    struct hf_icmp_reply reply;
    struct hf_quote about;
    struct hf_icmp_cause cause = {.kind = kind, .packet = packet, .len = len};
    bool is_readable = hf_quote_read(packet, len, v4, &about);
    cause.src = is_readable ? about.src : v4 ? hf_addr_v4(10, 0, 0, 1) : (struct hf_addr){{0x20, 1}};
    cause.dst = is_readable ? about.dst : cause.src;
    hf_icmp_limit_init(&limit, (hf_time){0});
    out[HF_ICMP_ERROR_MAX] = 0xa5;
    bool is_written = hf_icmp_error_write(&limit, (hf_time){0}, &cause, out, &reply);
    require(out[HF_ICMP_ERROR_MAX] == 0xa5);
    if (!is_written)
        return;
    require(is_readable && about.fragment_offset == 0 && !hf_quote_is_icmp_error(&about, v4));
    require(reply.len > 8 && reply.len <= HF_ICMP_ERROR_MAX && reply.len - 8 <= len);
    require(memcmp(out + 8, packet, reply.len - 8) == 0);
    if (v4)
        require(hf_sum_finish(hf_sum(out, reply.len)) == 0);
    read_back(&reply, out, &about, (uint32_t)(about.payload - packet));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t choice = in8(&in);
    size_t len;
    uint8_t *bytes = in_exact(&in, MESSAGE_MOST, &len);
    try_arriving(1, bytes, (uint32_t)len);
    try_arriving(58, bytes, (uint32_t)len);
    try_complaining((enum hf_icmp_cause_kind)(choice % 6), choice & 8, bytes, (uint32_t)len);
    free(bytes);
    return 0;
}

/*
 * ICMP errors read: type and code become advice, the quotation becomes a tuple.
 *
 * RFC 1122, 4.2.3.9 divides the advice into hard and soft errors; RFC 5461 and RFC 5927 then take the sting out of the
 * hard ones. That weighing is TCP's; here each keeps its own name.
 *
 * Read first: errors_in.h, quote.h.
 */
#include "errors_in.h"

#include "../base/base.h"
#include "../base/bytes.h"
#include "message.h"
#include "quote.h"

#define PROTOCOL_ICMP_V4 1
#define PROTOCOL_TCP 6
#define QUOTED_TCP_LEN 8 /* ports and sequence number: all that RFC 792 promises */
#define LEAST_MTU_V6 1280

/* RFC 792, RFC 1122 3.2.2.1 and RFC 1812 5.2.7.1: the codes of destination unreachable. */
static enum hf_reason advice_of_unreachable_v4(uint8_t code)
{
    static const uint16_t advice[] = {
        [0] = HF_ADVICE_NET_UNREACHABLE,
        [1] = HF_ADVICE_HOST_UNREACHABLE,
        [2] = HF_ADVICE_PROTOCOL_UNREACHABLE,
        [3] = HF_ADVICE_PORT_UNREACHABLE,
        [4] = HF_ADVICE_PACKET_TOO_BIG,
        [5] = HF_ADVICE_NET_UNREACHABLE, /* source route failed */
        [6] = HF_ADVICE_NET_UNREACHABLE,
        [7] = HF_ADVICE_HOST_UNREACHABLE,
        [8] = HF_ADVICE_HOST_UNREACHABLE, /* source host isolated */
        [9] = HF_ADVICE_PROHIBITED,
        [10] = HF_ADVICE_PROHIBITED,
        [11] = HF_ADVICE_NET_UNREACHABLE, /* for this type of service, and so 12 */
        [12] = HF_ADVICE_HOST_UNREACHABLE,
        [13] = HF_ADVICE_PROHIBITED,
        [14] = HF_ADVICE_PROHIBITED,
        [15] = HF_ADVICE_PROHIBITED,
    };
    return code < HF_COUNT_OF(advice) ? (enum hf_reason)advice[code] : HF_REASON_NONE;
}

static enum hf_reason advice_of_v4(uint8_t type, uint8_t code)
{
    switch (type) {
    case 3:
        return advice_of_unreachable_v4(code);
    case 4:
        return HF_ADVICE_SOURCE_QUENCH;
    case 11:
        return HF_ADVICE_TTL;
    case 12:
        return HF_ADVICE_PARAMETER;
    default:
        return HF_REASON_NONE;
    }
}

/* RFC 4443, 3.1: the codes of destination unreachable. */
static enum hf_reason advice_of_unreachable_v6(uint8_t code)
{
    static const uint16_t advice[] = {
        [0] = HF_ADVICE_NET_UNREACHABLE,
        [1] = HF_ADVICE_PROHIBITED,
        [2] = HF_ADVICE_NET_UNREACHABLE, /* beyond the scope of the source address */
        [3] = HF_ADVICE_HOST_UNREACHABLE,
        [4] = HF_ADVICE_PORT_UNREACHABLE,
        [5] = HF_ADVICE_PROHIBITED, /* source address failed a policy */
        [6] = HF_ADVICE_PROHIBITED, /* a route that rejects */
    };
    return code < HF_COUNT_OF(advice) ? (enum hf_reason)advice[code] : HF_REASON_NONE;
}

static enum hf_reason advice_of_v6(uint8_t type, uint8_t code)
{
    switch (type) {
    case 1:
        return advice_of_unreachable_v6(code);
    case 2:
        return HF_ADVICE_PACKET_TOO_BIG;
    case 3:
        return HF_ADVICE_TTL;
    case 4:
        return code == 1 ? HF_ADVICE_PROTOCOL_UNREACHABLE : HF_ADVICE_PARAMETER;
    default:
        return HF_REASON_NONE;
    }
}

/* RFC 1191, 5 and 7: a router too old to say how much passes is answered with the next lower of the usual sizes. */
static uint16_t plateau_below(uint32_t total_len)
{
    static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    for (uint32_t i = 0; i < HF_COUNT_OF(plateaus); i++) {
        if (plateaus[i] < total_len)
            return plateaus[i];
    }
    return 68;
}

/* The MTU a too big message reports, or 0 for one that cannot be. */
static uint16_t reported_mtu(const uint8_t *message, bool is_v4, const struct hf_quote *quote)
{
    if (is_v4) {
        uint16_t mtu = hf_get16(message + 6);
        return mtu != 0 ? mtu : plateau_below(quote->total_len);
    }
    uint32_t mtu = hf_get32(message + 4);
    if (mtu < LEAST_MTU_V6)
        return 0; /* RFC 8201, 4: discarded */
    return (uint16_t)HF_MIN(mtu, (uint32_t)UINT16_MAX);
}

enum hf_reason hf_icmp_error_read(uint8_t protocol, const uint8_t *message, uint32_t len, struct hf_icmp_error *error)
{
    bool is_v4 = protocol == PROTOCOL_ICMP_V4;
    struct hf_quote quote;
    if (len < HF_ICMP_HEADER_LEN)
        return HF_DROP_ICMP_BAD;
    enum hf_reason advice = is_v4 ? advice_of_v4(message[0], message[1]) : advice_of_v6(message[0], message[1]);
    if (advice == HF_REASON_NONE)
        return HF_DROP_ICMP;
    if (!hf_quote_read(message + HF_ICMP_HEADER_LEN, len - HF_ICMP_HEADER_LEN, is_v4, &quote))
        return HF_DROP_ICMP_BAD;
    if (quote.fragment_offset != 0)
        return HF_DROP_ICMP_BAD;
    if (quote.protocol != PROTOCOL_TCP)
        return HF_DROP_ICMP;
    if (quote.payload_len < QUOTED_TCP_LEN)
        return HF_DROP_ICMP_BAD;
    *error = (struct hf_icmp_error){
        .advice = advice,
        .local = {.addr = quote.src, .port = hf_get16(quote.payload)},
        .remote = {.addr = quote.dst, .port = hf_get16(quote.payload + 2)},
        .seq = hf_get32(quote.payload + 4),
        .protocol = quote.protocol,
    };
    if (advice != HF_ADVICE_PACKET_TOO_BIG)
        return HF_ACCEPTED;
    error->mtu = reported_mtu(message, is_v4, &quote);
    return error->mtu != 0 ? HF_ACCEPTED : HF_DROP_ICMP_BAD;
}

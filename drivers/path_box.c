/* Routers and middleboxes. See path_box.h. */
#include "path_box.h"

#include "bytes.h"

#include <string.h>

#define TCP_CHECKSUM  16
#define HOP_LIMIT     64
#define QUOTE_V4_MOST 548 /* RFC 1812, 4.3.2.3: the whole message stays within 576 bytes */
#define QUOTE_V6_MOST 548 /* far below what RFC 4443, 3.2 allows, and enough for every header */
#define ECN_MASK      3u
#define ECN_CE        3u

enum {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WSCALE = 3,
    OPTION_SACK_OK = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMPS = 8,
    OPTION_FAST_OPEN = 34,
};

/* A region of `len` bytes, a multiple of two at an even place of what a checksum covers, has changed from a sum that was
 * `before`: HC' = ~(~HC + ~m + m') (RFC 1624, 3). */
static void amend(uint8_t *checksum, uint32_t before, const uint8_t *region, uint32_t len)
{
    uint16_t old;
    memcpy(&old, checksum, 2);
    uint32_t sum = (uint16_t)~old + (uint16_t)~before + hf_look_sum(region, len, 0);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    hf_look_store(checksum, sum);
}

/* ---- ECN ---- */

static uint8_t ecn_of(const uint8_t *ip, uint8_t version)
{
    return version == 4 ? ip[1] & ECN_MASK : (ip[1] >> 4) & ECN_MASK;
}

static void set_ecn(uint8_t *ip, uint8_t version, uint8_t ecn)
{
    if (version == 6) {
        ip[1] = (uint8_t)((ip[1] & ~(ECN_MASK << 4)) | (unsigned)ecn << 4);
        return;
    }
    uint32_t before = hf_look_sum(ip, 2, 0);
    ip[1] = (uint8_t)((ip[1] & ~ECN_MASK) | ecn);
    amend(ip + 10, before, ip, 2);
}

bool hf_path_box_mark(uint8_t *data, const struct hf_look *look)
{
    if (look->version == 0 || ecn_of(data + look->ip, look->version) == 0)
        return false;
    set_ecn(data + look->ip, look->version, ECN_CE);
    return true;
}

/* ---- TCP ---- */

static uint64_t strip_of(uint8_t kind)
{
    switch (kind) {
    case OPTION_MSS:
        return FAULT_STRIP_MSS;
    case OPTION_WSCALE:
        return FAULT_STRIP_WSCALE;
    case OPTION_SACK_OK:
    case OPTION_SACK:
        return FAULT_STRIP_SACK;
    case OPTION_TIMESTAMPS:
        return FAULT_STRIP_TIMESTAMPS;
    case OPTION_FAST_OPEN:
        return FAULT_STRIP_FAST_OPEN;
    default:
        return FAULT_STRIP_UNKNOWN;
    }
}

static void strip_options(uint8_t *options, uint32_t len, uint64_t what)
{
    for (uint32_t at = 0; at < len && options[at] != OPTION_END;) {
        if (options[at] == OPTION_NOP) {
            at++;
            continue;
        }
        if (len - at < 2 || options[at + 1] < 2 || options[at + 1] > len - at)
            return;
        uint32_t own_len = options[at + 1];
        if (strip_of(options[at]) & what)
            memset(options + at, OPTION_NOP, own_len);
        at += own_len;
    }
}

void hf_path_box_strip(uint8_t *data, const struct hf_look *look, uint64_t what)
{
    if ((what & FAULT_STRIP_ECN) && look->version != 0 && ecn_of(data + look->ip, look->version) != 0)
        set_ecn(data + look->ip, look->version, 0);
    if (!look->is_tcp)
        return;
    uint8_t *tcp = data + look->transport;
    uint32_t len = look->payload - look->transport - 20;
    uint32_t before = hf_look_sum(tcp + 20, len, 0);
    strip_options(tcp + 20, len, what);
    amend(tcp + TCP_CHECKSUM, before, tcp + 20, len);
    if ((what & FAULT_STRIP_ECN) && (look->flags & LOOK_SYN)) {
        before = hf_look_sum(tcp + 12, 2, 0);
        tcp[12] &= 0xf0; /* AE */
        tcp[13] &= 0x3f; /* CWR, ECE */
        amend(tcp + TCP_CHECKSUM, before, tcp + 12, 2);
    }
}

void hf_path_box_shift(uint8_t *data, const struct hf_look *look, uint32_t seq, uint32_t ack)
{
    if (!look->is_tcp)
        return;
    uint8_t *tcp = data + look->transport;
    uint32_t before = hf_look_sum(tcp + 4, 8, 0);
    put32(tcp + 4, look->seq + seq);
    if (look->flags & LOOK_ACK)
        put32(tcp + 8, look->ack + ack);
    amend(tcp + TCP_CHECKSUM, before, tcp + 4, 8);
}

bool hf_path_box_forge(uint8_t *data, const struct hf_look *look, uint32_t drawn)
{
    if (!look->is_tcp || look->payload_len < 2)
        return false;
    uint8_t *pair = data + look->payload + (drawn % (look->payload_len / 2)) * 2;
    uint32_t before = hf_look_sum(pair, 2, 0);
    pair[0] ^= 0x20;
    amend(data + look->transport + TCP_CHECKSUM, before, pair, 2);
    return true;
}

/* ---- path MTU ---- */

bool hf_path_box_is_too_long(const uint8_t *data, const struct hf_look *look, uint64_t mtu)
{
    if (mtu == 0 || look->version == 0 || look->end - look->ip <= mtu)
        return false;
    return look->version == 6 || (data[look->ip + 6] & 0x40) != 0;
}

static void turn_ethernet(const uint8_t *data, const struct hf_look *look, uint8_t *out)
{
    if (look->ip == 0)
        return;
    memcpy(out, data + 6, 6);
    memcpy(out + 6, data, 6);
    memcpy(out + 12, data + 12, 2);
}

static uint32_t too_long_v4(const uint8_t *ip, uint32_t quoted, uint16_t mtu, uint8_t *out)
{
    memset(out, 0, 28);
    out[0] = 0x45;
    put16(out + 2, (uint16_t)(28 + quoted));
    out[8] = HOP_LIMIT;
    out[9] = 1;
    memcpy(out + 12, ip + 16, 4);
    memcpy(out + 16, ip + 12, 4);
    hf_look_store(out + 10, hf_look_sum(out, 20, 0));
    out[20] = 3;
    out[21] = 4;
    put16(out + 26, mtu);
    memcpy(out + 28, ip, quoted);
    hf_look_store(out + 22, hf_look_sum(out + 20, 8 + quoted, 0));
    return 28 + quoted;
}

static uint32_t too_long_v6(const uint8_t *ip, uint32_t quoted, uint16_t mtu, uint8_t *out)
{
    uint8_t pseudo[40] = {0};
    memset(out, 0, 48);
    out[0] = 0x60;
    put16(out + 4, (uint16_t)(8 + quoted));
    out[6] = 58;
    out[7] = HOP_LIMIT;
    memcpy(out + 8, ip + 24, 16);
    memcpy(out + 24, ip + 8, 16);
    out[40] = 2;
    put32(out + 44, mtu);
    memcpy(out + 48, ip, quoted);
    memcpy(pseudo, out + 8, 32);
    put32(pseudo + 32, 8 + quoted);
    pseudo[39] = 58;
    hf_look_store(out + 42, hf_look_sum(out + 40, 8 + quoted, hf_look_sum(pseudo, 40, 0)));
    return 48 + quoted;
}

uint32_t hf_path_box_too_long(const uint8_t *data, const struct hf_look *look, uint16_t mtu,
                              uint8_t out[PATH_BOX_ICMP_CAP])
{
    const uint8_t *ip = data + look->ip;
    uint32_t len = look->end - look->ip, most = look->version == 4 ? QUOTE_V4_MOST : QUOTE_V6_MOST;
    uint32_t quoted = len < most ? len : most;
    turn_ethernet(data, look, out);
    uint8_t *at = out + look->ip;
    return look->ip + (look->version == 4 ? too_long_v4(ip, quoted, mtu, at) : too_long_v6(ip, quoted, mtu, at));
}

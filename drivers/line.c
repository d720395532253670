/* Frames in packetdrill's notation. See line.h. */
#include "line.h"

#include "bytes.h"
#include "icmp_names.h"

#include <handfast/observe.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_END, OPTION_NOP, OPTION_MSS, OPTION_WSCALE, OPTION_SACK_OK, OPTION_SACK, OPTION_TIMESTAMPS = 8 };
enum { OPTION_MD5 = 19, OPTION_FAST_OPEN = 34 };
enum { PROTOCOL_ICMP = 1, PROTOCOL_UDP = 17, PROTOCOL_ICMP6 = 58 };

/* Where the line is being written. What does not fit is cut off, never written. */
struct out {
    char *text;
    size_t len, cap;
};

static void put(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct out *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(out->text + out->len, out->cap - out->len, format, args);
    va_end(args);
    if (len > 0)
        out->len = (size_t)len < out->cap - out->len ? out->len + (size_t)len : out->cap - 1;
}

/* ---- options ---- */

static void put_sack(struct out *out, const uint8_t *blocks, uint32_t len, uint32_t base)
{
    put(out, "sack");
    for (; len >= 8; blocks += 8, len -= 8)
        put(out, " %u:%u", get32(blocks) - base, get32(blocks + 4) - base);
}

static void put_hex(struct out *out, const char *name, const uint8_t *bytes, uint32_t len)
{
    put(out, "%s%s", name, len > 0 ? " " : "");
    for (uint32_t i = 0; i < len; i++)
        put(out, "%02x", bytes[i]);
}

/* What has no words: as many NOPs as it has bytes, so that the line can still be run. */
static void put_bytes(struct out *out, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        put(out, "%snop", i > 0 ? "," : "");
}

/* One option's content of `len` bytes behind its kind and length. */
static void put_option(struct out *out, uint8_t kind, const uint8_t *content, uint32_t len, uint32_t sack_base)
{
    if (kind == OPTION_MSS && len == 2)
        put(out, "mss %u", get16(content));
    else if (kind == OPTION_WSCALE && len == 1)
        put(out, "wscale %u", content[0]);
    else if (kind == OPTION_SACK_OK && len == 0)
        put(out, "sackOK");
    else if (kind == OPTION_SACK && len > 0 && len % 8 == 0)
        put_sack(out, content, len, sack_base);
    else if (kind == OPTION_TIMESTAMPS && len == 8)
        put(out, "TS val %u ecr %u", get32(content), get32(content + 4));
    else if (kind == OPTION_FAST_OPEN)
        put_hex(out, "FO", content, len);
    else if (kind == OPTION_MD5)
        put_hex(out, "md5", content, len);
    else {
        put(out, "/* kind %u length %u */ ", kind, len + 2);
        put_bytes(out, len + 2);
    }
}

static void put_options(struct out *out, const uint8_t *options, uint32_t len, uint32_t sack_base)
{
    const char *before = " <";
    for (uint32_t at = 0; at < len;) {
        uint8_t kind = options[at];
        put(out, "%s", before);
        before = ",";
        if (kind == OPTION_END || kind == OPTION_NOP) {
            put(out, kind == OPTION_NOP ? "nop" : "eol");
            at++;
            continue;
        }
        if (at + 1 >= len || options[at + 1] < 2 || options[at + 1] > len - at) {
            put(out, "/* malformed */ ");
            put_bytes(out, len - at);
            break;
        }
        put_option(out, kind, options + at + 2, options[at + 1] - 2u, sack_base);
        at += options[at + 1];
    }
    if (len > 0)
        put(out, ">");
}

/* ---- segments ---- */

static void put_ecn(struct out *out, const uint8_t *data, const struct hf_look *look)
{
    static const char *const names[4] = {"", "[ect1] ", "[ect0] ", "[ce] "};
    const uint8_t *ip = data + look->ip;
    uint8_t traffic_class = look->version == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    put(out, "%s", names[traffic_class & 3]);
}

static void put_flags(struct out *out, uint16_t flags)
{
    static const struct {
        uint16_t flag;
        char letter;
    } letters[] = {{LOOK_FIN, 'F'}, {LOOK_SYN, 'S'}, {LOOK_RST, 'R'}, {LOOK_PSH, 'P'}, {LOOK_ECE, 'E'},
                   {LOOK_CWR, 'W'}, {LOOK_AE, 'A'},  {LOOK_URG, 'U'}, {LOOK_ACK, '.'}};
    if (flags == 0)
        put(out, "-");
    for (unsigned i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (flags & letters[i].flag)
            put(out, "%c", letters[i].letter);
}

static void put_segment(struct out *out, const struct hf_line_base *base, const uint8_t *data,
                        const struct hf_look *look, enum hf_line_direction direction)
{
    bool is_ours = direction == HF_LINE_OUT;
    uint32_t own = is_ours ? base->ours : base->theirs, other = is_ours ? base->theirs : base->ours;
    const uint8_t *tcp = data + look->transport;
    bool is_bare_reset =
        (look->flags & LOOK_RST) && look->seq == 0; /* it answers what had no ACK: RFC 9293, 3.5.2 */
    uint32_t seq = is_bare_reset ? 0 : look->seq - own;
    put_ecn(out, data, look);
    if (base->ports)
        put(out, "%u > %u ", look->src_port, look->dst_port);
    put_flags(out, look->flags);
    put(out, " %u:%u(%u)", seq, seq + look->payload_len, look->payload_len);
    if (look->flags & LOOK_ACK)
        put(out, " ack %u", look->ack - other);
    put(out, " win %u", get16(tcp + 14));
    if ((look->flags & LOOK_URG) || get16(tcp + 18) != 0)
        put(out, " urg %u", get16(tcp + 18));
    put_options(out, tcp + 20, look->payload - look->transport - 20, other);
}

/* ---- ICMP ---- */

/* The segment that an ICMP error quotes: its number counts from the base of whoever sent it, which is the other
 * side. */
static void put_quote(struct out *out, const struct hf_line_base *base, const uint8_t *quote, uint32_t len, bool v6,
                      enum hf_line_direction direction)
{
    uint32_t header = v6 ? 40 : len > 0 ? (quote[0] & 15u) * 4 : 20;
    if (len < header + 8 || quote[v6 ? 6 : 9] != LOOK_PROTOCOL_TCP)
        return;
    const uint8_t *tcp = quote + header;
    uint32_t total = v6 ? 40u + get16(quote + 4) : get16(quote + 2);
    uint32_t tcp_header = len >= header + 13 ? (tcp[12] >> 4) * 4u : 20;
    uint32_t payload = total >= header + tcp_header ? total - header - tcp_header : 0;
    uint32_t seq = get32(tcp + 4) - (direction == HF_LINE_IN ? base->ours : base->theirs);
    put(out, " [%u:%u(%u)]", seq, seq + payload, payload);
}

static void put_icmp(struct out *out, const struct hf_line_base *base, const uint8_t *data,
                     const struct hf_look *look, enum hf_line_direction direction)
{
    bool v6 = look->version == 6;
    const uint8_t *icmp = data + look->transport;
    const char *type = hf_icmp_type_name(v6, icmp[0]), *code = hf_icmp_code_name(v6, icmp[0], icmp[1]);
    put(out, "icmp ");
    if (type)
        put(out, "%s", type);
    else
        put(out, "type_%u", icmp[0]);
    if (code)
        put(out, " %s", code);
    else if (icmp[1] != 0)
        put(out, " code_%u", icmp[1]);
    bool is_too_big = v6 ? icmp[0] == 2 : icmp[0] == 3 && icmp[1] == 4;
    if (is_too_big)
        put(out, " mtu %u", v6 ? get32(icmp + 4) : get16(icmp + 6));
    bool is_query = v6 ? icmp[0] >= 128 : icmp[0] == 0 || icmp[0] == 8 || icmp[0] >= 13;
    if (!is_query)
        put_quote(out, base, icmp + 8, look->end - look->transport - 8, v6, direction);
}

/* ---- the line ---- */

char *hf_line_write(char *text, const struct hf_line_base *base, const uint8_t *data, uint32_t len,
                    enum hf_link_kind kind, enum hf_line_direction direction)
{
    struct out out = {.text = text, .cap = HF_LINE_MAX};
    struct hf_look look;
    char arrow = direction == HF_LINE_IN ? '<' : '>';
    bool is_ip = hf_look(data, len, kind, &look);
    bool is_icmp = is_ip && look.protocol == (look.version == 6 ? PROTOCOL_ICMP6 : PROTOCOL_ICMP);
    if (is_ip && look.is_tcp) {
        put(&out, "%c ", arrow);
        put_segment(&out, base, data, &look, direction);
    } else if (is_icmp && look.end - look.transport >= 8) {
        put(&out, "%c ", arrow);
        put_icmp(&out, base, data, &look, direction);
    } else if (is_ip) {
        const char *what = look.protocol == LOOK_PROTOCOL_TCP ? "TCP in part" : "protocol";
        put(&out, "// %c IPv%u, %s %u, %u bytes", arrow, look.version, what, look.protocol, len);
    } else {
        bool is_arp = kind == HF_LINK_ETHERNET && len >= 14 && get16(data + 12) == 0x0806;
        put(&out, "// %c %s, %u bytes", arrow, is_arp ? "ARP" : "not IP", len);
    }
    return text;
}

static const char *without_group(const char *name, const char *group)
{
    size_t len = strlen(group);
    return strncmp(name, group, len) == 0 ? name + len : name;
}

char *hf_line_mark(char text[HF_LINE_MARK_MAX], uint16_t why, enum hf_line_direction direction)
{
    text[0] = 0;
    if (why == HF_REASON_NONE || why == HF_ACCEPTED || why >= HF_REASON_COUNT)
        return text;
    const char *name = hf_reason_name(why);
    if (direction == HF_LINE_IN)
        snprintf(text, HF_LINE_MARK_MAX, "//! drop %s", without_group(name, "DROP_"));
    else
        snprintf(text, HF_LINE_MARK_MAX, "//! why %s", without_group(name, "WHY_"));
    return text;
}

/* ---- flows ---- */

static bool endpoint_equal(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && memcmp(&a->addr, &b->addr, sizeof a->addr) == 0;
}

/* The flow between these ends, or the one used longest ago, made anew. */
static struct hf_line_flow *find(struct hf_line_flows *flows, const struct hf_endpoint *ours,
                                 const struct hf_endpoint *theirs, bool *is_new)
{
    struct hf_line_flow *oldest = &flows->flow[0];
    for (unsigned i = 0; i < HF_LINE_FLOWS; i++) {
        struct hf_line_flow *flow = &flows->flow[i];
        if (flow->used_at > 0 && endpoint_equal(&flow->side[0], ours) && endpoint_equal(&flow->side[1], theirs))
            return flow;
        if (flow->used_at < oldest->used_at)
            oldest = flow;
    }
    *is_new = true;
    flows->begun++;
    *oldest = (struct hf_line_flow){.side = {*ours, *theirs}};
    return oldest;
}

/* A SYN with another number than before begins the tuple's next life, in which the other side has none yet. */
static void note_syn(struct hf_line_flow *flow, const struct hf_look *look, unsigned side, bool was_dropped)
{
    bool is_first = !flow->knows_isn[side];
    if (!(look->flags & LOOK_SYN) || (!is_first && (was_dropped || flow->isn[side] == look->seq)))
        return;
    flow->knows_isn[side] = true;
    flow->isn[side] = look->seq;
    if (!is_first && !(look->flags & LOOK_ACK))
        flow->knows_isn[1 - side] = false;
}

const struct hf_line_flow *hf_line_note(struct hf_line_flows *flows, const struct hf_look *look,
                                        enum hf_line_direction direction, bool was_dropped,
                                        struct hf_line_base *base)
{
    unsigned side = direction == HF_LINE_OUT ? 0 : 1;
    struct hf_endpoint src = {look->src, look->src_port}, dst = {look->dst, look->dst_port};
    bool is_new = false;
    struct hf_line_flow *flow = find(flows, side == 0 ? &src : &dst, side == 0 ? &dst : &src, &is_new);
    flow->used_at = ++flows->clock;
    note_syn(flow, look, side, was_dropped);
    base->ours = flow->knows_isn[0] ? flow->isn[0] : 0;
    base->theirs = flow->knows_isn[1] ? flow->isn[1] : 0;
    base->ports = flows->begun > 1;
    return is_new ? flow : NULL;
}

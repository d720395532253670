/*
 * Packets in packetdrill's notation:
 *
 *     < [ect0] 40000 > 8080 P. 1:1001(1000) ack 1 win 257 urg 5 <nop,nop,TS val 100 ecr 50>
 *     < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]
 *
 * Read first: parser.h.
 */
#include "../drivers/bytes.h"
#include "../drivers/icmp_names.h"
#include "../drivers/look.h"
#include "parser.h"

#include <string.h>

enum { MOST_PAYLOAD = 65535 };
enum { OPTION_END, OPTION_NOP, OPTION_MSS, OPTION_WSCALE, OPTION_SACK_OK, OPTION_SACK, OPTION_TIMESTAMPS = 8 };
enum { OPTION_MD5 = 19, OPTION_FAST_OPEN = 34, OPTION_EXPERIMENT = 254, FAST_OPEN_MAGIC = 0xf989 };

static uint32_t parse_number32(struct pkt_parser *p, const char *what)
{
    return (uint32_t)pkt_parser_integer(p, 0, UINT32_MAX, what);
}

/* ---- the IP header: [ect0]  (ttl 1)  [tos 0x10, ttl 64] ---- */

static const struct {
    const char *name;
    enum pkt_ecn ecn;
} ecn_names[] = {{"noecn", PKT_ECN_NONE},
                 {"ect0", PKT_ECN_ECT0},
                 {"ect1", PKT_ECN_ECT1},
                 {"ect01", PKT_ECN_ECT01},
                 {"ce", PKT_ECN_CE}};

static bool take_ecn(struct pkt_parser *p, struct pkt_segment *segment)
{
    for (unsigned i = 0; i < sizeof ecn_names / sizeof ecn_names[0]; i++) {
        if (!pkt_parser_take_word(p, ecn_names[i].name))
            continue;
        segment->ecn = (int8_t)ecn_names[i].ecn;
        return true;
    }
    return false;
}

static void parse_ip_info(struct pkt_parser *p, struct pkt_segment *segment)
{
    char closing = pkt_parser_at_char(p, '[') ? ']' : pkt_parser_at_char(p, '(') ? ')' : 0;
    if (closing == 0)
        return;
    do {
        pkt_parser_next(p);
        if (take_ecn(p, segment))
            continue;
        if (pkt_parser_take_word(p, "tos"))
            segment->tos = (int16_t)pkt_parser_integer(p, 0, 255, "a type of service");
        else if (pkt_parser_take_word(p, "ttl"))
            segment->ttl = (int16_t)pkt_parser_integer(p, 0, 255, "a TTL");
        else
            pkt_parser_fail(p, 0, "expected noecn, ect0, ect1, ect01, ce, tos or ttl");
    } while (pkt_parser_at_char(p, ','));
    pkt_parser_expect(p, closing, "behind what is said of the IP header");
}

/* ---- the TCP header ---- */

static uint16_t flag_of(char letter)
{
    static const char letters[] = "FSRPEWUA";
    static const uint16_t flags[] = {LOOK_FIN, LOOK_SYN, LOOK_RST, LOOK_PSH, LOOK_ECE, LOOK_CWR, LOOK_URG, LOOK_AE};
    const char *at = letter ? strchr(letters, letter) : NULL;
    return at ? flags[at - letters] : 0;
}

/* The dot for ACK, and behind it AccECN's count, which lies in ECE, CWR and AE: one token with its digit. */
static bool take_ace(struct pkt_parser *p, struct pkt_segment *segment)
{
    const struct pkt_token token = p->lexer.token;
    bool is_ace = token.kind == PKT_TOKEN_FLOAT && token.len == 2 && token.text[0] == '.' && token.text[1] < '8';
    if (!is_ace)
        return false;
    segment->flags |= (uint16_t)(LOOK_ACK | (token.text[1] - '0') * LOOK_ECE);
    pkt_parser_next(p);
    return true;
}

/* Letters, then perhaps a dot for ACK; or the dot alone; or a dash for none at all. */
static void parse_flags(struct pkt_parser *p, struct pkt_segment *segment)
{
    const struct pkt_token token = p->lexer.token;
    if (pkt_parser_take_char(p, '-'))
        return;
    if (token.kind == PKT_TOKEN_WORD) {
        for (size_t i = 0; i < token.len; i++) {
            uint16_t flag = flag_of(token.text[i]);
            if (flag == 0) {
                pkt_parser_fail(p, 0, "'%c' is no TCP flag: they are F S R P E W A U and a dot for ACK",
                                token.text[i]);
                return;
            }
            segment->flags |= flag;
        }
        pkt_parser_next(p);
    } else if (take_ace(p, segment)) {
        return;
    } else if (!pkt_parser_at_char(p, '.')) {
        pkt_parser_fail(p, 0, "expected TCP flags (F S R P E W A U, a dot for ACK, or a dash for none)");
        return;
    }
    if (!take_ace(p, segment) && pkt_parser_take_char(p, '.'))
        segment->flags |= LOOK_ACK;
}

/* FROM:TO(LEN) */
static void parse_seq(struct pkt_parser *p, uint32_t *seq, uint32_t *len)
{
    *seq = parse_number32(p, "a sequence number");
    pkt_parser_expect(p, ':', "between sequence numbers");
    uint32_t end = parse_number32(p, "the sequence number behind the data");
    pkt_parser_expect(p, '(', "before the length");
    *len = (uint32_t)pkt_parser_integer(p, 0, MOST_PAYLOAD, "a length");
    if (!pkt_parser_failed(p) && *seq + *len != end)
        pkt_parser_fail(p, 0, "%u:%u(%u) does not add up", *seq, end, *len);
    pkt_parser_expect(p, ')', "behind the length");
}

/* ---- options ---- */

/* Where an option is being written. */
struct options {
    struct pkt_segment *segment;
    bool is_full;
};

static void put_byte(struct options *out, unsigned byte)
{
    out->is_full |= out->segment->options_len == PKT_OPTIONS_MAX;
    if (!out->is_full)
        out->segment->options[out->segment->options_len++] = (uint8_t)byte;
}

static void put_number(struct options *out, uint32_t number, unsigned bytes)
{
    while (bytes-- > 0)
        put_byte(out, number >> 8 * bytes & 255);
}

static void parse_sack(struct pkt_parser *p, struct options *out)
{
    unsigned at = out->segment->options_len + 1u;
    put_number(out, OPTION_SACK << 8 | 2, 2);
    do {
        put_number(out, parse_number32(p, "the left edge of a SACK block"), 4);
        pkt_parser_expect(p, ':', "between the edges of a SACK block");
        put_number(out, parse_number32(p, "the right edge of a SACK block"), 4);
        if (!out->is_full)
            out->segment->options[at] += 8;
    } while (p->lexer.token.kind == PKT_TOKEN_INTEGER && !pkt_parser_failed(p));
}

static void parse_timestamps(struct pkt_parser *p, struct options *out)
{
    put_number(out, OPTION_TIMESTAMPS << 8 | 10, 2);
    if (!pkt_parser_take_word(p, "val"))
        pkt_parser_fail(p, 0, "expected TS val N ecr N");
    put_number(out, parse_number32(p, "a timestamp"), 4);
    if (!pkt_parser_take_word(p, "ecr"))
        pkt_parser_fail(p, 0, "expected ecr behind the timestamp's value");
    put_number(out, parse_number32(p, "a timestamp"), 4);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Bytes in hex, or nothing at all. */
static void parse_blob(struct pkt_parser *p, struct options *out, unsigned kind, bool is_experiment)
{
    const struct pkt_token token = p->lexer.token;
    bool is_there = token.kind == PKT_TOKEN_WORD || token.kind == PKT_TOKEN_INTEGER;
    size_t len = is_there ? token.len / 2 : 0;
    put_number(out, kind, 1);
    put_number(out, (uint32_t)(2 + len + (is_experiment ? 2 : 0)), 1);
    if (is_experiment)
        put_number(out, FAST_OPEN_MAGIC, 2);
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(token.text[2 * i]), low = hex_digit(token.text[2 * i + 1]);
        if (high < 0 || low < 0 || token.len % 2 != 0) {
            pkt_parser_fail(p, 0, "expected pairs of hexadecimal digits");
            return;
        }
        put_byte(out, (unsigned)high << 4 | (unsigned)low);
    }
    if (is_there)
        pkt_parser_next(p);
}

static void parse_option(struct pkt_parser *p, struct options *out)
{
    if (pkt_parser_take_word(p, "nop")) {
        put_byte(out, OPTION_NOP);
    } else if (pkt_parser_take_word(p, "eol")) {
        put_byte(out, OPTION_END);
    } else if (pkt_parser_take_word(p, "mss")) {
        put_number(out, OPTION_MSS << 8 | 4, 2);
        put_number(out, (uint32_t)pkt_parser_integer(p, 0, 65535, "an MSS"), 2);
    } else if (pkt_parser_take_word(p, "wscale")) {
        put_number(out, OPTION_WSCALE << 8 | 3, 2);
        put_number(out, (uint32_t)pkt_parser_integer(p, 0, 255, "a window scale"), 1);
    } else if (pkt_parser_take_word(p, "sackOK")) {
        put_number(out, OPTION_SACK_OK << 8 | 2, 2);
    } else if (pkt_parser_take_word(p, "sack")) {
        parse_sack(p, out);
    } else if (pkt_parser_take_word(p, "TS")) {
        parse_timestamps(p, out);
    } else if (pkt_parser_take_word(p, "FO")) {
        parse_blob(p, out, OPTION_FAST_OPEN, false);
    } else if (pkt_parser_take_word(p, "FOEXP")) {
        parse_blob(p, out, OPTION_EXPERIMENT, true);
    } else if (pkt_parser_take_word(p, "md5")) {
        parse_blob(p, out, OPTION_MD5, false);
    } else {
        pkt_parser_fail(p, 0, "expected a TCP option: mss, wscale, sackOK, sack, TS, FO, FOEXP, md5, nop or eol");
    }
}

static void parse_options(struct pkt_parser *p, struct pkt_segment *segment, bool is_out)
{
    struct options out = {.segment = segment};
    if (!pkt_parser_take_char(p, '<'))
        return;
    if (p->lexer.token.kind == PKT_TOKEN_ELLIPSIS) {
        if (!is_out)
            pkt_parser_fail(p, 0, "<...> is for packets that are sent; what is received has options or none");
        segment->any_options = true;
        pkt_parser_next(p);
    } else {
        do
            parse_option(p, &out);
        while (pkt_parser_take_char(p, ','));
        if (out.is_full)
            pkt_parser_fail(p, 0, "the options are longer than 40 bytes");
        if (segment->options_len % 4 != 0)
            pkt_parser_fail(p, 0, "the options are %u bytes long, which is no multiple of four: add nop or eol",
                            segment->options_len);
    }
    pkt_parser_expect(p, '>', "behind the options");
}

/* ---- a segment ---- */

static void parse_ports(struct pkt_parser *p, struct pkt_segment *segment)
{
    if (p->lexer.token.kind != PKT_TOKEN_INTEGER)
        return;
    segment->src_port = (uint16_t)pkt_parser_integer(p, 1, 65535, "a port");
    pkt_parser_expect(p, '>', "between the ports");
    segment->dst_port = (uint16_t)pkt_parser_integer(p, 1, 65535, "a port");
}

static void parse_ack(struct pkt_parser *p, struct pkt_segment *segment)
{
    bool has_ack = pkt_parser_take_word(p, "ack");
    if (has_ack)
        segment->ack = parse_number32(p, "an acknowledgment number");
    if (has_ack && !(segment->flags & LOOK_ACK))
        pkt_parser_fail(p, 0, "'ack N' without the ACK flag: write a dot behind the other flags");
}

static void parse_segment(struct pkt_parser *p, struct pkt_segment *segment, bool is_out)
{
    parse_ports(p, segment);
    parse_flags(p, segment);
    parse_seq(p, &segment->seq, &segment->len);
    parse_ack(p, segment);
    segment->win_at = p->lexer.before;
    segment->has_win = pkt_parser_take_word(p, "win");
    if (segment->has_win)
        segment->win = (uint16_t)pkt_parser_integer(p, 0, 65535, "a window");
    segment->has_urg = pkt_parser_take_word(p, "urg");
    if (segment->has_urg)
        segment->urg = (uint16_t)pkt_parser_integer(p, 0, 65535, "an urgent pointer");
    parse_options(p, segment, is_out);
}

/* ---- ICMP ---- */

static void parse_icmp_code(struct pkt_parser *p, struct pkt_icmp *icmp, bool v6)
{
    const struct pkt_token token = p->lexer.token;
    bool is_code = token.kind == PKT_TOKEN_WORD && !pkt_parser_at_word(p, "mtu") && !pkt_parser_at_word(p, "id");
    if (!is_code)
        return;
    char *name = pkt_parser_text(p, &token);
    int code = hf_icmp_code_of(v6, icmp->type, name);
    if (code < 0)
        pkt_parser_fail(p, 0, "'%s' is no code of that ICMP type", name);
    icmp->code = (uint8_t)code;
    pkt_parser_next(p);
}

static void parse_icmp(struct pkt_parser *p, struct pkt_icmp *icmp)
{
    bool v6 = p->script->settings.is_v6;
    char *name = pkt_parser_text(p, &p->lexer.token);
    int type = p->lexer.token.kind == PKT_TOKEN_WORD ? hf_icmp_type_of(v6, name) : -1;
    if (type < 0) {
        pkt_parser_fail(p, 0, "'%s' is no ICMP%s type", name, v6 ? "v6" : "");
        return;
    }
    icmp->type = (uint8_t)type;
    pkt_parser_next(p);
    parse_icmp_code(p, icmp, v6);
    icmp->has_mtu = pkt_parser_take_word(p, "mtu");
    if (icmp->has_mtu)
        icmp->mtu = (uint32_t)pkt_parser_integer(p, 0, v6 ? UINT32_MAX : 65535, "an MTU");
    icmp->has_quote = pkt_parser_take_char(p, '[');
    if (icmp->has_quote) {
        parse_seq(p, &icmp->seq, &icmp->len);
        pkt_parser_expect(p, ']', "behind the quoted segment");
    }
}

void pkt_parse_packet(struct pkt_parser *p, struct pkt_event *event, bool is_out)
{
    struct pkt_segment segment = {.ecn = PKT_ECN_ANY, .tos = -1, .ttl = -1};
    parse_ip_info(p, &segment);
    if (!is_out && segment.ecn == PKT_ECN_ECT01)
        pkt_parser_fail(p, 0, "[ect01] is for packets that are sent");
    if (pkt_parser_take_word(p, "icmp")) {
        event->kind = is_out ? PKT_ICMP_OUT : PKT_ICMP_IN;
        event->icmp = (struct pkt_icmp){.type = 0};
        parse_icmp(p, &event->icmp);
        return;
    }
    if (pkt_parser_at_word(p, "udp") || pkt_parser_at_word(p, "ipv4") || pkt_parser_at_word(p, "ipv6") ||
        pkt_parser_at_word(p, "gre") || pkt_parser_at_word(p, "mpls")) {
        pkt_parser_fail(p, 0, "UDP and tunnels are not spoken here");
        return;
    }
    event->kind = is_out ? PKT_SEGMENT_OUT : PKT_SEGMENT_IN;
    parse_segment(p, &segment, is_out);
    event->segment = segment;
}

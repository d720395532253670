/*
 * The whole engine, against a stranger on the wire and a careless application. Input is a configuration and a list
 * of small commands: segments for live connections with numbers near those that matter, raw bytes as a frame, ICMP
 * about connections, neighbours that answer or lie; every call there is, on handles new and stale; time that
 * passes.
 *
 * Held true: all that flows.h judges; every invariant of every record after every command; what is read is what was
 * sent; with nothing to send the deadline lies ahead; a block that is moved in memory goes on working; when
 * everything was aborted and released and time has passed, every pool is empty.
 */
#include "flows.h"

#define CONNS       8
#define RECORDS     18     /* six whole ones, two listeners, three half-open and two in TIME-WAIT of each family */
#define MOST_FRAMES 4000   /* at one instant: more is a storm */
#define MOST_WAKES  100000 /* until an abandoned engine falls silent */

enum { ON_IP, ON_ETHERNET, LINKS };

static struct {
    struct hf_engine *e;
    size_t size;
    unsigned place; /* which of the two memories */
    hf_time now;
    struct hf_config config;
    struct hf_link_config link[LINKS];
    hf_conn conn[CONNS];
    unsigned next_conn;
    bool eager;      /* everything is sent after each command */
    bool has_forged; /* text that is not what stands there was sent: what is read proves nothing */
    bool answers;    /* neighbours tell their link address when asked */
} w;

static uint8_t *memory[2];
static uint8_t frame_data[HF_FRAME_MAX], forged[HF_FRAME_MAX];

/* ---- addresses: the engine is .1 on both links, strangers have other numbers ---- */

static struct hf_addr address(unsigned link, bool v4, uint8_t last)
{
    struct hf_addr a = {{0x20, 0x01, 0x0d, 0xb8, [5] = (uint8_t)link, [15] = last}};
    return v4 ? hf_addr_v4(10, 0, (uint8_t)link, last) : a;
}

/* Strangers .2 to .9, the engine itself, and nobody. */
static struct hf_addr stranger(struct input *in, unsigned *link)
{
    uint8_t who = in8(in);
    *link = who & 1;
    return address(*link, !(who & 2), (uint8_t)(who >> 2 & 32 ? 1 : 2 + (who >> 2 & 7)));
}

/* ---- frames in ---- */

static void put_frame(unsigned link, uint32_t len, uint8_t flags, uint16_t gso_size)
{
    static uint8_t sent[HF_FRAME_MAX];
    memcpy(sent, forged, len);
    struct hf_frame frame = {
        .data = forged, .len = len, .cap = len, .link = (hf_link)link, .flags = flags, .gso_size = gso_size};
    hf_input(w.e, w.now, &frame);
    require(memcmp(sent, forged, len) == 0); /* borrowed, not to be changed */
    require(frame.why > 0 && frame.why < HF_REASON_COUNT);
}

/* Where a datagram stands in forged[]. */
static uint8_t *datagram_of(unsigned link)
{
    return forged + (link == ON_ETHERNET ? HF_ETHERNET_LEN : 0);
}

static void put_datagram(unsigned link, const struct hf_ip *ip, uint32_t payload_len, uint8_t flags,
                         uint16_t gso_size)
{
    uint32_t len = hf_ip_write(ip, payload_len, datagram_of(link)) + payload_len;
    if (link == ON_ETHERNET) {
        struct hf_ethernet header = {.type = ip->is_v4 ? HF_ETHERTYPE_IPV4 : HF_ETHERTYPE_IPV6};
        memcpy(header.dst, w.link[link].mac, 6);
        memcpy(header.src, "\2\0\0\0\0", 5);
        header.src[5] = ip->src.bytes[15];
        hf_ethernet_write(&header, forged);
        len += HF_ETHERNET_LEN;
    }
    put_frame(link, len, flags, gso_size);
}

static struct hf_ip ip_between(const struct hf_addr *src, const struct hf_addr *dst, uint8_t protocol)
{
    return (struct hf_ip){.src = *src,
                          .dst = *dst,
                          .protocol = protocol,
                          .hop_limit = 64,
                          .is_v4 = hf_addr_is_v4(dst),
                          .dont_fragment = true};
}

static void seal(uint8_t *payload, uint32_t len, uint32_t at, const struct hf_ip *ip)
{
    bool has_pseudo = ip->protocol != HF_PROTOCOL_ICMP;
    payload[at] = payload[at + 1] = 0;
    uint32_t sum = hf_sum(payload, len);
    if (has_pseudo)
        sum = hf_sum_add(sum, hf_sum_pseudo(&ip->src, &ip->dst, ip->protocol, len));
    uint16_t checksum = hf_sum_finish(sum);
    memcpy(payload + at, &checksum, sizeof checksum);
}

/* ---- segments from strangers ---- */

enum { SPOIL_CHECKSUM = 1, SPOIL_TEXT = 2, IN_FRAGMENTS = 4, COALESCED = 8 };

/* The two halves of what stands in forged[] as one datagram, out of order. */
static void put_in_fragments(unsigned link, struct hf_ip *ip, uint32_t len)
{
    static uint8_t whole[4096];
    uint8_t *payload = datagram_of(link) + HF_IPV4_LEN;
    uint32_t cut = len / 2 / 8 * 8;
    memcpy(whole, payload, len);
    for (int first = 0; first < 2; first++) {
        uint32_t at = first ? 0 : cut, part = first ? cut : len - cut;
        memcpy(payload, whole + at, part);
        uint8_t *header = datagram_of(link);
        hf_ip_write(ip, part, header);
        hf_put16(header + 4, (uint16_t)len);
        hf_put16(header + 6, (uint16_t)(at / 8 | (first ? 0x2000u : 0)));
        hf_put16(header + 10, 0);
        uint16_t checksum = hf_sum_finish(hf_sum(header, HF_IPV4_LEN));
        memcpy(header + 10, &checksum, 2);
        uint32_t frame_len = HF_IPV4_LEN + part;
        if (link == ON_ETHERNET) {
            struct hf_ethernet e = {.src = {2, 0, 0, 0, 0, ip->src.bytes[15]}, .type = HF_ETHERTYPE_IPV4};
            memcpy(e.dst, w.link[link].mac, 6);
            hf_ethernet_write(&e, forged);
            frame_len += HF_ETHERNET_LEN;
        }
        put_frame(link, frame_len, 0, 0);
    }
}

static void put_segment(struct flow *f, struct hf_segment *seg, unsigned how)
{
    struct hf_ip ip = ip_between(&f->theirs.addr, &f->ours.addr, HF_PROTOCOL_TCP);
    uint8_t *tcp = datagram_of(f->link) + hf_ip_header_len(ip.is_v4);
    seg->src_port = f->theirs.port;
    seg->dst_port = f->ours.port;
    seg->len = seg->data_len + !!(seg->flags & HF_TCP_SYN) + !!(seg->flags & HF_TCP_FIN);
    uint32_t header_len = hf_tcp_write(seg, tcp), len = header_len + seg->data_len;
    fill_text(tcp + header_len, seg->seq.n + !!(seg->flags & HF_TCP_SYN), seg->data_len);
    if ((how & SPOIL_TEXT) && seg->data_len > 0) {
        memset(tcp + header_len, 0x5a, seg->data_len);
        w.has_forged = true;
    }
    seal(tcp, len, 16, &ip);
    note_sent(f, seg);
    if (how & SPOIL_CHECKSUM)
        tcp[16] ^= 0x55;
    if ((how & IN_FRAGMENTS) && ip.is_v4 && len >= 16 && len <= 4096)
        put_in_fragments(f->link, &ip, len);
    else
        put_datagram(f->link, &ip, len, 0, how & COALESCED ? 100 : 0);
}

/* A number near one that matters: a base and a small distance, 0 being the very one. */
static hf_seq near(struct input *in, const hf_seq bases[8])
{
    uint8_t choice = in8(in);
    hf_seq base = bases[choice & 7];
    if (choice >> 3 == 0)
        return base;
    if (choice & 0x80)
        return hf_seq_add(base, (uint32_t)(int32_t)(int16_t)in16(in));
    return hf_seq_add(base, (uint32_t)((choice >> 3) - 8));
}

static hf_seq near_their_seq(struct input *in, const struct flow *f)
{
    hf_seq expected = f->has_ack ? f->ack : f->next;
    const hf_seq bases[8] = {expected,
                             f->next,
                             f->right,
                             f->base,
                             hf_seq_sub(expected, 1),
                             hf_seq_add(expected, 0x80000000u),
                             hf_seq_sub(f->next, 1),
                             hf_seq_add(expected, 536)};
    return near(in, bases);
}

static hf_seq near_our_seq(struct input *in, const struct flow *f)
{
    const hf_seq bases[8] = {f->end,
                             f->una,
                             f->iss,
                             hf_seq_add(f->iss, 1),
                             hf_seq_sub(f->end, 1),
                             hf_seq_add(f->end, 1),
                             hf_seq_add(f->una, 536),
                             hf_seq_add(f->end, 0x80000000u)};
    return near(in, bases);
}

static uint16_t window_of(struct input *in)
{
    uint8_t choice = in8(in);
    if (choice == 0)
        return 65535;
    return choice < 128 ? (uint16_t)(choice - 1) : (uint16_t)((choice & 127) << 9);
}

static uint32_t length_of(struct input *in)
{
    static const uint16_t lengths[16] = {0,   1,   2,   7,    48,   100,  255,  256,
                                         257, 500, 536, 1000, 1220, 1448, 1460, 3000};
    return lengths[in8(in) & 15];
}

enum { NO_STAMP = 1, OLD_STAMP = 2, NO_ECHO = 4, SACKS = 8, OTHER_SYN = 16 };

/* None, the engine's last one, or one that it never made. */
static void fill_cookie(struct input *in, struct hf_tcp_opts *opts)
{
    uint8_t choice = in8(in);
    opts->cookie_len = choice & 1 ? cookie_len : (uint8_t)((choice >> 1 & 7) * 2);
    if (opts->cookie_len == 2)
        opts->cookie_len = 0;
    memcpy(opts->cookie, cookie, sizeof opts->cookie);
    opts->cookie[0] ^= choice >> 4;
}

/* Options as the flow's past suggests them, or otherwise. */
static void fill_options(struct input *in, struct flow *f, struct hf_segment *seg)
{
    uint8_t choice = in8(in);
    struct hf_tcp_opts *opts = &seg->opts;
    if (seg->flags & HF_TCP_SYN) {
        opts->present = HF_OPT_MSS | HF_OPT_WSCALE | HF_OPT_SACK_OK;
        opts->mss = 1460;
        opts->wscale = 2;
        if (choice & OTHER_SYN) {
            opts->present = in8(in) & (HF_OPT_MSS | HF_OPT_WSCALE | HF_OPT_SACK_OK | HF_OPT_FAST_OPEN);
            opts->mss = in16(in);
            opts->wscale = in8(in);
            fill_cookie(in, opts);
        }
    }
    if (!(choice & NO_STAMP)) {
        opts->present |= HF_OPT_TIMESTAMPS;
        opts->tsval = choice & OLD_STAMP ? f->clock - in8(in) * 1000u : f->clock++;
        opts->tsecr = choice & NO_ECHO ? in8(in) : f->tsval;
    }
    if (!(choice & SACKS) || (seg->flags & HF_TCP_SYN))
        return;
    opts->present |= HF_OPT_SACK;
    opts->sack_count = (uint8_t)(1 + (choice >> 5 & 3));
    for (unsigned i = 0; i < opts->sack_count; i++) {
        hf_seq from = near_our_seq(in, f);
        opts->sack[i] = (struct hf_sack_block){from, hf_seq_add(from, length_of(in))};
    }
}

static struct flow *pick_flow(struct input *in)
{
    unsigned first = in8(in);
    for (unsigned i = 0; i < FLOWS; i++)
        if (flows[(first + i) % FLOWS].is_used)
            return &flows[(first + i) % FLOWS];
    return NULL;
}

static void do_segment(struct input *in)
{
    struct flow *f = pick_flow(in);
    if (f == NULL)
        return;
    struct hf_segment seg = {.flags = in8(in) ^ HF_TCP_ACK};
    unsigned how = in8(in);
    seg.seq = near_their_seq(in, f);
    seg.ack = near_our_seq(in, f);
    seg.wnd = window_of(in);
    seg.data_len = length_of(in);
    fill_options(in, f, &seg);
    if (seg.flags & HF_TCP_URG)
        seg.up = in8(in) & 1 ? in16(in) : in8(in);
    put_segment(f, &seg, how & 0x80 ? how & 15 : 0);
}

/* A SYN from a stranger to a port where somebody may listen. */
static void do_syn(struct input *in)
{
    unsigned link;
    struct hf_endpoint theirs = {.addr = stranger(in, &link)}, ours;
    uint8_t ports = in8(in);
    theirs.port = 1000 + (ports & 3);
    ours = (struct hf_endpoint){address(link, hf_addr_is_v4(&theirs.addr), 1), (uint16_t)(80 + (ports >> 2 & 1))};
    if (ports >> 3 == 31)
        ours.addr =
            address(link, hf_addr_is_v4(&theirs.addr), 77); /* not the engine's: a link may be intercepted */
    struct flow *f = make_flow((hf_link)link, &ours, &theirs);
    struct hf_segment seg = {.flags = HF_TCP_SYN, .wnd = window_of(in), .seq = near_their_seq(in, f)};
    if (f->has_ack && hf_seq_lt(seg.seq, f->ack))
        f->has_ack = false; /* perhaps another life */
    fill_options(in, f, &seg);
    seg.data_len = seg.opts.present & HF_OPT_FAST_OPEN ? length_of(in) : 0;
    put_segment(f, &seg, 0);
}

/* An honest peer: acknowledges everything, in order, with some text of its own. */
static void do_honest(struct input *in)
{
    struct flow *f = pick_flow(in);
    if (f == NULL || !f->has_ack)
        return;
    struct hf_segment seg = {.flags = HF_TCP_ACK, .seq = f->ack, .ack = f->end, .wnd = 65535};
    seg.data_len = length_of(in);
    seg.opts.present = HF_OPT_TIMESTAMPS;
    seg.opts.tsval = f->clock++;
    seg.opts.tsecr = f->tsval;
    put_segment(f, &seg, 0);
}

/* ---- other frames ---- */

static void do_raw(struct input *in)
{
    const uint8_t *bytes;
    uint8_t link = in8(in);
    size_t len = in_bytes(in, in8(in) * 4u, &bytes);
    memcpy(forged, bytes, len);
    put_frame(link & 64 ? 7 : link & 1, (uint32_t)len, link >> 1 & 3, 0);
}

/* A datagram whose payload is raw. */
static void do_raw_payload(struct input *in)
{
    const uint8_t *bytes;
    unsigned link;
    struct hf_addr src = stranger(in, &link), dst = address(link, hf_addr_is_v4(&src), 1);
    struct hf_ip ip = ip_between(&src, &dst, in8(in) & 1 ? (uint8_t)(hf_addr_is_v4(&src) ? 1 : 58) : 6);
    uint8_t where = in8(in);
    if (where == 1)
        ip.dst = hf_addr_is_v4(&src) ? hf_addr_v4(255, 255, 255, 255) : (struct hf_addr){{0xff, 2, [15] = 1}};
    ip.hop_limit = where & 2 ? 255 : 64;
    uint8_t *payload = datagram_of(link) + hf_ip_header_len(ip.is_v4);
    uint32_t len = (uint32_t)in_bytes(in, in8(in) * 2u, &bytes);
    memcpy(payload, bytes, len);
    if (len >= 18)
        seal(payload, len, ip.protocol == HF_PROTOCOL_TCP ? 16 : 2, &ip);
    put_datagram(link, &ip, len, 0, 0);
}

/* An ICMP error about a flow, quoting a number near those in flight. */
static void do_icmp(struct input *in)
{
    struct flow *f = pick_flow(in);
    if (f == NULL)
        return;
    bool v4 = hf_addr_is_v4(&f->ours.addr);
    struct hf_ip ip = ip_between(&f->theirs.addr, &f->ours.addr, v4 ? HF_PROTOCOL_ICMP : HF_PROTOCOL_ICMP6);
    uint32_t header_len = hf_ip_header_len(v4);
    uint8_t *message = datagram_of(f->link) + header_len, choice = in8(in);
    static const uint8_t types[2][4] = {{2, 1, 4, 3}, {3, 3, 4, 12}};
    memset(message, 0, 8);
    message[0] = types[v4][choice & 3];
    message[1] = v4 && (choice & 3) == 0 ? 4 : choice >> 2 & 15;
    uint16_t mtu = in16(in);
    hf_put16(message + 6, mtu & 0x3fff);
    struct hf_ip quoted = ip_between(&f->ours.addr, &f->theirs.addr, HF_PROTOCOL_TCP);
    hf_ip_write(&quoted, 20, message + 8);
    uint8_t *tcp = message + 8 + header_len;
    hf_put16(tcp, f->ours.port);
    hf_put16(tcp + 2, f->theirs.port);
    hf_put32(tcp + 4, near_our_seq(in, f).n);
    seal(message, 16 + header_len, 2, &ip);
    put_datagram(f->link, &ip, 16 + header_len, 0, 0);
}

/* ---- neighbours on the Ethernet link ---- */

static void say_arp(uint16_t operation, uint8_t who, uint8_t mac, uint8_t about)
{
    struct hf_ethernet header = {
        .dst = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .src = {2, 0, 0, 0, 0, mac}, .type = HF_ETHERTYPE_ARP};
    struct hf_arp arp = {.operation = operation,
                         .sender_mac = {2, 0, 0, 0, 0, mac},
                         .sender = address(1, true, who),
                         .target = address(1, true, about)};
    if (operation == HF_ARP_REPLY)
        memcpy(header.dst, w.link[ON_ETHERNET].mac, 6);
    hf_ethernet_write(&header, forged);
    hf_arp_write(&arp, forged + HF_ETHERNET_LEN);
    put_frame(ON_ETHERNET, HF_ETHERNET_LEN + HF_ARP_LEN, 0, 0);
}

static void say_ndp(uint8_t type, uint8_t who, uint8_t mac, uint8_t about)
{
    struct hf_addr src = address(1, false, who), dst = address(1, false, 1);
    struct hf_ip ip = ip_between(&src, &dst, HF_PROTOCOL_ICMP6);
    struct hf_ndp ndp = {.type = type,
                         .is_solicited = true,
                         .is_override = true,
                         .mac = {2, 0, 0, 0, 0, mac},
                         .target = address(1, false, type == HF_NDP_SOLICITATION ? about : who)};
    uint8_t *message = datagram_of(ON_ETHERNET) + HF_IPV6_LEN;
    ip.hop_limit = 255;
    hf_ndp_write(&ndp, message);
    seal(message, HF_NDP_LEN, 2, &ip);
    put_datagram(ON_ETHERNET, &ip, HF_NDP_LEN, 0, 0);
}

static void do_neighbour(struct input *in)
{
    uint8_t choice = in8(in), who = (uint8_t)(1 + (choice >> 2 & 7)), mac = choice >> 5 ? who : in8(in);
    if (choice & 1)
        say_arp(choice & 2 ? HF_ARP_REPLY : HF_ARP_REQUEST, who, mac, in8(in) & 15);
    else
        say_ndp(choice & 2 ? HF_NDP_ADVERTISEMENT : HF_NDP_SOLICITATION, who, mac, in8(in) & 15);
}

/* ---- frames out ---- */

static void answer_arp(const uint8_t *packet, uint32_t len)
{
    struct hf_arp arp;
    require(hf_arp_parse(packet, len, &arp) == HF_ACCEPTED && len == HF_ARP_LEN);
    if (w.answers && arp.operation == HF_ARP_REQUEST)
        say_arp(HF_ARP_REPLY, arp.target.bytes[15], arp.target.bytes[15], 1);
}

static void answer_ndp(const uint8_t *packet, uint32_t len)
{
    struct hf_ndp ndp;
    struct hf_ip ip;
    if (hf_ip_parse(packet, len, &ip) != HF_ACCEPTED || ip.protocol != HF_PROTOCOL_ICMP6 ||
        !hf_ndp_is(ip.payload, ip.payload_len))
        return;
    require(hf_ndp_parse(ip.payload, ip.payload_len, ip.hop_limit, &ndp) == HF_ACCEPTED);
    if (w.answers && ndp.type == HF_NDP_SOLICITATION)
        say_ndp(HF_NDP_ADVERTISEMENT, ndp.target.bytes[15], ndp.target.bytes[15], 1);
}

static bool take_frame(void)
{
    struct hf_frame frame = {.data = frame_data, .cap = w.link[0].offload ? HF_FRAME_MAX : HF_FRAME_MIN_CAP};
    if (!hf_output(w.e, w.now, &frame))
        return false;
    require(frame.len <= frame.cap && frame.link < LINKS && frame.why > 0 && frame.why < HF_REASON_COUNT);
    struct hf_ethernet header = {.type = 0};
    if (frame.link == ON_ETHERNET) {
        require(hf_ethernet_parse(frame.data, frame.len, &header) == HF_ACCEPTED);
        require(memcmp(header.src, w.link[ON_ETHERNET].mac, 6) == 0);
    }
    uint32_t at = frame.link == ON_ETHERNET ? HF_ETHERNET_LEN : 0;
    if (header.type == HF_ETHERTYPE_ARP) {
        answer_arp(frame.data + at, frame.len - at);
        return true;
    }
    judge_datagram(w.e, &frame, &w.link[frame.link], frame.data + at);
    if (header.type == HF_ETHERTYPE_IPV6)
        answer_ndp(frame.data + at, frame.len - at);
    return true;
}

/* Everything that is to be sent now is; then, once what was asked meanwhile is filed, time may pass. */
static void drain(void)
{
    unsigned count = 0;
    for (unsigned turn = 0; turn < 3; turn++) {
        hf_advance(w.e, w.now);
        while (take_frame())
            require(++count < MOST_FRAMES);
    }
    require(hf_time_before(w.now, hf_deadline(w.e)));
}

/* ---- calls ---- */

static hf_conn *pick_conn(struct input *in)
{
    return &w.conn[in8(in) % CONNS];
}

static void keep(hf_conn conn)
{
    w.conn[w.next_conn++ % CONNS] = conn;
}

static struct hf_tcp_options some_options(struct input *in)
{
    uint8_t choice = in8(in);
    if (choice == 0)
        return (struct hf_tcp_options){0};
    return (struct hf_tcp_options){
        .backlog = choice & 1 ? 1 : 3,
        .no_delay = choice & 2,
        .keep_alive = choice & 4,
        .keep_idle_s = 10,
        .keep_interval_s = 5,
        .keep_count = 3,
        .user_timeout_ms = choice & 8 ? 3000 : 0,
        .send_buffer = choice & 16 ? 700 : 0,
        .receive_buffer = choice & 32 ? 900 : 0,
        .defer = choice & 64,
        .fast_open = choice & 128 ? 2 : 0,
        .traffic_class = choice,
    };
}

static void do_listen(struct input *in)
{
    struct hf_tcp_options options = some_options(in);
    uint8_t choice = in8(in);
    hf_conn listener;
    struct hf_endpoint local = {.port = 80 + (choice & 1)};
    if (choice & 2)
        local.addr = address(choice >> 2 & 1, choice & 8, 1);
    int error = choice >> 4 == 15 ? hf_tcp_intercept(w.e, choice & 1, &options, &listener)
                                  : hf_tcp_listen(w.e, &local, &options, &listener);
    if (error == HF_OK)
        keep(listener);
}

static void do_connect(struct input *in)
{
    struct hf_tcp_options options = some_options(in);
    unsigned link;
    struct hf_endpoint remote = {.addr = stranger(in, &link)}, local = {.port = 0};
    uint8_t choice = in8(in);
    hf_conn conn;
    remote.port = 80 + (choice & 1);
    if (choice & 2)
        local.port = 80 + (choice >> 2 & 1);
    if (choice & 8)
        local.addr = address(link, hf_addr_is_v4(&remote.addr), 1);
    if (hf_tcp_connect(w.e, &local, &remote, &options, &conn) == HF_OK)
        keep(conn);
}

static void do_accept(struct input *in)
{
    hf_conn conn;
    if (hf_tcp_accept(w.e, *pick_conn(in), &conn) == HF_OK)
        keep(conn);
}

/* Number of the next byte the application writes. */
static uint32_t write_position(hf_conn conn)
{
    const struct hf_tcp *c = hf_connection_of(w.e, conn);
    const struct hf_tcp_sending *s = c == NULL ? NULL : hf_tcp_sending_of(&w.e->tcp, c);
    if (c == NULL)
        return 0;
    return c->iss.n + 1 + (uint32_t)(s != NULL ? s->end : c->snd_base);
}

static void do_send(struct input *in)
{
    static uint8_t text[8192];
    hf_conn conn = *pick_conn(in);
    uint8_t choice = in8(in);
    uint32_t len = choice & 0x80 ? 64u * (choice & 127) : choice;
    fill_text(text, write_position(conn), len);
    int64_t taken = hf_tcp_send(w.e, conn, text, len, in8(in) & 3);
    require(taken <= (int64_t)len && (taken > 0 || taken < 0 || len == 0));
}

static void do_lend_send(struct input *in)
{
    hf_conn conn = *pick_conn(in);
    uint8_t *room;
    uint32_t at = write_position(conn), len = in8(in) * 8u;
    int64_t lent = hf_tcp_lend_send(w.e, conn, &room);
    require(lent != 0);
    if (lent < 0)
        return;
    len = HF_MIN((uint32_t)lent, len);
    fill_text(room, at, len);
    require(hf_tcp_sent(w.e, conn, len, in8(in) & 3) == HF_OK);
}

/* Number of the next byte the application reads; false when nothing is unread. */
static bool read_position(hf_conn conn, uint32_t *seq)
{
    const struct hf_tcp *c = hf_connection_of(w.e, conn);
    const struct hf_tcp_receiving *r = c == NULL ? NULL : hf_tcp_receiving_of(&w.e->tcp, c);
    if (r == NULL)
        return false;
    *seq = c->irs.n + 1 + (uint32_t)r->read;
    return true;
}

static void judge_read(bool expected, uint32_t seq, const uint8_t *text, int64_t len)
{
    if (len <= 0)
        return;
    require(expected);
    require(w.has_forged || is_text(text, seq, (size_t)len));
}

static void do_receive(struct input *in)
{
    static uint8_t text[8192];
    hf_conn conn = *pick_conn(in);
    uint32_t seq = 0, most = in8(in) * 32u;
    bool expected = read_position(conn, &seq);
    int64_t len = hf_tcp_receive(w.e, conn, text, most);
    require(len <= (int64_t)most);
    judge_read(expected, seq, text, len);
}

static void do_lend_received(struct input *in)
{
    hf_conn conn = *pick_conn(in);
    struct hf_span spans[3];
    unsigned count = 1 + in8(in) % 3;
    uint32_t seq = 0, some = in8(in) * 8u;
    bool expected = read_position(conn, &seq);
    int64_t len = hf_tcp_lend_received_spans(w.e, conn, spans, &count), judged = 0;
    for (unsigned i = 0; i < count; judged += (int64_t)spans[i++].len)
        judge_read(expected, seq + (uint32_t)judged, spans[i].data, (int64_t)spans[i].len);
    require(judged == HF_MAX(len, 0));
    if (len > 0)
        require(hf_tcp_received(w.e, conn, HF_MIN((size_t)len, some)) == HF_OK);
    else
        require(hf_tcp_received(w.e, conn, 5) != HF_OK);
}

static void do_status(struct input *in)
{
    struct hf_tcp_info info;
    struct hf_tcp_options options;
    hf_conn conn = *pick_conn(in);
    int known = hf_tcp_status(w.e, conn, &info);
    require(known == HF_OK || known == HF_ERR_STALE);
    if (hf_tcp_get_options(w.e, conn, &options) == HF_OK) {
        edges_may_move = edges_may_move || info.is_listener;
        options = some_options(in);
        require(hf_tcp_set_options(w.e, conn, &options) == HF_OK);
    }
}

/* A handle that was never handed out: whatever record there is, a child not yet accepted too. */
static void do_borrow(struct input *in)
{
    hf_conn conn = {0, 0};
    for (unsigned i = in8(in) % 16; i > 0; i--)
        if (!hf_tcp_next(w.e, &conn))
            return;
    keep(conn);
}

static void do_events(void)
{
    struct hf_event event;
    unsigned count = 0;
    while (hf_event(w.e, &event)) {
        require(event.fresh != 0 && (event.fresh & ~event.bits) == 0);
        require(++count <= w.config.max_connections + w.config.max_listeners);
    }
}

/* ---- time ---- */

static void do_time(struct input *in)
{
    uint8_t choice = in8(in);
    hf_time next = hf_deadline(w.e);
    if (choice == 0 && !hf_time_is_never(next))
        w.now = hf_time_before(w.now, next) ? next : w.now;
    else if (choice & 0x80)
        w.now = hf_time_add(w.now, (choice & 127) * HF_SECOND);
    else
        w.now = hf_time_add(w.now, choice * 5 * HF_MS);
    hf_advance(w.e, w.now);
}

/* The block moves; what was left behind is spoiled. */
static void do_move(void)
{
    struct hf_engine *old = w.e;
    w.place = 1 - w.place;
    memcpy(memory[w.place], old, w.size);
    memset(old, 0xdb, w.size);
    w.e = (struct hf_engine *)(void *)memory[w.place];
}

/* ---- the whole ---- */

static void check_all(void)
{
    hf_conn conn = {0, 0};
    unsigned count = 0;
    while (hf_tcp_next(w.e, &conn)) {
        require_sound(hf_tcp_check(w.e, conn));
        require(++count <= RECORDS);
    }
}

enum command {
    SEND_FRAMES,
    SEGMENT,
    HONEST,
    SYN,
    TIME,
    CONNECT,
    ACCEPT,
    SEND,
    RECEIVE,
    SHUTDOWN,
    CLOSE,
    ABORT,
    RELEASE,
    LISTEN,
    RAW,
    RAW_PAYLOAD,
    ICMP,
    NEIGHBOUR,
    LEND_SEND,
    LEND_RECEIVED,
    STATUS,
    BORROW,
    EVENTS,
    MOVE,
    ANSWER,
    ONE_FRAME,
    COMMANDS
};

static void frame_command(enum command command, struct input *in)
{
    switch (command) {
    case SEGMENT:
        do_segment(in);
        break;
    case HONEST:
        do_honest(in);
        break;
    case SYN:
        do_syn(in);
        break;
    case RAW:
        do_raw(in);
        break;
    case RAW_PAYLOAD:
        do_raw_payload(in);
        break;
    case ICMP:
        do_icmp(in);
        break;
    case NEIGHBOUR:
        do_neighbour(in);
        break;
    case ONE_FRAME:
        (void)take_frame();
        break;
    case SEND_FRAMES:
        drain();
        break;
    default:
        break;
    }
}

static void ending_call(enum command command, struct input *in)
{
    switch (command) {
    case SHUTDOWN:
        (void)hf_tcp_shutdown(w.e, *pick_conn(in));
        break;
    case CLOSE:
        (void)hf_tcp_close(w.e, *pick_conn(in));
        break;
    case ABORT:
        (void)hf_tcp_abort(w.e, *pick_conn(in));
        break;
    case RELEASE:
        (void)hf_tcp_release(w.e, *pick_conn(in));
        break;
    case ANSWER: {
        hf_conn conn = *pick_conn(in);
        (void)hf_tcp_answer(w.e, conn, (enum hf_answer)(in8(in) % 6));
        break;
    }
    default:
        break;
    }
}

static void call_command(enum command command, struct input *in)
{
    switch (command) {
    case CONNECT:
        do_connect(in);
        break;
    case ACCEPT:
        do_accept(in);
        break;
    case SEND:
        do_send(in);
        break;
    case RECEIVE:
        do_receive(in);
        break;
    case LISTEN:
        do_listen(in);
        break;
    case LEND_SEND:
        do_lend_send(in);
        break;
    case LEND_RECEIVED:
        do_lend_received(in);
        break;
    case STATUS:
        do_status(in);
        break;
    case BORROW:
        do_borrow(in);
        break;
    case EVENTS:
        do_events();
        break;
    case TIME:
        do_time(in);
        break;
    case MOVE:
        do_move();
        break;
    default:
        ending_call(command, in);
        break;
    }
}

/* Lets time pass, deadline by deadline. */
static void pass(hf_ns duration)
{
    hf_time end = hf_time_add(w.now, duration);
    for (unsigned wakes = 0;; wakes++) {
        drain();
        do_events();
        hf_time next = hf_deadline(w.e);
        if (hf_time_before(end, next))
            break;
        require(wakes < MOST_WAKES);
        w.now = next;
    }
    w.now = end;
}

/* Everything is given up; what is left must go by itself. */
static void wind_up(void)
{
    hf_conn conn = {0, 0};
    while (hf_tcp_next(w.e, &conn)) {
        (void)hf_tcp_abort(w.e, conn);
        (void)hf_tcp_release(w.e, conn);
        check_all();
    }
    pass(7200 * HF_SECOND);
    struct hf_stats stats;
    hf_stats(w.e, &stats);
    require(stats.half_open_used == 0 && stats.time_wait_used == 0);
    require(stats.connections_used == 0 && stats.blocks_used == 0 && stats.sending_used == 0);
    require(stats.receiving_used == 0 && stats.sent_used == 0 && stats.replies_used == 0 &&
            stats.fragments_used == 0);
    for (int s = 0; s < HF_STATE_COUNT; s++)
        require(stats.states[s] == 0);
}

/* ---- the world ---- */

static void configure(struct input *in)
{
    static const hf_ns origins[8] = {HF_SECOND, 0, -5 * HF_SECOND, 4294967 * HF_SECOND,
                                     ((hf_ns)1 << 61) - 3 * HF_SECOND};
    uint8_t choice = in8(in), more = in8(in);
    hf_config_defaults(&w.config);
    w.config.max_connections = 6;
    w.config.max_listeners = 2;
    w.config.max_half_open = 3;
    w.config.max_time_wait = 2;
    w.config.syn_cookies = (uint8_t)(choice % 3);
    w.config.max_sending = choice & 1 ? 2 : 0;
    w.config.max_receiving = choice & 1 ? 2 : 0;
    w.config.block_len = 256;
    w.config.max_blocks = choice & 2 ? 12 : 96;
    w.config.max_sent = choice & 4 ? 3 : 64;
    w.config.max_replies = choice & 4 ? 1 : 4;
    w.config.max_neighbours = 3;
    w.config.max_paths = 2;
    w.config.max_fragments = 1;
    w.config.max_fast_open = 2;
    w.config.fast_open = choice & 1;
    w.config.max_history = choice & 8 ? 8 : 0;
    w.config.window_scaling = !(choice & 16);
    w.config.timestamps = !(choice & 32);
    w.config.sack = !(choice & 64);
    w.config.cc = choice & 128 ? HF_CC_NEWRENO : HF_CC_CUBIC;
    w.config.send_buffer = more & 1 ? 1024 : 65536;
    w.config.receive_buffer = more & 1 ? 1024 : 200000;
    w.config.reset_on_overflow = more & 2;
    w.config.challenge_ack_limit = more & 4 ? 2 : 1000;
    w.eager = more & 8;
    w.answers = !(more & 16);
    w.now = (hf_time){origins[more >> 5]};
}

static void open_links(uint8_t choice)
{
    w.link[ON_IP] = (struct hf_link_config){.kind = HF_LINK_IP, .mtu = choice & 1 ? 1280 : 1500};
    w.link[ON_ETHERNET] = (struct hf_link_config){.kind = HF_LINK_ETHERNET, .mtu = 1500, .mac = {2, 9, 9, 9, 9, 9}};
    if (choice & 2)
        w.link[ON_IP].offload = w.link[ON_ETHERNET].offload = HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6;
    for (unsigned i = 0; i < LINKS; i++) {
        hf_link link;
        struct hf_addr v4 = address(i, true, 1), v6 = address(i, false, 1);
        require(hf_link_add(w.e, &w.link[i], &link) == HF_OK && link == i);
        require(hf_address_add(w.e, link, &v4, 24) == HF_OK && hf_address_add(w.e, link, &v6, 64) == HF_OK);
    }
}

static void open_world(struct input *in)
{
    memset(&w, 0, sizeof w);
    memset(flows, 0, sizeof flows);
    next_flow = 0;
    edges_may_move = false;
    cookie_len = 0;
    configure(in);
    w.size = hf_engine_size(&w.config);
    require(w.size > 0 && w.size < 1 << 20);
    for (int i = 0; i < 2; i++)
        if (memory[i] == NULL)
            require((memory[i] = aligned_alloc(64, 1 << 20)) != NULL);
    memset(memory[0], 0, w.size);
    w.e = hf_engine_create(memory[0], w.size, &w.config, w.now);
    require(w.e != NULL);
    open_links(in8(in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    open_world(&in);
    for (unsigned i = 0; in.left > 0 && i < 400; i++) {
        enum command command = in8(&in) % COMMANDS;
        frame_command(command, &in);
        call_command(command, &in);
        check_all();
        if (w.eager) {
            drain();
            check_all();
        }
    }
    wind_up();
    return 0;
}

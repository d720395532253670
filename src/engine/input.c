/*
 * A frame arrives: link, network and transport header, each parsed once, then TCP's SEGMENT ARRIVES with the record it
 * is for. Whoever drops it says why.
 *
 * Read first: engine.h. Read next: demux.c, tcp/segment_arrives.c, replies.c.
 */
#include "engine.h"

#include "../base/bytes.h"
#include "../icmp/errors_in.h"
#include "../wire/checksum.h"
#include "../wire/ndp.h"

#define PROTOCOL_UDP 17

/* ---- TCP ---- */

static bool has_neighbour(const struct hf_engine *e, const struct hf_tcp *c)
{
    return !hf_way_of(e, hf_slot(c))->is_local && hf_links_config(&e->links, c->link)->kind == HF_LINK_ETHERNET;
}

/* Progress over an Ethernet link proves that the neighbour is there (RFC 4861, 7.3). */
static void confirm_neighbour(struct hf_engine *e, const struct hf_tcp *c)
{
    const struct hf_way *way = hf_way_of(e, hf_slot(c));
    if (has_neighbour(e, c))
        hf_neighbours_confirm(&e->neighbours, c->link, &way->next, e->tcp.now);
}

/* MUST-20 */
void hf_doubt_neighbour(struct hf_engine *e, const struct hf_tcp *c)
{
    const struct hf_way *way = hf_way_of(e, hf_slot(c));
    if (has_neighbour(e, c))
        hf_neighbours_doubt(&e->neighbours, c->link, &way->next, e->tcp.now);
}

static enum hf_reason segment_for(struct hf_engine *e, struct hf_tcp *c, const struct hf_arrival *in,
                                  const struct hf_segment *seg)
{
    hf_seq una = c->snd.una;
    uint64_t note = hf_note_arrival(e, c, in, seg, c->state);
    struct hf_verdict verdict = hf_segment_arrives(&e->tcp, c, seg);
    hf_note_verdict(&e->tcp, note, c, verdict.why);
    if (!hf_seq_eq(una, c->snd.una))
        confirm_neighbour(e, c);
    if (verdict.reset != HF_REASON_NONE)
        hf_reply_reset(e, in, seg, verdict.reset);
    hf_settle(e, c);
    return verdict.why;
}

/* A SYN that the application answers has a record of its own from the start, for its handle. */
static enum hf_reason offer(struct hf_engine *e, uint32_t index, const struct hf_arrival *in,
                            const struct hf_segment *seg, const hf_seq *old_nxt)
{
    struct hf_listener *listener = hf_listener_at(e, index);
    struct hf_hop hop;
    if (!hf_way_back(e, in, &hop))
        return HF_DROP_IP_SOURCE;
    struct hf_tcp_path path = {{in->ip.dst, seg->dst_port}, {in->ip.src, seg->src_port}, .link = hop.link};
    hf_path_facts(e, &path);
    struct hf_tcp *c = hf_connection_new(e, &path, &hop, &listener->options);
    if (c == NULL)
        return HF_LIMIT_CONNECTIONS;
    if (old_nxt != NULL)
        hf_begin_beyond(c, *old_nxt);
    c->listener = index;
    c->own.phase = HF_PHASE_HALF_OPEN;
    uint64_t note = hf_note_arrival(e, c, in, seg, HF_LISTEN);
    hf_listen_spawn(&e->tcp, listener, c, seg);
    hf_note_verdict(&e->tcp, note, c, HF_ACCEPTED);
    hf_settle(e, c);
    return HF_ACCEPTED;
}

/* A SYN to a listener becomes a child. `old_nxt` is SND.NXT of the TIME-WAIT that it replaces, or NULL. */
static enum hf_reason spawn(struct hf_engine *e, uint32_t index, const struct hf_arrival *in,
                            const struct hf_segment *seg, const hf_seq *old_nxt)
{
    bool deferred = hf_listener_at(e, index)->options.defer;
    return deferred ? offer(e, index, in, seg, old_nxt) : hf_half_open_begin(e, index, in, seg, old_nxt);
}

static enum hf_reason refuse(struct hf_engine *e, const struct hf_arrival *in, const struct hf_segment *seg,
                             struct hf_verdict verdict, uint8_t state)
{
    uint64_t note = hf_note_arrival(e, NULL, in, seg, state);
    hf_note_verdict(&e->tcp, note, NULL, verdict.why);
    if (verdict.reset != HF_REASON_NONE)
        hf_reply_reset(e, in, seg, verdict.reset);
    return verdict.why;
}

static enum hf_reason segment_to_listener(struct hf_engine *e, uint32_t index, const struct hf_arrival *in,
                                          const struct hf_segment *seg)
{
    enum hf_reason why;
    if (hf_cookie_arrives(e, index, in, seg, &why))
        return why;
    struct hf_verdict verdict = hf_listen_arrives(&e->tcp, hf_listener_at(e, index), seg);
    if (verdict.why == HF_ACCEPTED)
        verdict.why = spawn(e, index, in, seg, NULL);
    return verdict.why == HF_ACCEPTED ? HF_ACCEPTED : refuse(e, in, seg, verdict, HF_LISTEN);
}

/* ---- TIME-WAIT, and who reopens it (RFC 9293, 3.6.1; RFC 6191) ---- */

/* The listener that takes a SYN which may reopen this TIME-WAIT, or HF_NONE. */
static uint32_t who_reopens(struct hf_engine *e, const struct hf_tcp *c, const struct hf_segment *seg)
{
    const struct hf_endpoint local = {c->local_addr, c->local_port};
    if (!hf_time_wait_may_reopen(c, seg))
        return HF_NONE;
    uint32_t index = hf_demux_taker(e, c->link, &local);
    if (index == HF_NONE || hf_listen_arrives(&e->tcp, hf_listener_at(e, index), seg).why != HF_ACCEPTED)
        return HF_NONE;
    return index;
}

static enum hf_reason segment_to_record(struct hf_engine *e, struct hf_tcp *c, const struct hf_arrival *in,
                                        const struct hf_segment *seg)
{
    uint32_t index = c->state == HF_TIME_WAIT ? who_reopens(e, c, seg) : HF_NONE;
    if (index == HF_NONE)
        return segment_for(e, c, in, seg);
    hf_seq old_nxt = c->snd.nxt;
    hf_time_wait_reopen(&e->tcp, c);
    hf_settle(e, c);
    return spawn(e, index, in, seg, &old_nxt);
}

static enum hf_reason segment_to_time_wait(struct hf_engine *e, uint32_t slot, const struct hf_arrival *in,
                                           const struct hf_segment *seg)
{
    bool is_syn = seg->flags & HF_TCP_SYN;
    uint32_t index = is_syn ? who_reopens(e, hf_small_unfold(e, slot), seg) : HF_NONE;
    if (index == HF_NONE)
        return hf_time_wait_arrives(e, slot, in, seg);
    hf_seq old_nxt = hf_time_wait_take(e, slot);
    return spawn(e, index, in, seg, &old_nxt);
}

static enum hf_reason segment_to_slot(struct hf_engine *e, uint32_t slot, const struct hf_arrival *in,
                                      const struct hf_segment *seg)
{
    switch (hf_place_of(e, slot)) {
    case HF_AT_CONNECTION:
        return segment_to_record(e, hf_record(e, slot), in, seg);
    case HF_AT_HALF_OPEN_V4:
    case HF_AT_HALF_OPEN_V6:
        return hf_half_open_arrives(e, slot, in, seg);
    default:
        return segment_to_time_wait(e, slot, in, seg);
    }
}

static hf_conn handle_of_slot(const struct hf_engine *e, uint32_t slot)
{
    return hf_place_of(e, slot) == HF_AT_CONNECTION ? hf_handle(hf_record(e, slot)) : hf_small_handle(e, slot);
}

/* The connection of a datagram that may not even be TCP's: told by the four numbers alone. */
static uint32_t find_connection(struct hf_engine *e, const struct hf_ip *ip)
{
    if (ip->protocol != HF_PROTOCOL_TCP || ip->payload_len < HF_TCP_HEADER_LEN)
        return HF_NONE;
    const struct hf_endpoint local = {ip->dst, hf_get16(ip->payload + 2)}, remote = {ip->src, hf_get16(ip->payload)};
    return hf_demux_find_next(e, &local, &remote);
}

static enum hf_reason find_owner(struct hf_engine *e, struct hf_frame *frame, const struct hf_arrival *in,
                                 const struct hf_segment *seg)
{
    const struct hf_endpoint local = {in->ip.dst, seg->dst_port};
    if (in->slot != HF_NONE) {
        frame->conn = handle_of_slot(e, in->slot);
        return segment_to_slot(e, in->slot, in, seg);
    }
    uint32_t index = hf_demux_taker(e, in->link, &local);
    if (index == HF_NONE)
        return refuse(e, in, seg, hf_segment_to_nobody(seg), HF_CLOSED);
    frame->conn = (hf_conn){hf_listener_slot(e, index), hf_listener_at(e, index)->generation};
    return segment_to_listener(e, index, in, seg);
}

static bool transport_sum_is_right(const struct hf_arrival *in, uint8_t protocol)
{
    if (in->frame->flags & (HF_FRAME_CSUM_VERIFIED | HF_FRAME_CSUM_PARTIAL))
        return true;
    uint32_t sum = hf_sum_pseudo(&in->ip.src, &in->ip.dst, protocol, in->ip.payload_len);
    return hf_sum_finish(hf_sum_add(sum, hf_sum(in->ip.payload, in->ip.payload_len))) == 0;
}

/* How many segments of the wire this frame stands for. */
static uint16_t count_coalesced(const struct hf_frame *frame, uint32_t data_len)
{
    if (frame->gso_size == 0 || data_len <= frame->gso_size)
        return 1;
    return (uint16_t)((data_len + frame->gso_size - 1) / frame->gso_size);
}

static enum hf_reason tcp_arrives(struct hf_engine *e, struct hf_frame *frame, const struct hf_arrival *in)
{
    struct hf_segment seg;
    if (in->is_group)
        return HF_DROP_TCP_ADDRESS; /* MUST-57 */
    enum hf_reason why = hf_tcp_parse(in->ip.payload, in->ip.payload_len, &seg);
    if (why == HF_DROP_TCP_SHORT || why == HF_DROP_TCP_OFFSET)
        return why;
    if (!transport_sum_is_right(in, HF_PROTOCOL_TCP))
        return HF_DROP_TCP_CHECKSUM; /* MUST-3 */
    if (why != HF_ACCEPTED)
        return why;
    seg.at = e->tcp.now;
    seg.traffic_class = in->ip.traffic_class;
    seg.coalesced = count_coalesced(frame, seg.data_len);
    return find_owner(e, frame, in, &seg);
}

/* ---- ICMP ---- */

static enum hf_reason ndp_arrives(struct hf_engine *e, const struct hf_arrival *in)
{
    struct hf_ndp ndp;
    enum hf_reason why = hf_ndp_parse(in->ip.payload, in->ip.payload_len, in->ip.hop_limit, &ndp);
    if (why != HF_ACCEPTED || in->link == HF_LINK_NONE || hf_links_config(&e->links, in->link)->kind != HF_LINK_ETHERNET)
        return HF_DROP_NEIGHBOUR;
    const struct hf_resolve_input input = {.link = in->link, .now = e->tcp.now, .ethernet = &in->ethernet};
    struct hf_resolve answer;
    if (hf_resolve_ndp(&e->neighbours, &e->links, &input, &in->ip, &ndp, &answer))
        hf_reply_resolve(e, &answer);
    return HF_DROP_NEIGHBOUR;
}

/* The way to `dst` is narrower than was thought: everybody who sends there is told. */
static void path_is_narrower(struct hf_engine *e, hf_link link, const struct hf_addr *dst, uint16_t reported)
{
    uint16_t link_mtu = hf_links_config(&e->links, link)->mtu;
    if (!hf_paths_lower(&e->paths, dst, reported, link_mtu, e->tcp.now))
        return;
    struct hf_path_mtu found = hf_paths_find(&e->paths, dst, link_mtu, e->tcp.now);
    for (uint32_t slot = 0; slot < e->tcp.connections.fresh; slot++) {
        struct hf_tcp *c = hf_record(e, slot);
        if (c->own.generation == 0 || !hf_addr_equal(&c->remote_addr, dst))
            continue;
        hf_way_of(e, slot)->may_fragment = found.may_fragment;
        hf_tcp_set_mtu(&e->tcp, c, found.mtu);
        hf_settle(e, c);
    }
}

/* MUST-54 */
static enum hf_reason error_arrives(struct hf_engine *e, struct hf_frame *frame, const struct hf_arrival *in)
{
    struct hf_icmp_error error;
    enum hf_reason why = hf_icmp_error_read(in->ip.protocol, in->ip.payload, in->ip.payload_len, &error);
    if (why != HF_ACCEPTED)
        return why;
    uint32_t slot = hf_demux_find(e, &error.local, &error.remote);
    if (slot == HF_NONE || hf_place_of(e, slot) != HF_AT_CONNECTION)
        return HF_DROP_ICMP_BAD; /* nobody there, or nobody whom advice could help */
    struct hf_tcp *c = hf_record(e, slot);
    hf_link link = c->link;
    frame->conn = hf_handle(c);
    const struct hf_icmp_quote quote = {.advice = error.advice, .seq = hf_seq_of(error.seq), .mtu = error.mtu};
    why = hf_tcp_icmp(&e->tcp, c, &quote);
    hf_settle(e, c);
    if (why == HF_ACCEPTED && error.advice == HF_ADVICE_PACKET_TOO_BIG)
        path_is_narrower(e, link, &error.remote.addr, error.mtu);
    return why;
}

static bool icmp_sum_is_right(const struct hf_arrival *in)
{
    if (!in->ip.is_v4)
        return transport_sum_is_right(in, HF_PROTOCOL_ICMP6);
    if (in->frame->flags & (HF_FRAME_CSUM_VERIFIED | HF_FRAME_CSUM_PARTIAL))
        return true;
    return hf_sum_finish(hf_sum(in->ip.payload, in->ip.payload_len)) == 0;
}

static enum hf_reason icmp_arrives(struct hf_engine *e, struct hf_frame *frame, const struct hf_arrival *in)
{
    if (in->ip.payload_len < 8 || !icmp_sum_is_right(in))
        return HF_DROP_ICMP_BAD;
    if (!in->ip.is_v4 && hf_ndp_is(in->ip.payload, in->ip.payload_len))
        return ndp_arrives(e, in);
    const struct hf_echo echo = {.src = in->ip.src, .message = in->ip.payload, .len = in->ip.payload_len};
    if (hf_echo_is_request(&echo)) {
        hf_reply_echo(e, in);
        return HF_DROP_ICMP;
    }
    return error_arrives(e, frame, in);
}

/* ---- IP ---- */

static enum hf_reason payload_arrives(struct hf_engine *e, struct hf_frame *frame, const struct hf_arrival *in)
{
    if (in->ip.protocol == HF_PROTOCOL_TCP)
        return tcp_arrives(e, frame, in);
    if (in->ip.protocol == (in->ip.is_v4 ? HF_PROTOCOL_ICMP : HF_PROTOCOL_ICMP6))
        return icmp_arrives(e, frame, in);
    hf_reply_error(e, in, in->ip.protocol == PROTOCOL_UDP ? HF_ICMP_PORT : HF_ICMP_PROTOCOL);
    return HF_DROP_PROTOCOL;
}

/* Reassembled data lies in a buffer of its own, and no device has looked at its checksum. */
static enum hf_reason fragment_arrives(struct hf_engine *e, struct hf_frame *frame, struct hf_arrival *in)
{
    struct hf_fragment fragment = hf_fragment_of(&in->ip, in->packet);
    struct hf_datagram whole;
    uint32_t evicted = e->fragments.evicted;
    enum hf_reason why = hf_fragments_add(&e->fragments, &fragment, e->tcp.now, &whole);
    e->tcp.reasons[HF_LIMIT_FRAGMENTS] += e->fragments.evicted - evicted;
    if (why != HF_ACCEPTED)
        return why;
    struct hf_frame joined = {.data = frame->data, .len = frame->len, .link = frame->link};
    in->frame = &joined;
    in->ip.payload = whole.data;
    in->ip.payload_len = whole.len;
    in->ip.protocol = whole.protocol;
    in->ip.traffic_class = whole.traffic_class;
    in->slot = find_connection(e, &in->ip);
    why = payload_arrives(e, &joined, in);
    frame->conn = joined.conn;
    return why;
}

/* Duplicate address detection asks from no address (RFC 4862, 5.4); everything else comes from somebody. */
static bool may_come_from_nobody(const struct hf_ip *ip)
{
    return !ip->is_v4 && hf_addr_is_any(&ip->src) && ip->protocol == HF_PROTOCOL_ICMP6 &&
           hf_ndp_is(ip->payload, ip->payload_len);
}

/* On a link that is intercepted the engine stands for every other host. */
static bool stands_for(const struct hf_engine *e, const struct hf_arrival *in)
{
    return hf_demux_interceptor(e, in->link) != HF_NONE &&
           hf_links_kind(&e->links, in->link, &in->ip.dst) == HF_ADDRESS_UNICAST;
}

/* Is it from somebody, and to us? */
static enum hf_reason check_addresses(const struct hf_engine *e, struct hf_arrival *in)
{
    enum hf_reason why = HF_ACCEPTED;
    bool looped = in->link == HF_LINK_NONE, is_group = false;
    if (!may_come_from_nobody(&in->ip))
        why = hf_links_source(&e->links, in->link, &in->ip.src, looped);
    if (why == HF_ACCEPTED)
        why = hf_links_destination(&e->links, in->link, &in->ip.dst, &is_group);
    if (why == HF_DROP_IP_DESTINATION && stands_for(e, in))
        why = HF_ACCEPTED;
    in->is_group = in->is_group || is_group;
    return why;
}

/* The addresses of a connection were looked at when it was made: what comes for it where it lives needs no second look. */
static bool is_for_connection(const struct hf_engine *e, const struct hf_arrival *in)
{
    if (in->slot == HF_NONE)
        return false;
    bool is_whole = hf_place_of(e, in->slot) == HF_AT_CONNECTION;
    return (is_whole ? hf_record(e, in->slot)->link : hf_small_at(e, in->slot)->link) == in->link;
}

static enum hf_reason datagram_arrives(struct hf_engine *e, struct hf_frame *frame, struct hf_arrival *in)
{
    enum hf_reason why = hf_ip_parse(in->packet, in->packet_len, &in->ip);
    if (why != HF_ACCEPTED)
        return why;
    bool whole = !in->ip.is_fragment || (!in->ip.is_v4 && in->ip.offset == 0 && !in->ip.more);
    in->slot = whole ? find_connection(e, &in->ip) : HF_NONE;
    if (!is_for_connection(e, in))
        why = check_addresses(e, in);
    if (why != HF_ACCEPTED)
        return why;
    return whole ? payload_arrives(e, frame, in) : fragment_arrives(e, frame, in);
}

/* ---- Ethernet ---- */

static enum hf_reason arp_arrives(struct hf_engine *e, const struct hf_arrival *in)
{
    struct hf_arp arp;
    enum hf_reason why = hf_arp_parse(in->packet, in->packet_len, &arp);
    if (why != HF_ACCEPTED)
        return why;
    const struct hf_resolve_input input = {.link = in->link, .now = e->tcp.now, .ethernet = &in->ethernet};
    struct hf_resolve answer;
    if (hf_resolve_arp(&e->neighbours, &e->links, &input, &arp, &answer))
        hf_reply_resolve(e, &answer);
    return HF_DROP_ARP;
}

static enum hf_reason ethernet_arrives(struct hf_engine *e, struct hf_frame *frame, struct hf_arrival *in)
{
    enum hf_reason why = hf_ethernet_parse(frame->data, frame->len, &in->ethernet);
    if (why != HF_ACCEPTED)
        return why;
    const uint8_t *ours = hf_links_config(&e->links, in->link)->mac;
    in->is_group = hf_mac_is_group(in->ethernet.dst);
    if (hf_mac_is_group(in->ethernet.src) || (!in->is_group && memcmp(in->ethernet.dst, ours, 6) != 0))
        return HF_DROP_LINK_ADDRESS;
    in->packet = frame->data + HF_ETHERNET_LEN;
    in->packet_len = frame->len - HF_ETHERNET_LEN;
    if (in->ethernet.type == HF_ETHERTYPE_ARP)
        return arp_arrives(e, in);
    if (in->ethernet.type != HF_ETHERTYPE_IPV4 && in->ethernet.type != HF_ETHERTYPE_IPV6)
        return HF_DROP_PROTOCOL;
    uint8_t version = in->packet_len > 0 ? in->packet[0] >> 4 : 0;
    if (version != (in->ethernet.type == HF_ETHERTYPE_IPV4 ? 4 : 6))
        return HF_DROP_IP_VERSION;
    return datagram_arrives(e, frame, in);
}

enum hf_reason hf_frame_arrives(struct hf_engine *e, struct hf_frame *frame)
{
    struct hf_arrival in;
    in.frame = frame;
    in.link = frame->link;
    in.is_group = false;
    in.packet = frame->data;
    in.packet_len = frame->len;
    if (in.link != HF_LINK_NONE && hf_links_config(&e->links, in.link)->kind == HF_LINK_ETHERNET)
        return ethernet_arrives(e, frame, &in);
    return datagram_arrives(e, frame, &in);
}

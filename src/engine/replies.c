/*
 * Stateless answers: resets, echoes, ICMP errors, ARP and neighbour discovery. Each is made from the frame it answers
 * alone and waits as a whole frame for hf_output; when all places are taken it is not made, counted.
 *
 * An answer goes back to the link address its question came from, so answering never waits for a neighbour.
 *
 * Read first: engine.h, input.c.
 */
#include "engine.h"

#include "../wire/checksum.h"

#define CHECKSUM_AT 16 /* in the TCP header */

/* ---- the queue ---- */

static struct hf_reply *reply_new(struct hf_engine *e, hf_link link)
{
    uint32_t index = hf_pool_take(&e->replies);
    if (index == HF_NONE) {
        hf_count(&e->tcp, HF_LIMIT_REPLIES);
        return NULL;
    }
    struct hf_reply *reply = hf_pool_at(&e->replies, index);
    reply->next = HF_NONE;
    reply->link = link;
    reply->len = 0;
    return reply;
}

static void reply_push(struct hf_engine *e, struct hf_reply *reply, enum hf_reason why)
{
    uint32_t index = hf_pool_index(&e->replies, reply);
    reply->why = (uint16_t)why;
    if (e->reply_queue.first == HF_NONE)
        e->reply_queue.first = index;
    else
        ((struct hf_reply *)hf_pool_at(&e->replies, e->reply_queue.last))->next = index;
    e->reply_queue.last = index;
}

static struct hf_reply *reply_pop(struct hf_engine *e)
{
    struct hf_reply *reply = hf_pool_at(&e->replies, e->reply_queue.first);
    e->reply_queue.first = reply->next;
    if (e->reply_queue.first == HF_NONE)
        e->reply_queue.last = HF_NONE;
    return reply;
}

/* What the engine says to itself goes round inside. */
static void loop_back(struct hf_engine *e, const struct hf_reply *reply)
{
    uint8_t packet[HF_REPLY_CAP];
    memcpy(packet, reply->data, reply->len);
    struct hf_frame frame = {.data = packet, .len = reply->len, .cap = sizeof packet, .link = HF_LINK_NONE};
    hf_pool_give(&e->replies, hf_pool_index(&e->replies, reply));
    hf_count(&e->tcp, hf_frame_arrives(e, &frame));
}

bool hf_reply_next(struct hf_engine *e, struct hf_frame *frame)
{
    while (e->reply_queue.first != HF_NONE) {
        struct hf_reply *reply = reply_pop(e);
        if (reply->link == HF_LINK_NONE) {
            loop_back(e, reply);
            continue;
        }
        hf_assert(frame->cap >= reply->len);
        hf_frame_clear(frame);
        memcpy(frame->data, reply->data, reply->len);
        frame->len = reply->len;
        frame->link = reply->link;
        frame->why = reply->why;
        hf_pool_give(&e->replies, hf_pool_index(&e->replies, reply));
        return true;
    }
    return false;
}

/* ---- headers ---- */

static bool is_ethernet(const struct hf_engine *e, hf_link link)
{
    return link != HF_LINK_NONE && hf_links_config(&e->links, link)->kind == HF_LINK_ETHERNET;
}

/* Where the datagram begins in the frame. */
static uint8_t *packet_of(const struct hf_engine *e, struct hf_reply *reply)
{
    return reply->data + (is_ethernet(e, reply->link) ? HF_ETHERNET_LEN : 0);
}

static void write_ethernet(const struct hf_engine *e, struct hf_reply *reply, const uint8_t mac[6], bool is_v4)
{
    struct hf_ethernet header = {.type = is_v4 ? HF_ETHERTYPE_IPV4 : HF_ETHERTYPE_IPV6};
    memcpy(header.dst, mac, 6);
    memcpy(header.src, hf_links_config(&e->links, reply->link)->mac, 6);
    hf_ethernet_write(&header, reply->data);
}

/* Bytes of payload a datagram of this family may have in a reply, and on its link. */
static uint32_t payload_cap(const struct hf_engine *e, hf_link link, bool is_v4)
{
    uint32_t most = HF_REPLY_CAP - HF_ETHERNET_LEN;
    if (link != HF_LINK_NONE)
        most = HF_MIN(most, (uint32_t)hf_links_config(&e->links, link)->mtu);
    return most - hf_ip_header_len(is_v4);
}

/* Headers go in front of the payload that stands at its place, and the reply into the queue. */
static void send_datagram(struct hf_engine *e, struct hf_reply *reply, const uint8_t mac[6], struct hf_ip *ip,
                          uint32_t payload_len, enum hf_reason why)
{
    ip->is_v4 = hf_addr_is_v4(&ip->dst);
    ip->hop_limit = e->tcp.config.ip_ttl;
    ip->id = 0;
    ip->dont_fragment = false;
    uint8_t *packet = packet_of(e, reply);
    uint32_t header_len = hf_ip_write(ip, payload_len, packet);
    if (is_ethernet(e, reply->link))
        write_ethernet(e, reply, mac, ip->is_v4);
    reply->len = (uint32_t)(packet - reply->data) + header_len + payload_len;
    reply_push(e, reply, why);
}

/* ---- segments of unfolded records ---- */

/* As it comes, so that the history shows it before what it causes. */
uint64_t hf_write_arrival(struct hf_engine *e, const struct hf_tcp *c, const struct hf_arrival *in,
                          const struct hf_segment *seg, uint8_t state)
{
    const struct hf_passed passed = {
        .seg = seg,
        .local = {in->ip.dst, seg->dst_port},
        .remote = {in->ip.src, seg->src_port},
        .kind = HF_NOTE_IN,
        .why = HF_ACCEPTED,
        .from = state,
    };
    return hf_note_segment(&e->tcp, c, &passed);
}

/* Where a segment goes when no question was just asked: over the route, to a neighbour as far as it is known. */
static bool find_hop(struct hf_engine *e, const struct hf_tcp *c, hf_link *link, uint8_t mac[6])
{
    struct hf_hop hop;
    if (!hf_way_to(e, &c->remote_addr, c->link, &hop))
        return false;
    *link = hop.is_local ? HF_LINK_NONE : hop.link;
    return !is_ethernet(e, *link) ||
           hf_neighbours_lookup(&e->neighbours, *link, &hop.next, e->tcp.now, mac) == HF_NEIGHBOUR_RESOLVED;
}

static void note_reply(struct hf_engine *e, const struct hf_tcp *c, const struct hf_segment *seg, enum hf_reason why)
{
    const struct hf_passed passed = {.seg = seg, .kind = HF_NOTE_OUT, .why = why, .from = c->state};
    if (hf_is_noting(e))
        (void)hf_note_segment(&e->tcp, c, &passed);
}

/* What cannot be sent was lost, as on a wire; the record's time, or the peer, asks again. */
static void forget_debts(struct hf_tcp *c)
{
    c->owed = 0;
    c->flags &= ~(uint32_t)HF_TF_OWE_RST;
}

static void reply_segment(struct hf_engine *e, struct hf_tcp *c, const struct hf_tcp_plan *plan, hf_link link,
                          const uint8_t mac[6])
{
    struct hf_reply *reply = reply_new(e, link);
    if (reply == NULL) {
        forget_debts(c);
        return;
    }
    struct hf_tcp_written written;
    uint8_t *tcp = packet_of(e, reply) + hf_ip_header_len(hf_addr_is_v4(&c->remote_addr));
    hf_tcp_output(&e->tcp, c, plan, tcp, false, &written);
    uint32_t sum = hf_sum_pseudo(&c->local_addr, &c->remote_addr, HF_PROTOCOL_TCP, written.len);
    uint16_t checksum = hf_sum_finish(hf_sum_add(sum, written.sum));
    memcpy(tcp + CHECKSUM_AT, &checksum, sizeof checksum);
    note_reply(e, c, &written.seg, plan->why);
    struct hf_ip ip = {
        .src = c->local_addr,
        .dst = c->remote_addr,
        .protocol = HF_PROTOCOL_TCP,
        .traffic_class = c->traffic_class,
    };
    send_datagram(e, reply, mac, &ip, written.len, plan->why);
}

void hf_reply_plan(struct hf_engine *e, struct hf_tcp *c, const struct hf_arrival *in, const struct hf_tcp_plan *plan)
{
    uint8_t mac[6] = {0};
    hf_link link;
    if (in != NULL) {
        link = in->link;
        memcpy(mac, in->ethernet.src, 6);
    } else if (!find_hop(e, c, &link, mac)) {
        forget_debts(c);
        return;
    }
    reply_segment(e, c, plan, link, mac);
}

void hf_reply_debts(struct hf_engine *e, struct hf_tcp *c, const struct hf_arrival *in)
{
    struct hf_tcp_plan plan;
    while ((plan = hf_tcp_plan(&e->tcp, c)).what != HF_SEND_NOTHING)
        hf_reply_plan(e, c, in, &plan);
}

/* ---- resets (RFC 9293, 3.5.2) ---- */

static void note_reset(struct hf_engine *e, const struct hf_arrival *in, const struct hf_segment *rst,
                       enum hf_reason why)
{
    if (!hf_is_noting(e))
        return;
    const struct hf_passed passed = {
        .seg = rst,
        .local = {in->ip.dst, rst->src_port},
        .remote = {in->ip.src, rst->dst_port},
        .kind = HF_NOTE_OUT,
        .why = why,
        .from = HF_CLOSED,
    };
    (void)hf_note_segment(&e->tcp, NULL, &passed);
}

void hf_reply_reset(struct hf_engine *e, const struct hf_arrival *in, const struct hf_segment *seg, enum hf_reason why)
{
    struct hf_segment rst;
    struct hf_reply *reply;
    if (!hf_reset_for(seg, &rst) || (reply = reply_new(e, in->link)) == NULL)
        return;
    uint8_t *tcp = packet_of(e, reply) + hf_ip_header_len(in->ip.is_v4);
    uint32_t len = hf_tcp_write(&rst, tcp);
    uint32_t sum = hf_sum_add(hf_sum(tcp, len), hf_sum_pseudo(&in->ip.dst, &in->ip.src, HF_PROTOCOL_TCP, len));
    uint16_t checksum = hf_sum_finish(sum); /* MUST-2 */
    memcpy(tcp + CHECKSUM_AT, &checksum, sizeof checksum);
    struct hf_ip ip = {.src = in->ip.dst, .dst = in->ip.src, .protocol = HF_PROTOCOL_TCP};
    note_reset(e, in, &rst, why);
    hf_count(&e->tcp, why);
    send_datagram(e, reply, in->ethernet.src, &ip, len, why);
}

/* ---- ICMP ---- */

static void send_icmp(struct hf_engine *e, struct hf_reply *reply, const uint8_t mac[6],
                      const struct hf_icmp_reply *icmp)
{
    struct hf_ip ip = {.src = icmp->src, .dst = icmp->dst, .protocol = icmp->protocol};
    hf_count(&e->tcp, icmp->why);
    send_datagram(e, reply, mac, &ip, icmp->len, icmp->why);
}

static void give_back(struct hf_engine *e, struct hf_reply *reply)
{
    hf_pool_give(&e->replies, hf_pool_index(&e->replies, reply));
}

void hf_reply_echo(struct hf_engine *e, const struct hf_arrival *in)
{
    struct hf_echo echo = {
        .src = in->ip.src,
        .dst = in->ip.dst,
        .is_group = in->is_group,
        .message = in->ip.payload,
        .len = in->ip.payload_len,
    };
    if (echo.is_group && !hf_links_choose_source(&e->links, in->link, &in->ip.src, &in->ip.src, &echo.ours))
        return;
    struct hf_reply *reply = reply_new(e, in->link);
    if (reply == NULL)
        return;
    struct hf_icmp_reply icmp;
    uint8_t *message = packet_of(e, reply) + hf_ip_header_len(in->ip.is_v4);
    if (hf_echo_reply(&echo, message, payload_cap(e, in->link, in->ip.is_v4), &icmp))
        send_icmp(e, reply, in->ethernet.src, &icmp);
    else
        give_back(e, reply);
}

static void send_error(struct hf_engine *e, hf_link link, const uint8_t mac[6], const struct hf_icmp_cause *cause)
{
    struct hf_reply *reply = reply_new(e, link);
    if (reply == NULL)
        return;
    struct hf_icmp_reply icmp;
    uint8_t *message = packet_of(e, reply) + hf_ip_header_len(hf_addr_is_v4(&cause->src));
    if (hf_icmp_error_write(&e->icmp_limit, e->tcp.now, cause, message, &icmp))
        send_icmp(e, reply, mac, &icmp);
    else
        give_back(e, reply);
}

void hf_reply_error(struct hf_engine *e, const struct hf_arrival *in, enum hf_icmp_cause_kind kind)
{
    const struct hf_icmp_cause cause = {
        .kind = kind,
        .src = in->ip.src,
        .dst = in->ip.dst,
        .packet = in->packet,
        .len = in->packet_len,
        .pointer = in->ip.protocol_at,
        .is_group = in->is_group,
    };
    send_error(e, in->link, in->ethernet.src, &cause);
}

/* The SYN as far as an ICMP error needs it, written anew from what the record knows. Returns its length. */
static uint32_t write_syn_again(const struct hf_engine *e, const struct hf_tcp *c, uint8_t *out)
{
    const struct hf_ip ip = {
        .src = c->remote_addr,
        .dst = c->local_addr,
        .protocol = HF_PROTOCOL_TCP,
        .hop_limit = e->tcp.config.ip_ttl,
        .is_v4 = hf_addr_is_v4(&c->remote_addr),
    };
    const struct hf_segment syn = {
        .src_port = c->remote_port,
        .dst_port = c->local_port,
        .seq = c->irs,
        .flags = HF_TCP_SYN,
    };
    uint32_t header_len = hf_ip_write(&ip, HF_TCP_HEADER_LEN, out);
    return header_len + hf_tcp_write(&syn, out + header_len);
}

void hf_reply_decline(struct hf_engine *e, const struct hf_tcp *c, enum hf_icmp_cause_kind kind)
{
    uint8_t packet[HF_IPV6_LEN + HF_TCP_HEADER_LEN], mac[6] = {0};
    const struct hf_way *way = hf_way_of(e, hf_slot(c));
    struct hf_icmp_cause cause = {.kind = kind, .src = c->remote_addr, .dst = c->local_addr, .packet = packet};
    cause.len = write_syn_again(e, c, packet);
    (void)hf_links_choose_source(&e->links, c->link, &c->remote_addr, &way->next, &cause.from);
    if (way->is_local)
        send_error(e, HF_LINK_NONE, mac, &cause);
    else if (!is_ethernet(e, c->link) ||
             hf_neighbours_lookup(&e->neighbours, c->link, &way->next, e->tcp.now, mac) == HF_NEIGHBOUR_RESOLVED)
        send_error(e, c->link, mac, &cause);
}

/* The only answer without a question at hand: the way back is looked up, and a neighbour nobody knows is not asked for. */
void hf_reply_expired(struct hf_engine *e, const struct hf_expired *expired)
{
    static const uint8_t nobody[6];
    const struct hf_icmp_cause cause = {
        .kind = HF_ICMP_REASSEMBLY,
        .src = expired->src,
        .dst = expired->dst,
        .packet = expired->packet,
        .len = expired->len,
    };
    struct hf_hop hop;
    uint8_t mac[6];
    if (expired->packet == NULL ||
        !hf_routes_find(&e->routes, &e->links, &expired->src, HF_LINK_NONE, &hop) || hop.is_local)
        return;
    if (!is_ethernet(e, hop.link))
        send_error(e, hop.link, nobody, &cause);
    else if (hf_neighbours_lookup(&e->neighbours, hop.link, &hop.next, e->tcp.now, mac) == HF_NEIGHBOUR_RESOLVED)
        send_error(e, hop.link, mac, &cause);
}

/* ---- ARP and neighbour discovery ---- */

void hf_reply_resolve(struct hf_engine *e, const struct hf_resolve *what)
{
    struct hf_reply *reply = reply_new(e, what->link);
    if (reply == NULL)
        return;
    enum hf_reason why = what->is_arp ? HF_WHY_ARP : HF_WHY_NEIGHBOUR;
    reply->len = hf_resolve_write(&e->links, what, reply->data);
    hf_count(&e->tcp, why);
    reply_push(e, reply, why);
}

void hf_reply_solicit(struct hf_engine *e)
{
    struct hf_solicitation owed;
    struct hf_resolve question;
    while (hf_pool_available(&e->replies) > 0 && hf_neighbours_owed(&e->neighbours, &owed))
        if (hf_resolve_ask(&e->links, &owed, &question))
            hf_reply_resolve(e, &question);
}

/*
 * ARP and neighbour discovery: who may teach the cache, who gets an answer, and how the packets look.
 *
 * Read first: resolve.h.
 */
#include "resolve.h"

#include "../wire/checksum.h"

#define NDP_HOP_LIMIT 255 /* RFC 4861, 7.1: proof that no router passed it on */

/* An address of ours that was given to this link. */
static bool answers_for(const struct hf_links *links, hf_link link, const struct hf_addr *addr)
{
    if (hf_links_kind(links, link, addr) != HF_ADDRESS_OURS)
        return false;
    return hf_addr_is_link_local(addr) || hf_links_owner(links, addr) == link;
}

/* ---- ARP ---- */

/* An answer is a reply sent to us alone; one sent to everybody was not asked for. */
static unsigned arp_flags(const struct hf_links *links, const struct hf_resolve_input *in, const struct hf_arp *arp)
{
    bool is_answer = arp->operation == HF_ARP_REPLY && !hf_mac_is_group(in->ethernet->dst) &&
                     answers_for(links, in->link, &arp->target);
    return is_answer ? HF_HEARD_ANSWER : 0;
}

bool hf_resolve_arp(struct hf_neighbours *n, const struct hf_links *links, const struct hf_resolve_input *in,
                    const struct hf_arp *arp, struct hf_resolve *answer)
{
    bool is_probe = hf_addr_is_any(&arp->sender); /* RFC 5227, 2.1: somebody asks whether the address is free */
    if (hf_mac_is_group(in->ethernet->src))
        return false;
    if (!is_probe && hf_links_source(links, in->link, &arp->sender, false) != HF_ACCEPTED)
        return false;
    if (!is_probe)
        hf_neighbours_heard(n, in->link, &arp->sender, arp->sender_mac, arp_flags(links, in, arp), in->now);
    if (arp->operation != HF_ARP_REQUEST || !answers_for(links, in->link, &arp->target))
        return false;
    *answer = (struct hf_resolve){
        .link = in->link,
        .is_arp = true,
        .arp = {.operation = HF_ARP_REPLY, .sender = arp->target, .target = arp->sender},
    };
    memcpy(answer->to_mac, arp->sender_mac, 6);
    memcpy(answer->arp.sender_mac, hf_links_config(links, in->link)->mac, 6);
    memcpy(answer->arp.target_mac, arp->sender_mac, 6);
    return true;
}

/* ---- neighbour discovery ---- */

static const struct hf_addr all_nodes = {{0xff, 0x02, [15] = 1}};

/* RFC 4861, 7.1.1 and 7.1.2: what the message and its IP header may not say together. */
static bool is_valid(const struct hf_ip *ip, const struct hf_ndp *ndp)
{
    if (hf_addr_is_multicast(&ndp->target))
        return false;
    if (ndp->type == HF_NDP_ADVERTISEMENT)
        return !ndp->is_solicited || !hf_addr_is_multicast(&ip->dst);
    struct hf_addr group = hf_addr_solicited_node(&ndp->target);
    return !hf_addr_is_any(&ip->src) || (!ndp->has_mac && hf_addr_equal(&ip->dst, &group));
}

static void learn_advertised(struct hf_neighbours *n, const struct hf_links *links, const struct hf_resolve_input *in,
                             const struct hf_ndp *ndp)
{
    if (hf_links_kind(links, in->link, &ndp->target) != HF_ADDRESS_UNICAST)
        return;
    /* A unicast answer may leave the address out (RFC 4861, 4.4): it is where the frame came from. */
    const uint8_t *mac = ndp->has_mac ? ndp->mac : in->ethernet->src;
    hf_neighbours_heard(n, in->link, &ndp->target, mac, ndp->is_solicited ? HF_HEARD_ANSWER : 0, in->now);
}

/* RFC 4861, 7.2.4: to who asked; who asks from no address yet is told through all nodes. */
static void advertise(const struct hf_links *links, const struct hf_resolve_input *in, const struct hf_ip *ip,
                      const struct hf_ndp *asked, struct hf_resolve *answer)
{
    bool is_probe = hf_addr_is_any(&ip->src);
    *answer = (struct hf_resolve){
        .link = in->link,
        .src = asked->target,
        .dst = is_probe ? all_nodes : ip->src,
        .ndp =
            {
                .type = HF_NDP_ADVERTISEMENT,
                .is_solicited = !is_probe,
                .is_override = true,
                .has_mac = true,
                .target = asked->target,
            },
    };
    memcpy(answer->ndp.mac, hf_links_config(links, in->link)->mac, 6);
    if (is_probe)
        hf_addr_group_mac(&all_nodes, answer->to_mac);
    else
        memcpy(answer->to_mac, asked->has_mac ? asked->mac : in->ethernet->src, 6);
}

bool hf_resolve_ndp(struct hf_neighbours *n, const struct hf_links *links, const struct hf_resolve_input *in,
                    const struct hf_ip *ip, const struct hf_ndp *ndp, struct hf_resolve *answer)
{
    bool is_probe = hf_addr_is_any(&ip->src);
    if (!is_valid(ip, ndp) || hf_mac_is_group(in->ethernet->src))
        return false;
    if (!is_probe && hf_links_source(links, in->link, &ip->src, false) != HF_ACCEPTED)
        return false;
    if (ndp->type == HF_NDP_ADVERTISEMENT) {
        if (!is_probe)
            learn_advertised(n, links, in, ndp);
        return false;
    }
    if (!answers_for(links, in->link, &ndp->target))
        return false;
    if (ndp->has_mac)
        hf_neighbours_heard(n, in->link, &ip->src, ndp->mac, 0, in->now);
    advertise(links, in, ip, ndp, answer);
    return true;
}

/* ---- asking ---- */

bool hf_resolve_ask(const struct hf_links *links, const struct hf_solicitation *owed, struct hf_resolve *question)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t *ours = hf_links_config(links, owed->link)->mac;
    struct hf_addr src;
    if (!hf_links_choose_source(links, owed->link, &owed->target, &owed->target, &src))
        return false;
    *question = (struct hf_resolve){.link = owed->link, .is_arp = hf_addr_is_v4(&owed->target), .src = src};
    if (question->is_arp) {
        memcpy(question->to_mac, owed->is_probe ? owed->mac : everybody, 6);
        question->arp = (struct hf_arp){.operation = HF_ARP_REQUEST, .sender = src, .target = owed->target};
        memcpy(question->arp.sender_mac, ours, 6);
        return true;
    }
    question->dst = owed->is_probe ? owed->target : hf_addr_solicited_node(&owed->target);
    question->ndp = (struct hf_ndp){.type = HF_NDP_SOLICITATION, .has_mac = true, .target = owed->target};
    memcpy(question->ndp.mac, ours, 6);
    if (owed->is_probe)
        memcpy(question->to_mac, owed->mac, 6);
    else
        hf_addr_group_mac(&question->dst, question->to_mac);
    return true;
}

/* ---- frames ---- */

static uint32_t write_ndp(const struct hf_resolve *what, uint8_t *out)
{
    const struct hf_ip ip = {
        .src = what->src,
        .dst = what->dst,
        .protocol = HF_PROTOCOL_ICMP6,
        .hop_limit = NDP_HOP_LIMIT,
    };
    uint8_t *message = out + hf_ip_write(&ip, HF_NDP_LEN, out);
    hf_ndp_write(&what->ndp, message);
    uint32_t sum = hf_sum_add(hf_sum(message, HF_NDP_LEN),
                              hf_sum_pseudo(&what->src, &what->dst, HF_PROTOCOL_ICMP6, HF_NDP_LEN));
    uint16_t checksum = hf_sum_finish(sum);
    memcpy(message + 2, &checksum, sizeof checksum);
    return HF_IPV6_LEN + HF_NDP_LEN;
}

uint32_t hf_resolve_write(const struct hf_links *links, const struct hf_resolve *what, uint8_t *out)
{
    struct hf_ethernet ethernet = {.type = what->is_arp ? HF_ETHERTYPE_ARP : HF_ETHERTYPE_IPV6};
    memcpy(ethernet.dst, what->to_mac, 6);
    memcpy(ethernet.src, hf_links_config(links, what->link)->mac, 6);
    hf_ethernet_write(&ethernet, out);
    if (!what->is_arp)
        return HF_ETHERNET_LEN + write_ndp(what, out + HF_ETHERNET_LEN);
    hf_arp_write(&what->arp, out + HF_ETHERNET_LEN);
    return HF_ETHERNET_LEN + HF_ARP_LEN;
}

/*
 * The packets of address resolution: what ARP and neighbour discovery that arrive teach and ask, and the packets that
 * answer and ask in turn, as whole Ethernet frames (RFC 826; RFC 4861, 7.2; RFC 4862, 5.4).
 *
 * We answer for an address on its own link only. A question is answered to the link address it came from, without a
 * look into the cache, so that being asked makes no entry (BUG-48). Duplicate address detection of others is answered;
 * we perform none ourselves, our addresses being configured.
 *
 * Read first: neighbours.h, links.h.
 */
#ifndef HF_IP_RESOLVE_H
#define HF_IP_RESOLVE_H

#include "../wire/ethernet.h"
#include "../wire/ip.h"
#include "../wire/ndp.h"
#include "links.h"
#include "neighbours.h"

/* An answer or a question to be sent. */
struct hf_resolve {
    hf_link link;
    bool is_arp;
    uint8_t to_mac[6];
    struct hf_addr src, dst; /* of the IPv6 header, not for ARP */
    struct hf_arp arp;       /* for ARP */
    struct hf_ndp ndp;       /* otherwise */
};

/* What both kinds of packet arrive with. */
struct hf_resolve_input {
    hf_link link;
    hf_time now;
    const struct hf_ethernet *ethernet;
};

/*
 * An ARP packet arrived: the cache learns from it what it may, and *answer is what to send. Returns true when there is
 * an answer. Ask hf_neighbours_news afterwards.
 */
bool hf_resolve_arp(struct hf_neighbours *n, const struct hf_links *links, const struct hf_resolve_input *in,
                    const struct hf_arp *arp, struct hf_resolve *answer);

/* The same for a solicitation or advertisement that came in `ip` and was read by hf_ndp_parse, checksum verified. */
bool hf_resolve_ndp(struct hf_neighbours *n, const struct hf_links *links, const struct hf_resolve_input *in,
                    const struct hf_ip *ip, const struct hf_ndp *ndp, struct hf_resolve *answer);

/* The question an owed solicitation is. False when the engine has no address to ask from. */
bool hf_resolve_ask(const struct hf_links *links, const struct hf_solicitation *owed, struct hf_resolve *question);

#define HF_RESOLVE_LEN (HF_ETHERNET_LEN + HF_IPV6_LEN + HF_NDP_LEN)

/* Writes the whole frame, checksum included, at `out` (room for HF_RESOLVE_LEN); returns its length. */
uint32_t hf_resolve_write(const struct hf_links *links, const struct hf_resolve *what, uint8_t *out);

#endif

/* Ethernet II (RFC 894; RFC 2464) and ARP over it (RFC 826). */
#ifndef HF_WIRE_ETHERNET_H
#define HF_WIRE_ETHERNET_H

#include "../../include/handfast/reasons.h"
#include "../../include/handfast/types.h"

#define HF_ETHERNET_LEN 14

enum {
    HF_ETHERTYPE_IPV4 = 0x0800,
    HF_ETHERTYPE_ARP = 0x0806,
    HF_ETHERTYPE_IPV6 = 0x86dd,
};

struct hf_ethernet {
    uint8_t dst[6], src[6];
    uint16_t type;
};

/* HF_ACCEPTED or HF_DROP_SHORT. */
enum hf_reason hf_ethernet_parse(const uint8_t *data, uint32_t len, struct hf_ethernet *header);
void hf_ethernet_write(const struct hf_ethernet *header, uint8_t out[HF_ETHERNET_LEN]);

/* Broadcast or multicast: the group bit of the first byte. */
static inline bool hf_mac_is_group(const uint8_t mac[6]) { return mac[0] & 1; }

#define HF_ARP_LEN 28

enum { HF_ARP_REQUEST = 1, HF_ARP_REPLY = 2 };

struct hf_arp {
    uint16_t operation; /* others than these two (RARP ...) are refused by the parser (BUG-48) */
    uint8_t sender_mac[6], target_mac[6];
    struct hf_addr sender, target;
};

/* Reads the packet behind the Ethernet header. HF_ACCEPTED, HF_DROP_SHORT, or HF_DROP_ARP for what is not IPv4 over
 * Ethernet, request or reply, or whose sender's address is a group's. */
enum hf_reason hf_arp_parse(const uint8_t *data, uint32_t len, struct hf_arp *arp);
void hf_arp_write(const struct hf_arp *arp, uint8_t out[HF_ARP_LEN]);

#endif

/* Ethernet and ARP. See ethernet.h. */
#include "ethernet.h"

#include "../base/base.h"
#include "../base/bytes.h"

enum hf_reason hf_ethernet_parse(const uint8_t *data, uint32_t len, struct hf_ethernet *header)
{
    if (len < HF_ETHERNET_LEN)
        return HF_DROP_SHORT;
    memcpy(header->dst, data, 6);
    memcpy(header->src, data + 6, 6);
    header->type = hf_get16(data + 12);
    return HF_ACCEPTED;
}

void hf_ethernet_write(const struct hf_ethernet *header, uint8_t out[HF_ETHERNET_LEN])
{
    memcpy(out, header->dst, 6);
    memcpy(out + 6, header->src, 6);
    hf_put16(out + 12, header->type);
}

/*
 *     0 hardware 1   2 protocol 0x0800   4 lengths 6, 4   6 operation
 *     8 sender mac  14 sender address   18 target mac    24 target address
 */

enum hf_reason hf_arp_parse(const uint8_t *data, uint32_t len, struct hf_arp *arp)
{
    if (len < HF_ARP_LEN)
        return HF_DROP_SHORT;
    if (hf_get16(data) != 1 || hf_get16(data + 2) != HF_ETHERTYPE_IPV4 || data[4] != 6 || data[5] != 4)
        return HF_DROP_ARP;
    arp->operation = hf_get16(data + 6);
    if (arp->operation != HF_ARP_REQUEST && arp->operation != HF_ARP_REPLY)
        return HF_DROP_ARP;
    memcpy(arp->sender_mac, data + 8, 6);
    memcpy(arp->target_mac, data + 18, 6);
    arp->sender = hf_addr_v4(data[14], data[15], data[16], data[17]);
    arp->target = hf_addr_v4(data[24], data[25], data[26], data[27]);
    return hf_mac_is_group(arp->sender_mac) ? HF_DROP_ARP : HF_ACCEPTED;
}

void hf_arp_write(const struct hf_arp *arp, uint8_t out[HF_ARP_LEN])
{
    hf_put16(out, 1);
    hf_put16(out + 2, HF_ETHERTYPE_IPV4);
    out[4] = 6;
    out[5] = 4;
    hf_put16(out + 6, arp->operation);
    memcpy(out + 8, arp->sender_mac, 6);
    memcpy(out + 14, arp->sender.bytes + 12, 4);
    memcpy(out + 18, arp->target_mac, 6);
    memcpy(out + 24, arp->target.bytes + 12, 4);
}

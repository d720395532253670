/*
 * Ethernet, ARP and neighbour discovery: parse, write, parse again. Held true: nothing is read beyond the end; what was
 * read and written reads back the same; nobody's link address is a group's.
 */
#include "../src/wire/ethernet.h"
#include "../src/wire/ndp.h"
#include "fuzz.h"

static void try_ethernet(const uint8_t *bytes, uint32_t len)
{
    struct hf_ethernet header;
    uint8_t out[HF_ETHERNET_LEN];
    enum hf_reason why = hf_ethernet_parse(bytes, len, &header);
    require((why == HF_ACCEPTED) == (len >= HF_ETHERNET_LEN));
    if (why != HF_ACCEPTED)
        return;
    hf_ethernet_write(&header, out);
    require(memcmp(out, bytes, HF_ETHERNET_LEN) == 0);
}

static void try_arp(const uint8_t *bytes, uint32_t len)
{
    struct hf_arp arp;
    uint8_t out[HF_ARP_LEN];
    if (hf_arp_parse(bytes, len, &arp) != HF_ACCEPTED)
        return;
    require(!hf_mac_is_group(arp.sender_mac));
    require(hf_addr_is_v4(&arp.sender) && hf_addr_is_v4(&arp.target));
    hf_arp_write(&arp, out);
    require(memcmp(out, bytes, HF_ARP_LEN) == 0);
}

static void try_ndp(const uint8_t *bytes, uint32_t len, uint8_t hop_limit)
{
    struct hf_ndp ndp, again;
    uint8_t out[HF_NDP_LEN];
    if (!hf_ndp_is(bytes, len) || hf_ndp_parse(bytes, len, hop_limit, &ndp) != HF_ACCEPTED)
        return;
    require(hop_limit == 255 && len >= 24);
    require(!ndp.has_mac || !hf_mac_is_group(ndp.mac));
    if (!ndp.has_mac)
        return;
    hf_ndp_write(&ndp, out);
    require(hf_ndp_parse(out, HF_NDP_LEN, 255, &again) == HF_ACCEPTED && again.has_mac && again.type == ndp.type);
    require(memcmp(again.mac, ndp.mac, 6) == 0 && hf_addr_equal(&again.target, &ndp.target));
    if (ndp.type == HF_NDP_ADVERTISEMENT)
        require(again.is_solicited == ndp.is_solicited && again.is_override == ndp.is_override);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t choice = in8(&in);
    size_t len;
    uint8_t *bytes = in_exact(&in, 512, &len);
    try_ethernet(bytes, (uint32_t)len);
    try_arp(bytes, (uint32_t)len);
    try_ndp(bytes, (uint32_t)len, choice & 1 ? 255 : choice);
    free(bytes);
    return 0;
}

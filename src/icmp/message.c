/* The checksum of a message we made. Read first: message.h. */
#include "message.h"

#include "../wire/checksum.h"

#define PROTOCOL_V4 1
#define PROTOCOL_V6 58

void hf_icmp_seal(struct hf_icmp_reply *reply, uint8_t *message)
{
    bool is_v4 = hf_addr_is_v4(&reply->src);
    reply->protocol = is_v4 ? PROTOCOL_V4 : PROTOCOL_V6;
    message[2] = message[3] = 0;
    uint32_t sum = hf_sum(message, reply->len);
    if (!is_v4)
        sum = hf_sum_add(sum, hf_sum_pseudo(&reply->src, &reply->dst, PROTOCOL_V6, reply->len));
    uint16_t checksum = hf_sum_finish(sum);
    memcpy(message + 2, &checksum, sizeof checksum);
}

/* The pseudo-header. See checksum.h. */
#include "checksum.h"

uint32_t hf_sum_pseudo(const struct hf_addr *src, const struct hf_addr *dst, uint8_t protocol, uint32_t len)
{
    bool is_v4 = hf_addr_is_v4(dst);
    size_t skip = is_v4 ? 12 : 0;
    uint8_t rest[8] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, protocol};
    uint32_t sum = hf_sum_add(hf_sum(src->bytes + skip, 16 - skip), hf_sum(dst->bytes + skip, 16 - skip));
    return hf_sum_add(sum, hf_sum(rest, sizeof rest));
}

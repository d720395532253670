/* The pseudo-header. See checksum.h. */
#include "checksum.h"

#include "../base/bytes.h"

uint32_t hf_sum_pseudo(const struct hf_addr *src, const struct hf_addr *dst, uint8_t protocol, uint32_t len)
{
    uint64_t sum = (uint64_t)hf_big32(protocol) + hf_big32(len);
    if (hf_addr_is_v4(dst)) {
        sum = hf_sum_words(sum, src->bytes + 12, 1);
        return hf_sum_fold(hf_sum_words(sum, dst->bytes + 12, 1));
    }
    sum = hf_sum_words(sum, src->bytes, 4);
    return hf_sum_fold(hf_sum_words(sum, dst->bytes, 4));
}

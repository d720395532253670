/* The pseudo-header. See checksum.h. */
#include "checksum.h"

#include "../base/bytes.h"

uint32_t hf_sum_pseudo(const struct hf_addr *src, const struct hf_addr *dst, uint8_t protocol, uint32_t len)
{
    unsigned words = hf_addr_is_v4(dst) ? 1 : 4; /* the last ones of the address */
    uint8_t rest[8] = {0, 0, 0, protocol};
    hf_put32(rest + 4, len);
    uint64_t sum = hf_sum_words(0, src->bytes + 16 - 4 * words, words);
    sum = hf_sum_words(sum, dst->bytes + 16 - 4 * words, words);
    return hf_sum_fold(hf_sum_words(sum, rest, 2));
}

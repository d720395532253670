/* The summing loops: 32-bit words into 64-bit accumulators, which compilers turn into vector code. */
#include "sum.h"

static inline uint64_t word_at(const uint8_t *data)
{
    uint32_t word;
    memcpy(&word, data, sizeof word);
    return word;
}

/* The last zero to three bytes, as they would stand in a zero-padded word. */
static inline uint64_t tail(const uint8_t *data, size_t len)
{
    uint32_t word = 0;
    memcpy(&word, data, len);
    return word;
}

uint32_t hf_sum(const uint8_t *data, size_t len)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (; len >= 64; data += 64, len -= 64) {
        for (unsigned i = 0; i < 64; i += 16) {
            a += word_at(data + i);
            b += word_at(data + i + 4);
            c += word_at(data + i + 8);
            d += word_at(data + i + 12);
        }
    }
    for (; len >= 4; data += 4, len -= 4)
        a += word_at(data);
    if (len > 0)
        b += tail(data, len);
    return hf_sum_fold(a + b + c + d);
}

/* In pieces that stay in the first-level cache: copied by memcpy, which nobody beats, then summed where it is warm. */
uint32_t hf_sum_copy(uint8_t *restrict out, const uint8_t *restrict data, size_t len)
{
    const size_t piece = 4096;
    uint32_t sum = 0;
    for (; len > piece; data += piece, out += piece, len -= piece) {
        memcpy(out, data, piece);
        sum = hf_sum_add(sum, hf_sum(out, piece));
    }
    memcpy(out, data, len);
    return hf_sum_add(sum, hf_sum(out, len));
}

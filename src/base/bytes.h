/* Big-endian numbers in byte strings, at any alignment. */
#ifndef HF_BASE_BYTES_H
#define HF_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t hf_get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t hf_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void hf_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void hf_put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}
/* A number as the machine word that stands big-endian in memory, and thus on the wire. */
static inline uint32_t hf_big32(uint32_t v)
{
    uint8_t bytes[4];
    uint32_t word;
    hf_put32(bytes, v);
    memcpy(&word, bytes, sizeof word);
    return word;
}

#endif

/* SipHash (Aumasson and Bernstein, 2012) and the generator made of it. See random.h. */
#include "random.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned by) { return x << by | x >> (64 - by); }

static inline void rounds(struct sip *s, unsigned count)
{
    while (count-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

static inline uint64_t little_endian(const uint8_t *p, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

static inline uint64_t sip(const struct hf_key *key, const uint8_t *data, size_t len, unsigned c, unsigned d)
{
    struct sip s = {
        key->k0 ^ 0x736f6d6570736575u,
        key->k1 ^ 0x646f72616e646f6du,
        key->k0 ^ 0x6c7967656e657261u,
        key->k1 ^ 0x7465646279746573u,
    };
    uint64_t last = (uint64_t)len << 56;
    for (; len >= 8; data += 8, len -= 8) {
        uint64_t word = little_endian(data, 8);
        s.v3 ^= word;
        rounds(&s, c);
        s.v0 ^= word;
    }
    last |= little_endian(data, len);
    s.v3 ^= last;
    rounds(&s, c);
    s.v0 ^= last;
    s.v2 ^= 0xff;
    rounds(&s, d);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t hf_siphash(const struct hf_key *key, const void *data, size_t len) { return sip(key, data, len, 2, 4); }

uint64_t hf_siphash13(const struct hf_key *key, const void *data, size_t len) { return sip(key, data, len, 1, 3); }

size_t hf_pair_bytes(const struct hf_endpoint *a, const struct hf_endpoint *b, uint8_t out[HF_PAIR_BYTES])
{
    bool is_v4 = hf_addr_is_v4(&a->addr) && hf_addr_is_v4(&b->addr);
    size_t len = is_v4 ? 4 : 16;
    memcpy(out, &a->port, 2);
    memcpy(out + 2, &b->port, 2);
    memcpy(out + 4, a->addr.bytes + 16 - len, len);
    memcpy(out + 4 + len, b->addr.bytes + 16 - len, len);
    return 4 + 2 * len;
}

void hf_random_init(struct hf_random *random, const uint8_t seed[16])
{
    *random = (struct hf_random){.key = {little_endian(seed, 8), little_endian(seed + 8, 8)}};
}

void hf_random_mix(struct hf_random *random, const uint8_t seed[16])
{
    uint64_t left = hf_siphash(&random->key, seed, 16);
    random->key.k0 ^= little_endian(seed, 8);
    random->key.k1 ^= little_endian(seed + 8, 8) ^ left;
}

uint64_t hf_random_next(struct hf_random *random)
{
    uint64_t counter = random->counter++;
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(counter >> (8 * i)); /* the same numbers on every machine */
    return hf_siphash(&random->key, bytes, sizeof bytes);
}

uint32_t hf_random_below(struct hf_random *random, uint32_t below)
{
    /* Multiply and shift, rejecting the few values that would make some results likelier. */
    uint32_t reject = (0u - below) % below;
    uint64_t product;
    do {
        product = (hf_random_next(random) >> 32) * below;
    } while ((uint32_t)product < reject);
    return (uint32_t)(product >> 32);
}

struct hf_key hf_random_key(struct hf_random *random)
{
    uint64_t k0 = hf_random_next(random);
    return (struct hf_key){k0, hf_random_next(random)};
}

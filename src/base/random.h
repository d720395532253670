/*
 * Secrets: SipHash-2-4 (Aumasson and Bernstein) as the keyed hash behind ISNs, ports and the demux table, and as a
 * counter-mode generator. Deterministic from the seed.
 */
#ifndef HF_BASE_RANDOM_H
#define HF_BASE_RANDOM_H

#include "../../include/handfast/types.h"
#include "base.h"

struct hf_key {
    uint64_t k0, k1;
};

uint64_t hf_siphash(const struct hf_key *key, const void *data, size_t len);
/*
 * What tells a pair of ends apart, for a keyed hash: ports and addresses, of two IPv4 addresses four bytes each. Ports
 * may be 0 where they do not count. Returns the length written to out[HF_PAIR_BYTES].
 */
#define HF_PAIR_BYTES 36
size_t hf_pair_bytes(const struct hf_endpoint *a, const struct hf_endpoint *b, uint8_t out[HF_PAIR_BYTES]);

/* SipHash-1-3: for tables, where speed counts and collisions cost only time. */
uint64_t hf_siphash13(const struct hf_key *key, const void *data, size_t len);

struct hf_random {
    struct hf_key key;
    uint64_t counter;
};

void hf_random_init(struct hf_random *random, const uint8_t seed[16]);
void hf_random_mix(struct hf_random *random, const uint8_t seed[16]);
uint64_t hf_random_next(struct hf_random *random);
/* Uniform in 0..below-1 (below > 0). */
uint32_t hf_random_below(struct hf_random *random, uint32_t below);
/* A key of its own for one purpose, drawn from the generator. */
struct hf_key hf_random_key(struct hf_random *random);

#endif

/* Draws for scenarios: splitmix64 (Steele, Lea, Flood), so that a seed means the same on every machine. */
#ifndef HF_SIM_CHANCE_H
#define HF_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

static inline uint64_t chance_draw(struct chance *c)
{
    c->state += 0x9e3779b97f4a7c15;
    uint64_t z = c->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Uniform in least..most; the bias of the remainder is far below what anybody would notice. */
static inline uint64_t chance_between(struct chance *c, uint64_t least, uint64_t most)
{
    return least + chance_draw(c) % (most - least + 1);
}

/* True once in n times. */
static inline bool chance_one_in(struct chance *c, uint64_t n)
{
    return chance_draw(c) % n == 0;
}

/* Between 1 and most: half of the time any, half of the time small numbers as likely as large ones. */
static inline uint64_t chance_size(struct chance *c, uint64_t most)
{
    if (chance_one_in(c, 2))
        return chance_between(c, 1, most);
    unsigned bits = 0;
    while (most >> bits > 1)
        bits++;
    uint64_t size = chance_between(c, 1, (UINT64_C(2) << chance_between(c, 0, bits)) - 1);
    return size < most ? size : most;
}

#endif

/*
 * Sets of byte ranges against a bit for each byte. Input is a list of 4-byte commands. Held true: the set and the bits
 * agree after every command; a refused addition changes nothing and is refused only when the array is full.
 */
#include "../src/base/ranges.h"
#include "bits.h"

static struct hf_ranges ranges;

static void compare(void)
{
    bool seen[SPAN + 1] = {false};
    require_sound(hf_ranges_check(&ranges));
    for (uint32_t i = 0; i < ranges.count; i++)
        for (uint64_t at = ranges.item[i].from; at < ranges.item[i].to; at++)
            seen[at - origin] = true;
    require(memcmp(seen, bits, sizeof bits) == 0);
    require(ranges.count == count_islands());
}

static void add(unsigned from, unsigned to)
{
    bool before[SPAN + 1];
    set_bits(from, to, before);
    if (!hf_ranges_add(&ranges, origin + from, origin + to)) {
        require(count_islands() > HF_RANGES_CAP);
        memcpy(bits, before, sizeof bits);
        return;
    }
    require(hf_ranges_has(&ranges, origin + from, origin + to));
}

static void ask(unsigned from, unsigned to)
{
    bool all = true;
    for (unsigned i = from; i < to; i++)
        all = all && bits[i];
    require(hf_ranges_has(&ranges, origin + from, origin + to) == all);
}

static void one(struct input *in)
{
    uint8_t choice = in8(in);
    unsigned from = (unsigned)(choice >> 4 << 6 | (in8(in) & 63)), len = in8(in);
    unsigned to = from + len < SPAN ? from + len : SPAN;
    if ((choice & 7) == 0)
        ask(from, to);
    else
        add(from, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    origin = in8(&in) & 1 ? UINT64_MAX - SPAN : UINT32_MAX - SPAN / 2;
    memset(bits, 0, sizeof bits);
    hf_ranges_init(&ranges);
    for (unsigned i = 0; in.left > 0 && i < 1000; i++) {
        one(&in);
        compare();
    }
    return 0;
}

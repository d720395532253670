/*
 * Sets of byte ranges against a bit for each byte. Input is a list of 4-byte commands. Held true: the set and the bits
 * agree after every command; a refused addition changes nothing and is refused only when the array is full; the range
 * that changed last is told first, each once.
 */
#include "../src/base/ranges.h"
#include "fuzz.h"

#define SPAN 1024u

static struct hf_ranges ranges;
static bool bits[SPAN + 1]; /* one more, always clear */
static uint64_t origin;

static unsigned count_islands(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SPAN; i++)
        count += bits[i] && !bits[i + 1];
    return count;
}

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
    memcpy(before, bits, sizeof bits);
    for (unsigned i = from; i < to; i++)
        bits[i] = true;
    struct hf_range newest;
    if (!hf_ranges_add(&ranges, origin + from, origin + to)) {
        require(count_islands() > HF_RANGES_CAP);
        memcpy(bits, before, sizeof bits);
        return;
    }
    require(hf_ranges_has(&ranges, origin + from, origin + to));
    if (from < to) {
        require(hf_ranges_recent(&ranges, &newest, 1) == 1);
        require(newest.from <= origin + from && newest.to >= origin + to);
    }
}

static void ask(unsigned from, unsigned to)
{
    bool all = true;
    for (unsigned i = from; i < to; i++)
        all = all && bits[i];
    require(hf_ranges_has(&ranges, origin + from, origin + to) == all);
}

/* Each range is told once, and none that is not there. */
static void tell(unsigned most)
{
    struct hf_range out[HF_RANGES_CAP + 1];
    most %= HF_RANGES_CAP + 2;
    unsigned count = hf_ranges_recent(&ranges, out, most);
    require(count == (most < ranges.count ? most : ranges.count));
    for (unsigned i = 0; i < count; i++) {
        require(hf_ranges_has(&ranges, out[i].from, out[i].to));
        for (unsigned j = 0; j < i; j++)
            require(out[i].from != out[j].from);
    }
}

static void one(struct input *in)
{
    uint8_t choice = in8(in);
    unsigned from = (unsigned)(choice >> 4 << 6 | (in8(in) & 63)), len = in8(in);
    unsigned to = from + len < SPAN ? from + len : SPAN;
    switch (choice & 7) {
    case 0:
        ask(from, to);
        break;
    case 1:
        hf_ranges_remove_below(&ranges, origin + from);
        memset(bits, 0, from);
        break;
    case 2:
        hf_ranges_remove_above(&ranges, origin + from);
        memset(bits + from, 0, SPAN - from);
        break;
    case 3:
        tell(len);
        break;
    default:
        add(from, to);
        break;
    }
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

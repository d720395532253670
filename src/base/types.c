/* Addresses and their text (RFC 4291, 2.2; RFC 5952). See include/handfast/types.h. */
#include "../../include/handfast/types.h"

#include "base.h"

/* ---- parsing ---- */

static int digit(char c, int base)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (base == 16 && c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (base == 16 && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads 1 to `most` digits; NULL when there are none, too many, or the number exceeds `limit`. */
static const char *number(const char *text, int base, int most, uint32_t limit, uint32_t *value)
{
    int count = 0;
    for (*value = 0; digit(*text, base) >= 0; text++) {
        if (++count > most)
            return NULL;
        *value = *value * (uint32_t)base + (uint32_t)digit(*text, base);
    }
    return count == 0 || *value > limit ? NULL : text;
}

/* Four decimal numbers to the end of the text. A leading zero is octal to some readers, and refused (RFC 6943, 3.1.1). */
static bool parse_v4(const char *text, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        uint32_t value;
        if (i > 0 && *text++ != '.')
            return false;
        bool is_ambiguous = text[0] == '0' && digit(text[1], 10) >= 0;
        text = number(text, 10, 3, 255, &value);
        if (text == NULL || is_ambiguous)
            return false;
        out[i] = (uint8_t)value;
    }
    return *text == '\0';
}

/* Puts `len` bytes read before and after "::" in their places. */
static void spread(uint8_t bytes[16], int gap, int len)
{
    if (gap < 0)
        return;
    int behind = len - gap;
    memmove(bytes + 16 - behind, bytes + gap, (size_t)behind);
    memset(bytes + gap, 0, (size_t)(16 - len));
}

static bool parse_v6(const char *text, uint8_t bytes[16])
{
    int len = 0, gap = -1;
    if (text[0] == ':' && text[1] != ':')
        return false;
    while (*text != '\0') {
        if (text[0] == ':' && text[1] == ':') {
            if (gap >= 0)
                return false;
            gap = len;
            text += 2;
            continue;
        }
        if (len > 0 && gap != len && *text++ != ':')
            return false;
        if (len <= 12 && parse_v4(text, bytes + len)) {
            len += 4;
            break;
        }
        uint32_t value;
        text = len < 16 ? number(text, 16, 4, 0xffff, &value) : NULL;
        if (text == NULL)
            return false;
        bytes[len++] = (uint8_t)(value >> 8);
        bytes[len++] = (uint8_t)value;
    }
    if (gap < 0 ? len != 16 : len > 14)
        return false;
    spread(bytes, gap, len);
    return true;
}

bool hf_addr_parse(const char *text, struct hf_addr *addr)
{
    struct hf_addr parsed = {{0}};
    uint8_t v4[4];
    if (parse_v4(text, v4))
        parsed = hf_addr_v4(v4[0], v4[1], v4[2], v4[3]);
    else if (!parse_v6(text, parsed.bytes))
        return false;
    *addr = parsed;
    return true;
}

/* ---- printing ---- */

static char *put_number(char *out, uint32_t value, uint32_t base)
{
    uint32_t unit = 1;
    while (value / unit >= base)
        unit *= base;
    for (; unit > 0; unit /= base)
        *out++ = "0123456789abcdef"[value / unit % base];
    return out;
}

static uint32_t group(const struct hf_addr *addr, int i)
{
    return (uint32_t)addr->bytes[2 * i] << 8 | addr->bytes[2 * i + 1];
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2). */
static void longest_zeros(const struct hf_addr *addr, int *from, int *len)
{
    *from = -1;
    *len = 1;
    for (int i = 0; i < 8; i++) {
        int end = i;
        while (end < 8 && group(addr, end) == 0)
            end++;
        if (end - i > *len) {
            *from = i;
            *len = end - i;
        }
        if (end > i)
            i = end;
    }
}

static char *print_v4(const uint8_t bytes[4], char *out)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *out++ = '.';
        out = put_number(out, bytes[i], 10);
    }
    return out;
}

static char *print_v6(const struct hf_addr *addr, char *out)
{
    int zeros, len;
    longest_zeros(addr, &zeros, &len);
    for (int i = 0; i < 8; i++) {
        if (i == zeros) {
            *out++ = ':';
            *out++ = ':';
            i += len - 1;
            continue;
        }
        if (i > 0 && out[-1] != ':')
            *out++ = ':';
        out = put_number(out, group(addr, i), 16);
    }
    return out;
}

char *hf_addr_print(const struct hf_addr *addr, char text[HF_ADDR_TEXT_LEN])
{
    char *end = hf_addr_is_v4(addr) ? print_v4(addr->bytes + 12, text) : print_v6(addr, text);
    *end = '\0';
    return text;
}

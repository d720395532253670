/*
 * Addresses and their text, against the C library's inet_pton and inet_ntop. Held true: we read exactly what it reads; what
 * we print is read back as the same address, by both; the sum of any bytes is RFC 1071's, and SipHash does not care where
 * its input lies.
 */
#include "../src/base/random.h"
#include "../src/base/sum.h"
#include "fuzz.h"

#include <handfast/types.h>

#include <arpa/inet.h>

static void try_text(const char *text)
{
    struct hf_addr addr, before;
    struct in_addr v4;
    struct in6_addr v6;
    memset(&addr, 0x5a, sizeof addr);
    before = addr;
    bool is_v4 = inet_pton(AF_INET, text, &v4) == 1, is_v6 = inet_pton(AF_INET6, text, &v6) == 1;
    require(hf_addr_parse(text, &addr) == (is_v4 || is_v6));
    if (is_v4)
        require(hf_addr_is_v4(&addr) && memcmp(addr.bytes + 12, &v4, 4) == 0);
    else if (is_v6)
        require(memcmp(addr.bytes, &v6, 16) == 0);
    else
        require(hf_addr_equal(&addr, &before));
}

static void try_address(const uint8_t bytes[16])
{
    struct hf_addr addr, again;
    char text[HF_ADDR_TEXT_LEN + 1], theirs[INET6_ADDRSTRLEN];
    memcpy(addr.bytes, bytes, 16);
    text[HF_ADDR_TEXT_LEN] = 0x5a;
    require(hf_addr_print(&addr, text) == text && text[HF_ADDR_TEXT_LEN] == 0x5a);
    require(hf_addr_parse(text, &again) && hf_addr_equal(&addr, &again));
    try_text(text);
    /* inet_ntop shows ::a.b.c.d and ::ffff:a.b.c.d in its own way; apart from these the two agree (RFC 5952). */
    static const uint8_t zero[10];
    if (memcmp(bytes, zero, sizeof zero) == 0)
        return;
    require(inet_ntop(AF_INET6, bytes, theirs, sizeof theirs) != NULL);
    require(strcmp(text, theirs) == 0);
}

static void try_sum(const uint8_t *bytes, size_t len)
{
    static uint8_t copy[256];
    uint32_t plain = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t pair[2] = {i % 2 ? 0 : bytes[i], i % 2 ? bytes[i] : 0};
        uint16_t word;
        memcpy(&word, pair, 2);
        plain = hf_sum_add(plain, word);
    }
    uint32_t sum = hf_sum(bytes, len);
    require(hf_sum_finish(sum) == hf_sum_finish(plain));
    require(hf_sum_copy(copy, bytes, len) == sum && (len == 0 || memcmp(copy, bytes, len) == 0));
    struct hf_key key = {len, 7};
    require(hf_siphash(&key, bytes, len) == hf_siphash(&key, copy, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t bytes[16];
    size_t len;
    uint8_t *part = in_exact(&in, 200, &len);
    char text[64] = {0};
    memcpy(text, part, len < 63 ? len : 63);
    try_text(text);
    for (int i = 0; i < 16; i++)
        bytes[i] = (size_t)i < len ? part[i] : 0;
    try_address(bytes);
    try_sum(part, len);
    free(part);
    return 0;
}

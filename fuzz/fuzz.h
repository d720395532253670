/* What the fuzz targets share: an input that is read a little at a time, and what happens to a broken property. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void broken(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
    abort();
}

#define require(holds) ((holds) ? (void)0 : broken(__FILE__, __LINE__, #holds))

/* For a check that returns NULL, or what is wrong in words. */
#define require_sound(check)                                                                                       \
    do {                                                                                                           \
        const char *wrong_ = (check);                                                                              \
        if (wrong_ != NULL)                                                                                        \
            broken(__FILE__, __LINE__, wrong_);                                                                    \
    } while (0)

/* Past its end an input goes on with zeros: zero ought to be the most ordinary choice everywhere. */
struct input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t in8(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline uint16_t in16(struct input *in)
{
    uint8_t high = in8(in);
    return (uint16_t)(high << 8 | in8(in));
}

static inline uint32_t in32(struct input *in)
{
    uint32_t high = in16(in);
    return high << 16 | in16(in);
}

/* Lends the next bytes, at most `most`. */
static inline size_t in_bytes(struct input *in, size_t most, const uint8_t **bytes)
{
    size_t len = in->left < most ? in->left : most;
    *bytes = in->at;
    in->at += len;
    in->left -= len;
    return len;
}

/* The same in memory of exactly their length, where a sanitizer sees the first byte read beyond them. The caller frees. */
static inline uint8_t *in_exact(struct input *in, size_t most, size_t *len)
{
    const uint8_t *bytes;
    *len = in_bytes(in, most, &bytes);
    uint8_t *copy = calloc(1, *len + (*len == 0));
    require(copy != NULL);
    if (*len > 0)
        memcpy(copy, bytes, *len);
    return copy;
}

/* The byte that stands at a sequence number, the same for whoever writes or reads it. */
static inline uint8_t text_at(uint32_t seq)
{
    return (uint8_t)(seq * 167 + (seq >> 8) * 31 + (seq >> 16));
}

static inline void fill_text(uint8_t *out, uint32_t seq, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = text_at(seq + (uint32_t)i);
}

static inline bool is_text(const uint8_t *data, uint32_t seq, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != text_at(seq + (uint32_t)i))
            return false;
    return true;
}

#endif

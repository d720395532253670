/* See memory.h. */
#include "memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    struct piece *before;
    max_align_t content[];
};

static void *or_end(void *memory)
{
    if (memory)
        return memory;
    fputs("handfast check: out of memory\n", stderr);
    exit(1);
}

void *pkt_take(struct pkt_memory *memory, size_t len)
{
    struct piece *piece = or_end(calloc(1, sizeof *piece + len));
    piece->before = memory->last;
    memory->last = piece;
    return piece->content;
}

char *pkt_take_text(struct pkt_memory *memory, const char *text, size_t len)
{
    char *copy = pkt_take(memory, len + 1);
    memcpy(copy, text, len);
    return copy;
}

void pkt_give_all(struct pkt_memory *memory)
{
    for (struct piece *piece = memory->last; piece;) {
        struct piece *before = piece->before;
        free(piece);
        piece = before;
    }
    memory->last = NULL;
}

void *pkt_grow(void *array, unsigned count, size_t size)
{
    bool is_power = (count & (count - 1)) == 0; /* 0, 1, 2, 4, ...: full, as far as doubling goes */
    if (!is_power)
        return array;
    return or_end(realloc(array, (count ? (size_t)count * 2 : 1) * size));
}

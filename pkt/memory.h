/*
 * Memory that lives as long as a script: taken in pieces, given back all at once. When the system has none left the
 * program says so and ends; a checker of scripts has nothing better to do then.
 */
#ifndef HF_PKT_MEMORY_H
#define HF_PKT_MEMORY_H

#include <stddef.h>

/* Zero-filled at first. */
struct pkt_memory {
    void *last; /* the newest piece, which links to the one before */
};

void *pkt_take(struct pkt_memory *memory, size_t len); /* zero-filled */
char *pkt_take_text(struct pkt_memory *memory, const char *text, size_t len);
void pkt_give_all(struct pkt_memory *memory);

/* Makes room for `count` + 1 items of `size` bytes in an array on the heap; returns the array, perhaps moved. */
void *pkt_grow(void *array, unsigned count, size_t size);

#endif

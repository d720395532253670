/* The whole libc that the engine needs, for machines without one: four functions, which every port has to bring. */
#ifndef HANDFAST_FREESTANDING_STRING_H
#define HANDFAST_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

#endif

/* The names that calls use for numbers: errno values, levels, options, flags. */
#ifndef HF_PKT_SYMBOLS_H
#define HF_PKT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the value of a name of `len` characters. */
bool pkt_symbol(const char *name, size_t len, int64_t *value);

/* The name of an errno value, "EAGAIN"; "errno N" is not needed because every value Handfast gives is in the table.
 */
const char *pkt_errno_name(int error);

#endif

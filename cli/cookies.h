/*
 * What a client remembers of servers that speak TCP Fast Open, in a file from one run to the next. It is JSON, an object
 * for each address: {"address", "mss", "cookie" (hex), "eaten", "rests_until" (seconds of the system's clock)}.
 */
#ifndef CLI_COOKIES_H
#define CLI_COOKIES_H

#include <handfast/tcp.h>

/* Gives the engine what the file holds; one that does not exist holds nothing. Returns 0, or EXIT_FAILED after having
 * complained. */
int cookies_load(struct hf_engine *e, const char *path);
/* Writes what the engine knows now in place of the file. False after having complained. */
bool cookies_save(const struct hf_engine *e, const char *path);

#endif

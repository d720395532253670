/*
 * DNS inside: PROGRAM asks the gateway's address at port 53, and its questions go on to the host's own resolver.
 */
#ifndef HF_RUN_RESOLVER_H
#define HF_RUN_RESOLVER_H

#include <handfast/types.h>

#define RESOLVER_TEXT_CAP 4096

/* Reads the host's /etc/resolv.conf (resolv.conf(5)): the first nameserver, port 0 when there is none, and what the
 * file shall say inside: the gateway as nameserver, and the host's search list and options. */
void resolver_read(const char *path, const struct hf_addr *gateway, struct hf_endpoint *nameserver,
                   char text[RESOLVER_TEXT_CAP]);

#endif

/* TCP_INFO and SO_MEMINFO in Linux's layout. Read first: sockets.h. */
#ifndef HF_SOCKETS_TCP_INFO_H
#define HF_SOCKETS_TCP_INFO_H

#include "sockets.h"

/* Each fills as much of `value` as *len has room for. What the engine does not count is 0. */
int64_t hf_sock_tcp_info(struct hf_sockets *s, struct hf_sock *sock, void *value, socklen_t *len);
int64_t hf_sock_memory_info(struct hf_sockets *s, struct hf_sock *sock, void *value, socklen_t *len);

#endif

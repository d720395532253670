/* TCP options <-> struct hf_tcp_opts (RFC 9293, 3.1 and 3.2; RFC 7323; RFC 2018; RFC 7413). */
#ifndef HF_WIRE_TCP_OPTIONS_H
#define HF_WIRE_TCP_OPTIONS_H

#include "tcp.h"

/* Reads `len` bytes of options. HF_ACCEPTED, or HF_DROP_TCP_OPTION when a length is below 2 or points past the end.
 * Unknown kinds are skipped (MUST-6, MUST-68); a known kind of the wrong length is ignored. */
enum hf_reason hf_tcp_options_parse(const uint8_t *options, uint32_t len, struct hf_tcp_opts *opts);

/* Writes them, padded to four bytes; returns the length, at most HF_TCP_OPTIONS_MAX. */
uint32_t hf_tcp_options_write(const struct hf_tcp_opts *opts, bool syn, uint8_t *out);

/* The length hf_tcp_options_write will give. */
uint32_t hf_tcp_options_len(const struct hf_tcp_opts *opts, bool syn);

#endif

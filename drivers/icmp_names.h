/*
 * The words that packetdrill has for ICMP types and codes, both ways: the trace prints them, a script's reader
 * takes them back. Whatever has no word is type_N or code_N.
 */
#ifndef HF_DRIVERS_ICMP_NAMES_H
#define HF_DRIVERS_ICMP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Lend static strings; NULL when there is no word for it. */
const char *hf_icmp_type_name(bool v6, uint8_t type);
const char *hf_icmp_code_name(bool v6, uint8_t type, uint8_t code);

/* The number for a word, type_N and code_N among them; -1 when it means nothing. */
int hf_icmp_type_of(bool v6, const char *name);
int hf_icmp_code_of(bool v6, uint8_t type, const char *name);

#endif

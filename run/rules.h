/*
 * Which destinations PROGRAM may reach, and what stands behind the gateway's address.
 *
 * The longest prefix that covers a destination decides, and one with a port before one without; at equal length the
 * later one. The list begins with the host's loopback and private networks denied (rules_defaults), so what is not
 * asked for is not reachable; the host's own addresses are denied too.
 */
#ifndef HF_RUN_RULES_H
#define HF_RUN_RULES_H

#include <handfast/types.h>
#include <netinet/in.h>

#define RULES_MAX 256

struct rule {
    struct hf_addr prefix;
    uint8_t len;   /* bits of the 128-bit form: IPv4 prefixes count from 96 */
    uint16_t port; /* 0 = every port */
    bool is_allowed;
};

struct rules {
    struct rule at[RULES_MAX];
    unsigned count;
    bool no_outbound;   /* nothing leaves but the answers to what came in */
    bool host_loopback; /* the gateway's address stands for the host's loopback */
    struct hf_addr gateway[2];
    struct hf_endpoint resolver; /* what answers at the gateway's port 53; port 0: nothing */
};

void rules_defaults(struct rules *rules);

/* Reads "ADDRESS[/LEN][:PORT]", "[V6][/LEN]:PORT" or "all" and appends it. False when it is none of these, or too
 * many. */
bool rules_add(struct rules *rules, const char *text, bool is_allowed);

/* True when PROGRAM may go there; *onward is then where the host's sockets shall connect to. */
bool rules_allow(const struct rules *rules, const struct hf_endpoint *destination, struct hf_endpoint *onward);

/* ---- endpoints as the host's sockets have them ---- */

socklen_t rules_sockaddr(const struct hf_endpoint *at, struct sockaddr_storage *out);
struct hf_endpoint rules_endpoint(const struct sockaddr_storage *from);

#endif

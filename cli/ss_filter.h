/*
 * Which connections `handfast ss` shows, in the words of ss(8):
 *
 *     [state STATE | exclude STATE]... [EXPRESSION]
 *
 *     expression = and { "or" and }            and = not { ["and"] not }
 *     not        = ["not"] ( "(" expression ")" | predicate )
 *     predicate  = ("src" | "dst") ["=" | "!="] ADDRESS[/LENGTH][:PORT]  |  ("sport" | "dport") COMPARISON [:]PORT
 *
 * STATE is a state's name, or all, connected, synchronized, bucket, big. | || & && ! and eq ne gt ge lt le are
 * understood as in ss.
 */
#ifndef CLI_SS_FILTER_H
#define CLI_SS_FILTER_H

#include "socket_row.h"

enum { FILTER_NODES = 64 };

/* Bits are 1 << enum hf_state. */
#define STATES_ALL          ((1u << HF_STATE_COUNT) - 1)
#define STATES_CONNECTED    (STATES_ALL & ~(1u << HF_LISTEN | 1u << HF_CLOSED))
#define STATES_SYNCHRONIZED (STATES_CONNECTED & ~(1u << HF_SYN_SENT))
#define STATES_BUCKET       (1u << HF_SYN_RECEIVED | 1u << HF_TIME_WAIT)
#define STATES_BIG          (STATES_ALL & ~STATES_BUCKET)

enum filter_kind { FILTER_OR, FILTER_AND, FILTER_NOT, FILTER_ADDRESS, FILTER_PORT };
enum filter_compare { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

struct filter_node {
    enum filter_kind kind;
    unsigned left, right; /* of OR, AND, NOT: other nodes */
    bool is_local;        /* src, sport */
    enum filter_compare compare;
    bool has_addr, has_port;
    struct hf_addr addr;
    uint8_t prefix_len; /* of all 128 bits */
    uint16_t port;
};

struct filter {
    unsigned states; /* bits */
    unsigned count;
    int root; /* -1: everything */
    struct filter_node nodes[FILTER_NODES];
};

/* Reads the words of a command line. `states` are those shown when the words name none. False with a message. */
bool filter_parse(struct filter *f, char *const *words, int count, unsigned states, char error[256]);

bool filter_matches(const struct filter *f, const struct socket_row *row);

/* The bits of a state's or group's name, in any case; 0 when there is no such name. */
unsigned filter_states(const char *name);

#endif

/* Reading and applying the filters of `handfast ss`: a recursive descent over a list of tokens. */
#define _GNU_SOURCE
#include "ss_filter.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOKENS_MAX = 256, TEXT_MAX = 4096, DEPTH_MAX = 32 };

struct reader {
    struct filter *filter;
    char text[TEXT_MAX]; /* all words; tokens point into `tokens_text` */
    char tokens_text[2 * TEXT_MAX];
    const char *tokens[TOKENS_MAX + 1];
    unsigned count, at, depth;
    char *error;
};

static bool fail(struct reader *r, const char *what, const char *word)
{
    if (r->error[0] == '\0')
        snprintf(r->error, 256, word == NULL ? "%s at the end of the filter" : "%s, not '%s'", what, word);
    return false;
}

/* ---- states ---- */

unsigned filter_states(const char *name)
{
    static const struct {
        const char *name;
        unsigned states;
    } groups[] = {
        {"all", STATES_ALL},
        {"connected", STATES_CONNECTED},
        {"synchronized", STATES_SYNCHRONIZED},
        {"bucket", STATES_BUCKET},
        {"big", STATES_BIG},
        {"listening", 1u << HF_LISTEN},
        {"close", 1u << HF_CLOSED},
        {"syn-recv", 1u << HF_SYN_RECEIVED},
        {"fin-wait1", 1u << HF_FIN_WAIT_1},
        {"fin-wait2", 1u << HF_FIN_WAIT_2},
        {"estab", 1u << HF_ESTABLISHED},
    };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strcasecmp(groups[i].name, name) == 0)
            return groups[i].states;
    for (int i = 0; i < HF_STATE_COUNT; i++)
        if (strcasecmp(hf_state_text((enum hf_state)i), name) == 0)
            return 1u << i;
    return 0;
}

/* ---- tokens ---- */

static size_t operator_len(const char *text)
{
    static const char *const operators[] = {"&&", "||", "!=", "==", "<=", ">=", "&",
                                            "|",  "!",  "=",  "<",  ">",  "(",  ")"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strncmp(text, operators[i], strlen(operators[i])) == 0)
            return strlen(operators[i]);
    return 0;
}

static bool cut_tokens(struct reader *r)
{
    const char *text = r->text;
    char *out = r->tokens_text;
    for (;;) {
        text += strspn(text, " \t\n");
        if (*text == '\0')
            return true;
        if (r->count == TOKENS_MAX)
            return fail(r, "a shorter filter is wanted", text);
        size_t len = operator_len(text);
        if (len == 0)
            len = strcspn(text, " \t\n&|!=<>()");
        r->tokens[r->count++] = out;
        memcpy(out, text, len);
        out[len] = '\0';
        out += len + 1;
        text += len;
    }
}

static const char *peek(const struct reader *r)
{
    return r->at < r->count ? r->tokens[r->at] : NULL;
}

static bool take(struct reader *r, const char *a, const char *b, const char *c)
{
    const char *token = peek(r);
    if (token == NULL)
        return false;
    bool is_it =
        strcmp(token, a) == 0 || (b != NULL && strcmp(token, b) == 0) || (c != NULL && strcmp(token, c) == 0);
    r->at += is_it;
    return is_it;
}

/* ---- nodes ---- */

static int add_node(struct reader *r, enum filter_kind kind, int left, int right)
{
    struct filter *f = r->filter;
    if (f->count == FILTER_NODES) {
        fail(r, "a simpler filter is wanted", peek(r));
        return -1;
    }
    f->nodes[f->count] = (struct filter_node){.kind = kind, .left = (unsigned)left, .right = (unsigned)right};
    return (int)f->count++;
}

/* ---- predicates ---- */

static bool parse_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number <= UINT16_MAX) {
        *port = (uint16_t)number;
        return true;
    }
    const struct servent *service = text[0] == '\0' ? NULL : getservbyname(text, "tcp");
    if (service == NULL)
        return false;
    *port = ntohs((uint16_t)service->s_port);
    return true;
}

static bool parse_prefix(struct filter_node *node, char *text)
{
    char *slash = strchr(text, '/'), *end;
    unsigned long len = 0;
    if (slash != NULL) {
        *slash = '\0';
        len = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0')
            return false;
    }
    if (!hf_addr_parse(text, &node->addr))
        return false;
    bool is_v4 = hf_addr_is_v4(&node->addr);
    unsigned longest = is_v4 ? 32 : 128;
    if (slash == NULL)
        len = longest;
    if (len > longest)
        return false;
    node->prefix_len = (uint8_t)(len + (is_v4 ? 96 : 0));
    node->has_addr = true;
    return true;
}

/* "10.0.0.0/8:80", ":80", "[fd77::1]:80", "fd77::/16", "*:80". Cuts `text` up. */
static bool parse_host(struct filter_node *node, char *text)
{
    char *port = NULL, *addr = text;
    if (text[0] == '[') {
        char *close = strchr(text, ']');
        if (close == NULL)
            return false;
        addr = text + 1;
        port = strchr(close, ':');
        memmove(close, close + 1, strlen(close)); /* "[fd77::]/16:80" has its length behind the bracket */
        if (port != NULL)
            port--;
    } else if (strchr(text, ':') == strrchr(text, ':')) {
        port = strchr(text, ':');
    }
    if (port != NULL) {
        *port++ = '\0';
        if (strcmp(port, "*") != 0 && !parse_port(port, &node->port))
            return false;
        node->has_port = strcmp(port, "*") != 0;
    }
    return addr[0] == '\0' || strcmp(addr, "*") == 0 || parse_prefix(node, addr);
}

static bool parse_compare(struct reader *r, enum filter_compare *compare)
{
    static const struct {
        const char *words[3];
        enum filter_compare compare;
    } words[] = {
        {{"=", "==", "eq"}, FILTER_EQ},   {{"!=", "ne", "neq"}, FILTER_NE}, {{"<", "lt", NULL}, FILTER_LT},
        {{"<=", "le", "leq"}, FILTER_LE}, {{">", "gt", NULL}, FILTER_GT},   {{">=", "ge", "geq"}, FILTER_GE},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (take(r, words[i].words[0], words[i].words[1], words[i].words[2])) {
            *compare = words[i].compare;
            return true;
        }
    }
    return false;
}

static int parse_address(struct reader *r, bool is_local)
{
    enum filter_compare compare = FILTER_EQ;
    char text[128];
    parse_compare(r, &compare);
    int index = add_node(r, FILTER_ADDRESS, 0, 0);
    if (index < 0)
        return -1;
    struct filter_node *node = &r->filter->nodes[index];
    snprintf(text, sizeof text, "%s", peek(r) == NULL ? "" : peek(r));
    node->is_local = is_local;
    node->compare = compare;
    if (peek(r) == NULL || (compare != FILTER_EQ && compare != FILTER_NE) || !parse_host(node, text)) {
        fail(r, "an address is wanted (like 10.0.0.0/8 or [fd00::1]:80; names are not looked up)", peek(r));
        return -1;
    }
    r->at++;
    return index;
}

static int parse_port_test(struct reader *r, bool is_local)
{
    enum filter_compare compare;
    if (!parse_compare(r, &compare)) {
        fail(r, "a comparison (= != < <= > >=) is wanted after a port", peek(r));
        return -1;
    }
    int index = add_node(r, FILTER_PORT, 0, 0);
    if (index < 0)
        return -1;
    struct filter_node *node = &r->filter->nodes[index];
    const char *text = peek(r);
    node->is_local = is_local;
    node->compare = compare;
    if (text == NULL || !parse_port(text[0] == ':' ? text + 1 : text, &node->port)) {
        fail(r, "a port is wanted (like :80 or :http)", text);
        return -1;
    }
    r->at++;
    return index;
}

/* ---- expressions ---- */

static int parse_or(struct reader *r);

static int parse_not(struct reader *r)
{
    int inner = -1;
    if (++r->depth > DEPTH_MAX)
        fail(r, "a simpler filter is wanted", peek(r));
    else if (take(r, "not", "!", NULL))
        inner = (inner = parse_not(r)) < 0 ? -1 : add_node(r, FILTER_NOT, inner, 0);
    else if (take(r, "(", NULL, NULL)) {
        inner = parse_or(r);
        if (inner >= 0 && !take(r, ")", NULL, NULL)) {
            fail(r, "a ')' is wanted", peek(r));
            inner = -1;
        }
    } else if (take(r, "src", NULL, NULL))
        inner = parse_address(r, true);
    else if (take(r, "dst", NULL, NULL))
        inner = parse_address(r, false);
    else if (take(r, "sport", NULL, NULL))
        inner = parse_port_test(r, true);
    else if (take(r, "dport", NULL, NULL))
        inner = parse_port_test(r, false);
    else
        fail(r, "one of state, exclude, src, dst, sport, dport, not or ( is wanted", peek(r));
    r->depth--;
    return inner;
}

/* Two predicates without a word between them both have to hold. */
static int parse_and(struct reader *r)
{
    int left = parse_not(r);
    while (left >= 0 && peek(r) != NULL && strcmp(peek(r), ")") != 0) {
        if (strcmp(peek(r), "or") == 0 || strcmp(peek(r), "|") == 0 || strcmp(peek(r), "||") == 0)
            break;
        take(r, "and", "&", "&&");
        int right = parse_not(r);
        left = right < 0 ? -1 : add_node(r, FILTER_AND, left, right);
    }
    return left;
}

static int parse_or(struct reader *r)
{
    int left = parse_and(r);
    while (left >= 0 && take(r, "or", "|", "||")) {
        int right = parse_and(r);
        left = right < 0 ? -1 : add_node(r, FILTER_OR, left, right);
    }
    return left;
}

/* ---- the whole ---- */

static bool parse_states(struct reader *r, unsigned states)
{
    unsigned named = 0, excluded = 0;
    bool has_named = false;
    for (;;) {
        bool is_exclude = take(r, "exclude", "excl", NULL);
        if (!is_exclude && !take(r, "state", NULL, NULL))
            break;
        unsigned bits = peek(r) == NULL ? 0 : filter_states(peek(r));
        if (bits == 0)
            return fail(r, "a state is wanted (like established, time-wait, connected or all)", peek(r));
        r->at++;
        if (is_exclude)
            excluded |= bits;
        else
            named |= bits;
        has_named = has_named || !is_exclude;
    }
    r->filter->states = (has_named ? named : excluded != 0 ? STATES_ALL : states) & ~excluded;
    return true;
}

static bool join_words(struct reader *r, char *const *words, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        int n = snprintf(r->text + len, sizeof r->text - len, "%s ", words[i]);
        if (n < 0 || (size_t)n >= sizeof r->text - len)
            return fail(r, "a shorter filter is wanted", words[i]);
        len += (size_t)n;
    }
    return true;
}

bool filter_parse(struct filter *f, char *const *words, int count, unsigned states, char error[256])
{
    struct reader r = {.filter = f, .error = error};
    error[0] = '\0';
    *f = (struct filter){.states = states, .root = -1};
    if (!join_words(&r, words, count) || !cut_tokens(&r) || !parse_states(&r, states))
        return false;
    if (r.count > r.at)
        f->root = parse_or(&r);
    if (error[0] == '\0' && r.at < r.count)
        fail(&r, "nothing more is wanted", peek(&r));
    return error[0] == '\0';
}

/* ---- matching ---- */

static bool is_within(const struct hf_addr *addr, const struct filter_node *node)
{
    if (hf_addr_is_v4(addr) != hf_addr_is_v4(&node->addr))
        return false;
    unsigned bytes = node->prefix_len / 8, bits = node->prefix_len % 8;
    if (memcmp(addr->bytes, node->addr.bytes, bytes) != 0)
        return false;
    return bits == 0 || ((addr->bytes[bytes] ^ node->addr.bytes[bytes]) >> (8 - bits)) == 0;
}

static bool matches_port(uint16_t port, const struct filter_node *node)
{
    switch (node->compare) {
    case FILTER_EQ:
        return port == node->port;
    case FILTER_NE:
        return port != node->port;
    case FILTER_LT:
        return port < node->port;
    case FILTER_LE:
        return port <= node->port;
    case FILTER_GT:
        return port > node->port;
    default:
        return port >= node->port;
    }
}

static bool matches(const struct filter *f, unsigned index, const struct socket_row *row)
{
    const struct filter_node *node = &f->nodes[index];
    const struct hf_endpoint *end = node->is_local ? &row->local : &row->remote;
    bool is_there;
    switch (node->kind) {
    case FILTER_OR:
        return matches(f, node->left, row) || matches(f, node->right, row);
    case FILTER_AND:
        return matches(f, node->left, row) && matches(f, node->right, row);
    case FILTER_NOT:
        return !matches(f, node->left, row);
    case FILTER_ADDRESS:
        is_there = (!node->has_addr || is_within(&end->addr, node)) && (!node->has_port || end->port == node->port);
        return is_there == (node->compare == FILTER_EQ);
    default:
        return matches_port(end->port, node);
    }
}

bool filter_matches(const struct filter *f, const struct socket_row *row)
{
    return (f->states & (1u << row->state)) != 0 && (f->root < 0 || matches(f, (unsigned)f->root, row));
}

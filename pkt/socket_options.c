/*
 * setsockopt and getsockopt of a script: NUMBER, [NUMBER], {onoff=1, linger=0} or "text" into bytes, and back.
 * What they mean is sockets/options.c. Read first: calls.h.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* [5] stands for 5 */
static const struct pkt_value *inside(const struct pkt_value *value)
{
    return value->kind == PKT_LIST && value->count == 1 ? &value->item[0] : value;
}

/* {onoff=1, linger=0}; false when it is something else. */
static bool read_linger(const struct pkt_value *value, struct linger *linger)
{
    const struct pkt_value *on = pkt_value_field(value, "onoff");
    const struct pkt_value *seconds = pkt_value_field(value, "linger");
    if (!on || !seconds)
        return false;
    *linger = (struct linger){.l_onoff = (int)on->number, .l_linger = (int)seconds->number};
    return true;
}

/* The length the script gives, as far as it is one of that value. */
static socklen_t length_of(const struct pkt_call *call, size_t most)
{
    const struct pkt_value *value = call->count > 4 ? inside(&call->argument[4]) : NULL;
    bool is_less = value && value->kind == PKT_NUMBER && value->number >= 0 && (size_t)value->number < most;
    return (socklen_t)(is_less ? (size_t)value->number : most);
}

int64_t pkt_call_setsockopt(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t level = 0, name = 0;
    if (!pkt_call_number(run, a, 1, &level) || !pkt_call_number(run, a, 2, &name) || a->call->count < 4)
        return 0;
    const struct pkt_value *value = inside(&a->call->argument[3]);
    struct linger linger;
    int number = (int)value->number;
    const void *data = &number;
    size_t len = sizeof number;
    if (read_linger(value, &linger)) {
        data = &linger;
        len = sizeof linger;
    } else if (value->kind == PKT_STRING) {
        data = value->text;
        len = value->len;
    } else if (value->kind != PKT_NUMBER) {
        return -EFAULT;
    }
    return hf_sock_set_option(&run->sockets, a->socket, (int)level, (int)name, data, length_of(a->call, len));
}

static void compare_linger(struct pkt_running *run, const struct pkt_attempt *a, const struct linger *is)
{
    struct linger wanted;
    bool is_given = a->call->count > 3 && read_linger(&a->call->argument[3], &wanted);
    if (is_given && (!wanted.l_onoff != !is->l_onoff || wanted.l_linger != is->l_linger))
        pkt_running_fail(run, a->event->line, "expected  %s\n  happened  {onoff=%d, linger=%d}", a->event->text,
                         is->l_onoff, is->l_linger);
}

int64_t pkt_call_getsockopt(struct pkt_running *run, struct pkt_attempt *a)
{
    int64_t level = 0, name = 0;
    union {
        int number;
        struct linger linger;
        uint8_t bytes[512];
    } value = {.bytes = {0}};
    socklen_t len = sizeof value;
    if (!pkt_call_number(run, a, 1, &level) || !pkt_call_number(run, a, 2, &name))
        return 0;
    int64_t answer = hf_sock_get_option(&run->sockets, a->socket, (int)level, (int)name, &value, &len);
    if (answer < 0)
        return answer;
    if (level == SOL_SOCKET && name == SO_LINGER)
        compare_linger(run, a, &value.linger);
    else if (len == sizeof value.number)
        pkt_call_compare(run, a, 3, value.number);
    return answer;
}

/*
 * cli/kernel.c against the kernel: sockets made on the loopback of a network namespace of the test's own are found,
 * each with its state.
 */
#define _GNU_SOURCE
#include "../../cli/kernel.h"

#include <handfast/driver.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct kernel *k;

/* Skips the test where no network namespace may be made. */
static void need_namespace(void)
{
    if (k == NULL)
        skip();
}

static int enter_namespace(void **state)
{
    (void)state;
    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER) < 0) {
        print_message("a network namespace may not be made: %s\n", strerror(errno));
        return 0;
    }
    assert_int_equal(hf_device_up("lo", 0), 0);
    k = kernel_open(-1);
    assert_non_null(k);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    kernel_close(k);
    return 0;
}

/* ---- a pair of sockets ---- */

struct pair {
    int listener, client, server;
    struct hf_endpoint client_end, server_end;
};

static struct hf_endpoint endpoint_of(int fd)
{
    struct sockaddr_in name;
    socklen_t len = sizeof name;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    const uint8_t *b = (const uint8_t *)&name.sin_addr;
    return (struct hf_endpoint){hf_addr_v4(b[0], b[1], b[2], b[3]), ntohs(name.sin_port)};
}

static int listen_on_loopback(bool defer_accept)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int seconds = 10;
    if (defer_accept)
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static void open_pair(struct pair *pair, bool defer_accept)
{
    pair->listener = listen_on_loopback(defer_accept);
    pair->server_end = endpoint_of(pair->listener);
    struct sockaddr_in name;
    socklen_t len = sizeof name;
    assert_int_equal(getsockname(pair->listener, (struct sockaddr *)&name, &len), 0);
    pair->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair->client, (struct sockaddr *)&name, len), 0);
    pair->client_end = endpoint_of(pair->client);
    pair->server = defer_accept ? -1 : accept(pair->listener, NULL, NULL);
}

static void close_pair(struct pair *pair)
{
    if (pair->server >= 0)
        close(pair->server);
    close(pair->client);
    close(pair->listener);
}

static enum hf_state client_state(const struct pair *pair)
{
    struct kernel_tcp found;
    int is_there = kernel_find(k, &pair->client_end, &pair->server_end, &found);
    assert_true(is_there >= 0);
    return is_there ? found.state : HF_CLOSED;
}

static enum hf_state server_state(const struct pair *pair)
{
    struct kernel_tcp found;
    int is_there = kernel_find(k, &pair->server_end, &pair->client_end, &found);
    assert_true(is_there >= 0);
    return is_there ? found.state : HF_CLOSED;
}

/* ---- tests ---- */

static void an_open_pair_is_found_from_both_ends(void **state)
{
    (void)state;
    need_namespace();
    struct pair pair;
    open_pair(&pair, false);
    assert_int_equal(write(pair.client, "hello", 5), 5);
    assert_int_equal(client_state(&pair), HF_ESTABLISHED);

    struct kernel_tcp found;
    assert_int_equal(kernel_find(k, &pair.server_end, &pair.client_end, &found), 1);
    assert_int_equal(found.state, HF_ESTABLISHED);
    assert_int_equal(found.receive_queue, 5);
    assert_memory_equal(&found.local, &pair.server_end, sizeof found.local);
    assert_memory_equal(&found.remote, &pair.client_end, sizeof found.remote);
    assert_true(found.has_info);
    assert_true(found.cwnd > 0 && found.mss > 0);
    close_pair(&pair);
}

static void each_side_of_a_close_is_read_in_its_own_state(void **state)
{
    (void)state;
    need_namespace();
    struct pair pair;
    open_pair(&pair, false);
    assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
    assert_in_range(client_state(&pair), HF_FIN_WAIT_1, HF_FIN_WAIT_2); /* The ACK of a FIN may be delayed. */
    assert_int_equal(server_state(&pair), HF_CLOSE_WAIT);
    close_pair(&pair);
}

static void time_wait_is_found_though_no_socket_is_left(void **state)
{
    (void)state;
    need_namespace();
    struct pair pair;
    open_pair(&pair, false);
    shutdown(pair.client, SHUT_WR);
    close_pair(&pair);
    struct kernel_tcp found;
    assert_int_equal(kernel_find(k, &pair.client_end, &pair.server_end, &found), 1);
    assert_int_equal(found.state, HF_TIME_WAIT);
    assert_int_equal(found.timer, KERNEL_TIMER_TIMEWAIT);
    assert_in_range(found.timer_ms, 50000, 60000);
    assert_false(found.has_info);
    assert_int_equal(server_state(&pair), HF_CLOSED);
}

/* A listener that defers accept keeps the half-open record until data comes. */
static void a_half_open_connection_is_found(void **state)
{
    (void)state;
    need_namespace();
    struct pair pair;
    open_pair(&pair, true);
    assert_int_equal(client_state(&pair), HF_ESTABLISHED);
    assert_int_equal(server_state(&pair), HF_SYN_RECEIVED);
    close_pair(&pair);
}

static void a_listener_is_no_answer_to_a_tuple(void **state)
{
    (void)state;
    need_namespace();
    int fd = listen_on_loopback(false);
    struct hf_endpoint here = endpoint_of(fd), nobody = {hf_addr_v4(127, 0, 0, 1), 1};
    struct kernel_tcp found;
    assert_int_equal(kernel_find(k, &here, &nobody, &found), 0);
    close(fd);
}

static void counts_are_of_one_namespace_only(void **state)
{
    (void)state;
    need_namespace();
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(here >= 0);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(hf_device_up("lo", 0), 0);
    struct pair pair;
    open_pair(&pair, false);

    uint32_t counts[HF_STATE_COUNT];
    struct kernel *there = kernel_open(-1), *back = kernel_open(here);
    assert_true(there != NULL && back != NULL);
    assert_int_equal(kernel_count(there, counts), 0);
    assert_int_equal(counts[HF_LISTEN], 1);
    assert_int_equal(counts[HF_ESTABLISHED], 2);
    assert_int_equal(kernel_count(back, counts), 0);
    assert_int_equal(counts[HF_LISTEN], 0);
    assert_int_equal(counts[HF_ESTABLISHED], 0);

    kernel_close(there);
    kernel_close(back);
    close_pair(&pair);
    close(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_pair_is_found_from_both_ends),
        cmocka_unit_test(each_side_of_a_close_is_read_in_its_own_state),
        cmocka_unit_test(time_wait_is_found_though_no_socket_is_left),
        cmocka_unit_test(a_half_open_connection_is_found),
        cmocka_unit_test(a_listener_is_no_answer_to_a_tuple),
        cmocka_unit_test(counts_are_of_one_namespace_only),
    };
    return cmocka_run_group_tests(tests, enter_namespace, leave);
}

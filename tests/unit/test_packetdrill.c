/* libhandfast_packetdrill.so as packetdrill sees it: one struct of functions, and a clock that they alone move. */
#define _GNU_SOURCE
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "../../packetdrill/interface.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static struct packetdrill_interface ifc;
static int (*close_fd)(int fd);
static int (*get_option)(int fd, int level, int name, void *value, socklen_t *len);

/* What packetdrill asks libc for directly must be found here, by the name it was linked with. */
static bool is_preloadable(void *object, const char *name)
{
    Dl_info where;
    void *symbol = dlsym(object, name);
    return symbol && dladdr(symbol, &where) && strstr(where.dli_fname, "libhandfast_packetdrill");
}

static int load(void **state)
{
    (void)state;
    void *object = dlopen(HANDFAST_PACKETDRILL, RTLD_NOW | RTLD_LOCAL);
    void (*init)(const char *, struct packetdrill_interface *) = NULL;
    if (!object)
        return -1;
    *(void **)&init = dlsym(object, "packetdrill_interface_init");
    *(void **)&close_fd = dlsym(object, "close");
    *(void **)&get_option = dlsym(object, "getsockopt");
    if (!init || !is_preloadable(object, "close") || !is_preloadable(object, "getsockopt") ||
        !is_preloadable(object, "sendfile"))
        return -1;
    init("local_ip=192.168.0.1,msl=1", &ifc);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    ifc.free(ifc.userdata);
    return 0;
}

static long long now_us(void)
{
    struct timeval time;
    assert_int_equal(ifc.gettimeofday(ifc.userdata, &time, NULL), 0);
    return time.tv_sec * 1000000ll + time.tv_usec;
}

static struct sockaddr_in peer(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(80)};
    inet_pton(AF_INET, "192.0.2.1", &addr.sin_addr);
    return addr;
}

/* A SYN,ACK to the SYN in frame[], as from its destination. Checksums are packetdrill's to make; here they are ours. */
static uint16_t sum(const uint8_t *data, size_t len, uint32_t total)
{
    for (size_t i = 0; i < len; i++)
        total += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)~total;
}

static void answer_syn(const uint8_t *syn)
{
    uint8_t out[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6};
    uint32_t seq;
    memcpy(out + 12, syn + 16, 4);
    memcpy(out + 16, syn + 12, 4);
    memcpy(out + 20, syn + 22, 2);
    memcpy(out + 22, syn + 20, 2);
    memcpy(&seq, syn + 24, 4);
    seq = htonl(ntohl(seq) + 1);
    memcpy(out + 28, &seq, 4);
    out[32] = 0x50;
    out[33] = 0x12;
    out[34] = 0xff;
    uint16_t ip = htons(sum(out, 20, 0)), tcp = htons(sum(out + 12, 28, 6 + 20));
    memcpy(out + 10, &ip, 2);
    memcpy(out + 36, &tcp, 2);
    assert_int_equal(ifc.netdev_send(ifc.userdata, out, sizeof out), 0);
}

static size_t receive(uint8_t *frame, size_t cap, long long *at_us)
{
    size_t len = cap;
    assert_int_equal(ifc.netdev_receive(ifc.userdata, frame, &len, at_us), 0);
    return len;
}

static void clock_is_the_callers(void **state)
{
    (void)state;
    long long before = now_us();
    assert_int_equal(now_us() - before, 1);
    ifc.usleep(ifc.userdata, 5000);
    assert_int_equal(now_us() - before, 5002);
}

static void syn_leaves_and_silence_is_no_frame(void **state)
{
    (void)state;
    uint8_t frame[65536];
    long long at = 0, before = now_us();
    struct sockaddr_in addr = peer();
    int fd = ifc.socket(ifc.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 1 << 20);
    assert_int_equal(ifc.connect(ifc.userdata, fd, (struct sockaddr *)&addr, sizeof addr), -1);
    assert_int_equal(errno, EINPROGRESS);
    assert_true(receive(frame, sizeof frame, &at) >= 40);
    assert_int_equal(frame[33], 2); /* SYN */
    assert_in_range(at, before, before + 10);
    answer_syn(frame);
    assert_int_equal(receive(frame, sizeof frame, &at), 40);
    assert_int_equal(frame[33], 0x10); /* ACK */
    assert_int_equal(receive(frame, sizeof frame, &at), 0);

    struct tcp_info info;
    socklen_t len = sizeof info;
    assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_state, 1); /* TCP_ESTABLISHED */
    assert_int_equal(close_fd(fd), 0);
    assert_int_equal(receive(frame, sizeof frame, &at), 40);
    assert_int_equal(frame[33], 0x11); /* FIN, ACK */
    assert_int_equal(close_fd(fd), -1);
}

static long long returned_at;

static void *connect_blocking(void *arg)
{
    struct sockaddr_in addr = peer();
    int fd = *(int *)arg;
    *(int *)arg = ifc.connect(ifc.userdata, fd, (struct sockaddr *)&addr, sizeof addr);
    returned_at = now_us();
    return NULL;
}

/* What waits is told the time at which its call returned, however far the main thread wants to sleep. */
static void clock_waits_for_who_returned(void **state)
{
    (void)state;
    uint8_t frame[65536];
    long long at = 0;
    pthread_t thread;
    int fd = ifc.socket(ifc.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP), result = fd;
    assert_int_equal(pthread_create(&thread, NULL, connect_blocking, &result), 0);
    while (receive(frame, sizeof frame, &at) == 0)
        ; /* the thread has not come to connect yet */
    ifc.usleep(ifc.userdata, 20000);
    long long before = now_us();
    answer_syn(frame);
    ifc.usleep(ifc.userdata, 1000000);
    pthread_join(thread, NULL);
    assert_int_equal(result, 0);
    assert_in_range(returned_at, before, before + 10);
    assert_int_equal(close_fd(fd), 0);
}

static void other_descriptors_are_the_systems(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(ifc.pipe(ifc.userdata, fds), 0);
    assert_int_equal(close_fd(fds[0]), 0);
    assert_int_equal(ifc.close(ifc.userdata, fds[1]), 0);
    assert_int_equal(close_fd(fds[1]), -1);
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clock_is_the_callers, load, unload),
        cmocka_unit_test_setup_teardown(syn_leaves_and_silence_is_no_frame, load, unload),
        cmocka_unit_test_setup_teardown(clock_waits_for_who_returned, load, unload),
        cmocka_unit_test_setup_teardown(other_descriptors_are_the_systems, load, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * An echo server on a TUN device of its own. As root:
 *
 *     example_echo &   nc 10.9.0.2 7
 *
 * The kernel is 10.9.0.1 on that device, the engine 10.9.0.2. Back-pressure comes by itself: what cannot be sent is
 * not taken from the receive buffer, whose window then closes.
 */
#include <handfast/handfast.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "echo: %s: %s\n", what, hf_error_text((int)result));
        exit(1);
    }
}

static void echo(struct hf_engine *e, hf_conn conn)
{
    const uint8_t *data;
    int64_t len, taken = 0;
    while ((len = hf_tcp_lend_received(e, conn, &data)) > 0) {
        taken = hf_tcp_send(e, conn, data, (size_t)len, 0);
        hf_tcp_received(e, conn, taken > 0 ? (size_t)taken : 0);
        if (taken < len)
            return; /* HF_EV_WRITABLE will say when to go on */
    }
    if (len == 0)
        hf_tcp_close(e, conn); /* the peer sent its FIN and everything before it is echoed */
}

static void serve(struct hf_engine *e, hf_conn listener)
{
    struct hf_event event;
    hf_conn conn;
    while (hf_event(e, &event)) {
        if (event.bits & HF_EV_ACCEPTABLE)
            while (hf_tcp_accept(e, listener, &conn) == HF_OK)
                continue; /* its own events follow */
        else if (event.bits & HF_EV_CLOSED)
            hf_tcp_release(e, event.conn);
        else
            echo(e, event.conn);
    }
}

int main(void)
{
    struct hf_addr kernel = hf_addr_v4(10, 9, 0, 1), ours = hf_addr_v4(10, 9, 0, 2);
    struct hf_driver *tun = hf_tun_open(&(struct hf_tun_options){.name = "echo0"});
    if (tun == NULL || hf_device_add_address(tun->name, &kernel, 24) < 0) {
        fprintf(stderr, "echo: no TUN device: %s (it takes root)\n", strerror(errno));
        return 1;
    }
    struct hf_config config;
    hf_config_defaults(&config);
    struct hf_engine *e = hf_engine_new(&config);
    hf_link link;
    hf_conn listener;
    must(e != NULL ? HF_OK : HF_ERR_LIMIT, "memory");
    must(hf_link_add(e, &tun->link, &link), "link");
    must(hf_address_add(e, link, &ours, 24), "address");
    must(hf_tcp_listen(e, &(struct hf_endpoint){.addr = ours, .port = 7}, NULL, &listener), "listen");
    printf("echo: listening on 10.9.0.2 port 7, device %s\n", tun->name);
    fflush(stdout);
    while (hf_pump(e, tun, link, hf_clock_now(), 0) >= 0) {
        serve(e, listener);
        hf_wait(tun, hf_pump_deadline(e, tun), NULL, 0);
    }
    fprintf(stderr, "echo: the device is gone\n");
    return 1;
}

/*
 * The benchmarks over a TUN: plain sockets of the kernel's on one side, Handfast on the other, both in a network
 * namespace that the program makes for itself and that ends with it.
 *
 *      this namespace                                                   another one
 *      client sockets -- kernel -- hfbench (TUN) -- an engine
 *                              \-- hfveth0 ----------------- hfveth1 -- kernel -- services
 *
 * Four services stand behind each link, on the same ports (tun_kernel.h); the client does the same to each of them.
 *
 * Read next: bench_tun.c.
 */
#ifndef HF_BENCH_TUN_H
#define HF_BENCH_TUN_H

#include "bench.h"

#include <handfast/driver.h>

/* Last bytes of 10.0.0.x: TUN, kernel's end and ours; 10.0.1.x: veth, both ends. */
enum { TUN_KERNEL = 1, TUN_ENGINE = 2, VETH_HERE = 1, VETH_THERE = 2 };

enum service { SINK, SOURCE, ECHO, ANSWER, SERVICES };
#define SERVICE_PORT(service) ((uint16_t)(5000 + (service)))

#define REQUEST_LEN 64 /* bytes of a ping, a request, an answer */

/* Makes and enters the namespaces; the echo service in the other one stays on `echo_core`. 0, or a negative errno with
 * the reason in why[BENCH_NOTE_LEN]. */
int tun_enter(int echo_core, char *why);

/* ---- tun_host.c: Handfast on a TUN, in a thread of its own ---- */

struct tun_host;
/* One at a time. NULL with the reason in why. `core`: where its thread stays. */
struct tun_host *tun_host_start(bool no_offload, int core, char *why);
/* CPU seconds its thread has used. */
double tun_host_cpu(const struct tun_host *host);
void tun_host_stop(struct tun_host *host);

/* ---- tun_kernel.c: the kernel's sockets ---- */

/* Serves the four services until the process ends, the echo on `echo_core`. Returns 0 or a negative errno when a port
 * cannot be had. */
int kernel_serve(int echo_core);

/* Bytes a second to the sink, from the source; on 10.0.net.host. Negative errno when it cannot. */
double kernel_pour(int net, int host, double seconds);
double kernel_drain(int net, int host, double seconds);
/* Round trips: microseconds that so many thousandths of them did not exceed. */
double kernel_ping(int net, int host, double seconds, unsigned per_mille);
/* Open, request, answer, four-way close; per second. The server closes first. */
double kernel_cycle(int net, int host, double seconds);

/* ---- tun_raw.c: a TUN without a TCP ---- */

/* Bits a second that reading frames from the kernel, and writing frames to it, allows. */
double raw_read(bool no_offload, double seconds);
double raw_write(bool no_offload, double seconds);

#endif

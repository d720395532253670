/*
 * bench_tun: Handfast over a TUN with the host kernel, beside the kernel with itself over veth, and beside bare reads and
 * writes of the TUN, which are the limit. Needs /dev/net/tun and the right to make network namespaces (root has it).
 *
 * "in" is from the kernel to Handfast, "out" the other way. Bulk and connections have two cores, one for each side; a
 * ping-pong has one, because waking another core takes longer than any TCP.
 */
#include "tun.h"

#include <stdio.h>
#include <string.h>

#define ONE_CORE 0 /* where both ends of a ping-pong are */

struct path {
    int net, host;   /* whom the client talks to */
    bool no_offload; /* of the TUN */
};

static const struct path offload = {0, TUN_ENGINE, false}, plain = {0, TUN_ENGINE, true},
                         veth = {1, VETH_THERE, false};

/* ---- one measurement, of either side ---- */

typedef double (*measure)(const struct path *path, double seconds);

static double pour(const struct path *path, double seconds)
{
    return kernel_pour(path->net, path->host, seconds) * 8 / 1e9;
}

static double drain(const struct path *path, double seconds)
{
    return kernel_drain(path->net, path->host, seconds) * 8 / 1e9;
}

static double half(const struct path *path, double seconds)
{
    return kernel_ping(path->net, path->host, seconds, 500);
}

static double nearly_all(const struct path *path, double seconds)
{
    return kernel_ping(path->net, path->host, seconds, 990);
}

static double cycle(const struct path *path, double seconds)
{
    return kernel_cycle(path->net, path->host, seconds);
}

struct job {
    const struct path *path;
    measure measure;
    bool one_core;
};

static bool run_kernel(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct job *job = arg;
    bench_stay_on(job->one_core ? ONE_CORE : BENCH_ANY);
    sample->value = job->measure(job->path, seconds);
    if (sample->value < 0)
        snprintf(sample->note, sizeof sample->note, "%s", strerror(-(int)sample->value));
    return sample->value >= 0;
}

static bool run_handfast(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct job *job = arg;
    struct tun_host *host =
        tun_host_start(job->path->no_offload, job->one_core ? ONE_CORE : BENCH_ANY, sample->note);
    if (host == NULL)
        return false;
    double cpu = tun_host_cpu(host), wall = bench_seconds();
    bool done = run_kernel(job, seconds, sample);
    if (done)
        snprintf(sample->note, sizeof sample->note, "its thread busy %.0f %%",
                 100 * (tun_host_cpu(host) - cpu) / (bench_seconds() - wall));
    tun_host_stop(host);
    return done;
}

struct raw {
    double (*measure)(bool no_offload, double seconds);
    bool no_offload;
};

static bool run_raw(const void *arg, double seconds, struct bench_sample *sample)
{
    const struct raw *raw = arg;
    bench_stay_on(BENCH_ANY);
    sample->value = raw->measure(raw->no_offload, seconds) / 1e9;
    if (sample->value < 0)
        snprintf(sample->note, sizeof sample->note, "no TUN or no packet socket");
    return sample->value >= 0;
}

/* ---- the figures ---- */

static const struct job in = {&offload, pour, false}, in_plain = {&plain, pour, false},
                        in_veth = {&veth, pour, false}, out = {&offload, drain, false},
                        out_plain = {&plain, drain, false}, out_veth = {&veth, drain, false},
                        p50 = {&offload, half, true}, p50_veth = {&veth, half, true},
                        p99 = {&offload, nearly_all, true}, p99_veth = {&veth, nearly_all, true},
                        cycles = {&offload, cycle, false}, cycles_veth = {&veth, cycle, false};
static const struct raw raw_in = {raw_read, false}, raw_in_plain = {raw_read, true}, raw_out = {raw_write, false},
                        raw_out_plain = {raw_write, true};

#define BULK(figure, wanted, job, raw, linux)                                                                      \
    {                                                                                                              \
        .name = figure, .unit = "Gbit/s", .goal = wanted, .handfast = {"handfast", run_handfast, job, 0},          \
        .peer = {{"raw", run_raw, raw, 0.5}, {"linux", run_kernel, linux, 0}},                                     \
    }
#define BESIDE_LINUX(figure, of, is_less, job, linux)                                                              \
    {                                                                                                              \
        .name = figure, .unit = of, .less_is_better = is_less, .handfast = {"handfast", run_handfast, job, 0},     \
        .peer = {{"linux", run_kernel, linux, 0}},                                                                 \
    }

static const struct bench_figure figures[] = {
    BULK("tun_in", 25, &in, &raw_in, &in_veth),
    BULK("tun_out", 25, &out, &raw_out, &out_veth),
    BULK("tun_in_no_offload", 0, &in_plain, &raw_in_plain, &in_veth),
    BULK("tun_out_no_offload", 0, &out_plain, &raw_out_plain, &out_veth),
    BESIDE_LINUX("tun_ping_p50", "us", true, &p50, &p50_veth),
    BESIDE_LINUX("tun_ping_p99", "us", true, &p99, &p99_veth),
    BESIDE_LINUX("tun_cycle", "per_s", false, &cycles, &cycles_veth),
};

int main(int argc, char **argv)
{
    char why[BENCH_NOTE_LEN];
    if (tun_enter(ONE_CORE, why) < 0) {
        fprintf(stderr, "bench_tun: %s; run it as root\n", why);
        return 1;
    }
    printf("MTU 1500. Handfast: cubic, window 1 MiB. The kernel: reno, its own windows; linux: with itself, over "
           "veth.\n");
    return bench_main(argc, argv, "tun", figures, sizeof figures / sizeof figures[0]);
}

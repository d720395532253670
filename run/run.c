/* The pieces put together, and turned. Read first: run.h. */
#define _GNU_SOURCE
#include "run.h"

#include "datagram.h"
#include "resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICE_MTU  65535 /* so that PROGRAM's kernel cuts no datagram; TCP goes by the engine's MTU */
#define BLOCK_LEN   65536 /* one system call moves one block */
#define BLOCKS      32768 /* 2 GiB of address space; only what is used is memory */
#define CONNECTIONS 131072
#define BUFFER      (1u << 20)
#define ROUNDS      64 /* batches of frames before the sockets are looked at again */

void run_options_init(struct run_options *o)
{
    *o = (struct run_options){.drain_ns = 5 * HF_SECOND, .inspect.leak_age = 10 * HF_SECOND};
    rules_defaults(&o->rules);
}

/* ---- opening ---- */

static struct hf_addr v6(uint8_t last)
{
    return (struct hf_addr){.bytes = {[0] = 0xfd, [1] = 0x77, [15] = last}};
}

static const struct space_addresses *addresses(void)
{
    static struct space_addresses a;
    a = (struct space_addresses){
        .program = {hf_addr_v4(10, 77, 0, 2), v6(2)},
        .gateway = {hf_addr_v4(10, 77, 0, 1), v6(1)},
        .prefix_len = {24, 64},
    };
    return &a;
}

/*
 * A descriptor loses nothing and has no rate of its own: there BBR paces by what it takes for a bottleneck, CUBIC's
 * HyStart takes the scheduler for a queue, and either makes bulk slow. Under a path or faults the machine's own choice is
 * part of what is to be seen.
 */
static const char *inner_controller(const struct run_options *o)
{
    return o->path || o->fault ? NULL : "reno";
}

static int open_space(struct run *run, char error[256])
{
    const struct space_addresses *a = addresses();
    char resolv_conf[RESOLVER_TEXT_CAP];
    struct rules *rules = &run->options.rules;
    struct space_config config = {
        .addresses = *a,
        .keep_user = run->options.keep_user,
        .device_mtu = DEVICE_MTU,
        .controller = inner_controller(&run->options),
        .program = run->options.program,
        .signals = run->life.old_mask,
        .prepare = run->options.inspect.stacks ? stacks_filter : NULL,
    };
    memcpy(rules->gateway, a->gateway, sizeof rules->gateway);
    resolver_read("/etc/resolv.conf", &a->gateway[0], &rules->resolver, resolv_conf);
    config.resolv_conf = run->options.no_dns ? NULL : resolv_conf;
    getrlimit(RLIMIT_NOFILE, &config.files);
    struct rlimit most = {config.files.rlim_max, config.files.rlim_max};
    setrlimit(RLIMIT_NOFILE, &most); /* every call takes a descriptor of ours */
    return space_open(&run->space, &config, error);
}

static int open_device(struct run *run, char error[256])
{
    const struct hf_tun_options tun = {.fd = run->space.tun_fd, .mtu = run->options.mtu};
    run->driver = hf_tun_open(&tun);
    if (!run->driver) {
        snprintf(error, 256, "cannot take the device over: %s", strerror(errno));
        return -1;
    }
    run->space.tun_fd = -1;
    return 0;
}

static int wrap_fault(struct run *run, const char *option, const char *spec, struct hf_driver **wrapper,
                      char error[256])
{
    char why[256];
    if (!spec)
        return 0;
    struct hf_driver *fault = hf_fault_open(run->driver, spec, run->options.seed, why);
    if (!fault) {
        snprintf(error, 256, "%s: %.200s", option, why);
        return -1;
    }
    run->driver = *wrapper = fault;
    return 0;
}

static int wrap_pcap(struct run *run, char error[256])
{
    if (!run->options.pcap)
        return 0;
    struct hf_driver *tee = hf_tee_open(run->driver, run->options.pcap);
    if (!tee) {
        snprintf(error, 256, "cannot write %.150s: %s", run->options.pcap, strerror(errno));
        return -1;
    }
    run->driver = tee;
    return 0;
}

static int wrap_datagrams(struct run *run, char error[256])
{
    run->udp = udp_open(run->epoll, &run->options.rules);
    run->datagrams = run->udp ? datagram_open(run->driver, udp_take, run->udp) : NULL;
    if (!run->datagrams) {
        snprintf(error, 256, "no memory");
        return -1;
    }
    udp_set_driver(run->udp, run->datagrams);
    run->driver = run->datagrams;
    return 0;
}

static int make_engine(struct run *run, char error[256])
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = CONNECTIONS;
    config.max_blocks = BLOCKS;
    config.block_len = BLOCK_LEN;
    config.max_sent = 131072;
    config.max_replies = 1024;
    config.max_history = run->options.history;
    config.send_buffer = config.receive_buffer = BUFFER;
    config.msl_ns = RUN_MSL;
    config.cc = (uint8_t)run->options.congestion;
    config.pacing = run->options.pacing;
    run->engine = hf_engine_new(&config);
    if (run->engine)
        return 0;
    snprintf(error, 256, "cannot make an engine: %s", strerror(errno));
    return -1;
}

static int add_addresses(struct run *run, char error[256])
{
    const struct space_addresses *a = addresses();
    const struct hf_addr any[2] = {hf_addr_v4(0, 0, 0, 0), {{0}}};
    int problem = hf_link_add(run->engine, &run->driver->link, &run->link);
    for (unsigned i = 0; i < (run->space.has_v6 ? 2u : 1u) && problem == HF_OK; i++) {
        problem = hf_address_add(run->engine, run->link, &a->gateway[i], a->prefix_len[i]);
        if (problem == HF_OK)
            problem = hf_route_add(run->engine, &any[i], 0, &a->program[i], run->link);
    }
    if (problem == HF_OK)
        return 0;
    snprintf(error, 256, "the engine does not take its addresses: %s", hf_error_text(problem));
    return -1;
}

static uint64_t count_path_resets(void *arg)
{
    const struct run *run = arg;
    struct hf_driver *const wrappers[2] = {run->path, run->fault};
    uint64_t sum = 0;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned out = 0; wrappers[i] && out < 2; out++) {
            struct hf_fault_counts counts;
            hf_fault_counts(wrappers[i], out == 1, &counts);
            sum += counts.reset;
        }
    return sum;
}

static int open_inspect(struct run *run, char error[256])
{
    run->options.inspect.program = run->options.program[0];
    if (inspect_open(&run->inspect, &run->options.inspect, run->engine, run->space.counters_fd,
                     run->space.net_inode, error) < 0)
        return -1;
    run->watcher = book_watcher(run->inspect.book);
    run->inspect.book->path_resets = count_path_resets;
    run->inspect.book->path_resets_arg = run;
    if (!run->inspect.stacks)
        return 0;
    run->life.traced = stacks_stopped;
    run->life.traced_arg = run->inspect.stacks;
    if (stacks_trace(run->inspect.stacks, run->space.pid) == 0)
        return 0;
    snprintf(error, 256, "--stacks: may not trace: %s; see kernel.yama.ptrace_scope", strerror(errno));
    return -1;
}

static void device_ready(struct loop_source *source, uint32_t events)
{
    (void)events; /* every turn pumps */
    datagram_expect(((struct run_device *)source)->datagrams);
}

int run_open(struct run *run, const struct run_options *o, char error[256])
{
    *run = (struct run){.options = *o, .epoll = epoll_create1(EPOLL_CLOEXEC), .started_at = hf_clock_now()};
    run->space = (struct space){.control = -1, .tun_fd = -1, .diag_fd = -1, .net_fd = -1, .counters_fd = -1};
    run->device.source = (struct loop_source){.fd = -1, .ready = device_ready};
    run->now = run->started_at;
    if (run->epoll < 0 || life_open(&run->life, run->epoll) < 0) {
        snprintf(error, 256, "cannot start: %s", strerror(errno));
        run_close(run);
        return -1;
    }
    if (open_space(run, error) == 0 && open_device(run, error) == 0 &&
        wrap_fault(run, "--path", o->path, &run->path, error) == 0 &&
        wrap_fault(run, "--fault", o->fault, &run->fault, error) == 0 && wrap_pcap(run, error) == 0 &&
        wrap_datagrams(run, error) == 0 && make_engine(run, error) == 0 && add_addresses(run, error) == 0 &&
        open_inspect(run, error) == 0)
        return 0;
    run_close(run);
    return -1;
}

/* ---- starting ---- */

static int publish_one(struct run *run, const struct run_publish *p)
{
    const struct hf_endpoint inside = {
        addresses()->program[hf_addr_is_v4(&p->host.addr) || !run->space.has_v6 ? 0 : 1], p->port};
    return p->is_udp ? udp_publish(run->udp, &p->host, &inside) : relay_publish(run->relay, &p->host, &inside);
}

static int publish(struct run *run, char error[256])
{
    for (unsigned i = 0; i < run->options.publish_count; i++) {
        const struct run_publish *p = &run->options.publish[i];
        char text[HF_ADDR_TEXT_LEN];
        if (publish_one(run, p) < 0) {
            snprintf(error, 256, "cannot publish %s port %u: %s; choose another address or port",
                     hf_addr_print(&p->host.addr, text), p->host.port, strerror(errno));
            return -1;
        }
    }
    return 0;
}

int run_start(struct run *run, char error[256])
{
    run->relay = relay_open(run->engine, run->link, run->epoll, &run->options.rules, &run->watcher);
    run->device.source.fd = run->driver->fd;
    run->device.datagrams = run->datagrams;
    if (!run->path && !run->fault)
        datagram_wait_for_news(run->datagrams);
    if (!run->relay || loop_add(run->epoll, &run->device.source, EPOLLIN) < 0) {
        snprintf(error, 256, "cannot start: %s", strerror(errno));
        return -1;
    }
    if (publish(run, error) < 0)
        return -1;
    if (life_begin(&run->life, run->space.pid, run->space.net_inode) < 0) {
        snprintf(error, 256, "cannot start a keeper: %s", strerror(errno));
        return -1;
    }
    space_start(&run->space);
    return 0;
}

/* ---- turning ---- */

int run_fd(const struct run *run)
{
    return run->epoll;
}

hf_time run_deadline(const struct run *run)
{
    if (run->is_busy)
        return run->now;
    hf_time at = hf_pump_deadline(run->engine, run->driver);
    at = hf_time_first(at, relay_deadline(run->relay));
    at = hf_time_first(at, udp_deadline(run->udp));
    if (!run->life.has_ended)
        at = hf_time_first(at, inspect_deadline(&run->inspect));
    if (run->options.check_after > 0 && !run->was_checked)
        at = hf_time_first(at, hf_time_add(run->started_at, run->options.check_after));
    if (run->life.all_ended)
        at = hf_time_first(at, hf_time_add(run->ended_at, run->options.drain_ns));
    return at;
}

/* One batch of frames at a time, so that events are heard in between: what was written before a reset is passed on.
 */
static int pump(struct run *run)
{
    struct hf_event event;
    for (unsigned i = 0; i < ROUNDS; i++) {
        int moved = hf_pump(run->engine, run->driver, run->link, run->now, 1);
        if (moved < 0)
            return moved;
        bool has_news = false;
        while (hf_event(run->engine, &event)) {
            relay_event(run->relay, &event);
            has_news = true;
        }
        relay_turn(run->relay, run->now);
        udp_turn(run->udp, run->now);
        if (moved == 0 && !has_news)
            return 0;
    }
    run->is_busy = true;
    return 0;
}

int run_turn(struct run *run, hf_time now)
{
    run->now = now;
    run->is_busy = false;
    loop_turn(run->epoll, 0);
    int error = pump(run);
    if (run->life.all_ended && run->ended_at.ns == 0) {
        run->ended_at = now;
        inspect_program_ended(&run->inspect, now);
        relay_stop(run->relay);
    } else if (!run->life.has_ended) {
        inspect_turn(&run->inspect, now);
    }
    return error;
}

/* --leak-check-after: whoever turns the loop writes the report then, and PROGRAM is asked to end. */
bool run_is_due(struct run *run)
{
    bool is_due = run->options.check_after > 0 && !run->was_checked && !run->life.all_ended &&
                  hf_time_since(run->now, run->started_at) >= run->options.check_after;
    run->was_checked |= is_due;
    return is_due;
}

int run_report(struct run *run, bool is_final, char error[256])
{
    const struct inspect_facts facts = {
        .has_ended = run->life.all_ended,
        .is_final = is_final,
        .udp_flows = udp_counts(run->udp).flows,
        .note = is_final && !run->space.has_sub_ids && run->life.wait_status != 0
                    ? "Without ranges in /etc/subuid and /etc/subgid a program that changes its user fails inside."
                    : NULL,
    };
    return inspect_report(&run->inspect, facts.has_ended ? run->ended_at : run->now, &facts, error);
}

bool run_is_over(const struct run *run)
{
    if (run->ended_at.ns == 0)
        return false;
    return relay_count(run->relay) == 0 || hf_time_since(run->now, run->ended_at) >= run->options.drain_ns;
}

/* ---- closing ---- */

void run_close(struct run *run)
{
    life_kill_all(&run->life);
    relay_close(run->relay);
    inspect_close(&run->inspect);
    udp_close(run->udp);
    run->device.source.fd = -1; /* the driver's */
    if (run->driver) {
        space_leave_device(run->driver->fd);
        run->driver->ops->close(run->driver);
    }
    hf_engine_delete(run->engine);
    space_close(&run->space);
    life_close(&run->life);
    if (run->epoll >= 0)
        close(run->epoll);
    run->relay = NULL;
    run->udp = NULL;
    run->driver = NULL;
    run->engine = NULL;
    run->epoll = -1;
}

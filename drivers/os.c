/* The engine on an operating system: a clock, memory from the kernel, a seed, and a way to sleep. */
#define _GNU_SOURCE
#include <handfast/driver.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#define EXTRA_MAX 64
/* The engine's block follows a page that remembers how large the mapping is. Alignment beyond 64 bytes costs
 * nothing. */
#define MEMO_LEN 4096

hf_time hf_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (hf_time){(int64_t)now.tv_sec * HF_SECOND + now.tv_nsec};
}

int hf_wait(struct hf_driver *d, hf_time until, struct pollfd *extra, unsigned extra_count)
{
    if (extra_count > EXTRA_MAX)
        return -EINVAL;
    struct pollfd all[EXTRA_MAX + 1];
    if (extra_count > 0)
        memcpy(all, extra, extra_count * sizeof *extra);
    all[extra_count] = (struct pollfd){.fd = d->fd, .events = POLLIN};

    hf_ns left = hf_time_is_never(until) ? 0 : hf_time_since(until, hf_clock_now());
    if (left < 0)
        left = 0;
    struct timespec timeout = {.tv_sec = left / HF_SECOND, .tv_nsec = left % HF_SECOND};
    int ready = ppoll(all, extra_count + 1, hf_time_is_never(until) ? NULL : &timeout, NULL);
    if (ready < 0 && errno != EINTR)
        return -errno;
    for (unsigned i = 0; i < extra_count; i++)
        extra[i].revents = ready > 0 ? all[i].revents : 0;
    return ready < 0 ? 0 : ready;
}

static int draw_seed(uint8_t seed[16])
{
    for (unsigned i = 0; i < 16; i++)
        if (seed[i])
            return 0;
    return getrandom(seed, 16, 0) == 16 ? 0 : -1;
}

struct hf_engine *hf_engine_new(struct hf_config *config)
{
    size_t size = hf_engine_size(config);
    if (size == 0 || size > SIZE_MAX - MEMO_LEN) {
        errno = EINVAL;
        return NULL;
    }
    if (draw_seed(config->seed) < 0)
        return NULL;
    size_t mapped = MEMO_LEN + size;
    uint8_t *memory =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    memcpy(memory, &mapped, sizeof mapped);
    struct hf_engine *e = hf_engine_create(memory + MEMO_LEN, size, config, hf_clock_now());
    if (e)
        return e;
    munmap(memory, mapped);
    errno = EINVAL;
    return NULL;
}

void hf_engine_delete(struct hf_engine *e)
{
    if (!e)
        return;
    uint8_t *memory = (uint8_t *)e - MEMO_LEN;
    size_t mapped;
    memcpy(&mapped, memory, sizeof mapped);
    munmap(memory, mapped);
}

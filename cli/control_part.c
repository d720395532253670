/* The control socket as a part of a host's loop. */
#include "control.h"

#include "host.h"
#include "usage.h"

static unsigned part_fds(void *self, struct pollfd *fds, unsigned max)
{
    return control_fds(self, fds, max);
}

static hf_time part_deadline(void *self)
{
    return control_deadline(self);
}

static void part_turn(void *self, hf_time now, const struct pollfd *fds, unsigned count)
{
    control_turn(self, now, fds, count);
}

static void part_close(void *self)
{
    control_close(self);
}

void control_add(struct host *h)
{
    char error[256];
    struct hf_config config;
    hf_config_defaults(&config);
    const struct control_options options = {
        .verb = h->options.verb,
        .msl_ns = h->options.msl_ns > 0 ? h->options.msl_ns : config.msl_ns,
        .started_at = h->started_at,
    };
    struct control *c = control_open(h->engine, &options, error);
    if (c == NULL) {
        complain(h->options.verb, "'handfast ss' will not see this process: %s", error);
        return;
    }
    host_add_part(h, &(struct host_part){
                         .self = c,
                         .fds = part_fds,
                         .deadline = part_deadline,
                         .turn = part_turn,
                         .close = part_close,
                     });
}

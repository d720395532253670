/* packetdrill_interface_init: what packetdrill looks for in the object. Read first: adapter.h. */
#define _GNU_SOURCE
#include "adapter.h"

static struct pd the;
static bool is_begun;

struct pd *pd_current(void)
{
    return is_begun ? &the : NULL;
}

static void end(void *userdata)
{
    struct pd *pd = userdata;
    is_begun = false;
    hf_sockets_close(&pd->sockets);
    if (pd->is_ready)
        pkt_world_close(&pd->world);
    pkt_script_close(&pd->script);
}

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
                                                                       struct packetdrill_interface *interface);

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface)
{
    the = (struct pd){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    the.main = pthread_self();
    the.world.now = (hf_time){PKT_BEGIN_NS};
    pkt_script_defaults(&the.script);
    pd_read_flags(&the, flags ? flags : "");
    is_begun = true;
    pd_fill_calls(interface);
    interface->userdata = &the;
    interface->free = end;
    interface->netdev_send = pd_netdev_send;
    interface->netdev_receive = pd_netdev_receive;
    interface->usleep = pd_usleep;
    interface->gettimeofday = pd_gettimeofday;
    interface->pipe = pd_pipe;
    interface->splice = pd_splice;
}

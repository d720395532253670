/* One copy of lwIP in a namespace of its own. See lwip.h. */
#define _GNU_SOURCE
#include "lwip.h"

#include "bench.h"

#include <dlfcn.h>
#include <stdio.h>

static bool find(void *library, const char *name, void *address)
{
    *(void **)address = dlsym(library, name);
    return *(void **)address != NULL;
}

bool lwip_load(struct lwip *lwip, char *why)
{
    void *library = dlmopen(LM_ID_NEWLM, "liblwip.so.0", RTLD_NOW | RTLD_LOCAL);
    bool found = library != NULL;
#define X(name) found = found && find(library, #name, &lwip->name);
    LWIP_CALLS(X)
#undef X
    found = found && find(library, "tcp_active_pcbs", &lwip->tcp_active_pcbs);
    found = found && find(library, "tcp_tw_pcbs", &lwip->tcp_tw_pcbs);
    found = found && find(library, "mallinfo2", &lwip->mallinfo2);
    if (!found) {
        snprintf(why, BENCH_NOTE_LEN, "%.60s; install liblwip0", dlerror());
        return false;
    }
    lwip->lwip_init();
    return true;
}

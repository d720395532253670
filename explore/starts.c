/* Where exploration begins. Read first: world.h. */
#include "world.h"

#define END                                                                                                        \
    {                                                                                                              \
        MOVE_KINDS, 0                                                                                              \
    }

/* Both have opened; nothing is in flight. */
#define OPEN                                                                                                       \
    {LISTEN, 1}, {CONNECT, 0}, {DELIVER, 1}, {DELIVER, 0}, {DELIVER, 1},                                           \
    {                                                                                                              \
        ACCEPT, 1                                                                                                  \
    }

static const struct move opened[] = {OPEN, END};

/* ... and then more is written than the window takes. */
static const struct move flooded[] = {OPEN, {SEND, 0}, {SEND, 0}, {SEND, 0}, {SEND, 0}, {SEND, 0}, END};

/* Both have closed; the FINs are in flight. */
static const struct move closing[] = {OPEN, {SHUTDOWN, 0}, {SHUTDOWN, 1}, END};

/* One whole life: the client closes first and keeps the TIME-WAIT. */
static const struct move client_waits[] = {OPEN,         {SHUTDOWN, 0}, {DELIVER, 1}, {READ, 1},    {SHUTDOWN, 1},
                                           {DELIVER, 0}, {DELIVER, 0},  {READ, 0},    {DELIVER, 1}, END};

/* ... the server does. */
static const struct move server_waits[] = {OPEN,         {SHUTDOWN, 1}, {DELIVER, 0}, {READ, 0},    {SHUTDOWN, 0},
                                           {DELIVER, 1}, {DELIVER, 1},  {READ, 1},    {DELIVER, 0}, END};

/* The first SYN was repeated, and its copy is still on the way when the connection it made is over. */
static const struct move old_syn[] = {{LISTEN, 1},  {CONNECT, 0},  {REPEAT, 1},  {DELIVER, 0}, {DELIVER, 1},
                                      {ACCEPT, 1},  {SHUTDOWN, 0}, {DELIVER, 1}, {READ, 1},    {SHUTDOWN, 1},
                                      {DELIVER, 0}, {DELIVER, 0},  {READ, 0},    {DELIVER, 1}, END};

const struct start starts[] = {
    {
        .name = "open",
        .what = "nothing has happened yet: a listener, a client, and all that may go wrong between them",
        .ration = {.faults = 2, .times = 2, .connects = {1, 0}, .sends = {1, 1}},
        .sack = true,
    },
    {
        .name = "open-timestamps",
        .what = "the same with timestamps and window scaling",
        .ration = {.faults = 2, .times = 2, .connects = {1, 0}, .sends = {1, 1}},
        .sack = true,
        .timestamps = true,
        .scale = true,
    },
    {
        .name = "simultaneous",
        .what = "both sides open at once",
        .ration = {.faults = 2, .times = 2, .connects = {1, 1}, .sends = {1, 1}},
        .sack = true,
    },
    {
        .name = "violent",
        .what = "the calls that throw bytes away: close with both directions, and abort",
        .ration =
            {.faults = 1, .times = 2, .connects = {2, 0}, .sends = {1, 1}, .aborts = {1, 1}, .closes = {1, 1}},
    },
    {
        .name = "data",
        .what = "open; data both ways, losses, and segments that are cut anew",
        .ration = {.faults = 3, .times = 3, .sends = {3, 1}},
        .sack = true,
        .script = opened,
    },
    {
        .name = "data-without-sack",
        .what = "the same without SACK",
        .ration = {.faults = 3, .times = 3, .sends = {3, 1}},
        .script = opened,
    },
    {
        .name = "window",
        .what = "open; more is written than the window takes",
        .ration = {.faults = 1, .times = 3},
        .sack = true,
        .receive_buffer = 1024,
        .script = flooded,
    },
    {
        .name = "close",
        .what = "open; everything about the end, with many faults",
        .ration = {.faults = 4, .times = 4, .sends = {1, 0}},
        .sack = true,
        .script = opened,
    },
    {
        .name = "closing",
        .what = "both have sent their FIN; everything that may happen to these, and aborts",
        .ration = {.faults = 4, .times = 4, .aborts = {1, 1}},
        .script = closing,
    },
    {
        .name = "forged",
        .what = "open; somebody guesses a number in the window",
        .ration = {.faults = 2, .times = 2, .forgeries = 2, .sends = {1, 1}},
        .script = opened,
    },
    {
        .name = "client-time-wait",
        .what = "the client has a TIME-WAIT and opens again",
        .ration = {.faults = 2, .times = 3, .connects = {1, 0}, .sends = {1, 1}},
        .timestamps = true,
        .script = client_waits,
    },
    {
        .name = "server-time-wait",
        .what = "the server has a TIME-WAIT and the client opens again",
        .ration = {.faults = 2, .times = 2, .connects = {1, 0}, .sends = {1, 1}},
        .sack = true,
        .script = server_waits,
    },
    {
        .name = "old-syn",
        .what = "a SYN of an earlier life is still on its way",
        .ration = {.faults = 1, .times = 2, .connects = {1, 0}, .sends = {1, 1}},
        .script = old_syn,
    },
    {
        .name = "crash",
        .what = "open; then one side forgets everything and listens anew",
        .ration = {.faults = 2, .times = 3, .connects = {1, 0}, .sends = {2, 1}},
        .script = opened,
        .b_crashes = true,
    },
};
const unsigned starts_count = sizeof starts / sizeof *starts;

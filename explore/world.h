/*
 * Two engines, the wire between them and the two applications, as one value: copy it, and there are two worlds.
 *
 *       application A                                  application B
 *            |                                              |
 *         engine A  ----- to_b: frames in flight ----->  engine B
 *                   <---- to_a: frames in flight ------
 *
 * A move is one choice that somebody could make: the wire (deliver, let the second overtake the first, lose, repeat),
 * time (until the next timer), an application (a call), or somebody far away who guesses. After a move both engines have
 * said all they have to say. Faults, timers and calls are rationed, so that the worlds are finitely many.
 *
 * Read next: canon.h, judge.h, explore.c.
 */
#ifndef HF_EXPLORE_WORLD_H
#define HF_EXPLORE_WORLD_H

#include "../src/engine/engine.h"

#include <stdalign.h>

#define ENGINE_MAX  (28u << 10)
#define WIRE_FRAMES 6 /* in flight in one direction */
#define FRAME_BYTES 640
#define UNIT        300 /* bytes of one SEND; a segment holds 536, and may hold two of them in part */
#define LIVES       3   /* times a side may open */
#define SIDES       2
#define NOBODY      0xff

enum move_kind {
    DELIVER,  /* the oldest frame in flight to a side */
    OVERTAKE, /* the one behind it */
    LOSE,
    REPEAT, /* the oldest is delivered, and its copy comes some time later: */
    OLD,    /* ... now */
    CUT,    /* the first half of the oldest is delivered, and later the whole: as if it went again, cut anew */
    TIME,   /* until the next timer of either engine */
    LISTEN,
    CONNECT,
    ACCEPT,
    SEND,
    READ,
    SHUTDOWN,
    CLOSE,
    ABORT,
    FORGE_RST, /* a segment from nowhere: RST in the window, but not where the next byte is expected (RFC 5961, 3) */
    FORGE_SYN, /* ... and SYN in the window (RFC 5961, 4) */
    MOVE_KINDS,
};

struct move {
    uint8_t kind, side; /* whose call; to whom a frame goes */
};

struct flight {
    uint16_t len;
    uint8_t flags, spare;
    uint16_t csum_start, csum_offset;
    uint8_t data[FRAME_BYTES];
};

/* One direction. */
struct wire {
    uint8_t count;
    bool has_old;
    struct flight frame[WIRE_FRAMES], old;
};

/* What an application knows. Streams are told apart by their bytes: each life of a side writes others. */
struct app {
    hf_conn listener, conn;
    bool has_listener, has_conn;
    bool shut, closed, aborted, saw_end; /* of this connection */
    uint8_t lives;                       /* times it opened, actively or by accept */
    uint8_t life;                        /* which of them this connection is */
    uint8_t hears;                       /* which life of the other side it reads, or NOBODY yet */
    uint16_t read;                       /* bytes of this connection */
    uint16_t wrote[LIVES];               /* bytes of each life */
    bool ended_writing[LIVES];           /* ... with shutdown or close */
    int8_t error;                        /* how its last connection ended */
};

/* How much of each may still happen. */
struct ration {
    uint8_t faults, times, forgeries;
    uint8_t connects[SIDES], sends[SIDES], aborts[SIDES], closes[SIDES];
};

struct world {
    hf_time now;
    struct ration ration;
    struct app app[SIDES];
    struct wire to[SIDES];
    hf_link link[SIDES];
    bool had_violence;     /* an abort, a close with both directions, a refusal, a crash: bytes may be lost */
    uint64_t heard[SIDES]; /* history notes already judged */
    bool was_disturbed;    /* the wire did something else than deliver in order */
    const char *wrong;     /* what a move found broken, or NULL */
    alignas(64) uint8_t engine[SIDES][ENGINE_MAX];
};

static inline struct hf_engine *engine_of(struct world *w, unsigned side)
{
    return (struct hf_engine *)(void *)w->engine[side];
}

/* Called with each frame as it is put on the wire, taken from it, or lost: for the story. May be NULL. */
enum frame_fate { FRAME_SENT, FRAME_DELIVERED, FRAME_LOST };
extern void (*on_frame)(const struct world *w, unsigned to, const struct flight *frame, enum frame_fate fate,
                        uint16_t why);

/* How a world begins: its name, what it may do, what happened before. */
struct start {
    const char *name, *what;
    struct ration ration;
    bool sack, timestamps, scale;
    uint32_t receive_buffer;
    const struct move *script; /* before the choices begin; ends with kind MOVE_KINDS */
    bool b_crashes;            /* then side B forgets everything */
};
extern const struct start starts[];
extern const unsigned starts_count;

void world_begin(struct world *w, const struct start *start);
/* Every move that can be made; returns how many. */
#define MOVES_MAX 40
unsigned world_moves(struct world *w, struct move moves[MOVES_MAX]);
void world_make(struct world *w, struct move move);
/* The earliest timer of either engine, exactly. */
hf_time world_deadline(struct world *w);
const char *move_text(uint8_t kind);

/* Byte `at` of what `side` writes in its life number `life`. */
uint8_t text_of(unsigned side, unsigned life, uint32_t at);

#endif

/*
 * A second opinion: sequences of segments and calls, drawn at random from a seed, are played to Handfast and to the host
 * kernel, and what both answer is compared.
 *
 *     draw.c       what is done next                     a step of a script, in numbers relative to both ends' SYNs
 *     peer.c       the other end of the connection       steps become frames, frames become an answer
 *     subject.h    who is asked: handfast.c, in virtual time; kernel.c, over a TUN in a namespace of its own
 *     judge.c      what may differ, what is known to differ
 *     opinion.c    the program
 *
 * Handfast leads: a script is drawn while it is played to Handfast, step by step, so that it knows where the connection
 * is; the kernel follows the finished script.
 */
#ifndef OPINION_H
#define OPINION_H

#include "../../src/wire/tcp.h"

#include <stdio.h>

enum { STEPS_MAX = 16, SEGMENT_MAX = 1460, WRITE_MAX = 4000, READ_MAX = 6000 };

enum role { PASSIVE, ACTIVE }; /* who opens: the peer, or the one who is asked */

enum step_kind {
    STEP_SEGMENT,
    STEP_CONNECT,
    STEP_ACCEPT,
    STEP_READ,
    STEP_WRITE,
    STEP_WRITE_URGENT,
    STEP_SHUTDOWN,
    STEP_CLOSE,
    STEP_ABORT, /* close with SO_LINGER 0 */
    STEP_KINDS
};

/* One thing that is done. Sequence numbers count from the SYN of their side, which is 0. */
struct step {
    enum step_kind kind;
    uint8_t flags;
    uint32_t seq, ack;
    uint16_t len, win, urg;
    uint8_t options; /* HF_OPT_... */
    uint8_t wscale;
    uint16_t mss;
    uint32_t tsval;
    bool echoes;   /* the timestamp seen last, not 0 */
    uint16_t size; /* of a read or a write */
};

struct script {
    uint64_t seed;
    enum role role;
    bool no_delay;
    unsigned count;
    struct step step[STEPS_MAX];
};

/* What was answered to a step, without what is free (judge.c). Numbers are relative as in steps. */
struct answer {
    int64_t result;      /* of a call; negative: errno */
    uint32_t digest;     /* of what was read */
    enum hf_state state; /* afterwards; HF_CLOSED also where there is no record */
    uint32_t unread, queued;
    bool has_answered; /* something was sent that was not text or a FIN sent before */
    uint32_t acked;    /* the number acknowledged last */
    uint32_t sent_to;  /* what was sent last ends here, with SYN and FIN counted */
    bool has_sent_fin;
    uint8_t syn;         /* flags of a SYN that was sent */
    uint8_t syn_options; /* HF_OPT_... */
    uint8_t reset;       /* flags of a RST that was sent */
    uint32_t reset_seq, reset_ack;
    uint32_t urgent_to; /* where urgent text ends */
    uint32_t echoed;    /* timestamp */
    uint8_t sack_count;
    uint32_t sack[HF_TCP_SACK_MAX][2];
    unsigned in_flight; /* segments with text, since everything was acknowledged */
    bool is_corrupt;    /* text was sent that nobody wrote, or a frame that cannot be read */
    /* of Handfast only: */
    enum hf_reason why; /* the verdict on a segment */
    bool was_limited;   /* a challenge ACK was withheld */
    bool is_dead;       /* the socket's connection has ended */
    bool is_cwnd_full;  /* no more fits into it */
};

/* ---- draw.c ---- */

struct peer;

/* What there is to call. */
struct application {
    bool has_socket;
    uint32_t written; /* bytes, to this socket */
};

void draw_script(struct script *script, uint64_t seed);
/* Adds the next step. */
void draw_step(struct script *script, const struct peer *peer, const struct application *application,
               const struct answer *last);

/* ---- peer.c ---- */

enum { PEER_ADDRESS = 2, SUBJECT_ADDRESS = 1, FRAME_ROOM = 2048 };

struct peer {
    struct hf_endpoint here, there;
    uint32_t iss;   /* ours */
    bool knows_isn; /* theirs */
    uint32_t isn, acked, sent_to, tsval;
    uint32_t said_ack; /* the newest of our ACKs */
    unsigned in_flight;
    bool has_ended; /* our stream has an end, and that is */
    uint32_t end;
    bool stamps; /* what they sent last had a timestamp */
    bool ends;   /* a FIN was among what was sent */
    FILE *trace; /* each frame is written there; NULL: nowhere */
};

void peer_begin(struct peer *peer, const struct script *script, uint16_t port, FILE *trace);
/* The segment of a step, as a frame in out[FRAME_ROOM]. Returns its length. */
uint32_t peer_speak(struct peer *peer, const struct step *step, uint8_t *out);
void peer_hear(struct peer *peer, const uint8_t *data, uint32_t len, struct answer *answer);
/* When a step is over: what holds of the connection as the peer knows it. */
void peer_sum_up(const struct peer *peer, struct answer *answer);
/* What is written: byte `at` of a stream, SYN counted. */
static inline uint8_t peer_text(uint32_t at)
{
    return (uint8_t)(at * 7 + (at >> 8) * 13);
}
uint32_t peer_digest(const uint8_t *data, int64_t len);
/* A step in a word or two. */
void step_print(FILE *out, const struct step *step);
/* A call as packetdrill writes it. */
void peer_print_call(FILE *out, const struct step *step, int64_t result);

/* ---- handfast.c ---- */

struct handfast;

struct handfast *handfast_open(const struct script *script, FILE *trace);
const struct peer *handfast_peer(const struct handfast *h);
const struct application *handfast_application(const struct handfast *h);
void handfast_step(struct handfast *h, const struct step *step, struct answer *answer);
void handfast_close(struct handfast *h);

/* ---- kernel.c ---- */

struct kernel;

/* In a network namespace of this process's own, which it enters. NULL with *why where that cannot be. */
struct kernel *kernel_open(unsigned players, const char **why);
/* Player number `index` begins. */
bool kernel_begin(struct kernel *kernel, unsigned index, const struct script *script, FILE *trace);
void kernel_step(struct kernel *kernel, unsigned index, const struct step *step, struct answer *answer);
/* Lets what is due happen, and completes the answers to the last step of every player. */
void kernel_settle(struct kernel *kernel);
void kernel_close(struct kernel *kernel);

/* ---- judge.c ---- */

/* What of two answers differs, as bits. */
enum {
    DIFFERS_RESULT = 1,
    DIFFERS_STATE = 2,
    DIFFERS_UNREAD = 4,
    DIFFERS_QUEUED = 8,
    DIFFERS_ANSWERED = 16,
    DIFFERS_ACKED = 32,
    DIFFERS_SENT = 64,
    DIFFERS_SYN = 128,
    DIFFERS_RESET = 256,
    DIFFERS_URGENT = 512,
    DIFFERS_ECHO = 1024,
    DIFFERS_SACK = 2048,
    DIFFERS_TEXT = 4096,
};

enum { LAWS_MAX = 64 };

struct judgement {
    bool is_explained; /* everything that differed is */
    unsigned at;       /* the step that is not, or where the two parted */
    unsigned differs;
    unsigned compared;       /* steps */
    uint16_t used[LAWS_MAX]; /* how often each entry of judge_law() explained something */
};

/* One step of a script, and the answers to it. */
struct point {
    const struct script *script;
    const struct step *step;
    const struct answer *before; /* ours, to the step before */
    const struct answer *ours, *theirs;
};

struct law {
    const char *id; /* of docs/departures.md, where it is a departure and no freedom */
    bool is_freedom;
    const char *source;
    unsigned may_differ; /* what it explains, when it explains anything */
    bool parts;          /* after it both are in different places, though it does not show yet */
    bool (*explains)(const struct point *at); /* NULL: it is not compared */
};

const struct law *judge_law(unsigned index); /* NULL behind the last */
void judge(const struct script *script, const struct answer *ours, const struct answer *theirs,
           struct judgement *judgement);
void judge_print(FILE *out, unsigned differs);

#endif

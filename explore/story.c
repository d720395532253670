/* The story of a trace. Read first: story.h, drivers/line.h. */
#include "story.h"

#include "../drivers/line.h"
#include "judge.h"

#include <stdio.h>
#include <string.h>

static struct hf_line_flows flows;
static hf_time told_at;

static void print_time(const struct world *w)
{
    hf_ns since = hf_time_since(w->now, told_at);
    told_at = w->now;
    printf("+%lld.%06lld ", (long long)(since / HF_SECOND), (long long)(since % HF_SECOND / HF_US));
}

static void tell_frame(const struct world *w, unsigned to, const struct flight *flight, enum frame_fate fate,
                       uint16_t why)
{
    struct hf_look look;
    struct hf_line_base base = {0};
    char text[HF_LINE_MAX], mark[HF_LINE_MARK_MAX];
    /* A sees what it sends, and what is delivered to it. */
    bool seen = to == 1 ? fate == FRAME_SENT : fate == FRAME_DELIVERED;
    enum hf_line_direction direction = to == 1 ? HF_LINE_OUT : HF_LINE_IN;
    if (hf_look(flight->data, flight->len, HF_LINK_IP, &look) && look.is_tcp)
        (void)hf_line_note(&flows, &look, direction, fate == FRAME_DELIVERED && why != HF_ACCEPTED, &base);
    hf_line_write(text, &base, flight->data, flight->len, HF_LINK_IP, direction);
    hf_line_mark(mark, why, direction);
    if (seen) {
        print_time(w);
        printf("%s  %s\n", text, mark);
    } else if (fate == FRAME_LOST) {
        printf("// lost: %s\n", text);
    } else {
        printf("// B %s: %s  %s\n", fate == FRAME_SENT ? "sends" : "receives", text, mark);
    }
}

static void tell_call(const struct world *w, struct move move)
{
    static const char *const call[MOVE_KINDS] = {
        [CONNECT] = "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 connect(3, ..., ...) = 0",
        [SEND] = "write(3, ..., 300) = 300",
        [READ] = "read(3, ..., 2048) = -1",
        [SHUTDOWN] = "shutdown(3, SHUT_WR) = 0",
        [CLOSE] = "close(3) = 0",
    };
    if (move.side == 0 && call[move.kind] != NULL && move.kind != READ) {
        print_time(w);
        printf("%s\n", call[move.kind]);
        return;
    }
    printf("// %c: %s\n", 'A' + move.side, move_text(move.kind));
}

static void tell(const struct world *w, struct move move)
{
    if (move.kind == TIME)
        printf("// time passes\n");
    else if (move.kind >= LISTEN && move.kind <= ABORT)
        tell_call(w, move);
    else
        printf("// the wire to %c: %s\n", 'A' + move.side, move_text(move.kind));
}

static void play(struct world *w, const struct move *path, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        tell(w, path[i]);
        world_make(w, path[i]);
    }
}

void story_print(const struct start *start, const struct move *path, unsigned count, const char *wrong)
{
    static struct world w;
    memset(&flows, 0, sizeof flows);
    told_at = (hf_time){HF_SECOND};
    printf("// explore %s: %s\n// %u moves", start->name, wrong, count);
    if (!start->sack || !start->timestamps || !start->scale)
        printf("\n//! config sack %s\n//! config timestamps %s\n//! config window_scaling %s",
               start->sack ? "on" : "off", start->timestamps ? "on" : "off", start->scale ? "on" : "off");
    printf("\n");
    on_frame = tell_frame;
    world_begin(&w, start);
    printf("// the choices begin\n");
    play(&w, path, count);
    printf("// and then, undisturbed:\n");
    const char *end = judge_end(&w);
    printf("// %s\n\n", end != NULL ? end : "it ends well");
    on_frame = NULL;
    fflush(stdout);
}

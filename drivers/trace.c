/*
 * A wrapper that prints every frame as a packetdrill line with its reason:
 *
 *     // 192.168.0.1:8080 and 192.0.2.1:40000
 *     +0.000000 < S 0:0(0) win 65535 <mss 1460>
 *     +0.000012 > S. 0:0(0) ack 1 win 65535 <mss 1460>  //! why SYN_ACK
 *
 * Times are those since the line before. Received frames are printed at their release, because only then the
 * engine's verdict is known. A coalesced frame is one line, with the length it has.
 *
 * Read first: line.h.
 */
#include <handfast/driver.h>
#include <handfast/observe.h>

#include "line.h"

#include <stdio.h>
#include <stdlib.h>

struct trace {
    struct hf_driver driver;
    struct hf_driver *inner;
    void (*write)(void *arg, const char *line);
    void *arg;
    bool has_begun;
    hf_time last_at; /* of the line before */
    struct hf_line_flows flows;
};

#define TRACE_LINE_MAX (HF_LINE_MAX + HF_LINE_MARK_MAX + 64)

static struct trace *trace_of(struct hf_driver *d)
{
    return (struct trace *)d;
}

/* ---- lines ---- */

static void print_flow(struct trace *trace, const struct hf_line_flow *flow)
{
    char line[2 * HF_ADDR_TEXT_LEN + 64], ours[HF_ADDR_TEXT_LEN], theirs[HF_ADDR_TEXT_LEN];
    snprintf(line, sizeof line, "// %s port %u and %s port %u", hf_addr_print(&flow->side[0].addr, ours),
             flow->side[0].port, hf_addr_print(&flow->side[1].addr, theirs), flow->side[1].port);
    trace->write(trace->arg, line);
}

static void find_base(struct trace *trace, const struct hf_frame *frame, enum hf_line_direction direction,
                      struct hf_line_base *base)
{
    struct hf_look look;
    if (!hf_look(frame->data, frame->len, trace->driver.link.kind, &look) || !look.is_tcp)
        return;
    bool was_dropped = direction == HF_LINE_IN && frame->why != HF_ACCEPTED;
    const struct hf_line_flow *begun = hf_line_note(&trace->flows, &look, direction, was_dropped, base);
    if (begun)
        print_flow(trace, begun);
}

static void print_frame(struct trace *trace, hf_time now, const struct hf_frame *frame,
                        enum hf_line_direction direction)
{
    char line[TRACE_LINE_MAX], text[HF_LINE_MAX], mark[HF_LINE_MARK_MAX];
    struct hf_line_base base = {0};
    hf_ns since = trace->has_begun ? hf_time_since(now, trace->last_at) : 0;
    trace->has_begun = true;
    trace->last_at = now;
    find_base(trace, frame, direction, &base);
    hf_line_write(text, &base, frame->data, frame->len, trace->driver.link.kind, direction);
    hf_line_mark(mark, frame->why, direction);
    /* A line that is a comment as a whole has no time: the next event's would be wrong in a script. */
    if (text[0] == '/')
        snprintf(line, sizeof line, "%s", text);
    else
        snprintf(line, sizeof line, "+%lld.%06lld %s%s%s", (long long)(since / HF_SECOND),
                 (long long)(since % HF_SECOND / HF_US), text, mark[0] ? "  " : "", mark);
    trace->write(trace->arg, line);
}

static void print_frames(struct trace *trace, hf_time now, const struct hf_frame *frames, unsigned count,
                         enum hf_line_direction direction)
{
    for (unsigned i = 0; i < count; i++)
        print_frame(trace, now, &frames[i], direction);
}

/* ---- the driver's calls ---- */

static int trace_receive(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned max)
{
    struct hf_driver *inner = trace_of(d)->inner;
    return inner->ops->receive(inner, now, frames, max);
}

static void trace_release(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct trace *trace = trace_of(d);
    print_frames(trace, now, frames, count, HF_LINE_IN);
    trace->inner->ops->release(trace->inner, now, frames, count);
}

static int trace_reserve(struct hf_driver *d, struct hf_frame *frames, unsigned max)
{
    struct hf_driver *inner = trace_of(d)->inner;
    return inner->ops->reserve(inner, frames, max);
}

static int trace_submit(struct hf_driver *d, hf_time now, struct hf_frame *frames, unsigned count)
{
    struct trace *trace = trace_of(d);
    print_frames(trace, now, frames, count, HF_LINE_OUT);
    return trace->inner->ops->submit(trace->inner, now, frames, count);
}

static hf_time trace_deadline(struct hf_driver *d)
{
    struct hf_driver *inner = trace_of(d)->inner;
    return inner->ops->deadline(inner);
}

static void trace_close(struct hf_driver *d)
{
    struct trace *trace = trace_of(d);
    struct hf_driver *inner = trace->inner;
    free(trace);
    inner->ops->close(inner);
}

static const struct hf_driver_ops trace_ops = {
    .receive = trace_receive,
    .release = trace_release,
    .reserve = trace_reserve,
    .submit = trace_submit,
    .deadline = trace_deadline,
    .close = trace_close,
};

struct hf_driver *hf_trace_open(struct hf_driver *inner, void (*write)(void *arg, const char *line), void *arg)
{
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return NULL;
    trace->driver = *inner;
    trace->driver.ops = &trace_ops;
    trace->inner = inner;
    trace->write = write;
    trace->arg = arg;
    return &trace->driver;
}

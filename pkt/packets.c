/*
 * Packet events: what the script sends is made and handed to the engine, what the engine sent is compared with what
 * the script expects. Read first: running.h, flow.h.
 */
#include "../drivers/bytes.h"
#include "frame.h"
#include "running.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_TIMESTAMPS = 8 };
enum { LOOK_AHEAD_S = 200 }; /* how far to look for a packet that is late, to say how late it is */

/* ---- flows ---- */

static bool is_at(const struct hf_endpoint *a, const struct hf_endpoint *b)
{
    return a->port == b->port && hf_addr_equal(&a->addr, &b->addr);
}

struct pkt_flow *pkt_running_flow(struct pkt_running *run, const struct hf_endpoint *ours,
                                  const struct hf_endpoint *theirs)
{
    for (unsigned i = 0; i < run->flow_count; i++)
        if (is_at(&run->flow[i]->ours, ours) && is_at(&run->flow[i]->theirs, theirs))
            return run->flow[i];
    if (run->flow_count == PKT_FLOWS_MAX)
        return run->flow[0];
    struct pkt_flow *flow = pkt_grow(NULL, 0, sizeof *flow);
    *flow = (struct pkt_flow){.ours = *ours,
                              .theirs = *theirs,
                              .their_shift = run->options->their_shift,
                              .may_begin_anew = true,
                              .win = 65535};
    run->flow[run->flow_count++] = flow;
    for (unsigned i = 0; i < run->flow_count; i++)
        run->flow[i]->shows_ports = run->flow_count > 1 || run->names_ports;
    return flow;
}

/* The flow of a packet of the script's: by its ports, or the one the script is about. */
static struct pkt_flow *flow_of(struct pkt_running *run, uint16_t our_port, uint16_t their_port)
{
    const struct pkt_settings *settings = &run->script->settings;
    if (our_port == 0 && run->main_flow)
        return run->last_flow = run->main_flow;
    struct hf_endpoint ours = {settings->local, our_port ? our_port : run->bind_port};
    struct hf_endpoint theirs = {settings->remote, their_port ? their_port : settings->peer_port};
    struct pkt_flow *flow = pkt_running_flow(run, &ours, &theirs);
    if (!run->main_flow)
        run->main_flow = flow;
    return run->last_flow = flow;
}

static struct pkt_flow *flow_of_sent(struct pkt_running *run, const struct hf_look *look)
{
    struct hf_endpoint ours = {look->src, look->src_port}, theirs = {look->dst, look->dst_port};
    return pkt_running_flow(run, &ours, &theirs);
}

/* ---- in ---- */

static bool lives(struct pkt_running *run, const struct pkt_flow *flow)
{
    struct hf_tcp_info info;
    return pkt_find_record(run, flow, &info) && info.state != HF_CLOSED && info.state != HF_TIME_WAIT;
}

static uint8_t traffic_class_of(const struct pkt_segment *s)
{
    uint8_t tos = s->tos >= 0 ? (uint8_t)s->tos : 0;
    return s->ecn >= 0 ? (uint8_t)((tos & ~3) | s->ecn) : tos;
}

static uint32_t make_segment(const struct pkt_flow *flow, const struct pkt_segment *s, uint8_t *frame)
{
    static uint8_t data[65536];
    uint8_t options[PKT_OPTIONS_MAX];
    memcpy(options, s->options, s->options_len);
    pkt_flow_options_to_wire(flow, options, s->options_len);
    for (uint32_t i = 0; i < s->len; i++)
        data[i] = pkt_flow_their_byte(s->seq + ((s->flags & LOOK_SYN) != 0) + i);
    const struct pkt_tcp_fields fields = {
        .src = flow->theirs,
        .dst = flow->ours,
        .traffic_class = traffic_class_of(s),
        .ttl = s->ttl >= 0 ? (uint8_t)s->ttl : 64,
        .flags = s->flags,
        .seq = s->seq + flow->their_shift,
        .ack = s->flags & LOOK_ACK ? s->ack + pkt_flow_our_shift(flow) : 0,
        .win = s->has_win ? s->win : flow->win,
        .urg = s->urg,
        .options = options,
        .options_len = s->options_len,
        .data = data,
        .data_len = s->len,
    };
    return pkt_frame_tcp(frame, &fields);
}

/* The frame is logged with its verdict, before what it causes. */
static void input(struct pkt_running *run, struct pkt_flow *flow, uint8_t *data, uint32_t len)
{
    unsigned place = run->logged;
    struct hf_frame frame = {.data = data, .len = len};
    pkt_running_log_frame(run, flow, &frame, HF_LINE_IN);
    run->last_in = pkt_world_input(&run->world, data, len);
    run->log[place % PKT_LOG_MAX].why = (uint16_t)run->last_in;
    run->has_in = true;
}

static void segment_in(struct pkt_running *run, const struct pkt_segment *s, uint8_t *frame)
{
    struct pkt_flow *flow = flow_of(run, s->dst_port, s->src_port);
    bool was_living = lives(run, flow);
    uint32_t len = make_segment(flow, s, frame);
    bool is_syn = s->flags & LOOK_SYN;
    if (is_syn && !(s->flags & LOOK_ACK) && !was_living)
        flow->may_begin_anew = true;
    if (s->has_win)
        flow->win = s->win;
    uint32_t isn_before = flow->their_script_isn;
    if (is_syn)
        flow->their_script_isn = s->seq;
    input(run, flow, frame, len);
    if (is_syn && run->last_in != HF_ACCEPTED)
        flow->their_script_isn = isn_before;
}

static void icmp_in(struct pkt_running *run, const struct pkt_icmp *icmp, uint8_t *frame)
{
    struct pkt_flow *flow = flow_of(run, 0, 0);
    const struct pkt_icmp_fields fields = {
        .src = run->script->settings.gateway,
        .dst = flow->ours.addr,
        .type = icmp->type,
        .code = icmp->code,
        .mtu = icmp->mtu,
        .quoted_src = flow->ours,
        .quoted_dst = flow->theirs,
        .quoted_seq = icmp->seq + pkt_flow_our_shift(flow),
        .quoted_len = icmp->len,
    };
    uint32_t len = pkt_frame_icmp(frame, &fields);
    input(run, flow, frame, len);
}

void pkt_packet_in(struct pkt_running *run, const struct pkt_event *event)
{
    uint8_t *frame = pkt_grow(NULL, 0, PKT_FRAME_MAX + 200);
    if (event->kind == PKT_ICMP_IN)
        icmp_in(run, &event->icmp, frame);
    else
        segment_in(run, &event->segment, frame);
    free(frame);
}

/* ---- as it leaves ---- */

/* Everything that is sent was written by the application, at its place. */
static void compare_text(struct pkt_running *run, const struct pkt_flow *flow, const struct hf_look *look,
                         const uint8_t *data)
{
    uint32_t first = look->seq + ((look->flags & LOOK_SYN) != 0);
    size_t offset = first - (flow->our_isn + 1);
    if (look->payload_len == 0 || !flow->has_our_isn)
        return;
    bool is_there = offset <= flow->written_len && look->payload_len <= flow->written_len - offset;
    if (!is_there)
        pkt_running_fail(run, 0, "text was sent that the application has not written");
    else if (memcmp(flow->written + offset, data + look->payload, look->payload_len) != 0)
        pkt_running_fail(run, 0, "text was sent that is not what the application wrote there");
}

/* The script names a timestamp of ours. */
static void learn_stamp(struct pkt_flow *flow, const struct pkt_segment *s, const struct hf_look *look,
                        const uint8_t *data)
{
    const uint8_t *options = data + look->transport + 20;
    uint32_t len = look->payload - look->transport - 20;
    int live = pkt_options_find(options, len, OPTION_TIMESTAMPS);
    int script = pkt_options_find(s->options, s->options_len, OPTION_TIMESTAMPS);
    if (live >= 0 && script >= 0)
        pkt_flow_name_stamp(flow, get32(options + live + 2), get32(s->options + script + 2));
}

/* What the script calls our SYN's number, and its timestamp: it is said by the next event that expects a SYN of ours. */
static void name_syn(struct pkt_running *run, struct pkt_flow *flow, const struct hf_look *look,
                     const uint8_t *data)
{
    const struct pkt_script *script = run->script;
    for (unsigned i = run->next; i < script->count; i++) {
        const struct pkt_segment *s = &script->event[i].segment;
        if (script->event[i].kind != PKT_SEGMENT_OUT || !(s->flags & LOOK_SYN))
            continue;
        flow->our_script_isn = s->seq;
        learn_stamp(flow, s, look, data);
        return;
    }
}

/* Our SYN begins a life of the flow: whatever was known of the one before is forgotten. What was written before an active
 * OPEN's SYN left belongs to this one: it may leave with the SYN. */
static void begin_anew(struct pkt_running *run, struct pkt_flow *flow, const struct hf_look *look,
                       const uint8_t *data)
{
    if (look->flags & LOOK_ACK)
        pkt_flow_close(flow);
    flow->may_begin_anew = false;
    flow->has_our_isn = true;
    flow->our_isn = look->seq;
    flow->our_script_isn = 0;
    flow->has_stamp = false;
    flow->stamp_count = 0;
    name_syn(run, flow, look, data);
}

void pkt_packet_left(struct pkt_running *run, const struct pkt_sent *sent)
{
    struct hf_look look;
    struct pkt_flow *flow = NULL;
    if (hf_look(sent->frame.data, sent->frame.len, HF_LINK_IP, &look) && look.is_tcp) {
        flow = flow_of_sent(run, &look);
        if ((look.flags & LOOK_SYN) && flow->may_begin_anew)
            begin_anew(run, flow, &look, sent->frame.data);
        if (!run->outcome->has_isn && (look.flags & LOOK_SYN)) {
            run->outcome->has_isn = true;
            run->outcome->isn = look.seq;
        }
    }
    pkt_running_log_frame(run, flow, &sent->frame, HF_LINE_OUT);
    if (flow)
        compare_text(run, flow, &look, sent->frame.data);
}

void pkt_packet_line(const struct pkt_flow *flow, const uint8_t *data, uint32_t len,
                     enum hf_line_direction direction, char text[HF_LINE_MAX])
{
    uint8_t head[PKT_LOG_HEAD] = {0};
    struct hf_look look;
    struct hf_line_base base = {0};
    memcpy(head, data, len < sizeof head ? len : sizeof head);
    if (flow)
        base = (struct hf_line_base){pkt_flow_our_shift(flow), flow->their_shift, flow->shows_ports};
    bool is_tcp = flow && hf_look(head, len, HF_LINK_IP, &look) && look.is_tcp && look.payload <= sizeof head;
    if (is_tcp) {
        struct pkt_flow plain = *flow;
        plain.their_shift = 0; /* the line itself shifts SACK edges */
        plain.has_our_isn = false;
        pkt_flow_options_to_script(&plain, head + look.transport + 20, look.payload - look.transport - 20,
                                   direction);
    }
    hf_line_write(text, &base, head, len, HF_LINK_IP, direction);
}

/* ---- out ---- */

/* What differs, in words; "" while nothing does. */
struct difference {
    char text[200];
};

static void differ(struct difference *d, const char *what, long long is, long long expected)
{
    if (d->text[0] == 0)
        snprintf(d->text, sizeof d->text, "%s is %lld instead of %lld", what, is, expected);
}

static void compare_options(const struct pkt_flow *flow, const struct pkt_segment *s, const uint8_t *live,
                            uint32_t live_len, hf_ns tick, struct difference *d)
{
    uint8_t options[PKT_OPTIONS_MAX];
    memcpy(options, live, live_len);
    pkt_flow_options_to_script(flow, options, live_len, HF_LINE_OUT);
    int is = pkt_options_find(options, live_len, OPTION_TIMESTAMPS);
    int wanted = pkt_options_find(s->options, s->options_len, OPTION_TIMESTAMPS);
    if (is >= 0 && is == wanted && (tick == 0 || !flow->has_stamp))
        memcpy(options + is + 2, s->options + is + 2, 4); /* any value will do */
    bool is_same = live_len == s->options_len && memcmp(options, s->options, live_len) == 0;
    if (!s->any_options && !is_same && d->text[0] == 0)
        snprintf(d->text, sizeof d->text, "the options differ");
}

static void compare_ip(const struct pkt_segment *s, const struct hf_look *look, const uint8_t *data,
                       struct difference *d)
{
    const uint8_t *ip = data + look->ip;
    uint8_t tos = look->version == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    uint8_t ttl = look->version == 4 ? ip[8] : ip[7];
    bool is_ect = (tos & 3) == PKT_ECN_ECT0 || (tos & 3) == PKT_ECN_ECT1;
    if (s->ecn == PKT_ECN_ECT01 ? !is_ect : s->ecn >= 0 && (tos & 3) != s->ecn)
        differ(d, "the ECN field", tos & 3, s->ecn);
    if (s->tos >= 0 && tos != s->tos)
        differ(d, "the type of service", tos, s->tos);
    if (s->ttl >= 0 && ttl != s->ttl)
        differ(d, "the TTL", ttl, s->ttl);
}

static void compare_flags(const struct pkt_segment *s, const struct hf_look *look, struct difference *d)
{
    if (look->flags != s->flags && d->text[0] == 0)
        snprintf(d->text, sizeof d->text, "the flags differ");
}

/* A reset that answers what had no ACK has sequence number 0 on the wire, whatever the flow counts from. */
static bool is_bare_reset(const struct pkt_segment *s, const struct hf_look *look)
{
    return (look->flags & LOOK_RST) && look->seq == 0 && s->seq == 0;
}

static void compare_segment(struct pkt_running *run, const struct pkt_flow *flow, const struct pkt_segment *s,
                            const struct hf_look *look, const uint8_t *data, struct difference *d)
{
    const uint8_t *tcp = data + look->transport;
    uint32_t seq = is_bare_reset(s, look) ? 0 : look->seq - pkt_flow_our_shift(flow);
    if (s->src_port && (s->src_port != look->src_port || s->dst_port != look->dst_port))
        snprintf(d->text, sizeof d->text, "the ports are %u > %u", look->src_port, look->dst_port);
    else if (!s->src_port && run->main_flow && flow != run->main_flow)
        snprintf(d->text, sizeof d->text, "it belongs to another flow, %u > %u", look->src_port, look->dst_port);
    compare_flags(s, look, d);
    if (seq != s->seq)
        differ(d, "the sequence number", seq, s->seq);
    if (look->payload_len != s->len)
        differ(d, "the length", look->payload_len, s->len);
    if ((s->flags & LOOK_ACK) && look->ack - flow->their_shift != s->ack)
        differ(d, "the acknowledgment number", look->ack - flow->their_shift, s->ack);
    if (s->has_win && get16(tcp + 14) != s->win)
        differ(d, "the window", get16(tcp + 14), s->win);
    if (get16(tcp + 18) != s->urg)
        differ(d, "the urgent pointer", get16(tcp + 18), s->urg);
    compare_ip(s, look, data, d);
    compare_options(flow, s, tcp + 20, look->payload - look->transport - 20,
                    run->script->settings.timestamp_tick_ns, d);
}

static void fail_different(struct pkt_running *run, const struct pkt_event *event, const struct pkt_flow *flow,
                           const struct pkt_sent *sent, const char *difference)
{
    char text[HF_LINE_MAX], mark[HF_LINE_MARK_MAX], at[32];
    pkt_packet_line(flow, sent->frame.data, sent->frame.len, HF_LINE_OUT, text);
    hf_line_mark(mark, sent->frame.why, HF_LINE_OUT);
    pkt_running_fail(run, event->line, "expected  %s\n  happened  %s %s  %s\n  %s", event->text,
                     pkt_running_instant(run, sent->at, at), text, mark, difference);
}

/* Whether `next` goes on where a segment ended. */
static bool goes_on(const struct hf_look *look, const struct hf_look *next)
{
    return next->is_tcp && next->src_port == look->src_port && next->dst_port == look->dst_port &&
           next->payload_len > 0 && next->seq == look->seq + look->payload_len;
}

/*
 * As in packetdrill, one event may stand for the segments of a burst: what goes on where the first ended is added to it,
 * up to the length expected, and the last one's flags are those of all. Not on a link that splits frames, where a script
 * of ours speaks of frames.
 */
static void gather(struct pkt_running *run, const struct pkt_segment *s, struct hf_look *look)
{
    const struct pkt_settings *settings = &run->script->settings;
    struct hf_look next;
    while (look->payload_len > 0 && look->payload_len < s->len && (!settings->offload || settings->as_linux)) {
        if (run->world.taken + 1 >= run->world.sent_count)
            return;
        const struct hf_frame *frame = &run->world.sent[run->world.taken + 1].frame;
        if (!hf_look(frame->data, frame->len, HF_LINK_IP, &next) || !goes_on(look, &next))
            return;
        look->payload_len += next.payload_len;
        look->flags = next.flags;
        run->world.taken++;
    }
}

static void expect_segment(struct pkt_running *run, const struct pkt_event *event, const struct pkt_sent *sent)
{
    const struct pkt_segment *s = &event->segment;
    struct difference d = {""};
    struct hf_look look;
    bool is_tcp = hf_look(sent->frame.data, sent->frame.len, HF_LINK_IP, &look) && look.is_tcp;
    struct pkt_flow *flow = is_tcp ? flow_of_sent(run, &look) : NULL;
    if (!is_tcp) {
        fail_different(run, event, NULL, sent, "it is no TCP segment");
        return;
    }
    if (!run->main_flow && !s->src_port)
        run->main_flow = flow;
    run->last_flow = flow;
    gather(run, s, &look);
    compare_segment(run, flow, s, &look, sent->frame.data, &d);
    if (d.text[0] != 0)
        fail_different(run, event, flow, sent, d.text);
    else
        learn_stamp(flow, s, &look, sent->frame.data);
}

static void expect_icmp(struct pkt_running *run, const struct pkt_event *event, const struct pkt_sent *sent)
{
    struct hf_look look;
    bool is_ip = hf_look(sent->frame.data, sent->frame.len, HF_LINK_IP, &look);
    bool is_icmp = is_ip && look.protocol == (look.version == 4 ? 1 : 58) && look.end - look.transport >= 8;
    const uint8_t *icmp = sent->frame.data + (is_icmp ? look.transport : 0);
    if (!is_icmp || icmp[0] != event->icmp.type || icmp[1] != event->icmp.code)
        fail_different(run, event, NULL, sent, "it is not that ICMP message");
}

static void fail_absent(struct pkt_running *run, const struct pkt_event *event, hf_time last)
{
    char at[32];
    hf_time limit = hf_time_add(last, LOOK_AHEAD_S * HF_SECOND);
    pkt_running_pass(run, limit, true);
    const struct pkt_sent *late = pkt_world_next(&run->world);
    if (late)
        pkt_running_fail(run, event->line, "expected  %s\n  happened  nothing until %s", event->text,
                         pkt_running_instant(run, late->at, at));
    else
        pkt_running_fail(run, event->line, "expected  %s\n  happened  nothing, for %d seconds", event->text,
                         LOOK_AHEAD_S);
}

static void check_instant(struct pkt_running *run, const struct pkt_event *event, const struct pkt_sent *sent,
                          hf_time first, hf_time last)
{
    char at[32], low[32], high[32];
    bool is_in_time = !hf_time_before(sent->at, first) && !hf_time_before(last, sent->at);
    if (!is_in_time)
        pkt_running_fail(run, event->line, "expected  %s  (from %s to %s)\n  happened  at %s", event->text,
                         pkt_running_instant(run, first, low), pkt_running_instant(run, last, high),
                         pkt_running_instant(run, sent->at, at));
}

void pkt_packet_out(struct pkt_running *run, const struct pkt_event *event)
{
    hf_ns tolerance = run->script->settings.tolerance_ns;
    hf_time first = pkt_running_time(run, event->time.kind, event->time.from);
    hf_time last = pkt_running_time(run, event->time.kind, event->time.to);
    first.ns -= tolerance;
    last.ns += tolerance;
    if (event->time.kind == PKT_ANY_TIME) {
        first = run->world.begin;
        last = hf_time_add(run->world.now, 100000 * HF_SECOND);
    }
    pkt_running_pass(run, last, true);
    const struct pkt_sent *sent = pkt_world_next(&run->world);
    if (pkt_running_failed(run))
        return;
    if (!sent) {
        fail_absent(run, event, last);
        return;
    }
    if (event->kind == PKT_ICMP_OUT)
        expect_icmp(run, event, sent);
    else
        expect_segment(run, event, sent);
    check_instant(run, event, sent, first, last);
    run->world.taken++;
    run->last_out = sent->frame.why;
    run->has_out = true;
}

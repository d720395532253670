/*
 * The next frame: the connection whose turn it is asks its plan, and what the plan says becomes a frame. A connection
 * with nothing to send rests until its timer; one whose neighbour is not known yet is parked.
 *
 * Read first: engine.h, settle.c. Read next: tcp/plan.c, tcp/output.c.
 */
#include "engine.h"

#include "../wire/checksum.h"

#define TURN_FRAMES 16 /* frames in a row before the others' turn */
#define CHECKSUM_AT 16 /* in the TCP header */
#define TCP_HEADER_MOST 60

void hf_path_facts(const struct hf_engine *e, struct hf_tcp_path *path)
{
    const struct hf_link_config *link = hf_links_config(&e->links, path->link);
    bool is_v4 = hf_addr_is_v4(&path->remote.addr);
    struct hf_path_mtu found = hf_paths_find(&e->paths, &path->remote.addr, link->mtu, e->tcp.now);
    path->mtu = found.mtu;
    path->may_fragment = found.may_fragment;
    path->burst = 0;
    if (link->offload & (is_v4 ? HF_LINK_TSO4 : HF_LINK_TSO6)) {
        uint32_t most = link->gso_max != 0 ? HF_MIN(link->gso_max, 65535u) : 65535;
        path->burst = most - hf_ip_header_len(is_v4) - TCP_HEADER_MOST;
    }
}

/* ---- where the frame goes ---- */

/* What stands in front of the TCP header, and what the device does. */
struct envelope {
    bool is_local, is_ethernet, is_v4;
    bool device_sums;
    uint8_t mac[6];
    uint32_t link_len; /* bytes of link header */
    uint32_t tcp_at;   /* where the TCP header begins */
};

enum addressing { ADDRESSED, PARKED, UNREACHABLE };

static enum addressing address_frame(struct hf_engine *e, const struct hf_tcp *c, struct envelope *envelope)
{
    const struct hf_way *way = hf_way_of(e, hf_slot(c));
    const struct hf_link_config *link = hf_links_config(&e->links, c->link);
    envelope->is_local = way->is_local;
    envelope->is_ethernet = !way->is_local && link->kind == HF_LINK_ETHERNET;
    envelope->is_v4 = hf_addr_is_v4(&c->remote_addr);
    envelope->device_sums = way->is_local || (link->offload & HF_LINK_TX_CSUM);
    envelope->link_len = envelope->is_ethernet ? HF_ETHERNET_LEN : 0;
    envelope->tcp_at = envelope->link_len + hf_ip_header_len(envelope->is_v4);
    if (!envelope->is_ethernet)
        return ADDRESSED;
    switch (hf_neighbours_lookup(&e->neighbours, c->link, &way->next, e->tcp.now, envelope->mac)) {
    case HF_NEIGHBOUR_RESOLVED:
        return ADDRESSED;
    case HF_NEIGHBOUR_WAITING:
        return PARKED;
    case HF_NEIGHBOUR_NO_ROOM:
        hf_count(&e->tcp, HF_LIMIT_NEIGHBOURS);
        return UNREACHABLE;
    default:
        hf_count(&e->tcp, HF_DROP_NO_NEIGHBOUR);
        return UNREACHABLE;
    }
}

/* ---- writing ---- */

/* A caller's buffer may be smaller than what the link would split: whole segments of it go. */
static void fit(const struct hf_tcp *c, struct hf_tcp_plan *plan, uint32_t cap, uint32_t tcp_at)
{
    uint32_t room = cap > tcp_at + TCP_HEADER_MOST ? cap - tcp_at - TCP_HEADER_MOST : 0;
    if (plan->len <= room)
        return;
    if (room > c->mss)
        room -= room % c->mss;
    plan->len = room;
    plan->fin = plan->psh = false;
}

static void write_ip(struct hf_engine *e, const struct hf_tcp *c, const struct envelope *envelope,
                     const struct hf_tcp_written *written, uint8_t *out)
{
    const struct hf_way *way = hf_way_of(e, hf_slot(c));
    const struct hf_ip ip = {
        .src = c->local_addr,
        .dst = c->remote_addr,
        .protocol = HF_PROTOCOL_TCP,
        .hop_limit = e->tcp.config.ip_ttl, /* MUST-49 */
        .traffic_class = written->seg.traffic_class, /* SHLD-22; RFC 3168, 5 */
        .is_v4 = envelope->is_v4,
        .dont_fragment = !way->may_fragment,
        /* A datagram that may not be fragmented needs no identification (RFC 6864, 4.1). */
        .id = envelope->is_v4 && way->may_fragment ? e->ip_id++ : 0,
    };
    hf_ip_write(&ip, written->len, out);
}

static void write_link(const struct hf_engine *e, const struct hf_tcp *c, const struct envelope *envelope, uint8_t *out)
{
    struct hf_ethernet header = {.type = envelope->is_v4 ? HF_ETHERTYPE_IPV4 : HF_ETHERTYPE_IPV6};
    memcpy(header.dst, envelope->mac, 6);
    memcpy(header.src, hf_links_config(&e->links, c->link)->mac, 6);
    hf_ethernet_write(&header, out);
}

/* MUST-2: the checksum, finished here or by the device, which then finds the pseudo-header's sum in its place. */
static void write_checksum(const struct hf_tcp *c, const struct envelope *envelope, const struct hf_tcp_written *written,
                           struct hf_frame *frame)
{
    uint32_t sum = hf_sum_pseudo(&c->local_addr, &c->remote_addr, HF_PROTOCOL_TCP, written->len);
    uint16_t field;
    if (envelope->device_sums) {
        field = (uint16_t)~hf_sum_finish(sum);
        frame->flags |= HF_FRAME_CSUM_PARTIAL;
        frame->csum_start = (uint16_t)envelope->tcp_at;
        frame->csum_offset = CHECKSUM_AT;
    } else {
        field = hf_sum_finish(hf_sum_add(sum, written->sum));
    }
    memcpy(frame->data + envelope->tcp_at + CHECKSUM_AT, &field, sizeof field);
}

static void note_departure(struct hf_engine *e, const struct hf_tcp *c, const struct hf_segment *seg, enum hf_reason why)
{
    const struct hf_passed passed = {.seg = seg, .kind = HF_NOTE_OUT, .why = why, .from = c->state};
    if (hf_is_noting(e))
        (void)hf_note_segment(&e->tcp, c, &passed);
}

static void write_frame(struct hf_engine *e, struct hf_tcp *c, const struct hf_tcp_plan *plan,
                        const struct envelope *envelope, struct hf_frame *frame)
{
    struct hf_tcp_written written;
    hf_frame_clear(frame);
    hf_tcp_output(&e->tcp, c, plan, frame->data + envelope->tcp_at, envelope->device_sums, &written);
    write_ip(e, c, envelope, &written, frame->data + envelope->link_len);
    if (envelope->is_ethernet)
        write_link(e, c, envelope, frame->data);
    write_checksum(c, envelope, &written, frame);
    frame->len = envelope->tcp_at + written.len;
    frame->link = c->link;
    frame->why = (uint16_t)plan->why;
    frame->conn = hf_handle(c);
    frame->gso_size = written.gso_size;
    frame->gso_header = written.gso_size != 0 ? (uint16_t)(envelope->tcp_at + written.header_len) : 0;
    note_departure(e, c, &written.seg, plan->why);
}

/* To the engine itself: the frame is its own arrival. */
static void turn_round(struct hf_engine *e, struct hf_frame *frame)
{
    struct hf_frame arrival = *frame;
    arrival.link = HF_LINK_NONE;
    arrival.conn = (hf_conn){0, 0};
    hf_count(&e->tcp, hf_frame_arrives(e, &arrival));
}

/* ---- whose turn ---- */

/* A neighbour that does not answer is remembered as advice: a connection attempt then ends as unreachable. */
static void advise_unreachable(struct hf_engine *e, struct hf_tcp *c)
{
    if (!hf_seq_eq(c->snd.una, c->iss))
        return;
    hf_tcp_advise(c, HF_ADVICE_HOST_UNREACHABLE);
    hf_settle(e, c);
}

/* The first of the turn list sends one frame. True when it is to leave the engine. */
static bool take_turn(struct hf_engine *e, struct hf_tcp *c, struct hf_tcp_plan *plan, struct hf_frame *frame)
{
    struct envelope envelope;
    enum addressing how = address_frame(e, c, &envelope);
    if (how == PARKED) {
        hf_turn_park(e);
        return false;
    }
    fit(c, plan, frame->cap, envelope.tcp_at);
    write_frame(e, c, plan, &envelope, frame);
    hf_time ask_at;
    if (how == ADDRESSED && hf_tcp_is_silent(&e->tcp, c, &ask_at))
        hf_turn_rest(e, ask_at); /* `c` may be gone now */
    else if (++e->sent_in_turn >= TURN_FRAMES)
        hf_turn_rotate(e);
    if (how == UNREACHABLE)
        advise_unreachable(e, c);
    else if (!envelope.is_local)
        return true;
    else
        turn_round(e, frame);
    return false;
}

/* Text is queued, and no record of a segment in flight is left for it: it waits, and that is told. */
static void count_shortage(struct hf_engine *e, const struct hf_tcp *c)
{
    const struct hf_tcp_sending *s = hf_tcp_sending_of(&e->tcp, c);
    if (s != NULL && s->end - c->snd_base > (uint64_t)hf_seq_diff(c->snd.nxt, c->snd.una))
        hf_count(&e->tcp, HF_LIMIT_SENT);
}

bool hf_connection_output(struct hf_engine *e, struct hf_frame *frame)
{
    while (e->turn.first != HF_NONE) {
        struct hf_tcp *c = hf_record(e, e->turn.first);
        struct hf_tcp_plan plan = hf_tcp_plan(&e->tcp, c);
        if (plan.what == HF_SEND_NOTHING) {
            if (hf_pool_available(&e->tcp.sent) == 0)
                count_shortage(e, c);
            hf_turn_rest(e, plan.ask_at);
        } else if (take_turn(e, c, &plan, frame)) {
            return true;
        }
    }
    return false;
}

/*
 * Two engines joined by a wire that loses, repeats, holds back and spoils frames as the input says, and between
 * their applications a naive model: a stream is a sequence of bytes.
 *
 * Held true: what is read is always the beginning of what was written; every invariant of every record after every
 * frame; and once the wire behaves, everything written arrives, both directions close, and nothing is left behind.
 */
#include "../src/base/base.h"
#include "fuzz.h"

#include <handfast/handfast.h>

#define CONNS      3
#define HELD       8 /* frames the wire may hold back at once */
#define MOST_STEPS 60000
#define TEXT_MOST  20000 /* bytes written in each direction of a connection */
#define FAULTS_END (1000 * HF_SECOND)

struct end {
    struct hf_engine *e;
    hf_link link;
    hf_conn listener;
};

/* One direction of a connection, as the applications see it. */
struct stream {
    uint32_t written, read, wanted; /* wanted: what the writer means to write in all */
    bool is_closed, is_over;        /* shutdown was called; the end was read */
};

struct talk {
    hf_conn conn[2];
    bool is_open[2]; /* the side has its handle */
    uint16_t port;
    struct stream stream[2]; /* [i]: what side i writes */
};

struct held {
    bool is_held;
    uint8_t turns; /* frames that pass before it does */
    unsigned to;
    struct hf_frame frame;
    uint8_t *data;
};

static struct {
    struct end end[2];
    struct talk talk[CONNS];
    unsigned talks;
    struct held held[HELD];
    hf_time now;
    bool is_faulty;
    uint8_t reading; /* how eagerly the applications read and write: 0 is always */
} w;

static uint8_t *memory[2], *held_data;
static uint8_t frame_data[HF_FRAME_MAX], bytes[4096];

static struct hf_addr address(unsigned side, bool v6)
{
    struct hf_addr a = {{0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(side + 1)}};
    return v6 ? a : hf_addr_v4(192, 0, 2, (uint8_t)(side + 1));
}

static void check(unsigned side)
{
    hf_conn conn = {0, 0};
    while (hf_tcp_next(w.end[side].e, &conn))
        require_sound(hf_tcp_check(w.end[side].e, conn));
}

/* ---- the wire ---- */

static void deliver(unsigned to, struct hf_frame *frame)
{
    frame->link = w.end[to].link;
    hf_input(w.end[to].e, w.now, frame);
    check(to);
}

static void hold(unsigned to, const struct hf_frame *frame, uint8_t turns)
{
    for (unsigned i = 0; i < HELD; i++) {
        struct held *h = &w.held[i];
        if (h->is_held)
            continue;
        *h = (struct held){.is_held = true,
                           .turns = turns,
                           .to = to,
                           .frame = *frame,
                           .data = held_data + (size_t)i * HF_FRAME_MAX};
        memcpy(h->data, frame->data, frame->len);
        h->frame.data = h->data;
        return;
    }
}

/* Another frame has passed: some that were held back come now. */
static void release_held(bool all)
{
    for (unsigned i = 0; i < HELD; i++) {
        struct held *h = &w.held[i];
        if (!h->is_held || (h->turns > 0 && !all)) {
            h->turns -= h->is_held;
            continue;
        }
        h->is_held = false;
        deliver(h->to, &h->frame);
    }
}

/* One bit of an IP datagram is wrong. Frames without a checksum, ARP, are spared: nothing could tell. */
static void spoil(struct hf_frame *frame, unsigned where)
{
    bool is_ethernet = frame->data[0] == 2 || (frame->data[0] & 1);
    uint32_t from = is_ethernet ? 14 : 0;
    if (is_ethernet && frame->data[12] == 8 && frame->data[13] == 6)
        return;
    uint32_t bit = where * 97 % ((frame->len - from) * 8);
    frame->data[from + bit / 8] ^= (uint8_t)(1u << bit % 8);
    frame->flags = 0; /* a checksum left to the device would be computed over the error */
}

static void finish_checksum(struct hf_frame *frame);

/* What happens to a frame: half of all choices are harmless. */
static void pass(struct input *in, unsigned to, struct hf_frame *frame)
{
    uint8_t fate = w.is_faulty ? in8(in) : 0;
    switch (fate & 7) {
    case 1:
        return; /* lost */
    case 2:
        deliver(to, frame); /* twice */
        break;
    case 3:
        hold(to, frame, fate >> 3); /* once now, once later */
        break;
    case 4:
        hold(to, frame, fate >> 3);
        return;
    case 5:
        finish_checksum(frame);
        spoil(frame, fate >> 3);
        break;
    default:
        break;
    }
    deliver(to, frame);
    release_held(false);
}

static void finish_checksum(struct hf_frame *frame)
{
    if (!(frame->flags & HF_FRAME_CSUM_PARTIAL))
        return;
    uint32_t sum = 0;
    const uint8_t *p = frame->data + frame->csum_start;
    uint32_t len = frame->len - frame->csum_start;
    for (uint32_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    uint8_t *field = frame->data + frame->csum_start + frame->csum_offset;
    field[0] = (uint8_t)(~sum >> 8);
    field[1] = (uint8_t)~sum;
    frame->flags = 0;
}

static bool move_one(struct input *in, unsigned from)
{
    struct hf_frame frame = {.data = frame_data, .cap = sizeof frame_data};
    if (!hf_output(w.end[from].e, w.now, &frame))
        return false;
    check(from);
    pass(in, 1 - from, &frame);
    return true;
}

/* Both speak until both are silent, at one instant. */
static void settle(struct input *in)
{
    for (unsigned i = 0; i < MOST_STEPS; i++) {
        bool moved = move_one(in, 0);
        if (!move_one(in, 1) && !moved)
            return;
    }
    require(!"the engines never fall silent");
}

/* ---- the applications ---- */

/* Byte `at` of what side `side` of connection `n` writes. */
static uint32_t place(const struct talk *t, unsigned side, uint32_t at)
{
    return (uint32_t)(t - w.talk) * 777777u + side * 333333u + at;
}

static void write_some(struct talk *t, unsigned side, uint32_t most)
{
    struct stream *s = &t->stream[side];
    uint32_t len = HF_MIN(HF_MIN(most, s->wanted - s->written), (uint32_t)sizeof bytes);
    if (!t->is_open[side] || len == 0)
        return;
    fill_text(bytes, place(t, side, s->written), len);
    int64_t taken = hf_tcp_send(w.end[side].e, t->conn[side], bytes, len, 0);
    require(taken == HF_ERR_AGAIN || (taken > 0 && taken <= (int64_t)len));
    s->written += taken > 0 ? (uint32_t)taken : 0;
}

static void read_some(struct talk *t, unsigned side, uint32_t most)
{
    struct stream *s = &t->stream[1 - side];
    if (!t->is_open[side] || most == 0)
        return;
    int64_t len = hf_tcp_receive(w.end[side].e, t->conn[side], bytes, HF_MIN(most, (uint32_t)sizeof bytes));
    require(len >= 0 || len == HF_ERR_AGAIN);
    if (len == 0) {
        require(s->is_closed && s->read == s->written);
        s->is_over = true;
    }
    if (len > 0) {
        require(!s->is_over && s->read + (uint32_t)len <= s->written);
        require(is_text(bytes, place(t, side ^ 1, s->read), (size_t)len));
        s->read += (uint32_t)len;
    }
}

static void close_if_done(struct talk *t, unsigned side)
{
    struct stream *s = &t->stream[side];
    if (!t->is_open[side] || s->is_closed || s->written < s->wanted)
        return;
    require(hf_tcp_shutdown(w.end[side].e, t->conn[side]) == HF_OK);
    s->is_closed = true;
}

static void accept_all(void)
{
    hf_conn conn;
    while (!hf_conn_is_none(w.end[1].listener) && hf_tcp_accept(w.end[1].e, w.end[1].listener, &conn) == HF_OK) {
        struct hf_tcp_info info;
        require(hf_tcp_status(w.end[1].e, conn, &info) == HF_OK);
        for (unsigned i = 0; i < w.talks; i++)
            if (w.talk[i].port == info.remote.port) {
                require(!w.talk[i].is_open[1]);
                w.talk[i].conn[1] = conn;
                w.talk[i].is_open[1] = true;
            }
    }
}

static void events(unsigned side)
{
    struct hf_event event;
    for (unsigned i = 0; hf_event(w.end[side].e, &event); i++)
        require(i < 64);
}

/* Every application does what it can. */
static void act(uint32_t most)
{
    events(0);
    events(1);
    accept_all();
    for (unsigned i = 0; i < w.talks; i++)
        for (unsigned side = 0; side < 2; side++) {
            write_some(&w.talk[i], side, most);
            read_some(&w.talk[i], side, most);
            close_if_done(&w.talk[i], side);
        }
}

static uint32_t wanted(struct input *in)
{
    uint8_t choice = in8(in);
    return choice & 1 ? (uint32_t)choice * 16 : (uint32_t)choice * 234 % TEXT_MOST;
}

/* A connection, from side 0 to side 1's listener, or from both sides at once. */
static void open_talk(struct input *in, bool simultaneous)
{
    if (w.talks == CONNS)
        return;
    struct talk *t = &w.talk[w.talks];
    uint8_t choice = in8(in);
    bool v6 = choice & 1;
    struct hf_tcp_options options = {
        .no_delay = choice & 2, .receive_buffer = choice & 4 ? 1024 : 0, .send_buffer = choice & 8 ? 1500 : 0};
    t->port = (uint16_t)(5000 + w.talks);
    t->stream[0].wanted = wanted(in);
    t->stream[1].wanted = wanted(in);
    for (unsigned side = 0; side < (simultaneous ? 2u : 1u); side++) {
        struct hf_endpoint mine = {.port = side == 0 ? t->port : 80}, theirs = {address(1 - side, v6), 80};
        if (side == 1)
            theirs.port = t->port;
        require(hf_tcp_connect(w.end[side].e, &mine, &theirs, &options, &t->conn[side]) == HF_OK);
        t->is_open[side] = true;
    }
    w.talks++;
}

/* ---- time ---- */

static hf_time next_deadline(void)
{
    return hf_time_first(hf_deadline(w.end[0].e), hf_deadline(w.end[1].e));
}

static void step_time(hf_time to)
{
    w.now = to;
    hf_advance(w.end[0].e, w.now);
    hf_advance(w.end[1].e, w.now);
    check(0);
    check(1);
}

/* ---- the world ---- */

static void open_end(unsigned side, const struct hf_config *config, const struct hf_link_config *link)
{
    struct hf_config own = *config;
    struct hf_link_config mine = *link;
    struct hf_addr v4 = address(side, false), v6 = address(side, true);
    own.seed[0] = (uint8_t)(side + 1);
    mine.mac[5] = (uint8_t)(side + 1);
    size_t size = hf_engine_size(&own);
    require(size > 0 && size <= 1 << 20);
    memset(memory[side], 0, size);
    struct end *end = &w.end[side];
    end->e = hf_engine_create(memory[side], size, &own, w.now);
    require(end->e != NULL && hf_link_add(end->e, &mine, &end->link) == HF_OK);
    require(hf_address_add(end->e, end->link, &v4, 24) == HF_OK);
    require(hf_address_add(end->e, end->link, &v6, 64) == HF_OK);
}

/* Retries without end, and a TIME-WAIT that outlives the faults: no connection may give up, nor forget the other. */
static struct hf_config configure(uint8_t choice)
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 8;
    config.max_listeners = 2;
    config.max_half_open = 4;
    config.max_time_wait = 4;
    config.syn_cookies = HF_SYN_COOKIES_OFF; /* an ACK that overtakes the handshake's would be reset */
    config.block_len = 256;
    config.max_blocks = choice & 1 ? 48 : 256;
    config.max_sent = choice & 2 ? 8 : 128;
    config.max_sending = config.max_receiving = choice & 2 ? 2 : 0;
    config.max_neighbours = 4;
    config.max_fragments = 1;
    config.max_fast_open = 2;
    config.fast_open = choice & 128;
    config.max_replies = choice & 2 ? 1 : 8;
    config.syn_retries = config.syn_ack_retries = config.data_retries = config.orphan_retries = 250;
    config.msl_ns = 3600 * HF_SECOND;
    config.rto_max_ns = 60 * HF_SECOND;
    config.send_buffer = choice & 4 ? 2000 : 20000;
    config.receive_buffer = choice & 4 ? 3000 : 100000;
    config.timestamps = !(choice & 8);
    config.sack = !(choice & 16);
    config.window_scaling = !(choice & 32);
    config.cc = choice & 64 ? HF_CC_NEWRENO : HF_CC_CUBIC;
    return config;
}

static void open_world(struct input *in)
{
    memset(&w, 0, sizeof w);
    for (int i = 0; i < 2; i++)
        if (memory[i] == NULL)
            require((memory[i] = aligned_alloc(64, 1 << 20)) != NULL);
    if (held_data == NULL)
        require((held_data = malloc((size_t)HELD * HF_FRAME_MAX)) != NULL);
    w.now = (hf_time){HF_SECOND};
    w.is_faulty = true;
    uint8_t link_choice = in8(in);
    struct hf_link_config link = {.kind = link_choice & 1 ? HF_LINK_ETHERNET : HF_LINK_IP, .mtu = 1500, .mac = {2}};
    if (link_choice & 2)
        link.offload = HF_LINK_TX_CSUM | HF_LINK_TSO4 | HF_LINK_TSO6;
    if (link_choice & 4)
        link.mtu = 1280;
    struct hf_config config = configure(in8(in));
    open_end(0, &config, &link);
    link.offload &= link_choice & 8 ? 0 : 255;
    open_end(1, &config, &link);
    struct hf_endpoint any = {.port = 80};
    const struct hf_tcp_options options = {.fast_open = 2};
    bool simultaneous = link_choice & 16;
    if (!simultaneous)
        require(hf_tcp_listen(w.end[1].e, &any, &options, &w.end[1].listener) == HF_OK);
    open_talk(in, simultaneous);
}

/* ---- the whole ---- */

static bool everything_arrived(void)
{
    for (unsigned i = 0; i < w.talks; i++)
        for (unsigned side = 0; side < 2; side++)
            if (!w.talk[i].stream[side].is_over)
                return false;
    return true;
}

/* How far everything has come: it grows whenever an application could do something. */
static uint64_t progress(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < w.talks; i++)
        for (unsigned side = 0; side < 2; side++) {
            const struct stream *s = &w.talk[i].stream[side];
            sum += s->read + s->written + s->is_closed + s->is_over + w.talk[i].is_open[side];
        }
    return sum;
}

static void act_until_idle(struct input *in)
{
    uint64_t before;
    do {
        settle(in);
        before = progress();
        act(sizeof bytes);
    } while (progress() != before);
    settle(in);
}

/* The wire behaves, everybody reads and writes: it must come to a good end, by itself. */
static void finish(struct input *in)
{
    w.is_faulty = false;
    release_held(true);
    for (unsigned i = 0;; i++) {
        require(i < MOST_STEPS);
        act_until_idle(in);
        if (everything_arrived())
            return;
        hf_time next = next_deadline();
        require(!hf_time_is_never(next));
        step_time(hf_time_before(w.now, next) ? next : w.now);
    }
}

static void judge_end(unsigned side)
{
    struct hf_stats stats;
    for (unsigned i = 0; i < w.talks; i++) {
        struct hf_tcp_info info;
        require(hf_tcp_status(w.end[side].e, w.talk[i].conn[side], &info) == HF_OK);
        require(info.error == HF_OK && (info.state == HF_CLOSED || info.state == HF_TIME_WAIT));
        require(info.bytes_sent == w.talk[i].stream[side].wanted && info.bytes_lost == 0);
        require(hf_tcp_release(w.end[side].e, w.talk[i].conn[side]) == HF_OK);
    }
    if (!hf_conn_is_none(w.end[side].listener))
        require(hf_tcp_release(w.end[side].e, w.end[side].listener) == HF_OK);
    hf_stats(w.end[side].e, &stats);
    require(stats.blocks_used == 0 && stats.sending_used == 0 && stats.receiving_used == 0 && stats.sent_used == 0);
}

/* The last ACKs, and 2 MSL. */
static void wait_out(struct input *in)
{
    hf_time end = hf_time_add(w.now, 3 * 3600 * HF_SECOND);
    for (unsigned i = 0;; i++) {
        require(i < MOST_STEPS);
        act(0);
        settle(in);
        hf_time next = next_deadline();
        if (hf_time_before(end, next))
            return;
        step_time(hf_time_before(w.now, next) ? next : w.now);
    }
}

static void judge_nothing_is_left(unsigned side)
{
    struct hf_stats stats;
    hf_conn conn = {0, 0};
    events(side);
    hf_stats(w.end[side].e, &stats);
    require(stats.connections_used == 0 && stats.replies_used == 0);
    require(stats.half_open_used == 0 && stats.time_wait_used == 0);
    require(!hf_tcp_next(w.end[side].e, &conn));
}

static void do_command(struct input *in)
{
    uint8_t choice = in8(in);
    struct talk *t = &w.talk[(choice >> 4 & 7) % w.talks];
    unsigned side = choice >> 3 & 1;
    switch (choice & 7) {
    case 0:
        act(in8(in) * 16u);
        break;
    case 1:
        write_some(t, side, in8(in) * 16u);
        break;
    case 2:
        read_some(t, side, in8(in) * 16u);
        break;
    case 3:
        close_if_done(t, side);
        break;
    case 4:
        (void)move_one(in, side);
        break;
    case 5:
        step_time(hf_time_add(w.now, in8(in) * 10 * HF_MS));
        break;
    case 6:
        if (!hf_conn_is_none(w.end[1].listener))
            open_talk(in, false);
        accept_all();
        break;
    default: {
        settle(in);
        hf_time next = next_deadline();
        if (hf_time_before(w.now, next) && !hf_time_is_never(next))
            step_time(next);
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    open_world(&in);
    for (unsigned i = 0; in.left > 0 && i < 400 && w.now.ns < FAULTS_END; i++)
        do_command(&in);
    finish(&in);
    wait_out(&in);
    judge_end(0);
    judge_end(1);
    wait_out(&in);
    judge_nothing_is_left(0);
    judge_nothing_is_left(1);
    return 0;
}

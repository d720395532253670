/* The moves. Read first: world.h. */
#include "world.h"

#include "../src/tcp/steps.h"
#include "../src/wire/checksum.h"

#include <string.h>

void (*on_frame)(const struct world *w, unsigned to, const struct flight *frame, enum frame_fate fate,
                 uint16_t why);

/* No two lives of one pair of ends begin at once: the ISN clock tells them apart (RFC 9293, 3.4.1). */
#define CONNECT_TAKES (50 * HF_MS)

static const struct hf_endpoint end_of_side[SIDES] = {
    {{{[10] = 0xff, 0xff, 192, 0, 2, 1}}, 5000},
    {{{[10] = 0xff, 0xff, 192, 0, 2, 2}}, 80},
};

static const char *const kind_text[MOVE_KINDS] = {
    "deliver", "overtake", "lose", "repeat",   "old",   "cut",   "time",      "listen",    "connect",
    "accept",  "send",     "read", "shutdown", "close", "abort", "forge RST", "forge SYN",
};

const char *move_text(uint8_t kind)
{
    return kind_text[kind];
}

uint8_t text_of(unsigned side, unsigned life, uint32_t at)
{
    return (uint8_t)(side * 128 + life * 40 + at / UNIT * 7 + at % 7);
}

static struct hf_tcp *record_of(struct world *w, unsigned side)
{
    return w->app[side].has_conn ? hf_connection_of(engine_of(w, side), w->app[side].conn) : NULL;
}

static void find_wrong(struct world *w, const char *what)
{
    if (w->wrong == NULL)
        w->wrong = what;
}

/* ---- the wire ---- */

static void tell(const struct world *w, unsigned to, const struct flight *frame, enum frame_fate fate, uint16_t why)
{
    if (on_frame != NULL)
        on_frame(w, to, frame, fate, why);
}

/* Everything a side has to say goes on the wire; what does not fit there is lost, as in any queue. */
static void speak(struct world *w, unsigned side)
{
    uint8_t data[HF_FRAME_MIN_CAP];
    struct hf_frame frame = {.data = data, .cap = sizeof data};
    struct wire *wire = &w->to[1 - side];
    for (unsigned i = 0; hf_output(engine_of(w, side), w->now, &frame); i++) {
        struct flight flight = {(uint16_t)frame.len, frame.flags, 0, frame.csum_start, frame.csum_offset, {0}};
        if (frame.len > FRAME_BYTES || i > 100) {
            find_wrong(w, i > 100 ? "an engine does not fall silent" : "a frame is too long");
            return;
        }
        memcpy(flight.data, data, frame.len);
        bool fits = wire->count < WIRE_FRAMES;
        tell(w, 1 - side, &flight, FRAME_SENT, frame.why);
        if (fits) {
            wire->frame[wire->count++] = flight;
            continue;
        }
        w->was_disturbed = true;
        tell(w, 1 - side, &flight, FRAME_LOST, 0);
    }
}

static struct flight take(struct wire *wire, unsigned index)
{
    struct flight taken = wire->frame[index];
    wire->count--;
    memmove(&wire->frame[index], &wire->frame[index + 1], (wire->count - index) * sizeof taken);
    memset(&wire->frame[wire->count], 0, sizeof taken);
    return taken;
}

static void deliver(struct world *w, unsigned to, struct flight *flight)
{
    struct hf_frame frame = {
        .data = flight->data,
        .len = flight->len,
        .link = w->link[to],
        .flags = flight->flags,
        .csum_start = flight->csum_start,
        .csum_offset = flight->csum_offset,
    };
    hf_input(engine_of(w, to), w->now, &frame);
    tell(w, to, flight, FRAME_DELIVERED, frame.why);
}

static uint32_t text_len(const struct flight *flight)
{
    struct hf_ip ip;
    struct hf_segment seg;
    bool good = hf_ip_parse(flight->data, flight->len, &ip) == HF_ACCEPTED &&
                hf_tcp_parse(ip.payload, ip.payload_len, &seg) == HF_ACCEPTED;
    return good ? seg.data_len : 0;
}

/* The first half of the text, and no FIN. */
static struct flight half_of(const struct flight *whole)
{
    struct flight half = *whole;
    struct hf_ip ip;
    uint32_t cut = text_len(whole) - text_len(whole) / 2;
    (void)hf_ip_parse(whole->data, whole->len, &ip);
    half.len = (uint16_t)(half.len - cut);
    hf_ip_write(&ip, ip.payload_len - cut, half.data);
    half.data[ip.header_len + 13] &= (uint8_t)~HF_TCP_FIN;
    return half;
}

/* ---- someone who guesses ---- */

static void build(const struct hf_segment *seg, unsigned to, struct flight *flight)
{
    const struct hf_ip ip = {
        .src = end_of_side[1 - to].addr,
        .dst = end_of_side[to].addr,
        .protocol = HF_PROTOCOL_TCP,
        .hop_limit = 64,
        .is_v4 = true,
    };
    uint32_t at = hf_ip_header_len(true), len = hf_tcp_write(seg, flight->data + at);
    hf_ip_write(&ip, len, flight->data);
    flight->len = (uint16_t)(at + len);
    flight->flags = HF_FRAME_CSUM_VERIFIED;
}

static void forge(struct world *w, unsigned to, uint8_t flags)
{
    struct hf_tcp *c = record_of(w, to);
    uint8_t before = c->state;
    struct hf_segment seg = {
        .src_port = c->remote_port,
        .dst_port = c->local_port,
        .seq = hf_seq_add(c->rcv.nxt, 1),
        .ack = c->snd.nxt,
        .flags = flags,
    };
    struct flight flight = {0};
    build(&seg, to, &flight);
    deliver(w, to, &flight);
    c = record_of(w, to);
    if (c == NULL || c->state != before)
        find_wrong(w, "a forged segment that only lies in the window changed the state (RFC 5961)");
}

static bool may_forge(struct world *w, unsigned to)
{
    const struct hf_tcp *c = record_of(w, to);
    return c != NULL && c->state >= HF_ESTABLISHED && c->state != HF_TIME_WAIT && c->rcv.wnd > 2 &&
           !(c->flags & (HF_TF_FIN_SEEN | HF_TF_TIMESTAMPS));
}

/* ---- time ---- */

static hf_time deadline_of(struct hf_engine *e)
{
    hf_time first = hf_time_first(hf_half_open_deadline(e), hf_time_wait_deadline(e));
    for (uint32_t slot = 0; slot < e->tcp.connections.fresh; slot++)
        if (hf_record(e, slot)->own.generation != 0 && hf_wheel_is_armed(&e->wheel, slot))
            first = hf_time_first(first, hf_timers_next(&e->tcp, hf_record(e, slot)));
    return hf_time_is_never(first) ? hf_deadline(e) : first;
}

hf_time world_deadline(struct world *w)
{
    return hf_time_first(deadline_of(engine_of(w, 0)), deadline_of(engine_of(w, 1)));
}

static void pass_time(struct world *w)
{
    hf_time next = world_deadline(w);
    next = hf_time_add(next, 1 << HF_WHEEL_TICK_BITS); /* the wheel may be late by less than a tick */
    if (hf_time_before(w->now, next))
        w->now = next;
    hf_advance(engine_of(w, 0), w->now);
    hf_advance(engine_of(w, 1), w->now);
}

/* ---- calls ---- */

static void open_app(struct app *app, hf_conn conn)
{
    app->conn = conn;
    app->has_conn = true;
    app->life = app->lives++;
    app->hears = NOBODY;
    app->read = 0;
    app->shut = app->closed = app->aborted = app->saw_end = false;
}

static void listen_at(struct world *w, unsigned side)
{
    struct hf_endpoint any = {.port = end_of_side[side].port};
    w->app[side].has_listener = hf_tcp_listen(engine_of(w, side), &any, NULL, &w->app[side].listener) == HF_OK;
}

static void connect_from(struct world *w, unsigned side)
{
    const struct hf_tcp_options options = {.no_delay = true};
    hf_conn conn;
    w->ration.connects[side]--;
    w->now = hf_time_add(w->now, CONNECT_TAKES);
    if (hf_tcp_connect(engine_of(w, side), &end_of_side[side], &end_of_side[1 - side], &options, &conn) == HF_OK)
        open_app(&w->app[side], conn);
}

static void accept_at(struct world *w, unsigned side)
{
    hf_conn conn;
    if (hf_tcp_accept(engine_of(w, side), w->app[side].listener, &conn) == HF_OK)
        open_app(&w->app[side], conn);
}

static void send_from(struct world *w, unsigned side)
{
    struct app *app = &w->app[side];
    uint8_t text[UNIT];
    for (uint32_t i = 0; i < UNIT; i++)
        text[i] = text_of(side, app->life, app->wrote[app->life] + i);
    w->ration.sends[side]--;
    int64_t taken = hf_tcp_send(engine_of(w, side), app->conn, text, UNIT, 0);
    if (taken > 0)
        app->wrote[app->life] = (uint16_t)(app->wrote[app->life] + taken);
}

/* Whose words are these? Those of one life of the other side, from its first byte on. */
static void hear(struct world *w, unsigned side, const uint8_t *text, uint32_t len)
{
    struct app *app = &w->app[side];
    const struct app *other = &w->app[1 - side];
    for (uint8_t life = 0; app->hears == NOBODY && life < other->lives; life++)
        if (text[0] == text_of(1 - side, life, 0) && text[1] == text_of(1 - side, life, 1))
            app->hears = life;
    if (app->hears == NOBODY) {
        find_wrong(w, "bytes that nobody wrote were read");
        return;
    }
    for (uint32_t i = 0; i < len; i++, app->read++)
        if (app->read >= other->wrote[app->hears] || text[i] != text_of(1 - side, app->hears, app->read)) {
            find_wrong(w, "other bytes were read than were written");
            return;
        }
}

static void read_at(struct world *w, unsigned side)
{
    struct app *app = &w->app[side];
    uint8_t text[4 * UNIT];
    int64_t len;
    while ((len = hf_tcp_receive(engine_of(w, side), app->conn, text, sizeof text)) > 0)
        hear(w, side, text, (uint32_t)len);
    if (len != 0 || app->saw_end)
        return;
    app->saw_end = true;
    const struct app *other = &w->app[1 - side];
    uint8_t life = app->hears;
    if (life == NOBODY) /* a stream without a byte: one of those that ended so */
        for (life = 0; life < other->lives && (other->wrote[life] > 0 || !other->ended_writing[life]); life++)
            ;
    if (life >= other->lives || !other->ended_writing[life] || app->read != other->wrote[life])
        find_wrong(w, "the end was read before everything written was");
}

static void end_writing(struct world *w, struct app *app)
{
    (void)w;
    app->ended_writing[app->life] = true;
}

static void shut(struct world *w, unsigned side)
{
    w->app[side].shut = true;
    end_writing(w, &w->app[side]);
    (void)hf_tcp_shutdown(engine_of(w, side), w->app[side].conn);
}

static void close_at(struct world *w, unsigned side)
{
    w->ration.closes[side]--;
    w->app[side].closed = true;
    w->had_violence = true;
    end_writing(w, &w->app[side]);
    (void)hf_tcp_close(engine_of(w, side), w->app[side].conn);
}

static void abort_at(struct world *w, unsigned side)
{
    w->ration.aborts[side]--;
    w->app[side].aborted = true;
    w->had_violence = true;
    (void)hf_tcp_abort(engine_of(w, side), w->app[side].conn);
}

/* An application whose connection is over, and that has read everything, lets go of it. */
static void let_go(struct world *w, unsigned side)
{
    struct app *app = &w->app[side];
    struct hf_tcp_info info;
    struct hf_event event;
    struct hf_engine *e = engine_of(w, side);
    while (hf_event(e, &event))
        ;
    if (!app->has_conn || hf_tcp_status(e, app->conn, &info) != HF_OK)
        return;
    bool over = info.state == HF_CLOSED || (info.state == HF_TIME_WAIT && app->saw_end);
    bool all_read = info.error != HF_OK || app->saw_end || app->closed || app->aborted;
    if (!over || !all_read || (info.state == HF_CLOSED && info.bytes_unread > 0 && info.error == HF_ERR_TIMED_OUT))
        return;
    app->error = (int8_t)info.error;
    w->had_violence |= info.error == HF_ERR_REFUSED; /* nobody was there, or no longer */
    app->has_conn = false;
    (void)hf_tcp_release(e, app->conn);
}

/* ---- which moves there are ---- */

static void add(struct move moves[MOVES_MAX], unsigned *count, uint8_t kind, unsigned side)
{
    moves[(*count)++] = (struct move){kind, (uint8_t)side};
}

static void add_wire(struct world *w, unsigned to, struct move moves[MOVES_MAX], unsigned *count)
{
    const struct wire *wire = &w->to[to];
    bool faulty = w->ration.faults > 0;
    if (wire->count > 0)
        add(moves, count, DELIVER, to);
    if (faulty && wire->count > 1)
        add(moves, count, OVERTAKE, to);
    if (faulty && wire->count > 0)
        add(moves, count, LOSE, to);
    if (faulty && wire->count > 0 && !wire->has_old)
        add(moves, count, REPEAT, to);
    if (wire->has_old)
        add(moves, count, OLD, to);
    if (faulty && wire->count > 0 && text_len(&wire->frame[0]) > 1)
        add(moves, count, CUT, to);
    if (w->ration.forgeries > 0 && may_forge(w, to)) {
        add(moves, count, FORGE_RST, to);
        add(moves, count, FORGE_SYN, to);
    }
}

static bool has_news(struct world *w, unsigned side)
{
    struct hf_tcp_info info;
    const struct app *app = &w->app[side];
    if (hf_tcp_status(engine_of(w, side), app->conn, &info) != HF_OK)
        return false;
    return info.bytes_unread > 0 || (info.fin_received && !app->saw_end);
}

static void add_calls(struct world *w, unsigned side, struct move moves[MOVES_MAX], unsigned *count)
{
    const struct app *app = &w->app[side];
    const struct ration *ration = &w->ration;
    bool may_open = !app->has_conn && app->lives < LIVES;
    if (may_open && ration->connects[side] > 0)
        add(moves, count, CONNECT, side);
    if (side == 1 && !app->has_listener && ration->connects[side] == 0)
        add(moves, count, LISTEN, side);
    if (may_open && app->has_listener && hf_listener_of(engine_of(w, side), app->listener)->waiting > 0)
        add(moves, count, ACCEPT, side);
    if (!app->has_conn || app->closed || app->aborted)
        return;
    if (has_news(w, side))
        add(moves, count, READ, side);
    if (!app->shut && ration->sends[side] > 0)
        add(moves, count, SEND, side);
    if (!app->shut)
        add(moves, count, SHUTDOWN, side);
    if (ration->closes[side] > 0)
        add(moves, count, CLOSE, side);
    if (ration->aborts[side] > 0)
        add(moves, count, ABORT, side);
}

unsigned world_moves(struct world *w, struct move moves[MOVES_MAX])
{
    unsigned count = 0;
    for (unsigned side = 0; side < SIDES; side++) {
        add_wire(w, side, moves, &count);
        add_calls(w, side, moves, &count);
    }
    if (w->ration.times > 0 && !hf_time_is_never(world_deadline(w)))
        add(moves, &count, TIME, 0);
    return count;
}

static void move_half(struct world *w, struct move move)
{
    struct flight half = half_of(&w->to[move.side].frame[0]);
    w->ration.faults--;
    w->was_disturbed = true;
    deliver(w, move.side, &half);
}

static void move_frame(struct world *w, struct move move)
{
    struct wire *wire = &w->to[move.side];
    struct flight flight = move.kind == OLD ? wire->old : take(wire, move.kind == OVERTAKE);
    if (move.kind != DELIVER && move.kind != OLD)
        w->ration.faults--;
    w->was_disturbed |= move.kind != DELIVER;
    if (move.kind == REPEAT)
        wire->old = flight;
    if (move.kind == REPEAT || move.kind == OLD)
        wire->has_old = move.kind == REPEAT;
    if (!wire->has_old)
        memset(&wire->old, 0, sizeof wire->old);
    if (move.kind == LOSE)
        tell(w, move.side, &flight, FRAME_LOST, 0);
    else
        deliver(w, move.side, &flight);
}

void world_make(struct world *w, struct move move)
{
    switch (move.kind) {
    case CUT:
        move_half(w, move);
        break;
    case TIME:
        w->ration.times--;
        pass_time(w);
        break;
    case LISTEN:
        listen_at(w, move.side);
        break;
    case CONNECT:
        connect_from(w, move.side);
        break;
    case ACCEPT:
        accept_at(w, move.side);
        break;
    case SEND:
        send_from(w, move.side);
        break;
    case READ:
        read_at(w, move.side);
        break;
    case SHUTDOWN:
        shut(w, move.side);
        break;
    case CLOSE:
        close_at(w, move.side);
        break;
    case ABORT:
        abort_at(w, move.side);
        break;
    case FORGE_RST:
    case FORGE_SYN:
        w->ration.forgeries--;
        forge(w, move.side, move.kind == FORGE_RST ? HF_TCP_RST : HF_TCP_SYN);
        break;
    default:
        move_frame(w, move);
        break;
    }
    speak(w, 0);
    speak(w, 1);
    let_go(w, 0);
    let_go(w, 1);
    speak(w, 0);
    speak(w, 1);
}

/* ---- beginnings ---- */

/* Retries without end: nobody gives up because time was let pass while a frame was still on its way. */
static struct hf_config configure(const struct start *start)
{
    struct hf_config config;
    hf_config_defaults(&config);
    config.max_connections = 2;
    config.max_listeners = 1;
    config.max_half_open = config.max_time_wait = 1;
    config.max_blocks = 12;
    config.block_len = 256;
    config.max_sent = 8;
    config.max_links = config.max_addresses = config.max_neighbours = 1;
    config.max_routes = config.max_paths = config.max_fragments = 0;
    config.max_replies = 1;
    config.max_fast_open = 0;
    config.max_history = 32;
    config.syn_retries = config.syn_ack_retries = config.data_retries = config.orphan_retries = 250;
    config.msl_ns = 300 * HF_SECOND;
    config.fin_wait_2_ns = 3600 * HF_SECOND;
    config.send_buffer = 2048;
    config.receive_buffer = start->receive_buffer != 0 ? start->receive_buffer : 2048;
    config.window_scaling = start->scale;
    config.send_buffer_max = config.receive_buffer_max = 0; /* as large as it says, and no larger */
    config.timestamps = start->timestamps;
    config.sack = start->sack;
    config.syn_cookies = HF_SYN_COOKIES_OFF; /* an ACK that overtakes the handshake's would be reset */
    return config;
}

static void begin_side(struct world *w, const struct start *start, unsigned side, uint8_t seed)
{
    struct hf_config config = configure(start);
    config.seed[0] = (uint8_t)(seed + side);
    const struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = 576, .offload = HF_LINK_TX_CSUM};
    memset(w->engine[side], 0, ENGINE_MAX);
    w->app[side] = (struct app){.hears = NOBODY, .lives = w->app[side].lives};
    struct hf_engine *e = hf_engine_create(w->engine[side], ENGINE_MAX, &config, w->now);
    if (e == NULL || hf_link_add(e, &link, &w->link[side]) != HF_OK ||
        hf_address_add(e, w->link[side], &end_of_side[side].addr, 24) != HF_OK)
        find_wrong(w, "the engine could not be made");
}

void world_begin(struct world *w, const struct start *start)
{
    memset(w, 0, sizeof *w);
    w->now = (hf_time){HF_SECOND};
    w->ration = (struct ration){.faults = 255, .times = 255, .connects = {9, 0}, .sends = {9, 9}};
    if (start->ration.connects[1] > 0)
        w->ration.connects[1] = 9;
    begin_side(w, start, 0, 1);
    begin_side(w, start, 1, 1);
    for (const struct move *move = start->script; move != NULL && move->kind != MOVE_KINDS; move++)
        world_make(w, *move);
    w->ration = start->ration;
    if (start->b_crashes) {
        begin_side(w, start, 1, 7);
        w->heard[1] = 0;
        w->had_violence = true;
        listen_at(w, 1);
    }
}

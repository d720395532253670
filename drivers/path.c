/* The fate of each segment, and the lanes that carry what survives. See path.h. */
#include "path.h"

#include "fault_answer.h"
#include "path_box.h"
#include "split.h"

#include <stdlib.h>

#define OVERTAKEN_BY_MAX  3             /* a reordered segment comes 1 to this many places later, */
#define LATE_LIMIT        (10 * HF_MS)  /* or after this time when nothing overtakes it */
#define RATE_QUEUE        (100 * HF_MS) /* what waits for `rate` at most, unless `queue` says how much, */
#define RATE_QUEUE_FRAMES 32            /* but never less than this many */

/* What becomes of one segment. */
struct fate {
    bool is_lost, is_duplicated, is_reordered, is_corrupted, is_answered, is_marked, is_forged;
    uint32_t corrupt_at, forge_at; /* draws, scaled when they are used */
    uint32_t overtakers;
    hf_ns jitter;
    hf_ns delay; /* by name: others overtake meanwhile */
};

/* ---- chance ---- */

/* splitmix64 (Steele, Lea, Flood): each output is a bijective mix of a counter. */
static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15;
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Uniform in 0..below-1, for `below` far under 2^32 or where a bias of that size does not matter. */
static uint64_t draw_below(uint64_t *random, uint64_t below)
{
    uint64_t number = draw(random);
    return below ? number % below : 0;
}

static bool draw_chance(uint64_t *random, uint64_t per_million)
{
    return draw_below(random, FAULT_MILLION) < per_million;
}

/* The chain of Gilbert and Elliott with two states: a good one that loses nothing, and a burst that loses everything, left
 * with one chance in its mean length; how often it is entered makes the mean loss what was asked for. */
static bool draw_burst(struct path_lane *lane, const struct fault_path *path)
{
    uint64_t loss = path->value[FAULT_BURST], len = path->value[FAULT_BURST_LEN];
    uint64_t drawn = draw_below(&lane->more_random, FAULT_MILLION);
    if (loss == 0)
        return false;
    if (lane->is_in_burst)
        lane->is_in_burst = drawn >= FAULT_MILLION / len;
    else
        lane->is_in_burst = drawn < loss * FAULT_MILLION / ((FAULT_MILLION - loss) * len);
    return lane->is_in_burst;
}

static struct fate draw_fate(struct path_lane *lane, const struct fault_path *path)
{
    uint64_t *random = &lane->random;
    struct fate fate = {0};
    fate.is_lost = draw_chance(random, path->value[FAULT_LOSS]);
    fate.is_duplicated = draw_chance(random, path->value[FAULT_DUPLICATE]);
    fate.is_reordered = draw_chance(random, path->value[FAULT_REORDER]);
    fate.is_corrupted = draw_chance(random, path->value[FAULT_CORRUPT]);
    fate.corrupt_at = (uint32_t)draw(random);
    fate.overtakers = (uint32_t)draw_below(random, OVERTAKEN_BY_MAX) + 1;
    fate.jitter = (hf_ns)draw_below(random, path->value[FAULT_JITTER] + 1);
    fate.is_lost |= draw_burst(lane, path);
    fate.is_marked = draw_chance(&lane->more_random, path->value[FAULT_MARK]);
    fate.is_forged = draw_chance(&lane->more_random, path->value[FAULT_FORGE]);
    fate.forge_at = (uint32_t)draw(&lane->more_random);
    return fate;
}

static void apply_named(const struct fault_spec *spec, uint64_t seed, uint32_t met, struct fate *fate)
{
    for (unsigned i = 0; i < spec->named_count; i++) {
        if ((met & 1u << i) == 0)
            continue;
        enum fault_act act = spec->named[i].act;
        fate->is_lost |= act == FAULT_DO_LOSE || act == FAULT_DO_ANSWER;
        fate->is_answered |= act == FAULT_DO_ANSWER;
        fate->is_duplicated |= act == FAULT_DO_DUPLICATE;
        fate->is_corrupted |= act == FAULT_DO_CORRUPT;
        uint64_t random = seed + i;
        if (act == FAULT_DO_CORRUPT)
            fate->corrupt_at = (uint32_t)draw(&random);
        if (act == FAULT_DO_DELAY)
            fate->delay += spec->named[i].delay;
    }
}

/* ---- time ---- */

static hf_time later(hf_time a, hf_time b)
{
    return hf_time_before(a, b) ? b : a;
}

static hf_ns time_to_send(uint64_t rate, uint32_t len)
{
    return (hf_ns)(len * UINT64_C(8000000000) / rate);
}

/* How long a segment may wait at most. */
static hf_ns queue_limit(const struct fault_path *path, uint32_t len)
{
    uint64_t rate = path->value[FAULT_RATE], bytes = path->value[FAULT_QUEUE];
    if (bytes != 0)
        return time_to_send(rate, (uint32_t)bytes) - time_to_send(rate, len);
    if (path->value[FAULT_QUEUE_TIME] != 0)
        return (hf_ns)path->value[FAULT_QUEUE_TIME];
    hf_ns least = time_to_send(rate, len) * RATE_QUEUE_FRAMES;
    return least > RATE_QUEUE ? least : RATE_QUEUE;
}

/* Queues for `rate`. False when more waits there already than may. */
static bool pass_bottleneck(struct path_lane *lane, const struct fault_path *path, uint32_t len, hf_time now,
                            hf_time *leaves)
{
    uint64_t rate = path->value[FAULT_RATE];
    *leaves = now;
    if (rate == 0)
        return true;
    hf_time starts = later(now, lane->free_at);
    hf_ns wait = hf_time_since(starts, now);
    if (wait > 0 && wait > queue_limit(path, len))
        return false;
    lane->waiters++;
    lane->waited += wait;
    lane->waited_most = wait > lane->waited_most ? wait : lane->waited_most;
    *leaves = lane->free_at = hf_time_add(starts, time_to_send(rate, len));
    return true;
}

/* Did a segment that leaves the bottleneck then wait longer than senders shall make others wait? */
static bool has_waited(const struct fault_path *path, uint32_t len, hf_time now, hf_time leaves)
{
    if (path->value[FAULT_MARK_AT] == 0 || path->value[FAULT_RATE] == 0)
        return false;
    return hf_time_since(leaves, now) - time_to_send(path->value[FAULT_RATE], len) >
           (hf_ns)path->value[FAULT_MARK_AT];
}

/* ---- a lane ---- */

static void make_late(struct path_lane *lane, struct fault_held *held, unsigned overtakers, hf_time now,
                      hf_time due)
{
    held->due = due;
    lane->late[lane->late_count++] =
        (struct path_late){.held = held, .overtakers = overtakers, .until = hf_time_add(now, LATE_LIMIT)};
    lane->counts.reordered++;
}

/* Queues the late segment number i for `due`, and closes the gap, keeping the order of the others. */
static void end_lateness(struct path_lane *lane, unsigned i, hf_time due)
{
    hf_fault_queue_add(&lane->queue, lane->late[i].held, due);
    for (lane->late_count--; i < lane->late_count; i++)
        lane->late[i] = lane->late[i + 1];
}

/* A segment due at `due` was queued: those that were held back for it to pass come right behind. */
static void overtake(struct path_lane *lane, hf_time due)
{
    for (unsigned i = 0; i < lane->late_count;) {
        struct path_late *late = &lane->late[i];
        if (--late->overtakers > 0)
            i++;
        else
            end_lateness(lane, i, later(due, late->held->due));
    }
}

static void expire_lateness(struct path_lane *lane, hf_time now)
{
    for (unsigned i = 0; i < lane->late_count;) {
        struct path_late *late = &lane->late[i];
        if (!hf_time_reached(now, late->until))
            i++;
        else
            end_lateness(lane, i, later(late->until, late->held->due));
    }
}

static hf_time lane_deadline(const struct path_lane *lane)
{
    hf_time next = hf_fault_queue_next(&lane->queue);
    for (unsigned i = 0; i < lane->late_count; i++)
        next = hf_time_first(next, lane->late[i].until);
    return next;
}

static void enqueue(struct path_lane *lane, const struct hf_frame *segment, hf_time due)
{
    struct fault_held *held = hf_fault_queue_take(&lane->queue, segment);
    if (held)
        hf_fault_queue_add(&lane->queue, held, due);
    else
        lane->counts.overflowed++;
}

static void mark(struct path_lane *lane, const struct hf_frame *segment, const struct hf_look *look)
{
    lane->counts.marked += hf_path_box_mark(segment->data, look);
}

/* Carries a segment that was not lost towards its lane's end. */
static void carry(struct path_lane *lane, const struct fault_path *path, const struct hf_frame *segment,
                  const struct hf_look *look, const struct fate *fate, hf_time now)
{
    hf_time leaves;
    if (!pass_bottleneck(lane, path, segment->len, now, &leaves)) {
        lane->counts.overflowed++;
        return;
    }
    if (fate->is_marked || has_waited(path, segment->len, now, leaves))
        mark(lane, segment, look);
    hf_time due = hf_time_add(leaves, (hf_ns)path->value[FAULT_DELAY] + fate->jitter);
    due = lane->last_due = later(due, lane->last_due);
    due = hf_time_add(due, fate->delay);

    if (fate->is_reordered && lane->late_count < PATH_LATE_MAX) {
        struct fault_held *held = hf_fault_queue_take(&lane->queue, segment);
        if (held)
            make_late(lane, held, fate->overtakers, now, due);
        else
            lane->counts.overflowed++;
        return;
    }
    enqueue(lane, segment, due);
    if (fate->is_duplicated) {
        enqueue(lane, segment, due);
        lane->counts.duplicated++;
    }
    overtake(lane, due);
}

/* ---- what looks into segments ---- */

/* Turns one bit of the packet over. The link's header is spared: a link that damages frames drops them itself. */
static void corrupt(struct hf_frame *segment, enum hf_link_kind kind, uint32_t drawn)
{
    uint32_t spared = kind == HF_LINK_ETHERNET ? 14 : 0;
    if (segment->len <= spared)
        return;
    uint32_t bit = drawn % ((segment->len - spared) * 8);
    segment->data[spared + bit / 8] ^= (uint8_t)(1u << bit % 8);
    segment->flags = 0;
}

/* What the path itself says goes back. It is carried like everything else in that direction. */
static void answer(struct hf_path *path, enum fault_direction direction, uint8_t *data, uint32_t len)
{
    struct hf_frame frame = {.data = data, .len = len, .cap = len};
    struct hf_look look;
    const struct fate none = {0};
    enum fault_direction back = direction == FAULT_IN ? FAULT_OUT : FAULT_IN;
    if (!path->lane[back].is_active)
        return;
    hf_look(data, len, path->kind, &look);
    carry(&path->lane[back], &path->spec.path[back], &frame, &look, &none, path->now);
    path->lane[direction].counts.answered++;
}

/* Rules that name frames: what the far host would have said is sent back. */
static struct fault_met meet_names(struct hf_path *path, enum fault_direction direction,
                                   const struct hf_frame *segment, const struct hf_look *look, struct fate *fate)
{
    uint8_t data[FAULT_ANSWER_CAP];
    if (!path->flows)
        return (struct fault_met){0};
    struct fault_met met = hf_fault_flows_note(path->flows, &path->spec, look, direction);
    apply_named(&path->spec, path->seed, met.rules, fate);
    fate->is_lost |= met.is_gone;
    if (fate->is_answered || (met.is_gone && (look->flags & LOOK_RST) == 0))
        answer(path, direction, data, hf_fault_answer(segment->data, look, data));
    return met;
}

/* A hop that is too narrow. True when the segment goes on. */
static bool pass_hop(struct hf_path *path, enum fault_direction direction, const struct hf_frame *segment,
                     const struct hf_look *look)
{
    const uint64_t *value = path->spec.path[direction].value;
    uint8_t data[PATH_BOX_ICMP_CAP];
    if (!hf_path_box_is_too_long(segment->data, look, value[FAULT_MTU]))
        return true;
    if (!value[FAULT_SILENT])
        answer(path, direction, data, hf_path_box_too_long(segment->data, look, (uint16_t)value[FAULT_MTU], data));
    return false;
}

/* Middleboxes: `look` is true of the segment afterwards. */
static void pass_boxes(const struct fault_spec *spec, enum fault_direction direction, enum hf_link_kind kind,
                       struct hf_frame *segment, struct hf_look *look)
{
    enum fault_direction back = direction == FAULT_IN ? FAULT_OUT : FAULT_IN;
    uint64_t what = spec->path[direction].value[FAULT_STRIP];
    uint32_t seq = (uint32_t)spec->path[direction].value[FAULT_SHIFT];
    uint32_t ack = 0 - (uint32_t)spec->path[back].value[FAULT_SHIFT];
    if (what != 0)
        hf_path_box_strip(segment->data, look, what);
    if (seq != 0 || ack != 0)
        hf_path_box_shift(segment->data, look, seq, ack);
    if (what != 0 || seq != 0 || ack != 0)
        hf_look(segment->data, segment->len, kind, look);
}

static void damage(struct path_lane *lane, enum hf_link_kind kind, struct hf_frame *segment,
                   const struct hf_look *look, const struct fate *fate)
{
    if (fate->is_corrupted) {
        corrupt(segment, kind, fate->corrupt_at);
        lane->counts.corrupted++;
    }
    if (fate->is_forged)
        lane->counts.corrupted += hf_path_box_forge(segment->data, look, fate->forge_at);
}

/* What is left of a segment's way when its names are settled. */
static void forward(struct hf_path *path, enum fault_direction direction, struct hf_frame *segment,
                    struct hf_look *look, const struct fate *fate)
{
    struct path_lane *lane = &path->lane[direction];
    bool has_passed = pass_hop(path, direction, segment, look);
    lane->counts.too_long += !has_passed;
    if (fate->is_lost || !has_passed) {
        lane->counts.lost++;
        return;
    }
    pass_boxes(&path->spec, direction, path->kind, segment, look);
    damage(lane, path->kind, segment, look, fate);
    carry(lane, &path->spec.path[direction], segment, look, fate, path->now);
}

/* Both sides hear that the other has given the connection up, the receiver behind the bytes that were to come. */
static void reset(struct hf_path *path, enum fault_direction direction, struct hf_frame *segment,
                  struct hf_look *look, uint32_t kept, struct fate *fate)
{
    uint8_t back[FAULT_ANSWER_CAP], onward[FAULT_ANSWER_CAP];
    struct hf_frame last = {.data = onward, .cap = sizeof onward, .link = segment->link};
    const struct fate none = {0};
    last.len = hf_fault_give_up(segment->data, look, kept, onward);
    answer(path, direction, back, hf_fault_answer(segment->data, look, back));
    segment->len = hf_fault_cut(segment->data, look, kept);
    hf_look(segment->data, segment->len, path->kind, look);
    fate->is_lost |= kept == 0;
    forward(path, direction, segment, look, fate);
    hf_look(last.data, last.len, path->kind, look);
    forward(path, direction, &last, look, &none);
    path->lane[direction].counts.reset++;
}

static void disturb(struct hf_path *path, enum fault_direction direction, struct hf_frame *segment)
{
    struct path_lane *lane = &path->lane[direction];
    struct fate fate = draw_fate(lane, &path->spec.path[direction]);
    struct hf_look look;
    lane->counts.seen++;
    hf_look(segment->data, segment->len, path->kind, &look);
    struct fault_met met = meet_names(path, direction, segment, &look, &fate);
    if (met.is_cut && !met.is_gone)
        reset(path, direction, segment, &look, met.kept, &fate);
    else
        forward(path, direction, segment, &look, &fate);
}

/* ---- both ends ---- */

void hf_path_put(struct hf_path *path, enum fault_direction direction, const struct hf_frame *frame, hf_time now)
{
    struct hf_split split;
    struct hf_frame segment;
    path->now = now;
    hf_split_begin(&split, frame, path->kind);
    while (hf_split_next(&split, path->segment, HF_FRAME_MAX, &segment)) {
        if (segment.data)
            disturb(path, direction, &segment);
        else
            path->lane[direction].counts.overflowed++;
    }
}

void hf_path_observe(struct hf_path *path, enum fault_direction direction, const struct hf_frame *frame)
{
    struct hf_look look;
    if (!path->flows)
        return;
    hf_look(frame->data, frame->len, path->kind, &look);
    hf_fault_flows_note(path->flows, &path->spec, &look, direction);
}

struct fault_held *hf_path_take(struct hf_path *path, enum fault_direction direction, hf_time now)
{
    expire_lateness(&path->lane[direction], now);
    return hf_fault_queue_due(&path->lane[direction].queue, now);
}

void hf_path_give(struct hf_path *path, enum fault_direction direction, struct fault_held *held)
{
    hf_fault_queue_give(&path->lane[direction].queue, held);
}

hf_time hf_path_next(const struct hf_path *path, enum fault_direction direction)
{
    return lane_deadline(&path->lane[direction]);
}

/* ---- opening and closing ---- */

/* A direction with a rule of its own, or into which answers may go. */
static bool needs_lane(const struct fault_spec *spec, enum fault_direction direction)
{
    const uint64_t *value = spec->path[direction].value;
    const uint64_t *other = spec->path[direction == FAULT_IN ? FAULT_OUT : FAULT_IN].value;
    for (unsigned i = 0; i < FAULT_PROPERTIES; i++)
        if (value[i])
            return true;
    for (unsigned i = 0; i < spec->named_count; i++)
        if (spec->named[i].applies[direction] || spec->named[i].act >= FAULT_DO_ANSWER)
            return true;
    return other[FAULT_SHIFT] != 0 || (other[FAULT_MTU] != 0 && !other[FAULT_SILENT]);
}

static bool open_lane(struct hf_path *path, enum fault_direction direction, uint64_t seed,
                      const struct hf_link_config *link, bool all)
{
    struct path_lane *lane = &path->lane[direction];
    lane->is_active = all || needs_lane(&path->spec, direction);
    lane->random = seed + direction;
    lane->random = draw(&lane->random); /* seeds that differ by one shall not give the same draws, one later */
    lane->more_random = ~lane->random;
    lane->more_random = draw(&lane->more_random);
    lane->free_at = lane->last_due = (hf_time){INT64_MIN};
    return !lane->is_active || hf_fault_queue_open(&lane->queue, link->mtu + 64u);
}

bool hf_path_open(struct hf_path *path, const struct fault_spec *spec, uint64_t seed,
                  const struct hf_link_config *link, bool all)
{
    path->kind = link->kind;
    path->seed = seed;
    path->spec = *spec;
    if (spec->named_count > 0) {
        path->flows = calloc(1, sizeof *path->flows);
        if (!path->flows)
            return false;
    }
    path->segment = malloc(HF_FRAME_MAX);
    return path->segment && open_lane(path, FAULT_IN, seed, link, all) &&
           open_lane(path, FAULT_OUT, seed, link, all);
}

void hf_path_close(struct hf_path *path)
{
    for (int i = 0; i < FAULT_DIRECTIONS; i++)
        hf_fault_queue_close(&path->lane[i].queue);
    free(path->flows);
    free(path->segment);
}

void hf_path_heal(struct hf_path *path)
{
    static const enum fault_property faults[] = {FAULT_LOSS,  FAULT_DUPLICATE, FAULT_REORDER, FAULT_CORRUPT,
                                                 FAULT_BURST, FAULT_JITTER,    FAULT_MARK,    FAULT_MARK_AT,
                                                 FAULT_MTU,   FAULT_SILENT,    FAULT_FORGE};
    for (int i = 0; i < FAULT_DIRECTIONS; i++)
        for (unsigned n = 0; n < sizeof faults / sizeof faults[0]; n++)
            path->spec.path[i].value[faults[n]] = 0;
    path->spec.named_count = 0;
}

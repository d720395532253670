/*
 * The fault driver: its language, and what it does to segments. Input is a specification, of the language's own words and
 * of others, and a list of sends and waits. Held true: a specification is refused in a sentence or taken with its numbers
 * in range; nothing comes out but what went in, corrupted ones and answers apart, and no more often than was said; the
 * counts add up; the same seed does the same again.
 */
#define _DEFAULT_SOURCE /* strnlen */
#include "../drivers/fault_spec.h"
#include "../drivers/look.h"
#include "../src/base/bytes.h"
#include "fuzz.h"

#include <handfast/driver.h>

#define SENDS 60

static const char *const words[64] = {
    "loss",   "duplicate", "reorder",  "corrupt", "delay",       "jitter",    "rate",      "drop",         "lose",
    "answer", "first",     "second",   "third",   "every",       "last",      "4th",       "11th",         "1st",
    "SYN",    "SYN,ACK",   "FIN",      "RST",     "ACK",         "data",      "handshake", "with",         "in",
    "out",    ",",         ",",        ",",       ", ",          "1%",        "50%",       "100%",         "2.5%",
    "0%",     "101%",      "20ms",     "1.5s",    "1us",         "5ns",       "0ms",       "3600s",        "3601s",
    "10Mbit", "64kbit",    "1Gbit",    "0kbit",   "reset after", "4 bytes",   "ms",        "999999999999", "1e9",
    "-1",     "SYN-ACK",   "with RST", "nth",     "0th",         "1000001th", "\t",        "\n",           "bytes",
    "fin",
};

/* Words with spaces between, now and then a letter. */
static void write_spec(struct input *in, char *text, size_t cap)
{
    size_t len = 0;
    for (unsigned count = in8(in) % 24; count > 0; count--) {
        uint8_t choice = in8(in);
        char letter[2] = {(char)in8(in), 0};
        const char *word = choice < 192 ? words[choice & 63] : letter;
        if (len + strlen(word) + 2 >= cap)
            break;
        len += (size_t)snprintf(text + len, cap - len, "%s%s", word, choice & 64 ? "" : " ");
    }
    text[len] = 0;
}

static void judge_spec(const struct fault_spec *spec)
{
    require(spec->named_count <= FAULT_NAMED_MAX);
    for (int lane = 0; lane < FAULT_DIRECTIONS; lane++)
        for (int p = FAULT_LOSS; p <= FAULT_CORRUPT; p++)
            require(spec->path[lane].value[p] <= FAULT_MILLION);
    for (unsigned i = 0; i < spec->named_count; i++) {
        require(spec->named[i].what != 0 && spec->named[i].delay >= 0 && spec->named[i].delay <= 3600 * HF_SECOND);
        require(spec->named[i].applies[FAULT_IN] || spec->named[i].applies[FAULT_OUT]);
    }
}

/* ---- segments: each carries its number, so that it is known again ---- */

static uint32_t make_segment(uint8_t *out, uint8_t flags, uint32_t number)
{
    static const uint8_t header[20] = {0x45, 0, 0, 48, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    memset(out, 0, 48);
    memcpy(out, header, sizeof header);
    hf_put16(out + 20, 40000);
    hf_put16(out + 22, 80);
    hf_put32(out + 24, 1000 + number);
    hf_put32(out + 28, 7);
    out[32] = 5 << 4;
    out[33] = flags;
    uint32_t len = flags & 0x40 ? 40 : 48;
    hf_put16(out + 2, (uint16_t)len);
    hf_put32(out + 40, number);
    struct hf_look look;
    require(hf_look(out, len, HF_LINK_IP, &look));
    hf_look_set_ip_len(out, &look, len);
    hf_look_store(out + 36, hf_look_sum(out + 20, len - 20, hf_look_pseudo(out, &look, len - 20)));
    return len;
}

static void send_one(struct hf_driver *d, uint8_t flags, uint32_t number, hf_time now)
{
    struct hf_frame room;
    int count = d->ops->reserve(d, &room, 1);
    require(count >= 0);
    if (count == 0)
        return;
    room.len = make_segment(room.data, flags, number);
    require(d->ops->submit(d, now, &room, 1) == 0);
}

struct outcome {
    uint64_t received, bytes, digest;
    struct hf_fault_counts in, out;
};

static bool was_corrupted(const struct outcome *o)
{
    return o->in.corrupted + o->out.corrupted > 0;
}

/* Everything that comes is one of those sent, as it was or cut short by a reset, or a RST that the driver made. */
static void judge_frame(const struct hf_frame *frame, const uint8_t *flags, unsigned sent, struct outcome *o)
{
    uint8_t original[64];
    o->received++;
    o->bytes += frame->len;
    for (uint32_t i = 0; i < frame->len; i++)
        o->digest = o->digest * 1099511628211u + frame->data[i];
    require(frame->len >= 40);
    if (was_corrupted(o) || (frame->data[33] & 4))
        return;
    uint32_t number = hf_get32(frame->data + 24) - 1000;
    require(number < sent);
    uint32_t len = make_segment(original, flags[number], number);
    bool is_cut = frame->len < len && o->in.reset + o->out.reset > 0;
    require(is_cut || frame->len == len);
    uint32_t from = is_cut ? 40 : 0;
    require(memcmp(original + from, frame->data + from, frame->len - from) == 0);
}

static void drain(struct hf_driver *d, struct hf_driver *fault, hf_time now, const uint8_t *flags, unsigned sent,
                  struct outcome *o)
{
    struct hf_frame frames[8];
    int count;
    while ((count = d->ops->receive(d, now, frames, 8)) > 0) {
        hf_fault_counts(fault, false, &o->in);
        hf_fault_counts(fault, true, &o->out);
        for (int i = 0; i < count; i++)
            judge_frame(&frames[i], flags, sent, o);
        d->ops->release(d, now, frames, (unsigned)count);
    }
    require(count == 0);
}

/* Both ways through a fault driver on one end of a loopback. */
static struct outcome run(struct input in, const char *spec)
{
    struct hf_link_config link = {.kind = HF_LINK_IP, .mtu = 1500};
    struct hf_driver *pair[2];
    struct outcome o = {0};
    uint8_t flags[SENDS];
    char error[256];
    require(hf_loopback_open(&link, 64, pair) == 0);
    struct hf_driver *fault = hf_fault_open(pair[0], spec, 42, error);
    require(fault != NULL);
    hf_time now = {HF_SECOND};
    unsigned sent = 0;
    for (unsigned i = 0; i < 200 && (in.left > 0 || i < 20); i++) {
        uint8_t choice = in8(&in);
        if (sent < SENDS && choice & 1) {
            flags[sent] = choice & 2 ? 16 : (uint8_t)(choice >> 2);
            send_one(choice & 128 ? fault : pair[1], flags[sent], sent, now);
            sent++;
        } else {
            now = hf_time_add(now, choice * 10 * HF_MS);
        }
        drain(fault, fault, now, flags, sent, &o);
        drain(pair[1], fault, now, flags, sent, &o);
    }
    for (unsigned i = 0; i < 1000 && !hf_time_is_never(fault->ops->deadline(fault)); i++) {
        hf_time next = fault->ops->deadline(fault);
        now = hf_time_before(now, next) ? next : now;
        drain(fault, fault, now, flags, sent, &o);
        drain(pair[1], fault, now, flags, sent, &o);
    }
    hf_fault_counts(fault, false, &o.in);
    hf_fault_counts(fault, true, &o.out);
    require(hf_time_is_never(fault->ops->deadline(fault)));
    uint64_t lost = o.in.lost + o.out.lost + o.in.overflowed + o.out.overflowed;
    uint64_t more = o.in.duplicated + o.out.duplicated + o.in.answered + o.out.answered + o.in.reset + o.out.reset;
    require(o.received <= sent + more && o.received + lost + more >= sent);
    fault->ops->close(fault);
    pair[1]->ops->close(pair[1]);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct fault_spec spec;
    char text[512], error[256];
    write_spec(&in, text, sizeof text);
    memset(error, 0x5a, sizeof error);
    if (!hf_fault_spec_parse(text, &spec, error)) {
        size_t len = strnlen(error, sizeof error);
        require(len > 0 && len < sizeof error);
        return 0;
    }
    judge_spec(&spec);
    struct outcome first = run(in, text), second = run(in, text);
    require(memcmp(&first, &second, sizeof first) == 0);
    return 0;
}

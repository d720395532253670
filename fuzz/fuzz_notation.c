/*
 * One notation: what the trace prints, the scripts' reader takes back. Held true: a segment of any kind becomes a line
 * that fits its room and is an event of a script; unless it had to resort to a comment, with the same fields and the
 * same options, byte by byte.
 */
#include "../drivers/line.h"
#include "../pkt/frame.h"
#include "../pkt/script.h"
#include "fuzz.h"

#define OPTIONS_MOST 40
#define DATA_MOST    64

static void choose(struct input *in, struct pkt_tcp_fields *f, uint8_t options[OPTIONS_MOST])
{
    const uint8_t *bytes;
    bool is_v6 = in8(in) & 1;
    f->src.addr = is_v6 ? (struct hf_addr){{0x20, 1, [15] = 1}} : hf_addr_v4(192, 0, 2, 1);
    f->dst.addr = is_v6 ? (struct hf_addr){{0x20, 1, [15] = 2}} : hf_addr_v4(192, 168, 0, 1);
    f->src.port = (uint16_t)(in16(in) | 1);
    f->dst.port = (uint16_t)(in16(in) | 1);
    f->traffic_class = in8(in) & 3;
    f->ttl = 64;
    f->flags = in8(in);
    f->seq = in32(in);
    f->ack = in32(in);
    f->win = in16(in);
    f->urg = in16(in);
    f->data_len = in8(in) % DATA_MOST;
    f->options_len = (uint32_t)in_bytes(in, OPTIONS_MOST, &bytes) / 4 * 4;
    memcpy(options, bytes, f->options_len);
    f->options = options;
}

static void same(const struct pkt_tcp_fields *f, const struct pkt_segment *s)
{
    require(s->src_port == f->src.port && s->dst_port == f->dst.port && s->flags == f->flags);
    require(s->seq == f->seq && s->len == f->data_len && s->win == f->win && s->has_win);
    require(!(f->flags & LOOK_ACK) || s->ack == f->ack);
    require(s->urg == f->urg);
    require(f->traffic_class == 0 ? s->ecn == PKT_ECN_ANY : s->ecn == f->traffic_class);
    require(s->options_len == f->options_len && memcmp(s->options, f->options, f->options_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[PKT_FRAME_MAX], text_of_segment[DATA_MOST];
    char line[HF_LINE_MAX], event[HF_LINE_MAX + 2];
    uint8_t options[OPTIONS_MOST];
    struct input in = {data, size};
    struct pkt_tcp_fields fields = {.data = text_of_segment};
    const struct hf_line_base base = {.ports = true};
    struct pkt_script script;
    choose(&in, &fields, options);
    uint32_t len = pkt_frame_tcp(frame, &fields);
    hf_line_write(line, &base, frame, len, HF_LINK_IP, HF_LINE_IN);
    require(strlen(line) < HF_LINE_MAX - 1);
    int event_len = snprintf(event, sizeof event, "0 %s", line);
    bool is_read = pkt_parse(&script, "line", event, (size_t)event_len);
    require(is_read && script.count == 1 && script.event[0].kind == PKT_SEGMENT_IN);
    if (strstr(line, "/*") == NULL)
        same(&fields, &script.event[0].segment);
    pkt_script_close(&script);
    return 0;
}

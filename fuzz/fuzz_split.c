/*
 * What drivers make of hostile frames: finding headers, cutting what is coalesced, finishing checksums, printing a line.
 * Held true: nothing is read or written beyond the frame and the room there is; what is found lies in order within the
 * frame; the segments of a cut frame carry its payload once, in order, with lengths and checksums right; a line is one
 * line of text.
 */
#define _DEFAULT_SOURCE /* strnlen */
#include "../drivers/line.h"
#include "../drivers/split.h"
#include "../src/base/bytes.h"
#include "fuzz.h"

#define FRAME_MOST 4000

static uint8_t room[FRAME_MOST + 1];

static void judge_look(const struct hf_look *look, uint32_t len, bool found)
{
    require(found == (look->version != 0) && (found || !look->is_tcp));
    if (!found)
        return;
    require(look->ip <= look->transport && look->transport <= look->end && look->end <= len);
    if (look->is_tcp)
        require(look->transport + 20 <= look->payload && look->payload <= look->end &&
                look->payload + look->payload_len == look->end);
}

/* One segment of a frame that was cut. */
static void judge_segment(const struct hf_split *split, const struct hf_frame *segment, uint32_t at,
                          enum hf_link_kind kind)
{
    struct hf_look look;
    const struct hf_look *whole = &split->look;
    require(segment->flags == 0 && segment->gso_size == 0 && segment->csum_start == 0);
    require(hf_look(segment->data, segment->len, kind, &look) && look.is_tcp && look.end == segment->len);
    require(look.seq == whole->seq + at && look.payload == whole->payload);
    require(memcmp(segment->data + look.payload, split->frame->data + whole->payload + at, look.payload_len) == 0);
    uint32_t tcp_len = look.end - look.transport, pseudo = hf_look_pseudo(segment->data, &look, tcp_len);
    require((hf_look_sum(segment->data + look.transport, tcp_len, pseudo) & 0xffff) == 0xffff);
    if (look.version == 4)
        require(hf_look_sum(segment->data + look.ip, (segment->data[look.ip] & 15u) * 4, 0) == 0xffff);
}

static void try_split(const struct hf_frame *frame, enum hf_link_kind kind, uint32_t cap)
{
    struct hf_split split;
    struct hf_frame segment;
    hf_split_begin(&split, frame, kind);
    uint32_t expected = hf_split_count(&split), count = 0, at = 0;
    room[cap] = 0xa5;
    while (hf_split_next(&split, room, cap, &segment)) {
        require(++count <= expected && room[cap] == 0xa5);
        require((segment.data == NULL) == (segment.len > cap));
        if (!split.is_coalesced) {
            require(segment.len == frame->len);
            continue;
        }
        uint32_t payload_len = segment.len - split.look.payload;
        require(payload_len > 0 && payload_len <= frame->gso_size);
        if (segment.data != NULL)
            judge_segment(&split, &segment, at, kind);
        at += payload_len;
    }
    require(count == expected && (!split.is_coalesced || at == split.look.payload_len));
}

static void judge_text(const char *text, size_t most)
{
    size_t len = strnlen(text, most);
    require(len < most);
    for (size_t i = 0; i < len; i++)
        require(text[i] >= ' ' && text[i] <= '~');
}

static void try_line(const uint8_t *data, uint32_t len, enum hf_link_kind kind, uint8_t choice)
{
    static struct hf_line_flows flows;
    char text[HF_LINE_MAX + 1], mark[HF_LINE_MARK_MAX + 1];
    struct hf_line_base base = {.ports = choice & 1};
    struct hf_look look;
    enum hf_line_direction direction = choice & 2 ? HF_LINE_OUT : HF_LINE_IN;
    if (hf_look(data, len, kind, &look) && look.is_tcp)
        (void)hf_line_note(&flows, &look, direction, choice & 4, &base);
    text[HF_LINE_MAX] = mark[HF_LINE_MARK_MAX] = 0x5a;
    require(hf_line_write(text, &base, data, len, kind, direction) == text && text[HF_LINE_MAX] == 0x5a);
    judge_text(text, HF_LINE_MAX);
    require(hf_line_mark(mark, choice * 2u, direction) == mark && mark[HF_LINE_MARK_MAX] == 0x5a);
    judge_text(mark, HF_LINE_MARK_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct hf_look look;
    uint8_t choice = in8(&in);
    enum hf_link_kind kind = choice & 1 ? HF_LINK_ETHERNET : HF_LINK_IP;
    struct hf_frame frame = {.flags = choice & 2 ? HF_FRAME_CSUM_PARTIAL : 0, .gso_size = in16(&in) & 0xfff};
    frame.csum_start = choice & 4 ? in16(&in) : 0;
    frame.csum_offset = choice & 8 ? in16(&in) : 16;
    size_t len;
    uint32_t cap = choice & 16 ? in16(&in) % FRAME_MOST : FRAME_MOST;
    uint8_t *bytes = in_exact(&in, FRAME_MOST, &len);
    frame.data = bytes;
    frame.len = (uint32_t)len;
    bool found = hf_look(bytes, (uint32_t)len, kind, &look);
    judge_look(&look, (uint32_t)len, found);
    try_split(&frame, kind, cap);
    try_line(bytes, (uint32_t)len, kind, choice >> 5);
    free(bytes);
    return 0;
}

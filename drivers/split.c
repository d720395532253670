/*
 * Cutting a TCP frame into segments, as a device with segmentation offload does. See split.h.
 *
 * Each segment repeats the frame's headers with its own sequence number and lengths. FIN and PSH belong to the last
 * segment and CWR to the first; IPv4 identifications count up. Checksums are computed from the bytes written, never
 * patched, so that a wrong one cannot be inherited.
 */
#include "split.h"

#include "bytes.h"

#include <string.h>

#define TCP_FLAGS_AT    13
#define TCP_CHECKSUM_AT 16

void hf_split_begin(struct hf_split *split, const struct hf_frame *frame, enum hf_link_kind kind)
{
    *split = (struct hf_split){.frame = frame};
    if (frame->gso_size == 0 && (frame->flags & HF_FRAME_CSUM_PARTIAL) == 0)
        return;
    hf_look(frame->data, frame->len, kind, &split->look);
    split->is_coalesced = frame->gso_size > 0 && split->look.is_tcp && split->look.payload_len > frame->gso_size;
    split->cut = frame->gso_size;
}

uint32_t hf_split_count(const struct hf_split *split)
{
    return split->is_coalesced ? (split->look.payload_len + split->cut - 1) / split->cut : 1;
}

/* The bytes from csum_start on are summed onto the pseudo-header sum that the field holds (virtio 1.2, 5.1.6.2). */
static void finish_checksum(uint8_t *out, const struct hf_frame *frame, uint32_t end)
{
    uint32_t field = (uint32_t)frame->csum_start + frame->csum_offset;
    if (frame->csum_start >= end || field + 2 > end)
        return;
    uint32_t sum = hf_look_sum(out + frame->csum_start, end - frame->csum_start, 0);
    hf_look_store(out + field, sum);
}

static void finish_tcp(uint8_t *out, const struct hf_look *look, uint32_t len)
{
    uint8_t *field = out + look->transport + TCP_CHECKSUM_AT;
    put16(field, 0);
    uint32_t tcp_len = len - look->transport;
    hf_look_store(field, hf_look_sum(out + look->transport, tcp_len, hf_look_pseudo(out, look, tcp_len)));
}

/* A frame that needs no cutting, with its checksum finished if that was left to be done. */
static void copy_whole(const struct hf_split *split, uint8_t *out, struct hf_frame *segment)
{
    const struct hf_frame *frame = split->frame;
    memcpy(out, frame->data, frame->len);
    bool is_partial = (frame->flags & HF_FRAME_CSUM_PARTIAL) != 0;
    bool was_coalesced = frame->gso_size > 0 && split->look.is_tcp;
    segment->flags = is_partial || was_coalesced ? 0 : frame->flags;
    if (was_coalesced)
        finish_tcp(out, &split->look, split->look.end);
    else if (is_partial)
        finish_checksum(out, frame, split->look.version ? split->look.end : frame->len);
}

static void write_segment(const struct hf_split *split, uint8_t *out, uint32_t payload_len, bool is_last)
{
    const struct hf_look *look = &split->look;
    const uint8_t *data = split->frame->data;
    memcpy(out, data, look->payload);
    memcpy(out + look->payload, data + look->payload + split->at, payload_len);

    uint32_t len = look->payload + payload_len;
    if (look->version == 4)
        put16(out + look->ip + 4, (uint16_t)(get16(data + look->ip + 4) + split->index));
    hf_look_set_ip_len(out, look, len - look->ip);

    put32(out + look->transport + 4, look->seq + split->at);
    uint8_t *flags = out + look->transport + TCP_FLAGS_AT;
    if (!is_last)
        *flags &= (uint8_t) ~(LOOK_FIN | LOOK_PSH);
    if (split->index > 0)
        *flags &= (uint8_t)~LOOK_CWR;
    finish_tcp(out, look, len);
}

static uint32_t next_payload_len(const struct hf_split *split)
{
    uint32_t rest = split->look.payload_len - split->at;
    return rest < split->cut ? rest : split->cut;
}

bool hf_split_next(struct hf_split *split, uint8_t *out, uint32_t cap, struct hf_frame *segment)
{
    if (split->is_over)
        return false;
    const struct hf_frame *frame = split->frame;
    uint32_t payload_len = split->is_coalesced ? next_payload_len(split) : 0;
    bool is_last = !split->is_coalesced || split->at + payload_len == split->look.payload_len;
    *segment = (struct hf_frame){
        .data = out,
        .len = split->is_coalesced ? split->look.payload + payload_len : frame->len,
        .cap = cap,
        .link = frame->link,
        .why = frame->why,
        .conn = frame->conn,
    };
    if (segment->len > cap)
        segment->data = NULL;
    else if (split->is_coalesced)
        write_segment(split, out, payload_len, is_last);
    else
        copy_whole(split, out, segment);
    split->at += payload_len;
    split->index++;
    split->is_over = is_last;
    return true;
}

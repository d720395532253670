/* The TCP header (RFC 9293, 3.1). See tcp.h; the options are tcp_options.c. */
#include "tcp.h"

#include "../base/bytes.h"
#include "tcp_options.h"

/*
 *     0 source port   2 destination port   4 sequence number   8 acknowledgment number
 *    12 data offset, control bits from bit 7 on      14 window           16 checksum   18 urgent pointer   20 options
 */

enum hf_reason hf_tcp_parse(const uint8_t *data, uint32_t len, struct hf_segment *seg)
{
    if (len < HF_TCP_HEADER_LEN)
        return HF_DROP_TCP_SHORT;
    uint32_t header_len = (uint32_t)(data[12] >> 4) * 4;
    if (header_len < HF_TCP_HEADER_LEN || header_len > len)
        return HF_DROP_TCP_OFFSET;
    seg->src_port = hf_get16(data);
    seg->dst_port = hf_get16(data + 2);
    if (seg->src_port == 0 || seg->dst_port == 0)
        return HF_DROP_TCP_PORT_ZERO;
    seg->seq = hf_seq_of(hf_get32(data + 4));
    seg->ack = hf_seq_of(hf_get32(data + 8));
    seg->flags = hf_get16(data + 12) & (HF_TCP_AE | 0xff);
    seg->wnd = hf_get16(data + 14);
    seg->up = hf_get16(data + 18);
    seg->data = data + header_len;
    seg->data_len = len - header_len;
    seg->len = seg->data_len + ((seg->flags & HF_TCP_SYN) != 0) + ((seg->flags & HF_TCP_FIN) != 0);
    seg->coalesced = 1;
    /* MUST-5: whatever the segment */
    return hf_tcp_options_parse(data + HF_TCP_HEADER_LEN, header_len - HF_TCP_HEADER_LEN, &seg->opts);
}

uint32_t hf_tcp_write_len(const struct hf_tcp_opts *opts, bool syn)
{
    return HF_TCP_HEADER_LEN + hf_tcp_options_len(opts, syn);
}

uint32_t hf_tcp_write(const struct hf_segment *seg, uint8_t *out)
{
    bool syn = seg->flags & HF_TCP_SYN;
    uint32_t header_len = HF_TCP_HEADER_LEN + hf_tcp_options_write(&seg->opts, syn, out + HF_TCP_HEADER_LEN);
    hf_put32(out, (uint32_t)seg->src_port << 16 | seg->dst_port);
    hf_put32(out + 4, seg->seq.n);
    hf_put32(out + 8, seg->ack.n);
    hf_put32(out + 12, header_len / 4 << 28 | (uint32_t)seg->flags << 16 | seg->wnd);
    hf_put32(out + 16, seg->up);
    return header_len;
}

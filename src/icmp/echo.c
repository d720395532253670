/*
 * Echo: the request's identifier, sequence number and data, sent back with another type and checksum.
 *
 * Read first: echo.h. Read next: errors_out.c.
 */
#include "echo.h"

#include "../base/base.h"
#include "message.h"

enum echo_type { ECHO_REPLY_V4 = 0, ECHO_V4 = 8, ECHO_V6 = 128, ECHO_REPLY_V6 = 129 };

bool hf_echo_is_request(const struct hf_echo *in)
{
    if (in->len < HF_ICMP_HEADER_LEN || in->message[1] != 0)
        return false;
    return in->message[0] == (hf_addr_is_v4(&in->src) ? ECHO_V4 : ECHO_V6);
}

bool hf_echo_reply(const struct hf_echo *in, uint8_t *out, uint32_t cap, struct hf_icmp_reply *reply)
{
    bool is_v4 = hf_addr_is_v4(&in->src);
    if (!hf_echo_is_request(in) || in->len > cap || (is_v4 && in->is_group))
        return false;
    *reply = (struct hf_icmp_reply){
        .src = in->is_group ? in->ours : in->dst,
        .dst = in->src,
        .len = in->len,
        .why = HF_WHY_ECHO_REPLY,
    };
    memcpy(out, in->message, in->len);
    out[0] = is_v4 ? ECHO_REPLY_V4 : ECHO_REPLY_V6;
    hf_icmp_seal(reply, out);
    return true;
}

/* Neighbour discovery messages. See ndp.h. */
#include "ndp.h"

#include "../base/base.h"

enum { SOURCE_MAC = 1, TARGET_MAC = 2 };
enum { FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20 };

#define FIXED_LEN 24 /* type, code, checksum, flags, target */

bool hf_ndp_is(const uint8_t *message, uint32_t len)
{
    return len > 0 && (message[0] == HF_NDP_SOLICITATION || message[0] == HF_NDP_ADVERTISEMENT);
}

static bool read_options(const uint8_t *options, uint32_t len, struct hf_ndp *ndp)
{
    uint8_t wanted = ndp->type == HF_NDP_SOLICITATION ? SOURCE_MAC : TARGET_MAC;
    for (uint32_t at = 0; at < len;) {
        uint32_t option_len = len - at >= 8 ? options[at + 1] * 8u : 0;
        if (option_len == 0 || option_len > len - at)
            return false;
        if (options[at] == wanted && option_len == 8) {
            ndp->has_mac = !(options[at + 2] & 1);
            memcpy(ndp->mac, options + at + 2, 6);
        }
        at += option_len;
    }
    return true;
}

enum hf_reason hf_ndp_parse(const uint8_t *message, uint32_t len, uint8_t hop_limit, struct hf_ndp *ndp)
{
    if (len < FIXED_LEN || hop_limit != 255 || message[1] != 0)
        return HF_DROP_NEIGHBOUR;
    *ndp = (struct hf_ndp){
        .type = message[0],
        .is_solicited = message[4] & FLAG_SOLICITED,
        .is_override = message[4] & FLAG_OVERRIDE,
    };
    memcpy(ndp->target.bytes, message + 8, 16);
    return read_options(message + FIXED_LEN, len - FIXED_LEN, ndp) ? HF_ACCEPTED : HF_DROP_NEIGHBOUR;
}

void hf_ndp_write(const struct hf_ndp *ndp, uint8_t out[HF_NDP_LEN])
{
    memset(out, 0, HF_NDP_LEN);
    out[0] = ndp->type;
    if (ndp->type == HF_NDP_ADVERTISEMENT)
        out[4] = (uint8_t)((ndp->is_solicited ? FLAG_SOLICITED : 0) | (ndp->is_override ? FLAG_OVERRIDE : 0));
    memcpy(out + 8, ndp->target.bytes, 16);
    out[FIXED_LEN] = ndp->type == HF_NDP_SOLICITATION ? SOURCE_MAC : TARGET_MAC;
    out[FIXED_LEN + 1] = 1;
    memcpy(out + FIXED_LEN + 2, ndp->mac, 6);
}

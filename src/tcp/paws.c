/* Protection against wrapped sequence numbers (RFC 7323, 5.3), and TS.Recent (RFC 7323, 4.3). A RST is exempt from
 * the one and never gets as far as the other (RFC 7323, 5.2). */
#include "steps.h"

#define IDLE_LIMIT_MS (24u * 24 * 3600 * 1000) /* RFC 7323, 5.5: after 24 days TS.Recent proves nothing */

enum hf_reason hf_paws_check(const struct hf_tcp_shared *sh, const struct hf_tcp *c, const struct hf_segment *seg)
{
    if (!(c->flags & HF_TF_TIMESTAMPS) || (seg->flags & HF_TCP_RST))
        return HF_ACCEPTED;
    if (!(seg->opts.present & HF_OPT_TIMESTAMPS))
        return HF_DROP_NO_TIMESTAMP;
    bool older = (int32_t)(seg->opts.tsval - c->ts_recent) < 0;
    bool recent_is_valid = hf_tcp_ms(sh) - c->ts_recent_ms <= IDLE_LIMIT_MS;
    return older && recent_is_valid ? HF_DROP_PAWS : HF_ACCEPTED;
}

void hf_paws_remember(const struct hf_tcp_shared *sh, struct hf_tcp *c, const struct hf_segment *seg)
{
    if (!(c->flags & HF_TF_TIMESTAMPS) || !(seg->opts.present & HF_OPT_TIMESTAMPS))
        return;
    if (hf_seq_gt(seg->seq, c->last_ack_sent))
        return; /* only the segment that covers Last.ACK.sent may move it */
    bool older = (int32_t)(seg->opts.tsval - c->ts_recent) < 0;
    if (older && hf_tcp_ms(sh) - c->ts_recent_ms <= IDLE_LIMIT_MS)
        return;
    c->ts_recent = seg->opts.tsval;
    c->ts_recent_ms = hf_tcp_ms(sh);
}

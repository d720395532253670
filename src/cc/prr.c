/*
 * Proportional rate reduction (RFC 6937, 3): between the beginning of recovery and its end the window goes from what was in
 * flight to ssthresh, in proportion to what arrives, rather than at one blow followed by half a round trip of silence.
 *
 * Once less than ssthresh is in flight, the reduction bound rules: what arrives may be replaced, and one segment more while
 * each ACK makes progress and nothing else is found lost (slow start, PRR-SSRB), otherwise not (PRR-CRB).
 */
#include "controllers.h"

void hf_prr_begin(struct hf_cc_work *work, uint32_t flight)
{
    work->prr_flight = HF_MAX(flight, 1u);
    work->prr_delivered = 0;
    work->prr_out = 0;
}

static int64_t proportional(const struct hf_cc *cc, const struct hf_cc_work *work)
{
    uint64_t share = (uint64_t)work->prr_delivered * cc->ssthresh;
    return (int64_t)((share + work->prr_flight - 1) / work->prr_flight) - work->prr_out;
}

void hf_cc_recover(struct hf_cc *cc, struct hf_cc_work *work, uint32_t delivered, uint32_t in_flight, bool goes_well)
{
    int64_t send;
    if (cc->algorithm == HF_CC_BBR)
        return; /* its model says what may go */
    work->prr_delivered += delivered;
    if (in_flight > cc->ssthresh) {
        send = proportional(cc, work);
    } else {
        int64_t limit = HF_MAX((int64_t)work->prr_delivered - work->prr_out, (int64_t)delivered);
        limit += goes_well ? cc->mss : 0;
        send = HF_MIN((int64_t)(cc->ssthresh - in_flight), limit);
    }
    cc->cwnd = in_flight + (uint32_t)HF_MAX(send, 0);
}

/* NewReno's window: one segment per round trip up, half down (RFC 5681, 3.1; the recovery itself is src/tcp/loss.c). */
#include "controllers.h"

void hf_newreno_avoid(struct hf_cc *cc, struct hf_cc_work *work, uint32_t acked)
{
    work->counted += acked;
    while (work->counted >= cc->cwnd && cc->cwnd < HF_CC_CWND_MAX) {
        work->counted -= cc->cwnd;
        cc->cwnd += cc->mss;
    }
}

void hf_newreno_reduce(struct hf_cc *cc, uint32_t in_flight)
{
    cc->ssthresh = HF_MAX(in_flight / 2, 2u * cc->mss); /* RFC 5681, equation 4: from the flight, not from cwnd */
}

/*
 * Congestion control: what the network can take. It knows no connection, no segment and no clock; it is told what
 * happened and owns three numbers: cwnd, ssthresh and the pacing rate (RFC 5681, RFC 8312, draft-ietf-ccwg-bbr).
 *
 * State is split as DESIGN.md's memory table asks: `struct hf_cc` stays with an idle connection, `struct hf_cc_work` is
 * attached while data is outstanding and starts zero-filled.
 */
#ifndef HF_CC_CC_H
#define HF_CC_CC_H

#include "../../include/handfast/config.h"
#include "../base/base.h"
#include "bbr.h"

struct hf_cc {
    uint32_t cwnd;     /* bytes */
    uint32_t ssthresh; /* bytes; UINT32_MAX until the first loss */
    uint32_t w_max;    /* CUBIC: window before the last reduction, bytes */
    uint16_t mss;      /* bytes of data in a full segment (SMSS) */
    uint8_t algorithm; /* enum hf_cc_algorithm */
    uint8_t initial_window; /* segments, at most 255: what idleness falls back to */
    bool is_paced;        /* CUBIC and NewReno are to state a rate; BBR always does */
    uint32_t pipe[2];     /* RFC 7661's pipeACK: most bytes of a round trip, now and before; UINT32_MAX: undefined */
    uint32_t pipe_ms;     /* ms clock when `now` began */
    uint32_t unproven_ms; /* ... since when the window has not been used; 0: it is */
    uint64_t pacing_rate; /* bytes a second of data, new or again; 0 = as the window allows */
};

/* HyStart++, in slow start before the first loss (hystart.c). */
struct hf_hystart {
    uint32_t last_us, this_us;  /* least round trip of the last round and of this; 0: none yet */
    uint32_t least_us;          /* ... of all */
    uint32_t baseline_us;       /* in slow growth: below this it was a false alarm */
    uint32_t queue_us;          /* ... and from this on there is a queue */
    uint32_t left;              /* bytes to be delivered until this round is over */
    hf_time round_at, train_at; /* when the round began, and the last ACK that followed another without a gap */
    uint8_t samples;
    uint8_t css_rounds; /* 0: slow start; else the rounds of slow growth, the present one counted */
};

struct hf_cc_work {
    hf_time epoch_at;     /* CUBIC: when this growth began; zero ns = not yet */
    uint32_t k_ms;        /* CUBIC: time to reach w_max again */
    uint32_t origin;      /* CUBIC: the plateau, bytes */
    uint32_t w_est;       /* CUBIC: the Reno-friendly estimate, bytes */
    uint32_t counted;     /* bytes acknowledged towards the next increase */
    uint64_t est_counted; /* CUBIC: what is left of w_est's growth below a byte, in 1/(1024 cwnd) */
    uint32_t undo_cwnd, undo_ssthresh, undo_w_max;
    struct hf_hystart hystart;
    /* Proportional rate reduction (RFC 6937, 3) */
    uint32_t prr_flight;    /* RecoverFS: bytes outstanding when recovery began */
    uint32_t prr_delivered; /* bytes delivered since */
    uint32_t prr_out;       /* bytes sent since */
    /* Window validation (RFC 7661) */
    uint32_t again;         /* bytes sent again since recovery began */
    uint32_t used;          /* what the reduction counts from, if the window was unproven; else 0 */
    uint32_t pipe_counted;  /* bytes acknowledged in this round trip */
    hf_time pipe_until;     /* when it ends */
};

/* The work of controllers that want rates: they are given its first member. It stays with the connection. */
struct hf_cc_wide_work {
    struct hf_cc_work work;
    struct hf_bbr bbr;
};

/*
 * How fast the path delivered between the departure of what this ACK acknowledged last and its arrival
 * (draft-cheng-iccrg-delivery-rate-estimation). Totals are of the connection's life, bytes.
 */
struct hf_cc_rate {
    uint64_t total;       /* delivered by now */
    uint64_t prior_total; /* ... and when it left */
    uint64_t rate;        /* bytes a second; 0: the interval was too short to tell */
    uint32_t delivered;   /* bytes in the interval */
    uint32_t lost;        /* bytes found lost in it */
    uint32_t in_flight;   /* bytes in flight right after it had left */
    bool is_app_limited;  /* the application, not the window, set the limit when it left */
    bool is_known;        /* nothing above but `total` means anything otherwise */
};

/* What an acknowledgement told. */
struct hf_cc_ack {
    hf_time at;
    uint32_t acked;     /* bytes newly acknowledged or selectively acknowledged */
    uint32_t in_flight; /* bytes, after this ACK */
    hf_ns rtt;          /* of this ACK; 0 = no sample */
    hf_ns srtt;         /* 0 = no sample yet */
    bool cwnd_limited;  /* the window, not the application, held data back since the last ACK (RFC 7661) */
    bool is_recovering; /* losses are being repaired */
    bool has_sack;
    const struct hf_cc_rate *rate; /* borrowed; not NULL for controllers that want rates */
};

/* A run of bytes sent at once has been found lost. */
struct hf_cc_loss {
    uint64_t total;     /* bytes delivered by now */
    uint32_t len;
    uint32_t lost;      /* bytes found lost since it left, itself included */
    uint32_t in_flight; /* bytes in flight right after it had left */
    bool is_app_limited;
};

/* Something leaves. */
struct hf_cc_departure {
    hf_time at;
    hf_ns srtt;      /* 0 = no sample yet */
    uint64_t total;  /* bytes delivered by now */
    bool is_restart; /* nothing else is in flight, and the application had nothing to send */
};

enum hf_cc_signal {
    HF_CC_LOSS,     /* an episode begins: first loss of a window, found by ACKs */
    HF_CC_ECN,      /* congestion experienced, once a window */
    HF_CC_TIMEOUT,  /* the retransmission timer fired the first time for this data */
    HF_CC_SPURIOUS, /* the last LOSS or TIMEOUT was not one: undo */
    HF_CC_MSS,      /* mss changed (path MTU) */
    HF_CC_RECOVERED,/* the episode that LOSS began is over */
};

/* cwnd = min(initial_window * mss, max(2 * mss, 14600)) for the default of ten (RFC 6928). */
void hf_cc_init(struct hf_cc *cc, enum hf_cc_algorithm algorithm, uint16_t mss, uint16_t initial_window);

/* Does the controller want delivery rates? Then it is told of every ACK, in recovery as well, after what the ACK showed to
 * be lost, and of departures and losses by the two functions below. */
static inline bool hf_cc_wants_rates(enum hf_cc_algorithm algorithm) { return algorithm == HF_CC_BBR; }
void hf_cc_sending(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_departure *departure);
void hf_cc_lost(struct hf_cc_work *work, const struct hf_cc_loss *loss);
/* Does it hold back by itself, so that the rates of what is in flight say nothing of the path? */
bool hf_cc_is_limited(struct hf_cc_work *work);

void hf_cc_acked(struct hf_cc *cc, struct hf_cc_work *work, const struct hf_cc_ack *ack);

/* In recovery, for each ACK: `delivered` bytes have arrived, `in_flight` are left in the network; `goes_well`: SND.UNA moved
 * and nothing new was found lost. Sets cwnd so that what is sent is in proportion to what arrives. */
void hf_cc_recover(struct hf_cc *cc, struct hf_cc_work *work, uint32_t delivered, uint32_t in_flight, bool goes_well);
/* Bytes were sent, new or again. */
static inline void hf_cc_sent(struct hf_cc_work *work, uint32_t len, bool again)
{
    work->prr_out += len;
    work->again += again ? len : 0;
}
/* The first bytes after all that was sent before is acknowledged are about to leave. */
void hf_cc_resume(struct hf_cc *cc, struct hf_cc_work *work, hf_time now, hf_ns srtt);

/* `in_flight`: bytes outstanding when the signal arose; `now` stamps the new epoch. */
void hf_cc_signal(struct hf_cc *cc, struct hf_cc_work *work, enum hf_cc_signal signal, uint32_t in_flight, hf_time now);

#endif

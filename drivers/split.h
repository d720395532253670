/*
 * One frame with offload facts -> the frames a wire would have carried: coalesced and to-be-split frames become
 * segments of gso_size, and checksums that were left to a device are finished. A frame without such facts comes out
 * as it is.
 *
 *     struct hf_split split;
 *     hf_split_begin(&split, &frame, kind);
 *     while (hf_split_next(&split, buffer, cap, &segment)) ...
 *
 * Read first: look.h.
 */
#ifndef HF_DRIVERS_SPLIT_H
#define HF_DRIVERS_SPLIT_H

#include "look.h"

struct hf_split {
    const struct hf_frame *frame; /* kept until the last hf_split_next */
    struct hf_look look;
    bool is_coalesced; /* TCP that is to be cut */
    bool is_over;
    uint32_t cut;   /* payload bytes of each segment but the last */
    uint32_t at;    /* payload bytes given out so far */
    uint32_t index; /* segments given out so far */
};

/* Keeps `frame` and its data until the splitting is over. A frame whose offload facts contradict its headers is not
 * cut. */
void hf_split_begin(struct hf_split *split, const struct hf_frame *frame, enum hf_link_kind kind);

/*
 * Writes the next segment to out[cap] and describes it in *segment (data = out): checksums whole, no offload facts;
 * link, why and conn are the frame's, and so is HF_FRAME_CSUM_VERIFIED where nothing had to be changed. False when
 * there is none left. A segment longer than `cap` is described with its length but data NULL, and not written.
 */
bool hf_split_next(struct hf_split *split, uint8_t *out, uint32_t cap, struct hf_frame *segment);

/* How many segments hf_split_next will give in all. */
uint32_t hf_split_count(const struct hf_split *split);

#endif

/* A segment of the history as a row of a ladder: its label, how it looks, and why it was sent or dropped. */
#ifndef CLI_LADDER_SEGMENT_H
#define CLI_LADDER_SEGMENT_H

#include "ladder_row.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

/* What the numbers of a connection are relative to, and how far the peer has come. */
struct numbers {
    uint32_t iss, irs;
    bool has_iss, has_irs;
    uint32_t in_end;             /* the end of what the peer has sent so far */
    bool has_in_end, has_in_fin; /* and whether that is behind a FIN */
};

/* The note is about no connection: nobody's numbers are in it. (One with a compact record has numbers but no handle.) */
static inline bool note_is_nobodys(const struct hf_note *note)
{
    return note->iss == 0 && note->irs == 0;
}

/* Takes in what a segment says about them; for each segment, before its row is made. */
void numbers_learn(struct numbers *n, const struct hf_note *note);

/* Fills arrow, look, label and words. `has_window`: every segment shows its window, not only those where it
 * matters. */
void segment_row(struct numbers *n, const struct hf_note *note, bool has_window, struct row *row);

/* Arrived, and was not used. */
bool segment_was_dropped(const struct hf_note *note);

/* Nothing about it needs to be seen one by one: it carries data or acknowledges it. */
bool segment_is_ordinary(const struct hf_note *note, const struct row *row);

/* It opens, closes or resets. */
static inline bool segment_is_marked(const struct hf_note *note)
{
    return note->flags & (TCP_SYN | TCP_FIN | TCP_RST);
}

#endif

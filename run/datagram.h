/*
 * A driver that holds another one and takes UDP off it: the engine sees everything else, and whoever opened this
 * gets the datagrams and may send some. Read next: udp.c, which carries them.
 */
#ifndef HF_RUN_DATAGRAM_H
#define HF_RUN_DATAGRAM_H

#include <handfast/driver.h>

struct datagram {
    struct hf_endpoint from, to;
    const uint8_t *data; /* borrows */
    uint32_t len;
};

#define DATAGRAM_MAX 65507 /* bytes of data (65,535 less the IPv4 and UDP headers) */

typedef void datagram_taker(void *arg, hf_time now, const struct datagram *d);

/*
 * Takes `inner`. A segment with RST is never handed to the engine in the same batch as others before it, so that
 * the data in front of a reset can be passed on before the reset discards it. NULL when there is no memory.
 */
struct hf_driver *datagram_open(struct hf_driver *inner, datagram_taker *take, void *arg);

/*
 * From here on the device is only asked for frames after datagram_expect, after something was sent, and for as long as it
 * gives any: where an empty device costs a system call and its descriptor tells anyhow. Not for an inner driver that
 * holds frames back.
 */
void datagram_wait_for_news(struct hf_driver *d);
void datagram_expect(struct hf_driver *d);

/* Sends one datagram inwards. It may wait for datagram_flush; a full device loses it. */
void datagram_send(struct hf_driver *d, hf_time now, const struct datagram *datagram);
void datagram_flush(struct hf_driver *d, hf_time now);

/* Tells the sender of a datagram from `from` to `to` that it could not be delivered. */
enum datagram_problem { DATAGRAM_PORT, DATAGRAM_HOST, DATAGRAM_PROHIBITED };
void datagram_unreachable(struct hf_driver *d, hf_time now, const struct hf_endpoint *from,
                          const struct hf_endpoint *to, enum datagram_problem problem);

#endif

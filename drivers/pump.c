/*
 * The pump: the only place that knows both an engine and a driver.
 *
 * Frames are taken in and sent by batches. Whatever a batch makes the engine want to send goes out before the next
 * one is read, so that acknowledgements are not held up by a long backlog and the frames just read are still in the
 * cache.
 */
#include <handfast/driver.h>

#define BATCH          16
#define DEFAULT_BUDGET 256

/* Receives one batch into the engine. Returns how many frames, or a negative errno. */
static int take_in(struct hf_engine *e, struct hf_driver *d, hf_link link, hf_time now, struct hf_frame *frames)
{
    int count = d->ops->receive(d, now, frames, BATCH);
    if (count <= 0)
        return count;
    for (int i = 0; i < count; i++) {
        frames[i].link = link;
        hf_input(e, now, &frames[i]);
    }
    d->ops->release(d, now, frames, (unsigned)count);
    return count;
}

/* Sends one batch of what the engine has. Returns how many frames, or a negative errno. */
static int send_out(struct hf_engine *e, struct hf_driver *d, hf_time now, struct hf_frame *frames)
{
    int room = d->ops->reserve(d, frames, BATCH);
    if (room <= 0)
        return room;
    int count = 0;
    while (count < room && hf_output(e, now, &frames[count]))
        count++;
    if (count == 0)
        return 0;
    int error = d->ops->submit(d, now, frames, (unsigned)count);
    return error < 0 ? error : count;
}

int hf_pump(struct hf_engine *e, struct hf_driver *d, hf_link link, hf_time now, unsigned budget)
{
    struct hf_frame frames[BATCH];
    unsigned limit = budget ? budget : DEFAULT_BUDGET;
    unsigned moved = 0;
    for (;;) {
        int received = take_in(e, d, link, now, frames);
        if (received < 0)
            return received;
        hf_advance(e, now);
        int sent = send_out(e, d, now, frames);
        if (sent < 0)
            return sent;
        moved += (unsigned)received + (unsigned)sent;
        if (received + sent == 0 || moved >= limit)
            return (int)moved;
    }
}

hf_time hf_pump_deadline(struct hf_engine *e, struct hf_driver *d)
{
    return hf_time_first(hf_deadline(e), d->ops->deadline(d));
}

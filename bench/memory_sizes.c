/*
 * What a connection weighs in Handfast, counted twice: by how much larger an engine that may have one more is, and
 * by the pages that making many of them touches. Half-open ones are on the server, those in TIME-WAIT on the
 * client.
 */
#define _GNU_SOURCE
#include "memory_handfast.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RECORDS 20000u

/* Room for so many records of one kind, and for few of the others. */
static void configure(struct hf_config *config, enum record record, uint32_t count)
{
    pair_configure(config);
    config->max_connections = record == RECORD_IDLE ? count : 64;
    config->max_half_open = record == RECORD_HALF_OPEN ? count : 64;
    config->max_time_wait = record == RECORD_TIME_WAIT ? count : 64;
    config->max_sending = config->max_receiving = 64; /* attached only while there is data */
}

bool handfast_record_size(const void *record, double seconds, struct bench_sample *sample)
{
    (void)record, (void)seconds;
    const uint32_t few_count = 1u << 20, more = 1u << 20;
    struct hf_config few, many;
    configure(&few, RECORD_IDLE, few_count);
    configure(&many, RECORD_IDLE, few_count + more);
    sample->value = (double)(hf_engine_size(&many) - hf_engine_size(&few)) / more;
    snprintf(sample->note, sizeof sample->note, "of the engine's block, for one more in max_connections");
    return true;
}

static size_t count_resident(const struct host *host)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (host->engine_size + page - 1) / page, resident = 0;
    unsigned char *present = malloc(pages);
    if (present == NULL || mincore(host->e, host->engine_size, present) != 0)
        abort();
    for (size_t i = 0; i < pages; i++)
        resident += present[i] & 1;
    free(present);
    return resident * page;
}

/* ---- making records ---- */

static void accept_all(struct host *host, const struct hf_event *event)
{
    hf_conn conn;
    while ((event->bits & HF_EV_ACCEPTABLE) && hf_tcp_accept(host->e, event->conn, &conn) == HF_OK)
        continue;
    if (event->bits & HF_EV_PEER_CLOSED)
        hf_tcp_release(host->e, event->conn);
}

static void ignore(struct host *host, const struct hf_event *event)
{
    (void)host, (void)event;
}

/* Leaves the new connection in the wanted state. */
static void bring_to(struct pair *pair, hf_conn conn, enum record record)
{
    if (record == RECORD_HALF_OPEN) {
        host_turn(&pair->host[CLIENT]);
        host_turn(&pair->host[SERVER]);
        wire_clear(&pair->wire); /* the SYN,ACK is lost, and the client gives up */
        hf_tcp_release(pair->host[CLIENT].e, conn);
        return;
    }
    pair_settle(pair);
    if (record != RECORD_TIME_WAIT)
        return;
    hf_tcp_release(pair->host[CLIENT].e, conn);
    pair_settle(pair);
}

bool handfast_record_pages(const void *arg, double seconds, struct bench_sample *sample)
{
    (void)seconds;
    static const struct bulk small = {.window = 65536};
    static const enum hf_state wanted[] = {
        [RECORD_IDLE] = HF_ESTABLISHED, [RECORD_HALF_OPEN] = HF_SYN_RECEIVED, [RECORD_TIME_WAIT] = HF_TIME_WAIT};
    enum record record = *(const enum record *)arg;
    struct hf_config config;
    struct pair pair;
    configure(&config, record, RECORDS);
    pair_open(&pair, &config, &small, false);
    pair.host[CLIENT].app = ignore;
    pair.host[SERVER].app = accept_all;
    host_listen(&pair.host[SERVER], 80, RECORDS);
    const struct host *host = &pair.host[record == RECORD_HALF_OPEN ? SERVER : CLIENT];
    size_t before = count_resident(host);
    for (uint32_t i = 0; i < RECORDS; i++)
        bring_to(&pair, host_connect(&pair.host[CLIENT], 80), record);
    sample->value = (double)(count_resident(host) - before) / RECORDS;
    struct hf_stats stats;
    hf_stats(host->e, &stats);
    snprintf(sample->note, sizeof sample->note, "of pages, with %u of them", stats.states[wanted[record]]);
    pair_close(&pair);
    return stats.states[wanted[record]] == RECORDS;
}

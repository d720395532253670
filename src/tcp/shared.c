/* The state all connections of an engine share, made once. */
#include "steps.h"

_Static_assert(HF_REASON_COUNT <= 256, "a reason fits the record's one-byte fields");

static uint32_t or_else(uint32_t value, uint32_t otherwise) { return value != 0 ? value : otherwise; }

/* Items that belong to those of another pool, number by number, and are never taken by themselves. */
static void make_beside(struct hf_pool *pool, struct hf_arena *arena, uint32_t capacity, uint32_t item_size)
{
    hf_pool_init(pool, arena, capacity, item_size);
    pool->fresh = capacity;
}

void hf_tcp_shared_init(struct hf_tcp_shared *sh, struct hf_arena *arena, const struct hf_config *config, hf_time now)
{
    sh->now = now;
    sh->config = *config;
    hf_pool_init(&sh->connections, arena, config->max_connections, sizeof(struct hf_tcp));
    hf_pool_init(&sh->listeners, arena, config->max_listeners, sizeof(struct hf_listener));
    hf_pool_init(&sh->sending, arena, or_else(config->max_sending, config->max_connections),
                 sizeof(struct hf_tcp_sending));
    hf_pool_init(&sh->receiving, arena, or_else(config->max_receiving, config->max_connections),
                 sizeof(struct hf_tcp_receiving));
    hf_pool_init(&sh->sent, arena, config->max_sent, sizeof(struct hf_sent));
    hf_pool_init(&sh->islands, arena, or_else(config->max_islands, config->max_sent), sizeof(struct hf_island));
    bool with_rates = hf_cc_wants_rates(config->cc);
    make_beside(&sh->rates, arena, with_rates ? config->max_sent : 0, sizeof(struct hf_sent_rate));
    make_beside(&sh->rated, arena, with_rates ? config->max_connections + 1 : 0, sizeof(struct hf_rated));
    hf_blocks_init(&sh->blocks, arena, config->max_blocks, config->block_len);
    hf_pool_init(&sh->fast_open_peers, arena, config->max_fast_open, sizeof(struct hf_fast_open_peer));
    hf_pool_init(&sh->history, arena, config->max_history, sizeof(struct hf_note));
    hf_random_init(&sh->random, config->seed);
    sh->isn_key = hf_random_key(&sh->random);
    sh->timestamp_key = hf_random_key(&sh->random);
    sh->cookie_key = hf_random_key(&sh->random);
    sh->fast_open_key = hf_random_key(&sh->random);
}

/* Defaults of include/handfast/config.h, and what is acceptable. */
#include "config.h"

#include "../base/base.h"
#include "../tcp/small.h"

void hf_config_defaults(struct hf_config *config)
{
    *config = (struct hf_config){
        .max_connections = 1024,
        .max_listeners = 16,
        .max_half_open = 1024,
        .max_time_wait = 8192,
        .max_blocks = 8192,
        .block_len = 4096,
        .max_sent = 16384,
        .max_links = 4,
        .max_addresses = 16,
        .max_routes = 16,
        .max_neighbours = 256,
        .max_paths = 256,
        .max_fragments = 16,
        .max_replies = 256,
        .max_fast_open = 64,
        .msl_ns = 30 * HF_SECOND,
        .rto_initial_ns = HF_SECOND,
        .rto_min_ns = 200 * HF_MS,
        .rto_max_ns = 120 * HF_SECOND,
        .ack_delay_ns = 40 * HF_MS,
        .fin_wait_2_ns = 60 * HF_SECOND,
        .orphan_ns = 180 * HF_SECOND,
        .offer_ns = 180 * HF_SECOND,
        .syn_retries = 7,
        .syn_ack_retries = 5,
        .data_retries = 15,
        .orphan_retries = 8,
        .send_buffer = 1 << 20,
        .receive_buffer = 1 << 20,
        .send_buffer_max = 6 << 20,
        .receive_buffer_max = 6 << 20,
        .window_scaling = true,
        .timestamps = true,
        .sack = true,
        .ecn = HF_ECN_ACCEPT,
        .cc = HF_CC_CUBIC,
        .initial_window = 10,
        .challenge_ack_limit = 1000,
        .syn_cookies = HF_SYN_COOKIES_UNDER_PRESSURE,
        .ip_ttl = 64,
    };
}

#define MOST_ACK_DELAY (500 * HF_MS - 1) /* MUST-40 */

static bool between(int64_t low, int64_t x, int64_t high) { return x >= low && x <= high; }

static bool times_are_acceptable(const struct hf_config *c)
{
    return between(HF_MS, c->msl_ns, 3600 * HF_SECOND) && between(HF_MS, c->rto_min_ns, c->rto_max_ns) &&
           between(c->rto_min_ns, c->rto_initial_ns, c->rto_max_ns) && c->rto_max_ns <= 3600 * HF_SECOND &&
           between(0, c->ack_delay_ns, MOST_ACK_DELAY) && between(HF_MS, c->fin_wait_2_ns, 86400 * HF_SECOND) &&
           between(HF_MS, c->offer_ns, 86400 * HF_SECOND) && between(HF_MS, c->orphan_ns, 86400 * HF_SECOND);
}

static bool limits_are_acceptable(const struct hf_config *c)
{
    const int64_t most = 1 << 28;
    bool block_len = between(256, c->block_len, 65536) && (c->block_len & (c->block_len - 1)) == 0;
    return block_len && between(1, c->max_connections, most) && between(0, c->max_listeners, HF_LISTENERS_MOST) &&
           between(1, c->max_half_open, most) && between(1, c->max_time_wait, most) &&
           between(0, c->max_orphans, most) && between(0, c->max_sending, most) &&
           between(0, c->max_receiving, most) && between(2, c->max_blocks, most) &&
           between(1, c->max_sent, most) && between(0, c->max_islands, most) &&
           between(1, c->max_links, 1024) && between(1, c->max_addresses, 65536) &&
           between(0, c->max_routes, 65536) && between(1, c->max_neighbours, 1 << 24) &&
           between(0, c->max_paths, 1 << 24) && between(0, c->max_fragments, 65536) &&
           between(1, c->max_replies, 65536) && between(0, c->max_history, 1 << 24) &&
           between(0, c->max_fast_open, 4096);
}

bool hf_config_is_acceptable(const struct hf_config *c)
{
    return limits_are_acceptable(c) && times_are_acceptable(c) && between(1024, c->send_buffer, 1 << 30) &&
           between(1024, c->receive_buffer, 1 << 30) && c->send_buffer_max <= 1 << 30 && c->receive_buffer_max <= 1 << 30 &&
           between(0, c->cc, HF_CC_BBR) && between(0, c->ecn, HF_ECN_ACCURATE) &&
           between(0, c->syn_cookies, HF_SYN_COOKIES_ALWAYS) &&
           between(1, c->initial_window, 100) && c->ip_ttl > 0 && c->syn_retries > 0 && c->syn_ack_retries > 0 &&
           c->data_retries > 0 && c->orphan_retries > 0;
}

/*
 * Destinations whose path takes less than their link does (RFC 1191; RFC 8201).
 *
 * Only what TCP found plausible (the quoted sequence number lies in flight, RFC 5927, 7.2) may be told here. A report
 * only ever lowers, and is forgotten after ten minutes (RFC 1191, 6.3), when the link's MTU is tried again.
 *
 * Floors: IPv6 has none below 1280, so a report of less is ignored (RFC 8201, 4). IPv4 could go down to 68 bytes, which a
 * forged report would use to make us send 28 bytes a packet (BUG-15); we stop at 552, and for a destination that
 * reported less we let routers fragment: `may_fragment` says not to set DF.
 */
#ifndef HF_IP_PATH_MTU_H
#define HF_IP_PATH_MTU_H

#include "../../include/handfast/types.h"
#include "../base/pool.h"
#include "../base/random.h"
#include "../base/table.h"

#define HF_PATH_MTU_FLOOR_V4 552
#define HF_PATH_MTU_FLOOR_V6 1280

struct hf_path_record {
    uint32_t older, newer; /* by the time of the last report */
    struct hf_addr dst;
    hf_time forget_at;
    uint16_t mtu;
    bool may_fragment;
};

struct hf_paths {
    struct hf_pool pool;
    struct hf_table table;
    struct hf_key key;
    uint32_t oldest, newest;
    uint32_t evicted; /* given up for a newer one; the engine counts them as HF_LIMIT_PATHS */
};

void hf_paths_init(struct hf_paths *paths, struct hf_arena *arena, uint32_t max_paths, struct hf_key key);

struct hf_path_mtu {
    uint16_t mtu;      /* bytes of IP datagram, never above the link's */
    bool may_fragment; /* IPv4: leave DF clear */
};

/* What may be sent to `dst` over a link of this MTU. Without any record it looks nothing up. */
struct hf_path_mtu hf_paths_find(const struct hf_paths *paths, const struct hf_addr *dst, uint16_t link_mtu, hf_time now);

/*
 * A router says that only `reported` bytes pass towards dst. Returns true when that lowered what hf_paths_find says (the
 * connections to dst are then to be told), false when it was ignored.
 */
bool hf_paths_lower(struct hf_paths *paths, const struct hf_addr *dst, uint16_t reported, uint16_t link_mtu, hf_time now);

const char *hf_paths_check(const struct hf_paths *paths);

#endif

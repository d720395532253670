/*
 * A packetdrill script, read: events in order, each with its time.
 *
 *     struct pkt_script script;
 *     if (pkt_parse(&script, name, text, len)) ... run it (run.h) ...; else say script.error
 *     pkt_script_close(&script)
 *
 * Beside packetdrill's own language there are Handfast's additions, in comments that begin with //!
 * (docs/scenarios.md):
 *
 *     //! given STATE ...     a connection in that state; spelled out as plain events before the script's own
 *     //! why NAME            the packet just sent was sent for this reason
 *     //! drop NAME           the packet just received was dropped for this reason; "nothing": it was not dropped
 *     //! state NAME ...      the connection's state, and how it ended
 *     //! sends nothing ...   nothing is sent, now or until some time
 *     //! config KEY VALUE    a field of struct hf_config
 *
 * Read next: parser.c, given.c, run.h.
 */
#ifndef HF_PKT_SCRIPT_H
#define HF_PKT_SCRIPT_H

#include "memory.h"

#include <handfast/config.h>
#include <handfast/errors.h>
#include <handfast/observe.h>

/* ---- times ---- */

enum pkt_time_kind {
    PKT_ABSOLUTE, /* since the beginning */
    PKT_RELATIVE, /* since the event before */
    PKT_ANY_TIME,
};

struct pkt_time {
    enum pkt_time_kind kind;
    hf_ns from, to; /* equal unless it is a range */
};

/* ---- packets ---- */

enum { PKT_OPTIONS_MAX = 40 };

enum pkt_ecn { PKT_ECN_ANY = -1, PKT_ECN_NONE, PKT_ECN_ECT1, PKT_ECN_ECT0, PKT_ECN_CE, PKT_ECN_ECT01 };

/* A segment as the script has it: sequence numbers in the script's own counting. */
struct pkt_segment {
    uint16_t src_port, dst_port; /* 0: those of the flow */
    uint32_t seq, len, ack;
    uint16_t win, urg;
    uint16_t flags; /* as on the wire */
    bool has_win, has_urg;
    bool any_options; /* <...> */
    int8_t ecn;       /* enum pkt_ecn */
    int16_t tos, ttl; /* -1: any, or the default */
    uint8_t options_len;
    uint8_t options[PKT_OPTIONS_MAX]; /* as on the wire */
    const char *win_at;               /* in the source: where a missing "win" would stand */
};

struct pkt_icmp {
    uint8_t type, code;
    bool has_mtu, has_quote;
    uint32_t mtu;
    uint32_t seq, len; /* of the quoted segment */
};

/* ---- calls ---- */

enum pkt_value_kind {
    PKT_ELLIPSIS, /* any value; a buffer of the runner's */
    PKT_NUMBER,
    PKT_STRING,
    PKT_LIST,   /* [a, b] */
    PKT_STRUCT, /* {name=a, b} */
};

struct pkt_value {
    enum pkt_value_kind kind;
    int64_t number;   /* symbols are numbers */
    const char *text; /* PKT_STRING: its bytes */
    size_t len;
    const char *name; /* of a field in a struct, or NULL */
    const struct pkt_value *item;
    unsigned count;
};

struct pkt_call {
    const char *name;
    const struct pkt_value *argument;
    unsigned count;
    bool blocks; /* "...0.2": it returns at `end` */
    hf_ns end;   /* absolute or relative as the event's time */
    struct pkt_value result;
    int error; /* errno, or 0 */
};

/* ---- additions ---- */

enum pkt_mark_kind { PKT_WHY, PKT_DROP, PKT_STATE, PKT_SENDS_NOTHING };

struct pkt_mark {
    enum pkt_mark_kind kind;
    enum hf_reason reason; /* PKT_WHY, PKT_DROP (HF_ACCEPTED: nothing was dropped) */
    enum hf_state state;
    bool has_error, has_ended, has_advice, has_until;
    enum hf_error error;
    enum hf_reason ended;
    enum hf_reason advice; /* the last ICMP advice that ended nothing */
    struct pkt_time until;
};

/* ---- events ---- */

enum pkt_event_kind {
    PKT_SEGMENT_IN,
    PKT_SEGMENT_OUT,
    PKT_ICMP_IN,
    PKT_ICMP_OUT,
    PKT_CALL,
    PKT_CODE,
    PKT_COMMAND,
    PKT_MARK
};

struct pkt_event {
    enum pkt_event_kind kind;
    unsigned line;
    const char *text;   /* as it stands in the source, on one line */
    const char *action; /* the same without the time */
    struct pkt_time time;
    union {
        struct pkt_segment segment;
        struct pkt_icmp icmp;
        struct pkt_call call;
        struct pkt_mark mark;
    };
};

/* ---- the script ---- */

struct pkt_settings {
    bool is_v6;
    uint16_t mtu;
    struct hf_addr local, remote, gateway;
    uint8_t local_prefix;
    uint16_t bind_port, connect_port, peer_port;
    hf_ns tolerance_ns;
    hf_ns timestamp_tick_ns; /* 0: values of outgoing timestamps are not compared */
    bool offload;            /* the link splits large frames and finishes checksums */
    bool as_linux;           /* "profile linux": sockets too count as Linux does */
};

struct pkt_define {
    const char *name, *value;
};

struct pkt_script {
    struct pkt_memory memory;
    const char *name;
    const char *source;
    size_t source_len;
    struct pkt_settings settings;
    struct hf_config config;
    struct pkt_define *define;
    unsigned define_count;
    struct pkt_event *event;
    unsigned count;
    const char *fixture;           /* the text that "given" stands for, or NULL */
    const char *given, *given_end; /* where it stands in the source, whole lines */
    bool has_skipped;              /* there is code or a command, which are not run */
    unsigned error_line;
    char error[256]; /* with pkt_parse false: what is wrong */
};

/* Reads a script of `len` bytes; copies name and text. False with error and error_line set. Close it in any case.
 */
bool pkt_parse(struct pkt_script *script, const char *name, const char *text, size_t len);
/* The same, with `count` settings "KEY=VALUE" before all it says itself. */
bool pkt_parse_with(struct pkt_script *script, const char *const *setting, unsigned count, const char *name,
                    const char *text, size_t len);
void pkt_script_close(struct pkt_script *script);
/* The names, up to NULL, of the sysctls below net.ipv4 that mean something here, and what one's value sets. */
extern const char *const pkt_sysctls[];
void pkt_sysctl_set(struct pkt_script *script, const char *name, const char *value);
/* The settings and the configuration of a script that says nothing of them. */
void pkt_script_defaults(struct pkt_script *script);

/* The script as packetdrill itself takes it: the fixture spelled out, no window missing. The caller frees the text.
 */
char *pkt_script_stock(const struct pkt_script *script);

#endif

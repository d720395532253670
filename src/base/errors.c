/* The words for errors, states and reasons: include/handfast/{errors,observe,reasons}.h. */
#include "../../include/handfast/errors.h"

#include "../../include/handfast/observe.h"

const char *hf_error_text(int error)
{
    switch (error) {
#define X(name, value, text, posix)                                                                                   \
    case value:                                                                                                        \
        return text;
        HF_ERRORS(X)
#undef X
    default:
        return "unknown";
    }
}

const char *hf_error_name(int error)
{
    switch (error) {
#define X(name, value, text, posix)                                                                                   \
    case value:                                                                                                        \
        return #name;
        HF_ERRORS(X)
#undef X
    default:
        return "unknown";
    }
}

const char *hf_state_text(enum hf_state state)
{
    static const char *const texts[HF_STATE_COUNT] = {
#define X(name, text) [HF_##name] = text,
        HF_STATES(X)
#undef X
    };
    return (unsigned)state < HF_STATE_COUNT ? texts[state] : "unknown";
}

struct reason {
    const char *name, *text, *source;
};

static const struct reason reasons[HF_REASON_COUNT] = {
    [HF_REASON_NONE] = {"NONE", "no reason", ""},
    [HF_ACCEPTED] = {"ACCEPTED", "accepted", ""},
#define X(group, name, text, source) [HF_##group##_##name] = {#group "_" #name, text, source},
    HF_REASONS(X)
#undef X
};

static const struct reason *look_up(enum hf_reason reason)
{
    return &reasons[(unsigned)reason < HF_REASON_COUNT ? reason : HF_REASON_NONE];
}

const char *hf_reason_name(enum hf_reason reason) { return look_up(reason)->name; }

const char *hf_reason_text(enum hf_reason reason) { return look_up(reason)->text; }

const char *hf_reason_source(enum hf_reason reason) { return look_up(reason)->source; }

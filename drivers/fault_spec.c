/* Reading the fault driver's language: one word at a time, left to right, no word looked at twice. See
 * fault_spec.h. */
#include "fault_spec.h"

#include <stdio.h>
#include <string.h>

#define WORD_CAP  32
#define TIME_MAX  (3600 * HF_SECOND)
#define NTH_MAX   1000000u
#define RESET_MAX 1000000000u

struct reader {
    const char *rest;
    char word[WORD_CAP]; /* the word last read; empty at the end of an item */
    char *error;
};

static bool complain(struct reader *reader, const char *expected)
{
    if (reader->word[0])
        snprintf(reader->error, 256, "'%s' is not understood here; expected %s", reader->word, expected);
    else
        snprintf(reader->error, 256, "something is missing at '%.40s'; expected %s", reader->rest, expected);
    return false;
}

/* ---- words ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void skip_spaces(struct reader *reader)
{
    while (*reader->rest == ' ' || *reader->rest == '\t' || *reader->rest == '\n')
        reader->rest++;
}

/* The comma of "SYN,ACK" belongs to the word: no item begins with "ACK". */
static bool is_inner_comma(const struct reader *reader, size_t len)
{
    return len == 3 && strncmp(reader->word, "syn", 3) == 0 && lower(reader->rest[1]) == 'a' &&
           lower(reader->rest[2]) == 'c' && lower(reader->rest[3]) == 'k';
}

static bool is_word_end(const struct reader *reader, size_t len)
{
    char c = *reader->rest;
    if (c == ',')
        return !is_inner_comma(reader, len);
    return c == '\0' || c == ' ' || c == '\t' || c == '\n';
}

/* Reads the next word, in lower case. An overlong one is cut, and then equals nothing. */
static void read_word(struct reader *reader)
{
    size_t len = 0;
    skip_spaces(reader);
    memset(reader->word, 0, WORD_CAP);
    for (; !is_word_end(reader, len); reader->rest++)
        if (len < WORD_CAP - 1)
            reader->word[len++] = lower(*reader->rest);
}

static bool word_is(const struct reader *reader, const char *text)
{
    return strcmp(reader->word, text) == 0;
}

static bool is_item_end(struct reader *reader)
{
    skip_spaces(reader);
    return *reader->rest == '\0' || *reader->rest == ',';
}

/* ---- numbers ---- */

/* Reads "12", "12.5": the value times `scale`, and where the unit begins. False when there is no number or it is
 * huge. */
static bool read_decimal(const char *text, uint64_t scale, uint64_t *value, const char **unit)
{
    uint64_t whole = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole * 10 + (uint64_t)(*at - '0');
        if (whole > 1000000000)
            return false;
    }
    if (at == text)
        return false;
    *value = whole * scale;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++) {
            scale /= 10;
            *value += (uint64_t)(*at - '0') * scale;
        }
    *unit = at;
    return true;
}

struct unit {
    const char *name;
    uint64_t scale;
};

/* Reads a number whose unit, the whole rest of the word, is one of these. */
static bool read_measure(const char *text, const struct unit *units, unsigned count, uint64_t *value)
{
    const char *name;
    if (!read_decimal(text, 1, value, &name))
        return false;
    for (unsigned i = 0; i < count; i++)
        if (strcmp(name, units[i].name) == 0)
            return read_decimal(text, units[i].scale, value, &name);
    return false;
}

static bool read_probability(struct reader *reader, uint64_t *probability)
{
    static const struct unit percent = {"%", FAULT_MILLION / 100};
    read_word(reader);
    if (!read_measure(reader->word, &percent, 1, probability) || *probability > FAULT_MILLION)
        return complain(reader, "a probability such as 2.5%");
    return true;
}

static bool read_time(struct reader *reader, uint64_t *time)
{
    static const struct unit units[] = {{"ns", 1}, {"us", HF_US}, {"ms", HF_MS}, {"s", HF_SECOND}};
    read_word(reader);
    if (!read_measure(reader->word, units, 4, time) || *time > TIME_MAX)
        return complain(reader, "a time of at most an hour, such as 20ms or 1.5s");
    return true;
}

static bool read_rate(struct reader *reader, uint64_t *rate)
{
    static const struct unit units[] = {{"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}};
    read_word(reader);
    if (!read_measure(reader->word, units, 3, rate) || *rate < 1000 || *rate > 1000000000000)
        return complain(reader, "a rate such as 64kbit, 10Mbit or 1Gbit");
    return true;
}

static bool read_size(struct reader *reader, uint64_t *size)
{
    static const struct unit units[] = {{"b", 1}, {"kb", 1000}, {"mb", 1000000}};
    return read_measure(reader->word, units, 3, size) && *size > 0 && *size <= 1000000000;
}

static bool read_count(struct reader *reader, uint64_t least, uint64_t most, uint64_t *count)
{
    const char *rest;
    read_word(reader);
    return read_decimal(reader->word, 1, count, &rest) && *rest == '\0' && *count >= least && *count <= most;
}

/* ---- rules for every frame ---- */

static void set_paths(struct fault_spec *spec, const struct fault_named *item, enum fault_property property,
                      uint64_t value)
{
    for (int i = 0; i < FAULT_DIRECTIONS; i++)
        if (item->applies[i])
            spec->path[i].value[property] = value;
}

/* ---- rules for frames of a name ---- */

/* Leaves the word behind it read. There is but one handshake, so that "handshake ACK" needs no number. */
static bool read_nth(struct reader *reader, struct fault_named *named, bool *is_last)
{
    static const char *const ordinals[] = {"every", "first", "second", "third"};
    read_word(reader);
    named->nth = 1;
    if (word_is(reader, "handshake"))
        return true;
    *is_last = word_is(reader, "last");
    for (unsigned i = 0; i < 4; i++)
        if (word_is(reader, ordinals[i]) || *is_last) {
            named->nth = *is_last ? 1 : i;
            read_word(reader);
            return true;
        }
    uint64_t number;
    const char *ending;
    bool is_nth = read_decimal(reader->word, 1, &number, &ending) && strlen(ending) == 2 &&
                  (strcmp(ending, "st") == 0 || strcmp(ending, "nd") == 0 || strcmp(ending, "rd") == 0 ||
                   strcmp(ending, "th") == 0);
    if (!is_nth || number == 0 || number > NTH_MAX)
        return complain(reader, "first, second, third, 4th, every or last");
    named->nth = (uint32_t)number;
    read_word(reader);
    return true;
}

static bool read_what(struct reader *reader, struct fault_named *named, bool is_last)
{
    static const struct {
        const char *name;
        enum fault_what what, last;
    } names[] = {
        {"syn", FAULT_SYN, 0},   {"syn,ack", FAULT_SYN_ACK, 0},      {"syn-ack", FAULT_SYN_ACK, 0},
        {"rst", FAULT_RST, 0},   {"fin", FAULT_FIN, FAULT_LAST_FIN}, {"ack", FAULT_ACK, FAULT_LAST_ACK},
        {"data", FAULT_DATA, 0},
    };
    if (word_is(reader, "handshake")) {
        read_word(reader);
        if (!word_is(reader, "ack"))
            return complain(reader, "ACK after 'handshake'");
        named->what = FAULT_HANDSHAKE_ACK;
        return true;
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!word_is(reader, names[i].name))
            continue;
        named->what = is_last ? names[i].last : names[i].what;
        return named->what
                   ? true
                   : complain(reader, "FIN, ACK or handshake ACK after 'last': nothing else is known to be");
    }
    return complain(reader, "SYN, SYN,ACK, FIN, RST, ACK, data or handshake ACK");
}

static bool add_named(struct reader *reader, struct fault_spec *spec, const struct fault_named *named)
{
    if (spec->named_count == FAULT_NAMED_MAX) {
        snprintf(reader->error, 256, "more than %d named faults", FAULT_NAMED_MAX);
        return false;
    }
    spec->named[spec->named_count++] = *named;
    return true;
}

static bool read_named(struct reader *reader, struct fault_spec *spec, struct fault_named *named)
{
    bool is_last = false;
    if (!read_nth(reader, named, &is_last) || !read_what(reader, named, is_last))
        return false;
    if (named->act == FAULT_DO_ANSWER) {
        read_word(reader);
        bool has_with = word_is(reader, "with");
        read_word(reader);
        if (!has_with || !word_is(reader, "rst"))
            return complain(reader, "'with RST'");
    }
    return add_named(reader, spec, named);
}

/* "reset after 512 bytes" */
static bool read_reset(struct reader *reader, struct fault_spec *spec, struct fault_named *named)
{
    uint64_t number;
    const char *rest;
    read_word(reader);
    if (!word_is(reader, "after"))
        return complain(reader, "'after 512 bytes'");
    read_word(reader);
    if (!read_decimal(reader->word, 1, &number, &rest) || *rest != '\0' || number == 0 || number > RESET_MAX)
        return complain(reader, "a number of bytes from 1 to 1000000000");
    read_word(reader);
    if (!word_is(reader, "bytes") && !word_is(reader, "byte"))
        return complain(reader, "'bytes'");
    named->act = FAULT_DO_RESET;
    named->what = FAULT_DATA;
    named->nth = (uint32_t)number;
    return add_named(reader, spec, named);
}

/* ---- items ---- */

/* "20ms" alone is for every frame, "20ms first data" for one. */
static bool read_delay(struct reader *reader, struct fault_spec *spec, struct fault_named *named)
{
    uint64_t time;
    if (!read_time(reader, &time))
        return false;
    named->delay = (hf_ns)time;
    named->act = FAULT_DO_DELAY;
    if (!is_item_end(reader))
        return read_named(reader, spec, named);
    set_paths(spec, named, FAULT_DELAY, time);
    return true;
}

/* "burst 1% of 8": eight in a row, so that one in a hundred is lost. */
static bool read_burst(struct reader *reader, uint64_t *value, uint64_t *len)
{
    if (!read_probability(reader, value))
        return false;
    read_word(reader);
    if (!word_is(reader, "of"))
        return complain(reader, "'of' and how many are lost in a row");
    if (!read_count(reader, 1, 10000, len) || *value > FAULT_MILLION * 9 / 10)
        return complain(reader, "a burst such as 1% of 8, of at most 90%");
    return true;
}

/* "queue 64kB" or "queue 50ms". */
static bool read_queue(struct reader *reader, struct fault_spec *spec, const struct fault_named *item)
{
    uint64_t value;
    const struct reader before = *reader;
    read_word(reader);
    bool is_size = read_size(reader, &value);
    if (!is_size) {
        *reader = before;
        if (!read_time(reader, &value))
            return complain(reader, "a length of the queue such as 64kB, 1MB or 50ms");
    }
    set_paths(spec, item, FAULT_QUEUE, is_size ? value : 0);
    set_paths(spec, item, FAULT_QUEUE_TIME, is_size ? 0 : value);
    return true;
}

/* "2.5%", as opposed to a time or an ordinal. */
static bool is_probability_next(struct reader *reader)
{
    skip_spaces(reader);
    const char *at = reader->rest;
    while ((*at >= '0' && *at <= '9') || *at == '.')
        at++;
    return at > reader->rest && *at == '%';
}

/* "mtu 1400" or "mtu 1400 silent". */
static bool read_mtu(struct reader *reader, struct fault_spec *spec, const struct fault_named *item)
{
    uint64_t value;
    if (!read_count(reader, 68, 65535, &value))
        return complain(reader, "a number of bytes from 68 to 65535");
    set_paths(spec, item, FAULT_MTU, value);
    if (is_item_end(reader))
        return true;
    read_word(reader);
    if (!word_is(reader, "silent"))
        return complain(reader, "'silent', a comma or the end");
    set_paths(spec, item, FAULT_SILENT, 1);
    return true;
}

static bool read_strip(struct reader *reader, struct fault_spec *spec, const struct fault_named *item)
{
    static const struct unit names[] = {
        {"mss", FAULT_STRIP_MSS},
        {"wscale", FAULT_STRIP_WSCALE},
        {"sack", FAULT_STRIP_SACK},
        {"timestamps", FAULT_STRIP_TIMESTAMPS},
        {"fastopen", FAULT_STRIP_FAST_OPEN},
        {"options", FAULT_STRIP_OPTIONS},
        {"ecn", FAULT_STRIP_ECN},
    };
    read_word(reader);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!word_is(reader, names[i].name))
            continue;
        for (int lane = 0; lane < FAULT_DIRECTIONS; lane++)
            if (item->applies[lane])
                spec->path[lane].value[FAULT_STRIP] |= names[i].scale;
        return true;
    }
    return complain(reader, "mss, wscale, sack, timestamps, fastopen, options (all of these) or ecn");
}

/* The numbers of one direction are shifted; SACK blocks are forgotten about, as some firewalls do. */
static bool read_shift(struct reader *reader, struct fault_spec *spec, const struct fault_named *item)
{
    read_word(reader);
    if (!word_is(reader, "sequence"))
        return complain(reader, "'sequence'");
    set_paths(spec, item, FAULT_SHIFT, 0x10203040);
    return true;
}

static bool read_property(struct reader *reader, struct fault_spec *spec, const struct fault_named *item,
                          enum fault_property property)
{
    uint64_t value, len = 0;
    bool is_understood = property == FAULT_JITTER  ? read_time(reader, &value)
                         : property == FAULT_RATE  ? read_rate(reader, &value)
                         : property == FAULT_BURST ? read_burst(reader, &value, &len)
                                                   : read_probability(reader, &value);
    if (!is_understood)
        return false;
    set_paths(spec, item, property, value);
    if (property == FAULT_BURST)
        set_paths(spec, item, FAULT_BURST_LEN, len);
    return true;
}

/* "mark 1%" by chance, "mark 5ms" what waited for the rate that long. */
static bool read_marks(struct reader *reader, struct fault_spec *spec, const struct fault_named *item)
{
    uint64_t value;
    if (is_probability_next(reader))
        return read_property(reader, spec, item, FAULT_MARK);
    if (!read_time(reader, &value))
        return complain(reader, "a probability such as 1%, or a wait for the rate such as 5ms");
    set_paths(spec, item, FAULT_MARK_AT, value);
    return true;
}

/* A verb, unless the same word is a property here: "duplicate 3%" is about every frame, "duplicate 3rd data" about
 * one. */
static bool is_act(struct reader *reader, enum fault_act *act)
{
    static const struct {
        const char *verb;
        enum fault_act act;
    } verbs[] = {
        {"drop", FAULT_DO_LOSE},       {"lose", FAULT_DO_LOSE},     {"duplicate", FAULT_DO_DUPLICATE},
        {"corrupt", FAULT_DO_CORRUPT}, {"answer", FAULT_DO_ANSWER},
    };
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (word_is(reader, verbs[i].verb)) {
            *act = verbs[i].act;
            bool may_be_property = *act == FAULT_DO_DUPLICATE || *act == FAULT_DO_CORRUPT;
            return !may_be_property || !is_probability_next(reader);
        }
    return false;
}

/* The words that stand for a property and have no other form. */
static bool is_property(const struct reader *reader, enum fault_property *property)
{
    static const struct {
        const char *name;
        enum fault_property property;
    } names[] = {
        {"loss", FAULT_LOSS},       {"duplicate", FAULT_DUPLICATE}, {"reorder", FAULT_REORDER},
        {"corrupt", FAULT_CORRUPT}, {"jitter", FAULT_JITTER},       {"rate", FAULT_RATE},
        {"burst", FAULT_BURST},     {"forge", FAULT_FORGE},
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (word_is(reader, names[i].name)) {
            *property = names[i].property;
            return true;
        }
    return false;
}

static bool read_path_item(struct reader *reader, struct fault_spec *spec, const struct fault_named *item)
{
    enum fault_property property;
    if (is_property(reader, &property))
        return read_property(reader, spec, item, property);
    if (word_is(reader, "queue"))
        return read_queue(reader, spec, item);
    if (word_is(reader, "mark"))
        return read_marks(reader, spec, item);
    if (word_is(reader, "mtu"))
        return read_mtu(reader, spec, item);
    if (word_is(reader, "strip"))
        return read_strip(reader, spec, item);
    if (word_is(reader, "shift"))
        return read_shift(reader, spec, item);
    return complain(reader,
                    "loss, burst, duplicate, reorder, corrupt, forge, delay, jitter, rate, queue, mark, mtu, "
                    "strip, shift, drop, lose, answer or reset");
}

static bool read_item(struct reader *reader, struct fault_spec *spec)
{
    struct fault_named named = {.applies = {true, true}};
    read_word(reader);
    if (word_is(reader, "in") || word_is(reader, "out")) {
        named.applies[FAULT_IN] = word_is(reader, "in");
        named.applies[FAULT_OUT] = word_is(reader, "out");
        read_word(reader);
    }
    if (word_is(reader, "delay"))
        return read_delay(reader, spec, &named);
    if (word_is(reader, "reset"))
        return read_reset(reader, spec, &named);
    if (is_act(reader, &named.act))
        return read_named(reader, spec, &named);
    return read_path_item(reader, spec, &named);
}

/* What needs a bottleneck has one. */
static bool check_rates(const struct fault_spec *spec, char error[256])
{
    for (int i = 0; i < FAULT_DIRECTIONS; i++) {
        const uint64_t *value = spec->path[i].value;
        if (value[FAULT_RATE] != 0)
            continue;
        bool has_queue = value[FAULT_QUEUE] != 0 || value[FAULT_QUEUE_TIME] != 0;
        if (!has_queue && value[FAULT_MARK_AT] == 0)
            continue;
        snprintf(error, 256, "%s without a rate: nothing would wait; name a rate too",
                 has_queue ? "'queue'" : "'mark' with a time");
        return false;
    }
    return true;
}

bool hf_fault_spec_parse(const char *text, struct fault_spec *spec, char error[256])
{
    struct reader reader = {.rest = text, .error = error};
    memset(spec, 0, sizeof *spec);
    skip_spaces(&reader);
    if (*reader.rest == '\0')
        return true;
    for (;;) {
        if (!read_item(&reader, spec))
            return false;
        if (!is_item_end(&reader)) {
            read_word(&reader);
            return complain(&reader, "a comma or the end");
        }
        if (*reader.rest == '\0')
            return check_rates(spec, error);
        reader.rest++;
    }
}

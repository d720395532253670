/*
 * Prometheus' text format (exposition format 0.0.4): all samples of a metric stand together behind its # HELP and # TYPE,
 * whichever process they are of. Read first: ss_print.h.
 */
#include "ss_print.h"

#include <string.h>

struct writer {
    FILE *out;
    const struct ss_sources *sources;
};

static void head(const struct writer *w, const char *name, const char *type, const char *help)
{
    fprintf(w->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The label that tells processes apart. */
static void owner(FILE *out, const struct ss_source *source)
{
    if (source->process == NULL)
        fputs("engine=\"kernel\"", out);
    else
        fprintf(out, "engine=\"%s\",pid=\"%lld\"", json_string_value(json_object_get(source->process, "verb")),
                (long long)json_integer_value(json_object_get(source->process, "pid")));
}

static void sample(const struct writer *w, const char *name, const struct ss_source *source, const char *label,
                   const char *value, double number)
{
    fprintf(w->out, "%s{", name);
    owner(w->out, source);
    if (label != NULL)
        fprintf(w->out, ",%s=\"%s\"", label, value);
    fprintf(w->out, "} %.17g\n", number);
}

/* One sample for each key of an object of the process. `unit` divides. */
static void by_key(const struct writer *w, const char *name, const char *object, const char *label, double unit)
{
    for (unsigned i = 0; i < w->sources->count; i++) {
        const struct ss_source *source = &w->sources->at[i];
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(source->process, object), key, value)
            sample(w, name, source, label, key, (double)json_integer_value(value) / unit);
    }
}

static void one(const struct writer *w, const char *name, const char *key, double unit)
{
    for (unsigned i = 0; i < w->sources->count; i++)
        if (w->sources->at[i].process != NULL)
            sample(w, name, &w->sources->at[i], NULL, NULL,
                   (double)json_integer_value(json_object_get(w->sources->at[i].process, key)) / unit);
}

static void states(const struct writer *w)
{
    head(w, "handfast_connections", "gauge", "Connections in each state of RFC 9293.");
    for (unsigned i = 0; i < w->sources->count; i++)
        for (int s = 0; s < HF_STATE_COUNT; s++)
            sample(w, "handfast_connections", &w->sources->at[i], "state", hf_state_text((enum hf_state)s),
                   (double)w->sources->at[i].counts[s]);
}

/* ---- listeners ---- */

static void listener_sample(const struct writer *w, const char *name, const struct ss_source *source,
                            const json_t *listener, const char *step, double number)
{
    const json_t *local = json_object_get(listener, "local");
    const char *address = json_string_value(json_object_get(local, "addr"));
    fprintf(w->out, "%s{", name);
    owner(w->out, source);
    fprintf(w->out, ",addr=\"%s\",port=\"%lld\"", address != NULL ? address : "",
            (long long)json_integer_value(json_object_get(local, "port")));
    if (step != NULL)
        fprintf(w->out, ",step=\"%s\"", step);
    fprintf(w->out, "} %.17g\n", number);
}

static void listeners(const struct writer *w, const char *name, const char *key)
{
    for (unsigned i = 0; i < w->sources->count; i++) {
        size_t j;
        json_t *listener;
        json_array_foreach(json_object_get(w->sources->at[i].process, "listeners"), j, listener)
            listener_sample(w, name, &w->sources->at[i], listener, NULL,
                            (double)json_integer_value(json_object_get(listener, key)));
    }
}

static void funnels(const struct writer *w)
{
    for (unsigned i = 0; i < w->sources->count; i++) {
        size_t j;
        json_t *listener, *value;
        const char *step;
        json_array_foreach(json_object_get(w->sources->at[i].process, "listeners"), j, listener)
            json_object_foreach(json_object_get(listener, "funnel"), step, value)
                listener_sample(w, "handfast_listener_total", &w->sources->at[i], listener, step,
                                (double)json_integer_value(value));
    }
}

/* ---- all ---- */

static void counters(const struct writer *w)
{
    head(w, "handfast_state_entered_total", "counter", "How often each state was entered.");
    by_key(w, "handfast_state_entered_total", "entered", "state", 1);
    head(w, "handfast_state_seconds_total", "counter", "Time spent in each state, by those that have left it.");
    by_key(w, "handfast_state_seconds_total", "time_in_state_ms", "state", 1000);
    head(w, "handfast_closed_first_total", "counter", "Graceful ends by whose FIN left first.");
    by_key(w, "handfast_closed_first_total", "closed_first", "who", 1);
    head(w, "handfast_reasons_total", "counter",
         "How often each reason occurred: drops, sends, state changes, limits.");
    by_key(w, "handfast_reasons_total", "reasons", "reason", 1);
    head(w, "handfast_listener_total", "counter", "What became of the SYNs of each listener.");
    funnels(w);
}

static void gauges(const struct writer *w)
{
    static const char *const keys[][3] = {
        {"handfast_listener_backlog", "backlog", "Most connections that may wait to be accepted."},
        {"handfast_listener_waiting", "waiting", "Connections that wait to be accepted."},
        {"handfast_listener_half_open", "half_open", "Connections whose handshake is not over."},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        head(w, keys[i][0], "gauge", keys[i][2]);
        listeners(w, keys[i][0], keys[i][1]);
    }
    head(w, "handfast_usage", "gauge", "What is used of each pool, its peak and its limit.");
    by_key(w, "handfast_usage", "usage", "pool", 1);
    head(w, "handfast_uptime_seconds", "gauge", "Since when the process runs.");
    one(w, "handfast_uptime_seconds", "uptime_ms", 1000);
}

static void traffic(const struct writer *w)
{
    static const char *const keys[][3] = {
        {"handfast_frames_in_total", "frames_in", "Frames received."},
        {"handfast_frames_out_total", "frames_out", "Frames sent."},
        {"handfast_bytes_in_total", "bytes_in", "Bytes of frames received."},
        {"handfast_bytes_out_total", "bytes_out", "Bytes of frames sent."},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        head(w, keys[i][0], "counter", keys[i][2]);
        one(w, keys[i][0], keys[i][1], 1);
    }
}

void ss_print_prometheus(FILE *out, const struct ss_sources *sources)
{
    const struct writer w = {out, sources};
    states(&w);
    if (sources->count == 1 && sources->at[0].process == NULL)
        return; /* of the kernel no more is known */
    counters(&w);
    gauges(&w);
    traffic(&w);
}

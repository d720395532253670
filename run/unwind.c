/*
 * Unwinding and naming. Read first: unwind.h.
 *
 * While a thread is stopped only its program counters are collected, each as an offset in the file that is mapped
 * there. Names and lines come from those files later, through a second libdw session that knows files and no
 * process; so they can still be had when the process is gone.
 */
#define _GNU_SOURCE
#include "unwind.h"

#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 64
#define MODULES   512
#define STACKS    16384u

struct place {
    uint32_t module; /* index */
    uint64_t offset; /* from where the module begins */
    bool is_call;    /* the counter points behind a call, whose line is meant */
};

struct stack {
    struct place at[STACK_DEPTH];
    unsigned count;
    uint32_t chain; /* same hash */
    uint32_t alike; /* the first one that reads like it; 0: not looked for yet */
};

struct module {
    char *path;
    Dwfl_Module *offline; /* of the session of files; opened when first asked */
    Dwarf_Addr start;
    bool was_tried;
};

struct process {
    pid_t pid; /* 0: free */
    Dwfl *dwfl;
    unsigned long used;
};

struct unwind {
    struct process processes[PROCESSES];
    unsigned long clock;
    struct module modules[MODULES];
    unsigned module_count;
    struct stack *stacks; /* [0] is not used */
    uint32_t stack_count;
    uint32_t heads[STACKS];
    Dwfl *files;
};

/* ---- the processes ---- */

static char *debuginfo_path;
static const Dwfl_Callbacks live = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .debuginfo_path = &debuginfo_path,
};

static bool read_map(Dwfl *dwfl, pid_t pid)
{
    dwfl_report_begin(dwfl);
    bool done = dwfl_linux_proc_report(dwfl, pid) == 0;
    return dwfl_report_end(dwfl, NULL, NULL) == 0 && done;
}

static void close_process(struct process *p)
{
    if (p->dwfl)
        dwfl_end(p->dwfl);
    *p = (struct process){.pid = 0};
}

static bool open_process(struct process *p, pid_t pid)
{
    p->pid = pid;
    p->dwfl = dwfl_begin(&live);
    if (p->dwfl && read_map(p->dwfl, pid) && dwfl_linux_proc_attach(p->dwfl, pid, true) == 0)
        return true;
    close_process(p);
    return false;
}

static struct process *process_of(struct unwind *u, pid_t pid)
{
    struct process *oldest = &u->processes[0];
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *p = &u->processes[i];
        if (p->pid == pid) {
            p->used = ++u->clock;
            return p;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    close_process(oldest);
    oldest->used = ++u->clock;
    return open_process(oldest, pid) ? oldest : NULL;
}

void unwind_forget(struct unwind *u, pid_t pid)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        if (u->processes[i].pid == pid)
            close_process(&u->processes[i]);
}

/* ---- collecting ---- */

static uint32_t module_index(struct unwind *u, const char *path)
{
    for (unsigned i = 0; i < u->module_count; i++)
        if (strcmp(u->modules[i].path, path) == 0)
            return i;
    if (u->module_count == MODULES)
        return MODULES - 1;
    u->modules[u->module_count].path = strdup(path);
    return u->module_count++;
}

struct collecting {
    struct unwind *u;
    Dwfl *dwfl;
    struct stack stack;
    bool has_unknown; /* a counter in no module that we know: the map has changed */
};

static int collect(Dwfl_Frame *frame, void *arg)
{
    struct collecting *c = arg;
    Dwarf_Addr pc, start;
    bool is_activation;
    if (!dwfl_frame_pc(frame, &pc, &is_activation))
        return DWARF_CB_ABORT;
    Dwfl_Module *module = dwfl_addrmodule(c->dwfl, pc - !is_activation);
    const char *file = NULL;
    const char *name = module ? dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, &file, NULL) : NULL;
    c->has_unknown |= module == NULL;
    if (!module)
        return DWARF_CB_ABORT;
    struct place *place = &c->stack.at[c->stack.count++];
    place->module = module_index(c->u, file ? file : name ? name : "?");
    place->offset = pc - start;
    place->is_call = !is_activation;
    return c->stack.count == STACK_DEPTH ? DWARF_CB_ABORT : DWARF_CB_OK;
}

static uint32_t hash_of(const struct stack *s)
{
    uint64_t hash = s->count;
    for (unsigned i = 0; i < s->count; i++)
        hash = (hash ^ s->at[i].offset ^ (uint64_t)s->at[i].module << 40) * 1099511628211u;
    return (uint32_t)(hash ^ hash >> 32) % STACKS;
}

static bool is_same(const struct stack *a, const struct stack *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->at[i].module != b->at[i].module || a->at[i].offset != b->at[i].offset)
            return false;
    return true;
}

/* The number of this stack, an old one if it was seen before. */
static uint32_t keep(struct unwind *u, const struct stack *s)
{
    uint32_t *head = &u->heads[hash_of(s)];
    if (s->count == 0)
        return STACK_NONE;
    for (uint32_t i = *head; i != STACK_NONE; i = u->stacks[i].chain)
        if (is_same(&u->stacks[i], s))
            return i;
    if (u->stack_count == STACKS)
        return STACK_NONE;
    uint32_t id = u->stack_count++;
    u->stacks[id] = *s;
    u->stacks[id].chain = *head;
    *head = id;
    return id;
}

uint32_t unwind_take(struct unwind *u, pid_t process, pid_t thread)
{
    struct process *p = process_of(u, process);
    if (!p)
        return STACK_NONE;
    struct collecting c = {.u = u, .dwfl = p->dwfl};
    dwfl_getthread_frames(p->dwfl, thread, collect, &c);
    if (c.has_unknown && read_map(p->dwfl, process)) { /* a library was loaded meanwhile */
        c = (struct collecting){.u = u, .dwfl = p->dwfl};
        dwfl_getthread_frames(p->dwfl, thread, collect, &c);
    }
    return keep(u, &c.stack);
}

/* ---- naming ---- */

static const Dwfl_Callbacks offline = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = &debuginfo_path,
};

static void open_module(struct unwind *u, struct module *m)
{
    m->was_tried = true;
    if (!u->files)
        u->files = dwfl_begin(&offline);
    if (!u->files)
        return;
    dwfl_report_begin_add(u->files);
    m->offline = dwfl_report_offline(u->files, m->path, m->path, -1);
    dwfl_report_end(u->files, NULL, NULL);
    if (m->offline)
        dwfl_module_info(m->offline, NULL, &m->start, NULL, NULL, NULL, NULL, NULL);
}

static void name_place(struct unwind *u, const struct place *place, struct stack_frame *frame)
{
    struct module *m = &u->modules[place->module];
    *frame = (struct stack_frame){.module = m->path, .offset = place->offset};
    if (!m->was_tried)
        open_module(u, m);
    if (!m->offline)
        return;
    Dwarf_Addr at = m->start + place->offset - place->is_call;
    frame->function = dwfl_module_addrname(m->offline, at);
    Dwfl_Line *line = dwfl_module_getsrc(m->offline, at);
    if (line)
        frame->file = dwfl_lineinfo(line, NULL, &frame->line, NULL, NULL, NULL);
}

unsigned unwind_read(struct unwind *u, uint32_t id, struct stack_frame frames[STACK_DEPTH])
{
    if (id == STACK_NONE || id >= u->stack_count)
        return 0;
    for (unsigned i = 0; i < u->stacks[id].count; i++)
        name_place(u, &u->stacks[id].at[i], &frames[i]);
    return u->stacks[id].count;
}

static bool is_text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_alike(const struct stack_frame *a, const struct stack_frame *b)
{
    bool is_line = a->file && b->file;
    return is_text_equal(a->module, b->module) && is_text_equal(a->function, b->function) &&
           (is_line ? a->line == b->line && is_text_equal(a->file, b->file) : a->offset == b->offset);
}

static uint32_t find_alike(struct unwind *u, uint32_t id)
{
    struct stack_frame ours[STACK_DEPTH], theirs[STACK_DEPTH];
    unsigned count = unwind_read(u, id, ours);
    for (uint32_t other = 1; other < id; other++) {
        unsigned same = 0;
        if (u->stacks[other].count != count || (u->stacks[other].alike != 0 && u->stacks[other].alike != other))
            continue;
        unwind_read(u, other, theirs);
        while (same < count && is_alike(&ours[same], &theirs[same]))
            same++;
        if (same == count)
            return other;
    }
    return id;
}

uint32_t unwind_same(struct unwind *u, uint32_t id)
{
    if (id == STACK_NONE || id >= u->stack_count)
        return id;
    if (u->stacks[id].alike == 0)
        u->stacks[id].alike = find_alike(u, id);
    return u->stacks[id].alike;
}

/* ---- opening ---- */

struct unwind *unwind_open(void)
{
    struct unwind *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->stacks = calloc(STACKS, sizeof *u->stacks); /* touched as it fills */
    u->stack_count = 1;
    unsetenv("DEBUGINFOD_URLS"); /* nothing is fetched from anywhere */
    if (u->stacks)
        return u;
    free(u);
    return NULL;
}

void unwind_close(struct unwind *u)
{
    if (!u)
        return;
    for (unsigned i = 0; i < PROCESSES; i++)
        close_process(&u->processes[i]);
    if (u->files)
        dwfl_end(u->files);
    for (unsigned i = 0; i < u->module_count; i++)
        free(u->modules[i].path);
    free(u->stacks);
    free(u);
}

/*
 * The control socket: through it `handfast ss` asks a running Handfast process what its engine knows.
 *
 * One UNIX stream socket for each process, named by its process id, in a directory that only its user may enter. A
 * request is one line; the answer is JSON, one object a line:
 *
 *     summary\n         {"type":"process", ...}  {"type":"listener", ...} for each, {"type":"end"}
 *     connections\n     before the end: {"type":"connection", ...} for each
 *     history\n         before the end: {"type":"change", ...} for each change of state that is remembered
 *
 * Everything is bounded: clients, the length of a request, what is written in one turn, how long a slow reader is
 * borne. An engine of a million connections answers over many turns and is never held up.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include <handfast/engine.h>
#include <poll.h>

struct control;
struct host;

enum { CONTROL_PATH_LEN = 108 }; /* sun_path */

struct control_options {
    const char *directory; /* NULL: the first of control_directory that may be used */
    const char *verb;      /* what this process is doing; borrows for the control's life */
    hf_ns msl_ns;          /* the engine's, so that TIME-WAIT can say what is left */
    hf_time started_at;
};

/* Opens the socket, made with its directory when that is missing. NULL with a message in error[256]. */
struct control *control_open(struct hf_engine *e, const struct control_options *options, char error[256]);
/* Closes it and removes its file. */
void control_close(struct control *c);
/* Where it is; lends. */
const char *control_path(const struct control *c);

/* As the functions of a host_part (host.h) of the same names. */
unsigned control_fds(struct control *c, struct pollfd *fds, unsigned max);
hf_time control_deadline(struct control *c);
void control_turn(struct control *c, hf_time now, const struct pollfd *fds, unsigned count);

/* Opens a control socket for a host and makes it a part. Where it may not be had the host runs without, and says
 * so. */
void control_add(struct host *h);

/* ---- for who asks ---- */

/*
 * The directories that may hold sockets of this user's processes, `which` counting from 0: $HANDFAST_RUNTIME_DIR
 * alone when that is set; else /run/handfast for root, $XDG_RUNTIME_DIR/handfast, and handfast-UID in the directory
 * for temporary files. False when there is none with this number.
 */
bool control_directory(unsigned which, char path[CONTROL_PATH_LEN]);

/* Calls `each` with every process that has a socket in `directory`; removes sockets that nobody answers. Returns
 * how many it called for, or a negative errno when the directory cannot be read. */
int control_each(const char *directory, void (*each)(void *arg, int pid, const char *path), void *arg);

/* Connects and sends a request, which is one line. Returns a descriptor to read the answer from until its end, or a
 * negative errno. Reading gives up after five seconds of silence. */
int control_ask(const char *path, const char *request);

#endif

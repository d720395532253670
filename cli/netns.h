/*
 * The kernel's side of the device: its addresses, a window into its sockets, and PROGRAM.
 *
 * Without a PROGRAM the device stands in this process's own network namespace. With one, a child process makes a
 * new network namespace (and a user namespace, when we are not privileged), opens the device there, passes its
 * descriptor to us, and becomes PROGRAM once the engine is ready. So nothing on the machine is touched, and PROGRAM
 * has the kernel's own TCP, with Handfast as the only network there is.
 */
#ifndef HF_CLI_NETNS_H
#define HF_CLI_NETNS_H

#include <handfast/driver.h>
#include <sys/types.h>

struct host_options;

struct netns {
    pid_t pid;   /* PROGRAM's process, or 0 */
    int control; /* a socket to it until it becomes PROGRAM, or -1 */
    int diag_fd; /* a NETLINK_SOCK_DIAG socket in the namespace of the kernel's side, or -1 */
    bool has_ended;
    bool was_told; /* we sent it SIGTERM, so how it ended says nothing */
    int status;    /* its exit status, 128 + signal when killed; valid once has_ended */
};

/*
 * Opens the device where it belongs and gives the kernel's side its addresses. *driver is the bare TUN or TAP.
 * Returns 0 or the exit status after having said what happened and what to do.
 */
int netns_open(struct netns *ns, const struct host_options *o, struct hf_driver **driver);

/* The engine is ready: lets the child become PROGRAM. */
void netns_start(struct netns *ns);

/* After SIGCHLD: notes whether PROGRAM has ended, and reaps what it left behind. */
void netns_reap(struct netns *ns);

/* Sends PROGRAM a signal, if it runs. */
void netns_signal(struct netns *ns, int signal);

/* Ends whatever still runs in there. */
void netns_close(struct netns *ns);

#endif

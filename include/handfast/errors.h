/*
 * What "no" can mean. Every call that can fail returns one of these; zero is success and every error is negative, so
 * that calls that return a count can return them too.
 */
#ifndef HANDFAST_ERRORS_H
#define HANDFAST_ERRORS_H

/* X(name, value, text, name of the POSIX errno that a sockets layer reports) */
#define HF_ERRORS(X)                                                                                         \
    X(OK, 0, "success", 0)                                                                                   \
    X(ERR_INVALID, -1, "an argument is not acceptable here", EINVAL)                                         \
    X(ERR_STALE, -2, "the handle names a connection that was released", EBADF)                               \
    X(ERR_AGAIN, -3, "nothing to do now; an event will say when", EAGAIN)                                    \
    X(ERR_LIMIT, -4, "a configured limit was met", ENOBUFS)                                                  \
    X(ERR_IN_USE, -5, "the address and port are in use", EADDRINUSE)                                         \
    X(ERR_NO_PORT, -6, "no local port is free for this destination", EADDRNOTAVAIL)                          \
    X(ERR_NO_ROUTE, -7, "no route to the destination", ENETUNREACH)                                          \
    X(ERR_NO_ADDRESS, -8, "the local address is not one of the engine's", EADDRNOTAVAIL)                     \
    X(ERR_NOT_CONNECTED, -9, "the connection is not open", ENOTCONN)                                         \
    X(ERR_CLOSING, -10, "the sending direction was closed already", EPIPE)                                   \
    X(ERR_REFUSED, -11, "connection refused: a reset answered the SYN", ECONNREFUSED)                        \
    X(ERR_RESET, -12, "connection reset by the peer", ECONNRESET)                                            \
    X(ERR_ABORTED, -13, "connection aborted by this side", ECONNABORTED)                                     \
    X(ERR_TIMED_OUT, -14, "the peer stopped answering", ETIMEDOUT)                                           \
    X(ERR_UNREACHABLE, -15, "the destination host is unreachable", EHOSTUNREACH)                             \
    X(ERR_NOT_LISTENING, -16, "the handle is not a listener", EINVAL)

enum hf_error {
#define X(name, value, text, posix) HF_##name = value,
    HF_ERRORS(X)
#undef X
};

/* The sentence for an error, and its name ("ERR_RESET"). Both lend static strings; an unknown value gives "unknown". */
const char *hf_error_text(int error);
const char *hf_error_name(int error);

#endif

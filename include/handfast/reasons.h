/*
 * Every reason there is, in one table: X(group, name, text, source).
 *
 *   DROP   a packet or segment was not used          WHY    a segment or packet was sent
 *   EDGE   a connection changed its state            LIMIT  a configured limit was met
 */
#ifndef HANDFAST_REASONS_H
#define HANDFAST_REASONS_H

#define HF_REASONS(X)                                                                                                  \
    /* link and network */                                                                                             \
    X(DROP, SHORT, "frame or header shorter than its fields say", "RFC 791 3.1, 8200 3")                               \
    X(DROP, LINK_ADDRESS, "frame for another link address", "RFC 894")                                                 \
    X(DROP, PROTOCOL, "protocol not spoken here", "RFC 1122 3.2.2.1")                                                  \
    X(DROP, IP_VERSION, "IP version neither 4 nor 6", "RFC 1122 3.2.1.1")                                              \
    X(DROP, IP_HEADER, "malformed IP header or extension chain", "RFC 791 3.1, 8200 4")                                \
    X(DROP, IP_CHECKSUM, "bad IPv4 header checksum", "RFC 1122 3.2.1.2")                                               \
    X(DROP, IP_DESTINATION, "not addressed to this engine", "RFC 1122 3.2.1.3")                                        \
    X(DROP, IP_SOURCE, "source address that cannot be one", "MUST-63; RFC 1122 3.2.1.3")                               \
    X(DROP, SOURCE_ROUTE, "source-routed packet", "RFC 6274 3.13.2.3")                                                 \
    X(DROP, FRAGMENT, "fragment kept for reassembly", "RFC 815")                                                       \
    X(DROP, FRAGMENT_BAD, "fragment that overlaps, is tiny or exceeds 65,535", "RFC 5722, 1858, 3128")                 \
    X(DROP, FRAGMENT_TIMEOUT, "reassembly took too long", "RFC 1122 3.3.2")                                            \
    X(DROP, ARP, "ARP packet taken or ignored", "RFC 826")                                                             \
    X(DROP, NEIGHBOUR, "neighbour discovery packet taken or ignored", "RFC 4861 7")                                    \
    X(DROP, ICMP, "ICMP message taken or ignored", "RFC 1122 3.2.2")                                                   \
    X(DROP, ICMP_BAD, "ICMP message malformed or not ours", "RFC 5927 4")                                              \
    X(DROP, NO_NEIGHBOUR, "next hop does not answer ARP or ND", "RFC 1122 2.3.2.1")                                    \
    /* TCP, before a connection is known */                                                                            \
    X(DROP, TCP_SHORT, "segment shorter than its header", "RFC 9293 3.1")                                              \
    X(DROP, TCP_OFFSET, "data offset below 5 or beyond the segment", "RFC 9293 3.1")                                   \
    X(DROP, TCP_CHECKSUM, "bad TCP checksum", "MUST-3")                                                                \
    X(DROP, TCP_OPTION, "malformed option", "MUST-7")                                                                  \
    X(DROP, TCP_ADDRESS, "TCP to or from broadcast, multicast or an impossible address", "MUST-57, MUST-63")           \
    X(DROP, TCP_PORT_ZERO, "port zero", "RFC 6335 6")                                                                  \
    X(DROP, NO_CONNECTION, "no connection and no listener", "RFC 9293 3.10.7.1")                                       \
    X(DROP, RST_NO_CONNECTION, "RST for no connection", "RFC 9293 3.10.7.1")                                           \
    /* LISTEN and SYN-SENT */                                                                                          \
    X(DROP, LISTEN_RST, "RST to a listener", "RFC 9293 3.10.7.2")                                                      \
    X(DROP, LISTEN_ACK, "ACK to a listener", "RFC 9293 3.10.7.2")                                                      \
    X(DROP, LISTEN_NO_SYN, "neither SYN, ACK nor RST", "RFC 9293 3.10.7.2")                                            \
    X(DROP, LISTEN_SYN_FIN, "SYN and FIN together", "RFC 9293 3.10.7.2")                                               \
    X(DROP, BACKLOG_FULL, "accept queue or half-open queue full", "RFC 4987")                                          \
    X(DROP, SYN_COOKIE, "ACK that brings back no cookie of ours", "RFC 4987 3.6")                                      \
    X(DROP, SYN_SENT_ACK, "ACK of something never sent, in SYN-SENT", "RFC 9293 3.10.7.3")                             \
    X(DROP, SYN_SENT_RST, "RST without an acceptable ACK, in SYN-SENT", "RFC 9293 3.10.7.3; RFC 5961 3.2")             \
    X(DROP, SYN_SENT_NO_SYN, "neither SYN nor RST, in SYN-SENT", "RFC 9293 3.10.7.3")                                  \
    /* the eight checks */                                                                                             \
    X(DROP, PAWS, "older timestamp than the last one", "RFC 7323 5.3")                                                 \
    X(DROP, NO_TIMESTAMP, "timestamp missing though negotiated", "RFC 7323 3.2")                                       \
    X(DROP, OUT_OF_WINDOW, "sequence number outside the window", "RFC 9293 3.10.7.4 first")                            \
    X(DROP, RST_NOT_EXACT, "RST inside the window, not at RCV.NXT", "RFC 9293 3.10.7.4 second; RFC 5961 3.2")          \
    X(DROP, SYN_IN_WINDOW, "SYN on a synchronized connection", "RFC 9293 3.10.7.4 fourth; RFC 5961 4.2")               \
    X(DROP, SYN_DUPLICATE, "the SYN again", "RFC 9293 3.10.7.4 fourth")                                                \
    X(DROP, NO_ACK, "no ACK bit", "RFC 9293 3.10.7.4 fifth")                                                           \
    X(DROP, ACK_OF_SYN, "ACK does not acknowledge our SYN", "RFC 9293 3.10.7.4 fifth")                                 \
    X(DROP, ACK_UNSENT, "ACK of something not yet sent", "RFC 9293 3.10.7.4 fifth")                                    \
    X(DROP, ACK_TOO_OLD, "ACK older than the largest window, or the stream", "RFC 5961 5.2")                           \
    X(DROP, DATA_AFTER_CLOSE, "data after the application closed", "RFC 9293 3.6.1; RFC 1122 4.2.2.13")                \
    X(DROP, DATA_AFTER_FIN, "data beyond the peer's FIN", "RFC 9293 3.10.7.4 seventh")                                 \
    X(DROP, RANGES_FULL, "too many holes at once", "RFC 2018 8")                                                       \
    X(DROP, TIME_WAIT_RST, "RST in TIME-WAIT", "RFC 1337")                                                             \
    /* why something was sent */                                                                                       \
    X(WHY, SYN, "open", "RFC 9293 3.10.1")                                                                             \
    X(WHY, SYN_ACK, "answer to SYN", "RFC 9293 3.10.7.2")                                                              \
    X(WHY, SYN_COOKIE, "answer to SYN, keeping no record of it", "RFC 4987 3.6")                                       \
    X(WHY, SYN_AGAIN, "SYN or SYN,ACK retransmitted", "RFC 9293 3.8.1")                                                \
    X(WHY, DATA, "new data", "RFC 9293 3.7")                                                                           \
    X(WHY, FIN, "close", "RFC 9293 3.10.4")                                                                            \
    X(WHY, RETRANSMIT_TIMEOUT, "retransmission timer", "RFC 6298 5.4")                                                 \
    X(WHY, RETRANSMIT_FAST, "fast retransmit", "RFC 5681 3.2")                                                         \
    X(WHY, LIMITED_TRANSMIT, "limited transmit", "RFC 3042")                                                           \
    X(WHY, FAST_OPEN_REFUSED, "data of the SYN, not taken with it", "RFC 7413 4.2.1")                                  \
    X(WHY, LOSS_PROBE, "tail loss probe", "RFC 8985 7.3")                                                              \
    X(WHY, SIZE_PROBE, "does the path take larger segments again?", "RFC 4821 7.5; RFC 8899 5.3")                      \
    X(WHY, WINDOW_PROBE, "zero-window probe", "RFC 9293 3.8.6.1")                                                      \
    X(WHY, KEEP_ALIVE, "keep-alive probe", "RFC 9293 3.8.4")                                                           \
    X(WHY, ACK_EVERY_SECOND, "two segments' worth received", "RFC 9293 3.8.6.3")                                       \
    X(WHY, ACK_QUICK, "one of the first segments (quick_acks)", "RFC 9293 3.8.6.3")                                    \
    X(WHY, ACK_DELAYED, "delayed ACK", "RFC 9293 3.8.6.3")                                                             \
    X(WHY, ACK_NOW, "hole opened, filled, or FIN received", "RFC 5681 4.2")                                            \
    X(WHY, ACK_MARKED, "congestion marks arrived", "RFC 9768 3.2.2.5.1")                                               \
    X(WHY, ACK_HANDSHAKE, "completes the handshake", "RFC 9293 3.10.7.3")                                              \
    X(WHY, ACK_UNACCEPTABLE, "answer to an unacceptable segment", "RFC 9293 3.10.7.4 first")                           \
    X(WHY, CHALLENGE, "challenge ACK", "RFC 5961 3.2, 4.2, 5.2")                                                       \
    X(WHY, WINDOW_UPDATE, "window opened", "RFC 9293 3.8.6.2.2")                                                       \
    X(WHY, RST_NO_CONNECTION, "nobody there", "RFC 9293 3.10.7.1")                                                     \
    X(WHY, RST_BAD_ACK, "ACK of nothing we sent", "RFC 9293 3.10.7.2, 3.10.7.3")                                       \
    X(WHY, RST_ABORT, "application aborted", "RFC 9293 3.10.5")                                                        \
    X(WHY, RST_UNREAD, "closed with unread data", "RFC 1122 4.2.2.13")                                                 \
    X(WHY, RST_DATA_AFTER_CLOSE, "data arrived after close", "RFC 1122 4.2.2.13")                                      \
    X(WHY, RST_TIMED_OUT, "gave up", "RFC 9293 3.8.3")                                                                 \
    X(WHY, RST_LISTENER_CLOSED, "listener closed before accept", "RFC 9293 3.10.4")                                    \
    X(WHY, RST_REFUSED, "application refused", "RFC 9293 3.10.7.2")                                                    \
    X(WHY, RST_OVERFLOW, "accept queue full", "RFC 4987")                                                              \
    X(WHY, RST_ECN, "the peer's SYNs ask for two kinds of ECN", "RFC 9768 3.1.5")                                      \
    X(WHY, RST_ORPHAN, "closed by the application, and given up", "config.h")                                          \
    X(WHY, ARP, "ARP request or reply", "RFC 826")                                                                     \
    X(WHY, NEIGHBOUR, "neighbour solicitation or advertisement", "RFC 4861 7")                                         \
    X(WHY, ECHO_REPLY, "echo reply", "RFC 792; RFC 4443 4.2")                                                          \
    X(WHY, UNREACHABLE, "destination unreachable", "RFC 1122 3.2.2.1; RFC 4443 3.1")                                   \
    X(WHY, TIME_EXCEEDED, "fragments missing when the time was over", "RFC 1122 3.3.2; RFC 8200 4.5")                  \
    /* why a state changed */                                                                                          \
    X(EDGE, OPEN_ACTIVE, "active OPEN", "RFC 9293 3.10.1")                                                             \
    X(EDGE, OPEN_PASSIVE, "passive OPEN", "RFC 9293 3.10.1")                                                           \
    X(EDGE, SYN, "SYN received", "RFC 9293 3.10.7.2, 3.10.7.3")                                                        \
    X(EDGE, SYN_COOKIE, "a cookie of ours came back", "RFC 4987 3.6")                                                  \
    X(EDGE, SYN_ACK, "SYN,ACK received", "RFC 9293 3.10.7.3")                                                          \
    X(EDGE, ACK_OF_SYN, "our SYN acknowledged", "RFC 9293 3.10.7.4 fifth")                                             \
    X(EDGE, CLOSE, "CLOSE call", "RFC 9293 3.10.4")                                                                    \
    X(EDGE, FIN, "FIN received", "RFC 9293 3.10.7.4 eighth")                                                           \
    X(EDGE, ACK_OF_FIN, "our FIN acknowledged", "RFC 9293 3.10.7.4 fifth")                                             \
    X(EDGE, FIN_AND_ACK, "FIN received, with the ACK of ours", "RFC 9293 3.10.7.4 eighth")                             \
    X(EDGE, RST, "RST received", "RFC 9293 3.10.7.4 second")                                                           \
    X(EDGE, REFUSED, "RST answered our SYN", "RFC 9293 3.10.7.3")                                                      \
    X(EDGE, DECLINED, "application declined the SYN", "tcp.h")                                                         \
    X(EDGE, OFFER, "SYN left unanswered too long", "config.h")                                                         \
    X(EDGE, ABORT, "ABORT call", "RFC 9293 3.10.5")                                                                    \
    X(EDGE, UNREAD, "CLOSE with unread data", "RFC 1122 4.2.2.13")                                                     \
    X(EDGE, DATA_AFTER_CLOSE, "data arrived after close", "RFC 1122 4.2.2.13")                                         \
    X(EDGE, LISTENER_CLOSED, "listener closed", "RFC 9293 3.10.4")                                                     \
    X(EDGE, SYN_TIMED_OUT, "SYN never answered", "MUST-23")                                                            \
    X(EDGE, EVICTED, "half-open record gave way to a newer SYN", "RFC 4987 3.3")                                       \
    X(EDGE, R2, "retransmissions exhausted", "RFC 9293 3.8.3")                                                         \
    X(EDGE, USER_TIMEOUT, "user timeout", "RFC 9293 3.10.8")                                                           \
    X(EDGE, KEEP_ALIVE, "keep-alive probes unanswered", "RFC 9293 3.8.4")                                              \
    X(EDGE, FIN_WAIT_2, "peer kept its side open too long after close", "LIFECYCLE")                                   \
    X(EDGE, ORPHAN, "closed by the application, and max_orphans or orphan_ns was met", "config.h")                     \
    X(EDGE, ECN, "the peer's SYNs asked for two kinds of ECN", "RFC 9768 3.1.5")                                      \
    X(EDGE, MSL_2, "2 MSL over", "RFC 9293 3.10.8")                                                                    \
    X(EDGE, REUSED, "new SYN reopened a TIME-WAIT tuple", "RFC 6191; RFC 1122 4.2.2.13")                               \
    X(EDGE, GAVE_WAY, "TIME-WAIT ended early: max_time_wait, and a newer one came", "config.h")                          \
    X(EDGE, ICMP, "ICMP hard error before the connection was open", "RFC 5461")                                        \
    X(EDGE, CHALLENGED, "peer answered a challenge with RST", "RFC 5961")                                              \
    /* soft errors: advice remembered, nothing ended */                                                                \
    X(ADVICE, NET_UNREACHABLE, "ICMP network unreachable", "MUST-56; RFC 1122 4.2.3.9")                                \
    X(ADVICE, HOST_UNREACHABLE, "ICMP host unreachable", "MUST-56; RFC 1122 4.2.3.9")                                  \
    X(ADVICE, PROTOCOL_UNREACHABLE, "ICMP protocol unreachable", "SHLD-26; RFC 5927 5.2")                              \
    X(ADVICE, PORT_UNREACHABLE, "ICMP port unreachable", "SHLD-26; RFC 5927 5.2")                                      \
    X(ADVICE, TTL, "ICMP time exceeded", "MUST-56; RFC 1122 4.2.3.9")                                                  \
    X(ADVICE, PARAMETER, "ICMP parameter problem", "MUST-56; RFC 1122 4.2.3.9")                                        \
    X(ADVICE, PACKET_TOO_BIG, "ICMP path MTU", "RFC 1191; RFC 8201")                                                   \
    X(ADVICE, SILENCE, "three retransmissions unanswered", "RFC 9293 3.8.3; SHLD-9")                                   \
    X(ADVICE, SOURCE_QUENCH, "ICMP source quench, ignored", "MUST-55; RFC 6633")                                       \
    X(ADVICE, FAST_OPEN_EATEN, "a SYN with the Fast Open option got lost, one without did not", "RFC 7413 4.1.3")       \
    X(ADVICE, BLACK_HOLE, "large segments vanish, smaller ones are tried", "RFC 4821 7.7; RFC 8899 4.3")              \
    X(ADVICE, SPURIOUS, "what seemed lost was late: the congestion window is back", "RFC 3522; RFC 4015; RFC 5682") \
    X(ADVICE, PROHIBITED, "ICMP administratively prohibited", "RFC 1812 5.2.7.1")                                      \
    /* limits met */                                                                                                   \
    X(LIMIT, CONNECTIONS, "max_connections", "config.h")                                                               \
    X(LIMIT, HALF_OPEN, "max_half_open, or twice a listener's backlog", "config.h")                                    \
    X(LIMIT, LISTENERS, "max_listeners", "config.h")                                                                   \
    X(LIMIT, ORPHANS, "max_orphans", "config.h")                                                                       \
    X(LIMIT, SENDING, "max_sending", "config.h")                                                                       \
    X(LIMIT, RECEIVING, "max_receiving", "config.h")                                                                   \
    X(LIMIT, BLOCKS, "max_blocks", "config.h")                                                                         \
    X(LIMIT, SENT, "max_sent", "config.h")                                                                             \
    X(LIMIT, SACK_SEARCH, "SACK blocks too far apart to be looked up for one ACK", "RFC 2018 8")                     \
    X(LIMIT, REPLIES, "max_replies", "config.h")                                                                       \
    X(LIMIT, NEIGHBOURS, "max_neighbours", "config.h")                                                                 \
    X(LIMIT, FRAGMENTS, "max_fragments", "config.h")                                                                   \
    X(LIMIT, PATHS, "max_paths", "config.h")                                                                           \
    X(LIMIT, CHALLENGE_ACKS, "challenge_ack_limit", "config.h")                                                        \
    X(LIMIT, HISTORY, "history entry overwritten", "config.h")

enum hf_reason {
    HF_REASON_NONE,
    HF_ACCEPTED,
#define X(group, name, text, source) HF_##group##_##name,
    HF_REASONS(X)
#undef X
    HF_REASON_COUNT
};

/* "DROP_PAWS", "older timestamp than the last one", "RFC 7323 5.3". Each lends a static string. */
const char *hf_reason_name(enum hf_reason reason);
const char *hf_reason_text(enum hf_reason reason);
const char *hf_reason_source(enum hf_reason reason);

#endif

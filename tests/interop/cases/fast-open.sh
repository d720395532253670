# TCP Fast Open with the kernel, both ways: a cookie is asked for and granted, then data goes with the SYN and the answer
# need not wait for the handshake; and every way in which that fails still delivers the data once (RFC 7413, 2.1, 4).
sysctl -qw net.ipv4.tcp_fastopen=3 net.ipv4.tcp_fastopen_blackhole_timeout_sec=0
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 # or the first SYN is lost, and rests the path

counted() { nstat -az "$1" | awk -v name="$1" '$1 == name { print $2 }'; }
strip() { # CHAIN
    nft add table inet middlebox
    nft add chain inet middlebox eater "{ type filter hook $1 priority -300; }"
    nft add rule inet middlebox eater tcp flags syn reset tcp option fastopen
}
unstrip() { nft delete table inet middlebox; }
fail() { cat ./*.log; cat connect.log; echo "$1"; exit 1; }

# ---- the kernel calls: what its SYN carries is taken by `handfast listen` ----

cat >client.py <<'PY'
import signal, socket, sys
signal.alarm(20)
host, text = sys.argv[1], sys.argv[2].encode() + b"\n"
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
    s.sendto(text, socket.MSG_FASTOPEN, (host, 7))
    s.shutdown(socket.SHUT_WR)
    while s.recv(100):
        pass
PY

listen_fast() { # OPTION...
    : >listen.out
    start listen "$HANDFAST" listen --fast-open -k --ladder "${options[@]}" "$@" 7
    listen_pid=$pid
    until_true has_addresses
}

# Calls, and wants the text at the other side once, carried by a SYN or not.
call() { # TEXT with|without
    local before=$(grep -c "SYN-SENT.*S 0:[1-9]" listen.log)
    python3 client.py $engine "$1"
    [ "$(grep -cx "$1" listen.out)" = 1 ] || fail "'$1' did not arrive just once"
    local carried=$(($(grep -c "SYN-SENT.*S 0:[1-9]" listen.log) - before))
    case $2 in with) [ $carried = 1 ] ;; without) [ $carried = 0 ] ;; esac || fail "'$1' was to go $2 the SYN"
}

taken() { grep -q 'S. 0:0(0) ack [2-9]' listen.log; }

listen_fast
call "kernel asks for a cookie" without
call "kernel sends with the SYN" with
taken || fail "the SYN,ACK did not acknowledge the data"
[ "$(counted TcpExtTCPFastOpenActive)" = 1 ] || fail "the kernel saw no Fast Open"
finish $listen_pid

# A server that began anew has another key: what its SYN carried is sent again, and the new cookie is good.
ip link show hf0 >/dev/null 2>&1 && fail "the device is still there"
listen_fast
call "kernel shows an old cookie" with
! taken || fail "an old cookie was taken"
call "kernel shows the new one" with
taken || fail "the new cookie was not taken"

# A middlebox takes the option off. The data of the SYN means nothing then, and goes again.
strip output
call "the option is stripped" with
unstrip
finish $listen_pid

# A middlebox eats the SYN: the next one goes without the option.
listen_fast --fault 'in drop first SYN'
call "the SYN is eaten" without
finish $listen_pid

# ---- `handfast connect` calls the kernel ----

cat >server.py <<'PY'
import socket, sys
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((sys.argv[1], 9))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    s.listen(16)
    while True:
        connection, _ = s.accept()
        with connection:
            text = b""
            while piece := connection.recv(1000):
                text += piece
            connection.sendall(b"got " + text)
PY

# Sends a line, and wants it back once. Whether a SYN carried it, and whether that was taken, is seen in the ladder.
answer_of() { # TEXT with|without [OPTION...]
    local text=$1 way=$2
    shift 2
    echo "$text" | "$HANDFAST" connect -N --fast-open --cookies cookies --ladder "${options[@]}" "$@" $kernel 9 \
        >answer 2>connect.log || fail "connect failed"
    echo "got $text" | cmp - answer || fail "'$text' did not come back"
    case $way in
    with) grep -q '◄.*S 0:[1-9]' connect.log ;;
    without) ! grep -q '◄.*S 0:[1-9]' connect.log ;;
    esac || fail "'$text' was to go $way the SYN"
}
was_taken() { grep -q '├.*S\. 0:0(0) ack [2-9]' connect.log; }

if [ $FAMILY = 4 ]; then any=0.0.0.0; else any=::; fi
start server python3 server.py $any
server_pid=$pid
until_true is_listening 9
answer_of "we ask for a cookie" without
answer_of "we send with the SYN" with
was_taken || fail "the kernel did not take it"
[ "$(counted TcpExtTCPFastOpenPassive)" = 1 ] || fail "the kernel saw no Fast Open"

# Another key: the cookie is refused, the data goes again, and the new cookie is good.
sysctl -qw net.ipv4.tcp_fastopen_key=00112233-44556677-8899aabb-ccddeeff
answer_of "the key is another" with
! was_taken || fail "an old cookie was taken"
answer_of "and its cookie is good" with
was_taken || fail "the new cookie was not taken"

strip input
answer_of "the option is stripped" with
! was_taken || fail "a SYN without the option was taken"
unstrip
sysctl -qw net.ipv4.tcp_fastopen=1
answer_of "the server is not interested" with
sysctl -qw net.ipv4.tcp_fastopen=3

# A path that eats such a SYN costs one retransmission, once: the destination rests then.
answer_of "the SYN is eaten" with --fault 'out drop first SYN'
grep -q 'SYN or SYN,ACK' connect.log || fail "no SYN went again"
answer_of "and none like it is sent" without
grep -q '"eaten": 1' cookies || fail "the path is not remembered: $(cat cookies)"
kill $server_pid
wait $server_pid || true

# --abort sends one RST, and says so: as connect's last word, and as the kernel's error at the peer.
cat >peer.py <<'PY'
import socket, sys
family = socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET
with socket.create_server(("", 9), family=family) as server:
    connection, _ = server.accept()
    try:
        while connection.recv(65536):
            pass
        print("end of file")
    except ConnectionResetError:
        print("reset")
PY
start peer python3 peer.py $FAMILY
peer_pid=$pid
until_true is_listening 9
start ladder "$HANDFAST" connect --abort --ladder --trace "${options[@]}" $kernel 9
wait $pid && { echo "an abort is no success"; exit 1; }
wait $peer_pid
cat peer.out ladder.log
grep -qx reset peer.out
[ "$(grep -c '> R' ladder.log)" = 1 ] || { echo "not one RST"; exit 1; }
grep -q 'application aborted' ladder.log

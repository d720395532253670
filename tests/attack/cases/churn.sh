# Clients that connect, leave early, reset, half-close and stall, eight at a time: nothing of them is left.
[ -n "$SHORT" ] && seconds=5 || seconds=600
cat >churn.py <<'PY'
import random, socket, struct, sys, threading, time
until, counts = time.monotonic() + float(sys.argv[1]), {}

def reset(s): s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
def leave(s, r): pass
def abort(s, r): reset(s)
def half_a_request(s, r): s.sendall(b"GET /fi")
def abort_half_a_request(s, r): s.sendall(b"GET /fi"); reset(s)
def whole(s, r):
    s.sendall(b"GET /small HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    while s.recv(65536): pass
def leave_unread(s, r): s.sendall(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n"); s.recv(r.randrange(1, 100000))
def abort_unread(s, r): leave_unread(s, r); reset(s)
def half_close(s, r):
    s.sendall(b"GET /small HTTP/1.1\r\nHost: h\r\n\r\n"); s.shutdown(socket.SHUT_WR)
    while s.recv(65536): pass
def nonsense(s, r): s.sendall(r.randbytes(r.randrange(1, 5000)))
def urgent(s, r): s.send(b"!", socket.MSG_OOB)
WAYS = [leave, abort, half_a_request, abort_half_a_request, whole, leave_unread, abort_unread, half_close, nonsense, urgent]

def run(seed):
    r = random.Random(seed)
    while time.monotonic() < until:
        way = r.choice(WAYS)
        try:
            with socket.create_connection(("10.77.0.2", 80), timeout=20) as s:
                way(s, r)
        except (ConnectionError, BrokenPipeError):
            pass  # a server that was insulted may hang up
        counts[way.__name__] = counts.get(way.__name__, 0) + 1

threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sum(counts.values()), "connections in", len(counts), "ways")
sys.exit(0 if len(counts) == len(WAYS) else 1)
PY
serve --msl 100ms
python3 churn.py $seconds >churn.out
echo "=$(cat churn.out)"
curl -sS --fail -o got http://10.77.0.2/small
same got "$WWW/small"
nothing_left

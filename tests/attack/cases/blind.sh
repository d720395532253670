# Whoever does not see a connection but guesses its ports, and even a number in its window, neither ends nor alters it: RSTs,
# SYNs, FINs and text in the window are thrown at a transfer each way (RFC 5961; BUG-12).
cat >blind.py <<'PY'
import logging, random, sys, threading, time
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import IP, TCP, Raw, AsyncSniffer, conf
conf.verb = 0
seconds = float(sys.argv[1])
seen = {}

def look(p):
    if IP in p and TCP in p and p[IP].src == "10.77.0.1" and not p[TCP].flags & "SR":
        seen["last"] = (p[TCP].sport, p[TCP].dport, p[TCP].seq + len(p[TCP].payload), p[TCP].ack)

sniffer = AsyncSniffer(iface="hf0", prn=look, store=False)
sniffer.start()
until, thrown, r = time.monotonic() + seconds, 0, random.Random(1)
sender = conf.L3socket(iface="hf0")
while time.monotonic() < until:
    if "last" not in seen:
        time.sleep(0.01)
        continue
    sport, dport, nxt, ack = seen["last"]
    # Far enough inside that the connection itself cannot have got there meanwhile, but inside.
    inside = (nxt + r.randrange(20000, 60000)) % 2**32
    wrong = (ack + r.randrange(2**28, 2**31)) % 2**32
    head = IP(src="10.77.0.1", dst="10.77.0.2", ttl=64)
    for segment in (TCP(flags="R", seq=inside), TCP(flags="RA", seq=inside, ack=ack), TCP(flags="S", seq=inside),
                    TCP(flags="SA", seq=inside, ack=wrong), TCP(flags="A", seq=inside, ack=wrong) / Raw(b"evil" * 50),
                    TCP(flags="PA", seq=inside, ack=wrong) / Raw(b"evil"), TCP(flags="FA", seq=inside, ack=wrong),
                    TCP(flags="", seq=inside) / Raw(b"evil"), TCP(flags="F", seq=inside)):
        segment.sport, segment.dport = sport, dport
        sender.send(head / segment)
        thrown += 1
sniffer.stop()
print(thrown, "segments thrown")
sys.exit(0 if thrown > 100 else 1)
PY
[ -n "$SHORT" ] && seconds=4 || seconds=30
sysctl -qw net.ipv4.tcp_timestamps=0 # they would stop all of these but the RSTs
serve --msl 100ms
# A reader so slow, with so little room, that its ACKs go on for the whole time.
cat >slow.py <<'PY'
import signal, socket, sys, time
signal.alarm(120)
seconds = float(sys.argv[1])
with socket.socket() as s, open("down", "wb", 0) as down:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    s.connect(("10.77.0.2", 80))
    s.sendall(b"GET /file HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    body, pace = b"", (seconds + 4) / (4194304 / 16384)
    while piece := s.recv(16384):
        body += piece
        time.sleep(pace * len(piece) / 16384)
    down.write(body.split(b"\r\n\r\n", 1)[1])
PY
start download python3 slow.py $seconds
download_pid=$pid
python3 blind.py $seconds >blind.out 2>blind.err || { cat blind.out blind.err; exit 1; }
wait $download_pid
same down "$WWW/file"
challenges=$("$HANDFAST" ss --json -s -p $serve_pid | python3 -c '
import json, sys
reasons = json.load(sys.stdin)["processes"][0]["reasons"]
print(", ".join(f"{reasons.get(name, 0)} {name}" for name in
    ("DROP_RST_NOT_EXACT", "DROP_SYN_IN_WINDOW", "DROP_ACK_TOO_OLD", "DROP_ACK_UNSENT", "WHY_CHALLENGE", "LIMIT_CHALLENGE_ACKS")))')
echo "=$(cat blind.out) at a transfer that came whole: $challenges"
nothing_left
